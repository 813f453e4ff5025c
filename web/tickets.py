"""The inbox and the ticket: the three columns most of the day is spent in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from helpdesk import (
    access,
    agents,
    changes,
    conversations,
    fields,
    impressions,
    links,
    merging,
    pauses,
    queues,
    routing,
    saved_views,
    splitting,
    tickets,
    transfers,
    unreachable,
    views,
    watchers,
)
from helpdesk import drafts as kept_drafts
from helpdesk.asterisk import dialing
from helpdesk.conversations import doings
from helpdesk.customers import records
from helpdesk.errors import Invalid, NotFound
from helpdesk.filters import sorting
from models import Agent, SavedView, Ticket
from web import bulk, canned, drafts, outgoing, safety, similar, words
from web.addresses import get, post
from web.edge import act, address_of, back, desk_of, renderer_of, see, shown, shown_region

DEFAULT_VIEW = "all"


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """What of the desk's own fields stands in the way, by their keys: what was typed, and what is wrong. `names`: those
    without which the ticket cannot be resolved."""

    values: Mapping[str, Sequence[str]]
    errors: Mapping[str, str]
    names: Sequence[str] = ()


async def home(request: Request) -> Response:
    """To the inbox."""
    return RedirectResponse("/inbox", 303)


async def inbox(request: Request) -> Response:
    """A view's list, with no ticket open."""
    return await page(request, None)


async def ticket(request: Request) -> Response:
    """A ticket beside its view's list."""
    return await page(request, request.path_params["ticket_id"])


async def region(request: Request) -> Response:
    """The ticket alone, as the page includes it."""
    ticket_id = request.path_params["ticket_id"]
    return await shown_region(request, "tickets/_ticket.html", lambda db, agent: _small(request, db, agent, ticket_id))


async def reply(request: Request) -> Response:
    """Write to the customer. A mail its author is asked about stands in the box again, with the questions."""
    try:
        return await outgoing.reply(request)
    except safety.Again as again:
        return await page(request, request.path_params["ticket_id"], again)


async def note(request: Request) -> Response:
    """An internal remark."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        tickets.note(db, found, form.get("body", ""), by=agent, now=now)
        kept_drafts.drop(db, agent, f"note-{found.id}")

    return await change(request, verb)


async def assign(request: Request) -> Response:
    """Give it to an agent, or back to the queue."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        to = agents.get(db, number(form.get("agent_id", ""))) if form.get("agent_id") else None
        tickets.assign(db, found, to, by=agent, now=now)

    return await change(request, verb)


async def move(request: Request) -> Response:
    """To another queue: a correction the classifier learns from."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        routing.move(db, found, queues.get(db, number(form.get("queue_id", ""))), by=agent, now=now)

    return await change(request, verb, leaves=True)


async def resolve(request: Request) -> Response:
    """The matter is settled. What is still to be known of it is asked for where it is filled in."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        if wanting := fields.missing(db, found):
            errors = {each.key: "value_missing" for each in wanting}
            raise Refused({}, errors, [each.called(agent.language) for each in wanting])
        tickets.resolve(db, found, by=agent, now=now)

    try:
        return await change(request, verb)
    except Refused as refused:
        return await page(request, request.path_params["ticket_id"], refused=refused)


async def reopen(request: Request) -> Response:
    """It was not."""
    return await change(request, lambda db, found, agent, form, now: tickets.reopen(db, found, by_id=agent.id, now=now))


async def transfer(request: Request) -> Response:
    """Hand it over, to another queue or agent, with the reason as a note."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        to_queue = queues.get(db, number(form["queue_id"])) if form.get("queue_id") else None
        to_agent = agents.get(db, number(form["agent_id"])) if form.get("agent_id") else None
        transfers.transfer(
            db, found, to_queue=to_queue, to_agent=to_agent, reason=form.get("reason", ""), by=agent, now=now
        )

    return await change(request, verb, leaves=True)


async def prioritize(request: Request) -> Response:
    """How soon it is to be dealt with."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        tickets.prioritize(db, found, number(form.get("priority", "")), by=agent, now=now)

    return await change(request, verb)


