"""Which ticket a mail joins, who takes part, and two tickets that become one."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from smtplib import SMTP
from typing import Any

import pytest
from sqlmodel import col, select, update

from helpdesk import policies
from helpdesk.events import recall
from helpdesk.facts import TicketMerged, TicketUnmerged
from helpdesk.mail import threads
from helpdesk.settings import Settings
from models import Event, Inbound, Promise, Queue, TicketState
from tests.cast import (
    AIKO,
    BEN,
    PUBLIC_URL,
    RETURNS_ADDRESS,
    SATO,
    STRANGER,
    SUZUKI,
    TANAKA,
    Clock,
    OpenDesk,
    part,
    text_of,
)
from tests.conftest import open_desk
from tests.postbox import Postbox

ALL_THE_SAME = {"other_customer": "on"}
ANSWERS = {"subject": "Re: 電源が入らない", "body": "まだ直りません。"}


def outcome(desk: OpenDesk) -> tuple[str, str]:
    """What came of the newest mail."""
    row = desk.read(lambda db: db.exec(select(Inbound).order_by(col(Inbound.id).desc())).first())
    return row.state.value, row.outcome


# --- who takes part ------------------------------------------------------------------------------------------------


def test_whom_a_customer_copies_in_does_not_take_part_until_an_agent_writes_to_them(
    desk: OpenDesk, postbox: Postbox
) -> None:
    asked = desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS, headers={"Cc": STRANGER.email})
    desk.mail(STRANGER, **ANSWERS, headers={"In-Reply-To": asked})
    assert desk.messages(1)[-1].is_from_stranger and outcome(desk) == ("done", "by_stranger")
    desk.write(lambda db: db.exec(update(Queue).values(warns_of_recipients=False)))
    answer = desk.as_(BEN).post("/tickets/1/reply", data={"body": "はい", "to": TANAKA.email, "cc": STRANGER.email})
    assert answer.status_code == 200
    desk.mail(STRANGER, **ANSWERS, headers={"In-Reply-To": asked})
    assert not desk.messages(1)[-1].is_from_stranger and outcome(desk) == ("done", "by_thread")


def test_a_strangers_files_are_shown_as_a_strangers(desk: OpenDesk) -> None:
    asked = desk.mail(to=RETURNS_ADDRESS)
    raw = (
        f"From: {STRANGER.email}\r\nTo: {RETURNS_ADDRESS}\r\nSubject: Re: x\r\nIn-Reply-To: {asked}\r\n"
        'Message-ID: <s@example.org>\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n\r\nsee\r\n--m\r\n'
        'Content-Disposition: attachment; filename="a.txt"\r\n\r\nx\r\n--m--\r\n'
    )
    desk.mail(raw=raw.encode())
    shown = text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{desk.messages(1)[-1].id}"))
    assert "a.txt" in shown and "Files of a sender who does not take part" in shown


def test_strangers_can_be_set_aside_and_let_pass(settings: Settings, clock: Clock) -> None:
    settings.mail_strangers = "park"
    with open_desk(settings, clock) as desk:
        asked = desk.mail(to=RETURNS_ADDRESS)
        desk.mail(STRANGER, **ANSWERS, headers={"In-Reply-To": asked})
        assert len(desk.messages()) == 1 and outcome(desk) == ("parked", "stranger")
        assert "やり取りに加わっていない差出人" in text_of(desk.as_(SATO).get("/admin/parked").text)
        desk.as_(SATO).post("/admin/parked/1/replay")
        desk.read_everything()
        assert desk.messages(1)[-1].is_from_stranger and outcome(desk) == ("done", "by_stranger")


def test_the_subjects_number_from_somebody_else_opens_a_ticket_and_both_tell_of_it(desk: OpenDesk) -> None:
    desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    ben = desk.screen_of(BEN, "/tickets/1")
    desk.mail(STRANGER, subject="Re: 電源が入らない [#1]", body="私の件です。", to=RETURNS_ADDRESS)
    assert len(desk.tickets()) == 2 and len(desk.messages(1)) == 1
    assert "Says that it belongs to #1" in text_of(desk.as_(BEN).get("/tickets/2").text)
    ben.check()
    page = desk.as_(BEN).get("/tickets/1").text
    assert "#2 says that it belongs here" in text_of(page) and 'href="/tickets/2"' in page


def test_the_tag_counts_where_only_the_head_still_shows_it(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    tag = threads.tag_of(desk.tickets()[0])
    raw = f"From: new@example.org\r\nTo: returns+{tag}@desk.example.jp\r\nSubject: x\r\n\r\n続きです。\r\n"
    desk.mail(raw=raw.encode(), to=RETURNS_ADDRESS)
    assert len(desk.messages(1)) == 2 and not desk.messages(1)[-1].is_from_stranger


def test_an_id_of_ours_means_our_mail_though_somebody_sent_another_under_it(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.post(desk.reply(BEN, 1, "ご確認ください。"))
    ours = postbox.last["Message-ID"]
    desk.mail(STRANGER, subject="別件", message_id=ours, to=RETURNS_ADDRESS)
    assert len(desk.messages(2)) == 1
    desk.mail(TANAKA, **ANSWERS, headers={"In-Reply-To": ours})
    assert len(desk.messages(1)) == 3 and len(desk.messages(2)) == 1


def test_our_own_mail_that_comes_back_is_no_news(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    desk.post(desk.reply(BEN, 1, "はい"))
    desk.mail(raw=postbox.last.as_bytes(), to=RETURNS_ADDRESS)
    assert outcome(desk) == ("ignored", "own_mail")
    assert len(desk.messages()) == 2 and len(desk.tickets()) == 1 and not desk.tickets()[0].awaits_us


# --- machines that answer ------------------------------------------------------------------------------------------


def test_a_machines_answer_to_a_ticket_resolved_long_ago_is_a_note_on_it(desk: OpenDesk) -> None:
    asked = desk.mail(to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.clock.advance(days=desk.settings.reopen_days + 1)
    desk.mail(TANAKA, subject="不在通知", headers={"In-Reply-To": asked, "Auto-Submitted": "auto-replied"})
    (ticket,) = desk.tickets()
    assert ticket.state == TicketState.RESOLVED and desk.messages(1)[-1].is_automatic
    assert outcome(desk) == ("done", "automatic")


def test_what_comes_from_nobody_by_its_envelope_is_a_machines_whatever_its_head_says(desk: OpenDesk) -> None:
    asked = desk.mail(to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    raw = f"From: {TANAKA.email}\r\nSubject: Re: x\r\nIn-Reply-To: {asked}\r\n\r\nただいま席を外しております。\r\n"
    with SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
        smtp.sendmail("", [RETURNS_ADDRESS], raw.encode())
    desk.read_everything()
    assert desk.messages(1)[-1].is_automatic and desk.tickets()[0].state == TicketState.RESOLVED


def test_a_person_who_writes_through_a_mailing_list_is_a_person(desk: OpenDesk) -> None:
    asked = desk.mail(to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.mail(TANAKA, **ANSWERS, headers={"In-Reply-To": asked, "List-Id": "<support.example.com>"})
    (ticket,) = desk.tickets()
    assert ticket.state == TicketState.OPEN and ticket.awaits_us and not desk.messages(1)[-1].is_automatic


@pytest.mark.parametrize("head", ["Auto-Submitted: auto-generated", "Precedence: bulk"])
def test_a_machines_mail_that_answers_nothing_is_a_ticket(desk: OpenDesk, head: str) -> None:
    name, value = head.split(": ")
    desk.mail("監視 <monitor@example.com>", subject="ディスクの空きが少ない", headers={name: value}, to=RETURNS_ADDRESS)
    assert len(desk.tickets()) == 1 and desk.messages()[0].is_automatic


# --- once ------------------------------------------------------------------------------------------------------------


def test_two_processes_that_get_the_same_mails_make_each_one_message(
    settings: Settings, clock: Clock, desk: OpenDesk
) -> None:
    """Two desks on one database, each with its own door, and the same twenty mails at both."""
    with open_desk(settings, clock) as other:

        def deliver(to: OpenDesk) -> None:
            with SMTP("127.0.0.1", to.app.state.desk.mail_port) as smtp:
                for number in range(20):
                    raw = f"From: a{number}@example.com\r\nMessage-ID: <{number}@example.com>\r\nSubject: {number}\r\n"
                    smtp.sendmail("a@example.com", [RETURNS_ADDRESS], f"{raw}\r\nhello\r\n".encode())
            to.read_everything()

        with ThreadPoolExecutor(2) as doors:
            list(doors.map(deliver, (desk, other)))
        for each in (desk, other):
            each.read_everything()
        assert sorted(int(message.subject) for message in desk.messages()) == list(range(20))
        assert desk.count(Inbound) == len(desk.tickets()) == 20


# --- two tickets become one ----------------------------------------------------------------------------------------


def two(desk: OpenDesk) -> tuple[str, str]:
    """Ms. Tanaka's and Mr. Suzuki's tickets, 1 and 2; the ids of their mails."""
    first = desk.mail(TANAKA, subject="電源が入らない", body="一件目です。", to=RETURNS_ADDRESS)
    desk.clock.advance(minutes=1)
    return first, desk.mail(SUZUKI, subject="電源の件", body="二件目です。", to=RETURNS_ADDRESS)


def test_a_merged_ticket_points_to_its_target_which_shows_everything(desk: OpenDesk) -> None:
    two(desk)
    screens = [desk.screen_of(BEN, page) for page in ("/tickets/1", "/tickets/2", "/inbox", "/inbox?view=resolved")]
    assert desk.as_(BEN).post("/tickets/2/merge", data={"into": "＃1"} | ALL_THE_SAME).status_code == 200
    for screen in screens:
        screen.check()
    target, merged = (desk.as_(BEN).get(f"/tickets/{number}").text for number in (1, 2))
    assert "一件目です。" in text_of(target) and "二件目" in text_of(target)
    assert "Ben Carter merged #2 into #1" in text_of(target) and text_of(target).count("merged #2 into #1") == 1
    assert "This ticket goes on in #1" in text_of(merged) and "二件目" in text_of(merged)
    assert 'action="/tickets/2/reply"' not in merged and 'action="/tickets/1/reply"' in target
    assert [ticket.state for ticket in desk.tickets()] == [TicketState.OPEN, TicketState.RESOLVED]


@pytest.mark.parametrize("whose", [TANAKA, SUZUKI])
def test_answers_to_either_land_in_the_target(desk: OpenDesk, whose: Any) -> None:
    asked = dict(zip((TANAKA.email, SUZUKI.email), two(desk), strict=True))
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    desk.mail(whose, subject="続き", body="まだです。", headers={"In-Reply-To": asked[whose.email]})
    desk.mail(whose, subject="続き [#2]", body="もう一度。")
    assert [message.is_from_stranger for message in desk.messages(1)] == [False] * 3
    assert len(desk.tickets()) == 2 and desk.tickets()[0].awaits_us


def test_a_reply_in_the_target_answers_whoever_wrote_last_in_either(desk: OpenDesk, postbox: Postbox) -> None:
    _, second = two(desk)
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    desk.post(desk.reply(BEN, 1, "お答えします。"))
    assert postbox.mails[-1][0].rcpt_tos == [SUZUKI.email] and postbox.last["In-Reply-To"] == second


def test_a_mail_that_was_merged_in_is_answered_and_forwarded_from_the_target(desk: OpenDesk, postbox: Postbox) -> None:
    _, second = two(desk)
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    desk.write(lambda db: db.exec(update(Queue).values(warns_of_recipients=False)))
    page = desk.as_(BEN).get("/tickets/1").text
    about = desk.messages(2)[0].id
    assert f'href="/tickets/1?reply={about}#compose-1"' in page
    form = {"body": "転送します。", "mode": "forward", "about": about, "forward_to": "supplier@example.org"}
    assert desk.as_(BEN).post("/tickets/1/reply", data=form).status_code == 200
    desk.post(desk.messages(1)[-1])
    assert "二件目です。" in postbox.last.get_body(("plain",)).get_content()


def test_a_merge_is_taken_back_and_everything_is_as_it_was(desk: OpenDesk) -> None:
    first, second = two(desk)
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    screens = [desk.screen_of(BEN, page) for page in ("/tickets/1", "/tickets/2", "/inbox")]
    assert desk.as_(BEN).post("/tickets/2/unmerge").status_code == 200
    for screen in screens:
        screen.check()
    one, other = desk.tickets()
    assert (other.state, other.awaits_us, other.merged_into_id) == (TicketState.OPEN, True, None)
    assert "二件目です。" not in text_of(part(desk.as_(BEN).get("/tickets/1").text, "ticket-1"))
    desk.mail(SUZUKI, subject="Re: 電源の件", headers={"In-Reply-To": second})
    assert len(desk.messages(2)) == 2 and len(desk.messages(1)) == 1
    assert desk.as_(BEN).post("/tickets/2/unmerge").status_code == 409


def test_a_resolved_ticket_that_is_separated_again_stays_resolved(desk: OpenDesk) -> None:
    two(desk)
    desk.as_(BEN).post("/tickets/2/resolve")
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    desk.as_(BEN).post("/tickets/2/unmerge")
    assert desk.tickets()[1].state == TicketState.RESOLVED


def standing(desk: OpenDesk) -> list[dict[str, Any]]:
    """All that the tickets and their promises say; how a clock counted until now may be told in two ways."""
    promises = desk.read(lambda db: db.exec(select(Promise).order_by(col(Promise.id))).all())
    return [row.model_dump(exclude={"paused_at", "counted_at", "left_seconds"}) for row in (*desk.tickets(), *promises)]


FORMER: dict[str, Callable[[OpenDesk], Any]] = {
    "both open": lambda desk: None,
    "the target answered": lambda desk: desk.reply(BEN, 1, "お答えします。"),
    "the target resolved": lambda desk: desk.as_(BEN).post("/tickets/1/resolve"),
    "the target pending": lambda desk: desk.as_(BEN).post("/tickets/1/pend", data={"until": "monday"}),
    "the merged pending": lambda desk: desk.as_(BEN).post("/tickets/2/pend", data={"until": "monday"}),
    "the merged pending for the customer": lambda desk: desk.as_(BEN).post("/tickets/2/pend",
                                                                           data={"until": "customer"}),
    "the merged resolved": lambda desk: desk.as_(BEN).post("/tickets/2/resolve"),
}  # fmt: skip


@pytest.mark.parametrize("way", ["unmerge", "undo"])
@pytest.mark.parametrize("former", FORMER)
def test_a_merge_that_nothing_came_of_leaves_no_trace_in_either_ticket(desk: OpenDesk, former: str, way: str) -> None:
    form = policies.Form(name="標準", first_response_minutes=60, next_response_minutes=60, resolution_minutes=600)
    desk.write(lambda db: policies.save(db, None, form, by=None, now=desk.clock()))
    two(desk)
    desk.clock.advance(minutes=1)
    FORMER[former](desk)
    desk.clock.advance(minutes=1)
    before = standing(desk)
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    assert standing(desk) != before
    desk.clock.advance(minutes=5)
    event = re.search(r'name="event" value="(\d+)"', part(desk.as_(BEN).get("/tickets/1").text, "done-1"))
    assert event
    page = {"referer": f"{PUBLIC_URL}/tickets/1"}
    told = {"unmerge": ("/tickets/2/unmerge", {}), "undo": ("/tickets/1/undo", {"event": event[1]})}[way]
    assert desk.as_(BEN).post(told[0], data=told[1], headers=page).status_code == 200
    assert standing(desk) == before


def test_what_a_merge_remembers_of_the_other_ticket_are_times_numbers_and_codes(desk: OpenDesk) -> None:
    form = policies.Form(name="標準", first_response_minutes=60, next_response_minutes=60, resolution_minutes=600)
    desk.write(lambda db: policies.save(db, None, form, by=None, now=desk.clock()))
    two(desk)
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    desk.as_(BEN).post("/tickets/2/unmerge")
    told = desk.read(lambda db: [recall(row) for row in db.exec(select(Event)).all()])
    kept = [fact.found for fact in told if isinstance(fact, TicketMerged)]
    kept += [fact.clock or {} for fact in told if isinstance(fact, TicketUnmerged)]
    held = [each for row in kept for each in row.values()]
    values = [value for each in held for value in (each.values() if isinstance(each, dict) else [each])]
    words = [value for value in values if isinstance(value, str) and value and value not in set(TicketState)]
    assert len(words) > 10 and all(datetime.fromisoformat(each).tzinfo for each in words)


AFTER: dict[str, Callable[[OpenDesk], Any]] = {
    "answered": lambda desk: desk.reply(BEN, 1, "お答えします。"),
    "written to": lambda desk: desk.mail(TANAKA, subject="続き [#1]", body="まだです。"),
    "pended": lambda desk: desk.as_(BEN).post("/tickets/1/pend", data={"until": "monday"}),
}


@pytest.mark.parametrize("after", AFTER)
def test_what_was_said_or_settled_since_a_merge_counts_when_it_is_taken_back(desk: OpenDesk, after: str) -> None:
    two(desk)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    desk.clock.advance(minutes=1)
    AFTER[after](desk)
    since = desk.tickets()[0].model_dump()
    assert since["state"] != TicketState.RESOLVED
    desk.as_(BEN).post("/tickets/2/unmerge")
    one, other = desk.tickets()
    assert one.model_dump() == since
    assert (other.state, other.awaits_us) == (TicketState.OPEN, True), "nobody answered there"


def test_two_merges_into_one_ticket_are_both_taken_back(desk: OpenDesk) -> None:
    two(desk)
    desk.mail(STRANGER, subject="三件目", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    before = standing(desk)
    for number in (2, 3):
        desk.as_(BEN).post(f"/tickets/{number}/merge", data={"into": "1"} | ALL_THE_SAME)
    desk.as_(BEN).post("/tickets/3/unmerge")
    assert desk.tickets()[0].state == TicketState.OPEN, "the other is still there"
    desk.as_(BEN).post("/tickets/2/unmerge")
    assert standing(desk) == before


def test_what_is_merged_on_is_followed_and_circles_are_refused(desk: OpenDesk) -> None:
    first, second = two(desk)
    third = desk.mail(STRANGER, subject="三件目", body="三件目です。", to=RETURNS_ADDRESS)
    assert desk.as_(BEN).post("/tickets/3/merge", data={"into": "2"} | ALL_THE_SAME).status_code == 200
    assert desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME).status_code == 200
    for number, into in ((1, 1), (1, 3), (1, 2)):
        assert desk.as_(BEN).post(f"/tickets/{number}/merge", data={"into": into}).status_code == 422
    assert desk.as_(BEN).post("/tickets/3/merge", data={"into": "1"} | ALL_THE_SAME).status_code == 409
    shown = text_of(desk.as_(BEN).get("/tickets/1").text)
    assert all(words in shown for words in ("一件目です。", "二件目です。", "三件目です。"))
    desk.mail(STRANGER, subject="Re: 三件目", body="続きです。", headers={"In-Reply-To": third})
    assert desk.messages(1)[-1].reply_text == "続きです。"


def test_an_open_matter_opens_the_resolved_ticket_it_is_merged_into(desk: OpenDesk) -> None:
    two(desk)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME)
    assert desk.tickets()[0].state == TicketState.OPEN and desk.tickets()[0].awaits_us


def test_the_customers_other_open_tickets_are_offered_to_merge_into(desk: OpenDesk) -> None:
    for number, subject in enumerate(("電源が入らない", "充電台の色", "解決した件", "他の窓口の件"), 1):
        desk.mail(TANAKA, subject=subject, body=f"{subject}について。", to=RETURNS_ADDRESS)
        assert len(desk.tickets()) == number
    desk.as_(BEN).post("/tickets/3/resolve")
    tech = desk.queue("tech_support").id
    desk.as_(BEN).post("/tickets/4/move", data={"queue_id": tech})
    menu = part(desk.as_(BEN).get("/tickets/1").text, "merge-1")
    assert re.findall(r'name="into" value="(\d+)"', menu) == ["2"] and "充電台の色" in text_of(menu)
    assert desk.as_(BEN).post("/tickets/1/merge", data={"into": "2"}).status_code == 200
    assert desk.tickets()[0].merged_into_id == 2


def test_tickets_of_two_customers_are_merged_only_where_the_form_says_so(desk: OpenDesk) -> None:
    two(desk)
    refused = desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"})
    assert refused.status_code == 422 and "That ticket is another customer's." in text_of(refused.text)
    assert desk.tickets()[1].merged_into_id is None
    assert "Also into another customer's ticket" in text_of(part(desk.as_(BEN).get("/tickets/2").text, "merge-2"))
    assert desk.as_(BEN).post("/tickets/2/merge", data={"into": "1"} | ALL_THE_SAME).status_code == 200
    assert desk.tickets()[1].merged_into_id == 1


def test_nobody_merges_what_they_cannot_see_or_writes_into_what_is_merged(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    desk.mail(SUZUKI, subject="別", to=RETURNS_ADDRESS)
    desk.as_(SATO).post("/tickets/2/move", data={"queue_id": desk.queue("tech_support").id})
    assert desk.as_(BEN).post("/tickets/1/merge", data={"into": "2"} | ALL_THE_SAME).status_code == 422
    assert desk.as_(BEN).post("/tickets/1/merge", data={"into": "x"} | ALL_THE_SAME).status_code == 422
    assert desk.as_(AIKO).post("/tickets/1/merge", data={"into": "2"} | ALL_THE_SAME).status_code == 404
    assert desk.as_(SATO).post("/tickets/1/merge", data={"into": "2"} | ALL_THE_SAME).status_code == 200
    assert desk.as_(BEN).post("/tickets/1/reply", data={"body": "はい"}).status_code == 409
    assert desk.as_(BEN).post("/tickets/1/reopen").status_code == 409
    assert desk.as_(BEN).post("/tickets/1/unmerge").status_code == 200


def test_who_sees_the_target_opens_the_files_of_what_was_merged_into_it(desk: OpenDesk) -> None:
    raw = (
        f"From: {TANAKA.email}\r\nTo: {RETURNS_ADDRESS}\r\nSubject: x\r\nMessage-ID: <f@example.com>\r\n"
        'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n\r\nsee\r\n--m\r\n'
        'Content-Disposition: attachment; filename="a.txt"\r\n\r\nx\r\n--m--\r\n'
    )
    desk.mail(raw=raw.encode(), to=RETURNS_ADDRESS)
    desk.mail(SUZUKI, subject="別", to=RETURNS_ADDRESS)
    desk.as_(SATO).post("/tickets/2/move", data={"queue_id": desk.queue("tech_support").id})
    assert desk.as_(AIKO).get("/attachments/1").status_code == 404
    desk.as_(SATO).post("/tickets/1/merge", data={"into": "2"} | ALL_THE_SAME)
    assert desk.as_(AIKO).get("/attachments/1").status_code == 200
    assert desk.as_(AIKO).get("/tickets/1").status_code == 404
