"""How a call ended, and what that does to its ticket: said on the card before it is chosen, and done at wrap-up.

The idea: both ask here, so the card never promises anything else than what will happen.
"""

from typing import Final, Literal

from sqlmodel import Session

from helpdesk import fields
from models import Channel, Ticket, TicketState

Effect = Literal["resolves", "stays_mail", "stays_fields", "awaits", "stays", ""]
"""`stays_mail` and `stays_fields` are why a solved matter stays open: it came by mail and its writer has had no answer,
or something is to be known of it first. "" where there is no open ticket."""

CODES: Final = ("solved", "follow_up", "call_back", "transferred", "wrong_number", "no_answer", "other")
AWAITS_US: Final = frozenset({"follow_up", "call_back"})


def effect(db: Session, ticket: Ticket | None, code: str) -> Effect:
    """What this outcome does to the ticket as it is now."""
    if ticket is None or ticket.state == TicketState.RESOLVED:
        return ""
    if code != "solved":
        return "awaits" if code in AWAITS_US else "stays"
    if ticket.channel != Channel.PHONE:
        return "stays_mail"
    return "stays_fields" if fields.missing(db, ticket) else "resolves"


def by_effect(db: Session, ticket: Ticket | None) -> dict[str, list[str]]:
    """All outcomes in their order, those of one effect together."""
    found: dict[str, list[str]] = {}
    for code in CODES:
        found.setdefault(effect(db, ticket, code), []).append(code)
    return found
