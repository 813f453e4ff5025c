"""What exchanges post: our own event and Zammad's, sipgate's and Placetel's, in every spelling they use."""

import hashlib
import hmac
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import FormData, ImmutableMultiDict, QueryParams

from cti import LONGEST_ID, Rejected, Unproven, push

TANAKA, DESK = "090-1234-0001", "03-5550-0100"
RING = {"event": "ring", "call_id": "c-1", "direction": "in", "from": TANAKA, "to": DESK}


def read(data):
    [event] = push.read(data, source="front")
    return event


# --- our own event ---------------------------------------------------------------------------------------------------


def test_a_ring_says_who_calls_whom():
    event = read(RING | {"from_name": "田中", "agents": ["204", "aiko@example.com"], "queue": "returns"})
    assert (event.source, event.call_id, event.leg_id, event.kind) == ("push:front", "c-1", "c-1", "ring")
    assert (event.direction, event.caller, event.called) == ("in", TANAKA, DESK)
    assert (event.caller_name, event.agents, event.queue) == ("田中", ("204", "aiko@example.com"), "returns")


@pytest.mark.parametrize(
    "data",
    [RING, ImmutableMultiDict(RING), FormData(list(RING.items())), QueryParams(RING),
     {"Event": "newCall", "callId": "c-1", "Direction": "inbound", "FROM": TANAKA, "To": DESK}],
)  # fmt: skip
def test_json_form_and_query_are_read_alike(data):
    event = read(data)
    assert (event.kind, event.call_id, event.direction) == ("ring", "c-1", "in")
    assert (event.caller, event.called) == (TANAKA, DESK)


@pytest.mark.parametrize("kind", ["answer", "hangup", "transfer", "hold", "resume", "dtmf", "queued", "recording"])
def test_later_events_need_no_more_than_the_id_of_their_call(kind):
    event = read({"event": kind, "call_id": "c-1"})
    assert (event.kind, event.direction, event.caller, event.withheld) == (kind, "", "", False)


@pytest.mark.parametrize(
    ("at", "read_as"),
    [("2026-11-20T12:00:00+09:00", True), ("2026-11-20T03:00:00Z", True), (1795143600000, True), ("1795143600", True),
     (1795143600.0, True), ("2026-11-20T12:00:00", False), ("noon", False), ("9" * 40, False), ("", False)],
)  # fmt: skip
def test_the_senders_time_is_taken_only_with_a_zone(at, read_as):
    assert read(RING | {"at": at}).at == (datetime(2026, 11, 20, 3, tzinfo=UTC) if read_as else None)


@pytest.mark.parametrize("caller", ["anonymous", "", "非通知", "Ｐ", "公衆電話", "Restricted", "266696687"])
def test_a_withheld_caller_leaves_no_trace(caller):
    event = read(RING | {"from": caller, "from_name": "Tanaka"})
    assert (event.withheld, event.caller, event.caller_name) == (True, "", "")


def test_that_we_hide_our_own_number_does_not_hide_the_customer():
    event = read(RING | {"direction": "out", "from": "anonymous", "to": TANAKA})
    assert (event.withheld, event.called) == (False, TANAKA)


def test_a_number_sent_although_it_is_withheld_is_thrown_away():
    event = read(RING | {"presentation": "withheld", "from_name": "田中", "diversion": TANAKA})
    assert event.withheld
    assert TANAKA not in repr(event) and "田中" not in repr(event)


