"""The wallboard: figures that are read from five metres, for whoever is signed in, or by an address of its own."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, agents, board, queues, walls
from helpdesk.errors import Invalid
from models import Agent
from web.addresses import both, get, post
from web.edge import act, desk_facts, desk_of, html, look, own_address, see


async def wall(request: Request) -> Response:
    """Over the queues of whoever is signed in."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        return _figures(request, db, agent.language, set(agents.queue_ids(db, agent)))

    agent, told = await see(request, verb)
    return html(request, "queues/wall.html", agent.language, **told)


async def screen(request: Request) -> Response:
    """Over all queues, for a screen that knows the secret. It shows no customer and no agent's name."""
    secret = request.path_params["secret"]

    def verb(db: Session) -> tuple[str, dict[str, Any]]:
        language = walls.opened(db, secret).language
        return language, _figures(request, db, language, {queue.id or 0 for queue in queues.everyone(db)})

    language, told = await desk_of(request).database.read(verb)
    return html(request, "queues/wall.html", language, **told)


async def every(request: Request) -> Response:
    """The addresses that were given out, or a new one, which is shown this once."""
    if request.method == "GET":
        return await _page(request)
    form, desk = await request.form(), desk_of(request)

    def verb(db: Session, agent: Agent) -> str:
        access.supervisor(agent)
        return walls.make(db, name=str(form.get("name", "")), language=str(form.get("language", "")), by=agent,
                          now=desk.clock())  # fmt: skip

    try:
        secret = await act(request, verb)
    except Invalid as error:
        return await _page(request, errors={str(error.facts.get("field", "")): error.code}, status=422)
    return await _page(request, address=f"{own_address(request)}/wall/{secret}")


async def revoke(request: Request) -> Response:
    """The address shows nothing any more."""
    wall_id, now = request.path_params["wall_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        walls.revoke(db, wall_id, by=agent, now=now)

    await act(request, verb)
    return RedirectResponse("/queues/walls?notice=saved", 303)


async def _page(request: Request, *, address: str = "", errors: dict[str, str] | None = None,
                status: int = 200) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {"links": walls.listed(db), "address": address, "errors": errors or {}}

    frame, told = await look(request, verb)
    return html(request, "queues/walls.html", frame["me"]["language"], status, **(frame | told | {"view": "queues"}))


def _figures(request: Request, db: Session, language: str, seen: set[int]) -> dict[str, Any]:
    desk = desk_of(request)
    told = board.now(db, language=language, seen=seen, timezone=desk.settings.timezone, at=desk.clock())
    return {"figures": told.figures, "queues": told.queues, "now": desk.clock(), "desk": desk_facts(request),
            "path": request.url.path}  # fmt: skip


ROUTES = (
    both("/queues/walls", every),
    post("/queues/walls/{wall_id:id}/revoke", revoke),
    get("/wall", wall),
    get("/wall/{secret}", screen),
)
