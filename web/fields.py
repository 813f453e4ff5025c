"""The desk's own fields: what a ticket says in them, and the page on which supervisors describe them.

What is wrong stands beside its field with what was typed still in it, with and without a script: the answer to a form
that was refused is the page it stood on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, agents, fields, queues
from helpdesk.errors import Invalid
from helpdesk.events import one_act
from helpdesk.settings_history import Rehearsed
from models import Agent, Channel, FieldKind, TicketField
from web import tickets
from web.addresses import both, get, post
from web.edge import act, back, desk_of, html, look
from web.settings_history import change, saved, still

DESCRIBED = ("name", "name_en", "key", "kind", "choices", "pattern", "hint", "hint_en")


async def on_ticket(request: Request) -> Response:
    """Let fields say what was typed. One whose words were not changed since the page was drawn is left alone: a
    colleague may have written there meanwhile."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    form = await request.form()

    def verb(db: Session, agent: Agent) -> bool:
        found = access.ticket(db, agent, ticket_id)
        typed = {field.key: field for field in fields.everyone(db, active=True) if f"was-{field.key}" in form}
        wanted = {key: _typed(form, f"field-{key}") for key in typed}
        changed = {key for key in typed if wanted[key] != _typed(form, f"was-{key}")}
        errors: dict[str, str] = {}
        for key in changed:
            try:
                fields.clean(typed[key], wanted[key])
            except Invalid as error:
                errors[key] = error.code
        if errors:
            raise tickets.Refused({key: wanted[key] for key in changed}, errors)
        with one_act(db):
            for key in typed:
                if key in changed:
                    fields.set(db, found, typed[key], wanted[key], by=agent, now=desk.clock())
        return found.assignee_id == agent.id or agents.serves(db, agent, found.queue_id)

    try:
        await act(request, verb)
    except tickets.Refused as refused:
        return await tickets.page(request, ticket_id, refused=refused)
    return back(request, f"/tickets/{ticket_id}")


def _typed(form: FormData, name: str) -> list[str]:
    return sorted(value.strip() for value in form.getlist(name) if isinstance(value, str) and value.strip())


# --- for supervisors


async def page(request: Request) -> Response:
    """All fields in their order."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        every = fields.everyone(db)
        return {
            "rows": every,
            "names": {field.key: field.called(agent.language) for field in every},
            "queue_names": {str(queue.id): queue.called(agent.language) for queue in queues.everyone(db)},
        }

    frame, told = await look(request, verb)
    return html(request, "fields/page.html", frame["me"]["language"], **(frame | told | {"view": "fields"}))


async def new(request: Request) -> Response:
    """An empty form, or a new field."""
    return await (_form(request, None) if request.method == "GET" else _save(request, None))


async def edit(request: Request) -> Response:
    """The field as a form, or the changed one."""
    field_id = request.path_params["field_id"]
    return await (_form(request, field_id) if request.method == "GET" else _save(request, field_id))


async def arrange(request: Request) -> Response:
    """Move one up or down, or ask for it or not."""
    desk, field_id = desk_of(request), request.path_params["field_id"]
    do = (await request.form()).get("do")

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        field, now = fields.get(db, field_id), desk.clock()
        if do in ("up", "down"):
            fields.move(db, field, -1 if do == "up" else 1, by=agent, now=now)
        elif do in ("on", "off"):
            fields.switch(db, field, do == "on", by=agent, now=now)
        else:
            raise Invalid("unknown_choice", field="do")

    _, change_id = await change(request, verb)
    return still(request, "/admin/fields", change_id)


async def _save(request: Request, field_id: int | None) -> Response:
    desk, form = desk_of(request), await request.form()
    typed = {name: str(form.get(name, "")) for name in DESCRIBED}
    conditions = _conditions(form)
    told = fields.Form(**typed, conditions=conditions, is_required=bool(form.get("is_required")))

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        if field_id is None:
            fields.make(db, told, by=agent, now=desk.clock())
        else:
            fields.change(db, fields.get(db, field_id), told, by=agent, now=desk.clock())

    values = typed | {"is_required": told.is_required, "conditions": _by_what(conditions)}
    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, field_id, values, will=seen.shown)
    except Invalid as error:
        return await _form(request, field_id, values, {str(error.facts.get("field", "")): error.code})
    return saved("/admin/fields", change_id)


async def _form(
    request: Request,
    field_id: int | None,
    values: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
    will: Any = None,
) -> Response:
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        field = fields.get(db, field_id) if field_id is not None else None
        others = [each for each in fields.everyone(db) if each.id != field_id and _can_decide(each)]
        return {
            "values": values if values is not None else _values(field),
            "kind": field.kind.value if field else (values or {}).get("kind", "text"),
            "queues": [{"id": queue.id, "name": queue.called(agent.language)} for queue in queues.everyone(db)],
            "channels": [channel.value for channel in Channel],
            "others": [
                {
                    "key": each.key, "name": each.called(agent.language), "kind": each.kind.value,
                    "choices": each.choices,
                }
                for each in others
            ],
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= told | {"view": "fields", "field_id": field_id, "errors": errors or {}, "will": will}
    return html(request, "fields/form.html", frame["me"]["language"], 422 if errors else 200, **frame)


def _can_decide(field: TicketField) -> bool:
    """Whether another field may depend on what this one says: one of few answers."""
    return field.kind in (FieldKind.CHOICE, FieldKind.CHOICES, FieldKind.YES_NO)


def _conditions(form: FormData) -> list[dict[str, Any]]:
    told: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if name.startswith("when-") and isinstance(value, str) and value:
            told.setdefault(name.removeprefix("when-"), []).append(value)
    return [{"what": what, "is": wanted} for what, wanted in told.items()]


def _by_what(conditions: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    return {condition["what"]: [str(each) for each in condition["is"]] for condition in conditions}


def _values(field: TicketField | None) -> dict[str, Any]:
    if field is None:
        return {"kind": "text", "conditions": {}}
    choices = [(each["key"], each["name"], each["name_en"]) for each in field.choices]
    return {
        "name": field.name, "name_en": field.name_en, "key": field.key, "kind": field.kind.value,
        "choices": "\n".join(each[0] if len(set(each)) == 1 else " = ".join(each) for each in choices),
        "pattern": field.pattern, "hint": field.hint, "hint_en": field.hint_en, "is_required": field.is_required,
        "conditions": _by_what(field.conditions),
    }  # fmt: skip


ROUTES = (
    post("/tickets/{ticket_id:id}/fields", on_ticket),
    get("/admin/fields", page),
    both("/admin/fields/new", new),
    both("/admin/fields/{field_id:id}", edit),
    post("/admin/fields/{field_id:id}/arrange", arrange),
)
