"""The databases' own index of words, behind one language: what is asked of it, and what is put in.

The idea: a document is four columns of terms, and a question is made of phrases. FTS5 on SQLite and tsvector under GIN
on PostgreSQL can both do exactly that, so the same question has the same answer on either; the words for it are here
and nowhere else. FTS5 keeps no text and wants to be told what it shall forget, so what went in is kept beside it.
"""

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.search import letters
from models import SearchDoc
from models.looking import ask

HEAD, MAIL, NOTE, CALL = range(4)
COLUMNS: Final = ("head", "mail", "note", "call")
"""Subject, people, files and codes; what mails say; what notes say; what agents wrote of calls."""

PIECES = 64
"""Documents a ticket may have: its number times this, and one for each piece beyond the first."""
CUSTOMERS, CALLS, END = 1 << 40, 1 << 41, 1 << 42
"""Numbers of documents: from here on customers', from here on calls'; below, tickets'."""
DIVIDER = "·"
"""Between parts of a column, so that no phrase reaches from one into the next."""

Terms = tuple[str, str, str, str]
"""A document's terms by column, divided by spaces."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Terms one after the other. `begins`: the last is only the beginning of one. `columns`: where; "" anywhere."""

    terms: tuple[str, ...]
    begins: bool = False
    columns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Any_:
    """One of these."""

    of: tuple["Asked", ...]


@dataclass(frozen=True, slots=True)
class All_:
    """All of these, and none of `but`."""

    of: tuple["Asked", ...]
    but: tuple["Asked", ...] = ()


Asked = Phrase | Any_ | All_


def _matches(is_postgresql: bool) -> str:
    return "searchword.words @@ CAST(:asked AS tsquery)" if is_postgresql else "searchword MATCH :asked"


def _number(is_postgresql: bool) -> str:
    return "id" if is_postgresql else "rowid"


def clear(db: Session) -> None:
    """Forget every document."""
    db.execute(sa.delete(SearchDoc))
    if _is_postgresql(db):
        db.execute(sa.text("DELETE FROM searchword"))
    else:
        db.execute(sa.text("INSERT INTO searchword (searchword) VALUES ('delete-all')"))


def spelled(db: Session, asked: Asked) -> str:
    """The question in the database's own language, the same for equal questions."""
    return _tsquery(asked) if _is_postgresql(db) else _fts5(asked)


def tickets(db: Session, asked: Asked, *, most: int | None = None, among: Iterable[int] | None = None) -> str:
    """The tickets that fit, by number, one for each document, in one text with commas between: all of them in no order,
    those of the newest `most` documents, or those `among` some. "" where there are none."""
    given: dict[str, Any] = {"asked": spelled(db, asked)}
    given |= {"most": most} if most is not None else {}
    given |= {"among": json.dumps(list(among))} if among is not None else {}
    statement = _tickets(_is_postgresql(db), most is not None, among is not None)
    return db.connection().execute(statement, given).scalar() or ""  # long: whoever wants it again keeps what it says


@lru_cache
def _tickets(is_postgresql: bool, is_bounded: bool, is_among: bool) -> Any:
    name = _number(is_postgresql)
    inner = f"SELECT searchword.{name} AS n FROM searchword"
    fits = f"{_matches(is_postgresql)} AND searchword.{name} < {CUSTOMERS}"
    if is_among:  # CROSS JOIN: SQLite is to take them in this order
        given = "json_array_elements_text(CAST(:among AS json))" if is_postgresql else "json_each(:among)"
        first = f"CAST(one.value AS bigint) * {PIECES}"
        inner = (
            f"SELECT doc.id AS n FROM {given} AS one CROSS JOIN searchdoc AS doc CROSS JOIN searchword"
            f" WHERE doc.id BETWEEN {first} AND {first} + {PIECES - 1} AND searchword.{name} = doc.id AND {fits}"
        )
    elif is_bounded and is_postgresql:  # all of them first: walking down the numbers would read what does not fit
        inner = f"WITH fit AS MATERIALIZED ({inner} WHERE {fits}) SELECT n FROM fit ORDER BY n DESC LIMIT :most"
    elif is_bounded:
        inner += f" WHERE {fits} ORDER BY {name} DESC LIMIT :most"
    else:
        inner += f" WHERE {fits}"
    joined = "string_agg(CAST(n / {0} AS text), ',')" if is_postgresql else "group_concat(n / {0})"
    text = f"SELECT {joined.format(PIECES)} AS ids FROM ({inner}) AS hit"
    return sa.text(text).columns(sa.column("ids", sa.String))


def numbers(db: Session, asked: Asked, *, first: int, end: int, most: int) -> list[int]:
    """The documents numbered from `first` to before `end` that fit, the highest first."""
    asked_for = spelled(db, asked)
    found = ask(db, _numbers(_is_postgresql(db)), asked=asked_for, first=first, end=end, most=most)
    return [row[0] for row in found]


@lru_cache
def _numbers(is_postgresql: bool) -> Any:
    name = _number(is_postgresql)
    return sa.text(
        f"SELECT {name} AS n FROM searchword WHERE {_matches(is_postgresql)} AND {name} >= :first AND {name} < :end"
        f" ORDER BY {name} DESC LIMIT :most"
    ).columns(sa.column("n", sa.BigInteger))


