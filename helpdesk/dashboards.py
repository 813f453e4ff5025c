"""Dashboards: tiles of any report that supervisors put together, for themselves, for each other, for everybody, for a
wall.

The one idea: a tile remembers a question, never an answer: which part of which report, of which queue, over a period
that moves with the day. Tiles that ask the same are answered once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import access
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import DashboardChanged
from helpdesk.reporting import catalog
from helpdesk.reporting.values import Chart, Figure, Sheet, Table
from models import Agent, BoardAudience, Dashboard, Role, Tile, TileKind

NAME_MAX: Final = 60
TILES_MAX: Final = 24
KEPT: Final = timedelta(days=30)
"""How long a deleted one can be taken back."""
BEING_READ: Final = "being_read"
"""What a tile says while customers' texts are being read for it."""
MOVING: Final = ("today", "yesterday", "week", "month", "last_week", "last_month")

Question = tuple[str, tuple[tuple[str, str], ...]]
"""What tiles ask: a report's key, and what is asked of it, sorted."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A tile with its answer: one of the three, or none where there is nothing to say or no more such part."""

    tile: Tile
    figure: Figure | None = None
    chart: Chart | None = None
    table: Table | None = None
    error: str = ""

    @property
    def is_quoting(self) -> bool:
        """Whether it holds customers' words, which are of whatever queue."""
        return self.table is not None and self.table.is_quoting


def listed(db: Session, agent: Agent) -> list[Dashboard]:
    """Those somebody may open, by name."""
    rows = db.exec(select(Dashboard).where(col(Dashboard.deleted_at).is_(None)).order_by(Dashboard.name))
    return [row for row in rows if _sees(agent, row)]


def get(db: Session, agent: Agent, dashboard_id: int) -> Dashboard:
    """One that somebody may open. Raises `NotFound`."""
    found = db.get(Dashboard, dashboard_id)
    if found is None or found.deleted_at is not None or not _sees(agent, found):
        raise NotFound("not_found", dashboard_id=dashboard_id)
    return found


def to_change(db: Session, agent: Agent, dashboard_id: int) -> Dashboard:
    """One that somebody may change: a supervisor whose own it is or with whom it is shared."""
    access.supervisor(agent)
    return get(db, agent, dashboard_id)


def make(db: Session, *, name: str, audience: str, by: Agent, now: datetime) -> Dashboard:
    """A new one without tiles. Raises `Invalid` with the field."""
    assert by.id is not None
    board = Dashboard(name="", owner_id=by.id, created_at=now)
    _fill(board, name, audience)
    db.add(board)
    db.flush()
    _told(db, board, "made", by=by, now=now)
    return board


def change(db: Session, board: Dashboard, *, name: str, audience: str, by: Agent, now: datetime) -> None:
    """Another name, other readers. Only its owner takes it for himself alone. Raises `Invalid` with the field."""
    if audience == BoardAudience.OWNER and board.owner_id != by.id:
        raise Invalid("not_your_dashboard", field="audience")
    _fill(board, name, audience)
    _told(db, board, "changed", by=by, now=now)


def delete(db: Session, board: Dashboard, *, by: Agent, now: datetime) -> None:
    """It can be taken back for a while; those deleted longer ago go for good."""
    db.execute(sa.delete(Dashboard).where(col(Dashboard.deleted_at) < now - KEPT))
    board.deleted_at = now
    _told(db, board, "deleted", by=by, now=now)


def restore(db: Session, dashboard_id: int, *, by: Agent, now: datetime) -> Dashboard:
    """Take a deletion back. Raises `NotFound`."""
    board = db.get(Dashboard, dashboard_id)
    if board is None or not _sees(by, board):
        raise NotFound("not_found", dashboard_id=dashboard_id)
    board.deleted_at = None
    _told(db, board, "changed", by=by, now=now)
    return board


def tiles(db: Session, board: Dashboard) -> list[Tile]:
    """In their order."""
    of_board = select(Tile).where(Tile.dashboard_id == board.id)
    return list(db.exec(of_board.order_by(col(Tile.position), col(Tile.id))))


def tile(db: Session, board: Dashboard, tile_id: int) -> Tile:
    """One of a dashboard. Raises `NotFound`."""
    found = db.get(Tile, tile_id)
    if found is None or found.dashboard_id != board.id:
        raise NotFound("not_found", tile_id=tile_id)
    return found


