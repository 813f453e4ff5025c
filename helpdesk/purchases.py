"""Which of a customer's orders a ticket is about.

The one idea: whose words name an order means it. Its number says so, else the product that the ticket was read to be
about (helpdesk/products/following.py); where neither does, or several orders are of that product, the newest is meant.
"""

from typing import Final

from sqlmodel import Session, col, select

from helpdesk import tickets
from helpdesk.products import catalogue, reading
from models import Direction, Message, Product, Purchase, Ticket, TicketProduct

LOOKED_AT: Final = 20
"""Orders of the customer, the newest first."""
READ: Final = 5
"""Mails of the customer in the ticket, the newest first."""


def meant(db: Session, ticket: Ticket) -> Purchase | None:
    """The order the customer most likely writes of; None of somebody who bought nothing or is not known."""
    if ticket.customer_id is None:
        return None
    newest_first = col(Purchase.ordered_at).desc(), col(Purchase.id).desc()
    bought = db.exec(
        select(Purchase).where(Purchase.customer_id == ticket.customer_id).order_by(*newest_first).limit(LOOKED_AT)
    ).all()
    if len(bought) < 2 or ticket.id is None:
        return next(iter(bought), None)
    numbers, products = _numbers(db, ticket.id), _products(db, ticket.id)
    return max(  # of equals the first, which is the newest
        bought, key=lambda each: (each.order_number in numbers, catalogue.key_of(each.product) in products)
    )


def _numbers(db: Session, ticket_id: int) -> set[str]:
    said = select(Message.subject, Message.reply_text, Message.text).where(
        col(Message.ticket_id).in_(tickets.family(ticket_id)), Message.direction == Direction.IN
    )
    rows = db.exec(said.order_by(col(Message.id).desc()).limit(READ))
    return {number for subject, reply, text in rows for number in reading.numbers(f"{subject}\n{reply or text}")}


def _products(db: Session, ticket_id: int) -> set[str]:
    rows = db.exec(
        select(Product.name, Product.name_en)
        .join(TicketProduct, col(TicketProduct.product_id) == Product.id)
        .where(TicketProduct.ticket_id == ticket_id)
    )
    return {catalogue.key_of(name) for names in rows for name in names if name}
