"""A mail that waits: taken back before it leaves, sent later, held because the customer wrote meanwhile."""

import re
import threading
from typing import Any

import pytest
from sqlmodel import select

from helpdesk import deliveries, outgoing
from helpdesk.errors import Conflict
from helpdesk.runtime.work import NotYet
from models import Attachment, Event, Message, MessageState, Queue
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, Screen, part, text_of
from tests.mails import answer_to
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def ten_seconds(desk: OpenDesk) -> None:
    """What a desk has where nobody changes it."""
    desk.settings.undo_seconds = 10


def box(desk: OpenDesk, page: str) -> str:
    return part(desk.as_(BEN).get(page).text, "write-1")


def asked(desk: OpenDesk) -> Screen:
    """Ms. Tanaka has asked, and Ben looks at it."""
    desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    return desk.screen_of(BEN, "/tickets/1")


def send(desk: OpenDesk, **form: Any) -> Message:
    """Ben writes, with more than words."""
    files = form.pop("files", None)
    answer = desk.as_(BEN).post("/tickets/1/reply", data=form, files=files)
    assert answer.status_code == 200, text_of(answer.text)
    return desk.messages(1)[-1]


def test_a_mail_waits_ten_seconds_and_leaves_then(desk: OpenDesk, postbox: Postbox) -> None:
    ben = asked(desk)
    message = send(desk, body="充電台をご確認ください。")
    shown = part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}")
    assert "Leaves in" in text_of(shown) and "0:10" in text_of(shown) and f"/messages/{message.id}/undo" in shown
    ben.check()
    with pytest.raises(NotYet) as early:
        desk.post(message)
    assert early.value.seconds == 10 and not postbox.mails
    desk.clock.advance(seconds=10)
    desk.post(message)
    assert len(postbox.mails) == 1
    shown = part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}")
    assert "Sent" in text_of(shown) and "/undo" not in shown
    ben.check()


def test_taken_back_it_goes_to_nobody_and_everything_written_is_in_the_box_again(
    desk: OpenDesk, postbox: Postbox
) -> None:
    ben = asked(desk)
    message = send(desk, body="明日お届けします。", to="tanaka@example.com, hanako@example.com", cc="boss@example.com",
                   bcc="file@example.com", files={"attachments": ("図.txt", b"abc", "text/plain")})  # fmt: skip
    answer = desk.as_(BEN).post(f"/messages/{message.id}/undo")
    assert answer.url.path == "/tickets/1" and answer.url.query == f"again={message.id}".encode()
    form = part(answer.text, "write-1")
    for words in (">明日お届けします。</textarea>", 'value="tanaka@example.com, hanako@example.com"',
                  'value="boss@example.com"', 'value="file@example.com"', "図.txt"):  # fmt: skip
        assert words in form, words
    desk.clock.advance(minutes=1)
    desk.post(message)
    assert not postbox.mails and desk.messages(1)[-1].state == MessageState.WITHDRAWN
    (ticket,) = desk.tickets()
    assert ticket.awaits_us and ticket.snippet.startswith("掃除機の電源が入りません。")
    ben.check()


def test_what_was_taken_back_is_not_shown_as_said_and_leaves_a_trace(desk: OpenDesk) -> None:
    asked(desk)
    message = send(desk, body="それは無理です。")
    desk.as_(BEN).post(f"/messages/{message.id}/undo")
    page = desk.as_(SATO).get("/tickets/1").text
    assert "それは無理です。" not in page and "Ben Carterさんがメールの送信を取り消しました" in text_of(page)
    customer = desk.as_(SATO).get(f"/customers/{desk.customer(TANAKA).id}").text
    assert "それは無理です。" not in customer and "それは無理です。" not in desk.as_(SATO).get("/inbox").text
    assert [row.actor_id for row in desk.read(lambda db: db.exec(select(Event)).all())
            if row.fact == "message_withdrawn"] == [desk.agent(BEN).id]  # fmt: skip


