"""What every request passes: security headers, where it came from, who is signed in; and errors turned into pages.

A page is one hop to a thread and one picture of the database: the login, the frame around the page and the page's own
data are read together (`look`). A change is one transaction with the login checked inside it (`act`).
"""

import logging
import re
from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from sqlalchemy.exc import DataError
from sqlmodel import Session
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helpdesk import agents, imports, pops, views, ways
from helpdesk.asterisk import dialing
from helpdesk.desk import Desk
from helpdesk.errors import Conflict, DeskError, Invalid, NotAllowed, NotFound, place_of
from helpdesk.events import last_number
from helpdesk.settings import Settings
from helpdesk.settings_history import Rehearsed
from models import Agent, Presence, Role, looking
from web import assets, errands
from web.keeping import Settled
from web.render import Renderer

T = TypeVar("T")
logger = logging.getLogger(__name__)

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=()",
}
FILES = "/files/"
"""What stands below was written by strangers: no cookie counts there."""
CUSTOMERS = ("/s/", "/m/", FILES)  # by links that they are sent
MACHINES = ("/hooks/", "/api/")  # they prove themselves by signature or token, and no browser's cookie counts there
STAY = timedelta(minutes=5)
BODY_MAX = 26_000_000
"""Bytes of a request: an answer with all its attachments, and its words."""
BODY_MORE = 1_000_000
"""A mail that is posted may be as large as any mail, and what is told about it besides."""
SAFE = {"GET", "HEAD", "OPTIONS"}
STATUS = {NotFound: 404, NotAllowed: 403, Conflict: 409, Invalid: 422}


class SignedOut(Exception):
    """Nobody is signed in; the sign-in page comes first."""


def desk_of(connection: HTTPConnection) -> Desk:
    """The open desk."""
    desk: Desk = connection.app.state.desk
    return desk


def own_address(request: Request) -> str:
    """Where this desk is, for addresses that are handed on: "https://desk.example.com", without a path."""
    return desk_of(request).settings.public_url or str(request.base_url).rstrip("/")


def renderer_of(connection: HTTPConnection) -> Renderer:
    """The templates."""
    renderer: Renderer = connection.app.state.renderer
    return renderer


def cookie_name(desk: Desk) -> str:
    """With TLS the name forbids a neighbouring host to set it."""
    return "__Host-desk" if desk.settings.is_secure else "desk"


def token_of(connection: HTTPConnection) -> str:
    """The login's token, as the browser keeps it."""
    return connection.cookies.get(cookie_name(desk_of(connection)), "")


def language_of(request: HTTPConnection, agent: Agent | None = None) -> str:
    """The agent's language, or what the browser asks for, or the desk's."""
    if agent:
        return agent.language
    if (asked := request.query_params.get("lang", "")) in ("ja", "en"):
        return asked
    for part in request.headers.get("accept-language", "").split(","):
        if (code := part.split(";")[0].strip().lower()[:2]) in ("ja", "en"):
            return code
    return desk_of(request).settings.language


async def look(request: Request, verb: Callable[[Session, Agent], T]) -> tuple[dict[str, Any], T]:
    """The frame around a page, and what the verb answers, of one moment. Raises `SignedOut`."""
    desk = desk_of(request)

    def both(db: Session) -> tuple[dict[str, Any], T]:
        agent = _agent(db, request)
        number = last_number(db)  # before anything else is read: what comes later, the socket brings again
        return frame(db, agent, request, number=number), verb(db, agent)

    seen = await desk.database.read(both)
    await _stay(request)
    return seen


async def shown(
    request: Request, template: str, verb: Callable[[Session, Agent], dict[str, Any]], answer: int = 200
) -> HTMLResponse:
    """The page of what the verb answers, within its frame: read and drawn in the same thread, while the event loop has
    sockets to serve. Raises `SignedOut`, and what the verb raises."""

    def drawn(db: Session) -> bytes:
        agent = _agent(db, request)
        number = last_number(db)  # as in `look`
        context = frame(db, agent, request, number=number) | verb(db, agent)
        return renderer_of(request).sent(template, agent.language, **context)

    text = await desk_of(request).database.read(drawn)
    await _stay(request)
    return _page(request, text, answer)


