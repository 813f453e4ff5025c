"""Figures of queues and agents: the industry's own example, and a long random stream against a second way to count."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import measures
from helpdesk.measures import Calls, Interval, Work
from models import (
    Agent,
    AgentState,
    Call,
    CallOffer,
    Handling,
    OfferEnd,
    Presence,
    Queue,
    QueueVisit,
    Ticket,
    VisitEnd,
)
from tests.cast import (
    AIKO,
    DESK_ADDRESS,
    MONDAY,
    RETURNS_NUMBER,
    SATO,
    STRANGER,
    SUZUKI,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
    text_of,
)

CALLS = 5_000
LENGTH = timedelta(days=3)
TOKYO = "Asia/Tokyo"


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_the_industry_s_own_example_comes_out_in_all_its_forms() -> None:
    """ICMI: 1000 answered, 860 of them within 20 s; 60 abandoned, 20 within 20 s and 10 within 5 s."""
    told = Calls(answered=1000, abandoned=60, answered_in_time=860, abandoned_in_time=20, short_abandoned=10)
    assert told.service_level == 860 / 1050
    forms = (told.service_level_of_offered, told.service_level_with_abandoned, told.service_level_without_early,
             told.service_level_of_answered)  # fmt: skip
    assert [round(100 * (form or 0), 1) for form in forms] == [81.1, 83.0, 82.7, 86.0]
    assert round(100 * told.service_level, 1) == 81.9
    assert told.abandonment == 50 / 1050


def test_who_was_passed_on_late_counts_against_the_level_and_who_was_in_time_does_not() -> None:
    told = Calls(answered=8, answered_in_time=8, overflowed=2, passed_on_late=2)
    assert told.service_level == 0.8
    assert Calls(answered=8, answered_in_time=8, overflowed=2).service_level == 1.0


def test_a_figure_of_nothing_is_none_and_not_nought() -> None:
    nothing, idle = Calls(), Work()
    for name in ("service_level", "service_level_of_offered", "service_level_with_abandoned", "answer_seconds",
                 "service_level_without_early", "service_level_of_answered", "abandonment", "abandon_seconds",
                 "handle_seconds", "wrap_up_seconds", "transfer_rate"):  # fmt: skip
        assert getattr(nothing, name) is None, name
    assert (idle.occupancy, idle.utilisation, idle.answer_rate) == (None, None, None)
    assert nothing.longest_wait_seconds(MONDAY) == 0


@pytest.mark.parametrize(
    ("waiting", "handle_seconds", "staffed", "expected"),
    [(4, 300, 3, (200.0, 600.0)), (0, 300, 3, (0.0, 0.0)), (1, 120, 1, (0.0, 240.0)), (4, 300, 0, None),
     (4, None, 3, None)],
)  # fmt: skip
def test_the_expected_wait_is_a_range_around_little_s_law(
    waiting: int, handle_seconds: float | None, staffed: int, expected: Any
) -> None:
    assert measures.expected_wait(waiting, handle_seconds, staffed) == expected


def test_a_day_is_the_desk_s_own_and_has_its_own_length() -> None:
    assert measures.today(MONDAY, TOKYO) == Interval(
        datetime(2026, 11, 15, 15, tzinfo=UTC), datetime(2026, 11, 16, 15, tzinfo=UTC))  # fmt: skip
    berlin = measures.day(datetime(2026, 10, 25).date(), "Europe/Berlin")
    assert berlin.end - berlin.begin == timedelta(hours=25)
    assert len(measures.half_hours(berlin)) == 50
    week = Interval(berlin.begin - timedelta(hours=3), berlin.end + timedelta(hours=30))
    assert [part.end - part.begin for part in measures.days(week, "Europe/Berlin")] == [
        timedelta(hours=hours) for hours in (3, 25, 24, 6)]  # fmt: skip


def test_the_last_half_hours_are_those_of_the_clock_and_end_with_the_present_one() -> None:
    told = measures.last_half_hours(datetime(2026, 11, 16, 1, 47, tzinfo=UTC), 3)
    assert [part.begin.strftime("%H:%M") for part in told] == ["00:30", "01:00", "01:30"]
    assert all(part.end - part.begin == timedelta(minutes=30) for part in told)
    now = datetime(2026, 11, 16, 1, 47, tzinfo=UTC)
    assert measures.recent(now).end > now >= measures.recent(now).begin + timedelta(minutes=30)


# --- a second way to count -------------------------------------------------------------------------------------------
# Not sums over rows but a diary: everything that happened, one moment after the other, and what it changes.


@dataclass
class Stream:
    """What happened in some days, as rows for the database and as the diary's pages."""

    visits: list[dict[str, Any]] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)


