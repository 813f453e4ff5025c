"""Templates of checklists: the steps of a matter that comes again, written down once for a queue or for all."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import canned, kept, names
from helpdesk.errors import Invalid, NotFound
from models import Agent, ChecklistTemplate, Queue

ITEMS_MAX = 30
ITEM_MAX = 200


@dataclass(frozen=True, slots=True)
class Row:
    template: ChecklistTemplate
    queue_name: str


def everyone(db: Session, *, language: str) -> list[Row]:
    """All that are not deleted, most used first."""
    rows = select(ChecklistTemplate).where(col(ChecklistTemplate.deleted_at).is_(None))
    queues = {each.id: each.called(language) for each in db.exec(select(Queue))}
    order = (col(ChecklistTemplate.uses).desc(), col(ChecklistTemplate.id))
    return [Row(each, queues.get(each.queue_id, "")) for each in db.exec(rows.order_by(*order))]


def get(db: Session, template_id: int) -> ChecklistTemplate:
    """Raises `NotFound`."""
    found = db.get(ChecklistTemplate, template_id)
    if found is None:
        raise NotFound("not_found", template_id=template_id)
    return found


def offers(db: Session, queue_id: int) -> list[ChecklistTemplate]:
    """What may be laid onto a ticket of this queue: its own first, then those of every queue."""
    rows = select(ChecklistTemplate).where(
        col(ChecklistTemplate.is_active), col(ChecklistTemplate.deleted_at).is_(None),
        sa.or_(col(ChecklistTemplate.queue_id) == queue_id, col(ChecklistTemplate.queue_id).is_(None)),
    )  # fmt: skip
    return sorted(db.exec(rows), key=lambda each: (each.queue_id is None, -each.uses, each.name))


def save(db: Session, template: ChecklistTemplate | None, *, name: str, name_en: str = "", items: str,
         items_en: str = "", queue_id: int | None, by: Agent, now: datetime) -> ChecklistTemplate:  # fmt: skip
    """Make one, or change one; `items` has a step on each line, and so has `items_en` for tickets in English, where it
    is worded otherwise. Raises `Invalid` with the field."""
    name, name_en = names.both(name, name_en)
    steps, steps_en = _steps(items, "items"), _steps(items_en, "items_en")
    if not steps:
        raise Invalid("steps_missing", field="items")
    if queue_id is not None and db.get(Queue, queue_id) is None:
        raise Invalid("unknown_choice", field="queue_id")
    is_new = template is None
    template = template or ChecklistTemplate(name="", changed_at=now, created_at=now)
    template.name, template.name_en, template.queue_id = name, name_en, queue_id
    template.items, template.items_en = steps, steps_en
    template.changed_by_id, template.changed_at = by.id, now
    db.add(template)
    db.flush()
    kept.say(db, template, "made" if is_new else "changed", by=by, now=now)
    return template


def _steps(typed: str, field: str) -> list[str]:
    steps = [" ".join(line.split()) for line in typed.splitlines() if line.strip()]
    if len(steps) > ITEMS_MAX or any(len(step) > ITEM_MAX for step in steps):
        raise Invalid("too_many_steps", field=field)
    for step in steps:
        if canned.unknown_in(step):
            raise Invalid("unknown_name_in_braces", field=field)
    return steps
