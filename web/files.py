"""Files and formatted mails, which strangers wrote: handed out at /files/, where no sign-in counts.

A page links to /attachments/7, which asks who is there and sends the browser on with a pass for that one thing. What
the pass opens is answered without looking at a cookie (`edge.Edge` takes them off), as a download or in a sandbox, and
from an address of its own where DESK_FILES_URL names one.
"""

import asyncio
from typing import TypeVar
from urllib.parse import quote

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from helpdesk import access, conversations, passes
from helpdesk.errors import NotFound
from helpdesk.mail import attachments
from helpdesk.mail import html as mail_html
from models import Agent, Attachment, Inbound, InboundKind, Message
from web.addresses import get
from web.edge import desk_of, language_of, renderer_of, see
from web.words import WORDS

T = TypeVar("T", Attachment, Inbound)
FRAME_CSP = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-popups "
    "allow-popups-to-escape-sandbox; frame-ancestors {desk}"
)
FILE_CSP = "sandbox; default-src 'none'"
SOON = "private, max-age=300"
"""How long a browser may use a pass again that leads to a formatted mail; shorter than the pass is valid."""


# --- with a sign-in: who may see it


async def attachment(request: Request) -> Response:
    """A file beside a message."""
    attachment_id = request.path_params["attachment_id"]
    await see(request, lambda db, agent: access.attachment(db, agent, attachment_id))
    return _onward(request, "file", attachment_id)


async def message_html(request: Request) -> Response:
    """A mail's HTML for the frame that shows it.

    With `?images=1`, which an agent asks for by a click, pictures elsewhere are loaded too; their server learns of it.
    """
    message_id = request.path_params["message_id"]
    await see(request, lambda db, agent: access.message(db, agent, message_id))
    what = "page_with_images" if request.query_params.get("images") == "1" else "page"
    return _onward(request, what, message_id, keep=SOON)


async def message_source(request: Request) -> Response:
    """The bytes of a mail as they arrived."""
    message_id = request.path_params["message_id"]

    def verb(db: Session, agent: Agent) -> int:
        message = access.message(db, agent, message_id)
        if message.inbound_id is None:
            raise NotFound("not_found", message_id=message_id)
        return access.inbound(db, agent, message.inbound_id).id or 0

    _, inbound_id = await see(request, verb)
    return _onward(request, "raw", inbound_id)


async def raw(request: Request) -> Response:
    """The bytes of anything that arrived, for supervisors."""
    inbound_id = request.path_params["inbound_id"]

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        access.inbound(db, agent, inbound_id)

    await see(request, verb)
    return _onward(request, "raw", inbound_id)


def _onward(request: Request, what: str, number: int, *, keep: str = "no-store") -> Response:
    desk = desk_of(request)
    token = passes.issue(what, number, settings=desk.settings, now=desk.clock())
    answer = RedirectResponse(f"{desk.settings.files_url}/files/{token}", 303)
    answer.headers["cache-control"] = keep
    return answer


# --- without one: whoever holds the pass


async def show(request: Request) -> Response:
    """What a pass opens. The same words for one that is too old, forged, or for something that is gone."""
    desk = desk_of(request)
    try:
        what, number = passes.opened(request.path_params["token"], settings=desk.settings, now=desk.clock())
        return await {"file": _file, "raw": _raw}.get(what, _page)(request, what, number)
    except NotFound:
        words = renderer_of(request).gettext(language_of(request))(WORDS["error"]["link_expired"])
        return PlainTextResponse(words, 404, headers={"content-security-policy": FILE_CSP, "cache-control": "no-store"})


async def _file(request: Request, _what: str, number: int) -> Response:
    file = await _row(request, Attachment, number)
    path = attachments.path_of(desk_of(request).settings.attachments, file.sha256)
    if not path.is_file():
        raise NotFound("not_found", attachment_id=number)
    return FileResponse(path, media_type="application/octet-stream", headers=_as_file(file.name))


async def _raw(request: Request, _what: str, number: int) -> Response:
    found = await _row(request, Inbound, number)
    ending = "eml" if found.kind == InboundKind.MAIL else "txt"
    return Response(found.raw, media_type="application/octet-stream", headers=_as_file(f"inbound-{number}.{ending}"))


async def _page(request: Request, what: str, number: int) -> Response:
    """Sanitized when it arrived, and boxed in once more."""
    desk = desk_of(request)

    def verb(db: Session) -> tuple[Message | None, dict[str, Attachment]]:
        message = db.get(Message, number)
        return message, conversations.entries.pictures(db, message) if message is not None else {}

    message, files = await desk.database.read(verb)
    if message is None:
        raise NotFound("not_found", message_id=number)
    with_images = what == "page_with_images"
    pictures = await asyncio.to_thread(attachments.pictures, desk.settings.attachments, files)
    words = mail_html.for_frame(message.html, pictures=pictures, remote=with_images)
    policy = FRAME_CSP.format(desk=desk.settings.public_url if desk.settings.files_url else "'self'")
    if with_images:
        policy = policy.replace("img-src data:", "img-src data: https: http:")
    return HTMLResponse(
        f'<!doctype html><meta charset="utf-8"><base target="_blank">{words}',
        headers={"content-security-policy": policy, "cache-control": SOON, "referrer-policy": "no-referrer"},
    )


async def _row(request: Request, table: type[T], number: int) -> T:
    found = await desk_of(request).database.read(lambda db: db.get(table, number))
    if found is None:
        raise NotFound("not_found", number=number)
    return found


def _as_file(name: str) -> dict[str, str]:
    """Headers of what is saved and never shown."""
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "content-security-policy": FILE_CSP, "cache-control": "no-store"}  # fmt: skip


ROUTES = (
    get("/messages/{message_id:id}/html", message_html),
    get("/messages/{message_id:id}/source", message_source),
    get("/attachments/{attachment_id:id}", attachment),
    get("/files/{token}", show),
    get("/admin/inbound/{inbound_id:id}/raw", raw),
)
