"""The inbox with a thousand open tickets in one queue: milliseconds of a page, and whether rows cost statements."""

import asyncio
import http.client
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import sqlalchemy as sa
from sqlmodel import Session

from helpdesk import queues, routing, tickets
from helpdesk.settings import Settings
from models import Channel
from models.database import Database
from tests.bench import company, servers
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
    with servers.desk(data) as desk, servers.floor() as floor:
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
    tell("inbox_page_statements", counted[1], "statements with 1,000 tickets", floor=counted[0], bar="ratio = 1",
         floor_is="the same page with 10 tickets")  # fmt: skip


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
