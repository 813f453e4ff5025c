"""The topics that comments and mails are read for, as a desk words them, and what people said of single texts.

The idea: a desk begins with topics that came along and were taught; the first change makes all of them its own, and
what came along is not looked at again. To merge two is to hand everything one knows to the other: words, what it was
taught, what was said of it; to split one is to give some of its words to a new one, which knows what it knew.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col, select

from classifiers import themes
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import TopicChanged
from models import Agent, Answer, Call, Message, Topic, TopicMark

if TYPE_CHECKING:
    from classifiers import topics
    from classifiers.words import Words

NAME_MAX = 60
WORDS_MAX = 600
WORD_MAX = 40
MOST = 60
MARKS = 400  # of a topic, the newest: what its guesses learn from
REMEMBERED = 100_000  # texts whose topics are kept in memory
CUT = 1_000  # characters of a text that are read
AT_ONCE = 512  # texts, between two looks at whether anybody still wants to know
_HELD = {"answer": TopicMark.answer_id, "message": TopicMark.message_id, "call": TopicMark.call_id}
"""What can be said to be about a topic, and where a mark points to it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A topic; `key` is what the report calls it, `learned` what came along and was taught it, `marks` how often
    somebody said whether a text is about it."""

    key: str
    name: str
    name_en: str
    words: tuple[str, ...]
    is_active: bool = True
    learned: tuple[str, ...] = ()
    marks: int = 0

    def called(self, language: str) -> str:
        """Its name in one language."""
        return self.name_en if language == "en" else self.name


@dataclass(frozen=True, slots=True)
class Sought:
    """What texts are read for: a name to show, words, what was taught, and what was said of texts, the newest first."""

    name: str
    words: tuple[str, ...]
    learned: tuple[str, ...] = ()
    said: tuple[tuple[str, bool], ...] = ()


def listed(db: Session) -> list[Shown]:
    """All of them in order, those that rest included."""
    if own := _own(db):
        rows = db.execute(sa.select(col(TopicMark.topic_id), sa.func.count()).group_by(col(TopicMark.topic_id)))
        counts = {topic_id: many for topic_id, many in rows}
        return [
            Shown(f"t{row.id}", row.name, row.name_en, tuple(row.words), row.is_active, tuple(row.learned),
                  counts.get(row.id or 0, 0))
            for row in own
        ]  # fmt: skip
    return [Shown(each.key, each.name, each.name_en, each.words, learned=(each.key,)) for each in themes.shipped()]


def looked_for(db: Session, *, language: str) -> dict[str, Sought]:
    """What texts are read for, by key."""
    said = _said(db)
    return {
        each.key: Sought(each.called(language), each.words, each.learned, tuple(said.get(each.key, ())[:MARKS]))
        for each in listed(db)
        if each.is_active
    }


@dataclass(frozen=True)
class Ready:
    """Topics made ready for many handfuls of texts: what was said of texts is learned once, when the first is read."""

    asked: Mapping[str, Sought]

    @cached_property
    def reader(self) -> "topics.Reader | None":
        """None where the model is damaged, which was said in the log when the desk started."""
        from classifiers import Refused, topics

        try:
            return topics.Reader(_asked(self.asked))
        except Refused:
            return None

    @cached_property
    def seal(self) -> bytes:
        """`sign` of them."""
        return sign(self.asked)


def about(texts: Sequence[str], ready: Ready) -> list[tuple[str, ...]]:
    """The keys of the topics each text is about, in order. Texts read lately are remembered; a third of a millisecond
    each for others. Where the model is damaged, words alone decide."""
    return read(texts, ready)[0]


def read(
    texts: Sequence[str], ready: Ready, *, words: bool = False, heed: Callable[[int], None] | None = None
) -> tuple[list[tuple[str, ...]], "list[Words | None]"]:
    """`about`; and, where `words` are wanted too, those of each text that had to be read anyway, None of others.
    `heed` is called now and then with how many texts are done since the last time; what it raises ends the reading."""
    keys = [hashlib.blake2b(text.encode("utf-8", "replace"), key=ready.seal, digest_size=16).digest() for text in texts]
    known = {key: about for key in keys if (about := _known.get(key)) is not None}  # another thread may clear it
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    heard: dict[bytes, Words] = {}
    heed = heed or (lambda _: None)
    heed(len(texts) - len(new))
    if new:
        found = _read(list(new.values()), ready, words=words, heed=heed)
        known |= {key: about for key, (about, _) in zip(new, found, strict=True)}
        heard = {key: told for key, (_, told) in zip(new, found, strict=True) if told is not None}
        if len(_known) + len(new) > REMEMBERED:
            _known.clear()
        _known.update(known)
    return [known[key] for key in keys], [heard.get(key) for key in keys]


def because(texts: Sequence[str], key: str, ready: Ready) -> list[list[str]]:
    """For each text the words, as written, by which it was found to be about a topic, the loudest first; none where
    only what somebody said of it decides."""
    reader = ready.reader
    if reader is None:
        return [[text[start:end] for start, end in themes.places(text, ready.asked[key].words)] for text in texts]
    return [[each.words for each in reader.because(text, key)] for text in texts]


def key_now(db: Session, key: str) -> str:
    """The key of a topic today: what came along gets another when it becomes the desk's own. Others stay."""
    begun = {each.key: place for place, each in enumerate(themes.shipped())}
    return next((f"t{row.id}" for row in _own(db) if key in begun and row.position == begun[key]), key)


