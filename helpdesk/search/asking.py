"""What was typed into the search box, understood: words, phrases, conditions, and what could not be understood.

The idea: nothing typed is an error. What reads like a condition is one, in English or Japanese, whatever the width of
its colon; a condition that makes no sense is named beside the results instead of being looked for or dropped silently;
everything else is words, all of which must be found.
"""

import difflib
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LONGEST: Final = 300
"""Characters of what is typed that are read."""
MOST_WORDS: Final = 12

OPERATORS: Final = {
    "from": ("from", "差出人", "送信者"),
    "to": ("to", "宛先"),
    "customer": ("customer", "顧客", "お客様"),
    "number": ("number", "番号"),
    "queue": ("queue", "キュー", "窓口"),
    "agent": ("agent", "担当", "担当者"),
    "tag": ("tag", "タグ"),
    "is": ("is", "状態"),
    "has": ("has",),
    "before": ("before",),
    "until": ("until", "まで", "以前"),
    "after": ("after", "以降", "から"),
}
"""What a condition is called, in each language; `until` means the day itself too."""
STATES: Final = {
    "open": ("open", "未解決", "対応中", "オープン"),
    "pending": ("pending", "保留", "保留中"),
    "resolved": ("resolved", "解決", "解決済み", "解決済"),
    "mine": ("mine", "自分", "自分の担当"),
    "unassigned": ("unassigned", "未割り当て", "未割当", "担当なし", "担当者なし"),
    "urgent": ("urgent", "緊急", "至急", "急ぎ"),
}
FILES: Final = ("attachment", "attachments", "file", "添付", "添付ファイル", "ファイル")
ME: Final = ("me", "自分", "私")
WORDY: Final = ("from", "to", "customer", "number")
"""Conditions that are looked up among the words; the others are asked of the tickets' rows."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or a phrase, as it was typed. `where` is "" or one of `WORDY`; `but`: it must not stand there."""

    text: str
    where: str = ""
    but: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must be so, or with `but` must not: `value` as typed, or `at` for a day."""

    name: str
    value: str
    but: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be understood: `code`, what was typed, and what may have been meant."""

    code: str
    typed: str
    meant: str = ""


@dataclass(slots=True)
class Query:
    """All that was understood of `typed`."""

    typed: str
    words: list[Word] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ticket_id: int | None = None
    """The number of a ticket, where nothing but that was typed; `is_jump` when it was typed with its "#"."""
    is_jump: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing is asked for."""
        return not self.words and not self.conditions


def read(typed: str, *, timezone: str, now: datetime) -> Query:
    """Understand what was typed. Never raises."""
    query = Query(_plain(typed))
    if len(query.typed) > LONGEST:
        query.problems.append(Problem("too_long", query.typed[:40]))
    text = query.typed[:LONGEST]
    if number := re.fullmatch(r"(#?)\s*([0-9]{1,9})", unicodedata.normalize("NFKC", text)):
        query.ticket_id, query.is_jump = int(number[2]), bool(number[1])
    if _TELEPHONE.fullmatch(unicodedata.normalize("NFKC", text)):
        query.words.append(Word(text))  # one number, whatever divides it
        return query
    for part in _PARTS.finditer(text):
        _take(query, part, ZoneInfo(timezone), now)
    if len(query.words) > MOST_WORDS:
        query.problems.append(Problem("too_many_words", query.words[MOST_WORDS].text))
        del query.words[MOST_WORDS:]
    return query


def _plain(typed: str) -> str:
    """One line, with quotation marks, colons and spaces of one kind."""
    text = typed.translate(_ONE_KIND)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


_ONE_KIND: Final = str.maketrans("：“”„＂\u3000＃", ':""""' + " #")
_TELEPHONE: Final = re.compile(r"\+?[0-9(][0-9() .-]{7,20}[0-9]")
_NAME_OF: Final = {unicodedata.normalize("NFKC", word): name for name, words in OPERATORS.items() for word in words}
_PARTS: Final = re.compile(
    r'(?P<but>[-−－](?=[^\s\-−－]))?(?:(?P<name>[^\s:"]{1,12}):(?=\S))?(?:"(?P<phrase>[^"]*)(?:"|$)|(?P<word>[^\s"]+))'
)


