"""Before a mail leaves: what its author is asked, who is writing, and whose approval it awaits."""

import re
from typing import Any

import pytest
from sqlmodel import col, select

from models import Attachment, Event, Message, MessageState, Note, ReplyLock, UnreachableAddress
from tests.cast import AIKO, AKIRA, BEN, RETURNS_ADDRESS, SATO, STRANGER, TANAKA, OpenDesk, Person, part, text_of
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
REPLY = "/tickets/1/reply"
FILE = {"attachments": ("見積書.pdf", b"%PDF", "application/pdf")}


@pytest.fixture
def ticket(desk: OpenDesk) -> int:
    """Ms. Tanaka wrote to returns, which Ben and Akira serve."""
    desk.mail(subject="返品したい", to=RETURNS_ADDRESS)
    join(desk, AKIRA)
    for person in (BEN, AKIRA):
        desk.as_(person)  # signed in, so that nobody's coming changes anything below
    return 1


def join(desk: OpenDesk, *people: Person) -> None:
    """They serve returns as well as Ben."""
    queue = desk.queue("returns")
    ids = [desk.agent(each).id for each in (BEN, *people)]
    asks(desk, agent_id=ids, **{name: "1" for name in ("warns_of_attachment", "warns_of_name", "warns_of_recipients",
                                                       "locks_reply")})  # fmt: skip
    assert queue.id == 2


def asks(desk: OpenDesk, **switches: Any) -> None:
    """A supervisor sets what returns asks, on its form: what is not named is off."""
    queue = desk.queue("returns")
    form = {"name": queue.name, "name_en": queue.name_en, "phone": queue.phone, "address": queue.address,
            "signature": queue.signature, "asks_safety": "1", "agent_id": serving(desk)} | switches  # fmt: skip
    assert desk.as_(SATO).post(f"/admin/queues/{queue.id}", data=form).status_code == 200


def serving(desk: OpenDesk) -> list[int]:
    """Who serves returns now."""
    page = desk.as_(SATO).get("/admin/queues/2").text
    return [int(each) for each in re.findall(r'name="agent_id" value="(\d+)" checked', page)]


def codes(page: str) -> list[str]:
    """What a page asks about."""
    return re.findall(r'<li data-code="(\w+)"', page)


def word(page: str) -> str:
    """What "send all the same" would say; "" where there is no such button."""
    found = re.search(r'name="confirmed" value="(\w+)"', page)
    return found[1] if found else ""


def tokens(page: str) -> list[str]:
    """The files the form holds."""
    return re.findall(r'name="kept" value="([^"]+)" checked', page)


def sent(desk: OpenDesk) -> list[Message]:
    """What the desk wrote in the ticket."""
    return [message for message in desk.messages(1) if message.direction == "out"]


# --- asked ---------------------------------------------------------------------------------------------------------


@SQLITE
@pytest.mark.parametrize(
    ("form", "asked"),
    [
        ({"body": "見積書を添付いたします。"}, ["attachment_forgotten"]),
        ({"body": "I have attached the label."}, ["attachment_forgotten"]),
        ({"body": "鈴木様\nお世話になっております。"}, ["wrong_name"]),
        ({"body": "Dear Mr Suzuki,\nthank you."}, ["wrong_name"]),
        ({"body": "はい", "cc": STRANGER.email}, ["new_recipients"]),
        ({"body": "はい", "cc": "a1@example.com,a2@example.com,a3@example.com,a4@example.com,a5@example.com"},
         ["new_recipients", "many_recipients"]),
        ({"body": "山田様\n資料を添付します。", "to": STRANGER.email},
         ["attachment_forgotten", "wrong_name", "new_recipients"]),
        ({"body": "田中様\nお世話になっております。返品を承りました。"}, []),
        ({"body": "領収書の写真を添付してご返信ください。"}, []),
    ],
)  # fmt: skip
def test_a_mail_is_halted_for_what_its_author_should_think_of(
    desk: OpenDesk, ticket: int, form: dict[str, str], asked: list[str]
) -> None:
    answer = desk.as_(BEN).post(REPLY, data=form)
    assert codes(answer.text) == asked
    assert answer.status_code == (422 if asked else 200) and len(sent(desk)) == (0 if asked else 1)
    if asked:  # with everything that was typed
        box = re.search(r'<textarea id="reply-1"[^>]*>(.*?)</textarea>', answer.text, re.DOTALL)
        assert box and box[1] == form["body"]
        fields = dict(re.findall(r'<input name="(to|cc)"[^>]* value="([^"]*)"', answer.text))
        assert fields == {"to": form.get("to", TANAKA.email), "cc": form.get("cc", "")}


