"""The inbox: milliseconds of a page and its statements with a thousand open tickets in one queue; lists and tickets
with a thousand and with 50,000 tickets, one client and eight; and every view with a million, in processor time."""

import asyncio
import http.client
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx2
import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import filters, queues, routing, tickets, views
from helpdesk.filters import Filter, counting, finding, sorting
from helpdesk.settings import Settings
from models import Agent, Channel, Role, Ticket
from models.database import Database
from tests.bench import company, crowd, servers
from tests.bench.figures import percentile, say, tell
from web.app import create

SLUG = "returns"


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell the page's milliseconds with a thousand tickets, and its statements with ten and a thousand."""
    data = folder / "inbox"
    token = company.open_for_business(data, customers=customers)[SLUG][0]
    url = f"sqlite:///{data / 'desk.db'}"
    counted = []
    for more in (10, 990):
        database = Database(url)
        database.write_now(_open, more, customers, now=datetime.now(UTC))
        queue_id = database.read_now(lambda db: next(q.id for q in queues.everyone(db) if q.slug == SLUG))
        database.close()
        counted.append(asyncio.run(_statements(data, token, f"/inbox?view=queue-{queue_id}")))
    with servers.desk(data) as desk, servers.floor(data) as floor:
        desk.wait_until_ready()
        say("leafing through the inbox ...")
        pages = 40 if quick else 200
        cookie = {"cookie": f"desk={token}"}
        own: list[float] = []
        bare: list[float] = []
        desk_line = http.client.HTTPConnection("127.0.0.1", desk.port)
        floor_line = http.client.HTTPConnection("127.0.0.1", floor.port)
        size = _get(desk_line, f"/inbox?view=queue-{queue_id}", cookie, [])
        for _ in range(pages):
            _get(desk_line, f"/inbox?view=queue-{queue_id}", cookie, own)
            _get(floor_line, f"/sign-in?bytes={size}", {}, bare)
    tell("inbox_page_p50", percentile(own, 0.5), "ms", floor=percentile(bare, 0.5), bar="value < 50", bytes=size)
    tell("inbox_page_p99", percentile(own, 0.99), "ms", floor=percentile(bare, 0.99), bar="value < 50")
    _grow(folder, quick=quick)
    _million(folder, quick=quick)
    tell("inbox_page_statements", counted[1], "statements with 1,000 tickets", floor=counted[0], bar="ratio = 1",
         floor_is="the same page with 10 tickets")  # fmt: skip


def _grow(folder: Path, *, quick: bool) -> None:
    """A list of fifty rows and a ticket beside it, with few tickets and with many."""
    few: dict[str, float] = {}
    for count in (1_000, 5_000 if quick else 50_000):
        data = folder / f"tickets-{count}"
        token = company.open_for_business(data, customers=2_000)[SLUG][0]
        database = Database(f"sqlite:///{data / 'desk.db'}")
        crowd.fill(database, count, customers=2_000, open_share=0.5)
        queue_id, ticket_id = database.read_now(_newest)
        database.close()
        pages = {"list": f"/inbox?view=queue-{queue_id}", "ticket": f"/tickets/{ticket_id}?view=queue-{queue_id}"}
        with servers.desk(data) as desk:
            desk.wait_until_ready()
            say(f"{count:,} tickets; it catches up with what was put there ...")
            say(f"  and rests at {desk.wait_until_caught_up():.3f} of a processor")
            for name, path in pages.items():
                say(f"{count:,} tickets, {path} ...")
                alone, rate, cost = _load(desk, path, token, pages=30 if quick else 150)
                few.setdefault(name, cost)
                tell(f"{name}_page_p50", percentile(alone, 0.5), "ms", floor=15 if name == "list" else 10,
                     bar="value <= floor", tickets=count)  # fmt: skip
                tell(f"{name}_pages_a_second", rate, "pages/s with 8 clients", floor=200 if name == "list" else 250,
                     bar="value >= floor", higher_is_better=True, tickets=count)  # fmt: skip
                tell(f"{name}_page_growth", cost, "ms of processor time", floor=few[name], bar="ratio <= 1.3",
                     floor_is="with 1,000 tickets", tickets=count)  # fmt: skip


