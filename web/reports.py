"""The report of calls, for supervisors: on a page, and as a file."""

from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from helpdesk import access, audit, queues, reports
from helpdesk.errors import Invalid
from helpdesk.reporting import calls as call_sheets
from helpdesk.reporting import catalog, files
from helpdesk.reporting.values import Sheet
from models import Agent, Role
from web import words
from web.addresses import get
from web.edge import act, desk_of, html, look, renderer_of, see


async def calls(request: Request) -> Response:
    """Figures of a period with their formulas; a count opens the calls behind it."""
    errors: dict[str, str] = {}
    await desk_of(request).keepers.follow_service()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        asked: reports.Period | None = None
        report: reports.Report | None
        sheet: Sheet | None
        try:
            of = _asked(request, db, agent)
            asked, report = of.period, call_sheets.lines(db, of)
            sheet = call_sheets.sheet_of(db, of, report)
        except Invalid as error:
            errors[str(error.facts.get("field", ""))] = error.code
            report, sheet = None, None
        return {"report": report, "asked": asked, "sheet": sheet,
                "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)]}  # fmt: skip

    frame, told = await look(request, verb)
    query = request.query_params
    chosen = {name: query.get(name, "") for name in ("from", "to", "queue")} | {
        "period": query.get("period") or "today", "by": query.get("by") or "queue"}  # fmt: skip
    kept = urlencode({name: value for name, value in chosen.items() if value})
    frame |= told | {"view": "reports", "chosen": chosen, "errors": errors, "query": kept,
                     "zone": ZoneInfo(desk_of(request).settings.timezone)}  # fmt: skip
    return html(request, "reports/calls.html", frame["me"]["language"], 422 if errors else 200, **frame)


async def file(request: Request) -> Response:
    """The same figures, exact, as comma-separated values; names of columns in the reader's language."""
    await desk_of(request).keepers.follow_service()

    def verb(db: Session, agent: Agent) -> tuple[reports.Period, reports.Report]:
        access.supervisor(agent)
        of = _asked(request, db, agent)
        return of.period, call_sheets.lines(db, of)

    agent, (asked, report) = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "calls", by=by, now=desk_of(request).clock()))
    gettext = renderer_of(request).gettext(agent.language)
    heads = [words.sentence(gettext, "report", name) for name in ("line", "begin", "end")]
    heads += [words.sentence(gettext, "measure", column) for column in report.columns]
    name = f"calls-{asked.first.isoformat()}-{asked.last.isoformat()}.csv"
    return StreamingResponse(
        files.csv_lines(heads, reports.table(report)), media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )  # fmt: skip


def _asked(request: Request, db: Session, agent: Agent) -> catalog.Asked:
    desk = desk_of(request)
    return catalog.asked(db, "calls", request.query_params, language=agent.language, period="today",
                         timezone=desk.settings.timezone, now=desk.clock())  # fmt: skip


async def start(request: Request) -> Response:
    """Where reports begin: for supervisors with the report of service, for others with what is shared with them."""
    agent, _ = await see(request, lambda db, agent: None)
    return RedirectResponse("/reports/service" if agent.role == Role.SUPERVISOR else "/reports/boards", 303)


ROUTES = (
    get("/reports", start),
    get("/reports/calls", calls),
    get("/reports/calls.csv", file),
)
