"""One table: a fact, and what it changes on which screens.

First every fact of a batch says what it touches (`TOUCHES`); then each thing touched is rendered once per language,
from the database as it is now, by the very template its page includes. So ten facts about one ticket are one row, and
a fragment that arrives late shows the truth, not the past.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, facts, pops, views
from helpdesk.facts import Fact
from helpdesk.settings import Settings
from models import Agent, Alarm, Call, Callback, CallbackState, Queue, Ticket, looking
from web.render import LANGUAGES, Renderer

SUPERVISORS = "supervisors"
EVERYONE = "everyone"
CARD, ROW, TOLD = "calls/_card.html", "tickets/_row.html", "queues/_told.html"
SILENT: set[type[Fact]] = {
    facts.AgentChanged,  # the hub itself acts on it
    facts.SettingChanged,  # what was set is told by a fact of its own
    facts.SignedIn,
    facts.SignedOut,
    facts.SignInRefused,
    facts.TableExported,
    facts.CustomerAdded,  # whoever makes a record is shown it; search follows
}


def agent_topic(agent_id: int) -> str:
    """What concerns one agent."""
    return f"agent:{agent_id}"


def queue_topic(queue_id: int) -> str:
    """What happens in one queue: heard by who serves it, and by supervisors."""
    return f"queue:{queue_id}"


@dataclass
class Touched:
    """What a batch of facts changes."""

    rows: dict[int, set[str]] = field(default_factory=dict)  # ticket id -> topics that may have to drop its row
    tickets: dict[int, set[str]] = field(default_factory=dict)  # ticket id -> topics besides those who see it now
    locks: dict[int, set[str]] = field(default_factory=dict)  # ticket id -> the same, for who writes in it
    cards: dict[int, set[int]] = field(default_factory=dict)  # call id -> agents whose screens it may be on
    stale: dict[str, set[str]] = field(default_factory=dict)  # region id -> topics told to fetch it again
    told: list[tuple[str, Fact]] = field(default_factory=list)  # topic, and what is said to those who hear it
    reload: bool = False  # every page is to be looked at anew


@dataclass(frozen=True)
class Op:
    """One instruction for browsers in one of `topics`; `lang` None suits every language."""

    topics: frozenset[str]
    lang: str | None
    do: dict[str, Any]


def _ticket(touched: Touched, fact: Any) -> None:
    touched.rows.setdefault(fact.ticket_id, set()).add(queue_topic(fact.queue_id))
    here = {queue_topic(fact.queue_id)}
    if before := getattr(fact, "from_queue_id", None):
        touched.rows[fact.ticket_id].add(queue_topic(before))
        here.add(queue_topic(before))
    if before := getattr(fact, "from_agent_id", None):
        touched.rows[fact.ticket_id].add(agent_topic(before))
        here.add(agent_topic(before))
    if after := getattr(fact, "agent_id", None):
        touched.rows[fact.ticket_id].add(agent_topic(after))
        here.add(agent_topic(after))
    touched.tickets.setdefault(fact.ticket_id, set()).update(here)
    touched.stale.setdefault("rail", set()).update(here)
    touched.stale.setdefault("approvals", set()).update(here)
    touched.stale.setdefault("workload", set()).add(SUPERVISORS)
    # A new ticket is nobody's yet: of it the live view of other queues shows nothing.
    touched.stale.setdefault("board", set()).update(here if isinstance(fact, facts.TicketOpened) else {EVERYONE})


def _lock(touched: Touched, fact: Any) -> None:
    """Who writes just now stands in a region of its own: what others are writing themselves is left alone."""
    touched.locks.setdefault(fact.ticket_id, set()).add(queue_topic(fact.queue_id))


def _merged(touched: Touched, fact: Any) -> None:
    """To a ticket that was merged nobody writes, and to one that was separated somebody may."""
    _ticket(touched, fact)
    _lock(touched, fact)


def _message(touched: Touched, fact: Any) -> None:
    """The same for a mail: whose it is does not move the ticket."""
    _ticket(touched, replace(fact, agent_id=None))


def _mail(touched: Touched, fact: Any) -> None:
    _ticket(touched, fact)
    _ledger(touched, fact)


def _conversation(touched: Touched, fact: Any) -> None:
    """Something in the ticket that moves neither its row nor a count."""
    touched.tickets.setdefault(fact.ticket_id, set())


def _call(touched: Touched, fact: Any) -> None:
    """A call moves its ticket in the list, whichever queue that ticket is in by now."""
    touched.cards.setdefault(fact.call_id, set()).update(fact.agent_ids)
    if fact.ticket_id:
        touched.rows.setdefault(fact.ticket_id, set())
        touched.tickets.setdefault(fact.ticket_id, set())
    here = {queue_topic(fact.queue_id), *(agent_topic(agent_id) for agent_id in fact.agent_ids)}
    for region in ("calls", "rail", "board"):
        touched.stale.setdefault(region, set()).update(here)
    touched.stale.setdefault("workload", set()).add(SUPERVISORS)


def _customer(touched: Touched, fact: Any) -> None:
    """Their name stands in rows, beside conversations and on cards."""
    for ticket_id in fact.ticket_ids:
        touched.rows.setdefault(ticket_id, set())
        touched.tickets.setdefault(ticket_id, set())
    for call_id in fact.call_ids:
        touched.cards.setdefault(call_id, set()).update(fact.agent_ids)


def _callback(touched: Touched, fact: Any) -> None:
    here = {queue_topic(fact.queue_id)}
    touched.stale.setdefault("callbacks", set()).update(here)
    touched.stale.setdefault("rail", set()).update(here)
    if fact.what == "overdue":
        touched.told.append((agent_topic(fact.owner_id) if fact.owner_id else SUPERVISORS, fact))


def _alarm(touched: Touched, fact: Any) -> None:
    touched.stale.setdefault("board", set()).add(EVERYONE)
    touched.stale.setdefault("alarms", set()).add(SUPERVISORS)
    if isinstance(fact, facts.AlarmRaised):
        touched.told.append((SUPERVISORS, fact))


def _notified(touched: Touched, fact: Any) -> None:
    for region in ("bell", "me", "notifications"):
        touched.stale.setdefault(region, set()).add(agent_topic(fact.agent_id))


def _policies(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("policies", set()).add(SUPERVISORS)


def _surveys(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("surveys", set()).add(SUPERVISORS)


def _segments(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("segments", set()).add(SUPERVISORS)


def _topics(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("topics", set()).add(SUPERVISORS)


def _feedback(touched: Touched, fact: Any) -> None:
    if fact.ticket_id is not None:
        touched.tickets.setdefault(fact.ticket_id, set())
    touched.stale.setdefault("surveys", set()).add(SUPERVISORS)
    touched.stale.setdefault("feedback", set()).add(SUPERVISORS)


def _catalogue(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("products", set()).add(SUPERVISORS)


def _product_warnings(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("product-warnings", set()).add(SUPERVISORS)


def _dashboard(touched: Touched, fact: Any) -> None:
    touched.stale.setdefault("dashboards", set()).add(EVERYONE)
    touched.stale.setdefault(f"dashboard-{fact.dashboard_id}", set()).add(EVERYONE)


def _schedules(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("schedules", set()).add(SUPERVISORS)


def _shifts(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("staffing", set()).add(SUPERVISORS)


def _tokens(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("tokens", set()).add(SUPERVISORS)


def _wall(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("walls", set()).add(SUPERVISORS)


def _state(touched: Touched, fact: Any) -> None:
    touched.stale.setdefault("me", set()).add(agent_topic(fact.agent_id))
    touched.stale.setdefault("workload", set()).add(SUPERVISORS)
    touched.stale.setdefault("board", set()).add(EVERYONE)
    if fact.by_id not in (None, fact.agent_id):
        touched.told.append((agent_topic(fact.agent_id), fact))


def _parked(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("rail", set()).add(SUPERVISORS)
    touched.stale.setdefault("parked", set()).add(SUPERVISORS)
    _ledger(touched, _fact)


def _ledger(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("ledger", set()).add(SUPERVISORS)


def _everything(touched: Touched, _fact: Any) -> None:
    """What is shown at all has changed: rows, cards and tickets alike, on whatever page is open."""
    touched.reload = True


def _calendars(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("calendars", set()).add(SUPERVISORS)


def _help(touched: Touched, fact: Any) -> None:
    """The agent's own card shows the hand; supervisors see it wherever they are."""
    if fact.call_id is not None:
        touched.cards.setdefault(fact.call_id, set()).add(fact.agent_id)
    touched.stale.setdefault("help-signs", set()).add(SUPERVISORS)
    touched.stale.setdefault("board", set()).add(EVERYONE)


