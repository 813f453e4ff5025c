"""What customers' texts are about: the topics that come up, what people feel about them, and what is more than chance.

The one idea: a change is said only with the test it passed, all topics considered together, and of a group too small to
hide a person nothing is shown. Every count keeps the places of its texts, so that it opens them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from classifiers import themes
from helpdesk import drift, topics
from helpdesk.accuracy import Share
from helpdesk.feedback import SURE, Said
from models import Scale

if TYPE_CHECKING:
    from classifiers.words import Words

FEELINGS: Final = {"glad": "positive", "angry": "negative"}
SHOWN: Final = 3  # quotes of a topic
QUOTE: Final = (8, 160)  # characters of a good quote
LENGTH: Final = 60  # of the best
LOOKED_AT: Final = 500  # texts of a topic, those of the best length, that quotes are chosen from
LEAST: Final = 5
"""Of a smaller group nothing is shown: its members could be known by it."""
NOTABLE: Final = 0.1
"""A change of a topic's share by less of what it was is no news, however sure: of a hundred thousand texts everything
that changed at all has changed by more than chance."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence that stands for many, without names and numbers."""

    text: str
    source: str
    sentiment: str
    score: int | None
    scale: Scale
    ticket_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Matter:
    """A topic: how often it comes up, what people feel about it, and how satisfied they are who write of it."""

    key: str
    name: str
    now: Share
    before: Share
    p: float
    is_sure: bool  # changed by more than chance, all topics considered
    glad: int
    angry: int
    csat: Share
    others: Share  # csat of those who write of something else
    driver_p: float
    drives: bool  # those who write of it are less satisfied, by more than chance
    quotes: tuple[Quote, ...]

    @property
    def is_new(self) -> bool:
        """Whether it changed by more than chance, and by so much that it matters."""
        was = self.before.value or 0.0
        return self.is_sure and abs((self.now.value or 0.0) - was) >= NOTABLE * was


@dataclass(frozen=True, slots=True)
class Found:
    """A matter that showed itself."""

    number: int
    language: str
    words: tuple[str, ...]
    count: int
    glad: int
    angry: int
    quotes: tuple[Quote, ...]


@dataclass(frozen=True)
class Analysis:
    """One period beside the one before. `said` are all texts read, the newest first; `of_topic` and `of_group` the
    places in it behind each count."""

    said: Sequence[Said]
    count_before: int
    of: int  # how many there were: what was read may be a sample
    glad: int
    angry: int
    matters: list[Matter]
    none: int  # texts about none of the topics
    groups: list[Found]
    words: list[drift.WordDrift]
    of_topic: Mapping[str, Sequence[int]] = field(default_factory=dict)
    of_group: Mapping[int, Sequence[int]] = field(default_factory=dict)
    of_word: Mapping[str, Sequence[int]] = field(default_factory=dict)  # by language and word: "ja-電池"

    @property
    def is_sample(self) -> bool:
        """Whether there were more than were read."""
        return self.of > len(self.said)

    def behind(self, key: str) -> list[Said]:
        """The texts of a topic ("staff"), a group ("group-2"), a word that came or went ("word-ja-電池"), no topic at
        all ("none") or everything ("every"); of these all, or those of a feeling ("staff.angry", "glad")."""
        if key in FEELINGS:
            key = f"every.{key}"
        whose, _, feeling = key.partition(".")
        if feeling in FEELINGS:
            return [each for each in self.behind(whose) if each.sentiment == FEELINGS[feeling]]
        if key.startswith("group-") and key[6:].isdecimal():
            places: Iterable[int] = self.of_group.get(int(key[6:]), ())
        elif key.startswith("word-"):
            places = self.of_word.get(key[5:], ())
        elif key == "none":
            covered = {at for held in self.of_topic.values() for at in held}
            places = (at for at in range(len(self.said)) if at not in covered)
        elif key == "every":
            places = range(len(self.said))
        else:
            places = self.of_topic.get(key, ())
        return [self.said[at] for at in places]


def analyse(
    now: Sequence[Said],
    before: Sequence[Said],
    asked: Mapping[str, topics.Sought],
    *,
    of: int = 0,
    heed: Callable[[int], None] | None = None,
) -> Analysis:
    """What the texts of a period are about, beside those of the period before. Nothing of a group below `LEAST`. `of`
    is how many there were, where those are a sample. `heed` hears now and then how many more were read, and may raise
    what ends it.

    A change of a topic's share, by a tenth or more, and lower satisfaction of who writes of it, count where Dunning's
    G² stays below 5 % of false ones over all topics together (Benjamini and Hochberg 1995).
    """
    from classifiers.vectors import japanese

    vectors = japanese()
    heed = heed or (lambda _: None)
    ready = topics.Ready(asked)
    of_topic, heard = _by_topic(now, ready, heed)
    earlier, heard_before = _by_topic(before, ready, heed)
    read_now = drift.words_of([("", each.text) for each in now], vectors=vectors, heard=heard, heed=heed)
    read_before = drift.words_of([("", each.text) for each in before], vectors=vectors, heard=heard_before, heed=heed)
    found = [group for group in themes.groups(read_now, [each.text for each in now]) if len(group.texts) >= LEAST]
    covered = {at for places in of_topic.values() for at in places}
    drifts = [
        drift.compare(language, [each for each in read_before if each.language == language],
                      [each for each in read_now if each.language == language])
        for language in ("ja", "en")
    ]  # fmt: skip
    return Analysis(
        said=now, count_before=len(before), of=max(of, len(now)), glad=_felt(now, "positive"),
        angry=_felt(now, "negative"), matters=_matters(now, before, asked, of_topic, earlier),
        none=len(now) - len(covered),
        groups=[_group(number, group, now) for number, group in enumerate(found)],
        words=drifts, of_topic=of_topic, of_group={number: group.texts for number, group in enumerate(found)},
        of_word=_of_word(drifts, read_now),
    )  # fmt: skip


