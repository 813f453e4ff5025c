"""What the command palette offers: places, things found by the words typed, and acts on what is open.

The idea: the server says what there is for this agent, in their language; the script only filters and shows it. Acts
name a control of the page and are offered where that control stands, so the palette can do nothing the page cannot.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk import access, conversations, romaji, views
from helpdesk.customers import records
from helpdesk.errors import NotFound
from helpdesk.search import asking, finding
from models import Agent, Role
from web import administration, render
from web.addresses import get
from web.edge import desk_of, renderer_of, see
from web.words import N_

FOUND = 6

PLACES: tuple[tuple[str, str, str], ...] = (  # path, words, "" or the role it is for
    ("/inbox?view=mine", N_("My tickets"), ""),
    ("/inbox?view=unassigned", N_("Unassigned"), ""),
    ("/inbox?view=all", N_("All open"), ""),
    ("/inbox?view=resolved", N_("Resolved"), ""),
    ("/tickets/new", N_("New e-mail"), ""),
    ("/drafts", N_("Drafts"), ""),
    ("/search", N_("Search"), ""),
    ("/views", N_("Saved views"), ""),
    ("/calls", N_("Calls"), ""),
    ("/callbacks", N_("Call-backs"), ""),
    ("/customers", N_("Customers"), ""),
    ("/customers/new", N_("New customer"), ""),
    ("/queues", N_("Live view"), ""),
    ("/notifications", N_("Notifications"), ""),
    ("/account", N_("My settings"), ""),
    ("/reports/service", N_("Service report"), Role.SUPERVISOR),
    ("/reports/products", N_("Returns and product quality"), Role.SUPERVISOR),
    ("/reports/routing", N_("Routing and automation"), Role.SUPERVISOR),
    ("/reports/calls", N_("Call report"), Role.SUPERVISOR),
    ("/reports/feedback", N_("Customer feedback"), Role.SUPERVISOR),
    ("/reports/forecast", N_("Forecast"), Role.SUPERVISOR),
    ("/reports/staffing", N_("Staffing"), Role.SUPERVISOR),
    ("/reports/boards", N_("Dashboards"), ""),
    ("/admin", N_("Administration"), Role.SUPERVISOR),
    *((place.path, place.name, Role.SUPERVISOR) for place in administration.places()),
)

ACTS: tuple[tuple[str, str], ...] = (  # what keys.js does, words
    ("accept", N_("Accept the call")),
    ("wrap_up", N_("Note of the call, or its wrap-up")),
    ("reply", N_("Reply")),
    ("note", N_("Note")),
    ("assign_me", N_("Assign to me")),
    ("assign", N_("Assign")),
    ("resolve", N_("Resolve or reopen")),
    ("move", N_("Move to another queue")),
    ("priority", N_("Priority")),
    ("pend", N_("Pending until…")),
    ("tag", N_("Add a tag")),
    ("watch", N_("Watch, or watch no longer")),
    ("undo", N_("Undo what you did last")),
    ("ready", N_("Be ready for calls")),
    ("print", N_("Print this page")),
    ("help", N_("Keyboard shortcuts")),
)


async def palette(request: Request) -> Response:
    """All places and acts as JSON; with `q`, what is found by it: tickets by number, customers."""
    typed = unicodedata.normalize("NFKC", request.query_params.get("q", ""))[:100].strip()
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        _ = renderer_of(request).gettext(agent.language)
        if typed:
            asked = asking.read(typed, timezone=desk.settings.timezone, now=desk.clock())
            return {"groups": _found(db, agent, typed, asked, region=desk.settings.region, words=_, now=desk.clock())}
        rail = views.rail(db, agent, language=agent.language, now=desk.clock())
        places = [_item(path, _(words)) for path, words, role in PLACES if role in ("", agent.role)]
        return {
            "groups": [
                {"title": _("Queues"), "items": [
                    _item(f"/inbox?view=queue-{queue['id']}", queue["name"]) for queue in rail.queues]},
                {"title": _("Pages"), "items": places},
            ],
            "acts": {"title": _("Commands"), "items": [{"act": act, "words": _(words)} for act, words in ACTS]},
            "recent": _("Recently opened"),
            "search": _("Search everything for “%(words)s”"),
        }  # fmt: skip

    _, told = await see(request, verb)
    return JSONResponse(told, headers={"cache-control": "no-store"})


def _found(db: Session, agent: Agent, typed: str, asked: asking.Query, *, region: str, words: Any,
           now: datetime) -> list[dict[str, Any]]:  # fmt: skip
    groups = []
    if number := re.fullmatch(r"#?\s*(\d{1,9})", typed):
        try:
            ticket = access.ticket(db, agent, int(number[1]))
        except NotFound:
            pass
        else:
            item = _item(f"/tickets/{ticket.id}", f"#{ticket.id} {render.titled(ticket.subject, words)}")
            groups.append({"title": words("Ticket"), "items": [item]})
    ids = [customer.id or 0 for customer in records.search(db, typed, region=region)[:FOUND]]
    if ids:
        found = {brief.id: brief for brief in conversations.customers.briefs(db, ids)}
        items = [_customer(found[each], agent.language) for each in ids]
        groups.append({"title": words("Customers"), "items": items})
    if not asked.is_empty and (hits := finding.suggest(db, agent, asked, region=region, now=now).tickets):
        items = [
            _item(f"/tickets/{hit.id}", f"#{hit.id} {render.titled(_plain(hit.subject), words)}", _plain(hit.customer))
            for hit in hits
            if not number or hit.id != int(number[1])
        ]
        groups.append({"title": words("Tickets"), "items": items})
    return groups


def _plain(parts: Sequence[tuple[str, bool]]) -> str:
    """Without its marks."""
    return "".join(text for text, _ in parts)


def _customer(brief: conversations.customers.CustomerBrief, language: str) -> dict[str, str]:
    said = romaji.reading(brief.name, brief.reading, language)
    return _item(f"/customers/{brief.id}", brief.name, " ".join(filter(None, (said, brief.company))))


def _item(path: str, words: str, more: str = "") -> dict[str, str]:
    return {"path": path, "words": words, "more": more}


ROUTES = (get("/palette", palette),)
