"""What customers' texts are about, read where somebody asks: few while one waits, many beside the work.

The one idea: many texts are an answer to a question (which period, queue, product and kind of text, which topics), and
the answer stands for some minutes, whatever comes in meanwhile: a desk of two hundred agents hears something new every
few seconds, and an answer that every new text made void would never be there. The next who asks later has it made anew
and sees the older one until then. One answer is made at a time, so it never takes more than one core from those who
answer calls; one of very many texts is made in a process of its own (`helpdesk/apart.py`), and nobody feels it at all.
It is let go of half an hour after it was made, and with the desk, for it holds customers' words.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlmodel import Session

from helpdesk import apart, feedback, matters, topics
from helpdesk.matters import Analysis
from helpdesk.measures import Interval

if TYPE_CHECKING:
    from models.database import Database

logger = logging.getLogger(__name__)

AT_ONCE: Final = 1_000
"""So few texts are read while somebody waits."""
FRESH: Final = timedelta(minutes=10)
"""For so long an answer stands."""
KEPT: Final = timedelta(minutes=30)
"""And no longer than this its texts are in memory."""
TOGETHER_SECONDS: Final = 0.5
"""Where the texts are not even together by then, nobody waits for what they say."""
APART: Final = 12_000
"""More texts than these are read by another process."""
REMEMBERED: Final = 4
"""Answers kept, each with its texts: some ten megabytes, and of all comments of a large desk eighty ..."""
TEXTS: Final = 250_000
"""... so no more than these are kept, but for the answer asked for last."""


class GivenUp(Exception):
    """The desk closes, and nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which texts are read: those of one period, beside those of the one before it. `language` is that of the topics'
    names."""

    now: Interval
    before: Interval
    sources: tuple[str, ...]
    part: feedback.Part
    language: str


class Reading:
    """An answer, or one in the making: then `read` of `count` texts have been read, and `count` is 0 until they are
    together. `at` is when they were asked for. What takes `little` is worked out by whoever waits for it."""

    def __init__(self, at: datetime, little: Callable[[], Analysis] | None = None) -> None:
        self.at, self._little = at, little
        self.read = self.count = 0
        self.answer: Future[Analysis] = Future()

    @property
    def is_little(self) -> bool:
        """Whether it is of few texts."""
        return self._little is not None

    def wait(self, seconds: float | None = None) -> Analysis | None:
        """The answer; None where it is not there after so many seconds, or will not be. Raises what reading raised,
        `GivenUp` where the desk closed meanwhile."""
        if self._little is not None and not self.answer.done():
            self.make(self._little)
        if seconds is not None and seconds > TOGETHER_SECONDS:
            with suppress(TooLong):
                return self.answer.result(TOGETHER_SECONDS)
            if not 0 < self.count <= APART:
                return None
            seconds -= TOGETHER_SECONDS
        try:
            return self.answer.result(seconds)
        except TooLong:
            return None

    def result(self) -> Analysis:
        """The answer, however long it takes."""
        found = self.wait()
        assert found is not None
        return found

    def heed(self, count: int) -> None:
        """So many more were read."""
        self.read = min(self.count, self.read + count)

    def make(self, made: Callable[[], Analysis]) -> None:
        """Work the answer out in this thread."""
        try:
            self.answer.set_result(made())
        except BaseException as error:  # whoever waits hears of it
            self.answer.set_exception(error)


@dataclass(slots=True)
class _Kept:
    """The newest answer to a question, and the one that is being made to take its place."""

    reading: Reading
    next: Reading | None = None


@dataclass
class Shelf:
    """The answers that one process has at hand, and the thread that makes them. Closed with the desk."""

    database: "Database"
    _kept: "OrderedDict[tuple[Question, bytes], _Kept]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)
    _reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="texts"))
    _apart: apart.Reader | None = None

    def of(self, db: Session, question: Question, *, now: datetime) -> Reading:
        """What these texts say. Few of them are taken out at once, and read when somebody waits for it; of many an
        answer that is there is looked up, or begun."""
        asked = topics.looked_for(db, language=question.language)
        if feedback.are_few(db, question.now, question.before, AT_ONCE, sources=question.sources, part=question.part):
            here, there = (feedback.collect(db, each, sources=question.sources, part=question.part)
                           for each in (question.now, question.before))  # fmt: skip
            return Reading(now, lambda: matters.analyse(here.said, there.said, asked, of=here.of))
        return self._many(question, asked, now)

    def let_go(self, now: datetime) -> None:
        """Forget what has been kept for long enough."""
        with self._lock:
            for key in [key for key, each in self._kept.items() if each.next is None and now - each.reading.at > KEPT]:
                del self._kept[key]

    def close(self) -> None:
        """Give up what is being read, which takes a moment, and forget everything."""
        self._closing.set()
        with self._lock:
            if self._apart:
                self._apart.end()
        self._reader.shutdown(cancel_futures=True)
        with self._lock:
            for each in self._kept.values():
                for reading in filter(None, (each.reading, each.next)):
                    if not reading.answer.done():
                        reading.answer.set_exception(GivenUp())
            self._kept.clear()

    def _many(self, question: Question, asked: Mapping[str, topics.Sought], now: datetime) -> Reading:
        names = "\n".join(each.name for each in asked.values())
        key = question, topics.sign(asked) + names.encode()
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.next is not None and kept.next.answer.done():
                kept.reading, kept.next = kept.next, None
            if kept is None or _is_void(kept.reading, now):
                kept = self._kept[key] = _Kept(self._begin(question, asked, now))
            elif kept.reading.answer.done() and now - kept.reading.at > FRESH and kept.next is None:
                kept.next = self._begin(question, asked, now)
            self._kept.move_to_end(key)
            self._make_room()
            return kept.reading

    def _make_room(self) -> None:
        """Forget the answers that nobody has asked for for longest, never the last."""
        texts = sum(each.reading.count for each in self._kept.values())
        for key, each in list(self._kept.items())[:-1]:
            if len(self._kept) <= REMEMBERED and texts <= TEXTS:
                break
            if each.reading.answer.done() and each.next is None:
                texts -= each.reading.count
                del self._kept[key]

    def _begin(self, question: Question, asked: Mapping[str, topics.Sought], now: datetime) -> Reading:
        reading = Reading(now)
        self._reader.submit(reading.make, lambda: self._read(reading, question, asked))
        return reading

    def _read(self, reading: Reading, question: Question, asked: Mapping[str, topics.Sought]) -> Analysis:
        def heed(count: int) -> None:
            if self._closing.is_set():
                raise GivenUp
            reading.heed(count)

        now, before = (self._texts(each, question, heed) for each in (question.now, question.before))
        reading.count = len(now.said) + len(before.said)
        if reading.count > APART:
            try:
                return self._read_apart(now, before, asked, heed)
            except apart.Ended as error:
                heed(0)
                logger.warning("another process read %s texts and ended: %s; some are read here", reading.count, error)
                now, before = (self._some(each, question, heed) for each in (question.now, question.before))
                reading.read, reading.count = 0, len(now.said) + len(before.said)
        return matters.analyse(now.said, before.said, asked, of=now.of, heed=heed)

    def _read_apart(
        self,
        now: feedback.Texts,
        before: feedback.Texts,
        asked: Mapping[str, topics.Sought],
        heed: Callable[[int], None],
    ) -> Analysis:
        with self._lock:
            heed(0)
            self._apart = apart.Reader()
        try:
            return self._apart.analyse(now.said, before.said, asked, of=now.of, heed=heed)
        finally:
            self._apart = None

    def _texts(self, interval: Interval, question: Question, heed: Callable[[int], None]) -> feedback.Texts:
        every = None
        if question.sources == ("comments",):
            every = feedback.many_comments(self.database, interval, part=question.part, heed=heed)
        return every or self._some(interval, question, heed)

    def _some(self, interval: Interval, question: Question, heed: Callable[[int], None]) -> feedback.Texts:
        parts = []
        for source in question.sources:  # one by one, so that nobody else who reads waits for all of them
            heed(0)
            parts.append(self.database.read_now(feedback.collect, interval, sources=(source,), part=question.part))
        return feedback.together(parts)


def _is_void(reading: Reading, now: datetime) -> bool:
    """Whether an answer is no use: it is too old, or reading broke."""
    if not reading.answer.done():
        return False
    return now - reading.at > KEPT or reading.answer.exception() is not None
