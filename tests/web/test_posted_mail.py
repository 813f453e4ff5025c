"""Mail by HTTP: as it stands and as SendGrid posts it, proved, stored before the answer, the same mail once."""

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from helpdesk import ledger
from helpdesk.mail import parse, posted
from helpdesk.settings import Settings
from models import Attachment, Inbound, Redelivery
from tests.cast import MONDAY, RETURNS_ADDRESS, SATO, TANAKA, Clock, OpenDesk, text_of
from tests.conftest import open_desk

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
TOKEN = "token-of-the-sendgrid-account"
MAIL = (
    f"From: Tanaka <{TANAKA.email}>\r\nTo: {RETURNS_ADDRESS}\r\nSubject: =?iso-2022-jp?B?GyRCSlZJSiROOm8bKEI=?=\r\n"
    "Message-ID: <posted-1@example.com>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n靴を返品したいです。\r\n"
).encode()  # fmt: skip
ENVELOPE = json.dumps({"to": [RETURNS_ADDRESS], "from": TANAKA.email}).encode()
Field = tuple[str, bytes] | tuple[str, bytes, str, str]  # name, content, and of a file its name and type


def form(*fields: Field, border: str = "xYzZY") -> tuple[bytes, str]:
    """A form as SendGrid posts it: the body, and its content type."""
    lines = []
    for name, content, *more in fields:
        file = f'; filename="{more[0]}"\r\nContent-Type: {more[1]}' if more else ""
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        lines.append(head.encode() + content + b"\r\n")
    return b"".join(lines) + f"--{border}--\r\n".encode(), f"multipart/form-data; boundary={border}"


RAW = (("dkim", b"{@example.com : pass}"), ("email", MAIL), ("envelope", ENVELOPE), ("subject", b"x"))
HEAD = (
    f"Received: by mx.example.net\nFrom: Tanaka <{TANAKA.email}>\nTo: {RETURNS_ADDRESS}\nSubject: 返品\n"
    "Message-ID: <posted-2@example.com>\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=gone\n"
).encode()  # fmt: skip
TAKEN_APART: tuple[Field, ...] = (
    ("headers", HEAD),
    ("text", "靴を返品したいです。".encode("iso-2022-jp")),
    ("html", "<p>靴を<b>返品</b>したいです。</p><img src='cid:pic'>".encode()),
    ("charsets", b'{"text":"iso-2022-jp","html":"UTF-8","subject":"UTF-8"}'),
    ("envelope", ENVELOPE),
    ("attachments", b"2"),
    ("attachment-info", json.dumps({
        "attachment1": {"filename": "領収書.pdf", "type": "application/pdf"},
        "attachment2": {"filename": "pic.png", "type": "image/png", "content-id": "pic"}}).encode()),
    ("attachment1", b"%PDF-1.4\r\n--xYz\x00\xff\r\n", "receipt.pdf", "application/pdf"),
    ("attachment2", b"\x89PNG\r\n", "pic.png", "image/png"),
)  # fmt: skip


@pytest.fixture
def settings(settings: Settings) -> Settings:
    settings.mail_push_tokens = {"sendgrid": SecretStr(TOKEN), "own": SecretStr("x" * 20)}
    return settings


def post(desk: OpenDesk, body: bytes, kind: str, *, token: str = TOKEN, **headers: str) -> Any:
    answer = desk.client.post(f"/hooks/mail/{token}", content=body, headers={"content-type": kind, **headers})
    desk.read_everything()
    return answer


def test_a_mail_posted_as_it_stands_becomes_a_ticket(desk: OpenDesk) -> None:
    answer = post(desk, MAIL, "message/rfc822")
    assert (answer.status_code, answer.json()) == (200, {"status": "kept"})
    (ticket,) = desk.tickets()
    assert ticket.subject == "返品の削" and ticket.customer_id == desk.customer(TANAKA).id
    assert desk.queue_of(ticket) == "returns"  # by the address in the head: no envelope was told
    assert desk.as_(SATO).get("/admin/inbound/1/raw").content == MAIL


def test_sendgrids_raw_form_is_the_very_same_mail(desk: OpenDesk) -> None:
    body, kind = form(*RAW)
    assert post(desk, body, kind).status_code == 200
    (ticket,) = desk.tickets()
    assert desk.queue_of(ticket) == "returns" and "靴を返品したいです。" in desk.messages()[0].text
    assert desk.as_(SATO).get("/admin/inbound/1/raw").content == MAIL
    envelope = desk.read(lambda db: db.scalars(sa.select(Inbound)).one().envelope)
    assert envelope == {"recipients": [RETURNS_ADDRESS], "sender": TANAKA.email, "tag": "", "peer": "http:sendgrid"}


