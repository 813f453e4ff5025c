"""Telephone systems: which may tell the desk of calls, by which key, in which words; and what each is answered.

The one idea: an exchange is known by a key that stands in its address. Only the key's SHA-256 is looked up, so a copy
of the database opens no door, and the key itself is kept sealed, because an operator must be able to read it again to
enter it elsewhere. A new key does not shut out the old one: it stands in a telephone system, and often in several
places of one, where somebody has to replace it by hand while calls go on. The page says whether the old one is still
used, and a person switches it off.

Keys in the setting DESK_PUSH_TOKENS go on working beside these rows.
"""

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlmodel import Session, col, select

import cti.phonebridge
import cti.push
import cti.threecx
from cti import CallEvent
from helpdesk import blocked, offering, queues, seals
from helpdesk.customers import contact_points
from helpdesk.errors import Conflict, Invalid, NotFound, Rejected
from helpdesk.events import emit
from helpdesk.facts import ExchangeChanged
from helpdesk.settings import Settings
from helpdesk.tokens import hash_of
from models import Agent, Call, CallState, Exchange, ExchangeKind, ExchangeState, Inbound, Membership, Queue, VisitEnd

QUIET = timedelta(seconds=30)
"""`heard_at` is written no more often than this: every call would otherwise write the same row."""
TOKEN_BYTES: Final = 24
LONGEST: Final = 200
MOST_RULES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing an exchange of some kind may be told. Its words stand in web/words/exchanges.py under its name."""

    name: str
    kind: Literal["text", "port", "lines", "choice", "rules"] = "text"
    default: str = ""
    choices: tuple[str, ...] = ()
    is_needed: bool = False
    pattern: str = r"[^\x00-\x1f\x7f]*"
    otherwise: str = "not_one_line"  # the code of what is said where it does not fit the pattern


_CALLER_IDS = Option(name="caller_ids", kind="rules")
OPTIONS: Mapping[ExchangeKind, tuple[Option, ...]] = {
    ExchangeKind.PUSH: (
        Option(name="direction", kind="choice", choices=("", "in", "out")),
        Option(name="event", kind="choice", choices=("", "ring")),
        _CALLER_IDS,
    ),
    ExchangeKind.SIPGATE: (_CALLER_IDS,),
    ExchangeKind.PLACETEL: (_CALLER_IDS,),
    ExchangeKind.THREECX: (
        Option(name="country", default="JP", pattern="[A-Z]{2}", is_needed=True, otherwise="not_a_country"),
    ),
    ExchangeKind.PHONEBRIDGE: (),
    ExchangeKind.ASTERISK: (
        Option(name="host", pattern=r"[A-Za-z0-9.:_-]{1,253}", is_needed=True, otherwise="not_a_host"),
        Option(name="port", kind="port", default="5038", is_needed=True),
        Option(name="user", is_needed=True),
        Option(name="security", kind="choice", choices=("plain", "tls"), default="plain"),
        Option(name="inbound_contexts", kind="lines", default="from-trunk\nfrom-pstn"),
        Option(name="dial_context", default="from-internal"),
        Option(name="dial_channel", default="PJSIP/{extension}"),
        Option(name="system"),
    ),
}
"""What the form of each kind asks for, in this order. `Exchange.options` holds ports as numbers, lines as lists, and
`caller_ids` as pairs of what is dialed and the number to show."""
CONNECTS: Final = frozenset({ExchangeKind.ASTERISK})  # the desk goes there; nobody comes to an address of ours
SIGNS: Final = frozenset({ExchangeKind.PUSH, ExchangeKind.PLACETEL})  # may sign what it sends
MAPS: Final = frozenset({ExchangeKind.PUSH, ExchangeKind.SIPGATE, ExchangeKind.PLACETEL})
SPEAKS_XML: Final = frozenset({ExchangeKind.SIPGATE, ExchangeKind.PLACETEL})


@dataclass(frozen=True, kw_only=True)
class Form:
    """An exchange as it is typed; options by name, as text. An empty secret keeps the one there is."""

    kind: ExchangeKind
    name: str
    label: str = ""
    queue_id: int | None = None
    secret: str = field(default="", repr=False)
    drops_secret: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An exchange as the entrance needs it. `id` None: it stands in the setting, not in a row."""

    id: int | None
    kind: ExchangeKind
    name: str
    is_active: bool = True
    secret: str = field(default="", repr=False)
    has_lost_secret: bool = False
    mapping: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    by_old_token: bool = False

    @property
    def source(self) -> str:
        """As in `Call.source`."""
        return f"{self.kind.value}:{self.name}"

    def envelope(self, content_type: str) -> dict[str, Any]:
        """What is kept beside the bytes, so that they can be read again."""
        own = {"exchange": self.id, "kind": self.kind.value} if self.id else {}
        return {"content_type": content_type, **own}

    @property
    def inbound_source(self) -> str:
        """As in `Inbound.source`."""
        return self.source if self.id else self.name


