"""Whatever is done to a ticket can be taken back, unless somebody has changed the same since."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from helpdesk import (
    changes,
    checklists,
    fields,
    links,
    merging,
    queues,
    routing,
    splitting,
    tags,
    tickets,
    transfers,
    watchers,
)
from helpdesk.errors import Conflict, NotFound
from helpdesk.events import one_act
from models import (
    Agent,
    Event,
    FieldKind,
    FieldValue,
    Message,
    Note,
    Routing,
    Ticket,
    TicketField,
    TicketLink,
    TicketState,
    TicketTag,
    TicketWatcher,
)
from tests.cast import AIKO, AKIRA, MONDAY, SATO, TANAKA, OpenDesk, Person


def at_the_desk(desk: OpenDesk) -> None:
    """Two tickets of Ms. Tanaka's in tech support; a third mail is in the first."""
    desk.mail(TANAKA, subject="電源が入らない掃除機", body="電源が入りません。使い方を教えてください。")
    desk.write(lambda db: routing.move(db, db.get_one(Ticket, 1), _queue(db, "tech_support"), by=_who(db), now=MONDAY))
    desk.mail(TANAKA, subject="Re: 電源が入らない掃除機 [#1]", body="別件ですが、領収書をください。")
    desk.write(_another)
    desk.clock.advance(minutes=1)


def _another(db: Session) -> None:
    first = db.get_one(Ticket, 1)
    made = tickets.start(db, subject="別の件", channel=first.channel, queue_id=first.queue_id,
                         customer_id=first.customer_id, language="ja", now=MONDAY)  # fmt: skip
    routing.keep(db, made, routing.Decision(first.queue_id, "by_agent"), now=MONDAY)
    db.add(TicketField(key="serial", name="製造番号", name_en="Serial number", kind=FieldKind.TEXT, created_at=MONDAY))


def _who(db: Session, person: Person = SATO) -> Agent:
    return db.exec(select(Agent).where(Agent.email == person.email)).one()


def _queue(db: Session, slug: str) -> Any:
    return next(queue for queue in queues.everyone(db) if queue.slug == slug)


def standing(db: Session) -> dict[str, Any]:
    """All that an undo has to bring back."""
    db.expire_all()
    columns = ("state", "queue_id", "assignee_id", "priority", "pending_until", "resolved_at", "awaits_us",
               "merged_into_id", "routed_by", "snippet", "is_watched")  # fmt: skip
    first = db.get_one(Ticket, 1)
    return {name: getattr(first, name) for name in columns} | {
        "tags": sorted(row.tag_id for row in db.exec(select(TicketTag))),
        "fields": [(row.field_id, row.value) for row in db.exec(select(FieldValue))],
        "links": [(row.ticket_id, row.other_id, row.kind) for row in db.exec(select(TicketLink))],
        "watchers": [row.agent_id for row in db.exec(select(TicketWatcher))],
        "items": [(item.text, item.done_at) for item in checklists.of(db, 1)],
        "decisions": [row.id for row in db.exec(select(Routing).where(Routing.ticket_id == 1))],
        "messages": [row.ticket_id for row in db.exec(select(Message).order_by(col(Message.id)))],
    }  # fmt: skip


Verb = Callable[[Session, Ticket, dict[str, Any]], Any]


def _field(db: Session) -> TicketField:
    return fields.by_key(db, "serial")


def _first_mail(db: Session) -> Message:
    return db.exec(select(Message).order_by(col(Message.id).desc())).first() or Message()


