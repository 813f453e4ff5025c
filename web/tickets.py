"""The inbox and the ticket: the three columns most of the day is spent in."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from helpdesk import (
    access,
    agents,
    conversations,
    filters,
    impressions,
    merging,
    queues,
    routing,
    saved_views,
    tickets,
    unreachable,
    views,
)
from helpdesk.asterisk import dialing
from helpdesk.customers import records
from helpdesk.errors import Invalid, NotFound
from models import Agent, SavedView, Ticket
from web import bulk, canned, outgoing, safety, similar, words
from web.edge import act, back, desk_of, fragment, html, look, renderer_of, see

DEFAULT_VIEW = "all"


async def home(request: Request) -> Response:
    """To the inbox."""
    return RedirectResponse("/inbox", 303)


async def inbox(request: Request) -> Response:
    """A view's list, with no ticket open."""
    return await _page(request, None)


async def ticket(request: Request) -> Response:
    """A ticket beside its view's list."""
    return await _page(request, request.path_params["ticket_id"])


async def region(request: Request) -> Response:
    """The ticket alone, as the page includes it."""
    ticket_id = request.path_params["ticket_id"]
    agent, (view, frame) = await see(request, lambda db, agent: (_view(request, db, agent, ticket_id),
                                                                   _small(request, db, agent, ticket_id)))  # fmt: skip
    return fragment(request, "tickets/_ticket.html", agent.language, ticket=view, **frame)


async def reply(request: Request) -> Response:
    """Write to the customer. A mail its author is asked about stands in the box again, with the questions."""
    try:
        return await outgoing.reply(request)
    except safety.Again as again:
        return await _page(request, request.path_params["ticket_id"], again)


async def note(request: Request) -> Response:
    """An internal remark."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        tickets.note(db, found, form.get("body", ""), by=agent, now=now)

    return await _change(request, verb)


async def assign(request: Request) -> Response:
    """Give it to an agent, or back to the queue."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        to = agents.get(db, _number(form.get("agent_id", ""))) if form.get("agent_id") else None
        tickets.assign(db, found, to, by=agent, now=now)

    return await _change(request, verb)


async def move(request: Request) -> Response:
    """To another queue: a correction the classifier learns from."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        routing.move(db, found, queues.get(db, _number(form.get("queue_id", ""))), by=agent, now=now)

    return await _change(request, verb, leaves=True)


async def resolve(request: Request) -> Response:
    """The matter is settled."""
    return await _change(request, lambda db, found, agent, form, now: tickets.resolve(db, found, by=agent, now=now))


async def reopen(request: Request) -> Response:
    """It was not."""
    return await _change(
        request, lambda db, found, agent, form, now: tickets.reopen(db, found, by_id=agent.id, now=now)
    )


async def merge(request: Request) -> Response:
    """Go on with its matter in another ticket, which the agent must see as well."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        typed = form.get("into", "").strip().lstrip("#＃")
        try:
            into = access.ticket(db, agent, _number(typed))
        except NotFound as error:
            raise Invalid("not_a_ticket", field="into") from error
        merging.merge(db, found, into, by=agent, now=now)

    return await _change(request, verb)


async def unmerge(request: Request) -> Response:
    """Two tickets again."""
    return await _change(request, lambda db, found, agent, form, now: merging.unmerge(db, found, by=agent, now=now))


async def reachable(request: Request) -> Response:
    """Say that an address mail came back from can be reached after all."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        unreachable.clear(db, form.get("address", ""), on=found, by=agent, now=now)

    return await _change(request, verb)


async def urgency(request: Request) -> Response:
    """Say that what was taken for urgent is not, or take that back."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        if (word := form.get("urgent")) not in ("yes", "no"):
            raise Invalid("unknown_choice", field="urgent")
        impressions.judge(db, found, _number(form.get("impression", "")), urgent=word == "yes", by=agent, now=now)

    return await _change(request, verb)


