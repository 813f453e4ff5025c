"""The log of facts, and `emit`, which states one; what facts there are, `facts` says.

A verb states a fact; the fact is written with the verb's transaction and with it the work it causes, so that all live
or die together. Facts are gathered while the transaction runs and written last, just before it commits: on PostgreSQL
under one lock, held for an insert and a commit, which makes the order of numbers the order of commits. A reader can
then remember one number and never skip an event. (Numbering by transaction id and reading below the oldest running one
was the alternative: it needs no lock, but one long transaction anywhere would hold back every screen.)
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, col

from helpdesk.facts import Fact, name_of
from models import Event
from models.database import one_at_a_time
from models.looking import ask

LOCK = 0x6D616463  # PostgreSQL advisory lock of whoever writes events
_TABLE: sa.Table = Event.__table__  # type: ignore[attr-defined]
_INSERT = sa.insert(Event)
_LAST = sa.select(sa.func.max(_TABLE.c.id))
_NEWEST = sa.select(sa.func.max(col(Event.id)))


def emit(db: Session, fact: Fact) -> None:
    """State a fact in the running transaction, and enqueue the work it causes."""
    from helpdesk import reactions

    if act := db.info.get("act"):
        fact = replace(fact, act_id=act)
    db.info.setdefault("facts", []).append(fact)
    reactions.react(db, fact)


WITH_A_MAIL = "mail:"
"""What the act begins with that a mail does to its ticket by being written; its number follows. It is taken back with
the mail."""


@contextmanager
def one_act(db: Session, act: str = "") -> Iterator[None]:
    """What is stated meanwhile is one act, and is taken back as one. An act within an act is a part of it."""
    if db.info.get("act"):
        yield
        return
    db.info["act"] = act or secrets.token_hex(6)
    try:
        yield
    finally:
        del db.info["act"]


def recall(row: "Event | sa.Row[Any]") -> Fact:
    """The fact an event row holds."""
    known = {"ticket_id": row.ticket_id, "call_id": row.call_id, **row.data}
    kind = Fact.kinds[row.fact]
    names = kind.__dataclass_fields__
    return kind(at=row.at, by_id=row.actor_id, **{name: known[name] for name in names if name in known})


def last_number(db: Session) -> int:
    """The number of the newest event; 0 before the first. Who only reads has one picture, and asks once."""
    if not db.info.get("is_reading"):
        return db.connection().execute(_NEWEST).scalar() or 0
    known: int | None = db.info.get("read_number")
    if known is None:
        known = db.info["read_number"] = ask(db, _NEWEST)[0][0] or 0
    return known


@event.listens_for(Session, "before_commit")
def _write_facts(db: Session) -> None:
    from helpdesk import reactions, settings_history

    if not db.info.get("facts"):
        return
    reactions.conclude(db)
    db.flush()
    settings_history.conclude(db)
    facts: list[Fact] = db.info.pop("facts")
    one_at_a_time(db, LOCK)
    connection = db.connection()
    # One statement for all may number its rows in any order; the drivers run this one once a row.
    connection.execute(_INSERT, [_columns(fact) for fact in facts])
    db.info["last_number"] = connection.execute(_LAST).scalar_one()


@event.listens_for(Session, "after_rollback")
def _forget_facts(db: Session) -> None:
    db.info.pop("facts", None)
    db.info.pop("last_number", None)


def _columns(fact: Fact) -> dict[str, Any]:
    told = dict(vars(fact))  # ids and codes: nothing in it has to be copied deeper
    if not told["act_id"]:
        del told["act_id"]
    return {
        "fact": name_of(type(fact)),
        "at": told.pop("at"),
        "actor_id": told.pop("by_id"),
        "ticket_id": told.pop("ticket_id", None),
        "call_id": told.pop("call_id", None),
        "data": told,
    }
