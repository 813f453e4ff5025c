"""The manager's events become calls: each scene as people would tell it, in any company, cut anywhere."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti import CallEvent
from cti.asterisk import Ask, Machine, Open, device_of, keep, kept, presentation
from tests import switchboard
from tests.switchboard import SCENES, Scene, Switchboard

NOON = datetime(2026, 11, 16, 3, 0, tzinfo=UTC)
NUMBER, OTHER = "09012345678", "0312345678"


class Hearing:
    """A machine at a switchboard: hears what is said, asks, and is answered `late` events later."""

    def __init__(self, board: Switchboard, *, late: int = 1) -> None:
        self.board, self.late = board, late
        self.machine = Machine(source="asterisk:office", inbound=[switchboard.TRUNK])
        self.told: list[CallEvent] = []
        self.heard = 0
        self.asked: list[tuple[int, Ask]] = []
        self.kept: list[Any] = []

    def hear(self, upto: int | None = None) -> None:
        """What was said since."""
        end = len(self.board.said) if upto is None else upto
        for event in self.board.said[self.heard : end]:
            self.heard += 1
            self._take(self.machine.feed(event, at=self.now))
            while self.asked and self.asked[0][0] <= self.heard:
                self._answer()

    def settle(self) -> None:
        """Every question is answered."""
        while self.asked:
            self._answer()

    def syncs(self, known: dict[str, Open]) -> None:
        """After a new login: the listing as it is now."""
        self.machine.begin_listing()
        for event in self.board.listings[self.heard]:
            self.machine.listed(event)
        self._take(self.machine.synced(known, at=self.now))
        self.settle()

    def of(self, key: str) -> list[CallEvent]:
        """What was told of one call."""
        return [event for event in self.told if event.call_id == key]

    @property
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.heard)

    def _answer(self) -> None:
        ask = self.asked.pop(0)[1]
        self._take(self.machine.answered(ask.key, self.board.known[ask.channel], at=self.now))

    def _take(self, out: Sequence[CallEvent | Ask]) -> None:
        for each in out:
            if isinstance(each, Ask):
                self.asked.append((self.heard + self.late, each))
            else:
                self.told.append(each)
                self.kept.extend(self.machine.said(each.call_id))


def kinds(events: Sequence[CallEvent]) -> list[tuple[str, tuple[str, ...]]]:
    """What is told, in short."""
    return [(event.kind, event.agents) for event in events]


def played(board: Switchboard, scenes: Sequence[Scene], order: Sequence[int]) -> None:
    """Scenes side by side: `order` says whose turn it is."""
    running = list(scenes)
    for turn in order:
        if running:
            scene = running[turn % len(running)]
            if next(scene.steps, "over") == "over":
                running.remove(scene)
    for scene in running:
        for _ in scene.steps:
            pass


@pytest.mark.parametrize("dialect", [13, 22])
@pytest.mark.parametrize("number", range(len(SCENES)))
def test_each_scene_is_told_as_people_would_tell_it(dialect: int, number: int) -> None:
    board = Switchboard(dialect)
    scene = SCENES[number](board, NUMBER)
    hearing = Hearing(board)
    played(board, [scene], [])
    hearing.hear()
    hearing.settle()
    assert kinds(hearing.told) == scene.tells
    assert {event.call_id for event in hearing.told} == {scene.key}
    callers = {event.caller for event in hearing.told if event.kind in ("ring", "queued")}
    assert callers == ({""} if scene.withheld else {NUMBER})
    assert {event.called for event in hearing.told if event.kind == "ring"} == {"0355500101"}
    assert hearing.machine.size == 0


@pytest.mark.parametrize(("scene", "cause"), [(2, "cancel"), (6, "cancel"), (10, "noAnswer"), (0, "normalClearing")])
def test_the_end_says_why(scene: int, cause: str) -> None:
    board = Switchboard()
    hearing = Hearing(board)
    played(board, [SCENES[scene](board, NUMBER)], [])
    hearing.hear()
    assert hearing.told[-1].cause == cause


scenes_of = st.lists(st.integers(0, len(SCENES) - 1), min_size=1, max_size=5)
orders = st.lists(st.integers(0, 4), max_size=300)


@given(st.sampled_from([13, 22]), scenes_of, orders, st.integers(0, 12))
def test_calls_at_the_same_time_never_mix(dialect: int, chosen: list[int], order: list[int], late: int) -> None:
    board = Switchboard(dialect)
    scenes = [SCENES[each](board, f"090{index:08d}") for index, each in enumerate(chosen, 1)]
    hearing = Hearing(board, late=late)
    played(board, scenes, order)
    hearing.hear()
    hearing.settle()
    for scene in scenes:
        told = hearing.of(scene.key)
        assert kinds(told) == scene.tells
        assert {event.caller for event in told} <= {"", "" if scene.withheld else scene.number}
    assert len(hearing.told) == sum(len(scene.tells) for scene in scenes)
    assert hearing.machine.size == 0
    assert len({event.event_id for event in hearing.told}) == len(hearing.told)


@given(st.sampled_from([13, 22]), scenes_of, orders, st.data())
def test_a_stream_cut_anywhere_leaves_no_call_behind(
    dialect: int, chosen: list[int], order: list[int], data: st.DataObject
) -> None:
    """The line breaks, events are lost, it is taken up again, by the same process or by one that knows only what was
    kept; in the end every call that was told of is over, once."""
    board = Switchboard(dialect)
    scenes = [SCENES[each](board, f"090{index:08d}") for index, each in enumerate(chosen, 1)]
    hearing = Hearing(board)
    played(board, scenes, order)
    cut = data.draw(st.integers(0, len(board.said)))
    back = data.draw(st.integers(cut, len(board.said)))
    hearing.hear(cut)
    hearing.settle()
    if data.draw(st.booleans()):
        hearing.machine = Machine(source="asterisk:office", inbound=[switchboard.TRUNK])
    hearing.heard = back
    hearing.syncs(opened(hearing.told))
    hearing.hear()
    hearing.settle()
    assert opened(hearing.told) == {}
    assert hearing.machine.live == []
    ends = [event.call_id for event in hearing.told if event.kind == "hangup"]
    assert len(ends) == len(set(ends))
    hidden = {scene.key for scene in scenes if scene.withheld}
    assert not any(event.caller for event in hearing.told if event.call_id in hidden)
    for scene in scenes:  # nothing is told of a call that did not happen to it
        assert set(kinds(hearing.of(scene.key))) <= {*scene.tells, ("ring", ())}


def opened(told: Sequence[CallEvent]) -> dict[str, Open]:
    """The calls that are not over for whoever heard all this."""
    calls: dict[str, Open] = {}
    for event in told:
        calls[event.call_id] = Open(event.direction, event.withheld)
    for event in told:
        if event.kind == "hangup":
            calls.pop(event.call_id, None)
    return calls


@given(scenes_of, orders)
def test_taking_up_what_was_told_tells_nothing_new(chosen: list[int], order: list[int]) -> None:
    board = Switchboard()
    played(board, [SCENES[each](board, f"090{index:08d}") for index, each in enumerate(chosen, 1)], order)
    middle = len(board.said) // 2
    hearing = Hearing(board, late=0)
    hearing.hear(middle)
    before = {event.event_id for event in hearing.told}
    hearing.machine = Machine(source="asterisk:office", inbound=[switchboard.TRUNK])
    hearing.syncs(opened(hearing.told))
    after = [event for event in hearing.told if event.event_id not in before]
    assert all(event.kind == "ring" and event.agents == () for event in after)


# --- who withholds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [13, 22])
@pytest.mark.parametrize("late", [0, 1, 5, 1000])
def test_the_number_of_a_withheld_caller_is_nowhere_in_what_is_told_or_kept(dialect: int, late: int) -> None:
    board = Switchboard(dialect)
    hearing = Hearing(board, late=late)
    scene = switchboard.plain(board, "09099998888", withheld=True)
    played(board, [scene], [])
    assert any("09099998888" in event["CallerIDNum"] for event in board.said)  # the trap: every event has it
    hearing.hear()
    hearing.settle()
    assert kinds(hearing.told) == scene.tells
    assert hearing.told[0].withheld and "99998888" not in repr(hearing.told)
    assert hearing.kept and "99998888" not in repr(hearing.kept)


def test_nothing_is_told_before_the_presentation_is_known() -> None:
    board = Switchboard()
    hearing = Hearing(board, late=10_000)
    played(board, [switchboard.plain(board, NUMBER)], [])
    hearing.hear()
    assert hearing.told == []
    hearing.settle()
    assert [event.kind for event in hearing.told] == ["ring", "answer", "hangup"]
    assert hearing.told[0].caller == NUMBER


def test_what_cannot_be_asked_counts_as_withheld() -> None:
    board = Switchboard()
    machine = Machine(source="asterisk:office", inbound=[switchboard.TRUNK])
    played(board, [switchboard.plain(board, NUMBER)], [])
    out = [each for event in board.said for each in machine.feed(event, at=NOON)]
    (ask,) = out
    assert isinstance(ask, Ask)
    told = machine.answered(ask.key, None, at=NOON)
    assert isinstance(told[0], CallEvent) and told[0].withheld and told[0].caller == ""


@pytest.mark.parametrize(("value", "meant"), [
    ("allowed_not_screened", "allowed"), ("allowed", "allowed"), ("0 (Presentation Allowed, Not Screened)", "allowed"),
    ("1", "allowed"), ("3 (Presentation Allowed, Network Number)", "allowed"),
    ("prohib_not_screened", "withheld"), ("prohib", "withheld"), ("unavailable", "withheld"), ("33", "withheld"),
    ("33 (Presentation Prohibited, Passed Screen)", "withheld"), ("67 (Number Unavailable)", "withheld"),
    ("", "withheld"), (None, "withheld"), ("whatever", "withheld"),
])  # fmt: skip
def test_presentation(value: str | None, meant: str) -> None:
    assert presentation(value) == meant


def test_a_line_that_became_anonymous_is_not_filled_from_before() -> None:
    board = Switchboard()
    caller = switchboard.arrives(board, NUMBER)
    leg = board.leg("201", linked=caller.id, number="201")
    board.born(caller)
    caller.number = "anonymous"
    board.say("NewCallerid", ("", caller), **{"CID-CallingPres": "0 (Presentation Allowed, Not Screened)"})
    for _ in switchboard.rings(board, caller, leg):
        pass
    hearing = Hearing(board, late=0)
    hearing.hear()
    assert hearing.told[0].withheld and NUMBER not in repr(hearing.told)


# --- bounds ------------------------------------------------------------------------------------------------------


def test_calls_that_are_not_from_outside_are_nobodys_business() -> None:
    board = Switchboard()
    caller = board.leg("201", number="201", exten="202")
    leg = board.leg("202", linked=caller.id, number="202")
    board.born(caller)
    for _ in switchboard.rings(board, caller, leg):
        pass
    for _ in switchboard.talk(board, caller, leg):
        pass
    hearing = Hearing(board)
    hearing.hear()
    assert hearing.told == []


def test_memory_is_bounded_whatever_is_said() -> None:
    machine = Machine(source="asterisk:office", inbound=["from-trunk"])
    for number in range(25_000):
        machine.feed({"Event": "Newchannel", "Uniqueid": f"x.{number}", "Linkedid": f"x.{number}", "Channel": "SIP/t-1",
                      "Context": "from-trunk", "CallerIDNum": "0312345678"}, at=NOON)  # fmt: skip
    assert machine.size < 25_000


SENSELESS: list[dict[str, str]] = [
    {},
    {"Uniqueid": ""},
    {"Uniqueid": "1"},
    {"Uniqueid": "1", "Linkedid": "1", "Channel": "Local/;1"},
    {"Uniqueid": "1" * 1000},
    {"Uniqueid": "1", "DestUniqueid": "2", "DialStatus": "NOANSWER"},
]


def test_events_without_sense_are_endured() -> None:
    machine = Machine(source="asterisk:office")
    names = [*machine._verbs, "Unheard", ""]
    for name in names:
        for fields in SENSELESS:
            assert machine.feed({"Event": name} | fields, at=NOON) == []


def test_a_call_the_desk_began_that_comes_to_nothing_ends() -> None:
    machine = Machine(source="asterisk:office")
    (told,) = machine.feed({"Event": "OriginateResponse", "Response": "Failure", "ActionID": "desk-1", "Reason": "5"},
                           at=NOON)  # fmt: skip
    assert isinstance(told, CallEvent)
    assert (told.kind, told.call_id, told.cause, told.direction) == ("hangup", "desk-1", "busy", "out")


def test_what_is_kept_is_read_again() -> None:
    board = Switchboard()
    hearing = Hearing(board)
    played(board, [switchboard.queued(board, NUMBER)], [])
    hearing.hear()
    for event in hearing.told:
        assert kept(keep(event, [{"Event": "Newstate"}])) == event


def test_names_of_devices() -> None:
    names = {
        "PJSIP/201-0000001a": "201",
        "SIP/trunk-ntt-00000002": "trunk-ntt",
        "PJSIP/201-0000001a<ZOMBIE>": "201",
        "DAHDI/i1/0312345678-3": "i1/0312345678",
    }
    assert {name: device_of(name) for name in names} == names