# --- rows


def everyone(db: Session) -> list[Exchange]:
    """All of them, in the order in which they were made."""
    return list(db.exec(select(Exchange).order_by(col(Exchange.id))))


def get(db: Session, exchange_id: int) -> Exchange:
    """Raises `NotFound`."""
    exchange = db.get(Exchange, exchange_id)
    if exchange is None:
        raise NotFound("not_found", exchange_id=exchange_id)
    return exchange


def create(db: Session, form: Form, *, by: Agent, settings: Settings, now: datetime) -> Exchange:
    """A new exchange with a key of its own, unless the desk is the one that connects. Raises `Invalid`, `Conflict`."""
    options = _checked(db, form, settings=settings)
    name = form.name.strip()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}", name):
        raise Invalid("not_an_exchange_name", field="name")
    if name in settings.push_tokens or db.exec(select(Exchange.id).where(Exchange.name == name)).first():
        raise Invalid("taken", field="name")
    if form.kind in CONNECTS and not form.secret:
        raise Invalid("secret_missing", field="secret")
    exchange = Exchange(
        name=name, label=form.label.strip(), kind=form.kind, options=options, queue_id=form.queue_id,
        secret=seals.seal(form.secret, settings=settings), state_since=now, created_at=now,
    )  # fmt: skip
    if form.kind not in CONNECTS:
        _give_token(exchange, settings=settings)
    db.add(exchange)
    db.flush()
    _announce(db, exchange, "made", by=by, now=now)
    return exchange


def change(db: Session, exchange: Exchange, form: Form, *, by: Agent, settings: Settings, now: datetime) -> None:
    """Change it. Its kind and short name stay: calls are told by them. Raises `Invalid`.

    A kept password goes to no other machine or account than the one it was given for.
    """
    options = _checked(db, form, settings=settings)
    where = ("host", "port", "user")
    if exchange.kind in CONNECTS and not form.secret and (
        not exchange.secret or any(options.get(each) != exchange.options.get(each) for each in where)
    ):  # fmt: skip
        raise Invalid("secret_missing", field="secret")
    exchange.label, exchange.queue_id, exchange.options = form.label.strip(), form.queue_id, options
    if form.secret or form.drops_secret:
        exchange.secret = seals.seal(form.secret, settings=settings)
    _begin_anew(db, exchange, "changed", by=by, now=now)


def map_names(db: Session, exchange: Exchange, mapping: Mapping[str, Any], *, by: Agent, now: datetime) -> None:
    """Say what it calls our fields, and which words of its mean which of ours. Raises `Invalid`."""
    names = {ours: theirs for ours, theirs in mapping.items() if ours != "values" and theirs}
    words = {ours: meanings for ours, meanings in (mapping.get("values") or {}).items() if meanings}
    for ours, theirs in names.items():
        if ours not in cti.push.FIELDS or not isinstance(theirs, str) or len(theirs) > LONGEST:
            raise Invalid("unknown_choice", field="mapping")
    if len(set(names.values())) < len(names):
        raise Invalid("mapped_twice", field="mapping")
    for ours, meanings in words.items():
        if any(meaning not in cti.push.WORDS.get(ours, ()) for meaning in meanings.values()):
            raise Invalid("unknown_choice", field="mapping")
    exchange.mapping = names | ({"values": words} if words else {})
    _begin_anew(db, exchange, "mapped", by=by, now=now)


def pause(db: Session, exchange: Exchange, *, by: Agent, now: datetime) -> None:
    """Hear nothing of it until somebody continues."""
    exchange.is_active = False
    _begin_anew(db, exchange, "paused", by=by, now=now)


def resume(db: Session, exchange: Exchange, *, by: Agent, now: datetime) -> None:
    """Hear it again, or try to connect at once."""
    exchange.is_active = True
    _begin_anew(db, exchange, "resumed", by=by, now=now)


def delete(db: Session, exchange: Exchange, *, by: Agent, now: datetime) -> None:
    """Forget it, its key and its secret. Its calls stay."""
    _announce(db, exchange, "deleted", by=by, now=now)
    db.delete(exchange)


