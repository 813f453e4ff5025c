"""A new queue in five steps that may be left out, left and come back to; and what it still lacks to work.

Only its names are needed to begin. Each step is a form of its own that saves what it says and no more, so whoever is
called away finds the rest as they left it.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, agents, hours, queues, readiness, romaji
from helpdesk.customers import contact_points
from helpdesk.errors import Conflict, Invalid, by_field
from models import Agent, Queue
from web import errands
from web.addresses import both
from web.calendars import USUAL
from web.edge import desk_of, html, look
from web.errands import STEPS
from web.settings_history import change, saved

NAMES = ("name", "name_en", "slug")


async def begin(request: Request) -> Response:
    """How it is called; then the steps."""
    if request.method == "GET":
        return await _begin(request, dict.fromkeys(NAMES, ""), {})
    desk, form = desk_of(request), await request.form()
    values = {name: str(form.get(name, ""))[:200].strip() for name in NAMES}

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        slug = values["slug"] or short_name(values["name_en"])
        made = queues.make(db, slug=slug, name=values["name"], name_en=values["name_en"], by=agent, now=desk.clock())
        return made.id or 0

    try:
        queue_id, _ = await change(request, verb)
    except (Invalid, Conflict) as error:
        wrong = by_field(error)
        if not values["slug"] and wrong.keys() & {"name", "name_en"}:
            wrong.pop("slug", None)  # it is made of the English name, and asked for only where that yields none
        return await _begin(request, values, wrong, 422)
    return saved(f"/admin/queues/{queue_id}/guide", None)


async def steps(request: Request) -> Response:
    """What is lacking, and the forms that mend it; or one of them, saved."""
    if request.method == "GET":
        return await _steps(request, {}, {})
    desk, form, queue_id = desk_of(request), await request.form(), request.path_params["queue_id"]
    step = str(form.get("step", ""))

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        queue = queues.get(db, queue_id)
        if step not in SAVES:
            raise Invalid("unknown_choice", field="step")
        SAVES[step](db, queue, form, {"by": agent, "now": desk.clock(), "region": desk.settings.region,
                                      "zone": desk.settings.timezone})  # fmt: skip

    try:
        _, change_id = await change(request, verb)
    except (Invalid, Conflict) as error:
        typed = {name: str(value)[:10_000] for name, value in form.items() if isinstance(value, str)}
        field = str(error.facts.get("field") or ("phone" if step == "reach" else ""))
        return await _steps(request, typed, {field: error.code}, 422)
    if elsewhere := ELSEWHERE.get(str(form.get("then", ""))):  # what was ticked or typed here is kept on the way
        return saved(f"{elsewhere}?queue={queue_id}&{errands.NAME}={queue_id}-{step}", change_id)
    after = dict(zip(STEPS, STEPS[1:], strict=False)).get(step, "")  # behind the last one what the whole comes to
    return saved(f"/admin/queues/{queue_id}/guide", change_id, part=after)


def short_name(name_en: str) -> str:
    """ "Repair visits" -> "repair_visits"; "" where no letter is left to make one of."""
    plain = unicodedata.normalize("NFKD", name_en).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"^[^a-z]+", "", re.sub(r"[^a-z0-9]+", "_", plain)).strip("_")[:40]


def _reach(db: Session, queue: Queue, form: FormData, told: dict[str, Any]) -> None:
    queues.change(db, queue, phone=_text(form, "phone"), address=_text(form, "address"), region=told["region"],
                  by=told["by"], now=told["now"])  # fmt: skip


def _people(db: Session, queue: Queue, form: FormData, told: dict[str, Any]) -> None:
    ticked = [str(each) for each in form.getlist("agent_id")]
    chosen = [int(each) for each in ticked if each.isdecimal() and len(each) < 10]
    agents.serve(db, queue, chosen, by=told["by"], now=told["now"])


def _hours(db: Session, queue: Queue, form: FormData, told: dict[str, Any]) -> None:
    wanted = _text(form, "calendar")
    if wanted == "usual":
        week = {day: USUAL.get(day, "") for day in hours.WEEK}
        made = hours.save(db, None, name=queue.called(told["by"].language), timezone=told["zone"], week=week,
                          holidays="JP", days="", by=told["by"], now=told["now"])  # fmt: skip
        calendar_id = made.id
    else:
        if wanted and wanted not in {str(each.id) for each in hours.everyone(db)}:
            raise Invalid("unknown_choice", field="calendar")
        calendar_id = int(wanted) if wanted else None
    queues.change(db, queue, calls={"calendar_id": calendar_id}, region=told["region"], by=told["by"], now=told["now"])


def _words(db: Session, queue: Queue, form: FormData, told: dict[str, Any]) -> None:
    typed = [word for word in re.split("[,、，\n]", _text(form, "keywords")) if word.strip()]
    queues.change(db, queue, keywords=typed, region=told["region"], by=told["by"], now=told["now"])


SAVES: dict[str, Callable[[Session, Queue, FormData, dict[str, Any]], None]] = {
    "reach": _reach, "people": _people, "hours": _hours, "words": _words,
}  # fmt: skip


ELSEWHERE = {"exchanges": "/admin/exchanges", "agents": "/admin/agents/import", "calendars": "/admin/calendars"}
"""Pages on which a step is made ready, by the button that leads there."""


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, ""))[:10_000].strip()


async def _begin(request: Request, values: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    frame, _ = await look(request, lambda db, agent: access.supervisor(agent))
    frame |= {"view": "every-queue", "values": values, "errors": errors, "asks_slug": "slug" in errors}
    return html(request, "guide/begin.html", frame["me"]["language"], status, **frame)


async def _steps(request: Request, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    desk, queue_id = desk_of(request), request.path_params["queue_id"]
    labels = desk.router.labels if desk.router else ()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        queue = queues.get(db, queue_id)
        serving = {each["id"] for each in agents.served_by(db).get(queue_id, [])}
        collected = readiness.collected(db, queue)
        lacks = readiness.lacks(db, queue, labels=labels, settings=desk.settings)
        values = {
            "phone": contact_points.national(queue.phone or "", desk.settings.region), "address": queue.address or "",
            "keywords": "\n".join(queue.keywords), "calendar": str(queue.calendar_id or ""),
        }  # fmt: skip
        return {
            "queue": {"id": queue.id, "name": queue.called(agent.language), "address": queue.address or ""},
            "values": values | typed, "lacks": lacks, "works": not any(each.stops for each in lacks),
            "lacking": {each.step for each in lacks} | ({"mailbox"} if not collected and not queue.address else set()),
            "is_learned": queue.slug in labels,
            "people": [{"id": each.id, "name": romaji.listed(each.name, each.reading, agent.language),
                        "serves": each.id in serving}
                       for each in agents.everyone(db) if each.is_active],
            "calendars": [(str(each.id), each.name) for each in hours.everyone(db)],
            "mailboxes": [{"id": each.id, "name": each.name} for each in collected],
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= told | {"view": "every-queue", "errors": errors}
    answer = html(request, "guide/steps.html", frame["me"]["language"], status, **frame)
    errands.keep(answer, None, is_secure=desk.settings.is_secure)
    return answer


ROUTES = (
    both("/admin/queues/guide", begin),
    both("/admin/queues/{queue_id:id}/guide", steps),
)
