"""On the ways that must stay fast, no statement walks through a table that grows: SQLite itself is asked.

A million customers are as quick as a thousand only while each statement finds its rows by an index. The verbs run as
they do in the desk; whatever they ask the database is explained afterwards.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from classifiers import registry
from helpdesk import (
    accuracy,
    agents,
    board,
    callbacks,
    calls,
    cases,
    confirmed,
    drift,
    filters,
    help_signs,
    inbox,
    ledger,
    looks,
    measures,
    numbers,
    policies,
    pops,
    queues,
    similar,
    tickets,
    unheard,
    views,
)
from helpdesk.calls import callers, wrapping
from helpdesk.customers import contact_points, guesses, matching, records
from helpdesk.events import last_number
from helpdesk.filters import Filter, counting, finding, questions, sorting
from helpdesk.mail import receive
from helpdesk.products import figures, rising
from helpdesk.runtime import log
from helpdesk.settings import Settings
from helpdesk.tallies import rows
from helpdesk.tallies.totals import Asked
from models import (
    Agent,
    Calendar,
    Call,
    Channel,
    ContactPoint,
    Customer,
    Direction,
    FieldKind,
    InboundKind,
    Membership,
    Message,
    MessageState,
    Otherwise,
    PointKind,
    Presence,
    Ringing,
    Role,
    Tag,
    Ticket,
    TicketField,
)
from models.database import Database
from models.migrations import upgrade

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(days=30)
NUMBER, DIALED = "+819012340001", "+81312345678"
SMALL = {"queue", "agent", "membership", "lease", "login", "mailbox", "helpsign", "calendar", "savedview"}
"""Tables with as many rows as the desk has people and lines."""
PARTIAL = {"ix_call_live", "ix_call_unwrapped", "ix_inbound_waiting", "ix_message_awaiting", "ix_parked_open",
           "ix_ticket_open", "ix_ticket_urgent", "uq_agentstate_current", "uq_queuevisit_waiting", "uq_calloffer_open",
           "ix_calloffer_until"}  # fmt: skip
"""Indexes of what is open now; walking through one costs what there is to do."""
FORM = f"CallSid=CA1&CallStatus=ringing&Direction=inbound&From=%2B{NUMBER[1:]}&To=%2B{DIALED[1:]}"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file with the people in it; migrating takes a second, copying a millisecond."""
    path = tmp_path_factory.mktemp("plans") / "desk.db"
    opened = Database(f"sqlite:///{path}")
    upgrade(opened)
    opened.write_now(_people)
    opened.close()
    return path