def test_the_words_a_question_is_about_are_marked(desk: OpenDesk, ticket: int) -> None:
    page = desk.as_(BEN).post(REPLY, data={"body": "お世話になっております。\n<b>見積書</b>を添付いたします。"}).text
    assert "&lt;b&gt;見積書&lt;/b&gt;を<mark>添付</mark>いたします。" in part(page, "safety-1")


def test_said_all_the_same_the_mail_leaves_and_changed_it_is_asked_about_anew(desk: OpenDesk, ticket: int) -> None:
    form = {"body": "見積書を添付いたします。", "to": TANAKA.email, "cc": ""}
    said = word(desk.as_(BEN).post(REPLY, data=form).text)
    for change in ({"body": "見積書を添付いたします。\nはい"}, {"to": "tanaka@example.com,hanako@example.com"}):
        again = desk.as_(BEN).post(REPLY, data=form | change | {"confirmed": said})
        assert again.status_code == 422 and word(again.text) not in ("", said)
    other = desk.as_(AKIRA).post(REPLY, data=form | {"confirmed": said})
    assert other.status_code == 422  # nobody says it for somebody else
    assert not sent(desk)
    assert desk.as_(BEN).post(REPLY, data=form | {"confirmed": said}).status_code == 200
    assert [message.text for message in sent(desk)] == ["見積書を添付いたします。"]


def test_files_that_came_with_a_halted_mail_need_not_be_chosen_again(desk: OpenDesk, ticket: int) -> None:
    form: dict[str, Any] = {"body": "鈴木様\n見積書を添付いたします。"}
    page = desk.as_(BEN).post(REPLY, data=form, files=FILE).text
    assert codes(page) == ["wrong_name"] and "見積書.pdf" in part(page, "safety-1")
    form |= {"body": "田中様\n見積書を添付いたします。", "kept": tokens(page)}
    assert desk.as_(BEN).post(REPLY, data=form).status_code == 200
    (file,) = desk.read(lambda db: db.exec(select(Attachment)).all())
    assert (file.name, file.message_id, file.size_bytes) == ("見積書.pdf", sent(desk)[0].id, 4)


def test_a_form_can_fetch_no_file_it_was_not_given(desk: OpenDesk, ticket: int) -> None:
    (token,) = tokens(desk.as_(BEN).post(REPLY, data={"body": "鈴木様\nはい"}, files=FILE).text)
    for person, kept in ((AKIRA, token), (BEN, token[:-2] + "AA"), (BEN, "x")):
        answer = desk.as_(person).post(REPLY, data={"body": "はい", "kept": kept})
        assert answer.status_code == 422 and not sent(desk)
    desk.mail("山本 <yamamoto@example.net>", to=RETURNS_ADDRESS)
    assert desk.as_(BEN).post("/tickets/2/reply", data={"body": "はい", "kept": token}).status_code == 422


def test_recipients_are_shown_once_more_with_files_and_sizes_where_the_queue_asks(desk: OpenDesk, ticket: int) -> None:
    asks(desk, confirms_recipients="1", warns_of_recipients="1")
    form = {"body": "はい", "cc": STRANGER.email}
    page = desk.as_(BEN).post(REPLY, data=form, files=FILE).text
    shown = part(page, "safety-1")
    assert codes(page) == ["new_recipients", "recipients"]
    assert re.search(rf"data-outside[^>]*>{STRANGER.email}", shown) and not re.search(
        rf"data-outside[^>]*>{TANAKA.email}", shown
    )
    assert TANAKA.email in shown and "見積書.pdf" in shown and "4 B" in text_of(shown)
    asks(desk, confirms_recipients="1")
    page = desk.as_(BEN).post(REPLY, data={"body": "はい"}).text
    assert codes(page) == ["recipients"] and "Send it" in text_of(part(page, "safety-1"))
    assert desk.as_(BEN).post(REPLY, data={"body": "はい", "confirmed": word(page)}).status_code == 200


def test_whoever_the_customer_named_takes_part_and_a_stranger_who_quotes_the_ticket_does_not(desk: OpenDesk) -> None:
    asks(desk, warns_of_recipients="1")
    asked = desk.mail(subject="返品", to=RETURNS_ADDRESS, headers={"Cc": "boss@example.net"})
    desk.mail(STRANGER, subject="Re: 返品", headers={"In-Reply-To": asked}, to=RETURNS_ADDRESS)
    assert not codes(desk.as_(BEN).post(REPLY, data={"body": "はい", "cc": "BOSS@example.net"}).text)
    page = desk.as_(BEN).post(REPLY, data={"body": "二通目", "cc": STRANGER.email}).text
    assert codes(page) == ["new_recipients"] and "another domain" in text_of(part(page, "safety-1"))


