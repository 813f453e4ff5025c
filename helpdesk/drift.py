"""What changes in what customers write about: how much each queue gets, and which words come more or less often.

Unlike accuracy this counts every inquiry that arrived, confirmed or not: what arrives does not wait for us. The one
idea: a change is shown only with the test it passed, because of hundreds of words some always rise by chance.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from helpdesk import queues
from helpdesk.accuracy import Share
from models import Message, Routing, Ticket

if TYPE_CHECKING:
    from classifiers.vectors import Vectors
    from classifiers.words import Words

SAMPLE = 1_000
"""Of so many decisions of a period at most the texts are read, spread evenly over it."""
ENOUGH = 100  # texts in each of two periods; of fewer nothing is said about words
RARE = 5  # texts; a word in fewer of both periods together is not looked at, and nobody is known by it
FALSE_SHARE = 0.10  # of the words shown so many may be chance
SHOWN = 12  # words in each direction
USUAL_WEEKS = 3  # at least, before a week can be called unusual
SURPRISE = 0.01  # how unlikely a week must be to be pointed out
CUT = 2_000  # characters of a text read
AT_ONCE = 512  # texts, between two looks at whether anybody still wants to know
REMEMBERED = 6_000  # texts whose words are kept in this process, by hash

_known: dict[bytes, "Words"] = {}


@dataclass(frozen=True, slots=True)
class Volume:
    """Inquiries of one queue by week, the oldest first; the last week ends now. `usual` is the mean of the others, and
    `p` how likely a last week as far from it would be if nothing had changed."""

    slug: str
    weeks: list[int]
    usual: float
    p: float

    @property
    def is_unusual(self) -> bool:
        """Whether the last week differs by more than chance."""
        return self.p < SURPRISE


@dataclass(frozen=True, slots=True)
class Change:
    """One word: in how many of the texts it stood before, and stands now; `p` by Dunning's G² test."""

    word: str
    before: Share
    now: Share
    p: float
    base: str = ""  # the word under which all its endings were counted

    @property
    def is_rising(self) -> bool:
        """Whether it comes more often now."""
        return (self.now.value or 0) > (self.before.value or 0)


@dataclass(frozen=True, slots=True)
class WordDrift:
    """Words of one language that changed, the surest first. `is_enough` is False where there were too few texts."""

    language: str
    before: int  # texts read of the period before
    now: int
    tested: int  # words
    rising: list[Change]
    falling: list[Change]

    @property
    def is_enough(self) -> bool:
        """Whether both periods had texts enough to say anything."""
        return min(self.before, self.now) >= ENOUGH


def volumes(db: Session, *, weeks: int, until: datetime) -> list[Volume]:
    """What arrived in each of so many weeks, by the queue it is in now, in the desk's order of queues.

    A range of the index of time for each week; a ticket counts by its first decision.
    """
    first, earlier = aliased(Routing), aliased(Routing)
    again = (
        sa.select(sa.literal(1))
        .where(col(earlier.ticket_id) == col(first.ticket_id), col(earlier.id) < col(first.id))
        .correlate(first)
        .exists()
    )
    counts: dict[int, list[int]] = {queue.id or 0: [0] * weeks for queue in queues.everyone(db)}
    for week in range(weeks):
        ends = until - timedelta(weeks=weeks - 1 - week)
        rows = db.execute(
            sa.select(col(Ticket.queue_id), sa.func.count())
            .select_from(first)
            .join(Ticket, col(Ticket.id) == col(first.ticket_id))
            .where(
                col(first.decided_at) > ends - timedelta(weeks=1), col(first.decided_at) <= ends,
                col(first.reason) != "by_agent", sa.not_(again),
            )
            .group_by(col(Ticket.queue_id))
        )  # fmt: skip
        for queue_id, count in rows:
            counts[queue_id][week] = count
    # Before the desk's first ticket there was no usual week.
    begun = next((week for week in range(weeks) if any(each[week] for each in counts.values())), weeks - 1)
    return [_volume(queue.slug, counts[queue.id or 0][begun:]) for queue in queues.everyone(db)]


def _volume(slug: str, weeks: list[int]) -> Volume:
    before = weeks[:-1]
    p = surprise(weeks[-1], sum(weeks), 1 / len(weeks)) if len(before) >= USUAL_WEEKS else 1.0
    return Volume(slug, weeks, sum(before) / max(1, len(before)), p)


def surprise(count: int, of: int, share: float) -> float:
    """How likely `count` or a value as unlikely is, among `of` that each fall here with probability `share`: the exact
    binomial test, twice the smaller tail. The comparison of two Poisson rates given their sum (Przyborowski and
    Wilenski 1940)."""
    if not of or not 0 < share < 1:
        return 1.0
    log_share, log_rest = math.log(share), math.log1p(-share)

    def likely(k: int) -> float:
        ways = math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
        return math.exp(ways + k * log_share + (of - k) * log_rest)

    tail = range(count + 1) if count <= of * share else range(count, of + 1)
    return min(1.0, 2 * sum(likely(k) for k in tail))


