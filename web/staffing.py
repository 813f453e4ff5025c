"""Staffing, for supervisors: how many agents a week needs, the shift plan beside it, and what would be if.

Everything is one page of one week and queue, which stand in the address of its forms as well. An act on the plan leads
back to it, with a button that takes the whole act back.
"""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from helpdesk import access, agents, audit, imports, queues, shifts, staffing
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.reporting import files
from helpdesk.reporting import staffing as sheets
from helpdesk.staffing import Ground, WhatIf
from models import Agent
from web import words
from web.addresses import get, post
from web.edge import act, brought, desk_of, html, look, renderer_of, see
from web.tallies import sent

HERE = "/reports/staffing"
TRIED = tuple(staffing.BOUNDS)
DAY = timedelta(days=1)


async def page(request: Request) -> Response:
    """A week: need, plan, and what is missing; with other assumptions where the address has them."""
    return await _page(request)


async def file(request: Request) -> Response:
    """Every half hour of every queue."""
    desk, kind = desk_of(request), request.url.path.rpartition(".")[2]
    await desk.keepers.follow_service()
    what_if = staffing.asked_for(request.query_params)

    def verb(db: Session, agent: Agent) -> tuple[Ground, int | None]:
        access.supervisor(agent)
        return _ground(request, db, agent), _queue(request, db)

    agent, (ground, queue_id) = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "staffing", by=by, now=desk.clock()))
    told = await run_in_threadpool(staffing.work_out, ground, what_if, queue_id=queue_id)
    voice = renderer_of(request).voice(agent.language)
    heads = [voice.say("staffing_column", code, None) for code in words.codes("staffing_column")]
    return sent(kind, f"staffing-{told.monday.isoformat()}.{kind}", heads, sheets.halves(told, queue_id),
                title=voice.say("report_title", "staffing", None))  # fmt: skip


async def plan(request: Request) -> Response:
    """The shifts of the week as a file that can be taken in again."""

    def verb(db: Session, agent: Agent) -> tuple[list[list[str]], date, str]:
        access.supervisor(agent)
        monday = _monday(request)
        audit.exported(db, "shifts", by=agent, now=desk_of(request).clock())
        return list(shifts.rows(db, monday, monday + 6 * DAY)), monday, agent.language

    rows, monday, language = await act(request, verb)
    heads = [shifts.HEADS[name][1 if language == "ja" else 0] for name in shifts.COLUMNS]
    return StreamingResponse(
        files.csv_lines(heads, rows), media_type=files.CSV,
        headers={"content-disposition": f'attachment; filename="shifts-{monday.isoformat()}.csv"',
                 "cache-control": "no-store"},
    )  # fmt: skip


async def add(request: Request) -> Response:
    """Plan an agent on some days of the week."""
    form, now = await request.form(), desk_of(request).clock()
    typed = {name: str(form.get(name, ""))[:100] for name in ("agent", "hours")}
    days, own = ([str(each) for each in form.getlist(name)][:50] for name in ("day", "for"))
    week = _week(request)

    def verb(db: Session, agent: Agent) -> str:
        access.supervisor(agent)
        whom = agents.get(db, _number(typed["agent"], field="agent"))
        if not whom.is_active:
            raise NotFound("not_found")
        chosen = [day for day in week if day.isoformat() in days]
        return shifts.add(db, whom, chosen, typed["hours"], queue_ids=[_number(each, field="queue") for each in own],
                          by=agent, now=now)  # fmt: skip

    try:
        token = await act(request, verb)
    except (Invalid, Conflict) as error:
        errors = {str(error.facts.get("field", "hours")): error.code}
        return await _page(request, errors=errors, typed=typed | {"days": days, "own": own}, status=422)
    return _back(request, token, "added")


