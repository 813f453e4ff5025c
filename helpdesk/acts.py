"""What rules and macros can do to a ticket: one table, each act with what it needs, does and takes back.

The one idea: an act is a verb of the desk with its object written down beforehand. It is checked when it is saved, so
that what runs at night is known to make sense; it goes through the same verbs as a click, so that facts, counts and
screens follow by themselves; and it answers what was before, so that an agent can take it back.
"""

import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from helpdesk import (
    agents,
    assigning,
    canned,
    checklist_templates,
    checklists,
    fields,
    posts,
    queues,
    recalls,
    receipts,
    routing,
    seals,
    tags,
    terms,
    tickets,
    watchers,
)
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.settings import Settings
from models import (
    Agent,
    Attachment,
    Call,
    Callback,
    CallbackState,
    CannedReply,
    ChecklistTemplate,
    ContactPoint,
    FieldChange,
    FieldValue,
    PointKind,
    Priority,
    Rule,
    Tag,
    Ticket,
    TicketState,
    TicketTag,
    TicketWatcher,
)

MOST = 12
"""Acts of one rule or macro."""
NOTE_MAX = 4000
NOBODY, ME, DESK = "nobody", "me", "desk"
POSTED = ("ticket", "subject", "state", "queue", "assignee", "channel", "language", "customer", "text")
"""What of a ticket may be told another system; the number and the queue always are."""

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Doing:
    """Who does it, to what and when. `by` None: the desk itself, by `rule`."""

    db: Session
    ticket: Ticket
    by: Agent | None
    settings: Settings
    now: datetime
    rule: Rule | None = None
    fact: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """`kind` says what is chosen for it: "none", "choice", "area", "number" or "post". `check` gives the value as it is
    kept, or raises `Invalid`; `do` answers what is needed to take it back, None where nothing changed; without `undo`
    it stays. `users` are who may do it: "rule", "macro" or both."""

    kind: str
    check: Callable[[Session, Any, Settings], Any]
    do: Callable[[Doing, Any], Told | None]
    undo: Callable[[Doing, Told], None] | None = None
    users: frozenset[str] = frozenset({"rule", "macro"})


def checked(db: Session, told: list[Told], user: str, *, settings: Settings) -> list[Told]:
    """The acts as they are kept, for a "rule" or a "macro". Raises `Invalid` with the field, "acts-0" for the first."""
    if not told:
        raise Invalid("acts_missing", field="acts")
    if len(told) > MOST:
        raise Invalid("too_many_acts", field="acts")
    kept = []
    for number, each in enumerate(told):
        act = found(str(each.get("do", "")))
        if act is None or user not in act.users:
            raise Invalid("unknown_choice", field=f"acts-{number}")
        try:
            value = act.check(db, _with_field(each), settings)
        except (Invalid, NotFound) as error:
            code = error.code if isinstance(error, Invalid) else "points_to_nothing"
            raise Invalid(code, field=f"acts-{number}", **_without_field(error.facts)) from error
        kept.append({"do": each["do"], "value": value} if act.kind != "none" else {"do": each["do"]})
    return kept


def points_to_nothing(db: Session, told: list[Told], *, settings: Settings) -> bool:
    """Whether one of them names what is gone by now: a queue, an agent, a canned reply."""
    try:
        for each in told:
            act = found(str(each.get("do", "")))
            if act is None:
                return True
            act.check(db, _with_field(each), settings)
    except (Invalid, NotFound):
        return True
    return False


def do_all(doing: Doing, told: list[Told]) -> list[Told]:
    """Do them in order; what each changed, for `undo_all`. Those that change nothing are left out."""
    done = []
    for each in told:
        did = ACTS[_code(each["do"])].do(doing, _with_field(each))
        if did is not None:
            done.append({"do": each["do"]} | did)
    return done


