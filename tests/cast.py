"""The people of the specification, and the desk's actors. The cast never changes.

Aiko answers tech support, Ben returns, Sato supervises, Ms. Tanaka calls and writes, and the stranger must see nothing.
"""

import re
import smtplib
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html import unescape
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select
from starlette.testclient import TestClient

from cti import replay
from helpdesk import agents, queues
from helpdesk.customers import records
from helpdesk.events import last_number
from helpdesk.settings import Settings
from models import Agent, Call, ContactPoint, Customer, Inbound, Message, Purchase, Queue, Role, Ticket
from models.database import Database
from tests.patience import PATIENCE_SECONDS

PUBLIC_URL = "https://desk.example.com"
TOKEN = "0123456789abcdef0123456789abcdef"
OLD_TOKEN = "fedcba9876543210fedcba9876543210"
PUSH_TOKEN = "push-token-of-the-front-exchange"
ACCOUNT = "AC" + "0" * 32
PASSWORD = "correct horse battery"
UNPRESSED = {"accept-encoding": "identity"}
"""How the cast's browsers take pages, since to press and unpress each is a thirtieth of what the tests cost;
tests/web/test_assets.py sees them pressed, and so do the real browsers."""
MONDAY = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)  # ten in the morning in Tokyo


@dataclass(frozen=True)
class Person:
    """Somebody of the cast. `queues` are the slugs an agent serves."""

    name: str
    email: str
    phone: str = ""
    role: Role = Role.AGENT
    queues: tuple[str, ...] = ()
    language: str = "ja"
    reading: str = ""


AIKO = Person(
    "山田 愛子", "aiko@desk.example.jp", "+815055500111", queues=("tech_support", "triage"), reading="やまだ あいこ"
)
AKIRA = Person("木村 明", "akira@desk.example.jp", "+815055500113", queues=("tech_support",), reading="きむら あきら")
BEN = Person("Ben Carter", "ben@desk.example.jp", "+815055500112", queues=("returns",), language="en")
SATO = Person("佐藤 健", "sato@desk.example.jp", role=Role.SUPERVISOR, reading="さとう けん")
STAFF = (AIKO, AKIRA, BEN, SATO)

TANAKA = Person("田中 美咲", "tanaka@example.com", "+819012345678", reading="たなか みさき")
SUZUKI = Person("鈴木 一郎", "suzuki@example.com", "+81312345678", reading="すずき いちろう")
SUZUKI_WIFE = Person("鈴木 花子", "hanako@example.com", "+81312345678", reading="すずき はなこ")  # the same telephone
STRANGER = Person("名無し", "stranger@example.org", "+815011112222")

TECH_NUMBER, RETURNS_NUMBER = "+81355500101", "+81355500102"
RETURNS_ADDRESS, DESK_ADDRESS = "returns@desk.example.jp", "support@desk.example.jp"


