"""A ticket as its page shows it: what was said and done in one order, why it is in its queue, whose it is.

Every part is one statement, however long the conversation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, Literal

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import (
    agents,
    asides,
    changes,
    duplicates,
    looks,
    mentions,
    merging,
    outgoing,
    preferences,
    queues,
    returns,
    sla,
    subjects,
    survey_answers,
    tickets,
    unreachable,
)
from helpdesk.customers import contact_points, matching
from helpdesk.events import (
    ChecklistChanged,
    Fact,
    FieldSet,
    MessageBounced,
    PromiseAtRisk,
    PromiseBreached,
    ReturnChanged,
    TicketAssigned,
    TicketLinked,
    TicketMerged,
    TicketPended,
    TicketPrioritized,
    TicketReopened,
    TicketSplit,
    TicketTagged,
    TicketUnlinked,
    TicketUnmerged,
    TicketUntagged,
    TicketUnwatched,
    TicketWatched,
    recall,
)
from helpdesk.mail import bounces, compose
from helpdesk.mail.files import is_encrypted
from helpdesk.mail.html import has_remote_images
from helpdesk.rules import history as ran
from helpdesk.settings import Settings
from models import (
    Agent,
    Answer,
    Attachment,
    Call,
    ContactPoint,
    Customer,
    Direction,
    Event,
    Impression,
    Message,
    MessageKind,
    MessageState,
    Note,
    Outcome,
    ProductReturn,
    Purchase,
    Queue,
    ReturnState,
    Routing,
    Ticket,
    TicketState,
)
from models.looking import ask, columns_of, peek, rows

# Built once: the card of a ringing call shows both.
_TICKETS = {
    language: sa.select(
        col(Ticket.id),
        col(Ticket.subject),
        col(Ticket.state),
        col(name),
        col(Ticket.last_contact_at),
        col(Ticket.is_urgent),
        col(Ticket.sentiment),
        col(Ticket.snippet),
    )
    .join(Queue, col(Queue.id) == Ticket.queue_id)
    .where(col(Ticket.customer_id) == sa.bindparam("customer_id"))
    .order_by(col(Ticket.last_contact_at).desc(), col(Ticket.id).desc())
    .limit(sa.bindparam("most"))
    for language, name in (("ja", Queue.name), ("en", Queue.name_en))
}
_PURCHASES = (
    columns_of(Purchase)
    .where(col(Purchase.customer_id) == sa.bindparam("customer_id"))
    .order_by(col(Purchase.ordered_at).desc())
    .limit(10)
)
_BRIEFS = sa.select(
    col(Customer.id),
    col(Customer.name),
    col(Customer.reading),
    col(Customer.company),
    col(Customer.caution),
    col(Customer.last_contact_at),
    sa.select(sa.func.count())
    .where(col(Ticket.customer_id) == col(Customer.id), col(Ticket.state) != TicketState.RESOLVED)
    .scalar_subquery(),
).where(col(Customer.id).in_(sa.bindparam("ids", expanding=True)))

ANSWERED = "feedback_given"  # tells of a row of its own
TOLD = {
    "ticket_opened", "ticket_moved", "ticket_assigned", "ticket_resolved", "ticket_reopened", "customer_linked",
    "customer_unlinked", "ticket_linked", "ticket_merged", "ticket_unmerged", "message_bounced", "message_withdrawn",
    "message_held",
    "message_approved", "message_returned", "promise_at_risk", "promise_breached",
    "rule_ran", "macro_ran", "run_taken_back",
    "ticket_pended", "ticket_prioritized", "ticket_tagged", "ticket_untagged", "ticket_unlinked", "ticket_watched",
    "ticket_unwatched", "ticket_split", "field_set", "checklist_changed", "return_changed", ANSWERED,
}  # fmt: skip
ASSIGNED = ("ticket_assigned", "ticket_taken", "ticket_unassigned", "ticket_given", "ticket_returned")
_TOLD = looks.told(TOLD)
FOLDED_MIN = 3
"""Lines of bookkeeping between the first and the last of a run, from which on they fold."""
PANEL_TICKETS = 10


@dataclass(frozen=True, slots=True)
class File:
    id: int
    name: str
    content_type: str
    size_bytes: int
    url: str

    @property
    def is_encrypted(self) -> bool:
        """Whether a key is needed to open it."""
        return is_encrypted(self.content_type, self.name)


@dataclass(frozen=True, slots=True)
class CallBubble:
    id: int
    direction: str
    state: str
    outcome: str
    number: str
    wait_seconds: int
    talk_seconds: int
    agent_name: str
    note: str
    disposition: str


@dataclass(frozen=True, slots=True)
class Feeling:
    """How the writer of a message seems to feel."""

    label: str  # "positive", "neutral", "negative"
    confidence: float
    because: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing in a conversation. `kind` says which fields speak."""

    kind: Literal["message", "note", "call", "fact", "answer"]
    id: int
    at: datetime
    direction: str = ""
    author_name: str = ""
    author_address: str = ""
    header_from: str = ""
    reply_to: str = ""
    problems: Sequence[str] = ()
    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    text: str = ""
    quoted_text: str = ""
    signature: str = ""
    full_text_url: str = ""
    has_html: bool = False
    html_url: str = ""
    images_url: str = ""
    source_url: str = ""
    attachments: Sequence[File] = ()
    marks: Sequence[tuple[int, int]] = ()
    state: str = ""
    error: str = ""
    message_kind: str = ""
    bcc: Sequence[str] = ()
    leaves_at: datetime | None = None
    is_scheduled: bool = False
    author_id: int | None = None
    approved_by: str = ""
    is_overtaken: bool = False  # awaits approval, and the customer has written since
    is_automatic: bool = False
    is_from_stranger: bool = False
    feeling: Feeling | None = None
    call: CallBubble | None = None
    fact: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    ticket_id: int = 0  # where it was said, in a conversation of several tickets


