"""An open desk beside an Asterisk: the switchboard's calls go through a real manager interface into the desk."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import col, select

from helpdesk import agents, seals
from helpdesk.asterisk.stage import Stage
from helpdesk.asterisk.wires import Pace, Wires
from models import Agent, CallFact, Exchange, ExchangeKind, Inbound
from tests.cast import AIKO, AKIRA, BEN, OpenDesk
from tests.patience import until
from tests.switchboard import TRUNK, Scene, Switchboard

QUICK = Pace(sweep=0.05, lease=2.0, answer=30.0, unreachable=(0.05, 0.2), rejected=(0.05, 0.2))
EXTENSIONS = {AIKO: "201", AKIRA: "202", BEN: "203"}


class Office:
    """The telephones of the cast: Aiko has 201, Akira 202, Ben 203."""

    def __init__(self, desk: OpenDesk) -> None:
        self.desk = desk
        self.board = Switchboard()
        self.stage = Stage(presentation=self.board.known.get, listing=self.board.listing)
        self.wires: Wires = desk.app.state.desk.wires
        self.heard = 0

        def settle(db: Any) -> None:
            for person, extension in EXTENSIONS.items():
                who = db.exec(select(Agent).where(Agent.email == person.email)).one()
                agents.change(db, who, extension=extension, now=desk.clock())

        desk.write(settle)

    def add(self, **more: Any) -> int:
        """Set the exchange up, as an operator types it."""
        settings, now = self.desk.settings, self.desk.clock()
        options = {
            "host": "127.0.0.1",
            "port": self.stage.port,
            "user": self.stage.user,
            "security": "plain",
            "inbound_contexts": [TRUNK],
            "dial_context": "from-internal",
            "dial_channel": "PJSIP/{extension}",
        }
        secret = more.pop("secret", self.stage.secret)
        row = Exchange(name="office", kind=ExchangeKind.ASTERISK, options=options | more, state_since=now,
                       created_at=now, secret=seals.seal(secret, settings=settings))  # fmt: skip

        def verb(db: Any) -> int:
            db.add(row)
            db.flush()
            assert row.id
            return row.id

        return int(self.desk.write(verb))

    def open(self) -> None:
        """The exchange begins to answer."""
        self.run(self.stage.open)

    def begin(self, pace: Pace = QUICK) -> None:
        """The desk begins to listen."""
        self.wires.pace = pace
        self.run(self.wires.start)

    def connect(self, **more: Any) -> None:
        """All of it; returns when the desk knows what runs."""
        self.open()
        self.add(**more)
        self.begin()
        until(lambda: self.row().state == "connected")

    def run(self, job: Any, *args: Any) -> Any:
        """In the desk's loop."""
        assert self.desk.client.portal is not None
        return self.desk.client.portal.call(job, *args)

    def play(self, *scenes: Scene, steps: int = 10_000) -> None:
        """So many steps of each scene, in turns; whoever listens hears them."""
        for _ in range(steps):
            going = [scene for scene in scenes if next(scene.steps, "over") != "over"]
            if not going:
                break
        self.tell()

    def tell(self) -> None:
        """What the switchboard said since is heard."""
        said = self.board.said[self.heard :]
        self.heard = len(self.board.said)
        self.run(self.stage.say, said)

    def miss(self) -> None:
        """What was said since, nobody hears."""
        self.heard = len(self.board.said)

    def row(self) -> Exchange:
        """The exchange as it stands."""
        return self.desk.read(lambda db: db.exec(select(Exchange)).one())

    def kinds(self, key: str) -> list[str]:
        """What is known of a call, in the order in which it was folded."""
        call_id = self.desk.call(key).id
        facts = select(CallFact.kind).where(CallFact.call_id == call_id).order_by(col(CallFact.id))
        return self.desk.read(lambda db: list(db.exec(facts)))

    def has(self, key: str, *kinds: str) -> bool:
        """Whether exactly this was folded of a call."""
        return any(call.call_key == key for call in self.desk.calls()) and self.kinds(key) == list(kinds)

    def kept(self) -> list[bytes]:
        """The bytes that were kept."""
        return self.desk.read(lambda db: list(db.exec(select(Inbound.raw).order_by(col(Inbound.id)))))


@pytest.fixture
def office(desk: OpenDesk) -> Iterator[Office]:
    """A desk beside an Asterisk that is not yet set up."""
    opened = Office(desk)
    yield opened
    opened.run(opened.wires.stop)
    opened.run(opened.stage.close)