def _load(desk: servers.Server, path: str, token: str, *, pages: int) -> tuple[list[float], float, float]:
    """Milliseconds of a page alone; pages a second for eight clients, and the processor's milliseconds for each."""
    cookie = {"cookie": f"desk={token}"}
    alone: list[float] = []
    together: list[float] = []
    line = http.client.HTTPConnection("127.0.0.1", desk.port)
    for _ in range(10):
        _get(line, path, cookie, [])
    for _ in range(pages):
        _get(line, path, cookie, alone)

    def client() -> None:
        own = http.client.HTTPConnection("127.0.0.1", desk.port)
        for _ in range(pages // 4):
            _get(own, path, cookie, together)

    clients = [threading.Thread(target=client) for _ in range(8)]
    before, began = desk.processor_seconds(), time.perf_counter()
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    took, used = time.perf_counter() - began, desk.processor_seconds() - before
    return alone, len(together) / took, used / len(together) * 1000


def _newest(db: Session) -> tuple[int, int]:
    queue_id = next(queue.id or 0 for queue in queues.everyone(db) if queue.slug == SLUG)
    newest = sa.select(sa.func.max(col(Ticket.id))).where(col(Ticket.queue_id) == queue_id, col(Ticket.state) == "open")
    return queue_id, db.scalar(newest) or 0


ASKED: dict[str, Filter] = {
    "mine": Filter({"state": ("open",), "assignee": ("me",)}),
    "unassigned": Filter({"state": ("open",), "assignee": ("nobody",)}),
    "urgent": Filter({"state": ("open",), "urgent": ("yes",)}),
    "all": Filter({"state": ("open",)}),
    "resolved": Filter({"state": ("resolved",)}),
    "queue": Filter({"state": ("open",), "queue": ("2",)}),
    "everything": Filter(),
    "a priority": Filter({"state": ("open",), "priority": ("4",)}),
    "a tag": Filter({"tag": ("1",)}),
    "a field": Filter({f"{filters.FIELD}1": ("red",)}),
    "a customer": Filter({"customer": ("佐藤 花子",)}),
    "overdue": Filter({"state": ("open",), "due": ("overdue",)}),
    "words": Filter({"subject": ("領収書",)}),
    "words nobody wrote": Filter({"subject": ("ないことば",)}),
    "opened long ago": Filter({"state": ("open",), "created": ("before:365",)}),
    "one of several": Filter({"state": ("open", "pending")}, {"priority": ("4",), "tag": ("3",), "language": ("en",)}),
}


def _million(folder: Path, *, quick: bool) -> None:
    """Each view and its count in every order, for an agent of one queue and for who sees all. The second look counts:
    the first reads the file."""
    count = 50_000 if quick else 1_000_000
    data = folder / "million"
    company.open_for_business(data, customers=20_000)
    database = Database(f"sqlite:///{data / 'desk.db'}")
    say(f"making {count:,} tickets ...")
    crowd.fill(database, count, customers=20_000, words=False)
    agent = database.read_now(lambda db: db.exec(select(Agent).where(Agent.email == f"{SLUG}-0@example.jp")).one())
    now, costs = datetime.now(UTC), []
    for role in Role:
        agent.role = role
        for name, asked in ASKED.items():
            cost = []
            for sort in sorting.SORTS:
                look = partial(finding.find, agent=agent, asked=asked, sort=sort, limit=views.PAGE, now=now)
                database.read_now(look)
                cost.append(_processor_ms(partial(database.read_now, look)))
            count = partial(counting.count, agent=agent, asked=asked, now=now)
            cost.append(_processor_ms(partial(database.read_now, count)))
            costs += cost
            tell("view_worst", max(cost), "ms of processor time", floor=100, bar="value < floor", view=name,
                 role=role.value, tickets=count)  # fmt: skip
    tell("views_worst", max(costs), "ms of processor time", floor=100, bar="value < floor", tickets=count,
         median=percentile(costs, 0.5))  # fmt: skip
    database.close()


def _processor_ms(work: Callable[[], object]) -> float:
    """The least of three: now and then one look pays for tidying up after all others."""
    costs = []
    for _ in range(3):
        began = time.process_time()
        work()
        costs.append((time.process_time() - began) * 1000)
    return min(costs)


def _open(db: Session, count: int, customers: int, *, now: datetime) -> None:
    queue = next(queue for queue in queues.everyone(db) if queue.slug == SLUG)
    for place in range(count):
        at = now - timedelta(minutes=place)
        ticket = tickets.start(
            db, subject=f"靴のサイズを交換したい {place}", channel=Channel.MAIL, queue_id=queue.id or 0,
            customer_id=1 + place * 7 % customers, language="ja", now=at,
        )  # fmt: skip
        routing.keep(db, ticket, routing.Decision(queue.id or 0, "by_address"), now=at)
        tickets.touch(ticket, "先日購入した靴ですが、交換をお願いできますでしょうか。", awaits_us=True, now=at)
        tickets.announce(db, ticket, now=at)


async def _statements(data: Path, token: str, path: str) -> int:
    """How many statements the page costs, counted inside a desk of this process."""
    settings = Settings(data=data, mail_port=0)
    app = create(settings, works=False)
    async with app.router.lifespan_context(app):
        counted: defaultdict[sa.Connection, list[str]] = defaultdict(list)
        engine = app.state.desk.database.reading_engine
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=settings.public_url) as client:
            sa.event.listen(engine, "before_cursor_execute", lambda *told: counted[told[0]].append(told[2]))
            answer = await client.get(path, headers={"cookie": f"desk={token}"})
            assert answer.status_code == 200, answer.status_code
    # The desk's own loops read beside it; a page is one connection's reading, and begins with who is signed in.
    return next(len(statements) for statements in counted.values() if any("login" in each for each in statements))


def _get(line: http.client.HTTPConnection, path: str, headers: dict[str, str], into: list[float]) -> int:
    began = time.perf_counter()
    line.request("GET", path, headers=headers)
    answer = line.getresponse()
    size = len(answer.read())
    into.append((time.perf_counter() - began) * 1000)
    assert answer.status == 200, answer.status
    return size
