"""What the desk would make of something an exchange says: for whoever sets one up, before a telephone rings.

The idea: nothing is imitated. What is tried is kept, read and folded into a call by the very verbs that do so in
earnest, looked at, and taken back with its transaction. So what is seen here is what will happen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

import cti.push
from helpdesk import agents, calls, exchange_log, exchanges, romaji
from helpdesk.customers import contact_points, matching
from helpdesk.exchange_log import Line
from helpdesk.settings import Settings
from models import Agent, Call, Customer, Inbound, InboundState, Queue, Ticket

MOST_NAMES = 40
MOST_WORDS = 20


@dataclass(frozen=True, slots=True)
class Heard:
    """One event that was understood."""

    kind: str
    direction: str
    call_id: str
    agents: Sequence[str]
    queue: str
    cause: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What would come of it. `problem` is set, and nothing else, where it cannot be understood at all."""

    problem: str = ""
    reason: str = ""  # the same as a code
    heard: Sequence[Heard] = ()
    number_kind: str = ""  # as `contact_points.Number.kind`
    number: str = ""
    match: str = ""
    customers: Sequence[str] = ()
    dialed: str = ""
    queue_name: str = ""
    agents: Sequence[str] = ()
    taken_by: str = ""
    state: str = ""
    outcome: str = ""
    ticket_id: int | None = None  # the one it would join; None: a new one, or none
    opens_ticket: bool = False
    answer: Mapping[str, str] | None = None


def seen(db: Session, inbound: Inbound, door: exchanges.Door, *, language: str, settings: Settings,
         now: datetime) -> Seen:  # fmt: skip
    """Look at what was just read, in the transaction that is about to be taken back."""
    if inbound.state == InboundState.PARKED or inbound.call_id is None:
        return refused(inbound.outcome)
    call = db.get(Call, inbound.call_id)
    assert call is not None
    content_type = inbound.envelope.get("content_type", "")
    told = exchanges.events_in(door, inbound.raw, content_type, settings=settings, now=now)
    queue = db.get(Queue, call.queue_id) if call.queue_id else None
    taker = db.get(Agent, call.agent_id) if call.agent_id else None
    shown = [agents.called(agent, language) for each in calls.showing(db, call.id) if (agent := db.get(Agent, each))]
    ticket = db.get(Ticket, call.ticket_id) if call.ticket_id else None
    opens = ticket is not None and ticket.created_at >= now
    return Seen(
        heard=[Heard(event.kind, event.direction, event.call_id, event.agents, event.queue, event.cause, event.at)
               for event in told],
        number_kind=_kind(call, settings), number=_display(call, settings), match=call.match,
        customers=_customers(db, call, language), dialed=contact_points.national(call.dialed, settings.region),
        queue_name=queue.called(language) if queue else "", agents=shown, taken_by=agents.called(taker, language),
        state=call.state.value, outcome=call.outcome.value, ticket_id=None if opens or ticket is None else ticket.id,
        opens_ticket=opens, answer=inbound.envelope.get("answer"),
    )  # fmt: skip


def refused(problem: str) -> Seen:
    """It cannot be understood, and this sentence says why."""
    return Seen(problem=problem, reason=exchange_log.reason_of(problem))


@dataclass(frozen=True, slots=True)
class Name:
    """A field an exchange sends. `ours` is what it is mapped to, `known` what it is taken for without that."""

    name: str
    example: str
    ours: str
    known: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word it uses in a field that has words of ours."""

    field: str
    word: str
    ours: str
    known: str


def names(lines: Sequence[Line], mapping: Mapping[str, Any]) -> list[Name]:
    """The fields of its last posts, and those that are mapped and did not come."""
    by_theirs = {theirs: ours for ours, theirs in mapping.items() if isinstance(theirs, str)}
    examples: dict[str, str] = {}
    for line in lines:
        for name, value in line.fields:
            examples.setdefault(name, value)
    for theirs in by_theirs:
        examples.setdefault(theirs, "")
    return [Name(name, value[:80], by_theirs.get(name, ""), cti.push.known_as(name))
            for name, value in list(examples.items())[:MOST_NAMES]]  # fmt: skip


def spoken(lines: Sequence[Line], mapping: Mapping[str, Any]) -> list[Word]:
    """The words it used in fields that have words of ours, and those that are mapped and did not come."""
    by_theirs = {theirs: ours for ours, theirs in mapping.items() if isinstance(theirs, str)}
    kept: dict[tuple[str, str], str] = {
        (field, word): ours for field, meanings in mapping.get("values", {}).items() for word, ours in meanings.items()
    }
    found = dict.fromkeys(
        (field, value)
        for line in lines for name, value in line.fields
        if (field := by_theirs.get(name) or cti.push.known_as(name)) in cti.push.WORDS and len(value) <= 60
    ) | dict.fromkeys(kept)  # fmt: skip
    return [Word(field, word, kept.get((field, word), ""), cti.push.means(field, word))
            for field, word in list(found)[:MOST_WORDS]]  # fmt: skip


def _kind(call: Call, settings: Settings) -> str:
    if call.is_withheld:
        return "withheld"
    return contact_points.read_number(call.number_typed, region=settings.region).kind if call.number_typed else ""


def _display(call: Call, settings: Settings) -> str:
    return contact_points.national(call.number, settings.region) if call.number else call.number_typed


def _customers(db: Session, call: Call, language: str) -> list[str]:
    found = matching.by_phone(db, call.number) if call.number else matching.NOBODY
    ids = [call.customer_id] if call.customer_id else list(found.candidates)
    found_ones = [customer for each in ids if (customer := db.get(Customer, each))]
    return [romaji.spoken(each.name, each.reading, language) for each in found_ones]
