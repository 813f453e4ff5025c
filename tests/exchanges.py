"""Telephone systems of every kind, set up at a desk, that say what such systems really say."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlmodel import select

from helpdesk import exchanges
from models import BlockedCaller, Exchange, ExchangeKind, ExchangeLog
from tests.cast import SATO, OpenDesk

FORM = {"content-type": "application/x-www-form-urlencoded"}
SECRET = "shared secret of the exchange"


@dataclass
class System:
    """An exchange as a row, and its voice."""

    desk: OpenDesk
    id: int
    name: str
    token: str

    @property
    def path(self) -> str:
        """Its address."""
        return f"/api/v1/cti/{self.token}"

    def posts(self, fields: dict[str, Any] | list[tuple[str, str]] | None = None, *, under: str = "",
              raw: bytes | None = None, secret: str = "", **headers: str | bytes) -> Any:  # fmt: skip
        """A form below its address, signed with `secret` as Placetel signs."""
        body = urlencode(fields or {}, doseq=True).encode() if raw is None else raw
        sent: dict[str, Any] = FORM | {name.replace("_", "-"): value for name, value in headers.items()}
        if secret:
            sent["x-placetel-signature"] = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return self.desk.client.post(f"{self.path}{under}", content=body, headers=sent)

    def says(self, under: str = "", **fields: Any) -> Any:
        """A JSON object; `from_` stands for `from`."""
        told = {name.removesuffix("_"): value for name, value in fields.items()}
        return self.desk.client.post(f"{self.path}{under}", json=told)

    def asks(self, under: str = "", **query: str) -> Any:
        """A GET."""
        return self.desk.client.get(f"{self.path}{under}", params={k.removesuffix("_"): v for k, v in query.items()})

    @property
    def row(self) -> Exchange:
        """As it is in the database now."""
        return self.desk.read(lambda db: db.get(Exchange, self.id))

    @property
    def log(self) -> list[ExchangeLog]:
        """What it said, oldest first."""
        source = f"{self.row.kind}:{self.name}"
        lines = select(ExchangeLog).where(ExchangeLog.source == source).order_by(ExchangeLog.id)
        return self.desk.read(lambda db: list(db.exec(lines)))


def settle(desk: OpenDesk, kind: str, *, name: str = "", **form: Any) -> System:
    """Set one up, as the page does."""
    name = name or f"{kind}-1"
    typed = exchanges.Form(kind=ExchangeKind(kind), name=name, label=form.pop("label", name), **form)

    def verb(db: Any) -> tuple[int, str]:
        made = exchanges.create(db, typed, by=desk.agent(SATO), settings=desk.settings, now=desk.clock())
        return made.id or 0, exchanges.token_of(made, settings=desk.settings)

    made, token = desk.write(verb)
    desk.app.state.desk.doors_changed()
    return System(desk, made, name, token)


def block(desk: OpenDesk, e164: str) -> None:
    """Refuse a number from now on."""
    desk.write(lambda db: db.add(BlockedCaller(e164=e164, created_at=desk.clock())))