class Clock:
    """The desk's time, which passes only when told."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> None:
        """advance(minutes=5)"""
        self.now += timedelta(**length)


def settle_in(db: Session) -> None:
    """The company at the beginning of every test: queues, staff, customers; nothing has happened yet."""
    known = {queue.slug: queue for queue in queues.make_defaults(db)}
    known["tech_support"].phone, known["returns"].phone = TECH_NUMBER, RETURNS_NUMBER
    known["returns"].address = RETURNS_ADDRESS
    for queue in known.values():
        queue.warns_of_recipients = False  # who writes to anybody else is asked in tests/web/test_safety.py alone
    for person in STAFF:
        made = agents.create(
            db, name=person.name, reading=person.reading, email=person.email, password=PASSWORD, role=person.role,
            language=person.language, phone=person.phone, now=MONDAY,
            queue_ids=[known[slug].id or 0 for slug in person.queues],
        )  # fmt: skip
        assert made.id
    for customer in (TANAKA, SUZUKI, SUZUKI_WIFE):
        form = records.Form(customer.name, customer.reading, phones=[customer.phone], addresses=[customer.email])
        records.create(db, form, region="JP", now=MONDAY)
    tanaka = db.exec(select(Customer).where(Customer.name == TANAKA.name)).one()
    db.add(Purchase(customer_id=tanaka.id or 0, order_number="A-1001", product="コードレス掃除機 KZ-200", quantity=1,
                    amount_yen=32800, ordered_at=MONDAY - timedelta(days=20)))  # fmt: skip


@dataclass
class Screen:
    """An agent's open page: what stood on it when it was loaded, and what its socket changed since.

    It applies frames as live.js does, so `pops` and `rows` are what the agent sees without a reload.
    """

    desk: "OpenDesk"
    person: Person
    socket: Any
    number: int
    page: str = "/inbox"
    loaded: str = ""
    cards: dict[str, str] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    places: dict[str, dict[str, Any]] = field(default_factory=dict)  # of rows that came: what rows.js asks its view
    stale: set[str] = field(default_factory=set)
    reloads: int = 0
    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pops(self) -> list[str]:
        """The calls whose cards are on the screen, by their systems' ids, oldest first."""
        self.sync()
        with Session(self.desk.database.engine) as db:
            ids = [int(card.removeprefix("call-")) for card in self.cards]
            return list(db.exec(select(Call.call_key).where(col(Call.id).in_(ids)).order_by(col(Call.id))))

    @property
    def tickets(self) -> list[int]:
        """The tickets whose rows have reached the screen."""
        self.sync()
        return sorted(int(row.removeprefix("row-")) for row in self.rows)

    def card(self, call_key: str) -> str:
        """The card of a call, as text without tags."""
        self.sync()
        return text_of(self.cards[f"call-{self.desk.call(call_key).id}"])

    def sync(self) -> None:
        """Hear everything that is committed."""
        target = self.desk.number()
        self.desk.client.portal.call(self.desk.app.state.hub.tell_number)
        while self.number < target:
            self.apply(self.socket.receive_json())

    def apply(self, frame: dict[str, Any]) -> None:
        """Do what a frame says."""
        self.frames.append(frame)
        for step in frame["do"]:
            if "put" in step:
                self.cards[step["put"]] = step["html"]
            elif "row" in step:
                self.rows[f"row-{step['row']}"] = step["html"]
                self.places[f"row-{step['row']}"] = step["view"]
            elif "drop" in step:
                for kept in (self.cards, self.rows, self.places):
                    kept.pop(step["drop"], None)
            elif "stale" in step:
                self.stale.update(step["stale"])
            elif step.get("reload"):
                self.reloads += 1
        self.number = max(self.number, frame["n"])

    def check(self) -> None:
        """The shared check: what stands on this screen now is what a reload shows.

        Cards and rows must be there word for word. A region that differs from what was loaded must have been called
        stale, and what its address answers must be that very part of the page.
        """
        self.sync()
        fresh = self.desk.as_(self.person).get(self.page).text
        cards = re.findall(r'<article class="pop" id="(call-\d+)"', fresh)
        _alike(self.cards, {name: part(fresh, name) for name in cards})
        if view := re.search(r'id="rows" data-view="([^"]*)"', fresh):
            rows = re.findall(r'<li class="row" id="(row-\d+)"', fresh)
            shown = {name: html for name, html in self.rows.items() if self._belongs(name, view[1])}
            _alike(shown, {name: part(fresh, name) for name in rows})
        for name, source in regions(fresh):
            if (now := _own(fresh, name)) != (before := _own(self.loaded, name)):
                assert name in self.stale, f"{name} changed unsaid: {text_of(before)} | {text_of(now)}"
                answer = self.desk.as_(self.person).get(source, headers={"x-region": name})
                assert _own(answer.text, name) == now

    def _belongs(self, name: str, view: str) -> bool:
        """What rows.js asks before it shows a row."""
        place = self.places.get(name)
        if place is None:
            return True  # it stood there when the page was loaded
        if view.startswith("saved-"):
            answer = self.desk.as_(self.person).get(f"/inbox/belongs?view={view}&ids={name.removeprefix('row-')}")
            return answer.json()["held"] == [int(name.removeprefix("row-"))]
        if view in ("resolved", "pending") or place["state"] != "open":
            return bool(view == place["state"])
        if view == "mine":
            return bool(place["assignee_id"] == self.desk.agent(self.person).id)
        if view == "unassigned":
            return not place["assignee_id"]
        if view == "urgent":
            return bool(place["is_urgent"])
        return view == "all" or view == f"queue-{place['queue_id']}"

    def close(self) -> None:
        """Leave the page."""
        self.socket.close()


