"""Both databases answer as plain reading does, whatever was put in, taken out and asked."""

import random
from collections.abc import Iterator

import pytest
from sqlmodel import Session

from helpdesk.search import documents, index, letters, ways
from helpdesk.search.asking import Word
from helpdesk.search.index import All_, Any_, Asked
from models.database import Database

CHANCE = random.Random(4771)
PIECES = (
    "電源",
    "返品",
    "交換",
    "東京都",
    "京都",
    "プリンター",
    "プリンタ",
    "サーバー",
    "ぷりん",
    "髙橋",
    "高橋",
    "の",
    "を",
    "が",
    "、",
    "。\n",
    " invoice ",
    " invoices ",
    " paper ",
    " jam ",
    "A-12",
    "a12",
    " 12 ",
    "x",
    "ー",
    "々",
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def text() -> str:
    """Some words in a row."""
    return "".join(CHANCE.choices(PIECES, k=CHANCE.randrange(3, 25)))


def plainly(said: str, typed: str) -> bool:
    """Whether a word stands in a text, by reading it: its runs one after the other, words as words."""
    for spelling in letters.spellings(typed):
        asked = [(term, start, end) for term, start, end in letters.terms(letters.fold(spelling))]
        runs = _runs(letters.fold(spelling))
        told = _runs(letters.fold(said))
        if not asked:
            continue
        for at in range(len(told) - len(runs) + 1):
            if all(_fits(runs, told, at, number) for number in range(len(runs))):
                return True
    return False


def _runs(folded: str) -> list[str]:
    found: list[str] = []
    end = -1
    for term, start, stop in letters.terms(folded):
        is_word = not term[0] > "\u3000"
        if is_word or start != end - 1 and start != end:
            found.append(term)
        elif stop > end:
            found[-1] += folded[end:stop]
        end = max(end, stop) if not is_word else -1
    return found


def _fits(runs: list[str], told: list[str], at: int, number: int) -> bool:
    """A run in the middle is whole; the first may be the end of one and the last the beginning."""
    here, there = runs[number], told[at + number]
    if not here[0] > "\u3000":
        return here == there
    is_first, is_last = number == 0, number == len(runs) - 1
    if is_first and is_last:
        return here in there
    return there.endswith(here) if is_first else there.startswith(here) if is_last else here == there


def put(db: Session, texts: dict[int, str]) -> None:
    """Make these the texts of the tickets with these numbers; "" for one that is gone."""
    places = {}
    for number, said in texts.items():
        terming = documents.Terming()
        terming.add(index.MAIL, said)
        first = number * index.PIECES
        places[first, first + index.PIECES - 1] = terming.documents(first) if said else {}
    index.put(db, places)


def answers(db: Session, asked: Asked) -> list[int]:
    """The tickets that fit, by number."""
    found = index.numbers(db, asked, first=0, end=index.CUSTOMERS, most=1000)
    return sorted({number // index.PIECES for number in found})


def test_the_index_answers_as_plain_reading_does(database: Database) -> None:
    texts = {number: text() for number in range(1, 41)}
    database.write_now(put, texts)
    changed = {number: text() if number % 2 else "" for number in range(1, 41, 3)}
    database.write_now(put, changed)
    texts |= changed
    for _ in range(150):
        said = CHANCE.choice([each for each in texts.values() if each])
        at = CHANCE.randrange(len(said))
        typed = [CHANCE.choice(PIECES).strip(), said[at : at + CHANCE.randrange(1, 6)].strip()]
        one, other = (tuple(ways.ways_of(Word(word), (index.MAIL,))) for word in typed)
        if not one or not other:
            continue
        wanted = {word: {n for n, each in texts.items() if each and plainly(each, word)} for word in typed}
        first, second = wanted[typed[0]], wanted[typed[1]]
        for asked, expected in (
            (Any_(other), second),
            (All_((Any_(one), Any_(other))), first & second),
            (All_((Any_(one),), (Any_(other),)), first - second),
            (Any_((*one, *other)), first | second),
        ):
            assert database.read_now(answers, asked) == sorted(expected), typed


def test_a_very_long_ticket_is_found_from_its_first_word_to_its_last(database: Database) -> None:
    said = [f"語{number}番目{chr(0x4E00 + number * 3)}{chr(0x4E01 + number * 3)}" for number in range(6000)]
    database.write_now(put, {7: "、".join(said), 8: "東京"})
    for number in (0, 1, 1500, 3333, 5998, 5999):
        pair = f"{chr(0x4E00 + number * 3)}{chr(0x4E01 + number * 3)}"
        assert database.read_now(answers, Any_(tuple(ways.ways_of(Word(pair))))) == [7], number
    assert database.read_now(answers, Any_(tuple(ways.ways_of(Word("東京"))))) == [8]


def test_what_was_taken_out_leaves_nothing_behind(database: Database) -> None:
    database.write_now(put, {1: "電源と返品", 2: "電源"})
    database.write_now(put, {1: "", 2: "交換"})
    assert database.read_now(answers, Any_(tuple(ways.ways_of(Word("電源"))))) == []
    database.write_now(index.clear)
    database.write_now(put, {1: "電源"})
    assert database.read_now(answers, Any_(tuple(ways.ways_of(Word("電源"))))) == [1]
