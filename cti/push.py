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

What uses other names and words altogether is told apart by a mapping: {"from": "caller.tel", "values": {"event":
{"着信": "ring"}}} says what the exchange calls our field, and what its word means there. Names within names (JSON
objects in objects) are written with dots. `given` fills in what an exchange never says, such as the direction.

Zammad: system documentation, "Generic CTI". sipgate: sipgate.io push API. Placetel: call control notify API.
"""

import email.parser
import email.policy
import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode
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

__all__ = [
    "FIELDS", "WORDS", "answer", "answer_xml", "concealed", "decode", "encode", "error_xml", "flat", "known_as",
    "means", "popped", "prove", "read", "settle",
]  # fmt: skip

FIELDS: Final = (
    "event", "call_id", "leg_id", "direction", "from", "to", "from_name", "presentation", "agents", "queue", "cause",
    "digits", "duration", "recording_url", "at", "seq",
)  # fmt: skip
"""Ours, by their own names: what a mapping may name."""
_MOST_AGENTS: Final = 100
_MOST_FIELDS: Final = 300
_DEEPEST: Final = 5

Answer = Literal["", "reject", "dial", "voicemail"]


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


def decode(raw: bytes, content_type: str) -> dict[str, Any]:
    """The fields of a post: a JSON object, a form of either kind, or a query. Raises `Rejected`.

    Bytes are UTF-8 unless the content type names another charset; what cannot be read becomes U+FFFD. Without a
    content type a text that begins with a brace is JSON.
    """
    kind, _, rest = content_type.partition(";")
    kind = kind.strip().lower()
    if kind == "multipart/form-data":
        return _multipart(raw, content_type)
    named = _CHARSET.search(rest)
    charset = _charset(named[1] if named else "")
    text = raw.decode(charset, "replace").removeprefix("\ufeff")
    if "json" in kind or (kind not in _FORMS and text.lstrip().startswith("{")):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:  # the second of brackets within brackets within brackets
            raise Rejected("not_json") from error
        if not isinstance(data, dict):
            raise Rejected("not_an_object")
        return data
    fields: dict[str, Any] = {}
    for name, value in parse_qsl(text.strip(), keep_blank_values=True, encoding=charset, errors="replace"):
        fields.setdefault(name, []).append(value)
    return fields


def encode(fields: Mapping[str, Any], content_type: str) -> tuple[bytes, str]:
    """Fields as bytes again, and as what: JSON where they came as such, a form otherwise; either way in UTF-8."""
    if "json" in content_type.partition(";")[0].lower():
        return json.dumps(dict(fields), ensure_ascii=False).encode("utf-8", "replace"), "application/json"
    return urlencode(fields, doseq=True, errors="replace").encode(), "application/x-www-form-urlencoded"


def read(
    data: Any,
    *,
    source: str,
    system: str = "push",
    mapping: Mapping[str, Any] | None = None,
    given: Mapping[str, str] | None = None,
) -> tuple[CallEvent, ...]:
    """What a post says: one event. `source` is the name of the exchange, as its token tells; `system` its kind.

    `data` is a decoded JSON object, or the fields of a form or query (a multidict, where `user[]` may repeat). Raises
    `Rejected` with a sentence for the one who sets up the exchange when it is no event at all (HTTP 422); anything else
    that is odd is left out of the event, or kept under `extra`. A post sent twice gives the same `event_id`, whatever
    the mapping is by then.
    """
    sent = _fields(data)
    fields = settle(sent, mapping=mapping, given=given)
    event = _first(fields, "event")
    if _folded(event) not in _EVENTS:
        said = f"event {event[:40]!r} is unknown" if event else "event is missing"
        raise Rejected(f"{said}: say ring, answer, hangup, transfer, hold, resume, dtmf, queued or recording")
    kind, implied = _EVENTS[_folded(event)]
    leg_id, call_id = _first(fields, "callid"), _first(fields, "origcallid", "callid")
    if not call_id or len(call_id) > LONGEST_ID:
        raise Rejected(f"call_id is {'too long' if call_id else 'missing'}: give 1 to {LONGEST_ID} characters")
    direction = _direction(fields, implied, kind)
    agents = _agents(fields, kind)
    cause = _cause(fields) if kind == "hangup" else ""
    if kind == "answer" and "voicemail" in (agent.casefold() for agent in agents):
        # No person took it, so for the desk the call is over, whatever the exchange records from here on.
        kind, cause, agents = "hangup", "voicemail", ()
    caller = _caller(fields, kind)
    withheld = _withheld(fields, kind, direction)
    leg_id = (_first(fields, "legid") or (leg_id if leg_id != call_id else ""))[:LONGEST_ID] or call_id
    name = f"{system}:{source}"
    return (
        CallEvent(
            source=name, call_id=call_id, leg_id=leg_id, kind=kind, direction=direction,
            event_id=f"{name}:{call_id}:{kind}:{_fingerprint(sent)}",
            caller="" if withheld else caller[:LONGEST_NAME],
            called=_first(fields, "to", "tonumber", "called", "callednumber")[:LONGEST_NAME],
            caller_name="" if withheld else _first(fields, "fromname", "callername")[:LONGEST_NAME],
            withheld=withheld, unsaid=withheld and not caller and not _is_hidden(fields), agents=agents,
            queue=_first(fields, "queue", "queuename")[:LONGEST_NAME], cause=cause,
            digits=_first(fields, "digits", "dtmf")[:LONGEST_NAME],
            duration_seconds=_whole(_first(fields, "duration", "durationseconds"), most_digits=9),
            recording_url=_first(fields, "recordingurl", "recording"),
            at=_time(_first(fields, "at", "timestamp")), sequence=_whole(_first(fields, "seq", "sequence")),
            extra=_extra(fields, withheld=withheld),
        ),
    )  # fmt: skip


def concealed(
    data: Any, *, mapping: Mapping[str, Any] | None = None, given: Mapping[str, str] | None = None
) -> dict[str, Any] | None:
    """The same post without who calls, for one that says that the caller withholds the number; None for any other.

    A number that is sent although it is withheld is not to be kept anywhere, the raw bytes included. What is left reads
    as the whole did; of fields nobody knows only the names are left. Of a post nobody can read, one that speaks of
    withholding keeps no long number at all.
    """
    sent = _fields(data)
    fields = settle(sent, mapping=mapping, given=given)
    event, said = _folded(_first(fields, "event")), _folded(_first(fields, "direction"))
    if event not in _EVENTS or (said and said not in _DIRECTIONS):
        speaks = any(_speaks_of_hiding(name, value) for name, values in fields.items() for value in values)
        if not speaks:
            return None
        return {name: [_LONG_NUMBER.sub("…", value) for value in values] for name, values in flat(data).items()}
    kind, implied = _EVENTS[event]
    says_so = _caller(fields, kind) or _is_hidden(fields)
    if not says_so or not _withheld(fields, kind, _DIRECTIONS[said] if said else implied):
        return None
    by_ours = {_folded(theirs): _folded(ours) for ours, theirs in _names(mapping)}
    hidden = {"from", "fromnumber", "fromname", "callername", *(("caller",) if kind == "ring" else ())}
    said_by = [(by_ours.get(_folded(name), _folded(name)), name, values) for name, values in flat(data).items()]
    numbers = {
        digits[-_TOLD_APART:]
        for ours, _, values in said_by if ours in hidden or ours not in _READ
        for run in _RUNS.findall(" ".join(values)) if len(digits := re.sub(r"\D", "", run)) >= _TOLD_APART
    }  # fmt: skip
    kept: dict[str, Any] = {}
    for ours, name, values in said_by:
        if ours in ("from", "fromnumber") or (ours == "caller" and kind == "ring"):
            kept[name] = ["anonymous"]
        elif ours in (*_READ, "cause", "type") and ours not in hidden:
            left = [v for v in values if not any(number in re.sub(r"\D", "", v) for number in numbers)]
            if left:
                kept[name] = left
        else:
            kept[name] = ["…"]
    return kept


def flat(data: Any) -> dict[str, list[str]]:
    """Every field by the name its sender gave it, names within names with dots; values as lists of text, blanks
    dropped. Raises `Rejected` when there are no named fields at all."""
    told: dict[str, list[str]] = {}
    for name, value in _pairs(data):
        if text := _text(value):
            told.setdefault(_BRACKETS.sub("", name), []).append(text)
    return told


def known_as(name: str) -> str:
    """The field of ours that a name is known to mean without any mapping; "" when it means none."""
    return _MEANS.get(_folded(name), "")


def popped(data: Any, *, mapping: Mapping[str, Any] | None = None) -> tuple[str, str, str]:
    """Who calls, whom, and whose telephone rings, as an address says that a telephone system opens on a screen. Each
    "" when not said."""
    fields = settle(_fields(data), mapping=mapping)
    return _first(fields, *_CALLERS), _first(fields, *_CALLED), _first(fields, *_POPS_AT)


def means(ours: str, word: str) -> str:
    """The word of ours that a word is known to mean in this field without any mapping; "" when it means none."""
    known: Mapping[str, Any] = {
        "event": {name: kind for name, (kind, _) in _EVENTS.items()}, "direction": _DIRECTIONS, "cause": _CAUSE,
        "presentation": dict.fromkeys(_HIDDEN, "withheld") | {"allowed": "allowed"},
    }.get(ours, {})  # fmt: skip
    return str(known.get(_folded(word), ""))


def settle(
    fields: Mapping[str, list[str]], *, mapping: Mapping[str, Any] | None = None, given: Mapping[str, str] | None = None
) -> dict[str, list[str]]:
    """Folded fields by our names and in our words, as a mapping tells. A name that is mapped means nothing else."""
    names = [(_folded(ours), _folded(theirs)) for ours, theirs in _names(mapping)]
    taken = {theirs for _, theirs in names}
    settled = {name: values for name, values in fields.items() if name not in taken}
    settled |= {ours: fields[theirs] for ours, theirs in names if theirs in fields}
    words = (mapping or {}).get("values")
    for ours, meanings in words.items() if isinstance(words, Mapping) else ():
        known = {_plain(word): str(meaning) for word, meaning in meanings.items()} if isinstance(meanings, dict) else {}
        for name in _ALIASES.get(ours, ()):
            if name in settled:
                settled[name] = [known.get(_plain(value), value) for value in settled[name]]
    for ours, value in (given or {}).items():
        if value and not any(settled.get(name) for name in _ALIASES.get(ours, (_folded(ours),))):
            settled[_folded(ours)] = [value]
    return settled


def answer(kind: Answer = "", *, reason: str = "busy", caller_id: str = "", number: str = "") -> dict[str, str]:
    """The JSON an exchange gets back: nothing to do, refuse this caller, or dial out showing this number. That it shall
    take a message only sipgate understands, see `answer_xml`.

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
    elif kind == "voicemail":
        inner = "<Voicemail/>"
    elif kind == "dial":
        inner = f"<Dial callerId={quoteattr(caller_id)}><Number>{escape(number)}</Number></Dial>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}<Response{where}>{inner}</Response>" if inner else f"{head}<Response{where}/>"


