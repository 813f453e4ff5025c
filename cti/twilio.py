"""Twilio: prove a callback, read it, answer it, and pull a waiting caller to an agent.

The idea: the caller's own leg is the call. Twilio gives every leg a `CallSid`; an agent's leg names the caller's in
`ParentCallSid`, and everything read here is keyed on that. An agent who does not pick up ends a leg, not the call, so
such a callback says nothing. Names of fields and states follow Twilio's own, API version 2010-04-01.

Four kinds of callback reach us, told apart by the fields each alone carries: the voice webhook, which wants TwiML back
within seconds; status callbacks of legs; the `action` of `<Dial>` and `<Enqueue>`; recordings.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from requests.exceptions import RequestException
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator, get_signature_algorithm
from twilio.twiml.voice_response import Dial, VoiceResponse

from cti import (
    LONGEST_ID,
    LONGEST_NAME,
    LONGEST_VALUE,
    CallEvent,
    Cause,
    Direction,
    Kind,
    Rejected,
    Unproven,
    Unreachable,
    is_withheld,
    legible,
)

__all__ = [
    "Account", "DIALED_PATH", "KEY_PATH", "LEFT_PATH", "RECORDING_PATH", "STATUS_PATH", "Target", "VOICE_PATH",
    "WAIT_PATH", "come_back",
    "concealed", "connect", "form", "instruct", "nothing", "prove", "read", "ring_agents", "say_and_hang_up",
    "take_message", "wait", "wait_in_queue", "wait_on", "was_unanswered",
]  # fmt: skip

VOICE_PATH: Final = "/hooks/twilio/voice"
STATUS_PATH: Final = "/hooks/twilio/status"
DIALED_PATH: Final = "/hooks/twilio/dialed"
LEFT_PATH: Final = "/hooks/twilio/left"
RECORDING_PATH: Final = "/hooks/twilio/recording"
WAIT_PATH: Final = "/hooks/twilio/wait"
KEY_PATH: Final = "/hooks/twilio/key"
MUSIC: Final = "https://com.twilio.sounds.music.s3.amazonaws.com/MARKOVICHAMP-Borghestral.mp3"
"""What Twilio itself plays to who waits."""
LONGEST_MESSAGE_SECONDS: Final = 180

SMS_STATUS_PATH: Final = "/hooks/twilio/sms/status"
MOST_TARGETS: Final = 10
"""How many nouns one `<Dial>` rings at once; Twilio refuses an eleventh."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an agent can be rung: a telephone, a browser that registered an identity, or a SIP device."""

    kind: Literal["number", "client", "sip"]
    address: str
    """E.164, identity, or SIP URI, by `kind`."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account whose calls we command."""

    sid: str
    token: str
    public_url: str
    """Where Twilio reaches this desk, without a path: "https://desk.example.com"."""
    base_url: str = ""
    """Instead of api.twilio.com, for a stand-in: a call to https://api.twilio.com/x goes to BASE/api.twilio.com/x."""


# --- hearing ---------------------------------------------------------------------------------------------------------


def prove(
    *, url: str, query: str, body: bytes, content_type: str, signature: str | None, tokens: Sequence[str],
    settings: str = "",
) -> None:  # fmt: skip
    """Return if Twilio signed this request with one of our tokens; raise `Unproven` if not.

    `url` is the address as Twilio was told it: the configured public one and the raw path, never the Host header.
    `query` is the raw query string. `tokens` holds one token, or two while they are changed. `settings` is the header
    X-Twilio-Webhooks-Signature-Settings, which may name SHA-256 in place of SHA-1.

    A form is signed field by field, blank ones included; any other body only through `bodySHA256` in the query, so
    without that it is refused. The signature names no time: whoever keeps the event must refuse repeats by `event_id`.
    """
    if not signature:
        raise Unproven("no signature")
    fields: dict[str, list[str]] = {}
    if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        fields = _fields(body)
    elif body or "bodySHA256=" in query:
        told = parse_qs(query).get("bodySHA256", [""])[0].encode("utf-8", "replace")
        if not hmac.compare_digest(told.lower(), hashlib.sha256(body).hexdigest().encode()):
            raise Unproven("the body is not the one that was signed")
    algorithm = get_signature_algorithm(settings)
    given = signature.encode("utf-8", "replace")
    try:
        right = [
            RequestValidator(token).compute_signature(spelling, _Fields(fields), algorithm).encode()
            for token in tokens
            if token
            for spelling in _spellings(f"{url}?{query}" if query else url)
        ]
    except ValueError as unknown:  # an algorithm nobody has heard of, a port that is no number, a lone surrogate
        raise Unproven("the signature cannot be checked") from unknown
    if not any([hmac.compare_digest(each, given) for each in right]):
        raise Unproven("the signature is not ours")