async def delete(request: Request) -> Response:
    """Take a shift out of the plan."""
    shift_id, now = request.path_params["shift_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> str:
        access.supervisor(agent)
        return shifts.take_away(db, [shift_id], by=agent, now=now)

    return _back(request, await act(request, verb), "removed")


async def copy(request: Request) -> Response:
    """Plan this week like the one before it."""
    monday, now = _monday(request), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> tuple[str, int]:
        access.supervisor(agent)
        return shifts.copy_week(db, monday - 7 * DAY, monday, by=agent, now=now)

    token, count = await act(request, verb)
    return _back(request, token, "copied" if count else "copied_none", count)


async def bring(request: Request) -> Response:
    """Take in a file of shifts: all of it, or nothing with what is wrong in each line."""
    await see(request, lambda db, agent: access.supervisor(agent))
    raw = await brought(request, shifts.WANTED)
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> tuple[str, int, list[shifts.Line]]:
        return shifts.take_in(db, rows, by=access.supervisor(agent), now=now)

    try:
        rows = await run_in_threadpool(imports.rows_of, raw, shifts.WANTED)
        token, count, lines = await act(request, verb)
    except Invalid as error:
        return await _page(request, errors={"file": error.code}, line=error.facts.get("line"), status=422)
    if not token:
        return await _page(request, errors={"file": "shift_lines"}, lines=[each for each in lines if each.errors],
                           status=422)  # fmt: skip
    return _back(request, token, "imported", count)


async def undo(request: Request) -> Response:
    """Take an act back, whole."""
    token, now = str((await request.form()).get("act", ""))[:32], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        return shifts.take_back(db, token, by=agent, now=now)

    return _back(request, "", "undone", await act(request, verb))


async def assume(request: Request) -> Response:
    """Keep what was tried as what is assumed of a queue."""
    form, now = await request.form(), desk_of(request).clock()
    typed = {name: str(form.get(name, ""))[:10] for name in staffing.ASSUMED}

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        queue_id = _queue(request, db)
        if queue_id is None:
            raise NotFound("not_found")
        staffing.assume(db, queues.get(db, queue_id), staffing.asked_for(typed), by=agent, now=now)

    try:
        await act(request, verb)
    except Invalid as error:
        return await _page(request, errors={str(error.facts.get("field", "")): error.code}, status=422)
    return _back(request, "", "assumed")


async def _page(request: Request, *, errors: dict[str, str] | None = None, typed: dict[str, Any] | None = None,
                lines: list[shifts.Line] | None = None, line: object = None,
                status: int = 200) -> Response:  # fmt: skip
    desk, query = desk_of(request), request.query_params
    await desk.keepers.follow_service()
    errors, what_if = dict(errors or {}), WhatIf()
    try:
        what_if = staffing.asked_for(query)
    except Invalid as error:
        errors[str(error.facts.get("field", ""))] = error.code
        status = 422

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {
            "ground": _ground(request, db, agent), "queue_id": _queue(request, db),
            "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)],
            "staff": agents.to_choose_from(db, language=agent.language),
        }  # fmt: skip

    frame, read = await look(request, verb)
    ground, queue_id = read.pop("ground"), read.pop("queue_id")
    told = await run_in_threadpool(staffing.work_out, ground, what_if, queue_id=queue_id)
    day = _day(query.get("day", ""), told.days) or sheets.worst_of(told, queue_id)[0]
    sheet = await run_in_threadpool(sheets.sheet_of, told, queue_id, timezone=desk.settings.timezone, day=day)
    chosen = {name: query.get(name, "") for name in ("queue", *TRIED)} | {"week": query.get("week", "0")}
    place = {name: chosen[name] for name in ("week", "queue") if chosen[name]}
    kept = {name: value for name, value in chosen.items() if value and name not in errors}
    frame |= read | {
        "view": "forecast", "sheet": sheet, "chosen": chosen, "errors": errors, "days": told.days, "day": day,
        "weeks": staffing.mondays(desk.clock(), desk.settings.timezone), "place": urlencode(place),
        "kept": urlencode(kept), "is_tried": bool(what_if.volume or what_if.instead), "bounds": staffing.BOUNDS,
        "basis": ground.bases.get(queue_id) if queue_id else None, "assumed": staffing.ASSUMED, "grid": _grid(ground),
        "typed": typed or {"agent": "", "hours": "9:00-18:00", "days": [], "own": []}, "lines": lines or [],
        "line": line, "limits": shifts.WANTED.limits,
        "heads": shifts.HEADS, "columns": shifts.COLUMNS, "act": query.get("act", "")[:32],
        "did": query.get("did", "") if query.get("did", "") in words.codes("shift_act") else "",
        "count": query.get("count", "") if query.get("count", "").isdecimal() else "",
        "today": desk.clock().astimezone(ZoneInfo(desk.settings.timezone)).date(),
    }  # fmt: skip
    return html(request, "reports/staffing.html", frame["me"]["language"], status, **frame)


def _grid(ground: Ground) -> list[tuple[str, list[list[shifts.Planned]]]]:
    """Who is planned: a row an agent, a cell a day."""
    found: dict[tuple[str, int], list[list[shifts.Planned]]] = {}
    for each in ground.planned:
        place = (each.day - ground.monday).days
        if place >= 0:
            found.setdefault((each.name, each.agent_id), [[] for _ in range(7)])[place].append(each)
    return [(name, cells) for (name, _), cells in sorted(found.items())]


def _ground(request: Request, db: Session, agent: Agent) -> Ground:
    desk = desk_of(request)
    return staffing.read(db, _monday(request), language=agent.language, timezone=desk.settings.timezone,
                         now=desk.clock())  # fmt: skip


def _monday(request: Request) -> date:
    """The week's. Raises `NotFound` for one that cannot be planned."""
    typed, desk = request.query_params.get("week", "0") or "0", desk_of(request)
    if typed not in sheets.WEEKS:
        raise NotFound("not_found")
    return staffing.mondays(desk.clock(), desk.settings.timezone)[int(typed)]


def _week(request: Request) -> list[date]:
    monday = _monday(request)
    return [monday + ahead * DAY for ahead in range(7)]


def _queue(request: Request, db: Session) -> int | None:
    typed = request.query_params.get("queue", "")
    return queues.get(db, _number(typed, field="queue")).id if typed else None


def _day(typed: str, days: list[date]) -> date | None:
    """A day of the week that is shown; None: the one with the widest gap."""
    return next((day for day in days if day.isoformat() == typed), None)


def _number(typed: str, *, field: str) -> int:
    if not (typed.isascii() and typed.isdecimal()) or len(typed) > 9:
        raise NotFound("not_found", field=field)
    return int(typed)


def _back(request: Request, token: str, did: str, count: int | None = None) -> RedirectResponse:
    query = request.query_params
    told = {name: query.get(name, "") for name in ("week", "queue")} | {"act": token, "did": did}
    told |= {"count": str(count)} if count is not None else {}
    return RedirectResponse(f"{HERE}?{urlencode({name: value for name, value in told.items() if value})}#plan", 303)


ROUTES = (
    get("/reports/staffing", page),
    get("/reports/staffing/halves.csv", file),
    get("/reports/staffing/halves.xlsx", file),
    post("/reports/staffing/shifts", add),
    get("/reports/staffing/shifts.csv", plan),
    post("/reports/staffing/shifts/{shift_id:id}/delete", delete),
    post("/reports/staffing/copy", copy),
    post("/reports/staffing/import", bring),
    post("/reports/staffing/undo", undo),
    post("/reports/staffing/assume", assume),
)