class OpenDesk:
    """A running desk with its doors, and the cast's ways through them."""

    def __init__(self, app: Any, client: TestClient, settings: Settings, clock: Clock) -> None:
        self.app, self.client, self.settings, self.clock = app, client, settings, clock
        self.twilio = Twilio(self)
        self.exchange = Exchange(self)
        self._clients: dict[str, TestClient] = {}
        self._open: list[Any] = []
        self._ids = count(1)

    @property
    def database(self) -> Database:
        """The desk's own database."""
        return self.app.state.desk.database

    def as_(self, person: Person) -> TestClient:
        """A browser in which this agent is signed in."""
        if person.email not in self._clients:
            client = TestClient(self.app, base_url=PUBLIC_URL, follow_redirects=True, headers=UNPRESSED)
            client.portal = self.client.portal  # one loop, in which the desk lives
            who = select(Agent).where(Agent.email == person.email)
            token = self.write(lambda db: agents.sign_in(db, db.exec(who).one(), hours=12, now=self.clock()))
            client.cookies.set("__Host-desk", token)
            client.headers["accept"] = "text/html"
            self._clients[person.email] = client
        return self._clients[person.email]

    def ready(self, *people: Person) -> None:
        """They choose "ready" in their own browsers, in this order."""
        for person in people:
            assert self.as_(person).post("/me/state", data={"state": "ready"}).status_code == 200
            self.clock.advance(seconds=1)

    def screen_of(self, person: Person, page: str = "/inbox", *, after: int | None = None) -> Screen:
        """Open a page in the agent's browser and listen."""
        client = self.as_(person)
        shown = client.get(page)
        assert shown.status_code == 200, shown.text
        number = after if after is not None else int(re.search(r'data-number="(\d+)"', shown.text)[1])  # type: ignore[index]
        connection = client.websocket_connect(
            f"wss://desk.example.com/live?after={number}", headers={"origin": PUBLIC_URL}
        )
        socket = connection.__enter__()
        self._open.append(connection)
        screen = Screen(self, person, socket, number, page, shown.text)
        if after is None:
            cards = re.findall(r'<article class="pop" id="(call-\d+)"', shown.text)
            rows = re.findall(r'<li class="row" id="(row-\d+)"', shown.text)
            screen.cards = {name: part(shown.text, name) for name in cards}
            screen.rows = {name: part(shown.text, name) for name in rows}
        return screen

    def mail(self, sender: Person | str = TANAKA, *, subject: str = "ご相談",
             body: str = "掃除機の電源が入りません。使い方を教えてください。",
             to: str = DESK_ADDRESS, raw: bytes | None = None, message_id: str | None = None,
             headers: dict[str, str] | None = None) -> str:  # fmt: skip
        """Send a mail to the desk's listener by SMTP, and let the desk read it. Returns its Message-ID."""
        message_id = message_id or f"<mail-{next(self._ids)}@example.com>"
        if raw is None:
            mail = EmailMessage()
            mail["From"] = f"{sender.name} <{sender.email}>" if isinstance(sender, Person) else sender
            mail["To"], mail["Subject"], mail["Message-ID"] = to, subject, message_id
            for name, value in (headers or {}).items():
                mail[name] = value
            mail.set_content(body)
            raw = mail.as_bytes()
        envelope = sender.email if isinstance(sender, Person) else "sender@example.com"
        with smtplib.SMTP("127.0.0.1", self.app.state.desk.mail_port) as smtp:
            smtp.sendmail(envelope, [to], raw)
        self.read_everything()
        return message_id

    def reply(self, person: Person, ticket_id: int, text: str, **fields: Any) -> Message:
        """An agent answers the customer on the page; the mail is queued then."""
        answer = self.as_(person).post(f"/tickets/{ticket_id}/reply", data={"body": text}, **fields)
        assert answer.status_code == 200, answer.text
        return self.messages(ticket_id)[-1]

    def post(self, message: Message) -> None:
        """Run the due work that sends a message, here and now. Raises what the work engine would be told."""
        self.app.state.desk.jobs.by_name()["send_mail"](message.id)

    def everything_kept(self) -> str:
        """Every value of every table of ours, as one text to search, the bytes that arrived aside."""
        from models.base import metadata

        def verb(db: Session) -> str:
            rows = (row for table in metadata.sorted_tables for row in db.execute(sa.select(*(
                column for column in table.c if not isinstance(column.type, sa.LargeBinary)))))  # fmt: skip
            return "\n".join(str(tuple(row)) for row in rows)

        return self.read(verb)

    def read_everything(self) -> None:
        """Let the desk read what it has kept."""
        self.client.portal.call(self.app.state.desk.read_everything)

    def read(self, verb: Any, *args: Any) -> Any:
        """Look into the database."""
        return self.database.read_now(verb, *args)

    def write(self, verb: Any, *args: Any) -> Any:
        """Run a verb in a transaction."""
        return self.database.write_now(verb, *args)

    def number(self) -> int:
        """The newest event's number."""
        return self.read(last_number)

    def agent(self, person: Person) -> Agent:
        """Somebody's row."""
        return self.read(lambda db: db.exec(select(Agent).where(Agent.email == person.email)).one())

    def queue(self, slug: str) -> Queue:
        """A queue's row."""
        return self.read(lambda db: db.exec(select(Queue).where(Queue.slug == slug)).one())

    def customer(self, person: Person) -> Customer:
        """A customer's row."""
        return self.read(lambda db: db.exec(select(Customer).where(Customer.name == person.name)).one())

    def customers(self) -> list[str]:
        """Everybody's name."""
        return self.read(lambda db: list(db.exec(select(Customer.name).order_by(col(Customer.id)))))

    def points_of(self, person: Person) -> list[ContactPoint]:
        """A customer's numbers and addresses."""
        return self.read(lambda db: records.points_of(db, self.customer(person).id))

    def tickets(self) -> list[Ticket]:
        """All tickets, oldest first."""
        return self.read(lambda db: list(db.exec(select(Ticket).order_by(col(Ticket.id)))))

    def messages(self, ticket_id: int | None = None) -> list[Message]:
        """All messages, or those of a ticket, oldest first."""
        query = select(Message).order_by(col(Message.id))
        if ticket_id is not None:
            query = query.where(Message.ticket_id == ticket_id)
        return self.read(lambda db: list(db.exec(query)))

    def call(self, call_key: str) -> Call:
        """A call by its system's id."""
        return self.read(lambda db: db.exec(select(Call).where(Call.call_key == call_key)).one())

    def calls(self) -> list[Call]:
        """All calls, oldest first."""
        return self.read(lambda db: list(db.exec(select(Call).order_by(col(Call.id)))))

    def queue_of(self, ticket: Ticket) -> str:
        """The slug of the queue a ticket is in."""
        return self.read(lambda db: db.get(Queue, ticket.queue_id).slug)

    def count(self, table: Any) -> int:
        """How many rows a table has."""
        return self.read(lambda db: db.scalar(sa.select(sa.func.count()).select_from(table)))

    def close(self) -> None:
        """Everybody goes home."""
        for connection in self._open:
            connection.__exit__(None, None, None)