async def pend(request: Request) -> Response:
    """Let it rest: by a choice, until a day, or until the customer writes."""
    zone = desk_of(request).settings.timezone

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        until = pauses.read(form.get("until", ""), form.get("date", ""), now, zone)
        tickets.pend(db, found, until, by=agent, now=now)

    return await change(request, verb)


async def watch(request: Request) -> Response:
    """Hear of it oneself, or let a colleague hear of it; or no longer."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        if form.get("remove"):
            watchers.unwatch(db, found, number(form["remove"]), by=agent, now=now)
        else:
            who = agents.get(db, number(form["agent_id"])) if form.get("agent_id") else agent
            watchers.watch(db, found, who, by=agent, now=now)

    return await change(request, verb)


async def link(request: Request) -> Response:
    """Say what another ticket, which the agent must see as well, is to this one; or that it is not."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        takes_back = bool(form.get("remove"))
        other = _other(db, agent, form.get("remove" if takes_back else "other", ""), "other")
        (links.unlink if takes_back else links.link)(db, found, other, form.get("reason", ""), by=agent, now=now)

    return await change(request, verb)


async def split(request: Request) -> Response:
    """A message becomes a ticket of its own, which opens."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    message_id = str((await request.form()).get("message_id", ""))

    def run(db: Session, agent: Agent) -> int:
        found = access.ticket(db, agent, ticket_id)
        message = access.message(db, agent, number(message_id))
        return splitting.split(db, found, message, by=agent, now=desk.clock()).id or 0

    return RedirectResponse(f"/tickets/{await act(request, run)}", 303)


async def undo(request: Request) -> Response:
    """Take back what one of the ticket's events tells; of one's own acts also where the ticket is out of sight now."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    event_id = str((await request.form()).get("event", ""))

    def run(db: Session, agent: Agent) -> int:
        found = access.ticket_to_undo(db, agent, ticket_id, number(event_id), now=desk.clock())
        changes.undo(db, found, number(event_id), agent, desk.clock())
        return found.merged_into_id or ticket_id

    here = await act(request, run)
    if "/inbox" in request.headers.get("referer", "") or here != ticket_id:
        return RedirectResponse(beside_its_list(request, f"/tickets/{here}"), 303)
    return back(request, f"/tickets/{ticket_id}")


async def merge(request: Request) -> Response:
    """Go on with its matter in another ticket, which the agent must see as well; in another customer's only where the
    form says so, since a number is easily mistyped."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        other = _other(db, agent, form.get("into", ""), "into")
        if len({found.customer_id, other.customer_id} - {None}) > 1 and not form.get("other_customer"):
            raise Invalid("ticket_of_another", field="into")
        merging.merge(db, found, other, by=agent, now=now)

    return await change(request, verb)


async def unmerge(request: Request) -> Response:
    """Two tickets again."""
    return await change(request, lambda db, found, agent, form, now: merging.unmerge(db, found, by=agent, now=now))


async def reachable(request: Request) -> Response:
    """Say that an address mail came back from can be reached after all."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        unreachable.clear(db, form.get("address", ""), on=found, by=agent, now=now)

    return await change(request, verb)


async def urgency(request: Request) -> Response:
    """Say that what was taken for urgent is not, or take that back."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        if (word := form.get("urgent")) not in ("yes", "no"):
            raise Invalid("unknown_choice", field="urgent")
        impressions.judge(db, found, number(form.get("impression", "")), urgent=word == "yes", by=agent, now=now)

    return await change(request, verb)


async def customer(request: Request) -> Response:
    """Say whose ticket it is."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        chosen = access.customer(db, agent, number(form.get("customer_id", "")))
        tickets.link_customer(db, found, chosen, by=agent, now=now)

    return await change(request, verb)


async def new_customer(request: Request) -> Response:
    """Make a record of whoever wrote, and link it."""
    desk = desk_of(request)

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        typed = records.Form(form.get("name", ""), form.get("reading", ""), form.get("company", ""), found.language)
        made = records.create(db, typed, region=desk.settings.region, by=agent, now=now)
        tickets.link_customer(db, found, made, by=agent, now=now)

    return await change(request, verb)