def test_an_address_mail_came_back_from_is_asked_about(desk: OpenDesk, ticket: int) -> None:
    desk.write(lambda db: db.add(UnreachableAddress(key=TANAKA.email, status="5.1.1", at=desk.clock())))
    page = desk.as_(BEN).post(REPLY, data={"body": "はい", "to": "Tanaka@example.com"}).text
    assert codes(page) == ["unreachable"] and "Tanaka@example.com" in part(page, "safety-1")


def test_a_banned_word_stops_the_mail_and_only_a_supervisor_sends_it(desk: OpenDesk, ticket: int) -> None:
    asks(desk, banned_words="絶対に\nホショウ\n")
    form = {"body": "ほしょうします。"}
    page = desk.as_(BEN).post(REPLY, data=form).text
    assert codes(page) == ["banned_words"] and word(page) == "" and "<mark>ほしょう</mark>" in page
    said = word(desk.as_(SATO).post(REPLY, data=form).text)
    assert desk.as_(BEN).post(REPLY, data=form | {"confirmed": said}).status_code == 422
    assert not sent(desk)
    assert desk.as_(SATO).post(REPLY, data=form | {"confirmed": said}).status_code == 200 and len(sent(desk)) == 1


def test_what_a_queue_does_not_ask_nobody_is_asked(desk: OpenDesk, ticket: int) -> None:
    asks(desk)
    answer = desk.as_(BEN).post(REPLY, data={"body": "山田様\n添付します。", "cc": STRANGER.email})
    assert answer.status_code == 200 and len(sent(desk)) == 1


def test_what_cannot_be_sent_at_all_is_said_first(desk: OpenDesk, ticket: int) -> None:
    answer = desk.as_(BEN).post(REPLY, data={"body": "添付します。", "to": "no address"},
                                headers={"x-region": "x"})  # fmt: skip
    assert (answer.status_code, answer.text) == (422, "not_an_address")


def test_the_form_of_a_queue_shows_and_keeps_what_it_asks_and_the_change_is_written_down(desk: OpenDesk) -> None:
    names = ("needs_approval", "confirms_recipients", "warns_of_attachment", "warns_of_name", "warns_of_recipients",
             "locks_reply")  # fmt: skip
    page = desk.as_(SATO).get("/admin/queues/new").text
    ticked = [name for name in names if re.search(rf'name="{name}"[^>]* checked', page)]
    assert ticked == ["warns_of_attachment", "warns_of_name", "warns_of_recipients", "locks_reply"]
    asks(desk, needs_approval="1", banned_words=" 絶対に \n\n絶対に\n")
    queue = desk.queue("returns")
    assert [name for name in names if getattr(queue, name)] == ["needs_approval"] and queue.banned_words == ["絶対に"]
    (told,) = desk.read(lambda db: db.exec(select(Event).where(Event.fact == "queue_changed")).all())
    assert told.actor_id == desk.agent(SATO).id
    form = {"name": queue.name, "name_en": queue.name_en, "phone": queue.phone, "address": queue.address}
    desk.as_(SATO).post("/admin/queues/2", data=form)  # a form that does not ask changes nothing of it
    assert desk.queue("returns").needs_approval
    assert desk.as_(BEN).get("/admin/queues/2").status_code == 403


# --- one at a time -------------------------------------------------------------------------------------------------


def lock(desk: OpenDesk, person: Person, what: str = "take") -> str:
    """What somebody's browser says while its agent writes; who is writing, as its page then shows it."""
    answer = desk.as_(person).post("/tickets/1/lock", data={"what": what}, headers={"x-region": "lock-1"})
    assert answer.status_code == 200
    found = re.search(r'data-lock="(\w*)"', answer.text)
    assert found
    return found[1]


def test_while_one_writes_the_others_see_who_and_their_mail_is_refused_with_its_words(
    desk: OpenDesk, ticket: int
) -> None:
    akira = desk.screen_of(AKIRA, "/tickets/1")
    assert lock(desk, BEN) == "mine"
    akira.check()
    shown = part(desk.as_(AKIRA).get("/tickets/1").text, "lock-1")
    assert "Ben Carterさんが返信を作成中です。" in text_of(shown) and 'data-lock="other"' in shown
    assert lock(desk, AKIRA) == "other"
    answer = desk.as_(AKIRA).post(REPLY, data={"body": "承りました。"})
    assert answer.status_code == 409 and codes(answer.text) == ["reply_locked"] and not sent(desk)
    assert ">承りました。</textarea>" in answer.text and word(answer.text) == ""
    desk.reply(BEN, 1, "はい")
    akira.check()
    desk.clock.advance(minutes=2)
    assert desk.as_(AKIRA).post(REPLY, data={"body": "承りました。"}).status_code == 200