def form(body: bytes) -> dict[str, str]:
    """The fields of a posted form, blank ones kept; of a repeated name the first value, as Twilio repeats none.

    Values are `legible`, so they are no longer what was signed: prove the body, not these.
    """
    return {
        name: legible(values[0], most=LONGEST_ID if name.endswith("Sid") else LONGEST_VALUE)
        for name, values in _fields(body).items()
    }


def concealed(body: bytes, *, always: bool = False) -> bytes:
    """The posted form without what names a caller whose `From` says nothing; any other as it is, unless `always`.

    A SIP trunk tells Twilio the number of who withholds it (P-Asserted-Identity, RFC 3325), and Twilio tells us: what
    may not be shown is not to be kept either.
    """
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    caller = next((value for name, value in fields if name == "From"), None)
    is_outbound = dict(fields).get("Direction", "").startswith("outbound")
    if not always and (caller is None or is_outbound or not is_withheld(caller)):
        return body
    told = [
        (name, ("anonymous" if value else "") if name in {"From", "Caller"} else "withheld" if _names(name) else value)
        for name, value in fields
    ]
    return body if told == fields else urlencode(told).encode()


def _names(field: str) -> bool:
    return field.startswith(("SipHeader_", "Stir", "From", "Caller", "CallToken")) or field == "ForwardedFrom"


def read(params: Mapping[str, str], *, path: str = "") -> tuple[CallEvent, ...]:
    """What a proven callback says about its call: no event, one, or seldom two. Never raises.

    `path` is the path and query of the callback; it tells the same key pressed in two menus apart. On an agent's leg
    `agents` holds who was dialed, a browser by its bare identity, while `caller`, `called` and `direction` are empty:
    Twilio gives our own number there as often as the customer's, and the call's own events know better.
    """
    if not params.get("CallSid"):
        return ()
    if path.partition("?")[0] == KEY_PATH:  # such a callback tells the place in the line as well
        return _pressed(params, path) if params.get("Digits") else ()
    for field_name, reader in _READERS:
        if params.get(field_name):
            return reader(params, path)
    return _status(params, path)


def was_unanswered(params: Mapping[str, str]) -> bool:
    """Whether a `<Dial>` action says that no agent took the call and the caller is still on the line."""
    return params.get("DialCallStatus", "") in _NOBODY and params.get("CallStatus", "") not in _CAUSE


# --- answering -------------------------------------------------------------------------------------------------------


def ring_agents(
    targets: Sequence[Target], *, public_url: str, language: str, timeout_seconds: int = 20, greeting: str = "",
    caller_id: str = "",
) -> str:  # fmt: skip
    """TwiML that rings agents, all at once; the first to pick up has the call.

    The caller hears ringing until then. Only the first ten ring: Twilio takes no more. `caller_id` is what the agents'
    telephones show, the caller's number when empty. What became of it arrives at `DIALED_PATH`.
    """
    answer = VoiceResponse()
    if greeting:
        _say(answer, greeting, language)
    dial = Dial(
        answer_on_bridge=True, timeout=timeout_seconds, action=_at(public_url, DIALED_PATH), method="POST",
        caller_id=caller_id or None,
    )  # fmt: skip
    told = {
        "status_callback": _at(public_url, STATUS_PATH),
        "status_callback_method": "POST",
        "status_callback_event": "initiated ringing answered completed",
    }
    for target in targets[:MOST_TARGETS]:
        getattr(dial, target.kind)(target.address, **told)
    answer.append(dial)
    return str(answer)