@pytest.mark.parametrize(
    ("missing", "said"),
    [({"event": ""}, "event is missing"), ({"event": "dance"}, "'dance' is unknown"),
     ({"call_id": ""}, "call_id is missing"), ({"call_id": "x" * 251}, "call_id is too long"),
     ({"direction": ""}, "direction is missing"),
     ({"direction": "up"}, "'up' is unknown"), ({"event": None}, "event is missing")],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_a_sentence(missing, said):
    with pytest.raises(Rejected, match=said):
        read(RING | missing)


@pytest.mark.parametrize("body", [[], "ring", None, 3, [RING]])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(Rejected, match="JSON object or a form"):
        read(body)


# --- repeats ---------------------------------------------------------------------------------------------------------


def test_the_same_post_twice_is_the_same_event_in_any_order_and_spelling():
    again = {name.upper(): value for name, value in reversed(RING.items())}
    assert read(RING).event_id == read(again).event_id == read(FormData(list(RING.items()))).event_id


@pytest.mark.parametrize(
    "change", [{"call_id": "c-2"}, {"event": "hangup"}, {"agents": ["205"]}, {"seq": 2}, {"at": "2026-11-20T03:00:00Z"}]
)
def test_another_post_is_another_event(change):
    assert read(RING).event_id != read(RING | change).event_id


def test_exchanges_that_use_the_same_ids_do_not_meet():
    assert push.read(RING, source="front")[0].event_id != push.read(RING, source="back")[0].event_id


# --- Zammad's generic CTI --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["callId", "call_id", "callid", "CallID"])
def test_the_call_id_has_three_spellings_and_more(spelling):
    assert read({"event": "newCall", spelling: "z-1", "direction": "in", "from": "1", "to": "2"}).call_id == "z-1"


@pytest.mark.parametrize(
    "who",
    [{"user": "aiko"}, {"user": ["aiko"]}, {"user[]": "aiko"}, {"user[]": ["aiko"]}, {"users": ["aiko"]},
     FormData([("user[]", "aiko")]), FormData([("user[0]", "aiko")])],
)  # fmt: skip
def test_who_rings_is_one_or_a_list(who):
    form = FormData([*RING.items(), *(who.multi_items() if isinstance(who, FormData) else who.items())])
    assert read(form).agents == ("aiko",)


def test_all_who_ring_are_named_once():
    form = FormData([*RING.items(), ("user[]", "aiko"), ("user[]", "ben"), ("user[]", "aiko")])
    assert read(form).agents == ("aiko", "ben")


@pytest.mark.parametrize("name", ["user", "user[]", "caller", "caller[]", "answeringNumber"])
def test_who_answered_has_as_many_names_as_the_documents_use(name):
    event = read({"event": "answer", "callId": "z-1", "direction": "in", "from": TANAKA, "to": DESK, name: "aiko"})
    assert (event.kind, event.agents, event.caller) == ("answer", ("aiko",), TANAKA)


def test_the_number_that_answered_comes_before_the_names():
    event = read({"event": "answer", "callId": "z-1", "user": "aiko", "answeringNumber": "204", "direction": "in"})
    assert event.agents == ("204", "aiko")


@pytest.mark.parametrize(
    "cause", ["normalClearing", "busy", "cancel", "noAnswer", "congestion", "notFound", "forwarded"]
)
def test_the_seven_causes_are_kept(cause):
    assert read({"event": "hangup", "callId": "z-1", "direction": "in", "cause": cause}).cause == cause


@pytest.mark.parametrize(
    ("cause", "means"),
    [("16", "normalClearing"), (17, "busy"), ("19", "noAnswer"), ("21", "rejected"), ("34", "congestion"),
     ("1", "notFound"), ("NORMAL_CLEARING", "normalClearing"), ("no_answer", "noAnswer"), ("999", ""), ("bored", ""),
     ("", "")],
)  # fmt: skip
def test_causes_by_number_and_loose_spelling_are_understood_and_others_left_open(cause, means):
    assert read({"event": "hangup", "callId": "z-1", "cause": cause}).cause == means


def test_voice_mail_picking_up_is_not_an_answer():
    event = read({"event": "answer", "callId": "z-1", "direction": "in", "answeringNumber": "voicemail"})
    assert (event.kind, event.cause, event.agents) == ("hangup", "voicemail", ())


# --- sipgate and Placetel --------------------------------------------------------------------------------------------


def test_a_sipgate_call_is_read_from_its_form():
    form = FormData([
        ("event", "newCall"), ("direction", "in"), ("from", "492111234567"), ("to", "4915791234567"),
        ("callId", "123456"), ("user[]", "Alice"), ("user[]", "Bob"), ("userId[]", "w0"), ("fullUserId[]", "1234567w0"),
        ("xcid", "abc"),
        ("diversion", "1a2b3d4e5f"),
    ])  # fmt: skip
    event = read(form)
    assert (event.kind, event.call_id, event.leg_id) == ("ring", "123456", "123456")
    assert event.agents == ("Alice", "Bob", "w0", "1234567w0")
    assert event.extra == {"xcid": "abc", "diversion": "1a2b3d4e5f"}


def test_sipgates_keys_are_digits():
    assert (read({"event": "dtmf", "dtmf": "1", "callId": "123456"})).digits == "1"


@pytest.mark.parametrize(
    ("form", "kind", "direction", "agents"),
    [({"event": "IncomingCall", "from": "022129191999", "to": "022129191998"}, "ring", "in", ()),
     ({"event": "OutgoingCall", "peer": "777abc@fpbx.de", "from": "1", "to": "2"}, "ring", "out", ("777abc@fpbx.de",)),
     ({"event": "CallAccepted", "peer": "777abc@fpbx.de"}, "answer", "", ("777abc@fpbx.de",)),
     ({"event": "HungUp", "type": "accepted", "duration": "61"}, "hangup", "", ())],
)  # fmt: skip
def test_placetel_names_the_direction_only_when_it_rings(form, kind, direction, agents):
    event = read(form | {"call_id": "e4b1"})
    assert (event.kind, event.direction, event.agents) == (kind, direction, agents)


@pytest.mark.parametrize(
    ("type_", "cause"),
    [("voicemail", "voicemail"), ("missed", "cancel"), ("blocked", "blocked"), ("accepted", "normalClearing"),
     ("busy", "busy"), ("canceled", "cancel"), ("unavailable", "noAnswer"), ("congestion", "congestion")],
)  # fmt: skip
def test_placetel_tells_by_type_how_a_call_ended(type_, cause):
    event = read({"event": "HungUp", "call_id": "e4b1", "type": type_, "duration": "61"})
    assert (event.cause, event.duration_seconds) == (cause, 61)


# --- proof -----------------------------------------------------------------------------------------------------------


def test_a_body_signed_with_one_of_our_secrets_is_proven():
    signature = hmac.new(b"secret", b"event=HungUp", hashlib.sha256).hexdigest()
    push.prove(body=b"event=HungUp", signature=signature, secrets=["secret"])
    push.prove(body=b"event=HungUp", signature="sha256=" + signature.upper(), secrets=["next", "secret"])
    for refused in [signature[:-1], "", None, "é\udce9"]:
        with pytest.raises(Unproven):
            push.prove(body=b"event=HungUp", signature=refused, secrets=["secret"])
    for body, secrets in [(b"event=HungUp ", ["secret"]), (b"event=HungUp", ["other"]), (b"event=HungUp", [])]:
        with pytest.raises(Unproven):
            push.prove(body=body, signature=signature, secrets=secrets)


def test_an_empty_secret_proves_nothing():
    signature = hmac.new(b"", b"x", hashlib.sha256).hexdigest()
    with pytest.raises(Unproven):
        push.prove(body=b"x", signature=signature, secrets=[""])


# --- answers ---------------------------------------------------------------------------------------------------------


def test_answers_are_the_ones_zammad_gives():
    assert push.answer() == {}
    assert push.answer("reject") == {"action": "reject", "reason": "busy"}
    dial = push.answer("dial", caller_id="+81355500100", number="+819012340001")
    assert dial["action"] == "dial" and dial["number"] == "+819012340001"
    assert dial["caller_id"] == dial["callerId"] == "+81355500100"


def test_sipgate_is_asked_for_the_later_events_and_placetel_is_not():
    root = ET.fromstring(push.answer_xml(events_url="https://desk.example.com/in?a=1&b=2"))
    assert root.attrib == {
        "onAnswer": "https://desk.example.com/in?a=1&b=2",
        "onHangup": "https://desk.example.com/in?a=1&b=2",
    }
    assert (len(root), ET.fromstring(push.answer_xml()).attrib) == (0, {})


def test_a_blocked_caller_is_refused_and_an_outgoing_call_shown_our_number_in_xml():
    [reject] = ET.fromstring(push.answer_xml("reject"))
    assert (reject.tag, reject.attrib) == ("Reject", {"reason": "busy"})
    [dial] = ET.fromstring(push.answer_xml("dial", caller_id='"><x', number="<&>"))
    assert (dial.attrib, dial[0].tag, dial[0].text) == ({"callerId": '"><x'}, "Number", "<&>")


# --- whatever else ---------------------------------------------------------------------------------------------------

NAMES = ["event", "call_id", "callId", "direction", "from", "to", "user", "user[]", "at", "seq", "cause", "duration",
         "presentation", "digits", "", "é"]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
    | st.sampled_from(["ring", "newCall", "in", "HungUp", "\x00", "9" * 30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_reading_gives_an_event_or_a_reason_and_never_fails(data):
    try:
        event = read(data)
    except Rejected as reason:
        assert str(reason)
    else:
        assert event.call_id and len(event.call_id) <= LONGEST_ID
        assert event.event_id == read(data).event_id
        assert "\x00" not in repr(event.caller) + event.call_id
