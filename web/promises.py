"""What the desk promises, as supervisors write it: policies in order, each in plain sentences."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, agents, hours, policies, queues
from helpdesk.errors import Invalid
from helpdesk.settings_history import Rehearsed
from models import Agent, Channel, Policy, PromiseKind
from web.addresses import both, get, post
from web.edge import desk_of, html, look, one_of
from web.settings_history import change, saved
from web.words import codes

LENGTHS = tuple(f"{kind.value}_minutes" for kind in policies.KINDS)
POINTERS = ("queue_id", "calendar_id", "at_risk_agent_id", "breached_agent_id")
TEXTS = ("name", "priority", "channel", "at_risk_percent", *LENGTHS, *POINTERS)
LISTS = ("at_risk_told", "breached_told")
STEPS = {"up": -1, "down": 1}


async def page(request: Request) -> Response:
    """All policies in their order."""
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        names = _names(db, agent)
        return {"rows": [_row(db, each, names, now=now) for each in policies.everyone(db)]}

    frame, told = await look(request, verb)
    return html(request, "promises/page.html", frame["me"]["language"], **(frame | told | {"view": "promises"}))


async def new(request: Request) -> Response:
    """A form with usual promises, or a new policy."""
    if request.method == "POST":
        return await _save(request, None)
    usual = policies.Form(name="", first_response_minutes=240, next_response_minutes=480, resolution_minutes=1440,
                          at_risk_told=["assignee"], breached_told=["assignee", "supervisors"])  # fmt: skip
    return await _form(request, None, _typed_as(usual), {})


async def edit(request: Request) -> Response:
    """The policy as a form, or the changed policy."""
    policy_id = request.path_params["policy_id"]
    return await (_form(request, policy_id, None, {}) if request.method == "GET" else _save(request, policy_id))


async def switch(request: Request) -> Response:
    """Let it hold, or not."""
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        policy = policies.get(db, request.path_params["policy_id"])
        is_on = one_of(str(form.get("value", "")), ("on", "off"), field="value") == "on"
        policies.switch(db, policy, is_on, by=agent, now=now)

    _, change_id = await change(request, verb)
    return saved("/admin/promises", change_id)


async def move(request: Request) -> Response:
    """One place up or down."""
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        policy = policies.get(db, request.path_params["policy_id"])
        policies.move(db, policy, STEPS[one_of(str(form.get("value", "")), STEPS, field="value")], by=agent, now=now)

    _, change_id = await change(request, verb)
    return saved("/admin/promises", change_id)


async def _save(request: Request, policy_id: int | None) -> Response:
    form, now = await request.form(), desk_of(request).clock()
    values: dict[str, Any] = {name: str(form.get(name, ""))[:200].strip() for name in TEXTS}
    values |= {name: [str(each) for each in form.getlist(name) if each in policies.TOLD] for name in LISTS}

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        policies.save(db, policies.get(db, policy_id) if policy_id else None, _read(values), by=agent, now=now)

    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, policy_id, values, {}, will=seen.shown)
    except Invalid as error:
        return await _form(request, policy_id, values, {str(error.facts.get("field", "")): error.code}, 422)
    return saved("/admin/promises", change_id)


async def _form(request: Request, policy_id: int | None, values: dict[str, Any] | None, errors: dict[str, str],
                status: int = 200, will: Any = None) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        shown = values if values is not None else _typed_as(_form_of(policies.get(db, policy_id or 0)))
        return {
            "values": shown,
            "queues": [(str(each.id), each.called(agent.language)) for each in queues.everyone(db)],
            "calendars": [(str(each.id), each.name) for each in hours.everyone(db)],
            "people": [(str(each), name) for each, name in agents.to_choose_from(db, language=agent.language)],
            "priorities": codes("policy_priority"), "channels": [each.value for each in Channel], "told": policies.TOLD,
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "promises", "errors": errors, "policy_id": policy_id, "will": will} | told
    return html(request, "promises/form.html", frame["me"]["language"], status, **frame)


def _read(values: dict[str, Any]) -> policies.Form:
    """What was typed, as a policy. Raises `Invalid` with the field."""
    channel = values["channel"]
    if channel and channel not in [each.value for each in Channel]:
        raise Invalid("unknown_choice", field="channel")
    form = policies.Form(name=values["name"], channel=Channel(channel) if channel else None)
    told: dict[str, Any] = {name: policies.read_length(values[name], field=name) for name in LENGTHS}
    told |= {name: _whole(values[name], name, "unknown_choice") for name in (*POINTERS, "priority")}
    percent = _whole(values["at_risk_percent"], "at_risk_percent", "not_a_part_of_time")
    told |= {name: values[name] for name in LISTS} | {"at_risk_percent": percent or 0}
    return replace(form, **told)


def _form_of(policy: Policy) -> policies.Form:
    return policies.Form(**{name: getattr(policy, name) for name in policies.Form.__dataclass_fields__})


def _typed_as(form: policies.Form) -> dict[str, Any]:
    """A policy as the fields of the form say it."""
    told: dict[str, Any] = {name: policies.written_length(getattr(form, name)) for name in LENGTHS}
    told |= {name: "" if (value := getattr(form, name)) is None else str(value) for name in (*POINTERS, "priority")}
    told |= {name: list(getattr(form, name)) for name in LISTS}
    channel = form.channel.value if form.channel else ""
    return told | {"name": form.name, "channel": channel, "at_risk_percent": str(form.at_risk_percent)}


def _names(db: Session, agent: Agent) -> dict[str, dict[int | None, str]]:
    return {
        "queue": {each.id: each.called(agent.language) for each in queues.everyone(db)},
        "calendar": {each.id: each.name for each in hours.everyone(db)},
        "agent": dict(agents.names(db, language=agent.language).items()),
    }


def _row(db: Session, policy: Policy, names: dict[str, dict[int | None, str]], *, now: datetime) -> dict[str, Any]:
    """A policy as the page tells it: codes of sentences with what they name, and what it would mean this minute."""
    which = [name for name in ("queue_id", "priority", "channel") if getattr(policy, name) is not None]
    due = policies.preview(db, policy, now=now)
    return {
        "id": policy.id, "name": policy.name, "is_active": policy.is_active,
        "which": "_".join(each.removesuffix("_id") for each in which) or "any",
        "queue": names["queue"].get(policy.queue_id, ""), "priority": str(policy.priority or ""),
        "channel": policy.channel.value if policy.channel else "",
        "calendar": names["calendar"].get(policy.calendar_id, ""),
        "lengths": [(kind.value, divmod(minutes, 60)) for kind in policies.KINDS
                    if (minutes := getattr(policy, f"{kind.value}_minutes"))],
        "percent": policy.at_risk_percent / 100,
        "at_risk": _who(policy.at_risk_told, names["agent"].get(policy.at_risk_agent_id, "")),
        "breached": _who(policy.breached_told, names["agent"].get(policy.breached_agent_id, "")),
        "answer_at": due.get(PromiseKind.FIRST_RESPONSE), "settled_at": due.get(PromiseKind.RESOLUTION),
        "says": list(due),
    }  # fmt: skip


def _who(told: list[str], name: str) -> dict[str, Any]:
    return {"told": told, "name": name}


def _whole(text: str, field: str, code: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(code, field=field)
    return int(text) if text else None


ROUTES = (
    get("/admin/promises", page),
    both("/admin/promises/new", new),
    both("/admin/promises/{policy_id:id}", edit),
    post("/admin/promises/{policy_id:id}/switch", switch),
    post("/admin/promises/{policy_id:id}/move", move),
)
