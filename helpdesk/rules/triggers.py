"""What a rule may answer: a fact that was stated, or something that goes on for long enough.

The one idea: two tables say all of it. A trigger is a fact by its name; a wait is a state of a ticket, with the facts
by which it may begin and those by which it ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from helpdesk.facts import Fact, name_of
from helpdesk.returns import ENDS
from helpdesk.terms import Matter
from models import Message, ReturnState, Ticket, TicketState


@dataclass(frozen=True, slots=True)
class Trigger:
    """A fact by its name; `test` says whether it is meant, where not each of its kind is."""

    fact: str
    test: Callable[[Any, Matter], bool] | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that goes on. `begins` are facts with which it may begin; `holds` says whether it goes on now. Where it
    `restarts`, it begins anew with each of them, and otherwise goes on. `since` is when it began, of a ticket that is
    looked at while it goes on; `ends` are the facts that end it, for who looks back."""

    begins: frozenset[str]
    holds: Callable[[Ticket], bool]
    since: Callable[[Ticket], datetime | None]
    ends: tuple[str, ...]
    restarts: bool = True


def by_person(message: Message | None) -> bool:
    """Whether a customer wrote it, and neither a machine nor a stranger."""
    return message is not None and not message.is_automatic and not message.is_from_stranger


TRIGGERS: dict[str, Trigger] = {
    "opened": Trigger("ticket_opened"),
    "customer_wrote": Trigger("message_received", lambda _, matter: by_person(matter.message)),
    "answered": Trigger("message_queued", lambda fact, _: fact.by_id is not None),
    "moved": Trigger("ticket_moved"),
    "assigned": Trigger("ticket_assigned", lambda fact, _: fact.agent_id is not None),
    "unassigned": Trigger("ticket_assigned", lambda fact, _: fact.agent_id is None),
    "prioritized": Trigger("ticket_prioritized"),
    "tagged": Trigger("ticket_tagged"),
    "field_set": Trigger("field_set"),
    "noted": Trigger("note_added"),
    "pended": Trigger("ticket_pended"),
    "resolved": Trigger("ticket_resolved"),
    "reopened": Trigger("ticket_reopened"),
    "call_ended": Trigger("call_ended"),
    "wrapped_up": Trigger("call_wrapped_up"),
    "return_asked": Trigger("return_changed", lambda fact, _: (fact.was, fact.what) == ("", ReturnState.ASKED)),
    "return_received": Trigger(
        "return_changed", lambda fact, _: fact.what == ReturnState.RECEIVED and fact.was not in ENDS
    ),
    "return_ended": Trigger("return_changed", lambda fact, _: fact.what in ENDS and fact.was not in ENDS),
    "bounced": Trigger("message_bounced", lambda fact, _: fact.reason == "final"),
    "at_risk": Trigger("promise_at_risk"),
    "breached": Trigger("promise_breached"),
}
WAITS: dict[str, Wait] = {
    "unanswered_for": Wait(
        frozenset({"ticket_opened", "message_received", "message_withdrawn", "ticket_reopened"}),
        lambda ticket: ticket.state == TicketState.OPEN and ticket.awaits_us,
        lambda ticket: ticket.last_contact_at,
        ("message_queued", "ticket_resolved", "ticket_pended"),
        restarts=False,
    ),
    "silent_for": Wait(
        frozenset({"message_queued", "message_rescheduled"}),
        lambda ticket: ticket.state != TicketState.RESOLVED and not ticket.awaits_us,
        lambda ticket: ticket.last_contact_at,
        ("message_received", "ticket_resolved"),
    ),
    "unsolved_for": Wait(
        frozenset({"ticket_opened", "ticket_reopened"}),
        lambda ticket: ticket.state != TicketState.RESOLVED,
        lambda ticket: ticket.created_at,
        ("ticket_resolved",),
        restarts=False,
    ),
    "pending_for": Wait(
        frozenset({"ticket_pended"}),
        lambda ticket: ticket.state == TicketState.PENDING,
        lambda ticket: None,
        ("ticket_reopened", "ticket_resolved"),
    ),
    "resolved_for": Wait(
        frozenset({"ticket_resolved"}),
        lambda ticket: ticket.state == TicketState.RESOLVED,
        lambda ticket: ticket.resolved_at,
        ("ticket_reopened",),
    ),
}
CHANGES = frozenset().union(
    *(wait.begins for wait in WAITS.values()), {"ticket_assigned", "ticket_merged", "call_ended", "call_wrapped_up"}
)
"""Facts after which something may have begun, or ended."""
_NAMES: dict[type[Fact], str] = {}


def triggers() -> list[str]:
    """What a rule may answer, in the order in which a person should be offered it."""
    return [*(code for code, trigger in TRIGGERS.items() if trigger.fact in Fact.kinds), *WAITS]


def name(kind: type[Fact]) -> str:
    """What a kind of fact is called, looked up once."""
    if (called := _NAMES.get(kind)) is None:
        called = _NAMES[kind] = name_of(kind)
    return called
