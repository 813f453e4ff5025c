"""What a ticket's facts say, in the order they happened, with the names of whom and what they speak of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from helpdesk import asides, looks, queues, returns
from helpdesk.conversations.entries import Entry
from helpdesk.events import recall
from helpdesk.facts import (
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
)
from helpdesk.mail import bounces
from helpdesk.rules import history as ran
from models import Agent, Event, ProductReturn

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


def of_fact(row: Event, names: Names, reached: Mapping[int, Sequence[str]]) -> Entry:
    """A line of a ticket's history. `reached`: to whom each of its messages went, by its id."""
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
    if spoken := spoken_of(told):
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
    called = asides.names(db, None, {each for row in rows for each in spoken_of(recall(row))}, language=language)
    names = Names({each.id or 0: each.called(language) for each in queues.everyone(db)}, staff, called)
    named = ran.named(db, rows, language=language)
    return [acted(of_fact(row, names, {}), named) for row in rows]


def acted(entry: Entry, names: Mapping[int, ran.Named]) -> Entry:
    """With the name of the rule or macro it tells of, and that it failed, where it did."""
    if entry.id not in names:
        return entry
    told = names[entry.id]
    return replace(entry, fact="rule_failed" if told.is_failed else entry.fact, facts=entry.facts | {"name": told.name})


def spoken_of(told: Fact) -> list[tuple[str, int]]:
    """What of the desk's own words a fact needs to be told."""
    if isinstance(told, TicketTagged | TicketUntagged):
        return [("tag", told.tag_id)]
    if isinstance(told, FieldSet):
        return [("field", told.field_id)]
    if isinstance(told, ReturnChanged):
        return [("return", told.return_id)]
    return [("item", told.item_id)] if isinstance(told, ChecklistChanged) else []


def of_return(row: ProductReturn, names: Names) -> list[Entry]:
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


def belongs(row: Event, ticket_id: int) -> bool:
    """A merge is told to both its tickets: where they are shown as one, once is enough."""
    told = recall(row)
    if isinstance(told, TicketSplit):
        return row.ticket_id == ticket_id
    if not isinstance(told, TicketMerged | TicketUnmerged):
        return True
    return row.ticket_id == (told.merged_id if ticket_id == told.merged_id else told.into_id)