def test_a_lock_ends_a_minute_after_the_last_beat(desk: OpenDesk, ticket: int) -> None:
    lock(desk, BEN)
    desk.clock.advance(seconds=50)
    lock(desk, BEN)
    desk.clock.advance(seconds=50)
    assert lock(desk, AKIRA) == "other"
    desk.clock.advance(seconds=11)
    assert lock(desk, AKIRA) == "mine" and lock(desk, BEN) == "other"


def test_an_emptied_box_lets_go_and_nobody_lets_go_for_another(desk: OpenDesk, ticket: int) -> None:
    lock(desk, BEN)
    assert lock(desk, AKIRA, "release") == "other"
    assert lock(desk, BEN, "release") == "" and lock(desk, AKIRA) == "mine"


def test_whoever_takes_over_writes_and_the_other_is_told(desk: OpenDesk, ticket: int) -> None:
    lock(desk, BEN)
    ben = desk.screen_of(BEN, "/tickets/1")
    desk.as_(AKIRA).post("/tickets/1/lock", data={"what": "take_over"})
    ben.check()
    shown = text_of(part(desk.as_(BEN).get("/tickets/1").text, "lock-1"))
    assert "Kimura Akira has taken over the reply. Your words stay in the box." in shown
    assert desk.as_(BEN).post(REPLY, data={"body": "はい"}).status_code == 409
    assert desk.as_(AKIRA).post(REPLY, data={"body": "はい"}).status_code == 200
    assert desk.count(ReplyLock) == 0


def test_a_beat_is_no_fact_and_a_change_of_hands_is(desk: OpenDesk, ticket: int) -> None:
    before = desk.number()
    for _ in range(3):
        lock(desk, BEN)
    lock(desk, AKIRA, "take_over")
    lock(desk, AKIRA, "release")
    since = select(Event.fact).where(col(Event.id) > before).order_by(col(Event.id))
    facts = desk.read(lambda db: db.exec(since).all())
    assert facts == ["reply_locked", "reply_locked", "reply_unlocked"]


def test_where_the_queue_has_no_locks_two_may_write(desk: OpenDesk, ticket: int) -> None:
    asks(desk)
    assert lock(desk, BEN) == "" and lock(desk, AKIRA) == ""
    assert desk.count(ReplyLock) == 0


def test_who_may_not_see_a_ticket_learns_not_who_writes_in_it_and_locks_nothing(desk: OpenDesk, ticket: int) -> None:
    assert desk.as_(AIKO).get("/tickets/1/lock").status_code == 404
    assert desk.as_(AIKO).post("/tickets/1/lock", data={"what": "take"}).status_code == 404
    assert desk.as_(BEN).post("/tickets/1/lock", data={"what": "steal"}).status_code == 422
    assert desk.count(ReplyLock) == 0


# --- approval ------------------------------------------------------------------------------------------------------


@pytest.fixture
def awaiting(desk: OpenDesk, postbox: Postbox, ticket: int) -> Message:
    """Ben answered, and returns wants a second person to read it."""
    asks(desk, needs_approval="1")
    return desk.reply(BEN, 1, "返品を承りました。")


def test_a_mail_that_needs_approval_stays_here_until_somebody_else_lets_it_go(
    desk: OpenDesk, postbox: Postbox, awaiting: Message
) -> None:
    ben, akira = desk.screen_of(BEN, "/tickets/1"), desk.screen_of(AKIRA, "/approvals")
    assert awaiting.state == MessageState.AWAITING
    desk.post(awaiting)
    assert not postbox.mails and desk.tickets()[0].awaits_us
    assert "返品を承りました。" in text_of(akira.loaded) and "Ben Carter" in text_of(akira.loaded)
    assert desk.as_(AKIRA).post(f"/messages/{awaiting.id}/approve").status_code == 200
    ben.check()
    akira.check()
    message = sent(desk)[0]
    assert message.approved_by_id == desk.agent(AKIRA).id and message.author_id == desk.agent(BEN).id
    assert not desk.tickets()[0].awaits_us
    assert "Approved by Kimura Akira" in text_of(desk.as_(BEN).get("/tickets/1").text)
    desk.clock.advance(minutes=1)
    desk.post(message)
    assert [envelope.rcpt_tos for envelope, _ in postbox.mails] == [[TANAKA.email]]


