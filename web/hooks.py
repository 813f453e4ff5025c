"""The machines' entrance: telephone callbacks, and mail by HTTP. Proved, kept, read, answered, in that order.

What is proved is kept before anything else happens, so nothing a telephone system said is lost. Reading follows at
once, but the answer does not wait for it for ever: the caller on the line hears something within two seconds even when
everything behind is slow.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

import cti.phonebridge
import cti.push
import cti.twilio
from cti import Unproven
from helpdesk import callbacks, contacts, exchange_log, exchanges, sms
from helpdesk.desk import Desk
from helpdesk.errors import Invalid, Rejected
from helpdesk.mail import posted
from models import ExchangeKind, Inbound, InboundKind
from web.addresses import both, get, post
from web.edge import BODY_MORE, desk_of

ANSWER_WITHIN_SECONDS = 1.5
BODY_MAX = 256_000
SIGNATURES = ("x-placetel-signature", "x-signature", "x-hub-signature-256")

_SIGNED = {"signature": posted.SIGNATURE, "timestamp": posted.TIMESTAMP}

logger = logging.getLogger(__name__)


async def twilio_voice(request: Request) -> Response:
    """Somebody calls. The answer is TwiML: ring the agents, or let the caller wait."""
    desk = desk_of(request)
    answering = asyncio.ensure_future(_hear_and_answer(request))
    try:
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            return await asyncio.shield(answering)
    except TimeoutError:
        # Perhaps not even stored yet, so nothing may depend on it: Twilio is asked to come back with the same, and the
        # one that was stored first counts.
        logger.warning("a call could not be answered in time; its caller waits and Twilio asks again")
    except Exception:
        logger.exception("a call could not be stored; its caller waits and Twilio asks again")
    answering.add_done_callback(_told)
    return _twiml(callbacks.later_answer(desk.settings))


async def twilio_news(request: Request) -> Response:
    """A status, recording or queue callback: news, with nothing to say to the caller."""
    form = await _hear_twilio(request)
    return _refused() if form is None else _twiml(cti.twilio.nothing())


async def twilio_dialed(request: Request) -> Response:
    """The agents' telephones have rung. If nobody took the call, the next one's rings, or the caller hears sorry."""
    return await _hear_and_say(request, callbacks.dialed_answer)


async def twilio_wait(request: Request) -> Response:
    """Twilio asks, again and again, what a waiting caller shall hear."""
    return await _hear_and_say(request, callbacks.wait_answer)


async def twilio_key(request: Request) -> Response:
    """A waiting caller pressed a key."""
    return await _hear_and_say(request, callbacks.key_answer)


async def push(request: Request) -> Response:
    """An exchange tells of a call, in any of the dialects `cti.push` reads: JSON or form, or a GET with the same names.

    What it says decides about 200 and 422, never about 5xx. Repeats get the answer of the first.
    """
    desk = desk_of(request)
    token = request.path_params["token"]
    door = await desk.doors.door(token.removesuffix(".xml"))
    wants_xml = token.endswith(".xml") or (door is not None and door.kind in exchanges.SPEAKS_XML)
    if door is None:
        return _declined("unknown token", 401, wants_xml=wants_xml)
    body, content_type = await _body(request), request.headers.get("content-type", "")
    if request.method == "GET":
        body, content_type = request.url.query.encode(), "application/x-www-form-urlencoded"
    told = await take(desk, door, body, content_type, signature=_is_proven(request, door, body, desk))
    if told.status != 200:
        return _declined(told.error, told.status, wants_xml=wants_xml)
    if door.kind == ExchangeKind.PHONEBRIDGE:
        return JSONResponse(cti.phonebridge.answer())
    if wants_xml:
        # Placetel knows no such attributes, and sipgate tells nothing more of the call without them.
        here = "" if door.kind == ExchangeKind.PLACETEL else f"{desk.settings.public_url}{request.url.path}"
        return Response(cti.push.answer_xml(**told.answer, events_url=here), media_type="application/xml")
    return JSONResponse(cti.push.answer(**told.answer))


async def phonebridge(request: Request) -> Response:
    """A notification as Zoho's products get it, below the address of the exchange."""
    desk = desk_of(request)
    door = await desk.doors.door(request.path_params["token"])
    if door is None:
        return _declined("unknown token", 401)
    told = await take(desk, door, await _body(request), request.headers.get("content-type", ""), signature=None)
    lacks = told.error.removeprefix("REQUIRED_PARAM_MISSING: ") if told.error.startswith("REQUIRED") else ""
    if lacks:
        return JSONResponse(cti.phonebridge.answer(lacks), told.status)
    return JSONResponse(cti.phonebridge.answer()) if told.status == 200 else _declined(told.error, told.status)


async def report(request: Request) -> Response:
    """3CX tells of a call that has ended."""
    desk = desk_of(request)
    door = await desk.doors.door(request.path_params["token"])
    if door is None or door.kind != ExchangeKind.THREECX:
        return _declined("unknown token", 401)
    body, content_type = await _body(request), request.headers.get("content-type", "")
    told = await take(desk, door, body, content_type, signature=None)
    return JSONResponse({"status": "kept"}) if told.status == 200 else _declined(told.error, told.status)


