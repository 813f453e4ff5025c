"""Segments: the page that builds one, with whom it would find beside it, the list of those there are, and the customers
of one.

The builder is the one of saved views with what is known of customers before it: its conditions on tickets are the very
fields of that form, and another view's can be taken over.
"""

from datetime import datetime
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, segments, views
from helpdesk.errors import Invalid
from helpdesk.filters.counting import Count
from helpdesk.products import catalogue
from helpdesk.segments import Asked
from models import Agent, Segment
from web import segment_words, setting_words
from web.addresses import both, get, post
from web.customers import rows_of
from web.edge import desk_of, html, look, renderer_of
from web.settings_history import change, saved
from web.views import asked_of, choices_of

SHOWN = 8
"""Customers of the preview."""
PAGE = 50
PRODUCTS_MAX = 500
"""Names of products that are offered while one is typed."""
RANGES = ("contact", "tickets", "bought_on", "resolved")


async def page(request: Request) -> Response:
    """All segments, with what each asks."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        naming = setting_words.names_of(db, agent, renderer_of(request).gettext(agent.language)).naming
        rows = segments.everyone(db)
        return {"rows": [(each, segment_words.said(segments.read(each.conditions), naming)) for each in rows]}

    frame, told = await look(request, verb)
    return html(request, "segments/page.html", frame["me"]["language"], **(frame | told | {"view": "segments"}))


async def new(request: Request) -> Response:
    """The builder, empty or with the conditions of its address or of a view; or a new segment."""
    if request.method == "POST":
        return await _save(request, None)
    return await _builder(request, None, request.query_params, {})


async def edit(request: Request) -> Response:
    """The builder with a segment in it, or the changed segment."""
    segment_id = request.path_params["segment_id"]
    if request.method == "POST":
        return await _save(request, segment_id)
    return await _builder(request, segment_id, request.query_params, {})


async def delete(request: Request) -> Response:
    """Take it off the list; the notice has the way back."""
    segment_id, now = request.path_params["segment_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        segments.delete(db, segments.get(db, segment_id), by=agent, now=now)

    _, change_id = await change(request, verb)
    return saved("/admin/segments", change_id)


async def customers(request: Request) -> Response:
    """Who belongs to it now, the newest first."""
    segment_id, given = request.path_params["segment_id"], request.query_params.get("before", "")
    before = int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else None
    desk = desk_of(request)
    zone, now = desk.settings.timezone, desk.clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        segment = segments.get(db, segment_id)
        asked = segments.read(segment.conditions)
        naming = setting_words.names_of(db, agent, renderer_of(request).gettext(agent.language)).naming
        count = None
        if before is None:
            found, count = segments.glance(db, asked, limit=PAGE, zone=zone, now=now)
        else:
            found = segments.page(db, asked, before=before, limit=PAGE, zone=zone, now=now)
        return {
            "segment": segment, "lines": segment_words.lines(asked, naming), "rows": rows_of(db, found.ids),
            "count": count, "next_before": found.next_before, "is_paused": found.is_paused,
            "walked": Count(segments.GLANCE),
        }  # fmt: skip

    frame, seen = await look(request, verb)
    return html(request, "segments/customers.html", frame["me"]["language"], **(frame | seen | {"view": "segments"}))


async def _save(request: Request, segment_id: int | None) -> Response:
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> Segment:
        access.supervisor(agent)
        there = segments.get(db, segment_id) if segment_id else None
        return segments.save(db, there, name=str(form.get("name", ""))[:500], asked=_asked(form), by=agent, now=now)

    try:
        kept, change_id = await change(request, verb)
    except Invalid as error:
        return await _builder(request, segment_id, form, {str(error.facts.get("field", "")): error.code}, 422)
    return saved(f"/admin/segments/{kept.id}/customers", change_id)


async def _builder(request: Request, segment_id: int | None, given: QueryParams | FormData, errors: dict[str, str],
                   status: int = 200) -> Response:  # fmt: skip
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        segment = segments.get(db, segment_id) if segment_id else None
        values = _values(db, agent, segment, given)
        names = [each.called(agent.language) for each in catalogue.everything(db)[:PRODUCTS_MAX]]
        return {"values": values, "choices": choices_of(db, agent), "products": names, "segment": segment,
                **_preview(db, agent, values["asked"], errors, desk.settings.timezone, desk.clock())}  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "segments", "errors": errors, "segment_id": segment_id} | told
    return html(request, "segments/form.html", frame["me"]["language"], status, **frame)


def _values(db: Session, agent: Agent, segment: Segment | None, given: QueryParams | FormData) -> dict[str, Any]:
    """What stands in the form: what was typed, or the segment, or the view the address asks to begin from."""
    if "name" in given:
        asked, name = _asked(given), str(given["name"])[:500]
    elif segment is not None:
        asked, name = segments.read(segment.conditions), segment.name
    elif "from" in given:
        view = views.named(db, agent, str(given["from"]))
        asked, name = Asked(tickets=view.asked), ""
    else:
        asked, name = Asked(), ""
    ends = {kind: asked.people.get(kind, ("",))[0].partition(segments.RANGE) for kind in RANGES}
    spans = {f"{kind}_{end}": ends[kind][0 if end == "from" else 2] for kind in RANGES for end in ("from", "to")}
    return {"name": name, "asked": asked, "spans": spans}


def _asked(given: QueryParams | FormData) -> Asked:
    """The conditions of a form or an address: `people.KIND`, ranges as `people.KIND_from` and `_to`, and tickets as in
    the builder of views."""
    people: dict[str, tuple[str, ...]] = {}
    for kind in segments.KINDS:
        if kind in RANGES:
            first, last = (str(given.get(f"people.{kind}_{end}") or "").strip() for end in ("from", "to"))
            people[kind] = (f"{first}{segments.RANGE}{last}",)
        else:
            people[kind] = tuple(str(value) for value in given.getlist(f"people.{kind}"))
    kept = {kind: values for kind, values in people.items() if any(each not in ("", segments.RANGE) for each in values)}
    return Asked(kept, asked_of(given))


def _preview(
    db: Session, agent: Agent, given: Asked, errors: dict[str, str], zone: str, now: datetime
) -> dict[str, Any]:
    try:
        asked = segments.checked(db, given, by=agent)
    except Invalid as error:
        errors.setdefault(str(error.facts.get("field", "")), error.code)
        return {"count": None, "rows": [], "is_paused": False, "walked": Count(0)}
    found, count = segments.glance(db, asked, limit=SHOWN, zone=zone, now=now)
    return {"count": count, "rows": rows_of(db, found.ids), "is_paused": found.is_paused,
            "walked": Count(segments.GLANCE)}  # fmt: skip


ROUTES = (
    get("/admin/segments", page),
    both("/admin/segments/new", new),
    both("/admin/segments/{segment_id:id}", edit),
    get("/admin/segments/{segment_id:id}/customers", customers),
    post("/admin/segments/{segment_id:id}/delete", delete),
)
