"""The shift plan: who is to be there on which day from when to when, and for which queues.

The one idea: whatever puts shifts into the plan or takes them out of it, one or a week of them, is one act with a name
of its own (`made_in`, `gone_in`), and the last act on the page can be taken back whole. Nothing overlaps: an agent is
in one place at a time, and what would overlap is left out by a copy and refused by hand and by a file.

Times are those of the clock on the desk's wall. A shift that ends after midnight belongs to the day it begins on.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, hours, imports, queues, romaji
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import ShiftsChanged
from helpdesk.imports import plain
from models import Agent, Membership, Queue, Shift, ShiftQueue

DAY: Final = 1440
KEPT: Final = timedelta(days=30)
"""How long what was taken away can be brought back."""
COLUMNS: Final = ("email", "day", "hours", "queues")
HEADS: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("agent", "オペレーター", "email", "e-mail", "メールアドレス", "氏名", "name", "担当者"),
    "day": ("day", "日付", "date", "日"),
    "hours": ("hours", "時間", "勤務時間", "time", "from-to"),
    "queues": ("queues", "担当キュー", "queue", "キュー"),
}
WANTED: Final = imports.Wanted(HEADS, (("email",), ("day",), ("hours",)), "shift_columns", rows_max=2_000,
                               bytes_max=1_000_000)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """One shift as it is planned. `queue_ids` are those it is for: its own, or all that the agent serves."""

    id: int
    agent_id: int
    name: str
    day: date
    begins: int
    ends: int
    queue_ids: frozenset[int]
    is_for_all: bool

    @property
    def hours(self) -> str:
        """ "9:00-18:00"; past midnight the end is that of the next day."""
        return f"{_clock(self.begins)}-{_clock(self.ends if self.ends <= DAY else self.ends - DAY)}"


@dataclass(slots=True)
class Line:
    """One line of a file, `number` counted with the line of heads; `errors` are fields and codes with what was read."""

    number: int
    told: Mapping[str, str]
    errors: list[tuple[str, str, str]] = field(default_factory=list)
    agent: Agent | None = None
    day: date | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)
    queue_ids: list[int] = field(default_factory=list)


def of_days(db: Session, first: date, last: date, *, language: str = "ja") -> list[Planned]:
    """The plan of these days, by day, agent's name and time; named as `language` does. Agents who left are not in
    it."""
    rows = db.execute(
        sa.select(col(Shift.id), col(Shift.agent_id), col(Agent.name), col(Agent.reading), col(Shift.day),
                  col(Shift.begins), col(Shift.ends))
        .join(Agent, col(Agent.id) == col(Shift.agent_id))
        .where(col(Shift.day) >= first, col(Shift.day) <= last, col(Shift.gone_in) == "", col(Agent.is_active))
        .order_by(col(Shift.day), col(Agent.name), col(Shift.agent_id), col(Shift.begins))
    ).all()  # fmt: skip
    own: dict[int, set[int]] = {}
    named = sa.select(col(ShiftQueue.shift_id), col(ShiftQueue.queue_id)).join(
        Shift, col(Shift.id) == col(ShiftQueue.shift_id)
    )
    for shift_id, queue_id in db.execute(named.where(col(Shift.day) >= first, col(Shift.day) <= last)):
        own.setdefault(shift_id, set()).add(queue_id)
    serves: dict[int, set[int]] = {}
    for agent_id, queue_id in db.execute(sa.select(col(Membership.agent_id), col(Membership.queue_id))):
        serves.setdefault(agent_id, set()).add(queue_id)
    none: set[int] = set()
    return [
        Planned(shift_id, agent_id, romaji.spoken(name, reading, language), day, begins, ends,
                frozenset(own.get(shift_id) or serves.get(agent_id, none)), shift_id not in own)
        for shift_id, agent_id, name, reading, day, begins, ends in rows
    ]  # fmt: skip


def add(db: Session, agent: Agent, days: Iterable[date], spans: str, *, queue_ids: Sequence[int] = (), by: Agent,
        now: datetime) -> str:  # fmt: skip
    """Plan an agent on these days, "9:00-13:00, 14:00-18:00" on each; for queues the agent serves, or for all of them.

    Returns the name of the act. Raises `Invalid` with the field, `Conflict("shift_overlaps")`.
    """
    wanted, times = sorted(set(days)), read_spans(spans)
    if not wanted:
        raise Invalid("no_day", field="day")
    if not times:
        raise Invalid("not_hours", field="hours")
    _check_serves(db, agent, queue_ids)
    act = _act()
    for day in wanted:
        if _overlaps(_taken(db, agent.id or 0, day), day, times):
            raise Conflict("shift_overlaps", field="hours", day=day.isoformat())
        _make(db, agent.id or 0, day, times, queue_ids, act, now)
    return _done(db, act, "added", by=by, now=now)


def take_away(db: Session, shift_ids: Iterable[int], *, by: Agent, now: datetime) -> str:
    """Take shifts out of the plan. Returns the name of the act. Raises `NotFound`."""
    act = _act()
    for shift_id in sorted(set(shift_ids)):
        shift = db.get(Shift, shift_id)
        if shift is None or shift.gone_in:
            raise NotFound("not_found", shift_id=shift_id)
        shift.gone_in = act
    return _done(db, act, "removed", by=by, now=now)


def take_back(db: Session, act: str, *, by: Agent, now: datetime) -> int:
    """Undo an act: what it made goes, what it took away is there again, unless somebody filled the time since. Returns
    how many shifts that changed. Raises `NotFound` for an act that left nothing."""
    made = list(db.exec(select(Shift).where(Shift.made_in == act, Shift.gone_in == ""))) if act else []
    gone = list(db.exec(select(Shift).where(Shift.gone_in == act))) if act else []
    if not made and not gone:
        raise NotFound("not_found")
    if made:
        take_away(db, [shift.id or 0 for shift in made], by=by, now=now)
    count = len(made)
    for shift in gone:
        if not _overlaps(_taken(db, shift.agent_id, shift.day), shift.day, [(shift.begins, shift.ends)]):
            shift.gone_in, count = "", count + 1
            db.flush()
    if gone:
        _done(db, act, "restored", by=by, now=now)
    return count


def copy_week(db: Session, source: date, target: date, *, by: Agent, now: datetime) -> tuple[str, int]:
    """Plan a week like another one; both begin on the given Mondays. What would overlap is left out. Returns the act
    and how many shifts it made, "" and 0 where there was nothing to copy."""
    act, count, step = _act(), 0, target - source
    for each in of_days(db, source, source + timedelta(days=6)):
        day, times = each.day + step, [(each.begins, each.ends)]
        if not _overlaps(_taken(db, each.agent_id, day), day, times):
            _make(db, each.agent_id, day, times, () if each.is_for_all else sorted(each.queue_ids), act, now)
            count += 1
    return (_done(db, act, "copied", by=by, now=now), count) if count else ("", 0)


def read(db: Session, rows: Sequence[imports.Row]) -> list[Line]:
    """What the rows of a file say."""
    staff = {key: each for each in agents.everyone(db) if each.is_active for key in (each.email, plain(each.name))}
    known = {plain(name): queue.id or 0 for queue in queues.everyone(db)
             for name in (queue.slug, queue.name, queue.name_en)}  # fmt: skip
    planned: dict[int, list[tuple[int, int]]] = {}
    return [_line(db, row.number, row.cells, staff, known, planned) for row in rows]


def take_in(db: Session, rows: Sequence[imports.Row], *, by: Agent, now: datetime) -> tuple[str, int, list[Line]]:
    """Plan all that a file says, or, where one line cannot be, nothing: the act, how many shifts, and the lines."""
    lines = read(db, rows)
    if any(line.errors for line in lines):
        return "", 0, lines
    act, count = _act(), 0
    for line in lines:
        assert line.agent is not None and line.day is not None
        _make(db, line.agent.id or 0, line.day, line.spans, line.queue_ids, act, now)
        count += len(line.spans)
    return _done(db, act, "imported", by=by, now=now), count, lines


def rows(db: Session, first: date, last: date) -> Iterator[list[str]]:
    """The plan in the columns of `COLUMNS`, as it can be taken in again."""
    slugs: dict[int, str] = {queue.id or 0: queue.slug for queue in queues.everyone(db)}
    emails = {agent.id: agent.email for agent in agents.everyone(db)}
    for each in of_days(db, first, last):
        told = "" if each.is_for_all else " ".join(slugs[queue_id] for queue_id in sorted(each.queue_ids))
        yield [emails[each.agent_id], each.day.isoformat(), each.hours, told]


def read_spans(text: str) -> list[tuple[int, int]]:
    """ "9:00-18:00" as minutes; an end that is not after its begin lies on the next day. Raises `Invalid`."""
    found = []
    for begin, end in hours.read_hours(text):
        begins, ends = (int(each[:2]) * 60 + int(each[3:]) for each in (begin, end))
        found.append((begins, ends if ends > begins else ends + DAY))
    return found


def _line(db: Session, number: int, told: Mapping[str, str], staff: Mapping[str, Agent], known: Mapping[str, int],
          planned: dict[int, list[tuple[int, int]]]) -> Line:  # fmt: skip
    line = Line(number, told)
    line.agent = staff.get(told["email"].lower()) or staff.get(plain(told["email"]))
    if line.agent is None:
        line.errors.append(("email", "no_such_agent", told["email"]))
    try:
        line.day = imports.day_of(told["day"])
    except ValueError:
        line.errors.append(("day", "shift_day", told["day"]))
    try:
        line.spans = read_spans(told["hours"])
        if not line.spans:
            raise Invalid("not_hours", field="hours")
    except Invalid as error:
        line.errors.append(("hours", error.code, told["hours"]))
    for name in re.split(r"[\s、，,;；/／]+", told.get("queues", "").strip()):
        queue_id = known.get(plain(name))
        if name and queue_id is None:
            line.errors.append(("queues", "roster_queue", name))
        elif name and line.agent is not None and not agents.serves(db, line.agent, queue_id or 0):
            line.errors.append(("queues", "shift_not_served", name))
        elif name:
            line.queue_ids.append(queue_id or 0)
    if line.agent is not None and line.day is not None and line.spans:
        agent_id, base = line.agent.id or 0, line.day.toordinal() * DAY
        mine = [(base + begin, base + end) for begin, end in line.spans]
        others = planned.setdefault(agent_id, [])
        if _overlaps(_taken(db, agent_id, line.day), line.day, line.spans) or _meet(mine, others):
            line.errors.append(("hours", "shift_overlaps", told["hours"]))
        others.extend(mine)
    return line


def _make(db: Session, agent_id: int, day: date, times: Iterable[tuple[int, int]], queue_ids: Iterable[int], act: str,
          now: datetime) -> None:  # fmt: skip
    for begins, ends in times:
        shift = Shift(agent_id=agent_id, day=day, begins=begins, ends=ends, made_in=act, created_at=now)
        db.add(shift)
        db.flush()
        for queue_id in sorted(set(queue_ids)):
            db.add(ShiftQueue(shift_id=shift.id or 0, queue_id=queue_id))
    db.flush()


def _done(db: Session, act: str, what: str, *, by: Agent, now: datetime) -> str:
    db.execute(sa.delete(Shift).where(col(Shift.gone_in) != "", col(Shift.day) < (now - KEPT).date()))
    db.flush()
    emit(db, ShiftsChanged(what=what, by_id=by.id, at=now))
    return act


def _check_serves(db: Session, agent: Agent, queue_ids: Iterable[int]) -> None:
    for queue_id in queue_ids:
        if db.get(Queue, queue_id) is None:
            raise NotFound("not_found", queue_id=queue_id)
        if not agents.serves(db, agent, queue_id):
            raise Invalid("shift_not_served", field="queue")


def _taken(db: Session, agent_id: int, day: date) -> list[tuple[int, int]]:
    """When the agent is planned around a day, in minutes since the first day of the calendar."""
    near = (col(Shift.day) >= day - timedelta(days=1), col(Shift.day) <= day + timedelta(days=1))
    rows = db.execute(
        sa.select(col(Shift.day), col(Shift.begins), col(Shift.ends))
        .where(col(Shift.agent_id) == agent_id, col(Shift.gone_in) == "", *near)
    )  # fmt: skip
    return [(on.toordinal() * DAY + begins, on.toordinal() * DAY + ends) for on, begins, ends in rows]


def _overlaps(taken: Sequence[tuple[int, int]], day: date, times: Iterable[tuple[int, int]]) -> bool:
    base = day.toordinal() * DAY
    return _meet([(base + begin, base + end) for begin, end in times], taken)


def _meet(some: Iterable[tuple[int, int]], others: Sequence[tuple[int, int]]) -> bool:
    return any(begin < end_there and begin_there < end for begin, end in some for begin_there, end_there in others)


def _act() -> str:
    return secrets.token_hex(8)


def _clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02}"