@dataclass(frozen=True, slots=True)
class Fold:
    """What stands between the first and the last of a long run of facts. `id` stays while the run grows."""

    entries: Sequence[Entry]
    kind: Literal["fold"] = "fold"

    @property
    def id(self) -> int:
        """That of its first fact."""
        return self.entries[0].id


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
class TicketBrief:
    """`is_urgent` and `sentiment` are guesses, and empty where they are switched off."""

    id: int
    subject: str
    state: str
    queue_name: str
    last_contact_at: datetime
    is_urgent: bool
    sentiment: str
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class CustomerBrief:
    id: int
    name: str
    reading: str
    company: str
    caution: str
    last_contact_at: datetime | None
    open_count: int


@dataclass(frozen=True, slots=True)
class CustomerPanel:
    id: int
    name: str
    reading: str
    company: str
    number: str
    language: str
    caution: str
    note: str
    phones: Sequence[dict[str, str]]
    addresses: Sequence[dict[str, Any]]
    purchases: Sequence[Purchase]
    open_tickets: Sequence[TicketBrief]
    past_tickets: Sequence[TicketBrief]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the box shall begin with, by ids of messages: one to answer, one to forward, one that was taken back."""

    reply: int = 0
    forward: int = 0
    again: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyForm:
    """The box. `mode` is "reply", "all", "forward", or "new" where nothing was said by mail yet. `to`, `cc` are those
    of a reply, `all_to` and `all_cc` of one to all, which is offered where it is another. `about` is the message that
    is answered or forwarded where it is not the newest, `again` the one taken back whose words and files stand here."""

    to: str
    cc: str
    subject: str
    signature: str
    can: bool
    why_not: str
    mode: str = "reply"
    bcc: str = ""
    all_to: str = ""
    all_cc: str = ""
    forward_to: str = ""
    forward_cc: str = ""
    forward_subject: str = ""
    sender: str = ""
    about: Entry | None = None
    again: int = 0
    text: str = ""
    files: Sequence[File] = ()
    can_forward: bool = False
    unreachable: dict[str, str] | None = None  # why mail to `to` came back, and with which status


@dataclass(frozen=True, slots=True)
class Done:
    """What the viewer did last, as one line: `code` and `facts` as in an entry. `is_undone`: they took something back;
    else it can be, by its event's number."""

    event_id: int
    code: str
    facts: dict[str, Any]
    is_undone: bool


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
    clocks: Sequence[sla.Clock] = ()
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


