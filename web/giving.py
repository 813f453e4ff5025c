"""Who gives out a queue's tickets, as its form says it."""

from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData

from helpdesk import agents
from helpdesk.errors import Invalid
from models import Assigning, Queue

FIELDS = ("assigning", "assigns_away", "assigns_talking", "returns_minutes")


def typed(form: FormData) -> dict[str, str] | None:
    """What the form of a queue says about it, as it was typed; None where it does not ask."""
    return {name: str(form.get(name, ""))[:20].strip() for name in FIELDS} if form.get("asks_giving") else None


def read(told: dict[str, str]) -> dict[str, Any]:
    """The same as columns of a queue. Raises `Invalid` with the field."""
    if told["assigning"] not in tuple(Assigning):
        raise Invalid("unknown_choice", field="assigning")
    minutes = told["returns_minutes"] or "0"
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) < 7):
        raise Invalid("not_a_length", field="returns_minutes")
    return {
        "assigning": Assigning(told["assigning"]), "returns_minutes": int(minutes),
        "assigns_away": bool(told["assigns_away"]), "assigns_talking": bool(told["assigns_talking"]),
    }  # fmt: skip


def shown(db: Session, queue: Queue | None, told: dict[str, str] | None, *, language: str) -> dict[str, Any]:
    """For the form: what was just typed, or the queue's, or a new queue's; and who takes any number of tickets."""
    of = queue or Queue(slug="", name="", name_en="")
    values = told or {
        "assigning": of.assigning.value, "returns_minutes": str(of.returns_minutes),
        "assigns_away": "on" if of.assigns_away else "", "assigns_talking": "on" if of.assigns_talking else "",
    }  # fmt: skip
    serving = {each["id"] for each in agents.served_by(db).get(of.id or 0, [])}
    unlimited = [agents.called(each, language) for each in agents.everyone(db)
                 if each.id in serving and not each.most_tickets]  # fmt: skip
    return {"told": values, "unlimited": unlimited}
