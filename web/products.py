"""Returns and product quality: the report with its warnings and the rows behind every number, and the page where
supervisors keep the list of products, their lots, and the reasons why something comes back."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from helpdesk import access, audit, imports, queues, return_reasons
from helpdesk.errors import Invalid, NotFound
from helpdesk.products import catalogue, figures, rising
from helpdesk.reporting import catalog, files
from helpdesk.reporting import products as sheets
from helpdesk.reporting.values import running
from models import Agent
from web import settings_history, words
from web.addresses import get, post
from web.edge import act, back, brought, desk_of, html, look, one_of, renderer_of, see

KEY = "products"
BY = ("product", "lot", "reason", "queue")
SHOWN = 200


async def page(request: Request) -> Response:
    """A period beside the one before it, and the warnings."""
    desk, errors = desk_of(request), dict[str, str]()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        told: dict[str, Any] = {
            "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)],
            "warnings": rising.shown(db, language=agent.language), "asked": None, "language": agent.language,
        }  # fmt: skip
        try:
            asked = _asked(request, db, agent)
        except Invalid as error:
            errors[str(error.facts.get("field", ""))] = error.code
            return told
        now, before = (
            figures.read(db, each, queue_id=asked.queue_id, language=agent.language, now=desk.clock())
            for each in (asked.interval, asked.before)
        )
        return told | {"asked": asked, "told": now, "before": before}

    frame, told = await look(request, verb)
    query = request.query_params
    chosen = {"period": query.get("period", "month")} | {name: query.get(name, "") for name in ("from", "to", "queue")}
    if asked := told["asked"]:
        warned = [each for each in told["warnings"] if asked.interval.begin <= each.found_at < asked.interval.end]
        told["running"] = running(asked.interval, asked.now, asked.timezone)
        told["sheet"] = sheets.sheet_of(asked, told["told"], told["before"], warned)
    frame |= told | {
        "view": "product_report", "chosen": chosen, "errors": errors, "warning_of": sheets.warning,
        "query": urlencode({name: value for name, value in chosen.items() if value}), "link": _link(chosen),
        "behind": lambda each: _behind(each, ZoneInfo(desk.settings.timezone)),
    }  # fmt: skip
    return html(request, "products/report.html", frame["me"]["language"], 422 if errors else 200, **frame)


async def rows(request: Request) -> Response:
    """What is behind a number, a page of it."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        asked, which = _asked(request, db, agent), _which(request)
        found, cursor = figures.rows(db, _what(request), asked.interval, which, language=agent.language,
                                     cursor=request.query_params.get("cursor", ""))  # fmt: skip
        return {"rows": found, "cursor": cursor, "period": asked.period}

    frame, told = await look(request, verb)
    kept = {name: value for name in ("what", "period", "from", "to", *BY)
            if (value := request.query_params.get(name, ""))}  # fmt: skip
    frame |= told | {"view": "product_report", "what": _what(request), "kept": urlencode(kept)}
    return html(request, "products/rows.html", frame["me"]["language"], **frame)


async def rows_file(request: Request) -> Response:
    """All of them, in pieces."""
    desk, kind = desk_of(request), request.url.path.rpartition(".")[2]

    def verb(db: Session, agent: Agent) -> catalog.Asked:
        access.supervisor(agent)
        return _asked(request, db, agent)

    agent, asked = await see(request, verb)
    what, which = _what(request), _which(request)
    await act(request, lambda db, by: audit.exported(db, KEY, by=by, now=desk.clock()))
    gettext = renderer_of(request).gettext(agent.language)
    heads = [words.sentence(gettext, "return_row", code) for code in words.codes("return_row")]
    zone = ZoneInfo(desk.settings.timezone)

    def lines() -> Iterator[list[Any]]:
        cursor = ""
        while True:
            found, cursor = desk.database.read_now(figures.rows, what, asked.interval, which,
                                                   language=agent.language, cursor=cursor, limit=2_000)  # fmt: skip
            for each in found:
                state = words.sentence(gettext, "return_state", each.state) if each.state else ""
                yield [each.ticket_id, each.subject, each.queue, each.product, each.lot, each.reason,
                       each.quantity or "", state, each.order_number,
                       *(at.astimezone(zone) if at else "" for at in (each.inquired_at, each.at, each.received_at,
                                                                      each.ended_at))]  # fmt: skip
            if not cursor:
                return

    name = f"{what}-{asked.period.first.isoformat()}-{asked.period.last.isoformat()}.{kind}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    if kind == "csv":
        return StreamingResponse(files.csv_lines(heads, lines()), media_type=files.CSV, headers=headers)
    title = words.sentence(gettext, "return_behind", what)
    pieces = files.spreadsheet_pieces([files.Leaf(title, heads, lines(), (10, 40, 14, 34, 14, 20, 8, 14, 16))])
    return StreamingResponse(pieces, media_type=files.XLSX, headers=headers)