async def lookup(request: Request) -> Response:
    """Who has this number? Exactly this one: a name that is wrong is worse than none. Nobody is an empty list."""
    return await _asked(request, "lookup", request.query_params.get("number", ""))


async def search(request: Request) -> Response:
    """Whom an agent looks for on the telephone's own screen."""
    query = request.query_params
    return await _asked(request, "search", query.get("text", "") or query.get("q", ""))


async def _asked(request: Request, what: str, typed: str) -> Response:
    desk = desk_of(request)
    door = await desk.doors.door(request.path_params["token"])
    if door is None:
        return _declined("unknown token", 401)
    if not door.is_active:
        return _declined("this exchange is paused at the desk", 422)
    ask = contacts.with_number if what == "lookup" else contacts.found
    found = await desk.database.read(ask, typed[:200], settings=desk.settings)
    await desk.database.write(
        exchange_log.write, door.source, what, typed[:200], answered=str(len(found)),
        outcome="found" if found else "nobody", now=desk.clock(),
    )  # fmt: skip
    return JSONResponse({"contacts": found}, headers={"cache-control": "no-store"})


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a post: `answer` goes to `cti.push.answer`; with another `status` than 200, `error` says why."""

    status: int = 200
    error: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    inbound: Inbound | None = None


async def take(desk: Desk, door: exchanges.Door, body: bytes | None, content_type: str, *,
               signature: bool | None) -> Told:  # fmt: skip
    """Keep and read what an exchange said. `signature` says whether its proof holds; None where it needs none."""
    if body is None:
        await desk.doors.refuse(door, "push", "", status=413, outcome="too_large")
        return Told(413, "too large")
    if signature is False:
        outcome = "secret_lost" if door.has_lost_secret else "unproven"
        await desk.doors.refuse(door, "push", "", status=401, outcome=outcome)
        return Told(401, "the signature is missing or wrong")
    said = ""
    try:
        kept, kind = exchanges.discreet(door, body, content_type)
        said = exchanges.said_in(kept, kind)
        if not door.is_active:
            await desk.doors.refuse(door, "push", said, status=422, outcome="paused")
            return Told(422, "this exchange is paused at the desk")
        events = exchanges.events_in(door, kept, kind, settings=desk.settings, now=desk.clock())
    except Rejected as error:
        said = said or exchanges.said_in(body, content_type)
        await desk.doors.refuse(door, "push", said, status=422, outcome="unreadable", answered=str(error))
        return Told(422, str(error))
    try:
        inbound = await desk.doors.hear(door, _key([event.event_id for event in events], kept), kept, kind)
    except Exception:
        logger.exception("a call could not be stored; its exchange was asked to try again")
        return Told(503, "try again")
    return Told(answer=inbound.envelope.get("answer", {}), inbound=inbound)


def _is_proven(request: Request, door: exchanges.Door, body: bytes | None, desk: Desk) -> bool | None:
    """Whether the signature holds; None where nobody asked for one. An exchange with a secret must always sign; the
    one of the setting only where its header comes, for others post without."""
    given = next((value for name in SIGNATURES if (value := request.headers.get(name)) is not None), None)
    secret = door.secret if door.id else desk.settings.placetel_secret.get_secret_value()
    if body is None or (not secret and not door.has_lost_secret) or (door.id is None and given is None):
        return None
    try:
        cti.push.prove(body=body, signature=given, secrets=[secret])
    except Unproven:
        return False
    return True


def _declined(said: str, status: int, *, wants_xml: bool = False) -> Response:
    headers = {"retry-after": "5"} if status == 503 else None
    if wants_xml:
        return Response(cti.push.error_xml(said), status, media_type="application/xml", headers=headers)
    return JSONResponse({"error": said}, status, headers=headers)


async def mail(request: Request) -> Response:
    """A mail, by HTTP. 200 is said only after the bytes are committed; what fails on our side is a 503, after which
    senders try again, and what no second try would mend is told in a word."""
    desk = desk_of(request)
    name = _named(desk.settings.mail_push_tokens, request.path_params["token"])
    if name is None:
        return JSONResponse({"error": "unknown token"}, 401)
    body = await _body(request, limit=desk.settings.mail_max_bytes + BODY_MORE)
    if body is None:
        return JSONResponse({"error": "too large"}, 413)
    if key := desk.settings.mail_push_key:
        told = {each: request.headers.get(header, "") for each, header in _SIGNED.items()}
        if not posted.prove(key=key, body=body, now=desk.clock(), **told):
            return JSONResponse({"error": "signature"}, 401)
    source = f"http:{name}"
    try:
        got = await run_in_threadpool(posted.read, body, request.headers.get("content-type", ""), source=source)
    except Invalid as error:
        return JSONResponse({"error": error.code, "found": str(error.facts.get("found", ""))}, 400)
    if len(got.raw) > desk.settings.mail_max_bytes:
        return JSONResponse({"error": "too large"}, 413)
    try:
        await desk.doors.keep_mail(got.raw, got.envelope, source=source, key=got.key)
    except Exception:
        logger.exception("a posted mail could not be stored; its sender was asked to try again")
        return JSONResponse({"error": "try again"}, 503, headers={"retry-after": "60"})
    return JSONResponse({"status": "kept"})


async def _hear_and_say(request: Request, answer: Callable[..., str]) -> Response:
    form, desk = await _hear_twilio(request), desk_of(request)
    return _refused() if form is None else _twiml(await desk.database.read(answer, form, settings=desk.settings))


async def _hear_and_answer(request: Request) -> Response:
    form = await _hear_twilio(request)
    if form is None:
        return _refused()
    desk, call_key = desk_of(request), form.get("ParentCallSid") or form.get("CallSid", "")
    return _twiml(await desk.database.read(callbacks.voice_answer, call_key, settings=desk.settings))


async def twilio_text(request: Request) -> Response:
    """Somebody wrote to our number: stop and start are obeyed, whatever else it says is kept nowhere."""
    desk, body = desk_of(request), await _proven(request)
    if body is None:
        return _refused()
    form = cti.twilio.form(body)
    answer = await desk.database.write(
        sms.heard, form.get("From", ""), form.get("Body", ""), region=desk.settings.region, now=desk.clock()
    )
    return _twiml(cti.twilio.say_in_text(answer))


async def twilio_text_status(request: Request) -> Response:
    """What became of a short message of ours."""
    desk, body = desk_of(request), await _proven(request)
    if body is None:
        return _refused()
    form = cti.twilio.form(body)
    sid, state, code = (form.get(name, "") for name in ("MessageSid", "MessageStatus", "ErrorCode"))
    await desk.database.write(sms.status, sid[:64], state, code, now=desk.clock())
    return _twiml(cti.twilio.nothing())


async def _hear_twilio(request: Request) -> dict[str, str] | None:
    """Prove, store and read a callback. Returns its form; None when it is not Twilio's."""
    desk, body = desk_of(request), await _proven(request)
    if body is None:
        return None
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    body = cti.twilio.concealed(body)
    form = cti.twilio.form(body)
    events = cti.twilio.read(form, path=path)
    key = _key([f"{path}:{event.event_id}" for event in events], body)
    await desk.doors.keep_callback(InboundKind.TWILIO, "twilio", key, body, {"path": path})
    return form