def error_xml(said: str) -> str:
    """What is wrong, to those who are answered in XML."""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response><Error>{escape(said)}</Error></Response>'


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
_TOLD_APART = 7  # last digits by which two spellings of a number are known as one
_RUNS = re.compile(r"[0-9][0-9 ().-]*[0-9]")
_TELLING = (
    "presentation", "privacy", "clir", "callingpres", "callerpres", "calleridpres", "numpres", "calleridnumpres",
    "cidcallingpres",
)  # fmt: skip
"""Fields in which telephone systems say whether a number may be shown: RFC 3323's Privacy, Asterisk's presentations."""
_SAYS_HIDDEN = re.compile(
    r"withheld|restrict|prohib|private|anonymous|^(?:id|user|header|full|true|yes|on|1|3[235]|67|99)$", re.IGNORECASE
)
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
    "event", "callid", "origcallid", "legid", "direction", "from", "fromnumber", "to", "tonumber", "called",
    "callednumber", "fromname", "callername", "presentation", "queue", "queuename", "digits", "dtmf", "duration",
    "durationseconds", "recordingurl", "recording", "at", "timestamp", "seq", "sequence", "caller", *_AGENTS,
})  # fmt: skip


_ALIASES: Mapping[str, tuple[str, ...]] = {
    "event": ("event",), "call_id": ("callid",), "leg_id": ("legid",), "direction": ("direction",),
    "from": ("from", "fromnumber"), "to": ("to", "tonumber", "called", "callednumber"),
    "from_name": ("fromname", "callername"), "presentation": ("presentation",), "agents": _AGENTS,
    "queue": ("queue", "queuename"), "cause": ("cause", "type"), "digits": ("digits", "dtmf"),
    "duration": ("duration", "durationseconds"), "recording_url": ("recordingurl", "recording"),
    "at": ("at", "timestamp"), "seq": ("seq", "sequence"),
}  # fmt: skip
_MEANS = {name: ours for ours, names in _ALIASES.items() for name in names} | {"caller": "from"}
WORDS: Mapping[str, tuple[str, ...]] = {
    "event": ("ring", "answer", "hangup", "transfer", "hold", "resume", "queued"),
    "direction": ("in", "out", "internal"),
    "cause": tuple(sorted(CAUSES)),
    "presentation": ("allowed", "withheld"),
}
"""Our words in the fields that have words of their own."""
_CALLERS = ("number", "from", "fromnumber", "caller", "callerid", "callernumber", "cid", "tel", "phone", "ani", "clid")
_CALLED = ("to", "tonumber", "called", "callednumber", "dnis", "did")
_POPS_AT = (*_AGENTS, "ext", "extension")
_BRACKETS = re.compile(r"(?:\[[^\[\]]*\])+$")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{4,}\d")


