"""Many tickets at once: choosing what is done, how it goes on, and taking it back.

Ticked rows belong to one form. Without a script its button leads to a page with the same choices; with one they appear
above the list (static/js/bulk.js).
"""

from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import agents, bulk, filters, queues, views
from helpdesk.filters import finding
from models import Agent
from web.addresses import both, get, post
from web.edge import act, back, desk_of, fragment, html, look, see, wants_fragment

CHOSEN_MAX = 1_000


async def choose(request: Request) -> Response:
    """What can be done with the chosen tickets: the choices alone for a script, else a page; or do it."""
    if request.method == "POST":
        return await _begin(request)
    view, now = request.query_params.get("view", "all"), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        shown = views.named(db, agent, view)
        return {"offers": _offers(db, agent), "total": views.total(db, agent, shown, now=now), "shown_view": view,
                "chosen": _chosen(request.query_params)}  # fmt: skip

    if wants_fragment(request):
        agent, told = await see(request, verb)
        return fragment(request, "bulk/_acts.html", agent.language, **told)
    frame, told = await look(request, verb)
    return html(request, "bulk/choose.html", frame["me"]["language"], **(frame | told | {"view": view}))


async def show(request: Request) -> Response:
    """How it stands, as a page or the strip above a list."""
    bulk_id, now = request.path_params["bulk_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        return {"told": bulk.told(db, bulk.get(db, agent, bulk_id), language=agent.language, now=now)}

    if wants_fragment(request) and "strip" in request.query_params:
        agent, told = await see(request, verb)
        return fragment(request, "bulk/_strip.html", agent.language, **told)
    frame, told = await look(request, verb)
    return html(request, "bulk/page.html", frame["me"]["language"], **(frame | told | {"view": "bulk"}))


async def cancel(request: Request) -> Response:
    """Leave alone what was not done yet."""
    bulk_id, now = request.path_params["bulk_id"], desk_of(request).clock()
    await act(request, lambda db, agent: bulk.cancel(db, bulk.get(db, agent, bulk_id), now=now))
    return back(request, f"/bulk/{bulk_id}")


async def undo(request: Request) -> Response:
    """Take the whole back."""
    bulk_id, now = request.path_params["bulk_id"], desk_of(request).clock()
    await act(request, lambda db, agent: bulk.undo(db, bulk.get(db, agent, bulk_id), now=now))
    return back(request, f"/bulk/{bulk_id}")


async def _begin(request: Request) -> Response:
    """Do it to the tickets of the form, or to all its view holds at this moment."""
    form, desk = await request.form(), desk_of(request)
    what, view, now = str(form.get("what", "")), str(form.get("view") or "all"), desk.clock()
    value = str(form.get(what, "")) if what in bulk.ACTS else ""
    ids = _chosen(form)
    if form.get("whole"):  # looked up apart, because a search takes longer than others shall wait to write
        _, ids = await see(request, lambda db, agent: finding.frozen(
            db, agent, views.named(db, agent, view).asked, most=bulk.MOST, now=now))  # fmt: skip

    def verb(db: Session, agent: Agent) -> int:
        views.named(db, agent, view)
        return bulk.begin(db, what, value, ids, by=agent, now=now).id or 0

    bulk_id = await act(request, verb)
    return RedirectResponse(f"/inbox?view={view}&bulk={bulk_id}", 303)


def strip(db: Session, agent: Agent, request: Request) -> bulk.Told | None:
    """The act that the address of a list speaks of, if it is the agent's."""
    asked = request.query_params.get("bulk", "")
    if not asked.isdecimal() or len(asked) > 9:
        return None
    found = bulk.get(db, agent, int(asked))
    return bulk.told(db, found, language=agent.language, now=desk_of(request).clock())


def _chosen(given: QueryParams | FormData) -> list[int]:
    values = [value for value in given.getlist("ticket") if isinstance(value, str)]
    return [int(value) for value in values if value.isdecimal() and len(value) < 10][:CHOSEN_MAX]


def _offers(db: Session, agent: Agent) -> dict[str, Any]:
    served = set(agents.queue_ids(db, agent))
    every = [(queue.id, queue.called(agent.language), queue.id in served) for queue in queues.everyone(db)]
    return {
        "agents": [
            (each, name) for each, name in agents.to_choose_from(db, language=agent.language) if each != agent.id
        ],
        "me": agent.id,
        "queues": [(queue_id, name) for queue_id, name, _ in every],
        "tags": [(each.id, each.name) for each in filters.tags(db)],
        "acts": list(bulk.ACTS),
    }


ROUTES = (
    both("/bulk", choose),
    get("/bulk/{bulk_id:id}", show),
    post("/bulk/{bulk_id:id}/cancel", cancel),
    post("/bulk/{bulk_id:id}/undo", undo),
)
