"""The forms Twilio posts, made and signed as Twilio does it: for `helpdesk simulate`, for diagnosis, and for tests.

The idea: a pretended call enters by the same door as a real one. What is built here is only what stands on the wire;
whoever plays it posts it to the desk with its signature, and from there on nothing knows the difference.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

__all__ = ["body", "dialed_form", "left_form", "recording_form", "sign", "status_form", "voice_form"]

ACCOUNT_SID = "AC" + "0" * 32
"""An account that does not exist."""


def sign(url: str, params: Mapping[str, str], token: str) -> str:
    """The header X-Twilio-Signature for a form posted to `url` (with its query), by Twilio's own library."""
    return str(RequestValidator(token).compute_signature(url, dict(params)))


def body(params: Mapping[str, str]) -> bytes:
    """The form as it stands on the wire: application/x-www-form-urlencoded, blank fields kept."""
    return urlencode(params).encode()


def voice_form(
    call_sid: str, caller: str, called: str, account_sid: str = ACCOUNT_SID, *, caller_name: str = "",
    status: str = "ringing", **more: str,
) -> dict[str, str]:  # fmt: skip
    """A call comes in: the webhook that wants TwiML back. `more` is added as it stands, such as `Digits="1"`."""
    places = {f"{who}{what}": "" for who in ("From", "To") for what in ("City", "State", "Zip", "Country")}
    name = {"CallerName": caller_name} if caller_name else {}
    return _call(call_sid, caller, called, account_sid, status) | places | name | more


def status_form(
    call_sid: str, status: str, caller: str, called: str, account_sid: str = ACCOUNT_SID, *, sequence: int,
    at: datetime, parent: str = "", duration_seconds: int | None = None, **more: str,
) -> dict[str, str]:  # fmt: skip
    """What became of a leg. With `parent` it is an agent's leg of that call, and `called` is the agent."""
    facts = {
        "Timestamp": format_datetime(at.astimezone(UTC)),
        "SequenceNumber": str(sequence),
        "CallbackSource": "call-progress-events",
    }
    if parent:
        facts |= {"ParentCallSid": parent, "Direction": "outbound-dial"}
    if duration_seconds is not None:
        facts |= {"CallDuration": str(duration_seconds), "Duration": str(-(-duration_seconds // 60))}
    return _call(call_sid, caller, called, account_sid, status) | facts | more


def dialed_form(
    call_sid: str, outcome: str, caller: str, called: str, account_sid: str = ACCOUNT_SID, *, leg_sid: str = "",
    duration_seconds: int | None = None, status: str = "in-progress", **more: str,
) -> dict[str, str]:  # fmt: skip
    """The `action` of a `<Dial>`: `outcome` is its DialCallStatus, `status` says whether the caller is still there."""
    facts = {"DialCallStatus": outcome}
    if leg_sid:
        facts |= {"DialCallSid": leg_sid, "DialBridged": "true" if outcome == "completed" else "false"}
    if duration_seconds is not None:
        facts["DialCallDuration"] = str(duration_seconds)
    return _call(call_sid, caller, called, account_sid, status) | facts | more


def left_form(
    call_sid: str, result: str, caller: str, called: str, account_sid: str = ACCOUNT_SID, *, waited_seconds: int,
    queue_sid: str = "QU" + "0" * 32, **more: str,
) -> dict[str, str]:  # fmt: skip
    """The `action` of an `<Enqueue>`: how the wait ended."""
    status = "completed" if result in ("hangup", "bridged") else "in-progress"
    facts = {"QueueResult": result, "QueueSid": queue_sid, "QueueTime": str(waited_seconds)}
    return _call(call_sid, caller, called, account_sid, status) | facts | more


def recording_form(
    call_sid: str, recording_sid: str, recording_url: str, account_sid: str = ACCOUNT_SID, *, seconds: int,
    status: str = "completed", **more: str,
) -> dict[str, str]:  # fmt: skip
    """A recording is ready, or failed."""
    return {
        "AccountSid": account_sid, "CallSid": call_sid, "RecordingSid": recording_sid, "RecordingUrl": recording_url,
        "RecordingStatus": status, "RecordingDuration": str(seconds), "RecordingChannels": "2",
        "RecordingSource": "DialVerb", **more,
    }  # fmt: skip


def _call(call_sid: str, caller: str, called: str, account_sid: str, status: str) -> dict[str, str]:
    return {
        "CallSid": call_sid, "AccountSid": account_sid, "From": caller, "To": called, "Caller": caller,
        "Called": called, "CallStatus": status, "ApiVersion": "2010-04-01", "Direction": "inbound",
    }  # fmt: skip
