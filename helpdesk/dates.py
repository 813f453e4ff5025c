"""Days and times as people of a language write them: 11/23 in Japanese, 23 Nov in English, where 11/23 is no date.

One spelling for pages, drawings, documents and mails. Everything is taken as it is on the reader's wall: whoever calls
has converted it to the desk's time zone.
"""

from datetime import date, datetime
from typing import Final

_WEEKDAYS: Final = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                  "November", "December")  # fmt: skip


def short(day: date, language: str) -> str:
    """Where the year is plain: 11/23, or 23 Nov."""
    return f"{day.month}/{day.day}" if language == "ja" else f"{day.day} {_month(day)}"


def short_with_weekday(day: date, language: str) -> str:
    """11/23(月), or Mon 23 Nov."""
    weekday = _WEEKDAYS[language][day.weekday()]
    return f"{short(day, language)}({weekday})" if language == "ja" else f"{weekday} {short(day, language)}"


def whole(day: date, language: str) -> str:
    """2026/11/23, or 23 Nov 2026."""
    return f"{day.year}/{day.month:02}/{day.day:02}" if language == "ja" else f"{short(day, language)} {day.year}"


def whole_with_weekday(day: date, language: str) -> str:
    """2026/11/23(月), or Mon 23 Nov 2026."""
    weekday = _WEEKDAYS[language][day.weekday()]
    return f"{whole(day, language)}({weekday})" if language == "ja" else f"{weekday} {whole(day, language)}"


def moment(at: datetime, language: str) -> str:
    """2026/11/23(月) 14:05, or Mon 23 Nov 2026, 14:05."""
    hours = f"{at.hour:02}:{at.minute:02}"  # spelled so because strftime takes four times as long
    return f"{whole_with_weekday(at, language)}{'' if language == 'ja' else ','} {hours}"


def letter(day: date, language: str) -> str:
    """As a letter writes it: 2026年11月23日, or 23 November 2026."""
    if language == "ja":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _month(day: date) -> str:
    return _MONTHS[day.month - 1][:3]