class Busy:
    """Keeps every writing thread of the desk at work in transactions of its own until it is released."""

    def __init__(self, desk: OpenDesk) -> None:
        self._desk = desk
        self._released = threading.Event()
        writers = 1 if desk.database.is_sqlite else 8
        self._begun = threading.Barrier(writers + 1)
        self._writers = writers

    def begin(self) -> None:
        """Ask for the transactions; they begin one after the other."""
        for _ in range(self._writers):
            self._desk.client.portal.start_task_soon(self._desk.database.write, self._work)

    def wait_until_begun(self) -> None:
        """Return when no thread is left to write."""
        self._begun.wait(PATIENCE_SECONDS)

    def end(self) -> None:
        """Let them commit."""
        self._released.set()

    def _work(self, db: Session) -> None:
        db.exec(select(Inbound)).all()
        self._begun.wait(PATIENCE_SECONDS)
        self._released.wait(PATIENCE_SECONDS)


class Twilio:
    """Twilio's side: posts signed forms, as Twilio does."""

    def __init__(self, desk: OpenDesk) -> None:
        self._desk = desk

    def rings(self, call_sid: str, *, caller: str = TANAKA.phone, to: str = TECH_NUMBER, **more: str) -> Any:
        """Somebody calls; the answer is the response with TwiML."""
        return self.posts("/hooks/twilio/voice", replay.voice_form(call_sid, caller, to, ACCOUNT) | more)

    def says(self, call_sid: str, status: str, *, sequence: int = 1, caller: str = TANAKA.phone, to: str = TECH_NUMBER,
             parent: str | None = None, **more: str) -> Any:  # fmt: skip
        """The status of a leg changed. An agent's leg names the caller's in `parent`."""
        form = replay.status_form(call_sid, status, caller=caller, called=to, account_sid=ACCOUNT, sequence=sequence,
                                  at=self._desk.clock(), **({"parent": parent} if parent else {}))  # fmt: skip
        return self.posts("/hooks/twilio/status", form | more)

    def posts(self, path: str, form: dict[str, str], *, token: str = TOKEN, signature: str | None = None,
              base: str = PUBLIC_URL) -> Any:  # fmt: skip
        """Any form, signed with a token over the public address, or with the signature given."""
        signature = replay.sign(base + path, form, token) if signature is None else signature
        return self._desk.client.post(path, content=replay.body(form), headers={
            "content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature})  # fmt: skip


class Exchange:
    """An exchange that pushes its calls, as Zammad's generic interface describes."""

    def __init__(self, desk: OpenDesk) -> None:
        self._desk = desk

    def says(self, token: str = PUSH_TOKEN, **event: Any) -> Any:
        """Post an event as JSON; `from_` stands for `from`."""
        event = {name.removesuffix("_"): value for name, value in event.items()}
        return self._desk.client.post(f"/api/v1/cti/{token}", json=event)


def _alike(shown: dict[str, str], fresh: dict[str, str]) -> None:
    """What stands on a screen, by id, is what a reload shows."""
    assert sorted(shown) == sorted(fresh), "on the screen | after a reload"
    for name, html in shown.items():
        assert settled(html) == settled(fresh[name]), f"{name}: {text_of(html)} | {text_of(fresh[name])}"


def part(html: str, name: str) -> str:
    """The element with that id, whole; "" when there is none."""
    found = re.search(rf'<(\w+)\b[^>]*\sid="{re.escape(name)}"[^>]*>', html)
    if found is None:
        return ""
    depth = 0
    for tag in re.finditer(rf"<(/?){found[1]}\b[^>]*>", html[found.start() :]):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return html[found.start() : found.start() + tag.end()]
    raise AssertionError(f"{name} has no end")


def _own(html: str, name: str) -> str:
    """A region without the regions inside it."""
    own = part(html, name)
    for inner, _ in regions(own):
        if inner != name:
            own = own.replace(part(own, inner), "")
    return settled(own)


def regions(html: str) -> list[tuple[str, str]]:
    """The regions of a page that are fetched anew when stale: pairs of id and address."""
    found = re.findall(r'<\w+\b[^>]*\sid="([^"]+)"[^>]*\sdata-src="([^"]+)"', html)
    return [(name, unescape(source)) for name, source in found]


def settled(html: str) -> str:
    """HTML without what a page changes by itself: seconds that run, and the mark of where one is."""
    html = re.sub(r'(<span class="running"[^>]*>)[^<]*', r"\1", html)
    html = re.sub(r"(<\w+\b[^>]*\sdata-keep[^>]*>)[^<]*", r"\1", html)
    return re.sub(r"\s+", " ", re.sub(r' aria-current="\w+"', "", html)).strip()


def text_of(html: str) -> str:
    """HTML as a reader sees it: without tags, white space folded."""
    text = re.sub(r"<(svg|template|script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text))).strip()
