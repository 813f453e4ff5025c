"""Reports as files: whatever is in helpdesk/reporting/catalog.py, in every form.

The one idea: nothing here knows a particular report. Its words, choices and parts come from the catalog, so a new entry
there has its files, its tiles and its schedules without a line here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from helpdesk import access, queues
from helpdesk.errors import NotFound
from helpdesk.reporting import catalog, files, paper
from helpdesk.reporting.catalog import Asked
from helpdesk.reporting.values import Sheet, Table, Voice, said
from models import Agent
from web.edge import desk_of, renderer_of, see

KINDS = {"pdf": files.PDF, "xlsx": files.XLSX, "csv": files.CSV}


async def file(request: Request) -> Response:
    """A report as PDF, spreadsheet or comma-separated values, as its address asks."""
    key, kind = request.path_params["key"], request.path_params["kind"]
    if kind not in KINDS:
        raise NotFound("not_found")
    asked, queue_name, sheet, voice = await ask(request, key)
    desk = desk_of(request)
    title = voice.say("report_title", key, None)
    if kind == "pdf":
        chosen = [queue_name] if queue_name else []
        cover = paper.Cover(desk.settings.name, title, chosen, asked.now)
        content: Any = await run_in_threadpool(paper.pdf, [(title, sheet)], cover, voice)
        return Response(content, media_type=files.PDF, headers=_named(key, asked, kind))
    if kind == "csv":
        content = files.csv_lines(*csv_of(sheet, voice))
    else:
        content = files.spreadsheet_pieces(leaves(sheet, voice))
    return StreamingResponse(content, media_type=KINDS[kind], headers=_named(key, asked, kind))


async def ask(request: Request, key: str) -> tuple[Asked, str, Sheet, Voice]:
    """What a supervisor asks of a report by the request's query: what was asked, its queue's name, the answer."""
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> tuple[Asked, str, Any]:
        access.supervisor(agent)
        asked = catalog.asked(db, key, request.query_params, language=agent.language,
                              timezone=desk.settings.timezone, now=desk.clock())  # fmt: skip
        name = queues.get(db, asked.queue_id).called(agent.language) if asked.queue_id else ""
        return asked, name, catalog.report(key).gather(db, asked)

    agent, (asked, name, work) = await see(request, verb)
    return asked, name, await run_in_threadpool(work), renderer_of(request).voice(agent.language)


def leaves(sheet: Sheet, voice: Voice) -> list[files.Leaf]:
    """A sheet as the tables of a spreadsheet: its figures, its tables, the numbers of its charts."""
    found = [_leaf(table, voice) for table in sheet.tables]
    found += [_leaf(chart.table(), voice) for chart in sheet.charts]
    if sheet.figures:
        heads = [voice.say("paper", name, None) for name in ("figures", "value", "number", "low", "high", "earlier")]
        rows = [[said(each.name, voice), each.value, each.of, *(each.interval or ("", "")), each.before]
                for each in sheet.figures]  # fmt: skip
        found.insert(0, files.Leaf(voice.say("paper", "figures", None), heads, rows, (34, 12, 10, 12, 12, 12)))
    return found


def csv_of(sheet: Sheet, voice: Voice) -> tuple[list[str], Iterator[list[Any]]]:
    """The first table of a sheet, or the numbers of its first chart."""
    tables = [*sheet.tables, *(chart.table() for chart in sheet.charts)]
    if not tables:
        return [], iter(())
    leaf = _leaf(tables[0], voice)
    return list(leaf.heads), iter(leaf.rows)  # type: ignore[arg-type]


def _leaf(table: Table, voice: Voice) -> files.Leaf:
    heads = [said(column.name, voice) for column in table.columns]
    rows = [[said(cell, voice) if isinstance(cell, tuple) else cell for cell in row] for row in table.rows]
    if table.total is not None:
        rows.append([said(cell, voice) if isinstance(cell, tuple) else cell for cell in table.total])
    widths = (24, *(14 for _ in heads[1:]))
    return files.Leaf(said(table.title, voice), heads, rows, widths, [column.kind for column in table.columns])


def _named(key: str, asked: Asked, kind: str) -> Mapping[str, str]:
    first, last = asked.period.first.isoformat(), asked.period.last.isoformat()
    return {"content-disposition": f'attachment; filename="{key}-{first}-{last}.{kind}"', "cache-control": "no-store"}