def folded(entries: Sequence[Entry]) -> list[Entry | Fold]:
    """The same entries in the same order, the middle of each long run of facts as one `Fold`."""
    made: list[Entry | Fold] = []
    for is_fact, group in groupby(entries, key=lambda entry: entry.kind == "fact"):
        run = list(group)
        if is_fact and len(run) >= FOLDED_MIN + 2:
            made += [run[0], Fold(run[1:-1]), run[-1]]
        else:
            made += run
    return made


def show(
    db: Session,
    ticket: Ticket,
    *,
    agent: Agent,
    language: str,
    settings: Settings,
    now: datetime,
    asked: Asked = Asked(),
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
    feelings = {each.message_id: _feeling(each) for each in guessed if "sentiment" in shown}
    aside = asides.of(db, ticket, agent=agent, staff=staff, language=language)
    told = looks.facts(db, ticket.id, _TOLD)
    called = asides.names(db, aside, {each for row in told for each in _spoken_of(recall(row))}, language=language)
    names = Names(queue_names, staff, called)
    entries = _entries(db, ticket, messages, decisions, feelings, names, told, last, language)
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
        reply_form(db, ticket, agent=agent, settings=settings, asked=asked, last=last, reachable=reachable,
                   said=messages if is_all else None),
        frozenset(can),
        ticket.merged_into_id,
        _urgency(guessed[-1], staff) if guessed and "urgency" in shown else None,
        _language(ticket, guessed) if "language" in shown and ticket.language != settings.language else None,
        agent.id or 0,
        ticket.priority,
        ticket.pending_until,
        aside,
        _done(changes.offered(told, viewer_id=agent.id or 0, now=now), names),
        _duplicate(ticket, beside, aside, now) if "merge" in can and ticket.state != TicketState.RESOLVED else None,
        clocks=sla.clocks(db, ticket, now=now),
        given=_given(ticket, entries),
    )


def done_elsewhere(db: Session, ticket_id: int, *, agent: Agent, language: str, now: datetime) -> Done | None:
    """What the agent did last to a ticket that may be out of their sight now, where it can be taken back."""
    row = changes.latest(db, ticket_id, viewer_id=agent.id or 0, now=now)
    names = Names(
        {queue.id or 0: queue.called(language) for queue in queues.everyone(db)},
        looks.staff(db, language),
        {},
    )
    return _done(row, names) if row is not None else None


def panel(db: Session, customer_id: int, *, language: str, but: int | None = None) -> CustomerPanel | None:
    """A customer beside a ticket or on the own page."""
    customer = peek(db, Customer, customer_id)
    if customer is None:
        return None
    points = unreachable.points_of(db, customer_id)
    purchases = rows(db, Purchase, _PURCHASES, customer_id=customer_id)
    own = tickets_of(db, customer_id, language=language, limit=3 * PANEL_TICKETS)
    others = [brief for brief in own if brief.id != but]
    return CustomerPanel(
        customer_id,
        customer.name,
        customer.reading,
        customer.company,
        customer.number,
        customer.language,
        customer.caution,
        customer.note,
        [_point(point) for point in points if point.kind == "phone"],
        [
            _point(point) | {"unreachable": _why(point.status) if point.status is not None else None}
            for point in points
            if point.kind == "email"
        ],
        purchases,
        [brief for brief in others if brief.state != TicketState.RESOLVED][:PANEL_TICKETS],
        [brief for brief in others if brief.state == TicketState.RESOLVED][:PANEL_TICKETS],
    )


def tickets_of(db: Session, customer_id: int, *, language: str, limit: int) -> list[TicketBrief]:
    """A customer's tickets, newest contact first."""
    found = ask(db, _TICKETS["en" if language == "en" else "ja"], customer_id=customer_id, most=limit)
    shown = preferences.all_shown(db) if found else ()
    return [
        TicketBrief(
            number, subject, state, queue, at, "urgency" in shown and urgent, feels if "sentiment" in shown else "",
            snippet,
        )
        for number, subject, state, queue, at, urgent, feels, snippet in found
    ]


