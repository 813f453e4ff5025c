"""Solved tickets like the one that is open: fetched beside its page, so that the page waits for nothing."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, preferences, similar
from models import Agent
from web.addresses import get
from web.edge import desk_of, fragment, html, look, see, wants_fragment

REGION, PAGE = "tickets/_similar.html", "tickets/similar.html"


async def region(request: Request) -> Response:
    """The region alone where a script asks for it; else a page that holds it."""
    ticket_id = request.path_params["ticket_id"]
    if wants_fragment(request):
        agent, told = await see(request, lambda db, agent: _told(db, agent, ticket_id))
        return fragment(request, REGION, agent.language, now=desk_of(request).clock(), **told)
    frame, told = await look(request, lambda db, agent: _told(db, agent, ticket_id))
    return html(request, PAGE, frame["me"]["language"], **(frame | told))


def draft_of(db: Session, agent: Agent, ticket_id: int, asked: str) -> str:
    """The text a reply box begins with when the address asks for a case's answer; "" when it asks for none."""
    if not asked.isdecimal() or len(asked) > 9 or not preferences.shown(db, "similar"):
        return ""
    return similar.draft(db, agent, access.ticket(db, agent, ticket_id), int(asked)).text


def _told(db: Session, agent: Agent, ticket_id: int) -> dict[str, Any]:
    found = access.ticket(db, agent, ticket_id)
    shown = preferences.shown(db, "similar")
    cases = similar.find(db, agent, found, language=agent.language) if shown else []
    drafts = {
        case.ticket_id: similar.draft(db, agent, found, case.ticket_id)
        for case in cases
        if case.answer.kind == "message"
    }
    return {"here": ticket_id, "subject": found.subject, "is_shown": shown, "cases": cases, "drafts": drafts}


ROUTES = (get("/tickets/{ticket_id:id}/similar", region),)
