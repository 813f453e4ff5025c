"""What rules ask about a ticket: one table of terms, and rules of them compiled to plain functions.

The one idea: a `Matter` is the ticket a fact is about, and everything around it that a term may ask, each read at most
once a fact and only when it is asked for. A hundred rules about one mail so cost one look at its words. Text is
compared as it is searched: width, case and the two kana make no difference.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlmodel import Session, col, select

from helpdesk import agents, hours, queues, return_reasons
from helpdesk.canned import fold
from helpdesk.dispositions import CODES
from helpdesk.errors import Invalid
from helpdesk.facts import Fact, TicketOpened
from models import (
    Calendar,
    Call,
    Channel,
    Customer,
    Direction,
    FieldKind,
    FieldValue,
    Impression,
    Message,
    Outcome,
    Priority,
    Product,
    ProductReturn,
    Queue,
    ReturnState,
    Routing,
    Tag,
    Ticket,
    TicketField,
    TicketState,
    TicketTag,
)

MOST = 20
"""Terms of one rule, of either group."""
VALUES = 50
READ_MAX = 20_000
"""Characters of a text that are searched."""

Told = dict[str, Any]
Test = Callable[["Matter"], bool]


class Matter:
    """A ticket at the moment of a fact. It reads what is asked for, and `forget` lets it be read again."""

    def __init__(self, db: Session, ticket: Ticket, fact: Fact | None, *, now: datetime) -> None:
        self.db, self.ticket, self.fact, self.now = db, ticket, fact, now

    def forget(self) -> None:
        """Something was done to the ticket."""
        for name in ("tags", "fields", "queue"):
            self.__dict__.pop(name, None)

    @cached_property
    def customer(self) -> Customer | None:
        """Whose ticket it is."""
        return self.db.get(Customer, self.ticket.customer_id) if self.ticket.customer_id else None

    @cached_property
    def message(self) -> Message | None:
        """The mail the fact speaks of, with which the ticket began where it says so, or else the customer's newest."""
        if (number := getattr(self.fact, "message_id", None)) is not None:
            return self.db.get(Message, number)
        if isinstance(self.fact, TicketOpened):
            first = select(Message).where(Message.ticket_id == self.ticket.id, Message.direction == Direction.IN)
            return self.db.exec(first.order_by(col(Message.id)).limit(1)).first()
        from helpdesk import tickets

        return tickets.last_received(self.db, self.ticket.id or 0)

    @cached_property
    def call(self) -> Call | None:
        """The call the fact speaks of, or else the newest."""
        if (number := getattr(self.fact, "call_id", None)) is not None:
            return self.db.get(Call, number)
        found = select(Call).where(Call.ticket_id == self.ticket.id).order_by(col(Call.id).desc()).limit(1)
        return self.db.exec(found).first()

    @cached_property
    def impression(self) -> Impression | None:
        """What was guessed of the newest text."""
        found = select(Impression).where(Impression.ticket_id == self.ticket.id).order_by(col(Impression.id).desc())
        return self.db.exec(found.limit(1)).first()

    @cached_property
    def guess(self) -> Routing | None:
        """The newest decision beside which the classifier spoke."""
        found = select(Routing).where(Routing.ticket_id == self.ticket.id, Routing.label != "")
        return self.db.exec(found.order_by(col(Routing.id).desc()).limit(1)).first()

    @cached_property
    def tags(self) -> frozenset[str]:
        """Ids."""
        return frozenset(map(str, self.db.exec(select(TicketTag.tag_id).where(TicketTag.ticket_id == self.ticket.id))))

    @cached_property
    def fields(self) -> dict[int, list[str]]:
        """What the ticket says in the desk's own fields, by the field's id."""
        found: dict[int, list[str]] = {}
        for row in self.db.exec(select(FieldValue).where(FieldValue.ticket_id == self.ticket.id)):
            found.setdefault(row.field_id, []).append(row.value)
        return found

    @cached_property
    def returns(self) -> Sequence[tuple[ProductReturn, Product]]:
        """The return the fact speaks of, or else all of the ticket's, but for those that were taken off."""
        of = col(ProductReturn.ticket_id) == self.ticket.id
        if (number := getattr(self.fact, "return_id", None)) is not None:
            of = col(ProductReturn.id) == number
        found = select(ProductReturn, Product).join(Product, col(Product.id) == ProductReturn.product_id)
        return self.db.exec(found.where(of, ProductReturn.state != ReturnState.WITHDRAWN)).all()

    @cached_property
    def queue(self) -> Queue | None:
        """Where it waits."""
        return self.db.get(Queue, self.ticket.queue_id)

    @cached_property
    def is_open_now(self) -> bool:
        """Whether the queue's calendar is open; a queue without one always is."""
        queue = self.queue
        calendar = self.db.get(Calendar, queue.calendar_id) if queue and queue.calendar_id else None
        return calendar is None or hours.is_open(calendar, self.now)

    @cached_property
    def subject(self) -> str:
        """Folded."""
        return fold(self.ticket.subject)

    @cached_property
    def text(self) -> str:
        """The subject and the newest words, or the note of the call. Folded."""
        words = self.message.reply_text or self.message.text if self.message else ""
        if not words and self.call is not None:
            words = self.call.note
        return f"{self.subject}\n{fold(words[:READ_MAX])}"

    @cached_property
    def sender(self) -> str:
        """The address of who wrote. Folded."""
        return fold(self.message.sender_address) if self.message else ""

    @cached_property
    def returned_words(self) -> str:
        """The names and codes of what comes back. Folded."""
        return fold(
            "\n".join(
                word for _, each in self.returns for word in (each.name, each.name_en, each.code or "", *each.words)
            )
        )

    @cached_property
    def customer_words(self) -> str:
        """Name and company. Folded."""
        return fold(f"{self.customer.name}\n{self.customer.company}") if self.customer else ""