def rotate(db: Session, exchange: Exchange, *, by: Agent, settings: Settings, now: datetime) -> None:
    """Another key. The one before it goes on opening the door until `retire`; the one before that no longer does."""
    if exchange.kind in CONNECTS:
        raise Conflict("has_no_key", exchange_id=exchange.id)
    exchange.old_token_hash, exchange.old_token_used_at = exchange.token_hash, None
    _give_token(exchange, settings=settings)
    _begin_anew(db, exchange, "rotated", by=by, now=now)


def retire(db: Session, exchange: Exchange, *, by: Agent, now: datetime) -> None:
    """The old key opens no door any more."""
    exchange.old_token_hash, exchange.old_token_used_at = None, None
    _begin_anew(db, exchange, "retired", by=by, now=now)


def token_of(exchange: Exchange, *, settings: Settings) -> str:
    """Its key, to be entered where the telephone system asks for an address; "" when it cannot be read again."""
    try:
        return seals.unseal(exchange.token, settings=settings)
    except Rejected:
        return ""


# --- at the entrance


def doors(db: Session, *, settings: Settings) -> dict[str, Door]:
    """All that have a key, by the hash of each key they may come with."""
    found: dict[str, Door] = {}
    for exchange in everyone(db):
        for hashed in (exchange.token_hash, exchange.old_token_hash):
            if hashed:
                found[hashed] = door_of(exchange, settings=settings, by_old_token=hashed == exchange.old_token_hash)
    return found


def door_of(exchange: Exchange, *, settings: Settings, by_old_token: bool = False) -> Door:
    """The exchange as the entrance needs it."""
    secret, is_lost = "", False
    if exchange.kind in SIGNS:
        try:
            secret = seals.unseal(exchange.secret, settings=settings)
        except Rejected:
            is_lost = True
    return Door(
        id=exchange.id, kind=ExchangeKind(exchange.kind), name=exchange.name, is_active=exchange.is_active,
        secret=secret, has_lost_secret=is_lost, mapping=exchange.mapping, options=exchange.options,
        by_old_token=by_old_token,
    )  # fmt: skip


def found(known: Mapping[str, Door], token: str, *, settings: Settings) -> Door | None:
    """Whose key this is; None when nobody's. Keys of the setting are all compared, each in constant time."""
    given = token.encode("utf-8", "replace")
    named = [name for name, own in settings.push_tokens.items()
             if hmac.compare_digest(own.get_secret_value().encode(), given)]  # fmt: skip
    if named:
        return Door(id=None, kind=ExchangeKind.PUSH, name=named[0])
    hashed = hash_of(token)
    return next((door for each, door in known.items() if hmac.compare_digest(each, hashed)), None)


def discreet(door: Door, raw: bytes, content_type: str) -> tuple[bytes, str]:
    """The bytes as they may be kept: without the number of who withholds it. Raises `Rejected`."""
    data = cti.push.decode(raw, content_type)
    if door.kind == ExchangeKind.THREECX:
        left = cti.threecx.concealed(data)
    else:
        left = cti.push.concealed(data, mapping=mapping_of(door), given=given_by(door.options))
    return (raw, content_type) if left is None else cti.push.encode(left, content_type)


def unnamed(door: Door, raw: bytes, content_type: str) -> tuple[bytes, str]:
    """The bytes without who calls, whatever they say about it themselves."""
    data: dict[str, Any] = dict(cti.push.flat(cti.push.decode(raw, content_type))) | {"presentation": ["withheld"]}
    left = cti.push.concealed(data, mapping=mapping_of(door), given=given_by(door.options))
    return cti.push.encode(left or {}, content_type)


def said_in(raw: bytes, content_type: str) -> str:
    """The same as a text that people can read and that reads alike without its content type: JSON, or a query."""
    try:
        fields = cti.push.decode(raw, content_type)
    except Rejected:
        return raw.decode("utf-8", "replace")
    if "json" in content_type.partition(";")[0].lower():
        return cti.push.encode(fields, content_type)[0].decode()
    pairs = [(name, value) for name, values in cti.push.flat(fields).items() for value in values]
    return "&".join(f"{_written(name)}={_written(value)}" for name, value in pairs)


def _written(text: str) -> str:
    """As it may stand in a query: only what would end it there is encoded."""
    return re.sub(r"[\x00-\x20&=+%#;]", lambda found: f"%{ord(found[0]):02X}", text)