def timeline(
    db: Session, customer_id: int, *, seen: sa.ColumnElement[bool], heard: sa.ColumnElement[bool], language: str,
    limit: int = 50,
) -> list[Entry]:  # fmt: skip
    """What a customer and the desk said to each other and what came back, over the tickets in `seen` and the calls in
    `heard`, newest first. What other queues wrote and heard is theirs; that there are such tickets, the customer's
    panel tells all."""
    staff = {each.id or 0: each for each in db.exec(select(Agent))}
    messages = db.exec(
        select(Message)
        .join(Ticket, col(Ticket.id) == Message.ticket_id)
        .where(Ticket.customer_id == customer_id, seen, col(Message.state) != MessageState.WITHDRAWN)
        .order_by(col(Message.id).desc())
        .limit(limit)
    ).all()
    called = db.exec(
        select(Call).where(Call.customer_id == customer_id, heard).order_by(col(Call.started_at).desc()).limit(limit)
    ).all()
    entries = [*(_message(message, staff, (), ()) for message in messages), *(_call(call, staff) for call in called)]
    back = db.exec(
        select(ProductReturn).join(Ticket, col(Ticket.id) == ProductReturn.ticket_id)
        .where(Ticket.customer_id == customer_id, seen, col(ProductReturn.state) != ReturnState.WITHDRAWN)
        .order_by(col(ProductReturn.asked_at).desc()).limit(limit)
    ).all()  # fmt: skip
    if back:
        called_so = asides.names(db, None, {("return", each.id or 0) for each in back}, language=language)
        entries += [entry for each in back for entry in _came_back(each, Names({}, staff, called_so))]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:limit]


def briefs(db: Session, customer_ids: Sequence[int]) -> list[CustomerBrief]:
    """Customers as a chooser lists them: open matters first, then whom we spoke to last."""
    if not customer_ids:
        return []
    made = [CustomerBrief(*values) for values in db.execute(_BRIEFS, {"ids": list(customer_ids)})]
    return sorted(
        made, key=lambda b: (b.open_count == 0, -(b.last_contact_at.timestamp() if b.last_contact_at else 0), b.id)
    )


def _entries(
    db: Session,
    ticket: Ticket,
    messages: Sequence[Message],
    decisions: Sequence[Routing],
    feelings: Mapping[int | None, Feeling | None],
    names: "Names",
    told: Sequence[Event],
    last: Message | None,
    language: str,
) -> list[Entry]:
    assert ticket.id is not None
    staff = names.staff
    files: dict[int, list[File]] = {}
    for row in looks.files(db, ticket.id) if messages else ():
        files.setdefault(row.message_id, []).append(_file(row))
    marks = {
        decision.message_id: [
            (reason["start"], reason["end"])
            for reason in decision.because
            if reason.get("start", -1) >= 0 and reason.get("weight", 0) > 0
        ]
        for decision in decisions
        if decision.because
    }
    acted = ran.named(db, told, language=language)
    is_heard = any(row.fact == ANSWERED for row in told)
    answers = survey_answers.of_tickets(db, tickets.family(ticket.id)) if is_heard else ()
    further = survey_answers.questions_of(db, answers)
    reached = {message.id or 0: (*message.to, *message.cc, *message.bcc) for message in messages}
    entries = [
        *(
            _message(
                message,
                staff,
                files.get(message.id or 0, ()),
                marks.get(message.id, ()),
                feelings.get(message.id),
                last,
            )
            for message in messages
        ),
        *(_note(note, staff) for note in looks.notes(db, ticket.id)),
        *(_call(call, staff) for call in looks.calls(db, ticket.id)),
        *(
            _acted(_fact(row, names, reached), acted)
            for row in told
            if row.fact != ANSWERED and _belongs(row, ticket.id)
        ),
        *(_feedback(answer, further.get(answer.id or 0, "")) for answer in answers),
    ]
    order = {"fact": 0, "call": 1, "message": 2, "note": 3, "answer": 4}
    return sorted(entries, key=lambda entry: (entry.at, order[entry.kind], entry.id))


def _last_received(messages: Sequence[Message]) -> Message | None:
    """The newest of the customer's side, as `tickets.last_received` finds it."""
    theirs = (each for each in reversed(messages) if each.direction == Direction.IN and not each.is_from_stranger)
    return next(theirs, None)


