"""Turns a template and what a verb answered into HTML, in the reader's language and time zone.

The one idea: a page and a fragment come out of the same environment and the same template file, so what arrives over
a socket equals what a reload shows. There is one environment per language; nothing in a template asks which one, save
`lang`. Templates choose and loop. Everything that needs arithmetic (time, phone, size, money) is a filter here, and
every code of the desk becomes a sentence in `web/words`.
"""

import functools
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile
from zoneinfo import ZoneInfo

from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from helpdesk import calls, dates, romaji
from helpdesk.reporting import drawing, paper
from helpdesk.reporting.values import Voice, from_to, percent, said, seconds, signed, written
from web import folding, words
from web.folding import FoldingEnvironment
from web.keeping import Keeping
from web.shortcuts import SHORTCUTS

HERE = Path(__file__).parent
LANGUAGES = ("ja", "en")

LAID = f"<{secrets.token_hex(16)}>"
"""Stands in a page where something is laid that is kept as it is sent; by this name the page is told what. Nobody can
know it to write it."""


_TOGETHER = re.compile(r"(?<=\d) (?=%)|(?<=[=±]) (?=\d)|(?<=[\d%]) (?=to \d)|(?<=[\d%] to) (?=\d)")
"""Spaces within a figure that a line must not end at: 17 %, p = 0.002, ± 4, 1 % to 17 %."""


class Renderer:
    """Holds the parsed templates and translations of one desk."""

    def __init__(self, *, timezone: str, desk_name: str, static_version: str = "") -> None:
        """`timezone` is an IANA name such as "Asia/Tokyo"; `static_version` goes into the address of each style and
        script, so that a browser may keep them for good and still meets a new version at once."""
        zone = ZoneInfo(timezone)
        self._timezone = timezone
        self._environments = {lang: _environment(lang, zone, desk_name, static_version) for lang in LANGUAGES}
        self.static: Callable[[str], str] = functools.partial(_static, version=static_version)
        """The address of a style, a script or a picture."""

    def page(self, template: str, lang: str, **context: Any) -> str:
        """A whole page. A name the template needs and `context` lacks is an error, never an empty place."""
        return self.sent(template, lang, **context).decode()

    def sent(self, template: str, lang: str, **context: Any) -> bytes:
        """The same as it is sent, UTF-8."""
        laid: list[Sequence[bytes | memoryview]] = []
        drawn = self._environments[lang].get_template(template)
        text = drawn.render(context, **{folding.MADE: {}, LAID: laid})
        if not laid:
            return text.encode()
        *before, rest = text.split(LAID)
        pieces = [piece for words, each in zip(before, laid, strict=True) for piece in (words.encode(), *each)]
        return b"".join([*pieces, rest.encode()])

    def fragment(self, template: str, lang: str, **context: Any) -> str:
        """One region, by the very file the page includes; it begins with the region's own element."""
        return self.page(template, lang, **context).strip()

    def prepare(self, *templates: str) -> None:
        """Compile templates in every language before somebody waits for them."""
        for environment in self._environments.values():
            for template in templates:
                environment.get_template(template)

    def voice(self, lang: str) -> Voice:
        """Who says a report's words and writes its values; see helpdesk/reporting/values.py."""
        return _voice(lang, self._timezone)

    def gettext(self, lang: str) -> Callable[[str], str]:
        """Translates one English sentence; what has no translation stays English."""
        return _lookup(_translations(lang))


