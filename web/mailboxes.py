"""Mailboxes: which the desk empties and how that goes, for supervisors to set up, try, pause and take away.

A password that was typed is never shown again, not even to who typed it: forms come back without it, and an empty
field keeps the one there is.
"""

from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, mailboxes, queues
from helpdesk.errors import Invalid
from helpdesk.mail import fetch
from helpdesk.mailboxes import Form
from helpdesk.settings_history import Rehearsed
from models import Agent, Mailbox, MailboxAfter, MailboxAuth, MailboxSecurity
from web.addresses import both, get, post
from web.edge import desk_of, html, look, see
from web.settings_history import change, saved

FIELDS = ("name", "address", "host", "port", "security", "user", "auth", "client_id", "token_url", "scope", "folder",
          "after", "move_to", "queue_id", "takes_reply_to", "takes_from", "smtp_host", "smtp_port", "smtp_security",
          "smtp_user")  # fmt: skip
SECRETS = ("secret", "client_secret", "smtp_secret")
EMPTY = {"port": "993", "security": "tls", "auth": "password", "folder": "INBOX", "after": "seen", "smtp_port": "587",
         "smtp_security": "starttls"}  # fmt: skip
LONGEST = 5000  # of a refresh token; Microsoft's have some 1,500 characters
Choice = TypeVar("Choice", bound=StrEnum)


async def page(request: Request) -> Response:
    """All of them, with their state."""
    frame, rows = await look(request, _rows)
    frame |= {"view": "mailboxes", "rows": rows}
    return html(request, "mailboxes/page.html", frame["me"]["language"], **frame)


async def new(request: Request) -> Response:
    """An empty form, or a new mailbox."""
    if request.method == "GET":
        return await _form(request, None, EMPTY | await _for_queue(request), {})
    return await _save(request, None)


async def edit(request: Request) -> Response:
    """The mailbox as a form, or the changed mailbox."""
    mailbox_id = request.path_params["mailbox_id"]
    if request.method == "GET":
        return await _form(request, mailbox_id, None, {})
    return await _save(request, mailbox_id)


async def test(request: Request) -> Response:
    """Really connect with what stands in the form, and say beside which field it fails. Nothing is kept."""
    desk, mailbox_id = desk_of(request), request.path_params.get("mailbox_id")
    values, typed = await _values(request)

    def verb(db: Session, agent: Agent) -> mailboxes.Access:
        access.supervisor(agent)
        mailbox = mailboxes.get(db, mailbox_id) if mailbox_id else None
        form = _typed(values | typed, desk.settings.timezone)
        return mailboxes.access_typed(db, form, mailbox, settings=desk.settings)

    try:
        _, opened = await see(request, verb)
    except Invalid as error:
        return await _form(request, mailbox_id, values, {str(error.facts.get("field", "")): error.code}, 422)
    tried = await fetch.attempt(opened)
    errors = {tried.place: tried.problem} if tried.place else {}
    return await _form(request, mailbox_id, values, errors, tried=tried)


async def pause(request: Request) -> Response:
    """Leave it alone."""
    return await _do(request, mailboxes.pause, "mailbox_paused")


async def resume(request: Request) -> Response:
    """Empty it again, or try now."""
    return await _do(request, mailboxes.resume, "mailbox_resumed")


async def delete(request: Request) -> Response:
    """Forget it, and its password."""
    return await _do(request, mailboxes.delete, "mailbox_deleted")


async def _do(request: Request, what: Any, notice: str) -> Response:
    desk, mailbox_id = desk_of(request), request.path_params["mailbox_id"]

    def verb(db: Session, agent: Agent) -> None:
        what(db, mailboxes.get(db, mailbox_id), by=access.supervisor(agent), now=desk.clock())

    _, change_id = await change(request, verb)
    desk.collector.wake()
    return saved("/admin/mailboxes", change_id, notice=notice)


async def _save(request: Request, mailbox_id: int | None) -> Response:
    desk = desk_of(request)
    values, typed = await _values(request)

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        told: dict[str, Any] = {"by": agent, "settings": desk.settings, "now": desk.clock()}
        form = _typed(values | typed, desk.settings.timezone)
        if mailbox_id is None:
            mailboxes.create(db, form, **told)
        else:
            mailboxes.change(db, mailboxes.get(db, mailbox_id), form, **told)

    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, mailbox_id, values, {}, will=seen.shown | {"unkept": any(typed.values())})
    except Invalid as error:
        return await _form(request, mailbox_id, values, {str(error.facts.get("field", "")): error.code}, 422)
    desk.collector.wake()
    guided = str((await request.form()).get("guided", ""))
    if mailbox_id is None and guided.isdecimal() and len(guided) < 10:
        return saved(f"/admin/queues/{guided}/guide", change_id, part="words")
    return saved("/admin/mailboxes", change_id)


