"""Mailboxes the desk empties: set up by supervisors, emptied by helpdesk/mail/fetch.py, remembered mail by mail.

The one idea: what the server must still be told is a row, written with the bytes. `keep` and `told` are two
transactions with the server between them, and a process may die at any point: what was kept is not taken again, and
what was not told is told the next time.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import inbox, seals
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import MailboxChanged, SomethingParked
from helpdesk.mail.send import Server
from helpdesk.settings import Settings
from models import (
    Agent,
    Fetched,
    FetchedState,
    Inbound,
    InboundKind,
    Mailbox,
    MailboxAfter,
    MailboxAuth,
    MailboxDay,
    MailboxSecurity,
    MailboxState,
    Parked,
    ParkedKind,
    Queue,
)
from models.looking import ask

ATTEMPTS = 5
"""A mail that the server does not hand over this often is given up, and a supervisor told."""
OVERLAP = timedelta(days=3)
"""When a server numbers its mails anew, mail this much older than the last look is looked at again."""

_ADDRESSES = sa.select(col(Mailbox.address), col(Mailbox.smtp_host) != "")
_TRACES = re.compile(
    rb"^(?:delivered-to|x-original-to|envelope-to|to|cc)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE
)
_DELIVERED = re.compile(rb"^(?:delivered-to|x-original-to|envelope-to)[ \t]*:", re.IGNORECASE)
_PLAIN = re.compile(rb"[A-Za-z0-9._%+'/=-]{1,128}@[A-Za-z0-9.-]{1,253}")
_TAG = re.compile(rb"\+(t[0-9]{1,9}\.[0-9a-f]{20}(?:\.m[0-9]{1,12})?)@", re.IGNORECASE)
HEAD_BYTES = 65_536
_OPEN = (FetchedState.KEPT, FetchedState.FAILED, FetchedState.TOO_LARGE)


@dataclass(frozen=True, kw_only=True)
class Form:
    """A mailbox as it is typed. An empty secret keeps the one there is."""

    name: str
    address: str = ""
    host: str
    port: int = 993
    security: MailboxSecurity = MailboxSecurity.TLS
    user: str
    auth: MailboxAuth = MailboxAuth.PASSWORD
    secret: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token_url: str = ""
    scope: str = ""
    folder: str = "INBOX"
    after: MailboxAfter = MailboxAfter.SEEN
    move_to: str = ""
    queue_id: int | None = None
    takes_reply_to: bool = False
    takes_from: datetime | None = None
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: MailboxSecurity = MailboxSecurity.STARTTLS
    smtp_user: str = ""
    smtp_secret: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Access:
    """What it takes to log in, opened; for the time of a connection, never for a page or a log."""

    host: str
    port: int
    security: MailboxSecurity
    user: str
    auth: MailboxAuth
    secret: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    token_url: str
    scope: str
    folder: str
    after: MailboxAfter
    move_to: str
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: MailboxSecurity = MailboxSecurity.STARTTLS
    smtp_user: str = ""
    smtp_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a mailbox is: `next_uid` is the first not looked at, or one of those in `known` when a process died.
    `untold` are kept and the server does not know, `again` are to be tried once more. Of UIDs below `old_below` only
    mail from `old_from` on is wanted."""

    next_uid: int
    old_below: int
    old_from: datetime
    known: frozenset[int]
    untold: list[int]
    again: list[int]


def everyone(db: Session) -> list[Mailbox]:
    """All of them, in the order in which they were made."""
    return list(db.exec(select(Mailbox).order_by(col(Mailbox.id))))


def get(db: Session, mailbox_id: int) -> Mailbox:
    """Raises `NotFound`."""
    mailbox = db.get(Mailbox, mailbox_id)
    if mailbox is None:
        raise NotFound("not_found", mailbox_id=mailbox_id)
    return mailbox


def active(db: Session) -> dict[int, int]:
    """Which are to be emptied, each with its version."""
    rows = db.execute(sa.select(col(Mailbox.id), col(Mailbox.version)).where(col(Mailbox.is_active)))
    return {mailbox_id: version for mailbox_id, version in rows}


def addresses(db: Session) -> list[str]:
    """What customers write to."""
    return [address for address in db.exec(select(Mailbox.address)) if address]


