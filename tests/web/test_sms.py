"""Surveys by SMS: to mobile numbers, by day, once, for a bounded price, and not after a stop."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from helpdesk import sms
from helpdesk.errors import Rejected, Unreachable
from helpdesk.runtime.work import NotYet
from helpdesk.settings import Settings
from models import Answer, Ask, ContactPoint, OptOut, PointKind, Sms, SmsState
from tests.cast import ACCOUNT, BEN, RETURNS_NUMBER, SATO, TANAKA, OpenDesk
from tests.web.test_surveys import STARS, customer

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
OURS = "+815055500999"


class Carrier:
    """Twilio's side: what was sent, and how it answers."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []
        self.status, self.body = 201, ""

    def answer(self) -> tuple[int, str]:
        return self.status, self.body or f'{{"sid": "SM{len(self.sent)}", "status": "queued"}}'


@pytest.fixture
def carrier(settings: Settings) -> Iterator[Carrier]:
    carrier = Carrier()

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
            carrier.sent.append(form)
            status, body = carrier.answer()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.twilio_account_sid, settings.sms_from = ACCOUNT, OURS
    settings.twilio_base_url = f"http://127.0.0.1:{server.server_port}"
    yield carrier
    server.shutdown()
    server.server_close()


def called(desk: OpenDesk, key: str = "CA-1", *, caller: str = TANAKA.phone, way: str = "sms") -> Ask:
    """Ms. Tanaka calls, Ben answers, and an hour later she is to be asked."""
    if not desk.count(Ask) and "解決後" not in desk.as_(SATO).get("/admin/surveys").text:
        desk.as_(SATO).post("/admin/surveys/new", data=STARS | {"after": "call", "way": way})
    desk.ready(BEN)
    desk.twilio.rings(key, caller=caller, to=RETURNS_NUMBER)
    desk.as_(BEN).post(f"/calls/{desk.call(key).id}/accept")
    desk.twilio.says(f"{key}-leg", "in-progress", sequence=2, caller=RETURNS_NUMBER, to=BEN.phone, parent=key)
    desk.clock.advance(seconds=90)
    desk.as_(BEN).post(f"/calls/{desk.call(key).id}/ticket")
    desk.twilio.says(key, "completed", sequence=3, caller=caller, to=RETURNS_NUMBER)
    desk.clock.advance(hours=1)
    asks = desk.read(lambda db: db.exec(select(Ask).order_by(Ask.id)).all())
    desk.app.state.desk.jobs.by_name()["ask_customer"](asks[-1].id)
    return asks[-1]


def send(desk: OpenDesk, ask: Ask) -> None:
    desk.app.state.desk.jobs.by_name()["send_sms"](ask.id)


def state(desk: OpenDesk, ask: Ask) -> tuple[str, str, list[str]]:
    """Of the ask and its messages."""
    row = desk.read(lambda db: db.get(Ask, ask.id))
    return row.state.value, row.reason, [each.state.value for each in messages(desk)]


def messages(desk: OpenDesk) -> list[Sms]:
    return list(desk.read(lambda db: db.exec(select(Sms).order_by(Sms.id)).all()))


def says(desk: OpenDesk, words: str, *, sender: str = TANAKA.phone, **how: Any) -> Any:
    return desk.twilio.posts(
        "/hooks/twilio/sms", {"MessageSid": "SMx", "From": sender, "To": OURS, "Body": words}, **how
    )


def test_a_caller_is_asked_once_by_a_message_whose_link_takes_the_answer(desk, carrier) -> None:
    ask = called(desk)
    send(desk, ask)
    send(desk, ask)
    [sent] = carrier.sent
    assert (sent["From"], sent["To"]) == (OURS, TANAKA.phone) and sent["Body"].endswith("配信停止は「停止」と返信")
    assert sent["StatusCallback"] == "https://desk.example.com/hooks/twilio/sms/status"
    where = re.search(r"https://desk\.example\.com(/s/\S+)", sent["Body"])
    assert where and where[1].rpartition("-")[2] not in desk.everything_kept()
    assert customer(desk).post(where[1], data={"score": "5", "comment": ""}).status_code == 200
    assert desk.read(lambda db: db.exec(select(Answer)).one()).score == 5
    assert messages(desk)[0].segments == sms.segments(sent["Body"]) > 1


@SQLITE
def test_what_became_of_it_is_told_in_any_order_by_signed_callbacks_alone(desk, carrier) -> None:
    ask = called(desk)
    send(desk, ask)
    told = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    path = "/hooks/twilio/sms/status"
    assert desk.twilio.posts(path, told, signature="forged").status_code == 403
    assert state(desk, ask)[2] == ["sent"]
    desk.twilio.posts(path, told)
    desk.twilio.posts(path, told | {"MessageStatus": "sent"})
    assert state(desk, ask) == ("sent", "", ["delivered"])


