"""What Twilio posts, and what the desk understands by it. Proof first: nothing unproven is read."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from cti import Unproven, replay, twilio

URL = "https://desk.example.com/hooks/twilio/voice"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
TOKEN, NEXT_TOKEN = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
CALL, LEG = "CA" + "1" * 32, "CA" + "2" * 32
TANAKA, DESK = "+819012340001", "+81355500100"
NOON = datetime(2026, 11, 20, 3, 0, 0, tzinfo=UTC)
RINGS = replay.voice_form(CALL, TANAKA, DESK)


def proves(*, url=URL, query="", body=None, content_type=FORM, signature="", tokens=(TOKEN,), settings=""):
    body = replay.body(RINGS) if body is None else body
    try:
        twilio.prove(url=url, query=query, body=body, content_type=content_type, signature=signature, tokens=tokens,
                     settings=settings)  # fmt: skip
    except Unproven:
        return False
    return True


def test_a_form_signed_with_our_token_is_proven():
    assert proves(signature=replay.sign(URL, RINGS, TOKEN))


def test_the_signature_agrees_with_the_one_worked_by_hand():
    fields = "".join(name + RINGS[name] for name in sorted(RINGS))
    by_hand = base64.b64encode(hmac.new(TOKEN.encode(), (URL + fields).encode(), hashlib.sha1).digest()).decode()
    assert by_hand == replay.sign(URL, RINGS, TOKEN)
    assert proves(signature=by_hand)


def test_blank_fields_are_part_of_what_was_signed():
    assert RINGS["FromCity"] == ""
    told = {name: value for name, value in RINGS.items() if value}
    assert not proves(body=replay.body(told), signature=replay.sign(URL, RINGS, TOKEN))


@pytest.mark.parametrize("signature", [None, "", "x", "é", "=" * 28, "\udce9", "A" * 10_000])
def test_a_missing_or_senseless_signature_is_refused(signature):
    assert not proves(signature=signature)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"&&==&", b"%zz=%", b"{}", b'{"a":1}', b"CallSid=CA1"])
@pytest.mark.parametrize("content_type", ["", FORM, "application/json", "multipart/form-data", "text/plain"])
def test_any_body_of_a_stranger_is_refused_and_never_fails(body, content_type):
    assert not proves(body=body, content_type=content_type, signature="AAAAAAAAAAAAAAAAAAAAAAAAAAA=")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_stranger_sends_is_refused_and_never_fails(body, query, content_type, signature):
    assert not proves(body=body, query=query, content_type=content_type, signature=signature)
    assert not proves(body=body, query=query, content_type=FORM, signature=signature)


@pytest.mark.parametrize("change", [{"From": "+819012340002"}, {"CallStatus": "completed"}, {"More": "1"}])
def test_a_changed_field_is_refused(change):
    assert not proves(body=replay.body(RINGS | change), signature=replay.sign(URL, RINGS, TOKEN))


def test_another_address_or_query_is_refused():
    signature = replay.sign(URL, RINGS, TOKEN)
    assert not proves(url="http://desk.example.com/hooks/twilio/voice", signature=signature)
    assert not proves(url=URL + "/", signature=signature)
    assert not proves(query="queue=1", signature=signature)


def test_the_query_is_signed_with_the_address():
    query = "queue=%E8%BF%94%E5%93%81&step=1"
    assert proves(query=query, signature=replay.sign(f"{URL}?{query}", RINGS, TOKEN))


@pytest.mark.parametrize(
    ("seen", "signed"),
    [
        ("https://desk.example.com/v", "https://desk.example.com:443/v"),
        ("https://desk.example.com:443/v", "https://desk.example.com/v"),
        ("https://u:p@desk.example.com/v", "https://u:p@desk.example.com:443/v"),
        ("https://u:p@desk.example.com:8443/v", "https://u:p@desk.example.com/v"),
        ("https://desk.example.com:8443/v", "https://desk.example.com:8443/v"),
    ],
)
def test_the_port_may_be_named_or_not(seen, signed):
    assert proves(url=seen, signature=replay.sign(signed, RINGS, TOKEN))


def test_while_tokens_change_both_are_good_and_afterwards_only_the_new():
    old, new = replay.sign(URL, RINGS, TOKEN), replay.sign(URL, RINGS, NEXT_TOKEN)
    assert proves(tokens=(TOKEN, NEXT_TOKEN), signature=old) and proves(tokens=(TOKEN, NEXT_TOKEN), signature=new)
    assert not proves(tokens=(NEXT_TOKEN,), signature=old)


def test_without_a_token_nothing_is_proven():
    assert not proves(tokens=(), signature=replay.sign(URL, RINGS, ""))
    assert not proves(tokens=("",), signature=replay.sign(URL, RINGS, ""))


def test_a_get_request_is_signed_by_its_address_alone():
    query = urlencode(RINGS)
    assert proves(query=query, body=b"", content_type="", signature=replay.sign(f"{URL}?{query}", {}, TOKEN))


def test_a_body_that_is_no_form_is_signed_through_its_hash():
    body = b'{"event":"x"}'
    query = "bodySHA256=" + hashlib.sha256(body).hexdigest()
    signature = replay.sign(f"{URL}?{query}", {}, TOKEN)
    assert proves(query=query, body=body, content_type="application/json", signature=signature)
    assert not proves(query=query, body=body + b" ", content_type="application/json", signature=signature)
    assert not proves(query=query, body=b"", content_type="application/json", signature=signature)


def test_a_body_nobody_signed_does_not_ride_on_a_signed_address():
    signature = replay.sign(URL, {}, TOKEN)
    for content_type in ("application/json", "text/plain", "", FORM):
        assert not proves(body=b'{"CallSid":"CA1"}', content_type=content_type, signature=signature)
    assert proves(body=b"", content_type="", signature=signature)


def test_shared_keys_may_sign_with_sha_256_and_with_nothing_unknown():
    sha256 = RequestValidator(TOKEN).compute_signature(URL, RINGS, "HMAC_SHA256")
    assert proves(signature=sha256, settings="key=webhooks_sharedkey_1,algorithm=HMAC_SHA256")
    assert not proves(signature=sha256)
    assert not proves(signature=sha256, settings="key=1,algorithm=HMAC_MD5")


def test_the_body_of_a_form_reads_back_as_it_was_posted():
    form = replay.voice_form(CALL, TANAKA, DESK, caller_name="田中 & 息子")
    assert twilio.form(replay.body(form)) == form


# --- the caller rings ------------------------------------------------------------------------------------------------


def only(form, **more):
    events = twilio.read(form, **more)
    assert len(events) == 1, events
    return events[0]


def test_the_voice_webhook_is_a_ring():
    event = only(replay.voice_form(CALL, TANAKA, DESK, caller_name="TANAKA", ForwardedFrom="+81355500199"))
    assert (event.kind, event.direction, event.source) == ("ring", "in", "twilio")
    assert (event.call_id, event.leg_id) == (CALL, CALL)
    assert (event.caller, event.called, event.caller_name, event.withheld) == (TANAKA, DESK, "TANAKA", False)
    assert event.extra["ForwardedFrom"] == "+81355500199" and event.at is None


def test_a_repeated_webhook_has_the_same_id_and_a_later_one_another():
    first, again = only(RINGS), only(twilio.form(replay.body(RINGS)))
    assert first.event_id == again.event_id
    statuses = [
        replay.status_form(CALL, status, TANAKA, DESK, sequence=number, at=NOON)
        for number, status in enumerate(["ringing", "completed"])
    ]
    assert len({first.event_id, *(only(form).event_id for form in statuses)}) == 3


def test_the_voice_webhook_asked_again_after_a_pause_tells_of_the_same_ring():
    (first,) = twilio.read(RINGS, path="/hooks/twilio/voice")
    (again,) = twilio.read(RINGS | {"CallStatus": "in-progress"}, path="/hooks/twilio/voice?ct=2000")
    assert again.kind == "ring" and again.event_id == first.event_id
    assert twilio.read(RINGS | {"CallStatus": "in-progress"}, path="/hooks/twilio/status") == ()


def test_the_fallback_address_tells_of_the_same_ring():
    assert only(RINGS | {"ErrorCode": "11200", "ErrorUrl": URL}).event_id == only(RINGS).event_id


@pytest.mark.parametrize(
    "caller",
    ["anonymous", "Anonymous", "Restricted", "unavailable", "", "+266696687", "+7378742833", "+2562533", "+8656696",
     "+86282452253", "sip:anonymous@anonymous.invalid", "266696687", "sip:+266696687@example.com", "Unknown",
     '"Anonymous" <sip:anonymous@anonymous.invalid>'],
)  # fmt: skip
def test_a_withheld_caller_leaves_no_trace(caller):
    event = only(replay.voice_form(CALL, caller, DESK, caller_name="TANAKA"))
    assert event.withheld
    assert (event.caller, event.caller_name) == ("", "")


@pytest.mark.parametrize(
    "caller", ["+819012340001", "sip:tanaka@example.com", "whatsapp:+819012340001", "+17378742833", "+81266696687"]
)
def test_a_caller_that_is_named_is_kept_as_given(caller):
    event = only(replay.voice_form(CALL, caller, DESK))
    assert (event.caller, event.withheld) == (caller, False)


def test_a_call_from_our_own_browser_telephone_goes_out():
    event = only(replay.voice_form(CALL, "client:aiko", TANAKA))
    assert (event.kind, event.direction, event.agents) == ("ring", "out", ("aiko",))


def test_that_we_hide_our_own_number_does_not_hide_the_customer():
    form = replay.status_form(CALL, "ringing", "anonymous", TANAKA, sequence=1, at=NOON, Direction="outbound-api")
    event = only(form)
    assert (event.direction, event.withheld, event.called) == ("out", False, TANAKA)


# --- an agent picks up, or not ---------------------------------------------------------------------------------------


def leg(status, to="client:aiko", *, sequence=1, **more):
    return replay.status_form(LEG, status, TANAKA, to, parent=CALL, sequence=sequence, at=NOON, **more)


@pytest.mark.parametrize(
    ("to", "agent"),
    [("client:aiko", "aiko"), ("+819012340009", "+819012340009"), ("sip:204@example.com", "sip:204@example.com")],
)
def test_an_agents_leg_that_answers_answers_the_call(to, agent):
    event = only(leg("in-progress", to))
    assert (event.kind, event.call_id, event.leg_id, event.agents) == ("answer", CALL, LEG, (agent,))
    assert (event.at, event.sequence) == (NOON, 1)


def test_an_agents_leg_that_rings_names_the_agent_and_nobody_else():
    event = only(leg("ringing"))
    assert (event.kind, event.call_id, event.agents) == ("ring", CALL, ("aiko",))
    assert (event.caller, event.called, event.direction, event.withheld) == ("", "", "", False)


@pytest.mark.parametrize("status", ["initiated", "queued", "no-answer", "busy", "failed", "canceled", "completed"])
def test_an_agents_leg_that_ends_or_never_began_does_not_end_the_call(status):
    assert twilio.read(leg(status)) == ()


def test_our_own_twiml_answering_is_not_an_agent_answering():
    assert twilio.read(replay.status_form(CALL, "in-progress", TANAKA, DESK, sequence=1, at=NOON)) == ()
    assert twilio.read(replay.voice_form(CALL, TANAKA, DESK, status="in-progress")) == ()
    assert twilio.read(replay.voice_form(CALL, "client:aiko", TANAKA, status="in-progress")) == ()


def test_a_call_we_placed_is_answered_when_the_customer_picks_up():
    event = only(replay.status_form(CALL, "in-progress", DESK, TANAKA, sequence=2, at=NOON, Direction="outbound-api"))
    assert (event.kind, event.direction) == ("answer", "out")


# --- the call ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "cause"),
    [("completed", "normalClearing"), ("busy", "busy"), ("no-answer", "noAnswer"), ("failed", "failed"),
     ("canceled", "cancel")],
)  # fmt: skip
def test_the_callers_own_leg_ending_ends_the_call(status, cause):
    event = only(replay.status_form(CALL, status, TANAKA, DESK, sequence=3, at=NOON, duration_seconds=61))
    assert (event.kind, event.cause, event.duration_seconds, event.at) == ("hangup", cause, 61, NOON)


def test_a_talk_that_is_over_ends_the_call():
    event = only(replay.dialed_form(CALL, "completed", TANAKA, DESK, leg_sid=LEG, duration_seconds=180))
    assert (event.kind, event.cause, event.duration_seconds) == ("hangup", "normalClearing", 180)


@pytest.mark.parametrize("outcome", ["no-answer", "busy", "failed", "canceled"])
def test_when_nobody_picks_up_the_caller_is_still_there(outcome):
    form = replay.dialed_form(CALL, outcome, TANAKA, DESK, leg_sid=LEG)
    assert twilio.read(form) == ()
    assert twilio.was_unanswered(form)


def test_a_caller_who_gives_up_while_agents_ring_has_gone():
    form = replay.dialed_form(CALL, "no-answer", TANAKA, DESK, leg_sid=LEG, status="completed")
    assert (only(form).kind, only(form).cause) == ("hangup", "cancel")
    assert not twilio.was_unanswered(form)
    assert not twilio.was_unanswered(replay.dialed_form(CALL, "completed", TANAKA, DESK))


@pytest.mark.parametrize(
    ("result", "kinds"),
    [("hangup", ["hangup"]), ("bridged", ["hangup"]), ("redirected", []), ("leave", []), ("queue-full", []),
     ("system-error", [])],
)  # fmt: skip
def test_leaving_the_queue_ends_the_call_only_when_the_caller_is_gone(result, kinds):
    form = replay.left_form(CALL, result, TANAKA, DESK, waited_seconds=42)
    assert [event.kind for event in twilio.read(form)] == kinds


def test_waiting_is_told_once_however_often_twilio_asks_what_to_play():
    forms = [RINGS | {"CallStatus": "in-progress", "QueueSid": "QU1", "QueuePosition": "2", "QueueTime": str(seconds)}
             for seconds in (0, 30)]  # fmt: skip
    assert [only(form).kind for form in forms] == ["queued", "queued"]
    assert len({only(form).event_id for form in forms}) == 1


# --- keys and recordings ---------------------------------------------------------------------------------------------


def test_a_pressed_key_is_told_with_its_menu():
    form = replay.voice_form(CALL, TANAKA, DESK, status="in-progress", Digits="1")
    first, second = only(form, path="/menu?step=1"), only(form, path="/menu?step=2")
    assert (first.kind, first.digits) == ("dtmf", "1")
    assert first.event_id != second.event_id


def test_spoken_words_are_kept_beside():
    event = only(replay.voice_form(CALL, TANAKA, DESK, status="in-progress", SpeechResult="返品です", Confidence="0.9"))
    assert (event.kind, event.extra["SpeechResult"]) == ("dtmf", "返品です")


def test_a_recording_is_told_once_by_both_its_callbacks():
    url = "https://api.twilio.com/2010-04-01/Accounts/AC0/Recordings/RE1"
    status = only(replay.recording_form(CALL, "RE1", url, seconds=12))
    action = twilio.read(
        replay.voice_form(CALL, TANAKA, DESK, status="completed", RecordingUrl=url, RecordingSid="RE1",
                          RecordingDuration="12", Digits="hangup")
    )  # fmt: skip
    assert (status.kind, status.recording_url, status.duration_seconds) == ("recording", url, 12)
    assert not status.withheld and status.caller == ""
    assert [event.kind for event in action] == ["recording", "hangup"]
    assert action[0].event_id == status.event_id
    assert action[1].cause == "voicemail"


def test_a_recording_that_failed_or_still_runs_is_no_news():
    for status in ("in-progress", "failed", "absent"):
        assert twilio.read(replay.recording_form(CALL, "RE1", "https://x.example", seconds=0, status=status)) == ()


# --- whatever else ---------------------------------------------------------------------------------------------------


def test_a_callback_without_a_call_says_nothing():
    assert twilio.read({}) == ()
    assert twilio.read({"CallStatus": "ringing"}) == ()
    assert twilio.read({"MessageSid": "SM1", "From": TANAKA, "Body": "hello"}) == ()


NAMES = ["CallSid", "ParentCallSid", "CallStatus", "From", "To", "Direction", "Timestamp", "SequenceNumber",
         "Digits", "DialCallStatus", "QueueResult", "QueuePosition", "RecordingStatus", "RecordingUrl",
         "CallDuration"]  # fmt: skip
WORDS = ["ringing", "in-progress", "completed", "inbound", "outbound-api", "hangup", "client:", "99999999999999", "-1"]


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=12) | st.sampled_from(WORDS)))
def test_reading_never_fails_whatever_the_fields_hold(form):
    for event in twilio.read(form):
        assert event.call_id and event.event_id
        assert not (event.withheld and (event.caller or event.caller_name))
        assert event.at is None or event.at.tzinfo is not None


@pytest.mark.parametrize(
    "timestamp", ["", "yesterday", "Fri, 20 Nov 2026 12:00:00 +0900", "Fri, 20 Nov 2026 03:00:00 -0000"]
)
def test_times_are_utc_or_not_told(timestamp):
    event = only(replay.status_form(CALL, "completed", TANAKA, DESK, sequence=1, at=NOON) | {"Timestamp": timestamp})
    assert event.at == (NOON if re.search("[0-9]", timestamp) else None)
