"""Orders from a shop's file: what each line would do, taking in what can be, a file of the rest, and the way back."""

from collections import Counter
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from helpdesk import access, imports, orders
from helpdesk.errors import Conflict, Invalid
from helpdesk.reporting import files
from models import Agent
from web import words
from web.addresses import both, post
from web.edge import act, brought, desk_of, html, look, renderer_of, see

HERE = "/admin/orders"
SHOWN = 300
"""Lines the page shows, those first that need a person."""
ORDER = ("refused", "changed", "new", "same")


async def page(request: Request) -> Response:
    """The form and the last imports; or what the chosen file would do."""
    if request.method == "GET":
        return await _page(request)
    await see(request, lambda db, agent: access.supervisor(agent))
    text, takes, raw = await _sent(request)
    desk = desk_of(request)

    def show(db: Session, agent: Agent) -> list[orders.Line]:
        access.supervisor(agent)
        return orders.read(db, text, region=desk.settings.region, timezone=desk.settings.timezone)

    def take(db: Session, agent: Agent) -> int | None:
        done, _ = orders.take_in(db, text, region=desk.settings.region, timezone=desk.settings.timezone,
                                 by=access.supervisor(agent), now=desk.clock())  # fmt: skip
        return done.id

    try:
        if takes:
            return RedirectResponse(f"{HERE}?done={await act(request, take)}", 303)
        text = await run_in_threadpool(imports.text_of, raw, orders.WANTED)
        _, lines = await see(request, show)
    except Invalid as error:
        return await _page(request, problem=error.code, line=error.facts.get("line"), status=422)
    return await _page(request, lines=lines, text=text)


async def refused(request: Request) -> Response:
    """The lines that cannot be taken in, as they stood, with the reason in a column more."""
    text, _, _ = await _sent(request)
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> list[orders.Line]:
        access.supervisor(agent)
        return orders.read(db, text, region=desk.settings.region, timezone=desk.settings.timezone)

    agent, lines = await see(request, verb)
    gettext = renderer_of(request).gettext(agent.language)

    def reason(line: orders.Line) -> str:
        told = [(words.sentence(gettext, "order_column", column), words.sentence(gettext, "error", code))
                for column, code, _ in line.errors]  # fmt: skip
        return " / ".join(gettext(": ").join(each) for each in told)

    heads, *rows = orders.refused(text, lines, reason, words.sentence(gettext, "order_column", "reason"))
    return StreamingResponse(
        files.csv_lines(heads, rows), media_type=files.CSV,
        headers={"content-disposition": 'attachment; filename="orders-refused.csv"', "cache-control": "no-store"},
    )  # fmt: skip


async def undo(request: Request) -> Response:
    """Take an import back."""
    import_id, now = request.path_params["import_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> tuple[int, int]:
        return orders.take_back(db, import_id, by=access.supervisor(agent), now=now)

    try:
        undone, kept = await act(request, verb)
    except Conflict as error:
        return await _page(request, problem=error.code, status=409)
    return RedirectResponse(f"{HERE}?undone={undone}&kept={kept}", 303)


async def _sent(request: Request) -> tuple[str, bool, bytes]:
    """The text that was shown before, whether it is to be taken in, and the bytes of a file."""
    async with request.form(max_files=1, max_part_size=4 * orders.WANTED.bytes_max) as form:
        return str(form.get("text", "")), bool(form.get("take")), await brought(request, orders.WANTED)


async def _page(request: Request, *, lines: list[orders.Line] | None = None, text: str = "", problem: str = "",
                line: object = None, status: int = 200) -> Response:  # fmt: skip
    now, query = desk_of(request).clock(), request.query_params

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {"imports": orders.lately(db, language=agent.language)}

    frame, told = await look(request, verb)
    counts = Counter(each.what for each in lines or ())
    numbers = {name: query.get(name, "")[:9] for name in ("done", "undone", "kept")}
    frame |= told | {
        "view": "administration", "lines": sorted(lines or (), key=lambda each: ORDER.index(each.what))[:SHOWN],
        "count": len(lines or ()), "counts": {what: counts[what] for what in ORDER}, "text": text, "problem": problem,
        "line": line, "limits": orders.WANTED.limits, "columns": orders.COLUMNS, "heads": orders.HEADS,
        "said": {name: value if value.isdecimal() else "" for name, value in numbers.items()},
        "can_undo": lambda each: each.undone_at is None and each.at >= now - orders.KEPT,
    }  # fmt: skip
    return html(request, "orders/page.html", frame["me"]["language"], status, **frame)


ROUTES = (
    both("/admin/orders", page),
    post("/admin/orders/refused", refused),
    post("/admin/orders/{import_id:id}/undo", undo),
)