def can_be_undone(did: list[Told]) -> bool:
    """Whether any of it can be taken back."""
    return any((act := found(each["do"])) is not None and act.undo is not None for each in did)


def undo_all(doing: Doing, did: list[Told]) -> None:
    """Take back, last first, what can be. Raises `Conflict("ticket_moved_on")` where somebody has said otherwise
    since: then none of it may be kept."""
    for each in reversed(did):
        act = found(each["do"])
        if act is not None and act.undo is not None:
            act.undo(doing, each)


def found(do: str) -> Act | None:
    """The act of that name; "field:4" sets the desk's own field 4."""
    return ACTS.get(_code(do))


def _code(do: str) -> str:
    return "field" if re.fullmatch(r"field:\d{1,9}", do) else do


def _with_field(each: Told) -> Any:
    """The value; of the desk's own field, its number with it."""
    do = str(each["do"])
    is_own = _code(do) == "field" and do != "field"
    return (int(do.partition(":")[2]), each.get("value")) if is_own else each.get("value")


def _without_field(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if name != "field"}


# --- where it waits, and with whom


def _queue(db: Session, value: Any, _: Settings) -> int:
    return queues.get(db, _number(value)).id or 0


def _move(doing: Doing, value: int) -> Told | None:
    ticket, to = doing.ticket, queues.get(doing.db, value)
    if ticket.queue_id == to.id:
        return None
    before = {"from": ticket.queue_id, "assignee": ticket.assignee_id, "to": to.id}
    if doing.by is not None:
        routing.move(doing.db, ticket, to, by=doing.by, now=doing.now)
    else:
        routing.place(doing.db, ticket, to, now=doing.now)
    return before


def _move_back(doing: Doing, did: Told) -> None:
    _must(doing.ticket.queue_id == did["to"])
    assert doing.by is not None
    routing.move(doing.db, doing.ticket, queues.get(doing.db, did["from"]), by=doing.by, now=doing.now)
    if did["assignee"] is not None and doing.ticket.assignee_id is None:
        tickets.assign(doing.db, doing.ticket, agents.get(doing.db, did["assignee"]), by=doing.by, now=doing.now)


def _agent(db: Session, value: Any, _: Settings) -> int | str:
    if value in (NOBODY, ME, DESK):
        return str(value)
    found = agents.get(db, _number(value))
    if not found.is_active:
        raise Invalid("points_to_nothing")
    return found.id or 0


def _assign(doing: Doing, value: int | str) -> Told | None:
    if value == DESK:
        was = doing.ticket.assignee_id
        given = assigning.give(doing.db, doing.ticket, by=doing.by, now=doing.now)
        return {"from": was, "to": given} if given is not None else None
    to = None if value == NOBODY else doing.by if value == ME else agents.get(doing.db, int(value))
    if doing.ticket.assignee_id == (to.id if to else None):
        return None
    before = {"from": doing.ticket.assignee_id, "to": to.id if to else None}
    tickets.assign(doing.db, doing.ticket, to, by=doing.by, now=doing.now)
    return before


def _assign_back(doing: Doing, did: Told) -> None:
    _must(doing.ticket.assignee_id == did["to"])
    before = agents.get(doing.db, did["from"]) if did["from"] is not None else None
    tickets.assign(doing.db, doing.ticket, before, by=doing.by, now=doing.now)


# --- how it stands


def _nothing(_db: Session, _value: Any, _settings: Settings) -> None:
    return None


def _resolve(doing: Doing, _: Any) -> Told | None:
    if doing.ticket.state == TicketState.RESOLVED:
        return None
    before = {"was": doing.ticket.state.value, "awaited": doing.ticket.awaits_us}
    tickets.resolve(doing.db, doing.ticket, by=doing.by, now=doing.now)
    return before


def _resolve_back(doing: Doing, did: Told) -> None:
    _must(doing.ticket.state == TicketState.RESOLVED)
    tickets.reopen(doing.db, doing.ticket, by_id=doing.by.id if doing.by else None, now=doing.now)
    doing.ticket.awaits_us = did["awaited"]