def words(db: Session, *, since: datetime, until: datetime, vectors: "Vectors") -> list[WordDrift]:
    """What changed between the period and the one of equal length before it, a language at a time."""
    before = _read(db, since - (until - since), since, vectors)
    now = _read(db, since, until, vectors)
    return [
        compare(language, [each for each in before if each.language == language],
                [each for each in now if each.language == language])
        for language in ("ja", "en")
    ]  # fmt: skip


def compare(language: str, before: Sequence["Words"], now: Sequence["Words"]) -> WordDrift:
    """Which words stand in another share of the texts now.

    Each word is tested by the likelihood ratio G² = 2 Σ O ln(O/E) of its two-by-two table (Dunning 1993), chi-square
    of one degree; of all words tested those are shown that keep the share of false ones under ten per cent
    (Benjamini and Hochberg 1995).
    """
    from classifiers import naming

    counts = [Counter(word for text in texts for word in text.written) for texts in (before, now)]
    written = {word: shown for text in (*before, *now) for word, shown in text.written.items()}
    sizes = len(before), len(now)
    changes = [
        Change(naming.alone(word, written[word]), Share(counts[0][word], sizes[0]), Share(counts[1][word], sizes[1]),
               p_of(counts[0][word], sizes[0], counts[1][word], sizes[1]), word)
        for word in written
        if counts[0][word] + counts[1][word] >= RARE
    ] if min(sizes) >= ENOUGH else []  # fmt: skip
    sure = surest(changes)
    return WordDrift(
        language, *sizes, len(changes),
        [change for change in sure if change.is_rising][:SHOWN],
        [change for change in sure if not change.is_rising][:SHOWN],
    )  # fmt: skip


def surest(changes: Sequence[Change]) -> list[Change]:
    """Those that pass together, after Benjamini and Hochberg, the surest first."""
    ranked = sorted(changes, key=lambda change: (change.p, change.word))
    passed = [rank for rank, change in enumerate(ranked, 1) if change.p <= FALSE_SHARE * rank / len(ranked)]
    return ranked[: max(passed, default=0)]


def p_of(held_before: int, before: int, held_now: int, now: int) -> float:
    """The p-value of G² for two shares."""
    observed = (held_before, before - held_before, held_now, now - held_now)
    held, rest, every = held_before + held_now, before + now - held_before - held_now, before + now
    expected = (held * before / every, rest * before / every, held * now / every, rest * now / every)
    g2 = 2 * sum(o * math.log(o / e) for o, e in zip(observed, expected, strict=True) if o)
    return math.erfc(math.sqrt(max(0.0, g2) / 2))


def _read(db: Session, since: datetime, until: datetime, vectors: "Vectors") -> list["Words"]:
    """The words of an even sample of the mails of a period.

    Every 1st, 2nd, 4th, 8th ... ticket, so that the sample of a growing period keeps the texts it had.
    """
    here = (col(Routing.decided_at) > since, col(Routing.decided_at) <= until)
    many = db.scalar(sa.select(sa.func.count()).select_from(Routing).where(*here)) or 0
    step = 1
    while many / step > SAMPLE:
        step *= 2
    rows = db.execute(
        sa.select(sa.func.substr(Message.subject, 1, 200), sa.func.substr(Message.reply_text, 1, CUT))
        .select_from(Routing)
        .join(Message, col(Message.id) == col(Routing.message_id))
        .where(*here, col(Routing.reason) != "by_agent", col(Routing.ticket_id) % step == 0)
        .order_by(col(Routing.decided_at), col(Routing.id))
    )
    texts: list[tuple[str, str]] = [(subject, text) for subject, text in rows]
    return words_of(texts, vectors=vectors)


def words_of(
    texts: Sequence[tuple[str, str]],
    *,
    vectors: "Vectors",
    heard: "Sequence[Words | None]" = (),
    heed: Callable[[int], None] | None = None,
) -> list["Words"]:
    """The words of each (subject, text); those read lately are remembered, and those `heard` are not read again.
    `heed` is called now and then, and may raise what ends it."""
    from classifiers import words as tokens

    keys = [
        hashlib.blake2b(f"{subject}\n{text}".encode("utf-8", "replace"), digest_size=16).digest()
        for subject, text in texts
    ]
    known: dict[bytes, Any] = {key: found for key in keys if (found := _known.get(key)) is not None}
    known |= {key: words for key, words in zip(keys, heard, strict=False) if words is not None}
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    rest = iter(new.items())
    while some := list(islice(rest, AT_ONCE)):
        known |= zip((key for key, _ in some), tokens.found([text for _, text in some], vectors=vectors), strict=True)
        if heed is not None:
            heed(0)
    if len(_known) + len(known) > REMEMBERED:
        _known.clear()
    _known.update(islice(known.items(), REMEMBERED))
    return [known[key] for key in keys]
