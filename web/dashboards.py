"""Dashboards: composed by supervisors, read by whom they are shared with, and by a wall that nobody signs in at.

The one idea: what tiles ask is answered once for all who look within a few seconds, so that ten walls cost what one
does.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, dashboards, queues, walls
from helpdesk.dashboards import Question, Shown
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.reporting import catalog
from helpdesk.reporting.values import Sheet
from models import Agent, Dashboard, Role, Tile
from web.addresses import get, post
from web.edge import act, back, desk_facts, desk_of, html, look, own_address

FRESH_SECONDS = 15
"""For so long an answer serves whoever asks the same."""
KEPT_MOST = 200
PATIENCE_SECONDS = 1.5
"""So long a dashboard waits for customers' texts to be read; the other tiles are there meanwhile."""
Answers = dict[Question, Sheet | str]


async def page(request: Request) -> Response:
    """Every report and the dashboards one may open."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        return {"boards": dashboards.listed(db, agent)}

    frame, told = await look(request, verb)
    deleted = request.query_params.get("deleted", "")
    frame |= told | {"view": "dashboards", "reports": list(catalog.REPORTS.values()),
                     "deleted": deleted if deleted.isdecimal() and len(deleted) < 10 else ""}  # fmt: skip
    return html(request, "dashboards/page.html", frame["me"]["language"], **frame)


async def new(request: Request) -> Response:
    """Make one; its tiles come next."""
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        return dashboards.make(db, name=_text(form, "name"), audience=_text(form, "audience"), by=agent,
                               now=now).id or 0  # fmt: skip

    return RedirectResponse(f"/reports/boards/{await act(request, verb)}?edit=yes", 303)


async def show(request: Request) -> Response:
    """One, with the answers its tiles ask for; with `edit`, and where one may, how to change it."""
    return await _page(request)


async def edit(request: Request) -> Response:
    """Another name or other readers."""
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        board = dashboards.to_change(db, agent, request.path_params["dashboard_id"])
        dashboards.change(db, board, name=_text(form, "name"), audience=_text(form, "audience"), by=agent, now=now)

    return await _changed(request, verb)


async def delete(request: Request) -> Response:
    """Take it away; the list offers to take that back."""
    dashboard_id, now = request.path_params["dashboard_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        dashboards.delete(db, dashboards.to_change(db, agent, dashboard_id), by=agent, now=now)

    await act(request, verb)
    return RedirectResponse(f"/reports/boards?deleted={dashboard_id}", 303)


async def restore(request: Request) -> Response:
    """Take the deletion back."""
    dashboard_id, now = request.path_params["dashboard_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        dashboards.restore(db, dashboard_id, by=agent, now=now)

    await act(request, verb)
    return RedirectResponse(f"/reports/boards/{dashboard_id}", 303)


async def add(request: Request) -> Response:
    """Another tile."""
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        board = dashboards.to_change(db, agent, request.path_params["dashboard_id"])
        asked = {name: _text(form, name) for name in ("period", "queue", "by", "source")}
        if asked["queue"]:
            queues.get(db, _number(asked["queue"]))
        dashboards.add(db, board, part=_text(form, "part"), asked=asked, is_wide=_text(form, "wide") == "yes",
                       by=agent, now=now)  # fmt: skip

    return await _changed(request, verb)


async def tile(request: Request) -> Response:
    """Move a tile, widen it, or take it away."""
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        board = dashboards.to_change(db, agent, request.path_params["dashboard_id"])
        one = dashboards.tile(db, board, request.path_params["tile_id"])
        what = _text(form, "do")
        if what == "move":
            dashboards.move(db, board, one, _number(_text(form, "to")), by=agent, now=now)
        elif what in ("wide", "narrow"):
            dashboards.widen(db, board, one, what == "wide", by=agent, now=now)
        elif what == "remove":
            dashboards.remove(db, board, one, by=agent, now=now)
        else:
            raise Invalid("unknown_choice", field="do")

    return await _changed(request, verb)


async def share(request: Request) -> Response:
    """An address for a wall, shown this once."""
    form, desk = await request.form(), desk_of(request)

    def verb(db: Session, agent: Agent) -> str:
        board = dashboards.to_change(db, agent, request.path_params["dashboard_id"])
        return walls.make(db, name=_text(form, "name"), language=_text(form, "language"), dashboard_id=board.id,
                          by=agent, now=desk.clock())  # fmt: skip

    try:
        secret = await act(request, verb)
    except Invalid as error:
        return await _page(request, errors={"wall": error.code}, status=422)
    return await _page(request, address=f"{own_address(request)}/wall/b/{secret}")


async def wall(request: Request) -> Response:
    """For a screen that knows the secret: figures and drawings, never a name."""
    secret, desk = request.path_params["secret"], desk_of(request)

    def verb(db: Session) -> tuple[str, Dashboard, list[Tile], dict[Question, Any]]:
        link = walls.opened(db, secret, is_dashboard=True)
        board = db.get(Dashboard, link.dashboard_id)
        if board is None or board.deleted_at is not None:
            raise NotFound("not_found")
        tiles = dashboards.tiles(db, board)
        return link.language, board, tiles, _ask(request, db, tiles, link.language)

    language, board, tiles, found = await desk.database.read(verb)
    answers = await _answers(request, found, language)
    shown = [dashboards.show(each, _without_people(answers[dashboards.question(each)])) for each in tiles]
    return html(request, "dashboards/wall.html", language, board=board, tiles=shown, now=desk.clock(),
                desk=desk_facts(request), path=request.url.path)  # fmt: skip


async def _page(request: Request, *, address: str = "", errors: dict[str, str] | None = None,
                status: int = 200) -> Response:  # fmt: skip
    dashboard_id = request.path_params["dashboard_id"]

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        board = dashboards.get(db, agent, dashboard_id)
        tiles = dashboards.tiles(db, board)
        may_change = agent.role == Role.SUPERVISOR
        names = {queue.id: queue.called(agent.language) for queue in queues.everyone(db)}
        return {
            "board": board, "rows": tiles, "found": _ask(request, db, tiles, agent.language), "queue_names": names,
            "may_change": may_change, "is_owner": board.owner_id == agent.id,
            "links": walls.listed(db, dashboard_id=board.id) if may_change else [],
        }  # fmt: skip

    frame, told = await look(request, verb)
    answers = await _answers(request, told.pop("found"), frame["me"]["language"])
    shown: list[Shown] = [dashboards.show(each, answers[dashboards.question(each)]) for each in told.pop("rows")]
    if not told["may_change"]:
        shown = [Shown(each.tile, error="not_found") if each.is_quoting else each for each in shown]
    edits = told["may_change"] and (request.query_params.get("edit") == "yes" or bool(errors) or bool(address))
    frame |= told | {"view": "dashboards", "tiles": shown, "edits": edits, "address": address, "errors": errors or {},
                     "reports": list(catalog.REPORTS.values()), "moving": dashboards.MOVING}  # fmt: skip
    return html(request, "dashboards/dashboard.html", frame["me"]["language"], status, **frame)


async def _changed(request: Request, verb: Callable[[Session, Agent], None]) -> Response:
    try:
        await act(request, verb)
    except (Invalid, Conflict) as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return await _page(request, errors={str(error.facts.get("field", "tile")): error.code}, status=422)
    return back(request, f"/reports/boards/{request.path_params['dashboard_id']}?edit=yes")


def _ask(request: Request, db: Session, tiles: Sequence[Tile], language: str) -> dict[Question, Any]:
    """Of what tiles ask, that which nobody has just asked; the rest is at hand."""
    desk, kept = desk_of(request), _kept(request)
    now = desk.clock()
    asked = [each for each in map(dashboards.question, tiles) if (each, language, _slot(now)) not in kept]
    return {dashboards.question(each): None for each in tiles} | dict(
        dashboards.gather(db, asked, language=language, timezone=desk.settings.timezone, now=now)
    )


async def _answers(request: Request, found: dict[Question, Any], language: str) -> Answers:
    """Answers to all questions, those that take their time one after the other in a thread. What takes longer than
    anybody should wait says so, and is there at one of the next looks."""
    kept, slot = _kept(request), _slot(desk_of(request).clock())
    answers: Answers = {}
    for each, work in found.items():
        if work is None:
            answers[each] = kept.get((each, language, slot), "not_found")
        elif isinstance(work, str):
            answers[each] = kept[each, language, slot] = work
        elif await run_in_threadpool(catalog.is_ready, work, PATIENCE_SECONDS):
            answers[each] = kept[each, language, slot] = await run_in_threadpool(work)
        else:
            answers[each] = dashboards.BEING_READ
    if len(kept) > KEPT_MOST:
        kept.clear()
    return answers


def _kept(request: Request) -> dict[Any, Sheet | str]:
    found: dict[Any, Sheet | str] = request.app.state.sheets
    return found


def _slot(now: datetime) -> int:
    return int(now.timestamp() // FRESH_SECONDS)


def _without_people(answer: Sheet | str) -> Sheet | str:
    return answer if isinstance(answer, str) else answer.without_people()


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, ""))[:200]


def _number(typed: str) -> int:
    if not (typed.isascii() and typed.isdecimal()) or len(typed) > 9:
        raise Invalid("unknown_choice", field="to")
    return int(typed)


ROUTES = (
    get("/wall/b/{secret}", wall),
    get("/reports/boards", page),
    post("/reports/boards/new", new),
    get("/reports/boards/{dashboard_id:id}", show),
    post("/reports/boards/{dashboard_id:id}/edit", edit),
    post("/reports/boards/{dashboard_id:id}/delete", delete),
    post("/reports/boards/{dashboard_id:id}/restore", restore),
    post("/reports/boards/{dashboard_id:id}/share", share),
    post("/reports/boards/{dashboard_id:id}/tiles", add),
    post("/reports/boards/{dashboard_id:id}/tiles/{tile_id:id}", tile),
)