def _take(query: Query, part: re.Match[str], zone: ZoneInfo, now: datetime) -> None:
    told, but = part["phrase"] if part["phrase"] is not None else part["word"], bool(part["but"])
    typed_name = part["name"] or ""
    name = _NAME_OF.get(unicodedata.normalize("NFKC", typed_name).lower(), "")
    if not told.strip():
        return
    if not name:
        if typed_name and (meant := _near(typed_name)):
            query.problems.append(Problem("unknown_operator", f"{typed_name}:", f"{meant}:"))
        query.words.append(Word(f"{typed_name}:{told}" if typed_name else told, "", but))
    elif name in WORDY:
        query.words.append(Word(told, name, but))
    elif name in ("before", "until", "after"):
        _take_day(query, name, told, part[0], but, zone, now)
    elif name == "is":
        _take_one_of(query, name, told, part[0], but, STATES)
    elif name == "has":
        _take_one_of(query, name, told, part[0], but, {"attachment": FILES})
    else:
        query.conditions.append(Condition(name, told, but))


def _take_one_of(query: Query, name: str, told: str, typed: str, but: bool, known: dict[str, tuple[str, ...]]) -> None:
    word = unicodedata.normalize("NFKC", told).lower()
    value = next((value for value, words in known.items() if word in words), "")
    if value:
        query.conditions.append(Condition(name, value, but))
    else:
        query.problems.append(Problem(f"unknown_{name}", typed, " ".join(known)))


def _take_day(query: Query, name: str, told: str, typed: str, but: bool, zone: ZoneInfo, now: datetime) -> None:
    days = day(told, today=now.astimezone(zone).date())
    if days is None:
        query.problems.append(Problem("not_a_day", typed))
        return
    first, after = days
    chosen = after if name == "until" else first
    at = datetime(chosen.year, chosen.month, chosen.day, tzinfo=zone).astimezone(UTC)
    query.conditions.append(Condition("after" if name == "after" else "before", told, but, at))


def day(text: str, *, today: date) -> tuple[date, date] | None:
    """A day, month or year as people write it: its first day and the one after its last; None when it is none.

    2026-11-21, 2026/11/21, 2026年11月21日, 11/21 (the last one there was), 2026-11, 2026, 今日, 昨日, today, 7d, 7日前.
    """
    word = unicodedata.normalize("NFKC", text).lower().strip()
    try:
        if word in _WORDS:
            first = today - timedelta(days=_WORDS[word])
        elif ago := re.fullmatch(r"([0-9]{1,4})(?:d|日前|日)", word):
            first = today - timedelta(days=int(ago[1]))
        elif full := re.fullmatch(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?", word):
            first = date(int(full[1]), int(full[2]), int(full[3]))
        elif short := re.fullmatch(r"([0-9]{1,2})[/月]([0-9]{1,2})日?", word):
            first = date(today.year, int(short[1]), int(short[2]))
            first = first if first <= today else first.replace(year=today.year - 1)
        elif month := re.fullmatch(r"([0-9]{4})[-/.年]([0-9]{1,2})月?", word):
            first = date(int(month[1]), int(month[2]), 1)
            return first, (first + timedelta(days=31)).replace(day=1)
        elif year := re.fullmatch(r"((?:19|20)[0-9]{2})年?", word):
            return date(int(year[1]), 1, 1), date(int(year[1]) + 1, 1, 1)
        else:
            return None
        return (first, first + timedelta(days=1)) if first.year >= 1900 else None
    except (ValueError, OverflowError):
        return None


_WORDS: Final = {"today": 0, "今日": 0, "本日": 0, "yesterday": 1, "昨日": 1, "一昨日": 2, "おととい": 2}


def _near(name: str) -> str:
    """The condition a name was probably meant for; "" where it reads like any word before a colon."""
    found = difflib.get_close_matches(unicodedata.normalize("NFKC", name).lower(), list(_NAME_OF), 1, 0.75)
    return found[0] if found else ""