def pictures(db: Session, message: Message) -> dict[str, Attachment]:
    """The pictures that came along with a message and that its page may show, by the ids it shows them by."""
    if "cid:" not in message.html:
        return {}
    asked = select(Attachment).where(
        Attachment.message_id == message.id, Attachment.content_id != "", col(Attachment.content_type).like("image/%")
    )
    return {file.content_id: file for file in db.exec(asked)}


def _belongs(row: Event, ticket_id: int) -> bool:
    """A merge is told to both its tickets: where they are shown as one, once is enough."""
    told = recall(row)
    if isinstance(told, TicketSplit):
        return row.ticket_id == ticket_id
    if not isinstance(told, TicketMerged | TicketUnmerged):
        return True
    return row.ticket_id == (told.merged_id if ticket_id == told.merged_id else told.into_id)


def _message(
    message: Message,
    staff: Mapping[int, Agent],
    files: Sequence[File],
    marks: Sequence[tuple[int, int]],
    feeling: Feeling | None = None,
    newest: Message | None = None,
) -> Entry:
    author = staff.get(message.author_id or 0)
    url = f"/messages/{message.id}"
    return Entry(
        kind="message",
        id=message.id or 0,
        at=message.created_at,
        direction=message.direction.value,
        author_name=author.name if author else message.sender_name or message.sender_address,
        author_address=message.sender_address,
        header_from=message.header_from,
        reply_to=message.reply_to,
        problems=message.problems,
        to=message.to,
        cc=message.cc,
        text=message.reply_text if message.kind == MessageKind.FORWARD else message.reply_text or message.text,
        quoted_text=message.quoted_text,
        signature=message.signature,
        full_text_url=f"{url}/text",
        has_html=bool(message.html),
        html_url=f"{url}/html",
        images_url=f"{url}/html?images=1" if has_remote_images(message.html) else "",
        source_url=f"{url}/source" if message.inbound_id else "",
        attachments=files,
        marks=marks,
        state=message.state.value,
        error=message.error,
        ticket_id=message.ticket_id,
        message_kind=message.kind.value,
        bcc=message.bcc,
        leaves_at=message.leaves_at,
        is_scheduled=outgoing.is_scheduled(message),
        author_id=message.author_id,
        approved_by=approver.name if (approver := staff.get(message.approved_by_id or 0)) else "",
        is_overtaken=bool(newest and (newest.id or 0) > (message.id or 0)),
        is_automatic=message.is_automatic,
        is_from_stranger=message.is_from_stranger,
        feeling=feeling,
    )


def _note(note: Note, staff: Mapping[int, Agent]) -> Entry:
    author = staff.get(note.author_id or 0)
    return Entry(
        kind="note", id=note.id or 0, at=note.created_at, author_name=author.name if author else "", text=note.text,
        ticket_id=note.ticket_id, marks=[(each.start, each.end) for each in mentions.find(note.text, staff.values())],
    )  # fmt: skip


def _call(call: Call, staff: Mapping[int, Agent]) -> Entry:
    agent = staff.get(call.agent_id or 0)
    bubble = CallBubble(
        call.id or 0,
        call.direction,
        call.state.value,
        call.outcome.value,
        call.number,
        call.wait_seconds,
        call.talk_seconds,
        agent.name if agent else "",
        call.note,
        call.disposition,
    )
    return Entry(
        kind="call", id=call.id or 0, at=call.started_at, direction=call.direction, call=bubble, author_name=call.number
    )


def _acted(entry: Entry, names: Mapping[int, tuple[str, bool]]) -> Entry:
    """With the name of the rule or macro it tells of, and that it failed, where it did."""
    if entry.id not in names:
        return entry
    name, is_failed = names[entry.id]
    return replace(entry, fact="rule_failed" if is_failed else entry.fact, facts=entry.facts | {"name": name})


@dataclass(frozen=True, slots=True)
class Names:
    """Who and what a history speaks of."""

    queues: Mapping[int, str]
    staff: Mapping[int, Agent]
    called: Mapping[tuple[str, int], str]

    def agent(self, agent_id: int | None) -> str:
        """An agent's name, "" for nobody."""
        agent = self.staff.get(agent_id or 0)
        return agent.name if agent else ""


