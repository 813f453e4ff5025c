"""What is kept to count by is as true as the tickets' rows: after every act, for everybody, on both databases."""

from typing import Any

import pytest
from sqlmodel import Session, col, select

from helpdesk import agents, merging, routing, tickets
from helpdesk.search import finding, sets
from helpdesk.search.sets import ASSIGNEE, QUEUE, STATE
from models import Agent, Queue, Ticket
from tests.cast import AIKO, BEN, DESK_ADDRESS, RETURNS_ADDRESS, SATO, OpenDesk
from tests.helpdesk.search.test_finding import find, ids
from tests.postbox import Postbox
from tests.web.test_live import a_day


def test_a_number_is_the_set_of_its_bits() -> None:
    for numbers in ([], [1], [7, 3, 3], list(range(1, 5_000, 7)), [90_000, 1], list(range(40)) + [700_000]):
        found = sets.of(numbers)
        assert found.bit_count() == len(set(numbers))
        for most in (1, 3, 10_000):
            assert sets.newest(found, most) == sorted(set(numbers), reverse=True)[:most]


def test_where_tickets_stand_is_kept_true_through_all_that_happens(desk: OpenDesk, postbox: Postbox) -> None:
    compared = []

    def compare(db: Session) -> None:
        told = {(name, row[0]) for name in (QUEUE, ASSIGNEE, STATE)
                for row in db.connection().execute(select(col(getattr(Ticket, name))).distinct())}  # fmt: skip
        for name, value in {*told, *compared}:
            column: Any = col(getattr(Ticket, name))
            rows = db.connection().execute(select(col(Ticket.id)).where(column.is_not_distinct_from(value)))
            wanted = sorted((row[0] for row in rows), reverse=True)
            assert sets.newest(sets.standing(db, name, [value]), 1000) == wanted, (name, value)
        compared.extend(told)

    desk.database.after_commit.append(lambda _: desk.database.read_now(compare))
    a_day(desk, postbox)
    assert len(set(compared)) >= 7, "queues, agents and states"


def test_who_may_no_longer_see_a_ticket_neither_finds_nor_counts_it(desk: OpenDesk) -> None:
    for number in range(4):
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇", to=RETURNS_ADDRESS)
    assert (find(desk, "換気扇", BEN).total, find(desk, "換気扇", AIKO).total) == (4, 0)
    tech = desk.queue("tech_support").id

    def move(db: Session) -> None:
        ticket, to, by = db.get(Ticket, 2), db.get(Queue, tech), db.get(Agent, desk.agent(BEN).id)
        assert ticket and to and by
        routing.move(db, ticket, to, by=by, now=desk.clock())

    desk.write(move)
    for typed in ("換気扇", "is:open", "換気扇 is:open", "換気扇 -is:resolved"):
        assert (ids(find(desk, typed, BEN)), find(desk, typed, BEN).total) == ([1, 3, 4], 3), typed
        assert (ids(find(desk, typed, AIKO)), find(desk, typed, AIKO).total) == ([2], 1), typed
    desk.write(lambda db: agents.change(db, db.get(Agent, desk.agent(BEN).id), queue_ids=[tech], now=desk.clock()))
    assert (ids(find(desk, "換気扇", BEN)), find(desk, "is:open", BEN).total) == ([2], 1)


def test_the_count_is_exact_where_more_is_found_than_is_ranked(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "CANDIDATES", 3)
    for number in range(11):
        to = RETURNS_ADDRESS if number % 3 else DESK_ADDRESS
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇", to=to)
    rows = desk.read(lambda db: [(row.id, row.queue_id) for row in db.exec(select(Ticket))])
    own = [number for number, queue_id in rows if queue_id == desk.queue("returns").id]
    assert 3 < len(own) < 11
    for typed in ("換気扇", "換気扇 is:open", "is:open", "is:open -冷蔵庫"):
        for who, count in ((SATO, 11), (BEN, len(own))):
            found = find(desk, typed, who)
            assert (found.total, found.is_more, len(found.tickets)) == (count, False, 3), typed
            assert ids(found) == sorted(number for number, _ in rows if who is SATO or number in own)[-3:]


@pytest.mark.parametrize("bound", ["QUICKER", "MOST_CHANGED", "MOST_EVENTS", "MOST_BYTES"])
def test_the_answer_is_the_same_whether_sets_are_kept_mended_or_read_anew(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(sets, "QUICKER", 0)  # mended however few fit
    monkeypatch.setattr(sets, bound, 0)

    def act(verb: Any, *numbers: int, **told: Any) -> None:
        desk.write(lambda db: verb(db, *(db.get(Ticket, each) for each in numbers), **told))

    sato = desk.agent(SATO)
    acts = (
        lambda: desk.mail(subject="新しい", body="換気扇の音", to=RETURNS_ADDRESS),
        lambda: act(tickets.note, 1, text="冷蔵庫", by=sato, now=desk.clock()),
        lambda: act(tickets.resolve, 2, by=sato, now=desk.clock()),
        lambda: act(merging.merge, 3, 1, by=sato, now=desk.clock()),
        lambda: act(tickets.note, 3, text="扇風機", by=sato, now=desk.clock()),
        lambda: act(merging.unmerge, 3, by=sato, now=desk.clock()),
    )
    for number in range(4):
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇", to=RETURNS_ADDRESS)

    def answers() -> list[tuple[list[int], int]]:
        asked = ("換気扇", "冷蔵庫", "換気扇 -冷蔵庫", "換気扇 is:open", "is:resolved", "冷蔵庫 換気扇", "扇風機")
        found = [find(desk, typed, who) for typed in asked for who in (BEN, SATO)]
        return [(ids(each), each.total) for each in found]

    told = []
    for each in acts:
        each()
        told.append(answers())
        for name in ("fitting", "standing"):  # as in a process that has just started
            desk.database.info["kept"].pop(name, None)
        assert answers() == told[-1]
    assert len({str(each) for each in told}) > 3, "the acts change what is found"


def test_more_than_is_looked_at_is_said_to_be_more(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇", to=RETURNS_ADDRESS)
    for counted, total, is_more in ((2, 2, True), (3, 3, True), (4, 4, False)):
        monkeypatch.setattr(sets, "COUNTED", counted)
        found = find(desk, f"換気扇 -冷蔵庫{counted}", BEN)  # another question each time: the last is kept
        assert (found.total, found.is_more, ids(found)) == (total, is_more, [1, 2, 3, 4][-total:])