def save(db: Session, key: str, *, name: str, name_en: str, words: str, by: Agent, now: datetime) -> str:
    """Make a topic (`key` "") or change one; `words` stand on lines of their own or between commas. Returns its key.

    Raises `Invalid` with the field, and `NotFound`.
    """
    name, name_en = _names(name, name_en)
    kept = _words(words)
    _adopt(db, now=now)
    row = _find(db, key) if key else _fresh(db, now=now)
    row.name, row.name_en, row.words = name, name_en, kept
    return _kept(db, row, "changed" if key else "made", by=by, now=now)


def switch(db: Session, key: str, is_on: bool, *, by: Agent, now: datetime) -> None:
    """Read texts for it, or let it rest. The same again changes nothing. Raises `NotFound`."""
    _adopt(db, now=now)
    row = _find(db, key)
    if row.is_active != is_on:
        row.is_active = is_on
        emit(db, TopicChanged(topic_id=row.id or 0, state="on" if is_on else "off", by_id=by.id, at=now))


def merge(db: Session, key: str, into: str, *, by: Agent, now: datetime) -> str:
    """Hand the words of one topic, what it was taught and what was said of it to another, and let it rest. Returns the
    other's key. Raises `Invalid` when they are one, or would have too many words, and `NotFound`."""
    _adopt(db, now=now)
    one, other = _find(db, key), _find(db, into)
    if one.id == other.id:
        raise Invalid("same_topic", field="into")
    words = list(dict.fromkeys([*other.words, *one.words]))
    if len(words) > WORDS_MAX:
        raise Invalid("too_many_words", field="into")
    other.words, other.learned = words, list(dict.fromkeys([*other.learned, *one.learned]))
    here = {(mark.answer_id, mark.message_id, mark.call_id) for mark in _marks_of(db, other)}
    for mark in _marks_of(db, one):
        if (mark.answer_id, mark.message_id, mark.call_id) in here:
            db.delete(mark)
        else:
            mark.topic_id = other.id or 0
    one.is_active, one.learned = False, []
    _kept(db, one, "off", by=by, now=now)
    return _kept(db, other, "changed", by=by, now=now)


def split(db: Session, key: str, *, name: str, name_en: str, words: str, by: Agent, now: datetime) -> str:
    """Give some words of a topic, and longer ones that hold them, to a new one, which knows what the old one was
    taught: of texts about it, those with these words are the new one's. Returns the new key. Raises `Invalid` with the
    field, and `NotFound`."""
    name, name_en = _names(name, name_en)
    kept = _words(words)
    _adopt(db, now=now)
    old = _find(db, key)
    gone = [themes.folded(word) for word in kept]
    left = [word for word in old.words if not any(each in themes.folded(word) for each in gone)]
    if not left:
        raise Invalid("words_left", field="words")
    row = _fresh(db, now=now)
    row.name, row.name_en, row.words, row.learned = name, name_en, kept, list(old.learned)
    old.words = left
    kept_key = _kept(db, row, "made", by=by, now=now)
    for text, mark in _marked(db, old.id or 0):
        if themes.has(themes.folded(text), kept):
            mark.topic_id = row.id or 0
    _kept(db, old, "changed", by=by, now=now)
    return kept_key


def correct(db: Session, ref: str, said: Mapping[str, bool], *, by: Agent, now: datetime) -> None:
    """Keep what somebody says of one text, `ref` as the report calls it ("answer-7"): topic -> whether it is about it.
    What agrees with the guess is kept, too: from corrections alone one learns that everything is otherwise. The newest
    word counts. Raises `NotFound`."""
    kind, _, number = ref.partition("-")
    if kind not in _HELD or not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise NotFound("not_found", key=ref)
    tables: dict[str, type[Answer] | type[Message] | type[Call]] = {"answer": Answer, "message": Message, "call": Call}
    if db.get(tables[kind], int(number)) is None:
        raise NotFound("not_found", key=ref)
    if not said:
        return
    _adopt(db, now=now)
    for key, is_about in said.items():
        row = _find(db, key)
        here = select(TopicMark).where(TopicMark.topic_id == row.id, col(_HELD[kind]) == int(number))
        mark = db.exec(here).first() or TopicMark(topic_id=row.id or 0, is_about=is_about, at=now)
        setattr(mark, f"{kind}_id", int(number))
        mark.is_about, mark.by_id, mark.at = is_about, by.id, now
        db.add(mark)
    db.flush()
    emit(db, TopicChanged(topic_id=row.id or 0, state="corrected", by_id=by.id, at=now))


