"""The ear: every telephone system's own words, translated into one `CallEvent`.

The idea: a vendor's format is read here and nowhere else. `cti.twilio.read` and `cti.push.read` are plain functions
from what was posted to a tuple of events; they know no database, no clock and no rule of the desk. What an event means
for the desk is decided in `helpdesk/calls.py`, in any order, twice or late.

An event states only what its sender said. An empty text means "not said here", never "none": the ring of a call names
the caller, the leg of an agent that answers it does not, and nothing learned earlier is to be overwritten by silence.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, get_args

__all__ = [
    "CAUSES", "CallEvent", "Cause", "Direction", "Kind", "LONGEST_ID", "LONGEST_NAME", "LONGEST_VALUE", "Rejected",
    "Unproven", "Unreachable", "is_withheld", "legible",
]  # fmt: skip

LONGEST_NAME: Final = 64
"""Characters of a number or a name; what is longer is neither, and would fill a card."""
LONGEST_ID: Final = 250
LONGEST_VALUE: Final = 2000

Kind = Literal["ring", "answer", "hangup", "transfer", "hold", "resume", "dtmf", "queued", "recording", "silence"]
Direction = Literal["in", "out", "internal", ""]
Cause = Literal[
    "", "normalClearing", "busy", "cancel", "noAnswer", "congestion", "notFound", "forwarded",
    "voicemail", "blocked", "rejected", "failed",
]  # fmt: skip
CAUSES: frozenset[Cause] = frozenset(get_args(Cause)) - {""}


class Unreachable(Exception):
    """The other side could not be asked just now; try again with growing pauses."""


class Rejected(Exception):
    """The other side, or we ourselves, understood and said no; asking again changes nothing."""


class Unproven(Exception):
    """The signature is missing or wrong, so nobody knows who sent this. Nothing of it may be read or kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """One thing that happened to one call, in the words every telephone system shares."""

    source: str
    """Who says so: "twilio", or "push:" and the name of the exchange."""
    call_id: str
    """The caller's own call, the same for every leg; unique within its source."""
    kind: Kind
    event_id: str
    """Equal for a repeat of the same callback and for nothing else; made of fields the sender signed or sent."""
    leg_id: str = ""
    """The part of the call this is about; equal to `call_id` for the caller's own."""
    direction: Direction = ""
    caller: str = ""
    """As given, any spelling; "" when not said, and always "" when `withheld`: what is not here cannot leak."""
    called: str = ""
    """As given, any spelling."""
    caller_name: str = ""
    withheld: bool = False
    """The one who calls us does not wish to be known. Never of a call that goes out."""
    unsaid: bool = False
    """It counts as withheld only because nobody is named: what was said of the call before stands."""
    agents: tuple[str, ...] = ()
    """Who rings, or who answered: extension, login, address, browser identity or number, as given."""
    queue: str = ""
    cause: Cause = ""
    """Why the call ended, on `hangup` only. "" when the sender gave no reason or one we do not know."""
    digits: str = ""
    duration_seconds: int | None = None
    recording_url: str = ""
    at: datetime | None = None
    """The sender's own time, aware, UTC; None when it gave none."""
    sequence: int | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the sender said besides, by its own names; for diagnosis and for rules that know the sender."""


def is_withheld(caller: str) -> bool:
    """Whether a telephone system says with this text that the caller does not wish to be known, or cannot be.

    Knows the words of Twilio and SIP ("anonymous", "Restricted"), the same words spelt on a keypad ("+266696687"),
    the Japanese ones (非通知, 公衆電話, 表示圏外), the letters P, O, C and S of Japanese number display, and a SIP
    address or display name that says so. An empty text is withheld too: somebody is calling, and nobody says who.
    """
    if _NUMBER.fullmatch(caller):
        return caller in _KEYPAD
    text = unicodedata.normalize("NFKC", caller).casefold()
    if uri := _SIP.fullmatch(text.strip()):
        said = {_BLANKS.sub("", uri["display"] or ""), _BLANKS.sub("", uri["user"])} - {""}
        return bool(said & _WITHHELD) or uri["host"] == "anonymous.invalid"
    word = _BLANKS.sub("", text)
    return word in _WITHHELD or word in _LETTERS


def legible(text: str, *, most: int = LONGEST_VALUE) -> str:
    """What a telephone system wrote, as any database can keep it and any page can show it: at most `most` characters.

    NUL is left out, since PostgreSQL stores none; half a surrogate pair, which no UTF-8 can spell, becomes U+FFFD.
    """
    return _SURROGATES.sub("\ufffd", text[:most]).replace("\x00", "")


_SURROGATES = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"\+?[0-9]+")
_BLANKS = re.compile(r"[\s\"'()_.\-‐–・ー]+")
_SIP = re.compile(r"(?:(?P<display>[^<>]*)<)?\s*sips?:(?P<user>[^@;>:]*)(?:[^@;>]*@(?P<host>[^;>:]*))?[^>]*>?.*")

_KEYPAD = frozenset({
    "+266696687", "266696687",  # ANONYMOUS; without the plus it would pass for a number in Nagano
    "+7378742833",  # RESTRICTED; without the plus it is a good number in Texas
    "+2562533", "2562533",  # BLOCKED
    "+8656696", "8656696",  # UNKNOWN
    "+86282452253", "86282452253",  # UNAVAILABLE
})  # fmt: skip
_WITHHELD = _KEYPAD | frozenset(_BLANKS.sub("", word) for word in (
    "anonymous", "restricted", "unavailable", "blocked", "private", "unknown", "withheld", "nocallerid",
    "callerunknown", "unknowncaller", "privatenumber", "privatecaller", "numberwithheld", "numberunavailable",
    "非通知", "非通知設定", "番号非通知", "ユーザー非通知", "非通知着信", "公衆電話", "公衆",
    "表示圏外", "圏外", "表示不可", "通知不可", "通知不可能", "通知圏外", "番号通知不可",
    "サービス未提供", "サービス競合", "ヒツウチ", "ひつうち", "コウシュウ", "コウシュウデンワ",
    "ヒョウジケンガイ", "ツウチフカ",
    "非通知p", "通知不可o", "表示圏外o", "公衆電話c", "表示圏外s", "サービス競合s",
    "calleridblocked", "calleridwithheld", "outofarea", "payphone", "coinphone", "coinline/payphone",
    "interactionwithotherservice", "anonymous@anonymousinvalid", "unavailable@unavailableinvalid",
    "unavailable@unknowninvalid", "tel:anonymous", "null", "none", "undefined", "n/a", "?",
))  # fmt: skip
_LETTERS = frozenset({"", "p", "o", "c", "s"})  # number display: private, out of area, coin telephone, no service
