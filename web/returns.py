"""What comes back, beside a ticket: the form with what the ticket's words and the customer's orders suggest, and the
steps that follow, one press each."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, return_reasons, returns
from helpdesk.errors import Conflict, Invalid
from helpdesk.products import catalogue
from models import Agent, Ticket
from web.addresses import both, post
from web.edge import act, desk_of, fragment, html, look, one_of, see, wants_fragment
from web.tickets import change, number

REGION, PAGE = "returns/_form.html", "returns/form.html"


async def on_ticket(request: Request) -> Response:
    """The form, as a region where a script asks for it; or something is written down."""
    if request.method == "GET":
        return await _form(request)
    ticket_id, now = request.path_params["ticket_id"], desk_of(request).clock()
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}

    def verb(db: Session, agent: Agent) -> None:
        found = access.ticket(db, agent, ticket_id)
        typed = form.get("quantity", "1").strip()
        if not (typed.isdecimal() and len(typed) < 6):
            raise Invalid("not_a_quantity", field="quantity")
        if not form.get("reason"):
            raise Invalid("return_reason_missing", field="reason")
        returns.ask(
            db, found, item=form.get("item", ""), product=form.get("product", ""), lot=form.get("lot", ""),
            quantity=int(typed), reason_id=number(form["reason"]), by=agent, now=now,
        )  # fmt: skip

    try:
        await act(request, verb)
    except (Invalid, Conflict) as error:
        if wants_fragment(request):
            raise
        field = str(error.facts.get("field", "")) if isinstance(error, Invalid) else "item"
        return await _form(request, {field: error.code}, form, 422)
    return RedirectResponse(f"/tickets/{ticket_id}#returns-{ticket_id}", 303)


async def step(request: Request) -> Response:
    """Received, refunded, or whatever came next."""
    return_id = request.path_params["return_id"]

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        row = returns.of_this(db, found, return_id)
        to = one_of(form.get("do", ""), {*map(str, returns.STEPS), "withdrawn"}, field="do")
        returns.step(db, found, row, to, by=agent, now=now)

    return await change(request, verb)


async def _form(request: Request, errors: dict[str, str] | None = None, typed: dict[str, str] | None = None,
                status: int = 200) -> Response:  # fmt: skip
    ticket_id = request.path_params["ticket_id"]

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        found = access.ticket(db, agent, ticket_id)
        return {
            "here": ticket_id, "subject": found.subject, "errors": errors or {}, "typed": typed or {},
            "suggested": returns.suggest(db, found, language=agent.language),
            "reasons": [(each.id, each.called(agent.language)) for each in return_reasons.offered(db)],
            "known": [each.called(agent.language) for each in catalogue.everything(db)[:500]],
        }  # fmt: skip

    if wants_fragment(request) and status == 200:
        agent, told = await see(request, verb)
        return fragment(request, REGION, agent.language, now=desk_of(request).clock(), **told)
    frame, told = await look(request, verb)
    return html(request, PAGE, frame["me"]["language"], status, **(frame | told))


ROUTES = (
    both("/tickets/{ticket_id:id}/returns", on_ticket),
    post("/tickets/{ticket_id:id}/returns/{return_id:id}", step),
)