def _reopen(doing: Doing, _: Any) -> Told | None:
    if doing.ticket.state == TicketState.OPEN or doing.ticket.merged_into_id is not None:
        return None
    before = {"was": doing.ticket.state.value}
    tickets.reopen(doing.db, doing.ticket, by_id=doing.by.id if doing.by else None, now=doing.now)
    return before


def _reopen_back(doing: Doing, did: Told) -> None:
    _must(doing.ticket.state == TicketState.OPEN and did["was"] == TicketState.RESOLVED)
    tickets.resolve(doing.db, doing.ticket, by=doing.by, now=doing.now)


def _priority(_db: Session, value: Any, _settings: Settings) -> int:
    number = _number(value)
    if number not in set(Priority):
        raise Invalid("unknown_choice")
    return number


def _prioritize(doing: Doing, value: int) -> Told | None:
    if doing.ticket.priority == value:
        return None
    before = {"from": doing.ticket.priority, "to": value}
    tickets.prioritize(doing.db, doing.ticket, value, by=doing.by, now=doing.now)
    return before


def _priority_back(doing: Doing, did: Told) -> None:
    _must(doing.ticket.priority == did["to"])
    tickets.prioritize(doing.db, doing.ticket, did["from"], by=doing.by, now=doing.now)


def _rest(_db: Session, value: Any, _settings: Settings) -> int:
    """Minutes; 0 until the customer writes."""
    return 0 if value in (None, "", 0, "0") else _minutes(_db, value, _settings)


def _pend(doing: Doing, value: int) -> Told | None:
    ticket = doing.ticket
    until = doing.now + timedelta(minutes=value) if value else None
    if ticket.merged_into_id is not None or (ticket.state == TicketState.PENDING and ticket.pending_until == until):
        return None
    since = ticket.resolved_at if ticket.state == TicketState.RESOLVED else ticket.pending_until
    before = {"was": ticket.state.value, "at": since.isoformat() if since else "", "awaited": ticket.awaits_us}
    tickets.pend(doing.db, ticket, until, by=doing.by, now=doing.now)
    return before


def _pend_back(doing: Doing, did: Told) -> None:
    _must(doing.ticket.state == TicketState.PENDING)
    at, state = datetime.fromisoformat(did["at"]) if did["at"] else None, TicketState(did["was"])
    if state == TicketState.PENDING and at is not None and at <= doing.now:
        state, at = TicketState.OPEN, None  # it would have woken by now
    tickets.restore(
        doing.db, doing.ticket, state, at=at, awaits_us=did["awaited"], by_id=doing.by.id if doing.by else None,
        now=doing.now, reason="taken_back",
    )  # fmt: skip


# --- what is said of it


def _tag(db: Session, value: Any, _: Settings) -> int:
    return tags.get(db, _number(value)).id or 0


def _add_tag(doing: Doing, value: int) -> Told | None:
    if doing.db.get(TicketTag, (doing.ticket.id, value)) is not None:
        return None
    tags.add(doing.db, doing.ticket, tags.get(doing.db, value), by=doing.by, now=doing.now)
    return {"tag": value}


def _remove_tag(doing: Doing, value: int) -> Told | None:
    if doing.db.get(TicketTag, (doing.ticket.id, value)) is None:
        return None
    tags.remove(doing.db, doing.ticket, value, by=doing.by, now=doing.now)
    return {"tag": value}


def _tag_off(doing: Doing, did: Told) -> None:
    tags.remove(doing.db, doing.ticket, did["tag"], by=doing.by, now=doing.now)


def _tag_on(doing: Doing, did: Told) -> None:
    tags.put(doing.db, doing.ticket, did["tag"], by=doing.by, now=doing.now)


