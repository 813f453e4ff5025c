"""Calls of a long period: what is kept of days that are over says what their rows say."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlmodel import col

from helpdesk import measures, reports
from helpdesk.reports import Period
from helpdesk.tallies import called
from models import CallDay, CountedDay, Queue
from models.database import Database
from models.migrations import upgrade
from tests.bench import year
from tests.bench.year_large import shifts

WAYS = ("queue", "day", "agent")


def told(database: Database, by: str) -> reports.Report:
    period = Period("days", year.LAST - timedelta(days=20), year.LAST)
    return database.read_now(reports.calls, period, by, queue_id=None, language="ja", timezone=year.TIMEZONE,
                             now=year.NOW)  # fmt: skip


@pytest.fixture(scope="module")
def from_rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, dict[str, reports.Report]]]:
    """Three weeks of a small desk, and its reports while nothing was kept yet; now it is."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('calls') / 'desk.db'}")
    upgrade(database)
    year.fill(database, tickets=300, staff=10, days=21)
    shifts(database, days=21)
    reports_then = {by: told(database, by) for by in WAYS}
    year.count(database)
    yield database, reports_then
    database.close()


@pytest.mark.parametrize("by", WAYS)
def test_a_report_of_calls_says_the_same_from_kept_days_as_from_rows(
    from_rows: tuple[Database, dict[str, reports.Report]], by: str
) -> None:
    database, then = from_rows
    kept = sa.select(sa.func.count()).select_from(CountedDay).where(col(CountedDay.is_settled))
    assert (database.read_now(lambda db: db.scalar(kept)) or 0) > 8
    now = told(database, by)
    assert (now.rows, now.total) == (then[by].rows, then[by].total)
    assert now.rows and now.total.value("handled")


def test_the_hours_of_the_week_are_the_same_from_kept_days_as_from_rows(
    from_rows: tuple[Database, dict[str, reports.Report]],
) -> None:
    database, _ = from_rows
    ids = database.read_now(lambda db: [each or 0 for each in db.scalars(sa.select(col(Queue.id)))])
    whole = Period("days", year.LAST - timedelta(days=20), year.LAST).interval(year.TIMEZONE)
    zone = ZoneInfo(year.TIMEZONE)
    came = [at.astimezone(zone) for _, at in database.read_now(measures.arrivals, whole, ids)]
    told = database.read_now(called.hours, whole, ids, timezone=year.TIMEZONE)
    assert told == Counter((at.weekday(), at.hour) for at in came) and len(came) > 10


def test_what_is_kept_is_read_instead_of_rows(from_rows: tuple[Database, dict[str, reports.Report]]) -> None:
    """A day whose kept totals are other ones is another one in the report: it is not counted from rows again."""
    database, then = from_rows

    def add(count: int) -> None:
        kept = sa.update(CallDay).where(col(CallDay.day) == year.LAST - timedelta(days=18), col(CallDay.answered) > 0)
        database.write_now(lambda db: db.execute(kept.values(answered=CallDay.answered + count)))

    add(1_000)
    try:
        answered = told(database, "queue").total.value("answered")
    finally:
        add(-1_000)
    assert (answered or 0) >= (then["queue"].total.value("answered") or 0) + 1_000
