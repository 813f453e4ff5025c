"""The report of calls, for supervisors: on a page, and as a file."""

from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from helpdesk import access, audit, queues, reports
from helpdesk.errors import Invalid, NotFound
from models import Agent
from web import exports, words
from web.edge import act, desk_of, html, look, renderer_of, see


async def calls(request: Request) -> Response:
    """Figures of a period with their formulas; a count opens the calls behind it."""
    errors: dict[str, str] = {}

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        asked: reports.Period | None = None
        try:
            asked, report = _report(request, db, agent)
        except Invalid as error:
            errors[str(error.facts.get("field", ""))] = error.code
            report = None
        return {"report": report, "asked": asked,
                "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)]}  # fmt: skip

    frame, told = await look(request, verb)
    query = request.query_params
    chosen = {name: query.get(name, "") for name in ("from", "to", "queue")} | {
        "period": query.get("period", "today"), "by": query.get("by", "queue")}  # fmt: skip
    frame |= told | {"view": "reports", "chosen": chosen, "errors": errors, "query": request.url.query,
                     "zone": ZoneInfo(desk_of(request).settings.timezone)}  # fmt: skip
    return html(request, "reports/calls.html", frame["me"]["language"], 422 if errors else 200, **frame)


async def file(request: Request) -> Response:
    """The same figures, exact, as comma-separated values; names of columns in the reader's language."""

    def verb(db: Session, agent: Agent) -> tuple[reports.Period, reports.Report]:
        access.supervisor(agent)
        return _report(request, db, agent)

    agent, (asked, report) = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "calls", by=by, now=desk_of(request).clock()))
    gettext = renderer_of(request).gettext(agent.language)
    heads = [words.sentence(gettext, "report", name) for name in ("line", "begin", "end")]
    heads += [words.sentence(gettext, "measure", column) for column in report.columns]
    name = f"calls-{asked.first.isoformat()}-{asked.last.isoformat()}.csv"
    return StreamingResponse(
        exports.csv_lines(heads, reports.table(report)), media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )  # fmt: skip


def _report(request: Request, db: Session, agent: Agent) -> tuple[reports.Period, reports.Report]:
    query, desk = request.query_params, desk_of(request)
    timezone, now = desk.settings.timezone, desk.clock()
    asked = reports.period(query.get("period", "today"), query.get("from", ""), query.get("to", ""), now=now,
                           timezone=timezone)  # fmt: skip
    queue_id = None
    if typed := query.get("queue", ""):
        if not typed.isdecimal() or len(typed) > 9:
            raise NotFound("not_found")
        queue_id = queues.get(db, int(typed)).id
    report = reports.calls(db, asked, query.get("by", "queue"), queue_id=queue_id, language=agent.language,
                           timezone=timezone, now=now)  # fmt: skip
    return asked, report
