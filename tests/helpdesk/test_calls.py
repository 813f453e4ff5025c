"""The arithmetic of calls: facts in, a call out, whatever the order."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.calls.folding import fold
from models import CallFact, CallState, Outcome
from tests.cast import MONDAY


def fact(kind: str, second: float, *, cause: str = "", agents: tuple[str, ...] = (), sequence: int = 0) -> CallFact:
    """What a telephone system said that many seconds into the morning."""
    at = MONDAY + timedelta(seconds=second)
    return CallFact(call_id=1, event_key=f"{kind}:{second}:{cause}:{agents}", kind=kind, cause=cause,
                    agents=list(agents), sequence=sequence, at=at, received_at=at)  # fmt: skip


STORIES = {
    "answered": [
        fact("ring", 0), fact("ring", 1, agents=("agent_1",)), fact("answer", 12, agents=("agent_1",)),
        fact("hangup", 72, cause="normalClearing"), fact("hangup", 73, cause="normalClearing"),
    ],
    "held twice": [
        fact("ring", 0), fact("answer", 10), fact("hold", 20), fact("resume", 30), fact("hold", 40),
        fact("hangup", 70, cause="normalClearing"),
    ],
    "missed": [fact("ring", 0), fact("ring", 2, agents=("agent_1",)), fact("hangup", 25, cause="noAnswer")],
    "abandoned": [fact("ring", 0), fact("queued", 1), fact("hangup", 9, cause="cancel")],
    "still talking": [fact("ring", 0), fact("answer", 7, agents=("agent_2",)), fact("dtmf", 9)],
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_the_same_facts_in_any_order_give_the_same_call(story: str) -> None:
    assert len({fold(order) for order in permutations(STORIES[story])}) == 1


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_any_facts_in_any_order_give_the_same_call(data: st.DataObject) -> None:
    kinds = st.sampled_from(["ring", "queued", "answer", "hangup", "hold", "resume", "dtmf", "transfer", "recording"])
    causes = st.sampled_from(["", "cancel", "normalClearing", "noAnswer", "voicemail", "rejected", "busy"])
    said = st.tuples(kinds, st.integers(0, 40), causes)
    facts = [fact(kind, at, cause=cause if kind == "hangup" else "") for kind, at, cause in
             data.draw(st.lists(said, min_size=1, max_size=9, unique=True))]  # fmt: skip
    told = fold(facts)
    assert fold(data.draw(st.permutations(facts))) == told
    assert told.wait_seconds >= 0 and told.talk_seconds >= 0 and told.hold_seconds >= 0
    assert (told.state == CallState.ENDED) == (told.outcome != Outcome.OPEN) == any(f.kind == "hangup" for f in facts)
    if told.answered_at and told.ended_at:
        assert told.talk_seconds + told.hold_seconds <= (told.ended_at - told.answered_at).total_seconds()


def test_waiting_ends_with_the_answer_and_talking_with_the_first_hang_up() -> None:
    told = fold(STORIES["answered"])
    assert (told.wait_seconds, told.talk_seconds, told.hold_seconds) == (12, 60, 0)
    assert (told.state, told.outcome, told.answered_by) == (CallState.ENDED, Outcome.ANSWERED, ("agent_1",))


def test_time_on_hold_is_not_talked_and_hold_ends_with_the_call() -> None:
    told = fold(STORIES["held twice"])
    assert (told.wait_seconds, told.talk_seconds, told.hold_seconds) == (10, 20, 40)


@pytest.mark.parametrize(
    "cause, outcome",
    [
        ("noAnswer", Outcome.MISSED), ("busy", Outcome.MISSED), ("failed", Outcome.MISSED),
        ("cancel", Outcome.ABANDONED), ("normalClearing", Outcome.ABANDONED), ("", Outcome.ABANDONED),
        ("rejected", Outcome.REJECTED), ("blocked", Outcome.REJECTED), ("voicemail", Outcome.VOICEMAIL),
    ],
)  # fmt: skip
def test_a_call_nobody_answered_ends_as_its_cause_says(cause: str, outcome: Outcome) -> None:
    told = fold([fact("ring", 0), fact("hangup", 30, cause=cause)])
    assert (told.outcome, told.wait_seconds, told.talk_seconds) == (outcome, 30, 0)


def test_accepting_on_the_screen_counts_as_the_answer_where_no_system_tells_one() -> None:
    accepted = MONDAY + timedelta(seconds=5)
    told = fold([fact("ring", 0), fact("hangup", 25, cause="normalClearing")], accepted_at=accepted)
    assert (told.outcome, told.wait_seconds, told.talk_seconds) == (Outcome.ANSWERED, 5, 20)


def test_the_telephone_systems_own_answer_outranks_the_click() -> None:
    told = fold([fact("ring", 0), fact("answer", 8)], accepted_at=MONDAY + timedelta(seconds=5))
    assert told.answered_at == MONDAY + timedelta(seconds=8)


def test_an_answer_told_after_the_end_does_not_make_time_run_backwards() -> None:
    told = fold([fact("ring", 0), fact("hangup", 10, cause="normalClearing"), fact("answer", 15)])
    assert (told.wait_seconds, told.talk_seconds) == (10, 0) and told.outcome == Outcome.ANSWERED


def test_a_held_call_is_held_until_it_is_resumed() -> None:
    held = [fact("ring", 0), fact("answer", 5), fact("hold", 9)]
    assert fold(held).state == CallState.HELD
    assert fold([*held, fact("resume", 12)]).state == CallState.TALKING