def test_sent_again_it_keeps_the_files_that_are_ticked_and_fills_no_box_any_more(
    desk: OpenDesk, postbox: Postbox
) -> None:
    asked(desk)
    file = {"attachments": ("図.txt", b"abc", "text/plain")}
    first = send(desk, body="はい", files=file)
    desk.as_(BEN).post(f"/messages/{first.id}/undo")
    page = box(desk, f"/tickets/1?again={first.id}")
    kept = re.search(r'name="keep_file" value="(\d+)"', page)
    assert kept
    second = send(desk, body="はい", again=str(first.id), keep_file=kept[1])
    assert second.id != first.id and second.internet_id != first.internet_id
    desk.clock.advance(seconds=10)
    desk.post(second)
    (attached,) = postbox.last.iter_attachments()
    assert attached.get_filename() == "図.txt"
    assert ">はい</textarea>" not in box(desk, f"/tickets/1?again={first.id}")


def test_what_is_unticked_of_a_mail_taken_back_can_be_ticked_again_where_its_successor_is_halted(
    desk: OpenDesk, postbox: Postbox
) -> None:
    asked(desk)
    first = send(desk, body="はい", files={"attachments": ("図.txt", b"abc", "text/plain")})
    desk.as_(BEN).post(f"/messages/{first.id}/undo")
    page = box(desk, f"/tickets/1?again={first.id}")
    offered = re.search(r'name="offered_file" value="(\d+)"', page)
    assert offered
    again = {"body": "図を添付いたします。", "to": TANAKA.email, "again": str(first.id), "offered_file": offered[1]}
    halted = desk.as_(BEN).post("/tickets/1/reply", data=again)
    assert halted.status_code == 422
    token = re.search(r'name="kept" value="([^"]+)"(?! checked)>図.txt', halted.text)
    assert token, "it is there still, without its tick"
    second = send(desk, body="はい", kept=token[1], offered=token[1])
    desk.clock.advance(seconds=10)
    desk.post(second)
    assert [each.get_filename() for each in postbox.last.iter_attachments()] == ["図.txt"]


def test_nobody_takes_files_or_words_from_another_ticket(desk: OpenDesk, postbox: Postbox) -> None:
    asked(desk)
    desk.mail(subject="別件", to=RETURNS_ADDRESS)
    secret = send(desk, body="内緒", files={"attachments": ("a.txt", b"abc", "text/plain")})
    desk.as_(BEN).post(f"/messages/{secret.id}/undo")
    (row,) = desk.read(lambda db: db.exec(select(Attachment)).all())
    for form in ({"keep_file": str(row.id)}, {"offered_file": str(row.id)}, {"again": str(secret.id)},
                 {"about": str(secret.id)}):  # fmt: skip
        assert desk.as_(BEN).post("/tickets/2/reply", data={"body": "x"} | form).status_code == 404, form
    assert "内緒" not in desk.as_(BEN).get(f"/tickets/2?again={secret.id}").text
    assert desk.as_(AIKO).post(f"/messages/{secret.id}/undo").status_code == 404
    assert desk.as_(AIKO).post(f"/messages/{secret.id}/later").status_code == 404


def test_who_comes_too_late_is_told_that_it_is_leaving(desk: OpenDesk, postbox: Postbox) -> None:
    asked(desk)
    message = send(desk, body="はい")
    desk.clock.advance(seconds=10)
    desk.post(message)
    refused = desk.as_(BEN).post(f"/messages/{message.id}/undo")
    assert refused.status_code == 409 and "already on its way" in text_of(refused.text)
    assert desk.messages(1)[-1].state == MessageState.SENT


