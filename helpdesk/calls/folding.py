"""What the facts of a call add up to.

A telephone system's callbacks arrive when the network pleases. So each is kept as a fact of its call, once, and the
call is computed from all its facts every time: the same facts in any order give the same call.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from helpdesk import stays
from models import Call, CallFact, CallState, Outcome

_UNANSWERED = {"voicemail": Outcome.VOICEMAIL, "rejected": Outcome.REJECTED, "blocked": Outcome.REJECTED}
_TOLD = {"refused": Outcome.REJECTED, "voicemail": Outcome.VOICEMAIL, "callback": Outcome.MISSED}
_GAVE_UP = {"cancel", "normalClearing", ""}  # the caller hung up; anything else ended the call for the caller


@dataclass(frozen=True, slots=True)
class Folded:
    """What the facts of a call add up to. Times are those of the telephone system where it gave any."""

    state: CallState
    outcome: Outcome
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    answered_by: tuple[str, ...]
    cause: str
    wait_seconds: int
    talk_seconds: int
    hold_seconds: int


def fold(facts: Iterable[CallFact], *, accepted_at: datetime | None = None) -> Folded:
    """Compute a call from its facts, whatever order they came in. At least one fact.

    `accepted_at` is when an agent took it on the screen, which counts as the answer where no system tells one.
    """
    known = sorted(facts, key=lambda fact: (fact.at, fact.sequence or 0, fact.event_key))
    rings = [fact for fact in known if fact.kind in {"ring", "queued"}]
    answers = [fact for fact in known if fact.kind == "answer"]
    hangups = [fact for fact in known if fact.kind == "hangup"]
    started = min(fact.at for fact in rings or known)
    ended = max(min(fact.at for fact in hangups), started) if hangups else None
    answered = min((fact.at for fact in answers), default=accepted_at)
    if answered is not None:
        answered = max(answered, started) if ended is None else min(max(answered, started), ended)
    causes = [fact.cause for fact in hangups if fact.cause]
    # A call that is forwarded to a voice mail ends twice: what became of it is told by the second.
    cause = next((cause for cause in causes if cause in _UNANSWERED), causes[0] if causes else "")
    held, seconds = stays.held(known, since=answered, until=ended)
    talk = int((ended - answered).total_seconds()) - seconds if ended and answered else 0
    if ended is None:
        state = CallState.RINGING if answered is None else CallState.HELD if held else CallState.TALKING
        outcome = Outcome.OPEN
    else:
        state = CallState.ENDED
        left = [str(fact.detail["how"]) for fact in known if fact.kind == stays.LEFT]
        outcome = _TOLD[left[-1]] if left and answered is None else _outcome(answered is not None, cause)
    until = answered or ended
    return Folded(
        state,
        outcome,
        started,
        answered,
        ended,
        tuple(name for fact in answers for name in fact.agents),
        cause,
        max(0, int((until - started).total_seconds())) if until else 0,
        max(0, talk),
        seconds,
    )


def refold(db: Session, call: Call) -> stays.Stays:
    """Compute the call anew from all its facts, those that the desk has decided included."""
    facts = db.exec(select(CallFact).where(CallFact.call_id == call.id)).all()
    told, stay = fold(facts, accepted_at=call.accepted_at), stays.keep(db, call, facts)
    apply(call, told, stay)
    return stay


def apply(call: Call, told: Folded, stay: stays.Stays) -> None:
    """Let the call's row say so."""
    call.state, call.outcome, call.cause = told.state, told.outcome, told.cause
    call.started_at, call.answered_at, call.ended_at = told.started_at, told.answered_at, told.ended_at
    call.wait_seconds, call.talk_seconds, call.hold_seconds = told.wait_seconds, told.talk_seconds, told.hold_seconds
    if stay.parts:
        call.agent_id = stay.parts[-1].agent_id


def _outcome(was_answered: bool, cause: str) -> Outcome:
    if cause in _UNANSWERED:
        return _UNANSWERED[cause]
    if was_answered:
        return Outcome.ANSWERED
    return Outcome.ABANDONED if cause in _GAVE_UP else Outcome.MISSED