def source_of(mailbox: Mailbox) -> str:
    """What a mail collected from it says of its source; the name may change."""
    return f"mailbox:{mailbox.id}"


def queue_of(db: Session, inbound: Inbound) -> Queue | None:
    """The queue of the mailbox a mail was collected from; None when it came another way or the mailbox has none."""
    mailbox = db.get(Mailbox, inbound.envelope["mailbox"]) if "mailbox" in inbound.envelope else None
    return db.get(Queue, mailbox.queue_id) if mailbox is not None and mailbox.queue_id else None


def sending(db: Session, address: str) -> Mailbox | None:
    """The mailbox by whose server mail from this address leaves; None: by the desk's own."""
    own = select(Mailbox).where(Mailbox.address == address.lower(), Mailbox.smtp_host != "")
    return db.exec(own.order_by(col(Mailbox.id)).limit(1)).first()


def ways_out(db: Session) -> dict[str, bool]:
    """Whether mail leaves by a server of a mailbox's own, by each one's address. Who only reads asks once."""
    found: dict[str, bool] | None = db.info.get("ways_out")
    if found is None:
        told = ask(db, _ADDRESSES)
        found = {address: any(own and each == address for each, own in told) for address, _ in told}
        if db.info.get("is_reading"):
            db.info["ways_out"] = found
    return found


def sends_by_token(access: Access) -> bool:
    """Whether its outgoing server is signed in to as its incoming one is, with a token."""
    return access.auth == MailboxAuth.XOAUTH2 and not access.smtp_secret


def smtp_server(access: Access, *, token: str = "") -> Server:
    """Where its mail leaves. Never in clear."""
    return Server(
        access.smtp_host,
        access.smtp_port,
        is_tls=access.smtp_security == MailboxSecurity.TLS,
        needs_tls=True,
        user=access.smtp_user or access.user,
        password="" if token else access.smtp_secret or access.secret,
        token=token,
    )


# --- by supervisors


def create(db: Session, form: Form, *, by: Agent, settings: Settings, now: datetime) -> Mailbox:
    """A new mailbox, emptied from `takes_from` on, or from now. Raises `Invalid` with the field."""
    _check(db, form, has_secret=False)
    mailbox = Mailbox(
        name="", host="", user="", takes_from=form.takes_from or now, state_since=now, created_at=now
    )  # fmt: skip
    _fill(mailbox, form, settings=settings)
    db.add(mailbox)
    db.flush()
    _announce(db, mailbox, by=by, now=now)
    return mailbox


def change(db: Session, mailbox: Mailbox, form: Form, *, by: Agent, settings: Settings, now: datetime) -> None:
    """Change it; whoever empties it begins anew. Another account or folder is another mailbox, begun from now on."""
    _check(db, form, has_secret=_keeps_secret(mailbox, form))
    before = (mailbox.host, mailbox.user, mailbox.folder)
    _fill(mailbox, form, settings=settings)
    if before != (mailbox.host, mailbox.user, mailbox.folder):
        begin_another(db, mailbox, takes_from=form.takes_from, now=now)
    _begin_anew(db, mailbox, by=by, now=now)


def begin_another(db: Session, mailbox: Mailbox, *, takes_from: datetime | None = None, now: datetime) -> None:
    """Its row names another account or folder: nothing is known of that yet, and what is older stays there."""
    mailbox.uidvalidity, mailbox.last_uid, mailbox.looked_at = None, 0, None
    mailbox.takes_from = takes_from or now
    db.execute(sa.delete(Fetched).where(col(Fetched.mailbox_id) == mailbox.id))


def pause(db: Session, mailbox: Mailbox, *, by: Agent, now: datetime) -> None:
    """Leave it alone until somebody continues it. What it holds stays there."""
    mailbox.is_active = False
    _begin_anew(db, mailbox, by=by, now=now)


def resume(db: Session, mailbox: Mailbox, *, by: Agent, now: datetime) -> None:
    """Empty it again, with all that arrived meanwhile; or try at once what would be tried later."""
    mailbox.is_active = True
    _begin_anew(db, mailbox, by=by, now=now)


def delete(db: Session, mailbox: Mailbox, *, by: Agent, now: datetime) -> None:
    """Forget it and its secrets. The mails that were collected stay, as do those on the server."""
    emit(db, MailboxChanged(mailbox_id=mailbox.id or 0, state="deleted", error="", by_id=by.id, at=now))
    db.delete(mailbox)