@pytest.fixture
def database(settled: Path, tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{shutil.copy(settled, tmp_path / 'desk.db')}")
    opened.read_now(policies.book)  # which a process reads once
    yield opened
    opened.close()


def _people(db: Session) -> None:
    queue = queues.make_defaults(db)[0]
    queue.phone = DIALED
    agent = Agent(name="山田 愛子", email="aiko@desk.example.jp", created_at=NOW)
    customer = Customer(name="田中 花子", created_at=NOW)
    db.add_all([agent, customer])
    db.flush()
    db.add(Membership(queue_id=queue.id, agent_id=agent.id))
    db.add(ContactPoint(customer_id=customer.id, kind=PointKind.PHONE, key=NUMBER, value=NUMBER, created_at=NOW))
    agents.set_state(db, agent.id or 0, Presence.READY, now=NOW)


@contextmanager
def _explained(database: Database, *, also: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """The plans of all statements that run inside, as "plan   <- statement"; `also` names other first words."""
    asked: list[tuple[str, Any]] = []

    def note(*told: Any) -> None:
        asked.append((told[2], told[3]))

    engines = (database.engine, database.reading_engine)
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    plans: list[str] = []
    yield plans
    for engine in engines:
        sa.event.remove(engine, "before_cursor_execute", note)
    with database.reading_engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", *also)):
                if isinstance(parameters, list):
                    parameters = parameters[0]
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                    plans.append(f"{row[3]}   <- {' '.join(statement.split())}")
    assert asked


TAKEN = re.compile(r"SCAN (anon_\d+|SUBQUERY|json_each VIRTUAL TABLE)")
"""What was taken from indexes before, and never more than a page or what is sorted together; or was handed in."""


def _walks(plans: list[str]) -> list[str]:
    """The plans that read a growing table or index from end to end."""
    found = []
    for plan in plans:
        told = re.match(r"SCAN (?!CONSTANT ROW)(\w+)(?: USING (?:COVERING )?INDEX (\w+))?", plan)
        if told and told[1] not in SMALL and told[2] not in PARTIAL and not TAKEN.match(plan):
            found.append(plan)
    return found


def _ring(database: Database, settings: Settings) -> int:
    def hear(db: Session) -> int | None:
        inbound = inbox.keep_row(
            db, InboundKind.TWILIO, "twilio", "CA1:ringing", FORM.encode(),
            envelope={"path": "/hooks/twilio/voice"}, now=NOW,
        )  # fmt: skip
        return callbacks.read(db, inbound, settings=settings, now=NOW)

    call_id = database.write_now(hear)
    assert call_id is not None
    return call_id


def test_a_ringing_call_finds_everything_by_an_index(database: Database, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)

    def look(db: Session) -> None:
        assert log.after(db, 0)
        (call,) = calls.live_for(db, agents.get(db, 1))
        assert pops.shown_to(db, call) == {1}
        assert pops.card(db, call, language="ja", settings=settings).customer is not None
        assert views.rows_for_all(db, [call.ticket_id or 0], language="ja")
        assert "<Enqueue" in callbacks.voice_answer(db, "CA1", settings=settings)

    with _explained(database) as plans:
        _ring(database, settings)
        database.read_now(look)
    assert len(plans) > 20 and _walks(plans) == []


def test_a_queue_with_rules_that_asks_one_agent_at_a_time_finds_everything_by_an_index(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path)

    def rule(db: Session) -> None:
        queue = queues.everyone(db)[0]
        calendar = Calendar(name="平日", week={"mon": [["09:00", "18:00"]]}, created_at=NOW)
        db.add(calendar)
        db.flush()
        queue.ringing, queue.calendar_id = Ringing.LONGEST_IDLE, calendar.id
        queue.most_waiting, queue.longest_wait_seconds, queue.when_full = 5, 60, Otherwise.TELL

    def look(db: Session, seconds: int) -> None:
        now = NOW + timedelta(seconds=seconds)
        assert wrapping.is_anything_due(db, settings=settings, since=BEFORE, now=now)
        wrapping.do_due(db, settings=settings, since=BEFORE, now=now)

    database.write_now(rule)
    with _explained(database) as plans:
        call_id = _ring(database, settings)
        assert database.read_now(calls.showing, call_id) == [1]
        database.write_now(look, 30)  # nobody picked up, and is asked again
        database.read_now(calls.showing, call_id)
        assert "<Dial" not in database.read_now(callbacks.voice_answer, "CA1", settings=settings)
    assert len(plans) > 30 and _walks(plans) == []


def test_a_mail_finds_everything_by_an_index(database: Database, tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "tanaka@example.com", "desk@example.com", "返品 [#77]"
    mail["Message-ID"], mail["References"] = "<2@example.com>", "<1@example.com> <0@example.com>"
    mail.set_content("先日の靴を返品したいです。")
    understood = receive.understand(mail.as_bytes(), router=None, folder=tmp_path)

    def take(db: Session, inbound_id: int) -> None:
        assert receive.take(db, inbound_id, understood, settings=Settings(data=tmp_path), now=NOW) is not None

    with _explained(database) as plans:
        inbound_id, _ = database.write_now(
            inbox.keep, InboundKind.MAIL, "smtp", "key", mail.as_bytes(),
            envelope={"recipients": ["desk@example.com"]}, now=NOW,
        )  # fmt: skip
        assert database.read_now(inbox.waiting, limit=50, kind=InboundKind.MAIL) == [inbound_id]
        database.read_now(inbox.bytes_of, inbound_id)
        database.write_now(take, inbound_id)
    assert len(plans) > 10 and _walks(plans) == []


def test_whose_number_it_is_is_asked_chosen_taken_back_and_edited_by_an_index(
    database: Database, tmp_path: Path
) -> None:
    def edit(db: Session, call_id: int) -> None:
        agent, customer, call = agents.get(db, 1), db.get(Customer, 1), db.get(Call, call_id)
        assert customer and call
        customer.company = "株式会社ミナト"
        customer.company_key = contact_points.name_key(customer.company)
        callers.choose_customer(db, call, customer, by=agent, now=NOW)
        callers.undo_choice(db, call, by=agent, now=NOW)
        numbers.add(db, customer, "03-5555-1234", "", by=agent, region="JP", now=NOW)
        point = records.points_of(db, 1)[-1]
        assert guesses.keep(db, customer, ["+81355551235"], now=NOW)
        numbers.declare_line(db, customer, point, by=agent, now=NOW)
        numbers.remove(db, customer, point, by=agent, now=NOW)
        assert matching.by_phone(db, "+81355551234").reason == "company"
        assert numbers.lines(db, customer, now=NOW).removed

    call_id = _ring(database, Settings(data=tmp_path))
    with _explained(database) as plans:
        database.write_now(edit, call_id)
    assert len(plans) > 20 and _walks(plans) == []


LOOKS: dict[str, Callable[[Session, Agent], Any]] = {
    "who is signed in": lambda db, agent: agents.signed_in(db, "token", now=NOW),
    "the newest number": lambda db, agent: last_number(db),
    "the rail": lambda db, agent: views.rail(db, agent, language="ja", now=NOW),
    "all tickets": lambda db, agent: views.page(db, agent, "all", language="ja", now=NOW),
    "my tickets": lambda db, agent: views.page(db, agent, "mine", language="ja", now=NOW),
    "a queue's tickets": lambda db, agent: views.page(db, agent, "queue-1", language="ja", now=NOW),
    "urgent tickets": lambda db, agent: views.page(db, agent, "urgent", language="ja", now=NOW),
    "how many are urgent": lambda db, agent: views.total(db, agent, views.named(db, agent, "urgent"), now=NOW),
    "a ticket's page": lambda db, agent: [
        looks.impressions(db, 1),
        looks.decisions(db, 1),
        looks.messages(db, 1, agent_id=1),
        looks.files(db, 1),
        looks.notes(db, 1),
        looks.calls(db, 1),
        looks.facts(db, 1, looks.told({"ticket_opened"})),
        looks.assignable(db, 1),
    ],
    "a queue's size": lambda db, agent: views.total(db, agent, views.named(db, agent, "queue-1"), now=NOW),
    "waiting calls": lambda db, agent: calls.waiting_count(db),
    "cards on the screen": lambda db, agent: calls.live_for(db, agent),
    "what is parked": lambda db, agent: inbox.open_count(db),
    "how right the classifier is": lambda db, agent: accuracy.report(db, None, since=BEFORE, until=NOW),
    "the tickets behind a figure": lambda db, agent: confirmed.answers(
        db, since=BEFORE, until=NOW, said="returns", was="billing"
    ),
    "the last misroutes": lambda db, agent: confirmed.misroutes(db, since=BEFORE, until=NOW, language="ja"),
    "what came by week": lambda db, agent: drift.volumes(db, weeks=3, until=NOW),
    "the words of two periods": lambda db, agent: drift.words(
        db, since=BEFORE, until=NOW, vectors=registry.shipped().vectors
    ),
    "the ledger of mail": lambda db, agent: ledger.page(db, settings=Settings(), now=NOW),
    "the mails of a day": lambda db, agent: ledger.rows(db, "smtp", NOW.date(), "kept", settings=Settings()),
    "the mails set aside on a day": lambda db, agent: ledger.rows(
        db, "smtp", NOW.date(), "parked", settings=Settings(), cursor=f"{NOW.isoformat()}~9"
    ),
    "what came again on a day": lambda db, agent: ledger.rows(
        db, "smtp", NOW.date(), "repeat", settings=Settings(), cursor=f"{NOW.isoformat()}~9"
    ),
    "what is due in calls": lambda db, agent: wrapping.is_anything_due(db, settings=Settings(), since=BEFORE, now=NOW),
    "waiting calls nothing is heard of": lambda db, agent: unheard.is_any(db, now=NOW),
    "raised hands": lambda db, agent: help_signs.all_raised(db, language="ja"),
    "who writes from an address": lambda db, agent: matching.by_address(db, "tanaka@example.com"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_page_finds_its_rows_by_an_index(database: Database, tmp_path: Path, name: str) -> None:
    _ring(database, Settings(data=tmp_path))
    with _explained(database) as plans:
        database.read_now(lambda db: LOOKS[name](db, agents.get(db, 1)))
    assert _walks(plans) == []


def test_what_awaits_approval_is_counted_without_looking_at_the_tickets_of_a_queue(database: Database) -> None:
    with _explained(database) as plans:
        database.read_now(lambda db: LOOKS["the rail"](db, agents.get(db, 1)))
    awaiting = next(place for place, plan in enumerate(plans) if "ix_message_awaiting" in plan)
    assert plans[awaiting].startswith("SCAN message"), plans[awaiting - 1 : awaiting + 2]
    assert plans[awaiting + 1].startswith("SEARCH ticket USING INTEGER PRIMARY KEY"), plans[awaiting + 1]


ASKED: dict[str, Filter] = {
    "nothing": Filter(),
    "open": Filter({"state": ("open",)}),
    "settled": Filter({"state": ("resolved",)}),
    "nobody's": Filter({"state": ("open",), "assignee": ("nobody",)}),
    "somebody's": Filter({"assignee": ("somebody", "2")}),
    "urgent": Filter({"state": ("open",), "urgent": ("yes",)}),
    "words": Filter({"subject": ("靴",)}, {"priority": ("4",), "tag": ("1",), "customer": ("田中",)}),
    "times": Filter({"created": ("within:7",), "contact": ("before:1",), "due": ("overdue", "none")}),
    "a tag": Filter({"tag": ("1", "2")}),
    "a field": Filter({f"{filters.FIELD}1": ("red",)}),
    "a customer": Filter({"customer": ("田中",), "company": ("港",)}),
    "the rest": Filter({"priority": ("1",), "channel": ("form",), "language": ("en",), "waiting": ("us",)}),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", ASKED)
def test_no_filter_in_any_order_walks_through_a_table(database: Database, name: str, role: Role) -> None:
    def few(db: Session) -> None:
        db.get_one(Agent, 1).role = role
        db.add(Tag(name="至急", key="至急", created_at=NOW))
        db.add(TicketField(key="colour", name="色", name_en="Colour", kind=FieldKind.TEXT, created_at=NOW))

    def look(db: Session) -> None:
        agent = agents.get(db, 1)
        for sort in sorting.SORTS:
            finding.find(db, agent, ASKED[name], sort=sort, limit=views.PAGE, now=NOW)
        counting.count(db, agent, ASKED[name], now=NOW)
        questions.holding(db, agent, ASKED[name], [1, 2], now=NOW)

    database.write_now(few)
    with _explained(database) as plans:
        database.read_now(look)
    assert len(plans) > 20 and _walks(plans) == []


def test_the_ledgers_figures_are_read_from_indexes_and_of_the_days_shown_alone(database: Database) -> None:
    with _explained(database) as plans:
        database.read_now(lambda db: ledger.page(db, settings=Settings(), now=NOW))
    counted = [plan for plan in plans if "count(*)" in plan.lower() and "<-" in plan and plan.startswith("SEARCH")]
    assert len(counted) == 2 and all("USING COVERING INDEX" in plan for plan in counted)
    assert "ix_inbound_ledger (kind=? AND received_at>? AND received_at<?)" in counted[0]
    assert "ix_redelivery_at (at>? AND at<?)" in counted[1]


def test_the_live_view_reads_who_waits_and_the_calls_of_its_intervals_by_key(database: Database) -> None:
    with _explained(database, also=("WITH",)) as plans:
        database.read_now(lambda db: board.now(db, language="ja", seen={1, 2}, timezone="Asia/Tokyo", at=NOW))
        database.read_now(lambda db: measures.of_agents(db, measures.today(NOW, "Asia/Tokyo"), [1], now=NOW))
    told = {plan.split("   <-")[0] for plan in plans}
    by_key = {plan for plan in told if re.search(r" (queuevisit|handling|calloffer) ", f"{plan} ")}
    assert by_key == {
        "SEARCH queuevisit USING INDEX ix_queuevisit_queue (queue_id=? AND entered_at>? AND entered_at<?)",
        "SEARCH queuevisit USING INDEX ix_queuevisit_line (queue_id=?)",
        "SEARCH handling USING INDEX ix_handling_queue (queue_id=? AND began_at>? AND began_at<?)",
        "SEARCH handling USING INDEX ix_handling_agent (agent_id=? AND began_at>? AND began_at<?)",
        "SEARCH calloffer USING INDEX ix_calloffer_agent (agent_id=? AND offered_at>? AND offered_at<?)",
    }
    assert not [plan for plan in told if re.match(r"SCAN (queuevisit|handling|calloffer|call\b)", plan)]


def test_what_came_back_and_what_rises_is_read_of_the_days_asked_for_alone(database: Database) -> None:
    days = measures.Interval(BEFORE, NOW)

    def look(db: Session) -> None:
        for queue_id in (None, 1):
            figures.read(db, days, queue_id=queue_id, language="ja", now=NOW)
        for what in figures.WHATS:
            figures.rows(db, what, days, figures.Which(product_id=1), language="ja")
        rising.find(db, now=NOW)

    database.write_now(lambda db: tickets.start(db, subject="", channel=Channel.MAIL, queue_id=1, customer_id=None,
                                                language="ja", now=BEFORE))  # fmt: skip
    with _explained(database) as plans:
        database.read_now(look)
    walked = [plan for plan in _walks(plans) if not re.match(r"SCAN (product|productlot|returnreason|ticket) ", plan)]
    assert walked == []  # products and reasons are few, and of tickets the first alone is looked at
    assert not [plan for plan in plans if plan.startswith("SCAN ticket") and "LIMIT" not in plan]
    told = {plan.split("   <-")[0] for plan in plans}
    for table, at in (("productreturn", "asked_at"), ("ticketproduct", "at"), ("purchase", "ordered_at")):
        assert any(re.search(rf"{table} .*\({at}>\? AND {at}<\?", plan) for plan in told), told


def test_each_piece_of_a_file_begins_where_the_one_before_ended(database: Database) -> None:
    """A file of two million tickets is read in a thousand pieces; the last one must cost what the first does."""
    days, later = measures.Interval(BEFORE, NOW), NOW - timedelta(minutes=1)

    def look(db: Session) -> None:
        cursor = f"{later.isoformat()}_7_1"
        for what in rows.BEHIND:
            rows.page(db, what, days, Asked(), language="ja", cursor=cursor)

    pieces: list[tuple[Any, ...]] = []
    sa.event.listen(database.reading_engine, "before_cursor_execute", lambda *told: pieces.append(told[3]))
    with _explained(database) as plans:
        database.read_now(look)
    told = {plan.split("   <-")[0] for plan in plans if "stretch" in plan}
    ranges = {name for each in told for name in re.findall(r"stretch USING INDEX (\w+) \([^)]*>\?", each)}
    assert {"ix_stretch_began", "ix_stretch_answered", "ix_stretch_ended"} <= ranges, told
    shown = [" ".join(map(str, each)) for each in pieces]
    assert all(f"{later:%Y-%m-%d %H:%M}" in each and f"{BEFORE:%Y-%m-%d %H:%M}" not in each for each in shown)


def test_similar_tickets_are_found_and_kept_by_key_and_never_by_walking_through_what_is_resolved(
    database: Database,
) -> None:
    def solve(db: Session) -> None:
        agent = agents.get(db, 1)
        for _ in range(60):  # of few candidates SQLite thinks otherwise than of many
            ticket = tickets.start(db, subject="充電", channel=Channel.MAIL, queue_id=1, customer_id=1, language="ja",
                                   now=NOW)  # fmt: skip
            db.add(Message(ticket_id=ticket.id or 0, direction=Direction.IN, state=MessageState.RECEIVED,
                           text="掃除機VC-9の充電ができません。ランプがつきません。", created_at=NOW))  # fmt: skip
            tickets.note(db, ticket, "端子のフィルムをはがして解決。", by=agent, now=NOW)
            tickets.resolve(db, ticket, by=agent, now=NOW)

    database.write_now(solve)
    with _explained(database) as plans:
        assert cases.catch_up(database, now=lambda: NOW) == 60
        found = database.read_now(lambda db: similar.find(db, agents.get(db, 1), db.get_one(Ticket, 1), language="ja"))
        assert len(found) == similar.MOST
        database.write_now(cases.forget, found[0].ticket_id)
    bounded = r"SCAN (key\d+|named) "  # the two hundred newest of a key, and those of all keys together
    assert len(plans) > 20 and [plan for plan in _walks(plans) if not re.match(bounded, plan)] == []
    resolved = [plan for plan in plans if re.match(r"SEARCH ticket USING (COVERING )?INDEX ix_ticket_\w*state", plan)]
    assert resolved == []


def test_a_walk_through_a_growing_table_is_noticed(database: Database) -> None:
    with _explained(database) as plans:
        database.read_now(lambda db: db.scalars(sa.select(Customer).where(Customer.note == "x")).all())
    assert len(_walks(plans)) == 1
