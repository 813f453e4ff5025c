"""The company of the benchmark: a million customers, and the agents who wait for their calls.

The customers are made once, by bulk SQL, into a file under `.cache/`, which every run copies. All are invented: their
numbers lie in a block of 0800 that is not in use, their addresses at example.jp.
"""

import hashlib
import shutil
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from helpdesk import agents, queues
from helpdesk.commands.opening import prepare
from helpdesk.customers import contact_points
from models import Agent, Membership, Presence
from models.database import Database
from tests.bench.figures import say
from tests.bench.servers import ROOT

GENERATION = 1  # raise it when what is made below changes
CACHE = ROOT / ".cache" / "bench"
TEAMS = {"tech_support": 1, "returns": 5, "billing": 200}
"""How many agents serve a queue; nobody serves two."""
PHONES = {"tech_support": "+81312345671", "returns": "+81312345672", "billing": "+81312345673"}
ADDRESSES = {"returns": "returns@example.com"}

FAMILY = (
    "佐藤 さとう", "鈴木 すずき", "高橋 たかはし", "田中 たなか", "渡辺 わたなべ", "伊藤 いとう", "山本 やまもと",
    "中村 なかむら", "小林 こばやし", "加藤 かとう", "吉田 よしだ", "山田 やまだ", "髙木 たかぎ", "斎藤 さいとう",
)  # fmt: skip
GIVEN = (
    "花子 はなこ", "太郎 たろう", "美咲 みさき", "健 けん", "陽子 ようこ", "大輔 だいすけ", "直美 なおみ",
    "翔太 しょうた", "由美 ゆみ", "誠 まこと", "恵 めぐみ", "学 まなぶ", "さくら さくら", "隆 たかし",
)  # fmt: skip


def phone_of(number: int) -> str:
    """The telephone of customer `number`, E.164."""
    return f"+81800{number:07}"


def address_of(number: int) -> str:
    """The mail address of customer `number`."""
    return f"customer-{number:07}@example.jp"


def open_for_business(data: Path, *, customers: int) -> dict[str, list[str]]:
    """Lay a fresh copy of the company into `data`. Returns the login tokens of each queue's agents, all ready."""
    data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(customers), data / "desk.db")
    database = Database(f"sqlite:///{data / 'desk.db'}")
    try:
        return database.write_now(_hire, now=datetime.now(UTC))
    finally:
        database.close()


def _hire(db: Session, *, now: datetime) -> dict[str, list[str]]:
    tokens: dict[str, list[str]] = {}
    for queue in queues.make_defaults(db):
        queue.phone, queue.address = PHONES.get(queue.slug), ADDRESSES.get(queue.slug)
        tokens[queue.slug] = []
        for number in range(TEAMS.get(queue.slug, 0)):
            agent = Agent(
                name=f"担当 {number}", email=f"{queue.slug}-{number}@example.jp", language=("ja", "en")[number % 2],
                phone=f"client:{queue.slug}_{number}", created_at=now,
            )  # fmt: skip
            db.add(agent)
            db.flush()
            db.add(Membership(queue_id=queue.id, agent_id=agent.id))
            tokens[queue.slug].append(agents.sign_in(db, agent, hours=24, now=now))
            agents.set_state(db, agent.id or 0, Presence.READY, now=now)
    return tokens


def _template(customers: int) -> Path:
    """The file with that many customers; made when it is not there, or of another schema."""
    digest = hashlib.sha256(f"{GENERATION} {customers}".encode())
    for version in sorted((ROOT / "models" / "migrations" / "versions").glob("*.py")):
        digest.update(version.read_bytes())
    path = CACHE / f"company-{customers}-{digest.hexdigest()[:12]}.db"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"company-{customers}-*"):
            old.unlink()
        say(f"making {customers:,} customers, once ...")
        began = time.monotonic()
        unfinished = path.with_suffix(".db-unfinished")
        _make(unfinished, customers)
        unfinished.rename(path)
        say(f"  made in {time.monotonic() - began:.0f} s, {path.stat().st_size / 1e6:.0f} MB")
    return path


def _make(path: Path, customers: int) -> None:
    database = Database(f"sqlite:///{path}")
    prepare(database)
    queue_ids = [queue.id for queue in database.write_now(queues.make_defaults)]
    database.close()
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=OFF", "cache_size=-200000", "temp_store=MEMORY", "foreign_keys=OFF"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("BEGIN")
    tables = ("customer", "contactpoint", "purchase", "ticket")
    found = raw.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    indexes = [(name, sql) for name, table, sql in found.fetchall() if table in tables]
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    _fill(raw, customers, queue_ids)
    for _, sql in indexes:
        raw.execute(sql)
    raw.execute("COMMIT")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()


def _fill(raw: sqlite3.Connection, customers: int, queue_ids: list[int | None]) -> None:
    """Customers with a telephone and an address each; for every fifth a purchase, for every tenth a settled ticket."""
    people = []
    for family in FAMILY:
        for given in GIVEN:
            (name, reading), (given_name, given_reading) = family.split(), given.split()
            full, kana = f"{name} {given_name}", f"{reading} {given_reading}"
            people.append((full, kana, contact_points.name_key(full), contact_points.name_key(kana)))
    raw.execute("CREATE TEMP TABLE person (id INTEGER PRIMARY KEY, name, reading, name_key, reading_key)")
    raw.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?)", [(i, *each) for i, each in enumerate(people)])
    at = f"{datetime.now(UTC) - timedelta(days=100):%Y-%m-%d %H:%M:%S.%f}"
    names = {"n": customers, "people": len(people), "at": at, "queue": queue_ids[0]}
    numbers = "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < :n) "
    for sql in _CUSTOMERS:
        raw.execute(numbers + sql, names)


def _insert(table: str, columns: str, source: str) -> str:
    return f"INSERT INTO {table} ({columns}) SELECT {source} FROM number"


_CUSTOMERS = (
    _insert(
        "customer",
        "id, name, reading, company, language, caution, note, name_key, reading_key, company_key, created_at,"
        " last_contact_at",
        "i, p.name, p.reading, '', 'ja', '', '', p.name_key || i, p.reading_key || i, '', :at, :at",
    )
    + " JOIN person p ON p.id = i % :people",
    _insert(
        "contactpoint",
        "customer_id, kind, key, value, label, source, tail, created_at",
        "i, 'phone', printf('+81800%07d', i), printf('0800%07d', i), '', 'profile', printf('%04d', i % 10000), :at",
    ),
    _insert(
        "contactpoint",
        "customer_id, kind, key, value, label, source, tail, created_at",
        "i, 'email', printf('customer-%07d@example.jp', i), printf('customer-%07d@example.jp', i), '', 'profile', '',"
        " :at",
    ),
    _insert(
        "purchase",
        "customer_id, order_number, product, quantity, amount_yen, status, ordered_at",
        "i, printf('A-%07d', i), '電気ケトル', 1, 4980, 'delivered', :at",
    )
    + " WHERE i % 5 = 0",
    _insert(
        "ticket",
        "subject, state, channel, queue_id, customer_id, language, routed_by, snippet, awaits_us, token, created_at,"
        " last_contact_at, resolved_at",
        "'以前のお問い合わせ', 'resolved', 'mail', :queue, i, 'ja', 'by_classifier', 'ありがとうございました。', 0,"
        " printf('%020d', i), :at, :at, :at",
    )
    + " WHERE i % 10 = 0",
)