def access_by(mailbox: Mailbox, *, settings: Settings) -> Access:
    """What it takes to log in. Raises `Rejected("secret_lost")`."""
    kept: dict[str, Any] = {name: getattr(mailbox, name) for name in Access.__dataclass_fields__}
    return Access(**kept | {name: seals.unseal(kept[name], settings=settings) for name in _SEALED})


def access_typed(db: Session, form: Form, mailbox: Mailbox | None, *, settings: Settings) -> Access:
    """The same for what stands in a form, to try it; an empty secret is the kept one. Raises `Invalid`."""
    keeps = mailbox is not None and _keeps_secret(mailbox, form)
    _check(db, form, has_secret=keeps)
    typed = {name: getattr(form, name).strip() if name in _WORDS else getattr(form, name)
             for name in Access.__dataclass_fields__}  # fmt: skip
    if mailbox is not None:
        for name in _kept(mailbox, form):
            typed[name] = typed[name] or seals.unseal(getattr(mailbox, name), settings=settings)
    return Access(**typed)


_SEALED = ("secret", "client_secret", "smtp_secret")
_WORDS = ("name", "address", "host", "user", "client_id", "token_url", "scope", "folder", "move_to", "smtp_host",
          "smtp_user")  # fmt: skip


def _kept(mailbox: Mailbox, form: Form) -> tuple[str, ...]:
    """Which of the kept secrets go on serving where nothing is typed in their place."""
    return (*(("secret", "client_secret") if _keeps_secret(mailbox, form) else ()),
            *(("smtp_secret",) if _keeps_smtp_secret(mailbox, form) else ()))  # fmt: skip


def _keeps_secret(mailbox: Mailbox, form: Form) -> bool:
    """A kept secret goes to no other server, account or provider than the one it was given for: whoever may change a
    mailbox could otherwise read it by sending it to themselves. That holds for the server mail leaves by, where it has
    no secret of its own."""
    same = ["host", "port", "user", "auth", "token_url"]
    if form.smtp_host.strip() and not (form.smtp_secret or _keeps_smtp_secret(mailbox, form)):
        same += ["smtp_host", "smtp_port", "smtp_user"]
    return bool(mailbox.secret or mailbox.client_secret) and _is_same(mailbox, form, same)


def _keeps_smtp_secret(mailbox: Mailbox, form: Form) -> bool:
    return bool(mailbox.smtp_secret) and _is_same(mailbox, form, ["smtp_host", "smtp_port", "smtp_user"])


def _is_same(mailbox: Mailbox, form: Form, names: list[str]) -> bool:
    return all(str(getattr(mailbox, name)).strip() == str(getattr(form, name)).strip() for name in names)


