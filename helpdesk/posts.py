"""What rules tell other systems: signed JSON, posted by HTTP as durable work.

The one idea: the words of a supervisor must not make the desk a messenger into its own network. The name is looked up
once, every address behind it must be a public one, and the connection goes to that very address; no redirect is
followed. The receiver proves the sender by `X-Desk-Signature`: "sha256=" and the HMAC-SHA256, in hexadecimal, of the
text of `X-Desk-Time`, a full stop and the body, under the secret that stands on the rule's page. `X-Desk-Post` is the
same when a post is repeated, which it is until an answer of 2xx, for up to three hours.
"""

import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session

from helpdesk import seals
from helpdesk.errors import Rejected, Unreachable
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Agent, Customer, Post, Queue, Ticket
from models.database import Database

SECONDS = 10.0
"""How long one connection, and one answer, may take."""
READ_MAX = 1000
PASSING = frozenset({408, 425, 429})
"""Answers after which it is tried again, besides all from 500 on."""


def make(db: Session, ticket: Ticket, told: dict[str, Any], *, rule_id: int | None, fact: str, now: datetime) -> Post:
    """Write down what is to be told of the ticket, and put it in line. `told` is the act's: url, fields, secret."""
    row = Post(rule_id=rule_id, ticket_id=ticket.id, url=told["url"], secret=told["secret"],
               body=_body(db, ticket, told["fields"], rule_id, fact, now), made_at=now)  # fmt: skip
    db.add(row)
    db.flush()
    work.enqueue(db, "post_to_system", row.id, key=f"post:{row.id}")
    return row


def again(db: Session, post_id: int, *, turn: int) -> None:
    """Put a post that was given up back in line, once for each `turn`. It comes under the id it always had, signed
    anew."""
    row = db.get(Post, post_id)
    if row is not None and row.sent_at is None:
        work.enqueue(db, "post_to_system", post_id, key=f"post:{post_id}:again:{turn}")


def deliver(database: Database, post_id: int, *, settings: Settings, clock: Callable[[], datetime]) -> None:
    """Post it, unless that was done. Raises `Unreachable` for what may pass and `Rejected` for what will not."""
    row = database.read_now(lambda db: db.get(Post, post_id))
    if row is None or row.sent_at is not None:
        return
    body = json.dumps({"id": row.id} | row.body, ensure_ascii=False, separators=(",", ":")).encode()
    at = str(int(clock().timestamp()))
    headers = {
        "Content-Type": "application/json", "User-Agent": "Madoguchi", "X-Desk-Post": str(row.id), "X-Desk-Time": at,
        "X-Desk-Signature": signature(seals.unseal(row.secret, settings=settings), at, body),
    }  # fmt: skip
    status = 0
    try:
        status = _send(row.url, body, headers, may_be_private=settings.rules_reach_private)
        if status in PASSING or status >= 500:
            raise Unreachable("post_answered_passing")
        if not 200 <= status < 300:
            raise Rejected("post_refused")
    except (Unreachable, Rejected) as error:
        database.write_now(_noted, post_id, status, str(error), None)
        raise
    database.write_now(_noted, post_id, status, "", clock())


def signature(secret: str, at: str, body: bytes) -> str:
    """What `X-Desk-Signature` says."""
    return "sha256=" + hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()


def _noted(db: Session, post_id: int, status: int, error: str, sent_at: datetime | None) -> None:
    row = db.get(Post, post_id)
    assert row is not None
    row.status, row.error, row.sent_at = status, error[:200], sent_at


def _body(db: Session, ticket: Ticket, fields: list[str], rule_id: int | None, fact: str,
          now: datetime) -> dict[str, Any]:  # fmt: skip
    queue = db.get(Queue, ticket.queue_id)
    body: dict[str, Any] = {"fact": fact, "rule": rule_id, "at": now.isoformat(), "ticket": ticket.id,
                            "queue": queue.slug if queue else ""}  # fmt: skip
    if "assignee" in fields:
        agent = db.get(Agent, ticket.assignee_id) if ticket.assignee_id else None
        body["assignee"] = {"id": agent.id, "name": agent.name} if agent else None
    if "customer" in fields:
        customer = db.get(Customer, ticket.customer_id) if ticket.customer_id else None
        body["customer"] = {"id": customer.id, "name": customer.name, "company": customer.company} if customer else None
    plain = {"subject": ticket.subject, "state": ticket.state.value, "channel": ticket.channel.value,
             "language": ticket.language, "text": ticket.snippet}  # fmt: skip
    return body | {name: value for name, value in plain.items() if name in fields}


def _send(url: str, body: bytes, headers: dict[str, str], *, may_be_private: bool) -> int:
    """The status of the answer."""
    parts = urlsplit(url)
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    try:
        port = parts.port or (443 if is_secure else 80)
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except ValueError as error:
        raise Rejected("post_address_wrong") from error
    except OSError as error:
        raise Unreachable("post_name_unknown") from error
    if not may_be_private and any(not ipaddress.ip_address(each.partition("%")[0]).is_global for each in found):
        raise Rejected("address_is_private")
    connection = _Straight(host, port, sorted(found)[0], is_secure=is_secure)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(READ_MAX)
        return answer.status
    except ssl.SSLCertVerificationError as error:
        raise Rejected("post_certificate") from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable("post_unreachable") from error
    finally:
        connection.close()


class _Straight(http.client.HTTPConnection):
    """A connection to the address that was looked at, under the name that was asked for."""

    def __init__(self, host: str, port: int, address: str, *, is_secure: bool) -> None:
        super().__init__(host, port, timeout=SECONDS)
        self._address, self._is_secure = address, is_secure
        if is_secure:
            self.default_port = 443

    def connect(self) -> None:
        line = socket.create_connection((self._address, self.port), SECONDS)
        if self._is_secure:
            line = ssl.create_default_context().wrap_socket(line, server_hostname=self.host)
        self.sock = line
