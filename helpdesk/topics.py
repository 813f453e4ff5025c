"""The topics that comments and mails are read for, as a desk words them.

The idea: a desk begins with topics that came along; the first change makes all of them its own, and what came along is
not looked at again. To merge two is to move the words of one to the other and let it rest; to split one, the reverse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from classifiers import themes
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import TopicChanged, emit
from models import Agent, Topic

NAME_MAX = 60
WORDS_MAX = 200
WORD_MAX = 40
MOST = 60


@dataclass(frozen=True, slots=True)
class Shown:
    """A topic; `key` is what the report calls it."""

    key: str
    name: str
    name_en: str
    words: tuple[str, ...]
    is_active: bool = True

    def called(self, language: str) -> str:
        """Its name in one language."""
        return self.name_en if language == "en" else self.name


def listed(db: Session) -> list[Shown]:
    """All of them in order, those that rest included."""
    if own := _own(db):
        return [Shown(f"t{row.id}", row.name, row.name_en, tuple(row.words), row.is_active) for row in own]
    return [Shown(each.key, each.name, each.name_en, each.words) for each in themes.shipped()]


def looked_for(db: Session, *, language: str) -> dict[str, tuple[str, Sequence[str]]]:
    """What texts are read for: key -> name, words."""
    return {each.key: (each.called(language), each.words) for each in listed(db) if each.is_active}


def save(db: Session, key: str, *, name: str, name_en: str, words: str, by: Agent, now: datetime) -> str:
    """Make a topic (`key` "") or change one; `words` stand on lines of their own or between commas. Returns its key.

    Raises `Invalid` with the field, and `NotFound`.
    """
    name, name_en = (" ".join(each.split())[:NAME_MAX] for each in (name, name_en))
    if not name or not name_en:
        raise Invalid("name_missing", field="name" if not name else "name_en")
    typed = words.replace("、", "\n").replace(",", "\n").replace("，", "\n").splitlines()
    kept = list(dict.fromkeys(word for line in typed if (word := " ".join(line.split())[:WORD_MAX])))
    if not kept:
        raise Invalid("words_missing", field="words")
    if len(kept) > WORDS_MAX:
        raise Invalid("too_many_words", field="words")
    _adopt(db, now=now)
    if key:
        row = _find(db, key)
    else:
        own = _own(db)
        if len(own) >= MOST:
            raise Conflict("too_many_topics")
        row = Topic(name=name, name_en=name_en, position=max((each.position for each in own), default=0) + 1,
                    created_at=now)  # fmt: skip
    row.name, row.name_en, row.words = name, name_en, kept
    db.add(row)
    db.flush()
    emit(db, TopicChanged(topic_id=row.id or 0, state="changed" if key else "made", by_id=by.id, at=now))
    return f"t{row.id}"


def switch(db: Session, key: str, is_on: bool, *, by: Agent, now: datetime) -> None:
    """Read texts for it, or let it rest. The same again changes nothing. Raises `NotFound`."""
    _adopt(db, now=now)
    row = _find(db, key)
    if row.is_active != is_on:
        row.is_active = is_on
        emit(db, TopicChanged(topic_id=row.id or 0, state="on" if is_on else "off", by_id=by.id, at=now))


def _own(db: Session) -> Sequence[Topic]:
    return db.exec(select(Topic).order_by(col(Topic.position), col(Topic.id))).all()


def _adopt(db: Session, *, now: datetime) -> None:
    """What came along becomes the desk's own."""
    if not _own(db):
        for position, each in enumerate(themes.shipped()):
            row = Topic(name=each.name, name_en=each.name_en, words=list(each.words), position=position, created_at=now)
            db.add(row)
        db.flush()


def _find(db: Session, key: str) -> Topic:
    """By the key of the report, or, for what came along and has just become the desk's own, by the one it had."""
    own = _own(db)
    begun = {each.key: place for place, each in enumerate(themes.shipped())}
    for row in own:
        if key == f"t{row.id}" or (key in begun and row.position == begun[key]):
            return row
    raise NotFound("not_found", key=key)
