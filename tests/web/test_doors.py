"""Telephone systems at the entrance: each in its own words, blocked callers refused, and nothing that breaks it."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from helpdesk import exchange_log, exchanges
from helpdesk.errors import Invalid
from models import (
    Call,
    CallFact,
    ContactPoint,
    Exchange,
    ExchangeLog,
    ExchangeState,
    Inbound,
    Outcome,
    Parked,
    QueueVisit,
    VisitEnd,
)
from tests.cast import (
    AIKO,
    AKIRA,
    BEN,
    MONDAY,
    PUBLIC_URL,
    PUSH_TOKEN,
    RETURNS_NUMBER,
    SATO,
    STRANGER,
    SUZUKI,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
)
from tests.exchanges import FORM, SECRET, block, settle

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
RING = {"event": "newCall", "callId": "c-1", "direction": "in", "from": "09012345678", "to": "0355500101"}


# --- Zammad's generic push -------------------------------------------------------------------------------------------


@SQLITE
def test_a_call_is_told_in_every_spelling_and_way(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    front = settle(desk, "push", name="front-desk")
    screen = desk.screen_of(AIKO)
    expected = []
    for name in ("callId", "call_id", "callid"):
        for way in (lambda told: front.says(**told), front.posts, lambda told: front.asks(**told)):
            expected.append(f"c-{len(expected)}")
            told = {key: value for key, value in RING.items() if key != "callId"} | {name: expected[-1]}
            assert (got := way(told)).status_code == 200 and got.json() == {}
            call = desk.call(expected[-1])
            assert (call.source, call.number) == ("push:front-desk", TANAKA.phone)
    assert screen.pops == expected


@SQLITE
def test_who_answers_is_known_however_the_exchange_names_them(desk: OpenDesk) -> None:
    desk.write(lambda db: setattr(db.merge(desk.agent(AIKO)), "extension", "204"))
    front = settle(desk, "push")
    told: list[dict[str, Any]] = [
        {"user": "204"}, {"user[]": ["999", "204"]}, {"caller": "204"}, {"caller[]": ["204"]},
        {"answeringNumber": "204"}, {"answeringNumber": AIKO.phone}, {"user": AIKO.email},
    ]  # fmt: skip
    for at, user in enumerate(told):
        both = RING | {"callId": f"c-{at}"}
        front.posts(both)
        front.posts(both | {"event": "answer"} | user)
        front.posts({"event": "hangup", "callId": f"c-{at}", "cause": "normalClearing"})
        call = desk.call(f"c-{at}")
        assert (call.agent_id, call.outcome) == (desk.agent(AIKO).id, Outcome.ANSWERED), user


def test_an_unknown_key_is_401_and_leaves_nothing(desk: OpenDesk) -> None:
    for token in ("nobody-knows-this-token", "x", "%F0%9F%92%A9", "a.xml", PUSH_TOKEN[:-1]):
        answer = desk.client.post(f"/api/v1/cti/{token}", data=RING)
        assert answer.status_code == 401 and "unknown token" in answer.text
    assert desk.count(Inbound) == desk.count(ExchangeLog) == desk.count(Call) == 0


@SQLITE
def test_what_is_no_event_is_422_with_a_sentence_and_stands_in_the_log(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    for changed in ({"event": ""}, {"event": "dance"}, {"callId": ""}, {"callId": "x" * 251},
                    {"direction": "sideways"}, {"direction": ""}):  # fmt: skip
        answer = front.posts(RING | changed)
        assert answer.status_code == 422 and len(answer.json()["error"]) > 10, changed
        line = front.log[-1]
        assert (line.status, line.outcome, line.answered) == (422, "unreadable", answer.json()["error"])
    assert len(front.log) == 6
    assert desk.count(Inbound) == desk.count(Call) == desk.count(Parked) == 0
    assert front.row.state == ExchangeState.FAILING and front.row.error == "unreadable"
    front.posts(RING)
    assert front.row.state == ExchangeState.CONNECTED and front.row.error == ""


def test_the_setting_s_keys_go_on_working_beside(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    assert desk.exchange.says(**RING).status_code == front.says(**RING | {"callId": "c-2"}).status_code == 200
    assert {call.source for call in desk.calls()} == {"push:front", "push:push-1"}


def test_a_repeat_changes_nothing_and_is_answered_alike(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    first, again = front.says(**RING), front.says(**RING)
    assert first.json() == again.json() and desk.count(Call) == desk.count(CallFact) == desk.count(Inbound) == 1
    assert [line.outcome for line in front.log] == ["ring", "repeat"]


def test_a_call_to_nobody_s_number_goes_to_the_queue_of_its_exchange(desk: OpenDesk) -> None:
    front = settle(desk, "push", queue_id=desk.queue("returns").id)
    front.says(**RING | {"to": "0399990000"})
    front.says(**RING | {"callId": "c-2"})
    front.says(**RING | {"callId": "c-3", "to": "0399990000", "queue": "tech_support"})
    assert [desk.queue_of(ticket) for ticket in desk.tickets()][0] == "returns"
    assert [desk.call(each).queue_id for each in ("c-1", "c-2", "c-3")] == [
        desk.queue("returns").id, desk.queue("tech_support").id, desk.queue("tech_support").id]  # fmt: skip


@SQLITE
def test_an_exchange_that_is_paused_or_deleted_is_heard_no_more_and_its_calls_stay(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    front.says(**RING)
    by = desk.agent(SATO)
    desk.write(lambda db: exchanges.pause(db, exchanges.get(db, front.id), by=by, now=desk.clock()))
    desk.app.state.desk.doors_changed()
    assert front.says(**RING | {"callId": "c-2"}).status_code == 422
    assert front.log[-1].outcome == "paused"
    desk.write(lambda db: exchanges.delete(db, exchanges.get(db, front.id), by=by, now=desk.clock()))
    desk.app.state.desk.doors_changed()
    assert front.says(**RING | {"callId": "c-2"}).status_code == 401
    assert [call.call_key for call in desk.calls()] == ["c-1"]


@SQLITE
def test_the_old_key_works_until_somebody_switches_it_off(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    by, old = desk.agent(SATO), front.token

    def change(verb: Any, **more: Any) -> str:
        def run(db: Any) -> str:
            verb(db, exchanges.get(db, front.id), by=by, now=desk.clock(), **more)
            return exchanges.token_of(exchanges.get(db, front.id), settings=desk.settings)

        token: str = desk.write(run)
        desk.app.state.desk.doors_changed()
        return token

    front.token = change(exchanges.rotate, settings=desk.settings)
    assert front.token != old
    assert front.says(**RING).status_code == 200 and front.row.old_token_used_at is None
    front.token, new = old, front.token
    assert front.says(**RING | {"callId": "c-2"}).status_code == 200 and front.row.old_token_used_at == desk.clock()
    change(exchanges.retire)
    assert front.says(**RING | {"callId": "c-3"}).status_code == 401
    front.token = new
    assert front.says(**RING | {"callId": "c-3"}).status_code == 200


def test_keys_and_secrets_are_not_to_be_read_in_the_database(desk: OpenDesk) -> None:
    front = settle(desk, "placetel", secret=SECRET)
    front.posts(RING, secret=SECRET)
    kept = desk.everything_kept()
    assert front.token not in kept and SECRET not in kept


@SQLITE
def test_a_generic_exchange_with_a_signing_key_must_sign(desk: OpenDesk) -> None:
    front = settle(desk, "push", secret=SECRET)
    assert front.posts(RING).status_code == 401
    assert front.posts(RING, secret="another").status_code == 401
    assert front.posts(RING, secret=SECRET).status_code == 200
    assert [line.outcome for line in front.log] == ["unproven", "unproven", "ring"]


# --- blocked, and shown when calling out -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["push", "sipgate", "placetel"])
def test_a_blocked_caller_is_refused_in_each_dialect_and_the_call_is_kept(desk: OpenDesk, kind: str) -> None:
    desk.ready(AIKO)
    block(desk, STRANGER.phone)
    front = settle(desk, kind)
    screen = desk.screen_of(AIKO)
    for spelling in ("050-1111-2222", "+815011112222", "０５０１１１１２２２２"):
        told = RING | {"from": spelling, "callId": f"c-{spelling}"}
        for _ in range(2):  # a repeat is refused, too
            answer = front.posts(told)
            if kind == "push":
                assert answer.json() == {"action": "reject", "reason": "busy"}
            else:
                assert ET.fromstring(answer.text).find("Reject").attrib == {"reason": "busy"}
        call = desk.call(f"c-{spelling}")
        assert (call.number, call.outcome, call.ticket_id) == (STRANGER.phone, Outcome.REJECTED, None)
    front.posts({"event": "hangup", "callId": "c-050-1111-2222", "cause": "busy", "direction": "in"})
    assert desk.call("c-050-1111-2222").outcome == Outcome.REJECTED
    assert screen.pops == [] and desk.tickets() == []
    assert desk.count(QueueVisit) == 0  # nobody waited, and nobody gave up
    assert front.posts(RING).text.find("eject") < 0 and screen.pops == ["c-1"]


@SQLITE
def test_a_blocked_caller_hears_the_busy_tone_by_twilio_too(desk: OpenDesk) -> None:
    block(desk, STRANGER.phone)
    assert '<Reject reason="busy"' in desk.twilio.rings("CA-1", caller=STRANGER.phone).text
    assert desk.call("CA-1").outcome == Outcome.REJECTED and desk.tickets() == []


@SQLITE
def test_the_number_shown_when_calling_out_is_that_of_the_first_rule_that_fits(desk: OpenDesk) -> None:
    rules = "0120* = 03-5550-0101\nreturns = 03-5550-0102\n* = 03-9999-0000"
    front = settle(desk, "push", options={"caller_ids": rules})
    cases: list[tuple[str, dict[str, str], str]] = [
        ("0120-111-222", {}, "81355500101"), ("+81312345678", {"queue": "returns"}, "81355500102"),
        ("+81312345678", {"user": BEN.email}, "81355500102"), ("+81312345678", {"user": AIKO.email}, "81399990000"),
    ]  # fmt: skip
    for at, (called, more, shown) in enumerate(cases):
        told = {"event": "newCall", "callId": f"o-{at}", "direction": "out", "from": "0355500100", "to": called}
        if "user" in more:  # who calls is known by an answer at the latest
            front.posts(told | {"event": "answer"} | more)
        expected = {"action": "dial", "caller_id": shown, "callerId": shown, "number": called}
        assert front.posts(told | more).json() == front.posts(told | more).json() == expected
    assert front.posts(RING).json() == {}


# --- sipgate ---------------------------------------------------------------------------------------------------------


@SQLITE
def test_sipgate_is_told_where_to_say_more(desk: OpenDesk) -> None:
    phone = settle(desk, "sipgate")
    told = [("event", "newCall"), ("from", "819012345678"), ("to", "81355500101"), ("direction", "in"),
            ("callId", "12345678"), ("user[]", "愛子"), ("userId[]", "w0"), ("fullUserId[]", "1234567w0")]  # fmt: skip
    answer = phone.posts(told)
    assert answer.headers["content-type"].startswith("application/xml")
    here = f"{PUBLIC_URL}{phone.path}"
    assert ET.fromstring(answer.text).attrib == {"onAnswer": here, "onHangup": here}
    phone.posts({"event": "answer", "callId": "12345678", "user": AIKO.email, "userId": "w0", "from": "819012345678",
                 "to": "81355500101", "direction": "in", "answeringNumber": "815055500111"})  # fmt: skip
    phone.posts({"event": "hangup", "cause": "normalClearing", "callId": "12345678", "answeringNumber": "815055500111",
                 "from": "819012345678", "to": "81355500101", "direction": "in"})  # fmt: skip
    call = desk.call("12345678")
    assert (call.number, call.agent_id, call.outcome) == (TANAKA.phone, desk.agent(AIKO).id, Outcome.ANSWERED)
    error = phone.posts({"event": "dance"})
    assert error.status_code == 422 and ET.fromstring(error.text).find("Error").text


@SQLITE
@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (0, 2, 1, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)])
def test_a_voice_mail_leg_belongs_to_the_call_it_came_from(desk: OpenDesk, order: tuple[int, ...]) -> None:
    phone = settle(desk, "sipgate")
    both = {"from": "819012345678", "to": "81355500101", "direction": "in"}
    leg = both | {"callId": "leg-2", "origCallId": "c-1"}
    told = [both | {"event": "newCall", "callId": "c-1"}, both | {"event": "hangup", "callId": "c-1",
            "cause": "forwarded"}, leg | {"event": "newCall"}, leg | {"event": "answer", "user": "voicemail"},
            leg | {"event": "hangup", "cause": "normalClearing"}]  # fmt: skip
    for each in order:
        assert phone.posts(told[each]).status_code == 200
        desk.clock.advance(seconds=1)
    [call] = desk.calls()
    assert (call.call_key, call.outcome) == ("c-1", Outcome.VOICEMAIL)
    assert desk.read(lambda db: [visit.how for visit in db.exec(select(QueueVisit))]) == [VisitEnd.VOICEMAIL]


# --- Placetel --------------------------------------------------------------------------------------------------------


@SQLITE
def test_placetel_signs_names_no_direction_later_and_says_how_it_ended(desk: OpenDesk) -> None:
    phone = settle(desk, "placetel", secret=SECRET)
    told = {"voicemail": Outcome.VOICEMAIL, "missed": Outcome.ABANDONED, "blocked": Outcome.REJECTED,
            "busy": Outcome.MISSED, "canceled": Outcome.ABANDONED, "unavailable": Outcome.MISSED,
            "congestion": Outcome.MISSED}  # fmt: skip
    for at, (type_, outcome) in enumerate(told.items()):
        both = {"from": "09012345678", "to": "0355500101", "call_id": f"{at:064x}"}
        answer = phone.posts(both | {"event": "IncomingCall", "direction": "in"}, secret=SECRET)
        assert answer.headers["content-type"].startswith("application/xml")
        assert ET.fromstring(answer.text).attrib == {}
        over = phone.posts(both | {"event": "HungUp", "type": type_, "duration": "0"}, secret=SECRET)
        call = desk.call(both["call_id"])
        assert (over.status_code, call.source, call.direction, call.outcome) == (
            200, "placetel:placetel-1", "in", outcome), type_  # fmt: skip


@SQLITE
def test_placetel_says_by_its_sip_user_who_answers_and_who_calls_out(desk: OpenDesk) -> None:
    desk.write(lambda db: setattr(db.merge(desk.agent(AIKO)), "extension", "777abcdef@fpbx.example"))
    phone = settle(desk, "placetel", secret=SECRET)
    peer = {"peer": "777abcdef@fpbx.example"}
    both = {"from": "0355500101", "to": "09012345678", "call_id": "out-1"}
    phone.posts(both | peer | {"event": "OutgoingCall", "direction": "out"}, secret=SECRET)
    phone.posts(both | peer | {"event": "CallAccepted"}, secret=SECRET)
    phone.posts(both | {"event": "HungUp", "type": "accepted", "duration": "9"}, secret=SECRET)
    call = desk.call("out-1")
    assert (call.direction, call.number, call.outcome) == ("out", TANAKA.phone, Outcome.ANSWERED)
    assert call.agent_id == desk.agent(AIKO).id


@SQLITE
def test_an_unsigned_post_of_placetel_is_401_in_xml_and_not_kept(desk: OpenDesk) -> None:
    phone = settle(desk, "placetel", secret=SECRET)
    for signature in ("", "0" * 64, "nonsense", b"\xff"):
        answer = phone.posts(RING, x_placetel_signature=signature) if signature else phone.posts(RING)
        assert answer.status_code == 401 and ET.fromstring(answer.text).find("Error") is not None
    assert desk.count(Inbound) == desk.count(Call) == 0
    assert "09012345678" not in desk.everything_kept()


# --- 3CX -------------------------------------------------------------------------------------------------------------


REPORT = {"CallType": "Inbound", "CallDirection": "Inbound", "Number": "+819012345678", "Name": "田中 美咲",
          "EntityId": "[EntityId]", "Agent": "204", "AgentEmail": "[AgentEmail]", "Duration": "00:01:30",
          "CallStartTimeUTC": "2026-11-16T00:55:00", "CallStartTimeLocal": "2026-11-16T09:55:00",
          "CallEndTimeUTC": "2026-11-16T00:57:00", "DateTime": "[DateTime]"}  # fmt: skip


def test_a_reported_call_is_one_that_is_over_and_rings_nowhere(desk: OpenDesk) -> None:
    desk.write(lambda db: setattr(db.merge(desk.agent(AIKO)), "extension", "204"))
    desk.ready(AIKO, AKIRA)
    phone = settle(desk, "threecx", queue_id=desk.queue("tech_support").id)
    screen = desk.screen_of(AKIRA)
    for _ in range(2):
        assert phone.says("/report", **REPORT).status_code == 200
    [call] = desk.calls()
    assert (call.source, call.number, call.outcome) == ("threecx:threecx-1", TANAKA.phone, Outcome.ANSWERED)
    assert (call.agent_id, call.customer_id) == (desk.agent(AIKO).id, desk.customer(TANAKA).id)
    began = datetime(2026, 11, 16, 0, 55, tzinfo=UTC)
    assert (call.started_at, call.ended_at, call.wait_seconds, call.talk_seconds) == (
        began, began + timedelta(minutes=2), 30, 90)  # fmt: skip
    assert screen.pops == [] and len(desk.tickets()) == 1


@SQLITE
@pytest.mark.parametrize(
    ("changed", "outcome", "direction"),
    [({"CallType": "Missed", "Agent": "[Agent]"}, Outcome.MISSED, "in"), ({"CallType": "Outbound"}, Outcome.ANSWERED,
     "out"), ({"CallType": "Notanswered"}, Outcome.MISSED, "out")],
)  # fmt: skip
def test_a_report_says_how_the_call_ended(
    desk: OpenDesk, changed: dict[str, str], outcome: Outcome, direction: str
) -> None:
    phone = settle(desk, "threecx")
    phone.says("/report", **REPORT | changed)
    [call] = desk.calls()
    assert (call.outcome, call.direction, call.number) == (outcome, direction, TANAKA.phone)


@SQLITE
def test_two_calls_are_two_and_variables_nobody_filled_mean_nothing(desk: OpenDesk) -> None:
    phone = settle(desk, "threecx")
    bare = REPORT | {"Agent": "[Agent]", "CallEndTimeUTC": "[CallEndTimeUTC]", "Name": "[Name]"}
    phone.says("/report", **bare)
    phone.says("/report", **bare | {"CallStartTimeUTC": "2026-11-16T00:56:00"})
    phone.says("/report", **bare | {"Number": SUZUKI.phone})
    assert len(desk.calls()) == 3
    assert "[Agent]" not in str(desk.read(lambda db: [fact.agents for fact in db.exec(select(CallFact))]))
    assert phone.says("/report", CallType="[CallType]", Number="1").status_code == 422


def test_a_look_up_finds_exactly_who_has_the_number(desk: OpenDesk) -> None:
    phone = settle(desk, "threecx")
    [contact] = phone.asks("/lookup", number="+819012345678").json()["contacts"]
    assert (contact["lastname"], contact["firstname"], contact["phone_mobile"]) == ("田中", "美咲", TANAKA.phone)
    assert contact["url"] == f"{PUBLIC_URL}/customers/{desk.customer(TANAKA).id}"
    for nobody in ("+819012345679", "12345678", "5678", "", "anonymous", "非通知", "x" * 5000, "'; --", "204"):
        assert phone.asks("/lookup", number=nobody).json() == {"contacts": []}
    [both] = phone.asks("/lookup", number="03-1234-5678").json()["contacts"]
    assert both["lastname"] == "鈴木 一郎 / 鈴木 花子" and both["url"].startswith(f"{PUBLIC_URL}/pop?number=")
    assert desk.client.get("/api/v1/cti/unknown-token-unknown/lookup?number=1").status_code == 401
    assert {line.what for line in phone.log} == {"lookup"}


@SQLITE
def test_a_search_finds_by_name_and_nothing_typed_finds_nobody(desk: OpenDesk) -> None:
    phone = settle(desk, "threecx")
    assert [one["lastname"] for one in phone.asks("/search", text="田中").json()["contacts"]] == ["田中"]
    assert {one["firstname"] for one in phone.asks("/search", text="鈴木").json()["contacts"]} == {"一郎", "花子"}
    assert phone.asks("/search", text=" ").json() == phone.asks("/search").json() == {"contacts": []}


# --- PhoneBridge -----------------------------------------------------------------------------------------------------


@SQLITE
def test_phonebridge_s_notifications_are_calls(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    phone, under = settle(desk, "phonebridge"), "/phonebridge/v3/callnotify"
    both = {"type": "received", "id": "z-1", "from": "+819012345678", "to": TECH_NUMBER, "zohouser": AIKO.email}
    screen = desk.screen_of(AIKO)
    assert phone.posts(both | {"state": "ringing"}, under=under).json()["status"] == "success"
    assert screen.pops == ["z-1"]
    phone.posts(both | {"state": "answered"}, under=under)
    phone.posts(both | {"state": "ended", "voiceuri": "https://example.com/1.wav"}, under=under)
    assert desk.call("z-1").outcome == Outcome.ANSWERED
    missed = both | {"id": "z-2", "state": "missed", "start_time": "2026-11-16 00:30:00"}
    phone.posts(missed, under=under)
    call = desk.call("z-2")
    assert (call.outcome, call.started_at) == (Outcome.MISSED, MONDAY - timedelta(minutes=30))
    assert screen.pops == ["z-1"]
    lacking = phone.posts({"type": "received", "state": "ringing"}, under=under)
    assert (lacking.status_code, lacking.json()["code"]) == (422, "REQUIRED_PARAM_MISSING")


# --- other names -----------------------------------------------------------------------------------------------------


def test_an_exchange_with_names_of_its_own_is_understood_by_its_mapping(desk: OpenDesk) -> None:
    desk.ready(BEN)
    phone = settle(desk, "push", options={"direction": "in"})
    told = {"状態": "着信", "発信者": {"番号": "090-1234-5678"}, "着番": "0355500102", "通話ID": "c-9"}
    assert desk.client.post(phone.path, json=told).status_code == 422
    mapping = {"event": "状態", "from": "発信者.番号", "to": "着番", "call_id": "通話ID",
               "values": {"event": {"着信": "ring", "終話": "hangup"}}}  # fmt: skip
    desk.write(lambda db: exchanges.map_names(db, exchanges.get(db, phone.id), mapping, by=desk.agent(SATO),
                                              now=desk.clock()))  # fmt: skip
    desk.app.state.desk.doors_changed()
    screen = desk.screen_of(BEN)
    assert desk.client.post(phone.path, json=told).status_code == 200
    assert screen.pops == ["c-9"] and desk.call("c-9").number == TANAKA.phone
    assert desk.client.post(phone.path, json={"状態": "終話", "通話ID": "c-9"}).status_code == 200
    assert desk.call("c-9").outcome == Outcome.ABANDONED


@SQLITE
def test_a_mapping_that_cannot_be_meant_is_refused(desk: OpenDesk) -> None:
    phone = settle(desk, "push")
    told: list[dict[str, Any]] = [
        {"from": "tel", "to": "tel"}, {"colour": "red"}, {"from": ["x"]}, {"from": "x" * 500},
        {"values": {"event": {"着信": "dance"}}}, {"values": {"from": {"a": "b"}}},
    ]  # fmt: skip
    for mapping in told:
        with pytest.raises(Invalid):
            desk.write(lambda db, m=mapping: exchanges.map_names(db, exchanges.get(db, phone.id), m,
                                                                 by=desk.agent(SATO), now=desk.clock()))  # fmt: skip


# --- hostile ---------------------------------------------------------------------------------------------------------

HOSTILE = [
    b"", b"\x00" * 500, bytes(range(256)) * 20, b"{" * 5000, b'{"a":' * 3000, b"[1,2]", b"null", b'"text"', b"{}",
    b'{"event":{"event":{"event":"ring"}}}', b'{"event":["ring","hangup"],"call_id":["1","2"],"direction":["in"]}',
    b'{"event":"ring","call_id":1e400,"direction":"in"}', b'{"event":"ring","call_id":true,"direction":null}',
    b'{"event":"ring","call_id":"a\\u0000b","direction":"in","from":"\\ud800"}',
    "event=ring&callId=表&direction=in&from=０９０".encode("cp932"), b"event=%FF%FE&callId=%00&direction=in",
    b"event=ring&" + b"callId=1&" * 20_000, b"event=ring&direction=in&callId=" + b"x" * 100_000,
    b"&&&===;;;", b"event", b"\xef\xbb\xbf" + json.dumps(RING).encode(), b"event=ring&seq=" + b"9" * 4000,
    b"event=hangup&callId=1&duration=-1&at=99999999999999999999", b"event=ring&callId=1&direction=in&user[][]=a",
    b'{"event":"ring","call_id":"1","direction":"in","agents":[{"a":1},[["b"]],"204"]}',
]  # fmt: skip
KINDS = ["application/json", "application/x-www-form-urlencoded", "", "text/plain; charset=cp932",
         "application/json; charset=rot13", "multipart/form-data; boundary=x", "multipart/form-data",
         "\xff/\xfe; charset=\x7f", "application/x-www-form-urlencoded; charset=utf-7"]  # fmt: skip


@SQLITE
def test_nothing_that_is_sent_is_ever_a_5xx(desk: OpenDesk) -> None:
    under = {"push": "", "sipgate": "", "placetel": "", "threecx": "/report",
             "phonebridge": "/phonebridge/v3/callnotify"}  # fmt: skip
    doors = [(settle(desk, kind), path) for kind, path in under.items()]
    for at, body in enumerate(HOSTILE):
        for door, path in doors:
            kind = KINDS[at % len(KINDS)]
            for content_type in (kind, "application/json", FORM["content-type"]):
                answer = desk.client.post(f"{door.path}{path}", content=body,
                                          headers={"content-type": content_type.encode("latin-1")})  # fmt: skip
                assert answer.status_code in (200, 413, 422), (body[:60], content_type, answer.text)
    assert desk.count(Parked) == 0


@SQLITE
def test_a_body_beyond_all_measure_is_413(desk: OpenDesk) -> None:
    door = settle(desk, "push")
    assert door.posts(raw=b"event=ring&x=" + b"y" * 300_000).status_code == 413
    assert door.log[-1].outcome == "too_large"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["event", "callId", "direction", "from", "to", "user", "at", "seq", "presentation", "type"])


@given(st.dictionaries(names | st.text(max_size=8), values | st.sampled_from(["ring", "in", "hangup", "anonymous"])))
@settings(max_examples=150)
def test_whatever_is_named_however_it_is_an_event_or_a_sentence(data: dict[str, Any]) -> None:
    for kind in ("push", "threecx", "phonebridge", "placetel"):
        door = exchanges.Door(id=1, kind=exchanges.ExchangeKind(kind), name="x")
        raw = json.dumps(data).encode()
        try:
            kept, as_what = exchanges.discreet(door, raw, "application/json")
            exchanges.said_in(kept, as_what)
            told = exchanges.events_in(door, kept, as_what, settings=SETTINGS, now=MONDAY)
        except exchanges.Rejected:
            continue
        assert told and all(event.call_id and event.event_id for event in told)


SETTINGS = type("S", (), {"timezone": "Asia/Tokyo"})()


# --- withheld --------------------------------------------------------------------------------------------------------


HIDDEN = "09099998888"
SPELT = ("9099998888", "90-9999-8888")


def in_bytes(desk: OpenDesk) -> str:
    """Everything that is kept, the bytes that arrived included."""
    raws = desk.read(lambda db: [row.raw.decode("utf-8", "replace") for row in db.exec(select(Inbound))])
    return desk.everything_kept() + "\n".join(raws)


@pytest.mark.parametrize(
    "told",
    [RING | {"from": HIDDEN, "presentation": "withheld"},
     RING | {"from": "anonymous", "pai": "sip:+819099998888@carrier.example", "from_name": "090-9999-8888"},
     RING | {"from": HIDDEN, "presentation": "restricted", "diversion": "+81 90 9999 8888", "user": HIDDEN},
     RING | {"event": "rufton", "from": HIDDEN, "presentation": "withheld"},
     RING | {"from": "非通知", "extra": {"deep": {"number": "090-9999-8888"}}}],
)  # fmt: skip
def test_a_withheld_number_is_nowhere(desk: OpenDesk, told: dict[str, Any]) -> None:
    desk.ready(AIKO)
    front, screen = settle(desk, "push"), desk.screen_of(AIKO)
    front.says(**told)
    front.posts(told | {"event": "hangup", "call_id": "c-1", "cause": "cancel"})
    screen.sync()
    pages = "".join(desk.as_(SATO).get(page).text for page in ("/calls", "/inbox", "/admin/exchanges/log"))
    seen = in_bytes(desk) + pages + json.dumps(screen.frames)
    assert not [spelling for spelling in SPELT if spelling in seen]
    assert front.log


@SQLITE
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_one_post_withholds_another_does_not_tell(desk: OpenDesk, order: tuple[int, int]) -> None:
    front = settle(desk, "push")
    told = [RING | {"from": HIDDEN, "presentation": "withheld"},
            {"event": "answer", "callId": "c-1", "direction": "in", "from": HIDDEN, "user": "204"}]  # fmt: skip
    for each in order:
        assert front.says(**told[each]).status_code == 200
    assert not [spelling for spelling in SPELT if spelling in in_bytes(desk)]
    assert desk.call("c-1").is_withheld and desk.call("c-1").answered_at is not None


@SQLITE
def test_a_withheld_caller_of_3cx_has_no_name(desk: OpenDesk) -> None:
    phone = settle(desk, "threecx")
    phone.says("/report", **REPORT | {"Number": "anonymous", "Name": "匿名 希望"})
    assert desk.calls()[0].is_withheld and "匿名 希望" not in in_bytes(desk)
    assert desk.read(lambda db: db.exec(select(ContactPoint.key).where(ContactPoint.key == "anonymous")).all()) == []


# --- the log ---------------------------------------------------------------------------------------------------------


def test_lines_of_the_log_are_forgotten_after_their_days(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    front.says(**RING)
    desk.clock.advance(days=31)
    front.says(**RING | {"callId": "c-2"})
    desk.write(lambda db: exchange_log.forget(db, before=desk.clock() - timedelta(days=30)))  # unless it did
    assert [line.call_id for line in front.log] == [desk.call("c-2").id]


def test_what_broke_in_reading_is_read_again_by_the_mapping_of_that_day(desk: OpenDesk) -> None:
    """A row that waits is read by what is known when it is read, and in the words of its kind."""
    phone = settle(desk, "placetel")
    phone.posts(RING)

    def wait(db: Any) -> None:
        row = db.exec(select(Inbound)).one()
        row.state, row.sender_key = "waiting", "another"
        row.raw = row.raw.replace(b"newCall", b"HungUp")

    desk.write(wait)
    desk.read_everything()
    assert desk.call("c-1").source == "placetel:placetel-1" and desk.call("c-1").ended_at is not None
    assert RETURNS_NUMBER  # its queue stays that of the number dialed
    assert desk.read(lambda db: db.exec(select(Exchange)).one()).heard_at == MONDAY
