"""A mail nobody can read: kept, shown to a supervisor, mended and replayed, or dismissed."""

from typing import Any

import pytest
from sqlmodel import select

from helpdesk.mail import parse
from models import Parked
from tests.cast import AIKO, SATO, TANAKA, OpenDesk, text_of


def test_a_mail_nobody_can_read_is_kept_shown_to_a_supervisor_and_replayed_after_mending(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sato = desk.screen_of(SATO, "/admin/parked")
    raw = b"Subject: nobody wrote this\r\n\r\nhello\r\n"
    desk.mail(raw=raw)
    assert not desk.tickets()
    (parked,) = desk.read(lambda db: db.exec(select(Parked)).all())
    page = desk.as_(SATO).get("/admin/parked").text
    assert "メールサーバーから受信（SMTP）" in text_of(page)  # by which way it came, in words
    assert "差出人" in text_of(page) and f"/admin/inbound/{parked.inbound_id}/raw" in page
    sato.check()
    shown = desk.as_(SATO).get(f"/admin/inbound/{parked.inbound_id}/raw")
    assert raw.strip() in shown.content and shown.headers["content-disposition"].startswith("attachment")
    for address in ("/admin/parked", f"/admin/inbound/{parked.inbound_id}/raw"):
        assert desk.as_(AIKO).get(address).status_code == 403
    assert desk.as_(AIKO).post(f"/admin/parked/{parked.id}/replay").status_code == 403
    # Mended: a reader that knows whom a mail without a sender is from.
    read = parse.read
    monkeypatch.setattr(parse, "read", lambda raw: read(b"From: tanaka@example.com\r\n" + raw))
    assert desk.as_(SATO).post(f"/admin/parked/{parked.id}/replay").status_code == 200
    desk.read_everything()
    assert [ticket.customer_id for ticket in desk.tickets()] == [desk.customer(TANAKA).id]
    assert desk.as_(SATO).post(f"/admin/parked/{parked.id}/replay").status_code == 409
    sato.check()


def test_a_reader_that_breaks_is_tried_three_times_and_then_parked_with_the_place(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(raw: bytes) -> Any:
        raise ZeroDivisionError("with 田中 in its words")

    monkeypatch.setattr(parse, "read", breaks)
    desk.mail()
    for _ in range(2):
        desk.read_everything()
    (parked,) = desk.read(lambda db: db.exec(select(Parked)).all())
    assert parked.error == "ZeroDivisionError" and "breaks" in parked.detail and "田中" not in parked.detail
    monkeypatch.undo()
    desk.as_(SATO).post(f"/admin/parked/{parked.id}/replay")
    desk.read_everything()
    assert len(desk.tickets()) == 1


def test_what_is_dismissed_stays_settled(desk: OpenDesk) -> None:
    desk.mail(raw=b"Subject: x\r\n\r\nhello\r\n")
    sato = desk.screen_of(SATO)
    assert desk.as_(SATO).post("/admin/parked/1/dismiss").status_code == 200
    desk.read_everything()
    assert not desk.tickets()
    assert desk.as_(SATO).post("/admin/parked/1/replay").status_code == 409
    sato.check()
