"""Writing to a customer: the form below the conversation, and what becomes of what was sent with it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, conversations, outgoing
from helpdesk.errors import Invalid
from helpdesk.mail import attachments
from models import Agent
from web.edge import act, back, desk_of, see

FILES_MAX_BYTES = 25_000_000


async def reply(request: Request) -> Response:
    """Write to the customer; files come along."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    # Asked before anything is unpacked: whoever may not reply leaves no file here.
    await see(request, lambda db, agent: access.ticket(db, agent, ticket_id))
    async with request.form(max_files=20, max_part_size=FILES_MAX_BYTES) as form:
        uploads = [file for file in form.getlist("attachments") if isinstance(file, UploadFile) and file.filename]
        if sum(file.size or 0 for file in uploads) > FILES_MAX_BYTES:
            raise Invalid("too_large", field="attachments")
        files = [
            attachments.store(
                desk.attachments, name=(file.filename or "file")[:200], content=await file.read(),
                content_type=file.content_type or "application/octet-stream",
            )
            for file in uploads
        ]  # fmt: skip
        text, to, cc = str(form.get("body", "")), _addresses(form.get("to")), _addresses(form.get("cc"))
        leaves_at = _moment(str(form.get("later", "")), desk.settings.timezone)

    def write(db: Session, agent: Agent) -> None:
        found = access.ticket(db, agent, ticket_id)
        view = conversations.reply_form(db, found, agent=agent, settings=desk.settings)
        if not view.can:
            raise Invalid(view.why_not)
        draft = outgoing.Draft(text, to or _addresses(view.to), cc, files, leaves_at=leaves_at)
        outgoing.write(db, found, draft, by=agent, settings=desk.settings, now=desk.clock())

    await act(request, write)
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
