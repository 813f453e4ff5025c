"""Figures of tickets: a long random stream against a second way to count, kept days against rows, and what is found.

The second way folds nothing. It is a diary: whoever makes the stream writes down what is true after each thing that
happens, and crosses out what is taken back.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session

from helpdesk import agents, queues
from helpdesk.reports import Period
from helpdesk.tallies import figures, findings, keeping, spread, totals
from helpdesk.tallies.totals import Asked
from models import Channel, Direction, Event, Message, MessageState, Ticket, TicketState
from models.database import Database
from tests.bench import year

TOKYO = "Asia/Tokyo"
TICKETS = 300
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 15)
BEGIN = datetime(2026, 11, 1, 15, tzinfo=UTC)
NOW = datetime(2026, 11, 15, 14, 59, tzinfo=UTC)
PERIOD = Period("days", FIRST, LAST)


@dataclass
class Diary:
    """What is true of one ticket."""

    queue_id: int
    opened_at: datetime
    asks: bool = True
    unresolved: list[list[Any]] = field(default_factory=list)  # [from, until, in which queue, transfers]
    said: list[datetime] = field(default_factory=list)
    answers: list[tuple[datetime, int]] = field(default_factory=list)


def local(at: datetime) -> date:
    return at.astimezone(ZoneInfo(TOKYO)).date()


def a_story(draw: random.Random, db: Session, staff: list[int], lines: list[int]) -> Diary | None:
    """A ticket to which all kinds of things happen, one after the other. None: it went on in another one."""
    at = BEGIN + timedelta(seconds=draw.randrange(13 * 86_400))
    diary = Diary(draw.choice(lines), at)
    ticket = Ticket(subject="件", channel=draw.choice((Channel.MAIL, Channel.FORM)), queue_id=diary.queue_id,
                    created_at=at, last_contact_at=at)  # fmt: skip
    db.add(ticket)
    db.flush()
    assert ticket.id is not None
    facts: list[dict[str, Any]] = []

    def state(fact: str, by_id: int | None = None, **data: Any) -> None:
        facts.append({"fact": fact, "at": at, "actor_id": by_id, "data": {"queue_id": diary.queue_id, **data}})

    def say(author_id: int | None, **more: Any) -> None:
        is_ours = author_id is not None
        values = {"direction": Direction.OUT if is_ours else Direction.IN, "kind": "reply" if is_ours else "mail",
                  "state": MessageState.SENT if is_ours else MessageState.RECEIVED} | more  # fmt: skip
        db.add(Message(ticket_id=ticket.id or 0, author_id=author_id, created_at=at, **values))

    state("ticket_opened")
    diary.unresolved.append([at, None, diary.queue_id, 0])
    if draw.random() < 0.1:  # the desk wrote first
        say(draw.choice(staff))
        diary.asks = False
        diary.answers.append((at, 0))
    else:
        say(None)
        diary.said.append(at)
    assignee_id: int | None = None
    for _ in range(draw.randrange(9)):
        at = min(at + timedelta(seconds=draw.expovariate(1 / 30_000)), NOW - timedelta(seconds=1))
        open_one = diary.unresolved[-1] if diary.unresolved[-1][1] is None else None
        match draw.randrange(10):
            case 0 | 1:
                author = draw.choice(staff)
                say(author)
                diary.answers.append((at, author))
            case 2:  # stopped, or a machine's: nobody's words
                if draw.random() < 0.5:
                    say(draw.choice(staff), state=MessageState.WITHDRAWN)
                else:
                    say(draw.choice(staff), is_automatic=True)
            case 3:
                say(None)
                diary.said.append(at)
            case 4:
                to = draw.choice([each for each in lines if each != diary.queue_id])
                before, diary.queue_id = diary.queue_id, to
                state("ticket_moved", draw.choice(staff), from_queue_id=before, reason="by_agent")
                if draw.random() < 0.3:  # and back: it never happened
                    diary.queue_id = before
                    state("ticket_moved", draw.choice(staff), from_queue_id=to, reason="taken_back")
                elif open_one:
                    open_one[2], open_one[3] = to, open_one[3] + 1
            case 5 | 6:
                to_id = draw.choice([each for each in (*staff, None) if each != assignee_id])
                state("ticket_assigned", to_id, agent_id=to_id, from_agent_id=assignee_id)
                if open_one and to_id is not None and assignee_id is not None:
                    open_one[3] += 1
                assignee_id = to_id
            case 7 | 8 if open_one:
                state("ticket_resolved", draw.choice(staff), reason="", was="open")
                if draw.random() < 0.2:
                    state("ticket_reopened", draw.choice(staff), reason="taken_back", was="resolved")
                else:
                    open_one[1] = at
            case _ if not open_one:
                state(draw.choice(("ticket_reopened", "ticket_pended")), reason="", was="resolved")
                diary.unresolved.append([at, None, diary.queue_id, 0])
                if draw.random() < 0.2:
                    state("ticket_resolved", draw.choice(staff), reason="taken_back", was="open")
                    diary.unresolved.pop()
    ticket.queue_id, ticket.assignee_id = diary.queue_id, assignee_id
    last = diary.unresolved[-1]
    ticket.state, ticket.resolved_at = (TicketState.RESOLVED, last[1]) if last[1] else (TicketState.OPEN, None)
    for fact in facts:
        db.add(Event(ticket_id=ticket.id, **fact))
    return diary


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def diaries(database: Database) -> list[Diary]:
    def play(db: Session) -> list[Diary]:
        draw = random.Random(11)
        staff = [agent.id or 0 for agent in agents.everyone(db)]
        lines = [queue.id or 0 for queue in queues.everyone(db) if not queue.is_triage]
        found = [a_story(draw, db, staff, lines) for _ in range(TICKETS)]
        return [each for each in found if each is not None]

    found = database.write_now(play)
    fold(database)
    return found


def fold(database: Database) -> None:
    database.write_now(keeping.begin_anew)
    while keeping.look_back(database, timezone=TOKYO, most=10):
        pass


def told(database: Database, asked: Asked = totals.ANY) -> figures.Service:
    return database.read_now(figures.report, PERIOD, asked, timezone=TOKYO, now=NOW, against="nothing")


def keep_days(database: Database) -> None:
    while keeping.count(database, timezone=TOKYO, now=NOW, most=5):
        pass


def middle(values: list[float]) -> float:
    return sorted(values)[(len(values) + 1) // 2 - 1]


def check(report: figures.Service, diaries: list[Diary], queue_id: int | None = None) -> None:
    """Every figure of a queue, or of all, from the diaries."""
    line = report.total if queue_id is None else next(each for each in report.queues if each.key == f"queue-{queue_id}")
    value = {code: figure.value for code, figure in line.now.items()}
    spans = [(diary, place, span) for diary in diaries for place, span in enumerate(diary.unresolved)
             if queue_id in (None, span[2])]  # fmt: skip
    assert value["opened"] == sum(1 for _, place, _ in spans if place == 0)
    ended = [(diary, place, span) for diary, place, span in spans if span[1] is not None]
    again = sum(1 for diary, place, _ in ended if place + 1 < len(diary.unresolved))
    assert value["resolved"] == len(ended)
    assert value["reopen_rate"] == (again / len(ended) if ended else None)
    assert value["transfers"] == pytest.approx(sum(span[3] for _, _, span in ended) / len(ended))
    final = [(span[1] - diary.opened_at).total_seconds() for diary, place, span in ended
             if place + 1 == len(diary.unresolved)]  # fmt: skip
    assert value["resolve_wall_median"] == pytest.approx(middle(final), rel=0.031)
    firsts = [(diary, min(diary.answers)[0]) for diary, place, _ in spans
              if place == 0 and diary.asks and diary.answers]  # fmt: skip
    assert value["answered"] == len(firsts)
    waits = [(at - diary.opened_at).total_seconds() for diary, at in firsts]
    assert value["answer_wall_median"] == pytest.approx(middle(waits), rel=0.031)
    assert value["growth"] == len(spans) - len(ended)
    settled = [(diary, at) for diary, at in firsts if local(at) <= local(NOW) - timedelta(days=8)]
    calm = sum(1 for diary, at in settled if not any(at < each <= at + timedelta(days=7) for each in diary.said))
    assert value["first_contact"] == (calm / len(settled) if settled else None)


def test_every_figure_is_what_a_diary_of_the_same_days_says(database: Database, diaries: list[Diary]) -> None:
    report = told(database)
    assert report.left_out == len(range(14)) - 1 - figures.MOST_LIVE  # few days are counted while somebody waits
    keep_days(database)
    report = told(database)
    assert report.left_out == 0
    check(report, diaries)
    lines = [each.key for each in report.queues]
    for key in lines:
        check(report, diaries, int(key.removeprefix("queue-")))
    narrow = int(lines[0].removeprefix("queue-"))
    alone = told(database, Asked(queue_id=narrow))
    assert alone.total.now == report.queues[0].now
    for each in report.days:
        night = datetime(each.day.year, each.day.month, each.day.day, 15, tzinfo=UTC)
        left = sum(1 for diary in diaries for span in diary.unresolved
                   if span[0] < night and (span[1] is None or span[1] >= night))  # fmt: skip
        assert each.backlog == left, each.day
    assert report.backlog.count == sum(1 for diary in diaries if diary.unresolved[-1][1] is None)


def test_agents_figures_from_rows_and_from_kept_days_agree(database: Database, diaries: list[Diary]) -> None:
    keep_days(database)
    report = told(database)
    by_hand: dict[int, int] = {}
    for diary in diaries:
        if diary.asks and diary.answers:
            by_hand[min(diary.answers)[1]] = by_hand.get(min(diary.answers)[1], 0) + 1
    assert {each.agent_id: each.answered for each in report.agents if each.answered} == by_hand
    for each in report.agents:
        alone = told(database, Asked(agent_id=each.agent_id))
        assert (alone.total.now["answered"].value, alone.total.now["resolved"].value) == (each.answered, each.resolved)


def test_the_same_facts_folded_again_leave_the_same_rows(database: Database, diaries: list[Diary]) -> None:
    keep_days(database)
    before = told(database)
    fold(database)
    keep_days(database)
    assert told(database).total == before.total


# --- how lengths are spread ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [40.0, 5_000.0, 400_000.0])
def test_a_percentile_is_at_most_three_per_cent_from_the_exact_one(scale: float) -> None:
    draw, counts = random.Random(3), spread.empty()
    lengths = [draw.lognormvariate(0, 1) * scale for _ in range(2_001)]
    for each in lengths:
        spread.count(counts, "answer", each)
    parts = spread.unpacked([spread.packed(counts), spread.packed(spread.empty()), b""])
    for share in (0.25, 0.5, 0.9):
        exact = sorted(lengths)[int(share * 2_001)]
        found = spread.percentile(parts, "answer", share)
        assert found is not None
        assert abs(found / exact - 1) < 0.04 or exact < spread.SHORTEST
    assert spread.percentile(parts, "resolve", 0.5) is None


# --- what stands out -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_slow_agent_the_faulty_week_and_the_doubled_topic_of_a_small_year_are_found(tmp_path: Any) -> None:
    from models.migrations import upgrade

    database = Database(f"sqlite:///{tmp_path / 'year.db'}")
    upgrade(database)
    made = year.fill(database, tickets=6_000, staff=10, days=210)
    year.count(database)
    period = Period("days", year.LAST - timedelta(days=209), year.LAST)
    told = database.read_now(figures.report, period, timezone=TOKYO, now=year.NOW, against="nothing")
    said = database.read_now(findings.of, told, language="ja", timezone=TOKYO, now=year.NOW)
    found = {(each.code, each.name): each for each in said}
    slow = found["wrap_up_longer", made.slow]
    assert slow.ratio == pytest.approx(2.1, rel=0.12) and slow.p < 0.001
    assert found["week_stands_out", year.FAULT].at == date(2026, 7, 27)  # the Monday of week 31
    topic = found["level_rose", year.TOPIC]
    assert topic.ratio == pytest.approx(2.0, rel=0.25) and topic.at is not None
    assert abs(topic.at - (year.LAST - timedelta(days=104))) <= timedelta(days=21)
    assert ("week_stands_out", year.OTHER) not in found and ("level_rose", year.OTHER) not in found
    database.close()


def test_a_year_of_quiet_weeks_does_not_hide_a_loud_one_and_says_nothing_by_itself() -> None:
    draw = random.Random(2)
    days = {date(2025, 11, 24) + timedelta(days=ahead): round(draw.gauss(20, 4)) for ahead in range(364)}
    first, last = min(days), max(days)

    def said() -> list[date | None]:
        found = findings._levels("tag", "冷蔵庫", days, first, last, None)
        return [each.at for each in found if each.code == "week_stands_out" and each.p < findings.SURE]

    assert said() == []
    for ahead in range(70, 77):
        days[first + timedelta(days=ahead)] *= 2
    for ahead in range(140, 147):
        days[first + timedelta(days=ahead)] *= 2
    assert sorted(filter(None, said())) == [first + timedelta(days=70), first + timedelta(days=140)]


def test_a_level_that_doubled_is_dated_and_one_wild_week_is_none() -> None:
    before = [117, 99, 95, 84, 85, 118, 94, 92, 73, 106]
    split, p = findings.best_split([*before, 192, 198, 213, 217, 172, 188, 206, 213, 199])
    assert abs(split - 10) <= 1 and p < 1e-6
    assert findings.best_split([*before, 290, *before])[1] > 0.05
