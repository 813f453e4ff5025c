"""The fuzzer finds what is hidden, and finds nothing in the reader within its time; what it found once is kept here."""

import pytest

from helpdesk.mail import parse
from tests.hostile import fuzz
from tests.hostile.promises import broken

# What it found, as short as it could make it: (what was wrong, bytes).
FOUND = [
    ("a control character in the id of a mail that came back",
     b"Return-Path: <>\r\nFrom: MAILER-DAEMON@example.com\r\nSubject: Undelivered\r\n\r\nuser unknown\r\n"
     b"Message-ID: <a\x10\0b@example.com>\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "raw"), FOUND, ids=[fault for fault, _ in FOUND])
def test_what_the_fuzzer_once_found_keeps_the_promises(fault: str, raw: bytes) -> None:
    assert broken(parse.read(raw)) == ""


def planted(raw: bytes) -> str:
    """A reader with a fault behind four doors, each of which one byte opens; chance alone needs weeks."""
    if raw[:1] == b"D":
        if raw[1:2] == b"E":
            if raw[2:3] == b"S":
                if raw[3:4] == b"K":
                    return "fault: found"
    return ""


def test_a_fault_behind_several_doors_is_found_by_the_ways_it_opens_and_made_short() -> None:
    fuzzer = fuzz.Fuzzer([b"xxxxxxxx", b"yyyyyyyyyyyy"], judge=planted, room=__file__, seed=3)
    fuzzer.words = [b"\0"]
    fuzzer.run(mutants=400_000)
    ((fault, raw),) = fuzzer.faults
    assert fault == "fault: found" and fuzzer.found >= 3
    assert fuzzer.shortest(raw) == b"DESK"


def test_without_the_ways_the_same_fault_stays_hidden() -> None:
    fuzzer = fuzz.Fuzzer([b"xxxxxxxx", b"yyyyyyyyyyyy"], judge=planted, room="/nowhere", seed=3)
    fuzzer.words = [b"\0"]
    fuzzer.run(mutants=100_000)
    assert not fuzzer.faults and not fuzzer.found


def test_a_reader_that_raises_is_a_fault_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: bytes) -> parse.Email:
        raise RecursionError("too deep")

    monkeypatch.setattr(fuzz.parse, "read", breaks)
    assert fuzz.judge(b"x").startswith("raised RecursionError")


@pytest.mark.slow
def test_some_thousand_mutants_break_no_promise() -> None:
    """The same ones on every machine: `make fuzz` looks for others."""
    fuzzer = fuzz.Fuzzer(fuzz.seeds(), seed=20261122)
    seeded = len(fuzzer.coverage.places)
    fuzzer.run(mutants=2500)
    assert not fuzzer.faults, [(fault, fuzzer.shortest(raw)) for fault, raw in fuzzer.faults]
    assert seeded > 1000 and fuzzer.found > 0