def test_sendgrids_other_form_is_put_together_with_words_pictures_and_files(desk: OpenDesk) -> None:
    body, kind = form(*TAKEN_APART)
    assert post(desk, body, kind).status_code == 200
    (message,) = desk.messages()
    assert (message.subject, message.internet_id) == ("返品", "<posted-2@example.com>")
    assert message.text.strip() == "靴を返品したいです。" and "<b>返品</b>" in message.html
    files = desk.read(lambda db: db.scalars(sa.select(Attachment).order_by(Attachment.id)).all())
    assert [(file.name, file.content_type, file.size_bytes) for file in files] == [
        ("領収書.pdf", "application/pdf", 19), ("pic.png", "image/png", 6)]  # fmt: skip
    assert files[1].content_id == "pic"
    stored = desk.as_(SATO).get("/admin/inbound/1/raw").content
    assert stored.endswith(body)  # every byte that was posted
    shown = text_of(desk.as_(SATO).get("/admin/mail/1?again=1").text)
    assert "領収書.pdf" in shown and "data-differs" not in desk.as_(SATO).get("/admin/mail/1?again=1").text


def test_the_same_mail_by_any_way_and_any_number_of_times_is_one(desk: OpenDesk) -> None:
    desk.mail(raw=MAIL, to=RETURNS_ADDRESS)
    for body, kind in (form(*RAW), form(*RAW, border="another"), (MAIL, "message/rfc822")):
        assert post(desk, body, kind).status_code == 200
    assert desk.count(Inbound) == 1 and desk.count(Redelivery) == 3
    for border in ("xYzZY", "xYzZY", "anotherBorder"):
        body, kind = form(*TAKEN_APART, border=border)
        assert post(desk, body, kind).status_code == 200
    assert desk.count(Inbound) == 2 and len(desk.tickets()) == 2


def test_the_answer_to_a_reply_of_ours_joins_its_ticket_by_the_tag_in_the_envelope(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    tagged = RETURNS_ADDRESS.replace("@", f"+t1.{desk.tickets()[0].token}@")
    envelope = json.dumps({"to": [tagged], "from": "other@example.net"}).encode()
    raw = MAIL.replace(TANAKA.email.encode(), b"other@example.net")
    body, kind = form(("email", raw), ("envelope", envelope))
    assert post(desk, body, kind).status_code == 200 and len(desk.tickets()) == 1


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "%00", "トークン"])
def test_without_the_token_nothing_is_kept(desk: OpenDesk, token: str) -> None:
    answer = post(desk, MAIL, "message/rfc822", token=token)
    assert answer.status_code in (401, 404) and desk.count(Inbound) == 0


NO_MAIL: list[tuple[bytes, str]] = [
    (b"", "message/rfc822"), (b"x", ""), (b"x", "text/plain"), (b"{}", "application/json"),
    (MAIL, "multipart/form-data"),
    (b"not a form", "multipart/form-data; boundary=xYzZY"), form(("name", b"value")), form(("email", b" \r\n")),
    (form(*RAW)[0][:-40], form(*RAW)[1].replace("xYzZY", "other")),
]  # fmt: skip


@SQLITE
@pytest.mark.parametrize(("body", "kind"), NO_MAIL, ids=range(len(NO_MAIL)))
def test_what_is_no_mail_is_refused_with_a_word(desk: OpenDesk, body: bytes, kind: str) -> None:
    answer = post(desk, body, kind)
    assert answer.status_code == 400 and answer.json()["error"] in ("not_a_mail", "broken_form")
    assert desk.count(Inbound) == 0


def test_a_mail_beyond_the_limit_is_refused_however_it_is_sent(settings: Settings, clock: Clock) -> None:
    settings.mail_max_bytes = 20_000
    with open_desk(settings, clock) as desk:
        large = MAIL + b"x" * 20_000
        assert post(desk, large, "message/rfc822").status_code == 413
        assert post(desk, *form(("email", large))).status_code == 413
        endless = post(desk, b"x" * 1_100_000, "message/rfc822")
        assert endless.status_code == 413 and desk.count(Inbound) == 0


def test_a_mail_above_the_limit_of_forms_and_below_that_of_mail_is_taken(desk: OpenDesk) -> None:
    large = MAIL + b"x" * 76 + b"\r\n" * 1 + (b"y" * 76 + b"\r\n") * 350_000  # 27 MB
    assert post(desk, large, "message/rfc822").status_code == 200 and len(desk.tickets()) == 1


