"""A call's stays in waiting lines, and its agents' parts in it: the rows figures are computed from.

The one idea: like the call itself they are folded from its facts, all of them, every time one comes. What the desk
decided (an agent took it on the screen, it went to another queue, the caller was told that the queue is closed) is a
fact of the call like any word of its telephone system, so the same facts in any order leave the same rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Call, CallFact, Handling, QueueVisit, VisitEnd
from models.database import insert

TOOK, TOOK_OVER, RELEASED, MOVED, LEFT, WRAPPED_UP = (
    "took", "took_over", "released", "moved", "left", "wrapped_up"
)  # fmt: skip
"""What the desk itself decides about a call, as kinds of facts beside those of `cti.Kind`."""

_ENDED_BY = {"voicemail": VisitEnd.VOICEMAIL, "rejected": VisitEnd.REFUSED, "forwarded": VisitEnd.OVERFLOWED}
_TELLING = frozenset({"voicemail", "rejected", "blocked"})
_RANK = {
    "ring": 0, "queued": 0, MOVED: 1, TOOK: 2, RELEASED: 3, "answer": 3, TOOK_OVER: 4, "transfer": 5, LEFT: 6,
    "hangup": 8, WRAPPED_UP: 9,
}  # fmt: skip
_VISITS = select(QueueVisit).where(QueueVisit.call_id == sa.bindparam("call_id")).order_by(
    col(QueueVisit.entered_at), col(QueueVisit.id))  # fmt: skip
_PARTS = select(Handling).where(Handling.call_id == sa.bindparam("call_id")).order_by(
    col(Handling.began_at), col(Handling.id))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Visit:
    """A stay in one waiting line; `left_at` None while it lasts."""

    queue_id: int
    entered_at: datetime
    left_at: datetime | None
    how: VisitEnd
    agent_id: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """One agent's part in a call. `ended_at` is the end of the talk."""

    agent_id: int
    queue_id: int | None
    began_at: datetime
    ended_at: datetime | None
    hold_seconds: int
    wrapped_up_at: datetime | None
    transferred_to_id: int | None


@dataclass(frozen=True, slots=True)
class Stays:
    visits: tuple[Visit, ...]
    parts: tuple[Part, ...]

    @property
    def waits(self) -> bool:
        """Whether the caller stands in a waiting line now."""
        return bool(self.visits) and self.visits[-1].left_at is None


def fold(facts: Iterable[CallFact], *, direction: str, queue_id: int | None) -> Stays:
    """The stays and parts of a call by its facts, at least one, in whatever order they came.

    `queue_id` is the queue the call is in now; where it was before, its moves say. Who answered stands in a fact's
    `detail["agent_id"]`. A waiting caller has been answered when the telephone system says so, or, where it says
    nothing, when somebody took the call on the screen. Who waits until the line breaks gave up.
    """
    known = sorted(facts, key=lambda fact: (fact.at, _RANK.get(fact.kind, 7), fact.sequence or 0, fact.event_key))
    rings = [fact for fact in known if fact.kind in ("ring", "queued")]
    began = min(fact.at for fact in rings or known)
    hangups = [fact for fact in known if fact.kind == "hangup"]
    ended = max(min(fact.at for fact in hangups), began) if hangups else None
    causes = [fact.cause for fact in hangups if fact.cause]
    # As in `folding.fold`: refused, or sent to a voice mail, says more than that the line was dropped as well.
    cause = next((each for each in causes if each in _TELLING), causes[0] if causes else "")
    spans = _spans(known, queue_id, began, ended)
    visits = tuple(_visit(span, cause) for span in spans if span.queue_id is not None and span.queue_id > 0)
    is_waited = direction == "in" and bool(rings) and not (cause == "blocked" and not any(s.taken for s in spans))
    return Stays(visits if is_waited else (), _parts(known, spans, direction, ended))