def a_stream(seed: int, queue_ids: Sequence[int], agent_ids: Sequence[int], promised: dict[int, tuple[int, int]],
             now: datetime) -> Stream:  # fmt: skip
    chance = random.Random(seed)
    told = Stream()

    def length(most: float) -> timedelta:
        whole = chance.random() < 0.4  # on the very threshold, now and then
        return timedelta(seconds=chance.randrange(int(most))) if whole else timedelta(seconds=chance.random() * most)

    for call_id in range(1, CALLS + 1):
        at = now - LENGTH + LENGTH * chance.random()
        queue_id = chance.choice(queue_ids)
        while True:
            within, short = promised[queue_id]
            wait = length(chance.choice([3 * short + 2, 3 * within, 600]))
            how = chance.choices(list(VisitEnd), [0, 70, 12, 5, 4, 2, 2, 5])[0]
            if at + wait > now:
                how, wait = VisitEnd.WAITING, timedelta(0)
            visit = {"call_id": call_id, "queue_id": queue_id, "entered_at": at, "how": how, "agent_id": None,
                     "left_at": None if how == VisitEnd.WAITING else at + wait}  # fmt: skip
            told.visits.append(visit)
            at += wait
            if how not in (VisitEnd.OVERFLOWED, VisitEnd.MOVED):
                break
            queue_id = chance.choice(queue_ids)
        for agent_id in chance.sample(agent_ids, chance.randrange(3)):
            rang = length(40)
            end = min(at, at - wait + rang)
            is_open = how == VisitEnd.WAITING
            told.offers.append({
                "call_id": call_id, "agent_id": agent_id, "offered_at": at - wait, "ended_at": None if is_open else end,
                "how": OfferEnd.OPEN if is_open else chance.choice(list(OfferEnd)[1:]),
            })  # fmt: skip
        if how == VisitEnd.ANSWERED:
            visit["agent_id"] = chance.choice(agent_ids)
            for _ in range(chance.choice([1, 1, 1, 2])):
                talk, after = length(900), length(120)
                part = {"call_id": call_id, "agent_id": chance.choice(agent_ids), "queue_id": queue_id, "began_at": at,
                        "ended_at": at + talk, "hold_seconds": chance.randrange(int(talk.total_seconds()) + 1),
                        "wrapped_up_at": at + talk + after if chance.random() < 0.9 else None,
                        "transferred_to_id": chance.choice([None, None, chance.choice(agent_ids)])}  # fmt: skip
                if at + talk > now:
                    part |= {"ended_at": None, "wrapped_up_at": None, "hold_seconds": 0}
                told.parts.append(part)
                at += talk
                if part["ended_at"] is None:
                    break
    for agent_id in agent_ids:
        at = now - LENGTH - timedelta(hours=chance.randrange(1, 90))
        while at < now:
            end = at + length(chance.choice([60, 600, 30_000]))
            told.states.append({"agent_id": agent_id, "state": chance.choice(list(Presence)), "reason": "",
                                "started_at": at, "ended_at": end if end < now else None})  # fmt: skip
            at = end
    return told


def write(db: Session, told: Stream) -> None:
    at = MONDAY
    db.execute(sa.insert(Call), [
        {"source": "test", "call_key": str(number), "started_at": at, "direction": "in", "state": "ended",
         "outcome": "answered"} for number in range(1, CALLS + 1)])  # fmt: skip
    db.execute(sa.delete(AgentState))
    for table, rows in ((QueueVisit, told.visits), (Handling, told.parts), (CallOffer, told.offers),
                        (AgentState, told.states)):  # fmt: skip
        unique = {(row.get("call_id"), row["agent_id"], row.get("offered_at")): row for row in rows} if rows else {}
        db.execute(sa.insert(table), list(unique.values()) if table is CallOffer else rows)


