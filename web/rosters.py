"""Agents who are added: one by one, or by a file whose every line says first what it will do; and their links.

A link's token is kept nowhere, so the page that answers the form shows it, and no other page ever can.
"""

import secrets
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from helpdesk import access, agents, audit, imports, invitations, queues, rosters
from helpdesk.errors import Conflict, Invalid
from helpdesk.reporting import files
from models import Agent, Role
from web import words
from web.addresses import both, get, post
from web.edge import act, brought, desk_of, html, look, one_of, see
from web.settings_history import change

NEW = ("name", "reading", "email", "role")


async def page(request: Request) -> Response:
    """The two forms; what a file would do; or what it did, with the links of who is new."""
    if request.method == "GET":
        return await _page(request, guided=_number(request.query_params.get("queue", "")))
    await see(request, lambda db, agent: access.supervisor(agent))
    async with request.form(max_files=1, max_part_size=4 * rosters.WANTED.bytes_max) as form:
        text, takes = str(form.get("text", "")), bool(form.get("take"))
        raw = await brought(request, rosters.WANTED)
    desk = desk_of(request)

    def show(db: Session, agent: Agent) -> list[rosters.Line]:
        return rosters.read(db, text, by=access.supervisor(agent))

    def take(db: Session, agent: Agent) -> list[tuple[Agent, str]]:
        return rosters.take_in(db, text, by=access.supervisor(agent), now=desk.clock())[1]

    try:
        text = text if takes else await run_in_threadpool(imports.text_of, raw, rosters.WANTED)
        if takes:
            invited, change_id = await change(request, take)
            return await _page(request, invited=invited, change_id=change_id)
        _, lines = await see(request, show)
    except Invalid as error:
        if takes and error.code == "roster_errors":  # somebody changed a queue or an agent meanwhile
            _, lines = await see(request, show)
            return await _page(request, lines=lines, text=text, errors={"file": error.code}, status=422)
        return await _page(request, errors={"file": error.code}, line=error.facts.get("line"), status=422)
    return await _page(request, lines=lines, text=text)


async def new(request: Request) -> Response:
    """One agent, and the link."""
    form, desk = await request.form(), desk_of(request)
    values = {name: str(form.get(name, ""))[:200].strip() for name in NEW}
    guided = _number(str(form.get("guided", "")))

    def verb(db: Session, agent: Agent) -> list[tuple[Agent, str]]:
        access.supervisor(agent)
        role = Role(one_of(values["role"], tuple(Role), field="role"))
        served = [queues.get(db, guided).id or 0] if guided else []
        made = agents.create(db, name=values["name"], reading=values["reading"], email=values["email"], role=role,
                             password=secrets.token_urlsafe(32), queue_ids=served, by=agent,
                             now=desk.clock())  # fmt: skip
        return [(made, invitations.invite(db, made, now=desk.clock()))]

    try:
        invited, change_id = await change(request, verb)
    except (Invalid, Conflict) as error:
        errors = {str(error.facts.get("field", "")): error.code}
        return await _page(request, values=values, errors=errors, guided=guided, status=422)
    return await _page(request, invited=invited, change_id=change_id, guided=guided)


async def invite(request: Request) -> Response:
    """Another link for somebody who is there."""
    desk, agent_id = desk_of(request), request.path_params["agent_id"]

    def verb(db: Session, agent: Agent) -> list[tuple[Agent, str]]:
        access.supervisor(agent)
        found = agents.get(db, agent_id)
        return [(found, invitations.invite(db, found, now=desk.clock()))]

    return await _page(request, invited=await act(request, verb))


async def file(request: Request) -> Response:
    """Everybody, in the form that can be taken in again."""
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> tuple[list[list[str]], str]:
        audit.exported(db, "agents", by=access.supervisor(agent), now=now)
        return list(rosters.rows(db)), agent.language

    rows, language = await act(request, verb)
    heads = [rosters.HEADS[name][1 if language == "ja" else 0] for name in rosters.COLUMNS]
    return StreamingResponse(
        files.csv_lines(heads, rows), media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="agents.csv"', "cache-control": "no-store"},
    )  # fmt: skip


async def _page(request: Request, *, lines: list[rosters.Line] | None = None, text: str = "",
                invited: list[tuple[Agent, str]] | None = None, change_id: int | None = None,
                values: dict[str, str] | None = None, errors: dict[str, str] | None = None,
                guided: int | None = None, line: object = None, status: int = 200) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        queue = queues.get(db, guided) if guided else None
        return {"guided": {"id": queue.id, "name": queue.called(agent.language)} if queue else None}

    frame, told = await look(request, verb)
    desk = desk_of(request)
    counts = {what: sum(line.what == what for line in lines or ()) for what in words.codes("roster_what")}
    links: list[dict[str, Any]] = [
        {"id": agent.id, "name": agent.name, "email": agent.email, "url": f"{desk.settings.public_url}/join/{token}"}
        for agent, token in invited or ()
    ]
    frame |= {
        "view": "agents", "lines": lines, "text": text, "links": links, "is_done": invited is not None,
        "change_id": change_id, "counts": counts, "values": values or {"role": "agent"}, "errors": errors or {},
        "columns": rosters.COLUMNS, "heads": rosters.HEADS, "line": line, "limits": rosters.WANTED.limits,
    }  # fmt: skip
    return html(request, "rosters/page.html", frame["me"]["language"], status, **frame | told)


def _number(typed: str) -> int | None:
    """The queue whose guide asks for agents."""
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else None


ROUTES = (
    get("/admin/agents.csv", file),
    both("/admin/agents/import", page),
    post("/admin/agents/new", new),
    post("/admin/agents/{agent_id:id}/invite", invite),
)