def _by_topic(
    said: Sequence[Said], ready: topics.Ready, heed: Callable[[int], None]
) -> "tuple[dict[str, list[int]], list[Words | None]]":
    """The places of each topic's texts, and the words of those texts that had to be read for it."""
    places: dict[str, list[int]] = {key: [] for key in ready.asked}
    about, heard = topics.read([each.text for each in said], ready, words=True, heed=heed)
    for at, keys in enumerate(about):
        for key in keys:
            places[key].append(at)
    return places, heard


def _matters(
    now: Sequence[Said],
    before: Sequence[Said],
    asked: Mapping[str, topics.Sought],
    of_topic: Mapping[str, Sequence[int]],
    earlier: Mapping[str, Sequence[int]],
) -> list[Matter]:
    changes, drivers = {}, {}
    marked = [each.is_satisfied for each in now]
    for key in asked:
        changes[key] = drift.p_of(len(earlier[key]), len(before), len(of_topic[key]), len(now)) \
            if now and before and len(of_topic[key]) + len(earlier[key]) >= LEAST else 1.0  # fmt: skip
        held = set(of_topic[key])
        ours = Share(sum(1 for at in held if marked[at]), sum(1 for at in held if marked[at] is not None))
        rest = Share(
            sum(1 for at, mark in enumerate(marked) if mark and at not in held),
            sum(1 for at, mark in enumerate(marked) if mark is not None and at not in held),
        )
        p = drift.p_of(rest.held, rest.of, ours.held, ours.of) if min(ours.of, rest.of) >= LEAST else 1.0
        drivers[key] = ours, rest, p
    sure, lower = _sure(changes), _sure({key: p for key, (_, _, p) in drivers.items()})
    found = []
    for key, each in asked.items():
        places = of_topic[key]
        if len(places) < LEAST:
            continue
        ours, rest, p = drivers[key]
        of = [now[at] for at in places]
        found.append(Matter(
            key, each.name, Share(len(places), len(now)), Share(len(earlier[key]), len(before)), changes[key],
            key in sure, _felt(of, "positive"), _felt(of, "negative"), ours, rest, p,
            key in lower and (ours.value or 0) < (rest.value or 0), _quotes(of, each.words),
        ))  # fmt: skip
    return sorted(found, key=lambda matter: (-matter.now.held, matter.key))


def _of_word(drifts: Sequence[drift.WordDrift], read: "Sequence[Words]") -> dict[str, list[int]]:
    """The places of each word that came or went, under its language and itself as it is shown."""
    places: dict[str, list[int]] = {}
    for told in drifts:
        shown = {each.base: f"{told.language}-{each.word}" for each in (*told.rising, *told.falling)}
        for at, words in enumerate(read):
            if words.language == told.language:
                for base in words.written.keys() & shown.keys():
                    places.setdefault(shown[base], []).append(at)
    return places


def _sure(p: Mapping[str, float]) -> set[str]:
    """Those that pass together, after Benjamini and Hochberg."""
    ranked = sorted(p.items(), key=lambda item: item[1])
    passed = [rank for rank, (_, value) in enumerate(ranked, 1) if value <= SURE * rank / len(ranked)]
    return {key for key, _ in ranked[: max(passed, default=0)]}


def _group(number: int, group: themes.Group, now: Sequence[Said]) -> Found:
    of = [now[at] for at in group.texts]
    return Found(number, group.language, group.names, len(of), _felt(of, "positive"), _felt(of, "negative"),
                 _quotes(of, group.words))  # fmt: skip


def _quotes(of: Sequence[Said], words: Sequence[str]) -> tuple[Quote, ...]:
    """Some that stand for the others: short enough to read, with the topic's words, of each feeling in turn. What
    customers wrote themselves comes before what agents noted of a call."""
    theirs = [each for each in of if each.source != "notes"] or of
    fits = [each for each in theirs if QUOTE[0] <= len(each.text.strip()) <= QUOTE[1]] or list(theirs)
    fits = sorted(fits, key=lambda each: (abs(len(each.text) - LENGTH), each.at))[:LOOKED_AT]
    loud = sorted(fits, key=lambda each: (-len(themes.places(each.text, words)), abs(len(each.text) - LENGTH), each.at))
    chosen: list[Said] = []
    clear = [each for each in loud if not _is_at_odds(each)]
    for feeling in ("negative", "positive", "neutral", ""):
        chosen += [each for each in clear if each.sentiment == feeling and each not in chosen][:1]
    chosen += [each for each in loud if each not in chosen]
    return tuple(
        Quote(themes.masked(each.text.strip()[: QUOTE[1] * 2], [each.name]), each.source, each.sentiment, each.score,
              each.scale, each.ticket_id, each.at)
        for each in chosen[:SHOWN]
    )  # fmt: skip


def _is_at_odds(said: Said) -> bool:
    """Whether what was guessed of the words is the opposite of the customer's own mark: no example of either."""
    if said.is_satisfied is None or said.score is None:
        return False
    return said.sentiment == ("negative" if said.is_satisfied else "positive" if said.score < 3 else "-")


def _felt(said: Iterable[Said], feeling: str) -> int:
    return sum(1 for each in said if each.sentiment == feeling)
