"""Any exchange that can post: our own event, Zammad's generic CTI, sipgate and Placetel, read by one table.

The idea: these formats say the same few things and differ in spelling only, so the names of fields are brought to one
form (`callId`, `call_id` and `callid` are one name, `user[]` is `user`) and then looked up. An exchange set up for
another desk works here by changing its address.

    event      ring | answer | hangup | transfer | hold | resume | dtmf | queued
    call_id    unique per call, at most 250 characters              leg_id     optional
    direction  in | out | internal, needed when it rings            from, to   any spelling of a number
    from_name  optional                                             presentation  allowed | withheld
    agents     extension, login or address, one or a list           queue, digits, duration, recording_url  optional
    cause      Zammad's words or a Q.850 number                     at  RFC 3339 with zone, or epoch (s or ms)
    seq        optional; send it or `at` if one call can be held twice: equal posts are one event

Zammad: system documentation, "Generic CTI". sipgate: sipgate.io push API. Placetel: call control notify API.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from xml.sax.saxutils import escape, quoteattr

from cti import (
    CAUSES,
    LONGEST_ID,
    LONGEST_NAME,
    LONGEST_VALUE,
    CallEvent,
    Cause,
    Direction,
    Kind,
    Rejected,
    Unproven,
    is_withheld,
    legible,
)

__all__ = ["answer", "answer_xml", "prove", "read"]

_MOST_AGENTS: Final = 100

Answer = Literal["", "reject", "dial"]


def prove(*, body: bytes, signature: str | None, secrets: Sequence[str]) -> None:
    """Return if the header holds the HMAC-SHA256 of the raw body, in hexadecimal, by one of our secrets.

    Placetel sends it as X-PLACETEL-SIGNATURE; "sha256=" before it, as others write, is welcome. Raises `Unproven`.
    """
    given = (signature or "").strip().lower().removeprefix("sha256=").encode("utf-8", "replace")
    proven = [
        hmac.compare_digest(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode(), given)
        for secret in secrets
        if secret
    ]
    if not any(proven):
        raise Unproven("the signature is not ours" if given else "no signature")


def read(data: Any, *, source: str) -> tuple[CallEvent, ...]:
    """What a post says: one event. `source` is the name of the exchange, as its token tells.

    `data` is a decoded JSON object, or the fields of a form or query (a multidict, where `user[]` may repeat). Raises
    `Rejected` with a sentence for the one who sets up the exchange when it is no event at all (HTTP 422); anything else
    that is odd is left out of the event, or kept under `extra`. A post sent twice gives the same `event_id`.
    """
    fields = _fields(data)
    event = _first(fields, "event")
    if _folded(event) not in _EVENTS:
        said = f"event {event[:40]!r} is unknown" if event else "event is missing"
        raise Rejected(f"{said}: say ring, answer, hangup, transfer, hold, resume, dtmf, queued or recording")
    kind, implied = _EVENTS[_folded(event)]
    call_id = _first(fields, "callid")
    if not call_id or len(call_id) > LONGEST_ID:
        raise Rejected(f"call_id is {'too long' if call_id else 'missing'}: give 1 to {LONGEST_ID} characters")
    direction = _direction(fields, implied, kind)
    agents = _agents(fields, kind)
    cause = _cause(fields) if kind == "hangup" else ""
    if kind == "answer" and "voicemail" in (agent.casefold() for agent in agents):
        # No person took it, so for the desk the call is over, whatever the exchange records from here on.
        kind, cause, agents = "hangup", "voicemail", ()
    caller = _first(fields, "from", "fromnumber", *(("caller",) if kind == "ring" else ()))
    hidden = _folded(_first(fields, "presentation")) in _HIDDEN
    unsaid = not caller and not (kind == "ring" and direction == "in")
    withheld = direction != "out" and (hidden or not unsaid and is_withheld(caller))
    leg_id = _first(fields, "legid")[:LONGEST_ID] or call_id
    return (
        CallEvent(
            source=f"push:{source}", call_id=call_id, leg_id=leg_id, kind=kind, direction=direction,
            event_id=f"push:{source}:{call_id}:{kind}:{_fingerprint(fields)}",
            caller="" if withheld else caller[:LONGEST_NAME],
            called=_first(fields, "to", "tonumber", "called", "callednumber")[:LONGEST_NAME],
            caller_name="" if withheld else _first(fields, "fromname", "callername")[:LONGEST_NAME],
            withheld=withheld, agents=agents, queue=_first(fields, "queue", "queuename")[:LONGEST_NAME], cause=cause,
            digits=_first(fields, "digits", "dtmf")[:LONGEST_NAME],
            duration_seconds=_whole(_first(fields, "duration", "durationseconds"), most_digits=9),
            recording_url=_first(fields, "recordingurl", "recording"),
            at=_time(_first(fields, "at", "timestamp")), sequence=_whole(_first(fields, "seq", "sequence")),
            extra=_extra(fields, withheld=withheld),
        ),
    )  # fmt: skip


def answer(kind: Answer = "", *, reason: str = "busy", caller_id: str = "", number: str = "") -> dict[str, str]:
    """The JSON an exchange gets back: nothing to do, refuse this caller, or dial out showing this number.

    Zammad's documents write `callerId` in one place and `caller_id` in the others: both are sent.
    """
    if kind == "reject":
        return {"action": "reject", "reason": reason}
    if kind == "dial":
        return {"action": "dial", "caller_id": caller_id, "callerId": caller_id, "number": number}
    return {}


def answer_xml(
    kind: Answer = "", *, events_url: str = "", reason: str = "busy", caller_id: str = "", number: str = ""
) -> str:
    """The same for sipgate and Placetel, as application/xml.

    With `events_url` sipgate goes on to tell of answer and hangup, and without it says nothing more about this call;
    Placetel wants none.
    """
    where = f" onAnswer={quoteattr(events_url)} onHangup={quoteattr(events_url)}" if events_url else ""
    inner = ""
    if kind == "reject":
        inner = f"<Reject reason={quoteattr(reason)}/>"
    elif kind == "dial":
        inner = f"<Dial callerId={quoteattr(caller_id)}><Number>{escape(number)}</Number></Dial>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}<Response{where}>{inner}</Response>" if inner else f"{head}<Response{where}/>"


# --- spellings -------------------------------------------------------------------------------------------------------

_EVENTS: Mapping[str, tuple[Kind, Direction]] = {
    "ring": ("ring", ""), "newcall": ("ring", ""), "ringing": ("ring", ""),
    "incomingcall": ("ring", "in"), "outgoingcall": ("ring", "out"),
    "answer": ("answer", ""), "answered": ("answer", ""), "callaccepted": ("answer", ""),
    "hangup": ("hangup", ""), "hungup": ("hangup", ""), "ended": ("hangup", ""),
    "transfer": ("transfer", ""), "hold": ("hold", ""), "resume": ("resume", ""), "unhold": ("resume", ""),
    "dtmf": ("dtmf", ""), "queued": ("queued", ""), "recording": ("recording", ""),
}  # fmt: skip
_DIRECTIONS: Mapping[str, Direction] = {
    "in": "in", "inbound": "in", "incoming": "in",
    "out": "out", "outbound": "out", "outgoing": "out",
    "internal": "internal",
}  # fmt: skip
_HIDDEN = frozenset({"withheld", "restricted", "prohibited", "private", "anonymous"})
_CAUSE: Mapping[str, Cause] = {
    **{cause.lower(): cause for cause in CAUSES},
    # Placetel's `type`
    "missed": "cancel", "accepted": "normalClearing", "canceled": "cancel", "cancelled": "cancel",
    "unavailable": "noAnswer",
    # Q.850
    "1": "notFound", "3": "notFound", "16": "normalClearing", "17": "busy", "18": "noAnswer", "19": "noAnswer",
    "20": "noAnswer", "21": "rejected", "22": "notFound", "27": "congestion", "28": "notFound", "31": "normalClearing",
    "34": "congestion", "38": "congestion", "41": "congestion", "42": "congestion", "127": "failed",
}  # fmt: skip
_AGENTS = ("answeringnumber", "agents", "agent", "user", "users", "peer", "userid", "fulluserid")
"""Most telling first: who answered, then whom the exchange names, then its own numbers for them."""

_READ = frozenset({
    "event", "callid", "legid", "direction", "from", "fromnumber", "to", "tonumber", "called", "callednumber",
    "fromname", "callername", "presentation", "queue", "queuename", "digits", "dtmf", "duration", "durationseconds",
    "recordingurl", "recording", "at", "timestamp", "seq", "sequence", "caller", *_AGENTS,
})  # fmt: skip


def _fields(data: Any) -> dict[str, list[str]]:
    """Names folded, values as lists of text, blanks dropped."""
    pairs: Iterable[tuple[Any, Any]]
    if hasattr(data, "multi_items"):
        pairs = data.multi_items()
    elif isinstance(data, Mapping):
        pairs = data.items()
    else:
        raise Rejected("the body is not an object of named fields: send a JSON object or a form")
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        texts = [_text(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
        fields.setdefault(_folded(re.sub(r"\[.*\]$", "", _text(name))), []).extend(text for text in texts if text)
    return fields


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name[:100]).casefold()


def _text(value: Any) -> str:
    if value is None or isinstance(value, (Mapping, list, tuple)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return legible(str(value)).strip()


def _first(fields: Mapping[str, list[str]], *names: str) -> str:
    return next((fields[name][0] for name in names if fields.get(name)), "")


def _direction(fields: Mapping[str, list[str]], implied: Direction, kind: Kind) -> Direction:
    """Placetel names it when a call begins and leaves it out afterwards."""
    said = _first(fields, "direction")
    if said and _folded(said) not in _DIRECTIONS:
        raise Rejected(f"direction {said[:40]!r} is unknown: say in, out or internal")
    if not said and not implied and kind == "ring":
        raise Rejected("direction is missing: say in, out or internal")
    return _DIRECTIONS[_folded(said)] if said else implied


def _agents(fields: Mapping[str, list[str]], kind: Kind) -> tuple[str, ...]:
    """Zammad's examples of `answer` name the agent `caller`; when it rings that is the one who calls."""
    names = _AGENTS if kind == "ring" else (*_AGENTS, "caller")
    return tuple(dict.fromkeys(agent[:LONGEST_ID] for name in names for agent in fields.get(name, ())))[:_MOST_AGENTS]


def _cause(fields: Mapping[str, list[str]]) -> Cause:
    return _CAUSE.get(_folded(_first(fields, "cause", "type")), "")


def _whole(text: str, *, most_digits: int = 15) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= most_digits else None


def _time(text: str) -> datetime | None:
    """RFC 3339, epoch seconds or milliseconds. A time without a zone is nobody's, so it is None."""
    try:
        if text.replace(".", "", 1).isdigit():
            number = float(text)
            return datetime.fromtimestamp(number / 1000 if number >= 1e11 else number, UTC)
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return None


def _extra(fields: Mapping[str, list[str]], *, withheld: bool) -> dict[str, str]:
    """What no field of ours took; of a withheld caller nothing, since any of it may be the number."""
    if withheld:
        return {}
    return {name: ",".join(values)[:LONGEST_VALUE] for name, values in fields.items() if values and name not in _READ}


def _fingerprint(fields: Mapping[str, list[str]]) -> str:
    """Equal for equal posts, whatever the order and spelling of their fields."""
    told = json.dumps({name: fields[name] for name in sorted(fields) if fields[name]}, ensure_ascii=True)
    return hashlib.sha256(told.encode()).hexdigest()[:24]
