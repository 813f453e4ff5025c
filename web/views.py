"""Saved views: the page that builds one, with what it would find beside it, and the list of those there are.

The builder is one form. Sent by GET it shows what the conditions find, so that it works without a script and its
address can be sent to a colleague; sent by POST it keeps the view. A condition is a field `all.KIND` or `any.KIND`, as
often as it has values.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from helpdesk import agents, filters, queues, saved_views, views
from helpdesk.errors import Invalid, NotFound
from helpdesk.filters import Filter, counting, questions, sorting
from models import Agent, FieldKind, SavedView, ViewAudience
from web.addresses import both, get, post
from web.edge import act, desk_of, html, look, see

SHOWN = 8
"""Rows of the preview."""
PARTS = ("all", "any")
IDS_MAX = 100


async def page(request: Request) -> Response:
    """All views the agent has, with what can be done with each."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        names = {queue.id: queue.called(agent.language) for queue in queues.everyone(db)}
        owners = agents.names(db, language=agent.language)
        return {
            "rows": [
                {"id": each.id, "name": each.name, "audience": each.audience.value, "sort": each.sort,
                 "queue": names.get(each.queue_id, ""), "is_own": each.owner_id == agent.id,
                 "owner": owners.get(each.owner_id or 0, ""), "may_change": saved_views.may_change(agent, each)}
                for each in saved_views.of(db, agent)
            ]
        }  # fmt: skip

    deleted = request.query_params.get("deleted", "")
    frame, told = await look(request, verb)
    frame |= {"view": "views", "deleted": int(deleted) if deleted.isdecimal() and len(deleted) < 10 else None}
    return html(request, "views/page.html", frame["me"]["language"], **(frame | told))


async def new(request: Request) -> Response:
    """The builder, empty or with the conditions of its address or of another view; or a new view."""
    if request.method == "POST":
        return await _save(request, None)
    return await _builder(request, None, request.query_params, {})


async def edit(request: Request) -> Response:
    """The builder with a view in it, or the changed view."""
    view_id = request.path_params["view_id"]
    if request.method == "POST":
        return await _save(request, view_id)
    return await _builder(request, view_id, request.query_params, {})


async def move(request: Request) -> Response:
    """One place up or down."""
    view_id, now = request.path_params["view_id"], desk_of(request).clock()
    up = (await request.form()).get("to") != "down"
    await act(request, lambda db, agent: saved_views.move(
        db, saved_views.get(db, agent, view_id), up=up, by=agent, now=now))  # fmt: skip
    return RedirectResponse("/views", 303)


async def delete(request: Request) -> Response:
    """Take it away; the page it leads to offers to take that back."""
    view_id, now = request.path_params["view_id"], desk_of(request).clock()
    await act(request, lambda db, agent: saved_views.delete(
        db, saved_views.get(db, agent, view_id), by=agent, now=now))  # fmt: skip
    return RedirectResponse(f"/views?deleted={view_id}", 303)


async def restore(request: Request) -> Response:
    """Put back what was deleted."""
    view_id, now = request.path_params["view_id"], desk_of(request).clock()
    await act(request, lambda db, agent: saved_views.restore(db, view_id, by=agent, now=now))
    return RedirectResponse(f"/inbox?view=saved-{view_id}", 303)


async def belongs(request: Request) -> Response:
    """Which of these tickets the view of this name holds now: what a page asks when their rows changed."""
    name, now = request.query_params.get("view", ""), desk_of(request).clock()
    given = [each for each in request.query_params.get("ids", "").split(",") if each.isdecimal() and len(each) < 10]
    ids = [int(each) for each in given[:IDS_MAX]]

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        view = views.named(db, agent, name)
        held = questions.holding(db, agent, view.asked, ids, now=now)
        return {"held": sorted(held), "total": str(views.total(db, agent, view, now=now) or "")}

    _, told = await see(request, verb)
    return JSONResponse(told, headers={"cache-control": "no-store"})


async def _save(request: Request, view_id: int | None) -> Response:
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> int:
        queue_id = str(form.get("queue_id", ""))
        kept = saved_views.save(
            db, saved_views.get(db, agent, view_id) if view_id else None, name=str(form.get("name", "")),
            asked=asked_of(form), sort=str(form.get("sort", "newest")),
            columns=[str(value) for value in form.getlist("column")],
            audience=str(form.get("audience") or ViewAudience.OWNER),
            queue_id=int(queue_id) if queue_id.isdecimal() and len(queue_id) < 10 else None, by=agent, now=now,
        )  # fmt: skip
        return kept.id or 0

    try:
        saved = await act(request, verb)
    except Invalid as error:
        return await _builder(request, view_id, form, {str(error.facts.get("field", "")): error.code}, 422)
    return RedirectResponse(f"/inbox?view=saved-{saved}&notice=saved", 303)


