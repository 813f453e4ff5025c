"""What is guessed of a text besides its queue: when, of whose words, and that nothing else depends on it."""

import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from classifiers import registry, sentiment, urgency
from helpdesk import impressions
from helpdesk.mail import receive
from models import Event, Impression, Message
from models.base import metadata
from tests.bench.mail import letters
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, STRANGER, OpenDesk

URGENT = {"subject": "至急", "body": "本日中に交換してください。店が開けません。"}
THANKS = "丁寧に対応していただき、とても嬉しかったです。ありがとうございました。"
ANGRY = "対応が本当にひどいです。何度も待たされて、もう二度と買いません。"
NOTE = "レジが止まって営業できない。至急折り返し希望。"


def guessed(desk: OpenDesk) -> list[Impression]:
    """All impressions, oldest first."""
    return desk.read(lambda db: list(db.exec(select(Impression).order_by(col(Impression.id)))))


def judged(desk: OpenDesk, word: str, *, impression: int = 1, ticket: int = 1, by: Any = BEN) -> int:
    """An agent's word on whether a ticket is urgent; the answer's status."""
    form = {"impression": impression, "urgent": word}
    return int(desk.as_(by).post(f"/tickets/{ticket}/urgency", data=form).status_code)


def wrapped_up(desk: OpenDesk, note: str) -> None:
    """Aiko takes a call of Ms. Tanaka and notes what it was about."""
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    call = desk.call("CA-1").id
    desk.as_(AIKO).post(f"/calls/{call}/accept")
    desk.twilio.says("CA-1", "completed", sequence=2)
    wrap_up(desk, note)


def wrap_up(desk: OpenDesk, note: str) -> None:
    form = {"note": note, "disposition": "follow_up"}
    assert desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/wrap-up", data=form).status_code == 200


# --- of whose words ----------------------------------------------------------------------------------------------


def test_an_urgent_mail_is_marked_with_its_reasons_and_the_words_that_say_so(desk: OpenDesk) -> None:
    desk.mail(**URGENT)
    (found,), (ticket,) = guessed(desk), desk.tickets()
    assert ticket.is_urgent and found.is_urgent and 0.5 < found.urgency <= 1
    assert {"deadline", "demand"} <= set(found.urgency_reasons) <= set(urgency.CODES)
    words = {reason["words"]: (reason["start"], reason["end"]) for reason in found.urgency_because}
    assert words["至急"] == (-1, -1)  # of the subject
    start, end = words["本日中"]
    assert URGENT["body"][start:end] == "本日中"
    assert (found.message_id, found.language, found.language_confidence) == (desk.messages()[0].id, "ja", 1.0)
    assert found.version == f"{urgency.shipped().version} {sentiment.shipped().version}"


def test_a_calm_mail_is_not(desk: OpenDesk) -> None:
    desk.mail(body=THANKS, subject="お礼")
    assert not desk.tickets()[0].is_urgent and guessed(desk)[0].urgency_reasons == []


def test_the_ticket_shows_what_was_guessed_of_the_customers_newest_words(desk: OpenDesk) -> None:
    first = desk.mail(subject="至急", body=f"本日中に交換してください。店が開けません。{ANGRY}")
    assert (desk.tickets()[0].is_urgent, desk.tickets()[0].sentiment) == (True, "negative")
    desk.mail(subject="Re: 至急", body=THANKS, headers={"In-Reply-To": first, "References": first})
    (ticket,) = desk.tickets()
    assert (ticket.is_urgent, ticket.sentiment) == (False, "positive"), "the old subject is not said again"
    assert [each.sentiment for each in guessed(desk)] == ["negative", "positive"]


@pytest.mark.parametrize(
    "headers",
    [{"Auto-Submitted": "auto-replied"}, {"List-Id": "<news.example.com>", "Precedence": "bulk"}],
    ids=["a robot", "a list"],
)
def test_of_robots_and_lists_nothing_is_guessed(desk: OpenDesk, headers: dict[str, str]) -> None:
    desk.mail(**URGENT, headers=headers)
    assert len(desk.messages()) == 1 and guessed(desk) == [] and not desk.tickets()[0].is_urgent


def test_of_a_strangers_words_on_somebodys_ticket_nothing_is_guessed(desk: OpenDesk) -> None:
    first = desk.mail(body=THANKS, subject="お礼")
    desk.mail(STRANGER, subject="Re: お礼", body=f"本日中に交換してください。{ANGRY}", headers={"In-Reply-To": first})
    assert desk.messages(1)[-1].is_from_stranger and len(guessed(desk)) == 1
    assert (desk.tickets()[0].is_urgent, desk.tickets()[0].sentiment) == (False, "positive")