def micro(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def diary_of_calls(told: Stream, interval: Interval, queue_id: int, promised: tuple[int, int]) -> dict[str, Any]:
    """Walk through everything in the order of time and keep account of who stands in the line."""
    within, short = (timedelta(seconds=each) for each in promised)
    pages: list[tuple[datetime, int, str, int, Any]] = []
    for number, visit in enumerate(told.visits):
        if visit["queue_id"] == queue_id:
            pages.append((visit["entered_at"], 0, "comes", number, None))
            if visit["left_at"] is not None:
                pages.append((visit["left_at"], 1, "goes", number, visit["how"].value))
    account: Counter[str] = Counter()
    line: dict[int, datetime] = {}
    for at, _, what, number, how in sorted(pages, key=lambda page: page[:4]):
        if what == "comes":
            if interval.begin <= at < interval.end:
                line[number] = at
            continue
        if number not in line:
            continue
        wait = at - line.pop(number)
        if how == "refused":
            how = "refused" if wait < short else "turned_away"
        account[how] += 1
        if how == "answered":
            account["answered_after"] += micro(wait)
            account["answered_in_time"] += wait <= within
        elif how == "abandoned":
            account["abandoned_after"] += micro(wait)
            account["abandoned_in_time"] += wait <= within
            account["short_abandoned"] += wait < short
        elif how != "refused" and wait > within:
            account["passed_on_late"] += 1
    account["waiting"] = len(line)
    for part in told.parts:
        if part["queue_id"] == queue_id and interval.begin <= part["began_at"] < interval.end and part["ended_at"]:
            whole = micro((part["wrapped_up_at"] or part["ended_at"]) - part["began_at"])
            after = micro((part["wrapped_up_at"] or part["ended_at"]) - part["ended_at"])
            held = micro(timedelta(seconds=part["hold_seconds"]))
            account.update(handled=1, transferred=part["transferred_to_id"] is not None, hold=held, wrap_up=after,
                           talk=whole - after - held)  # fmt: skip
    return dict(account) | {"waiting_since": min(line.values(), default=None)}


def diary_of_agent(told: Stream, interval: Interval, agent_id: int, now: datetime) -> dict[str, int]:
    """Between any two moments at which something changes, ask what was going on."""
    until = min(interval.end, now)
    states = [row for row in told.states if row["agent_id"] == agent_id]
    offers = [row for row in told.offers if row["agent_id"] == agent_id]
    moments = {interval.begin, until}
    for row in states:
        moments |= {row["started_at"], row["ended_at"] or now}
    for row in offers:
        moments |= {row["offered_at"], row["ended_at"] or now}
    marks = sorted(at for at in moments if interval.begin <= at <= until)
    account: Counter[str] = Counter()
    changes = sorted((row["started_at"], index) for index, row in enumerate(states))
    rings = sorted((row["offered_at"], row["ended_at"] or now) for row in offers)
    place, going, ahead = -1, [], 0
    for begun, ended in zip(marks, marks[1:], strict=False):
        while place + 1 < len(changes) and changes[place + 1][0] <= begun:
            place += 1
        while ahead < len(rings) and rings[ahead][0] <= begun:
            going.append(rings[ahead][1])
            ahead += 1
        going = [end for end in going if end > begun]
        if place < 0 or states[changes[place][1]]["state"] == Presence.OFFLINE:
            continue
        state = states[changes[place][1]]["state"].value
        account[f"in_{state}"] += micro(ended - begun)
        if state == "ready" and going:
            account["ringing"] += micro(ended - begun)
    for row in offers:
        if interval.begin <= row["offered_at"] < interval.end and row["how"].value in (
            "accepted", "declined", "timed_out"):  # fmt: skip
            account[row["how"].value] += 1
    for part in told.parts:
        if part["agent_id"] == agent_id and interval.begin <= part["began_at"] < interval.end and part["ended_at"]:
            after = (part["wrapped_up_at"] or part["ended_at"]) - part["ended_at"]
            held = timedelta(seconds=part["hold_seconds"])
            account.update(handled=1, transferred=part["transferred_to_id"] is not None, hold=micro(held),
                           wrap_up=micro(after), talk=micro(part["ended_at"] - part["began_at"] - held))  # fmt: skip
    return dict(account)


def test_five_thousand_random_calls_are_counted_as_a_diary_counts_them(desk: OpenDesk) -> None:
    now = MONDAY + timedelta(hours=5, minutes=17, microseconds=123_457)
    ids = desk.read(lambda db: list(db.exec(select(Queue.id).order_by(col(Queue.id)))))[:4]
    agents = desk.read(lambda db: list(db.exec(select(Agent.id).order_by(col(Agent.id)))))
    promised = {ids[0]: (20, 5), ids[1]: (30, 0), ids[2]: (10, 10), ids[3]: (60, 3)}

    def promise(db: Session) -> None:
        for queue_id, (within, short) in promised.items():
            queue = db.get_one(Queue, queue_id)
            queue.service_seconds, queue.short_abandon_seconds = within, short

    desk.write(promise)
    told = a_stream(7, ids, agents, promised, now)
    desk.write(write, told)
    day = measures.today(now, TOKYO)
    intervals = [
        measures.recent(now), day, Interval(now - timedelta(days=9), now + timedelta(seconds=1)),
        Interval(day.begin - timedelta(days=1), day.begin), *measures.last_half_hours(now, 12),
        Interval(told.visits[40]["entered_at"], told.visits[41]["entered_at"])
        if told.visits[40]["entered_at"] < told.visits[41]["entered_at"]
        else Interval(told.visits[41]["entered_at"], told.visits[40]["entered_at"]),
    ]  # fmt: skip
    seen = desk.read(lambda db: measures.of_queues(db, intervals, ids))
    for slot, interval in enumerate(intervals):
        for queue_id in ids:
            expected = diary_of_calls(told, interval, queue_id, promised[queue_id])
            counted = seen.get((slot, queue_id), Calls())
            assert counted == Calls(**expected), (interval, queue_id)
    whole = measures.total(calls for _, calls in measures.each(seen, 2))
    assert whole.offered + whole.refused == len(told.visits)
    assert min(whole.passed_on_late, whole.turned_away, whole.refused, whole.short_abandoned, whole.transferred) > 20
    assert whole.waiting > 0
    for interval in intervals[:4]:
        work = desk.read(lambda db, at=interval: measures.of_agents(db, at, agents, now=now))
        for agent_id in agents:
            assert work[agent_id] == Work(**diary_of_agent(told, interval, agent_id, now)), (interval, agent_id)
    busiest = sum(work.values(), Work())
    assert all(getattr(busiest, each.name) > 0 for each in fields(Work))


def test_one_interval_alone_says_what_it_says_among_others(desk: OpenDesk) -> None:
    """The board asks for many intervals at once, a report for one."""
    ids = desk.read(lambda db: list(db.exec(select(Queue.id))))
    agents = desk.read(lambda db: list(db.exec(select(Agent.id))))
    desk.write(write, a_stream(3, ids[:2], agents, dict.fromkeys(ids, (20, 5)), MONDAY))
    day = measures.today(MONDAY, TOKYO)
    among = desk.read(lambda db: measures.of_queues(db, [*measures.last_half_hours(MONDAY, 12), day], ids))
    alone = desk.read(lambda db: measures.of_queues(db, [day], ids))
    assert dict(measures.each(among, 12)) == dict(measures.each(alone, 0)) != {}
    parts = desk.read(lambda db: measures.of_queues(db, measures.half_hours(day), ids))
    assert measures.total(parts.values()) == measures.total(alone.values())


def test_half_hours_and_days_that_follow_each_other_say_what_each_of_them_says(desk: OpenDesk) -> None:
    """Many are cut by arithmetic, as long as they are of one length; the last may be cut off, and a day in spring is an
    hour shorter."""
    ids = desk.read(lambda db: list(db.exec(select(Queue.id))))
    agents = desk.read(lambda db: list(db.exec(select(Agent.id))))
    desk.write(write, a_stream(5, ids, agents, dict.fromkeys(ids, (20, 5)), MONDAY))
    whole = Interval(MONDAY - timedelta(days=3, minutes=7, microseconds=1), MONDAY - timedelta(minutes=1))
    spring = [Interval(MONDAY - timedelta(hours=47), MONDAY - timedelta(hours=24)),
              Interval(MONDAY - timedelta(hours=24), MONDAY)]  # fmt: skip
    for intervals in (measures.half_hours(whole), measures.days(whole, TOKYO), spring):
        together = desk.read(lambda db, at=intervals: measures.of_queues(db, at, ids, now=MONDAY + timedelta(days=9)))
        alone: dict[tuple[int, int], Calls] = {}
        for place, interval in enumerate(intervals):
            told = desk.read(lambda db, at=interval: measures.of_queues(db, [at], ids, now=MONDAY + timedelta(days=9)))
            alone |= {(place, queue_id): calls for (_, queue_id), calls in told.items()}
        assert together == alone != {}
        assert measures.total(measures.totals(together, len(intervals))) == measures.total(alone.values())


# --- who came back ---------------------------------------------------------------------------------------------------


def test_who_neither_calls_nor_writes_again_within_a_week_was_helped_at_the_first_contact(desk: OpenDesk) -> None:
    """Ms. Tanaka calls again, Mr. Suzuki writes, a stranger calls another queue and later than a week; and one who
    withholds the number is nobody."""

    def talk(key: str, caller: str, to: str = TECH_NUMBER) -> None:
        desk.twilio.rings(key, caller=caller, to=to)
        desk.twilio.says(f"{key}-leg", "in-progress", sequence=2, parent=key, caller=to, to=AIKO.phone)
        desk.clock.advance(minutes=2)
        desk.twilio.says(key, "completed", sequence=3, caller=caller, to=to)
        desk.as_(AIKO).post(f"/calls/{desk.call(key).id}/wrap-up", data={"disposition": "solved", "note": ""})

    suzuki = desk.customer(SUZUKI).id
    begun = desk.clock()
    talk("CA-1", TANAKA.phone)
    talk("CA-2", SUZUKI.phone)
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-2').id}/customer", data={"customer_id": suzuki})
    talk("CA-3", STRANGER.phone)
    talk("CA-4", "anonymous")
    first_day = measures.day(begun.astimezone(ZoneInfo(TOKYO)).date(), TOKYO)
    desk.clock.advance(days=2)
    talk("CA-5", TANAKA.phone)
    desk.mail(SUZUKI, to=DESK_ADDRESS)
    desk.write(lambda db: [setattr(ticket, "queue_id", desk.queue("tech_support").id)
                           for ticket in db.exec(select(Ticket).where(Ticket.channel == "mail"))])  # fmt: skip
    talk("CA-6", STRANGER.phone, to=RETURNS_NUMBER)
    desk.clock.advance(days=4, hours=23)
    tech = desk.queue("tech_support").id

    def counted() -> tuple[int, int]:
        told = desk.read(lambda db: measures.of_queues(db, [first_day], [tech], now=desk.clock()))[0, tech]
        return told.first_contacts, told.first_resolved

    assert counted() == (0, 0), "their week is not over"
    desk.clock.advance(hours=2)
    assert counted() == (3, 1)
    talk("CA-7", STRANGER.phone)
    desk.clock.advance(days=8)
    assert counted() == (3, 1), "after the week it is another matter"
    asked = f"period=days&from={first_day.end:%Y-%m-%d}&to={first_day.end:%Y-%m-%d}&by=queue"
    page = text_of(desk.as_(SATO).get(f"/reports/calls?{asked}").text)
    assert "一次解決率" in page and "33 %" in page.replace("33%", "33 %")


def test_what_a_machine_answers_is_nobody_coming_back(desk: OpenDesk) -> None:
    """Ms. Tanaka was helped on the telephone; that she is out of the office her mailbox says by itself."""
    first = desk.mail(TANAKA)
    ticket_id, tech = desk.tickets()[0].id, desk.queue("tech_support").id
    desk.write(lambda db: setattr(db.get_one(Ticket, ticket_id), "queue_id", tech))
    desk.clock.advance(hours=1)
    begun = desk.clock()
    desk.twilio.rings("CA-1", caller=TANAKA.phone, to=TECH_NUMBER)
    desk.twilio.says("CA-1-leg", "in-progress", sequence=2, parent="CA-1", caller=TECH_NUMBER, to=AIKO.phone)
    desk.clock.advance(minutes=2)
    desk.twilio.says("CA-1", "completed", sequence=3, caller=TANAKA.phone, to=TECH_NUMBER)
    desk.clock.advance(days=1)
    desk.mail(TANAKA, body="不在です。", headers={"In-Reply-To": first, "Auto-Submitted": "auto-replied"})
    desk.clock.advance(days=8)
    desk.mail(TANAKA, body="別の件です。", headers={"In-Reply-To": first})
    assert [each.is_automatic for each in desk.messages(ticket_id)] == [False, True, False]
    day = measures.day(begun.astimezone(ZoneInfo(TOKYO)).date(), TOKYO)
    told = desk.read(lambda db: measures.of_queues(db, [day], [tech], now=desk.clock()))[0, tech]
    assert (told.first_contacts, told.first_resolved) == (1, 1)
