"""What a supervisor switches for the whole desk."""

import pytest
from sqlmodel import Session, select

from helpdesk import preferences
from helpdesk.errors import Invalid
from models import Agent, Event, Impression, Preference
from tests.cast import SATO, TANAKA, OpenDesk

URGENT = {"subject": "至急", "body": "本日中に交換してください。店が開けません。"}


def switch(desk: OpenDesk, name: str, on: bool) -> None:
    desk.write(lambda db: preferences.set(db, name, on, by=db.get(Agent, desk.agent(SATO).id), now=desk.clock()))


def shown(desk: OpenDesk) -> frozenset[str]:
    found: frozenset[str] = desk.read(preferences.all_shown)
    return found


def facts(desk: OpenDesk) -> list[tuple[int | None, str, str]]:
    rows = desk.read(lambda db: db.exec(select(Event).where(Event.fact == "preference_changed")).all())
    return [(row.actor_id, row.data["what"], row.data["state"]) for row in rows]


def test_every_guess_is_shown_until_somebody_switches_it_off(desk: OpenDesk) -> None:
    assert shown(desk) == set(preferences.GUESSES)
    switch(desk, "sentiment", False)
    assert shown(desk) == {"urgency", "language", "similar"}
    switch(desk, "sentiment", True)
    assert shown(desk) == set(preferences.GUESSES)


def test_each_change_is_told_once_with_who_made_it(desk: OpenDesk) -> None:
    switch(desk, "urgency", True)
    assert facts(desk) == [], "it was on"
    for on in (False, False, True):
        switch(desk, "urgency", on)
    sato = desk.agent(SATO).id
    assert facts(desk) == [(sato, "urgency", "off"), (sato, "urgency", "on")]
    (row,) = desk.read(lambda db: db.exec(select(Preference)).all())
    assert (row.changed_by_id, row.changed_at) == (sato, desk.clock())


def test_what_is_no_guess_cannot_be_switched(desk: OpenDesk) -> None:
    with pytest.raises(Invalid):
        switch(desk, "weather", False)
    assert desk.count(Preference) == 0


def test_a_change_is_seen_in_its_own_transaction_and_forgotten_when_that_is_undone(desk: OpenDesk) -> None:
    sato = desk.agent(SATO).id
    with Session(desk.database.engine) as db:
        assert preferences.shown(db, "urgency")
        preferences.set(db, "urgency", False, by=db.get_one(Agent, sato), now=desk.clock())
        assert not preferences.shown(db, "urgency")
        db.rollback()
        assert preferences.shown(db, "urgency")


def test_what_is_switched_off_is_not_made_of_new_words_and_all_else_is(desk: OpenDesk) -> None:
    desk.mail(TANAKA, **URGENT)
    switch(desk, "urgency", False)
    desk.mail(TANAKA, **URGENT)
    before, after = desk.read(lambda db: db.exec(select(Impression).order_by(Impression.id)).all())
    assert before.is_urgent and before.sentiment and after.sentiment and after.language == "ja"
    assert (after.is_urgent, after.urgency, after.urgency_because) == (False, 0.0, [])
    assert not desk.tickets()[1].is_urgent
    switch(desk, "urgency", True)
    assert [ticket.is_urgent for ticket in desk.tickets()] == [True, False], "what was guessed before is there again"


def test_with_everything_off_no_impression_is_kept(desk: OpenDesk) -> None:
    for name in preferences.GUESSES:
        switch(desk, name, False)
    desk.mail(TANAKA, **URGENT)
    assert desk.count(Impression) == 0 and len(desk.messages()) == 1
