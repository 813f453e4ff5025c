"""Who is calling: what an agent says of it, taken back as well, and what becomes of it when a record is edited."""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import tickets
from helpdesk.calls import holds_only, move_to_ticket, say, ticket_of
from helpdesk.customers import choices, matching, records
from helpdesk.errors import Conflict
from helpdesk.facts import CallChanged
from models import Agent, Call, CallState, ContactPoint, Customer, PointKind, PointSource, Ticket
from models.database import hold_still

OPEN_AT_MOST = timedelta(days=1)
RELABELED_MOST = 50


def choose_customer(db: Session, call: Call, customer: Customer, *, by: Agent, now: datetime) -> None:
    """Say who is calling. The choice is remembered for this number, and a later choice replaces it."""
    hold_still(db, call)
    ticket = ticket_of(db, call)
    standing = choices.last_of(db, call.id)
    if standing is not None and standing.customer_id == call.customer_id == customer.id:
        return
    choice = choices.remember(db, call, customer, ticket=ticket, by=by, now=now)
    call.customer_id = customer.id
    call.match = "learned" if choice.number else "chosen" if call.number else call.match
    customer.last_contact_at = max(customer.last_contact_at or now, now)
    if ticket and (ticket.customer_id in (None, customer.id) or holds_only(db, ticket, call)):
        tickets.link_customer(db, ticket, customer, by=None, now=now)
    elif ticket:  # it is another customer's matter, which the call joined by mistake
        move_to_ticket(db, call, None, by=by, now=now)
    say(db, call, CallChanged, what="customer", now=now, by_id=by.id)


def undo_choice(db: Session, call: Call, *, by: Agent, now: datetime) -> None:
    """Take back the last word on who calls: call, ticket and number are as they were. Twice changes nothing."""
    hold_still(db, call)
    choice = choices.last_of(db, call.id)
    if choice is None:
        return
    choices.forget(db, choice, now=now)
    call.customer_id, call.match = choice.customer_before_id, choice.match_before
    ticket = ticket_of(db, call)
    before = db.get(Ticket, choice.ticket_id) if choice.ticket_id else None
    if ticket and before and ticket.id != before.id and holds_only(db, ticket, call):
        _give_to(db, ticket, None, by=by, now=now)  # opened for the one who was chosen
        move_to_ticket(db, call, before, by=by, now=now)
    elif ticket and ticket.id == choice.ticket_id and ticket.customer_id == choice.customer_id:
        _give_to(db, ticket, choice.ticket_customer_before_id, by=by, now=now)
    say(db, call, CallChanged, what="customer", now=now, by_id=by.id)


def deny_guess(db: Session, call: Call, *, by: Agent, now: datetime) -> None:
    """It is not who a signature made the desk guess: the number comes off that record, and the call is looked at anew.

    Raises `Conflict("not_a_guess")` when it is known in another way by now.
    """
    hold_still(db, call)
    guessed = _guessed(db, call)
    records.take_off(db, guessed, by=by, now=now)
    _look_again(db, call, now=now)


def confirm_guess(db: Session, call: Call, *, by: Agent, now: datetime) -> None:
    """It is who a signature made the desk guess, as the agent heard. Raises `Conflict("not_a_guess")`."""
    hold_still(db, call)
    _guessed(db, call).source = PointSource.PROFILE
    db.flush()
    _look_again(db, call, now=now)


def say_blocked(db: Session, call: Call, *, by: Agent, now: datetime) -> None:
    """The caller is refused from now on: every card of the call shows it."""
    say(db, call, CallChanged, what="blocked", now=now, by_id=by.id)


def relabel(db: Session, numbers: Collection[str], *, now: datetime) -> None:
    """Somebody edited by whom these numbers (E.164) are carried: calls that are still on a screen are looked at anew.

    What an agent said of a call stands, and so does every call that is over.
    """
    is_live = sa.or_(
        col(Call.state) != CallState.ENDED, sa.and_(col(Call.agent_id).is_not(None), col(Call.wrapped_up_at).is_(None))
    )
    of_them = select(Call).where(
        col(Call.number).in_(sorted({number for number in numbers if number})),
        is_live,
        Call.started_at > now - OPEN_AT_MOST,
    )
    for call in db.exec(of_them.order_by(col(Call.id)).limit(RELABELED_MOST)).all():
        if choices.last_of(db, call.id) is None:
            _look_again(db, call, now=now)


def _guessed(db: Session, call: Call) -> ContactPoint:
    """The guess by which the call's customer is known."""
    customer = db.get(Customer, call.customer_id) if call.match == "guessed" and call.customer_id else None
    point = records.point_of(db, customer, PointKind.PHONE, call.number) if customer else None
    if point is None or point.source != PointSource.GUESSED:
        raise Conflict("not_a_guess", call_id=call.id)
    return point


def _look_again(db: Session, call: Call, *, now: datetime) -> None:
    """Ask anew whose number it is. The ticket follows where it is this call's alone."""
    before, match = call.customer_id, matching.by_phone(db, call.number)
    call.match, call.customer_id = match.reason, match.customer_id
    ticket = ticket_of(db, call)
    if ticket and ticket.customer_id == before != call.customer_id and holds_only(db, ticket, call):
        _give_to(db, ticket, call.customer_id, by=None, now=now)
    say(db, call, CallChanged, what="customer", now=now)


def _give_to(db: Session, ticket: Ticket, customer_id: int | None, *, by: Agent | None, now: datetime) -> None:
    """Say whose ticket it is, without learning anything from it."""
    if ticket.customer_id == customer_id:
        return
    if customer := db.get(Customer, customer_id) if customer_id else None:
        tickets.link_customer(db, ticket, customer, by=None, now=now)
    else:
        tickets.unlink_customer(db, ticket, by=by, now=now)
