"""How long a search takes: among 1,000 tickets and among 10,000 with 200,000 mails, for words of every kind.

Texts are made of words whose frequency falls as in any language (Zipf: that of rank r in a share of 1 / r), joined by
what stands between Japanese words, so a pair of characters is as common as one is. The first tickets' index is built
as the desk builds it beside its work; the others lend their mails and their documents from these. What fits a question
is kept (see helpdesk/search/sets.py), so each is timed again and again, and as `first` with nothing kept. The floor is
to count, in the same database, tickets whose subject holds the word (`LIKE`).
"""

import random
import sqlite3
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from sqlmodel import Session, select

from helpdesk import agents, queues
from helpdesk.commands.opening import prepare
from helpdesk.search import asking, finding, index, keeping
from models import Agent, Role
from models.database import Database
from tests.bench.figures import percentile, say, tell

SIZES = (1_000, 10_000)
MAILS = 20
"""Mails of a ticket, of some hundred characters each."""
OWN = 2_000
"""Tickets with mails of their own."""
JOINTS = ("が", "を", "に", "は", "の", "で", "と", "から", "について", "ません。", "ました。", "です。", "ください。")
NEAR = 1.3
"""How much slower more tickets may make a search."""


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Print p50 and p95 of each kind of search at both sizes, the size of the index and how fast it is made."""
    at_sizes(folder, (200, 2_000) if quick else SIZES, quick=quick)


def at_sizes(folder: Path, sizes: Sequence[int], *, quick: bool) -> None:
    """The same for these numbers of tickets, the smallest first."""
    took: dict[str, list[float]] = {}
    for count in sizes:
        database = Database(f"sqlite:///{folder / f'search-{count}.db'}")
        _measure(database, folder / f"search-{count}.db", count, took, quick)
        database.close()


def _measure(database: Database, path: Path, count: int, took: dict[str, list[float]], quick: bool) -> None:
    prepare(database)
    queue_ids = [queue.id or 0 for queue in database.write_now(queues.make_defaults)]
    database.write_now(_people, queue_ids)
    say(f"making {count:,} tickets with {count * MAILS:,} mails ...")
    own = min(count, OWN)
    words = _fill(path, own, queue_ids)
    worked = time.process_time()
    keeping.catch_up(database)
    worked = time.process_time() - worked
    tell("search_built", own * MAILS / worked, "mails/s of one processor", floor=1000, higher_is_better=True,
         tickets=own)  # fmt: skip
    began = time.monotonic()
    sizes = _lend(path, own, count)
    say(f"  made in {time.monotonic() - began:.0f} s")
    tell("search_size", sizes[1] / 1e6, "MB", floor=sizes[0] / 1e6, tickets=count)
    for kind, typed in words.items():
        for who in ("supervisor", "agent"):
            first = database.read_now(_search, typed, who, 5 if quick else 15, is_new=True)[1]
            total, times, floor = database.read_now(_search, typed, who, 10 if quick else 40)
            middle = percentile(times, 0.5)
            name = f"search_{kind}_{who}"
            near = took.setdefault(name, [middle])[0]
            tell(f"{name}_p50", middle, "ms", floor=floor, bar="value <= 10" if kind in ("common", "english") else "",
                 tickets=count, found=total, times_small=middle / near)  # fmt: skip
            tell(f"{name}_p95", percentile(times, 0.95), "ms", floor=floor, bar="value < 100", tickets=count)
            tell(f"{name}_first_p50", percentile(first, 0.5), "ms", floor=floor, tickets=count)


def _people(db: Session, queue_ids: list[int]) -> None:
    now = datetime.now(UTC)
    for name, role, served in (("supervisor", Role.SUPERVISOR, []), ("agent", Role.AGENT, queue_ids[:1])):
        agents.create(db, name=name, email=f"{name}@example.jp", password="correct horse battery", role=role,
                      queue_ids=served, now=now)  # fmt: skip


def _search(
    db: Session, typed: str, who: str, times: int, *, is_new: bool = False
) -> tuple[str, list[float], float]:  # fmt: skip
    """What is found, milliseconds of the processor of each search, and of the floor. `is_new`: as if nobody had asked
    for this word since something was said."""
    agent = db.exec(select(Agent).where(Agent.name == who)).one()
    now, took, floor, found = datetime.now(UTC), [], [], None
    for _ in range(times):
        if is_new:
            db.info["kept"].pop("fitting", None)
        began = time.thread_time()
        query = asking.read(typed, timezone="Asia/Tokyo", now=now)
        found = finding.find(db, agent, query, region="JP", now=now)
        took.append((time.thread_time() - began) * 1000)
        db.expunge_all()
        agent = db.exec(select(Agent).where(Agent.name == who)).one()
    for _ in range(3):
        began = time.thread_time()
        db.connection().exec_driver_sql("SELECT count(*) FROM ticket WHERE subject LIKE ?", (f"%{typed}%",)).scalar()
        floor.append((time.thread_time() - began) * 1000)
    assert found is not None
    return f"{'more than ' if found.is_more else ''}{found.total}", took, min(floor)


def _fill(path: Path, count: int, queue_ids: list[int]) -> dict[str, str]:
    """Returns what to search for, by kind."""
    chance = random.Random(20261121)
    kana = [chr(code) for code in range(0x30A2, 0x30ED) if chr(code) not in "ァィゥェォッャュョヮヵヶ"]
    kanji = [chr(0x4E00 + chance.randrange(6000)) for _ in range(900)]
    words = list(dict.fromkeys(
        ["".join(chance.choices(kanji, k=2)) for _ in range(3000)]
        + ["".join(chance.choices(kana, k=chance.randrange(3, 7))) for _ in range(1500)]
        + ["".join(chance.choices("abcdefghiklmnoprstuvw", k=chance.randrange(4, 9))) for _ in range(1500)]
    ))  # fmt: skip
    chance.shuffle(words)
    weights = list(accumulate(1 / (rank + 10) for rank in range(len(words))))
    texts = [
        "".join(f" {word} " if word.isascii() else word + chance.choice(JOINTS)
                for word in chance.choices(words, cum_weights=weights, k=22))
        for _ in range(20_000)
    ]  # fmt: skip
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=OFF", "cache_size=-200000", "foreign_keys=OFF"):
        raw.execute(f"PRAGMA {pragma}")
    at = datetime.now(UTC) - timedelta(days=700)
    raw.execute("BEGIN")
    for first in range(1, count + 1, 500):
        ids = range(first, min(first + 500, count + 1))
        day = {n: f"{at + timedelta(minutes=20 * n):%Y-%m-%d %H:%M:%S.%f}" for n in ids}
        raw.executemany(_TICKET, [
            (n, chance.choice(texts)[:24], queue_ids[n % len(queue_ids)], str(n), day[n], day[n]) for n in ids
        ])  # fmt: skip
        raw.executemany(_MAIL, [
            (n, f"客 {n % 5000}", f"customer-{n % 5000}@example.jp", *[chance.choice(texts)] * 2, day[n])
            for n in ids for _ in range(MAILS)
        ])  # fmt: skip
    raw.execute("COMMIT")
    raw.execute("ANALYZE")
    raw.close()
    pairs = [word for word in words if len(word) == 2 and not word.isascii()]
    latin = [word for word in words if word.isascii()]
    long = next(word for word in words if len(word) == 5 and not word.isascii())
    return {"common": pairs[2], "middling": pairs[40], "rare": pairs[-1], "one": pairs[30][0], "english": latin[2],
            "english_rare": latin[-1], "phrase": long, "two": f"{pairs[2]} {pairs[60]}",
            "without": f"{pairs[2]} -{pairs[3]}", "open": f"{pairs[2]} is:open", "nowhere": "存在せぬ語"}  # fmt: skip


def _lend(path: Path, own: int, count: int) -> tuple[int, int]:
    """Give every ticket above the first `own` the mails and documents of one of these. Returns bytes of texts, and of
    the index with what is kept beside it."""
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
        raw.execute(f"PRAGMA {pragma}")
    kept = raw.execute("SELECT id, digest, words FROM searchdoc WHERE id < ?", (index.CUSTOMERS,)).fetchall()
    names = {table: ", ".join(f'"{row[1]}"' for row in raw.execute(f"PRAGMA table_info({table})") if row[1] != "id")
             for table in ("ticket", "message")}  # fmt: skip
    for first in range(own, count, own):
        raw.execute("BEGIN")
        raw.execute(f"INSERT INTO ticket (id, {names['ticket']}) SELECT id + ?, {names['ticket']} FROM ticket"
                    " WHERE id BETWEEN 1 AND ?", (first, own))  # fmt: skip
        columns = names["message"].replace('"ticket_id", ', "")
        raw.execute(f"INSERT INTO message (ticket_id, {columns}) SELECT ticket_id + ?, {columns} FROM message"
                    " WHERE ticket_id BETWEEN 1 AND ?", (first, own))  # fmt: skip
        raw.execute("UPDATE ticket SET created_at = datetime(created_at, ?) || '.000000', last_contact_at ="
                    " datetime(last_contact_at, ?) || '.000000' WHERE id > ?",
                    (f"+{first // own} hours", f"+{first // own} hours", first))  # fmt: skip
        more = [(number + first * index.PIECES, digest, words) for number, digest, words in kept]
        raw.executemany("INSERT INTO searchdoc (id, digest, words) VALUES (?, ?, ?)", more)
        raw.executemany(
            "INSERT INTO searchword (rowid, head, mail, note, call) VALUES (?, ?, ?, ?, ?)",
            ((number, *zlib.decompress(words).decode().split("\n")) for number, _, words in more),
        )
        raw.execute("COMMIT")
    raw.execute("ANALYZE")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    texts = raw.execute("SELECT sum(length(CAST(text AS BLOB))) FROM message").fetchone()[0]
    beside = raw.execute("SELECT sum(length(words)) FROM searchdoc").fetchone()[0]
    inside = raw.execute("SELECT sum(length(block)) FROM searchword_data").fetchone()[0]
    raw.close()
    return texts, beside + inside


_TICKET = (
    "INSERT INTO ticket (id, subject, state, channel, queue_id, language, routed_by, snippet, awaits_us, token,"
    " priority, is_urgent, sentiment, due_kind, created_at, last_contact_at)"
    " VALUES (?, ?, 'open', 'mail', ?, 'ja', '', '', 1, ?, 2, 0, '', '', ?, ?)"
)
_MAIL = (
    'INSERT INTO message (ticket_id, direction, state, kind, internet_id, in_reply_to, "references", sender_name,'
    ' sender_address, header_from, reply_to, "to", cc, bcc, subject, text, reply_text, quoted_text, signature, html,'
    " is_automatic, is_from_stranger, problems, error, undoes, created_at)"
    " VALUES (?, 'in', 'received', 'mail', '', '', '[]', ?, ?, '', '', '[\"support@example.jp\"]', '[]', '[]', '', ?,"
    " ?, '', '', '', 0, 0, '[]', '', '{}', ?)"
)
