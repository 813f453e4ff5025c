"""The facts: everything that can happen at the desk, one class for each kind of it.

This is a catalogue, by what the facts are about, and says nothing of what follows from them: `events.emit` states one,
`reactions` knows the work it causes, and `web/live.py` the screens it touches.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, dataclass_transform


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class _Frozen:
    """Whatever is one of these is a dataclass that never changes, its fields given by name.

    A class of its own, because the fields of the class that is decorated would not count (PEP 681).
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(frozen=True, kw_only=True)(cls)


class Fact(_Frozen):
    """Something that happened. Ids and codes only: a customer can be forgotten and the history still stands.

    `act_id` is the same in all facts that one act stated, "" where one fact is the whole of it; `emit` fills it in, see
    `events.one_act`. `kinds` are all there are, by the names the log has for them.
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


# --- tickets ---------------------------------------------------------------------------------------------------------


class _OfTicket(Fact, is_stated=False):
    """What is said of a ticket. `queue_id`: the queue it is in then."""

    ticket_id: int
    queue_id: int


class _OfState(_OfTicket, is_stated=False):
    """What changes a ticket's state. `was` is the state before, `was_at` when that state began or is to end (ISO 8601,
    "": neither), `awaited` whether the customer waited for us."""

    reason: str = ""
    was: str = ""
    was_at: str = ""
    awaited: bool = False


class TicketOpened(_OfTicket):
    pass


class TicketMoved(_OfTicket):
    """To another queue. `reason` is the decision's, see Routing, or "taken_back". `from_agent_id`: who let go of it,
    because they do not serve the new one."""

    from_queue_id: int
    reason: str
    from_agent_id: int | None = None


class TicketAssigned(_OfTicket):
    """`agent_id` None: back to the queue. `reason` where the desk did it: how it chose, "round_robin" or "least_busy",
    or "offline", of whoever left overdue work."""

    agent_id: int | None
    from_agent_id: int | None
    reason: str = ""


class TicketResolved(_OfState):
    """`reason` "taken_back": it is resolved as it was before, because what had reopened it was taken back."""


class TicketReopened(_OfState):
    """`reason` "woke": its time came; "taken_back": what had changed its state was taken back."""


class TicketPended(_OfState):
    """It rests, until a time (seconds since 1970) or, without one, until the customer writes."""

    until_at: float | None


class TicketPrioritized(_OfTicket):
    """`priority` and `before` are numbers of Priority."""

    priority: int
    before: int


class TicketTagged(_OfTicket):
    tag_id: int


class TicketUntagged(_OfTicket):
    tag_id: int


class FieldSet(_OfTicket):
    """One of the desk's own fields says something else in a ticket; what, the row FieldChange tells."""

    field_id: int
    change_id: int


class ChecklistChanged(_OfTicket):
    """`what`: "added", "ticked", "unticked", "moved", "removed" or "restored". `before`: where it stood among the
    others, from 0."""

    item_id: int
    what: str
    before: int | None = None


class ReturnChanged(_OfTicket):
    """Something comes back, or went on with it: from one ReturnState to another, `was` "" where it is new. `was_at`:
    when it had come to the one before, where that was an end (ISO 8601)."""

    return_id: int
    what: str
    was: str
    was_at: str = ""


class UrgencyJudged(_OfTicket):
    """An agent said of a text that it is not urgent ("not_urgent"), or took that back ("urgent")."""

    impression_id: int
    state: str


class NoteAdded(_OfTicket):
    note_id: int


class CustomerLinked(_OfTicket):
    customer_id: int


class CustomerUnlinked(_OfTicket):
    """It is not known any more whose ticket it is."""


class TicketWatched(_OfTicket):
    """`watcher_id`: who is told what happens in it from now on."""

    watcher_id: int


class TicketUnwatched(_OfTicket):
    watcher_id: int


class TicketSplit(_OfTicket):
    """A message became a ticket of its own; stated once for either. `into_id` is the new one; `was_strange` whether
    its sender took no part in the old one."""

    message_id: int
    from_id: int
    into_id: int
    was_strange: bool = False


