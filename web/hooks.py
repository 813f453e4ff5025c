"""The machines' entrance: telephone callbacks, and mail by HTTP. Proved, kept, read, answered, in that order.

What is proved is kept before anything else happens, so nothing a telephone system said is lost. Reading follows at
once, but the answer does not wait for it for ever: the caller on the line hears something within two seconds even when
everything behind is slow.
"""

import asyncio
import hashlib
import hmac
import logging

from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

import cti.masking
import cti.push
import cti.twilio
from cti import Unproven
from helpdesk import callbacks, calls
from helpdesk.desk import Desk
from helpdesk.errors import Invalid, Rejected
from helpdesk.mail import posted
from models import InboundKind
from web.edge import BODY_MORE, desk_of

ANSWER_WITHIN_SECONDS = 1.5
BODY_MAX = 256_000

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
    """The agents' telephones have rung. The caller hears an apology if nobody took the call."""
    form = await _hear_twilio(request)
    if form is None:
        return _refused()
    return _twiml(callbacks.dialed_answer(form, settings=desk_of(request).settings))


async def push(request: Request) -> Response:
    """The generic push, as Zammad, sipgate and Placetel speak it: JSON or form, or a GET with the same names."""
    desk = desk_of(request)
    name, wants_xml = _exchange(desk, request.path_params["token"])
    if name is None:
        return JSONResponse({"error": "unknown token"}, 401)
    body, content_type = await _body(request), request.headers.get("content-type", "")
    if request.method == "GET":
        body, content_type = request.url.query.encode(), "application/x-www-form-urlencoded"
    if body is None:
        return JSONResponse({"error": "too large"}, 413)
    secret = desk.settings.placetel_secret.get_secret_value()
    signature = request.headers.get("x-placetel-signature")
    if signature is not None and secret:
        try:
            cti.push.prove(body=body, signature=signature, secrets=[secret])
        except Unproven as error:
            return JSONResponse({"error": str(error)}, 401)
    body = cti.masking.mask(body, content_type)  # once it is proved: what is withheld is never kept
    try:
        told = callbacks.read_push(body, content_type, source=name)
        if calls.names_caller(told) and await desk.database.read(calls.hides_caller, told):
            body = cti.masking.mask(body, content_type, withheld=True)
            told = callbacks.read_push(body, content_type, source=name)
    except Rejected as error:
        return JSONResponse({"error": str(error)}, 422)
    key = _key([event.event_id for event in told], body)
    await desk.keep_callback(InboundKind.PUSH, name, key, body, {"content_type": content_type})
    if wants_xml:
        here = f"{desk.settings.public_url}{request.url.path}"
        return Response(cti.push.answer_xml(events_url=here), media_type="application/xml")
    return JSONResponse(cti.push.answer())


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
        await desk.keep_mail(got.raw, got.envelope, source=source, key=got.key)
    except Exception:
        logger.exception("a posted mail could not be stored; its sender was asked to try again")
        return JSONResponse({"error": "try again"}, 503, headers={"retry-after": "60"})
    return JSONResponse({"status": "kept"})


async def _hear_and_answer(request: Request) -> Response:
    form = await _hear_twilio(request)
    if form is None:
        return _refused()
    desk, call_key = desk_of(request), form.get("ParentCallSid") or form.get("CallSid", "")
    return _twiml(await desk.database.read(callbacks.voice_answer, call_key, settings=desk.settings))


async def _hear_twilio(request: Request) -> dict[str, str] | None:
    """Prove, store and read a callback. Returns its form; None when it is not Twilio's."""
    desk = desk_of(request)
    body = await _body(request)
    if body is None:
        return None
    path, query = request.scope["raw_path"].decode("latin-1").partition("?")[0], request.url.query
    settings = desk.settings
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
    body = cti.masking.mask_twilio(body)
    form = cti.twilio.form(body)
    events = cti.twilio.read(form, path=path)
    key = _key([f"{path}:{event.event_id}" for event in events], body)
    await desk.keep_callback(InboundKind.TWILIO, "twilio", key, body, {"path": path})
    return form


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


def _exchange(desk: Desk, token: str) -> tuple[str | None, bool]:
    """The exchange a token belongs to, and whether it wants XML (the path ends in .xml)."""
    bare = token.removesuffix(".xml")
    return _named(desk.settings.push_tokens, bare), bare != token


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


