"""`helpdesk mail read`: what was understood, for whoever asks why."""

import hashlib
import json
from pathlib import Path

from typer.testing import CliRunner

from helpdesk.__main__ import app
from tests.hostile import KINDS

MESSAGES = Path(__file__).parent / "messages"


def run(*files: str | Path, given: bytes | None = None) -> tuple[int, list[dict]]:
    answer = CliRunner().invoke(app, ["mail", "read", *map(str, files)], input=given)
    return answer.exit_code, [json.loads(line) for line in answer.stdout.splitlines()]


def test_each_file_is_one_object_on_one_line_in_order():
    code, told = run(MESSAGES / "outlook-jp-reply.eml", MESSAGES / "pdf-jp-name.eml")
    assert code == 0 and [each["file"] for each in told] == [
        str(MESSAGES / "outlook-jp-reply.eml"), str(MESSAGES / "pdf-jp-name.eml")
    ]  # fmt: skip
    reply, quotation = told
    assert reply["from"] == {"name": "髙橋\u3000美咲", "address": "misaki@sample-shoji.example.jp"}
    assert reply["sent_at"] == "2025-01-06T02:30:00+00:00" and reply["phone_numbers"] == ["03-5550-0123"]
    assert reply["subject_stem"].startswith("【窓口】") and reply["reply_text"] in reply["text"]
    assert (reply["bounce"], reply["unreadable"], reply["problems"]) == (None, None, [])
    first = quotation["attachments"][0]
    assert first["name"] == "㈱サンプル_御見積書①.pdf" and first["size_bytes"] > 0 and not first["is_encrypted"]
    assert "content" not in first


def test_the_standard_input_is_a_file_too_and_its_attachment_has_its_own_hash():
    (one,) = [one for one in KINDS if one.name == "base64_that_lost_its_padding"]
    code, (told,) = run("-", given=one.raw())
    content = (one.files or ())[0][1]
    assert code == 0 and content is not None and told["file"] == "-"
    assert told["attachments"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert "base64_mended" in told["problems"]


def test_an_encrypted_part_and_a_bounce_say_so():
    (one,) = [one for one in KINDS if one.name == "a_mail_encrypted_with_smime"]
    assert run("-", given=one.raw())[1][0]["attachments"][0]["is_encrypted"]
    bounce = run(MESSAGES / "postfix-bounce.eml")[1][0]["bounce"]
    assert bounce == {"of": "<ticket-77.3@madoguchi.example.jp>", "status": "5.1.1", "is_certain": True}


def test_the_exit_code_says_what_could_not_be_read_and_the_others_are_printed(tmp_path: Path):
    code, told = run("-", MESSAGES / "newsletter.eml", given=b"\r\n")
    assert code == 1 and [each["unreadable"] for each in told] == ["empty", None]
    code, told = run(tmp_path / "none.eml", tmp_path, MESSAGES / "newsletter.eml")
    assert code == 2 and [each["unreadable"] for each in told] == [None]


def test_every_hostile_kind_can_be_printed(tmp_path: Path):
    small = {one.name: raw for one in KINDS if len(raw := one.raw()) < 20_000}
    for name, raw in small.items():
        (tmp_path / name).write_bytes(raw)
    code, told = run(*(tmp_path / name for name in small))
    assert code == 1 and [Path(each["file"]).name for each in told] == list(small)