@pytest.mark.parametrize("first", ["work", "author"])
def test_of_the_work_and_the_author_the_database_lets_exactly_one_have_it(desk: OpenDesk, first: str) -> None:
    asked(desk)
    message = send(desk, body="はい")
    desk.clock.advance(seconds=10)
    begun, go_on = threading.Event(), threading.Event()

    def claims(db: Any, *, waits: bool) -> float | None:
        taken = deliveries.claim(db, message.id or 0, rests=lambda *_: 0.0, now=desk.clock())
        db.flush()
        return stays(taken, waits)

    def takes_back(db: Any, *, waits: bool) -> str:
        try:
            outgoing.take_back(db, db.get(Message, message.id), by=desk.agent(BEN), now=desk.clock())
        except Conflict as late:
            return late.code
        db.flush()
        return stays("taken back", waits)

    def stays(answer: Any, waits: bool) -> Any:
        if waits:
            begun.set()
            go_on.wait(10)
        return answer

    told: dict[str, Any] = {}
    verbs = {"work": claims, "author": takes_back}
    threads = {
        name: threading.Thread(target=lambda name=name: told.update(  # type: ignore[misc]
            {name: desk.database.write_now(verbs[name], waits=name == first)}))
        for name in verbs
    }  # fmt: skip
    threads[first].start()
    assert begun.wait(10)
    second = "author" if first == "work" else "work"
    threads[second].start()
    go_on.set()
    for thread in threads.values():
        thread.join(20)
    state = desk.messages(1)[-1].state
    if first == "work":
        assert (told, state) == ({"work": 0.0, "author": "already_leaving"}, MessageState.SENDING)
    else:
        assert (told, state) == ({"work": None, "author": "taken back"}, MessageState.WITHDRAWN)


def test_with_no_time_for_second_thoughts_it_leaves_at_once(desk: OpenDesk, postbox: Postbox) -> None:
    desk.settings.undo_seconds = 0
    asked(desk)
    desk.post(send(desk, body="はい"))
    assert len(postbox.mails) == 1


def test_while_the_server_cannot_be_reached_a_mail_can_still_be_taken_back(desk: OpenDesk, postbox: Postbox) -> None:
    ben = asked(desk)
    message = send(desk, body="はい")
    desk.clock.advance(seconds=10)
    postbox.is_busy = True
    with pytest.raises(Exception, match="smtp_unreachable"):
        desk.post(message)
    shown = part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}")
    assert "It is tried again." in text_of(shown)
    ben.check()
    postbox.is_busy = False
    assert desk.as_(BEN).post(f"/messages/{message.id}/undo").status_code == 200
    desk.post(message)
    assert not postbox.mails
    ben.check()


# --- later -------------------------------------------------------------------------------------------------------


def test_a_mail_leaves_at_the_time_of_the_desk_that_was_chosen(desk: OpenDesk, postbox: Postbox) -> None:
    ben = asked(desk)
    message = send(desk, body="おはようございます。", later="2026-11-17T09:00")  # it is ten on the 16th
    assert message.leaves_at and message.leaves_at.isoformat() == "2026-11-17T00:00:00+00:00"
    shown = text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}"))
    assert "Leaves at" in shown and "17 Nov 2026, 09:00" in shown
    ben.check()
    desk.clock.advance(hours=22)
    with pytest.raises(NotYet):
        desk.post(message)
    desk.clock.advance(hours=1)
    desk.post(message)
    assert postbox.last["Date"].datetime == message.leaves_at
    ben.check()


def test_another_time_can_be_chosen_or_now_until_it_leaves(desk: OpenDesk, postbox: Postbox) -> None:
    ben = asked(desk)
    message = send(desk, body="はい", later="2026-11-17T09:00")
    door = f"/messages/{message.id}/later"
    assert desk.as_(BEN).post(door, data={"later": "2026-11-16T11:00"}).status_code == 200
    ben.check()
    desk.clock.advance(minutes=59)
    with pytest.raises(NotYet):
        desk.post(message)
    assert desk.as_(BEN).post(door, data={"later": ""}).status_code == 200
    desk.post(message)
    assert len(postbox.mails) == 1
    assert desk.as_(BEN).post(door, data={"later": "2026-11-18T09:00"}).status_code == 409


def test_the_same_words_now_and_later_are_two_mails_and_pressed_twice_they_are_one(desk: OpenDesk) -> None:
    asked(desk)
    now = send(desk, body="はい")
    later = [send(desk, body="はい", later="2026-11-17T09:00") for _ in range(2)]
    again = send(desk, body="はい")
    assert len({now.id, *(message.id for message in later), again.id}) == 3 == len(desk.messages(1)) - 1