def _field(db: Session, value: Any, _: Settings) -> Any:
    number, said = value if isinstance(value, tuple) else (0, None)
    values = fields.clean(fields.get(db, number), said if isinstance(said, list) else [str(said or "")])
    if not values:
        raise Invalid("value_missing")
    return values


def _set_field(doing: Doing, value: Any) -> Told | None:
    number, values = value
    before = select(FieldValue.value).where(FieldValue.ticket_id == doing.ticket.id, FieldValue.field_id == number)
    if sorted(doing.db.exec(before)) == sorted(values):
        return None
    fields.set(doing.db, doing.ticket, fields.get(doing.db, number), values, by=doing.by, now=doing.now)
    doing.db.flush()
    kept = select(FieldChange.id).where(FieldChange.ticket_id == doing.ticket.id, FieldChange.field_id == number)
    return {"field": number, "change": doing.db.exec(kept.order_by(col(FieldChange.id).desc()).limit(1)).first()}


def _field_back(doing: Doing, did: Told) -> None:
    change = doing.db.get(FieldChange, did["change"])
    _must(change is not None)
    assert change is not None
    now = select(FieldValue.value).where(FieldValue.ticket_id == doing.ticket.id, FieldValue.field_id == did["field"])
    _must(sorted(doing.db.exec(now)) == sorted(change.after))
    fields.put(doing.db, doing.ticket, fields.get(doing.db, did["field"]), change.before, by=doing.by, now=doing.now)


def _template(db: Session, value: Any, _: Settings) -> int:
    kept = checklist_templates.get(db, _number(value))
    if kept.deleted_at is not None or not kept.is_active:
        raise Invalid("points_to_nothing")
    return kept.id or 0


def _lay_checklist(doing: Doing, value: int) -> Told | None:
    template = checklist_templates.get(doing.db, value)
    language = "en" if doing.ticket.language == "en" and template.items_en else "ja"
    facts = variables(doing, language)
    steps = [canned.fill(step, facts, language=language).text
             for step in (template.items_en if language == "en" else template.items)]  # fmt: skip
    made = checklists.add_items(doing.db, doing.ticket, [step[: checklists.TEXT_MAX] for step in steps], by=doing.by,
                                now=doing.now)  # fmt: skip
    if not made:
        return None
    template.uses, template.last_used_at = template.uses + 1, doing.now
    return {"items": [each.id for each in made]}


def _checklist_off(doing: Doing, did: Told) -> None:
    for item_id in did["items"]:
        item = checklists.get(doing.db, doing.ticket, item_id)
        if item.removed_at is None:
            checklists.remove(doing.db, doing.ticket, item, by=doing.by, now=doing.now)


def _watch(doing: Doing, value: int | str) -> Told | None:
    who = doing.by if value == ME else agents.get(doing.db, int(value))
    assert who is not None
    if doing.db.get(TicketWatcher, (doing.ticket.id, who.id)) is not None:
        return None
    watchers.watch(doing.db, doing.ticket, who, by=doing.by, now=doing.now)
    return {"agent": who.id}


def _watch_off(doing: Doing, did: Told) -> None:
    watchers.unwatch(doing.db, doing.ticket, did["agent"], by=doing.by, now=doing.now)


def _somebody(db: Session, value: Any, settings: Settings) -> int | str:
    if value in (NOBODY, DESK):
        raise Invalid("unknown_choice")
    return _agent(db, value, settings)


# --- words


def _words(_db: Session, value: Any, _settings: Settings) -> str:
    text = str(value or "").replace("\r\n", "\n").strip()
    if not text:
        raise Invalid("body_missing")
    if len(text) > NOTE_MAX:
        raise Invalid("too_long_here")
    if unknown := canned.unknown_in(text):
        raise Invalid("unknown_variable", name=unknown)
    return text


