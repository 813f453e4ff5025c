"""A past that is counted already: the totals of days as the desk keeps them, without tickets."""

from collections.abc import Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from sqlmodel import Session

from helpdesk.measures import SECOND
from helpdesk.tallies import spread
from models import CallDay, CountedDay, TicketDay
from tests.cast import OpenDesk

WEEK = (1.35, 1.1, 1.0, 0.95, 1.1, 0.35, 0.15)
SHAPE = np.array([0.0] * 18 + [3.0, 5, 4, 3, 2, 2, 1, 2, 3, 4, 4, 3, 3, 2, 2, 1, 1, 0.5] + [0.0] * 12)
HANDLE_SECONDS = 240


def lay(desk: OpenDesk, days: int, *, calls: Mapping[str, float], mails: Mapping[str, float], seed: int = 5) -> date:
    """So many days up to yesterday, with mean numbers a day by queue. Returns the first of them."""
    today = desk.clock().astimezone(ZoneInfo("Asia/Tokyo")).date()
    ids = {slug: desk.queue(slug).id or 0 for slug in {*calls, *mails}}
    draw = np.random.default_rng(seed)

    def write(db: Session) -> None:
        for back in range(days, 0, -1):
            day = today - timedelta(days=back)
            db.add(CountedDay(day=day, timezone="Asia/Tokyo", is_settled=True))
            for slug, mean in calls.items():
                halves = draw.poisson(mean * WEEK[day.weekday()] * SHAPE / SHAPE.sum())
                came = int(halves.sum())
                db.add(CallDay(
                    day=day, queue_id=ids[slug], answered=came, handled=came, talk=came * HANDLE_SECONDS * SECOND,
                    answered_after=came * 10 * SECOND, halves=spread.packed_halves(halves.tolist()),
                ))  # fmt: skip
            for slug, mean in mails.items():
                counts = spread.empty()
                for half, count in enumerate(draw.poisson(mean * WEEK[day.weekday()] * SHAPE / SHAPE.sum())):
                    for _ in range(count):
                        spread.count_half(counts, half)
                opened = int(spread.halves(counts).sum())
                db.add(TicketDay(day=day, queue_id=ids[slug], channel="mail", priority=2, opened=opened, asked=opened,
                                 begun=opened, spread=spread.packed(counts)))  # fmt: skip

    desk.write(write)
    return today - timedelta(days=days)
