"""The live view, the rail, and the agent's own state."""

from dataclasses import asdict
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import agents, board, calls, views
from helpdesk.errors import Invalid
from helpdesk.events import last_number
from models import Agent, Presence, Role
from web.edge import act, back, desk_facts, desk_of, fragment, html, look, me, rail_facts, see

CHOOSABLE = {Presence.READY.value, Presence.AWAY.value, Presence.OFFLINE.value}


async def page(request: Request) -> Response:
    """Figures, queues, agents."""
    frame, told = await look(request, _board)
    return html(request, "queues/page.html", frame["me"]["language"], **(frame | told | {"view": "queues"}))


async def region(request: Request) -> Response:
    """The board alone."""
    agent, told = await see(request, _board)
    return fragment(request, "queues/_board.html", agent.language, now=desk_of(request).clock(), **told)


async def rail(request: Request) -> Response:
    """The rail alone."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        counts = rail_facts(db, agent, views.rail(db, agent, language=agent.language))
        return {"me": me(db, agent), "rail": counts, "number": last_number(db)}

    agent, told = await see(request, verb)
    return fragment(request, "tickets/_rail.html", agent.language, desk=desk_facts(request), view="",
                    now=desk_of(request).clock(), **told)  # fmt: skip


async def state(request: Request) -> Response:
    """Ready, away with a reason, or offline. Who is ready is shown the calls that ring."""
    form, now = await request.form(), desk_of(request).clock()
    wanted, reason = str(form.get("state", "")), str(form.get("reason", ""))
    if wanted not in CHOOSABLE:
        raise Invalid("unknown_state", field="state")

    def verb(db: Session, agent: Agent) -> None:
        assert agent.id is not None
        agents.set_state(db, agent.id, Presence(wanted), reason=reason if wanted == "away" else "", by_id=agent.id,
                         now=now)  # fmt: skip
        if wanted == "ready":
            calls.offer_waiting(db, agent, now=now)

    await act(request, verb)
    return back(request, "/inbox")


def _board(db: Session, agent: Agent) -> dict[str, Any]:
    seen = board.now(db, language=agent.language, seen=set(agents.queue_ids(db, agent)))
    return {"figures": asdict(seen.figures), "queues": seen.queues, "agents": seen.agents,
            "is_supervisor": agent.role == Role.SUPERVISOR}  # fmt: skip
