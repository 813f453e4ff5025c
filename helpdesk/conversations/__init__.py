"""A ticket as its page shows it: what was said and done in one order, why it is in its queue, whose it is.

Every part is one statement, however long the conversation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from helpdesk import agents, asides, changes, duplicates, looks, preferences, queues, survey_answers, tickets
from helpdesk.conversations import doings
from helpdesk.conversations.customers import CustomerBrief, CustomerPanel, TicketBrief, briefs, panel
from helpdesk.conversations.doings import Done
from helpdesk.conversations.entries import (
    Entry,
    Feeling,
    File,
    Fold,
    file_of,
    folded,
    of_answer,
    of_call,
    of_message,
    of_note,
)
from helpdesk.conversations.histories import ANSWERED, TOLD, Names, acted, belongs, of_fact, spoken_of
from helpdesk.conversations.replying import NOTHING, Asked, ReplyForm, reply_form
from helpdesk.customers import contact_points, matching
from helpdesk.events import recall
from helpdesk.mail import compose
from helpdesk.rules import history as ran
from helpdesk.settings import Settings
from helpdesk.sla import showing
from models import Agent, Call, Direction, Event, Impression, Message, Outcome, Queue, Routing, Ticket, TicketState

ASSIGNED = ("ticket_assigned", "ticket_taken", "ticket_unassigned", "ticket_given", "ticket_returned")
_TOLD = looks.told(TOLD)


@dataclass(frozen=True, slots=True)
class RoutingView:
    reason: str
    queue_name: str
    confidence: float | None
    threshold: float | None
    label: str
    version: str
    because: Sequence[dict[str, Any]]
    alternatives: Sequence[dict[str, Any]]
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class UrgencyView:
    """Why a ticket is taken for urgent, and who said that it is not."""

    impression_id: int
    confidence: float
    reasons: Sequence[str]
    because: Sequence[dict[str, Any]]
    version: str
    at: datetime
    source: str  # the entry it was read from, as an address on the page
    is_note: bool  # of a call
    denied_by: str


@dataclass(frozen=True, slots=True)
class LanguageView:
    """The language of a ticket that is not the desk's own; how plainly its letters say so, in [0, 1]."""

    code: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Another open ticket of the customer that may be about the same."""

    id: int
    subject: str
    last_contact_at: datetime


@dataclass(frozen=True, slots=True)
class TicketView:
    id: int
    subject: str
    state: str
    channel: str
    queue_id: int
    queue_name: str
    is_triage: bool
    assignee_id: int | None
    assignee_name: str
    created_at: datetime
    last_contact_at: datetime
    awaits_us: bool
    routing: RoutingView | None
    entries: Sequence[Entry]
    customer: CustomerPanel | None
    candidates: Sequence[CustomerBrief]
    agents: Sequence[looks.Assignable]
    queues: Sequence[dict[str, Any]]
    reply: ReplyForm
    can: frozenset[str]
    merged_into_id: int | None
    urgency: UrgencyView | None
    language: LanguageView | None
    viewer_id: int
    priority: int
    pending_until: datetime | None
    aside: asides.Aside
    done: Done | None
    duplicate: Duplicate | None
    clocks: Sequence[showing.Clock] = ()
    others: Sequence[TicketBrief] = ()  # the customer's other open tickets that the viewer may work on
    given: str = ""  # how the desk chose the assignee, where it did, see TicketAssigned

    @property
    def parts(self) -> list[Entry | Fold]:
        """The conversation as the page shows it: long runs of facts folded, but for the first and last of each."""
        return folded(self.entries)

    @property
    def is_spoken(self) -> bool:
        """Whether the customer and we last spoke by telephone, now perhaps, and no mail has followed."""
        for entry in reversed(self.entries):
            if entry.call is not None:
                return entry.call.outcome in (Outcome.OPEN, Outcome.ANSWERED)
            if entry.kind == "message" and entry.message_kind not in compose.AUTOMATIC:
                return False
        return False


def show(
    db: Session,
    ticket: Ticket,
    *,
    agent: Agent,
    language: str,
    settings: Settings,
    now: datetime,
    asked: Asked = NOTHING,
) -> TicketView:
    """Everything the ticket's page shows to this agent."""
    assert ticket.id is not None
    every_queue = queues.everyone(db)
    queue_names = {queue.id or 0: queue.called(language) for queue in every_queue}
    staff = looks.staff(db, language)
    decisions = looks.decisions(db, ticket.id)
    here = next(queue for queue in every_queue if queue.id == ticket.queue_id)
    messages = looks.messages(db, ticket.id, agent_id=agent.id or 0)
    is_all = len(messages) < looks.MOST
    last = _last_received(messages) if is_all else tickets.last_received(db, ticket.id)
    assignee = staff.get(ticket.assignee_id or 0)
    can = {"note", "assign", "move", "link_customer", "reply", "work"}
    if agents.serves(db, agent, ticket.queue_id):
        can.add("approve")
    can.add("reopen" if ticket.state == TicketState.RESOLVED else "resolve")
    can.add("merge")
    if ticket.merged_into_id is not None:  # its conversation goes on elsewhere
        can = {"unmerge"}
    guessed, shown = looks.impressions(db, ticket.id), preferences.all_shown(db)
    beside = panel(db, ticket.customer_id, language=language, but=ticket.id) if ticket.customer_id else None
    reachable = {point["value"]: point["unreachable"] for point in beside.addresses} if beside else {}
    served = agents.queue_ids(db, agent)
    others = [each for each in beside.open_tickets if each.queue_id in served] if beside else []
    feelings = {each.message_id: _feeling(each) for each in guessed if "sentiment" in shown}
    aside = asides.of(db, ticket, agent=agent, staff=staff, language=language)
    told = looks.facts(db, ticket.id, _TOLD)
    called = asides.names(db, aside, {each for row in told for each in spoken_of(recall(row))}, language=language)
    names = Names(queue_names, staff, called)
    named = ran.named(db, told, language=language)
    entries = _entries(db, ticket, messages, decisions, feelings, names, told, last, language, named)
    return TicketView(
        ticket.id,
        ticket.subject,
        ticket.state.value,
        ticket.channel.value,
        ticket.queue_id,
        queue_names[ticket.queue_id],
        here.is_triage,
        ticket.assignee_id,
        assignee.name if assignee else "",
        ticket.created_at,
        ticket.last_contact_at,
        ticket.awaits_us,
        _routing(decisions, queue_names, every_queue, staff),
        entries,
        beside,
        [] if ticket.customer_id else _candidates(db, ticket, last),
        looks.assignable(db, ticket.queue_id),
        [{"id": queue.id, "name": queue.called(language)} for queue in every_queue],
        reply_form(
            db,
            ticket,
            agent=agent,
            settings=settings,
            asked=asked,
            last=last,
            reachable=reachable,
            said=messages if is_all else None,
        ),
        frozenset(can),
        ticket.merged_into_id,
        _urgency(guessed[-1], staff) if guessed and "urgency" in shown else None,
        _language(ticket, guessed) if "language" in shown and ticket.language != settings.language else None,
        agent.id or 0,
        ticket.priority,
        ticket.pending_until,
        aside,
        doings.shown(changes.offered(told, viewer_id=agent.id or 0, now=now), told, names, named),
        _duplicate(ticket, others, aside, now) if "merge" in can and ticket.state != TicketState.RESOLVED else None,
        clocks=showing.clocks(db, ticket, now=now),
        others=others,
        given=_given(ticket, entries),
    )