def _note(doing: Doing, value: str) -> Told:
    language = "en" if doing.settings.language == "en" else "ja"
    facts = variables(doing, language)
    written = tickets.note(
        doing.db, doing.ticket, canned.fill(value, facts, language=language).text, by=doing.by, now=doing.now
    )
    return {"note": written.id}


def variables(doing: Doing, language: str) -> dict[str, str]:
    """What {customer} and its like stand for; the agent is who does it, or else whose ticket it is."""
    who = doing.by or (doing.db.get(Agent, doing.ticket.assignee_id) if doing.ticket.assignee_id else None)
    return canned.values_for(
        doing.db, who or Agent(name="", email="", created_at=doing.now), doing.ticket, language=language,
        settings=doing.settings, now=doing.now,
    )  # fmt: skip


def _canned(db: Session, value: Any, _: Settings) -> int:
    found = canned.get(db, _number(value))
    if not found.is_active:
        raise Invalid("points_to_nothing")
    return found.id or 0


def _reply(doing: Doing, value: int) -> Told | None:
    """Of an agent's macro it is a draft, which the page lays into the box; of a rule an automatic mail."""
    if doing.by is not None:
        return {"canned": value}
    found = doing.db.get(CannedReply, value)
    if found is None:
        raise NotFound("points_to_nothing", canned_id=value)
    wanted = "en" if doing.ticket.language == "en" else "ja"
    language = wanted if (found.text_en if wanted == "en" else found.text) else "ja" if wanted == "en" else "en"
    text = found.text_en if language == "en" else found.text
    filled = canned.fill(text, variables(doing, language), language=language)
    if filled.gaps:  # nobody reads it through before it leaves
        raise Invalid("gaps_in_reply", gaps=len(filled.gaps))
    files = [
        Attachment(message_id=0, name=file.name, content_type=file.content_type, size_bytes=file.size_bytes,
                   sha256=file.sha256)
        for file in canned.files_of(doing.db, found)
    ]  # fmt: skip
    written = receipts.write(doing.db, doing.ticket, filled.text, files=files, settings=doing.settings, now=doing.now)
    if written is None:
        return None
    found.uses, found.last_used_at = found.uses + 1, doing.now
    return {"message": written.id}


# --- the telephone


def _minutes(_db: Session, value: Any, _settings: Settings) -> int:
    minutes = _number(value)
    if not 1 <= minutes <= 60 * 24 * 30:
        raise Invalid("not_minutes")
    return minutes


def _call_back(doing: Doing, value: int) -> Told | None:
    ticket = doing.ticket
    last = doing.db.exec(
        select(Call).where(Call.ticket_id == ticket.id, Call.number != "").order_by(col(Call.id).desc()).limit(1)
    ).first()
    number = last.number if last else ""
    if not number and ticket.customer_id is not None:
        known = select(ContactPoint.key).where(
            ContactPoint.customer_id == ticket.customer_id, ContactPoint.kind == PointKind.PHONE
        )
        number = doing.db.exec(known.order_by(col(ContactPoint.id)).limit(1)).first() or ""
    if not number:
        return None  # there is nobody to call
    row = recalls.promise(
        doing.db, customer_id=ticket.customer_id, number=number, queue_id=ticket.queue_id, ticket_id=ticket.id,
        call_id=last.id if last else None, asked_by_customer=False, at=doing.now + timedelta(minutes=value),
        by_id=doing.by.id if doing.by else None, now=doing.now,
    )  # fmt: skip
    return {"callback": row.id, "is_new": row.first_at == doing.now}


def _no_call(doing: Doing, did: Told) -> None:
    row = doing.db.get(Callback, did["callback"])
    _must(row is not None and row.state == CallbackState.OPEN)
    assert row is not None and doing.by is not None
    if did["is_new"]:
        recalls.settle(doing.db, row, CallbackState.DROPPED, note=row.note, by=doing.by, now=doing.now)


# --- other systems


