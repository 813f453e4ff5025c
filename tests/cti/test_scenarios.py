"""Days at the telephones as steps: the same seed is the same day, and a recording says what was written."""

import pytest

from cti import scenarios
from cti.scenarios import BadRecording, Step

LINES = ["+81355500101", "+81355500102"]
STAFF = ["aiko@desk.example.jp", "ben@desk.example.jp", "akira@desk.example.jp"]


def plan(name: str, *, seed: int = 1, calls: int = 30) -> list[Step]:
    return scenarios.plan(name, calls=calls, seed=seed, lines=LINES, agents=STAFF)


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_the_same_seed_plays_the_same_day_and_another_seed_another(name: str) -> None:
    assert plan(name) == plan(name) != plan(name, seed=2)
    assert [step.at for step in plan(name)] == sorted(step.at for step in plan(name))


@pytest.mark.parametrize("name", [name for name in scenarios.SCENARIOS if name != "lost"])
def test_every_call_rings_first_and_ends_once(name: str) -> None:
    steps = plan(name)
    for call in {step.call for step in steps}:
        told = [step.event for step in steps if step.call == call]
        assert told[0] == "ring" and told[-1] == "hangup" and told.count("hangup") == 1


def test_only_the_ring_names_the_caller_and_the_line() -> None:
    for step in plan("ordinary"):
        assert bool(step.caller) == bool(step.called) == (step.event == "ring")


def test_in_the_storm_all_ring_within_a_second() -> None:
    assert max(step.at for step in plan("storm", calls=50) if step.event == "ring") <= 1


def test_every_other_caller_withholds_the_number() -> None:
    rings = [step for step in plan("withheld") if step.event == "ring"]
    assert sum(step.caller == "anonymous" for step in rings) == len(rings) / 2


def test_transfers_name_another_agent() -> None:
    for call in {step.call for step in plan("transfers")}:
        first, second = [step.agents for step in plan("transfers") if step.call == call and step.event == "answer"]
        assert first != second


def test_on_a_bad_line_words_are_lost_repeated_and_late_but_every_call_rings() -> None:
    whole, spoilt = plan("ordinary", calls=200), plan("lost", calls=200)
    assert {step.call for step in spoilt if step.event == "ring"} == {step.call for step in spoilt}
    assert len({(step.call, step.event) for step in spoilt}) < len({(step.call, step.event) for step in whole})
    assert len(spoilt) > len({(step.call, step.event) for step in spoilt})


def test_a_recording_reads_as_it_was_written() -> None:
    steps = plan("ordinary")
    assert scenarios.read(scenarios.write(steps)) == steps


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "7", '{"at": 0}', '{"at": -1, "event": "ring", "call": "x"}', '{"at": 0, "event": "sing", "call": "x"}',
     '{"at": "soon", "event": "ring", "call": "x"}', '{"at": 0, "event": "ring", "call": "x", "door": "window"}',
     '{"at": 0, "event": "ring", "call": "x", "colour": "red"}'],
)  # fmt: skip
def test_a_line_that_is_no_step_is_named(line: str) -> None:
    good = '{"at": 0, "event": "ring", "call": "x"}'
    with pytest.raises(BadRecording, match="line 2"):
        scenarios.read([good, line])


def test_lines_and_people_of_a_recording_become_those_at_hand() -> None:
    told = [Step(0, "ring", "x", "+818000000001", "line-3"), Step(1, "answer", "x", agents=("agent-2", "201"))]
    ring, answer = scenarios.fitted(told, lines=LINES, agents=STAFF)
    assert ring.called == LINES[0] and answer.agents == (STAFF[1], "201")
