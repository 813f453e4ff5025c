"""Every report of a full year of a desk of 200 agents on PostgreSQL, over HTTP, with its filters and files.

Two million tickets and five million messages are made first (`year_large.py`), which takes a quarter of an hour of a
quiet machine and 13 GB of disk; with `--keep FOLDER` they stay there for the next time. Each page is opened twice; what
is told is the second opening, and beside it the first and what of it the processor did, of the desk and of PostgreSQL
together: on a busy machine that alone can be compared. Pages that let texts be read beside the work come last, or what
that takes would be counted with others. The floor is one plain reading of the year's tickets by PostgreSQL.
"""

import http.client
import json
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, feedback, readings
from helpdesk.commands.opening import prepare
from helpdesk.measures import Interval
from models import Agent, Product, Role
from models.database import Database
from tests import postgres
from tests.bench import servers, year, year_large
from tests.bench.figures import say, tell

TICKETS, COPIES, COMMENTS = 2_000_000, 40, 100_000
BAR_SECONDS = 3.0
COMMENTS_SECONDS = 60.0
"""Of one core, for 100,000 comments."""
FILES = ("rows_csv", "rows_xlsx", "returns_csv", "comments_csv")
"""Every row behind a figure: millions of lines, sent as they are read. What counts of them is the memory."""
READ_FIRST = ("comments_pdf", "topics_pdf")
"""Files of what texts say: they are measured once the texts have been read."""
AGAIN_SECONDS = 4.0


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Make the year, unless it is in the folder already, and open everything."""
    tickets = 40_000 if quick else TICKETS
    with postgres.Server.start(folder, keep=True) as server:
        note = server.folder / "made.json"
        url = server.url("year") if note.exists() else server.create_database("year")
        database = Database(url)
        prepare(database)
        if not note.exists():
            began = time.monotonic()
            made = year_large.fill(database, tickets=tickets, staff=200, copies=4 if quick else COPIES,
                                   comments=tickets // 20)  # fmt: skip
            note.write_text(json.dumps({"asked": tickets, "tickets": made.tickets, "messages": made.messages}))
            say(f"made in {time.monotonic() - began:.0f} s")
        kept = json.loads(note.read_text())
        database.close()
        if kept["asked"] != tickets:
            raise SystemExit(f"{folder} keeps a year of {kept['asked']:,} tickets, not of {tickets:,}: name another.")
        say(f"{kept['tickets']:,} tickets and {kept['messages']:,} messages")
        read_comments(url)
        ask(url, folder / "data", lambda: _children_seconds(server.process.pid))


def read_comments(url: str) -> None:
    """What all comments of the year say: processor of whoever asks and of the process that reads them. The floor counts
    each text's letter pairs."""
    database = Database(url)
    shelf = readings.Shelf(database)
    length = timedelta(days=year.DAYS)
    now, before = (Interval(end - length, end) for end in (year.NOW, year.NOW - length))
    question = readings.Question(now, before, ("comments",), feedback.EVERYTHING, "ja")
    began, worked = time.monotonic(), _worked()
    found = database.read_now(lambda db: shelf.of(db, question, now=year.NOW)).result()
    seconds, processor = time.monotonic() - began, _worked() - worked
    worked = _worked()
    for each in found.said:
        Counter(zip(each.text, each.text[1:], strict=False))
    tell("comments_read", processor, "s", floor=_worked() - worked, bar=f"value <= {COMMENTS_SECONDS:g}",
         seconds=seconds, texts=len(found.said),
         memory_mb=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)  # fmt: skip
    shelf.close()
    database.close()


def _worked() -> float:
    """Processor time of this process, and of those it started that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def ask(url: str, data: Path, of_database: Callable[[], float], only: str = "") -> None:
    """Open every page and file of the reports on this database. `of_database` is PostgreSQL's processor time so far."""
    database = Database(url)
    token, floor = database.write_now(_sign_in), _floor(database)
    facts = database.read_now(_facts)
    with servers.desk(data, database_url=url) as desk:
        desk.wait_until_ready()
        line = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=600)

        def used() -> float:
            return desk.processor_seconds() + of_database()

        for name, path in _pages(facts):
            if only not in name:
                continue
            walls, costs = [], []
            while name in READ_FIRST and _status(line, path, token) == 202:
                time.sleep(AGAIN_SECONDS)
            for _ in range(1 if name in FILES else 2):
                began, before = time.monotonic(), used()
                line.request("GET", path, headers={"cookie": f"desk={token}"})
                answer = line.getresponse()
                size = 0
                while piece := answer.read(65_536):
                    size += len(piece)
                if answer.status != 200:
                    raise RuntimeError(f"{path}: {answer.status}")
                walls.append(time.monotonic() - began)
                costs.append(used() - before)
            tell(
                f"report_{name}",
                walls[-1],
                "s",
                floor=floor,
                bar="" if name in FILES else f"value <= {BAR_SECONDS:g}",
                first=walls[0],
                processor=costs[-1],
                processor_first=costs[0],
                size_bytes=size,
                memory_mb=desk.memory_mb(),
            )
    database.close()