VERBS: dict[str, tuple[Verb, Verb]] = {
    "priority": (lambda db, ticket, told: None, lambda db, ticket, told: tickets.prioritize(db, ticket, 4, **told)),
    "pend": (lambda db, ticket, told: None, lambda db, ticket, told: tickets.pend(db, ticket, None, **told)),
    "pend until": (
        lambda db, ticket, told: None,
        lambda db, ticket, told: tickets.pend(db, ticket, told["now"] + timedelta(days=3), **told),
    ),
    "pend longer": (
        lambda db, ticket, told: tickets.pend(db, ticket, told["now"] + timedelta(days=1), **told),
        lambda db, ticket, told: tickets.pend(db, ticket, told["now"] + timedelta(days=3), **told),
    ),
    "resolve": (lambda db, ticket, told: None, lambda db, ticket, told: tickets.resolve(db, ticket, **told)),
    "resolve what rests": (
        lambda db, ticket, told: tickets.pend(db, ticket, told["now"] + timedelta(days=1), **told),
        lambda db, ticket, told: tickets.resolve(db, ticket, **told),
    ),
    "reopen": (
        lambda db, ticket, told: tickets.resolve(db, ticket, **told),
        lambda db, ticket, told: tickets.reopen(db, ticket, by_id=told["by"].id, now=told["now"]),
    ),
    "assign": (
        lambda db, ticket, told: None,
        lambda db, ticket, told: tickets.assign(db, ticket, _who(db, AIKO), **told),
    ),
    "give to another": (
        lambda db, ticket, told: tickets.assign(db, ticket, _who(db, AIKO), **told),
        lambda db, ticket, told: tickets.assign(db, ticket, _who(db, AKIRA), **told),
    ),
    "move": (
        lambda db, ticket, told: tickets.assign(db, ticket, _who(db, AIKO), **told),
        lambda db, ticket, told: routing.move(db, ticket, _queue(db, "returns"), **told),
    ),
    "transfer": (
        lambda db, ticket, told: tickets.assign(db, ticket, _who(db, AKIRA), **told),
        lambda db, ticket, told: transfers.transfer(
            db, ticket, to_queue=_queue(db, "triage"), to_agent=_who(db, AIKO), reason="内容の確認", **told
        ),
    ),
    "tag": (lambda db, ticket, told: None, lambda db, ticket, told: tags.add(db, ticket, "修理", **told)),
    "untag": (
        lambda db, ticket, told: tags.add(db, ticket, "修理", **told),
        lambda db, ticket, told: tags.remove(db, ticket, 1, **told),
    ),
    "field": (
        lambda db, ticket, told: fields.set(db, ticket, _field(db), ["A-1"], **told),
        lambda db, ticket, told: fields.set(db, ticket, _field(db), ["B-2"], **told),
    ),
    "field emptied": (
        lambda db, ticket, told: fields.set(db, ticket, _field(db), ["A-1"], **told),
        lambda db, ticket, told: fields.set(db, ticket, _field(db), [""], **told),
    ),
    "watch": (
        lambda db, ticket, told: None,
        lambda db, ticket, told: watchers.watch(db, ticket, _who(db, AIKO), **told),
    ),
    "unwatch": (
        lambda db, ticket, told: watchers.watch(db, ticket, _who(db, AIKO), **told),
        lambda db, ticket, told: watchers.unwatch(db, ticket, _who(db, AIKO).id or 0, **told),
    ),
    "link": (
        lambda db, ticket, told: None,
        lambda db, ticket, told: links.link(db, ticket, db.get_one(Ticket, 2), "parent_of", **told),
    ),
    "unlink": (
        lambda db, ticket, told: links.link(db, db.get_one(Ticket, 2), ticket, "duplicates", **told),
        lambda db, ticket, told: links.unlink(db, ticket, db.get_one(Ticket, 2), "duplicated", **told),
    ),
    "not a duplicate": (
        lambda db, ticket, told: None,
        lambda db, ticket, told: links.link(db, ticket, db.get_one(Ticket, 2), "distinct", **told),
    ),
    "checklist added": (
        lambda db, ticket, told: None,
        lambda db, ticket, told: checklists.add_items(db, ticket, ["写真をもらう"], **told),
    ),
    "checklist ticked": (
        lambda db, ticket, told: checklists.add_items(db, ticket, ["写真をもらう"], **told),
        lambda db, ticket, told: checklists.tick(db, ticket, checklists.of(db, 1)[0], True, **told),
    ),
    "checklist reordered": (
        lambda db, ticket, told: checklists.add_items(db, ticket, ["い", "ろ", "は"], **told),
        lambda db, ticket, told: checklists.move(db, ticket, checklists.of(db, 1)[2], 0, **told),
    ),
    "checklist removed": (
        lambda db, ticket, told: checklists.add_items(db, ticket, ["い", "ろ", "は"], **told),
        lambda db, ticket, told: checklists.remove(db, ticket, checklists.of(db, 1)[1], **told),
    ),
    "merge": (
        lambda db, ticket, told: None,
        lambda db, ticket, told: merging.merge(db, ticket, db.get_one(Ticket, 2), **told),
    ),
    "split": (
        lambda db, ticket, told: None,
        lambda db, ticket, told: splitting.split(db, ticket, _first_mail(db), **told),
    ),
}


def _do(desk: OpenDesk, verb: Verb) -> None:
    desk.write(lambda db: verb(db, db.get_one(Ticket, 1), {"by": _who(db), "now": desk.clock()}))
    desk.clock.advance(seconds=1)


def _offered(desk: OpenDesk) -> int:
    def look(db: Session) -> int:
        row = changes.latest(db, 1, viewer_id=_who(db).id or 0, now=desk.clock())
        assert row is not None and row.id is not None
        return row.id

    return int(desk.read(look))


def _undo(desk: OpenDesk, event_id: int, person: Person = SATO) -> None:
    desk.write(lambda db: changes.undo(db, db.get_one(Ticket, 1), event_id, _who(db, person), desk.clock()))
    desk.clock.advance(seconds=1)


@pytest.mark.parametrize("name", VERBS)
def test_what_was_done_is_taken_back_and_all_stands_as_before(desk: OpenDesk, name: str) -> None:
    before, verb = VERBS[name]
    at_the_desk(desk)
    _do(desk, before)
    stood = desk.read(standing)
    _do(desk, verb)
    assert desk.read(standing) != stood
    event_id = _offered(desk)
    _undo(desk, event_id)
    assert desk.read(standing) == stood
    with pytest.raises(Conflict):  # a second click finds it done
        _undo(desk, event_id)
    assert desk.read(standing) == stood


