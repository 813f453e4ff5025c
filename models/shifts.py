"""Who is planned to be there when, and what supervisors assume when they work out how many are needed."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, points_to


class Shift(Row, table=True):
    """An agent is planned from one minute of a day to another, by the desk's clock. Its queues are `ShiftQueue` rows;
    without any the agent takes whatever they serve."""

    __table_args__ = (sa.Index("ix_shift_day", "day", "agent_id"),)

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE", index=True)
    day: date
    begins: int  # minutes after midnight
    ends: int  # likewise; more than 1440 lies on the next day
    made_in: str = ""  # the act that made it, of which it can be taken back
    gone_in: str = ""  # the act that took it away; "" while it is there
    created_at: datetime


class ShiftQueue(Row, table=True):
    shift_id: int = points_to("shift.id", ondelete="CASCADE", primary_key=True)
    queue_id: int = points_to("queue.id", ondelete="CASCADE", primary_key=True, index=True)


class StaffingBasis(Row, table=True):
    """What is assumed of a queue where nothing is measured. A queue without a row has the defaults."""

    queue_id: int = points_to("queue.id", ondelete="CASCADE", primary_key=True)
    shrinkage_percent: int = 25  # of paid time is spent in breaks, meetings, training, illness
    occupancy_percent: int = 85  # of the time at the desk an agent should at most be busy
    written_minutes: int = 8  # that an inquiry in writing takes, all answers together
    least: int = 0  # agents at any rate while the queue is open
