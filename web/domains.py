"""Sending domains: what to set in DNS so that our mails are believed, whether it is set, and the keys they are signed
with. For supervisors."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, domains
from helpdesk.domains import Domain
from helpdesk.errors import Invalid, Unreachable
from helpdesk.mail import dkim, published
from models import Agent
from web.addresses import get, post
from web.edge import act, desk_of, html, look, see

HOME = "/admin/mail/domains"


async def page(request: Request) -> Response:
    """Every domain with its records and what DNS said of them last. Nothing is asked here."""
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> list[Domain]:
        access.supervisor(agent)
        return domains.everyone(db, settings=desk.settings)

    frame, found = await look(request, verb)
    frame |= {"view": "domains", "domains": found}
    return html(request, "domains/page.html", frame["me"]["language"], **frame)


async def check(request: Request) -> Response:
    """Ask DNS now. It may take some seconds; the database waits for none of them."""
    desk, name = desk_of(request), await _name(request)

    def ask(db: Session, agent: Agent) -> published.Question:
        access.supervisor(agent)
        return domains.question(db, domains.get(db, name, settings=desk.settings))

    _, question = await see(request, ask)
    found = await run_in_threadpool(_look_up, question, desk.settings.dns_server)
    return await _do(request, name, domains.keep_check, "domain_checked", found=found)


async def key(request: Request) -> Response:
    """Make a key, in the place of the one there may be."""
    await see(request, lambda db, agent: access.supervisor(agent))
    name, pair = await _name(request), await run_in_threadpool(dkim.make_key)
    return await _do(request, name, domains.make_key, "key_made", pair=pair, settings=desk_of(request).settings)


async def switch(request: Request) -> Response:
    """Sign from now on, or no longer."""
    value = str((await request.form()).get("value", ""))
    if value not in ("on", "off"):
        raise Invalid("unknown_choice", field="value")
    return await _do(request, await _name(request), domains.switch, "saved", is_on=value == "on")


async def delete(request: Request) -> Response:
    """Forget the key."""
    return await _do(request, await _name(request), domains.delete_key, "key_deleted")


async def _name(request: Request) -> str:
    return str((await request.form()).get("domain", ""))[:300]


async def _do(request: Request, name: str, what: Callable[..., None], notice: str, **more: Any) -> Response:
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        found = domains.get(db, name, settings=desk.settings)
        what(db, found, **more, by=agent, now=desk.clock())

    await act(request, verb)
    return RedirectResponse(f"{HOME}?notice={notice}", 303)


def _look_up(question: published.Question, server: str) -> dict[str, Any]:
    try:
        ask = published.resolver(server)
    except Unreachable as error:
        code = str(error)

        def ask(name: str, kind: str) -> list[str]:
            raise Unreachable(code)

    return published.look_up(question, ask)


ROUTES = (
    get("/admin/mail/domains", page),
    post("/admin/mail/domains/check", check),
    post("/admin/mail/domains/key", key),
    post("/admin/mail/domains/switch", switch),
    post("/admin/mail/domains/delete", delete),
)
