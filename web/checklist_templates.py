"""Templates of checklists, as supervisors write them: a name, a queue, and a step on each line."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, checklist_templates, queues
from helpdesk import kept as keeping
from helpdesk.errors import Invalid
from helpdesk.settings_history import Rehearsed
from models import Agent, ChecklistTemplate
from web import kept
from web.addresses import both, get, post
from web.edge import desk_of, html, look
from web.settings_history import change, saved

NAMES = ("name", "name_en", "queue_id", "items", "items_en")


async def page(request: Request) -> Response:
    """All of them."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {"rows": checklist_templates.everyone(db, language=agent.language),
                "deleted": keeping.deleted(db, ChecklistTemplate)}  # fmt: skip

    frame, told = await look(request, verb)
    frame |= told | {"view": "checklist-templates"}
    return html(request, "checklist_templates/page.html", frame["me"]["language"], **frame)


async def new(request: Request) -> Response:
    """An empty form, or a new template."""
    return await (_form(request, None, {}, {}) if request.method == "GET" else _save(request, None))


async def edit(request: Request) -> Response:
    """The template as a form, or the changed one."""
    template_id = request.path_params["template_id"]
    return await (_form(request, template_id, None, {}) if request.method == "GET" else _save(request, template_id))


async def turn(request: Request) -> Response:
    """Offer it, or no longer; take it away, and bring it back."""
    template_id = request.path_params["template_id"]

    def find(db: Session, agent: Agent) -> ChecklistTemplate:
        access.supervisor(agent)
        return checklist_templates.get(db, template_id)

    return await kept.turn(request, find, "/admin/checklists", deleted="template_deleted", restored="restored")


async def _save(request: Request, template_id: int | None) -> Response:
    form, now = await request.form(), desk_of(request).clock()
    values = {name: str(form.get(name, ""))[:10_000] for name in NAMES}
    queue = values["queue_id"].strip()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        if queue and (not queue.isascii() or not queue.isdecimal() or len(queue) > 9):
            raise Invalid("unknown_choice", field="queue_id")
        template = checklist_templates.get(db, template_id) if template_id else None
        checklist_templates.save(db, template, name=values["name"], name_en=values["name_en"],
                                 items=values["items"], items_en=values["items_en"],
                                 queue_id=int(queue) if queue else None, by=agent, now=now)  # fmt: skip

    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, template_id, values, {}, will=seen.shown)
    except Invalid as error:
        return await _form(request, template_id, values, {str(error.facts.get("field", "")): error.code}, 422)
    return saved("/admin/checklists", change_id)


async def _form(request: Request, template_id: int | None, values: dict[str, str] | None, errors: dict[str, str],
                status: int = 200, will: Any = None) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        shown = values
        if shown is None:
            row = checklist_templates.get(db, template_id or 0)
            shown = {"name": row.name, "name_en": row.name_en, "queue_id": str(row.queue_id or ""),
                     "items": "\n".join(row.items), "items_en": "\n".join(row.items_en)}  # fmt: skip
        return {"values": shown, "queues": [
            {"id": queue.id, "name": queue.called(agent.language)} for queue in queues.everyone(db)]}  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "checklist-templates", "errors": errors, "template_id": template_id, "will": will} | told
    return html(request, "checklist_templates/form.html", frame["me"]["language"], status, **frame)


ROUTES = (
    get("/admin/checklists", page),
    both("/admin/checklists/new", new),
    both("/admin/checklists/{template_id:id}", edit),
    post("/admin/checklists/{template_id:id}/switch", turn),
    post("/admin/checklists/{template_id:id}/delete", turn),
    post("/admin/checklists/{template_id:id}/restore", turn),
)
