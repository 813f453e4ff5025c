"""Reports for other programs, and the page where supervisors hand out the keys for that.

The one idea: the same sheet as on the page, without names and quotes, as plain JSON with codes and numbers, or as
comma-separated values. A key in the header says who asks; sixty questions a minute are answered to each.
"""

import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from limits import RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from helpdesk import access, api_tokens
from helpdesk.errors import DeskError, Invalid, NotFound
from helpdesk.reporting import books, catalog, files
from helpdesk.reporting.values import Chart, Figure, Sheet, Table, Voice, Word, said
from models import Agent, ApiToken
from web.edge import act, desk_of, html, look, own_address, renderer_of

A_MINUTE = RateLimitItemPerMinute(60)


async def reports(request: Request) -> Response:
    """Which reports there are and what can be asked of each."""
    _, refusal = await _key(request)
    if refusal is not None:
        return refusal
    voice = renderer_of(request).voice(_language(request))
    return _json({"reports": [
        {
            "key": each.key, "title": voice.say("report_title", each.key, None),
            "parameters": {"period": list(_PERIODS), "from": "2026-11-01", "to": "2026-11-30", "queue": "id"}
            | {choice.name: list(choice.values) for choice in each.choices},
        }
        for each in catalog.REPORTS.values()
    ]})  # fmt: skip


async def report(request: Request) -> Response:
    """One report of a period; with `format=csv`, its first table."""
    _, refusal = await _key(request)
    if refusal is not None:
        return refusal
    desk, language, key = desk_of(request), _language(request), request.path_params["key"]

    def verb(db: Session) -> Any:
        asked = catalog.asked(db, key, request.query_params, language=language, timezone=desk.settings.timezone,
                              now=desk.clock())  # fmt: skip
        return catalog.report(key).gather(db, asked)

    try:
        work = await desk.database.read(verb)
    except (NotFound, Invalid) as error:
        return _refused(error)
    sheet: Sheet = (await run_in_threadpool(work)).without_people()
    voice = renderer_of(request).voice(language)
    if request.query_params.get("format") == "csv":
        return StreamingResponse(files.csv_lines(*books.lines(sheet, voice)), media_type=files.CSV,
                                 headers={"cache-control": "no-store"})  # fmt: skip
    return _json(_plain(key, sheet, voice))


async def tokens(request: Request) -> Response:
    """The keys that work, or a new one, which is shown this once."""
    if request.method == "GET":
        return await _page(request)
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> str:
        access.supervisor(agent)
        return api_tokens.make(db, name=str(form.get("name", "")), scopes=list(api_tokens.SCOPES), by=agent, now=now)

    try:
        return await _page(request, secret=await act(request, verb))
    except Invalid as error:
        return await _page(request, errors={str(error.facts.get("field", "")): error.code}, status=422)


async def revoke(request: Request) -> Response:
    """It opens nothing any more."""
    token_id, now = request.path_params["token_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        api_tokens.revoke(db, token_id, by=agent, now=now)

    await act(request, verb)
    return RedirectResponse("/admin/tokens?notice=saved", 303)


async def _page(request: Request, *, secret: str = "", errors: dict[str, str] | None = None,
                status: int = 200) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {"tokens": api_tokens.listed(db)}

    frame, told = await look(request, verb)
    frame |= told | {"view": "administration", "secret": secret, "errors": errors or {}, "base": own_address(request)}
    return html(request, "api_tokens/page.html", frame["me"]["language"], status, **frame)


# --- who asks ---------------------------------------------------------------------------------------------------------


async def _key(request: Request) -> tuple[ApiToken | None, Response | None]:
    """The key of the header, or why nothing is answered."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    desk = desk_of(request)
    limiter: MovingWindowRateLimiter = request.app.state.limiter
    machine = request.client.host if request.client else ""
    found = None
    if kind.lower() == "bearer" and secret:
        found = await desk.database.read(api_tokens.opened, secret.strip(), scope="reports")
    if found is None:
        if not limiter.hit(A_MINUTE, "api", "unknown", machine):
            return None, _error("too_many_requests", 429, {"retry-after": "60"})
        return None, _error("unknown_token", 401, {"www-authenticate": "Bearer"})
    if not limiter.hit(A_MINUTE, "api", str(found.id)):
        free_at = limiter.get_window_stats(A_MINUTE, "api", str(found.id)).reset_time
        return None, _error("too_many_requests", 429, {"retry-after": str(max(1, round(free_at - time.time())))})
    if api_tokens.is_to_note(found, now=desk.clock()):
        await desk.database.write(api_tokens.note, found.id or 0, now=desk.clock())
    return found, None


def _refused(error: DeskError) -> Response:
    status = 404 if isinstance(error, NotFound) else 422
    return _error(error.code, status, field=str(error.facts.get("field", "")))


def _error(code: str, status: int, headers: Mapping[str, str] | None = None, **facts: str) -> Response:
    told = {"error": code} | {name: value for name, value in facts.items() if value}
    return JSONResponse(told, status, headers={"cache-control": "no-store"} | dict(headers or {}))


def _language(request: Request) -> str:
    return "en" if request.query_params.get("lang") == "en" else "ja"


# --- sheets as JSON ---------------------------------------------------------------------------------------------------

_PERIODS = ("today", "yesterday", "week", "month", "last_week", "last_month", "days")


def _plain(key: str, sheet: Sheet, voice: Voice) -> dict[str, Any]:
    return {
        "report": key, "title": voice.say("report_title", key, None), "begin": sheet.interval.begin.isoformat(),
        "end": sheet.interval.end.isoformat(), "findings": [said(each, voice) for each in sheet.findings],
        "figures": [_figure(each, voice) for each in sheet.figures],
        "charts": [_chart(each, voice) for each in sheet.charts],
        "tables": [_table(each, voice) for each in sheet.tables], "notes": [said(each, voice) for each in sheet.notes],
    }  # fmt: skip


def _figure(figure: Figure, voice: Voice) -> dict[str, Any]:
    return {"key": figure.key, "name": said(figure.name, voice), "kind": figure.kind, "value": figure.value,
            "of": figure.of, "interval": figure.interval, "before": figure.before}  # fmt: skip


def _chart(chart: Chart, voice: Voice) -> dict[str, Any]:
    return {"key": chart.key, "finding": said(chart.title, voice)} | _table(chart.table(), voice)


def _table(table: Table, voice: Voice) -> dict[str, Any]:
    columns = [{"name": said(column.name, voice), "kind": column.kind} for column in table.columns]
    return {"key": table.key, "columns": columns, "rows": [[_cell(cell, voice) for cell in row] for row in table.rows]}


def _cell(cell: object, voice: Voice) -> object:
    if isinstance(cell, Word):
        return said(cell, voice)
    return cell.isoformat() if isinstance(cell, datetime | date) else cell


def _json(content: Mapping[str, Any]) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})
