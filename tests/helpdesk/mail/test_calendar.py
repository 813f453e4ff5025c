"""Invitations in a few lines that need no language."""

import pytest

from helpdesk.mail import calendar, parse


def event(*lines: str, method: str = "REQUEST") -> str:
    return calendar.told("\r\n".join(["BEGIN:VCALENDAR", f"METHOD:{method}", "BEGIN:VEVENT", *lines, "END:VEVENT",
                                      "END:VCALENDAR"]))  # fmt: skip


@pytest.mark.parametrize(("lines", "when"), [
    (["DTSTART;TZID=Tokyo Standard Time:20261120T100000", "DTEND;TZID=Tokyo Standard Time:20261120T113000"],
     "2026-11-20 10:00–11:30 Tokyo Standard Time"),
    (["DTSTART:20261120T010000Z", "DTEND:20261120T020000Z"], "2026-11-20 01:00–02:00 UTC"),
    (["DTSTART:20261120T230000", "DTEND:20261121T010000"], "2026-11-20 23:00–2026-11-21 01:00"),
    (["DTSTART;VALUE=DATE:20261120", "DTEND;VALUE=DATE:20261121"], "2026-11-20"),
    (["DTSTART;VALUE=DATE:20261120", "DTEND;VALUE=DATE:20261123"], "2026-11-20–2026-11-22"),
    (["DTSTART:20261120T100000"], "2026-11-20 10:00"),
    (["DTSTART:next week"], "next week"),
    (["DTSTART;VALUE=DATE:20261120", "DTEND;VALUE=DATE:99999999"], "2026-11-20"),
])  # fmt: skip
def test_the_time_is_told_as_it_was_written(lines: list[str], when: str) -> None:
    assert event("SUMMARY:会議", *lines) == f"📅 会議\n🕙 {when}"


def test_folded_lines_escapes_and_quoted_names_are_undone() -> None:
    assert event("SUMMARY:一行目の", " 続き\\, そして\\n終わり", 'ORGANIZER;CN="田中: 花子":MAILTO:hanako@example.com',
                 "LOCATION:３階") == (
        "📅 一行目の続き, そして 終わり\n📍 ３階\n👤 田中: 花子 <hanako@example.com>"
    )  # fmt: skip


@pytest.mark.parametrize(("method", "more", "told"), [
    ("CANCEL", [], "🚫 会議"),
    ("REQUEST", ["STATUS:CANCELLED"], "🚫 会議"),
    ("REPLY", ["ATTENDEE;PARTSTAT=ACCEPTED;CN=鈴木:mailto:s@example.com"], "↩ 会議\n✅ 鈴木 <s@example.com>"),
    ("REPLY", ["ATTENDEE;PARTSTAT=DECLINED:mailto:s@example.com"], "↩ 会議\n❌ s@example.com"),
])  # fmt: skip
def test_a_cancellation_and_an_answer_have_their_own_signs(method: str, more: list[str], told: str) -> None:
    assert event("SUMMARY:会議", *more, method=method) == told


@pytest.mark.parametrize("text", ["", "hello", "BEGIN:VCALENDAR", "END:VEVENT\n" * 100, "BEGIN:VEVENT\n" * 100 + "\0"])
def test_what_holds_no_event_tells_nothing(text: str) -> None:
    assert calendar.told(text) == ""


def test_of_many_events_five_are_told_and_an_alarm_is_none() -> None:
    one = "BEGIN:VEVENT\nSUMMARY:会議\nBEGIN:VALARM\nSUMMARY:鳴る\nEND:VALARM\nEND:VEVENT\n"
    assert calendar.told("METHOD:REQUEST\n" + one * 20).count("📅 会議") == 5
    assert "鳴る" not in calendar.told(one)


def test_the_same_invitation_twice_in_a_mail_is_told_once_below_the_words() -> None:
    invite = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    part = b"--b\r\nContent-Type: text/calendar\r\n\r\n" + invite
    email = parse.read(b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                       b"--b\r\n\r\nhello\r\n-- \r\nHanako\r\n" + part + part + b"--b--")  # fmt: skip
    assert email.text == "hello\n-- \nHanako\n\n📅 x"
    assert (email.reply_text, email.signature) == ("hello\n\n📅 x", "-- \nHanako")