def test_of_a_calls_note_urgency_is_guessed_and_no_feeling_for_the_words_are_the_agents(desk: OpenDesk) -> None:
    desk.mail(body=ANGRY, subject="苦情")
    desk.as_(SATO).post("/tickets/1/move", data={"queue_id": desk.queue("tech_support").id})
    wrapped_up(desk, NOTE)  # the call joins the one open ticket
    found, (ticket,) = guessed(desk)[-1], desk.tickets()
    assert (found.ticket_id, found.call_id, found.message_id) == (ticket.id, desk.call("CA-1").id, None)
    assert found.is_urgent and "business_stopped" in found.urgency_reasons and found.sentiment == ""
    assert ticket.is_urgent and ticket.sentiment == "negative", "what the customer wrote stays told"


def test_a_note_with_nothing_in_it_leaves_no_impression(desk: OpenDesk) -> None:
    wrapped_up(desk, "  ")
    assert guessed(desk) == []


# --- an agent's word ---------------------------------------------------------------------------------------------


def test_an_agent_says_that_it_is_not_urgent_and_takes_it_back_with_the_next_click(desk: OpenDesk) -> None:
    desk.mail(**URGENT, to=RETURNS_ADDRESS)
    desk.clock.advance(minutes=3)
    assert judged(desk, "no") == 200
    (found,) = guessed(desk)
    assert found.is_urgent and not desk.tickets()[0].is_urgent, "the guess is kept beside the agent's word"
    assert (found.denied_by_id, found.denied_at) == (desk.agent(BEN).id, desk.clock())
    assert judged(desk, "yes") == 200
    (found,) = guessed(desk)
    assert desk.tickets()[0].is_urgent and (found.denied_by_id, found.denied_at) == (None, None)


def test_the_same_word_twice_is_one_word(desk: OpenDesk) -> None:
    desk.mail(**URGENT, to=RETURNS_ADDRESS)
    judged(desk, "no")
    desk.clock.advance(minutes=3)
    judged(desk, "no", by=SATO)
    assert guessed(desk)[0].denied_by_id == desk.agent(BEN).id
    facts = desk.read(lambda db: db.exec(select(Event).where(Event.fact == "urgency_judged")).all())
    assert [(fact.actor_id, fact.data["state"]) for fact in facts] == [(desk.agent(BEN).id, "not_urgent")]


def test_only_what_was_taken_for_urgent_on_a_ticket_one_may_see_can_be_judged(desk: OpenDesk) -> None:
    desk.mail(**URGENT, to=RETURNS_ADDRESS)
    desk.mail(SATO, subject="お礼", body=THANKS, to=RETURNS_ADDRESS)
    assert judged(desk, "no", by=AIKO) == 404
    assert judged(desk, "no", impression=2, ticket=2) == 404, "nobody said that it is"
    assert judged(desk, "no", impression=1, ticket=2) == 404
    assert judged(desk, "perhaps") == 422
    assert desk.tickets()[0].is_urgent and guessed(desk)[0].denied_by_id is None


def test_no_later_guess_about_the_same_text_takes_an_agents_word_back(desk: OpenDesk) -> None:
    wrapped_up(desk, NOTE)
    assert judged(desk, "no", by=AIKO) == 200
    wrap_up(desk, NOTE)  # the form is sent once more
    assert len(guessed(desk)) == 1 and not desk.tickets()[0].is_urgent


def test_a_mail_that_comes_twice_is_guessed_once(desk: OpenDesk) -> None:
    desk.mail(**URGENT, to=RETURNS_ADDRESS, message_id="<one@example.com>")
    judged(desk, "no")
    desk.mail(**URGENT, to=RETURNS_ADDRESS, message_id="<one@example.com>")
    assert len(guessed(desk)) == 1 and not desk.tickets()[0].is_urgent


def test_new_words_are_a_new_guess(desk: OpenDesk) -> None:
    first = desk.mail(**URGENT, to=RETURNS_ADDRESS)
    judged(desk, "no")
    desk.mail(subject="Re: 至急", body="本日中に交換してください。店が開けません。", to=RETURNS_ADDRESS,
              headers={"In-Reply-To": first, "References": first})  # fmt: skip
    assert len(desk.tickets()) == 1 and desk.tickets()[0].is_urgent
    judged(desk, "yes")  # about the older words: the newer ones are what shows
    judged(desk, "no")
    assert desk.tickets()[0].is_urgent and guessed(desk)[0].denied_by_id == desk.agent(BEN).id


def test_what_was_guessed_goes_with_the_words_it_was_guessed_of(desk: OpenDesk) -> None:
    desk.mail(**URGENT)
    desk.write(lambda db: db.execute(sa.delete(Message)))
    assert guessed(desk) == []


# --- nothing else acts on it -------------------------------------------------------------------------------------


