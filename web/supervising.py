"""The work in hand as supervisors see it: workload, backlog by age, what is at risk, and giving it to somebody else."""

from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, agents, assigning, bulk, queues, supervising, tickets
from helpdesk.errors import Conflict, Invalid
from helpdesk.supervising import DESK
from models import Agent
from web.addresses import get, post
from web.edge import act, back, desk_of, html, look

HERE = "/queues/work"


async def page(request: Request) -> Response:
    """Workload, backlog and what is at risk, of one queue or of all."""
    now, asked = desk_of(request).clock(), supervising.read(request.query_params)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        every = [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)]
        return {"told": supervising.picture(db, agent, queue_id=asked.queue_id, now=now), "every_queue": every}

    frame, told = await look(request, verb)
    return html(request, "supervising/page.html", frame["me"]["language"], **(frame | told | {"view": "queues"}))


async def rows(request: Request) -> Response:
    """The tickets behind a figure, which can be ticked and given to others."""
    now, asked = desk_of(request).clock(), supervising.read(request.query_params)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        whose = agents.called(agents.get(db, asked.agent_id), agent.language) if asked.agent_id else ""
        queue = queues.get(db, asked.queue_id).called(agent.language) if asked.queue_id else ""
        rows = supervising.rows(db, agent, asked, now=now)
        return {"rows": rows, "whose": whose, "queue": queue} | _people(db, agent)

    frame, told = await look(request, verb)
    frame |= told | {"view": "queues", "asked": asked, "most": supervising.LISTED, "query": request.url.query}
    return html(request, "supervising/list.html", frame["me"]["language"], **frame)


async def give(request: Request) -> Response:
    """Give one ticket to a colleague, or let the desk choose."""
    form, now = await request.form(), desk_of(request).clock()
    to, ticket_id = str(form.get("to", "")), request.path_params["ticket_id"]

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        ticket = access.ticket(db, agent, ticket_id)
        if to == DESK:
            if assigning.give(db, ticket, by=agent, now=now) is None:
                raise Conflict("nobody_free", ticket_id=ticket_id)
            return
        if not (to.isascii() and to.isdecimal()) or len(to) > 9:
            raise Invalid("unknown_choice", field="to")
        tickets.assign(db, ticket, agents.get(db, int(to)), by=agent, now=now)

    await act(request, verb)
    return back(request, HERE, notice="saved")


async def share(request: Request) -> Response:
    """Who would get each of the ticked tickets; or do it, as one act that can be taken back."""
    form, now = await request.form(), desk_of(request).clock()
    ids, to = _ticked(form), str(form.get("to", ""))
    if form.get("step") == "do":
        begun = await act(request, lambda db, agent: bulk.begin(
            db, "assign", to, ids, by=access.supervisor(agent), now=now).id or 0)  # fmt: skip
        return RedirectResponse(f"/bulk/{begun}", 303)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        if not ids:
            raise Invalid("no_ticket_chosen", field="ticket")
        return {"shares": supervising.plan(db, agent, ids, to), "to": to}

    frame, told = await look(request, verb)
    return html(request, "supervising/share.html", frame["me"]["language"], **(frame | told | {"view": "queues"}))


def _people(db: Session, agent: Agent) -> dict[str, Any]:
    return {"people": agents.to_choose_from(db, language=agent.language)}


def _ticked(form: FormData) -> list[int]:
    typed = [each for each in form.getlist("ticket") if isinstance(each, str)]
    return [int(each) for each in typed if each.isascii() and each.isdecimal() and len(each) < 10][: supervising.LISTED]


ROUTES = (
    get("/queues/work", page),
    get("/queues/work/list", rows),
    post("/queues/work/share", share),
    post("/queues/work/{ticket_id:id}/give", give),
)