@SQLITE
def test_what_cannot_be_delivered_was_not_asked(desk, carrier) -> None:
    ask = called(desk)
    send(desk, ask)
    desk.twilio.posts("/hooks/twilio/sms/status", {"MessageSid": "SM1", "MessageStatus": "undelivered",
                                                   "ErrorCode": "30005"})  # fmt: skip
    assert state(desk, ask) == ("left_out", "sms_failed", ["failed"])
    assert "SMSが不達：" in desk.as_(SATO).get("/admin/surveys").text


@SQLITE
@pytest.mark.parametrize("word", ["停止", "ＳＴＯＰ", " stop. "])
def test_who_says_stop_is_never_written_to_again_until_saying_start(desk, carrier, word) -> None:
    assert says(desk, word, signature="forged").status_code == 403 and desk.count(OptOut) == 0
    answer = says(desk, word)
    assert ("配信を停止しました" in answer.text) == (word == "停止")
    assert state(desk, called(desk))[:2] == ("left_out", "opted_out") and carrier.sent == []
    says(desk, "再開")
    assert desk.count(OptOut) == 0
    says(desk, "いつ届きますか")
    assert desk.count(OptOut) == 0


@SQLITE
def test_who_says_stop_between_the_decision_and_the_sending_is_not_written_to(desk, carrier) -> None:
    ask = called(desk)
    says(desk, "停止")
    send(desk, ask)
    assert carrier.sent == [] and state(desk, ask)[:2] == ("left_out", "opted_out")


@SQLITE
def test_at_night_it_waits_for_the_morning(desk, carrier) -> None:
    ask = called(desk)
    desk.clock.advance(hours=9)  # ten past eight in the evening
    with pytest.raises(NotYet) as wait:
        send(desk, ask)
    desk.clock.advance(seconds=wait.value.seconds)
    assert desk.clock().astimezone(ZoneInfo("Asia/Tokyo")).strftime("%H:%M") == "09:00"
    send(desk, ask)
    assert len(carrier.sent) == 1


@SQLITE
def test_no_more_is_paid_for_in_a_day_than_was_allowed(desk, carrier) -> None:
    send(desk, called(desk))
    desk.settings.sms_segments_per_day = messages(desk)[0].segments
    desk.write(lambda db: db.add(ContactPoint(customer_id=2, kind=PointKind.PHONE, key="+819011112222",
                                              value="+819011112222", created_at=desk.clock(),
                                              learned_at=desk.clock())))  # fmt: skip
    assert state(desk, called(desk, "CA-2", caller="+819011112222"))[:2] == ("left_out", "sms_limit")
    assert len(carrier.sent) == 1


@SQLITE
def test_after_a_crash_or_without_an_answer_it_is_not_sent_again(desk, carrier) -> None:
    ask = called(desk)
    carrier.status, carrier.body = 500, "{}"
    with pytest.raises(Rejected, match="perhaps_sent"):
        send(desk, ask)
    carrier.status, carrier.body = 201, ""
    send(desk, ask)
    assert len(carrier.sent) == 1 and state(desk, ask)[2] == ["uncertain"]
    desk.write(lambda db: setattr(db.get(Sms, 1), "state", SmsState.SENDING))
    send(desk, ask)
    assert len(carrier.sent) == 1 and state(desk, ask)[2] == ["uncertain"]


@SQLITE
def test_a_carrier_that_says_later_is_asked_again_and_one_that_knows_a_stop_is_believed(desk, carrier) -> None:
    ask = called(desk)
    carrier.status, carrier.body = 429, '{"code": 20429, "message": "busy"}'
    with pytest.raises(Unreachable):
        send(desk, ask)
    assert messages(desk) == []
    carrier.status, carrier.body = 400, '{"code": 21610, "message": "unsubscribed"}'
    with pytest.raises(Rejected, match="21610"):
        send(desk, ask)
    assert state(desk, ask)[:2] == ("left_out", "opted_out") and desk.count(OptOut) == 1


@SQLITE
def test_who_has_an_address_is_asked_by_mail_where_either_will_do(desk, carrier, postbox) -> None:
    ask = called(desk, way="either")
    assert state(desk, ask)[0] == "sent" and desk.read(lambda db: db.get(Ask, ask.id)).key == TANAKA.email
    assert carrier.sent == [] and messages(desk) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 307, 3),
        ("あ" * 70, 1),
        ("あ" * 71, 2),
        ("a" * 69 + "あ", 1),
        ("😀" * 36, 2),
    ],
)
def test_parts_are_counted_as_the_carrier_bills_them(text: str, count: int) -> None:
    assert sms.segments(text) == count


@pytest.mark.parametrize(
    ("number", "is_it"), [("+819012345678", True), ("+81312345678", False), ("+815055500111", False), ("x", False)]
)
def test_only_mobile_numbers_are_written_to(number: str, is_it: bool) -> None:
    assert sms.is_mobile(number) is is_it
