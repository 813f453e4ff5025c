"""How a queue takes calls, as its form says it: whom it rings, its hours, and what callers hear it cannot take."""

from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData

from helpdesk import hours, queues
from helpdesk.errors import Invalid
from models import Agent, Otherwise, Queue, Ringing
from web.render import LANGUAGES

NUMBERS = {  # column -> least and most
    "ring_seconds": (5, 120), "most_misses": (0, 20), "wrap_up_seconds": (0, 3600), "most_waiting": (0, 999),
    "longest_wait_seconds": (0, 7200), "callback_minutes": (5, 10080), "service_seconds": (1, 3600),
    "service_percent": (1, 100), "short_abandon_seconds": (0, 120),
}  # fmt: skip
CHOICES: dict[str, tuple[str, ...]] = {
    "ringing": tuple(Ringing), "when_closed": tuple(each for each in Otherwise if each != Otherwise.WAIT),
    "when_full": tuple(Otherwise), "language": LANGUAGES, "callback_key": ("", *"123456789*0#"),
}  # fmt: skip
WORDS = ("closed_words", "full_words")
POINTERS = ("overflow_id", "calendar_id")
FIELDS = (*NUMBERS, *CHOICES, *WORDS, *POINTERS)


def typed(form: FormData) -> dict[str, str] | None:
    """What the form of a queue says about calls, as it was typed; None where it does not ask."""
    if not form.get("asks_calls"):
        return None
    told = {name: str(form.get(name, ""))[:2000].replace("\r\n", "\n").strip() for name in FIELDS}
    return told | {"needs_disposition": "on" if form.get("needs_disposition") else ""}


def read(told: dict[str, str]) -> dict[str, Any]:
    """The same as columns of a queue. Raises `Invalid` with the field."""
    found: dict[str, Any] = {name: told[name] for name in WORDS}
    for name, (least, most) in NUMBERS.items():
        text = told[name]
        if not (text.isascii() and text.isdigit() and len(text) < 7 and least <= int(text) <= most):
            raise Invalid("not_between", field=name, least=least, most=most)
        found[name] = int(text)
    for name, codes in CHOICES.items():
        if told[name] not in codes:
            raise Invalid("unknown_choice", field=name)
        found[name] = told[name]
    for name in POINTERS:
        text = told[name]
        if text and not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Invalid("unknown_choice", field=name)
        found[name] = int(text) if text else None
    found["ringing"] = Ringing(found["ringing"])
    found["when_closed"], found["when_full"] = Otherwise(found["when_closed"]), Otherwise(found["when_full"])
    for name in ("when_closed", "when_full"):
        if found[name] == Otherwise.OVERFLOW and found["overflow_id"] is None:
            raise Invalid("overflow_missing", field="overflow_id")
    return found | {"needs_disposition": bool(told["needs_disposition"])}


def shown(db: Session, queue: Queue | None, told: dict[str, str] | None, *, agent: Agent) -> dict[str, Any]:
    """For the form: what was just typed, or the queue's, or a new queue's; and what there is to choose from."""
    of = queue or Queue(slug="", name="", name_en="")
    values = told
    if values is None:
        kept = {name: getattr(of, name) for name in FIELDS}
        values = {name: "" if value is None else str(value) for name, value in kept.items()}
        values["needs_disposition"] = "on" if of.needs_disposition else ""
    return {
        "values": values,
        "numbers": NUMBERS,
        "choices": CHOICES,
        "queues": [{"id": str(each.id), "name": each.called(agent.language)} for each in queues.everyone(db)
                   if queue is None or each.id != queue.id],
        "calendars": [{"id": str(each.id), "name": each.name} for each in hours.everyone(db)],
    }  # fmt: skip