def _spoken_of(told: Fact) -> list[tuple[str, int]]:
    """What of the desk's own words a fact needs to be told."""
    if isinstance(told, TicketTagged | TicketUntagged):
        return [("tag", told.tag_id)]
    if isinstance(told, FieldSet):
        return [("field", told.field_id)]
    if isinstance(told, ReturnChanged):
        return [("return", told.return_id)]
    return [("item", told.item_id)] if isinstance(told, ChecklistChanged) else []


def _came_back(row: ProductReturn, names: Names) -> list[Entry]:
    """The steps of a return, each at its time."""
    steps = [("asked", row.asked_at, row.asked_by_id), ("received", row.received_at, row.received_by_id),
             (row.state.value, row.ended_at, row.ended_by_id)]  # fmt: skip
    name, number = names.called.get(("return", row.id or 0), ""), row.id or 0
    return [
        Entry(kind="fact", id=number * len(steps) + place, at=at, fact=f"return_{what}", ticket_id=row.ticket_id,
              facts={"by": names.agent(by_id), "name": name})
        for place, (what, at, by_id) in enumerate(steps)
        if at is not None
    ]  # fmt: skip


def _feedback(answer: Answer, question: str) -> Entry:
    """What the customer said when asked, at the time of the first answer; `question` is a further one, "" the first."""
    feeling = Feeling(answer.sentiment, answer.sentiment_confidence, ()) if answer.sentiment else None
    said = {"score": answer.score, "scale": answer.scale.value, "question": question}
    return Entry(
        kind="answer", id=answer.id or 0, at=answer.at, text=answer.comment, facts=said, feeling=feeling,
        ticket_id=answer.ticket_id or 0,
    )  # fmt: skip


def _fact(row: Event, names: Names, reached: Mapping[int, Sequence[str]]) -> Entry:
    told = recall(row)
    facts: dict[str, Any] = {}
    for name in ("queue_id", "from_queue_id"):
        if (number := getattr(told, name, None)) is not None:
            facts["from_queue" if name.startswith("from") else "to_queue"] = names.queues.get(number, "")
    code = row.fact
    if code == "ticket_assigned":
        agent = names.staff.get(getattr(told, "agent_id", None) or 0)
        code = "ticket_assigned" if agent else "ticket_unassigned"
        if agent and agent.id == row.actor_id:
            code = "ticket_taken"
        facts["to"] = agent.name if agent else ""
        if isinstance(told, TicketAssigned) and told.reason:
            facts |= {"given": told.reason if agent else "", "from": names.agent(told.from_agent_id)}
            code = f"ticket_given_{told.reason}" if agent else "ticket_returned"
    if isinstance(told, PromiseAtRisk | PromiseBreached):
        code = f"{code}_{told.what}"
    if isinstance(told, TicketLinked | TicketUnlinked):
        facts["other"] = told.other_id
        code = f"ticket_{told.reason}" if isinstance(told, TicketLinked) else "ticket_unlinked"
        if told.reason == "distinct" and isinstance(told, TicketUnlinked):
            code = "ticket_undistinct"
    if isinstance(told, TicketMerged | TicketUnmerged):
        facts |= {"merged": told.merged_id, "into": told.into_id}
        facts["other"] = told.into_id if row.ticket_id == told.merged_id else told.merged_id
    if isinstance(told, TicketSplit):
        code = "ticket_split_off" if row.ticket_id == told.from_id else "ticket_split_from"
        facts["other"] = told.into_id if row.ticket_id == told.from_id else told.from_id
    if isinstance(told, TicketReopened) and told.reason == "woke":
        code = "ticket_woke"
    if isinstance(told, TicketPended):
        facts["until"] = datetime.fromtimestamp(told.until_at, UTC) if told.until_at is not None else None
        code = "ticket_pended" if told.until_at is not None else "ticket_pended_open"
    if isinstance(told, TicketPrioritized):
        code = f"ticket_priority_{told.priority}"
    if isinstance(told, TicketWatched | TicketUnwatched):
        facts["to"] = names.agent(told.watcher_id)
        code = f"{code}_self" if told.watcher_id == row.actor_id else code
    if isinstance(told, ChecklistChanged):
        code = f"item_{told.what}"
    if isinstance(told, ReturnChanged):
        code = "return_back" if returns.goes_back(told) else f"return_{told.what}"
    if spoken := _spoken_of(told):
        facts["name"] = names.called.get(spoken[0], "")
    if isinstance(told, MessageBounced):
        to = reached.get(told.message_id, ())
        code = "message_late" if told.reason == "delayed" else "message_bounced"
        code, facts["to"] = (f"{code}_to", to[0]) if len(to) == 1 else (code, "")
        facts |= {"why": bounces.plainly(told.state), "status": told.state}
    facts["by"] = names.agent(row.actor_id)
    return Entry(kind="fact", id=row.id or 0, at=row.at, fact=code, facts=facts, ticket_id=row.ticket_id or 0)


