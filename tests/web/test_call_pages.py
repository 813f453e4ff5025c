"""The pages on which supervisors say how queues take calls and who is asked for them, and the raised hand."""

from typing import Any

import pytest
from sqlmodel import Session, select

from models import HelpSign, Membership, Otherwise, Ringing
from tests.cast import AIKO, AKIRA, BEN, RETURNS_NUMBER, SATO, TANAKA, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
RULES = {
    "asks_calls": "1", "ringing": "longest_idle", "language": "ja", "ring_seconds": "25", "most_misses": "3",
    "wrap_up_seconds": "60", "callback_minutes": "90", "calendar_id": "", "when_closed": "callback",
    "closed_words": "", "most_waiting": "5", "longest_wait_seconds": "300", "when_full": "overflow", "overflow_id": "1",
    "full_words": "ただいま混み合っております。", "service_percent": "90", "service_seconds": "15",
    "short_abandon_seconds": "4",
}  # fmt: skip
NAMES = {"name": "返品・交換", "name_en": "Returns"}


def save(desk: OpenDesk, **more: str) -> Any:
    """Send the queue's form."""
    return desk.as_(SATO).post(f"/admin/queues/{desk.queue('returns').id}", data=NAMES | RULES | more)


def test_how_a_queue_takes_calls_is_set_on_its_page_and_stands_there_again(desk: OpenDesk) -> None:
    assert save(desk, needs_disposition="on").status_code == 200
    queue = desk.queue("returns")
    assert (queue.ringing, queue.ring_seconds, queue.most_misses) == (Ringing.LONGEST_IDLE, 25, 3)
    assert (queue.when_closed, queue.when_full, queue.overflow_id) == (Otherwise.CALLBACK, Otherwise.OVERFLOW, 1)
    assert (queue.most_waiting, queue.longest_wait_seconds, queue.callback_minutes) == (5, 300, 90)
    assert (queue.service_percent, queue.service_seconds, queue.short_abandon_seconds) == (90, 15, 4)
    assert queue.needs_disposition and queue.full_words == RULES["full_words"]
    page = desk.as_(SATO).get(f"/admin/queues/{queue.id}").text
    assert 'value="longest_idle" selected' in page and 'value="25"' in page and RULES["full_words"] in page
    save(desk)
    assert not desk.queue("returns").needs_disposition


@SQLITE
@pytest.mark.parametrize("field, value", [
    ("ring_seconds", "1"), ("ring_seconds", "abc"), ("service_percent", "101"), ("ringing", "nobody"),
    ("when_closed", "wait"), ("overflow_id", ""), ("overflow_id", "x"), ("calendar_id", "x"), ("callback_minutes", "0"),
])  # fmt: skip
def test_a_mistake_changes_nothing_and_is_said_beside_its_field(
    standing_desk: OpenDesk, field: str, value: str
) -> None:
    page = save(standing_desk, **{field: value})
    assert page.status_code == 422
    assert f'id="f-{field}-error"' in page.text and RULES["full_words"] in page.text
    assert standing_desk.queue("returns").ringing == Ringing.EVERYBODY


def test_a_queue_cannot_overflow_into_itself(desk: OpenDesk) -> None:
    page = save(desk, overflow_id=str(desk.queue("returns").id))
    assert page.status_code == 422 and "このキュー以外" in text_of(page.text)


def test_a_form_that_says_nothing_of_calls_leaves_them_as_they_are(desk: OpenDesk) -> None:
    save(desk)
    desk.as_(SATO).post(f"/admin/queues/{desk.queue('returns').id}", data=NAMES)
    assert desk.queue("returns").ring_seconds == 25


# --- agents ------------------------------------------------------------------------------------------------------