def events_in(door: Door, raw: bytes, content_type: str, *, settings: Settings, now: datetime) -> tuple[CallEvent, ...]:
    """What a post says, in the words of its kind. Raises `Rejected`."""
    data = cti.push.decode(raw, content_type)
    if door.kind == ExchangeKind.THREECX:
        return cti.threecx.read(data, source=door.name, zone=settings.timezone, now=now)
    if door.kind == ExchangeKind.PHONEBRIDGE:
        return cti.phonebridge.read(data, source=door.name)
    given = given_by(door.options)
    return cti.push.read(data, source=door.name, system=door.kind.value, mapping=door.mapping, given=given)


def mapping_of(door: Door) -> Mapping[str, Any]:
    """Its names for our fields."""
    return cti.phonebridge.MAPPING if door.kind == ExchangeKind.PHONEBRIDGE else door.mapping


def given_by(options: Mapping[str, Any]) -> dict[str, str]:
    """What it never says, and is taken for said."""
    return {name: str(options[name]) for name in ("event", "direction") if options.get(name)}


def behind(db: Session, inbound: Inbound) -> Exchange | None:
    """The exchange whose post was kept; None for the setting's, and for one that was deleted since."""
    exchange_id = inbound.envelope.get("exchange")
    return db.get(Exchange, exchange_id) if isinstance(exchange_id, int) else None


def door_behind(inbound: Inbound, exchange: Exchange | None) -> Door:
    """How to read what was kept, by the mapping of today: whoever mends it can have the bytes read again."""
    kind, _, name = inbound.source.rpartition(":")
    if exchange is None:
        return Door(id=None, kind=ExchangeKind(kind) if kind else ExchangeKind.PUSH, name=name)
    return Door(
        id=exchange.id, kind=ExchangeKind(exchange.kind), name=exchange.name,
        mapping=exchange.mapping, options=exchange.options,
    )  # fmt: skip


def heard(db: Session, exchange: Exchange, *, by_old_token: bool = False, now: datetime) -> None:
    """It said something the desk understood."""
    if exchange.heard_at is None or now - exchange.heard_at >= QUIET:
        exchange.heard_at = now
    if by_old_token and (exchange.old_token_used_at is None or now - exchange.old_token_used_at >= QUIET):
        exchange.old_token_used_at = now
    if exchange.state != ExchangeState.CONNECTED:
        exchange.state, exchange.state_since, exchange.error = ExchangeState.CONNECTED, now, ""
        _announce(db, exchange, "connected", by=None, now=now)


def failed(db: Session, exchange_id: int, error: str, *, now: datetime) -> None:
    """It cannot be reached, or said something the desk could not take: `error` is a code. Said once, until it
    changes."""
    exchange = db.get(Exchange, exchange_id)
    if exchange is None or (exchange.state == ExchangeState.FAILING and exchange.error == error):
        return
    if exchange.state != ExchangeState.FAILING:
        exchange.state, exchange.state_since = ExchangeState.FAILING, now
    exchange.error = error
    _announce(db, exchange, "failing", by=None, now=now)


def is_refused(db: Session, event: CallEvent, *, region: str) -> bool:
    """Whether somebody calls whose number is blocked. How it is spelt does not matter."""
    if event.kind not in {"ring", "queued"} or event.direction == "out" or not event.caller:
        return False
    number = contact_points.read_number(event.caller, region=region).e164
    return blocked.is_blocked(db, number)


def answer_to(db: Session, event: CallEvent, call: Call, *, options: Mapping[str, Any], refused: bool,
              region: str) -> dict[str, str]:  # fmt: skip
    """What the exchange is to do: {} for nothing, or the arguments of `cti.push.answer`."""
    if refused:
        return {"kind": "reject", "reason": "busy"}
    is_in = event.kind == "ring" and call.direction == "in" and call.state == CallState.RINGING
    queue = db.get(Queue, call.queue_id) if is_in and call.queue_id else None
    if queue is not None and offering.may_turn_away(queue):
        how, _ = offering.turned_away(db, call.id or 0) or (None, "")
        told = {VisitEnd.VOICEMAIL: {"kind": "voicemail"}, VisitEnd.REFUSED: {"kind": "reject", "reason": "busy"}}
        return told.get(how, {}) if how else {}
    rules = options.get("caller_ids") or ()
    if rules and event.kind == "ring" and call.direction == "out" and event.called:
        if shown := _shown(db, rules, event, call, region=region):
            return {"kind": "dial", "caller_id": shown.removeprefix("+"), "number": event.called}
    return {}