@SQLITE
@pytest.mark.parametrize("typed", ["2026-11-16T09:59", "2028-01-01T00:00", "tomorrow", "2026-99-99T00:00"])
def test_a_time_that_is_over_far_away_or_none_is_refused(desk: OpenDesk, typed: str) -> None:
    asked(desk)
    assert desk.as_(BEN).post("/tickets/1/reply", data={"body": "はい", "later": typed}).status_code == 422
    assert len(desk.messages(1)) == 1


def test_what_was_to_leave_later_is_held_when_the_customer_writes(desk: OpenDesk, postbox: Postbox) -> None:
    ben = asked(desk)
    first = send(desk, body="お調べします。")
    desk.clock.advance(seconds=10)
    desk.post(first)
    message = send(desk, body="16 時に伺います。", later="2026-11-16T15:00")
    desk.mail(TANAKA, **answer_to(postbox.last, "今日は留守にします。"), to=RETURNS_ADDRESS)
    shown = text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}"))
    assert "the customer has written since" in shown
    ben.check()
    desk.clock.advance(hours=6)
    desk.post(message)
    assert len(postbox.mails) == 1 and desk.tickets()[0].awaits_us
    assert desk.as_(BEN).post(f"/messages/{message.id}/later").status_code == 200  # its author sends it all the same
    desk.post(message)
    assert len(postbox.mails) == 2
    ben.check()


def test_what_leaves_in_a_moment_is_not_held(desk: OpenDesk, postbox: Postbox) -> None:
    asked(desk)
    message = send(desk, body="はい")
    desk.mail(TANAKA, subject="Re: 電源が入らない [#1]", body="追伸です。", to=RETURNS_ADDRESS)
    desk.clock.advance(seconds=10)
    desk.post(message)
    assert len(postbox.mails) == 1


def test_held_is_also_what_was_to_leave_from_a_ticket_that_was_merged_into_this_one(
    desk: OpenDesk, postbox: Postbox
) -> None:
    asked(desk)
    desk.mail(subject="電源の件", to=RETURNS_ADDRESS)
    message = send(desk, body="16 時に伺います。", later="2026-11-16T15:00")
    assert desk.as_(BEN).post("/tickets/1/merge", data={"into": "2"}).status_code == 200
    ben = desk.screen_of(BEN, "/tickets/2")
    desk.mail(subject="Re: 電源の件 [#2]", body="今日は留守にします。", to=RETURNS_ADDRESS)
    shown = text_of(part(desk.as_(BEN).get("/tickets/2").text, f"message-{message.id}"))
    assert "the customer has written since" in shown
    ben.check()
    desk.clock.advance(hours=6)
    desk.post(message)
    assert not postbox.mails
    assert desk.as_(BEN).post(f"/messages/{message.id}/later").status_code == 200
    assert [ticket.awaits_us for ticket in desk.tickets()] == [False, False]
    desk.post(message)
    assert len(postbox.mails) == 1


# --- as it was -----------------------------------------------------------------------------------------------------


def undo(desk: OpenDesk, message: Message) -> None:
    assert desk.as_(BEN).post(f"/messages/{message.id}/undo").status_code == 200


def standing(desk: OpenDesk) -> tuple[str, int | None, bool]:
    """State, assignee and whether the customer waits."""
    ticket = desk.tickets()[0]
    return ticket.state.value, ticket.assignee_id, ticket.awaits_us


def test_taken_back_the_ticket_is_nobodys_again_as_it_was(desk: OpenDesk) -> None:
    ben = asked(desk)
    message = send(desk, body="はい")
    assert standing(desk) == ("open", desk.agent(BEN).id, False)
    undo(desk, message)
    assert standing(desk) == ("open", None, True)
    ben.check()


def test_taken_back_what_had_been_resolved_is_resolved_again_since_when_it_was(desk: OpenDesk) -> None:
    asked(desk)
    assert desk.as_(SATO).post("/tickets/1/resolve").status_code == 200
    since = desk.tickets()[0].resolved_at
    ben = desk.screen_of(BEN, "/tickets/1")
    desk.clock.advance(hours=1)
    message = send(desk, body="もう一点だけ。")
    assert standing(desk) == ("open", desk.agent(BEN).id, False)
    undo(desk, message)
    assert standing(desk) == ("resolved", None, False) and desk.tickets()[0].resolved_at == since
    ben.check()


