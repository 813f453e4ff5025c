"""Two thousand calls in ten minutes: whether one is lost, and what is left over when all have hung up.

They are played by the doors telephone systems and browsers use: ordinary ones, withheld ones, transfers, and a line
that loses, repeats and delays what it says. Ten minutes hold two hundred minutes of talk, so that as many calls come
and go as on a busy day. What must be true afterwards: every call is there once and over, nothing is open (offers,
waits, parts in calls, wrap-ups, posts to be read), every ring was on somebody's screen whose caller still waited, and
the last quarter of the time needed no more memory than the second, by when every cache has met its bound or most of it.
"""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from cti import scenarios
from cti.scenarios import Step
from helpdesk import agents, playing, queues
from helpdesk.commands.opening import prepare
from helpdesk.settings import Settings
from models import (
    AgentState,
    Call,
    CallFact,
    CallOffer,
    CallState,
    Event,
    Handling,
    Inbound,
    InboundState,
    Membership,
    Parked,
    QueueVisit,
)
from models.database import Database
from tests.bench.figures import percentile, say, tell
from tests.running import Running, running

EXCHANGE, PASSWORD = "front", "correct horse battery"
LINES = ("+81312345671", "+81312345672", "+81312345673")
AGENTS = 20
SPEED = 20.0
MIX = (("ordinary", 1400, 6.0), ("transfers", 300, 8.0), ("withheld", 200, 6.0), ("lost", 100, 6.0))
"""Scenario, calls, and the seconds between two of them as it is written down."""


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Play them, and count."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    address = f"sqlite:///{folder / 'data' / 'desk.db'}"
    database = Database(address)
    prepare(database)
    people = database.write_now(_hire, now=datetime.now(UTC))
    database.close()
    steps = list(_mixed(10 if quick else 1, list(people)))
    with running(folder, push_tokens=f"{EXCHANGE}=a-token-for-the-soak-of-calls") as desk:
        settings = Settings(**desk.settings.model_dump() | {"push_tokens": desk.more["push_tokens"]})
        memory, ended = [_memory_mb(desk)], threading.Event()
        watch = threading.Thread(target=_watch, args=(desk, memory, ended))
        watch.start()
        say(f"playing {steps[-1].at / SPEED / 60:.1f} minutes of calls ...")
        began, spent = time.monotonic(), _processor(desk)
        report = playing.play(settings, steps, speed=SPEED, accounts=people, exchange=EXCHANGE)
        took, spent = time.monotonic() - began, _processor(desk) - spent
        ended.set()
        watch.join()
        time.sleep(2)
        memory.append(_memory_mb(desk))
    database = Database(address)
    told = database.read_now(_counted)
    database.close()
    quarter = max(1, len(memory) // 4)
    warm, last = median(memory[quarter : 2 * quarter]), median(memory[-quarter:])
    tell("soak_calls_kept", told["calls"], "calls", floor=report.rung, higher_is_better=True, bar="ratio = 1",
         refused=len(report.refused), said=sum(report.said.values()),
         frames=sum(seen.frames for seen in report.seen.values()), minutes=took / 60, **told)  # fmt: skip
    tell("soak_calls_shown", report.shown, "calls", floor=report.rung - report.over, higher_is_better=True,
         bar="ratio = 1", over_before=report.over)  # fmt: skip
    tell("soak_memory_in_the_last_quarter", last, "MB", floor=warm, bar="ratio <= 1.03", at_start=memory[0],
         floor_is=f"in the second quarter of {report.rung} calls",
         each_minute=[round(each) for each in memory[::6]], processor_seconds_a_call=spent / report.rung)  # fmt: skip
    rings = [ms for seen in report.seen.values() for ms in seen.milliseconds.get("ring", ())]
    tell("soak_webhook_answer_p99", percentile(report.answers, 0.99), "ms", floor=percentile(report.answers, 0.5),
         bar="value < 300", ring_to_frame_p50=percentile(rings, 0.5), cards=len(rings))  # fmt: skip
    for refused in report.refused[:5]:
        say(refused)


def _hire(db: Session, *, now: datetime) -> dict[str, str]:
    lines = queues.make_defaults(db)[: len(LINES)]
    for queue, phone in zip(lines, LINES, strict=True):
        queue.phone = phone
    for number in range(AGENTS):
        agent = agents.create(db, name=f"担当 {number}", email=f"soak-{number}@example.jp", password=PASSWORD, now=now)
        for queue in lines:
            if (number + (queue.id or 0)) % 2 == 0:
                db.add(Membership(queue_id=queue.id or 0, agent_id=agent.id or 0))
    return {f"soak-{number}@example.jp": PASSWORD for number in range(AGENTS)}


def _mixed(share: int, people: list[str]) -> Iterator[Step]:
    """All scenarios at once, each spread over the whole time."""
    span = max(calls * every for _, calls, every in MIX) / share * 1.43
    told: list[tuple[float, Step]] = []
    for seed, (name, calls, every) in enumerate(MIX):
        calls //= share
        for step in scenarios.plan(name, calls=calls, seed=seed, lines=LINES, agents=people):
            number = int(step.call.rpartition("-")[2])
            told.append((step.at + number * (span / calls - every), step))
    for at, step in sorted(told, key=lambda each: each[0]):
        yield Step(**{name: getattr(step, name) for name in Step.__slots__} | {"at": at})


def _watch(desk: Running, memory: list[float], ended: threading.Event) -> None:
    while not ended.wait(10):
        memory.append(_memory_mb(desk))


def _memory_mb(desk: Running) -> float:
    assert desk.process is not None
    pages = int(Path(f"/proc/{desk.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _processor(desk: Running) -> float:
    assert desk.process is not None
    told = Path(f"/proc/{desk.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / 100


def _counted(db: Session) -> dict[str, Any]:
    """What there is, and what is left open that should not be."""

    def count(table: Any, *conditions: Any) -> int:
        return db.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0

    return {
        "calls": count(Call),
        "facts": count(CallFact),
        "events": count(Event),
        "open_calls": count(Call, col(Call.state) != CallState.ENDED),
        "unwrapped": count(Call, col(Call.agent_id).is_not(None), col(Call.wrapped_up_at).is_(None)),
        "open_offers": count(CallOffer, col(CallOffer.ended_at).is_(None)),
        "open_waits": count(QueueVisit, col(QueueVisit.left_at).is_(None)),
        "open_parts": count(Handling, col(Handling.ended_at).is_(None)),
        "unread": count(Inbound, col(Inbound.state) == InboundState.WAITING),
        "parked": count(Parked),
        "states": count(AgentState, col(AgentState.ended_at).is_(None)),
        "busy": len(db.exec(select(AgentState).where(col(AgentState.ended_at).is_(None),
                                                     col(AgentState.state).in_(["busy", "wrap_up"]))).all()),
    }  # fmt: skip
