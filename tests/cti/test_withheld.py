"""Who withholds the number is in nothing that is kept of a post, whatever the telephone system sends along."""

import json
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti import push, twilio

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
SPELLINGS = ["09099998888", "+819099998888", "090-9999-8888", "<sip:+819099998888@carrier.example.net>",
             "tel:+81-90-9999-8888"]  # fmt: skip
RING = {"event": "ring", "call_id": "c-1", "direction": "in", "to": "0355500101", "agents": ["204"], "at": "1763690000"}


def digits(body: bytes) -> str:
    return "".join(letter for letter in body.decode() if letter.isdigit())


def mask(body: bytes, content_type: str) -> bytes:
    left = push.concealed(push.decode(body, content_type))
    return body if left is None else push.encode(left, content_type)[0]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("word", [
    {"presentation": "withheld"}, {"presentation": "restricted"}, {"Privacy": "id"}, {"CallingPres": 33},
    {"calling_pres": "prohib_not_screened"}, {"clir": True}, {"from": "anonymous"}, {"from": "非通知"},
])  # fmt: skip
def test_no_number_is_left_of_a_caller_who_withholds_it(spelling: str, word: dict[str, object]) -> None:
    told = RING | {"from": spelling, "from_name": "TANAKA", "P-Asserted-Identity": spelling, "x": {"pai": [spelling]}}
    told |= {"queue": f"support {spelling}"} | word
    masked = mask(json.dumps(told).encode(), JSON)
    assert "99998888" not in digits(masked) and b"TANAKA" not in masked
    (event,) = push.read(json.loads(masked), source="front")
    assert (event.kind, event.call_id, event.called, event.agents) == ("ring", "c-1", "0355500101", ("204",))
    assert event.withheld and event.caller == "" == event.caller_name and "99998888" not in str(event)


def test_a_form_and_an_address_are_masked_alike() -> None:
    told = {"event": "newCall", "callId": "c-1", "direction": "in", "from": "anonymous", "pai": SPELLINGS[0],
            "to": "0355500101", "user[]": "204"}  # fmt: skip
    masked = mask(urlencode(told).encode(), FORM)
    assert "99998888" not in masked.decode()
    (event,) = push.read(dict(parse_qsl(masked.decode())), source="front")
    assert event.withheld and event.agents == ("204",)


@pytest.mark.parametrize("told", [
    RING | {"from": "09012345678"}, RING | {"from": "09012345678", "presentation": "allowed", "privacy": "none"},
    {"event": "hangup", "call_id": "c-1", "cause": "normalClearing"},
    {"event": "ring", "direction": "out", "call_id": "c-2", "from": "anonymous", "to": "09012345678"},
])  # fmt: skip
def test_what_is_not_withheld_stays_byte_by_byte(told: dict[str, object]) -> None:
    body = json.dumps(told, indent=1).encode()
    assert mask(body, JSON) is body


def test_a_repeat_is_still_the_same_event_and_another_is_not() -> None:
    def key(**more: str) -> str:
        masked = mask(json.dumps(RING | {"from": SPELLINGS[0], "presentation": "withheld"} | more).encode(), JSON)
        return push.read(json.loads(masked), source="front")[0].event_id

    assert key() == key() != key(at="1763690005")
    assert key(p_asserted="09099998888") == key(p_asserted="0311112222")


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=30) | st.integers() | st.lists(st.text(max_size=9))))
def test_whatever_else_is_said_the_number_is_gone(more: dict[str, object]) -> None:
    told = more | {"presentation": "withheld", "from": SPELLINGS[0], "direction": "in", "event": "ring"}
    assert "9099998888" not in mask(json.dumps(told).encode(), JSON).decode()


def test_of_a_callback_of_twilio_only_the_caller_goes() -> None:
    form = {"CallSid": "CA-1", "From": "sip:09099998888@anonymous.invalid", "Caller": "", "To": "+81355500101",
            "SipHeader_P-Asserted-Identity": SPELLINGS[3], "CallerName": "TANAKA", "CallStatus": "ringing"}  # fmt: skip
    masked = dict(parse_qsl(twilio.concealed(urlencode(form).encode()).decode(), keep_blank_values=True))
    assert masked == form | {"From": "anonymous", "SipHeader_P-Asserted-Identity": "withheld", "CallerName": "withheld"}
    open_form = urlencode(form | {"From": "+819012345678"}).encode()
    assert twilio.concealed(open_form) is open_form
