"""Business hours as supervisors write them, with the next two weeks as they will be."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, hours, queues
from helpdesk.errors import Invalid
from helpdesk.settings_history import Rehearsed
from models import Agent, Calendar
from web.addresses import both, get, post
from web.edge import desk_of, html, look
from web.settings_history import change, saved

AHEAD = 14
_OTHERWISE = {"UK": "GB"}
"""Codes by which the calendar of holidays knows a country, and others do not."""
USUAL = {day: "09:00-18:00" for day in hours.WEEK[:5]}


async def page(request: Request) -> Response:
    """All calendars, whether they are open now, and which queues keep them."""
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        kept = [(queue.calendar_id, queue.called(agent.language)) for queue in queues.everyone(db)]
        return {
            "rows": [
                {
                    "id": each.id, "name": each.name, "timezone": each.timezone, "is_open": hours.is_open(each, now),
                    "opens_at": None if hours.is_open(each, now) else hours.next_opening(each, now),
                    "queues": [name for calendar_id, name in kept if calendar_id == each.id],
                }
                for each in hours.everyone(db)
            ]
        }  # fmt: skip

    frame, told = await look(request, verb)
    return html(request, "calendars/page.html", frame["me"]["language"], **(frame | told | {"view": "calendars"}))


async def new(request: Request) -> Response:
    """A form with the usual hours, or a new calendar."""
    if request.method == "GET":
        zone = desk_of(request).settings.timezone
        values = {"name": "", "timezone": zone, "holidays": "JP", "days": ""} | {
            day: USUAL.get(day, "") for day in hours.WEEK
        }
        return await _form(request, None, values, {})
    return await _save(request, None)


async def edit(request: Request) -> Response:
    """The calendar as a form with what comes of it, or the changed calendar."""
    calendar_id = request.path_params["calendar_id"]
    return await (_form(request, calendar_id, None, {}) if request.method == "GET" else _save(request, calendar_id))


async def delete(request: Request) -> Response:
    """Take it away; its queues are open always."""
    calendar_id, now = request.path_params["calendar_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        hours.delete(db, hours.get(db, calendar_id), by=agent, now=now)

    _, change_id = await change(request, verb)
    return saved("/admin/calendars", change_id, notice="calendar_deleted")


async def _save(request: Request, calendar_id: int | None) -> Response:
    form, now = await request.form(), desk_of(request).clock()
    names = ("name", "timezone", "holidays", "days", *hours.WEEK)
    values = {name: str(form.get(name, ""))[:10_000] for name in names}

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        kept = hours.save(
            db, hours.get(db, calendar_id) if calendar_id else None, name=values["name"],
            timezone=values["timezone"].strip(), week={day: values[day] for day in hours.WEEK},
            holidays=values["holidays"], days=values["days"], by=agent, now=now,
        )  # fmt: skip
        return kept.id or 0

    try:
        kept_id, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, calendar_id, values, {}, will=seen.shown)
    except Invalid as error:
        return await _form(request, calendar_id, values, {str(error.facts.get("field", "")): error.code}, 422)
    return saved(f"/admin/calendars/{kept_id}", change_id)


async def _form(request: Request, calendar_id: int | None, values: dict[str, str] | None, errors: dict[str, str],
                status: int = 200, will: Any = None) -> Response:  # fmt: skip
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        found = hours.get(db, calendar_id) if calendar_id else None
        return {
            "values": values if values is not None or found is None else _written(found),
            "week": hours.WEEK, "countries": _countries(agent.language),
            "preview": _preview(found, agent.language, now),
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "calendars", "errors": errors, "calendar_id": calendar_id, "will": will} | told
    return html(request, "calendars/form.html", frame["me"]["language"], status, **frame)


@lru_cache
def _countries(language: str) -> list[tuple[str, str]]:
    """Whose public holidays are known, as (code, name): Japan, and then by name."""
    names = Locale(language).territories
    known = [(code, names.get(_OTHERWISE.get(code, code), code)) for code in hours.countries()]
    return sorted(known, key=lambda each: (each[0] != "JP", each[1]))


def _written(calendar: Calendar) -> dict[str, str]:
    days = "\n".join(f"{day} {hours.written(open_then) or 'closed'}" for day, open_then in calendar.days.items())
    week = {day: hours.written(calendar.week.get(day, [])) for day in hours.WEEK}
    return {"name": calendar.name, "timezone": calendar.timezone, "holidays": calendar.holidays, "days": days} | week


def _preview(calendar: Calendar | None, language: str, now: datetime) -> list[dict[str, Any]]:
    """What is stored, day by day."""
    if calendar is None:
        return []
    today = now.astimezone(ZoneInfo(calendar.timezone)).date()
    return [
        {"day": each.day, "hours": hours.written(each.hours), "reason": each.reason, "name": each.name}
        for each in hours.days(calendar, today, AHEAD, language=language)
    ]


ROUTES = (
    get("/admin/calendars", page),
    both("/admin/calendars/new", new),
    both("/admin/calendars/{calendar_id:id}", edit),
    post("/admin/calendars/{calendar_id:id}/delete", delete),
)
