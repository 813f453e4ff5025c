"""The live view, the rail, the agent's own state, and the queues as supervisors make them."""

import re
from collections.abc import Callable
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, agents, board, help_signs, queues, readiness, receipts, romaji
from helpdesk.calls import wrapping
from helpdesk.customers import contact_points
from helpdesk.errors import Conflict, Invalid, by_field
from helpdesk.events import last_number
from helpdesk.settings_history import Rehearsed
from models import Agent, Presence, Role
from web import call_rules, charts, giving, safety
from web.addresses import both, get, post
from web.edge import act, back, desk_facts, desk_of, fragment, html, look, me, rail_facts, see, shown_region
from web.settings_history import change, saved

CHOOSABLE = {Presence.READY.value, Presence.AWAY.value, Presence.OFFLINE.value}


async def page(request: Request) -> Response:
    """Figures, queues, agents."""
    frame, told = await look(request, _board(request))
    return html(request, "queues/page.html", frame["me"]["language"], **(frame | told | {"view": "queues"}))


async def region(request: Request) -> Response:
    """The board alone."""
    agent, told = await see(request, _board(request))
    return fragment(request, "queues/_board.html", agent.language, now=desk_of(request).clock(), **told)


async def hands(request: Request) -> Response:
    """Who asks for help now, for supervisors."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {"hands": help_signs.all_raised(db, language=agent.language)}

    agent, told = await see(request, verb)
    return fragment(request, "queues/_hands.html", agent.language, now=desk_of(request).clock(), **told)


async def lower(request: Request) -> Response:
    """A supervisor comes: the hand goes down."""
    agent_id, now = request.path_params["agent_id"], desk_of(request).clock()
    await act(request, lambda db, agent: help_signs.take_down(db, agent_id, by=agent, now=now))
    return back(request, "/queues")


async def rail(request: Request) -> Response:
    """The rail alone."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        now = desk_of(request).clock()
        counts = rail_facts(db, agent, now=now)
        return {"me": me(db, agent), "rail": counts, "number": last_number(db), "desk": desk_facts(request), "view": "",
                "now": now}  # fmt: skip

    return await shown_region(request, "tickets/_rail.html", verb)


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
            wrapping.offer_waiting(db, agent, now=now)

    await act(request, verb)
    return back(request, "/inbox")


RECEIPT = ("acknowledges", "acknowledgment_ja", "acknowledgment_en")
FIELDS = ("slug", "name", "name_en", "phone", "address", "keywords", "greeting", "signature", "signature_en",
          "sender_name", "sender_name_en", "takes_reply_to", *RECEIPT)  # fmt: skip


async def every(request: Request) -> Response:
    """All queues, for supervisors: what leads there, and whether the classifier knows them."""
    desk = desk_of(request)
    labels = set(desk.router.labels) if desk.router else set()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        counts, served = queues.counts(db), agents.served_by(db)
        called = agents.names(db, language=agent.language)
        rows = [
            {
                "lacks": not queue.is_triage and any(
                    each.stops for each in readiness.lacks(db, queue, labels=labels, settings=desk.settings)),
                "id": queue.id, "slug": queue.slug, "name": queue.called(agent.language), "phone": queue.phone,
                "address": queue.address, "keywords": queue.keywords, "is_triage": queue.is_triage,
                "is_known": queue.slug in labels,
                "agents": [called[each["id"]] for each in served.get(queue.id or 0, [])],
                "open": counts.get(queue.id or 0, queues.Count()).open,
            }
            for queue in queues.everyone(db)
        ]  # fmt: skip
        return {"rows": rows}

    frame, told = await look(request, verb)
    return html(request, "queues/every.html", frame["me"]["language"], **(frame | told | {"view": "every-queue"}))


async def new(request: Request) -> Response:
    """An empty form, or a new queue."""
    if request.method == "GET":
        return await _form(request, None, dict.fromkeys(FIELDS, ""), [], {})
    return await _save(request, None)


async def edit(request: Request) -> Response:
    """The queue as a form, or the changed queue."""
    queue_id = request.path_params["queue_id"]
    return await (_form(request, queue_id, None, [], {}) if request.method == "GET" else _save(request, queue_id))