def test_an_undo_is_refused_when_a_colleague_has_changed_the_same_since(desk: OpenDesk) -> None:
    at_the_desk(desk)
    _do(desk, lambda db, ticket, told: tickets.prioritize(db, ticket, 4, **told))
    event_id = _offered(desk)
    desk.write(lambda db: tickets.prioritize(db, db.get_one(Ticket, 1), 2, by=_who(db, AIKO), now=desk.clock()))
    desk.write(lambda db: tickets.prioritize(db, db.get_one(Ticket, 1), 4, by=_who(db, AIKO), now=desk.clock()))
    with pytest.raises(Conflict) as refused:  # it is urgent again, by her word and not by ours
        _undo(desk, event_id)
    assert refused.value.code == "moved_on"
    assert desk.read(lambda db: changes.latest(db, 1, viewer_id=_who(db).id or 0, now=desk.clock())) is None


def test_what_a_colleague_did_elsewhere_in_the_ticket_stays(desk: OpenDesk) -> None:
    at_the_desk(desk)
    _do(desk, lambda db, ticket, told: tickets.prioritize(db, ticket, 4, **told))
    event_id = _offered(desk)
    desk.write(lambda db: tags.add(db, db.get_one(Ticket, 1), "修理", by=_who(db, AIKO), now=desk.clock()))
    assert _offered(desk) == event_id
    _undo(desk, event_id)
    ticket = desk.tickets()[0]
    assert ticket.priority == 2 and desk.count(TicketTag) == 1


def test_a_customer_who_wrote_meanwhile_is_not_resolved_away(desk: OpenDesk) -> None:
    at_the_desk(desk)
    _do(desk, lambda db, ticket, told: tickets.resolve(db, ticket, **told))
    _do(desk, lambda db, ticket, told: tickets.reopen(db, ticket, by_id=told["by"].id, now=told["now"]))
    event_id = _offered(desk)
    _do(desk, lambda db, ticket, told: tickets.resolve(db, ticket, **told))
    desk.mail(TANAKA, subject="Re: [#1]", body="まだですか。")
    with pytest.raises(Conflict):
        _undo(desk, event_id)
    assert desk.tickets()[0].state == TicketState.OPEN


def test_several_verbs_done_as_one_act_are_taken_back_as_one(desk: OpenDesk) -> None:
    at_the_desk(desk)
    stood = desk.read(standing)

    def act(db: Session, ticket: Ticket, told: dict[str, Any]) -> None:
        with one_act(db):
            tags.add(db, ticket, "修理", **told)
            tickets.prioritize(db, ticket, 3, **told)
            checklists.add_items(db, ticket, ["写真をもらう", "倉庫に聞く"], **told)
            tickets.resolve(db, ticket, **told)

    _do(desk, act)
    _undo(desk, _offered(desk))
    assert desk.read(standing) == stood


def test_nobody_undoes_an_event_of_another_ticket_or_what_has_no_way_back(desk: OpenDesk) -> None:
    at_the_desk(desk)
    _do(desk, lambda db, ticket, told: tickets.prioritize(db, db.get_one(Ticket, 2), 4, **told))
    other = desk.read(lambda db: db.exec(select(Event.id).where(Event.ticket_id == 2, Event.fact != "x")).all())[-1]
    with pytest.raises(NotFound):
        _undo(desk, other)
    opened = desk.read(lambda db: db.exec(select(Event.id).where(Event.fact == "ticket_opened")).first())
    with pytest.raises(Conflict, match="cannot_be_undone"):
        _undo(desk, opened)


def test_the_desk_offers_an_undo_for_ten_minutes_and_to_who_did_it(desk: OpenDesk) -> None:
    at_the_desk(desk)
    _do(desk, lambda db, ticket, told: tickets.prioritize(db, ticket, 4, **told))
    assert desk.read(lambda db: changes.latest(db, 1, viewer_id=_who(db, AIKO).id or 0, now=desk.clock())) is None
    desk.clock.advance(minutes=11)
    assert desk.read(lambda db: changes.latest(db, 1, viewer_id=_who(db).id or 0, now=desk.clock())) is None


def test_facts_hold_no_words(desk: OpenDesk) -> None:
    at_the_desk(desk)
    for name in ("tag", "field", "checklist added", "transfer"):
        _do(desk, VERBS[name][1])
    told = desk.read(lambda db: "\n".join(str(row.data) for row in db.exec(select(Event))))
    assert not any(word in told for word in ("修理", "写真", "B-2", "内容の確認", "田中"))


def test_a_transfer_leaves_its_reason_as_a_note_even_when_taken_back(desk: OpenDesk) -> None:
    at_the_desk(desk)
    _do(desk, VERBS["transfer"][1])
    _undo(desk, _offered(desk))
    assert [note.text for note in desk.read(lambda db: db.exec(select(Note)).all())] == ["内容の確認"]