async def shown_region(
    request: Request, template: str, verb: Callable[[Session, Agent], dict[str, Any]]
) -> HTMLResponse:
    """The same of one region, without the frame."""

    def drawn(db: Session) -> bytes:
        agent = _agent(db, request)
        return renderer_of(request).fragment(template, agent.language, **verb(db, agent)).encode()

    text = await desk_of(request).database.read(drawn)
    await _stay(request)
    return HTMLResponse(text, headers={"cache-control": "no-store"})


async def see(request: Request, verb: Callable[[Session, Agent], T]) -> tuple[Agent, T]:
    """What the verb answers to whoever is signed in, without the frame: for fragments and files."""

    def both(db: Session) -> tuple[Agent, T]:
        agent = _agent(db, request)
        return agent, verb(db, agent)

    seen = await desk_of(request).database.read(both)
    await _stay(request)
    return seen


async def _stay(request: Request) -> None:
    """A login that is used goes on. Written down every few minutes, not at every look."""
    desk, token = desk_of(request), token_of(request)
    used: dict[str, datetime] = request.app.state.used
    now = desk.clock()
    if token in used and now - used[token] < STAY:
        return
    if len(used) > 10_000:
        used.clear()
    used[token] = now
    await desk.database.write(agents.keep_signed_in, token, hours=desk.settings.login_hours, now=now)


async def act(request: Request, verb: Callable[[Session, Agent], T]) -> T:
    """Run the verb in one transaction for whoever is signed in. Raises `SignedOut`, and what the verb raises."""
    return await desk_of(request).database.write(lambda db: verb(db, _agent(db, request)))


def frame(db: Session, agent: Agent, request: Request, *, number: int) -> dict[str, Any]:
    """What the layout of every page needs."""
    desk = desk_of(request)
    now = desk.clock()
    notice = request.query_params.get("notice", "")
    return {
        "me": me(db, agent),
        "can_dial": dialing.can_dial(db, agent),
        "now": now,
        "path": request.url.path,
        "number": number,
        "seen": seen if (seen := getattr(request.state, "seen", None)) is not None else number,
        "desk": desk_facts(request),
        "rail": rail_facts(db, agent, now=now),
        "pops": pops.cards(db, agent, language=agent.language, settings=desk.settings),
        "notice": notice if re.fullmatch(r"[a-z_]{1,40}", notice) else None,
        "notice_field": request.query_params.get("field", "")[:40],
        "notice_facts": {},
        "undo_id": _undoable(agent, request),
        "errand": errands.of(db, agent, request),
        "view": request.query_params.get("view", ""),
    }


def _undoable(agent: Agent, request: Request) -> int | None:
    """The change of settings that was just saved, for whoever may take it back."""
    number = request.query_params.get("change", "")
    is_one = agent.role == Role.SUPERVISOR and number.isascii() and number.isdecimal() and len(number) < 10
    return int(number) if is_one else None


def me(db: Session, agent: Agent) -> dict[str, Any]:
    """The signed-in agent, as pages show them."""
    state = agents.state_of(db, agent.id or 0)
    return {
        "id": agent.id, "name": agent.name, "reading": agent.reading, "role": agent.role.value,
        "language": agent.language, "theme": agent.theme, "shortcuts": agent.shortcuts,
        "desktop": [kind for kind in ways.KINDS if "desktop" in ways.of(agent, kind)], "quiet": ways.quiet_hours(agent),
        "state": (state.state if state else Presence.OFFLINE).value, "state_reason": state.reason if state else "",
        "state_since": state.started_at if state else agent.created_at,
    }  # fmt: skip


