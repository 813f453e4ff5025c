"""Main lines of companies: a number that names a company and nobody in it.

A number that more than `SHARED_BY` customers carry is shared: shown as such, and, where they are of one company,
proposed as its main line. A person decides.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.customers import contact_points
from helpdesk.errors import Invalid
from models import CompanyLine, ContactPoint, Customer, PointKind, PointSource

SHARED_BY = 3
"""A number that more customers carry than this is nobody's own."""
COUNTED = 1000


def of(db: Session, e164: str) -> CompanyLine | None:
    """The company whose main line this number is; None for any other number."""
    return db.get(CompanyLine, e164) if e164 else None


def among(db: Session, numbers: Collection[str]) -> dict[str, str]:
    """Of these numbers the main lines, with their companies."""
    rows = db.exec(select(CompanyLine.e164, CompanyLine.company).where(col(CompanyLine.e164).in_(numbers)))
    return {e164: company for e164, company in rows}


def lines_of(db: Session, company: str) -> Sequence[CompanyLine]:
    """The main lines of a company, however its name is written."""
    key = contact_points.name_key(company)
    if not key:
        return ()
    return db.exec(select(CompanyLine).where(CompanyLine.company_key == key).order_by(col(CompanyLine.e164))).all()


def carriers(db: Session, numbers: Collection[str]) -> dict[str, int]:
    """How many customers carry each of these numbers."""
    rows = db.execute(
        sa.select(col(ContactPoint.key), sa.func.count())
        .where(col(ContactPoint.kind) == PointKind.PHONE, col(ContactPoint.key).in_(numbers))
        .group_by(col(ContactPoint.key))
    )
    return {key: count for key, count in rows}


def proposed(db: Session, numbers: Collection[str]) -> dict[str, str]:
    """Of these numbers those that more than `SHARED_BY` customers of one company carry, with the company."""
    told = sa.func.min(Customer.company)
    rows = db.execute(
        sa.select(col(ContactPoint.key), told)
        .join(Customer, col(Customer.id) == ContactPoint.customer_id)
        .where(
            col(ContactPoint.kind) == PointKind.PHONE,
            col(ContactPoint.key).in_(numbers),
            col(Customer.company_key) != "",
        )
        .group_by(col(ContactPoint.key), col(Customer.company_key))
        .having(sa.func.count() > SHARED_BY)
        .order_by(sa.func.count())
    )
    known = among(db, numbers)
    return {key: company for key, company in rows if key not in known}


def declare(db: Session, e164: str, company: str, *, now: datetime) -> CompanyLine:
    """Say that a number is a company's main line. What was learned or guessed of it counts less from now on.

    Raises `Invalid("company_missing")`.
    """
    key = contact_points.name_key(company)
    if not key:
        raise Invalid("company_missing", field="company")
    line = of(db, e164) or CompanyLine(e164=e164, company="", company_key="", created_at=now)
    line.company, line.company_key = company.strip()[: contact_points.LONGEST_NAME], key
    db.add(line)
    for point in db.exec(
        select(ContactPoint)
        .where(ContactPoint.kind == PointKind.PHONE, ContactPoint.key == e164)
        .order_by(col(ContactPoint.id))
        .limit(COUNTED)
    ):
        point.learned_at = None
        if point.source in (PointSource.LEARNED, PointSource.TICKET, PointSource.GUESSED):
            db.delete(point)
    db.flush()
    return line


def withdraw(db: Session, e164: str) -> None:
    """The number is no company's main line after all."""
    if line := of(db, e164):
        db.delete(line)
        db.flush()