def _shown(db: Session, rules: Iterable[Any], event: CallEvent, call: Call, *, region: str) -> str:
    """The number of ours that whoever is called shall see: the first rule that fits decides."""
    called = {re.sub(r"\D", "", event.called)}
    if call.number:
        called |= {call.number.removeprefix("+"), re.sub(r"\D", "", contact_points.national(call.number, region))}
    slugs: set[str] | None = None
    for wanted, number in rules:
        if re.fullmatch(r"\+?[0-9*]+", wanted):
            pattern = re.escape(wanted.removeprefix("+")).replace(r"\*", ".*")
            if any(re.fullmatch(pattern, each) for each in called):
                return str(number)
            continue
        if slugs is None:
            slugs = {event.queue} | _queues_of(db, call)
        if wanted in slugs:
            return str(number)
    return ""


def _queues_of(db: Session, call: Call) -> set[str]:
    """The queue a call goes out from, or else those its agent serves."""
    if call.queue_id is not None and (queue := db.get(Queue, call.queue_id)):
        return {queue.slug}
    serves = select(Queue.slug).join(Membership, col(Membership.queue_id) == Queue.id)
    return set(db.exec(serves.where(Membership.agent_id == call.agent_id))) if call.agent_id else set()


# --- what is typed


def _checked(db: Session, form: Form, *, settings: Settings) -> dict[str, Any]:
    """The options as they are kept. Raises `Invalid` with the field."""
    if not form.label.strip() or len(form.label) > LONGEST:
        raise Invalid("name_missing", field="label")
    if form.queue_id is not None and db.get(Queue, form.queue_id) is None:
        raise Invalid("unknown_choice", field="queue_id")
    if "\0" in form.secret or len(form.secret) > LONGEST:
        raise Invalid("secret_missing", field="secret")
    kept: dict[str, Any] = {}
    for option in OPTIONS[form.kind]:
        kept[option.name] = _option(db, option, form.options.get(option.name, option.default).strip(), settings)
    return {name: value for name, value in kept.items() if value not in ("", [])}


def _option(db: Session, option: Option, typed: str, settings: Settings) -> Any:
    if option.is_needed and not typed:
        raise Invalid("value_missing", field=option.name)
    if option.kind == "choice" and typed not in option.choices:
        raise Invalid("unknown_choice", field=option.name)
    if option.kind == "port":
        if not re.fullmatch(r"[0-9]{1,5}", typed) or not 1 <= int(typed) <= 65535:
            raise Invalid("not_a_port", field=option.name)
        return int(typed)
    if option.kind == "rules":
        return _rules(db, option.name, typed, settings)
    lines = [line.strip() for line in typed.splitlines() if line.strip()] if option.kind == "lines" else [typed]
    if len(lines) > MOST_RULES or any(len(line) > LONGEST for line in lines):
        raise Invalid("too_long", field=option.name)
    if not all(re.fullmatch(option.pattern, line) for line in lines):
        raise Invalid(option.otherwise, field=option.name)
    return lines if option.kind == "lines" else typed


def _rules(db: Session, name: str, typed: str, settings: Settings) -> list[list[str]]:
    """Lines such as "0120* = 03-5550-0101" or "returns = 03-5550-0102"."""
    rules: list[list[str]] = []
    slugs = {queue.slug for queue in queues.everyone(db)}
    for line in typed.splitlines():
        if not line.strip():
            continue
        wanted, equals, number = (part.strip() for part in contact_points.plain(line).partition("="))
        pattern = re.sub(r"[\s()-]", "", wanted)
        if not equals or len(rules) >= MOST_RULES:
            raise Invalid("not_a_rule", field=name)
        if re.fullmatch(r"\+?[0-9*]{1,20}", pattern):
            wanted = pattern
        elif wanted not in slugs:
            raise Invalid("not_a_rule", field=name)
        try:
            rules.append([wanted, contact_points.to_e164(number, region=settings.region)])
        except Invalid as error:
            raise Invalid("not_a_rule", field=name) from error
    return rules


def _give_token(exchange: Exchange, *, settings: Settings) -> None:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    exchange.token_hash, exchange.token = hash_of(token), seals.seal(token, settings=settings)


def _begin_anew(db: Session, exchange: Exchange, what: str, *, by: Agent, now: datetime) -> None:
    """Whoever is connected notices the version; what was wrong before may be mended."""
    exchange.version += 1
    exchange.state, exchange.state_since, exchange.error = ExchangeState.NEW, now, ""
    db.add(exchange)
    _announce(db, exchange, what, by=by, now=now)


def _announce(db: Session, exchange: Exchange, what: str, *, by: Agent | None, now: datetime) -> None:
    emit(db, ExchangeChanged(exchange_id=exchange.id or 0, what=what, by_id=by.id if by else None, at=now))
