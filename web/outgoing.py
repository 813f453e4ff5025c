"""Writing to a customer: the form below the conversation, and what becomes of what was sent with it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, conversations, outgoing, reply_locks, safety
from helpdesk.errors import Invalid
from helpdesk.mail import attachments
from models import Agent
from web import safety as asking
from web.edge import act, back, desk_of, see

FILES_MAX_BYTES = 25_000_000


async def reply(request: Request) -> Response:
    """Write to the customer; files come along."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    # Asked before anything is unpacked: whoever may not reply leaves no file here.
    author, _ = await see(request, lambda db, agent: access.ticket(db, agent, ticket_id))
    async with request.form(max_files=20, max_part_size=FILES_MAX_BYTES) as form:
        uploads = [file for file in form.getlist("attachments") if isinstance(file, UploadFile) and file.filename]
        kept = asking.kept_of(request, form, author, ticket_id)
        if sum(file.size or 0 for file in uploads) + sum(file.size_bytes for file in kept) > FILES_MAX_BYTES:
            raise Invalid("too_large", field="attachments")
        files = kept + [
            attachments.store(
                desk.attachments, name=(file.filename or "file")[:200], content=await file.read(),
                content_type=file.content_type or "application/octet-stream",
            )
            for file in uploads
        ]  # fmt: skip
        typed = {name: value for name, value in form.items() if isinstance(value, str)}
        text, to, cc = str(form.get("body", "")), _addresses(form.get("to")), _addresses(form.get("cc"))
        leaves_at = _moment(str(form.get("later", "")), desk.settings.timezone)

    def write(db: Session, agent: Agent) -> None:
        found = access.ticket(db, agent, ticket_id)
        view = conversations.reply_form(db, found, agent=agent, settings=desk.settings)
        if not view.can:
            raise Invalid(view.why_not)
        draft = outgoing.Draft(text, to or _addresses(view.to), cc, files, leaves_at=leaves_at)
        safety.check(db, found, draft, by=agent, now=desk.clock(), confirmed=typed.get("confirmed", ""))
        outgoing.write(db, found, draft, by=agent, settings=desk.settings, now=desk.clock())
        reply_locks.release(db, found, by=agent, now=desk.clock())

    try:
        await act(request, write)
    except safety.Halted as halted:
        raise asking.again(request, halted, typed, files, author, ticket_id) from halted
    return back(request, f"/tickets/{ticket_id}")


async def undo(request: Request) -> Response:
    """Take a mail back before it leaves; its words go back into the box."""
    desk, message_id = desk_of(request), request.path_params["message_id"]

    def verb(db: Session, agent: Agent) -> int:
        message = access.message(db, agent, message_id)
        outgoing.take_back(db, message, by=agent, now=desk.clock())
        return message.ticket_id

    ticket_id = await act(request, verb)
    return RedirectResponse(f"/tickets/{ticket_id}?again={message_id}#compose-{ticket_id}", 303)


async def later(request: Request) -> Response:
    """Let a mail that waits leave at another time, or now where none is given."""
    desk, message_id = desk_of(request), request.path_params["message_id"]
    leaves_at = _moment(str((await request.form()).get("later", "")), desk.settings.timezone)

    def verb(db: Session, agent: Agent) -> int:
        message = access.message(db, agent, message_id)
        outgoing.reschedule(db, message, leaves_at, by=agent, now=desk.clock())
        return message.ticket_id

    return back(request, f"/tickets/{await act(request, verb)}")


def _moment(typed: str, zone: str) -> datetime | None:
    """A date and time at the desk, as a form's field has it; None where none was given."""
    if not typed.strip():
        return None
    try:
        return datetime.fromisoformat(typed.strip()).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("not_a_date", field="later") from error


def _addresses(typed: Any) -> list[str]:
    text = str(typed or "").replace("、", ",").replace(";", ",").replace("\n", ",")
    return [part.strip() for part in text.split(",") if part.strip()]