class TicketLinked(_OfTicket):
    """Two tickets have to do with each other; stated once for either. `reason` is what this one is to the other: it
    "claims" to belong to it, is "claimed", "follows" it because it was resolved long ago, or is "followed"; or what an
    agent said: "related", "duplicates", "duplicated", "child_of", "parent_of", "distinct"."""

    other_id: int
    reason: str


class TicketUnlinked(_OfTicket):
    """What an agent said of two tickets does not hold any more; stated once for either."""

    other_id: int
    reason: str


class TicketMerged(_OfTicket):
    """One ticket goes on in another; stated once for either. `before` is what the merged one was: "resolved", "open",
    or "awaiting" our answer; `rested_until` where it was pending: until when (ISO 8601, "": until the customer writes).

    `found` is what the merge may change in the other, as it was: "state" with its "at" as in `TicketResolved.was_at`,
    "awaited", "contact_at", and "clock", see `sla.merges.clock_of`; empty in merges of before this was kept.
    """

    merged_id: int
    into_id: int
    before: str
    rested_until: str | None = None
    found: dict[str, Any] = field(default_factory=dict)


class TicketUnmerged(_OfTicket):
    """A merge was taken back; stated once for either. Where nothing came of it meanwhile, `since` is when it was merged
    (ISO 8601) and `clock` what the other's next answer was due by then, see `sla.merges.clock_of`; else "" and None."""

    merged_id: int
    into_id: int
    since: str = ""
    clock: dict[str, Any] | None = None


class RuleRan(_OfTicket):
    """A rule did something to a ticket, or could not: `state` is RuleRun's `how`."""

    rule_id: int
    run_id: int
    state: str


class MacroRan(_OfTicket):
    """An agent did several things to a ticket at once."""

    macro_id: int
    run_id: int


class RunTakenBack(_OfTicket):
    """What a rule or a macro did to a ticket was taken back."""

    run_id: int


class BulkActChanged(Fact):
    """Something done to many tickets went on. `what`: "begun", "went_on", "done", "cancelled", "undoing", "undone"."""

    bulk_id: int
    what: str
    agent_id: int


# --- mail ------------------------------------------------------------------------------------------------------------


class _OfMessage(_OfTicket, is_stated=False):
    """What is said of one of its messages."""

    message_id: int


class MessageReceived(_OfMessage):
    pass


class MessageQueued(_OfMessage):
    """A mail is to leave, in `delay_seconds`. `attempt` counts what was given up and replayed."""

    attempt: int = 1
    delay_seconds: float = 0.0


class MessageRescheduled(_OfMessage):
    """A mail that waits is to leave at another time than was said, in `delay_seconds`."""

    delay_seconds: float = 0.0


class MessageHeld(_OfMessage):
    """A mail that was to leave later stays here: the customer wrote meanwhile."""


class MessageWithdrawn(_OfMessage):
    """A mail was taken back before it left: nobody got it."""


class MessageAwaits(_OfMessage):
    """A mail was written in a queue where somebody else reads it before it leaves."""


class MessageApproved(_OfMessage):
    """Somebody else read the mail and let it go."""


class MessageReturned(_OfMessage):
    """Somebody else read the mail and gave it back to its author, `agent_id`."""

    agent_id: int | None


class MessageDelayed(_OfMessage):
    """A mail could not leave just now, or not to everybody; it is tried again."""

    error: str


class MessageSent(_OfMessage):
    pass


class MessageFailed(_OfMessage):
    error: str


class MessageBounced(_OfMessage):
    """A mail server could not deliver a mail of ours. `state` is its status (RFC 3463), "" where it named none;
    `reason` "final", or "delayed" where it goes on trying."""

    state: str
    reason: str


class AddressCleared(_OfTicket):
    """An agent says that an address can be reached after all."""


class ReplyLocked(_OfTicket):
    """An agent began to write to the customer, or took that over."""

    agent_id: int


class ReplyUnlocked(_OfTicket):
    """The agent stopped writing. A lock that merely ends states nothing."""


class MailIgnored(Fact):
    """A mail that became no message: `outcome` says why, "repeat" where the desk had it already."""

    inbound_id: int
    outcome: str


# --- calls -----------------------------------------------------------------------------------------------------------


class _OfCall(Fact, is_stated=False):
    """What is said of a call. `agent_ids`: whom it is shown to."""

    call_id: int
    queue_id: int
    agent_ids: list[int]
    ticket_id: int | None = None


