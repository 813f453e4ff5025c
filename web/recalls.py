"""The call-back board."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, agents, queues, recalls
from helpdesk.errors import NotFound
from models import Agent, Callback, CallbackState
from web.addresses import get, post
from web.edge import act, back, desk_of, html, look


async def page(request: Request) -> Response:
    """Whom to call back, first promised first."""
    query, desk = request.query_params, desk_of(request)
    chosen, cursor = query.get("filter") or "open", query.get("after", "")
    queue_id = _number(query["queue"]) if query.get("queue") else None

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        told = recalls.page(db, agent, chosen, queue_id=queue_id, cursor=cursor, settings=desk.settings,
                            now=desk.clock())  # fmt: skip
        ids = agents.queue_ids(db, agent)
        served = agents.served_by(db)
        return {
            "rows": told.rows, "next_cursor": told.next_cursor, "filters": recalls.FILTERS,
            "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db) if queue.id in ids],
            "people": {queue_id: served.get(queue_id, []) for queue_id in {row.queue_id for row in told.rows}},
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= told | {"view": "callbacks", "filter": chosen, "queue_id": queue_id}
    return html(request, "callbacks/page.html", frame["me"]["language"], **frame)


async def assign(request: Request) -> Response:
    """To oneself, to somebody who serves the queue, or to nobody."""

    def verb(db: Session, row: Callback, agent: Agent, form: dict[str, str]) -> None:
        typed = form.get("agent_id", "")
        to = agent if typed == "me" else agents.get(db, _number(typed)) if typed else None
        recalls.assign(db, row, to, by=agent, now=desk_of(request).clock())

    return await _change(request, verb)


async def settle(request: Request) -> Response:
    """Done, or nobody need call."""

    def verb(db: Session, row: Callback, agent: Agent, form: dict[str, str]) -> None:
        state = CallbackState.DROPPED if form.get("state") == "dropped" else CallbackState.DONE
        recalls.settle(db, row, state, note=form.get("note", ""), by=agent, now=desk_of(request).clock())

    return await _change(request, verb)


async def reopen(request: Request) -> Response:
    """It was not done after all."""
    return await _change(
        request, lambda db, row, agent, form: recalls.reopen(db, row, by=agent, now=desk_of(request).clock())
    )


async def _change(request: Request, verb: Callable[[Session, Callback, Agent, dict[str, str]], None]) -> Response:
    callback_id = request.path_params["callback_id"]
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    await act(request, lambda db, agent: verb(db, access.callback(db, agent, callback_id), agent, form))
    return back(request, "/callbacks")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise NotFound("not_found", given=text[:20])
    return int(text)


ROUTES = (
    get("/callbacks", page),
    post("/callbacks/{callback_id:id}/assign", assign),
    post("/callbacks/{callback_id:id}/settle", settle),
    post("/callbacks/{callback_id:id}/reopen", reopen),
)