def decide(db: Session, call: Call, kind: str, *, now: datetime, by_id: int | None = None, **detail: Any) -> CallFact:
    """Keep a decision of the desk as a fact of the call. `keep` is still to be called, by who folds the call anew.

    TOOK and TOOK_OVER carry `agent_id`; RELEASED takes back what was taken and not yet answered; MOVED carries
    `queue_id`, `from_id` and `how`, an end of a visit; LEFT carries `how`; WRAPPED_UP carries `agent_id`.
    """
    told = {name: value for name, value in ({"by_id": by_id} | detail).items() if value is not None}
    key = f"desk:{kind}:{now.isoformat()}:{':'.join(str(told[name]) for name in sorted(told))}"
    fact = CallFact(call_id=call.id or 0, event_key=key, kind=kind, detail=told, at=now, received_at=now)
    db.add(fact)
    db.flush()
    return fact


def keep(db: Session, call: Call, facts: Sequence[CallFact], *, is_new: bool = False) -> Stays:
    """Make the rows of a call what its facts say. Returns what they say. `is_new`: there are none yet."""
    told = fold(facts, direction=call.direction, queue_id=call.queue_id)
    if is_new:
        for visit in told.visits:
            insert(db, QueueVisit(call_id=call.id or 0, **asdict(visit)))
        db.add_all(Handling(call_id=call.id or 0, **asdict(part)) for part in told.parts)
        return told
    asked = {"call_id": call.id}
    _align(db, QueueVisit, db.exec(_VISITS, params=asked).all(), told.visits, call)
    _align(db, Handling, db.exec(_PARTS, params=asked).all(), told.parts, call)
    return told


def held(facts: Iterable[CallFact], *, since: datetime | None, until: datetime | None) -> tuple[bool, int]:
    """Whether the call is on hold at the end of its facts, and the seconds it was on hold between two moments.

    `facts` are in the order of time.
    """
    if since is None:
        return False, 0
    began: datetime | None = None
    seconds = 0.0
    for fact in facts:
        if fact.kind == "hold" and began is None:
            began = max(fact.at, since)
        elif fact.kind in {"resume", "hangup"} and began is not None:
            seconds += max(0.0, (min(fact.at, until or fact.at) - began).total_seconds())
            began = None
    if began is not None and until is not None:  # put on hold and handed over
        seconds += max(0.0, (until - began).total_seconds())
    return began is not None, int(seconds)


@dataclass(slots=True)
class _Span:
    """A call's time in one queue, waiting and talking, until it goes to another or ends."""

    queue_id: int | None
    began: datetime
    ended: datetime | None
    how: str  # why the next one began; "" for the last
    facts: list[CallFact]
    taken: datetime | None = None
    taken_by: int | None = None


def _spans(known: list[CallFact], queue_id: int | None, began: datetime, ended: datetime | None) -> list[_Span]:
    moves = [fact for fact in known if fact.kind == MOVED and (ended is None or fact.at <= ended)]
    first = moves[0].detail.get("from_id") if moves else queue_id
    spans = [_Span(first, began, ended, "", [])]
    for move in moves:
        spans[-1].ended, spans[-1].how = max(move.at, spans[-1].began), str(move.detail.get("how", ""))
        spans.append(_Span(move.detail.get("queue_id"), spans[-1].ended, ended, "", []))
    for fact in known:
        at = max(fact.at, began)
        place = next((span for span in spans[:-1] if span.ended is not None and at < span.ended), spans[-1])
        place.facts.append(fact)
    for span in spans:
        said = next((fact for fact in span.facts if fact.kind == "answer"), None)
        took: CallFact | None = None
        for fact in span.facts:
            if fact.kind == RELEASED:
                took = None
            elif fact.kind in (TOOK, TOOK_OVER):
                took = took or fact
        first_fact = said or took
        if first_fact is not None:
            span.taken = _within(first_fact.at, span.began, span.ended)
            span.taken_by = _agent(first_fact) or (_agent(took) if took else None)
    return spans


def _visit(span: _Span, cause: str) -> Visit:
    assert span.queue_id is not None
    left = next((fact for fact in span.facts if fact.kind == LEFT), None)
    # An exchange that was told to refuse a call and lets it ring all the same says that somebody answered.
    if left is not None and (span.taken is None or (left.at < span.taken and not _is_said(span))):
        at = _within(left.at, span.began, span.ended)
        return Visit(span.queue_id, span.began, at, VisitEnd(left.detail["how"]), None)
    if span.taken is not None:
        return Visit(span.queue_id, span.began, span.taken, VisitEnd.ANSWERED, span.taken_by)
    if span.how:
        return Visit(span.queue_id, span.began, span.ended, VisitEnd(span.how), None)
    if span.ended is not None:
        return Visit(span.queue_id, span.began, span.ended, _ENDED_BY.get(cause, VisitEnd.ABANDONED), None)
    return Visit(span.queue_id, span.began, None, VisitEnd.WAITING, None)


