"""What two tickets have to do with each other."""

from enum import StrEnum

from models.base import Row, choice, points_to


class LinkKind(StrEnum):
    """What the first ticket is to the other. Of `RELATED` and `DISTINCT`, which look alike from either side, the
    lower number stands first."""

    RELATED = "related"
    DUPLICATE = "duplicate"  # of the other
    CHILD = "child"  # a part of the other's matter
    SPLIT = "split"  # begun with a message of the other
    DISTINCT = "distinct"  # somebody looked: not about the same matter


class TicketLink(Row, table=True):
    """One ticket is something to another. When and by whom it was said, the log of facts tells."""

    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    other_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True, index=True)
    kind: LinkKind = choice(LinkKind, primary_key=True)