async def _form(request: Request, mailbox_id: int | None, values: dict[str, str] | None, errors: dict[str, str],
                status: int = 200, *, tried: fetch.Tried | None = None, will: Any = None) -> Response:  # fmt: skip
    zone = desk_of(request).settings.timezone

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        mailbox = mailboxes.get(db, mailbox_id) if mailbox_id else None
        shown = values if values is not None else _shown(mailbox, zone) if mailbox else {}
        return {
            "values": shown, "has_secret": bool(mailbox and mailbox.secret),
            "has_client_secret": bool(mailbox and mailbox.client_secret),
            "has_smtp_secret": bool(mailbox and mailbox.smtp_secret),
            "queues": [{"id": queue.id, "name": queue.called(agent.language)} for queue in queues.everyone(db)],
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "mailboxes", "errors": errors, "mailbox_id": mailbox_id, "tried": tried, "will": will, **told}
    return html(request, "mailboxes/form.html", frame["me"]["language"], status, **frame)


async def _for_queue(request: Request) -> dict[str, str]:
    """What is known of a mailbox where a queue asks for one."""
    typed = request.query_params.get("queue", "")
    if not (typed.isdecimal() and len(typed) < 10):
        return {}
    _, queue = await see(request, lambda db, agent: queues.get(db, int(typed)))
    address = queue.address or ""
    return {"name": queue.name, "address": address, "user": address, "queue_id": typed, "guided": typed}


async def _values(request: Request) -> tuple[dict[str, str], dict[str, str]]:
    """What was typed, the secrets apart from what may be shown again."""
    form = await request.form()
    values = {name: str(form.get(name, ""))[:LONGEST] for name in FIELDS}
    values["guided"] = str(form.get("guided", ""))[:10]
    values |= {name: EMPTY[name] for name in ("smtp_port", "smtp_security") if not values[name]}
    names = {"secret": "refresh_token" if values["auth"] == "xoauth2" else "secret", "client_secret": "client_secret",
             "smtp_secret": "smtp_secret"}  # fmt: skip
    return values, {name: str(form.get(given, ""))[:LONGEST].strip("\r\n") for name, given in names.items()}


def _typed(values: dict[str, str], zone: str) -> Form:
    """Raises `Invalid` with the field that cannot be understood."""
    queue = values["queue_id"].strip()
    ports = {name: values[name].strip() for name in ("port", "smtp_port")}
    for name, port in ports.items():
        if not port.isascii() or not port.isdigit() or len(port) > 5:
            raise Invalid("not_a_port", field=name)
    if queue and (not queue.isascii() or not queue.isdigit() or len(queue) > 9):
        raise Invalid("unknown_choice", field="queue_id")
    words = ("name", "address", "host", "user", "client_id", "token_url", "scope", "folder", "move_to", "smtp_host",
             "smtp_user", *SECRETS)  # fmt: skip
    told: dict[str, Any] = {name: values[name] for name in words}
    return Form(
        **told,
        port=int(ports["port"]),
        smtp_port=int(ports["smtp_port"]),
        smtp_security=_choice(MailboxSecurity, values, "smtp_security"),
        queue_id=int(queue) if queue else None,
        takes_reply_to=bool(values["takes_reply_to"]),
        security=_choice(MailboxSecurity, values, "security"),
        auth=_choice(MailboxAuth, values, "auth"),
        after=_choice(MailboxAfter, values, "after"),
        takes_from=_day(values["takes_from"], zone),
    )


def _choice(kind: type[Choice], values: dict[str, str], name: str) -> Choice:
    try:
        return kind(values[name])
    except ValueError as error:
        raise Invalid("unknown_choice", field=name) from error


def _day(typed: str, zone: str) -> datetime | None:
    """The beginning of a day at the desk; None for "from now on"."""
    if not typed.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(typed.strip()), time(), ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("not_a_date", field="takes_from") from error


def _shown(mailbox: Mailbox, zone: str) -> dict[str, str]:
    apart = ("queue_id", "takes_from", "takes_reply_to")
    shown = {name: str(getattr(mailbox, name)) for name in FIELDS if name not in apart}
    shown["takes_reply_to"] = "on" if mailbox.takes_reply_to else ""
    shown["queue_id"] = str(mailbox.queue_id or "")
    shown["takes_from"] = mailbox.takes_from.astimezone(ZoneInfo(zone)).date().isoformat()
    return shown


def _rows(db: Session, agent: Agent) -> list[dict[str, Any]]:
    access.supervisor(agent)
    names = {queue.id: queue.called(agent.language) for queue in queues.everyone(db)}
    return [
        {
            "id": mailbox.id, "name": mailbox.name, "address": mailbox.address, "host": mailbox.host,
            "folder": mailbox.folder, "queue_name": names.get(mailbox.queue_id, ""), "is_active": mailbox.is_active,
            "state": mailbox.state.value if mailbox.is_active else "paused", "state_since": mailbox.state_since,
            "error": mailbox.error, "detail": mailbox.detail, "last_fetched_at": mailbox.last_fetched_at,
            "fetched_count": mailbox.fetched_count,
        }
        for mailbox in mailboxes.everyone(db)
    ]  # fmt: skip


ROUTES = (
    get("/admin/mailboxes", page),
    both("/admin/mailboxes/new", new),
    post("/admin/mailboxes/new/test", test),
    both("/admin/mailboxes/{mailbox_id:id}", edit),
    post("/admin/mailboxes/{mailbox_id:id}/test", test),
    post("/admin/mailboxes/{mailbox_id:id}/pause", pause),
    post("/admin/mailboxes/{mailbox_id:id}/resume", resume),
    post("/admin/mailboxes/{mailbox_id:id}/delete", delete),
)
