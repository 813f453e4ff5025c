"""Similar solved tickets among a million: how long one search takes, and what keeping a ticket costs.

The cases are made by SQL: of some hundred real texts each lends its neighborhoods to every so-many-th case, and words
stand in as many cases as words do (Zipf: that of rank r in a share of 1 / r), fourteen a case in all. The floor is a
row found by its primary key.
"""

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from classifiers import cases as meanings
from classifiers import corpus_rows
from helpdesk import cases, queues, similar
from helpdesk.commands.opening import prepare
from models import SolvedCase
from models.database import Database
from tests.bench.figures import percentile, say, tell

WORDS = 30_000


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell the milliseconds of a search, and of keeping one more."""
    count = customers
    made = meanings.shipped()
    texts = _texts(made)
    database = Database(f"sqlite:///{folder / 'similar.db'}")
    prepare(database)
    queue_id = database.write_now(queues.make_defaults)[0].id or 0
    say(f"making {count:,} solved cases ...")
    began = time.monotonic()
    _fill(folder / "similar.db", count, made, texts, queue_id)
    say(f"  made in {time.monotonic() - began:.0f} s, {(folder / 'similar.db').stat().st_size / 1e6:.0f} MB")
    looks = texts[: 100 if quick else 400]
    took, busy, found, floor = database.read_now(_search, made, looks, count)
    tell("similar_p50", percentile(took, 0.5), "ms", floor=percentile(floor, 0.5), cases=count, shown=found,
         processor=percentile(busy, 0.5))  # fmt: skip
    tell("similar_p99", percentile(took, 0.99), "ms", floor=percentile(floor, 0.99), bar="value < 10", cases=count,
         processor=percentile(busy, 0.99))  # fmt: skip
    kept = [_keep(database, made, texts[number], count + 1 + number) for number in range(100)]
    tell("case_kept_p50", percentile(kept, 0.5), "ms", floor=percentile(floor, 0.5), cases=count)
    database.close()


def _texts(made: meanings.Cases) -> list[str]:
    rows = [row for path in sorted(corpus_rows.CORPUS.glob("ja_*.jsonl")) for row in corpus_rows.rows(path)]
    return [row["text"] for row in rows[::4] if made.gist(row["text"]).meaning]


def _search(
    db: Session, made: meanings.Cases, texts: list[str], count: int
) -> tuple[list[float], list[float], int, list[float]]:
    """Milliseconds of each search and of the processor in it, how many were shown, milliseconds of a row by key."""
    took, busy, floor, shown = [], [], [], 0
    for number, text in enumerate(texts):
        began, worked = time.perf_counter(), time.thread_time()
        gist = made.gist(text)
        near = similar.nearest(db, made, gist, but=0, seen=sa.true())
        took.append((time.perf_counter() - began) * 1000)
        busy.append((time.thread_time() - worked) * 1000)
        shown += len(near)
        db.expunge_all()
        began = time.perf_counter()
        db.execute(sa.select(SolvedCase).where(SolvedCase.ticket_id == 1 + number * 7919 % count)).scalar_one()  # type: ignore[arg-type]
        floor.append((time.perf_counter() - began) * 1000)
        db.expunge_all()
    return took, busy, shown, floor


def _keep(database: Database, made: meanings.Cases, text: str, ticket_id: int) -> float:
    """Milliseconds in which one more ticket becomes a case, its text given."""
    began = time.perf_counter()
    gist = made.gist(text)
    told = cases.Told(ticket_id, cases.Inquiry("", text), None)
    mark = database.read_now(cases.position, made.version)
    batch = cases.Batch(mark, mark, mark, [told])
    assert database.write_now(cases.keep, batch, [gist], version=made.version, now=datetime.now(UTC))
    return (time.perf_counter() - began) * 1000


def _fill(path: Path, count: int, made: meanings.Cases, texts: list[str], queue_id: int) -> None:
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
        raw.execute(f"PRAGMA {pragma}")
    gists = [made.gist(text) for text in texts]
    words = list(dict.fromkeys(term.key for gist in gists for term in gist.terms))[:WORDS]
    raw.execute("CREATE TEMP TABLE word (key INTEGER PRIMARY KEY, rank, count)")
    share = meanings.WORDS_KEPT / sum(1 / (rank + 1) for rank in range(len(words)))
    counts = [max(2, int(count * min(0.3, share / (rank + 1)))) for rank in range(len(words))]
    raw.executemany("INSERT INTO word VALUES (?, ?, ?)", [(key, n, counts[n]) for n, key in enumerate(words)])
    raw.execute("CREATE TEMP TABLE told (id INTEGER PRIMARY KEY, meaning, keys)")
    rows = [(n, gist.meaning, meanings.packed(gist.keys)) for n, gist in enumerate(gists)]
    raw.executemany("INSERT INTO told VALUES (?, ?, ?)", rows)
    raw.execute("CREATE TEMP TABLE place (key, told, PRIMARY KEY (key, told)) WITHOUT ROWID")
    raw.executemany("INSERT INTO place VALUES (?, ?)", [(key, n) for n, g in enumerate(gists) for key in g.places])
    raw.execute("CREATE TEMP TABLE number (i INTEGER PRIMARY KEY)")
    raw.execute(f"INSERT INTO number {_NUMBERS} SELECT i - 1 FROM upto", {"n": count + 101})
    given = {
        "n": count, "texts": len(texts), "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}", "queue": queue_id,
        "version": made.version,
    }  # fmt: skip
    raw.execute("BEGIN")
    indexes = raw.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = 'ticket'"
    ).fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    for statement in _MADE:
        raw.execute(statement, given)
    for _, sql in indexes:
        raw.execute(sql)
    raw.execute("COMMIT")
    raw.close()


_NUMBERS = "WITH RECURSIVE upto(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM upto WHERE i < :n)"
_MADE = (
    # Some more than there are cases: they become ones when the search was measured.
    "INSERT INTO ticket (id, subject, state, channel, queue_id, language, routed_by, snippet, awaits_us, token,"
    " created_at, last_contact_at, resolved_at) SELECT i, 'x', 'resolved', 'mail', :queue, 'ja', '', '', 0,"
    " printf('%020d', i), :at, :at, :at FROM number WHERE i BETWEEN 1 AND :n + 100",
    # In the order of keys and tickets, so that the table grows at its end.
    "INSERT INTO casekey (key, ticket_id) SELECT w.key, 1 + w.rank * 7919 % (:n / w.count) + s.i * (:n / w.count)"
    " FROM word w CROSS JOIN number s WHERE s.i < w.count ORDER BY w.key",
    "INSERT INTO casekey (key, ticket_id) SELECT p.key, 1 + k.i * :texts + t.told"
    " FROM (SELECT DISTINCT key FROM place ORDER BY key) p CROSS JOIN number k CROSS JOIN place t"
    " WHERE k.i <= :n / :texts AND t.key = p.key AND 1 + k.i * :texts + t.told <= :n",
    "INSERT INTO keycount (key, cases) SELECT key, count(*) FROM casekey GROUP BY key",
    "INSERT INTO keycount (key, cases) VALUES (0, :n)",
    "INSERT INTO solvedcase (ticket_id, language, keys, meaning, version, kept_at)"
    " SELECT n.i, 'ja', t.keys, t.meaning, :version, :at"
    " FROM number n CROSS JOIN told t WHERE n.i BETWEEN 1 AND :n AND t.id = (n.i - 1) % :texts",
)
