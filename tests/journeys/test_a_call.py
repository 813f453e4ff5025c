"""A call, from the telephone system's callback to the wrapped-up ticket."""

import re
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from models import (
    Agent,
    AgentState,
    CallFact,
    ContactPoint,
    Outcome,
    PointSource,
    Presence,
    Routing,
    Ticket,
    TicketState,
)
from tests.cast import (
    AIKO,
    AKIRA,
    BEN,
    RETURNS_NUMBER,
    SATO,
    STRANGER,
    SUZUKI,
    SUZUKI_WIFE,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
    Person,
    part,
    text_of,
)

JAPAN = ZoneInfo("Asia/Tokyo")
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def state_of(desk: OpenDesk, person: Person) -> str:
    """What an agent is doing."""
    return desk.read(
        lambda db: db.exec(
            select(AgentState.state).join(Agent, Agent.id == AgentState.agent_id)
            .where(Agent.email == person.email, AgentState.ended_at.is_(None))  # type: ignore[union-attr]
        ).one().value
    )  # fmt: skip


def does(desk: OpenDesk, person: Person, call_sid: str, verb: str, **form: Any) -> Any:
    """An agent presses a button of the card."""
    return desk.as_(person).post(f"/calls/{desk.call(call_sid).id}/{verb}", data=form)


def on_page(desk: OpenDesk, person: Person, call_sid: str, page: str = "/inbox") -> str:
    """The card as a page shows it, without tags; "" when it is not there."""
    return text_of(part(desk.as_(person).get(page).text, f"call-{desk.call(call_sid).id}"))


# --- ringing -----------------------------------------------------------------------------------------------------


def test_a_call_pops_on_the_screens_of_those_who_serve_the_dialed_queue_and_no_others(desk: OpenDesk) -> None:
    desk.ready(AIKO, BEN)
    aiko, ben = desk.screen_of(AIKO), desk.screen_of(BEN)
    desk.twilio.rings("CA-1")
    assert aiko.pops == ["CA-1"]
    assert ben.pops == []
    assert TANAKA.name in aiko.card("CA-1") and "登録番号" in aiko.card("CA-1")
    aiko.check()
    ben.check()


def test_the_card_says_who_calls_how_we_know_what_is_open_our_last_words_and_what_was_bought(desk: OpenDesk) -> None:
    desk.mail(TANAKA, subject="保証書が見つかりません")
    desk.clock.advance(days=2)
    desk.ready(AIKO)
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)  # another queue than her open ticket's, so that both are shown
    desk.ready(BEN)
    card = on_page(desk, BEN, "CA-1")
    for words in (TANAKA.name, "Tanaka Misaki", "090-1234-5678", "Registered number", "保証書が見つかりません",
                  "コードレス掃除機 KZ-200", "Mon 16 Nov 2026, 10:00"):  # fmt: skip
        assert words in card, (words, card)