def _is_said(span: _Span) -> bool:
    return any(fact.kind == "answer" for fact in span.facts)


def _parts(known: list[CallFact], spans: list[_Span], direction: str, ended: datetime | None) -> tuple[Part, ...]:
    """Who had the call from when to when: one after the other, however many legs there were."""
    turns: list[tuple[datetime, int | None, int | None]] = []  # from when, whose it is, in which queue; None: nobody's
    dialer = _dialer(known) if direction != "in" else None
    for span in spans:
        if span.taken is None:
            continue
        turns.append((span.taken, span.taken_by or dialer, span.queue_id))
        later = [fact for fact in span.facts if fact.kind in ("answer", "transfer", TOOK_OVER)]
        for fact in later:
            at, who = _within(fact.at, span.taken, span.ended), _agent(fact)
            if fact.kind == "transfer":
                comes = any(f.kind == "answer" and f.at > fact.at and _agent(f) == who for f in later)
                turns.append((at, None if comes or who == turns[-1][1] else who, span.queue_id))
            elif who is not None:
                turns.append((at, who, span.queue_id))
        if span.how and span.ended is not None:
            turns.append((span.ended, None, None))
    parts: list[Part] = []
    for (began, who, queue_id), (until, heir) in zip(turns, _ends(turns, ended), strict=True):
        if who is None or (until is not None and until == began and heir is not None):
            continue
        if parts and parts[-1].agent_id == who and parts[-1].ended_at == began and parts[-1].queue_id == queue_id:
            began = parts.pop().began_at
        seconds = held(known, since=began, until=until)[1]
        was_handed_on = until is not None and (ended is None or until < ended)
        parts.append(Part(who, queue_id, began, until, seconds, until if was_handed_on else None, heir))
    return tuple(_wrapped(part, known, is_last=part is parts[-1]) for part in parts)


def _ends(
    turns: list[tuple[datetime, int | None, int | None]], ended: datetime | None
) -> Iterable[tuple[datetime | None, int | None]]:
    """Of each turn: when it was over, and whose the call was next, if anybody's."""
    for index, (_, who, _) in enumerate(turns):
        after = turns[index + 1 :]
        if not after:
            yield ended, None
            continue
        heir = next((next_who for _, next_who, _ in after if next_who is not None), None)
        yield after[0][0], heir if heir != who else None


def _wrapped(part: Part, known: list[CallFact], *, is_last: bool) -> Part:
    """When the work after the talk was done: when its agent said so, or at once by who handed the call on."""
    done = next((fact.at for fact in known if fact.kind == WRAPPED_UP and _agent(fact) == part.agent_id
                 and fact.at >= part.began_at), None)  # fmt: skip
    if done is None or not is_last or part.ended_at is None:
        return part
    told = asdict(part)
    return Part(**(told | {"wrapped_up_at": max(done, part.ended_at)}))


def _dialer(known: list[CallFact]) -> int | None:
    """Who calls out: whom the first ring names."""
    return next((who for fact in known if fact.kind == "ring" and (who := _agent(fact)) is not None), None)


def _agent(fact: CallFact) -> int | None:
    who = fact.detail.get("agent_id")
    return who if isinstance(who, int) else None


def _within(at: datetime, began: datetime, ended: datetime | None) -> datetime:
    at = max(at, began)
    return at if ended is None else min(at, ended)


def _align(db: Session, table: Any, rows: Sequence[Any], told: Sequence[Any], call: Call) -> None:
    """Make these rows, in order of time, what was told. Rows too many go first: only one of a call may be open."""
    if len(rows) > len(told):
        for row in rows[len(told) :]:
            db.delete(row)
        db.flush()
    for row, wanted in zip(rows, told, strict=False):
        for name, value in asdict(wanted).items():
            if getattr(row, name) != value:
                setattr(row, name, value)
    for wanted in told[len(rows) :]:
        db.add(table(call_id=call.id or 0, **asdict(wanted)))
