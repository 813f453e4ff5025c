"""Waiting for what threads and other processes do: for the thing itself, never for a length of time.

The one idea: a condition that comes true ends the wait at once, so patience costs nothing where all is well. It is
measured for a machine that does ten other things, since a test that fails for want of seconds says nothing of the desk.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE_SECONDS = 60.0


def until(holds: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """What `holds` answers as soon as that is true. Fails when it is still false after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < end, f"it did not come true within {seconds:.0f} s"
        time.sleep(0.01)
    return answer


@contextmanager
def an_end() -> Iterator[None]:
    """The block comes to an end: what it needs of the processor is below a minute.

    For input made to keep a program busy for minutes or for ever, and whose honest cost is a second at most. No
    measurement of speed, which `make bench` does on a machine that does nothing else: a test that asks for few seconds
    fails for the neighbour's work, for a collection of garbage, for a clock that ticks coarsely.
    """
    worked, began = time.thread_time(), time.monotonic()
    yield
    spent = min(time.thread_time() - worked, time.monotonic() - began)  # some machines' clock of the processor leaps
    assert spent < PATIENCE_SECONDS, f"{spent:.0f} s of the processor"