async def _proven(request: Request) -> bytes | None:
    """The body of a callback that Twilio signed; None for any other."""
    body = await _body(request)
    if body is None:
        return None
    path, query = request.scope["raw_path"].decode("latin-1").partition("?")[0], request.url.query
    settings = desk_of(request).settings
    tokens = [settings.twilio_auth_token.get_secret_value(), settings.twilio_auth_token_old.get_secret_value()]
    try:
        cti.twilio.prove(
            url=settings.public_url + path, query=query, body=body,
            content_type=request.headers.get("content-type", ""),
            signature=request.headers.get("x-twilio-signature"), tokens=[token for token in tokens if token],
            settings=request.headers.get("x-twilio-webhooks-signature-settings", ""),
        )  # fmt: skip
    except Unproven as error:
        logger.warning("refused a callback at %s: %s", path, error)
        return None
    return body


async def _body(request: Request, *, limit: int = BODY_MAX) -> bytes | None:
    """The raw body; None past the limit, before it is read whole."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


def _told(answering: "asyncio.Future[Response]") -> None:
    """What came of a callback that outlived its request."""
    if not answering.cancelled() and (error := answering.exception()):
        logger.error("a late callback was not stored: %s", type(error).__name__)


def _named(known: dict[str, SecretStr], token: str) -> str | None:
    """Whose token this is; all are compared, and each in constant time."""
    found = [
        name for name, secret in known.items()
        if hmac.compare_digest(secret.get_secret_value().encode(), token.encode("utf-8", "replace"))
    ]  # fmt: skip
    return found[0] if found else None


def _key(event_ids: list[str], body: bytes) -> str:
    """The sender's id of this callback; of one that says nothing we know, its bytes."""
    return "|".join(event_ids)[:500] or "sha256:" + hashlib.sha256(body).hexdigest()


def _twiml(text: str) -> Response:
    return Response(text, media_type="application/xml")


def _refused() -> Response:
    return PlainTextResponse("signature", 403)


ROUTES = (
    post("/hooks/twilio/voice", twilio_voice),
    post("/hooks/twilio/status", twilio_news),
    post("/hooks/twilio/dialed", twilio_dialed),
    post("/hooks/twilio/wait", twilio_wait),
    post("/hooks/twilio/key", twilio_key),
    post("/hooks/twilio/left", twilio_news),
    post("/hooks/twilio/recording", twilio_news),
    post("/hooks/twilio/sms", twilio_text),
    post("/hooks/twilio/sms/status", twilio_text_status),
    post("/hooks/mail/{token}", mail),
    both("/api/v1/cti/{token}", push),
    get("/api/v1/cti/{token}/lookup", lookup),
    get("/api/v1/cti/{token}/search", search),
    post("/api/v1/cti/{token}/report", report),
    post("/api/v1/cti/{token}/phonebridge/v3/callnotify", phonebridge),
)