# --- reading ---------------------------------------------------------------------------------------------------------


_known: dict[bytes, tuple[str, ...]] = {}


def _read(
    texts: Sequence[str], ready: Ready, *, words: bool, heed: Callable[[int], None]
) -> "Sequence[tuple[tuple[str, ...], Words | None]]":
    reader = ready.reader
    if reader is None:
        shown = [themes.folded(text) for text in texts]
        return [
            (tuple(key for key, each in ready.asked.items() if themes.has(text, each.words)), None) for text in shown
        ]
    found: list[tuple[tuple[str, ...], Words | None]] = []
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        found += reader.read(some) if words else ((keys, None) for keys in reader.about(some))
        heed(len(some))
    return found


def _asked(asked: Mapping[str, Sought]) -> "list[topics.Asked]":
    from classifiers import topics

    return [
        topics.Asked(key, each.words, each.learned, tuple(topics.Mark(text, is_about) for text, is_about in each.said))
        for key, each in asked.items()
    ]


def sign(asked: Mapping[str, Sought]) -> bytes:
    """Changes with anything that changes what a text is about."""
    told = repr([(key, each.words, each.learned, each.said) for key, each in asked.items()])
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=32).digest()


# --- rows ------------------------------------------------------------------------------------------------------------


def _own(db: Session) -> Sequence[Topic]:
    return db.exec(select(Topic).order_by(col(Topic.position), col(Topic.id))).all()


def _adopt(db: Session, *, now: datetime) -> None:
    """What came along becomes the desk's own."""
    if not _own(db):
        for position, each in enumerate(themes.shipped()):
            row = Topic(name=each.name, name_en=each.name_en, words=list(each.words), learned=[each.key],
                        position=position, created_at=now)  # fmt: skip
            db.add(row)
        db.flush()


def _fresh(db: Session, *, now: datetime) -> Topic:
    own = _own(db)
    if len(own) >= MOST:
        raise Conflict("too_many_topics")
    return Topic(name="", name_en="", position=max((each.position for each in own), default=0) + 1, created_at=now)


def _kept(db: Session, row: Topic, state: str, *, by: Agent, now: datetime) -> str:
    db.add(row)
    db.flush()
    emit(db, TopicChanged(topic_id=row.id or 0, state=state, by_id=by.id, at=now))
    return f"t{row.id}"


def _find(db: Session, key: str) -> Topic:
    """By the key of the report, or, for what came along and has just become the desk's own, by the one it had."""
    now = key_now(db, key)
    for row in _own(db):
        if now == f"t{row.id}":
            return row
    raise NotFound("not_found", key=key)


def _names(name: str, name_en: str) -> tuple[str, str]:
    name, name_en = (" ".join(each.split())[:NAME_MAX] for each in (name, name_en))
    if not name or not name_en:
        raise Invalid("name_missing", field="name" if not name else "name_en")
    return name, name_en


def _words(typed: str) -> list[str]:
    lines = typed.replace("、", "\n").replace(",", "\n").replace("，", "\n").splitlines()
    kept = list(dict.fromkeys(word for line in lines if (word := " ".join(line.split())[:WORD_MAX])))
    if not kept:
        raise Invalid("words_missing", field="words")
    if len(kept) > WORDS_MAX:
        raise Invalid("too_many_words", field="words")
    return kept


def _marks_of(db: Session, row: Topic) -> Sequence[TopicMark]:
    return db.exec(select(TopicMark).where(TopicMark.topic_id == row.id)).all()


def _marked(db: Session, topic_id: int | None = None) -> list[tuple[str, TopicMark]]:
    """The texts something was said of, with what was said, the newest first."""
    text = sa.func.coalesce(Answer.comment, Message.reply_text, Call.note, "")
    asked = (
        sa.select(sa.func.substr(text, 1, CUT), TopicMark)
        .select_from(TopicMark)
        .join(Answer, col(Answer.id) == TopicMark.answer_id, isouter=True)
        .join(Message, col(Message.id) == TopicMark.message_id, isouter=True)
        .join(Call, col(Call.id) == TopicMark.call_id, isouter=True)
        .order_by(col(TopicMark.at).desc(), col(TopicMark.id).desc())
        .limit(MARKS * MOST)
    )
    if topic_id is not None:
        asked = asked.where(col(TopicMark.topic_id) == topic_id)
    return [(text, mark) for text, mark in db.execute(asked) if text.strip()]


def _said(db: Session) -> dict[str, list[tuple[str, bool]]]:
    found: dict[str, list[tuple[str, bool]]] = {}
    for text, mark in _marked(db):
        found.setdefault(f"t{mark.topic_id}", []).append((text, mark.is_about))
    return found