async def _save(request: Request, queue_id: int | None) -> Response:
    desk, form = desk_of(request), await request.form()
    values = {name: str(form.get(name, ""))[:10_000].replace("\r\n", "\n") for name in FIELDS}
    ticked = [str(each) for each in form.getlist("agent_id")]
    chosen = [int(each) for each in ticked if each.isdecimal() and len(each) < 10]

    told, rules, given = safety.switches(form), call_rules.typed(form), giving.typed(form)

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        queue = queues.get(db, queue_id) if queue_id else queues.make(
            db, slug=values["slug"].strip(), name=values["name"], name_en=values["name_en"], by=agent, now=desk.clock()
        )  # fmt: skip
        queues.change(
            db, queue, region=desk.settings.region, by=agent, now=desk.clock(), name=values["name"].strip(),
            name_en=values["name_en"].strip(), phone=values["phone"].strip(), address=values["address"].strip(),
            greeting=values["greeting"].strip(), signature=values["signature"].strip(),
            signature_en=values["signature_en"].strip(), sender_name=values["sender_name"],
            sender_name_en=values["sender_name_en"],
            keywords=[word for word in re.split("[,、，\n]", values["keywords"]) if word.strip()],
            acknowledges=bool(values["acknowledges"]), takes_reply_to=bool(values["takes_reply_to"]),
            acknowledgment={each: values[f"acknowledgment_{each}"].strip() for each in receipts.WORDS},
            safety=told, calls=call_rules.read(rules) if rules else None,
            giving=giving.read(given) if given else None,
        )  # fmt: skip
        agents.serve(db, queue, chosen, by=agent, now=desk.clock())

    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, queue_id, values, chosen, {}, 200, told, rules, given, will=seen.shown)
    except (Invalid, Conflict) as error:
        return await _form(request, queue_id, values, chosen, by_field(error), 422, told, rules, given)
    return saved("/admin/queues", change_id)


async def _form(request: Request, queue_id: int | None, values: dict[str, str] | None, chosen: list[int],
                errors: dict[str, str], status: int = 200, told: dict[str, Any] | None = None,
                rules: dict[str, str] | None = None, given: dict[str, str] | None = None,
                will: Any = None) -> Response:  # fmt: skip
    region = desk_of(request).settings.region

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        queue = queues.get(db, queue_id) if queue_id else None
        serving = chosen
        if queue and values is None:
            serving = [each["id"] for each in agents.served_by(db).get(queue.id or 0, [])]
        return {
            "values": values if values is not None or queue is None else {
                "slug": queue.slug, "name": queue.name, "name_en": queue.name_en,
                "phone": contact_points.national(queue.phone or "", region), "address": queue.address or "",
                "keywords": "\n".join(queue.keywords), "greeting": queue.greeting,
                "signature": queue.signature, "signature_en": queue.signature_en, "sender_name": queue.sender_name,
                "sender_name_en": queue.sender_name_en,
                "acknowledges": "on" if queue.acknowledges else "",
                "takes_reply_to": "on" if queue.takes_reply_to else "",
                **{f"acknowledgment_{each}": queue.acknowledgment.get(each, "") for each in receipts.WORDS},
            },
            "safety": safety.asked(queue, told),
            "rules": call_rules.shown(db, queue, rules, agent=agent),
            "giving": giving.shown(db, queue, given, language=agent.language),
            "is_triage": bool(queue and queue.is_triage),
            "usual_receipt": receipts.WORDS,
            "people": [
                {"id": each.id, "name": romaji.listed(each.name, each.reading, agent.language),
                 "serves": each.id in serving}
                for each in agents.everyone(db) if each.is_active
            ],
        }  # fmt: skip

    frame, shown = await look(request, verb)
    frame |= {"view": "every-queue", "errors": errors, "queue_id": queue_id, "will": will} | shown
    return html(request, "queues/form.html", frame["me"]["language"], status, **frame)


def _board(request: Request) -> Callable[[Session, Agent], dict[str, Any]]:
    desk, state = desk_of(request), request.query_params.get("agents", "")

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        seen = board.now(db, language=agent.language, seen=set(agents.queue_ids(db, agent)),
                         timezone=desk.settings.timezone, at=desk.clock())  # fmt: skip
        is_supervisor = agent.role == Role.SUPERVISOR
        people = [each for each in seen.agents if not state or each.state == state]
        return {
            "figures": seen.figures, "queues": seen.queues, "agents": people, "waiting": seen.waiting,
            "is_supervisor": is_supervisor,
            "hands": help_signs.all_raised(db, language=agent.language) if is_supervisor else [],
            "shown_state": state, "today": seen.since,
            "recent": seen.recent, "settled": seen.settled, "trend": charts.trend,
            "every_queue": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)],
        }  # fmt: skip

    return verb


ROUTES = (
    get("/queues", page),
    get("/queues/board", region),
    get("/queues/hands", hands),
    post("/queues/hands/{agent_id:id}/lower", lower),
    get("/rail", rail),
    post("/me/state", state),
    get("/admin/queues", every),
    both("/admin/queues/new", new),
    both("/admin/queues/{queue_id:id}", edit),
)
