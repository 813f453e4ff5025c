"""3CX, which cannot tell us of calls but asks: the template it loads, what it asks by it, and what it reports.

The idea: 3CX calls us through a CRM template, an XML file with the addresses to ask and how to read the answers, made
here for one exchange with its address and key in it. A call is reported once, after it has ended, so the report is
read as the three things that happened: it ended, somebody answered it, it began. In that order, so that a call which is
over rings on no screen.

3CX gives such a report no id. The key is made of what makes a call one: its beginning, agent, number and direction.
Variables that 3CX could not fill come as "[Agent]" and mean nothing. Names: 3CX, "CRM template XML description".
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

from cti import LONGEST_ID, LONGEST_NAME, CallEvent, Direction, Rejected, is_withheld, push

__all__ = ["concealed", "read", "template"]

REPORTED: Final = (
    "CallType", "CallDirection", "Number", "Name", "EntityId", "Agent", "AgentEmail", "Duration", "CallStartTimeUTC",
    "CallStartTimeLocal", "CallEndTimeUTC", "CallEndTimeLocal", "DateTime",
)  # fmt: skip
"""The variables our template has 3CX send when a call has ended."""
OUTPUTS: Final = (
    ("FirstName", "firstname"), ("LastName", "lastname"), ("CompanyName", "company"), ("Email", "email"),
    ("PhoneBusiness", "phone_business"), ("PhoneBusiness2", "phone_business2"), ("PhoneHome", "phone_home"),
    ("PhoneHome2", "phone_home2"), ("PhoneMobile", "phone_mobile"), ("PhoneMobile2", "phone_mobile2"),
    ("PhoneOther", "phone_other"), ("EntityId", "id"), ("ContactUrl", "url"),
)  # fmt: skip
"""What a contact is to 3CX, and where it stands in our answer."""
LONGEST_CALL: Final = timedelta(days=2)

_HARMLESS: Final = frozenset({*(each.lower() for each in REPORTED), "callid"} - {"name", "entityid"})
_TYPES: Mapping[str, tuple[Direction, bool]] = {
    "inbound": ("in", True), "outbound": ("out", True), "missed": ("in", False), "notanswered": ("out", False),
}  # fmt: skip
_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
)  # fmt: skip


def template(address: str, *, name: str, country: str = "JP") -> str:
    """The XML an operator uploads to 3CX. `address` is that of the exchange, its key included."""
    encoded = "[[Number].Replace(&quot;+&quot;,&quot;%2B&quot;)]"
    variables = "".join(f'\n        <Variable Name="{output}" Path="contacts.{path}"><Filter /></Variable>'
                        for output, path in OUTPUTS)  # fmt: skip
    outputs = "".join(f'\n        <Output Type="{output}" Passes="0" Value="[{output}]" />' for output, _ in OUTPUTS)
    reported = "".join(f'\n          <Value Key="{each}" Type="String">[{each}]</Value>' for each in REPORTED)
    base = quoteattr(address)[1:-1]

    def asks(scenario: str, query: str) -> str:
        return f"""
    <Scenario Id="{scenario}" Type="REST" EntityId="Contacts">
      <Request Url="{base}{query}" RequestEncoding="UrlEncoded" RequestType="Get" ResponseType="Json" />
      <Rules>
        <Rule Type="Any">contacts.id</Rule>
      </Rules>
      <Variables>{variables}
      </Variables>
      <Outputs AllowEmpty="false">{outputs}
        <Output Type="EntityType" Passes="0" Value="Contacts" />
      </Outputs>
    </Scenario>"""

    return f"""<?xml version="1.0" encoding="utf-8"?>
<Crm Country={quoteattr(country)} Name={quoteattr(name)} Version="1" SupportsEmojis="false">
  <Number Prefix="AsIs" MaxLength="20" />
  <Connection MaxConcurrentRequests="4" />
  <Parameters>
    <Parameter Name="ReportCallEnabled" Type="Boolean" Editor="String" Title="Report calls" Default="True" />
  </Parameters>
  <Authentication Type="No" />
  <Scenarios>{asks("", f"/lookup?number={encoded}&amp;direction=[CallDirection]")}{
        asks("SearchContacts", "/search?text=[EscapedSearchText]")
    }
    <Scenario Id="ReportCall" Type="REST">
      <Request SkipIf="[ReportCallEnabled]!=True" Url="{base}/report" RequestContentType="application/json"
               RequestEncoding="Json" RequestType="Post" ResponseType="Json">
        <PostValues>{reported}
        </PostValues>
      </Request>
      <Rules />
      <Variables />
      <Outputs AllowEmpty="true" />
    </Scenario>
  </Scenarios>
