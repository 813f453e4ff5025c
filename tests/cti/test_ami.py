"""The manager interface on the wire: whole messages out of whatever bytes come."""

from hypothesis import given
from hypothesis import strategies as st

from cti.ami import BANNER, LONGEST_LINE, Parser, action, key_of

STREAM = (
    b"Asterisk Call Manager/5.0.2\r\n"
    b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
    b"Event: Newstate\r\nChannel: PJSIP/201-0000001a\r\nCallerIDName: \xe7\x94\xb0\xe4\xb8\xad: A\r\nExten: \r\n\r\n"
    b"Event: Hangup\r\nCause: 16\r\nCause-txt: Normal Clearing\r\n\r\n"
)
MESSAGES = [
    {BANNER: "Asterisk Call Manager/5.0.2"},
    {"Response": "Success", "ActionID": "1", "Message": "Authentication accepted"},
    {"Event": "Newstate", "Channel": "PJSIP/201-0000001a", "CallerIDName": "田中: A", "Exten": ""},
    {"Event": "Hangup", "Cause": "16", "Cause-txt": "Normal Clearing"},
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_bytes_split_anywhere_give_the_same_messages(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parser = Parser()
    messages = [
        message for start, end in zip(places, places[1:], strict=False) for message in parser.feed(STREAM[start:end])
    ]
    assert messages == MESSAGES


def test_lines_that_end_with_a_line_feed_alone_are_understood_as_well() -> None:
    assert Parser().feed(STREAM.replace(b"\r\n", b"\n")) == MESSAGES


def test_a_line_without_end_takes_no_memory_and_spoils_only_its_own_message() -> None:
    parser = Parser()
    parser.feed(b"Asterisk Call Manager/5.0.2\r\nEvent: Long\r\nName: ")
    for _ in range(2000):
        parser.feed(b"x" * 1000)
        assert len(parser._rest) < 300_000
    after = parser.feed(b"\r\n\r\nEvent: Next\r\n\r\n")
    assert after == [{"Event": "Next"}]


def test_values_are_bounded_and_bad_bytes_replaced() -> None:
    (message,) = Parser().feed(b"Event: Odd\r\nName: " + b"y" * 10_000 + b"\r\nOther: \xff\x00\r\n\r\n")
    assert message["Event"] == "Odd" and len(message["Name"]) <= LONGEST_LINE and message["Other"] == "\ufffd"


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_break_it(one: bytes, two: bytes) -> None:
    parser = Parser()
    parser.feed(one)
    parser.feed(two)


def test_what_is_told_to_the_manager_cannot_become_another_action() -> None:
    told = action("Originate", Channel="PJSIP/201\r\n\r\nAction: Command", Exten="0312345678")
    assert told == b"Action: Originate\r\nChannel: PJSIP/201  Action: Command\r\nExten: 0312345678\r\n\r\n"


def test_the_key_is_the_digest_of_challenge_and_secret() -> None:
    assert key_of("131363183", "mysecret") == "88b7a90657c973588d1d4940ec1e5b98"
