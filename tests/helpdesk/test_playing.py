"""A day at the telephones is played against a desk in a process of its own, recorded there, and played again."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from cti import scenarios
from cti.scenarios import Step
from helpdesk import playing, recording
from helpdesk.settings import Settings
from helpdesk.simulate import SimulationFailed
from models import Call, CallState, Outcome
from models.database import Database
from tests import cast
from tests.cast import AIKO, AKIRA, BEN
from tests.running import Running, running

pytestmark = pytest.mark.slow

EXCHANGE = "front"
LINES = [cast.TECH_NUMBER, cast.RETURNS_NUMBER]
STAFF = {person.email: cast.PASSWORD for person in (AIKO, AKIRA, BEN)}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("played")
    (folder / "data").mkdir()
    shutil.copy(sqlite_template, folder / "data" / "desk.db")
    with running(folder, push_tokens=f"{EXCHANGE}=a-token-for-the-front-desk") as desk:
        yield desk


def settings_of(desk: Running) -> Settings:
    return Settings(**desk.settings.model_dump() | {"push_tokens": desk.more["push_tokens"]})


def calls_of(desk: Running) -> list[Call]:
    database = Database(f"sqlite:///{desk.folder / 'data' / 'desk.db'}")
    try:
        return database.read_now(lambda db: list(db.exec(select(Call).order_by(Call.id))))  # type: ignore[arg-type]
    finally:
        database.close()


def test_what_is_played_arrives_is_seen_by_the_right_agents_and_can_be_played_again(desk: Running) -> None:
    steps = [
        Step(0, "ring", "a", "+818005557001", cast.TECH_NUMBER, door="twilio"),
        Step(0, "ring", "b", "+818005557002", cast.RETURNS_NUMBER),
        Step(0, "ring", "c", "anonymous", cast.TECH_NUMBER),
        Step(20, "answer", "a", agents=(AIKO.email,), door="twilio"),
        Step(20, "answer", "b", agents=(BEN.email,)),
        Step(30, "hangup", "c", cause="cancel"),
        Step(40, "hangup", "a", cause="normalClearing", door="twilio"),
        Step(40, "transfer", "b", agents=(AKIRA.email,)),
        Step(50, "hangup", "d", cause="cancel"),
        Step(60, "ring", "d", "+818005557004", cast.TECH_NUMBER),  # on a bad line this comes second
    ]
    report = playing.play(settings_of(desk), steps, speed=10, accounts=STAFF, exchange=EXCHANGE)

    assert report.refused == [] and (report.rung, report.shown, report.over) == (4, 3, 1)
    assert report.said == {"ring": 4, "answer": 2, "transfer": 1, "hangup": 4}  # b is rung off at the end
    assert len(report.answers) == 11 and all(milliseconds > 0 for milliseconds in report.answers)
    aiko, ben = report.seen[AIKO.email], report.seen[BEN.email]
    assert aiko.cards == 2 and ben.cards == 1
    assert len(aiko.milliseconds["ring"]) == 2 and len(ben.milliseconds["ring"]) == 1
    assert len(aiko.milliseconds["answer"]) == 1 and aiko.milliseconds["hangup"]
    told = [json.loads(json.dumps(record)) for record in report.told()]
    assert told[0]["calls_shown"] == 3 and {record.get("agent") for record in told[1:]} == set(STAFF)

    calls = calls_of(desk)
    assert [call.state for call in calls] == [CallState.ENDED] * 4
    assert {call.outcome for call in calls} == {Outcome.ANSWERED, Outcome.ABANDONED}
    assert all(call.wrapped_up_at for call in calls if call.agent_id)

    database = Database(f"sqlite:///{desk.folder / 'data' / 'desk.db'}")
    now = datetime.now(UTC)
    since, settings = now - timedelta(hours=1), settings_of(desk)
    taken = database.read_now(lambda db: list(recording.recorded(db, since=since, until=now, settings=settings)))
    database.close()
    lines = list(scenarios.write(taken))
    assert not any(known in "".join(lines) for known in ("8005557", "@", "555001"))
    assert {step.caller for step in taken} == {"", "anonymous", *(f"+81800000000{number}" for number in (1, 2, 3))}
    assert [step.event for step in taken].count("ring") == 4
    again = list(scenarios.fitted(scenarios.read(lines), lines=LINES, agents=list(STAFF)))
    report = playing.play(settings_of(desk), again, speed=100, accounts={}, exchange=EXCHANGE)
    assert report.refused == []
    repeated = calls_of(desk)[4:]  # in any order: rings of one moment come in side by side, as from an exchange
    assert Counter((call.outcome, call.is_withheld) for call in repeated) == Counter(
        (call.outcome, call.is_withheld) for call in calls
    )


def test_what_goes_wrong_is_told_in_a_sentence(desk: Running) -> None:
    with pytest.raises(SimulationFailed, match="No exchange is called 'back'"):
        playing.play(settings_of(desk), [], speed=1, accounts={}, exchange="back")
    with pytest.raises(SimulationFailed, match="wrong address or password"):
        playing.play(settings_of(desk), [], speed=1, accounts={AIKO.email: "not-the-password"})
    nobody = settings_of(desk).model_copy(update={"port": 9})
    with pytest.raises(SimulationFailed, match="No desk answers"):
        playing.play(nobody, [], speed=1, accounts=STAFF)
    refused = playing.play(nobody, [Step(0, "ring", "a", "anonymous", cast.TECH_NUMBER)], speed=1, accounts={})
    assert len(refused.refused) == 2 and refused.answers == []  # the ring, and ringing off