def _charset(named: str) -> str:
    """A charset Python can decode text with; UTF-8 where it cannot."""
    try:
        return named if named and "a" == b"a".decode(named) else "utf-8"
    except (LookupError, UnicodeError, TypeError, ValueError):
        return "utf-8"


def _multipart(raw: bytes, content_type: str) -> dict[str, Any]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    try:
        whole = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + raw)
        fields: dict[str, Any] = {}
        for part in whole.iter_parts():
            name = part.get_param("name", header="content-disposition")
            value = part.get_payload(decode=True)
            if isinstance(name, str) and isinstance(value, bytes) and part.get_filename() is None:
                fields.setdefault(name, []).append(value.decode("utf-8", "replace"))
    except Exception as error:  # a head no standard foresees
        raise Rejected("not_a_form") from error
    return fields


def _pairs(data: Any) -> Iterator[tuple[str, Any]]:
    """Names and single values, as far down and as many as anybody could mean."""
    if hasattr(data, "multi_items"):
        pairs = data.multi_items()
    elif isinstance(data, Mapping):
        pairs = data.items()
    else:
        raise Rejected("the body is not an object of named fields: send a JSON object or a form")
    left = _MOST_FIELDS

    def walk(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
        nonlocal left
        if isinstance(value, Mapping):
            for inner, deeper in value.items() if depth < _DEEPEST else ():
                yield from walk(f"{name}.{_text(inner)}"[:200], deeper, depth + 1)
        elif isinstance(value, (list, tuple)):
            for each in value[:_MOST_AGENTS]:
                if not isinstance(each, (list, tuple)):
                    yield from walk(name, each, depth + 1)
        elif left > 0:
            left -= 1
            yield name, value

    for name, value in pairs:
        yield from walk(_text(name)[:200], value, 0)


def _fields(data: Any) -> dict[str, list[str]]:
    """Names folded, values as lists of text, blanks dropped."""
    fields: dict[str, list[str]] = {}
    for name, values in flat(data).items():
        fields.setdefault(_folded(name), []).extend(values)
    return fields


def _names(mapping: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(ours, theirs) for ours, theirs in (mapping or {}).items() if isinstance(theirs, str) and theirs]


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).strip().casefold()


def _caller(fields: Mapping[str, list[str]], kind: Kind) -> str:
    return _first(fields, "from", "fromnumber", *(("caller",) if kind == "ring" else ()))


def _withheld(fields: Mapping[str, list[str]], kind: Kind, direction: Direction) -> bool:
    caller = _caller(fields, kind)
    hidden = _is_hidden(fields)
    unsaid = not caller and not (kind == "ring" and direction == "in")
    return direction != "out" and (hidden or not unsaid and is_withheld(caller))


def _is_hidden(fields: Mapping[str, list[str]]) -> bool:
    """Whether the post itself says that its caller is not to be known, in one of the fields that say so."""
    told = [value for name in _TELLING for value in fields.get(name, ())]
    return any(_folded(value) in _HIDDEN or _SAYS_HIDDEN.search(value.strip()) for value in told)


def _speaks_of_hiding(name: str, value: str) -> bool:
    return _folded(value) in _HIDDEN or (len(value) > 1 and is_withheld(value))


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