GUESSED = {"impression", "preference", "settingchange"}
ASIDE = {"is_urgent", "sentiment"}
BY_LOT = {"token", "token_hash", "password_hash", "internet_id", "envelope"}  # other in every desk, as is a peer's port
ABOUT_GUESSES = ("preference_changed", "urgency_judged", "setting_changed")


def the_rest(desk: OpenDesk) -> dict[str, list[str]]:
    """Every row of the desk, table by table, but for what is guessed, told about guesses, or drawn by lot."""

    def rows(db: Session, table: sa.Table) -> list[str]:
        aside = ASIDE | BY_LOT | ({"id"} if table.name == "event" else set())
        query = sa.select(*(column for column in table.c if column.name not in aside)).order_by(*table.primary_key)
        if table.name == "event":
            query = query.where(table.c.fact.not_in(ABOUT_GUESSES))
        return [str(row) for row in db.execute(query)]

    tables = [table for table in metadata.sorted_tables if table.name not in GUESSED | {"login"}]
    return desk.read(lambda db: {table.name: rows(db, table) for table in tables})  # type: ignore[no-any-return]


def a_morning(desk: OpenDesk) -> list[list[int]]:
    """Mails and a call, urgent, glad and angry ones; the order of three lists at its end."""
    desk.mail(**URGENT)
    desk.mail(body=THANKS, subject="お礼")
    desk.mail(body=ANGRY, subject="返品", to=RETURNS_ADDRESS)
    desk.mail("John <john@example.org>", subject="urgent",
              body="Our whole line has stopped and nobody can work. Please call today.")  # fmt: skip
    wrapped_up(desk, NOTE)
    pages = [desk.as_(SATO).get(f"/inbox?view={view}").text for view in ("all", "unassigned", "queue-1")]
    return [[int(number) for number in re.findall(r'<li class="row" id="row-(\d+)"', page)] for page in pages]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_neither_queue_nor_state_nor_order_nor_any_mail_is_another_because_of_a_guess(
    fresh_desk: Callable[[str], Any],
) -> None:
    with fresh_desk("without") as desk:
        for guess in impressions.OF_MESSAGES:
            desk.as_(SATO).post("/admin/guesses", data={"name": guess, "value": "off"})
        without = (a_morning(desk), the_rest(desk))
        assert guessed(desk) == []
    with fresh_desk("with") as desk:
        desk.as_(SATO)  # signs in first, as above
        order = a_morning(desk)
        urgent = [each for each in guessed(desk) if each.is_urgent]
        assert len(urgent) >= 3 and len(order[0]) >= 4
        judged(desk, "no", ticket=urgent[0].ticket_id, impression=urgent[0].id or 0, by=SATO)
        rest = the_rest(desk)
        for name, rows in rest.items():
            assert rows == without[1][name], name
        assert order == without[0]


# --- how it is made ----------------------------------------------------------------------------------------------


def test_a_text_read_together_with_others_and_by_one_model_for_all_gives_the_same_guesses(tmp_path: Path) -> None:
    raws = [raw for _, raw in letters(40, 1000)]
    router, asked = registry.shipped(), impressions.ready()
    together = receive.understand_all(raws, router=router, folder=tmp_path, asked=asked)
    for raw, found in zip(raws, together, strict=True):
        assert found == receive.understand(raw, router=router, folder=tmp_path, asked=asked)
        alone = receive.understand(raw, router=None, folder=tmp_path, asked=asked)
        assert found.impression == alone.impression
        assert found.prediction is not None
    assert sum(found.impression is not None for found in together) == 40


def test_nothing_is_guessed_of_what_is_not_asked_and_of_no_words() -> None:
    everything = impressions.ready()
    assert impressions.of("至急お願いします", asked=frozenset()) is None
    assert impressions.of(" \n", subject=" ", asked=everything) is None
    only = impressions.of("至急、本日中にお願いします", asked={"urgency"})
    assert only is not None and only.urgency is not None
    assert (only.sentiment, only.language, only.language_confidence) == (None, "", 0.0)


def test_a_damaged_model_is_reported_and_mail_is_read_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(registry.SHIPPED, tmp_path / "shipped")
    broken = tmp_path / "shipped" / "urgency.npz"
    broken.write_bytes(broken.read_bytes()[:-100])
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "shipped")
    urgency.shipped.cache_clear()
    try:
        with caplog.at_level(logging.ERROR):
            asked = impressions.ready()
        assert asked == {"sentiment", "language"} and "urgency" in caplog.text
        raw = letters(1, 1000)[0][1]
        found = receive.understand(raw, router=None, folder=tmp_path, asked=asked)
        assert found.impression is not None and found.impression.urgency is None
        (tmp_path / "shipped" / "sentiment.json").write_text("{")
        assert {each.guess for each in impressions.measured()} == {"urgency"}
    finally:
        monkeypatch.undo()
        urgency.shipped.cache_clear()
