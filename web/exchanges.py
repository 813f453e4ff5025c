"""Telephone systems: set up, told what to enter there, tried, and followed line by line. For supervisors.

A key is shown to who may change it, because it has to be typed in elsewhere; a secret or password never is.
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import cti.push
import cti.threecx
from helpdesk import access, exchange_log, exchange_trials, exchanges, queues
from helpdesk.errors import Invalid, NotFound, Rejected
from helpdesk.exchange_trials import Seen
from helpdesk.exchanges import Form
from helpdesk.settings_history import Rehearsed
from models import Agent, Exchange, ExchangeKind
from web import hooks
from web.addresses import both, get, post
from web.edge import desk_of, html, look, see
from web.settings_history import change, saved

LONGEST = 20_000
KINDS = tuple(kind.value for kind in ExchangeKind)


async def page(request: Request) -> Response:
    """All of them, with their state."""
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> list[dict[str, Any]]:
        access.supervisor(agent)
        return [_row(exchange) for exchange in exchanges.everyone(db)]

    frame, rows = await look(request, verb)
    frame |= {"view": "exchanges", "rows": rows, "of_setting": sorted(desk.settings.push_tokens)}
    return html(request, "exchanges/page.html", frame["me"]["language"], **frame)


async def new(request: Request) -> Response:
    """Which kind; then an empty form; then a new exchange."""
    if request.method == "POST":
        return await _save(request, None)
    kind = request.query_params.get("kind", "")
    if kind not in KINDS:
        frame, _ = await look(request, lambda db, agent: access.supervisor(agent))
        frame |= {"view": "exchanges", "kinds": KINDS}
        return html(request, "exchanges/kinds.html", frame["me"]["language"], **frame)
    defaults = {option.name: option.default for option in exchanges.OPTIONS[ExchangeKind(kind)]}
    return await _form(request, None, kind, defaults, {})


async def edit(request: Request) -> Response:
    """The exchange as a form, or the changed exchange."""
    if request.method == "POST":
        return await _save(request, request.path_params["exchange_id"])
    return await _form(request, request.path_params["exchange_id"], "", None, {})


async def show(request: Request) -> Response:
    """One exchange: what to enter there, its names for our fields, what it said last, and a place to try."""
    return await _show(request)


async def mapping(request: Request) -> Response:
    """Keep which of its names and words mean which of ours."""
    desk, exchange_id, form = desk_of(request), request.path_params["exchange_id"], await _typed(request)
    names = {ours: theirs for ours, theirs in _pairs(form, "ours", "name") if ours and theirs}
    doubled = len(names) < sum(1 for ours, theirs in _pairs(form, "ours", "name") if ours and theirs)
    words: dict[str, dict[str, str]] = {}
    for index in _numbers(form, "word"):
        field, word, ours = (form.get(f"{each}-{index}", "") for each in ("field", "word", "meaning"))
        if field and word and ours:
            words.setdefault(field, {})[word] = ours

    def verb(db: Session, agent: Agent) -> None:
        if doubled:
            raise Invalid("mapped_twice", field="mapping")
        exchange = exchanges.get(db, exchange_id)
        exchanges.map_names(db, exchange, names | {"values": words}, by=access.supervisor(agent), now=desk.clock())

    try:
        _, change_id = await change(request, verb)
    except Invalid as error:
        return await _show(request, errors={"mapping": error.code}, status=422)
    desk.doors_changed()
    return saved(f"/admin/exchanges/{exchange_id}", change_id, part="mapping")


async def attempt(request: Request) -> Response:
    """See what would come of a request, without anything being kept."""
    desk = desk_of(request)
    said = (await _typed(request)).get("said", "")
    agent, door = await _door(request)
    return await _show(request, said=said, tried=await _seen(desk, door, said, agent))


async def ring(request: Request) -> Response:
    """Say it in earnest, by the entrance the exchange itself comes to."""
    desk, said = desk_of(request), (await _typed(request)).get("said", "")
    agent, door = await _door(request)
    body, content_type = _as_sent(said)
    told = await hooks.take(desk, door, body, content_type, signature=None)
    if told.inbound is None:
        return await _show(request, said=said, tried=exchange_trials.refused(told.error), status=422)
    return RedirectResponse(f"/admin/exchanges/{door.id}?notice=exchange_rang#try", 303)


async def pause(request: Request) -> Response:
    """Hear nothing of it."""
    return await _do(request, exchanges.pause, "exchange_paused")


async def resume(request: Request) -> Response:
    """Hear it again."""
    return await _do(request, exchanges.resume, "exchange_resumed")


async def rotate(request: Request) -> Response:
    """Another key; the old one works on."""
    return await _do(request, exchanges.rotate, "exchange_rotated", settings=desk_of(request).settings)


async def retire(request: Request) -> Response:
    """The old key works no more."""
    return await _do(request, exchanges.retire, "exchange_retired")


async def delete(request: Request) -> Response:
    """Forget it; its calls stay."""
    return await _do(request, exchanges.delete, "exchange_deleted", back="")


async def template(request: Request) -> Response:
    """The file that 3CX loads, with our address and its key in it."""
    desk, exchange_id = desk_of(request), request.path_params["exchange_id"]

    def verb(db: Session, agent: Agent) -> tuple[str, str, str]:
        access.supervisor(agent)
        exchange = exchanges.get(db, exchange_id)
        if exchange.kind != ExchangeKind.THREECX:
            raise NotFound("not_found", exchange_id=exchange_id)
        token = exchanges.token_of(exchange, settings=desk.settings)
        return exchange.name, token, str(exchange.options.get("country", "JP"))

    _, (name, token, country) = await see(request, verb)
    text = cti.threecx.template(f"{desk.settings.public_url}/api/v1/cti/{token}", name=f"Desk {name}", country=country)
    headers = {"content-disposition": f'attachment; filename="desk-{name}.xml"', "cache-control": "no-store"}
    return Response(text, media_type="application/xml", headers=headers)


async def log(request: Request) -> Response:
    """What they all said, newest first."""
    query = request.query_params
    source, outcome, before = query.get("source", ""), query.get("outcome", ""), query.get("before", "")

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        at = int(before) if re.fullmatch(r"[0-9]{1,9}", before) else None
        lines, onward = exchange_log.page(db, source=source, outcome=outcome, before=at)
        return {"lines": lines, "next_before": onward, "sources": exchange_log.sources(db)}

    frame, told = await look(request, verb)
    frame |= {"view": "exchanges", "source": source, "outcome": outcome, **told}
    return html(request, "exchanges/log.html", frame["me"]["language"], **frame)


async def _do(request: Request, what: Any, notice: str, *, back: str | None = None, **more: Any) -> Response:
    desk, exchange_id = desk_of(request), request.path_params["exchange_id"]

    def verb(db: Session, agent: Agent) -> None:
        what(db, exchanges.get(db, exchange_id), by=access.supervisor(agent), now=desk.clock(), **more)

    _, change_id = await change(request, verb)
    desk.doors_changed()
    where = f"/{exchange_id}" if back is None else back
    return saved(f"/admin/exchanges{where}", change_id, notice=notice)


async def _save(request: Request, exchange_id: int | None) -> Response:
    desk, form = desk_of(request), await _typed(request)
    kind = form.get("kind", "")

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        told: dict[str, Any] = {"by": agent, "settings": desk.settings, "now": desk.clock()}
        if exchange_id is None:
            return exchanges.create(db, _form_of(form, kind), **told).id or 0
        exchange = exchanges.get(db, exchange_id)
        exchanges.change(db, exchange, _form_of(form, exchange.kind, name=exchange.name), **told)
        return exchange_id

    try:
        made, change_id = await change(request, verb)
    except Rehearsed as seen:
        will = seen.shown | {"unkept": bool(form.get("secret"))}
        return await _form(request, exchange_id, kind, form | {"secret": ""}, {}, will=will)
    except Invalid as error:
        errors = {str(error.facts.get("field", "")): error.code}
        return await _form(request, exchange_id, kind, form | {"secret": ""}, errors, 422)
    desk.doors_changed()
    return saved(f"/admin/exchanges/{made}", change_id)


def _form_of(typed: Mapping[str, str], kind: str, *, name: str = "") -> Form:
    """Raises `Invalid`."""
    if kind not in KINDS:
        raise Invalid("unknown_choice", field="kind")
    queue = typed.get("queue_id", "").strip()
    if queue and not re.fullmatch(r"[0-9]{1,9}", queue):
        raise Invalid("unknown_choice", field="queue_id")
    of_kind = exchanges.OPTIONS[ExchangeKind(kind)]
    return Form(
        kind=ExchangeKind(kind), name=name or typed.get("name", ""), label=typed.get("label", ""),
        queue_id=int(queue) if queue else None, secret=typed.get("secret", "").strip("\r\n"),
        drops_secret=bool(typed.get("drops_secret")),
        options={option.name: typed.get(option.name, "") for option in of_kind},
    )  # fmt: skip


async def _form(request: Request, exchange_id: int | None, kind: str, values: Mapping[str, str] | None,
                errors: dict[str, str], status: int = 200, *, will: Any = None) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        exchange = exchanges.get(db, exchange_id) if exchange_id else None
        own = exchange.kind if exchange else ExchangeKind(kind if kind in KINDS else KINDS[0])
        shown = values if values is not None else _shown(exchange) if exchange else {}
        return {
            "values": shown, "kind": own.value, "options": exchanges.OPTIONS[own],
            "exchange": _row(exchange) if exchange else None,
            "has_secret": bool(exchange and exchange.secret), "signs": own in exchanges.SIGNS,
            "connects": own in exchanges.CONNECTS,
            "queues": [{"id": queue.id, "name": queue.called(agent.language)} for queue in queues.everyone(db)],
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "exchanges", "errors": errors, "will": will, **told}
    return html(request, "exchanges/form.html", frame["me"]["language"], status, **frame)


async def _show(request: Request, *, said: str = "", tried: Seen | None = None, errors: dict[str, str] | None = None,
                status: int = 200) -> Response:  # fmt: skip
    desk, exchange_id = desk_of(request), request.path_params["exchange_id"]

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        exchange = exchanges.get(db, exchange_id)
        lines = exchange_log.recent(db, f"{exchange.kind.value}:{exchange.name}")
        queue = next((each for each in queues.everyone(db) if each.id == exchange.queue_id), None)
        token = exchanges.token_of(exchange, settings=desk.settings)
        return {
            "exchange": _row(exchange), "lines": lines, "queue_name": queue.called(agent.language) if queue else "",
            "address": f"{desk.settings.public_url}/api/v1/cti/{token}" if token else "",
            "maps": exchange.kind in exchanges.MAPS, "connects": exchange.kind in exchanges.CONNECTS,
            "names": exchange_trials.names(lines, exchange.mapping),
            "spoken": exchange_trials.spoken(lines, exchange.mapping),
            "has_old_token": exchange.old_token_hash is not None, "old_token_used_at": exchange.old_token_used_at,
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {
        "view": "exchanges", "said": said, "tried": tried, "errors": errors or {}, "fields": cti.push.FIELDS,
        "words": cti.push.WORDS, "public_url": desk.settings.public_url, **told,
    }  # fmt: skip
    return html(request, "exchanges/exchange.html", frame["me"]["language"], status, **frame)


async def _door(request: Request) -> tuple[Agent, exchanges.Door]:
    desk, exchange_id = desk_of(request), request.path_params["exchange_id"]

    def verb(db: Session, agent: Agent) -> exchanges.Door:
        access.supervisor(agent)
        exchange = exchanges.get(db, exchange_id)
        if exchange.kind in exchanges.CONNECTS:
            raise NotFound("not_found", exchange_id=exchange_id)
        return exchanges.door_of(exchange, settings=desk.settings)

    return await see(request, verb)


async def _seen(desk: Any, door: exchanges.Door, said: str, agent: Agent) -> Seen:
    body, content_type = _as_sent(said)
    try:
        kept, kind = exchanges.discreet(door, body, content_type)
        exchanges.events_in(door, kept, kind, settings=desk.settings, now=desk.clock())
    except Rejected as error:
        return exchange_trials.refused(str(error))
    now = desk.clock()
    seen: Seen = await desk.doors.try_out(
        lambda db, inbound: exchange_trials.seen(
            db, inbound, door, language=agent.language, settings=desk.settings, now=now
        ),
        door, kept, kind,
    )  # fmt: skip
    return seen


def _as_sent(said: str) -> tuple[bytes, str]:
    """What was pasted: JSON, a form or query, or a whole address with its query."""
    text = said.strip()
    if address := re.match(r"(?:(?:GET|POST)\s+)?(?:https?:/)?/[^\s?]*\?(\S*)", text):
        text = address[1]
    is_json = text.startswith(("{", "["))
    return text.encode("utf-8", "replace"), "application/json" if is_json else "application/x-www-form-urlencoded"


async def _typed(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: value[:LONGEST] for name, value in form.items() if isinstance(value, str)}


def _numbers(form: Mapping[str, str], stem: str) -> list[str]:
    return [name.removeprefix(f"{stem}-") for name in form if re.fullmatch(rf"{stem}-[0-9]{{1,3}}", name)]


def _pairs(form: Mapping[str, str], first: str, second: str) -> list[tuple[str, str]]:
    return [(form.get(f"{first}-{index}", ""), form.get(f"{second}-{index}", "").strip())
            for index in _numbers(form, second)]  # fmt: skip


def _row(exchange: Exchange) -> dict[str, Any]:
    return {
        "id": exchange.id, "name": exchange.name, "label": exchange.label or exchange.name,
        "kind": exchange.kind.value, "is_active": exchange.is_active, "heard_at": exchange.heard_at,
        "state": exchange.state.value if exchange.is_active else "paused", "state_since": exchange.state_since,
        "error": exchange.error, "source": f"{exchange.kind.value}:{exchange.name}",
    }  # fmt: skip


def _shown(exchange: Exchange) -> dict[str, str]:
    """Its options as they are typed."""
    shown = {"name": exchange.name, "label": exchange.label, "queue_id": str(exchange.queue_id or "")}
    for option in exchanges.OPTIONS[exchange.kind]:
        value = exchange.options.get(option.name, "")
        if option.kind == "rules":
            shown[option.name] = "\n".join(f"{wanted} = {number}" for wanted, number in value or ())
        elif option.kind == "lines":
            shown[option.name] = "\n".join(value or ())
        else:
            shown[option.name] = str(value)
    return shown


ROUTES = (
    get("/admin/exchanges", page),
    get("/admin/exchanges/log", log),
    both("/admin/exchanges/new", new),
    get("/admin/exchanges/{exchange_id:id}", show),
    both("/admin/exchanges/{exchange_id:id}/edit", edit),
    post("/admin/exchanges/{exchange_id:id}/mapping", mapping),
    post("/admin/exchanges/{exchange_id:id}/try", attempt),
    post("/admin/exchanges/{exchange_id:id}/ring", ring),
    post("/admin/exchanges/{exchange_id:id}/pause", pause),
    post("/admin/exchanges/{exchange_id:id}/resume", resume),
    post("/admin/exchanges/{exchange_id:id}/rotate", rotate),
    post("/admin/exchanges/{exchange_id:id}/retire", retire),
    post("/admin/exchanges/{exchange_id:id}/delete", delete),
    get("/admin/exchanges/{exchange_id:id}/template.xml", template),
)