def rail_facts(db: Session, agent: Agent, *, now: datetime) -> Settled:
    """The counts in the rail."""

    def counted() -> Settled:
        rail = views.rail(db, agent, language=agent.language, now=now)
        return Settled(
            queues=rail.queues, mine=rail.mine, unassigned=rail.unassigned, all=rail.all, urgent=rail.urgent,
            awaiting=rail.awaiting, approves=any(queue["needs_approval"] for queue in rail.queues),
            calls_waiting=rail.calls, callbacks=rail.callbacks, callbacks_overdue=rail.callbacks_overdue,
            parked=rail.parked, saved=rail.saved, unread=rail.unread, drafts=rail.drafts,
        )  # fmt: skip

    return looking.once(db, (rail_facts, agent.id, views.stretch(now)), counted)


def desk_facts(request: HTTPConnection) -> dict[str, Any]:
    """The desk's name, kind and looks; `picture` and `style` are addresses, "" where it looks as it came."""
    desk = desk_of(request)
    picture = f"/logo/{desk.look.logo_id}" if desk.look.logo_id else ""
    style = assets.address_of(desk.look.accent) if desk.look.accent else ""
    return {"name": desk.settings.name, "is_demo": desk.settings.demo, "version": request.app.state.version,
            "picture": picture, "style": style}  # fmt: skip


def html(request: HTTPConnection, template: str, lang: str, answer: int = 200, /, **context: Any) -> HTMLResponse:
    """A rendered page."""
    made = _page(request, renderer_of(request).page(template, lang, **context).encode(), answer)
    if errands.NAME in request.query_params and "errand" in context:
        errands.keep(made, context["errand"], is_secure=desk_of(request).settings.is_secure)
    return made


def _page(request: HTTPConnection, text: bytes, answer: int) -> HTMLResponse:
    """Pages hold people's data, so no cache keeps them."""
    desk, headers = desk_of(request), {"cache-control": "no-store"}
    files: assets.Assets = request.app.state.assets
    if is_first := files.are_new_to(request):
        text, sources = files.laid_in(text, accent=desk.look.accent)
        headers["content-security-policy"] = policy(desk.settings, styles=sources)
    headers["link"] = assets.told(text)
    if is_first and "gzip" in request.headers.get("accept-encoding", ""):
        text = assets.pressed(text)
        headers |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}
    return HTMLResponse(text, answer, headers=headers)


def fragment(request: HTTPConnection, template: str, lang: str, **context: Any) -> HTMLResponse:
    """One region."""
    return HTMLResponse(renderer_of(request).fragment(template, lang, **context), headers={"cache-control": "no-store"})


async def brought(request: Request, wanted: imports.Wanted) -> bytes:
    """The bytes of the form's file; one byte too many of too large a one, so that it is refused and not read on."""
    async with request.form(max_files=1) as form:
        given = form.get("file")
        return await given.read(wanted.bytes_max + 1) if isinstance(given, UploadFile) else b""


def back(request: Request, default: str, *, notice: str = "", field: str = "") -> RedirectResponse:
    """To the page the form stood on, which must be one of ours; `field` is what the notice is about."""
    referer = address_of(request.headers.get("referer", ""))
    ours = referer.netloc == request.headers.get("host", "") and re.match(r"/(?!/)", referer.path)
    path = referer.path if ours else default
    passing = ("notice", "field", "canned", "change")
    query = [(k, v) for k, v in _pairs(referer.query) if k not in passing] if ours else []
    query += [pair for pair in (("notice", notice), ("field", field)) if pair[1]]
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)


def address_of(told: str) -> SplitResult:
    """The parts of an address that a header tells; none of what is no address."""
    try:
        return urlsplit(told)
    except ValueError:
        return urlsplit("")


def one_of(typed: str, choices: Container[str], *, field: str) -> str:
    """One of the words a button sends. Raises `Invalid("unknown_choice")`; ask whether the thing is there before."""
    if typed not in choices:
        raise Invalid("unknown_choice", field=field)
    return typed


