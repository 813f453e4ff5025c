"""What people said of the topics of single texts, from which the guesses learn."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, points_to


class TopicMark(Row, table=True):
    """Somebody said that one text is about a topic, or is not. It points to the comment, mail or call, one of them, and
    holds no words: what a customer may have forgotten is forgotten here, too."""

    __table_args__ = (
        sa.UniqueConstraint("topic_id", "answer_id"),
        sa.UniqueConstraint("topic_id", "message_id"),
        sa.UniqueConstraint("topic_id", "call_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    topic_id: int = points_to("topic.id", ondelete="CASCADE")
    answer_id: int | None = points_to("answer.id", default=None, ondelete="CASCADE", index=True)
    message_id: int | None = points_to("message.id", default=None, ondelete="CASCADE", index=True)
    call_id: int | None = points_to("call.id", default=None, ondelete="CASCADE", index=True)
    is_about: bool
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    at: datetime