@functools.lru_cache(maxsize=16)
def _environment(lang: str, zone: ZoneInfo, desk_name: str, version: str) -> Environment:
    """What templates are drawn in. Desks of one process that are alike share it, and with it the compiled templates."""
    gettext = _lookup(_translations(lang))
    environment = FoldingEnvironment(
        loader=FileSystemLoader(HERE / "templates"),
        auto_reload=False,  # a page is put together from some twenty files: their dates are not asked for each time
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        extensions=[Keeping],
    )
    environment.extensions[Keeping.identifier].zone = zone  # type: ignore[attr-defined]
    environment.once = {"components.html", "drafts/_form.html", "tickets/_due.html"}
    environment.settled = {
        "_": folding.words(gettext),
        "icon": icon,
        "static": functools.partial(_static, version=version),
        "word": functools.partial(words.sentence, gettext),
    }
    environment.globals.update(
        environment.settled, desk_zone=str(zone), lang=lang, desk_name=desk_name, codes=words.codes, shortcuts=SHORTCUTS
    )
    wall = _Dates(lang, zone, gettext)
    environment.filters.update(
        moment=wall.moment,
        day=wall.day,
        clock=pass_context(lambda context, at: wall.clock(at, context["now"])),
        since=pass_context(lambda context, at: seconds((context["now"] - at).total_seconds())),
        left=pass_context(lambda context, at: left(at, context["now"])),
        until=pass_context(lambda context, at: seconds((at - context["now"]).total_seconds())),
        iso=lambda at: at.isoformat(),
        seconds=seconds,
        phone=phone,
        last_four=last_four,
        size=size,
        percent=percent,
        yen=yen,
        paragraphs=paragraphs,
        marked=marked,
        initials=initials,
        titled=lambda subject: titled(subject, gettext),
        chosen=chosen,
    )
    environment.filters.update(
        called=lambda name, reading: romaji.spoken(name, reading, lang),
        listed=lambda name, reading: romaji.listed(name, reading, lang),
        latin=romaji.latin,
        tongue=lambda name: romaji.tongue(name, lang),
        reading=lambda name, reading: _reading(name, reading, lang),
    )
    voice = _voice(lang, str(zone))
    environment.globals["draw"] = functools.partial(drawing.draw, voice=voice)
    environment.globals["colours"] = drawing.classes
    environment.globals["drawn_widths"] = tuple(drawing.WIDTHS)
    environment.globals["note_of"] = functools.partial(paper.note, voice=voice)
    environment.globals["from_to"] = functools.partial(from_to, voice=voice)
    environment.filters["said"] = lambda text: _TOGETHER.sub("\u00a0", said(text, voice))
    environment.filters["signed"] = signed
    environment.filters["written"] = lambda value, kind: written(kind, value, voice)
    environment.globals["ticket_rows"] = _Rows(environment, zone)
    return environment


_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _List:
    """Rows as they are sent, `whole`; where in them the row of each ticket begins, by `places` and `starts`."""

    rows: Sequence[Any]
    whole: bytes
    places: Mapping[int, int]
    starts: Sequence[int]


class _Rows:
    """Rows of the list, one below the other, as they were drawn before. A row is drawn from its values alone, so equal
    values look alike: it is the same for everyone, on every page and in every frame, until a value or the words for its
    time change. `current_id` is the ticket that is open beside them.

    A list is most of the letters of a page, and mostly the same from page to page: it is kept as it is sent, and laid
    between the rest of the page when that is encoded.
    """

    MOST, MOST_LISTS = 1_000, 30

    def __init__(self, environment: Environment, zone: ZoneInfo) -> None:
        self._environment, self._zone = environment, zone
        self._drawn: dict[Any, str] = {}
        self._lists: dict[Any, _List] = {}
        self._dues: dict[Any, tuple[tuple[Any, ...], datetime, datetime]] = {}
        self._forgetting = threading.Lock()

    @pass_context
    def __call__(self, context: Context, rows: Sequence[Any], now: datetime, current_id: int | None = None) -> Markup:
        today = now.astimezone(self._zone).date()
        # Rows of the same values are the same ones from look to look, and those of a list that is kept are not let go.
        which = tuple(map(id, rows))
        dues = self._left(which, rows, now)
        key = which, dues, today
        if (known := self._lists.get(key)) is None:
            parts = [self._row(row, now, today, due, False).encode() for row, due in zip(rows, dues, strict=True)]
            known = _List(
                rows, b"".join(parts), {row.id: n for n, row in enumerate(rows)}, [0, *accumulate(map(len, parts))]
            )
            self._keep(self._lists, key, known, self.MOST_LISTS)
        place = known.places.get(current_id) if current_id is not None else None
        if place is None:
            context[LAID].append((known.whole,))
        else:
            own = self._row(rows[place], now, today, dues[place], True).encode()
            whole, starts = memoryview(known.whole), known.starts
            context[LAID].append((whole[: starts[place]], own, whole[starts[place + 1] :]))
        return Markup(LAID)

    def _left(self, which: Any, rows: Sequence[Any], now: datetime) -> tuple[Any, ...]:
        """How each row says when it is due, if it is; for each page of a second the same."""
        if (known := self._dues.get(which)) and known[1] <= now < known[2]:
            return known[0]
        dues = tuple([tuple(left(row.due_at, now).values()) if row.due_at else None for row in rows])
        whole = [(row.due_at - now) % _MINUTE for row in rows if row.due_at]  # then one of them says less
        self._keep(self._dues, which, (dues, now, now + min(whole, default=_MINUTE)), self.MOST_LISTS)
        return dues

    def _row(self, row: Any, now: datetime, today: date, due: Any, is_current: bool) -> str:
        key = row, today, due, is_current
        found = self._drawn.get(key)
        if found is None:
            template = self._environment.get_template("tickets/_row.html")
            found = template.render(row=row, now=now, is_current=is_current)
            self._keep(self._drawn, key, found, self.MOST)
        return found

    def _keep(self, kept: dict[Any, Any], key: Any, value: Any, most: int) -> None:
        with self._forgetting:  # the oldest goes: what a ticket looked like before it changed, in most cases
            kept[key] = value
            if len(kept) > most:
                del kept[next(iter(kept))]


