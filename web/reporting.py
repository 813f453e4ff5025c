"""Reports as files: whatever is in helpdesk/reporting/catalog.py, in every form.

The one idea: nothing here knows a particular report. Its words, choices and parts come from the catalog, so a new entry
there has its files, its tiles and its schedules without a line here.
"""

from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from helpdesk import access, audit, queues
from helpdesk.errors import NotFound
from helpdesk.reporting import books, catalog, files, paper
from helpdesk.reporting.catalog import Asked
from helpdesk.reporting.values import Sheet, days
from models import Agent
from web.addresses import get
from web.edge import act, desk_of, html, look, renderer_of, see

KINDS = {"pdf": files.PDF, "xlsx": files.XLSX, "csv": files.CSV}


PATIENCE_SECONDS = 1.5
AGAIN_SECONDS = 4
"""After which a page that waits for a file asks for it anew."""


async def file(request: Request) -> Response:
    """A report as PDF, spreadsheet or comma-separated values, as its address asks."""
    key, kind, desk = request.path_params["key"], request.path_params["kind"], desk_of(request)

    def verb(db: Session, agent: Agent) -> tuple[Asked, str, Any]:
        access.supervisor(agent)
        if kind not in KINDS:
            raise NotFound("not_found")
        asked = catalog.asked(db, key, request.query_params, language=agent.language,
                              timezone=desk.settings.timezone, now=desk.clock())  # fmt: skip
        name = queues.get(db, asked.queue_id).called(agent.language) if asked.queue_id else ""
        return asked, name, catalog.report(key).gather(db, asked)

    agent, (asked, queue_name, work) = await see(request, verb)
    if not await run_in_threadpool(catalog.is_ready, work, PATIENCE_SECONDS):
        return await _waiting(request, key)
    await act(request, lambda db, by: audit.exported(db, key, by=by, now=desk.clock()))
    sheet: Sheet = await run_in_threadpool(work)
    voice = renderer_of(request).voice(agent.language)
    first, last = (day.isoformat() for day in days(sheet.interval, desk.settings.timezone))
    headers = {"content-disposition": f'attachment; filename="{key}-{first}-{last}.{kind}"',
               "cache-control": "no-store"}  # fmt: skip
    if kind == "pdf":
        title = voice.say("report_title", key, None)
        cover = paper.Cover(desk.settings.name, title, [queue_name] if queue_name else [], asked.now)
        made = await run_in_threadpool(paper.pdf, [(title, sheet)], cover, voice)
        return Response(made, media_type=files.PDF, headers=headers)
    pieces = files.csv_lines(*books.lines(sheet, voice)) if kind == "csv" else files.spreadsheet_pieces(
        books.leaves(sheet, voice))  # fmt: skip
    return StreamingResponse(pieces, media_type=KINDS[kind], headers=headers)


async def _waiting(request: Request, key: str) -> Response:
    """A page that says what the file waits for, and asks for it again until it comes."""
    frame, _ = await look(request, lambda db, agent: access.supervisor(agent))
    frame |= {"view": "reports", "report": catalog.report(key)}
    answer = html(request, "reports/waiting.html", frame["me"]["language"], 202, **frame)
    answer.headers["refresh"] = str(AGAIN_SECONDS)
    return answer


ROUTES = (get("/reports/{key}.{kind}", file),)