def wait_in_queue(name: str, greeting: str, language: str, public_url: str, *, asks: bool = False) -> str:
    """TwiML that greets the caller and lets them wait, with music, until `connect` pulls them out.

    `name` is Twilio's own queue, made when first named. How the wait ended arrives at `LEFT_PATH`. With `asks` what is
    heard meanwhile is asked for at `WAIT_PATH`, see `wait`.
    """
    answer = VoiceResponse()
    if greeting:
        _say(answer, greeting, language)
    heard = {"wait_url": _at(public_url, WAIT_PATH), "wait_url_method": "POST"} if asks else {}
    answer.enqueue(name[:64], action=_at(public_url, LEFT_PATH), method="POST", **heard)
    return str(answer)


def wait(text: str, language: str, public_url: str) -> str:
    """TwiML for who waits: words that name a key, and music; a key that is pressed arrives at `KEY_PATH`. After it the
    same again."""
    answer, where = VoiceResponse(), _at(public_url, KEY_PATH)
    gather = answer.gather(input="dtmf", num_digits=1, timeout=1, action=where, method="POST", finish_on_key="")
    _say(gather, text, language)
    gather.play(MUSIC)
    answer.redirect(_at(public_url, WAIT_PATH), method="POST")
    return str(answer)


def wait_on(text: str, language: str, public_url: str) -> str:
    """TwiML after a key that changed nothing: a word, if there is one, and the wait goes on."""
    answer = VoiceResponse()
    if text:
        _say(answer, text, language)
    answer.redirect(_at(public_url, WAIT_PATH), method="POST")
    return str(answer)


def come_back(text: str, language: str, public_url: str, *, seconds: int = 2) -> str:
    """TwiML that says one thing, waits, and asks the voice webhook again: for when it was not kept in time."""
    answer = VoiceResponse()
    _say(answer, text, language)
    answer.pause(length=seconds)
    answer.redirect(_at(public_url, VOICE_PATH), method="POST")
    return str(answer)


def say_and_hang_up(text: str, language: str) -> str:
    """TwiML that says one thing and ends the call."""
    answer = VoiceResponse()
    _say(answer, text, language)
    answer.hangup()
    return str(answer)


def take_message(text: str, language: str, public_url: str) -> str:
    """TwiML that says one thing and records what the caller has to say; the recording is told at `RECORDING_PATH`."""
    answer = VoiceResponse()
    _say(answer, text, language)
    where = _at(public_url, RECORDING_PATH)
    answer.record(
        max_length=LONGEST_MESSAGE_SECONDS, play_beep=True, finish_on_key="#", trim="trim-silence", action=where,
        method="POST", recording_status_callback=where, recording_status_callback_event="completed",
    )  # fmt: skip
    answer.hangup()
    return str(answer)


def refuse() -> str:
    """TwiML that gives the caller the busy tone. The call is not answered, so it costs nothing."""
    answer = VoiceResponse()
    answer.reject(reason="busy")
    return str(answer)


def nothing() -> str:
    """TwiML that does nothing: the right answer to every callback that is only news, and the end of a finished call."""
    return str(VoiceResponse())


# --- commanding ------------------------------------------------------------------------------------------------------


def connect(
    account: Account, call_sid: str, target: Target, *, language: str = "ja", timeout_seconds: int = 20
) -> None:
    """Take a waiting caller out of the queue and ring an agent.

    Raises `Unreachable` when Twilio did not answer or said "later" (429, 5xx), `Rejected` when it said no: the caller
    has hung up (21220), the token is wrong. Do not repeat it once the agent has answered: it would tear them apart.
    """
    twiml = ring_agents(
        [target], public_url=account.public_url, language=language, timeout_seconds=timeout_seconds
    )  # fmt: skip
    instruct(account, call_sid, twiml)


