"""What can go wrong, in six words.

A broken rule carries a code and facts, never a sentence: only the edge (a page, a command) speaks English or
Japanese. `Unreachable` and `Rejected` are the adapters' words, shared with `cti`: the first is tried again with
growing pauses, the second is not.
"""

import traceback

from cti import Rejected, Unreachable

__all__ = ["Conflict", "DeskError", "Invalid", "NotAllowed", "NotFound", "Rejected", "Unreachable", "place_of"]


class DeskError(Exception):
    """A rule of the desk that was not kept: `code` names it, `facts` say with what."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{self.code} ({told})" if told else self.code


class NotFound(DeskError):
    """There is no such thing, or the one who asks may not know of it."""


class NotAllowed(DeskError):
    """The thing exists and may be seen, but not done by this agent."""


class Conflict(DeskError):
    """Somebody else was faster, or the thing is no longer in a state that allows this."""


class Invalid(DeskError):
    """What was typed or sent cannot be understood. `facts["field"]` names the field where there is one; where several
    are wrong at once, `facts["fields"]` has the code of each."""


def by_field(error: DeskError) -> dict[str, str]:
    """What a form says beside its fields: the code of each that is wrong, under "" what is of none."""
    several = error.facts.get("fields")
    return dict(several) if isinstance(several, dict) else {str(error.facts.get("field", "")): error.code}


def place_of(error: Exception) -> str:
    """Exception and the innermost lines of ours, without values: enough for an engineer, nothing of a customer."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    return f"{type(error).__name__} at {places}"