@dataclass(frozen=True, slots=True)
class Term:
    """`kind`: "choice" (is, is_not: any of several), "text" (contains, contains_not: any of several), "number"
    (at_least, at_most) or "flag" (yes, no). `ask` reads it of a matter."""

    kind: str
    ask: Callable[[Matter], Any]


OPERATORS = {
    "choice": ("is", "is_not"),
    "text": ("contains", "contains_not"),
    "number": ("at_least", "at_most"),
    "flag": ("yes", "no"),
}

TERMS: dict[str, Term] = {
    "queue": Term("choice", lambda matter: str(matter.ticket.queue_id)),
    "channel": Term("choice", lambda matter: matter.ticket.channel.value),
    "state": Term("choice", lambda matter: matter.ticket.state.value),
    "priority": Term("choice", lambda matter: str(matter.ticket.priority)),
    "assignee": Term("choice", lambda matter: str(matter.ticket.assignee_id or "nobody")),
    "language": Term("choice", lambda matter: matter.ticket.language),
    "tag": Term("choice", lambda matter: matter.tags),
    "awaits_us": Term("flag", lambda matter: matter.ticket.awaits_us),
    "subject": Term("text", lambda matter: matter.subject),
    "text": Term("text", lambda matter: matter.text),
    "sender": Term("text", lambda matter: matter.sender),
    "customer_known": Term("flag", lambda matter: matter.ticket.customer_id is not None),
    "customer": Term("text", lambda matter: matter.customer_words),
    "caution": Term("flag", lambda matter: bool(matter.customer and matter.customer.caution)),
    "machine": Term("flag", lambda matter: bool(matter.message and matter.message.is_automatic)),
    "open_now": Term("flag", lambda matter: matter.is_open_now),
    "label": Term("choice", lambda matter: matter.guess.label if matter.guess else ""),
    "confidence": Term("number", lambda matter: matter.guess.confidence * 100
                       if matter.guess and matter.guess.confidence is not None else None),
    "urgent": Term("flag", lambda matter: matter.ticket.is_urgent),
    "sentiment": Term("choice", lambda matter: matter.ticket.sentiment),
    "call_outcome": Term("choice", lambda matter: matter.call.outcome.value if matter.call else ""),
    "call_disposition": Term("choice", lambda matter: matter.call.disposition if matter.call else ""),
    "call_seconds": Term("number", lambda matter: matter.call.talk_seconds if matter.call else None),
    "return_state": Term("choice", lambda matter: frozenset(each.state.value for each, _ in matter.returns)),
    "return_reason": Term("choice", lambda matter: frozenset(str(each.reason_id) for each, _ in matter.returns)),
    "return_product": Term("text", lambda matter: matter.returned_words),
}  # fmt: skip
"""In the order in which a person should be offered them. Besides there is "field:4" for each of the desk's own."""

_FIELD_KINDS = {
    FieldKind.TEXT: "text", FieldKind.NUMBER: "number", FieldKind.DATE: "text", FieldKind.CHOICE: "choice",
    FieldKind.CHOICES: "choice", FieldKind.YES_NO: "choice",
}  # fmt: skip


def fields_of(db: Session) -> dict[str, TicketField]:
    """The desk's own fields that can be asked about: "field:4" -> the field."""
    rows = db.exec(select(TicketField).order_by(col(TicketField.position), col(TicketField.id)))
    return {f"field:{row.id}": row for row in rows if row.is_active}


def kind_of(what: str, fields: Mapping[str, TicketField]) -> str:
    """The kind of a term, "" where there is none of that name."""
    if what in TERMS:
        return TERMS[what].kind
    return _FIELD_KINDS[fields[what].kind] if what in fields else ""


@dataclass(frozen=True, slots=True)
class Offered:
    """What may be asked about at present, and what it may be compared with."""

    fields: Mapping[str, TicketField]
    choices: Mapping[str, list[tuple[str, str]]]


def offered(db: Session, *, language: str = "ja") -> Offered:
    """Names are in `language`."""
    return Offered(fields_of(db), choices(db, language=language))


