"""Blocked callers: the list, for supervisors, and the way on and off it."""

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, blocked
from helpdesk.errors import Invalid
from models import Agent
from web import settings_history
from web.addresses import get, post
from web.edge import desk_of, html, look


async def page(request: Request) -> Response:
    """Who is refused, why, by whom and since when."""
    return await _page(request)


async def change(request: Request) -> Response:
    """Block a number, or take its calls again; back to the customer it was done for."""
    form, desk = await request.form(), desk_of(request)
    number, back = str(form.get("number", ""))[:200], str(form.get("back", ""))

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        if form.get("do") == "unblock":
            blocked.unblock(db, number, region=desk.settings.region)
        else:
            blocked.block(db, number, reason=str(form.get("reason", "")), by=agent, region=desk.settings.region,
                          now=desk.clock())  # fmt: skip

    try:
        _, change_id = await settings_history.change(request, verb)
    except Invalid as error:
        return await _page(request, error.code, number, 422)
    is_back = back.isdecimal() and len(back) <= 9
    return settings_history.saved(f"/customers/{back}" if is_back else "/admin/blocked", change_id)


async def _page(request: Request, error: str = "", typed: str = "", status: int = 200) -> Response:
    def verb(db: Session, agent: Agent) -> list[blocked.Row]:
        access.supervisor(agent)
        return blocked.rows(db, language=agent.language)

    frame, rows = await look(request, verb)
    frame |= {"view": "blocked", "rows": rows, "error": error, "typed": typed}
    return html(request, "blocked/page.html", frame["me"]["language"], status, **frame)


ROUTES = (
    get("/admin/blocked", page),
    post("/admin/blocked", change),
)