def _check(db: Session, form: Form, *, has_secret: bool) -> None:
    def demand(fits: object, code: str, name: str) -> None:
        if not fits:
            raise Invalid(code, field=name)

    demand(form.name.strip(), "name_missing", "name")
    address = form.address.strip()
    demand(not address or re.fullmatch(r"[^@\s]+@[^@\s]+", address), "not_an_address", "address")
    demand(re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", form.host.strip()), "not_a_host", "host")
    demand(1 <= form.port <= 65535, "not_a_port", "port")
    demand(form.user.strip() and not re.search(r"[\x00-\x1f\x7f]", form.user), "user_missing", "user")
    if form.auth == MailboxAuth.PASSWORD:
        demand(form.secret or has_secret, "secret_missing", "secret")
        demand("\0" not in form.secret, "secret_missing", "secret")
    else:
        demand(form.client_id.strip(), "client_id_missing", "client_id")
        demand(form.secret or form.client_secret or has_secret, "secret_missing", "secret")
        demand(re.fullmatch(r"https://[^\s/]+\S*", form.token_url.strip()), "oauth_not_https", "token_url")
    demand(form.folder.strip() and not re.search(r"[\x00-\x1f\x7f]", form.folder), "folder_missing", "folder")
    if form.after == MailboxAfter.MOVE:
        demand(form.move_to.strip() and not re.search(r"[\x00-\x1f\x7f]", form.move_to), "folder_missing", "move_to")
        demand(form.move_to.strip() != form.folder.strip(), "same_folder", "move_to")
    demand(form.queue_id is None or db.get(Queue, form.queue_id), "unknown_choice", "queue_id")
    if form.smtp_host.strip():
        demand(re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", form.smtp_host.strip()), "not_a_host", "smtp_host")
        demand(1 <= form.smtp_port <= 65535, "not_a_port", "smtp_port")
        demand(not re.search(r"[\x00-\x1f\x7f]", form.smtp_user), "user_missing", "smtp_user")
        demand("\0" not in form.smtp_secret, "secret_missing", "smtp_secret")


def _fill(mailbox: Mailbox, form: Form, *, settings: Settings) -> None:
    kept = _kept(mailbox, form)
    for name in _WORDS:
        setattr(mailbox, name, getattr(form, name).strip())
    for name in ("port", "security", "auth", "after", "queue_id", "takes_reply_to", "smtp_port", "smtp_security"):
        setattr(mailbox, name, getattr(form, name))
    for name in _SEALED:
        if getattr(form, name) or name not in kept:
            setattr(mailbox, name, seals.seal(getattr(form, name), settings=settings))
    user = mailbox.user if re.fullmatch(r"[^@\s]+@[^@\s]+", mailbox.user) else ""
    mailbox.address = (mailbox.address or user).lower()


def _begin_anew(db: Session, mailbox: Mailbox, *, by: Agent, now: datetime) -> None:
    """Whoever empties it notices the version. What was given up has another chance: somebody may have mended it."""
    mailbox.version += 1
    mailbox.state, mailbox.state_since, mailbox.error, mailbox.detail = MailboxState.NEW, now, "", ""
    db.add(mailbox)
    db.execute(
        sa.update(Fetched)
        .where(col(Fetched.mailbox_id) == mailbox.id, col(Fetched.state) == FetchedState.GIVEN_UP)
        .values(state=FetchedState.FAILED, attempts=0)
    )
    _announce(db, mailbox, by=by, now=now)


def _announce(db: Session, mailbox: Mailbox, *, by: Agent | None = None, now: datetime) -> None:
    assert mailbox.id is not None
    state = mailbox.state.value if mailbox.is_active else "paused"
    by_id = by.id if by else None
    emit(db, MailboxChanged(mailbox_id=mailbox.id, state=state, error=mailbox.error, by_id=by_id, at=now))


# --- while it is emptied


def is_connected(db: Session, mailbox_id: int, *, trouble: str = "", detail: str = "", now: datetime) -> None:
    """The server let us in and nothing is left to fetch. `trouble` is what does not keep mail from coming in."""
    mailbox = db.get(Mailbox, mailbox_id)
    if mailbox is None:
        return
    mailbox.looked_at = now
    _becomes(db, mailbox, MailboxState.CONNECTED, trouble, detail, now=now)


def is_failing(db: Session, mailbox_id: int, *, error: str, detail: str = "", now: datetime) -> None:
    """It cannot be emptied just now."""
    if mailbox := db.get(Mailbox, mailbox_id):
        _becomes(db, mailbox, MailboxState.FAILING, error, detail, now=now)


def _becomes(db: Session, mailbox: Mailbox, state: MailboxState, error: str, detail: str, *, now: datetime) -> None:
    changed = (mailbox.state, mailbox.error) != (state, error)
    if mailbox.state != state:
        mailbox.state_since = now
    mailbox.state, mailbox.error, mailbox.detail = state, error, detail[:200]
    if changed:
        _announce(db, mailbox, now=now)


def renewed(db: Session, mailbox_id: int, refresh_token: str, *, settings: Settings) -> None:
    """The provider handed out another refresh token; the old one may soon be worth nothing."""
    if mailbox := db.get(Mailbox, mailbox_id):
        mailbox.secret = seals.seal(refresh_token, settings=settings)


def adopt(db: Session, mailbox_id: int, *, uidvalidity: int, next_uid: int, max_bytes: int) -> Progress | None:
    """How far the folder is, now that its UIDVALIDITY is known; None when the mailbox is gone. `next_uid` is what
    the server would number the next mail.

    On the first look mail from before `takes_from` is left alone. When the numbers are new ones, what the desk already
    has is known again by its key, and what is much older than the last look is not fetched again only to find out.
    """
    mailbox = db.get(Mailbox, mailbox_id)
    if mailbox is None:
        return None
    if mailbox.uidvalidity != uidvalidity:
        seen = mailbox.looked_at if mailbox.uidvalidity is not None else None
        mailbox.old_from = max(mailbox.takes_from, seen - OVERLAP) if seen else mailbox.takes_from
        mailbox.uidvalidity, mailbox.last_uid, mailbox.listed_uid, mailbox.old_below = uidvalidity, 0, 0, next_uid
        db.flush()
    rows = db.execute(
        sa.select(col(Fetched.uid), col(Fetched.state), col(Fetched.size_bytes))
        .where(
            col(Fetched.mailbox_id) == mailbox_id,
            col(Fetched.uidvalidity) == uidvalidity,
            col(Fetched.state).in_(_OPEN),
        )
        .order_by(col(Fetched.uid))
    ).all()
    ahead = db.exec(
        select(Fetched.uid).where(
            col(Fetched.mailbox_id) == mailbox_id,
            col(Fetched.uidvalidity) == uidvalidity,
            col(Fetched.uid) > mailbox.last_uid,
        )
    )
    return Progress(
        next_uid=mailbox.last_uid + 1,
        known=frozenset(ahead),
        old_below=mailbox.old_below,
        old_from=mailbox.old_from or mailbox.takes_from,
        untold=[uid for uid, state, _ in rows if state == FetchedState.KEPT],
        again=[uid for uid, state, size in rows
               if state == FetchedState.FAILED or (state == FetchedState.TOO_LARGE and size <= max_bytes)],
    )  # fmt: skip


def keep(
    db: Session, mailbox_id: int, uidvalidity: int, mails: dict[int, bytes], *, passed: int = 0, now: datetime
) -> int:
    """Make these mails ours, and remember that the server is to be told. Everything up to `passed` was looked at, and
    what of it is not ours has a row that says so.

    Returns how many are new to the desk.
    """
    mailbox = get(db, mailbox_id)
    new = 0
    for uid, raw in sorted(mails.items()):
        row = _row(db, mailbox, uidvalidity, uid, now=now)
        if row.state in (FetchedState.KEPT, FetchedState.SETTLED):
            continue  # by another process, while this one had lost its lease without knowing
        row.inbound_id, is_new = inbox.keep(
            db, InboundKind.MAIL, source_of(mailbox), inbox.mail_key(raw), raw, envelope=envelope(mailbox, raw), now=now
        )
        row.is_repeat, row.size_bytes, row.fetched_at = not is_new, len(raw), now
        row.state = FetchedState.SETTLED if mailbox.after == MailboxAfter.NOTHING else FetchedState.KEPT
        db.add(row)
        mailbox.last_fetched_at = now
        mailbox.fetched_count += 1
        new += is_new
    mailbox.last_uid = max(mailbox.last_uid, passed)
    _announce(db, mailbox, now=now)
    return new


def keep_large(
    db: Session, mailbox_id: int, uidvalidity: int, uid: int, head: bytes, *, size_bytes: int, now: datetime
) -> None:
    """A mail above the limit: its head is kept and parked, for a supervisor to see who wrote; it stays where it is,
    not marked, and is fetched whole once the limit allows."""
    mailbox = get(db, mailbox_id)
    row = _row(db, mailbox, uidvalidity, uid, now=now)
    if row.state not in (FetchedState.KEPT, FetchedState.SETTLED, FetchedState.TOO_LARGE):
        key = "too_large:" + hashlib.sha256(head).hexdigest()
        row.inbound_id, is_new = inbox.keep(db, InboundKind.MAIL, source_of(mailbox), key, head, envelope={}, now=now)
        row.state, row.size_bytes, row.is_repeat = FetchedState.TOO_LARGE, size_bytes, not is_new
        db.add(row)
        if is_new and (inbound := db.get(Inbound, row.inbound_id)):
            inbox.park(db, inbound, "too_large", f"{size_bytes:,} bytes", now=now)


def stumbled(db: Session, mailbox_id: int, uidvalidity: int, uid: int, error: str, *, now: datetime) -> bool:
    """The server did not hand this mail over. Those behind it go on; it is tried again, and at last given up with a
    notice. Returns whether it was given up."""
    mailbox = get(db, mailbox_id)
    row = _row(db, mailbox, uidvalidity, uid, now=now)
    if row.state != FetchedState.FAILED:
        return False
    row.attempts += 1
    db.add(row)
    if row.attempts < ATTEMPTS:
        return False
    row.state = FetchedState.GIVEN_UP
    parked = Parked(
        kind=ParkedKind.MAIL, source=mailbox.name, error="not_handed_over", detail=f"UID {uid}, {error}", parked_at=now
    )
    db.add(parked)
    db.flush()
    assert parked.id is not None
    emit(db, SomethingParked(parked_id=parked.id, at=now))
    return True


def listed(db: Session, mailbox_id: int, uids: Sequence[int], *, day: date) -> None:
    """The server lists these, and the desk wants them. Each counts once, on the day it was first seen there."""
    mailbox = get(db, mailbox_id)
    new = [uid for uid in uids if uid > mailbox.listed_uid]
    if not new:
        return
    counted = db.get(MailboxDay, (mailbox_id, day)) or MailboxDay(mailbox_id=mailbox_id, day=day)
    counted.had += len(new)
    mailbox.listed_uid = max(new)
    db.add(counted)


def forget(db: Session, *, before: datetime, limit: int = 500) -> int:
    """Let go of what is known about single mails and has no further use: settled before that time, and behind what
    was looked at, or numbered by a UIDVALIDITY that is no more. No look asks the server for them again; and should it
    number them anew, they are known by their keys as all mail is. Returns how many."""
    count = 0
    for mailbox in everyone(db):
        key = (col(Fetched.uidvalidity), col(Fetched.uid))
        settled = sa.and_(col(Fetched.mailbox_id) == mailbox.id, col(Fetched.state) == FetchedState.SETTLED)
        oldest = db.execute(sa.select(*key, col(Fetched.fetched_at)).where(settled).order_by(*key).limit(limit)).all()
        gone = [
            (uidvalidity, uid) for uidvalidity, uid, at in oldest
            if at < before and (uidvalidity != mailbox.uidvalidity or uid <= mailbox.last_uid)
        ]  # fmt: skip
        if gone:
            db.execute(sa.delete(Fetched).where(settled, sa.tuple_(*key).in_(gone)))
        count += len(gone)
    return count


def passed(db: Session, mailbox_id: int, uid: int) -> None:
    """Everything up to this UID was looked at: what has no row is gone, or too old."""
    mailbox = get(db, mailbox_id)
    mailbox.last_uid = max(mailbox.last_uid, uid)


def gone(db: Session, mailbox_id: int, uidvalidity: int, uids: list[int]) -> None:
    """Nobody hands these over any more: somebody deleted or moved them."""
    _settle(db, mailbox_id, uidvalidity, uids)


def told(db: Session, mailbox_id: int, uidvalidity: int, uids: list[int]) -> None:
    """The server knows that these are ours."""
    _settle(db, mailbox_id, uidvalidity, uids)


def envelope(mailbox: Mailbox, raw: bytes) -> dict[str, object]:
    """What stood outside, as far as the head still tells: to whom it was delivered, and the tag of our own address."""
    head = raw[:HEAD_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    traces = [match[0] for match in _TRACES.finditer(head)]
    delivered = [found[0].decode("ascii").lower() for line in traces if _DELIVERED.match(line)
                 for found in _PLAIN.finditer(line)]  # fmt: skip
    tag = next((found[1].decode("ascii").lower() for line in traces if (found := _TAG.search(line))), "")
    return {"mailbox": mailbox.id, "recipients": delivered[:20], "tag": tag}


def _settle(db: Session, mailbox_id: int, uidvalidity: int, uids: list[int]) -> None:
    db.execute(
        sa.update(Fetched)
        .where(
            col(Fetched.mailbox_id) == mailbox_id,
            col(Fetched.uidvalidity) == uidvalidity,
            col(Fetched.uid).in_(uids),
        )
        .values(state=FetchedState.SETTLED)
    )


def _row(db: Session, mailbox: Mailbox, uidvalidity: int, uid: int, *, now: datetime) -> Fetched:
    assert mailbox.id is not None
    found = db.get(Fetched, (mailbox.id, uidvalidity, uid))
    return found or Fetched(
        mailbox_id=mailbox.id, uidvalidity=uidvalidity, uid=uid, state=FetchedState.FAILED, fetched_at=now
    )