def checked(known: Offered, told: list[Told], group: str) -> list[Told]:
    """The terms as they are kept. Raises `Invalid` with the field, "all-0" for the first of the group "all"."""
    if len(told) > MOST:
        raise Invalid("too_many_terms", field=group)
    kept = []
    for number, each in enumerate(told):
        what, field = str(each.get("what", "")), f"{group}-{number}"
        kind, operator = kind_of(what, known.fields), str(each.get("is", ""))
        if not kind or operator not in OPERATORS[kind]:
            raise Invalid("unknown_choice", field=field)
        value = _value(kind, each.get("value"), known.choices.get(what), field)
        kept.append({"what": what, "is": operator, "value": value})
    return kept


def _value(kind: str, value: Any, offered: list[tuple[str, str]] | None, field: str) -> Any:
    if kind == "flag":
        return None
    if kind == "number":
        text = str(value if value is not None else "").strip()
        if not text.isascii() or not text.isdecimal() or len(text) > 9:
            raise Invalid("not_a_whole_number", field=field)
        return int(text)
    values = [str(each).strip() for each in (value if isinstance(value, list) else [value or ""])]
    values = list(dict.fromkeys(each for each in values if each))
    if not values:
        raise Invalid("value_missing", field=field)
    if len(values) > VALUES or any(len(each) > 200 for each in values):
        raise Invalid("too_long_here", field=field)
    if kind == "choice" and not set(values) <= {code for code, _ in offered or ()}:
        raise Invalid("unknown_choice", field=field)
    return values


def compiled(all_of: list[Told], any_of: list[Told], fields: Mapping[str, TicketField]) -> Test:
    """One function that says whether a matter meets every one of `all_of` and, where there are any, one of `any_of`.
    What asks about a field that is gone never holds."""
    every, some = [_test(each, fields) for each in all_of], [_test(each, fields) for each in any_of]

    def holds(matter: Matter) -> bool:
        return all(test(matter) for test in every) and (not some or any(test(matter) for test in some))

    return holds


def _test(told: Told, fields: Mapping[str, TicketField]) -> Test:
    what, operator = told["what"], told["is"]
    kind = kind_of(what, fields)
    if operator not in OPERATORS.get(kind, ()):
        return lambda matter: False
    ask = TERMS[what].ask if what in TERMS else _asking(fields[what])
    if kind == "flag":
        wanted = operator == "yes"
        return lambda matter: bool(ask(matter)) is wanted
    if kind == "number":
        bound, is_least = float(told["value"]), operator == "at_least"

        def measures(matter: Matter) -> bool:
            found = ask(matter)
            return found is not None and bool(found >= bound if is_least else found <= bound)

        return measures
    if kind == "text":
        words, wanted = tuple(fold(each) for each in told["value"]), operator == "contains"

        def says(matter: Matter) -> bool:
            text: str = ask(matter)
            return any(word in text for word in words) is wanted

        return says
    values, wanted = frozenset(told["value"]), operator == "is"

    def is_one(matter: Matter) -> bool:
        found = ask(matter)
        return bool(values & found if isinstance(found, frozenset) else found in values) is wanted

    return is_one


def _asking(field: TicketField) -> Callable[[Matter], Any]:
    number, kind = field.id or 0, _FIELD_KINDS[field.kind]

    def ask(matter: Matter) -> Any:
        values = matter.fields.get(number, [])
        if kind == "number":
            try:
                return float(values[0]) if values else None
            except ValueError:
                return None
        return fold("\n".join(values)) if kind == "text" else frozenset(values)

    return ask


def choices(db: Session, *, language: str) -> dict[str, list[tuple[str, str]]]:
    """What terms of the kind "choice" may be compared with: pairs of value and name. Where the name is "", the value is
    a code that the page has words for."""
    every = queues.everyone(db)
    staff = [(str(each_id), name) for each_id, name in agents.to_choose_from(db, language=language)]
    found = {
        "queue": [(str(queue.id), queue.called(language)) for queue in every],
        "channel": [(each.value, "") for each in Channel],
        "state": [(each.value, "") for each in TicketState],
        "priority": [(str(each.value), "") for each in Priority],
        "assignee": [("nobody", ""), *staff],
        "language": [("ja", ""), ("en", "")],
        "tag": [(str(tag.id), tag.name) for tag in db.exec(select(Tag).order_by(col(Tag.name)))],
        "label": [(queue.slug, queue.called(language)) for queue in every],
        "sentiment": [(each, "") for each in ("positive", "neutral", "negative")],
        "call_outcome": [(each.value, "") for each in Outcome if each != Outcome.OPEN],
        "call_disposition": [(each, "") for each in CODES],
        "return_state": [(each.value, "") for each in ReturnState if each != ReturnState.WITHDRAWN],
        "return_reason": [(str(each.id), each.called(language)) for each in return_reasons.everything(db)],
    }
    for what, field in fields_of(db).items():
        if field.kind == FieldKind.YES_NO:
            found[what] = [("yes", ""), ("no", "")]
        elif kind_of(what, {what: field}) == "choice":
            name = "name_en" if language == "en" else "name"
            found[what] = [(each["key"], each.get(name) or each["name"]) for each in field.choices]
    return found
