"""Rules as supervisors make them: listed in the order in which they are asked, checked, switched and moved."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import acts, kept, names, terms
from helpdesk.errors import Invalid, NotFound
from helpdesk.rules import book, waiting
from helpdesk.rules.triggers import WAITS, triggers
from helpdesk.rules.waiting import FOREVER
from helpdesk.settings import Settings
from models import Agent, Rule, RuleRun, RuleWait, RunEnd

MOST = 300
LONGEST_MINUTES = 60 * 24 * 180


@dataclass(frozen=True, kw_only=True)
class Form:
    """A rule as it is typed."""

    name: str
    name_en: str = ""
    trigger: str
    after_minutes: int = 0
    in_hours: bool = False
    all_of: list[dict[str, Any]] = field(default_factory=list)
    any_of: list[dict[str, Any]] = field(default_factory=list)
    acts: list[dict[str, Any]] = field(default_factory=list)
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One on the supervisors' list, with what it did in the last 30 days."""

    rule: Rule
    runs: int
    failures: int
    last_at: datetime | None
    waits: int
    is_broken: bool  # it names what is gone


def everyone(db: Session, *, settings: Settings, now: datetime) -> list[Row]:
    """All that are not deleted, in the order in which they are asked."""
    failed = sa.func.sum(sa.case((col(RuleRun.how) == RunEnd.FAILED, 1), else_=0))
    counted = sa.select(col(RuleRun.rule_id), sa.func.count(), failed, sa.func.max(col(RuleRun.at))).where(
        col(RuleRun.rule_id).is_not(None), col(RuleRun.at) > now - timedelta(days=30)
    )
    runs: dict[int | None, tuple[int, int, datetime | None]] = {
        rule_id: (count, failures, last_at)
        for rule_id, count, failures, last_at in db.execute(counted.group_by(col(RuleRun.rule_id)))
    }
    waiting = sa.select(col(RuleWait.rule_id), sa.func.count()).where(col(RuleWait.due_at) < FOREVER)
    waits = {rule_id: count for rule_id, count in db.execute(waiting.group_by(col(RuleWait.rule_id)))}
    rows = db.exec(select(Rule).where(col(Rule.deleted_at).is_(None)).order_by(col(Rule.position), col(Rule.id)))
    offered = terms.offered(db)
    return [
        Row(rule, *runs.get(rule.id, (0, 0, None)), waits.get(rule.id or 0, 0),
            _is_broken(db, rule, offered, settings=settings))
        for rule in rows
    ]  # fmt: skip


def _is_broken(db: Session, rule: Rule, offered: terms.Offered, *, settings: Settings) -> bool:
    try:
        terms.checked(offered, rule.all_of, "all")
        terms.checked(offered, rule.any_of, "any")
    except Invalid:
        return True
    return acts.points_to_nothing(db, rule.acts, settings=settings)


def get(db: Session, rule_id: int) -> Rule:
    """Raises `NotFound`."""
    found = db.get(Rule, rule_id)
    if found is None:
        raise NotFound("not_found", rule_id=rule_id)
    return found


def draft(db: Session, form: Form, *, settings: Settings, now: datetime) -> Rule:
    """The rule as it would be kept, and in no database. Raises `Invalid` with the field."""
    name, name_en = names.both(form.name, form.name_en)
    if form.trigger not in triggers():
        raise Invalid("unknown_choice", field="trigger")
    if form.trigger in WAITS and not 1 <= form.after_minutes <= LONGEST_MINUTES:
        raise Invalid("not_a_wait", field="after")
    offered = terms.offered(db)
    return Rule(
        name=name, name_en=name_en, trigger=form.trigger,
        after_minutes=form.after_minutes if form.trigger in WAITS else 0,
        in_hours=form.in_hours and form.trigger in WAITS,
        all_of=terms.checked(offered, form.all_of, "all"), any_of=terms.checked(offered, form.any_of, "any"),
        acts=acts.checked(db, form.acts, "rule", settings=settings), stops=form.stops,
        changed_at=now, created_at=now,
    )  # fmt: skip


def save(db: Session, rule: Rule | None, form: Form, *, by: Agent, settings: Settings, now: datetime) -> Rule:
    """Make one, which is switched off and stands last, or change one. Raises `Invalid` with the field."""
    told = draft(db, form, settings=settings, now=now)
    is_new = rule is None
    if rule is None:
        there = db.execute(sa.select(sa.func.count(), sa.func.max(col(Rule.position)))).one()
        if there[0] >= MOST:
            raise Invalid("too_many_rules", field="name")
        rule = told
        rule.position = (there[1] or 0) + 1
        db.add(rule)
    else:
        for name in ("name", "name_en", "trigger", "after_minutes", "in_hours", "all_of", "any_of", "acts", "stops"):
            setattr(rule, name, getattr(told, name))
    rule.changed_by_id, rule.changed_at = by.id, now
    db.flush()
    begin_again(db, rule, now=now)
    _say(db, rule, "made" if is_new else "changed", by=by, now=now)
    return rule


def switch(db: Session, rule: Rule, is_on: bool, *, by: Agent, now: datetime) -> None:
    """Let it run, or no longer. A rule that waits waits for what began before only where its time is still to come, so
    that switching on sets off nothing at once. The same again changes nothing."""
    if kept.switch(db, rule, is_on, by=by, now=now):
        begin_again(db, rule, now=now)


def begin_again(db: Session, rule: Rule, *, now: datetime) -> None:
    """The rule says something else than before: ask it as it is now, and wait anew for what it waits for."""
    book.changed(db)
    waiting.forget(db, rule)
    if rule.is_active and rule.deleted_at is None:
        waiting.seed(db, rule, now=now)


def move(db: Session, rule: Rule, by_places: int, *, by: Agent, now: datetime) -> None:
    """Ask it earlier (-1) or later (1). Past either end changes nothing."""
    rows = list(db.exec(select(Rule).where(col(Rule.deleted_at).is_(None)).order_by(col(Rule.position), col(Rule.id))))
    at = rows.index(rule)
    to = max(0, min(len(rows) - 1, at + by_places))
    if to == at:
        return
    rows.insert(to, rows.pop(at))
    for position, each in enumerate(rows, 1):
        each.position = position
    _say(db, rule, "ordered", by=by, now=now)


def delete(db: Session, rule: Rule, *, by: Agent, now: datetime) -> None:
    """Take it away, switched off; it can be brought back. What it did stays."""
    if kept.delete(db, rule, by=by, now=now):
        rule.is_active = False
        begin_again(db, rule, now=now)


def restore(db: Session, rule: Rule, *, by: Agent, now: datetime) -> None:
    """Bring it back, switched off."""
    kept.restore(db, rule, by=by, now=now)


def _say(db: Session, rule: Rule, state: str, *, by: Agent, now: datetime) -> None:
    book.changed(db)
    kept.say(db, rule, state, by=by, now=now)