def _entries(
    db: Session,
    ticket: Ticket,
    messages: Sequence[Message],
    decisions: Sequence[Routing],
    feelings: Mapping[int | None, Feeling | None],
    names: Names,
    told: Sequence[Event],
    last: Message | None,
    language: str,
    named: Mapping[int, ran.Named],
) -> list[Entry]:
    assert ticket.id is not None
    staff = names.staff
    files: dict[int, list[File]] = {}
    for row in looks.files(db, ticket.id) if messages else ():
        files.setdefault(row.message_id, []).append(file_of(row))
    marks = {
        decision.message_id: [
            (reason["start"], reason["end"])
            for reason in decision.because
            if reason.get("start", -1) >= 0 and reason.get("weight", 0) > 0
        ]
        for decision in decisions
        if decision.because
    }
    is_heard = any(row.fact == ANSWERED for row in told)
    answers = survey_answers.of_tickets(db, tickets.family(ticket.id)) if is_heard else ()
    further = survey_answers.questions_of(db, answers)
    reached = {message.id or 0: (*message.to, *message.cc, *message.bcc) for message in messages}
    entries = [
        *(
            of_message(
                message,
                staff,
                files.get(message.id or 0, ()),
                marks.get(message.id, ()),
                feelings.get(message.id),
                last,
            )
            for message in messages
        ),
        *(of_note(note, staff) for note in looks.notes(db, ticket.id)),
        *(of_call(call, staff) for call in looks.calls(db, ticket.id)),
        *(
            acted(of_fact(row, names, reached), named)
            for row in told
            if row.fact != ANSWERED and belongs(row, ticket.id)
        ),
        *(of_answer(answer, further.get(answer.id or 0, "")) for answer in answers),
    ]
    order = {"fact": 0, "call": 1, "message": 2, "note": 3, "answer": 4}
    return sorted(entries, key=lambda entry: (entry.at, order[entry.kind], entry.id))