def test_nobody_approves_their_own_mail_not_even_a_supervisor(desk: OpenDesk, awaiting: Message) -> None:
    assert desk.as_(BEN).post(f"/messages/{awaiting.id}/approve").status_code == 403
    assert desk.as_(BEN).post(f"/messages/{awaiting.id}/return", data={"reason": "x"}).status_code == 403
    own = desk.reply(SATO, 1, "承認者からの返信です。")
    assert own.state == MessageState.AWAITING
    assert desk.as_(SATO).post(f"/messages/{own.id}/approve").status_code == 403
    assert desk.as_(AIKO).post(f"/messages/{awaiting.id}/approve").status_code == 404  # serves another queue
    assert f"/messages/{awaiting.id}/approve" not in desk.as_(BEN).get("/tickets/1").text
    assert f"/messages/{awaiting.id}/approve" in desk.as_(AKIRA).get("/tickets/1").text


def test_sent_back_the_mail_reaches_nobody_and_its_author_reads_why(
    desk: OpenDesk, postbox: Postbox, awaiting: Message
) -> None:
    ben = desk.screen_of(BEN, "/tickets/1")
    assert desk.as_(AKIRA).post(f"/messages/{awaiting.id}/return", data={"reason": " "}).status_code == 422
    desk.as_(AKIRA).post(f"/messages/{awaiting.id}/return", data={"reason": "送料を書いてください。"})
    ben.check()
    desk.post(awaiting)
    assert not postbox.mails and sent(desk)[0].state == MessageState.WITHDRAWN
    (note,) = desk.read(lambda db: db.exec(select(Note)).all())
    assert (note.text, note.author_id) == ("送料を書いてください。", desk.agent(AKIRA).id)
    page = desk.as_(BEN).get("/tickets/1").text
    assert "Not approved; nobody got it" in text_of(part(page, f"message-{awaiting.id}"))
    assert f'id="message-{awaiting.id}"' not in desk.as_(AKIRA).get("/tickets/1").text
    again = desk.as_(BEN).get(f"/tickets/1?again={awaiting.id}").text
    box = re.search(r'<textarea id="reply-1"[^>]*>(.*?)</textarea>', again, re.DOTALL)
    assert box and box[1] == "返品を承りました。"
    assert desk.as_(AKIRA).post(f"/messages/{awaiting.id}/approve").status_code == 409
    desk.reply(BEN, 1, "返品を承りました。")  # the same words count as another mail
    assert [message.state for message in sent(desk)] == [MessageState.WITHDRAWN, MessageState.AWAITING]


def test_its_author_takes_a_mail_back_and_then_nobody_can_approve_it(desk: OpenDesk, awaiting: Message) -> None:
    desk.as_(BEN).post(f"/messages/{awaiting.id}/undo")
    assert sent(desk)[0].state == MessageState.WITHDRAWN
    assert desk.as_(AKIRA).post(f"/messages/{awaiting.id}/approve").status_code == 409
    assert "Nothing awaits approval" in text_of(desk.as_(BEN).get("/approvals").text)


def test_the_rail_counts_what_awaits_an_agent_and_not_what_the_agent_wrote(desk: OpenDesk, awaiting: Message) -> None:
    def count(person: Person) -> str:
        link = re.search(r'<a href="/approvals".*?</a>', desk.as_(person).get("/rail").text, re.DOTALL)
        return text_of(link[0]) if link else ""

    assert (count(BEN), count(AKIRA), count(SATO)) == ("Awaiting approval", "承認待ち 1", "承認待ち 1")
    assert count(AIKO) == ""  # neither of her queues asks for it


def test_who_approves_is_told_that_the_customer_has_written_since(desk: OpenDesk, awaiting: Message) -> None:
    asked = desk.messages(1)[0].internet_id
    desk.mail(
        TANAKA, subject="Re: 返品したい", body="やはり交換で。", headers={"In-Reply-To": asked}, to=RETURNS_ADDRESS
    )
    page = part(desk.as_(AKIRA).get("/tickets/1").text, f"message-{awaiting.id}")
    assert "お客様から新しいメールが届いています" in text_of(page)
    desk.as_(AKIRA).post(f"/messages/{awaiting.id}/approve")
    assert desk.tickets()[0].awaits_us  # the new words are not answered yet


def test_two_who_decide_at_once_decide_once(desk: OpenDesk, awaiting: Message) -> None:
    first = desk.as_(AKIRA).post(f"/messages/{awaiting.id}/approve")
    second = desk.as_(SATO).post(f"/messages/{awaiting.id}/return", data={"reason": "待って"})
    assert (first.status_code, second.status_code) == (200, 409)
    assert desk.count(Note) == 0 and sent(desk)[0].state == MessageState.QUEUED