def ways_back(desk: OpenDesk) -> list[str]:
    """Where what the key takes back on Ben's page is sent to, in the order of the page."""
    page = desk.as_(BEN).get("/tickets/1").text
    forms = re.findall(r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', page, re.DOTALL)
    return [action for action, controls in forms if "data-undo" in controls]


@pytest.mark.parametrize("state", ["nobody's", "resolved"])
def test_beside_a_mail_that_waits_no_other_undo_stands_that_would_let_it_leave(desk: OpenDesk, state: str) -> None:
    asked(desk)
    if state == "resolved":
        desk.as_(SATO).post("/tickets/1/resolve")
    message = send(desk, body="はい")
    assert ways_back(desk) == [f"/messages/{message.id}/undo"]
    desk.as_(BEN).post("/tickets/1/priority", data={"priority": "4"})
    assert ways_back(desk) == [f"/messages/{message.id}/undo", "/tickets/1/undo"], "what is done after it has its own"


def test_of_two_mails_taken_back_the_last_to_go_puts_the_ticket_back(desk: OpenDesk) -> None:
    asked(desk)
    desk.as_(SATO).post("/tickets/1/resolve")
    first, second = send(desk, body="はい"), send(desk, body="もう一つ")
    undo(desk, first)
    assert standing(desk) == ("open", desk.agent(BEN).id, False)
    undo(desk, second)
    assert standing(desk) == ("resolved", None, False)


def test_what_somebody_did_to_the_ticket_since_stays(desk: OpenDesk) -> None:
    asked(desk)
    desk.as_(SATO).post("/tickets/1/resolve")
    message = send(desk, body="はい")
    sato = desk.agent(SATO).id
    assert desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": sato}).status_code == 200
    for verb in ("resolve", "reopen"):
        desk.as_(SATO).post(f"/tickets/1/{verb}")
    undo(desk, message)
    assert standing(desk)[:2] == ("open", sato)


def test_what_was_given_to_its_author_meanwhile_stays_with_them(desk: OpenDesk) -> None:
    asked(desk)
    message = send(desk, body="はい")
    for agent_id in ("", desk.agent(BEN).id):
        desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": agent_id})
    undo(desk, message)
    assert standing(desk) == ("open", desk.agent(BEN).id, True)


def test_a_ticket_the_customer_wrote_in_meanwhile_stays_open(desk: OpenDesk) -> None:
    asked(desk)
    desk.as_(SATO).post("/tickets/1/resolve")
    message = send(desk, body="はい")
    desk.mail(subject="Re: 電源が入らない [#1]", body="まだ動きません。", to=RETURNS_ADDRESS)
    undo(desk, message)
    assert standing(desk) == ("open", None, True)


def test_what_awaited_approval_and_is_taken_back_leaves_the_ticket_to_nobody(desk: OpenDesk) -> None:
    asked(desk)
    queue = desk.queue("returns")

    def approving(db: Any) -> None:
        db.get(Queue, queue.id).needs_approval = True

    desk.write(approving)
    message = send(desk, body="はい")
    assert message.state == MessageState.AWAITING and standing(desk) == ("open", desk.agent(BEN).id, True)
    undo(desk, message)
    assert standing(desk) == ("open", None, True)


def test_a_mail_is_approved_also_where_its_ticket_was_merged_meanwhile(desk: OpenDesk, postbox: Postbox) -> None:
    asked(desk)
    desk.mail(subject="電源の件", to=RETURNS_ADDRESS)

    def approving(db: Any) -> None:
        db.get(Queue, desk.queue("returns").id).needs_approval = True

    desk.write(approving)
    message = send(desk, body="はい")
    desk.as_(BEN).post("/tickets/1/merge", data={"into": "2"})
    assert desk.as_(SATO).post(f"/messages/{message.id}/approve").status_code == 200
    desk.clock.advance(seconds=10)
    desk.post(message)
    assert len(postbox.mails) == 1 and [ticket.state.value for ticket in desk.tickets()] == ["resolved", "open"]
