"""The document on telephones is right: every command in it works as written, and every page in it is there."""

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cast import SATO, OpenDesk
from tests.exchanges import settle

TEXT = (Path(__file__).parents[2] / "docs" / "telephone.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Every curl of the document, as a shell would split it."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line.strip()) for line in lines if line.strip().startswith("curl")]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_every_request_of_the_document_is_taken_as_written(desk: OpenDesk) -> None:
    keys = {"phonebridge": settle(desk, "phonebridge"), "lookup": settle(desk, "threecx"), "": settle(desk, "push")}
    assert len(commands()) >= 6
    for _, *words in commands():
        url = urlsplit(words[-1])
        system = next(found for name, found in keys.items() if name in url.path)
        path = url.path.replace("$KEY", system.token) + (f"?{url.query}" if url.query else "")
        data = [words[at + 1] for at, word in enumerate(words) if word == "-d"]
        headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
        kind = {"content-type": "application/x-www-form-urlencoded"} | headers
        answer = (desk.client.post(path, content="&".join(data).encode(), headers=kind) if data
                  else desk.client.get(path))  # fmt: skip
        assert answer.status_code == 200, (words, answer.text)
    assert {call.call_key for call in desk.calls()} == {"42", "43", "44"}
    assert desk.call("42").ended_at is not None


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_every_page_of_the_document_is_there(desk: OpenDesk) -> None:
    paths = set(re.findall(r"`(/admin/[a-z/]+|/pop)`", TEXT))
    assert {"/admin/exchanges", "/admin/exchanges/log", "/pop"} <= paths
    assert all(desk.as_(SATO).get(path).status_code == 200 for path in paths)