def _status(line: http.client.HTTPConnection, path: str, token: str) -> int:
    line.request("GET", path, headers={"cookie": f"desk={token}"})
    answer = line.getresponse()
    answer.read()
    return answer.status


def _pages(facts: dict[str, int]) -> Iterator[tuple[str, str]]:
    """What is opened: a name, and its address."""
    first = (year.LAST - timedelta(days=year.DAYS - 1)).isoformat()
    half, month = ((year.LAST - timedelta(days=days)).isoformat() for days in (181, 29))
    last = year.LAST.isoformat()
    spans = {"year": f"period=days&from={first}&to={last}", "half": f"period=days&from={half}&to={last}",
             "month": f"period=days&from={month}&to={last}"}  # fmt: skip
    queue, agent, product = facts["queue"], facts["agent"], facts["product"]
    filters = {
        "calls": ("by=queue", "by=day", "by=agent", f"by=queue&queue={queue}"),
        "service": ("against=before", "against=year", f"queue={queue}", f"agent={agent}", "channel=phone",
                    "priority=2"),
        "routing": ("",),
        "products": ("", f"queue={queue}"),
        "feedback": ("source=all", "source=comments", f"source=all&queue={queue}", f"source=all&product={product}"),
    }  # fmt: skip
    pages = {
        key: [(f"{key}_{span}_{each or 'all'}", f"/reports/{key}?{asked}&{each}")
              for span, asked in spans.items() for each in (every if span == "year" else every[:1])]
        for key, every in filters.items()
    }  # fmt: skip
    about_texts = pages.pop("feedback")
    for each in pages.values():
        yield from each
    yield "calls_month_by=half_hour", f"/reports/calls?{spans['month']}&by=half_hour"
    for key in ("forecast", "staffing", "schedules", "boards"):
        yield key, f"/reports/{key}"
    for key in ("calls", "service", "routing", "products"):
        yield f"{key}_pdf", f"/reports/{key}.pdf?{spans['year']}"
    yield from about_texts
    yield "comments_pdf", f"/reports/topics.pdf?{spans['year']}&source=comments"
    yield "topics_pdf", f"/reports/topics.pdf?{spans['year']}"
    for kind in ("csv", "xlsx"):
        yield f"rows_{kind}", f"/reports/service/rows.{kind}?what=opened&{spans['year']}"
    yield "returns_csv", f"/reports/products/rows.csv?what=inquiries&{spans['year']}"
    yield "comments_csv", f"/reports/feedback.csv?{spans['year']}&source=comments"


def _sign_in(db: Session) -> str:
    """The login of a supervisor."""
    agent = db.scalars(sa.select(Agent).where(col(Agent.role) == Role.SUPERVISOR)).first()
    assert agent is not None
    return agents.sign_in(db, agent, hours=24, now=datetime.now(UTC))


def _facts(db: Session) -> dict[str, int]:
    """Whom the filters ask for."""
    return {
        "queue": db.scalar(sa.text("SELECT id FROM queue WHERE slug = 'tech_support'")) or 0,
        "agent": db.scalar(sa.select(sa.func.max(col(Agent.id)))) or 0,
        "product": db.scalar(sa.select(sa.func.min(col(Product.id)))) or 0,
    }


def _floor(database: Database) -> float:
    """Seconds of one plain reading of all tickets, the second one."""
    for _ in range(2):
        began = time.monotonic()
        database.read_now(lambda db: db.scalar(sa.text("SELECT count(*) FROM ticket WHERE subject <> ''")))
    return time.monotonic() - began


def _children_seconds(process_id: int) -> float:
    """Processor time of a process and of all it started, those that are gone included."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        told = rest.split()
        number = int(head.partition(" ")[0])
        if number == process_id or int(told[1]) == process_id:
            total += sum(map(int, told[11 : 15 if number == process_id else 13])) / os.sysconf("SC_CLK_TCK")
    return total