def _last_received(messages: Sequence[Message]) -> Message | None:
    """The newest of the customer's side, as `tickets.last_received` finds it."""
    theirs = (each for each in reversed(messages) if each.direction == Direction.IN and not each.is_from_stranger)
    return next(theirs, None)


def _duplicate(
    ticket: Ticket, others: Sequence[TicketBrief], aside: asides.Aside, now: datetime
) -> Duplicate | None:  # fmt: skip
    denied = aside.distinct | {each.other_id for each in aside.links}
    told = [(each.id, each.subject, each.snippet, each.last_contact_at) for each in others]
    number = duplicates.likely(ticket.subject, ticket.snippet, told, denied=denied, now=now)
    found = next((each for each in others if each.id == number), None)
    return Duplicate(found.id, found.subject, found.last_contact_at) if found else None


def _given(ticket: Ticket, entries: Sequence[Entry]) -> str:
    """How the desk chose who has it now; "" where a person did."""
    if ticket.assignee_id is None:
        return ""
    own = (each for each in reversed(entries) if each.kind == "fact" and each.ticket_id == ticket.id)
    last = next((each for each in own if each.fact.startswith(ASSIGNED)), None)
    return str(last.facts.get("given", "")) if last else ""


def _routing(
    decisions: Sequence[Routing], names: dict[int, str], every_queue: Sequence[Queue], staff: Mapping[int, Agent]
) -> RoutingView | None:
    if not decisions:
        return None
    current = decisions[-1]
    guess = next((d for d in reversed(decisions) if d.label), current)
    by_slug = {queue.slug: names[queue.id or 0] for queue in every_queue}
    ranked = sorted(guess.probabilities.items(), key=lambda pair: -pair[1])
    by = staff.get(current.by_id or 0)
    return RoutingView(
        current.reason,
        names.get(current.queue_id, ""),
        guess.confidence,
        guess.threshold if guess.threshold is not None and guess.threshold <= 1 else None,  # above 1: never
        by_slug.get(guess.label, guess.label),
        guess.version,
        guess.because,
        [{"queue_name": by_slug.get(label, label), "probability": probability} for label, probability in ranked],
        by.name if by else "",
        current.decided_at,
    )


def _feeling(impression: Impression) -> Feeling | None:
    if not impression.sentiment:
        return None
    return Feeling(impression.sentiment, impression.sentiment_confidence, impression.sentiment_because)


def _urgency(impression: Impression, staff: Mapping[int, Agent]) -> UrgencyView | None:
    if not impression.is_urgent:
        return None
    denied_by = staff.get(impression.denied_by_id or 0)
    is_note = impression.message_id is None
    return UrgencyView(
        impression.id or 0,
        impression.urgency,
        impression.urgency_reasons,
        impression.urgency_because,
        impression.version,
        impression.made_at,
        f"#entry-call-{impression.call_id}" if is_note else f"#message-{impression.message_id}",
        is_note,
        denied_by.name if denied_by else "",
    )


def _language(ticket: Ticket, guessed: Sequence[Impression]) -> LanguageView:
    """By the newest text that is in it; 0 where nothing was written yet, and it is the customer's by record."""
    told = (each.language_confidence for each in reversed(guessed) if each.language == ticket.language)
    return LanguageView(ticket.language, next(told, 0.0))


def _candidates(db: Session, ticket: Ticket, last: Message | None) -> list[CustomerBrief]:
    """Who it might be: everybody who shares the address written from, or the number called from."""
    if last and last.sender_address:
        return briefs(db, matching.by_address(db, contact_points.email_key(last.sender_address)).candidates)
    call = db.exec(select(Call).where(Call.ticket_id == ticket.id, Call.number != "").limit(1)).first()
    return briefs(db, matching.by_phone(db, call.number).candidates) if call else []
