"""The page a telephone system opens in an agent's browser when it rings, where it can do no more than open a page.

The one idea: nothing happens but showing. An address that is opened makes no ticket, no call and no customer, and who
opens it must be signed in. Where the agent has the desk open already, that tab is told where to go, by its socket, and
the page that was opened says so; a tab in which something is being typed shows the way there instead of taking it.
Where there is none in this process, the page itself goes there.
"""

from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session, select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import cti.push
from cti import Rejected
from helpdesk import agents, conversations, exchange_log
from helpdesk.conversations.customers import CustomerBrief
from helpdesk.customers import contact_points, matching
from models import Agent, Exchange
from web.addresses import get
from web.edge import desk_of, html, look, see
from web.hub import Hub

LONGEST = 200


async def pop(request: Request) -> Response:
    """Who is calling: the customer, a choice of several, a form with the number in it, or that nobody can know."""
    desk, region = desk_of(request), desk_of(request).settings.region

    def verb(db: Session, agent: Agent) -> tuple[contact_points.Number, matching.Match, str, bool]:
        caller, called, at = _asked(db, request)
        number = contact_points.read_number(caller, region=region)
        named = agents.named(db, [at]) if at else None
        match = matching.by_phone(db, number.e164) if number.e164 else matching.NOBODY
        return number, match, called, named is None or named.id == agent.id

    agent, (number, match, called, is_own) = await see(request, verb)
    if match.customer_id is not None:
        path, outcome = f"/customers/{match.customer_id}", "found"
    elif match.candidates:
        path, outcome = f"/pop/choose?{urlencode({'number': number.e164, 'to': called})}", "several"
    elif number.e164:
        path, outcome = f"/customers/new?{urlencode({'phone': contact_points.national(number.e164, region)})}", "nobody"
    else:
        path, outcome = "", "withheld" if number.kind == "withheld" else "no_number"
    said = "" if number.kind == "withheld" else number.e164 or number.typed[:LONGEST]
    name = request.path_params.get("name", "")[:40]
    await desk.database.write(
        exchange_log.write, f"pop:{name}" if name else "pop", "pop", said, outcome=outcome, answered=path,
        now=desk.clock(),
    )  # fmt: skip
    if not path:
        return await _nobody(request, number)
    hub: Hub = request.app.state.hub
    if is_own and _is_opened_by_others(request) and agent.id is not None and hub.lead(agent.id, path):
        frame, _ = await look(request, lambda db, agent: None)
        return html(request, "pops/opened.html", agent.language, **(frame | {"path": path}))
    return RedirectResponse(path, 303)


async def choose(request: Request) -> Response:
    """Several customers have this number: whoever was called asks who it is."""
    number = contact_points.read_number(request.query_params.get("number", "")[:LONGEST],
                                        region=desk_of(request).settings.region)  # fmt: skip

    def verb(db: Session, agent: Agent) -> list[CustomerBrief]:
        found = matching.by_phone(db, number.e164).candidates if number.e164 else ()
        briefs = conversations.customers.briefs(db, list(found))
        return sorted(briefs, key=lambda one: (one.open_count > 0, one.last_contact_at is not None,
                                               one.last_contact_at), reverse=True)  # fmt: skip

    frame, found = await look(request, verb)
    if not number.e164:
        return await _nobody(request, number)
    frame |= {"view": "customers", "number": number.e164, "customers": found}
    return html(request, "pops/choose.html", frame["me"]["language"], **frame)


async def _nobody(request: Request, number: contact_points.Number) -> Response:
    frame, _ = await look(request, lambda db, agent: None)
    is_withheld = number.kind == "withheld"
    frame |= {"view": "customers", "is_withheld": is_withheld, "typed": "" if is_withheld else number.typed[:LONGEST]}
    return html(request, "pops/nobody.html", frame["me"]["language"], **frame)


def _asked(db: Session, request: Request) -> tuple[str, str, str]:
    """By the names of the exchange whose short name stands in the path, and by those that are known."""
    name = request.path_params.get("name", "")[:40]
    exchange = db.exec(select(Exchange).where(Exchange.name == name)).first() if name else None
    mapping: dict[str, Any] = exchange.mapping if exchange else {}
    try:
        caller, called, at = cti.push.popped(request.query_params, mapping=mapping)
    except Rejected:
        return "", "", ""
    return caller[:LONGEST], called[:LONGEST], at[:LONGEST]


def _is_opened_by_others(request: Request) -> bool:
    """Whether another program opened this page, and really opened it: not a link of ours, nor a browser guessing what
    will be wanted next."""
    site, purpose = request.headers.get("sec-fetch-site", "none"), request.headers.get("sec-purpose", "")
    return site != "same-origin" and "prefetch" not in purpose and request.query_params.get("here") != "1"


ROUTES = (
    get("/pop", pop),
    get("/pop/choose", choose),
    get("/pop/{name}", pop),
)