def _learned(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("accuracy", set()).add(SUPERVISORS)


def _queue(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("rail", set()).add(EVERYONE)
    touched.stale.setdefault("me", set()).add(EVERYONE)
    touched.stale.setdefault("board", set()).add(EVERYONE)
    touched.stale.setdefault("workload", set()).add(SUPERVISORS)
    touched.stale.setdefault("accuracy", set()).add(SUPERVISORS)


def _views(touched: Touched, _fact: Any) -> None:
    """A view that is open may ask something else now."""
    for region in ("rail", "me", "views"):  # on a telephone they stand in the agent's own menu
        touched.stale.setdefault(region, set()).add(EVERYONE)


def _bulk(touched: Touched, fact: Any) -> None:
    touched.stale.setdefault("bulk", set()).add(agent_topic(fact.agent_id))


def _mailboxes(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("mailboxes", set()).add(SUPERVISORS)


def _canned(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("canned", set()).add(SUPERVISORS)
    touched.stale.setdefault("macros", set()).add(SUPERVISORS)  # what nobody uses stands there


def _rules(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("rules", set()).add(SUPERVISORS)


def _ran(touched: Touched, fact: Any) -> None:
    """In the ticket's history, and in that of the rules."""
    _conversation(touched, fact)
    for region in ("rule-runs", "rules", "macros", "checklist-templates"):  # where it is counted
        touched.stale.setdefault(region, set()).add(SUPERVISORS)


def _macros(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("macros", set()).add(SUPERVISORS)


def _checklist_templates(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("checklist-templates", set()).add(SUPERVISORS)


def _tags(touched: Touched, fact: Any) -> None:
    """What a tag is called may stand on any page; that there is another one, on the list of tags alone."""
    touched.stale.setdefault("tags", set()).add(SUPERVISORS)
    if fact.what in ("renamed", "merged"):
        touched.reload = True


def _fields(touched: Touched, _fact: Any) -> None:
    """What is asked of tickets stands beside every one of them."""
    touched.reload = True


def _reviews(touched: Touched, fact: Any) -> None:
    """An agent's own, and what supervisors read and count."""
    touched.stale.setdefault("reviews", set()).add(SUPERVISORS)
    if fact.agent_id is not None:
        touched.stale.setdefault("own-reviews", set()).add(agent_topic(fact.agent_id))


def _domains(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("domains", set()).add(SUPERVISORS)


def _exchanges(touched: Touched, _fact: Any) -> None:
    touched.stale.setdefault("exchanges", set()).add(SUPERVISORS)


TOUCHES: dict[type[Fact], Callable[[Touched, Any], None]] = {
    facts.TicketOpened: _ticket,
    facts.TicketMoved: _ticket,
    facts.TicketAssigned: _ticket,
    facts.TicketResolved: _ticket,
    facts.TicketReopened: _ticket,
    facts.TicketPended: _ticket,
    facts.TicketPrioritized: _ticket,
    facts.TicketTagged: _ticket,
    facts.TicketUntagged: _ticket,
    facts.FieldSet: _conversation,
    facts.ChecklistChanged: _conversation,
    facts.ReturnChanged: _conversation,
    facts.TicketWatched: _conversation,
    facts.TicketUnwatched: _conversation,
    facts.TicketSplit: _ticket,
    facts.TicketLinked: _conversation,
    facts.TicketUnlinked: _conversation,
    facts.TicketMerged: _merged,
    facts.TicketUnmerged: _merged,
    facts.BulkActChanged: _bulk,
    facts.ViewChanged: _views,
    facts.CustomerLinked: _ticket,
    facts.CustomerUnlinked: _ticket,
    facts.CustomerChanged: _customer,
    facts.MessageReceived: _mail,
    facts.MailIgnored: _ledger,
    facts.MessageQueued: _ticket,
    facts.MessageWithdrawn: _ticket,
    facts.MessageHeld: _ticket,
    facts.MessageRescheduled: _ticket,
    facts.MessageDelayed: _conversation,
    facts.MessageAwaits: _ticket,
    facts.MessageApproved: _ticket,
    facts.MessageReturned: _message,
    facts.ReplyLocked: _lock,
    facts.ReplyUnlocked: _lock,
    facts.MessageSent: _conversation,
    facts.MessageFailed: _conversation,
    facts.MessageBounced: _ticket,
    facts.AddressCleared: _conversation,
    facts.NoteAdded: _conversation,
    facts.CallRinging: _call,
    facts.CallChanged: _call,
    facts.CallEnded: _call,
    facts.CallWrappedUp: _call,
    facts.CallbackChanged: _callback,
    facts.AgentNotified: _notified,
    facts.NotificationsRead: _notified,
    facts.SurveyChanged: _surveys,
    facts.SurveySendingChanged: _surveys,
    facts.SegmentChanged: _segments,
    facts.FeedbackGiven: _feedback,
    facts.TopicChanged: _topics,
    facts.CatalogueChanged: _catalogue,
    facts.OrdersBrought: _everything,  # what somebody bought stands beside tickets, on cards and on records
    facts.ProductWarned: _product_warnings,
    facts.DashboardChanged: _dashboard,
    facts.ScheduleChanged: _schedules,
    facts.ReportMailed: _schedules,
    facts.ShiftsChanged: _shifts,
    facts.ApiTokenChanged: _tokens,
    facts.PromiseAtRisk: _ticket,
    facts.PromiseBreached: _ticket,
    facts.PromiseChanged: _ticket,
    facts.PolicyChanged: _policies,
    facts.AlarmRaised: _alarm,
    facts.AlarmCleared: _alarm,
    facts.WallChanged: _wall,
    facts.AgentStateChanged: _state,
    facts.HelpSignChanged: _help,
    facts.CalendarChanged: _calendars,
    facts.UrgencyJudged: _ticket,
    facts.PreferenceChanged: _everything,
    facts.SomethingParked: _parked,
    facts.ParkedSettled: _parked,
    facts.QueueChanged: _queue,
    facts.TrainingChanged: _learned,
    facts.RouterChanged: _learned,
    facts.MailboxChanged: _mailboxes,
    facts.TagChanged: _tags,
    facts.FieldChanged: _fields,
    facts.CannedReplyChanged: _canned,
    facts.RuleChanged: _rules,
    facts.RuleRan: _ran,
    facts.MacroChanged: _macros,
    facts.MacroRan: _ran,
    facts.RunTakenBack: _ran,
    facts.ChecklistTemplateChanged: _checklist_templates,
    facts.ReviewChanged: _reviews,
    facts.SendingDomainChanged: _domains,
    facts.ExchangeChanged: _exchanges,
}


@dataclass(frozen=True)
class Audience:
    """Who listens: pairs of topic and language. What nobody would hear is not rendered."""

    heard: frozenset[tuple[str, str]]

    def languages(self, topics: Iterable[str]) -> list[str]:
        """The languages in which any of the topics is heard."""
        wanted = set(topics)
        return [lang for lang in LANGUAGES if any((topic, lang) in self.heard for topic in wanted)]


def pops_of(db: Session, told: Iterable[Fact], *, audience: Audience, renderer: Renderer, settings: Settings,
            now: datetime) -> list[Op]:  # fmt: skip
    """The cards of calls that begin to ring, and nothing else of what these facts change: the part that is urgent."""
    ops: list[Op] = []
    for fact in told:
        if isinstance(fact, facts.CallRinging) and (call := db.get(Call, fact.call_id)):
            ops += _shown(db, call, set(fact.agent_ids), audience, renderer, settings, now)
    return ops


def show(db: Session, told: Iterable[Fact], *, audience: Audience, renderer: Renderer, settings: Settings,
         now: datetime, popped: Iterable[int] = ()) -> list[Op]:  # fmt: skip
    """What these facts change on the screens of this audience, in the order in which browsers must do it, without the
    cards of the calls in `popped`, which are there already."""
    touched = Touched()
    for fact in told:
        if touch := TOUCHES.get(type(fact)):
            touch(touched, fact)
    for call_id in popped:
        touched.cards.pop(call_id, None)
    seeing, onward = _seeing(db, {*touched.rows, *touched.tickets, *touched.locks})
    for ticket_id, topics in touched.locks.items():
        touched.stale[f"lock-{ticket_id}"] = topics | seeing.get(ticket_id, frozenset())
    for ticket_id, topics in touched.tickets.items():
        touched.stale.setdefault(f"ticket-{ticket_id}", set()).update(topics | seeing.get(ticket_id, frozenset()))
        while (ticket_id := onward.get(ticket_id, 0)) in seeing:  # where it was merged, its words are shown as well
            touched.stale.setdefault(f"ticket-{ticket_id}", set()).update(seeing[ticket_id])
    for call_id, agent_id in pops.wrapped_up_beside(db, set(touched.tickets) - {0}):
        touched.cards.setdefault(call_id, set()).add(agent_id)
    return [
        *_cards(db, touched.cards, audience, renderer, settings, now),
        *_rows(db, touched.rows, seeing, audience, renderer, now),
        *_stale(touched.stale, audience),
        *_told(db, touched.told, audience, renderer),
        *([Op(frozenset({EVERYONE}), None, {"reload": True})] if touched.reload else []),
    ]


def _seeing(db: Session, ticket_ids: set[int]) -> tuple[dict[int, frozenset[str]], dict[int, int]]:
    """Which topics see these tickets now: that of the queue, and the assignee's own; of those they were merged into as
    well. And which ticket each was merged into."""
    seeing: dict[int, frozenset[str]] = {}
    onward: dict[int, int] = {}
    while ticket_ids:
        has_list = looking.is_sqlite(db)
        found = looking.ask(db, _places(has_list), ticket_ids=looking.numbers(ticket_ids, has_list))
        for ticket_id, queue_id, agent_id, into_id in found:
            seeing[ticket_id] = frozenset({queue_topic(queue_id), *([agent_topic(agent_id)] if agent_id else [])})
            if into_id is not None:
                onward[ticket_id] = into_id
        ticket_ids = set(onward.values()) - seeing.keys()
    return seeing, onward


@lru_cache
def _places(is_sqlite: bool) -> "sa.Select[Any]":
    columns: Any = col(Ticket.id), col(Ticket.queue_id), col(Ticket.assignee_id), col(Ticket.merged_into_id)
    return sa.select(*columns).where(col(Ticket.id).in_(looking.listed("ticket_ids", is_sqlite)))


def _cards(db: Session, touched: dict[int, set[int]], audience: Audience, renderer: Renderer, settings: Settings,
           now: datetime) -> Iterable[Op]:  # fmt: skip
    for call_id, agent_ids in touched.items():
        call = db.get(Call, call_id)
        if call is None:
            continue
        shown = agent_ids & pops.shown_to(db, call)
        gone = frozenset(agent_topic(agent_id) for agent_id in agent_ids - shown)
        yield from _shown(db, call, shown, audience, renderer, settings, now)
        if audience.languages(gone):
            yield Op(gone, None, {"drop": f"call-{call_id}"})


def _shown(db: Session, call: Call, agent_ids: set[int], audience: Audience, renderer: Renderer, settings: Settings,
           now: datetime) -> Iterable[Op]:  # fmt: skip
    """The card of whose call it is or may become; and of those to whom its agent is handing it on, where it rings."""
    handed = agent_ids - {call.agent_id} if call.agent_id is not None else set()
    for ids, is_handed in ((agent_ids - handed, False), (handed, True)):
        topics = frozenset(agent_topic(agent_id) for agent_id in ids)
        yield from _card(db, call, topics, audience, renderer, settings, now, is_handed=is_handed)


def _card(db: Session, call: Call, shown: frozenset[str], audience: Audience, renderer: Renderer, settings: Settings,
          now: datetime, *, is_handed: bool) -> Iterable[Op]:  # fmt: skip
    for lang in audience.languages(shown):
        card = pops.card(db, call, language=lang, settings=settings, is_handed=is_handed)
        text = renderer.fragment(CARD, lang, card=card, now=now)
        yield Op(shown, lang, {"put": f"call-{call.id}", "into": "pops", "html": text})


def _rows(db: Session, touched: dict[int, set[str]], seeing: dict[int, frozenset[str]], audience: Audience,
          renderer: Renderer, now: datetime) -> Iterable[Op]:  # fmt: skip
    drawn: dict[str, dict[int, views.Row]] = {}
    for ticket_id, topics in touched.items():
        hearing = seeing.get(ticket_id, frozenset())
        # Where the ticket went, its words may not follow to screens that no longer serve its queue.
        if audience.languages(gone := frozenset(topics - hearing)):
            yield Op(gone, None, {"drop": f"row-{ticket_id}"})
        for lang in audience.languages(hearing):
            if lang not in drawn:
                drawn[lang] = views.rows_for_all(db, [*touched], language=lang)
            if row := drawn[lang].get(ticket_id):
                text = renderer.fragment(ROW, lang, row=row, now=now, is_current=False)
                yield Op(hearing, lang, {
                    "row": ticket_id, "html": text,
                    "view": {"queue_id": row.queue_id, "assignee_id": row.assignee_id, "state": row.state,
                             "is_urgent": row.is_urgent},
                })  # fmt: skip


def _told(db: Session, told: Iterable[tuple[str, Fact]], audience: Audience, renderer: Renderer) -> Iterable[Op]:
    """Notices, of what is still so when they can be shown."""
    for topic, fact in told:
        for lang in audience.languages({topic}):
            if said := _words(db, fact, lang):
                text = renderer.fragment(TOLD, lang, **said)
                yield Op(frozenset({topic}), lang, {"tell": said["id"], "html": text, "sound": said["sound"]})


def _words(db: Session, fact: Any, lang: str) -> dict[str, Any] | None:
    if isinstance(fact, facts.AlarmRaised):
        alarm, queue = db.get(Alarm, fact.alarm_id), db.get(Queue, fact.queue_id)
        if alarm is None or queue is None or alarm.cleared_at is not None:
            return None
        return {"id": f"alarm-{alarm.id}", "what": "alarm", "figure": alarm.figure, "value": round(alarm.value),
                "queue": queue.called(lang), "sound": True}  # fmt: skip
    if isinstance(fact, facts.CallbackChanged):
        row, queue = db.get(Callback, fact.callback_id), db.get(Queue, fact.queue_id)
        if row is None or queue is None or row.state != CallbackState.OPEN or row.alarmed_at is None:
            return None
        return {"id": f"callback-{row.id}-late", "what": "overdue", "queue": queue.called(lang), "sound": False}
    state, by = agents.state_of(db, fact.agent_id), db.get(Agent, fact.by_id)
    if state is None or by is None or (state.state.value, state.reason) != (fact.state, fact.reason):
        return None
    return {"id": f"state-{state.id}", "what": "state", "state": fact.state, "reason": fact.reason, "by": by.name,
            "sound": False}  # fmt: skip


def _stale(touched: dict[str, set[str]], audience: Audience) -> Iterable[Op]:
    for region, topics in touched.items():
        if audience.languages(topics):
            yield Op(frozenset(topics), None, {"stale": [region]})
