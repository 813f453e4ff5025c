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
from helpdesk.reporting.values import Sheet
from models import Agent
from web.addresses import get
from web.edge import act, desk_of, renderer_of, see

KINDS = {"pdf": files.PDF, "xlsx": files.XLSX, "csv": files.CSV}


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
    await act(request, lambda db, by: audit.exported(db, key, by=by, now=desk.clock()))
    sheet: Sheet = await run_in_threadpool(work)
    voice = renderer_of(request).voice(agent.language)
    first, last = asked.period.first.isoformat(), asked.period.last.isoformat()
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


ROUTES = (get("/reports/{key}.{kind}", file),)
