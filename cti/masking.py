"""A withheld number is taken out of what an exchange sent, before anything is read, kept or logged.

Some exchanges know the number of a caller who withholds it, as a trusted network tells it to them (P-Asserted-Identity,
RFC 3325), and send it along beside the word that it must not be shown. So of such a post only what cannot name the
caller is left: fields we know that say something of the call, and of the rest that they were there. What is equal
before is equal after, so a repeat is still known as one.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from cti import is_withheld

__all__ = ["mask", "mask_twilio"]

MASKED: Final = "withheld"
_CALLERS: Final = frozenset(
    {"from", "fromnumber", "caller", "callerid", "callernumber", "callerid_num", "clid", "number"}
)
_TELLING: Final = (
    "presentation", "privacy", "clir", "callingpres", "callerpres", "calleridpres", "numpres", "calleridnumpres",
    "cidcallingpres",
)  # fmt: skip
_HIDDEN: Final = re.compile(
    r"withheld|restrict|prohib|private|anonymous|^(?:id|user|header|full|true|yes|on|1|3[235]|67|99)$", re.IGNORECASE
)
_KEPT: Final = frozenset({
    "event", "callid", "legid", "direction", "to", "tonumber", "called", "callednumber", "agents", "agent", "user",
    "users", "userid", "fulluserid", "peer", "answeringnumber", "queue", "queuename", "cause", "type", "digits", "dtmf",
    "duration", "durationseconds", "recordingurl", "recording", "at", "timestamp", "seq", "sequence", "action",
    *_TELLING,
})  # fmt: skip
_IDS: Final = frozenset({"callid", "legid", "event", "direction", "at", "timestamp", "seq", "sequence"})
_OUT: Final = frozenset({"out", "outbound", "outgoing"})
_SHORTEST: Final = 7


def mask(body: bytes, content_type: str, *, withheld: bool = False, mapping: Mapping[str, Any] | None = None) -> bytes:
    """The post without its caller's number, where it says that the number is withheld, or where `withheld` tells so.

    Any other post, and what is no post at all, comes back as it is. JSON, a form, or the query of an address. `mapping`
    is what an exchange calls our fields, by our names, where it calls them otherwise than `cti.push` knows.
    """
    ours = {_folded(str(theirs)): _folded(name) for name, theirs in (mapping or {}).items() if isinstance(theirs, str)}
    text = body.decode("utf-8", "replace")
    pairs: list[tuple[str, Any]]
    is_json = "json" in content_type or (not content_type and text.lstrip().startswith("{"))
    if is_json:
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return body
        if not isinstance(told, dict):
            return body
        pairs = [(str(name), value) for name, value in told.items()]
    else:
        pairs = list(parse_qsl(text, keep_blank_values=True))
    named = [(ours.get(_folded(name), _folded(name)), name, value) for name, value in pairs]
    if not (withheld or _says_so(named)):
        return body
    masked = _masked(named, presentation=str((mapping or {}).get("presentation") or "presentation"))
    return json.dumps(dict(masked), ensure_ascii=False).encode() if is_json else urlencode(masked).encode()


def mask_twilio(body: bytes) -> bytes:
    """The form of a callback of Twilio's, without what names a caller whose `From` says nothing; any other as it is."""
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    caller = next((value for name, value in fields if name == "From"), None)
    if caller is None or dict(fields).get("Direction", "").startswith("outbound") or not is_withheld(caller):
        return body
    return urlencode([
        (name, ("anonymous" if value else "") if name in {"From", "Caller"} else MASKED if _names(name) else value)
        for name, value in fields
    ]).encode()  # fmt: skip


def _names(field: str) -> bool:
    return field.startswith(("SipHeader_", "Stir", "From", "Caller", "CallToken")) or field == "ForwardedFrom"


_Named = tuple[str, str, Any]  # our name, the sender's, the value


def _says_so(named: list[_Named]) -> bool:
    """Whether the post itself says that its caller is not to be known. Of a call that goes out it says nothing."""
    told = {name: value for name, _, value in reversed(named)}
    if _folded(str(told.get("direction", ""))) in _OUT or _folded(str(told.get("event", ""))) == "outgoingcall":
        return False
    if any(_HIDDEN.search(str(told[name]).strip()) for name in _TELLING if told.get(name)):
        return True
    caller = told.get("from", told.get("fromnumber"))
    return isinstance(caller, str) and caller.strip() != "" and is_withheld(caller)


def _masked(named: list[_Named], *, presentation: str) -> list[tuple[str, Any]]:
    hidden = _numbers_of(value for name, _, value in named if name not in _KEPT)
    masked: list[tuple[str, Any]] = []
    for name, theirs, value in named:
        if name in _CALLERS:
            value = "anonymous"
        elif name not in _KEPT or name in _TELLING:
            value = MASKED
        elif name not in _IDS:
            value = _without(value, hidden)
        masked.append((theirs, value))
    if not any(name == "presentation" for name, _, _ in named):
        masked.append((presentation, MASKED))
    return masked


def _numbers_of(values: Iterable[Any]) -> frozenset[str]:
    """The last digits of every number in these values: what is compared, however its country is written."""
    found = set()
    for value in values:
        for run in re.findall(r"[0-9][0-9 ().-]*[0-9]", value if isinstance(value, str) else json.dumps(value)):
            digits = re.sub(r"[^0-9]", "", run)
            if len(digits) >= _SHORTEST:
                found.add(digits[-_SHORTEST:])
    return frozenset(found)


def _without(value: Any, hidden: frozenset[str]) -> Any:
    """The value, unless it holds one of the numbers."""
    if isinstance(value, list):
        return [_without(each, hidden) for each in value]
    if isinstance(value, dict):
        return {name: _without(each, hidden) for name, each in value.items()}
    digits = re.sub(r"[^0-9]", "", str(value))
    return MASKED if any(number in digits for number in hidden) else value


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", re.sub(r"\[.*\]$", "", name)[:100]).casefold()