def told_of(db: Session, rows: Sequence[Event], *, language: str) -> list[Entry]:
    """What facts of any tickets say, each as its ticket's own history tells it."""
    if not rows:
        return []
    staff = looks.staff(db, language)
    called = asides.names(db, None, {each for row in rows for each in _spoken_of(recall(row))}, language=language)
    names = Names({each.id or 0: each.called(language) for each in queues.everyone(db)}, staff, called)
    acted = ran.named(db, rows, language=language)
    return [_acted(_fact(row, names, {}), acted) for row in rows]


def _done(row: Event | None, names: Names) -> Done | None:
    if row is None:
        return None
    entry = _fact(row, names, {})
    is_undone = recall(row).act_id.startswith(changes.UNDONE)
    return Done(row.id or 0, entry.fact, entry.facts, is_undone)


def _duplicate(
    ticket: Ticket, beside: CustomerPanel | None, aside: asides.Aside, now: datetime
) -> Duplicate | None:  # fmt: skip
    if beside is None:
        return None
    others = {brief.id: brief for brief in beside.open_tickets}
    denied = aside.distinct | {each.other_id for each in aside.links}
    told = [(each.id, each.subject, each.snippet, each.last_contact_at) for each in others.values()]
    number = duplicates.likely(ticket.subject, ticket.snippet, told, denied=denied, now=now)
    if number is None:
        return None
    return Duplicate(number, others[number].subject, others[number].last_contact_at)
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


def reply_form(
    db: Session,
    ticket: Ticket,
    *,
    agent: Agent,
    settings: Settings,
    asked: Asked = Asked(),
    last: Message | None = None,
    reachable: Mapping[str, dict[str, str] | None] = MappingProxyType({}),
    said: Sequence[Message] | None = None,
) -> ReplyForm:
    """What a mail begins with: to whom, about what, and whether one can be sent at all.

    Who knows them already tells `last`, the newest mail of the customer's side, and of addresses why mail came back
    from them (None: it did not), `reachable`; and all its mail, `said`.
    """
    queue = queues.get(db, ticket.queue_id)
    _, sender = outgoing.sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
    can = outgoing.can_send(db, settings, address=sender)
    chosen = _of_ticket(db, ticket, asked.reply or asked.forward)
    last = outgoing.answered(db, ticket, last=last, said=said)
    answers = chosen if chosen is not None and asked.reply else last
    address = answers.sender_address if answers else ""
    if not address and ticket.customer_id:
        known = db.exec(
            select(ContactPoint.value)
            .where(ContactPoint.customer_id == ticket.customer_id, ContactPoint.kind == "email")
            .order_by(col(ContactPoint.id))
            .limit(1)
        ).first()
        address = known or ""
    all_to, all_cc = outgoing.everyone(db, answers, settings) if answers else ([], [])
    begins = last is None and not _was_written(db, ticket)
    name = subjects.called(db, ticket, answers, said=said)
    form = ReplyForm(
        to=address,
        cc="",
        subject=name if begins else subjects.reply(ticket, name),
        signature=queue.signature.replace("{agent}", agent.name),
        can=can,
        why_not="" if can else "no_outgoing_mail_server",
        mode="forward" if chosen is not None and asked.forward else "new" if begins else "reply",
        all_to=", ".join(all_to) if [address] != all_to or all_cc else "",
        all_cc=", ".join(all_cc),
        forward_subject=subjects.forward(ticket, name),
        sender=sender,
        about=_message(chosen, {}, (), ()) if chosen is not None else None,
        can_forward=chosen is not None or last is not None,
        unreachable=(reachable if address in reachable else _unreachable(db, [address])).get(address),
    )
    return _written_again(db, ticket, form, asked.again)


