"""Sending domains: every domain our mails come from, the records its DNS should hold, and the keys that sign them.

The one idea: a receiver believes a mail when DNS vouches for it, and DNS is somebody else's to edit. So the desk says
what to set, looks when asked whether it is set, and signs only after a supervisor has switched the key on.
"""

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import mailboxes, seals
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import SendingDomainChanged
from helpdesk.mail import dkim, published
from helpdesk.settings import Settings
from models import Agent, DkimKey, DomainCheck, Mailbox, Queue

STRING_BYTES = 255  # of a TXT record are one string, RFC 1035, 3.3


@dataclass(frozen=True, slots=True)
class Record:
    """A TXT record to set: its whole name, its value, and the value as strings of at most 255 bytes, as zone files
    have it."""

    name: str
    value: str
    strings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Domain:
    """One we send from. `found` is what DNS said at `checked_at`, see mail/published.py; {} before anybody looked."""

    name: str
    addresses: tuple[str, ...]
    servers: tuple[str, ...]
    spf: Record
    dkim: Record | None
    dmarc: Record
    selector: str
    signs: bool
    key_made_at: datetime | None
    found: dict[str, Any]
    checked_at: datetime | None


def everyone(db: Session, *, settings: Settings) -> list[Domain]:
    """Every domain a queue, a mailbox or the desk itself sends from."""
    senders = _senders(db, settings)
    keys = {key.domain: key for key in db.exec(select(DkimKey))}
    checks = {check.domain: check for check in db.exec(select(DomainCheck))}
    return [
        _domain(name, addresses, _servers(db, addresses, settings), keys.get(name), checks.get(name))
        for name, addresses in sorted(senders.items())
    ]


def get(db: Session, name: str, *, settings: Settings) -> Domain:
    """Raises `NotFound` for a domain we do not send from."""
    found = next((each for each in everyone(db, settings=settings) if each.name == dkim.ascii_domain(name)), None)
    if found is None:
        raise NotFound("not_found", domain=name[:100])
    return found


def question(db: Session, domain: Domain) -> published.Question:
    """What to ask DNS about it."""
    key = db.get(DkimKey, domain.name)
    return published.Question(domain.name, domain.servers, domain.selector, key.public_key if key else "", domain.signs)


def keep_check(db: Session, domain: Domain, found: dict[str, Any], *, by: Agent, now: datetime) -> None:
    """Remember what DNS said."""
    check = db.get(DomainCheck, domain.name) or DomainCheck(domain=domain.name, checked_at=now)
    check.found, check.checked_at = found, now
    db.add(check)
    _announce(db, domain.name, "checked", by=by, now=now)


def make_key(
    db: Session, domain: Domain, pair: tuple[str, str], *, by: Agent, settings: Settings, now: datetime
) -> None:
    """A new key, of which nothing is signed yet; one there was is forgotten. `pair` comes from `dkim.make_key`, made
    beforehand because it takes a while. Its selector is a new one, so that no cache holds another key under it."""
    if old := db.get(DkimKey, domain.name):
        db.delete(old)
        db.flush()
    private_key, public_key = pair
    selector = f"desk{now:%Y%m}-{secrets.token_hex(2)}"
    db.add(DkimKey(domain=domain.name, selector=selector, public_key=public_key, created_at=now,
                   private_key=seals.seal(private_key, settings=settings)))  # fmt: skip
    _announce(db, domain.name, "key_made", by=by, now=now)


def switch(db: Session, domain: Domain, is_on: bool, *, by: Agent, now: datetime) -> None:
    """Sign mails of the domain from now on, or no longer. Raises `Invalid("no_key")`."""
    key = db.get(DkimKey, domain.name)
    if key is None:
        raise Invalid("no_key")
    if key.is_active != is_on:
        key.is_active = is_on
        _announce(db, domain.name, "on" if is_on else "off", by=by, now=now)


def delete_key(db: Session, domain: Domain, *, by: Agent, now: datetime) -> None:
    """Forget the key; mails of the domain leave unsigned."""
    if db.execute(sa.delete(DkimKey).where(col(DkimKey.domain) == domain.name).returning(col(DkimKey.domain))).first():
        _announce(db, domain.name, "key_deleted", by=by, now=now)


def _senders(db: Session, settings: Settings) -> dict[str, tuple[str, ...]]:
    """Domains, and the addresses of each that mail is sent from."""
    rows = [settings.mail_from, *db.exec(select(Queue.address).order_by(col(Queue.position))),
            *db.exec(select(Mailbox.address).order_by(col(Mailbox.id)))]  # fmt: skip
    found: dict[str, dict[str, None]] = {}
    for address in rows:
        if address and (name := dkim.ascii_domain(address.rpartition("@")[2])):
            found.setdefault(name, {})[address.lower()] = None
    return {name: tuple(addresses) for name, addresses in found.items()}


def _servers(db: Session, addresses: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """The servers mail from these addresses leaves by, as far as the world can see them: a mailbox's own, else the
    desk's. A server on this machine or beside it is seen as the machine that answers at the desk's public address."""
    boxes = [mailboxes.sending(db, address) for address in addresses]
    url = settings.smtp_url.get_secret_value()
    desks = urlsplit(url).hostname or "" if url else ""
    public = urlsplit(settings.public_url).hostname or ""
    hosts = [box.smtp_host if box else desks for box in boxes]
    seen = [host if _is_public(host) else public for host in hosts if host]
    return tuple(dict.fromkeys(host for host in seen if _is_public(host)))


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".lan", ".localdomain", ".home.arpa"))


def _domain(name: str, addresses: tuple[str, ...], servers: tuple[str, ...], key: DkimKey | None,
            check: DomainCheck | None) -> Domain:  # fmt: skip
    found = dict(check.found) if check else {}
    if found and found.get("selector") != (key.selector if key else ""):
        found["dkim"] = None  # what was asked about another key says nothing of this one
    spf = found.get("spf", {}).get("set") or published.spf_record(servers)
    return Domain(
        name,
        addresses,
        servers,
        _record(name, spf),
        _record(f"{key.selector}._domainkey.{name}", dkim.record(key.public_key)) if key else None,
        _record(f"_dmarc.{name}", "v=DMARC1; p=none"),
        key.selector if key else "",
        bool(key and key.is_active),
        key.created_at if key else None,
        found,
        check.checked_at if check else None,
    )


def _record(name: str, value: str) -> Record:
    strings = tuple(value[at : at + STRING_BYTES] for at in range(0, len(value), STRING_BYTES))
    return Record(name, value, strings)


def _announce(db: Session, name: str, state: str, *, by: Agent, now: datetime) -> None:
    emit(db, SendingDomainChanged(domain_id=name, state=state, by_id=by.id, at=now))
