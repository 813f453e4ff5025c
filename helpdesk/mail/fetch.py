"""Empty the mailboxes: every mail is committed first, and only then is its server told.

Each mailbox has a task of its own that connects, takes what is there, and waits for the server to speak of more. One
process at a time holds a mailbox, by a lease. Whatever breaks is said on the mailbox and tried again after a pause that
grows: quickly where the line broke, gently where the server said no, because servers lock out who insists.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from helpdesk import mailboxes
from helpdesk.errors import NotFound, Rejected, Unreachable, place_of
from helpdesk.mail import imap, oauth, send
from helpdesk.mail.imap import Connection, Letter
from helpdesk.mailboxes import Access, Progress
from helpdesk.runtime import attending
from helpdesk.runtime.attending import Attendants
from helpdesk.settings import Settings
from models import Mailbox, MailboxAfter, MailboxAuth, MailboxSecurity
from models.database import Database

logger = logging.getLogger(__name__)

LOOKED_UP = 200  # mails whose sizes are asked for at a time
BATCH_MAILS = 25
BATCH_BYTES = 5_000_000  # of mails fetched and committed together; a larger one goes alone
IDLE_SECONDS = 540.0  # then asked anew (RFC 2177 allows 29 minutes; some routers forget a silent line after ten)


@dataclass(frozen=True, kw_only=True)
class Pace(attending.Pace):
    """Seconds, as of everything that is attended to."""

    unreachable: tuple[float, float] = (1.0, 300.0)
    rejected: tuple[float, float] = (60.0, 1800.0)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look into a mailbox brought: how many mails were fetched, or the code of what went wrong."""

    mailbox_id: int
    name: str
    fetched: int
    error: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A connection that was only tried. `problem` is a code, "" when all is well; `place` names the form's field."""

    problem: str = ""
    detail: str = ""
    place: str = ""
    count: int = 0


_PLACES = {
    "imap_no_host": "host", "imap_unreachable": "port", "imap_timeout": "port", "imap_not_ready": "port",
    "imap_certificate": "host", "imap_no_tls": "security", "imap_no_starttls": "security",
    "imap_wrong_password": "secret", "imap_no_login": "auth", "imap_wrong_token": "user", "imap_no_folder": "folder",
    "imap_no_move_folder": "move_to", "oauth_unreachable": "token_url", "oauth_certificate": "token_url",
    "oauth_not_https": "token_url", "oauth_refused": "secret", "secret_lost": "secret",
    "smtp_unreachable": "smtp_host", "smtp_certificate": "smtp_host", "smtp_no_starttls": "smtp_security",
    "smtp_wrong_password": "smtp_user", "smtp_no_login": "smtp_user",
}  # fmt: skip


