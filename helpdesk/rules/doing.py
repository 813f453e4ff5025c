"""Doing what a rule says: all of it or nothing, in a savepoint of its own, kept with what is needed to take it back."""

import logging
from datetime import datetime

from sqlmodel import Session

from helpdesk import acts
from helpdesk.errors import DeskError
from helpdesk.events import emit
from helpdesk.facts import Fact, RuleRan
from helpdesk.settings import Settings
from helpdesk.terms import Matter
from models import Rule, RuleRun, RunEnd
from models.database import hold_still

logger = logging.getLogger(__name__)


def run(db: Session, rule: Rule, matter: Matter, *, fact: str, depth: int = 1, stretch: datetime | None = None,
        settings: Settings, now: datetime) -> RuleRun | None:  # fmt: skip
    """Do what a rule says, all of it or nothing. What it did or why it could not, as kept; None where everything was as
    it would have it."""
    facts: list[Fact] = db.info.pop("facts", [])
    ticket, did, error = matter.ticket, [], ""
    made: list[Fact] = []
    doing = acts.Doing(db, ticket, None, settings, now, rule, fact)
    try:
        with db.begin_nested():
            hold_still(db, ticket)
            did = acts.do_all(doing, rule.acts)
            db.flush()
            made = db.info.pop("facts", [])  # a savepoint that ends would write them
    except Exception as broken:
        did, made, error = [], [], broken.code if isinstance(broken, DeskError) else "unexpected"
        db.info.pop("facts", None)
        if not isinstance(broken, DeskError):
            logger.exception("rule %s failed on ticket %s", rule.id, ticket.id)
    facts.extend(made)
    db.info["facts"] = facts
    if not did and not error:
        return None
    kept = RuleRun(
        rule_id=rule.id, ticket_id=ticket.id or 0, fact=fact, stretch=stretch, depth=depth, did=did, error=error,
        how=RunEnd.FAILED if error else RunEnd.DONE, at=now,
    )  # fmt: skip
    db.add(kept)
    db.flush()
    emit(db, RuleRan(ticket_id=ticket.id or 0, queue_id=ticket.queue_id, rule_id=rule.id or 0, run_id=kept.id or 0,
                     state=kept.how.value, at=now))  # fmt: skip
    return kept
