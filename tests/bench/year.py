"""A year of a large desk with facts planted in it, and how long its reports take.

    python -m tests.bench.year --tickets 200000 [--database postgres]
    python -m tests.bench.year --totals --tickets 2000000 [--database postgres]

Made in bulk, as rows and facts that verbs would have left, so that everything the reports are computed from can be
folded from it: tickets with their facts, messages and promises, calls with their stays and their agents' parts. Then it
is folded and counted by the commands of the desk, and each report is asked for once. Planted are

- a product fault: in week 31 two and a half times as many tickets in technical support, tagged with the product;
- a topic that doubles: its tag comes twice as often from the middle of the year on;
- an agent whose work after calls takes 2.1 times as long as that of the others;
- returns that rise by 80 % in the last thirty days.

With `--totals` only the day that runs is made of rows; of two years before it the totals are written that so many
tickets a year leave, which is all that a report reads of them. What is said of the planted facts is printed;
tests/helpdesk/tallies/test_figures.py holds a small year to it.
"""

import argparse
import json
import math
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, hours, measures, queues, reports
from helpdesk.tallies import figures, findings, keeping, rows, spread, totals
from models import (
    Agent,
    Call,
    CallOffer,
    CallState,
    Channel,
    Customer,
    Direction,
    Event,
    Handling,
    Message,
    MessageState,
    OfferEnd,
    Outcome,
    Promise,
    PromiseKind,
    Queue,
    QueueVisit,
    Role,
    Routing,
    Tag,
    Ticket,
    TicketState,
    TicketTag,
    VisitEnd,
)
from models.base import Row, metadata
from models.database import Database
from models.migrations import upgrade

CORPUS = Path(__file__).parents[2] / "classifiers" / "corpus"
TIMEZONE = "Asia/Tokyo"
LAST = date(2026, 11, 20)
"""The day that runs when the reports are read, a Friday."""
NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
DAYS = 364
FAULT, TOPIC, OTHER = "KZ-200", "配送遅延", "設置"
SHARES = {"tech_support": 0.34, "returns": 0.14, "billing": 0.18, "shipping": 0.2, "general": 0.14}
WEEKDAYS = (1.25, 1.1, 1.0, 1.0, 1.05, 0.35, 0.25)
SLOW = 2.1
CUSTOMER_TICKETS = 4
"""Of one customer in the year, on average."""


@dataclass
class Made:
    """How much there is, and who is slow."""

    tickets: int = 0
    messages: int = 0
    calls: int = 0
    slow: str = ""
    counts: dict[str, int] = field(default_factory=dict)


