"""The agents as supervisors see and change them: languages, queues and turns, calls at once, telephone."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, agents, queues
from helpdesk.errors import Invalid
from helpdesk.settings_history import Rehearsed
from models import Agent, Role
from web.addresses import both, get
from web.edge import desk_of, html, look
from web.render import LANGUAGES
from web.settings_history import change, saved

LEVELS = range(1, 6)
FIELDS = ("name", "reading", "role", "phone", "extension", "most_calls", "most_tickets")


async def page(request: Request) -> Response:
    """Everybody who may sign in."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        names = {queue.id: queue.called(agent.language) for queue in queues.everyone(db)}
        rows = [
            {
                "id": each.id, "name": each.name, "reading": each.reading, "role": each.role.value,
                "languages": each.languages, "most_calls": each.most_calls, "extension": each.extension,
                "phone": each.phone,
                "queues": [
                    {"name": names[queue_id], "level": level}
                    for queue_id, level in sorted(agents.levels_of(db, each).items()) if queue_id in names
                ],
            }
            for each in agents.everyone(db) if each.is_active
        ]  # fmt: skip
        gone = [each for each in agents.everyone(db) if not each.is_active]
        return {"rows": rows, "gone": gone}

    frame, told = await look(request, verb)
    return html(request, "agents/page.html", frame["me"]["language"], **(frame | told | {"view": "agents"}))


async def edit(request: Request) -> Response:
    """An agent as a form, or the changed agent."""
    return await (_form(request, None, {}) if request.method == "GET" else _save(request))


async def _save(request: Request) -> Response:
    desk, agent_id, form = desk_of(request), request.path_params["agent_id"], await request.form()
    values: dict[str, Any] = {name: str(form.get(name, ""))[:200].strip() for name in FIELDS}
    values["languages"] = [str(each) for each in form.getlist("language") if each in LANGUAGES]
    values["levels"] = {
        int(name.removeprefix("level_")): str(value)
        for name, value in form.items()
        if name.startswith("level_") and name[6:].isdecimal() and len(name) < 15 and value
    }

    values["is_active"] = bool(form.get("is_active"))
    asks_person = bool(form.get("asks_person"))
    if asks_person and values["role"] not in tuple(Role):
        raise Invalid("unknown_choice", field="role")

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        if asks_person and not values["name"]:
            raise Invalid("name_missing", field="name")
        person: dict[str, Any] = {
            "name": values["name"], "reading": values["reading"], "role": Role(values["role"]),
            "is_active": values["is_active"],
        } if asks_person else {}  # fmt: skip
        known = {queue.id for queue in queues.everyone(db)}
        agents.change(
            db, agents.get(db, agent_id), phone=values["phone"], extension=values["extension"].lower(),
            languages=values["languages"], most_calls=_whole(values["most_calls"], "most_calls", "not_a_count"),
            most_tickets=_whole(values["most_tickets"], "most_tickets", "not_a_number_of_tickets"),
            levels={queue_id: _whole(level, "levels", "not_a_level") for queue_id, level in values["levels"].items()
                    if queue_id in known},
            by=agent, now=desk.clock(), **person,
        )  # fmt: skip

    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, values, {}, will=seen.shown)
    except Invalid as error:
        return await _form(request, values, {str(error.facts.get("field", "")): error.code}, 422)
    return saved("/admin/agents", change_id)


async def _form(
    request: Request, values: dict[str, Any] | None, errors: dict[str, str], status: int = 200, will: Any = None
) -> Response:
    agent_id = request.path_params["agent_id"]

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        found = agents.get(db, agent_id)
        levels = {queue_id: str(level) for queue_id, level in agents.levels_of(db, found).items()}
        shown = values or {
            "name": found.name, "reading": found.reading, "role": found.role.value, "is_active": found.is_active,
            "phone": found.phone, "extension": found.extension, "most_calls": str(found.most_calls),
            "most_tickets": str(found.most_tickets),
            "languages": found.languages, "levels": levels,
        }  # fmt: skip
        return {
            "person": {"id": found.id, "name": found.name, "reading": found.reading, "email": found.email},
            "is_own": found.id == agent.id,
            "values": shown, "levels": LEVELS, "spoken": LANGUAGES,
            "queues": [{"id": queue.id, "name": queue.called(agent.language)} for queue in queues.everyone(db)],
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "agents", "errors": errors, "will": will} | told
    return html(request, "agents/form.html", frame["me"]["language"], status, **frame)


def _whole(text: str, field: str, code: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise Invalid(code, field=field)
    return int(text)


ROUTES = (
    get("/admin/agents", page),
    both("/admin/agents/{agent_id:id}", edit),
)