@functools.cache
def _translations(lang: str) -> dict[str, str]:
    """The sentences of one language, read from its `.po` at start: no compiled file can be stale."""
    path = HERE / "locale" / lang / "LC_MESSAGES" / "desk.po"
    if lang == "en":
        return {}
    with path.open("rb") as source:
        catalog = read_po(source, locale=lang)
    return {str(m.id if isinstance(m.id, str) else m.id[0]): _first(m.string) for m in catalog if m.id}


def _voice(lang: str, timezone: str) -> Voice:
    gettext = _lookup(_translations(lang))

    def say(group: str, code: str, facts: Mapping[str, object] | None = None) -> str:
        return words.sentence(gettext, group, code, dict(facts or {}))

    return Voice(say, lang, timezone)


def _first(string: Any) -> str:
    return string if isinstance(string, str) else string[0]


def _lookup(sentences: Mapping[str, str]) -> Callable[[str], str]:
    """Japanese has one form for every number, so the singular's translation serves the plural: look up both."""

    def gettext(message: str) -> str:
        return sentences.get(message) or message

    return gettext


def _static(path: str, version: str) -> str:
    return f"/static/{path}?v={version}" if version else f"/static/{path}"


@functools.lru_cache(maxsize=512)
def icon(name: str, size: int = 16) -> Markup:
    """A Lucide icon as inline SVG, invisible to screen readers: the words beside it say what it means. What all have in
    common, how they are painted, base.css says: a list shows three hundred of them."""
    drawn = re.sub(r"\s*\n\s*", "", _icons().read(f"{name}.svg").decode()).replace(" />", "/>")
    frame = f'<svg class="icon" width="{size}" height="{size}" viewBox="0 0 24 24" aria-hidden="true">'
    return Markup(re.sub(r"^.*?<svg[^>]*>", frame, drawn))


@functools.cache
def _icons() -> ZipFile:
    """Lucide's drawings, `name`.svg. Its own function opens the archive anew for each one and reads its thousands of
    names, 9 ms of the processor for each of the dozens on the first page."""
    return ZipFile(str(resources.files("lucide") / "lucide.zip"))


# --- time ------------------------------------------------------------------------------------------------------------


class _Dates:
    """Aware UTC in, the desk's own wall clock out."""

    def __init__(self, lang: str, zone: ZoneInfo, gettext: Callable[[str], str]) -> None:
        self.lang, self.zone, self.gettext = lang, zone, gettext

    def moment(self, at: datetime) -> Markup:
        """The full date and time: 2026/11/21(土) 14:05, or Sat 21 Nov 2026, 14:05."""
        return _time(at, self._full(at))

    def clock(self, at: datetime, now: datetime) -> Markup:
        """The shortest form that cannot be misread: 14:05 today, then yesterday, then the date."""
        local, today = at.astimezone(self.zone), now.astimezone(self.zone).date()
        day = local.date()
        if day == today:
            text = f"{local.hour:02}:{local.minute:02}"
        elif day == today - timedelta(days=1):
            text = self.gettext("Yesterday")
        else:
            text = (dates.short if day.year == today.year else dates.whole)(day, self.lang)
        return _time(at, text, title=self._full(at))

    def day(self, day: date) -> Markup:
        """A day of the desk's own calendar: 11/21(土), or Sat 21 Nov."""
        text = dates.short_with_weekday(day, self.lang)
        return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), text)

    def _full(self, at: datetime) -> str:
        return dates.moment(at.astimezone(self.zone), self.lang)


def _time(at: datetime, text: str, title: str = "") -> Markup:
    hint = f' title="{escape(title)}"' if title else ""
    return Markup(f'<time datetime="{at.isoformat()}"{hint}>{escape(text)}</time>')


SOON_MINUTES = 60
"""What is due sooner is said in another colour, and with words."""