async def _builder(request: Request, view_id: int | None, given: QueryParams | FormData, errors: dict[str, str],
                   status: int = 200) -> Response:  # fmt: skip
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        view = saved_views.get(db, agent, view_id) if view_id else None
        if view is not None and not saved_views.may_change(agent, view):
            raise NotFound("not_found", view_id=view_id)
        values = _values(db, agent, view, given)
        return {"values": values, "choices": choices_of(db, agent), **_preview(db, agent, values, errors, now)}

    frame, told = await look(request, verb)
    frame |= {"view": f"saved-{view_id}" if view_id else "views", "errors": errors, "view_id": view_id} | told
    return html(request, "views/form.html", frame["me"]["language"], status, **frame)


def _values(db: Session, agent: Agent, view: SavedView | None, given: QueryParams | FormData) -> dict[str, Any]:
    """What stands in the form: what was typed, or the view, or what the address asks to begin from."""
    if "sort" in given and "from" not in given:
        asked, columns = asked_of(given), [str(value) for value in given.getlist("column")]
        return {"name": str(given.get("name", "")), "asked": asked, "sort": str(given["sort"]), "columns": columns,
                "audience": str(given.get("audience") or "owner"),
                "queue_id": str(given.get("queue_id") or "")}  # fmt: skip
    if view is not None:
        return {"name": view.name, "asked": filters.read(view.conditions), "sort": view.sort, "columns": view.columns,
                "audience": view.audience.value, "queue_id": str(view.queue_id or "")}  # fmt: skip
    asked = views.named(db, agent, str(given.get("from") or "all")).asked
    sort = str(given.get("sort") or "newest")
    return {"name": "", "asked": asked, "sort": sort if sort in sorting.SORTS else "newest",
            "columns": list(saved_views.USUAL), "audience": "owner", "queue_id": ""}  # fmt: skip


def asked_of(given: QueryParams | FormData) -> Filter:
    """The conditions of a form or an address."""
    parts: dict[str, dict[str, list[str]]] = {part: {} for part in PARTS}
    for name, value in given.multi_items():
        part, _, kind = name.partition(".")
        if part in parts and isinstance(value, str) and value.strip():
            parts[part].setdefault(kind, []).append(value)
    return Filter(*({kind: tuple(values) for kind, values in parts[part].items()} for part in PARTS))


def _preview(
    db: Session, agent: Agent, values: dict[str, Any], errors: dict[str, str], now: datetime
) -> dict[str, Any]:
    try:
        asked = filters.checked(db, values["asked"])
    except Invalid as error:
        errors.setdefault(str(error.facts.get("field", "")), error.code)
        return {"count": None, "rows": [], "is_paused": False, "newest": None}
    found = views.answers(db, agent, asked, language=agent.language, sort=values["sort"], now=now, limit=SHOWN)
    return {"count": counting.count(db, agent, asked, now=now), "rows": found.rows, "is_paused": found.is_paused,
            "newest": found.newest}  # fmt: skip


def choices_of(db: Session, agent: Agent) -> dict[str, Any]:
    """What can be chosen, as pairs of a value and a name."""
    served = set(agents.queue_ids(db, agent))
    own = [
        {"kind": f"{filters.FIELD}{each.id}", "name": each.called(agent.language),
         "values": _of_field(each.kind, each.choices, agent.language)}
        for each in filters.own_fields(db)
    ]  # fmt: skip
    return {
        "queues": [(str(each.id), each.called(agent.language)) for each in queues.everyone(db) if each.id in served],
        "tags": [(str(each.id), each.name) for each in filters.tags(db)],
        "agents": [(str(each), name) for each, name in agents.to_choose_from(db, language=agent.language)
                   if each != agent.id],
        "fields": own,
    }  # fmt: skip


def _of_field(kind: FieldKind, choices: Iterable[dict[str, str]], language: str) -> list[tuple[str, str]]:
    if kind == FieldKind.YES_NO:
        return [("yes", ""), ("no", "")]
    return [(each["key"], each["name_en" if language == "en" else "name"]) for each in choices]


ROUTES = (
    get("/inbox/belongs", belongs),
    get("/views", page),
    both("/views/new", new),
    both("/views/{view_id:id}", edit),
    post("/views/{view_id:id}/move", move),
    post("/views/{view_id:id}/delete", delete),
    post("/views/{view_id:id}/restore", restore),
)
