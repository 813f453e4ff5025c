"""The customer's part: what leaves is signed, addressed and threaded as the real world does it."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from cti import push, twilio
from helpdesk import simulate
from helpdesk.mail import parse, send, sink
from helpdesk.settings import Settings
from helpdesk.simulate import SimulationFailed

TOKEN = "0123456789abcdef0123456789abcdef"
PUSH_TOKEN = "a-token-for-the-front-desk"


@dataclass
class Ear:
    """A web server that keeps what was posted and answers with `status`."""

    port: int = 0
    status: int = 200
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            ear.heard.append((self.path, dict(self.headers.items()), body))
            self.send_response(ear.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    ear.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield ear
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    server = sink.Sink(tmp_path / "sent")
    yield tmp_path / "sent", server.start()
    server.stop()


def settings(tmp_path: Path, **given: object) -> Settings:
    told = {"data": tmp_path, "public_url": "https://desk.example.com", "twilio_auth_token": SecretStr(TOKEN)}
    return Settings(**(told | given))


def proven(heard: tuple[str, dict[str, str], bytes]) -> dict[str, str]:
    path, headers, body = heard
    twilio.prove(
        url=f"https://desk.example.com{path}", query="", body=body, content_type=headers["Content-Type"],
        signature=headers["X-Twilio-Signature"], tokens=[TOKEN],
    )  # fmt: skip
    return twilio.form(body)


def test_a_ring_is_signed_for_the_public_address_and_dials_the_callers_line(ear: Ear, tmp_path: Path) -> None:
    call_sid = simulate.ring(settings(tmp_path, port=ear.port), "tanaka")
    form = proven(ear.heard[0])
    event = twilio.read(form, path=ear.heard[0][0])[0]
    assert ear.heard[0][0] == "/hooks/twilio/voice"
    assert (event.kind, event.call_id, event.caller, event.called) == (
        "ring", call_sid, "+819012345601", "+81355500101",
    )  # fmt: skip
    assert len(call_sid) == 34 and call_sid.startswith("CA")


@pytest.mark.parametrize(
    ("caller", "called", "number", "line"),
    [
        ("tanaka", "returns", "+819012345601", "+81355500102"),
        ("tanaka", "03-5550-0104", "+819012345601", "+81355500104"),
        ("０９０－１２３４－５６９６", None, "+819012345696", "+81355500101"),
        ("非通知", None, "anonymous", "+81355500101"),
        ("withheld", None, "anonymous", "+81355500100"),
    ],
)
def test_whoever_calls_is_written_as_a_telephone_system_writes_it(
    ear: Ear, tmp_path: Path, caller: str, called: str | None, number: str, line: str
) -> None:
    simulate.ring(settings(tmp_path, port=ear.port), caller, called=called)
    form = proven(ear.heard[0])
    assert (form["From"], form["To"]) == (number, line)


def test_hanging_up_ends_the_call_and_takes_nothing_back(ear: Ear, tmp_path: Path) -> None:
    desk = settings(tmp_path, port=ear.port)
    call_sid = simulate.ring(desk, "tanaka")
    simulate.hang_up(desk, call_sid)
    event = twilio.read(proven(ear.heard[1]), path=ear.heard[1][0])[0]
    assert ear.heard[1][0] == twilio.STATUS_PATH
    assert (event.kind, event.call_id, event.caller, event.withheld) == ("hangup", call_sid, "", False)


def test_an_exchange_posts_its_ring_under_its_own_token(ear: Ear, tmp_path: Path) -> None:
    desk = settings(tmp_path, port=ear.port, push_tokens={"front": SecretStr(PUSH_TOKEN)})
    call_id = simulate.push_ring(desk, "front", "english", called="shipping")
    path, _, body = ear.heard[0]
    event = push.read(json.loads(body), source="front")[0]
    assert path == f"/api/v1/cti/{PUSH_TOKEN}"
    assert (event.kind, event.call_id, event.caller, event.called) == (
        "ring", call_id, "+447700900123", "+81355500104",
    )  # fmt: skip


def test_what_cannot_be_played_is_said_in_a_sentence(ear: Ear, tmp_path: Path) -> None:
    running = settings(tmp_path, port=ear.port)
    with pytest.raises(SimulationFailed, match="is no telephone number"):
        simulate.ring(running, "nobody-of-that-name")
    with pytest.raises(SimulationFailed, match="No exchange is called 'front'"):
        simulate.push_ring(running, "front")
    with pytest.raises(SimulationFailed, match="No letter is called 'x'. There are: tech_ja"):
        simulate.drop(running, "x")
    with pytest.raises(SimulationFailed, match="DESK_TWILIO_AUTH_TOKEN"):
        simulate.ring(settings(tmp_path, port=ear.port, twilio_auth_token=SecretStr("")), "tanaka")
    assert ear.heard == []
    ear.status = 403
    with pytest.raises(SimulationFailed, match="refused with 403"):
        simulate.ring(running, "tanaka")


def test_a_desk_that_is_not_running_is_named(tmp_path: Path) -> None:
    with socket.socket() as held:  # nobody else gets its port, and nobody listens there
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        closed = settings(tmp_path, port=port, mail_port=port)
        with pytest.raises(SimulationFailed, match=f"No desk answers at 127.0.0.1:{port}"):
            simulate.ring(closed, "tanaka")
        with pytest.raises(SimulationFailed, match=f"No desk takes mail at 127.0.0.1:{port}"):
            simulate.drop(closed, "vague")
    with pytest.raises(SimulationFailed, match="listens for no mail"):
        simulate.drop(settings(tmp_path, mail_port=0), "vague")


def test_a_letter_arrives_at_the_address_it_is_for(mailbox: tuple[Path, int], tmp_path: Path) -> None:
    folder, port = mailbox
    desk = settings(tmp_path, mail_port=port, mail_from="support@desk.example.jp")
    first = simulate.drop(desk, "returns_ja")
    second = simulate.drop(desk, "shared")
    listed = sink.sent(folder)
    assert [(to, subject) for _, to, subject, _ in listed] == [
        ("tech@desk.example.jp", "充電しても動かなくなりました"),
        ("support@desk.example.jp", "届いたミキサーのカップが割れていました"),
    ]
    read = [parse.read(sink.read(folder, entry[0])) for entry in listed]
    assert [email.message_id for email in read] == [second, first]
    assert [file.name for file in read[1].attachments] == ["割れたカップ.png", "納品書.pdf"]
    assert read[1].attachments[0].content.startswith(b"\x89PNG") and b"%%EOF" in read[1].attachments[1].content


def test_a_letter_without_a_sender_still_gets_through_the_door(mailbox: tuple[Path, int], tmp_path: Path) -> None:
    folder, port = mailbox
    simulate.drop(settings(tmp_path, mail_port=port), "unreadable")
    [entry] = sink.sent(folder)
    assert parse.read(sink.read(folder, entry[0])).unreadable == "no_sender"


def reply_of_the_desk() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "ひより電器 <tech@desk.example.jp>"
    mail["To"] = "田中 美咲 <misaki.tanaka@example.jp>"
    mail["Reply-To"] = "ひより電器 <tech+t7.0123456789abcdef0123@desk.example.jp>"
    mail["Subject"] = "Re: 炊飯器の件 [#7]"
    mail["Date"] = datetime(2026, 11, 20, 23, 5, tzinfo=UTC)
    mail["Message-ID"] = "<second@desk.example.jp>"
    mail["References"] = "<first@example.jp>"
    mail.set_content("田中 様\n\n内ぶたをお確かめください。\n", cte="base64")
    return mail


def test_an_answer_goes_to_the_tagged_address_and_quotes_what_it_answers(
    mailbox: tuple[Path, int], tmp_path: Path
) -> None:
    folder, port = mailbox
    simulate.answer(settings(tmp_path, mail_port=port), reply_of_the_desk().as_bytes(), "確認しました。直りました。")
    [(number, to, subject, _)] = sink.sent(folder)
    email = parse.read(sink.read(folder, number))
    assert (to, subject) == ("tech+t7.0123456789abcdef0123@desk.example.jp", "Re: 炊飯器の件 [#7]")
    assert email.sender is not None and email.sender.address == "misaki.tanaka@example.jp"
    assert email.in_reply_to == ("<second@desk.example.jp>",)
    assert email.references == ("<second@desk.example.jp>", "<first@example.jp>")
    assert email.reply_text.strip() == "確認しました。直りました。"
    assert email.quoted_text.startswith("2026年11月21日(土) 8:05 ひより電器 <tech@desk.example.jp>:")
    assert "> 内ぶたをお確かめください。" in email.quoted_text


def test_an_english_mail_is_quoted_in_english(mailbox: tuple[Path, int], tmp_path: Path) -> None:
    folder, port = mailbox
    mail = reply_of_the_desk()
    del mail["From"]
    mail["From"] = "Ben <returns@desk.example.jp>"
    mail.set_content("Please send it back.\n")
    simulate.answer(settings(tmp_path, mail_port=port), mail.as_bytes(), "I will, thank you.")
    email = parse.read(sink.read(folder, sink.sent(folder)[0][0]))
    assert email.reply_text.strip() == "I will, thank you."
    assert "On Sat, Nov 21, 2026 at 8:05 AM Ben <returns@desk.example.jp> wrote:" in email.quoted_text


def test_a_mail_that_names_nobody_cannot_be_answered(tmp_path: Path) -> None:
    with pytest.raises(SimulationFailed, match="nobody can answer it"):
        simulate.answer(settings(tmp_path), b"Subject: x\r\n\r\nwords\r\n", "hello")


def test_the_sink_keeps_a_repeated_mail_once_and_shows_only_its_own(mailbox: tuple[Path, int]) -> None:
    folder, port = mailbox
    for _ in range(2):
        send.send(
            send.Server("127.0.0.1", port), reply_of_the_desk().as_bytes(), sender="tech@desk.example.jp",
            recipients=["a@example.jp"],
        )  # fmt: skip
    [(number, to, subject, at)] = sink.sent(folder)
    assert "misaki.tanaka@example.jp" in to and subject == "Re: 炊飯器の件 [#7]" and at.tzinfo is not None
    assert sink.read(folder, number).count(b"Message-ID") == 1
    for foreign in ("../../etc/passwd", "0", f"{number}/../{number}"):
        with pytest.raises(FileNotFoundError):
            sink.read(folder, foreign)


def test_nothing_sent_is_an_empty_list(tmp_path: Path) -> None:
    assert sink.sent(tmp_path / "not-there-yet") == []