def _address(_db: Session, value: Any, settings: Settings) -> Told:
    told = value if isinstance(value, dict) else {}
    url = str(told.get("url", "")).strip()
    parts = urlsplit(url)
    is_odd = len(url) > 500 or re.search(r"[\s\x00-\x1f]", url)
    if parts.scheme not in ("https", "http") or not parts.hostname or is_odd:
        raise Invalid("not_an_address_of_web")
    if parts.username or parts.password:
        raise Invalid("address_with_password")
    try:
        is_private = not ipaddress.ip_address(parts.hostname).is_global
    except ValueError:
        is_private = parts.hostname == "localhost" or parts.hostname.endswith((".local", ".internal", ".localhost"))
    if is_private and not settings.rules_reach_private:
        raise Invalid("address_is_private")
    fields = [name for name in POSTED if name in told.get("fields", ())]
    kept = str(told.get("secret", ""))
    return {"url": url, "fields": fields, "secret": kept or seals.seal(secrets.token_urlsafe(32), settings=settings)}


def _post(doing: Doing, value: Told) -> Told:
    row = posts.make(
        doing.db, doing.ticket, value, rule_id=doing.rule.id if doing.rule else None, fact=doing.fact, now=doing.now
    )
    return {"post": row.id}


def _must(holds: bool) -> None:
    if not holds:
        raise Conflict("ticket_moved_on")


def _number(value: Any) -> int:
    text = str(value if value is not None else "").strip()
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Invalid("unknown_choice")
    return int(text)


ACTS: dict[str, Act] = {
    "move": Act("choice", _queue, _move, _move_back),
    "assign": Act("choice", _agent, _assign, _assign_back),
    "prioritize": Act("choice", _priority, _prioritize, _priority_back),
    "tag": Act("choice", _tag, _add_tag, _tag_off),
    "untag": Act("choice", _tag, _remove_tag, _tag_on),
    "pend": Act("number", _rest, _pend, _pend_back),
    "resolve": Act("none", _nothing, _resolve, _resolve_back),
    "reopen": Act("none", _nothing, _reopen, _reopen_back),
    "note": Act("area", _words, _note),
    "reply": Act("choice", _canned, _reply),
    "checklist": Act("choice", _template, _lay_checklist, _checklist_off),
    "watch": Act("choice", _somebody, _watch, _watch_off),
    "field": Act("field", _field, _set_field, _field_back),
    "call_back": Act("number", _minutes, _call_back, _no_call),
    "post": Act("post", _address, _post, users=frozenset({"rule"})),
}
"""In the order in which a person should be offered them."""


def choices(db: Session, *, language: str, user: str) -> dict[str, list[tuple[str, str]]]:
    """What may be chosen for acts of the kind "choice": pairs of value and name. `user` as in `checked`."""
    staff = [(str(each_id), name) for each_id, name in agents.to_choose_from(db, language=language)]
    special = [(NOBODY, ""), (DESK, "")] + ([(ME, "")] if user == "macro" else [])
    words = list(db.exec(select(Tag).order_by(col(Tag.name))))
    lists = db.exec(select(ChecklistTemplate).where(col(ChecklistTemplate.deleted_at).is_(None)))
    replies = db.exec(select(CannedReply).where(col(CannedReply.is_active)).order_by(col(CannedReply.title)))
    return {
        "move": [(str(queue.id), queue.called(language)) for queue in queues.everyone(db)],
        "assign": [*special, *staff],
        "reply": [(str(reply.id), reply.called(language)) for reply in replies],
        "prioritize": [(str(each.value), "") for each in Priority],
        "tag": [(str(tag.id), tag.name) for tag in words if tag.is_active],
        "untag": [(str(tag.id), tag.name) for tag in words],
        "checklist": [(str(each.id), each.called(language)) for each in lists if each.is_active],
        "watch": ([(ME, "")] if user == "macro" else []) + staff,
        **{what: each for what, each in terms.choices(db, language=language).items() if what.startswith("field:")},
    }
