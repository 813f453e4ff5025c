"""An agent's word on who calls: what it changed is kept beside it, so that taking it back leaves no trace.

From a company's main line somebody of that company calls, and next time somebody else of it: there nothing is learned.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from helpdesk.customers import company_lines, records
from models import Agent, Call, Customer, CustomerChoice, PointKind, Ticket


def remember(
    db: Session, call: Call, customer: Customer, *, ticket: Ticket | None, by: Agent, now: datetime
) -> CustomerChoice:
    """Keep what the choice is about to change, and learn the number where it says something of one person."""
    assert call.id is not None and customer.id is not None
    number = "" if call.is_withheld or company_lines.of(db, call.number) else call.number
    choice = CustomerChoice(
        call_id=call.id, customer_id=customer.id, number=number, customer_before_id=call.customer_id,
        match_before=call.match, last_contact_before=customer.last_contact_at, ticket_id=ticket.id if ticket else None,
        ticket_customer_before_id=ticket.customer_id if ticket else None, by_id=by.id, at=now,
    )  # fmt: skip
    if number:
        choice.point_before, choice.unlearned = records.learn(
            db, customer, PointKind.PHONE, number, number, now=now
        )  # fmt: skip
    db.add(choice)
    db.flush()
    return choice


def last_of(db: Session, call_id: int | None) -> CustomerChoice | None:
    """The choice that stands on a call; None when nobody said who calls, or took it back."""
    standing = select(CustomerChoice).where(CustomerChoice.call_id == call_id, col(CustomerChoice.undone_at).is_(None))
    return db.exec(standing.order_by(col(CustomerChoice.id).desc()).limit(1)).first()


def forget_numbers(db: Session, call_id: int | None) -> None:
    """The caller turned out to withhold the number: what was said of the caller stands, and no record keeps the
    number for it."""
    for choice in db.exec(select(CustomerChoice).where(CustomerChoice.call_id == call_id, CustomerChoice.number != "")):
        if choice.undone_at is None:
            records.unlearn(db, choice)
        choice.number = ""


def that_taught(db: Session, customer_id: int, number: str) -> CustomerChoice | None:
    """The choice by which the number was learned to be this customer's, as far as it stands."""
    standing = select(CustomerChoice).where(
        CustomerChoice.customer_id == customer_id,
        CustomerChoice.number == number,
        col(CustomerChoice.undone_at).is_(None),
    )
    return db.exec(standing.order_by(col(CustomerChoice.id).desc()).limit(1)).first()


def forget(db: Session, choice: CustomerChoice, *, now: datetime) -> None:
    """Take back what was learned by it, and that they were spoken to, where nobody has spoken to them since."""
    choice.undone_at = now
    chosen = db.get(Customer, choice.customer_id)
    if chosen is not None and chosen.last_contact_at == choice.at and chosen.id != choice.customer_before_id:
        chosen.last_contact_at = choice.last_contact_before
    records.unlearn(db, choice)
