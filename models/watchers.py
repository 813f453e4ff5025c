"""Who wants to hear of a ticket that is not theirs."""

from datetime import datetime

from models.base import Row, points_to


class TicketWatcher(Row, table=True):
    """One agent and one ticket. `Ticket.is_watched` says whether there is any, so that whoever changes a ticket nobody
    watches, which is nearly every one, does not ask."""

    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE", primary_key=True, index=True)
    since: datetime