def left(at: datetime, now: datetime) -> dict[str, Any]:
    """How long until something is due, as the list says it: {"level", "code", "count"}; see WORDS["due_left"]."""
    minutes = int((at - now).total_seconds() // 60)
    level = "late" if minutes < 0 else "soon" if minutes < SOON_MINUTES else "calm"
    away = abs(minutes)
    unit, count = ("minutes", away) if away < 120 else ("hours", away // 60) if away < 2880 else ("days", away // 1440)
    return {"level": level, "code": f"late_{unit}" if minutes < 0 else unit, "count": count}


# --- numbers and names -----------------------------------------------------------------------------------------------


def phone(number: str) -> str:
    """An E.164 number as people at a Japanese desk write it: 03-1234-5678. Anything else is shown as it came."""
    if not number.startswith("+"):
        return number
    from helpdesk.customers.contact_points import national  # phonenumbers takes 60 ms to load: only when needed

    return national(number, "JP")


def last_four(number: str) -> str:
    """The last four digits, for places that a passer-by may read."""
    digits = re.sub(r"\D", "", number)
    return f"…{digits[-4:]}" if digits else ""


def size(size_bytes: int) -> str:
    """A file's size in decimal units, as file managers show it."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    amount = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95 or unit == "GB":
            break
    return f"{amount:.0f} {unit}" if unit == "kB" else f"{amount:.1f} {unit}"


def yen(amount: int | None) -> str:
    """Whole yen: ¥12,300."""
    if amount is None:
        return ""
    return f"-¥{-amount:,}" if amount < 0 else f"¥{amount:,}"


def _reading(name: str, reading: str, lang: str) -> Markup:
    """How a customer's name is spoken, for who reads this language: kana beside a Japanese page, Latin letters beside
    an English one, where the name is not written in them already."""
    said = romaji.reading(name, reading, lang)
    kind = "ja-Latn" if lang == "en" else "ja"
    return Markup('<span class="reading" lang="{}">{}</span>').format(kind, said) if said else Markup("")


def titled(subject: str, gettext: Callable[[str], str]) -> str:
    """The subject of a ticket as its readers say it: also where it has none, and where it began with a call whose
    number is withheld."""
    if subject == calls.WITHHELD:
        return f"☎ {gettext('Number withheld')}"
    return subject or gettext("(no subject)")


def initials(name: str) -> str:
    """One or two characters that stand for a person: 田 for 田中 花子, AS for Aiko Sato."""
    parts = name.split()
    if not parts:
        return "?"
    if ord(parts[0][0]) > 0x2E7F:  # from the CJK radicals on, one character already fills the circle
        return parts[0][0]
    return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper()


def chosen(options: str, value: object) -> Markup:
    """Options that were drawn for everybody, with the one of this value selected, and open to be chosen again."""
    option = f'<option value="{escape(value)}"'
    before, found, after = str(options).partition(option)
    return Markup(before + found + " selected" + after.removeprefix(" disabled")) if found else Markup(options)


# --- what customers wrote --------------------------------------------------------------------------------------------

LINK = re.compile(r"https?://[^\s<>\"'\ue000\ue001、。」』）】]+[^\s<>\"'\ue000\ue001、。」』）】.,;:!?)\]]")
OPEN, CLOSE = "\ue000", "\ue001"  # private-use characters stand for <mark> while the text is being escaped


def paragraphs(text: str) -> Markup:
    """Plain text as safe HTML: blank lines part paragraphs, line breaks stay, addresses of pages become links."""
    return marked(text, ())


def marked(text: str, spans: Iterable[tuple[int, int]]) -> Markup:
    """`paragraphs`, with the characters from `start` up to `end` of each span in `<mark>`.

    Spans index the text as it was given; those that overlap are joined and those outside it are cut.
    """
    clean = text.replace(OPEN, "\ufffd").replace(CLOSE, "\ufffd")
    for start, end in reversed(_joined(spans, len(clean))):
        inside = clean[start:end].replace("\n", f"{CLOSE}\n{OPEN}")  # a mark ends with its line, or tags would cross
        clean = clean[:start] + OPEN + inside + CLOSE + clean[end:]
    clean = clean.replace(OPEN + CLOSE, "").replace("\r\n", "\n").strip("\n")
    blocks = re.split(r"\n(?:[^\S\n]*\n)+", clean)
    return Markup("").join(Markup("<p>{}</p>").format(_inline(block)) for block in blocks if block.strip())


def _joined(spans: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted((max(0, start), min(end, length)) for start, end in spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _inline(block: str) -> Markup:
    html, done = Markup(""), 0
    for link in LINK.finditer(block):
        html += escape(block[done : link.start()]) + _anchor(link.group())
        done = link.end()
    html += escape(block[done:])
    lines = str(html).replace("\n", "<br>\n")
    lines = lines.replace(OPEN, "<mark>").replace(CLOSE, "</mark>")
    return Markup(lines)


def _anchor(address: str) -> Markup:
    href = quote(address, safe="/:?#[]@!$&'()*+,;=%~-._")
    return Markup('<a href="{}" rel="noopener nofollow" target="_blank">{}</a>').format(href, address)
