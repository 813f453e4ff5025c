"""The facts, and `emit`.

A verb states a fact; the fact is written with the verb's transaction and with it the work it causes, so that all live
or die together. Facts are gathered while the transaction runs and written last, just before it commits: on PostgreSQL
under one lock, held for an insert and a commit, which makes the order of numbers the order of commits. A reader can
then remember one number and never skip an event. (Numbering by transaction id and reading below the oldest running one
was the alternative: it needs no lock, but one long transaction anywhere would hold back every screen.)
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, col

from models import Event
from models.database import one_at_a_time
from models.looking import ask

LOCK = 0x6D616463  # PostgreSQL advisory lock of whoever writes events
_TABLE: sa.Table = Event.__table__  # type: ignore[attr-defined]
_INSERT = sa.insert(Event)
_LAST = sa.select(sa.func.max(_TABLE.c.id))
_NEWEST = sa.select(sa.func.max(col(Event.id)))


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened. Ids and codes only: a customer can be forgotten and the history still stands.

    `act_id` is the same in all facts that one act stated, "" where one fact is the whole of it; `emit` fills it in, see
    `one_act`.
    """

    at: datetime
    by_id: int | None = None
    act_id: str = ""
    kinds: ClassVar[dict[str, type["Fact"]]] = {}

    def __init_subclass__(cls, *, is_stated: bool = True, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if is_stated:
            Fact.kinds[name_of(cls)] = cls


def name_of(kind: type[Fact]) -> str:
    """`TicketOpened` -> "ticket_opened"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


@dataclass(frozen=True, kw_only=True)
class TicketOpened(Fact):
    ticket_id: int
    queue_id: int


@dataclass(frozen=True, kw_only=True)
class TicketMoved(Fact):
    """To another queue. `reason` is the decision's, see Routing, or "taken_back". `from_agent_id`: who let go of it,
    because they do not serve the new one."""

    ticket_id: int
    queue_id: int
    from_queue_id: int
    reason: str
    from_agent_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class TicketAssigned(Fact):
    """`agent_id` None: back to the queue. `reason` where the desk did it: how it chose, "round_robin" or "least_busy",
    or "offline", of whoever left overdue work."""

    ticket_id: int
    queue_id: int
    agent_id: int | None
    from_agent_id: int | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TicketResolved(Fact):
    """`reason` "taken_back": it is resolved as it was before, because what had reopened it was taken back.

    `was` is the state before, `was_at` when that state began or is to end (ISO 8601, "": neither), `awaited` whether
    the customer waited for us; all three in the two facts below as well.
    """

    ticket_id: int
    queue_id: int
    reason: str = ""
    was: str = ""
    was_at: str = ""
    awaited: bool = False


@dataclass(frozen=True, kw_only=True)
class TicketReopened(Fact):
    """`reason` "woke": its time came; "taken_back": what had changed its state was taken back."""

    ticket_id: int
    queue_id: int
    reason: str = ""
    was: str = ""
    was_at: str = ""
    awaited: bool = False


@dataclass(frozen=True, kw_only=True)
class TicketPended(Fact):
    """It rests, until a time (seconds since 1970) or, without one, until the customer writes."""

    ticket_id: int
    queue_id: int
    until_at: float | None
    reason: str = ""
    was: str = ""
    was_at: str = ""
    awaited: bool = False


@dataclass(frozen=True, kw_only=True)
class TicketPrioritized(Fact):
    """`priority` and `before` are numbers of Priority."""

    ticket_id: int
    queue_id: int
    priority: int
    before: int


@dataclass(frozen=True, kw_only=True)
class TicketTagged(Fact):
    ticket_id: int
    queue_id: int
    tag_id: int


@dataclass(frozen=True, kw_only=True)
class TicketUntagged(Fact):
    ticket_id: int
    queue_id: int
    tag_id: int


@dataclass(frozen=True, kw_only=True)
class FieldSet(Fact):
    """One of the desk's own fields says something else in a ticket; what, the row FieldChange tells."""

    ticket_id: int
    queue_id: int
    field_id: int
    change_id: int


@dataclass(frozen=True, kw_only=True)
class ChecklistChanged(Fact):
    """`what`: "added", "ticked", "unticked", "moved", "removed" or "restored". `before`: where it stood among the
    others, from 0."""

    ticket_id: int
    queue_id: int
    item_id: int
    what: str
    before: int | None = None


@dataclass(frozen=True, kw_only=True)
class ReturnChanged(Fact):
    """Something comes back, or went on with it: from one ReturnState to another, `was` "" where it is new. `was_at`:
    when it had come to the one before, where that was an end (ISO 8601)."""

    ticket_id: int
    queue_id: int
    return_id: int
    what: str
    was: str
    was_at: str = ""


@dataclass(frozen=True, kw_only=True)
class TicketWatched(Fact):
    """`watcher_id`: who is told what happens in it from now on."""

    ticket_id: int
    queue_id: int
    watcher_id: int


@dataclass(frozen=True, kw_only=True)
class TicketUnwatched(Fact):
    ticket_id: int
    queue_id: int
    watcher_id: int


@dataclass(frozen=True, kw_only=True)
class TicketSplit(Fact):
    """A message became a ticket of its own; stated once for either. `into_id` is the new one; `was_strange` whether
    its sender took no part in the old one."""

    ticket_id: int
    queue_id: int
    message_id: int
    from_id: int
    into_id: int
    was_strange: bool = False


@dataclass(frozen=True, kw_only=True)
class TicketLinked(Fact):
    """Two tickets have to do with each other; stated once for either. `reason` is what this one is to the other: it
    "claims" to belong to it, is "claimed", "follows" it because it was resolved long ago, or is "followed"; or what an
    agent said: "related", "duplicates", "duplicated", "child_of", "parent_of", "distinct"."""

    ticket_id: int
    queue_id: int
    other_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class TicketUnlinked(Fact):
    """What an agent said of two tickets does not hold any more; stated once for either."""

    ticket_id: int
    queue_id: int
    other_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class TicketMerged(Fact):
    """One ticket goes on in another; stated once for either. `before` is what the merged one was: "resolved", "open",
    or "awaiting" our answer; `rested_until` where it was pending: until when (ISO 8601, "": until the customer writes).

    `found` is what the merge may change in the other, as it was: "state" with its "at" as in `TicketResolved.was_at`,
    "awaited", "contact_at", and "clock", see `sla.clock_of`; empty in merges of before this was kept.
    """

    ticket_id: int
    queue_id: int
    merged_id: int
    into_id: int
    before: str
    rested_until: str | None = None
    found: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TicketUnmerged(Fact):
    """A merge was taken back; stated once for either. Where nothing came of it meanwhile, `since` is when it was merged
    (ISO 8601) and `clock` what the other's next answer was due by then, see `sla.clock_of`; else "" and None."""

    ticket_id: int
    queue_id: int
    merged_id: int
    into_id: int
    since: str = ""
    clock: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class BulkActChanged(Fact):
    """Something done to many tickets went on. `what`: "begun", "went_on", "done", "cancelled", "undoing", "undone"."""

    bulk_id: int
    what: str
    agent_id: int


@dataclass(frozen=True, kw_only=True)
class ViewChanged(Fact):
    """A view that somebody keeps. `what`: "saved", "moved", "deleted" or "restored"."""

    view_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class CustomerLinked(Fact):
    ticket_id: int
    queue_id: int
    customer_id: int


@dataclass(frozen=True, kw_only=True)
class CustomerUnlinked(Fact):
    """It is not known any more whose ticket it is."""

    ticket_id: int
    queue_id: int


@dataclass(frozen=True, kw_only=True)
class CustomerAdded(Fact):
    """A record was made."""

    customer_id: int


@dataclass(frozen=True, kw_only=True)
class CustomerChanged(Fact):
    """The record was edited. `ticket_ids` and `call_ids` are what of the customer's stands on screens now."""

    customer_id: int
    ticket_ids: list[int]
    call_ids: list[int]
    agent_ids: list[int]  # on whose screens the calls are
    what: list[str] = field(default_factory=list)  # names of what says something else now


@dataclass(frozen=True, kw_only=True)
class MessageReceived(Fact):
    ticket_id: int
    queue_id: int
    message_id: int


@dataclass(frozen=True, kw_only=True)
class MessageQueued(Fact):
    """A mail is to leave, in `delay_seconds`. `attempt` counts what was given up and replayed."""

    ticket_id: int
    queue_id: int
    message_id: int
    attempt: int = 1
    delay_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MessageWithdrawn(Fact):
    """A mail was taken back before it left: nobody got it."""

    ticket_id: int
    queue_id: int
    message_id: int


@dataclass(frozen=True, kw_only=True)
class MessageHeld(Fact):
    """A mail that was to leave later stays here: the customer wrote meanwhile."""

    ticket_id: int
    queue_id: int
    message_id: int


@dataclass(frozen=True, kw_only=True)
class MessageRescheduled(Fact):
    """A mail that waits is to leave at another time than was said, in `delay_seconds`."""

    ticket_id: int
    queue_id: int
    message_id: int
    delay_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MessageDelayed(Fact):
    """A mail could not leave just now, or not to everybody; it is tried again."""

    ticket_id: int
    queue_id: int
    message_id: int
    error: str


@dataclass(frozen=True, kw_only=True)
class MessageAwaits(Fact):
    """A mail was written in a queue where somebody else reads it before it leaves."""

    ticket_id: int
    queue_id: int
    message_id: int


@dataclass(frozen=True, kw_only=True)
class MessageApproved(Fact):
    """Somebody else read the mail and let it go."""

    ticket_id: int
    queue_id: int
    message_id: int


@dataclass(frozen=True, kw_only=True)
class MessageReturned(Fact):
    """Somebody else read the mail and gave it back to its author, `agent_id`."""

    ticket_id: int
    queue_id: int
    message_id: int
    agent_id: int | None


@dataclass(frozen=True, kw_only=True)
class ReplyLocked(Fact):
    """An agent began to write to the customer, or took that over."""

    ticket_id: int
    queue_id: int
    agent_id: int


@dataclass(frozen=True, kw_only=True)
class ReplyUnlocked(Fact):
    """The agent stopped writing. A lock that merely ends states nothing."""

    ticket_id: int
    queue_id: int


@dataclass(frozen=True, kw_only=True)
class MessageSent(Fact):
    ticket_id: int
    queue_id: int
    message_id: int


@dataclass(frozen=True, kw_only=True)
class MessageFailed(Fact):
    ticket_id: int
    queue_id: int
    message_id: int
    error: str


@dataclass(frozen=True, kw_only=True)
class MessageBounced(Fact):
    """A mail server could not deliver a mail of ours. `state` is its status (RFC 3463), "" where it named none;
    `reason` "final", or "delayed" where it goes on trying."""

    ticket_id: int
    queue_id: int
    message_id: int
    state: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AddressCleared(Fact):
    """An agent says that an address can be reached after all."""

    ticket_id: int
    queue_id: int


@dataclass(frozen=True, kw_only=True)
class NoteAdded(Fact):
    ticket_id: int
    queue_id: int
    note_id: int


@dataclass(frozen=True, kw_only=True)
class _OfCall(Fact, is_stated=False):
    """What is said of a call. `agent_ids`: whom it is shown to."""

    call_id: int
    queue_id: int
    agent_ids: list[int]
    ticket_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class CallRinging(_OfCall):
    pass


@dataclass(frozen=True, kw_only=True)
class CallChanged(_OfCall):
    """Anything else about a live call: taken, answered, held, its customer chosen, its ticket, its note."""

    what: str


@dataclass(frozen=True, kw_only=True)
class CallEnded(_OfCall):
    outcome: str


@dataclass(frozen=True, kw_only=True)
class CallWrappedUp(_OfCall):
    disposition: str


@dataclass(frozen=True, kw_only=True)
class CallbackChanged(Fact):
    """Somebody is to be called back, or was. `what`: "made", "changed", "assigned", "released", "overdue", "done",
    "dropped", "reopened", or "gone" when it was a mistake."""

    callback_id: int
    queue_id: int
    what: str
    owner_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class SurveyChanged(Fact):
    """`state` "made", "changed", "on" or "off"."""

    survey_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class SegmentChanged(Fact):
    """`what`: "made", "changed" or "deleted"."""

    segment_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class SurveySendingChanged(Fact):
    """A survey that is put to many. `what`: "made", "went_on", "counted", "begun", "stopped", "done" or "discarded"."""

    sending_id: int
    survey_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class TopicChanged(Fact):
    """`state` "made", "changed", "on", "off", or "corrected": somebody said of a text whether it is about this
    topic and others."""

    topic_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class FeedbackGiven(Fact):
    """A customer answered when asked, or changed the answer. Imported ones belong to no ticket."""

    answer_id: int
    ticket_id: int | None = None
    queue_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class CatalogueChanged(Fact):
    """The list of products ("product", "file") or of reasons why they come back ("reason") is another."""

    what: str


@dataclass(frozen=True, kw_only=True)
class OrdersBrought(Fact):
    """A file of orders was taken in ("imported") or taken back ("undone"), which changed what these customers bought;
    of many customers there are several facts."""

    import_id: int
    what: str
    customer_ids: list[int]


@dataclass(frozen=True, kw_only=True)
class ProductWarned(Fact):
    """Inquiries about a product or its returns have risen ("open"), or a supervisor said something to that
    ("acknowledged", "muted")."""

    warning_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class DashboardChanged(Fact):
    """`state` "made", "changed" or "deleted"; its tiles are part of it."""

    dashboard_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class ScheduleChanged(Fact):
    """When a report is mailed to whom: `state` "made", "changed", "on", "off", "deleted", or "stopped" by a reader."""

    schedule_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class ShiftsChanged(Fact):
    """The plan of who is there when: `what` was done to shifts, "added", "copied", "imported", "removed" or "restored";
    or "assumed", where it is not the plan but what a need is computed from."""

    what: str


@dataclass(frozen=True, kw_only=True)
class ReportMailed(Fact):
    """A report left for one recipient ("sent"), or did not ("failed", "uncertain")."""

    schedule_id: int
    recipient_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class ApiTokenChanged(Fact):
    """The key of another program was "made" or "revoked"."""

    token_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class AgentNotified(Fact):
    """An agent is told something; `what` is the kind, see Notification."""

    agent_id: int
    notification_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class NotificationsRead(Fact):
    """An agent has read some of what they were told, or laid it by again."""

    agent_id: int


@dataclass(frozen=True, kw_only=True)
class PromiseAtRisk(Fact):
    """So much of the time is used that a promise, `what` of a PromiseKind, may be broken."""

    ticket_id: int
    queue_id: int
    promise_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class PromiseBreached(Fact):
    """It was not kept in time."""

    ticket_id: int
    queue_id: int
    promise_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class PromiseChanged(Fact):
    """A ticket is due at another time, because a policy or a calendar was changed."""

    ticket_id: int
    queue_id: int


@dataclass(frozen=True, kw_only=True)
class PolicyChanged(Fact):
    """What is promised. `what`: "made", "changed", "moved", "on", "off"."""

    policy_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class AlarmRaised(Fact):
    """A figure of a queue, `what`, crossed its threshold."""

    alarm_id: int
    queue_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class AlarmCleared(Fact):
    """It is back."""

    alarm_id: int
    queue_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class WallChanged(Fact):
    """The address of a wallboard was "made" or "revoked"."""

    wall_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class AgentStateChanged(Fact):
    agent_id: int
    state: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class HelpSignChanged(Fact):
    """An agent raised a hand ("raised"), or it was lowered ("lowered")."""

    agent_id: int
    call_id: int | None
    state: str


@dataclass(frozen=True, kw_only=True)
class CalendarChanged(Fact):
    """Its hours, or that it is there at all."""

    calendar_id: int


@dataclass(frozen=True, kw_only=True)
class AgentChanged(Fact):
    """Role, queues or account: what the agent may hear is no longer what it was."""

    agent_id: int


@dataclass(frozen=True, kw_only=True)
class UrgencyJudged(Fact):
    """An agent said of a text that it is not urgent ("not_urgent"), or took that back ("urgent")."""

    ticket_id: int
    queue_id: int
    impression_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class PreferenceChanged(Fact):
    """A supervisor switched something of the whole desk "on" or "off"; `what` is its name."""

    what: str
    state: str


@dataclass(frozen=True, kw_only=True)
class SettingChanged(Fact):
    """A supervisor, or a command, changed settings; what they said and say, the row SettingChange tells. `what` is its
    kind. Stated besides the facts of whatever was set."""

    change_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class SignedIn(Fact):
    """An agent began a login, in a browser."""

    agent_id: int


@dataclass(frozen=True, kw_only=True)
class SignedOut(Fact):
    agent_id: int


@dataclass(frozen=True, kw_only=True)
class SignInRefused(Fact):
    """With the address of an agent and another password; or, with no agent, with an address nobody has."""

    agent_id: int | None


@dataclass(frozen=True, kw_only=True)
class TableExported(Fact):
    """Somebody took a table out of the desk as a file; `what` is its name."""

    what: str


@dataclass(frozen=True, kw_only=True)
class SomethingParked(Fact):
    parked_id: int


@dataclass(frozen=True, kw_only=True)
class MailIgnored(Fact):
    """A mail that became no message: `outcome` says why, "repeat" where the desk had it already."""

    inbound_id: int
    outcome: str


@dataclass(frozen=True, kw_only=True)
class ParkedSettled(Fact):
    parked_id: int
    settlement: str


@dataclass(frozen=True, kw_only=True)
class QueueChanged(Fact):
    """Its name, number, words or thresholds; `what` names them: "made", "changed", "threshold"."""

    queue_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class TrainingChanged(Fact):
    """A training was asked for, begun or ended."""

    training_id: int
    state: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RouterChanged(Fact):
    """Another version of the classifier speaks from now on; `reason` is its Turn's."""

    version: str
    before: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class MailboxChanged(Fact):
    """Set up, changed, paused, or seen in another state than before."""

    mailbox_id: int
    state: str
    error: str


@dataclass(frozen=True, kw_only=True)
class TagChanged(Fact):
    """`what`: "made", "renamed", "merged" into `into_id`, "on" or "off"."""

    tag_id: int
    what: str
    into_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class FieldChanged(Fact):
    """A field of the desk's own: "made", "changed", "moved", "on" or "off"."""

    field_id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class CannedReplyChanged(Fact):
    """`state`: "made", "changed", "on", "off", "deleted", or "used" in a mail that was sent."""

    canned_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class RuleChanged(Fact):
    """`state`: "made", "changed", "on", "off", "ordered", "deleted" or "restored"."""

    rule_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class RuleRan(Fact):
    """A rule did something to a ticket, or could not: `state` is RuleRun's `how`."""

    ticket_id: int
    queue_id: int
    rule_id: int
    run_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class MacroChanged(Fact):
    """`state` as in RuleChanged."""

    macro_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class MacroRan(Fact):
    """An agent did several things to a ticket at once."""

    ticket_id: int
    queue_id: int
    macro_id: int
    run_id: int


@dataclass(frozen=True, kw_only=True)
class RunTakenBack(Fact):
    """What a rule or a macro did to a ticket was taken back."""

    ticket_id: int
    queue_id: int
    run_id: int


@dataclass(frozen=True, kw_only=True)
class ChecklistTemplateChanged(Fact):
    """`state` as in RuleChanged."""

    template_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class ReviewChanged(Fact):
    """`what`: the "form", what was "drawn", or a review of an agent's ticket: "made", "changed", "answered"."""

    what: str
    review_id: int | None = None
    agent_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class SendingDomainChanged(Fact):
    """`domain_id` is the domain's name. `state`: "key_made", "on", "off", "key_deleted" or "checked"."""

    domain_id: str
    state: str


@dataclass(frozen=True, kw_only=True)
class ExchangeChanged(Fact):
    """A telephone system. `what`: "made", "changed", "mapped", "paused", "resumed", "rotated", "retired", "deleted", or
    what was seen of it: "connected", "failing"."""

    exchange_id: int
    what: str


def emit(db: Session, fact: Fact) -> None:
    """State a fact in the running transaction, and enqueue the work it causes."""
    from helpdesk import reactions

    if act := db.info.get("act"):
        fact = replace(fact, act_id=act)
    db.info.setdefault("facts", []).append(fact)
    reactions.react(db, fact)


WITH_A_MAIL = "mail:"
"""What the act begins with that a mail does to its ticket by being written; its number follows. It is taken back with
the mail."""


@contextmanager
def one_act(db: Session, act: str = "") -> Iterator[None]:
    """What is stated meanwhile is one act, and is taken back as one. An act within an act is a part of it."""
    if db.info.get("act"):
        yield
        return
    db.info["act"] = act or secrets.token_hex(6)
    try:
        yield
    finally:
        del db.info["act"]


def recall(row: "Event | sa.Row[Any]") -> Fact:
    """The fact an event row holds."""
    known = {"ticket_id": row.ticket_id, "call_id": row.call_id, **row.data}
    kind = Fact.kinds[row.fact]
    names = kind.__dataclass_fields__
    return kind(at=row.at, by_id=row.actor_id, **{name: known[name] for name in names if name in known})


def last_number(db: Session) -> int:
    """The number of the newest event; 0 before the first. Who only reads has one picture, and asks once."""
    if not db.info.get("is_reading"):
        return db.connection().execute(_NEWEST).scalar() or 0
    known: int | None = db.info.get("read_number")
    if known is None:
        known = db.info["read_number"] = ask(db, _NEWEST)[0][0] or 0
    return known


@event.listens_for(Session, "before_commit")
def _write_facts(db: Session) -> None:
    from helpdesk import reactions, settings_history

    if not db.info.get("facts"):
        return
    reactions.conclude(db)
    db.flush()
    settings_history.conclude(db)
    facts: list[Fact] = db.info.pop("facts")
    one_at_a_time(db, LOCK)
    connection = db.connection()
    # One statement for all may number its rows in any order; the drivers run this one once a row.
    connection.execute(_INSERT, [_columns(fact) for fact in facts])
    db.info["last_number"] = connection.execute(_LAST).scalar_one()


@event.listens_for(Session, "after_rollback")
def _forget_facts(db: Session) -> None:
    db.info.pop("facts", None)
    db.info.pop("last_number", None)


def _columns(fact: Fact) -> dict[str, Any]:
    told = dict(vars(fact))  # ids and codes: nothing in it has to be copied deeper
    if not told["act_id"]:
        del told["act_id"]
    return {
        "fact": name_of(type(fact)),
        "at": told.pop("at"),
        "actor_id": told.pop("by_id"),
        "ticket_id": told.pop("ticket_id", None),
        "call_id": told.pop("call_id", None),
        "data": told,
    }
