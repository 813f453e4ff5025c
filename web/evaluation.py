"""The report of routing and automation, for supervisors: on a page, and as files."""

from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, audit, reports
from helpdesk.errors import Invalid
from helpdesk.reporting import catalog, files, paper
from helpdesk.reporting import evaluation as sheets
from helpdesk.reporting.values import running
from helpdesk.tallies import evaluation, figures
from models import Agent
from web import words
from web.addresses import get
from web.edge import act, desk_of, html, look, renderer_of, see
from web.tallies import length, sent


async def page(request: Request) -> Response:
    """What deciding by itself saved, and what came of what the desk did by itself."""
    desk, query = desk_of(request), request.query_params
    await desk.keepers.follow_service()
    errors: dict[str, str] = {}

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        try:
            report, timezone = _report(request, db, agent), desk.settings.timezone
            interval = report.period.interval(timezone)
            earlier = figures.earlier(report.period, "before") if report.before else None
            return {"report": report, "interval": interval, "running": running(interval, desk.clock(), timezone),
                    "before": earlier.interval(timezone) if earlier else None}  # fmt: skip
        except Invalid as error:
            errors[str(error.facts.get("field", ""))] = error.code
            return {"report": None}

    frame, told = await look(request, verb)
    language = frame["me"]["language"]
    gettext = renderer_of(request).gettext(language)
    chosen = {"period": query.get("period") or "month", "from": query.get("from", ""), "to": query.get("to", ""),
              "seconds": query.get("seconds", str(evaluation.SECONDS))}  # fmt: skip
    frame |= told | {"view": "service", "chosen": chosen, "errors": errors, "query": request.url.query,
                     "triage": evaluation.TRIAGE,
                     "length": lambda seconds: length(gettext, seconds)}  # fmt: skip
    return html(request, "reports/routing.html", language, 422 if errors else 200, **frame)


async def file(request: Request) -> Response:
    """Its lines: of routing how many were placed, stayed, were moved and waited; of automation what came of it."""
    await desk_of(request).keepers.follow_service()

    def verb(db: Session, agent: Agent) -> evaluation.Evaluation:
        access.supervisor(agent)
        return _report(request, db, agent)

    agent, told = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "routing", by=by, now=desk_of(request).clock()))
    gettext = renderer_of(request).gettext(agent.language)
    heads = [words.sentence(gettext, "evaluation_column", code) for code in words.codes("evaluation_column")]
    kind = request.url.path.rpartition(".")[2]
    if kind == "pdf":
        return await _document(request, told, agent)
    lines = (
        [words.sentence(gettext, "automation", str(part)), name,
         words.sentence(gettext, "language", str(of)) if of else "", *rest]
        for part, name, of, *rest in evaluation.table(told)
    )  # fmt: skip
    name = f"routing-{told.period.first.isoformat()}-{told.period.last.isoformat()}.{kind}"
    return sent(kind, name, heads, lines, title=words.sentence(gettext, "report_title", "routing"))


async def _document(request: Request, told: evaluation.Evaluation, agent: Agent) -> Response:
    """The same on paper, with the seconds a placement that the page was asked with."""
    desk, voice = desk_of(request), renderer_of(request).voice(agent.language)
    asked = catalog.Asked(told.period, None, {}, agent.language, desk.settings.timezone, desk.clock())
    title = voice.say("report_title", "routing", None)
    cover = paper.Cover(desk.settings.name, title, [], asked.now)
    made = await run_in_threadpool(paper.pdf, [(title, sheets.sheet_of(asked, told))], cover, voice)
    name = f"routing-{told.period.first.isoformat()}-{told.period.last.isoformat()}.pdf"
    return Response(made, media_type=files.PDF, headers={
        "content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"})  # fmt: skip


def _report(request: Request, db: Session, agent: Agent) -> evaluation.Evaluation:
    query, desk = request.query_params, desk_of(request)
    now, timezone = desk.clock(), desk.settings.timezone
    asked = reports.period(query.get("period") or "month", query.get("from", ""), query.get("to", ""), now=now,
                           timezone=timezone)  # fmt: skip
    typed = query.get("seconds", "") or str(evaluation.SECONDS)
    seconds = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 6 else 0
    return evaluation.report(db, asked, seconds=seconds, language=agent.language, timezone=timezone, now=now)


ROUTES = (
    get("/reports/routing", page),
    get("/reports/routing.csv", file),
    get("/reports/routing.xlsx", file),
    get("/reports/routing.pdf", file),
)
