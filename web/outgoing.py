"""Writing to a customer: the form below the conversation, and what becomes of what was sent with it."""

from typing import Any

from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, canned, conversations, outgoing
from helpdesk.errors import Invalid
from helpdesk.mail import attachments, compose
from models import Agent
from web import canned as canned_pages
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
        laid = canned_pages.laid(form)

    def write(db: Session, agent: Agent) -> None:
        found = access.ticket(db, agent, ticket_id)
        view = conversations.reply_form(db, found, agent=agent, settings=desk.settings)
        if not view.can:
            raise Invalid(view.why_not)
        sender = outgoing.sender_of(db, found, default=desk.settings.mail_from, desk_name=desk.settings.name)
        along = canned_pages.along(db, agent, laid, files, most_bytes=FILES_MAX_BYTES)
        draft = outgoing.Draft(text, to or _addresses(view.to), cc, along)
        internet_id = compose.new_id(sender[1].rpartition("@")[2])
        made = outgoing.reply(db, found, draft, by=agent, internet_id=internet_id, sender=sender, now=desk.clock())
        if made.internet_id == internet_id:  # and not the same that was sent a moment ago
            canned.used(db, agent, laid.ids, now=desk.clock())

    await act(request, write)
    return back(request, f"/tickets/{ticket_id}")


def _addresses(typed: Any) -> list[str]:
    text = str(typed or "").replace("、", ",").replace(";", ",").replace("\n", ",")
    return [part.strip() for part in text.split(",") if part.strip()]