def instruct(account: Account, call_sid: str, twiml: str) -> None:
    """Let a caller who is on the line hear something else from now on. Raises as `connect` does."""
    from twilio.rest import Client  # a tenth of a second and many modules, for the one verb that commands

    client = Client(account.sid, account.token, http_client=_Http(account.base_url))
    try:
        client.calls(call_sid).update(twiml=twiml)
    except TwilioException as refusal:
        status = getattr(refusal, "status", 0)
        told = f"Twilio answered {status}, code {getattr(refusal, 'code', None)}"
        if 400 <= status < 500 and status not in (408, 429):
            raise Rejected(told) from refusal
        raise Unreachable(told) from refusal
    except (RequestException, ValueError) as silence:  # no answer, or one that is not Twilio's JSON
        raise Unreachable(f"Twilio did not answer: {type(silence).__name__}") from silence


def text(account: Account, *, sender: str, to: str, words: str) -> str:
    """Send a short message; `sender` is a number of ours or a messaging service ("MG..."). Returns its SID.

    Raises `Unreachable` when it certainly did not leave: no connection came about, or Twilio said "later". Raises
    `Rejected` with Twilio's code when it said no, and `Rejected("perhaps_sent")` when no answer came: it knows no way
    to send the same message only once, so that is for a person to decide.
    """
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import ReadTimeout
    from twilio.rest import Client

    client = Client(account.sid, account.token, http_client=_Http(account.base_url))
    by = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
    try:
        made = client.messages.create(to=to, body=words, status_callback=_at(account.public_url, SMS_STATUS_PATH), **by)
    except TwilioException as refusal:
        status = getattr(refusal, "status", 0)
        if 400 <= status < 500 and status not in (408, 429):
            raise Rejected(str(getattr(refusal, "code", "") or status)) from refusal
        if status in (429, 503):
            raise Unreachable(f"Twilio answered {status}") from refusal
        raise Rejected("perhaps_sent") from refusal
    except ReadTimeout as silence:
        raise Rejected("perhaps_sent") from silence
    except NoConnection as silence:
        raise Unreachable(f"Twilio did not answer: {type(silence).__name__}") from silence
    except (RequestException, ValueError) as silence:
        raise Rejected("perhaps_sent") from silence
    return str(made.sid)


def say_in_text(words: str) -> str:
    """The answer to a short message: words back, or nothing."""
    from twilio.twiml.messaging_response import MessagingResponse

    answer = MessagingResponse()
    if words:
        answer.message(words)
    return str(answer)


class _Http(TwilioHttpClient):  # type: ignore[misc]  # their package carries no types
    """Their client with an end to waiting, and with another address before theirs when one is set."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=10)
        self.base_url = base_url.rstrip("/")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        if self.base_url:
            url = f"{self.base_url}/{url.removeprefix('https://')}"
        return super().request(method, url, *args, **kwargs)


# --- helpers of proof ------------------------------------------------------------------------------------------------


class _Fields(dict[str, list[str]]):
    """A form in the shape their signature takes, where one name may have several values."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def _fields(body: bytes) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        fields.setdefault(name, []).append(value)
    return fields


def _spellings(url: str) -> list[str]:
    """The URL without and with its port: Twilio signs sometimes one, sometimes the other.

    Their own validator does the same, but loses a user name and password before the host.
    """
    parts = urlsplit(url)
    before, at, host = parts.netloc.rpartition("@")
    bare = host.removesuffix(f":{parts.port}") if parts.port else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [urlunsplit(parts._replace(netloc=f"{before}{at}{place}")) for place in (bare, f"{bare}:{port}")]


# --- helpers of reading ----------------------------------------------------------------------------------------------