def _written_again(db: Session, ticket: Ticket, form: ReplyForm, message_id: int) -> ReplyForm:
    """The box with what stood in a mail that was taken back, unless it was sent since."""
    message = _of_ticket(db, ticket, message_id)
    if message is None or message.state != MessageState.WITHDRAWN or message.error == outgoing.WRITTEN_ANEW:
        return form
    rows = db.exec(select(Attachment).where(Attachment.message_id == message.id).order_by(col(Attachment.id))).all()
    to, cc = ", ".join(message.to), ", ".join(message.cc)
    told: dict[str, Any] = {"again": message.id or 0, "text": message.reply_text, "bcc": ", ".join(message.bcc)}
    if message.kind == MessageKind.FORWARD:
        forwarded = _forwarded(db, ticket, message)
        told |= {"mode": "forward", "forward_to": to, "forward_cc": cc, "forward_subject": message.subject}
        told["about"] = _message(forwarded, {}, (), ()) if forwarded else None
        carried = {row.sha256 for row in _files(db, forwarded)} if forwarded else set()
        rows = [row for row in rows if row.sha256 not in carried]
    else:
        answers = _of_ticket(db, ticket, internet_id=message.in_reply_to) if message.in_reply_to else None
        newest = outgoing.answered(db, ticket)
        is_older = answers is not None and (newest is None or answers.id != newest.id)
        told |= {"to": to, "cc": cc, "about": _message(answers, {}, (), ()) if answers and is_older else None}
        if form.mode == "new":
            told["subject"] = message.subject.removesuffix(f" [#{ticket.id}]")
    told["files"] = [_file(row) for row in rows]
    return replace(form, **told)


def _of_ticket(db: Session, ticket: Ticket, message_id: int = 0, *, internet_id: str = "") -> Message | None:
    """A message of this ticket's conversation and of no other."""
    if internet_id:
        here = tickets.family(ticket.id or 0)
        named = select(Message).where(col(Message.ticket_id).in_(here), Message.internet_id == internet_id)
        return db.exec(named.order_by(col(Message.id).desc()).limit(1)).first()
    found = db.get(Message, message_id) if message_id else None
    return found if found is not None and merging.tells(db, ticket, found) else None


def _forwarded(db: Session, ticket: Ticket, message: Message) -> Message | None:
    """What a forward passed on: by its id, or the one whose words it carries."""
    if message.references:
        return _of_ticket(db, ticket, internet_id=message.references[0])
    before = select(Message).where(Message.ticket_id == ticket.id, col(Message.id) < message.id)
    said = db.exec(before.order_by(col(Message.id).desc()).limit(50))
    return next((each for each in said if message.quoted_text.endswith(each.text.strip())), None)


def _was_written(db: Session, ticket: Ticket) -> bool:
    """Whether anything was said by mail that stands."""
    said = select(Message.id).where(Message.ticket_id == ticket.id, col(Message.state) != MessageState.WITHDRAWN)
    return db.exec(said.limit(1)).first() is not None


def _files(db: Session, message: Message) -> Sequence[Attachment]:
    return db.exec(select(Attachment).where(Attachment.message_id == message.id)).all()


def _file(row: Attachment) -> File:
    return File(row.id or 0, row.name, row.content_type, row.size_bytes, f"/attachments/{row.id}")


def _unreachable(db: Session, addresses: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of those that cannot be reached: why, and the status that said so."""
    return {address: _why(status) for address, status in unreachable.of(db, addresses).items()}


def _why(status: str) -> dict[str, str]:
    return {"why": bounces.plainly(status), "status": status}


def _point(point: Any) -> dict[str, str]:
    return {"value": point.value, "label": point.label, "source": point.source.value}
