"""Five hundred agents with a page open, fifty changes a second: from a click until the row is on every screen that
shows it, and what an open page costs in memory.

A hundred agents serve each of five queues. Eight hands change tickets of all queues in turn, each ticket once, so that
the first frame with its row is that change's; it must reach all who serve the queue, and nobody else. The floor is how
long whoever clicked waits for the answer, which comes after the commit and before anything is drawn. It begins when the
desk rests: ten thousand tickets that were put into its file at once are indexed and counted for a minute, beside which
fifty changes a second would be measured together with that.
"""

import http.client
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, queues
from helpdesk.commands.opening import prepare
from models import Agent, Customer, Membership, Presence, Priority, Role, Ticket
from models.database import Database
from tests.bench import crowd, servers
from tests.bench.figures import percentile, say, tell
from tests.bench.ring import Listeners

TICKETS, HANDS, A_SECOND = 10_000, 8, 50
ACTS = (
    ("priority", {"priority": "4"}),
    ("resolve", {}),
    ("pend", {"until": "customer"}),
    ("priority", {"priority": "1"}),
)
"""Each changes what the row of an open ticket of usual priority says."""


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell p50 and p99 from change to screen, the memory of a socket, and the processor's time for each change."""
    data, each, seconds = folder / "live", 20 if quick else 100, 5 if quick else 20
    data.mkdir(parents=True)
    database = Database(f"sqlite:///{data / 'desk.db'}")
    prepare(database)
    tokens, hands = database.write_now(_hire, each, now=datetime.now(UTC))
    crowd.fill(database, TICKETS, customers=1, open_share=1.0)
    tickets = database.read_now(_open)
    database.close()
    with servers.desk(data) as desk:
        desk.wait_until_ready()
        resting = desk.wait_until_caught_up()
        listeners = Listeners()
        try:
            before = desk.memory_mb()
            for group, team in tokens.items():
                listeners.ask({"connect": [
                    {"group": str(group), "url": f"ws://127.0.0.1:{desk.port}/live", "cookie": f"desk={token}",
                     "about": "row"} for token in team
                ]})  # fmt: skip
            count = sum(map(len, tokens.values()))
            opened = desk.memory_mb()
            say(f"{count} pages are open; {A_SECOND} changes a second for {seconds} s ...")
            spent, began = desk.processor_seconds(), time.monotonic()
            sent, answered = _change(desk, hands, tickets[: A_SECOND * seconds])
            took = time.monotonic() - began
            time.sleep(5.0)
            spent = desk.processor_seconds() - spent
            told = listeners.ask({"report": True})
        finally:
            listeners.close()
        after = desk.memory_mb()
    waits, strayed = [], 0
    for group, heard in told.items():
        for ticket_id, queue_id in tickets[: len(sent)]:
            times = heard.get(str(ticket_id), ())
            strayed += len(times) if str(queue_id) != group else 0
            waits += [(at - sent[ticket_id]) / 1e6 for at in times if str(queue_id) == group]
    more = {"sockets": count, "changes": len(sent), "changes_a_second": len(sent) / took, "frames": len(waits),
            "lost": len(sent) * each - len(waits), "strayed": strayed, "load": _load(), "resting": resting}  # fmt: skip
    floor = percentile(answered, 0.5)
    tell("change_to_screen_p50", percentile(waits, 0.5), "ms", floor=floor, **more)
    tell("change_to_screen_p99", percentile(waits, 0.99), "ms", floor=floor, bar="value < 250",
         answer_p99=percentile(answered, 0.99))  # fmt: skip
    tell("change_processor_ms", spent / len(sent) * 1000, "ms of the desk's processor time, all its frames included",
         floor=1000 / A_SECOND, bar="ratio < 1", floor_is="what one processor has for each")  # fmt: skip
    tell("socket_memory", (opened - before) * 1000 / count, "kB a socket", floor=100, bar="value <= floor",
         while_changing=(after - opened) * 1000 / count)  # fmt: skip


def _hire(db: Session, each: int, *, now: datetime) -> tuple[dict[int, list[str]], list[str]]:
    """Login tokens of those who look on, by queue, and of those who change something and have no page open."""
    db.add(Customer(name="客 一", created_at=now))
    tokens: dict[int, list[str]] = {}
    hands = []
    for number in range(HANDS):
        hands.append(_agent(db, f"hand-{number}", Role.SUPERVISOR, now)[1])
    for queue in queues.make_defaults(db)[:5]:
        tokens[queue.id or 0] = []
        for number in range(each):
            agent, token = _agent(db, f"{queue.slug}-{number}", Role.AGENT, now)
            db.add(Membership(queue_id=queue.id or 0, agent_id=agent.id or 0))
            tokens[queue.id or 0].append(token)
    return tokens, hands


def _agent(db: Session, name: str, role: Role, now: datetime) -> tuple[Agent, str]:
    agent = Agent(name=name, email=f"{name}@example.jp", role=role, language="ja", created_at=now)
    db.add(agent)
    db.flush()
    token = agents.sign_in(db, agent, hours=24, now=now)
    agents.set_state(db, agent.id or 0, Presence.READY, now=now)
    return agent, token


def _open(db: Session) -> list[tuple[int, int]]:
    """Open tickets of usual priority that are nobody's, as number and queue, those of five queues in turn."""
    query = sa.select(col(Ticket.id), col(Ticket.queue_id)).where(
        col(Ticket.state) == "open",
        col(Ticket.priority) == Priority.NORMAL,
        col(Ticket.queue_id) <= 5,
        col(Ticket.assignee_id).is_(None),
    )
    found = [(ticket_id or 0, queue_id) for ticket_id, queue_id in db.execute(query.order_by(col(Ticket.id)))]
    by_queue = [[each for each in found if each[1] == queue_id] for queue_id in sorted({each[1] for each in found})]
    return [each for turn in zip(*by_queue, strict=False) for each in turn]


def _change(
    desk: servers.Server, hands: list[str], tickets: list[tuple[int, int]]
) -> tuple[dict[int, int], list[float]]:
    """Each ticket once, by the clock. Returns when each was sent, and how long each answer took in ms."""
    sent: dict[int, int] = {}
    answered: list[float] = []
    start = time.monotonic() + 0.5

    def work(place: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", desk.port)
        cookie = {"cookie": f"desk={hands[place]}", "content-type": "application/x-www-form-urlencoded"}
        for turn in range(place, len(tickets), len(hands)):
            time.sleep(max(0.0, start + turn / A_SECOND - time.monotonic()))
            ticket_id = tickets[turn][0]
            verb, values = ACTS[turn // 5 % len(ACTS)]
            sent[ticket_id] = began = time.monotonic_ns()
            line.request("POST", f"/tickets/{ticket_id}/{verb}", urlencode(values), cookie)
            answer = line.getresponse()
            answer.read()
            answered.append((time.monotonic_ns() - began) / 1e6)
            assert answer.status == 303, (answer.status, verb)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(hands))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sent, answered


def _load() -> float:
    return float(Path("/proc/loadavg").read_text().split()[0])