async def message_text(request: Request) -> Response:
    """All the words of a message, quote and signature included."""
    message_id = request.path_params["message_id"]
    _, message = await see(request, lambda db, agent: access.message(db, agent, message_id))
    return PlainTextResponse(message.text, headers={"cache-control": "no-store"})


async def page(
    request: Request, ticket_id: int | None, again: safety.Again | None = None, *, refused: Refused | None = None
) -> Response:
    """A view's list and a ticket, if any; of a form that was refused, with what was typed (`again` of a mail, `refused`
    of the desk's own fields)."""
    query = request.query_params
    name, sort, cursor = query.get("view") or DEFAULT_VIEW, query.get("sort", ""), query.get("after", "")
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        shown = _view(request, db, agent, ticket_id) if ticket_id is not None else None
        view = views.named(db, agent, name)
        order = sort if sort in sorting.SORTS else view.saved.sort if view.saved else "newest"
        listed = views.answers(db, agent, view.asked, language=agent.language, cursor=cursor, sort=order, now=now)
        draft = similar.draft_of(db, agent, ticket_id, query.get("draft", "")) if ticket_id is not None else ""
        chosen = canned.asked_for(request, db, agent, ticket_id) if ticket_id is not None else None
        beside = safety.beside(request, db, agent, ticket_id) if ticket_id is not None else {}
        beside["drafts"] = drafts.NOTHING
        laid = chosen.text if chosen else draft
        if again is not None and shown is not None:
            shown, beside["panel"] = outgoing.typed_again(request, db, agent, shown, again.typed), again.panel
        elif shown is not None:
            shown, beside["panel"], beside["drafts"] = drafts.beside(request, db, agent, shown, laid)
            laid = "" if beside["drafts"].reply else laid  # it stands below the draft
        left = _left(request, db, agent) if ticket_id is None else None
        if refused is not None and refused.names:
            names = {"names": ("、" if agent.language == "ja" else ", ").join(refused.names)}
            beside |= {"notice": "fields_missing", "notice_facts": names}
        return beside | _forms(request) | {"ticket": shown, "left": left, "draft": laid, "canned": chosen,
                "asked": outgoing.asked_query(request), "rows": listed.rows, "next_cursor": listed.next_cursor,
                "is_paused": listed.is_paused, "paused_at": listed.paused_at, "newest": listed.newest,
                "sort": order, "after": cursor,
                "total": views.total(db, agent, view, now=now), "told": bulk.strip(db, agent, request),
                "columns": view.saved.columns if view.saved else saved_views.USUAL,
                "saved": _saved(agent, view.saved), "view_name": _name(request, db, agent, view),
                "view": name, "refused": refused}  # fmt: skip

    status = again.status if again is not None else 422 if refused is not None else 200
    return await shown(request, "tickets/page.html", verb, status)


def _saved(agent: Agent, view: SavedView | None) -> dict[str, Any] | None:
    """Of a view that somebody kept, what its list says about it."""
    return {"id": view.id, "may_change": saved_views.may_change(agent, view)} if view else None


def _name(request: Request, db: Session, agent: Agent, view: views.View) -> str:
    """What a view is called on the page."""
    if view.saved is not None:
        return view.saved.name
    kind, _, number = view.name.partition("-")
    if kind == "queue":
        return queues.get(db, int(number)).called(agent.language)
    return words.sentence(renderer_of(request).gettext(agent.language), "view", view.name)


def _view(request: Request, db: Session, agent: Agent, ticket_id: int) -> conversations.TicketView:
    found = access.ticket(db, agent, ticket_id)
    return conversations.show(db, found, agent=agent, language=agent.language, settings=desk_of(request).settings,
                              now=desk_of(request).clock(), asked=outgoing.asked_of(request))  # fmt: skip


def _small(request: Request, db: Session, agent: Agent, ticket_id: int) -> dict[str, Any]:
    shown, panel, kept = drafts.beside(request, db, agent, _view(request, db, agent, ticket_id))
    told = {"now": desk_of(request).clock(), "view": "", "asked": outgoing.asked_query(request), "ticket": shown,
            "can_dial": dialing.can_dial(db, agent)}  # fmt: skip
    beside = safety.beside(request, db, agent, ticket_id) | {"panel": panel, "drafts": kept}
    return told | _forms(request) | {"refused": None} | beside