def wants_fragment(request: Request) -> bool:
    """Whether a script asks, which shows an error beside its field instead of leaving the page."""
    return "text/html" not in request.headers.get("accept", "") or request.headers.get("x-region") is not None


def _pairs(query: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(query, keep_blank_values=True)


def _agent(db: Session, request: HTTPConnection) -> Agent:
    agent = agents.signed_in(db, token_of(request), now=desk_of(request).clock())
    if agent is None:
        raise SignedOut
    return agent


# --- errors to pages -------------------------------------------------------------------------------------------------


async def on_signed_out(request: Request, _error: Exception) -> Response:
    """To the sign-in page and back here afterwards; scripts hear 401."""
    if wants_fragment(request):
        return PlainTextResponse("signed_out", 401)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = urlencode({"next": target}) if request.method == "GET" and target != "/" else ""
    return RedirectResponse(f"/sign-in?{query}" if query else "/sign-in", 303)


async def on_desk_error(request: Request, error: Exception) -> Response:
    """A broken rule: beside the form it came from where there is one, or as a page."""
    assert isinstance(error, DeskError)
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    if wants_fragment(request):
        return PlainTextResponse(error.code, status)
    if request.method == "POST" and status in (409, 422) and request.headers.get("referer"):
        return back(request, "/", notice=error.code, field=str(error.facts.get("field", "")))
    return await _error_page(request, status, error.code)


async def on_http_error(request: Request, error: Exception) -> Response:
    """404 and the like from the router."""
    assert isinstance(error, HTTPException)
    if request.url.path.startswith(MACHINES):
        return PlainTextResponse(str(error.detail), error.status_code)
    code = {404: "not_found", 403: "not_allowed", 413: "too_large"}.get(error.status_code, "bad_request")
    return await _error_page(request, error.status_code, code)


async def on_crash(request: Request, error: Exception) -> Response:
    """Our own mistake: said plainly, told in the log, nothing of it on the page."""
    logger.error("request failed: %s %s: %s", request.method, request.url.path, place_of(error))
    if request.url.path.startswith(MACHINES):
        return PlainTextResponse("server error", 500)
    answer = html(request, "error.html", language_of(request), 500, code="broken", status=500,
                  desk=desk_facts(request), is_customers=_is_customers(request))  # fmt: skip
    protect(answer.headers, desk_of(request).settings)  # this answer is made outside of `Edge`
    return answer


async def on_impossible_value(request: Request, error: Exception) -> Response:
    """Text or a number no database can hold, such as ticket 10^20: there is none. Otherwise it is our mistake."""
    asked = f"{request.url.path}?{unquote(request.url.query)}"
    if request.method == "GET" and not re.search(r"\d{19,}|\x00", asked):
        return await on_crash(request, error)
    return await on_desk_error(request, NotFound("not_found") if request.method == "GET" else Invalid("bad_request"))


async def on_rehearsal(request: Request, error: Exception) -> Response:
    """A form that asked what it would change where no page says that beforehand. Nothing was changed."""
    return await on_desk_error(request, Invalid("bad_request"))


async def _error_page(request: Request, status: int, code: str) -> Response:
    """In the language of whoever is signed in."""
    try:
        agent, _ = await see(request, lambda db, agent: None)
    except SignedOut:
        agent = None
    return html(request, "error.html", language_of(request, agent), status, code=code, status=status,
                desk=desk_facts(request), theme=agent.theme if agent else "",
                is_customers=_is_customers(request) and agent is None)  # fmt: skip


def _is_customers(request: Request) -> bool:
    """Whether it is asked by a link that customers are sent: what only colleagues have is not offered to them."""
    return request.url.path.startswith(CUSTOMERS)


Handler = Callable[[Request, Exception], Awaitable[Response]]
ERRORS: dict[Any, Handler] = {
    SignedOut: on_signed_out,
    DeskError: on_desk_error,
    HTTPException: on_http_error,
    Rehearsed: on_rehearsal,
    DataError: on_impossible_value,
    OverflowError: on_impossible_value,
    UnicodeEncodeError: on_impossible_value,  # half a pair of UTF-16, out of a form that says it is in UTF-7
    Exception: on_crash,
}


# --- middleware ------------------------------------------------------------------------------------------------------


class Edge:
    """Refuses what another site's page sends in our visitor's name, and puts the security headers on every answer.

    Browsers say where a request comes from (Fetch Metadata, and Origin before that), on sockets too. A request that
    changes something, or opens a socket, must come from our own pages; a program that sends neither header carries no
    visitor's cookie by accident.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        settings: Settings = scope["app"].state.desk.settings
        if scope["path"].startswith(FILES):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"cookie"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                protect(MutableHeaders(scope=message), settings)
            await send(message)

        if scope["type"] == "websocket":
            await self._socket(scope, receive, send, settings)
        elif settings.files_url and _is_elsewhere(scope, settings):
            await self._refuse(scope, receive, send_with_headers, "not_found", 404)
        elif self._must_be_ours(scope) and not is_ours(Headers(scope=scope), settings.public_url):
            await self._refuse(scope, receive, send_with_headers)
        else:
            limit = settings.mail_max_bytes + BODY_MORE if scope["path"].startswith("/hooks/mail/") else BODY_MAX
            await self._app(scope, _bounded(receive, limit), send_with_headers)

    async def _socket(self, scope: Scope, receive: Receive, send: Send, settings: Settings) -> None:
        """Its frames go out as they are: they have no headers, and there are thousands a second."""
        is_elsewhere = settings.files_url and _is_elsewhere(scope, settings)
        if is_elsewhere or not is_ours(Headers(scope=scope), settings.public_url):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        else:
            await self._app(scope, receive, send)

    def _must_be_ours(self, scope: Scope) -> bool:
        return scope["method"] not in SAFE and not scope["path"].startswith(MACHINES)

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, why: str = "forbidden_origin", status: int = 403
    ) -> None:
        await PlainTextResponse(why, status)(scope, receive, send)


def _is_elsewhere(scope: Scope, settings: Settings) -> bool:
    """Whether something is asked for at the wrong one of two addresses: files of the desk's own, or the desk at that
    of the files."""
    at_files: bool = Headers(scope=scope).get("host", "") == urlsplit(settings.files_url).netloc
    is_file: bool = scope["path"].startswith(FILES)
    return at_files != is_file


def _bounded(receive: Receive, limit: int) -> Receive:
    """No more of a body than any form of ours may hold; the rest is not even read."""
    size = 0

    async def part() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise HTTPException(413)
        return message

    return part


def protect(answer: MutableHeaders, settings: Settings) -> None:
    """Put the security headers on an answer that does not have stricter ones of its own."""
    for name, value in HEADERS.items():
        answer.setdefault(name, policy(settings) if name == "content-security-policy" else value)
    if settings.is_secure:
        answer.setdefault("strict-transport-security", "max-age=31536000")


def policy(settings: Settings, *, styles: Sequence[str] = ()) -> str:
    """What a page may load: all from here alone, files from their own address, and within the page these `styles`."""
    told = CSP.replace("style-src 'self'", " ".join(("style-src 'self'", *styles)))
    return told.replace("frame-src 'self'", f"frame-src 'self' {settings.files_url}".rstrip())


def is_ours(headers: Headers, public_url: str) -> bool:
    """Whether the request comes from a page of ours, or from no page at all."""
    site = headers.get("sec-fetch-site")
    if site in ("cross-site", "same-site"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    here = address_of(origin).netloc
    return here != "" and here in (headers.get("host", ""), urlsplit(public_url).netloc)


def install(app: Starlette) -> None:
    """Kept apart so that app.py reads as the list of routes it is."""
    for kind, handler in ERRORS.items():
        app.add_exception_handler(kind, handler)
