"""What can come of a mail: the codes in `Inbound.outcome`, and the kinds they are counted as.

The one idea: every mail ends in exactly one of them, so what was kept on a day is what its kinds add up to. The
sentences that say a code to people are in web/words, group "outcome"; for what was set aside, in group "error".
"""

from typing import Final, Literal

from models import InboundState

Kind = Literal["ticket", "joined", "note", "ignored", "parked", "failed", "waiting"]

TICKET: Final = ("by_address", "by_classifier", "by_keywords", "nobody_sure", "no_words_yet", "opened_by_hand")
"""It opened a ticket. The code is the routing decision's reason."""

JOINED: Final = ("by_thread", "assigned_by_hand")
"""It joined the ticket it answers."""

NOTE: Final = ("automatic", "by_stranger", "bounce", "bounce_delayed")
"""It stands on a ticket for agents to see: a machine's answer, somebody's who does not take part, or that a mail of
ours came back or is late. None of them reopens a ticket."""

IGNORED: Final = ("bounce_of_nothing", "bounce_of_receipt", "own_mail")
"""Read, and rightly nothing came of it."""

PARKED: Final = ("empty", "no_sender", "too_large", "stranger", "too_many_tickets", "reopened_too_often")
"""A person decides. A reader that broke leaves the name of its error instead, and counts as failed."""


def kind_of(state: InboundState, outcome: str) -> Kind:
    """What a mail is counted as. Any state and outcome are one of the kinds, so nothing falls out of the sum."""
    if state == InboundState.WAITING:
        return "waiting"
    if state == InboundState.PARKED:
        return "parked" if outcome in PARKED else "failed"
    if state == InboundState.IGNORED:
        return "ignored"
    return "joined" if outcome in JOINED else "note" if outcome in NOTE else "ticket"
