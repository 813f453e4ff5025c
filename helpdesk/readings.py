"""Analyses of customers' texts that take long, made beside the work and remembered while their texts stay the same.

The one idea: an analysis is known by the very texts it is of and by what they were read for, so whoever asks the same
again has it at once, and a new comment, a correction or another topic makes it another one. Thirty thousand texts take
a core some twenty seconds. One is made at a time, so it never takes more than one core from those who answer calls; but
few texts do not wait behind many.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from helpdesk import matters, topics
from helpdesk.feedback import Texts
from helpdesk.matters import Analysis

AT_ONCE: Final = 1_000
"""So few texts are read while somebody waits."""
REMEMBERED: Final = 4
"""Analyses kept, each with its texts: some ten megabytes. Those still being made are kept besides, or whoever looks
again would have them begun anew."""

_reader = ThreadPoolExecutor(1, thread_name_prefix="texts")
_quick_reader = ThreadPoolExecutor(1, thread_name_prefix="few-texts")
_known: OrderedDict[bytes, Future[Analysis]] = OrderedDict()
_lock = threading.Lock()


def of(now: Texts, before: Texts, asked: Mapping[str, topics.Sought]) -> Future[Analysis]:
    """What these texts say, as soon as they are read."""
    key = _key(now, before, asked)
    with _lock:
        if (found := _known.get(key)) is not None and not (found.done() and found.exception()):
            _known.move_to_end(key)
            return found
        reader = _quick_reader if is_little(now, before) else _reader
        made = _known[key] = reader.submit(matters.analyse, now.said, before.said, asked, of=now.of)
        for old in [each for each, analysis in _known.items() if analysis.done()][:-REMEMBERED]:
            del _known[old]
        return made


def is_little(now: Texts, before: Texts) -> bool:
    """Whether these are so few that whoever asks may wait for them."""
    return len(now.said) + len(before.said) <= AT_ONCE


def _key(now: Texts, before: Texts, asked: Mapping[str, topics.Sought]) -> bytes:
    told = hashlib.blake2b(topics.sign(asked), digest_size=16)
    told.update(repr([each.name for each in asked.values()]).encode())
    for texts in (now, before):
        told.update(str((texts.of, len(texts.said))).encode())
        for each in texts.said:
            told.update(repr((each.ref, each.at, each.sentiment, each.score, each.name, each.text)).encode())
    return told.digest()
