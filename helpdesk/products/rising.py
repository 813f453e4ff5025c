"""The early warning: of a product or one of its lots there are more inquiries, or more returns, than before.

The one idea: the last seven days are held against the eight weeks before them, and only what chance would hardly do is
told, once. If nothing changed, each of the k + n cases of a product falls into the last week with probability
7 / (7 + days before), so k is binomial, exactly, however few they are (the conditional test of two Poisson rates,
Przyborowski and Wilenski 1940); p is the probability of k or more. All products are tested together: of what is told
at most 5 % is expected to be chance (Benjamini and Hochberg 1995). What is certain but small is not told, see `FEWEST`
and `WORTH`. A product that does not rise without one of its lots is told of by that lot. Lots are not tested by
themselves: each of them begins with nothing, so a new one always rises.

Cases are tickets and returns, not units: five units in one parcel are one case. Cases of one product that come together
for a reason of their own (a newsletter) are not independent, and such a rise is told as well; it is a rise.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import notifications
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import ProductWarned
from helpdesk.tallies.findings import surest
from models import (
    Agent,
    NotificationKind,
    Product,
    ProductLot,
    ProductReturn,
    ProductWarning,
    ReturnState,
    Role,
    Ticket,
    TicketProduct,
    WarningState,
)

WEEK: Final = timedelta(days=7)
BEFORE: Final = timedelta(days=56)
LEAST_BEFORE: Final = timedelta(days=14)
"""A desk that has been open for less has nothing to compare with."""
FEWEST: Final = 4
"""Cases in the week below which nothing is told."""
ALONE: Final = 0.05
"""From which probability on what is left of a product without a lot is said not to rise."""
WORTH: Final = 1.5
"""Times as many a day as before, at least."""
MUTED: Final = timedelta(days=28)
WHATS: Final = ("inquiries", "returns")
SHOWN: Final = 30

Key = tuple[str, int, int | None]
"""What is counted, the product, and the lot or None for all of the product."""


@dataclass(frozen=True, slots=True)
class Rise:
    """What stands out. `before` cases in `days_before`; `tested` how many were looked at together."""

    what: str
    product_id: int
    lot_id: int | None
    count: int
    before: int
    days_before: float
    p: float
    tested: int

    @property
    def expected(self) -> float:
        """Cases in seven days at the pace of the time before."""
        return self.before * 7 / self.days_before


@dataclass(frozen=True, slots=True)
class Shown:
    """A warning as pages show it, in one language."""

    id: int
    what: str
    product_id: int
    product: str
    lot_id: int | None
    lot: str
    begins_at: datetime
    ends_at: datetime
    count: int
    before: int
    expected: float
    days_before: float
    p: float
    tested: int
    state: str
    found_at: datetime
    muted_until: datetime | None


def chance(count: int, before: int, share: float) -> float:
    """P(X >= count) for X binomial of count + before trials, each with probability `share`: exact, in [0, 1]."""
    of = count + before
    if count <= 0:
        return 1.0
    tail = 0.0
    log_term = (
        math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(before + 1)
        + count * math.log(share) + before * math.log1p(-share)
    )  # fmt: skip
    term = math.exp(log_term)
    for held in range(count, of + 1):
        tail += term
        if term < tail * 1e-17 and held > of * share:
            break
        term *= (of - held) / (held + 1) * share / (1 - share)
    return min(1.0, tail)


def find(db: Session, *, now: datetime) -> list[Rise]:
    """What stands out in the last seven days, the surest first."""
    begun = db.scalar(sa.select(col(Ticket.created_at)).order_by(col(Ticket.id)).limit(1))
    week = now - WEEK
    if begun is None or week - begun < LEAST_BEFORE:
        return []
    since = max(begun, week - BEFORE)
    days_before = (week - since) / timedelta(days=1)
    share = 7 / (7 + days_before)
    counts = _counts(db, since, week, now)
    keys = [key for key in counts if key[2] is None]
    sure = surest([chance(*counts[key], share) for key in keys])
    told = [key for place, key in enumerate(keys) if place in sure and _is_worth(*counts[key], days_before)]
    named = [_lot_of(key, counts, share) or key for key in told]
    found = [Rise(*key, *counts[key], days_before, chance(*counts[key], share), len(keys)) for key in named]
    return sorted(found, key=lambda each: (each.p, each.what, each.product_id, each.lot_id or 0))


def watch(db: Session, *, now: datetime) -> list[ProductWarning]:
    """Tell supervisors of what stands out and was not told yet. Returns the new warnings."""
    new = []
    for rise in find(db, now=now):
        known = _latest(db, rise)
        if known is not None and (
            (known.muted_until is not None and known.muted_until > now) or now - known.seen_at <= WEEK
        ):
            if now > known.seen_at:
                known.seen_at = now
                if known.state == WarningState.OPEN and rise.p < known.p:  # still unread: as it is now
                    _write(known, rise, now)
            continue
        made = ProductWarning(product_id=rise.product_id, lot_id=rise.lot_id, what=rise.what, begins_at=now - WEEK,
                              ends_at=now, count=0, before=0, days_before=0.0, p=1.0, tested=0, found_at=now,
                              seen_at=now)  # fmt: skip
        _write(made, rise, now)
        db.add(made)
        db.flush()
        emit(db, ProductWarned(warning_id=made.id or 0, state="open", at=now))
        staff = select(Agent.id).where(Agent.role == Role.SUPERVISOR, col(Agent.is_active))
        for agent_id in db.exec(staff).all():
            notifications.tell(db, agent_id or 0, NotificationKind.PRODUCT, warning_id=made.id, now=now)
        new.append(made)
    return new


def get(db: Session, warning_id: int) -> ProductWarning:
    """Raises `NotFound`."""
    found = db.get(ProductWarning, warning_id)
    if found is None:
        raise NotFound("not_found", warning_id=warning_id)
    return found


def settle(db: Session, warning: ProductWarning, to: str, *, by: Agent, now: datetime) -> None:
    """Acknowledge a warning, mute it for four weeks, or open it again. The same again changes nothing."""
    if to not in set(WarningState):
        raise Invalid("unknown_choice", field="do")
    if warning.state == to:
        return
    warning.state, warning.changed_at, warning.changed_by_id = WarningState(to), now, by.id
    warning.muted_until = now + MUTED if to == WarningState.MUTED else None
    emit(db, ProductWarned(warning_id=warning.id or 0, state=to, by_id=by.id, at=now))


def shown(db: Session, *, language: str, limit: int = SHOWN) -> list[Shown]:
    """The newest warnings; those nobody has said anything to come first."""
    rows = (
        sa.select(ProductWarning, Product, col(ProductLot.code))
        .join(Product, col(Product.id) == ProductWarning.product_id)
        .join(ProductLot, col(ProductLot.id) == ProductWarning.lot_id, isouter=True)
        .order_by(sa.case((col(ProductWarning.state) == WarningState.OPEN, 0), else_=1), col(ProductWarning.id).desc())
        .limit(limit)
    )
    return [
        Shown(row.id or 0, row.what, row.product_id, product.called(language), row.lot_id, lot or "", row.begins_at,
              row.ends_at, row.count, row.before, row.before * 7 / row.days_before, row.days_before, row.p, row.tested,
              row.state.value, row.found_at, row.muted_until)
        for row, product, lot in db.execute(rows)
    ]  # fmt: skip


def _counts(db: Session, since: datetime, week: datetime, now: datetime) -> dict[Key, tuple[int, int]]:
    """Cases in the week and before it: of every product, and of every lot that was named."""
    found: dict[Key, tuple[int, int]] = {}
    for what, product, lot, at, other in (
        ("inquiries", TicketProduct.product_id, TicketProduct.lot_id, TicketProduct.at, sa.true()),
        ("returns", ProductReturn.product_id, ProductReturn.lot_id, ProductReturn.asked_at,
         col(ProductReturn.state) != ReturnState.WITHDRAWN),
    ):  # fmt: skip
        in_week = sa.func.sum(sa.case((col(at) >= week, 1), else_=0))
        rows = db.execute(
            sa.select(col(product), col(lot), in_week, sa.func.count())
            .where(col(at) >= since, col(at) < now, other).group_by(col(product), col(lot))
        )  # fmt: skip
        for product_id, lot_id, count, both in rows:
            for key in {(what, product_id, lot_id), (what, product_id, None)}:
                had = found.get(key, (0, 0))
                found[key] = (had[0] + count, had[1] + both - count)
    return found


def _is_worth(count: int, before: int, days_before: float) -> bool:
    return count >= FEWEST and count >= WORTH * before * 7 / days_before


def _lot_of(key: Key, counts: Mapping[Key, tuple[int, int]], share: float) -> Key | None:
    """The lot without which the product does not rise, if there is one."""
    lots = [other for other in counts if other[:2] == key[:2] and other[2] is not None]
    lots.sort(key=lambda lot: (chance(*counts[lot], share), lot[2]))
    for lot in lots[:1]:
        count, before = (all_of - own for all_of, own in zip(counts[key], counts[lot], strict=True))
        if chance(count, before, share) > ALONE:
            return lot
    return None


def _latest(db: Session, rise: Rise) -> ProductWarning | None:
    lot: Any = col(ProductWarning.lot_id).is_(None) if rise.lot_id is None else ProductWarning.lot_id == rise.lot_id
    rows = select(ProductWarning).where(
        ProductWarning.product_id == rise.product_id, ProductWarning.what == rise.what, lot
    )
    return db.exec(rows.order_by(col(ProductWarning.id).desc()).limit(1)).first()


def _write(row: ProductWarning, rise: Rise, now: datetime) -> None:
    row.begins_at, row.ends_at, row.count, row.before = now - WEEK, now, rise.count, rise.before
    row.days_before, row.p, row.tested = rise.days_before, rise.p, rise.tested
