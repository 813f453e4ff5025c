"""Reports and returns for other programs, and the page where supervisors hand out the keys for that.

The one idea: the same sheet as on the page, without names and quotes, as plain JSON with codes and numbers, or as
comma-separated values. A key in the header says who asks; sixty questions a minute are answered to each. Shop and
warehouse ask by another kind of key what is to come back, and say what has.
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

from helpdesk import access, api_tokens, returns
from helpdesk.errors import Conflict, DeskError, Invalid, NotFound
from helpdesk.reporting import books, catalog, files
from helpdesk.reporting.values import Chart, Day, Figure, Sheet, Table, Voice, Word, said
from models import Agent, ApiToken
from web.addresses import both, get, post
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


async def returns_of_order(request: Request) -> Response:
    """What comes back of an order, or one return by its number: for the shop and the warehouse."""
    _, refusal = await _key(request, scope="returns")
    if refusal is not None:
        return refusal
    language, query = _language(request), request.query_params
    order, typed = query.get("order", "").strip(), query.get("id", "").strip().upper().removeprefix("R-")

    def verb(db: Session) -> list[returns.Shown]:
        if order:
            return returns.of_order(db, order[:100], language=language)
        if not (typed.isascii() and typed.isdecimal()) or len(typed) > 9:
            raise Invalid("value_missing", field="order")
        return [returns.one(db, int(typed), language=language)]

    try:
        found = await desk_of(request).database.read(verb)
    except (NotFound, Invalid) as error:
        return _refused(error)
    return _json({"returns": [_return(each) for each in found]})


async def return_step(request: Request) -> Response:
    """It has arrived, was refunded, or ended otherwise. Said again, it changes nothing and is answered the same."""
    _, refusal = await _key(request, scope="returns")
    if refusal is not None:
        return refusal
    desk, language = desk_of(request), _language(request)
    return_id, to = request.path_params["return_id"], request.path_params["step"]

    def verb(db: Session) -> tuple[bool, returns.Shown]:
        changed = returns.report(db, returns.get(db, return_id), to, now=desk.clock())
        return changed, returns.one(db, return_id, language=language)

    try:
        changed, found = await desk.database.write(verb)
    except (NotFound, Invalid) as error:
        return _refused(error)
    except Conflict as error:
        return _error(error.code, 409, state=str(error.facts.get("state", "")))
    return _json({"changed": changed, "return": _return(found)})


async def tokens(request: Request) -> Response:
    """The keys that work, or a new one, which is shown this once."""
    if request.method == "GET":
        return await _page(request)
    form, now = await request.form(), desk_of(request).clock()

    scopes = [str(each) for each in form.getlist("scope")] or ["reports"]

    def verb(db: Session, agent: Agent) -> str:
        access.supervisor(agent)
        return api_tokens.make(db, name=str(form.get("name", "")), scopes=scopes, by=agent, now=now)

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


async def _key(request: Request, *, scope: str = "reports") -> tuple[ApiToken | None, Response | None]:
    """The key of the header, or why nothing is answered."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    desk = desk_of(request)
    limiter: MovingWindowRateLimiter = request.app.state.limiter
    machine = request.client.host if request.client else ""
    found = None
    if kind.lower() == "bearer" and secret:
        found = await desk.database.read(api_tokens.opened, secret.strip(), scope=scope)
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
    if isinstance(cell, Word | Day):
        return said(cell, voice)
    return cell.isoformat() if isinstance(cell, datetime | date) else cell


def _return(each: returns.Shown) -> dict[str, Any]:
    """Without anybody's name."""
    times = {name: at.isoformat() if (at := getattr(each, name)) else None
             for name in ("asked_at", "received_at", "ended_at")}  # fmt: skip
    return {"id": each.id, "number": f"R-{each.id}", "order": each.order_number, "product": each.product,
            "lot": each.lot, "quantity": each.quantity, "reason": each.reason, "state": each.state} | times  # fmt: skip


def _json(content: Mapping[str, Any]) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})


ROUTES = (
    both("/admin/tokens", tokens),
    post("/admin/tokens/{token_id:id}/revoke", revoke),
    get("/api/v1/returns", returns_of_order),
    post("/api/v1/returns/{return_id:id}/{step}", return_step),
    get("/api/v1/reports", reports),
    get("/api/v1/reports/{key}", report),
)
