"""The ways in which a word may stand in what is kept: as written, as a number, as somebody's name.

The idea: whoever types a word means one thing and the desk holds it in many forms. So a word becomes a choice of
phrases: its spellings, the same number however it is divided, and the customers it names, by whom their tickets are
found.
"""

from dataclasses import dataclass, field
from typing import Final

from sqlmodel import Session

from helpdesk.customers import contact_points
from helpdesk.search import documents, index, letters
from helpdesk.search.asking import Query, Word
from helpdesk.search.index import Any_, Asked, Phrase

NAMED: Final = 100
"""Customers a word may name; their tickets are found by it too."""


@dataclass(slots=True)
class Wish:
    """What must stand there and what must not, the words to mark, and the customers they name."""

    wanted: list[Asked] = field(default_factory=list)
    but: list[Asked] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    named: set[int] = field(default_factory=set)


def wish_of(db: Session, query: Query, columns: tuple[int, ...], *, unfinished: bool = False) -> Wish:
    """What a query asks of the index, in these columns or in all. `unfinished`: its last word is still being typed."""
    wish = Wish()
    for word in query.words:
        is_last = unfinished and word is query.words[-1]
        ways = ways_of(word, columns, is_last=is_last)
        if not columns and word.where != "to":
            named = customers_named(db, word, NAMED)
            wish.named.update(named)
            ways += [Phrase((f"{documents.WHOSE}{each}",), columns=(index.HEAD,)) for each in named]
        if not ways:
            if word.where and not word.but:
                wish.wanted.append(Phrase((documents.WHOSE + "nobody",)))
            continue
        (wish.but if word.but else wish.wanted).append(ways[0] if len(ways) == 1 else Any_(tuple(ways)))
        if not word.but:
            wish.marks.append(word.text)
    for condition in query.conditions:
        if condition.name == "has":
            (wish.but if condition.but else wish.wanted).append(Phrase((documents.FILE,), columns=(index.HEAD,)))
    return wish


def ways_of(word: Word, columns: tuple[int, ...] = (), *, is_last: bool = False) -> list[Asked]:
    """The ways in which a word may stand in what is kept."""
    before = {"from": documents.FROM, "to": documents.TO}.get(word.where, "")
    ways: list[Asked] = []
    if word.where in ("", "from", "to"):
        for spelling in letters.spellings(word.text):
            if phrase := _phrase(spelling, before, (index.HEAD,) if before else columns, is_last=is_last):
                ways.append(phrase)
    if word.where in ("", "number") and not (columns and index.HEAD not in columns):
        folded = letters.fold(word.text)
        joined = "".join(filter(str.isalnum, folded))
        if len(joined) >= 4 and joined.isascii() and any(map(str.isdigit, joined)):
            whole = [code for code in documents.codes(word.text) if code.startswith(documents.CODE)]
            told = dict.fromkeys([*whole, documents.CODE + joined[: letters.LONGEST_TERM]])
            told |= {documents.TAIL + joined: None} if len(joined) == 4 and joined.isdigit() else {}
            ways += [Phrase((term,), columns=(index.HEAD,)) for term in told]
        if len(joined) >= 4 or word.where == "number":
            if joined and joined.isascii() and any(map(str.isdigit, joined)):
                ways.append(Phrase((letters.stem(joined),), columns=columns))
    return list(dict.fromkeys(ways))


def _phrase(text: str, before: str, columns: tuple[int, ...], *, is_last: bool) -> Phrase | None:
    found = list(letters.terms(letters.fold(text)))
    begins = False
    if len(found) > 1 and found[-1][1] == found[-2][1] + 1 and found[-1][2] == found[-2][2]:
        found.pop()  # the last character alone: it is in the pair before
    elif found and len(found[-1][0]) == 1 and found[-1][0] > "\u3000":
        begins = bool(before) or len(found) > 1
    elif found and is_last and len(found[-1][0]) >= 3 and found[-1][0].isascii():
        begins = True
    terms = tuple(before + term for term, _, _ in found)
    if begins and is_last and not before and len(terms) == 1:
        # A word that is still being typed may be cut where its plural begins.
        return Phrase((letters.fold(text)[found[-1][1] : found[-1][2]][: letters.LONGEST_TERM],), True, columns)
    return Phrase(terms, begins, columns) if terms else None


def ways_to_name(word: Word) -> list[Asked]:
    """The ways in which a word may stand in a customer's record."""
    ways = ways_of(Word(word.text))
    for key in (contact_points.name_key(word.text), *contact_points.reading_keys(word.text)):
        if key and (phrase := _phrase(key, documents.KEY, (index.HEAD,), is_last=False)):
            ways.append(Phrase((documents.KEY, *phrase.terms), phrase.begins, phrase.columns))
    return list(dict.fromkeys(ways))


def customers_named(db: Session, word: Word, most: int) -> list[int]:
    """The customers a word names, newest first."""
    ways = ways_to_name(word)
    if not ways or word.but and not word.where:
        return []
    if word.where == "":
        ways = [Phrase(way.terms, way.begins, (index.HEAD,)) for way in ways if isinstance(way, Phrase)]
    found = index.numbers(db, Any_(tuple(ways)), first=index.CUSTOMERS, end=index.CALLS, most=most)
    return [number - index.CUSTOMERS for number in found]
