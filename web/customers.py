"""Customers: find, see, add, change."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, conversations, numbers, unreachable
from helpdesk.customers import contact_points, records
from helpdesk.errors import Conflict, Invalid, NotFound
from models import Agent
from web.addresses import both, get, post
from web.edge import act, desk_of, html, look

FIELDS = ("name", "reading", "company", "number", "language", "phones", "addresses", "caution", "note")


async def page(request: Request) -> Response:
    """The list: whom we spoke to last, or whom a search finds. "#42" goes to the ticket."""
    typed = request.query_params.get("q", "").strip()
    region = desk_of(request).settings.region
    if number := re.fullmatch(r"[#＃](\d{1,18})", typed):
        return RedirectResponse(f"/tickets/{int(number[1])}", 303)

    def verb(db: Session, agent: Agent) -> list[dict[str, Any]]:
        found = records.search(db, typed, region=region)
        return rows_of(db, [customer.id or 0 for customer in found])

    frame, rows = await look(request, verb)
    frame |= {"view": "customers", "q": typed, "rows": rows, "next_cursor": None}
    return html(request, "customers/page.html", frame["me"]["language"], **frame)


def rows_of(db: Session, customer_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Customers as a list shows them, in the order given."""
    briefs = {brief.id: brief for brief in conversations.customers.briefs(db, customer_ids)}
    points = records.points_of_many(db, customer_ids)
    return [
        {
            "id": each, "name": briefs[each].name, "reading": briefs[each].reading, "company": briefs[each].company,
            "caution": briefs[each].caution, "last_contact_at": briefs[each].last_contact_at,
            "open_count": briefs[each].open_count,
            "phones": [point.value for point in points.get(each, ()) if point.kind == "phone"],
            "addresses": [point.value for point in points.get(each, ()) if point.kind == "email"],
        }
        for each in customer_ids if each in briefs
    ]  # fmt: skip


async def show(request: Request) -> Response:
    """One customer, with all that was said."""
    return await _show(request)


async def _show(request: Request, error: str = "", typed: str = "", status: int = 200) -> Response:
    customer_id, now = request.path_params["customer_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        return {
            "numbers": numbers.lines(db, access.customer(db, agent, customer_id), now=now),
            "number_error": error, "number_typed": typed,
            "customer": conversations.customers.panel(db, customer_id, language=agent.language),
            "timeline": list(reversed(conversations.customers.timeline(
                db, customer_id, seen=access.seen_tickets(db, agent), heard=access.heard_calls(db, agent),
                felt=access.seen_answers(db, agent), language=agent.language))),
        }  # fmt: skip

    frame, told = await look(request, verb)
    return html(request, "customers/customer.html", frame["me"]["language"], status,
                **(frame | told | {"view": "customers"}))  # fmt: skip


async def add_number(request: Request) -> Response:
    """One more number or address."""
    desk, form, customer_id = desk_of(request), await request.form(), request.path_params["customer_id"]
    typed = str(form.get("typed", ""))[:200]

    def verb(db: Session, agent: Agent) -> None:
        numbers.add(db, access.customer(db, agent, customer_id), typed, str(form.get("label", "")), by=agent,
                    region=desk.settings.region, now=desk.clock())  # fmt: skip

    try:
        await act(request, verb)
    except (Invalid, Conflict) as error:
        return await _show(request, error.code, typed, 422)
    return RedirectResponse(f"/customers/{customer_id}?notice=saved#numbers", 303)


async def change_number(request: Request) -> Response:
    """What one of the buttons beside a number says."""
    form, now, customer_id = await request.form(), desk_of(request).clock(), request.path_params["customer_id"]
    do, label = str(form.get("do", "")), str(form.get("label", ""))

    def verb(db: Session, agent: Agent) -> None:
        customer = access.customer(db, agent, customer_id)
        point = numbers.point_of(db, customer, request.path_params["point_id"])
        match do:
            case "label":
                numbers.name(db, customer, point, label, by=agent, now=now)
            case "verify" | "doubt":
                numbers.verify(db, customer, point, is_verified=do == "verify", by=agent, now=now)
            case "no_line":
                numbers.withdraw_line(db, customer, point.key, by=agent, now=now)
            case _ if do in _DOES:
                _DOES[do](db, customer, point, by=agent, now=now)
            case _:
                raise Invalid("bad_request")

    await act(request, verb)
    return RedirectResponse(f"/customers/{customer_id}?notice=saved#numbers", 303)


