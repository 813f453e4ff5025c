"""What supervisors do from the live view: another agent's state, a call that waits or is being talked on."""

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, agents, interventions
from models import Agent
from web.addresses import post
from web.edge import act, back, desk_of


async def state(request: Request) -> Response:
    """Put somebody into another state: "ready", "offline", or "away" and a reason."""
    agent_id, desk = request.path_params["agent_id"], desk_of(request)
    to, _, reason = str((await request.form()).get("to", "")).partition(" ")

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        whom = agents.get(db, agent_id)
        interventions.force_state(db, whom, to, reason, by=agent, now=desk.clock())

    await act(request, verb)
    return back(request, "/queues", notice="saved")


async def take(request: Request) -> Response:
    """Have the call oneself."""
    call_id, desk = request.path_params["call_id"], desk_of(request)

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        call = access.call(db, agent, call_id)
        rings = desk.settings.can_command(call.source)
        interventions.take_over(db, call, agent, rings=rings, now=desk.clock())

    await act(request, verb)
    return back(request, "/queues")


async def queue(request: Request) -> Response:
    """Send a waiting caller to another queue."""
    call_id, desk = request.path_params["call_id"], desk_of(request)
    typed = str((await request.form()).get("queue_id", ""))
    queue_id = int(typed) if typed.isdecimal() and len(typed) < 10 else 0

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        interventions.move(db, access.call(db, agent, call_id), queue_id, by=agent, now=desk.clock())

    await act(request, verb)
    return back(request, "/queues")


ROUTES = (
    post("/calls/{call_id:id}/take", take),
    post("/calls/{call_id:id}/queue", queue),
    post("/agents/{agent_id:id}/state", state),
)
