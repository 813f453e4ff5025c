"""The ledger of mail for supervisors: figures by day and source, the mails behind each, and one mail looked at closely.

What today's reader would say of an old mail is shown beside what was stored, and changes nothing. Only a mail that is
on no ticket can be assigned, by the number of a ticket or into a queue.
"""

from datetime import date
from functools import partial
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, inbox, ledger, queues
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.mail import by_hand, parse, posted, receive, senders
from models import Agent, Queue, Ticket
from web.addresses import get, post
from web.edge import act, desk_of, html, look, see

HERE = "/admin/mail"


async def page(request: Request) -> Response:
    """Fourteen days of every source."""
    desk = desk_of(request)
    last = _day(request.query_params.get("to", ""))

    def verb(db: Session, agent: Agent) -> ledger.Page:
        access.supervisor(agent)
        return ledger.page(db, last=last, settings=desk.settings, now=desk.clock())

    frame, told = await look(request, verb)
    frame |= {"view": "ledger", "told": told, "columns": ledger.COLUMNS, "to": last.isoformat() if last else ""}
    return html(request, "ledger/page.html", frame["me"]["language"], **frame)


async def rows(request: Request) -> Response:
    """The mails behind one figure."""
    desk, query = desk_of(request), request.query_params
    source, what, cursor = query.get("source", ""), query.get("what", "kept"), query.get("after", "")
    day = _day(query.get("day", "")) or ledger.today(desk.settings, desk.clock())

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        found = ledger.rows(db, source, day, what, cursor=cursor, settings=desk.settings)
        return {"found": found, "source_name": ledger.called(db, source)}

    frame, told = await look(request, verb)
    frame |= told | {"view": "ledger", "source": source, "what": what, "day": day, "cursor": cursor,
                     "lists": ("kept", *ledger.COLUMNS, "repeat")}  # fmt: skip
    return html(request, "ledger/rows.html", frame["me"]["language"], **frame)


async def mail(request: Request) -> Response:
    """One mail: what is stored of it, and with `again` what today's reader says."""
    return await _mail(request, {})


async def again(request: Request) -> Response:
    """Put a mail that was set aside back in line, to be read and judged anew."""
    desk, inbound_id = desk_of(request), request.path_params["inbound_id"]

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        parked = ledger.detail(db, inbound_id).parked
        if parked is None or parked.error == "too_large":
            raise Conflict("already_settled", inbound_id=inbound_id)
        inbox.replay(db, parked, by=agent, now=desk.clock())

    await act(request, verb)
    await desk.arrivals.read_one(inbound_id)
    return RedirectResponse(f"{HERE}/{inbound_id}?notice=replayed", 303)


async def assign(request: Request) -> Response:
    """Say where it belongs: on a ticket, or on a new one."""
    desk, inbound_id = desk_of(request), request.path_params["inbound_id"]
    form = await request.form()
    typed, queue_id = str(form.get("ticket", "")).strip().lstrip("#＃"), str(form.get("queue_id", ""))
    if form.get("way") == "ticket" and not (typed.isdecimal() and len(typed) <= 9):
        return await _mail(request, {"ticket": "no_such_ticket"}, 422, typed=typed[:20])

    def raw_of(db: Session, agent: Agent) -> bytes:
        access.supervisor(agent)
        return ledger.detail(db, inbound_id).inbound.raw

    _, raw = await see(request, raw_of)
    read = partial(receive.understand, raw, router=None, folder=desk.settings.attachments)
    understood = await run_in_threadpool(read)

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        if form.get("way") == "ticket":
            ticket = _ticket(db, int(typed))
            by_hand.assign(db, inbound_id, understood, ticket, by=agent, settings=desk.settings, now=desk.clock())
        else:
            queue = _queue(db, queue_id)
            ticket = by_hand.open_ticket(db, inbound_id, understood, queue, by=agent, settings=desk.settings,
                                         now=desk.clock())  # fmt: skip
        assert ticket.id is not None
        return ticket.id

    try:
        ticket_id = await act(request, verb)
    except NotFound as error:
        if error.code != "no_such_ticket":
            raise
        return await _mail(request, {"ticket": "no_such_ticket"}, 422, typed=typed)
    return RedirectResponse(f"/tickets/{ticket_id}?notice=mail_assigned", 303)


async def _mail(request: Request, errors: dict[str, str], status: int = 200, *, typed: str = "") -> Response:
    inbound_id = request.path_params["inbound_id"]

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        told = ledger.detail(db, inbound_id)
        choices = [{"id": queue.id, "name": queue.called(agent.language), "is_triage": queue.is_triage}
                   for queue in queues.everyone(db)]  # fmt: skip
        return {"told": told, "queues": choices}

    frame, told = await look(request, verb)
    inbound = told["told"].inbound
    reads_again = request.query_params.get("again") == "1" and not inbound.is_forgotten
    # Of what is on a ticket its message tells; of the rest the reader does.
    email = await run_in_threadpool(_read, inbound.raw) if (
        reads_again or (told["told"].message is None and not inbound.is_forgotten)) else None  # fmt: skip
    if email is not None and email.reply_to is not None:
        email = await desk_of(request).database.read(
            lambda db: senders.settled(db, inbound, email, settings=desk_of(request).settings)
        )
    day = ledger.day_of(inbound.received_at, desk_of(request).settings)
    frame |= told | {"view": "ledger", "email": email, "reads_again": reads_again, "errors": errors, "day": day,
                     "values": {"ticket": typed}}  # fmt: skip
    return html(request, "ledger/mail.html", frame["me"]["language"], status, **frame)


def _read(raw: bytes) -> parse.Email:
    return parse.read(posted.mail_of(raw))


def _ticket(db: Session, ticket_id: int) -> Ticket:
    """The ticket of that number, or the one it was merged into."""
    found = db.get(Ticket, ticket_id)
    while found is not None and found.merged_into_id is not None:
        found = db.get(Ticket, found.merged_into_id)
    if found is None:
        raise NotFound("no_such_ticket", ticket_id=ticket_id)
    return found


def _queue(db: Session, typed: str) -> Queue:
    found = db.get(Queue, int(typed)) if typed.isdecimal() and len(typed) <= 9 else None
    if found is None:
        raise Invalid("unknown_choice", field="queue_id")
    return found


def _day(typed: str) -> date | None:
    """None for what is no day on which a desk may have had mail."""
    try:
        day = date.fromisoformat(typed) if len(typed) == 10 else None
    except ValueError:
        return None
    return day if day and 2000 <= day.year < 3000 else None


ROUTES = (
    get("/admin/mail", page),
    get("/admin/mail/list", rows),
    get("/admin/mail/{inbound_id:id}", mail),
    post("/admin/mail/{inbound_id:id}/again", again),
    post("/admin/mail/{inbound_id:id}/assign", assign),
)
