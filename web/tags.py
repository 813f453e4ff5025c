"""Tags: on a ticket, as suggestions while one is typed, and the list supervisors keep in order."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk import access, tags
from helpdesk.errors import Invalid, NotFound
from models import Agent, Ticket
from web import settings_history
from web.addresses import get, post
from web.edge import desk_of, html, look, see
from web.tickets import change, number


async def on_ticket(request: Request) -> Response:
    """Put one on, by its name, or take one off, by its number."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        if form.get("remove"):
            tags.remove(db, found, number(form["remove"]), by=agent, now=now)
        else:
            tags.add(db, found, form.get("tag", ""), by=agent, now=now)

    return await change(request, verb)


async def suggest(request: Request) -> Response:
    """Names of tags that fit what is being typed, for scripts."""
    typed = request.query_params.get("q", "")[: tags.NAME_MAX]
    _, found = await see(request, lambda db, agent: [tag.name for tag in tags.suggest(db, typed)])
    return JSONResponse({"tags": found}, headers={"cache-control": "no-store"})


async def page(request: Request) -> Response:
    """All of them, with how many tickets have each."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {"rows": tags.everything(db), "agents_make": tags.agents_make(db)}

    frame, told = await look(request, verb)
    return html(request, "tags/page.html", frame["me"]["language"], **(frame | told | {"view": "tags"}))


async def edit(request: Request) -> Response:
    """Rename one, let another take its place, or switch it off or on."""
    desk, tag_id = desk_of(request), request.path_params["tag_id"]
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        tag, now = tags.get(db, tag_id), desk.clock()
        if form.get("do") == "merge":
            try:
                into = tags.get(db, number(form.get("into", "")))
            except NotFound as error:
                raise Invalid("unknown_choice", field="into") from error
            tags.merge(db, tag, into, by=agent, now=now)
        elif form.get("do") in ("on", "off"):
            tags.switch(db, tag, form["do"] == "on", by=agent, now=now)
        else:
            tags.rename(db, tag, form.get("name", ""), by=agent, now=now)

    _, change_id = await settings_history.change(request, verb)
    return settings_history.still(request, "/admin/tags", change_id)


async def making(request: Request) -> Response:
    """Let agents make tags, or not."""
    desk, value = desk_of(request), (await request.form()).get("value")
    if value not in ("on", "off"):
        raise Invalid("unknown_choice", field="value")

    def verb(db: Session, agent: Agent) -> None:
        tags.let_agents_make(db, value == "on", by=access.supervisor(agent), now=desk.clock())

    _, change_id = await settings_history.change(request, verb)
    return settings_history.still(request, "/admin/tags", change_id)


ROUTES = (
    post("/tickets/{ticket_id:id}/tags", on_ticket),
    get("/tags", suggest),
    get("/admin/tags", page),
    post("/admin/tags/making", making),
    post("/admin/tags/{tag_id:id}", edit),
)