class CallRinging(_OfCall):
    pass


class CallChanged(_OfCall):
    """Anything else about a live call: taken, answered, held, its customer chosen, its ticket, its note."""

    what: str


class CallEnded(_OfCall):
    outcome: str


class CallWrappedUp(_OfCall):
    disposition: str


class CallbackChanged(Fact):
    """Somebody is to be called back, or was. `what`: "made", "changed", "assigned", "released", "overdue", "done",
    "dropped", "reopened", or "gone" when it was a mistake."""

    callback_id: int
    queue_id: int
    what: str
    owner_id: int | None = None


class HelpSignChanged(Fact):
    """An agent raised a hand ("raised"), or it was lowered ("lowered")."""

    agent_id: int
    call_id: int | None
    state: str


# --- what is promised, and what is watched ---------------------------------------------------------------------------


class PromiseAtRisk(_OfTicket):
    """So much of the time is used that a promise, `what` of a PromiseKind, may be broken."""

    promise_id: int
    what: str


class PromiseBreached(_OfTicket):
    """It was not kept in time."""

    promise_id: int
    what: str


class PromiseChanged(_OfTicket):
    """A ticket is due at another time, because a policy or a calendar was changed."""


class PolicyChanged(Fact):
    """What is promised. `what`: "made", "changed", "moved", "on", "off"."""

    policy_id: int
    what: str


class CalendarChanged(Fact):
    """Its hours, or that it is there at all."""

    calendar_id: int


class AlarmRaised(Fact):
    """A figure of a queue, `what`, crossed its threshold."""

    alarm_id: int
    queue_id: int
    what: str


class AlarmCleared(Fact):
    """It is back."""

    alarm_id: int
    queue_id: int
    what: str


# --- customers, what they say and what they bought -------------------------------------------------------------------


class CustomerAdded(Fact):
    """A record was made."""

    customer_id: int


class CustomerChanged(Fact):
    """The record was edited. `ticket_ids` and `call_ids` are what of the customer's stands on screens now."""

    customer_id: int
    ticket_ids: list[int]
    call_ids: list[int]
    agent_ids: list[int]  # on whose screens the calls are
    what: list[str] = field(default_factory=list)  # names of what says something else now


class SegmentChanged(Fact):
    """`what`: "made", "changed" or "deleted"."""

    segment_id: int
    what: str


class SurveyChanged(Fact):
    """`state` "made", "changed", "on" or "off"."""

    survey_id: int
    state: str


class SurveySendingChanged(Fact):
    """A survey that is put to many. `what`: "made", "went_on", "counted", "begun", "stopped", "done" or "discarded"."""

    sending_id: int
    survey_id: int
    what: str


class FeedbackGiven(Fact):
    """A customer answered when asked, or changed the answer. Imported ones belong to no ticket."""

    answer_id: int
    ticket_id: int | None = None
    queue_id: int | None = None


class TopicChanged(Fact):
    """`state` "made", "changed", "on", "off", or "corrected": somebody said of a text whether it is about this
    topic and others."""

    topic_id: int
    state: str


class CatalogueChanged(Fact):
    """The list of products ("product", "file") or of reasons why they come back ("reason") is another."""

    what: str


class OrdersBrought(Fact):
    """A file of orders was taken in ("imported") or taken back ("undone"), which changed what these customers bought;
    of many customers there are several facts."""

    import_id: int
    what: str
    customer_ids: list[int]


class ProductWarned(Fact):
    """Inquiries about a product or its returns have risen ("open"), or a supervisor said something to that
    ("acknowledged", "muted")."""

    warning_id: int
    state: str


# --- those at the desk -----------------------------------------------------------------------------------------------


class SignedIn(Fact):
    """An agent began a login, in a browser."""

    agent_id: int


class SignedOut(Fact):
    agent_id: int


class SignInRefused(Fact):
    """With the address of an agent and another password; or, with no agent, with an address nobody has."""

    agent_id: int | None


class AgentStateChanged(Fact):
    agent_id: int
    state: str
    reason: str


class AgentChanged(Fact):
    """Role, queues or account: what the agent may hear is no longer what it was."""

    agent_id: int