async def customer(request: Request) -> Response:
    """Say whose ticket it is."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        chosen = access.customer(db, agent, _number(form.get("customer_id", "")))
        tickets.link_customer(db, found, chosen, by=agent, now=now)

    return await _change(request, verb)


async def new_customer(request: Request) -> Response:
    """Make a record of whoever wrote, and link it."""
    desk = desk_of(request)

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        typed = records.Form(form.get("name", ""), form.get("reading", ""), form.get("company", ""), found.language)
        made = records.create(db, typed, region=desk.settings.region, now=now)
        tickets.link_customer(db, found, made, by=agent, now=now)

    return await _change(request, verb)


async def message_text(request: Request) -> Response:
    """All the words of a message, quote and signature included."""
    message_id = request.path_params["message_id"]
    _, message = await see(request, lambda db, agent: access.message(db, agent, message_id))
    return PlainTextResponse(message.text, headers={"cache-control": "no-store"})


async def _page(request: Request, ticket_id: int | None, again: safety.Again | None = None) -> Response:
    query = request.query_params
    name, sort, cursor = query.get("view") or DEFAULT_VIEW, query.get("sort", ""), query.get("after", "")
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        shown = _view(request, db, agent, ticket_id) if ticket_id is not None else None
        view = views.named(db, agent, name)
        order = sort if sort in filters.SORTS else view.saved.sort if view.saved else "newest"
        page = views.answers(db, agent, view.asked, language=agent.language, cursor=cursor, sort=order, now=now)
        draft = similar.draft_of(db, agent, ticket_id, query.get("draft", "")) if ticket_id is not None else ""
        chosen = canned.asked_for(request, db, agent, ticket_id) if ticket_id is not None else None
        beside = safety.beside(request, db, agent, ticket_id) if ticket_id is not None else {}
        if again is not None and shown is not None:
            shown, beside["panel"] = outgoing.typed_again(request, db, agent, shown, again), again.panel
        return beside | {"ticket": shown, "draft": chosen.text if chosen else draft, "canned": chosen,
                "asked": outgoing.asked_query(request), "rows": page.rows, "next_cursor": page.next_cursor,
                "is_paused": page.is_paused, "paused_at": page.paused_at, "newest": page.newest,
                "sort": order, "after": cursor,
                "total": views.total(db, agent, view, now=now), "told": bulk.strip(db, agent, request),
                "columns": view.saved.columns if view.saved else saved_views.USUAL,
                "saved": _saved(agent, view.saved), "view_name": _name(request, db, agent, view)}  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": name}
    status = again.status if again is not None else 200
    return html(request, "tickets/page.html", frame["me"]["language"], status, **(frame | told))


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
                              asked=outgoing.asked_of(request))  # fmt: skip


def _small(request: Request, db: Session, agent: Agent, ticket_id: int) -> dict[str, Any]:
    told = {"now": desk_of(request).clock(), "view": "", "asked": outgoing.asked_query(request),
            "can_dial": dialing.can_dial(db, agent)}  # fmt: skip
    return told | safety.beside(request, db, agent, ticket_id)


async def _change(request: Request, verb: Callable[[Session, Ticket, Agent, dict[str, str], Any], Any], *,
                  leaves: bool = False) -> Response:  # fmt: skip
    """Run a verb on the ticket of the address and go back to it, or to the list when it may be out of sight now."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}

    def run(db: Session, agent: Agent) -> bool:
        found = access.ticket(db, agent, ticket_id)
        verb(db, found, agent, form, desk.clock())
        return found.assignee_id == agent.id or agents.serves(db, agent, found.queue_id)

    still_seen = await act(request, run)
    if leaves and not still_seen:
        return RedirectResponse("/inbox?notice=moved_away", 303)
    return back(request, f"/tickets/{ticket_id}")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise NotFound("not_found", given=text[:20])
    return int(text)
