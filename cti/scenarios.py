"""Days at the telephones, written down as steps: for training, demonstration and regression.

A step is one word of a telephone system, in the fields of the generic push, at so many seconds from the start. Which
door it goes in by, and when the clock strikes, is the player's business; the same name and seed give the same steps.
A recording is the same steps, read from a file instead of thought up.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

__all__ = ["SCENARIOS", "BadRecording", "Step", "fitted", "plan", "read", "write"]

DOORS: Final = ("twilio", "push")


@dataclass(frozen=True, slots=True)
class Step:
    """`event` is one of the generic push's; `call` names the call within its scenario."""

    at: float  # seconds from the start
    event: str  # "ring", "answer", "hold", "resume", "transfer", "hangup"
    call: str
    caller: str = ""  # E.164, or "anonymous"; told when it rings
    called: str = ""  # E.164, in recordings "line-1"
    agents: tuple[str, ...] = ()  # who answered, or is transferred to: addresses, in recordings "agent-1"
    cause: str = ""
    door: str = "push"  # or "twilio", which knows no transfer


class BadRecording(ValueError):
    """A line of a recording cannot be played; the message says which, and why."""


def plan(name: str, *, calls: int, seed: int, lines: Sequence[str], agents: Sequence[str]) -> list[Step]:
    """The steps of one of `SCENARIOS`, in the order of time.

    `lines` are the numbers dialed (E.164), `agents` the addresses of who may answer. Callers have numbers of a block
    that is given to nobody, each call its own.
    """
    dice = random.Random(f"{name}:{seed}")
    steps = [
        step
        for number in range(calls)
        for step in SCENARIOS[name](dice, f"{name}-{seed}-{number}", _caller(seed, number), number, lines, agents)
    ]
    if name == "lost":
        steps = list(_spoilt(dice, steps))
    return sorted(steps, key=lambda step: step.at)


def write(steps: Iterable[Step]) -> Iterator[str]:
    """A recording's lines, one step each, without what is not said."""
    for step in steps:
        told = {name: value for name, value in asdict(step).items() if value not in ("", ())}
        yield json.dumps(told, ensure_ascii=False)


def read(lines: Iterable[str]) -> list[Step]:
    """A recording. Raises `BadRecording` with the number of the line."""
    steps = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told: dict[str, Any] = json.loads(line)
            step = Step(**{**told, "agents": tuple(told.get("agents", ()))})
        except (ValueError, TypeError, AttributeError) as error:
            raise BadRecording(f"line {number} is no step: {error}") from error
        if not isinstance(step.at, (int, float)) or not 0 <= step.at < 1e7 or not step.call:
            raise BadRecording(f"line {number} needs `at`, in seconds from the start, and `call`")
        if step.event not in EVENTS or step.door not in DOORS:
            raise BadRecording(f"line {number}: no telephone system says {step.event!r} by {step.door!r}")
        steps.append(step)
    return sorted(steps, key=lambda step: step.at)


def fitted(steps: Iterable[Step], *, lines: Sequence[str], agents: Sequence[str]) -> Iterator[Step]:
    """A recording names neither lines nor people: "line-1" and "agent-1" become the first of those at hand, and so on
    in turn."""
    for step in steps:
        called = _in_turn(step.called, "line-", lines)
        yield replace(step, called=called, agents=tuple(_in_turn(agent, "agent-", agents) for agent in step.agents))


def _in_turn(name: str, prefix: str, those: Sequence[str]) -> str:
    number = name.removeprefix(prefix)
    return those[(int(number) - 1) % len(those)] if those and number != name and number.isdecimal() else name


EVENTS: Final = ("ring", "queued", "answer", "hold", "resume", "transfer", "hangup")


def _caller(seed: int, number: int) -> str:
    return f"+81800{(seed * 10_007 + number) % 10_000_000:07}"


def _ordinary(
    dice: random.Random, call: str, caller: str, number: int, lines: Sequence[str], agents: Sequence[str],
    *, every: float = 6.0,
) -> list[Step]:  # fmt: skip
    """One call after another: most are answered, some give up, some are held."""
    at = number * every + dice.uniform(0, every)
    ring = Step(at, "ring", call, caller, dice.choice(lines), door=dice.choice(DOORS))
    if not agents or dice.random() < 0.15:
        return [ring, replace(_bare(ring), at=at + dice.uniform(2, 40), event="hangup", cause="cancel")]
    answered = at + dice.uniform(2, 15)
    talk = dice.lognormvariate(4.0, 0.5)
    steps = [ring, replace(_bare(ring), at=answered, event="answer", agents=(dice.choice(agents),))]
    if dice.random() < 0.2 and ring.door == "push":
        steps += [
            replace(_bare(ring), at=answered + talk * 0.3, event="hold"),
            replace(_bare(ring), at=answered + talk * 0.6, event="resume"),
        ]
    return [*steps, replace(_bare(ring), at=answered + talk, event="hangup", cause="normalClearing")]


def _storm(
    dice: random.Random, call: str, caller: str, number: int, lines: Sequence[str], agents: Sequence[str]
) -> list[Step]:
    """Everybody at once: a product is recalled, and within seconds all lines ring."""
    ring = Step(dice.uniform(0, 1.0), "ring", call, caller, dice.choice(lines), door=DOORS[number % 2])
    return [ring, replace(_bare(ring), at=dice.uniform(10, 30), event="hangup", cause="cancel")]


def _withheld(
    dice: random.Random, call: str, caller: str, number: int, lines: Sequence[str], agents: Sequence[str]
) -> list[Step]:
    """Every other caller does not say who calls."""
    return _ordinary(dice, call, caller if number % 2 else "anonymous", number, lines, agents)


def _transfers(
    dice: random.Random, call: str, caller: str, number: int, lines: Sequence[str], agents: Sequence[str]
) -> list[Step]:
    """Calls are passed on from agent to agent."""
    at = number * 8.0
    ring = Step(at, "ring", call, caller, dice.choice(lines))
    first, *others = dice.sample(list(agents), k=min(len(agents), 2)) or [""]
    steps = [ring, replace(_bare(ring), at=at + 3, event="answer", agents=(first,))]
    if others:
        steps.append(replace(_bare(ring), at=at + 20, event="transfer", agents=(others[0],)))
        steps.append(replace(_bare(ring), at=at + 24, event="answer", agents=(others[0],)))
    return [*steps, replace(_bare(ring), at=at + 60, event="hangup", cause="normalClearing")]


def _bare(ring: Step) -> Step:
    """What follows the ring names the parties no more, as real systems do."""
    return replace(ring, caller="", called="")


def _spoilt(dice: random.Random, steps: Iterable[Step]) -> Iterator[Step]:
    """A bad line: some words are lost, some come twice, some late."""
    for step in steps:
        fate = dice.random()
        if fate < 0.15 and step.event != "ring":
            continue
        yield step if fate > 0.4 else replace(step, at=step.at + dice.uniform(1, 20))
        if fate > 0.8:
            yield replace(step, at=step.at + dice.uniform(0.1, 5))


SCENARIOS: Final[dict[str, Callable[..., list[Step]]]] = {
    "ordinary": _ordinary,
    "storm": _storm,
    "withheld": _withheld,
    "transfers": _transfers,
    "lost": _ordinary,
}
"""Name -> the steps of one call."""