class Collector(Attendants):
    """Holds the connections of one process. `arrived` is called when mail was committed."""

    kind = "mailbox"

    def __init__(
        self, database: Database, settings: Settings, *, clock: Callable[[], datetime], arrived: Callable[[], None],
        pace: Pace | None = None,
    ) -> None:  # fmt: skip
        super().__init__(database, clock=clock)
        self.pace = pace or Pace()
        self._settings, self._arrived = settings, arrived
        self._tokens: dict[int, tuple[float, str]] = {}
        self._careful: set[int] = set()  # mailboxes whose line broke in the middle of several mails

    def wanted(self, db: Session) -> dict[int, int]:
        """Every active mailbox."""
        return mailboxes.active(db)

    async def once(self) -> list[Looked]:
        """One look into every active mailbox that no other process holds, one after the other. Instead of `start`."""
        assert self._supervisor is None, "its own tasks look already, and have the same lease"
        looked = []
        for mailbox_id in await self._database.read(mailboxes.active):
            mailbox = await self._database.read(mailboxes.get, mailbox_id)
            if not await self.lease(mailbox_id):
                looked.append(Looked(mailbox_id, mailbox.name, 0, "mailbox_held"))
                continue
            holding = asyncio.create_task(self.keep_lease(mailbox_id))
            try:
                async with self._session(mailbox) as (connection, uidvalidity, uidnext):
                    fetched, error, detail = await self._empty(connection, mailbox, uidvalidity, uidnext)
                looked.append(Looked(mailbox_id, mailbox.name, fetched, error, detail))
            except Exception as error:  # one that breaks leaves the others their turn
                looked.append(
                    Looked(mailbox_id, mailbox.name, 0, await self._failed(mailbox_id, error), _detail(error))
                )
            finally:
                await self.ended(holding)
                await self.release(mailbox_id)
        return looked

    async def attend(self, mailbox_id: int) -> None:
        """Empty it and wait for more, for ever; after a failure with a pause."""
        self._tokens.pop(mailbox_id, None)  # it may be another user's by now
        failures = 0
        while True:
            try:
                mailbox = await self._database.read(mailboxes.get, mailbox_id)
                async with self._session(mailbox) as (connection, uidvalidity, uidnext):
                    while True:
                        await self._empty(connection, mailbox, uidvalidity, uidnext)
                        failures = 0
                        await connection.wait(IDLE_SECONDS, poll_seconds=self._settings.mail_poll_seconds)
            except NotFound:
                return
            except Exception as error:
                failures += 1
                await self._failed(mailbox_id, error)
                await asyncio.sleep(self.pace.pause(error, failures))

    async def _failed(self, mailbox_id: int, error: Exception) -> str:
        """Say it on the mailbox, and return the code."""
        expected = isinstance(error, Unreachable | Rejected)
        code = str(error) if expected else "unexpected"
        logger.warning("mailbox %s: %s", mailbox_id, code if expected else place_of(error))
        with contextlib.suppress(Exception):  # the database itself may be what cannot be reached
            await self._database.write(
                mailboxes.is_failing, mailbox_id, error=code, detail=_detail(error), now=self._clock()
            )
        return code

    @asynccontextmanager
    async def _session(self, mailbox: Mailbox) -> AsyncIterator[tuple[Connection, int, int]]:
        """Logged in, with the folder open: the connection, UIDVALIDITY, and the number of the next mail."""
        assert mailbox.id is not None
        access = await asyncio.to_thread(mailboxes.access_by, mailbox, settings=self._settings)
        async with imap.connected(access.host, access.port, starttls=_starttls(access)) as connection:
            if access.auth == MailboxAuth.XOAUTH2:
                try:
                    await connection.login_oauth(access.user, await self._token(mailbox.id, access))
                except Rejected:
                    self._tokens.pop(mailbox.id, None)
                    raise
            else:
                await connection.login(access.user, access.secret)
            selected = await connection.select(access.folder)
            next_uid = selected.uidnext
            if not next_uid:
                next_uid = (await connection.search(1) or [0])[-1] + 1
            yield connection, selected.uidvalidity, next_uid

    async def _token(self, mailbox_id: int, access: Access) -> str:
        """An access token that is good for another minute at least."""
        until, known = self._tokens.get(mailbox_id, (0.0, ""))
        if time.monotonic() < until:
            return known
        token = await asyncio.to_thread(_ask, access)
        if token.refresh and token.refresh != access.secret:
            await self._database.write(mailboxes.renewed, mailbox_id, token.refresh, settings=self._settings)
        self._tokens[mailbox_id] = (time.monotonic() + token.seconds - 60, token.access)
        return token.access

    async def _empty(
        self, connection: Connection, mailbox: Mailbox, uidvalidity: int, uidnext: int
    ) -> tuple[int, str, str]:
        """Take all there is. Returns how many mails were fetched, and what went wrong without keeping them out."""
        assert mailbox.id is not None
        progress = await self._database.write(
            mailboxes.adopt, mailbox.id, uidvalidity=uidvalidity, next_uid=uidnext,
            max_bytes=self._settings.mail_max_bytes,
        )  # fmt: skip
        if progress is None:
            raise NotFound("not_found")
        trouble = await self._tell(connection, mailbox, uidvalidity, progress.untold)  # what a crash left untold
        fetched = 0
        # New mail first: what stumbled before must not keep it out.
        wanted: list[int] = []
        if progress.next_uid < progress.old_below:
            since = progress.old_from - timedelta(days=1)  # servers compare days, and their day is not ours
            wanted = await connection.search(progress.next_uid, progress.old_below - 1, since=since)
        wanted += await connection.search(max(progress.next_uid, progress.old_below))
        wanted = [uid for uid in wanted if uid not in progress.known]
        for chunk in [*_chunks(wanted, LOOKED_UP), *_chunks(progress.again, LOOKED_UP)]:
            letters = await connection.letters(chunk)
            taken = [letter for letter in letters if _is_wanted(letter, progress)]
            left = {letter.uid for letter in letters} - {letter.uid for letter in taken}
            await self._database.write(
                mailboxes.listed, mailbox.id, [uid for uid in chunk if uid not in left], day=self._today()
            )
            await self._missing(connection, mailbox.id, uidvalidity, set(chunk) - {letter.uid for letter in letters})
            for batch in self._batches(mailbox.id, taken):
                kept = await self._take(connection, mailbox, uidvalidity, batch)
                fetched += len(kept)
                trouble = await self._tell(connection, mailbox, uidvalidity, kept) or trouble
            await self._database.write(mailboxes.passed, mailbox.id, chunk[-1])
        self._careful.discard(mailbox.id)
        code, detail = trouble or ("", "")
        await self._database.write(mailboxes.is_connected, mailbox.id, trouble=code, detail=detail, now=self._clock())
        return fetched, code, detail

    def _today(self) -> date:
        return self._clock().astimezone(ZoneInfo(self._settings.timezone)).date()

    def _batches(self, mailbox_id: int, letters: list[Letter]) -> Iterator[list[Letter]]:
        """A few at a time, so that one commit and one round trip serve several, within bounds of memory."""
        batch: list[Letter] = []
        size = 0
        most = 1 if mailbox_id in self._careful else BATCH_MAILS
        for letter in letters:
            if batch and (len(batch) >= most or size + letter.size_bytes > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(letter)
            size += letter.size_bytes
        if batch:
            yield batch

    async def _take(self, connection: Connection, mailbox: Mailbox, uidvalidity: int, batch: list[Letter]) -> list[int]:
        """Fetch and commit. A mail the server does not hand over is noted, and the others are taken without it."""
        assert mailbox.id is not None
        limit, now = self._settings.mail_max_bytes, self._clock()
        for letter in (letter for letter in batch if letter.size_bytes > limit):
            head = await connection.head_of(letter.uid, limit=mailboxes.HEAD_BYTES)
            await self._database.write(
                mailboxes.keep_large, mailbox.id, uidvalidity, letter.uid, head, size_bytes=letter.size_bytes, now=now
            )
        uids = [letter.uid for letter in batch if letter.size_bytes <= limit]
        if not uids:
            return []
        try:
            mails = await connection.bytes_of(uids)
        except Unreachable as error:
            if len(uids) == 1:
                await self._stumbled(mailbox.id, uidvalidity, uids[0], error)
            if str(error) != "imap_refused":  # the line is gone, and next time each goes alone, to see which breaks it
                self._careful.add(mailbox.id)
                raise
            if len(uids) == 1:
                return []
            alone = [[letter] for letter in batch if letter.uid in uids]
            return [uid for one in alone for uid in await self._take(connection, mailbox, uidvalidity, one)]
        await self._missing(connection, mailbox.id, uidvalidity, set(uids) - set(mails))
        if mails:
            await self._database.write(
                mailboxes.keep, mailbox.id, uidvalidity, mails, passed=uids[-1], now=self._clock()
            )
            self._arrived()
        return sorted(mails)

    async def _missing(self, connection: Connection, mailbox_id: int, uidvalidity: int, uids: set[int]) -> None:
        """The server left these out of its answer. Only what it does not list any more is gone."""
        if not uids:
            return
        await connection.catch_up()
        listed = uids.intersection(await connection.search(min(uids), max(uids)))
        for uid in sorted(listed):
            await self._stumbled(mailbox_id, uidvalidity, uid, Unreachable("imap_left_out"))
        await self._database.write(mailboxes.gone, mailbox_id, uidvalidity, sorted(uids - listed))

    async def _stumbled(self, mailbox_id: int, uidvalidity: int, uid: int, error: Exception) -> None:
        logger.warning("mailbox %s: mail %s is not handed over (%s)", mailbox_id, uid, error)
        await self._database.write(mailboxes.stumbled, mailbox_id, uidvalidity, uid, str(error), now=self._clock())

    async def _tell(
        self, connection: Connection, mailbox: Mailbox, uidvalidity: int, uids: list[int]
    ) -> tuple[str, str] | None:
        """Tell the server that these are ours. When it refuses, mail still comes in, and its words are returned."""
        assert mailbox.id is not None
        if not uids:
            return None
        try:
            if mailbox.after == MailboxAfter.MOVE:
                await connection.move(uids, mailbox.move_to)
            elif mailbox.after == MailboxAfter.SEEN:
                await connection.mark_seen(uids)
        except (Rejected, Unreachable) as error:
            if str(error) not in ("imap_refused", "imap_no_move_folder"):
                raise
            return str(error) if isinstance(error, Rejected) else "imap_cannot_mark", _detail(error)
        await self._database.write(mailboxes.told, mailbox.id, uidvalidity, uids)
        return None


async def attempt(access: Access) -> Tried:
    """Really connect, log in and look for the folders, and say what would be in the way. Changes nothing anywhere."""
    try:
        async with imap.connected(access.host, access.port, starttls=_starttls(access)) as connection:
            if access.auth == MailboxAuth.XOAUTH2:
                await connection.login_oauth(access.user, (await asyncio.to_thread(_ask, access)).access)
            else:
                await connection.login(access.user, access.secret)
            selected = await connection.select(access.folder)
            if access.after == MailboxAfter.MOVE and not await connection.has_folder(access.move_to):
                imap.failed(Rejected, "imap_no_move_folder")
        if access.smtp_host:
            await asyncio.to_thread(_try_to_send, access)
        return Tried(count=selected.count)
    except (Unreachable, Rejected) as error:
        return Tried(str(error), _detail(error), _PLACES.get(str(error), ""))


def _try_to_send(access: Access) -> None:
    """Sign in where its mail leaves, and send nothing."""
    token = _ask(access).access if mailboxes.sends_by_token(access) else ""
    send.knock(mailboxes.smtp_server(access, token=token))


def _ask(access: Access) -> oauth.Token:
    return oauth.ask(
        access.token_url, client_id=access.client_id, client_secret=access.client_secret,
        refresh_token=access.secret, scope=access.scope,
    )  # fmt: skip


def _starttls(access: Access) -> bool:
    return access.security == MailboxSecurity.STARTTLS


def _detail(error: Exception) -> str:
    return str(getattr(error, "detail", ""))


def _is_wanted(letter: Letter, progress: Progress) -> bool:
    """Whatever came since the folder was first looked into, however old; of what lay there only the new."""
    is_new = letter.uid >= progress.old_below
    return is_new or letter.received_at is None or letter.received_at >= progress.old_from


def _chunks(uids: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(uids), size):
        yield uids[start : start + size]