def test_a_repeated_webhook_pops_only_once(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    first, again = desk.twilio.rings("CA-1"), desk.twilio.rings("CA-1")
    assert aiko.pops == ["CA-1"]
    assert len(desk.calls()) == 1 and len(desk.tickets()) == 1
    assert again.text == first.text


def test_only_members_who_are_ready_are_shown_the_call(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko, akira, sato = desk.screen_of(AIKO), desk.screen_of(AKIRA), desk.screen_of(SATO)
    desk.twilio.rings("CA-1")
    assert (aiko.pops, akira.pops, sato.pops) == (["CA-1"], [], [])
    for screen in (aiko, akira, sato):
        screen.check()


def test_their_telephones_ring_with_the_screen(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    answer = desk.twilio.rings("CA-1")
    assert f">{AIKO.phone}</Number>" in answer.text and AKIRA.phone not in answer.text
    assert answer.headers["content-type"].startswith("application/xml")


def test_with_nobody_ready_the_caller_waits_and_who_becomes_ready_sees_the_call(desk: OpenDesk) -> None:
    screens = {person: desk.screen_of(person) for person in (AKIRA, BEN)}
    answer = desk.twilio.rings("CA-1")
    assert "<Enqueue" in answer.text
    assert not screens[AKIRA].pops
    desk.ready(AKIRA, BEN)
    assert screens[AKIRA].pops == ["CA-1"] and not screens[BEN].pops
    screens[AKIRA].check()


def test_a_call_to_the_desks_other_number_goes_to_the_other_queue(desk: OpenDesk) -> None:
    desk.ready(AIKO, BEN)
    aiko, ben = desk.screen_of(AIKO), desk.screen_of(BEN)
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
    assert (aiko.pops, ben.pops) == ([], ["CA-1"])
    assert desk.queue_of(desk.tickets()[0]) == "returns"
    assert desk.tickets()[0].routed_by == "by_dialed_number"


def test_a_call_to_a_number_of_no_queue_waits_in_triage_for_want_of_words(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.twilio.rings("CA-1", to="+81355500199")
    (ticket,) = desk.tickets()
    assert desk.queue_of(ticket) == "triage" and ticket.routed_by == "no_words_yet"
    assert aiko.pops == ["CA-1"]


# --- who calls ---------------------------------------------------------------------------------------------------


def test_one_customer_at_the_number_is_matched_with_the_reason(desk: OpenDesk) -> None:
    desk.twilio.rings("CA-1")
    call = desk.call("CA-1")
    assert (call.customer_id, call.match) == (desk.customer(TANAKA).id, "profile")


def test_the_number_is_known_in_every_spelling(desk: OpenDesk) -> None:
    for spelling in ("+819012345678", "090-1234-5678", "０９０１２３４５６７８", "sip:+819012345678@sip.example.com"):
        desk.twilio.rings(f"CA-{spelling}", caller=spelling)
        assert desk.call(f"CA-{spelling}").customer_id == desk.customer(TANAKA).id


def test_a_number_shared_by_several_is_asked_about_and_never_picked(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.twilio.rings("CA-1", caller=SUZUKI.phone)
    call = desk.call("CA-1")
    assert (call.customer_id, call.match) == (None, "several")
    assert desk.tickets()[0].customer_id is None
    card = aiko.card("CA-1")
    assert SUZUKI.name in card and SUZUKI_WIFE.name in card


def test_the_choice_is_learned_for_the_next_call_and_a_later_choice_replaces_it(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.twilio.rings("CA-1", caller=SUZUKI.phone)
    does(desk, AIKO, "CA-1", "customer", customer_id=desk.customer(SUZUKI_WIFE).id)
    assert desk.call("CA-1").customer_id == desk.customer(SUZUKI_WIFE).id
    assert desk.tickets()[0].customer_id == desk.customer(SUZUKI_WIFE).id
    aiko.check()
    desk.twilio.rings("CA-2", caller=SUZUKI.phone)
    assert (desk.call("CA-2").customer_id, desk.call("CA-2").match) == (desk.customer(SUZUKI_WIFE).id, "learned")
    does(desk, AIKO, "CA-2", "customer", customer_id=desk.customer(SUZUKI).id)
    desk.twilio.rings("CA-3", caller=SUZUKI.phone)
    assert (desk.call("CA-3").customer_id, desk.call("CA-3").match) == (desk.customer(SUZUKI).id, "learned")
    aiko.check()


def test_nobody_at_the_number_gets_a_form_in_which_it_is_filled_in(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.twilio.rings("CA-1", caller=STRANGER.phone)
    assert (desk.call("CA-1").customer_id, desk.call("CA-1").match) == (None, "nobody")
    assert "050-1111-2222" in aiko.card("CA-1")
    assert "/customer/new" in aiko.cards[f"call-{desk.call('CA-1').id}"]
    does(desk, AIKO, "CA-1", "customer/new", name="中村 葵", reading="なかむら あおい")
    made = desk.customer(Person("中村 葵", ""))
    assert desk.call("CA-1").customer_id == made.id == desk.tickets()[0].customer_id
    (point,) = desk.read(lambda db: db.exec(select(ContactPoint).where(ContactPoint.customer_id == made.id)).all())
    assert (point.key, point.source) == (STRANGER.phone, PointSource.LEARNED)
    aiko.check()
    desk.twilio.rings("CA-2", caller=STRANGER.phone)
    assert desk.call("CA-2").customer_id == made.id


@pytest.mark.parametrize("caller", ["anonymous", "+266696687", "Restricted", "", "非通知"])
def test_a_withheld_number_is_matched_to_nobody_and_stored_nowhere(desk: OpenDesk, caller: str) -> None:
    hidden = TANAKA.phone  # the network knows it, and we must not
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    before = desk.everything_kept().count(hidden.removeprefix("+81"))
    desk.twilio.rings("CA-1", caller=caller, **{"SipHeader_P-Asserted-Identity": f"<sip:{hidden}@carrier.example.net>",
                                                "CallerName": "TANAKA MISAKI"})  # fmt: skip
    call = desk.call("CA-1")
    assert (call.number, call.number_typed, call.customer_id, call.match) == ("", "", None, "withheld")
    assert call.is_withheld and desk.tickets()[0].customer_id is None
    assert aiko.card("CA-1").count("非通知") == 1 and "新規顧客" not in aiko.card("CA-1")
    kept = desk.everything_kept()
    assert kept.count(hidden.removeprefix("+81")) == before and "TANAKA MISAKI" not in kept
    for page in ("/inbox", "/calls", f"/tickets/{call.ticket_id}", "/queues"):
        shown = text_of(desk.as_(AIKO).get(page).text)
        assert TANAKA.name not in shown and "090-1234-5678" not in shown and "9012345678" not in shown


def test_a_customer_made_for_a_withheld_call_gets_no_number(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1", caller="anonymous")
    does(desk, AIKO, "CA-1", "customer/new", name="中村 葵")
    made = desk.customer(Person("中村 葵", ""))
    assert desk.call("CA-1").customer_id == made.id and desk.call("CA-1").match == "withheld"
    assert not desk.read(lambda db: db.exec(select(ContactPoint).where(ContactPoint.customer_id == made.id)).all())


# --- taking it ---------------------------------------------------------------------------------------------------


def test_the_accepted_call_stays_with_its_agent_and_leaves_the_other_screens(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    desk.twilio.rings("CA-1")
    assert akira.pops == ["CA-1"]
    does(desk, AIKO, "CA-1", "accept")
    assert aiko.pops == ["CA-1"] and akira.pops == []
    assert state_of(desk, AIKO) == Presence.BUSY
    assert desk.tickets()[0].assignee_id == desk.agent(AIKO).id
    aiko.check()
    akira.check()
    refused = does(desk, AKIRA, "CA-1", "accept")
    assert refused.status_code == 409 and "ほかの人がすでに応答しています" in text_of(refused.text)
    assert does(desk, AIKO, "CA-1", "accept").status_code == 200  # twice by the same agent changes nothing


def test_a_call_that_is_over_cannot_be_accepted(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    desk.twilio.says("CA-1", "completed")
    assert does(desk, AIKO, "CA-1", "accept").status_code == 409


def test_a_declined_card_leaves_this_screen_and_stays_on_the_others(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    desk.twilio.rings("CA-1")
    told = does(desk, AIKO, "CA-1", "decline").text
    assert "電話は切れていません" in told, "whoever is new here would fear so"
    assert aiko.pops == [] and akira.pops == ["CA-1"]
    aiko.check()
    akira.check()


def test_nobody_may_touch_a_call_of_another_queue(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    for verb in ("accept", "decline", "customer", "customer/new", "ticket", "note", "wrap-up"):
        assert does(desk, BEN, "CA-1", verb, disposition="solved", name="x", customer_id="1").status_code == 404
    assert desk.call("CA-1").agent_id is None
    assert desk.as_(BEN).get(f"/calls/{desk.call('CA-1').id}").status_code == 404


def test_whoever_answers_at_the_telephone_has_the_call(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    desk.twilio.rings("CA-1")
    desk.clock.advance(seconds=9)
    desk.twilio.says("CA-leg", "in-progress", sequence=2, caller=TECH_NUMBER, to=AKIRA.phone, parent="CA-1")
    assert desk.call("CA-1").agent_id == desk.agent(AKIRA).id
    assert (aiko.pops, akira.pops) == ([], ["CA-1"])
    assert state_of(desk, AKIRA) == Presence.BUSY and state_of(desk, AIKO) == Presence.READY
    assert desk.tickets()[0].assignee_id == desk.agent(AKIRA).id
    aiko.check()
    akira.check()


# --- what it is about --------------------------------------------------------------------------------------------


def test_a_call_joins_the_callers_one_open_ticket_of_the_dialed_queue(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    ticket_id = desk.tickets()[0].id
    aiko = desk.screen_of(AIKO)
    desk.clock.advance(hours=2)
    desk.twilio.rings("CA-2")
    assert [ticket.id for ticket in desk.tickets()] == [ticket_id]
    assert desk.call("CA-2").ticket_id == ticket_id
    aiko.check()


def test_the_card_says_when_the_customer_last_wrote_also_where_the_call_joins_that_ticket(desk: OpenDesk) -> None:
    desk.mail(TANAKA, subject="保証書が見つかりません")
    wrote_at = desk.clock().astimezone(JAPAN)
    desk.write(lambda db: setattr(db.get(Ticket, 1), "queue_id", desk.queue("tech_support").id))
    desk.clock.advance(days=1)
    desk.ready(AIKO)
    desk.twilio.rings("CA-1", to=TECH_NUMBER)
    assert desk.call("CA-1").ticket_id == 1
    said = re.search(r"最終連絡 (\S+ \S+)", on_page(desk, AIKO, "CA-1"))
    assert said and said[1].endswith(f"{wrote_at:%H:%M}") and f"{wrote_at:%m/%d}" in said[1]


def test_it_does_not_join_a_ticket_of_another_queue_or_one_of_two(desk: OpenDesk) -> None:
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
    desk.twilio.rings("CA-2")
    first, second = desk.tickets()
    assert desk.call("CA-2").ticket_id == second.id != first.id
    desk.twilio.rings("CA-3", to=TECH_NUMBER)  # two are open now: the agent decides
    assert desk.call("CA-3").ticket_id not in (first.id, second.id)


def test_it_does_not_join_a_resolved_ticket_or_one_that_moved_too_long_ago(desk: OpenDesk) -> None:
    desk.twilio.rings("CA-1")
    first = desk.tickets()[0]
    desk.clock.advance(days=desk.settings.open_ticket_days + 1)
    desk.twilio.rings("CA-2")
    second = desk.tickets()[1]
    desk.as_(AIKO).post(f"/tickets/{first.id}/resolve")
    desk.as_(AIKO).post(f"/tickets/{second.id}/resolve")
    desk.twilio.rings("CA-3")
    assert desk.call("CA-3").ticket_id not in (first.id, second.id)


def test_the_agent_may_say_that_the_call_is_about_another_matter(desk: OpenDesk) -> None:
    desk.mail(TANAKA, subject="保証書が見つかりません")
    desk.write(lambda db: setattr(db.get(Ticket, 1), "queue_id", desk.queue("triage").id))
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    opened = desk.call("CA-1").ticket_id
    does(desk, AIKO, "CA-1", "accept")
    aiko = desk.screen_of(AIKO)
    does(desk, AIKO, "CA-1", "ticket", ticket_id=1)
    assert desk.call("CA-1").ticket_id == 1 != opened
    aiko.check()
    does(desk, AIKO, "CA-1", "ticket", ticket_id="")
    assert desk.call("CA-1").ticket_id not in (1, opened)
    aiko.check()


def test_a_ticket_one_may_not_see_cannot_be_named(desk: OpenDesk) -> None:
    desk.mail(TANAKA, to="returns@desk.example.jp")
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    before = desk.call("CA-1").ticket_id
    assert does(desk, AIKO, "CA-1", "ticket", ticket_id=desk.tickets()[0].id).status_code == 404
    assert desk.call("CA-1").ticket_id == before


# --- wrapping up -------------------------------------------------------------------------------------------------


def talked(desk: OpenDesk, call_sid: str = "CA-1", **more: str) -> None:
    """Aiko answers a call at her telephone and talks for two minutes."""
    desk.twilio.rings(call_sid, **more)
    desk.clock.advance(seconds=10)
    desk.twilio.says(f"{call_sid}-leg", "in-progress", sequence=2, caller=TECH_NUMBER, to=AIKO.phone, parent=call_sid)
    desk.clock.advance(seconds=120)
    desk.twilio.says(call_sid, "completed", sequence=3, **more)


def test_after_the_call_the_agent_wraps_up_and_is_ready_again(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    talked(desk)
    assert state_of(desk, AIKO) == Presence.WRAP_UP
    assert aiko.pops == ["CA-1"]
    assert 'data-state="wrap_up"' in aiko.cards[f"call-{desk.call('CA-1').id}"]
    aiko.check()
    refused = does(desk, AIKO, "CA-1", "wrap-up", note="説明した")
    assert refused.status_code == 422
    assert desk.call("CA-1").wrapped_up_at is None
    desk.clock.advance(seconds=30)
    assert does(desk, AIKO, "CA-1", "wrap-up", note="電源の入れ方を説明した", disposition="solved").status_code == 200
    call = desk.call("CA-1")
    assert (call.note, call.disposition, call.wrap_up_seconds) == ("電源の入れ方を説明した", "solved", 30)
    assert (call.wait_seconds, call.talk_seconds, call.outcome) == (10, 120, Outcome.ANSWERED)
    assert state_of(desk, AIKO) == Presence.READY
    assert aiko.pops == []
    aiko.check()


@SQLITE
@pytest.mark.parametrize("disposition", ["", "made_up"])
def test_a_wrap_up_without_a_known_disposition_is_refused(desk: OpenDesk, disposition: str) -> None:
    desk.ready(AIKO)
    talked(desk)
    assert does(desk, AIKO, "CA-1", "wrap-up", note="x", disposition=disposition).status_code == 422
    assert state_of(desk, AIKO) == Presence.WRAP_UP


def outcomes(desk: OpenDesk) -> dict[str, str]:
    """What the card says each outcome does to the ticket, by the outcome's words."""
    card = part(desk.as_(AIKO).get("/inbox").text, f"call-{desk.call('CA-1').id}")
    said = dict(re.findall(r'<small id="([^"]+)">([^<]+)</small>', card))
    described = re.findall(r'<input [^>]*aria-describedby="([^"]+)"[^>]*><span>([^<]+)</span>', card)
    return {words: said[name] for name, words in described}


def test_the_card_says_before_it_is_chosen_what_an_outcome_does_to_the_ticket_and_that_happens(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    talked(desk)
    said = outcomes(desk)
    assert said["解決"].startswith("問い合わせも解決済みになります") and "要返信" in said["折り返し"]
    assert said["その他"] == "問い合わせは対応中のまま残ります" and len(said) == 7
    does(desk, AIKO, "CA-1", "wrap-up", note="電源の入れ方を説明した", disposition="solved")
    page = desk.as_(AIKO).get(f"/tickets/{desk.call('CA-1').ticket_id}").text
    assert desk.tickets()[0].state == TicketState.RESOLVED and "data-undo" in part(page, "done-1"), (
        "and taken back there"
    )


def test_a_solved_call_about_a_mail_or_with_a_field_to_fill_in_leaves_the_ticket_open_as_the_card_says(
    desk: OpenDesk,
) -> None:
    desk.mail()
    desk.ready(AIKO)
    talked(desk)
    does(desk, AIKO, "CA-1", "ticket", ticket_id="1")
    assert "メールで届いた" in outcomes(desk)["解決"]
    does(desk, AIKO, "CA-1", "ticket", ticket_id="")
    field = {"name": "型番", "key": "kataban", "kind": "text", "is_required": "on"}
    desk.as_(SATO).post("/admin/fields/new", data=field)
    aiko = desk.screen_of(AIKO)
    assert "未入力の項目" in outcomes(desk)["解決"]
    ticket_id = desk.call("CA-1").ticket_id
    desk.as_(AIKO).post(f"/tickets/{ticket_id}/fields", data={"was-kataban": "", "field-kataban": "KZ-2"})
    assert "問い合わせも解決済みになります" in aiko.card("CA-1"), "as soon as it is filled in"
    aiko.check()
    desk.as_(AIKO).post(f"/tickets/{ticket_id}/fields", data={"was-kataban": "KZ-2", "field-kataban": ""})
    does(desk, AIKO, "CA-1", "wrap-up", note="", disposition="solved")
    assert {ticket.state for ticket in desk.tickets()} == {TicketState.OPEN}


def test_only_whoever_took_the_call_may_wrap_it_up_or_note_it(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    talked(desk)
    assert does(desk, AKIRA, "CA-1", "wrap-up", note="x", disposition="solved").status_code == 409
    assert does(desk, AKIRA, "CA-1", "note", note="x").status_code == 409
    assert desk.call("CA-1").wrapped_up_at is None and desk.call("CA-1").note == ""


def test_what_is_typed_while_talking_is_kept_as_it_is_typed(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    assert saves(desk, "型番は KZ-2") == "型番は KZ-2"
    assert "型番は KZ-2" in on_page(desk, AIKO, "CA-1")


def saves(desk: OpenDesk, note: str, *seen: str) -> str:
    """What a window of Aiko's saves as she types, and the note that the desk has now."""
    answer = desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/note", data={"note": note, "seen": [*seen]},
                                 headers={"accept": "*/*", "x-desk-save": "1"})  # fmt: skip
    assert answer.status_code == 200
    return str(answer.json()["note"])


def test_two_windows_that_save_a_note_overwrite_nothing_of_each_other(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    assert saves(desk, "型番", "") == "型番"
    assert saves(desk, "型番は KZ-2", "型番") == "型番は KZ-2"
    assert saves(desk, "夕方に", "") == "型番は KZ-2\n夕方に", "the other window had seen nothing yet"
    assert saves(desk, "夕方に", "") == "型番は KZ-2\n夕方に", "which it says twice where it heard no answer"
    assert saves(desk, "型番", "型番") == "型番は KZ-2\n夕方に", "nothing was typed there"
    assert saves(desk, "型番は KZ-2です", "型番", "型番は KZ-2") == "型番は KZ-2\n夕方に\nです"
    assert saves(desk, "やり直し", "型番は KZ-2\r\n夕方に\r\nです") == "やり直し", "what was seen is changed at will"
    desk.twilio.says("CA-1", "completed", sequence=3)
    does(desk, AIKO, "CA-1", "wrap-up", note="電池も", seen="", disposition="solved")
    assert desk.call("CA-1").note == "やり直し\n電池も"


def test_the_call_is_a_bubble_in_the_tickets_conversation_with_its_note(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    talked(desk)
    ticket_id = desk.call("CA-1").ticket_id
    aiko = desk.screen_of(AIKO, f"/tickets/{ticket_id}")
    does(desk, AIKO, "CA-1", "wrap-up", note="電源の入れ方を説明した", disposition="follow_up")
    bubble = text_of(part(desk.as_(AIKO).get(f"/tickets/{ticket_id}").text, f"entry-call-{desk.call('CA-1').id}"))
    for words in ("電源の入れ方を説明した", AIKO.name, "090-1234-5678", "2:00", "0:10"):
        assert words in bubble, (words, bubble)
    ticket = desk.tickets()[0]
    assert ticket.snippet == "電源の入れ方を説明した" and ticket.awaits_us
    aiko.check()


def test_the_agent_is_not_ready_while_another_call_waits_for_its_wrap_up(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    talked(desk, "CA-1")
    talked(desk, "CA-2", caller=STRANGER.phone)
    does(desk, AIKO, "CA-1", "wrap-up", note="", disposition="solved")
    assert state_of(desk, AIKO) == Presence.WRAP_UP
    does(desk, AIKO, "CA-2", "wrap-up", note="", disposition="solved")
    assert state_of(desk, AIKO) == Presence.READY


def test_a_call_that_rings_during_the_wrap_up_is_shown_when_it_is_done(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    talked(desk)
    aiko = desk.screen_of(AIKO)
    desk.twilio.rings("CA-2", caller=STRANGER.phone)
    assert aiko.pops == ["CA-1"]
    does(desk, AIKO, "CA-1", "wrap-up", note="", disposition="solved")
    assert aiko.pops == ["CA-2"]
    aiko.check()


def test_a_wrap_up_ends_a_call_whose_hang_up_was_lost(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    desk.clock.advance(seconds=60)
    does(desk, AIKO, "CA-1", "wrap-up", note="", disposition="other")
    call = desk.call("CA-1")
    assert (call.state.value, call.outcome, call.talk_seconds) == ("ended", Outcome.ANSWERED, 60)


def test_after_the_wrap_up_the_classifier_reads_the_notes_of_a_call_nobody_had_words_for(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    talked(desk, "CA-1", to="+81355500199")
    before = desk.tickets()[0]
    assert desk.queue_of(before) == "triage"
    note = "購入した靴のサイズが合わないので返品したい。返送用の箱と返品の手続きの案内を希望。"
    does(desk, AIKO, "CA-1", "wrap-up", disposition="follow_up", note=note)
    decisions = desk.read(lambda db: db.exec(select(Routing).order_by(Routing.id)).all())  # type: ignore[arg-type]
    assert [decision.reason for decision in decisions][0] == "no_words_yet"
    assert decisions[-1].label == "returns" and decisions[-1].confidence > 0 and decisions[-1].version
    expected = "returns" if decisions[-1].confidence >= decisions[-1].threshold else "triage"
    assert desk.queue_of(desk.tickets()[0]) == expected


def test_the_notes_of_a_call_to_a_queues_number_are_an_opinion_and_move_nothing(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    talked(desk)
    note = "靴のサイズが合わないので返品したいとのこと。返品希望。"
    does(desk, AIKO, "CA-1", "wrap-up", disposition="follow_up", note=note)
    assert desk.queue_of(desk.tickets()[0]) == "tech_support"
    last = desk.read(lambda db: db.exec(select(Routing).order_by(Routing.id.desc())).first())  # type: ignore[union-attr]
    assert (last.reason, last.label) == ("by_dialed_number", "returns")


# --- how it ended ------------------------------------------------------------------------------------------------


def test_a_caller_who_hangs_up_while_it_rings_is_abandoned_and_leaves_the_screens(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.twilio.rings("CA-1")
    desk.clock.advance(seconds=14)
    desk.twilio.says("CA-1", "completed")
    call = desk.call("CA-1")
    assert (call.outcome, call.wait_seconds, call.agent_id) == (Outcome.ABANDONED, 14, None)
    assert aiko.pops == [] and desk.tickets()[0].awaits_us
    aiko.check()


def test_a_call_that_rang_and_nobody_took_is_missed(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO, "/calls")
    desk.twilio.rings("CA-1")
    desk.clock.advance(seconds=25)
    desk.twilio.says("CA-1", "no-answer")
    assert desk.call("CA-1").outcome == Outcome.MISSED
    aiko.check()
    assert "090-1234-5678" in text_of(desk.as_(AIKO).get("/calls?filter=missed").text)
    assert "090-1234-5678" not in text_of(part(desk.as_(AIKO).get("/calls?filter=abandoned").text, "calls"))


def test_when_nobody_picks_up_the_caller_hears_an_apology(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    answer = desk.twilio.posts("/hooks/twilio/dialed", {
        "CallSid": "CA-1", "AccountSid": "AC1", "From": TANAKA.phone, "To": TECH_NUMBER, "CallStatus": "in-progress",
        "Direction": "inbound", "DialCallStatus": "no-answer", "DialCallSid": "CA-leg"})  # fmt: skip
    assert "<Hangup" in answer.text and "申し訳ございません" in answer.text
    assert desk.call("CA-1").outcome == Outcome.OPEN  # the caller is still there


# --- any order, repeated, late -----------------------------------------------------------------------------------


def _posts(desk: OpenDesk, story: str) -> list[Any]:
    """The callbacks of a whole call, as functions that post them."""
    twilio, start = desk.twilio, desk.clock()
    leg = {"caller": TECH_NUMBER, "to": AIKO.phone, "parent": "CA-1"}

    def said(after: int, *args: Any, **kwargs: Any) -> Any:
        def post() -> None:
            now, desk.clock.now = desk.clock.now, start
            desk.clock.advance(seconds=after)  # the moment Twilio writes into the callback
            assert twilio.says(*args, **kwargs).status_code == 200
            desk.clock.now = now

        return post

    def rings() -> None:
        assert twilio.rings("CA-1").status_code == 200

    return {
        "answered": [
            rings,
            said(1, "CA-leg", "ringing", sequence=1, **leg),
            said(11, "CA-leg", "in-progress", sequence=2, **leg),
            said(71, "CA-1", "completed", sequence=0),
        ],
        "missed": [
            rings,
            said(1, "CA-leg", "ringing", sequence=1, **leg),
            said(25, "CA-leg", "no-answer", sequence=2, **leg),
            said(26, "CA-1", "no-answer", sequence=0),
        ],
        "abandoned": [rings, said(1, "CA-leg", "ringing", sequence=1, **leg), said(8, "CA-1", "completed", sequence=0)],
    }[story]


def _told(desk: OpenDesk) -> dict[str, Any]:
    """All that is known of the call, its ticket, and what its agent is doing; ids aside."""
    call, ticket = desk.call("CA-1"), desk.tickets()[0]
    known = call.model_dump(exclude={"id", "accepted_at"})
    known |= {"assignee": ticket.assignee_id, "customer": ticket.customer_id, "queue": ticket.queue_id}
    known["agent"] = state_of(desk, AIKO)
    known["facts"] = desk.count(CallFact)
    known["cards"] = on_page(desk, AIKO, "CA-1")
    return known


@pytest.mark.slow
@SQLITE
@pytest.mark.parametrize("story", ["answered", "missed", "abandoned"])
def test_the_callbacks_of_a_call_in_any_order_and_repeated_give_the_same_call(story: str, fresh_desk: Any) -> None:
    orders = list(permutations(range(3 if story == "abandoned" else 4)))
    outcomes = []
    for number, order in enumerate(orders):
        with fresh_desk(f"{story}-{number}") as desk:
            desk.ready(AIKO)
            start = desk.clock.now
            aiko = desk.screen_of(AIKO)
            posts = _posts(desk, story)
            for step in order:
                posts[step]()
            for step in order[::2]:  # and some of them again
                posts[step]()
            desk.clock.now = start
            aiko.check()
            outcomes.append(_told(desk))
    for order, told in zip(orders, outcomes, strict=True):
        assert told == outcomes[0], (order, {k: (v, outcomes[0][k]) for k, v in told.items() if v != outcomes[0][k]})
    assert outcomes[0]["outcome"].value == story


def test_a_callback_that_comes_an_hour_late_changes_nothing_that_was_told_in_time(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    posts = _posts(desk, "answered")
    for post in (posts[0], posts[2], posts[3]):
        post()
    before = _told(desk)
    desk.clock.advance(hours=1)
    posts[1]()
    posts[0]()
    after = _told(desk)
    assert after.pop("facts") == before.pop("facts") + 1
    before.pop("cards"), after.pop("cards")  # their seconds have passed
    assert after == before


def test_two_calls_at_once_do_not_mix(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.twilio.rings("CA-1")
    desk.twilio.rings("CA-2", caller=STRANGER.phone)
    assert aiko.pops == ["CA-1", "CA-2"]
    desk.twilio.says("CA-1", "completed")
    assert aiko.pops == ["CA-2"]
    aiko.check()