def fill(database: Database, *, tickets: int, staff: int, seed: int = 7, days: int = DAYS) -> Made:
    """Make the year. `tickets` is about how many there will be; a seventh as many calls, each with a ticket of its own
    among them."""
    draw = random.Random(seed)
    made = Made()
    known = database.write_now(_people, staff)
    made.slow = known.names[known.slow]
    pending: dict[type[Row], list[dict[str, Any]]] = {}
    numbers = {"ticket": 0, "message": 0, "call": 0, "event": database.read_now(_last_event),
               "customer": max(1, tickets // CUSTOMER_TICKETS)}  # fmt: skip
    pending[Customer] = [
        {"id": number, "name": f"顧客 {number:07}", "created_at": NOW - timedelta(days=days)}
        for number in range(1, numbers["customer"] + 1)
    ]
    weights = [_weight(day) for day in _every(days)]
    for day, weight in zip(_every(days), weights, strict=True):
        expected = tickets * weight / sum(weights)
        # Days lie further apart than chance alone would leave them, as those of a real desk do.
        for slug, share in SHARES.items():
            often = expected * share * math.exp(draw.gauss(0, 0.05))
            if slug == "tech_support" and day.isocalendar().week == 31:
                often *= 2.5
            if slug == "returns" and day > LAST - timedelta(days=31):
                often *= 1.8
            for _ in range(_poisson(draw, often)):
                _ticket(draw, known, day, slug, days, numbers, pending)
        if sum(map(len, pending.values())) > 60_000:
            _flush(database, pending)
    _flush(database, pending)
    if not database.is_sqlite:
        database.write_now(numbering, _ORDER)
    made.tickets, made.messages, made.calls = numbers["ticket"], numbers["message"], numbers["call"]
    return made


@dataclass(frozen=True)
class _Known:
    queues: dict[str, int]
    serving: dict[str, list[int]]
    names: dict[int, str]
    tags: dict[str, int]
    policy_id: int
    calendar: hours.Timetable
    slow: int
    texts: list[str]


def inquiries() -> list[str]:
    """What customers write: the inquiries that the desk learned from."""
    lines = (CORPUS / "ja.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"][:400] for line in lines]


def _people(db: Session, staff: int) -> _Known:
    from helpdesk import policies

    if db.exec(select(Queue.id).limit(1)).first() is None:
        queues.make_defaults(db)
    founded = NOW - timedelta(days=DAYS + 30)
    found = {queue.slug: queue.id or 0 for queue in queues.everyone(db) if queue.slug in SHARES}
    by = agents.create(db, name="佐藤 健", email="sato@desk.example.jp", password="correct horse battery",
                       role=Role.SUPERVISOR, now=founded)  # fmt: skip
    office = hours.save(db, None, name="平日", timezone=TIMEZONE, week=dict.fromkeys(hours.WEEK, "9:00-18:00"),
                        holidays="", days="", by=by, now=founded)  # fmt: skip
    for queue in queues.everyone(db):
        queue.calendar_id = office.id
    form = policies.Form(name="標準", first_response_minutes=240, resolution_minutes=45 * 60, calendar_id=office.id)
    policy = policies.save(db, None, form, by=by, now=founded)
    serving: dict[str, list[int]] = {slug: [] for slug in found}
    names: dict[int, str] = {}
    for number in range(staff):
        slug = list(found)[number % len(found)]
        agent = Agent(name=f"担当 {number + 1:03}", email=f"agent{number}@desk.example.jp",
                      created_at=founded)  # fmt: skip
        db.add(agent)
        db.flush()
        serving[slug].append(agent.id or 0)
        names[agent.id or 0] = agent.name
    tags: dict[str, int] = {}
    for name in (FAULT, TOPIC, OTHER):
        tag = Tag(name=name, key=name.casefold(), created_at=founded)
        db.add(tag)
        db.flush()
        tags[name] = tag.id or 0
    return _Known(found, serving, names, tags, policy.id or 0, hours.Timetable(office), serving["general"][0],
                  inquiries())  # fmt: skip


def _ticket(draw: random.Random, known: _Known, day: date, slug: str, days: int, numbers: dict[str, int],
            pending: dict[type[Row], list[dict[str, Any]]]) -> None:  # fmt: skip
    """One ticket, all that became of it, and its facts."""

    def write(kind: type[Row], /, **values: Any) -> None:
        pending.setdefault(kind, []).append(values)

    facts: list[tuple[datetime, str, int | None, dict[str, Any]]] = []
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=draw.triangular(-1, 10, 2))
    numbers["ticket"] += 1
    number, queue_id, is_call = numbers["ticket"], known.queues[slug], draw.random() < 1 / 7
    agent_id = draw.choice(known.serving[slug])
    customer_id = 1 + int(draw.random() * numbers["customer"])
    facts.append((at, "ticket_opened", None, {"queue_id": queue_id}))
    again_at: datetime | None = None
    _name(draw, known, number, day, slug, days, write)
    if is_call:
        taken_at = at + timedelta(seconds=draw.expovariate(1 / 15))
        _call(draw, known, number, customer_id, queue_id, agent_id, at, taken_at, numbers, write)
        answered_at: datetime | None = taken_at
    else:
        _says(number, at, None, numbers, write, draw.choice(known.texts))
        write(Routing, id=number, ticket_id=number, queue_id=queue_id, message_id=numbers["message"], decided_at=at,
              reason="by_classifier" if draw.random() < 0.8 else "by_address")  # fmt: skip
        answered_at = known.calendar.after(at, draw.lognormvariate(math.log(5400), 1.0))
        if answered_at is not None and answered_at < NOW:
            _says(number, answered_at, agent_id, numbers, write)
        if draw.random() < 0.35 and answered_at is not None and answered_at + timedelta(hours=20) < NOW:
            _says(number, answered_at + timedelta(hours=draw.uniform(1, 12)), None, numbers, write)
            again_at = answered_at + timedelta(hours=draw.uniform(12, 20))
            _says(number, again_at, agent_id, numbers, write)
    assignee_id = None
    if answered_at is not None and answered_at < NOW:
        assignee_id = agent_id
        facts.append((answered_at, "ticket_assigned", agent_id,
                      {"queue_id": queue_id, "agent_id": agent_id, "from_agent_id": None, "reason": ""}))  # fmt: skip
        if draw.random() < 0.07:
            agent_id = draw.choice(known.serving[slug])
            if agent_id != assignee_id:
                facts.append((answered_at + timedelta(minutes=3), "ticket_assigned", assignee_id,
                              {"queue_id": queue_id, "agent_id": agent_id, "from_agent_id": assignee_id,
                               "reason": ""}))  # fmt: skip
                assignee_id = agent_id
    resolved_at = known.calendar.after(answered_at, draw.lognormvariate(math.log(30_000), 1.2)) if answered_at else None
    state = TicketState.OPEN
    if resolved_at is not None and resolved_at < NOW and assignee_id is not None:
        state = TicketState.RESOLVED
        facts.append((resolved_at, "ticket_resolved", assignee_id, _settled(queue_id, "open")))
        again = resolved_at + timedelta(hours=draw.uniform(2, 60))
        if draw.random() < 0.06 and again < NOW:
            facts.append((again, "ticket_reopened", None, _settled(queue_id, "resolved")))
            state, resolved_at = TicketState.OPEN, again + timedelta(hours=draw.uniform(1, 30))
            if resolved_at < NOW:
                state = TicketState.RESOLVED
                facts.append((resolved_at, "ticket_resolved", assignee_id, _settled(queue_id, "open")))
    _promises(known, number, at, answered_at, resolved_at if state == TicketState.RESOLVED else None, write)
    write(Ticket, id=number, subject="お問い合わせ", state=state, channel=Channel.PHONE if is_call else Channel.MAIL,
          customer_id=customer_id, language="ja",
          queue_id=queue_id, assignee_id=assignee_id, priority=draw.choice((2, 2, 2, 2, 3, 1)), created_at=at,
          last_contact_at=min(NOW, again_at or answered_at or at), awaits_us=assignee_id is None,
          token=f"{number:020x}", resolved_at=resolved_at if state == TicketState.RESOLVED else None)  # fmt: skip
    for fact_at, fact, by_id, data in facts:
        numbers["event"] += 1
        write(Event, id=numbers["event"], fact=fact, at=fact_at, actor_id=by_id, ticket_id=number, data=data)