_CAUSE: Mapping[str, Cause] = {
    "completed": "normalClearing", "busy": "busy", "no-answer": "noAnswer", "failed": "failed", "canceled": "cancel",
}  # fmt: skip
_NOBODY = frozenset({"busy", "no-answer", "failed", "canceled"})
_KIND: Mapping[str, Kind] = {
    "ringing": "ring", "in-progress": "answer",
    "completed": "hangup", "busy": "hangup", "no-answer": "hangup", "failed": "hangup", "canceled": "hangup",
}  # fmt: skip
_EXTRA = (
    "ForwardedFrom", "StirVerstat", "FromCountry", "FromCity", "ToCountry", "SipCallId", "SipResponseCode",
    "DialCallSid", "DialCallStatus", "DialBridged", "QueueSid", "QueueResult", "QueueTime", "QueuePosition",
    "SpeechResult", "Confidence", "RecordingSid", "RecordingDuration", "ErrorCode", "ErrorUrl",
)  # fmt: skip


def _status(params: Mapping[str, str], path: str) -> tuple[CallEvent, ...]:
    """The voice webhook, and every status callback of a leg."""
    status = params.get("CallStatus", "")
    kind = _KIND.get(status)
    is_agents_leg = bool(params.get("ParentCallSid"))
    if kind is None or (is_agents_leg and kind == "hangup"):
        return ()
    if kind == "answer" and not is_agents_leg and params.get("Direction", "inbound") == "inbound":
        if path.partition("?")[0] == VOICE_PATH:
            return (_event(params, "ring", "ringing"),)  # the webhook asked again, by `come_back`: the same ring
        return ()  # it is our own TwiML that answered, and nobody else has
    if is_agents_leg:
        return (_event(params, kind, status, agents=(_identity(params.get("To", "")),), **_no_parties()),)
    return (_event(params, kind, status, cause=_CAUSE.get(status, "") if kind == "hangup" else ""),)


def _dialed(params: Mapping[str, str], path: str) -> tuple[CallEvent, ...]:
    """The `<Dial>` is over: the talk is, or the caller gave up, or nobody picked up and the caller still waits."""
    outcome = params["DialCallStatus"]
    if outcome in ("completed", "answered"):
        cause: Cause = "normalClearing"
    elif params.get("CallStatus") in _CAUSE:
        cause = "cancel"
    else:
        return ()
    name = f"dialed:{params.get('DialCallSid', '')}:{outcome}"
    seconds = _whole(params.get("DialCallDuration", "") or params.get("CallDuration", ""))
    return (_event(params, "hangup", name, cause=cause, duration_seconds=seconds),)


def _left(params: Mapping[str, str], path: str) -> tuple[CallEvent, ...]:
    """The wait is over; after a bridge, the talk as well. Who was redirected is on the way to an agent."""
    causes: Mapping[str, Cause] = {"hangup": "cancel", "bridged": "normalClearing"}
    if cause := causes.get(params["QueueResult"]):
        return (_event(params, "hangup", f"left:{params.get('QueueSid', '')}:{cause}", cause=cause),)
    return ()


def _waiting(params: Mapping[str, str], path: str) -> tuple[CallEvent, ...]:
    """Twilio asks what the waiting caller shall hear, again and again: one event for them all."""
    return (_event(params, "queued", f"queued:{params.get('QueueSid', '')}"),)


def _recording(params: Mapping[str, str], path: str) -> tuple[CallEvent, ...]:
    """A recording, by its own callback or by the `action` of `<Record>`, which also knows whether one hung up."""
    if params.get("RecordingStatus", "completed") != "completed" or not params.get("RecordingUrl"):
        return ()
    name = f"recording:{params.get('RecordingSid', '') or params['RecordingUrl']}"
    seconds = _whole(params.get("RecordingDuration", ""))
    events: tuple[CallEvent, ...] = (_event(params, "recording", name, duration_seconds=seconds),)
    if params.get("CallStatus") in _CAUSE:
        events += (_event(params, "hangup", "voicemail", cause="voicemail"),)
    return events