class AgentNotified(Fact):
    """An agent is told something; `what` is the kind, see Notification."""

    agent_id: int
    notification_id: int
    what: str


class NotificationsRead(Fact):
    """An agent has read some of what they were told, or laid it by again."""

    agent_id: int


class ReviewChanged(Fact):
    """`what`: the "form", what was "drawn", or a review of an agent's ticket: "made", "changed", "answered"."""

    what: str
    review_id: int | None = None
    agent_id: int | None = None


class ShiftsChanged(Fact):
    """The plan of who is there when: `what` was done to shifts, "added", "copied", "imported", "removed" or "restored";
    or "assumed", where it is not the plan but what a need is computed from."""

    what: str


# --- lists, reports and what leaves as a file ------------------------------------------------------------------------


class ViewChanged(Fact):
    """A view that somebody keeps. `what`: "saved", "moved", "deleted" or "restored"."""

    view_id: int
    what: str


class DashboardChanged(Fact):
    """`state` "made", "changed" or "deleted"; its tiles are part of it."""

    dashboard_id: int
    state: str


class WallChanged(Fact):
    """The address of a wallboard was "made" or "revoked"."""

    wall_id: int
    state: str


class ScheduleChanged(Fact):
    """When a report is mailed to whom: `state` "made", "changed", "on", "off", "deleted", or "stopped" by a reader."""

    schedule_id: int
    state: str


class ReportMailed(Fact):
    """A report left for one recipient ("sent"), or did not ("failed", "uncertain")."""

    schedule_id: int
    recipient_id: int
    state: str


class TableExported(Fact):
    """Somebody took a table out of the desk as a file; `what` is its name."""

    what: str


# --- how the desk is set up ------------------------------------------------------------------------------------------


class PreferenceChanged(Fact):
    """A supervisor switched something of the whole desk "on" or "off"; `what` is its name."""

    what: str
    state: str


class SettingChanged(Fact):
    """A supervisor, or a command, changed settings; what they said and say, the row SettingChange tells. `what` is its
    kind. Stated besides the facts of whatever was set."""

    change_id: int
    what: str


class QueueChanged(Fact):
    """Its name, number, words or thresholds; `what` names them: "made", "changed", "threshold"."""

    queue_id: int
    what: str


class TagChanged(Fact):
    """`what`: "made", "renamed", "merged" into `into_id`, "on" or "off"."""

    tag_id: int
    what: str
    into_id: int | None = None


class FieldChanged(Fact):
    """A field of the desk's own: "made", "changed", "moved", "on" or "off"."""

    field_id: int
    what: str


class CannedReplyChanged(Fact):
    """`state`: "made", "changed", "on", "off", "deleted", or "used" in a mail that was sent."""

    canned_id: int
    state: str


class RuleChanged(Fact):
    """`state`: "made", "changed", "on", "off", "ordered", "deleted" or "restored"."""

    rule_id: int
    state: str


class MacroChanged(Fact):
    """`state` as in RuleChanged."""

    macro_id: int
    state: str


class ChecklistTemplateChanged(Fact):
    """`state` as in RuleChanged."""

    template_id: int
    state: str


class MailboxChanged(Fact):
    """Set up, changed, paused, or seen in another state than before."""

    mailbox_id: int
    state: str
    error: str


class SendingDomainChanged(Fact):
    """`domain_id` is the domain's name. `state`: "key_made", "on", "off", "key_deleted" or "checked"."""

    domain_id: str
    state: str


class ExchangeChanged(Fact):
    """A telephone system. `what`: "made", "changed", "mapped", "paused", "resumed", "rotated", "retired", "deleted", or
    what was seen of it: "connected", "failing"."""

    exchange_id: int
    what: str


class ApiTokenChanged(Fact):
    """The key of another program was "made" or "revoked"."""

    token_id: int
    state: str


class TrainingChanged(Fact):
    """A training was asked for, begun or ended."""

    training_id: int
    state: str
    reason: str


class RouterChanged(Fact):
    """Another version of the classifier speaks from now on; `reason` is its Turn's."""

    version: str
    before: str
    reason: str


# --- what failed for good --------------------------------------------------------------------------------------------


class SomethingParked(Fact):
    parked_id: int


class ParkedSettled(Fact):
    parked_id: int
    settlement: str