def _settled(queue_id: int, was: str) -> dict[str, Any]:
    return {"queue_id": queue_id, "reason": "", "was": was, "was_at": "", "awaited": False}


def _name(draw: random.Random, known: _Known, number: int, day: date, slug: str, days: int, write: Any) -> None:
    is_fault = slug == "tech_support" and day.isocalendar().week == 31 and draw.random() < 0.6
    if is_fault or (slug == "tech_support" and draw.random() < 0.03):
        write(TicketTag, ticket_id=number, tag_id=known.tags[FAULT])
    often = 0.3 if day > LAST - timedelta(days=days // 2) else 0.15
    if slug == "shipping" and draw.random() < often:
        write(TicketTag, ticket_id=number, tag_id=known.tags[TOPIC])
    if slug == "general" and draw.random() < 0.08:
        write(TicketTag, ticket_id=number, tag_id=known.tags[OTHER])


def _says(ticket_id: int, at: datetime, author_id: int | None, numbers: dict[str, int], write: Any,
          said: str = "") -> None:  # fmt: skip
    numbers["message"] += 1
    is_ours = author_id is not None
    write(Message, id=numbers["message"], ticket_id=ticket_id, direction=Direction.OUT if is_ours else Direction.IN,
          state=MessageState.SENT if is_ours else MessageState.RECEIVED, kind="reply" if is_ours else "mail",
          internet_id=f"<{numbers['message']}@example.com>", text=said or "本文", reply_text=said,
          author_id=author_id, created_at=at, sent_at=at if is_ours else None)  # fmt: skip


def _call(draw: random.Random, known: _Known, ticket_id: int, customer_id: int, queue_id: int, agent_id: int,
          at: datetime, answered_at: datetime, numbers: dict[str, int], write: Any) -> None:  # fmt: skip
    numbers["call"] += 1
    number = numbers["call"]
    talked = answered_at + timedelta(seconds=draw.lognormvariate(math.log(240), 0.5))
    after = draw.lognormvariate(math.log(50), 0.5) * (SLOW if agent_id == known.slow else 1)
    write(CallOffer, id=number, call_id=number, agent_id=agent_id, offered_at=at, until=answered_at,
          ended_at=answered_at, how=OfferEnd.ACCEPTED)  # fmt: skip
    write(Call, id=number, source="twilio", call_key=f"CA{number}", number=f"+81800{customer_id:07}",
          customer_id=customer_id, queue_id=queue_id, ticket_id=ticket_id, state=CallState.ENDED,
          outcome=Outcome.ANSWERED, agent_id=agent_id, started_at=at, answered_at=answered_at, ended_at=talked,
          wrapped_up_at=talked + timedelta(seconds=after), note=draw.choice(known.texts))  # fmt: skip
    write(QueueVisit, id=number, call_id=number, queue_id=queue_id, entered_at=at, left_at=answered_at,
          how=VisitEnd.ANSWERED, agent_id=agent_id)  # fmt: skip
    write(Handling, id=number, call_id=number, agent_id=agent_id, queue_id=queue_id, began_at=answered_at,
          ended_at=talked, wrapped_up_at=talked + timedelta(seconds=after))  # fmt: skip


def _promises(known: _Known, ticket_id: int, at: datetime, answered_at: datetime | None, resolved_at: datetime | None,
              write: Any) -> None:  # fmt: skip
    for kind, seconds, kept_at in ((PromiseKind.FIRST_RESPONSE, 240 * 60, answered_at),
                                   (PromiseKind.RESOLUTION, 45 * 3600, resolved_at)):  # fmt: skip
        due_at = known.calendar.after(at, seconds)
        kept_at = kept_at if kept_at is not None and kept_at < NOW else None
        is_late = due_at is not None and due_at < (kept_at or NOW)
        write(Promise, id=2 * ticket_id + (kind == PromiseKind.RESOLUTION), ticket_id=ticket_id, kind=kind,
              policy_id=known.policy_id, promised_seconds=float(seconds), started_at=at, counted_at=at,
              left_seconds=float(seconds), due_at=due_at, kept_at=kept_at,
              breached_at=due_at if is_late else None)  # fmt: skip


def lay(database: Database, *, tickets: int, staff: int) -> int:
    """The day that runs as rows, and of two years before it what is kept of so many tickets a year. Returns how many
    rows those are."""
    fill(database, tickets=round(tickets / DAYS), staff=staff, days=1)
    database.write_now(keeping.begin_anew)
    while keeping.look_back(database, timezone=TIMEZONE, most=200):
        pass
    draw = random.Random(5)
    lines = database.read_now(lambda db: [queue.id or 0 for queue in queues.everyone(db)])
    people = database.read_now(lambda db: [agent.id or 0 for agent in agents.everyone(db)])
    written = 0
    for back in range(1, 2 * DAYS + 1):
        told = _a_days_totals(draw, LAST - timedelta(days=back), lines, people, tickets)
        database.write_now(totals.keep, told, timezone=TIMEZONE, now=NOW + timedelta(days=60))
        written += len(told.tickets) + len(told.agents) + len(told.calls) + len(told.tags) + 1
    return written


def _a_days_totals(
    draw: random.Random, day: date, lines: list[int], people: list[int], tickets: int
) -> totals.Day:  # fmt: skip
    cells = {}
    keys = [(queue_id, via.value, priority) for queue_id in lines for via in Channel for priority in (1, 2, 3, 4)]
    for key in keys:
        count = max(1, round(tickets / DAYS / len(keys) * _weight(day)))
        cell = totals.Cell(dict.fromkeys(totals.TICKETS, count))
        for kind in spread.KINDS:
            for _ in range(min(count, 60)):  # as many steps as there are cases, up to what a day's lengths spread over
                spread.count(cell.counts, kind, draw.lognormvariate(8, 1.2))
        cells[key] = cell
    told = dict.fromkeys(totals.WORK, 30_000_000) | {"handled": 20}
    own = {(agent_id, queue_id): told | {"wrap_up": draw.randrange(10**9)}
           for agent_id in people for queue_id in (0, *lines[:2])}  # fmt: skip
    calls = {queue_id: measures.Calls(answered=100, answered_in_time=draw.randrange(60, 100), handled=100, talk=10**9)
             for queue_id in lines}  # fmt: skip
    return totals.Day(day, cells, own, calls, {queue_id: [2] * spread.HALVES for queue_id in lines},
                      {(tag_id, lines[0]): draw.randrange(20) for tag_id in (1, 2, 3)}, {}, {})  # fmt: skip


# --- writing ---------------------------------------------------------------------------------------------------------

_ORDER = (Customer, Ticket, Message, Call, CallOffer, QueueVisit, Handling, Promise, TicketTag, Routing, Event)


def _flush(database: Database, pending: dict[type[Row], list[dict[str, Any]]]) -> None:
    for kind in _ORDER:
        if given := pending.pop(kind, []):
            write(database, kind, given)


def write(database: Database, kind: type[Row], given: Iterable[dict[str, Any]]) -> None:
    """Many rows at once, as each database takes them quickest."""
    table = metadata.tables[kind.__tablename__]  # type: ignore[index]
    usual: dict[str, Any] = {}
    for name, each in kind.model_fields.items():
        if each.default_factory is not None:
            usual[name] = each.default_factory()  # type: ignore[call-arg]
        elif not each.is_required():
            usual[name] = each.default
    names = [column.name for column in table.c]
    raw = database.engine.raw_connection()
    try:
        cursor: Any = raw.cursor()
        listed = ", ".join(f'"{name}"' for name in names)
        if database.is_sqlite:
            places = ", ".join("?" for _ in names)
            values = ([_plain(row.get(name, usual.get(name))) for name in names] for row in given)
            cursor.executemany(f'INSERT INTO "{table.name}" ({listed}) VALUES ({places})', values)
        else:
            with cursor.copy(f'COPY "{table.name}" ({listed}) FROM STDIN') as copy:
                for row in given:
                    copy.write_row([_copied(row.get(name, usual.get(name))) for name in names])
        raw.commit()
    finally:
        raw.close()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return _copied(value)


def _copied(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value.value if hasattr(value, "value") else value


def numbering(db: Session, kinds: Sequence[type[Row]]) -> None:
    """Who goes on from here numbers its rows after these."""
    for name in (str(kind.__tablename__) for kind in kinds if "id" in kind.model_fields):
        db.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"))


def _last_event(db: Session) -> int:
    return db.scalar(sa.select(sa.func.max(col(Event.id)))) or 0


def _every(days: int) -> Iterator[date]:
    return (LAST - timedelta(days=days - 1 - ahead) for ahead in range(days))


def _weight(day: date) -> float:
    return WEEKDAYS[day.weekday()]


def _poisson(draw: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    count, product, edge = 0, draw.random(), math.exp(-mean)
    while product > edge:
        count, product = count + 1, product * draw.random()
    return count


# --- the bench -------------------------------------------------------------------------------------------------------


def count(database: Database) -> tuple[float, float]:
    """Fold and count everything. Returns the processor seconds of both."""
    begun = time.process_time()
    database.write_now(keeping.begin_anew)
    while keeping.look_back(database, timezone=TIMEZONE, most=200):
        pass
    folded = time.process_time()
    while keeping.count(database, timezone=TIMEZONE, now=NOW, most=50):
        pass
    return folded - begun, time.process_time() - folded


def periods() -> Iterable[tuple[str, reports.Period]]:
    """What is asked for."""
    for name, days in (("a day", 1), ("a week", 7), ("30 days", 30), ("a quarter", 91), ("a year", DAYS)):
        yield name, reports.Period("days", LAST - timedelta(days=days - 1), LAST)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.year", description=__doc__.partition("\n")[0])
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--totals", action="store_true")
    parser.add_argument("--staff", type=int, default=200)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if options.database == "sqlite":
            return _bench(Database(f"sqlite:///{Path(folder) / 'desk.db'}"), options)
        from tests import postgres

        with postgres.Server.start() as server:
            return _bench(Database(server.create_database("year")), options)


def _bench(database: Database, options: argparse.Namespace) -> int:
    upgrade(database)
    begun = time.monotonic()
    if options.totals:
        written = lay(database, tickets=options.tickets, staff=options.staff)
        print(f"totals of two years: {written:,} rows in {time.monotonic() - begun:.0f} s", flush=True)
        return _ask(database)
    made = fill(database, tickets=options.tickets, staff=options.staff)
    print(f"{made.tickets:,} tickets, {made.messages:,} messages, {made.calls:,} calls in "
          f"{time.monotonic() - begun:.0f} s")  # fmt: skip
    begun = time.monotonic()
    folded, counted = count(database)
    print(f"folded {folded:.0f} s and counted {counted:.0f} s of processor, {time.monotonic() - begun:.0f} s in all")
    return _ask(database)


def _ask(database: Database) -> int:
    told: Any = None
    for name, period in periods():
        for _ in range(2):  # the first reads from the disk
            wall, used = time.monotonic(), time.process_time()
            told = database.read_now(figures.report, period, timezone=TIMEZONE, now=NOW, against="before")
            said = database.read_now(findings.of, told, language="ja", timezone=TIMEZONE, now=NOW)
            print(f"{name:>10}: {time.monotonic() - wall:.2f} s, {time.process_time() - used:.2f} s of processor, "
                  f"{told.total.now['opened'].value:,.0f} tickets", flush=True)  # fmt: skip
        for each in said:
            print(f"            {each.code} {each.name}: {each.now:.1f} / {each.before:.1f} = {each.ratio:.2f}, "
                  f"n = {each.cases:,}, p = {each.p:.2g}, {each.at or ''}")  # fmt: skip
    wall = time.monotonic()
    found = database.read_now(rows.page, "resolved", period.interval(TIMEZONE), told.asked, language="ja")
    print(f"rows behind: {time.monotonic() - wall:.2f} s for {len(found[0])}")
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
