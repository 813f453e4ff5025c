"""Thresholds of the queues' figures, and what crossed them."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, alarms, queues
from helpdesk.errors import Invalid
from models import Agent
from web.addresses import get, post
from web.edge import desk_of, html, look
from web.settings_history import change, saved


async def page(request: Request) -> Response:
    """A row of thresholds a queue, and the newest alarms."""
    return await _page(request)


async def thresholds(request: Request) -> Response:
    """The thresholds of one queue."""
    queue_id, now = request.path_params["queue_id"], desk_of(request).clock()
    form = await request.form()
    typed = {figure: str(form.get(f"alarm_{figure}", ""))[:20] for figure in alarms.FIGURES}

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        alarms.set_thresholds(db, queues.get(db, queue_id), typed, by=agent, now=now)

    try:
        _, change_id = await change(request, verb)
    except Invalid as error:
        return await _page(request, queue_id, typed, {str(error.facts.get("field", "")): error.code}, 422)
    return saved("/queues/alarms", change_id)


async def _page(request: Request, queue_id: int | None = None, typed: dict[str, str] | None = None,
                errors: dict[str, str] | None = None, status: int = 200) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        every = queues.everyone(db)
        names = {queue.id: queue.called(agent.language) for queue in every}
        return {
            "limits": [
                {"id": queue.id, "name": names[queue.id], "errors": errors if queue.id == queue_id and errors else {},
                 "values": typed if queue.id == queue_id and typed is not None
                 else {figure: f"{value:g}" for figure, value in queue.alarms.items()}}
                for queue in every
            ],
            "alarms": [(alarm, names[alarm.queue_id]) for alarm in alarms.listed(db, [each or 0 for each in names])],
            "figures": {figure: is_less for figure, (is_less, _, _) in alarms.FIGURES.items()},
        }  # fmt: skip

    frame, told = await look(request, verb)
    return html(request, "queues/alarms.html", frame["me"]["language"], status, **(frame | told | {"view": "queues"}))


ROUTES = (
    get("/queues/alarms", page),
    post("/queues/{queue_id:id}/alarms", thresholds),
)