def test_what_cannot_be_stored_is_not_answered_with_yes(desk: OpenDesk) -> None:
    desk.write(lambda db: db.connection().exec_driver_sql("ALTER TABLE inbound RENAME TO inbound_away"))
    answer = desk.client.post(f"/hooks/mail/{TOKEN}", content=MAIL, headers={"content-type": "message/rfc822"})
    assert answer.status_code == 503 and answer.headers["retry-after"]
    desk.write(lambda db: db.connection().exec_driver_sql("ALTER TABLE inbound_away RENAME TO inbound"))
    assert post(desk, MAIL, "message/rfc822").status_code == 200 and len(desk.tickets()) == 1


# --- SendGrid's signature


KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()  # fmt: skip


def signed(body: bytes, *, at: datetime = MONDAY, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    signature = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {posted.SIGNATURE: base64.b64encode(signature).decode(), posted.TIMESTAMP: stamp}


def test_with_a_key_only_what_sendgrid_signed_is_taken(settings: Settings, clock: Clock) -> None:
    settings.mail_push_key = PUBLIC
    body, kind = form(*RAW)
    good = signed(body)
    bad: list[dict[str, str]] = [
        {}, {posted.SIGNATURE: good[posted.SIGNATURE]},
        good | {posted.TIMESTAMP: "1"}, good | {posted.TIMESTAMP: "9" * 30},
        good | {posted.SIGNATURE: "no base 64"}, good | {posted.SIGNATURE: ""}, signed(body + b" "),
        signed(body, key=ec.generate_private_key(ec.SECP256R1())), signed(body, at=MONDAY - timedelta(days=5)),
    ]  # fmt: skip
    with open_desk(settings, clock) as desk:
        for headers in bad:
            assert post(desk, body, kind, **headers).status_code == 401
        assert desk.count(Inbound) == 0
        assert post(desk, body, kind, token="x" * 21, **good).status_code == 401
        assert post(desk, body, kind, **good).status_code == 200 and len(desk.tickets()) == 1


@pytest.mark.parametrize("key", ["no key", PUBLIC[:-8], base64.b64encode(b"x" * 40).decode()])
def test_a_key_that_is_none_stops_the_start(key: str) -> None:
    with pytest.raises(ValidationError, match="SendGrid"):
        Settings(mail_push_key=key)


# --- the ledger, and forms nobody sends


def test_the_ledger_tells_posted_mail_apart(desk: OpenDesk) -> None:
    post(desk, *form(*RAW))
    post(desk, MAIL, "message/rfc822", token="x" * 20)
    page = desk.read(lambda db: ledger.page(db, settings=desk.settings, now=desk.clock()))
    told = {source.source: (source.name, source.total.kept, source.total.repeats) for source in page.sources}
    assert told == {"smtp": ("", 0, 0), "http:sendgrid": ("sendgrid", 1, 0), "http:own": ("own", 0, 1)}
    assert "HTTPで受信" in text_of(desk.as_(SATO).get("/admin/mail").text)


def test_a_bounce_that_was_taken_apart_is_still_a_bounce() -> None:
    head = HEAD.replace(
        b"multipart/mixed;\n boundary=gone", b"multipart/report; report-type=delivery-status;\n boundary=gone"
    )
    report = (
        b"Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1\n"
    )
    body, kind = form(("headers", head), ("text", b"It failed"),
                      ("attachment1", report, "details.txt", "message/delivery-status"))  # fmt: skip
    email = parse.read(posted.mail_of(posted.read(body, kind, source="http:x").raw))
    assert email.is_bounce and email.bounce_status == "5.1.1"


@given(st.lists(st.tuples(
    st.sampled_from(["headers", "text", "html", "charsets", "attachment-info", "envelope", "attachment1", "from", "x"]),
    st.binary(max_size=60)), max_size=8))  # fmt: skip
def test_no_form_makes_the_reader_fail_and_the_same_form_makes_the_same_mail(fields: list[tuple[str, bytes]]) -> None:
    body, kind = form(("from", b"a@example.com"), *fields)
    one = posted.read(body, kind, source="http:x")
    assert posted.read(body, kind, source="http:x") == one and parse.read(posted.mail_of(one.raw)) is not None


@given(
    st.binary(max_size=200), st.sampled_from(["multipart/form-data; boundary=a", 'multipart/form-data; boundary=""'])
)
def test_broken_forms_raise_nothing_when_they_are_read_later(body: bytes, kind: str) -> None:
    raw = b"X-Desk-Posted: form\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body
    assert isinstance(posted.mail_of(raw), bytes)


def test_recorded_mails_come_through_the_raw_form_byte_for_byte() -> None:
    for file in sorted((Path(__file__).parents[1] / "helpdesk" / "mail" / "messages").glob("*.eml")):
        content = file.read_bytes()
        got = posted.read(*form(("email", content), ("envelope", b"{")), source="http:x")
        assert got.raw.rstrip() == content.rstrip() and posted.mail_of(got.raw) == got.raw