def _forms(request: Request) -> dict[str, Any]:
    """What the forms beside a ticket offer whatever the ticket."""
    desk = desk_of(request)
    now, zone = desk.clock(), desk.settings.timezone
    return {"pauses": pauses.choices(now, zone), "today": now.astimezone(ZoneInfo(zone)).date().isoformat()}


def _left(request: Request, db: Session, agent: Agent) -> tuple[int, doings.Done] | None:
    """A ticket the agent has just sent out of their own sight, and what can be taken back of it."""
    asked = request.query_params.get("left", "")
    if not asked.isdecimal() or len(asked) > 9:
        return None
    done = doings.elsewhere(db, int(asked), agent=agent, language=agent.language, now=desk_of(request).clock())
    return (int(asked), done) if done is not None else None


def _other(db: Session, agent: Agent, typed: str, field: str) -> Ticket:
    """Another ticket by its number, as people write it."""
    try:
        return access.ticket(db, agent, number(typed.strip().lstrip("#＃")))
    except NotFound as error:
        raise Invalid("not_a_ticket", field=field) from error


async def change(request: Request, verb: Callable[[Session, Ticket, Agent, dict[str, str], Any], Any], *,
                 leaves: bool = False) -> Response:  # fmt: skip
    """Run a verb on the ticket of the address and go back to it, or to the list when it may be out of sight now."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}

    def run(db: Session, agent: Agent) -> bool:
        found = access.ticket(db, agent, ticket_id)
        verb(db, found, agent, form, desk.clock())
        return found.assignee_id == agent.id or agents.serves(db, agent, found.queue_id)

    still_seen = await act(request, run)
    return out_of_sight(request, ticket_id) if leaves and not still_seen else back(request, f"/tickets/{ticket_id}")


def out_of_sight(request: Request, ticket_id: int) -> Response:
    """To the list the ticket was opened from, where what sent it out of the agent's sight can be taken back."""
    return RedirectResponse(beside_its_list(request, "/inbox", notice="moved_away", left=str(ticket_id)), 303)


def beside_its_list(request: Request, path: str, **told: str) -> str:
    """An address with the list that the page before it showed, its order and how far down; `told` besides."""
    before = dict(parse_qsl(address_of(request.headers.get("referer", "")).query))
    query = {name: before[name] for name in ("view", "sort", "after") if name in before} | told
    return f"{path}?{urlencode(query)}" if query else path


def number(text: str) -> int:
    """A row's number, as a form names it. Raises `NotFound` for what is none."""
    if not text.isdecimal() or len(text) > 9:
        raise NotFound("not_found", given=text[:20])
    return int(text)


ROUTES = (
    get("/", home),
    get("/inbox", inbox),
    get("/tickets/{ticket_id:id}", ticket),
    get("/tickets/{ticket_id:id}/region", region),
    post("/tickets/{ticket_id:id}/reply", reply),
    post("/tickets/{ticket_id:id}/note", note),
    post("/tickets/{ticket_id:id}/assign", assign),
    post("/tickets/{ticket_id:id}/move", move),
    post("/tickets/{ticket_id:id}/resolve", resolve),
    post("/tickets/{ticket_id:id}/reopen", reopen),
    post("/tickets/{ticket_id:id}/transfer", transfer),
    post("/tickets/{ticket_id:id}/priority", prioritize),
    post("/tickets/{ticket_id:id}/pend", pend),
    post("/tickets/{ticket_id:id}/watch", watch),
    post("/tickets/{ticket_id:id}/link", link),
    post("/tickets/{ticket_id:id}/split", split),
    post("/tickets/{ticket_id:id}/undo", undo),
    post("/tickets/{ticket_id:id}/merge", merge),
    post("/tickets/{ticket_id:id}/unmerge", unmerge),
    post("/tickets/{ticket_id:id}/reachable", reachable),
    post("/tickets/{ticket_id:id}/urgency", urgency),
    post("/tickets/{ticket_id:id}/customer", customer),
    post("/tickets/{ticket_id:id}/customer/new", new_customer),
    get("/messages/{message_id:id}/text", message_text),
)
