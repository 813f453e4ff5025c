"""What the signed-in agent was told: the bell, its list, and reading it."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from helpdesk import notifications, ways
from helpdesk.errors import NotFound
from models import Agent
from web.addresses import get, post
from web.edge import act, back, desk_of, fragment, html, look, see

SHORT = 8


async def page(request: Request) -> Response:
    """The newest hundred."""
    frame, told = await look(request, lambda db, agent: {"told": notifications.listed(db, agent)})
    return html(request, "notifications/page.html", frame["me"]["language"],
                **(frame | told | {"view": "notifications"}))  # fmt: skip


async def region(request: Request) -> Response:
    """Their list alone; `short` for the sheet below the bell."""
    limit = SHORT if "short" in request.query_params else notifications.LISTED
    agent, told = await see(request, lambda db, agent: notifications.listed(db, agent, limit=limit))
    name = "_short" if "short" in request.query_params else "_list"
    return fragment(request, f"notifications/{name}.html", agent.language, told=told, now=desk_of(request).clock())


async def bell(request: Request) -> Response:
    """The bell alone."""
    agent, count = await see(request, notifications.unread)
    return fragment(request, "notifications/_bell.html", agent.language, rail={"unread": count}, view="")


async def newest(request: Request) -> Response:
    """The newest unread one as JSON, for a notification of the desktop; {} where none is wanted so."""
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        if ways.quiet_until(agent, timezone=desk.settings.timezone, now=desk.clock()) is not None:
            return {}
        for told in notifications.listed(db, agent, way="desktop", limit=1):
            if not told.is_read:
                about = f"#{told.ticket_id} {told.subject}" if told.ticket_id else ""
                return {"id": told.id, "title": told.words, "body": about, "path": f"/notifications/{told.id}"}
        return {}

    _, told = await see(request, verb)
    return JSONResponse(told, headers={"cache-control": "no-store"})


async def follow(request: Request) -> Response:
    """Read one, and go where it leads."""
    notification_id, now = request.path_params["notification_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> str:
        told = notifications.one(db, agent, notification_id)
        if told is None:
            raise NotFound("not_found", notification_id=notification_id)
        notifications.read(db, agent, ids=[notification_id], now=now)
        return told.path

    return RedirectResponse(await act(request, verb), 303)


async def read(request: Request) -> Response:
    """All are read, or one; or one is laid by again."""
    form, now = await request.form(), desk_of(request).clock()
    chosen = str(form.get("id", ""))
    ids = [int(chosen)] if chosen.isdecimal() and len(chosen) < 10 else None

    def verb(db: Session, agent: Agent) -> None:
        if ids and form.get("as") == "unread":
            notifications.unread_again(db, agent, ids[0], now=now)
        else:
            notifications.read(db, agent, ids=ids, now=now)

    await act(request, verb)
    return back(request, "/notifications")


ROUTES = (
    get("/notifications", page),
    get("/notifications/list", region),
    get("/notifications/bell", bell),
    get("/notifications/newest", newest),
    post("/notifications/read", read),
    get("/notifications/{notification_id:id}", follow),
)
