"""What very many texts say, worked out in a process of its own: that costs nobody who answers calls a moment, and its
memory goes with it.

The one idea: the desk reads the texts and hands them over by a pipe, so the other process needs neither the database
nor its password, and gets back places in the list instead of the texts themselves.

    python -m helpdesk.apart < texts > answers     (both in Python's own form, between these two only)
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final

from helpdesk import matters, topics
from helpdesk.feedback import Said
from helpdesk.matters import Analysis

POLITENESS: Final = 10
"""What the other process yields to those that answer calls, as `nice` counts it."""


class Ended(Exception):
    """The other process ended without an answer: somebody ended it, or it had no memory left."""


class Reader:
    """The other process, once. `end` may be called at any time by any thread. Raises `Ended` where the machine has no
    room for one."""

    def __init__(self) -> None:
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "helpdesk.apart"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        except OSError as error:
            raise Ended(error.strerror) from error

    def analyse(
        self,
        now: Sequence[Said],
        before: Sequence[Said],
        asked: Mapping[str, topics.Sought],
        *,
        of: int,
        heed: Callable[[int], None],
    ) -> Analysis:
        """`matters.analyse`. Raises `Ended`, and what `heed` raises; the other process has ended afterwards."""
        assert self._process.stdin and self._process.stdout
        try:
            with suppress(BrokenPipeError):  # it has ended already, which its silence says, too
                pickle.dump((list(now), list(before), dict(asked), of), self._process.stdin, pickle.HIGHEST_PROTOCOL)
                self._process.stdin.close()
            while True:
                told = pickle.load(self._process.stdout)
                if isinstance(told, Analysis):
                    return replace(told, said=now)
                heed(told)
        except (EOFError, pickle.UnpicklingError) as error:
            raise Ended(f"exit {self._process.wait()}") from error
        finally:
            self.end()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):
                    pipe.close()
            self._process.wait()

    def end(self) -> None:
        """Whatever it does."""
        self._process.kill()


def serve(asks: IO[bytes], answers: IO[bytes]) -> None:
    """The other side: one question, how far it is now and then, and the answer without its texts."""

    def tell(what: Any) -> None:
        pickle.dump(what, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    gc.disable()  # nothing here refers to itself, and looking through all texts again and again took half of the time
    now, before, asked, of = pickle.load(asks)
    tell(replace(matters.analyse(now, before, asked, of=of, heed=tell), said=()))


if __name__ == "__main__":
    if hasattr(os, "nice"):  # Windows has none
        os.nice(POLITENESS)
    with suppress(BrokenPipeError):  # nobody wants to know any more
        serve(sys.stdin.buffer, sys.stdout.buffer)
