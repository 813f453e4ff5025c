"""What is said of calls and of agents' work, each figure with its formula, in the letters of `helpdesk/measures/`."""

from dataclasses import dataclass, fields
from datetime import datetime

SECOND = 1_000_000
"""Microseconds, in which all lengths are kept."""


@dataclass(frozen=True, slots=True)
class _Handled:
    """The work there was with calls, in counts and microseconds, whether it is added up by queue or by agent."""

    handled: int = 0  # parts of calls that agents had, whose talk is over; transferred-in ones too
    transferred: int = 0
    talk: int = 0
    hold: int = 0
    wrap_up: int = 0

    @property
    def handle_seconds(self) -> float | None:
        """AHT: (talk + hold + wrap-up) / handled."""
        return _mean(self.talk + self.hold + self.wrap_up, self.handled)

    @property
    def wrap_up_seconds(self) -> float | None:
        """ACW: wrap-up / handled."""
        return _mean(self.wrap_up, self.handled)

    @property
    def transfer_rate(self) -> float | None:
        """Transferred to somebody else / handled."""
        return _share(self.transferred, self.handled)


@dataclass(frozen=True, slots=True)
class Calls(_Handled):
    """What became of the calls of an interval, in counts and microseconds. Those of several queues can be added."""

    answered: int = 0
    abandoned: int = 0
    overflowed: int = 0
    moved: int = 0
    voicemail: int = 0
    callback: int = 0
    turned_away: int = 0
    refused: int = 0
    waiting: int = 0
    short_abandoned: int = 0
    answered_in_time: int = 0
    abandoned_in_time: int = 0
    passed_on_late: int = 0
    answered_after: int = 0
    abandoned_after: int = 0
    first_contacts: int = 0  # answered calls of known numbers and customers whose seven days are over
    first_resolved: int = 0  # of them, those after which nobody came back
    waiting_since: datetime | None = None

    def __add__(self, other: "Calls") -> "Calls":
        sums = {name: getattr(self, name) + getattr(other, name) for name in COUNTED}
        since = min(filter(None, (self.waiting_since, other.waiting_since)), default=None)
        return Calls(**sums, waiting_since=since)

    @property
    def passed_on(self) -> int:
        """F = overflowed + moved + voice mail + call-back + turned away after a wait."""
        return self.overflowed + self.moved + self.voicemail + self.callback + self.turned_away

    @property
    def offered(self) -> int:
        """O = A + B + F + W."""
        return self.answered + self.abandoned + self.passed_on + self.waiting

    @property
    def service_level(self) -> float | None:
        """A answered within T / (A + B - Bs + F after more than T). In [0, 1]; None where nobody can be counted."""
        of = self.answered + self.abandoned - self.short_abandoned + self.passed_on_late
        return _share(self.answered_in_time, of)

    @property
    def service_level_of_offered(self) -> float | None:
        """A within T / (A + B): whoever hung up was not served."""
        return _share(self.answered_in_time, self.answered + self.abandoned)

    @property
    def service_level_with_abandoned(self) -> float | None:
        """(A within T + B within T) / (A + B): who hung up within T lost nothing."""
        return _share(self.answered_in_time + self.abandoned_in_time, self.answered + self.abandoned)

    @property
    def service_level_without_early(self) -> float | None:
        """A within T / (A + B after more than T): who hung up within T is not counted."""
        return _share(self.answered_in_time, self.answered + self.abandoned - self.abandoned_in_time)

    @property
    def service_level_of_answered(self) -> float | None:
        """A within T / A."""
        return _share(self.answered_in_time, self.answered)

    @property
    def answer_seconds(self) -> float | None:
        """ASA: the sum of A's waits / A. Ringing is waiting; what came before the queue is not."""
        return _mean(self.answered_after, self.answered)

    @property
    def abandonment(self) -> float | None:
        """(B - Bs) / (O - Bs - W)."""
        return _share(self.abandoned - self.short_abandoned, self.offered - self.short_abandoned - self.waiting)

    @property
    def abandon_seconds(self) -> float | None:
        """The sum of B's waits / B."""
        return _mean(self.abandoned_after, self.abandoned)

    def longest_wait_seconds(self, now: datetime) -> float:
        """The longest of (now - entry) over W; 0 when nobody waits."""
        return max(0.0, (now - self.waiting_since).total_seconds()) if self.waiting_since else 0.0

    @property
    def first_contact_resolution(self) -> float | None:
        """FCR: answered calls after which the same customer, or the same number that is nobody's, neither called nor
        wrote to the same queue within seven days / answered calls whose seven days are over. What a machine wrote by
        itself is nobody's writing. None while they run."""
        return _share(self.first_resolved, self.first_contacts)


COUNTED = tuple(field.name for field in fields(Calls) if field.name != "waiting_since")


@dataclass(frozen=True, slots=True)
class Work(_Handled):
    """How an agent's time of an interval went, in counts and microseconds. That of several agents can be added."""

    accepted: int = 0
    declined: int = 0
    timed_out: int = 0
    in_ready: int = 0
    in_busy: int = 0
    in_wrap_up: int = 0
    in_away: int = 0
    ringing: int = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Work)})

    @property
    def offered(self) -> int:
        """Calls that rang at the agent until the agent answered, declined or let them ring out. What somebody else took
        meanwhile, or whose caller hung up, says nothing about the agent."""
        return self.accepted + self.declined + self.timed_out

    @property
    def answer_rate(self) -> float | None:
        """Answered / offered to the agent."""
        return _share(self.accepted, self.offered)

    @property
    def occupancy(self) -> float | None:
        """(talk and hold + ringing + wrap-up) / (that + ready without ringing). Away is not counted."""
        return _share(self.in_busy + self.ringing + self.in_wrap_up, self.in_busy + self.in_wrap_up + self.in_ready)

    @property
    def utilisation(self) -> float | None:
        """(talk and hold + wrap-up) / signed in."""
        return _share(self.in_busy + self.in_wrap_up, self.signed_in)

    @property
    def signed_in(self) -> int:
        """Every state but offline."""
        return self.in_ready + self.in_busy + self.in_wrap_up + self.in_away


def _share(part: int, of: int) -> float | None:
    return part / of if of > 0 else None


def _mean(length: int, count: int) -> float | None:
    return length / SECOND / count if count else None
