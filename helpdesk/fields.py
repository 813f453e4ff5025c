"""The desk's own fields of a ticket: what they ask, when, and what is an answer.

The one idea: a value is kept as it is compared ("12.5", "2026-11-21", a choice's key, "yes"), so that lists, rules and
reports need not know what a field is to find it. A field may depend on the queue, the channel or another field; one
that is not asked for keeps what it said, and is neither shown nor required.

A supervisor's pattern is run by an engine that stops after a tenth of a second, on a text of bounded length: whatever
it is, it costs no more than that.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import names
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import FieldChanged, FieldSet
from models import Agent, FieldChange, FieldKind, FieldValue, Ticket, TicketField
from models.database import hold_still
from models.looking import ask, columns_of

if TYPE_CHECKING:
    import regex

TEXT_MAX = 1000
PATTERN_MAX = 200
PATTERN_SECONDS = 0.1
CHOICES_MAX = 100
NAME_MAX, HINT_MAX = 60, 200
FIELDS_MAX = 60
DIGITS_MAX = 18
_NUMERALS = frozenset("0123456789.+-")
_TRIED = ("", "0", "a" * 60, "0" * 60, "ア" * 60, "a1-" * 20 + "!", " " * 60, "a@" * 30)
"""What a new pattern is tried with: the repetitions that slow ones are slow at."""
_HERE = sa.and_(col(FieldValue.field_id) == col(TicketField.id), col(FieldValue.ticket_id) == sa.bindparam("ticket_id"))
_SAID = (
    columns_of(TicketField)
    .add_columns(col(FieldValue.value))
    .outerjoin_from(TicketField, FieldValue, _HERE)
    .where(col(TicketField.is_active))
    .order_by(col(TicketField.position), col(TicketField.id), col(FieldValue.value))
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A field as a ticket's page asks it, with what it says now. `is_asked` False: its conditions do not hold."""

    id: int
    key: str
    name: str
    name_en: str
    kind: str
    choices: Sequence[dict[str, str]]
    hint: str
    hint_en: str
    is_required: bool
    is_asked: bool
    values: Sequence[str]

    @property
    def is_missing(self) -> bool:
        """Whether the ticket cannot be resolved for want of it."""
        return self.is_asked and self.is_required and not self.values

    def called(self, language: str) -> str:
        """Its name."""
        return self.name_en if language == "en" and self.name_en else self.name

    def advice(self, language: str) -> str:
        """What agents are told of it, or ""."""
        return self.hint_en if language == "en" and self.hint_en else self.hint

    def told(self, language: str) -> str:
        """What it says, in words; dates and numbers as they are kept, "yes" and "no" as codes."""
        words = {each["key"]: _called(each, language) for each in self.choices}
        return ", ".join(words.get(value, value) for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A field as a supervisor describes it; `choices` one a line, "key = 名前 = Name" or just a name."""

    name: str
    name_en: str = ""
    key: str = ""
    kind: str = "text"
    choices: str = ""
    pattern: str = ""
    hint: str = ""
    hint_en: str = ""
    conditions: Sequence[Mapping[str, Any]] = ()
    is_required: bool = False


def everyone(db: Session, *, active: bool = False) -> list[TicketField]:
    """All fields in their order, or those in use."""
    rows = select(TicketField).order_by(col(TicketField.position), col(TicketField.id))
    return list(db.exec(rows.where(col(TicketField.is_active)) if active else rows))


def get(db: Session, field_id: int) -> TicketField:
    """Raises `NotFound`."""
    found = db.get(TicketField, field_id)
    if found is None:
        raise NotFound("not_found", field_id=field_id)
    return found


def by_key(db: Session, key: str) -> TicketField:
    """Raises `NotFound`."""
    found = db.exec(select(TicketField).where(TicketField.key == key)).first()
    if found is None:
        raise NotFound("not_found", key=key)
    return found


def of(db: Session, ticket: Ticket) -> list[Asked]:
    """Every field in use with what this ticket says in it, in their order; one statement."""
    values: dict[str, list[str]] = {}
    found: dict[str, TicketField] = {}
    for row in ask(db, _SAID, ticket_id=ticket.id):
        found[row.key] = cast(TicketField, row)
        values.setdefault(row.key, []).extend([row.value] if row.value is not None else [])
    return [
        Asked(
            field.id or 0, field.key, field.name, field.name_en, field.kind.value, field.choices,
            field.hint, field.hint_en, field.is_required, is_asked(field, ticket, found, values), values[field.key],
        )
        for field in found.values()
    ]  # fmt: skip


def is_asked(
    field: TicketField, ticket: Ticket, every: Mapping[str, TicketField], values: Mapping[str, Sequence[str]],
    seen: frozenset[str] = frozenset(),
) -> bool:  # fmt: skip
    """Whether all its conditions hold. A field that is not asked for itself fulfills none."""
    for condition in field.conditions:
        what, wanted = condition["what"], {str(each) for each in condition["is"]}
        if what == "queue":
            holds = str(ticket.queue_id) in wanted
        elif what == "channel":
            holds = ticket.channel.value in wanted
        else:
            other = every.get(what)
            holds = (
                other is not None
                and what not in seen | {field.key}
                and is_asked(other, ticket, every, values, seen | {field.key})
                and not wanted.isdisjoint(values.get(what, ()))
            )
        if not holds:
            return False
    return True


def missing(db: Session, ticket: Ticket) -> list[Asked]:
    """What is still to be known before it can be resolved."""
    return [each for each in of(db, ticket) if each.is_missing]


def set(
    db: Session, ticket: Ticket, field: TicketField, values: Sequence[str], *, by: Agent | None, now: datetime
) -> None:
    """Let a field say this: the words somebody typed, or keys of choices; nothing empties it. The same again changes
    nothing. Raises `Invalid` with `field` "field-" and its key."""
    put(db, ticket, field, clean(field, values), by=by, now=now)


def put(
    db: Session, ticket: Ticket, field: TicketField, values: Sequence[str], *, by: Agent | None, now: datetime
) -> None:
    """The same for values as they are kept."""
    assert ticket.id is not None and field.id is not None
    hold_still(db, ticket)
    rows = select(FieldValue).where(FieldValue.ticket_id == ticket.id, FieldValue.field_id == field.id)
    there = {row.value: row for row in db.exec(rows)}
    if there.keys() == dict.fromkeys(values).keys():
        return
    for value, row in there.items():
        if value not in values:
            db.delete(row)
    for value in dict.fromkeys(values):
        if value not in there:
            db.add(FieldValue(ticket_id=ticket.id, field_id=field.id, value=value))
    change = FieldChange(
        ticket_id=ticket.id, field_id=field.id, before=sorted(there), after=sorted(dict.fromkeys(values)), at=now
    )
    db.add(change)
    db.flush()
    assert change.id is not None
    told = FieldSet(
        ticket_id=ticket.id, queue_id=ticket.queue_id, field_id=field.id, change_id=change.id,
        by_id=by.id if by else None, at=now,
    )  # fmt: skip
    emit(db, told)


def clean(field: TicketField, values: Sequence[str]) -> list[str]:
    """What was typed, as it is kept; [] for nothing. Raises `Invalid`."""
    typed = [text for value in values if (text := unicodedata.normalize("NFC", value).strip())]
    where = f"field-{field.key}"
    if len(typed) > 1 and field.kind != FieldKind.CHOICES:
        raise Invalid("unknown_choice", field=where)
    return list(dict.fromkeys(_clean_one(field, text, where) for text in typed))


def make(db: Session, form: Form, *, by: Agent, now: datetime) -> TicketField:
    """A field of the desk's own, the last in order. Raises `Invalid`."""
    every = everyone(db)
    if len(every) >= FIELDS_MAX:
        raise Invalid("too_many_fields", field="name")
    key = form.key.strip().lower() or f"field_{max((each.id or 0 for each in every), default=0) + 1}"
    if not key.isascii() or not key.replace("_", "").isalnum() or len(key) > 40 or key in ("queue", "channel"):
        raise Invalid("not_a_key", field="key")
    if any(each.key == key for each in every):
        raise Invalid("key_taken", field="key")
    if form.kind not in {kind.value for kind in FieldKind}:
        raise Invalid("unknown_choice", field="kind")
    field = TicketField(
        key=key, name="", name_en="", kind=FieldKind(form.kind), created_at=now,
        position=max((each.position for each in every), default=-1) + 1,
    )  # fmt: skip
    _describe(field, form, every)
    db.add(field)
    db.flush()
    _say(db, field, "made", by, now)
    return field


def change(db: Session, field: TicketField, form: Form, *, by: Agent, now: datetime) -> None:
    """Describe it anew. Its key and kind stay: tickets answered to them. Raises `Invalid`."""
    _describe(field, form, [each for each in everyone(db) if each.id != field.id])
    db.add(field)
    _say(db, field, "changed", by, now)


def move(db: Session, field: TicketField, by_places: int, *, by: Agent, now: datetime) -> None:
    """Let it stand so many places further down, or up."""
    every = everyone(db)
    at = next(number for number, each in enumerate(every) if each.id == field.id)
    to = max(0, min(at + by_places, len(every) - 1))
    if at == to:
        return
    every.insert(to, every.pop(at))
    for number, each in enumerate(every):
        each.position = number
    _say(db, field, "moved", by, now)


def switch(db: Session, field: TicketField, on: bool, *, by: Agent, now: datetime) -> None:
    """Ask for it or not. What tickets say in it is kept."""
    if field.is_active == on:
        return
    field.is_active = on
    _say(db, field, "on" if on else "off", by, now)


def _clean_one(field: TicketField, text: str, where: str) -> str:
    if field.kind in (FieldKind.CHOICE, FieldKind.CHOICES):
        if text not in {each["key"] for each in field.choices}:
            raise Invalid("unknown_choice", field=where)
        return text
    if field.kind == FieldKind.YES_NO:
        if text not in ("yes", "no"):
            raise Invalid("unknown_choice", field=where)
        return text
    if field.kind == FieldKind.NUMBER:
        return _number(text, where)
    if field.kind == FieldKind.DATE:
        return _date(text, where)
    if len(text) > TEXT_MAX:
        raise Invalid("too_long", field=where)
    if field.pattern and not _matches(field.pattern, text):
        raise Invalid("not_the_pattern", field=where)
    return text


def _number(text: str, where: str) -> str:
    plain = unicodedata.normalize("NFKC", text).replace(",", "").replace("−", "-").replace(" ", "")
    try:
        if len(plain) > DIGITS_MAX + 2 or not plain.isascii() or not frozenset(plain) <= _NUMERALS:
            raise InvalidOperation
        number = Decimal(plain)
    except InvalidOperation as error:
        raise Invalid("not_a_number", field=where) from error
    told = format(number, "f")
    told = told.rstrip("0").rstrip(".") if "." in told else told
    return "0" if told in ("-0", "") else told


def _date(text: str, where: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    for mark in ("年", "月", "/", "."):
        plain = plain.replace(mark, "-")
    try:
        year, month, day = (int(part) for part in plain.rstrip("日").split("-"))
        return date(year, month, day).isoformat()
    except ValueError as error:
        raise Invalid("not_a_date", field=where) from error


def _matches(pattern: str, text: str) -> bool:
    """A pattern that takes too long is one the text does not match."""
    try:
        return _compiled(pattern).fullmatch(text, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        return False


def _compiled(pattern: str) -> "regex.Pattern[str]":
    import regex  # its tables take longer to load than a page without patterns may wait

    return regex.compile(pattern)


def _describe(field: TicketField, form: Form, others: Sequence[TicketField]) -> None:
    field.name, field.name_en = names.both(form.name, form.name_en, most=NAME_MAX, missing="name_missing")
    for where, hint in (("hint", form.hint.strip()), ("hint_en", form.hint_en.strip())):
        if len(hint) > HINT_MAX:
            raise Invalid("too_long", field=where)
        setattr(field, where, hint)
    field.choices = _choices(form.choices) if field.kind in (FieldKind.CHOICE, FieldKind.CHOICES) else []
    field.pattern = _pattern(form.pattern.strip()) if field.kind == FieldKind.TEXT else ""
    field.conditions = _conditions(form.conditions, {each.key: each for each in others})
    field.is_required = form.is_required


def _choices(text: str) -> list[dict[str, str]]:
    made: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        parts = [" ".join(unicodedata.normalize("NFC", part).split()) for part in line.split("=")]
        parts = [part for part in parts if part]
        if not parts:
            continue
        key, name, name_en = (parts[0], parts[0], parts[0]) if len(parts) == 1 else (*parts[:2], parts[-1])
        if len(parts) > 3 or max(map(len, parts)) > 60:
            raise Invalid("too_long" if len(parts) <= 3 else "not_a_choice", field="choices")
        if key in made:
            raise Invalid("choice_twice", field="choices")
        made[key] = {"key": key, "name": name, "name_en": name_en}
    if not made:
        raise Invalid("choices_missing", field="choices")
    if len(made) > CHOICES_MAX:
        raise Invalid("too_many_choices", field="choices")
    return list(made.values())


def _pattern(pattern: str) -> str:
    import regex

    if len(pattern) > PATTERN_MAX:
        raise Invalid("too_long", field="pattern")
    if not pattern:
        return ""
    try:
        compiled = _compiled(pattern)
        for text in _TRIED:
            compiled.fullmatch(text, timeout=PATTERN_SECONDS)
    except TimeoutError as error:
        raise Invalid("pattern_too_slow", field="pattern") from error
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise Invalid("not_a_pattern", field="pattern") from error
    return pattern


def _conditions(told: Sequence[Mapping[str, Any]], others: Mapping[str, TicketField]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for condition in told:
        what, wanted = str(condition["what"]), [str(each) for each in condition["is"]]
        if not wanted:
            continue
        if what not in ("queue", "channel") and what not in others:
            raise Invalid("unknown_choice", field="conditions")
        kept.append({"what": what, "is": wanted})
    return kept


def _called(choice: Mapping[str, str], language: str) -> str:
    return choice["name_en"] if language == "en" and choice.get("name_en") else choice["name"]


def _say(db: Session, field: TicketField, what: str, by: Agent, now: datetime) -> None:
    assert field.id is not None
    db.flush()
    emit(db, FieldChanged(field_id=field.id, what=what, by_id=by.id, at=now))
