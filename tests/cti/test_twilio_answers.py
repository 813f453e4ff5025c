"""What the desk says to Twilio: TwiML for a call, and one command by the REST API."""

import base64
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from cti import Rejected, Unreachable, twilio
from cti.twilio import Account, Target

DESK = "https://desk.example.com"
AIKO = Target("client", "aiko")
CALL = "CA" + "1" * 32
SID, TOKEN = "AC" + "0" * 32, "0123456789abcdef0123456789abcdef"


def test_agents_ring_all_at_once_in_the_order_given():
    targets = [AIKO, Target("number", "+819012340009"), Target("sip", "sip:204@example.com")]
    [dial] = ET.fromstring(twilio.ring_agents(targets, public_url=DESK + "/", language="ja", timeout_seconds=25))
    assert (dial.tag, dial.get("answerOnBridge"), dial.get("timeout")) == ("Dial", "true", "25")
    assert dial.get("action") == DESK + "/hooks/twilio/dialed"
    assert [(noun.tag, noun.text) for noun in dial] == [
        ("Client", "aiko"), ("Number", "+819012340009"), ("Sip", "sip:204@example.com"),
    ]  # fmt: skip
    for noun in dial:
        assert noun.get("statusCallback") == DESK + "/hooks/twilio/status"
        assert noun.get("statusCallbackEvent") == "initiated ringing answered completed"
    assert dial.get("callerId") is None


def test_the_caller_id_shown_to_agents_can_be_ours():
    [dial] = ET.fromstring(twilio.ring_agents([AIKO], public_url=DESK, language="ja", caller_id="+81355500100"))
    assert dial.get("callerId") == "+81355500100"


def test_twilio_never_gets_more_than_ten_to_ring():
    targets = [Target("client", f"a{n}") for n in range(12)]
    [dial] = ET.fromstring(twilio.ring_agents(targets, public_url=DESK, language="ja"))
    assert [noun.text for noun in dial] == [f"a{n}" for n in range(10)]


def test_who_must_wait_is_greeted_in_their_language_and_queued():
    say, enqueue = ET.fromstring(twilio.wait_in_queue("returns", "少々お待ちください。", "ja", DESK))
    assert (say.get("language"), say.text) == ("ja-JP", "少々お待ちください。")
    assert (enqueue.tag, enqueue.text, enqueue.get("action")) == ("Enqueue", "returns", DESK + "/hooks/twilio/left")


@pytest.mark.parametrize(
    ("language", "spoken"), [("ja", "ja-JP"), ("en", "en-US"), ("en-GB", "en-US"), ("ja-JP", "ja-JP")]
)
def test_a_last_word_is_spoken_and_the_call_ends(language, spoken):
    say, hangup = ET.fromstring(twilio.say_and_hang_up("<Closed> & 休業", language))
    assert (say.get("language"), say.text, hangup.tag) == (spoken, "<Closed> & 休業", "Hangup")
    assert (say.get("voice") or "").startswith("Polly.")


def test_nothing_is_an_empty_response():
    root = ET.fromstring(twilio.nothing())
    assert (root.tag, len(root)) == ("Response", 0)


def test_the_same_question_gets_the_same_answer():
    assert len({twilio.ring_agents([AIKO], public_url=DESK, language="ja") for _ in range(3)}) == 1


# --- pulling a caller out of the queue -------------------------------------------------------------------------------


class StandIn(ThreadingHTTPServer):
    """Twilio's REST API as far as one command goes: it knows one account and one live call."""

    status, reply = 200, '{"sid": "CA1"}'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StandInHandler)
        self.asked: list[tuple[str, dict[str, list[str]]]] = []


class StandInHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, StandIn)
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
        server.asked.append((self.path, form))
        right = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if self.headers["Authorization"] != right:
            self.answer(401, '{"code": 20003, "message": "Authenticate", "status": 401}')
        elif self.path != f"/api.twilio.com/2010-04-01/Accounts/{SID}/Calls/{CALL}.json":
            self.answer(404, '{"code": 20404, "message": "Not found", "status": 404}')
        elif set(form) != {"Twiml"}:
            self.answer(400, '{"code": 20001, "message": "Unknown parameter", "status": 400}')
        else:
            self.answer(server.status, server.reply)

    def answer(self, status: int, reply: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(reply.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def account(api: StandIn, *, token: str = TOKEN) -> Account:
    return Account(SID, token, DESK, base_url=f"http://127.0.0.1:{api.server_port}/")


def test_a_waiting_caller_is_pulled_to_the_agent(api):
    twilio.connect(account(api), CALL, AIKO, timeout_seconds=15)
    [(path, form)] = api.asked
    assert path.endswith(f"/Calls/{CALL}.json")
    [dial] = ET.fromstring(form["Twiml"][0])
    assert (dial.tag, dial[0].tag, dial[0].text, dial.get("timeout")) == ("Dial", "Client", "aiko", "15")


def test_a_wrong_token_is_refused_for_good(api):
    with pytest.raises(Rejected, match="401"):
        twilio.connect(account(api, token="wrong"), CALL, AIKO)


def test_a_caller_who_has_hung_up_cannot_be_pulled(api):
    api.status, api.reply = 400, '{"code": 21220, "message": "Call is not in-progress", "status": 400}'
    with pytest.raises(Rejected, match="21220"):
        twilio.connect(account(api), CALL, AIKO)


@pytest.mark.parametrize(
    ("status", "reply"),
    [(500, "{}"), (503, "<html>"), (429, '{"code": 20429, "message": "Too many", "status": 429}'), (200, "<html>"),
     (503, '{"type": "https://x.example", "title": "Busy", "status": 503, "code": 20503}')],
)  # fmt: skip
def test_an_answer_that_means_later_can_be_tried_again(api, status, reply):
    api.status, api.reply = status, reply
    with pytest.raises(Unreachable):
        twilio.connect(account(api), CALL, AIKO)


def test_a_server_that_is_not_there_can_be_tried_again(api):
    nowhere = account(api)
    api.shutdown()
    api.server_close()
    with pytest.raises(Unreachable):
        twilio.connect(nowhere, CALL, AIKO)


def test_no_error_speaks_of_the_token(api):
    api.status = 500
    with pytest.raises(Unreachable) as refused:
        twilio.connect(account(api), CALL, AIKO)
    assert TOKEN not in str(refused.value)
