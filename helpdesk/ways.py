"""By which ways an agent is told what: on the page, on the desktop, by push, by mail.

The idea: only what an agent chose otherwise is kept, so that what is usual can change with the desk. Quiet hours hold
back whatever makes a noise or leaves the desk; on the page everything is there at once.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from helpdesk.errors import Invalid
from models import Agent, NotificationKind

WAYS = ("page", "desktop", "push", "mail")
CALL = "call"
"""A ringing call, which is no notification: its card is always on the page, and no mail is quick enough."""

_USUAL: Mapping[str, frozenset[str]] = {
    CALL: frozenset({"desktop", "push"}),
    NotificationKind.MENTIONED: frozenset(WAYS),
    NotificationKind.ASSIGNED: frozenset({"page", "desktop", "mail"}),
    NotificationKind.ANSWERED: frozenset({"page", "desktop"}),
    NotificationKind.WATCHED: frozenset({"page"}),
    NotificationKind.AT_RISK: frozenset({"page", "desktop"}),
    NotificationKind.BREACHED: frozenset({"page", "desktop", "mail"}),
    NotificationKind.REVIEWED: frozenset({"page"}),
    NotificationKind.PRODUCT: frozenset({"page", "desktop", "mail"}),
}
KINDS = (CALL, *NotificationKind)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def offered(kind: str) -> tuple[str, ...]:
    """The ways there are for a kind, in the order of `WAYS`."""
    return ("desktop", "push") if kind == CALL else WAYS


def of(agent: Agent, kind: str) -> frozenset[str]:
    """The ways by which this agent is told of a kind."""
    chosen = agent.telling.get("ways", {}).get(str(kind))
    return _USUAL.get(kind, frozenset({"page"})) if chosen is None else frozenset(chosen)


def kinds_by(agent: Agent, way: str) -> list[NotificationKind]:
    """The kinds of notifications that reach this agent by a way."""
    return [kind for kind in NotificationKind if way in of(agent, kind)]


def says_names(agent: Agent) -> bool:
    """Whether a push may name customers and subjects; usually it says only that there is something."""
    return bool(agent.telling.get("names"))


def wants_days_off(agent: Agent) -> bool:
    """Whether mail shall come on days off, too; usually it waits until the desk opens again."""
    return bool(agent.telling.get("days_off"))


def quiet_hours(agent: Agent) -> tuple[str, str]:
    """From when until when, as "HH:MM"; ("", "") where there are none."""
    return agent.telling.get("quiet_from", ""), agent.telling.get("quiet_until", "")


def choose(
    agent: Agent,
    chosen: Mapping[str, Iterable[str]],
    *,
    names: bool,
    quiet_from: str = "",
    quiet_until: str = "",
    days_off: bool = False,
    shortcuts: bool = True,
) -> None:
    """Keep what the agent chose. Raises `Invalid("not_a_time")` for quiet hours that have no beginning or no end."""
    for field, value, other in (
        ("quiet_from", quiet_from, quiet_until),
        ("quiet_until", quiet_until, quiet_from),
    ):
        if (value or other) and not _TIME.fullmatch(value):
            raise Invalid("not_a_time", field=field)
    told = {kind: frozenset(chosen.get(kind, ())) & frozenset(offered(kind)) for kind in KINDS}
    ways = {
        str(kind): [way for way in WAYS if way in those] for kind, those in told.items() if those != _USUAL.get(kind)
    }
    agent.telling = {
        name: value
        for name, value in {
            "ways": ways, "names": names, "quiet_from": quiet_from, "quiet_until": quiet_until, "days_off": days_off,
        }.items() if value
    }  # fmt: skip
    agent.shortcuts = shortcuts


def quiet_until(agent: Agent, *, timezone: str, now: datetime) -> datetime | None:
    """When the quiet hours that it is now end, in the desk's time zone; None where it is none of them."""
    start, end = (_TIME.fullmatch(each) for each in quiet_hours(agent))
    if start is None or end is None:
        return None
    zone = ZoneInfo(timezone)
    here = now.astimezone(zone)
    begins, ends = time(int(start[1]), int(start[2])), time(int(end[1]), int(end[2]))
    at = here.time()
    is_quiet = begins <= at < ends if begins <= ends else at >= begins or at < ends
    if not is_quiet or begins == ends:
        return None
    day = here.date() if at < ends else here.date() + timedelta(days=1)
    return datetime.combine(day, ends, zone)