_DOES: dict[str, Callable[..., None]] = {
    "confirm": numbers.confirm, "remove": numbers.remove, "forget": numbers.forget, "line": numbers.declare_line,
}  # fmt: skip


async def put_back(request: Request) -> Response:
    """What was taken off stands on the record again."""
    form, now, customer_id = await request.form(), desk_of(request).clock(), request.path_params["customer_id"]
    given = str(form.get("removed_id", ""))

    def verb(db: Session, agent: Agent) -> None:
        if not given.isdecimal() or len(given) > 9:
            raise NotFound("not_found")
        numbers.put_back(db, access.customer(db, agent, customer_id), int(given), by=agent, now=now)

    await act(request, verb)
    return RedirectResponse(f"/customers/{customer_id}?notice=saved#numbers", 303)


async def reachable(request: Request) -> Response:
    """Say that an address mail came back from can be reached after all."""
    form, now, customer_id = await request.form(), desk_of(request).clock(), request.path_params["customer_id"]

    def verb(db: Session, agent: Agent) -> None:
        access.customer(db, agent, customer_id)
        unreachable.clear(db, str(form.get("address", "")), by=agent, now=now)

    await act(request, verb)
    return RedirectResponse(f"/customers/{customer_id}?notice=saved", 303)


async def new(request: Request) -> Response:
    """An empty form, or a new record."""
    if request.method == "GET":
        given = {name: request.query_params.get(name, "") for name in FIELDS} | {"language": "ja"}
        given["phones"] = request.query_params.get("phone", "")
        return await _form(request, None, given, {})
    desk, values = desk_of(request), await _values(request)

    def verb(db: Session, agent: Agent) -> int:
        made = numbers.create(db, _typed(values), region=desk.settings.region, by=agent, now=desk.clock())
        assert made.id is not None
        return made.id

    try:
        customer_id = await act(request, verb)
    except Invalid as error:
        return await _form(request, None, values, {str(error.facts.get("field", "name")): error.code}, 422)
    return RedirectResponse(f"/customers/{customer_id}", 303)


async def edit(request: Request) -> Response:
    """The record as a form, or the changed record."""
    desk, customer_id = desk_of(request), request.path_params["customer_id"]
    if request.method == "GET":
        return await _form(request, customer_id, None, {})
    values = await _values(request)

    def verb(db: Session, agent: Agent) -> None:
        numbers.change(db, access.customer(db, agent, customer_id), _typed(values), by=agent,
                       region=desk.settings.region, now=desk.clock())  # fmt: skip

    try:
        await act(request, verb)
    except Invalid as error:
        return await _form(request, customer_id, values, {str(error.facts.get("field", "name")): error.code}, 422)
    return RedirectResponse(f"/customers/{customer_id}?notice=saved", 303)


async def _form(request: Request, customer_id: int | None, values: dict[str, str] | None, errors: dict[str, str],
                status: int = 200) -> Response:  # fmt: skip
    region = desk_of(request).settings.region

    def verb(db: Session, agent: Agent) -> dict[str, str]:
        if values is not None:
            return values
        if customer_id is None:
            raise NotFound("not_found")
        customer = access.customer(db, agent, customer_id)
        points = records.points_of(db, customer_id)
        return {
            "name": customer.name, "reading": customer.reading, "company": customer.company, "number": customer.number,
            "language": customer.language, "caution": customer.caution, "note": customer.note,
            "phones": "\n".join(contact_points.national(each.value, region) for each in points if each.kind == "phone"),
            "addresses": "\n".join(point.value for point in points if point.kind == "email"),
        }  # fmt: skip

    frame, shown = await look(request, verb)
    frame |= {"view": "customers", "errors": errors, "values": shown, "customer_id": customer_id}
    return html(request, "customers/form.html", frame["me"]["language"], status, **frame)


async def _values(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: str(form.get(name, ""))[:5000] for name in FIELDS}


def _typed(values: dict[str, str]) -> records.Form:
    return records.Form(
        values["name"], values["reading"], values["company"], values["language"] or "ja",
        values["phones"].splitlines(), values["addresses"].splitlines(), values["caution"], values["note"],
        number=values["number"][:80],
    )  # fmt: skip


ROUTES = (
    get("/customers", page),
    both("/customers/new", new),
    get("/customers/{customer_id:id}", show),
    post("/customers/{customer_id:id}/reachable", reachable),
    post("/customers/{customer_id:id}/numbers", add_number),
    post("/customers/{customer_id:id}/numbers/back", put_back),
    post("/customers/{customer_id:id}/numbers/{point_id:id}", change_number),
    both("/customers/{customer_id:id}/edit", edit),
)