</Crm>
"""


def read(data: Any, *, source: str, zone: str, now: datetime) -> tuple[CallEvent, ...]:
    """What a report says: the end, the answer if there was one, and the beginning of one call, in this order.

    `zone` is the time zone of the exchange, for times it gives without one; `now` stands for an end it does not tell.
    Raises `Rejected` when it is no report.
    """
    told = _told(data)
    kind = re.sub(r"[\s_-]+", "", told.get("calltype", "") or told.get("calldirection", "")).lower()
    if kind not in _TYPES:
        raise Rejected(f"CallType {kind[:40]!r} is unknown: say Inbound, Outbound, Missed or Notanswered")
    direction, was_answered = _TYPES[kind]
    number = told.get("number", "")
    withheld = direction == "in" and is_withheld(number)
    length = _length(told.get("duration", ""))
    began = _time(told, ("callstarttimeutc", "callstarttimelocal", "datetime"), zone)
    ended = _time(told, ("callendtimeutc", "callendtimelocal"), zone)
    if began is None:
        began = (ended or now) - (length or timedelta())
    if ended is None or not timedelta() <= ended - began <= LONGEST_CALL:
        ended = began + (length or timedelta())
    answered = max(began, ended - length) if length else began
    agents = tuple(dict.fromkeys(each for each in (told.get("agentemail", ""), told.get("agent", "")) if each))
    started = next(
        (told[name] for name in ("callstarttimeutc", "callstarttimelocal", "datetime") if told.get(name)), ""
    )
    call_id = told.get("callid") or _key(started or sorted(told.items()), agents, number, direction)
    name = f"threecx:{source}"

    def event(what: Any, at: datetime, **more: Any) -> CallEvent:
        return CallEvent(
            source=name, call_id=call_id, leg_id=call_id, kind=what, direction=direction, at=at, withheld=withheld,
            event_id=f"{name}:{call_id}:{what}", caller="" if withheld or direction == "out" else number[:LONGEST_NAME],
            called=number[:LONGEST_NAME] if direction == "out" else "",
            caller_name="" if withheld else told.get("name", "")[:LONGEST_NAME], **more,
        )  # fmt: skip

    over = event("hangup", ended, cause="normalClearing" if was_answered else "noAnswer",
                 duration_seconds=int(length.total_seconds()) if length else None)  # fmt: skip
    taken = (event("answer", answered, agents=agents),) if was_answered else ()
    return (over, *taken, event("ring", began))


def concealed(data: Any) -> dict[str, Any] | None:
    """The report without the caller's name and whatever we did not ask for, where the number is withheld; None for any
    other."""
    told = _told(data)
    if not is_withheld(told.get("number", "")) or "out" in told.get("calltype", "").lower():
        return None
    return {name: values for name, values in push.flat(data).items() if _folded(name) in _HARMLESS}


def _told(data: Any) -> dict[str, str]:
    """Fields by folded name; variables that nobody filled are left out."""
    return {
        _folded(name): values[0]
        for name, values in push.flat(data).items()
        if not re.fullmatch(r"\[[A-Za-z0-9]*\]", values[0])
    }


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name[:100]).casefold()


def _key(started: object, agents: Sequence[str], number: str, direction: str) -> str:
    told = repr((str(started), agents, number if not is_withheld(number) else "", direction))
    return "report-" + hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[: min(32, LONGEST_ID)]


def _length(text: str) -> timedelta | None:
    """Seconds, mm:ss or hh:mm:ss, with fractions or without; None when it is neither or no call's length."""
    parts = text.strip().split(":")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,9})?", part) for part in parts):
        return None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + float(part)
    length = timedelta(seconds=seconds)
    return length if length <= LONGEST_CALL else None


def _time(told: Mapping[str, str], names: Sequence[str], zone: str) -> datetime | None:
    """The first of these that is a time. Those whose name says UTC are UTC, others of the exchange's zone."""
    for name in names:
        at = _moment(told.get(name, ""))
        if at is not None:
            own = ZoneInfo("UTC") if name.endswith("utc") else ZoneInfo(zone)
            try:
                return (at if at.tzinfo else at.replace(tzinfo=own)).astimezone(ZoneInfo("UTC"))
            except (OverflowError, ValueError):
                continue
    return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    return None