async def warning(request: Request) -> Response:
    """A supervisor has read it, does not want to hear of it for four weeks, or opens it again."""
    form, now = await request.form(), desk_of(request).clock()
    warning_id = request.path_params["warning_id"]

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        found = rising.get(db, warning_id)
        to = one_of(str(form.get("do", "")), {"open", "acknowledged", "muted"}, field="do")
        rising.settle(db, found, to, by=agent, now=now)

    await act(request, verb)
    return back(request, "/reports/products")


async def listed(request: Request) -> Response:
    """The products with their lots, and the reasons."""
    query = request.query_params

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        products = catalogue.everything(db)
        lots: dict[int, list[Any]] = {}
        for lot in catalogue.lots_of(db, [each.id or 0 for each in products[:SHOWN]]):
            lots.setdefault(lot.product_id, []).append(lot)
        return {"products": products[:SHOWN], "count": len(products), "lots": lots,
                "reasons": return_reasons.everything(db)}  # fmt: skip

    frame, told = await look(request, verb)
    counts = [query.get(name, "") for name in ("new", "changed", "known")]
    frame |= told | {"view": "administration", "problem": query.get("problem", "")[:40],
                     "line": query.get("line", "")[:9], "limits": catalogue.WANTED.limits,
                     "brought": counts if all(part.isdecimal() for part in counts) else None}  # fmt: skip
    return html(request, "products/list.html", frame["me"]["language"], **frame)


async def bring(request: Request) -> Response:
    """Products and lots as a CSV file with a line of column names."""
    await see(request, lambda db, agent: access.supervisor(agent))
    raw, now = await brought(request, catalogue.WANTED), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> catalogue.Brought:
        return catalogue.bring_in(db, told, by=access.supervisor(agent), now=now)

    try:
        told = await run_in_threadpool(imports.rows_of, raw, catalogue.WANTED)
        done = await act(request, verb)
    except Invalid as error:
        line = f"&line={error.facts['line']}" if "line" in error.facts else ""
        return RedirectResponse(f"/admin/products?problem={error.code}{line}#import", 303)
    return RedirectResponse(f"/admin/products?new={done.new}&changed={done.changed}&known={done.known}#import", 303)


async def reason(request: Request) -> Response:
    """A reason is added, renamed, moved, or switched."""
    form, now = await request.form(), desk_of(request).clock()
    reason_id = request.path_params.get("reason_id")

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        found = return_reasons.get(db, reason_id) if reason_id is not None else None
        do = one_of(str(form.get("do", "save")), {"save", "on", "off", "up", "down"}, field="do")
        if found is None or do == "save":
            name, name_en = (str(form.get(each, "")) for each in ("name", "name_en"))
            return_reasons.save(db, found, name, name_en, by=agent, now=now)
        elif do in ("on", "off"):
            return_reasons.switch(db, found, do == "on", by=agent, now=now)
        else:
            return_reasons.move(db, found, -1 if do == "up" else 1, by=agent, now=now)

    _, change_id = await settings_history.change(request, verb)
    return settings_history.still(request, "/admin/products", change_id)


def _asked(request: Request, db: Session, agent: Agent) -> catalog.Asked:
    desk = desk_of(request)
    return catalog.asked(db, KEY, request.query_params, language=agent.language, timezone=desk.settings.timezone,
                         now=desk.clock())  # fmt: skip


def _what(request: Request) -> str:
    what = request.query_params.get("what", "")
    if what not in figures.WHATS:
        raise NotFound("not_found")
    return what


def _which(request: Request) -> figures.Which:
    """The product, lot, reason and queue of an address. Raises `NotFound` for what is no number."""
    found: dict[str, int | None] = {}
    for name in BY:
        typed = request.query_params.get(name, "")
        if typed and (not (typed.isascii() and typed.isdecimal()) or len(typed) > 9):
            raise NotFound("not_found")
        found[f"{name}_id"] = int(typed) if typed else None
    return figures.Which(**found)


def _link(chosen: dict[str, str]) -> Any:
    """The address of the rows behind a number of this period."""

    def link(what: str, **which: int | None) -> str:
        asked = {"what": what} | chosen | {name: str(value) for name, value in which.items() if value is not None}
        return "/reports/products/rows?" + urlencode({name: value for name, value in asked.items() if value})

    return link


def _behind(each: rising.Shown, zone: ZoneInfo) -> str:
    """The address of the tickets behind a warning: the days its week lies in."""
    first, last = (at.astimezone(zone).date().isoformat() for at in (each.begins_at, each.ends_at))
    asked = {"period": "days", "from": first, "to": last, "queue": ""}
    return str(_link(asked)(each.what, product=each.product_id, lot=each.lot_id))


ROUTES = (
    get("/reports/products", page),
    get("/reports/products/rows", rows),
    get("/reports/products/rows.csv", rows_file),
    get("/reports/products/rows.xlsx", rows_file),
    post("/reports/products/warnings/{warning_id:id}", warning),
    get("/admin/products", listed),
    post("/admin/products/import", bring),
    post("/admin/products/reasons", reason),
    post("/admin/products/reasons/{reason_id:id}", reason),
)
