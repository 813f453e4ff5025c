"""The search: one box for tickets, what was said in them, customers and calls."""

from functools import partial
from typing import Any

from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk.search import asking, finding, keeping, recents
from models import Agent
from web.addresses import get, post
from web.edge import act, desk_of, fragment, see, shown

SORTS = ("best", "newest")


async def page(request: Request) -> Response:
    """What is found; without words, what can be typed. A ticket's number with its "#" goes to the ticket."""
    desk, asked = desk_of(request), request.query_params
    now, region = desk.clock(), desk.settings.region
    query = asking.read(asked.get("q", ""), timezone=desk.settings.timezone, now=now)
    kind = asked.get("kind", "") if asked.get("kind", "") in finding.KINDS else "all"
    sort = asked.get("sort", "") if asked.get("sort", "") in SORTS else "best"
    number = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 4 else 1
    searcher: list[int] = []
    if query.is_jump:
        _, jump = await see(request, partial(finding.jump, query=query))
        if jump is not None:
            return RedirectResponse(f"/tickets/{jump[0]}", 303)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        found = finding.find(db, agent, query, kind=kind, sort=sort, page=number, region=region, now=now)
        progress = keeping.progress(db)
        if not query.is_empty and number == 1 and not recents.is_last(db, agent, query.typed):
            searcher.append(agent.id or 0)
        return {
            "view": "search", "q": query.typed[: asking.LONGEST], "kind": kind, "sort": sort, "found": found,
            "is_jump": query.is_jump, "progress": None if progress.is_complete else progress.share,
            "recent": recents.of(db, agent) if query.is_empty else [],
        }  # fmt: skip

    answer = await shown(request, "search/page.html", verb)
    if searcher:
        answer.background = BackgroundTask(desk.database.write, recents.remember, searcher[0], query.typed, now=now)
    return answer


async def suggest(request: Request) -> Response:
    """What might be meant by what is typed so far: a list below the box."""
    desk = desk_of(request)
    now = desk.clock()
    query = asking.read(request.query_params.get("q", ""), timezone=desk.settings.timezone, now=now)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        if query.is_empty:
            return {"recent": recents.of(db, agent), "found": None}
        return {"recent": [], "found": finding.suggest(db, agent, query, region=desk.settings.region, now=now)}

    agent, told = await see(request, verb)
    return fragment(request, "search/_offers.html", agent.language, now=now, q=query.typed, **told)


async def forget(request: Request) -> Response:
    """One's own searches are nobody's business any more."""
    await act(request, recents.forget)
    return RedirectResponse("/search", 303)


ROUTES = (
    get("/search", page),
    get("/search/suggest", suggest),
    post("/search/forget", forget),
)