def put(db: Session, places: dict[tuple[int, int], dict[int, Terms]]) -> None:
    """Make what is kept in each place exactly these documents."""
    if not places:
        return
    kept = _kept(db, places)
    wanted = {key: terms for documents in places.values() for key, terms in documents.items()}
    digests = {key: _digest(terms) for key, terms in wanted.items()}
    gone = [key for key, row in kept.items() if digests.get(key) != row.digest]
    come = [key for key in wanted if key not in kept or key in gone]
    if gone:
        if _is_postgresql(db):
            db.execute(_PG_DELETE, [{"id": key} for key in gone])
        else:
            db.execute(_FTS_DELETE, [{"id": key} | _named(_unpacked(kept[key].words)) for key in gone])
        db.execute(sa.delete(SearchDoc).where(col(SearchDoc.id).in_(gone)))
    if come:
        if _is_postgresql(db):
            db.execute(_PG_INSERT, [{"id": key, "words": _tsvector(wanted[key])} for key in come])
        else:
            db.execute(_FTS_INSERT, [{"id": key} | _named(wanted[key]) for key in come])
        packed = b"" if _is_postgresql(db) else None
        db.execute(_DOC_INSERT, [
            {"id": key, "digest": digests[key], "words": _packed(wanted[key]) if packed is None else packed}
            for key in come
        ])  # fmt: skip


def _kept(db: Session, places: Iterable[tuple[int, int]]) -> dict[int, Any]:
    """What is kept in these places. The documents of a place follow its first without a gap, and most have only one."""
    asked = [key for first, last in places for key in range(first, min(first + 1, last) + 1)]
    kept = {row.id: row for row in db.connection().execute(_DOCS, {"ids": asked})}
    for first, last in places:
        if last > first + 1 and first + 1 in kept:
            more = _DOC_COLUMNS.where(col(SearchDoc.id).between(first + 2, last))
            kept |= {row.id: row for row in db.connection().execute(more)}
    return kept


_DOC_COLUMNS = sa.select(col(SearchDoc.id), col(SearchDoc.digest), col(SearchDoc.words))
_DOCS = _DOC_COLUMNS.where(col(SearchDoc.id).in_(sa.bindparam("ids", expanding=True)))
_DOC_INSERT = sa.insert(SearchDoc)
_FTS_INSERT = sa.text("INSERT INTO searchword (rowid, head, mail, note, call) VALUES (:id, :head, :mail, :note, :call)")
_FTS_DELETE = sa.text(
    "INSERT INTO searchword (searchword, rowid, head, mail, note, call)"
    " VALUES ('delete', :id, :head, :mail, :note, :call)"
)
_PG_INSERT = sa.text("INSERT INTO searchword (id, words) VALUES (:id, CAST(:words AS tsvector))")
_PG_DELETE = sa.text("DELETE FROM searchword WHERE id = :id")


def _named(terms: Sequence[str]) -> dict[str, str]:
    return dict(zip(COLUMNS, terms, strict=True))


def _digest(terms: Terms) -> bytes:
    return hashlib.blake2b("\n".join(terms).encode(), digest_size=12, salt=bytes([letters.VERSION])).digest()


def _packed(terms: Terms) -> bytes:
    return zlib.compress("\n".join(terms).encode(), 1)


def _unpacked(words: bytes) -> list[str]:
    return zlib.decompress(words).decode().split("\n")


_WEIGHTS: Final = "ABCD"
_FAR = 16383  # the last place a tsvector knows


def _tsvector(terms: Terms) -> str:
    """Terms with their places and columns, as PostgreSQL writes them. A phrase is looked for among the first 256
    places of a term."""
    places: dict[str, list[str]] = defaultdict(list)
    at = 1
    for weight, column in zip(_WEIGHTS, terms, strict=True):
        for term in column.split():
            at += 1
            if term != DIVIDER:
                places[term].append(f"{min(at, _FAR)}{weight}")
        at += 1
    return " ".join(f"'{term}':{','.join(found[:256])}" for term, found in places.items())


def _fts5(asked: Asked) -> str:
    if isinstance(asked, Phrase):
        text = '"' + " ".join(asked.terms) + '"' + ("*" if asked.begins else "")
        return f"{{{' '.join(COLUMNS[column] for column in asked.columns)}}} : {text}" if asked.columns else text
    if isinstance(asked, Any_):
        return "(" + " OR ".join(map(_fts5, asked.of)) + ")"
    text = " AND ".join(map(_fts5, asked.of))
    return "(" + f"({text})" + "".join(f" NOT {_fts5(each)}" for each in asked.but) + ")"


def _tsquery(asked: Asked) -> str:
    if isinstance(asked, Phrase):
        weights = "".join(_WEIGHTS[column] for column in asked.columns)
        last = len(asked.terms) - 1
        words = []
        for place, term in enumerate(asked.terms):
            mark = ("*" if asked.begins and place == last else "") + weights
            words.append(f"'{term}'" + (f":{mark}" if mark else ""))
        return f"({' <-> '.join(words)})" if last else words[0]
    if isinstance(asked, Any_):
        return "(" + " | ".join(map(_tsquery, asked.of)) + ")"
    return "(" + " & ".join([*map(_tsquery, asked.of), *(f"!{_tsquery(each)}" for each in asked.but)]) + ")"


def _is_postgresql(db: Session) -> bool:
    return db.get_bind().dialect.name == "postgresql"