def _pressed(params: Mapping[str, str], path: str) -> tuple[CallEvent, ...]:
    """Keys, or words, given to a `<Gather>`."""
    name = f"pressed:{path}:{params.get('Digits', '')}:{params.get('SpeechResult', '')}"
    return (_event(params, "dtmf", name, digits=params.get("Digits", "")[:LONGEST_NAME]),)


_READERS = (
    ("RecordingStatus", _recording),
    ("DialCallStatus", _dialed),
    ("QueueResult", _left),
    ("SequenceNumber", _status),
    ("QueuePosition", _waiting),
    ("RecordingUrl", _recording),
    ("Digits", _pressed),
    ("SpeechResult", _pressed),
)
"""The first field that is there and not blank decides. `RecordingUrl` stands before `Digits`, since the end of a
`<Record>` by hanging up is told as the digits "hangup"."""


def _event(params: Mapping[str, str], kind: Kind, name: str, **facts: Any) -> CallEvent:
    """An event with all that every callback tells; `facts` say the rest, or otherwise."""
    leg_id = params["CallSid"]
    caller = params.get("From") or params.get("Caller", "")
    direction = _direction(params)
    withheld = direction != "out" and ("From" in params or "Caller" in params) and is_withheld(caller)
    told: dict[str, Any] = {
        "direction": direction,
        "caller": "" if withheld else caller[:LONGEST_NAME],
        "called": (params.get("To") or params.get("Called", ""))[:LONGEST_NAME],
        "caller_name": "" if withheld else params.get("CallerName", "")[:LONGEST_NAME],
        "withheld": withheld,
        "agents": (_identity(caller),) if direction == "out" and caller.startswith("client:") else (),
        "duration_seconds": _whole(params.get("CallDuration", "")),
        "recording_url": params.get("RecordingUrl", ""),
        "at": _time(params.get("Timestamp", "")),
        "sequence": _whole(params.get("SequenceNumber", "")),
        "extra": {name: params[name] for name in _EXTRA if params.get(name)},
    }
    return CallEvent(
        source="twilio", call_id=params.get("ParentCallSid") or leg_id, leg_id=leg_id, kind=kind,
        event_id=_short(f"twilio:{leg_id}:{name}:{params.get('SequenceNumber', '')}"), **(told | facts),
    )  # fmt: skip


def _short(event_id: str) -> str:
    """Of an id that says too much, for instance all that was spoken, the end becomes a fingerprint of the whole."""
    if len(event_id) <= LONGEST_ID:
        return event_id
    return event_id[: LONGEST_ID - 64] + hashlib.sha256(event_id.encode("utf-8", "replace")).hexdigest()


def _no_parties() -> dict[str, Any]:
    return {"caller": "", "called": "", "caller_name": "", "withheld": False, "direction": ""}


def _direction(params: Mapping[str, str]) -> Direction:
    """Twilio calls a call from our own browser telephone "inbound"; for the desk it goes out."""
    if params.get("Direction", "inbound") != "inbound" or params.get("From", "").startswith("client:"):
        return "out"
    return "in"


def _identity(address: str) -> str:
    return address.removeprefix("client:")[:LONGEST_ID]


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _time(text: str) -> datetime | None:
    """RFC 2822, as status callbacks carry it."""
    try:
        at = parsedate_to_datetime(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


# --- helpers of answering --------------------------------------------------------------------------------------------

_VOICES: Mapping[str, tuple[str, str]] = {
    "ja": ("ja-JP", "Polly.Kazuha-Neural"),
    "en": ("en-US", "Polly.Joanna-Neural"),
}


def _say(answer: Any, text: str, language: str) -> None:
    spoken, voice = _VOICES.get(language.partition("-")[0].lower(), _VOICES["en"])
    answer.say(text, voice=voice, language=spoken)


def _at(public_url: str, path: str) -> str:
    return public_url.rstrip("/") + path
