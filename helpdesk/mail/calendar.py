"""An invitation told in a few lines: what, when, where, from whom (iCalendar, RFC 5545, and iTIP, RFC 5546).

The one idea: the lines need no language. Signs stand where words would, so the text is stored once and read by agents
of either language; the file itself stays an attachment for whoever wants it in a calendar.
"""

import re
from datetime import date, timedelta

CHARACTERS = 1_000_000
EVENTS = 5
_LINES = 5_000
_SHOWN = 300  # characters of one value

_SIGNS = {"REQUEST": "📅", "PUBLISH": "📅", "ADD": "📅", "CANCEL": "🚫", "REPLY": "↩", "COUNTER": "↩"}
_ANSWERS = {"ACCEPTED": "✅", "DECLINED": "❌", "TENTATIVE": "❔", "DELEGATED": "➡"}
_FIELD = re.compile(r'((?:[^":]++|"[^"]*+")*+):(.*)')  # the first colon outside quotes ends name and parameters
_PARAMETER = re.compile(r';([A-Za-z-]{1,40})=(?:"([^"]{0,1000})"|([^";:,]{0,1000}))')
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(?:\d\d)?(Z?))?")


def is_calendar(content_type: str, name: str) -> bool:
    """Whether a part is an invitation by its type or its name."""
    return content_type in ("text/calendar", "application/ics") or name.lower().endswith((".ics", ".vcs"))


def told(text: str) -> str:
    """The events of a calendar file as text, at most five; "" when it holds none.

    Times are shown as they are written, with their zone's name: an agent reads what the customer sees.
    """
    method = ""
    shown: list[str] = []
    text = text[:CHARACTERS]
    event: list[tuple[str, dict[str, str], str]] = []
    inside: list[str] = []
    for line in _unfolded(text):
        found = _FIELD.match(line)
        if not found:
            continue
        name, value = found[1].partition(";")[0].upper(), found[2].strip()
        if name == "BEGIN":
            inside = [*inside, value.upper()][-10:]
            if value.upper() in ("VEVENT", "VTODO"):
                event = []
        elif name == "END":
            if value.upper() in ("VEVENT", "VTODO") and event and len(shown) < EVENTS:
                shown.append(_event(event, method))
            inside = inside[:-1]
        elif name == "METHOD":
            method = value.upper()
        elif inside[-1:] in (["VEVENT"], ["VTODO"]) and len(event) < 500:
            event.append((name, _parameters(found[1]), value))
    return "\n\n".join(filter(None, shown))


def _event(fields: list[tuple[str, dict[str, str], str]], method: str) -> str:
    values = {name: (parameters, value) for name, parameters, value in reversed(fields)}  # the first of a name counts
    summary = _plain(values["SUMMARY"][1]) if "SUMMARY" in values else ""
    is_off = values.get("STATUS", ({}, ""))[1].upper() == "CANCELLED"
    sign = "🚫" if is_off else _SIGNS.get(method, "📅")
    lines = [f"{sign} {summary}".strip()] if summary or "DTSTART" in values else []
    when = _span(values)
    if when:
        lines.append(f"🕙 {when}")
    if "LOCATION" in values and (place := _plain(values["LOCATION"][1])):
        lines.append(f"📍 {place}")
    if "ORGANIZER" in values:
        lines.append(f"👤 {_person(*values['ORGANIZER'])}")
    for name, parameters, value in fields:
        if method in ("REPLY", "COUNTER") and name == "ATTENDEE":
            lines.append(f"{_ANSWERS.get(parameters.get('PARTSTAT', '').upper(), '↩')} {_person(parameters, value)}")
            break
    return "\n".join(lines)


def _unfolded(text: str) -> list[str]:
    """Lines, with those that begin with a blank joined to the one before (RFC 5545, 3.1)."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n", _LINES)[:_LINES]:
        if line[:1] in (" ", "\t") and lines:
            if len(lines[-1]) < 2_000:
                lines[-1] += line[1:1_000]
        else:
            lines.append(line[:2_000])
    return lines


def _parameters(text: str) -> dict[str, str]:
    return {found[1].upper(): found[2] or found[3] or "" for found in _PARAMETER.finditer(text)}


def _plain(value: str) -> str:
    """A text value without its escapes, on one line."""
    value = re.sub(r"\\([\\;,nN])", lambda found: " " if found[1] in "nN" else found[1], value)
    return " ".join(value.split())[:_SHOWN]


def _person(parameters: dict[str, str], value: str) -> str:
    address = re.sub(r"(?i)^mailto:", "", value).strip()[:_SHOWN]
    name = _plain(parameters.get("CN", ""))
    return f"{name} <{address}>" if name and name != address else address


def _span(values: dict[str, tuple[dict[str, str], str]]) -> str:
    start, end = values.get("DTSTART"), values.get("DTEND") or values.get("DUE")
    if start is None:
        return ""
    day, hour, zone = _moment(*start)
    if not day:
        return _plain(start[1])
    last_day, last_hour, _ = _moment(*end) if end else ("", "", "")
    if last_day and not last_hour:
        last_day = _day_before(last_day)  # of a whole day the end is the morning after
    began = f"{day} {hour}".strip()
    if not last_hour or (last_day, last_hour) == (day, hour):
        ended = f"–{last_day}" if last_day and not hour and last_day != day else ""
    else:
        ended = f"–{last_hour}" if last_day == day else f"–{last_day} {last_hour}"
    return f"{began}{ended}{f' {zone}' if zone else ''}"


def _day_before(day: str) -> str:
    try:
        return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return ""


def _moment(parameters: dict[str, str], value: str) -> tuple[str, str, str]:
    """Day, hour and zone as written; empty where they are none."""
    found = _TIME.match(value)
    if not found:
        return "", "", ""
    hour = f"{found[4]}:{found[5]}" if found[4] else ""
    zone = "UTC" if found[6] else _plain(parameters.get("TZID", ""))
    return f"{found[1]}-{found[2]}-{found[3]}", hour, zone if hour else ""