def add(db: Session, board: Dashboard, *, part: str, asked: Mapping[str, str], is_wide: bool, by: Agent,
        now: datetime) -> Tile:  # fmt: skip
    """Another tile, at the end. `part` is "calls.figure.offered". Raises `Invalid` with the field, `Conflict`."""
    key, _, rest = part.partition(".")
    kind, _, name = rest.partition(".")
    if key not in catalog.REPORTS or (kind, name) not in catalog.report(key).parts():
        raise Invalid("unknown_choice", field="part")
    kept = catalog.kept(key, asked)
    if kept.get("period", "month") not in MOVING:
        raise Invalid("not_a_period", field="period")
    here = tiles(db, board)
    if len(here) >= TILES_MAX:
        raise Conflict("too_many_tiles")
    assert board.id is not None
    position = max((each.position for each in here), default=0) + 1
    made = Tile(dashboard_id=board.id, position=position, report=key, kind=TileKind(kind), part=name, asked=kept,
                is_wide=is_wide)  # fmt: skip
    db.add(made)
    db.flush()
    _told(db, board, "changed", by=by, now=now)
    return made


def remove(db: Session, board: Dashboard, one: Tile, *, by: Agent, now: datetime) -> None:
    """Take a tile away."""
    db.delete(one)
    _told(db, board, "changed", by=by, now=now)


def move(db: Session, board: Dashboard, one: Tile, to: int, *, by: Agent, now: datetime) -> None:
    """Put a tile at another place, 0 the first; beyond either end is the end. Where it is already changes nothing."""
    order = [each for each in tiles(db, board) if each.id != one.id]
    order.insert(max(0, min(to, len(order))), one)
    if [each.position for each in order] != sorted(each.position for each in order):
        for position, each in enumerate(order, 1):
            each.position = position
        _told(db, board, "changed", by=by, now=now)


def widen(db: Session, board: Dashboard, one: Tile, is_wide: bool, *, by: Agent, now: datetime) -> None:
    """Let it take a whole line, or half of one."""
    if one.is_wide != is_wide:
        one.is_wide = is_wide
        _told(db, board, "changed", by=by, now=now)


def question(one: Tile) -> Question:
    """What a tile asks."""
    return one.report, tuple(sorted(one.asked.items()))


def gather(
    db: Session, asked: Sequence[Question], *, language: str, timezone: str, now: datetime
) -> dict[Question, Callable[[], Sheet] | str]:
    """For each question what answers it outside of the database, or the code of what is wrong with it: a queue that is
    gone, say."""
    found: dict[Question, Callable[[], Sheet] | str] = {}
    for each in dict.fromkeys(asked):
        key, kept = each
        try:
            meant = catalog.asked(db, key, dict(kept), language=language, timezone=timezone, now=now)
            found[each] = catalog.report(key).gather(db, meant)
        except (NotFound, Invalid) as error:
            found[each] = error.code
    return found


def show(one: Tile, answer: Sheet | str) -> Shown:
    """A tile with its part of the answer."""
    if isinstance(answer, str):
        return Shown(one, error=answer)
    key = one.part
    if one.kind == TileKind.FIGURE:
        return Shown(one, figure=next((each for each in answer.figures if each.key == key), None))
    if one.kind == TileKind.CHART:
        return Shown(one, chart=next((each for each in answer.charts if each.key == key), None))
    return Shown(one, table=next((each for each in answer.tables if each.key == key), None))


def _sees(agent: Agent, board: Dashboard) -> bool:
    if board.owner_id == agent.id or board.audience == BoardAudience.EVERYBODY:
        return True
    return board.audience == BoardAudience.SUPERVISORS and agent.role == Role.SUPERVISOR


def _fill(board: Dashboard, name: str, audience: str) -> None:
    name = " ".join(name.split())[:NAME_MAX]
    if not name:
        raise Invalid("name_missing", field="name")
    if audience not in list(BoardAudience):
        raise Invalid("unknown_choice", field="audience")
    board.name, board.audience = name, BoardAudience(audience)


def _told(db: Session, board: Dashboard, state: str, *, by: Agent, now: datetime) -> None:
    emit(db, DashboardChanged(dashboard_id=board.id or 0, state=state, by_id=by.id, at=now))
