"""Zoho PhoneBridge, version 3: what a telephone system tells Zoho's products, told to us instead.

The idea: `type` and `state` together are an event of ours, so a notification is brought to our names and read as any
push is. Names of fields: Zoho PhoneBridge, "Call notify". `dialed` and `ended` are taken as others write them.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from cti import CallEvent, Rejected, push

__all__ = ["MAPPING", "answer", "missing", "read"]

MAPPING: Final[Mapping[str, Any]] = {
    "event": "state", "call_id": "id", "direction": "type", "agents": "zohouser", "recording_url": "voiceuri",
    "at": "starttime",
    "values": {
        "event": {"ringing": "ring", "received": "ring", "answered": "answer", "missed": "hangup", "ended": "hangup"},
        "direction": {"received": "in", "dialed": "out"},
    },
}  # fmt: skip
NEEDED: Final = ("type", "state", "id")


def missing(data: Any) -> str:
    """The first parameter that every notification has and this one lacks; "" when it has all."""
    told = push.flat(data)
    return next((name for name in NEEDED if not told.get(name)), "")


def read(data: Any, *, source: str) -> tuple[CallEvent, ...]:
    """What a notification says. A missed call is told once, afterwards: that it rang is then known as well.

    Raises `Rejected` when it is none.
    """
    if lacks := missing(data):
        raise Rejected(f"REQUIRED_PARAM_MISSING: {lacks}")
    told: dict[str, Any] = dict(push.flat(data))
    state = told["state"][0].strip().lower()
    began = _time(told.pop("start_time", [""])[0])
    given = {"cause": {"missed": "noAnswer", "ended": "normalClearing"}.get(state, "")}
    if began and state == "missed":
        rang = told | {"state": ["ringing"], "start_time": [began]}
        # The end first: what has ended already rings on no screen.
        return (*push.read(told, source=source, system="phonebridge", mapping=MAPPING, given=given),
                *push.read(rang, source=source, system="phonebridge", mapping=MAPPING))  # fmt: skip
    if (handed := told.pop("transferredcallid", [""])[0]) and handed != told["id"][0] and state == "ringing":
        # The leg that rings now is part of the call it came from, which is being handed on.
        told["origcallid"] = [handed]
        (rings,) = push.read(told, source=source, system="phonebridge", mapping=MAPPING, given=given)
        return replace(rings, kind="transfer", agents=(), event_id=f"{rings.event_id}:transfer"), rings
    return push.read(told, source=source, system="phonebridge", mapping=MAPPING, given=given)


def answer(lacks: str = "") -> dict[str, str]:
    """The JSON a notification gets back."""
    if lacks:
        return {"status": "error", "code": "REQUIRED_PARAM_MISSING", "message": f"{lacks} is missing"}
    return {"status": "success", "code": "SUCCESS"}


def _time(text: str) -> str:
    """GMT without saying so, as RFC 3339; "" when it is no time."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return ""
