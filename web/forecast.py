"""The forecast, for supervisors: the weeks to come by day, queue and half hour, and how the last week came out."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, audit, outlook, queues
from helpdesk.errors import NotFound
from helpdesk.outlook import Outlook
from helpdesk.reporting import catalog
from helpdesk.reporting import forecast as sheets
from helpdesk.reporting.catalog import Asked
from models import Agent
from web import words
from web.addresses import get
from web.edge import act, desk_of, html, look, renderer_of, see
from web.tallies import sent


async def page(request: Request) -> Response:
    """The weeks to come; with `day`, the half hours of one of them."""
    desk, query = desk_of(request), request.query_params
    await desk.keepers.follow_service()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        asked = _asked(request, db, agent)
        past = outlook.read(db, int(asked.choices["weeks"]), language=agent.language, timezone=asked.timezone,
                            now=asked.now)  # fmt: skip
        return {"asked": asked, "past": past,
                "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)]}  # fmt: skip

    frame, read = await look(request, verb)
    asked: Asked = read.pop("asked")
    told = await run_in_threadpool(outlook.foresee, read.pop("past"), int(asked.choices["weeks"]))
    sheet = sheets.sheet_of(told, asked.queue_id, timezone=asked.timezone)
    day = _day(query.get("day", ""), told) if told.of(asked.queue_id) else None
    chosen = {"weeks": asked.choices["weeks"], "queue": query.get("queue", "")}
    frame |= read | {
        "view": "forecast", "sheet": sheet, "chosen": chosen, "day": day, "days": told.days,
        "kept": urlencode({name: value for name, value in chosen.items() if value}),
        "halves": sheets.day_chart(told, asked.queue_id, day) if day else None,
        "last_week": _last_week(told, asked.queue_id), "formulas": words.codes("forecast_formula"),
    }  # fmt: skip
    return html(request, "reports/forecast.html", frame["me"]["language"], **frame)


async def file(request: Request) -> Response:
    """Every half hour of every queue with its range."""
    desk, kind = desk_of(request), request.url.path.rpartition(".")[2]
    await desk.keepers.follow_service()

    def verb(db: Session, agent: Agent) -> tuple[Asked, outlook.Past]:
        access.supervisor(agent)
        asked = _asked(request, db, agent)
        return asked, outlook.read(db, int(asked.choices["weeks"]), language=agent.language, timezone=asked.timezone,
                                   now=asked.now)  # fmt: skip

    agent, (asked, past) = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "forecast", by=by, now=desk.clock()))
    told = await run_in_threadpool(outlook.foresee, past, int(asked.choices["weeks"]))
    voice = renderer_of(request).voice(agent.language)
    heads = [voice.say("forecast_column", code, None) for code in words.codes("forecast_column")]
    lines = ([line[0], voice.say("forecast_way", line[1].code, None), *line[2:]]  # type: ignore[attr-defined]
             for line in sheets.halves(told, asked.queue_id))  # fmt: skip
    return sent(kind, f"forecast-{told.first.isoformat()}.{kind}", heads, lines,
                title=voice.say("report_title", "forecast", None))  # fmt: skip


def _asked(request: Request, db: Session, agent: Agent) -> Asked:
    desk = desk_of(request)
    return catalog.asked(db, "forecast", request.query_params, language=agent.language,
                         timezone=desk.settings.timezone, now=desk.clock())  # fmt: skip


def _day(typed: str, told: Outlook) -> date:
    """A day to come, the first unless another is asked for. Raises `NotFound` for one that is not foreseen."""
    if not typed:
        return told.first
    try:
        day = date.fromisoformat(typed)
    except ValueError as error:
        raise NotFound("not_found") from error
    if day not in told.days:
        raise NotFound("not_found")
    return day


def _last_week(told: Outlook, queue_id: int | None) -> list[tuple[date, float, int]]:
    """The seven days before: what was expected of them a week ago, and what came."""
    known = [each.last_week for each in told.of(queue_id) if each.last_week is not None]
    return [
        (told.first - timedelta(days=7 - place), sum(float(expected[place]) for expected, _ in known),
         int(sum(float(came[place]) for _, came in known)))
        for place in range(7 if known else 0)
    ]  # fmt: skip


ROUTES = (
    get("/reports/forecast", page),
    get("/reports/forecast/halves.csv", file),
    get("/reports/forecast/halves.xlsx", file),
)