def test_an_agents_languages_turns_and_calls_at_once_are_set_on_one_page(desk: OpenDesk) -> None:
    ben, returns, general = desk.agent(BEN), desk.queue("returns").id, desk.queue("general").id
    told = {"language": ["en", "ja"], "most_tickets": "0", "most_calls": "2", "phone": BEN.phone, "extension": "204",
            f"level_{returns}": "2", f"level_{general}": "1"}  # fmt: skip
    assert desk.as_(SATO).post(f"/admin/agents/{ben.id}", data=told).status_code == 200
    ben = desk.agent(BEN)
    assert (ben.languages, ben.most_calls, ben.extension, ben.phone) == (["en", "ja"], 2, "204", BEN.phone)

    def levels(db: Session) -> dict[int, int]:
        return {each.queue_id: each.level for each in db.exec(select(Membership).where(Membership.agent_id == ben.id))}

    assert desk.read(levels) == {returns: 2, general: 1}
    listed = text_of(desk.as_(SATO).get("/admin/agents").text)
    assert "返品・交換 2" in listed and "内線 204" in listed and "日本語" in listed
    assert desk.as_(SATO).post(f"/admin/agents/{ben.id}", data=told | {f"level_{general}": ""}).status_code == 200
    assert desk.read(levels) == {returns: 2}


@SQLITE
@pytest.mark.parametrize("field, value, code", [
    ("language", [], "languages"), ("most_calls", "0", "most_calls"), ("most_calls", "x", "most_calls"),
    ("level_2", "77", "levels"),
])  # fmt: skip
def test_a_mistake_about_an_agent_changes_nothing(desk: OpenDesk, field: str, value: Any, code: str) -> None:
    ben = desk.agent(BEN)
    told = {"language": ["en"], "most_calls": "3", "most_tickets": "0", "phone": "", "extension": "", "level_2": "1"}
    told |= {field: value}
    page = desk.as_(SATO).post(f"/admin/agents/{ben.id}", data=told)
    assert page.status_code == 422 and f'id="f-{code}-error"' in page.text
    assert desk.agent(BEN).most_calls == 1 and desk.agent(BEN).phone == BEN.phone


def test_only_supervisors_change_agents(desk: OpenDesk) -> None:
    assert desk.as_(BEN).get("/admin/agents").status_code == 403
    assert desk.as_(BEN).post(f"/admin/agents/{desk.agent(AIKO).id}", data={"most_calls": "9"}).status_code == 403


# --- the raised hand ---------------------------------------------------------------------------------------------


def hand(desk: OpenDesk, person: Any, how: str = "up") -> Any:
    """A press on the card's hand."""
    return desk.as_(person).post(f"/calls/{desk.call('CA-1').id}/help", data={"hand": how})


def test_a_hand_raised_in_a_call_is_seen_by_supervisors_and_lowered_by_who_comes(desk: OpenDesk) -> None:
    desk.ready(BEN)
    ben, sato = desk.screen_of(BEN), desk.screen_of(SATO, "/queues")
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
    desk.as_(BEN).post(f"/calls/{desk.call('CA-1').id}/accept")
    assert hand(desk, BEN).status_code == 200
    assert "Asked for help" in ben.card("CA-1")
    sato.sync()
    assert "help-signs" in sato.stale
    shown = text_of(part(desk.as_(SATO).get("/queues").text, "help-signs"))
    assert BEN.name in shown and TANAKA.name in shown and "返品・交換" in shown
    sato.check()
    ben.check()
    assert "help-signs" not in desk.as_(AKIRA).get("/queues").text
    assert desk.as_(AKIRA).post(f"/queues/hands/{desk.agent(BEN).id}/lower").status_code == 403
    assert desk.count(HelpSign) == 1
    desk.as_(SATO).post(f"/queues/hands/{desk.agent(BEN).id}/lower")
    assert desk.count(HelpSign) == 0 and "Ask for help" in ben.card("CA-1")
    sato.check()


def test_a_hand_goes_down_by_its_agent_and_with_the_end_of_the_call(desk: OpenDesk) -> None:
    desk.ready(BEN)
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
    assert hand(desk, BEN).status_code == 409, "not before the call is taken"
    desk.as_(BEN).post(f"/calls/{desk.call('CA-1').id}/accept")
    hand(desk, BEN)
    hand(desk, BEN, "down")
    assert desk.count(HelpSign) == 0
    hand(desk, BEN)
    desk.twilio.says("CA-1", "completed", sequence=3)
    assert desk.count(HelpSign) == 0
    assert hand(desk, BEN).status_code == 409
