"""Telephone numbers read in the signature of a mail: a guess whose they are, until an agent confirms or removes it.

Only what is sure to be the writer's own is kept: a line that says TEL or 携帯 before the number, not a fax, not a main
line, not a number that is dialed for free, not the desk's own, not one that many carry, and never one an agent removed.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.customers import company_lines, contact_points, records
from models import Agent, ContactPoint, Customer, PointKind, PointSource, Queue, RemovedPoint

MOST: Final = 3
LINES: Final = 60
_LONGEST_LINE: Final = 300
_LABELED = re.compile(
    r"(?P<label>(?:携帯|直通|電話|ケータイ|スマホ|モバイル|tel|phone|mobile|mob|cell|direct|℡|☎|☏|📞|📱|(?:^|[\s/|(\[【])[tm](?=[.:\s)]))"
    r"[^0-9+\n]{0,20}?)(?P<number>\(?\+?[0-9][0-9 ().-]{7,22}[0-9])(?P<after>.{0,12})",
    re.IGNORECASE,
)
_FAX = re.compile(r"fax|ファ(?:ック|ク)ス|ファクシミリ", re.IGNORECASE)
_MAIN_LINE = re.compile(r"代表|\(\s*代\s*\)|フリーダイヤル|main", re.IGNORECASE)
_NOBODYS = ("+81120", "+81800", "+81570", "+81990")


def sure(signature: str, *, region: str = "JP") -> tuple[str, ...]:
    """The numbers (E.164) of which the signature says itself that the writer answers there; `MOST` at most."""
    found: dict[str, None] = {}
    for line in signature.split("\n")[:LINES]:
        told = contact_points.plain(unicodedata.normalize("NFKC", line[:_LONGEST_LINE]))
        for labeled in _LABELED.finditer(told):
            around = labeled["label"] + labeled["after"].partition("  ")[0]
            if _FAX.search(labeled["label"]) or _MAIN_LINE.search(around) or _MAIN_LINE.search(told[: labeled.start()]):
                continue
            number = contact_points.read_number(labeled["number"], region=region)
            if number.kind == "number" and not number.e164.startswith(_NOBODYS):
                found.setdefault(number.e164)
    return tuple(found)[:MOST]


def keep(db: Session, customer: Customer, numbers: Sequence[str], *, now: datetime) -> list[ContactPoint]:
    """Put what a signature told on its writer's record, as a guess. Returns what is new."""
    if not numbers:
        return []
    known = set(_known_to(db, customer, numbers))
    new = [number for number in numbers if number not in known]
    if not new:
        return []
    ours = _ours(db, new)
    shared = company_lines.carriers(db, new)
    lines = company_lines.among(db, new)
    return [
        records.place(
            db, records.new_point(customer, PointKind.PHONE, number, number, PointSource.GUESSED, "", now)
        )
        for number in new
        if number not in ours and number not in lines and shared.get(number, 0) < company_lines.SHARED_BY
    ]  # fmt: skip


def _known_to(db: Session, customer: Customer, numbers: Sequence[str]) -> Sequence[str]:
    """Those that stand on the record, or were taken off it."""
    own, removed = (
        sa.select(col(table.key)).where(
            col(table.customer_id) == customer.id,
            col(table.kind) == PointKind.PHONE,
            col(table.key).in_(numbers),
        )
        for table in (ContactPoint, RemovedPoint)
    )
    return db.scalars(own.union(removed)).all()


def _ours(db: Session, numbers: Sequence[str]) -> set[str]:
    """The desk's own: numbers of queues and agents' telephones."""
    return {
        *db.exec(select(Queue.phone).where(col(Queue.phone).in_(numbers))),
        *db.exec(select(Agent.phone).where(col(Agent.phone).in_(numbers))),
    }
