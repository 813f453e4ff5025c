"""What a site may send: a recording in which nobody can be found, and which plays as it was."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cti.asterisk import Machine
from helpdesk.__main__ import app
from helpdesk.asterisk import recordings
from helpdesk.asterisk.connection import Access
from helpdesk.asterisk.recordings import FORMAT, Masks
from helpdesk.asterisk.stage import Stage
from helpdesk.errors import Invalid
from tests import cast, switchboard
from tests.cast import AIKO, TANAKA, OpenDesk
from tests.office import Office, office
from tests.patience import PATIENCE_SECONDS, until
from tests.ports import free_port
from tests.running import ROOT
from tests.switchboard import Switchboard

__all__ = ["office"]
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


async def recorded(board: Switchboard) -> list[str]:
    """What `record` writes at an Asterisk that says all this."""
    stage, lines, over = Stage(presentation=board.known.get), list[str](), asyncio.Event()
    port = await stage.open()
    access = Access(host="127.0.0.1", port=port, user=stage.user, secret=stage.secret)
    machine = Machine(source="asterisk:x", inbound=[switchboard.TRUNK])
    writing = asyncio.create_task(
        recordings.record(access, machine, lines.append, masks=Masks(), clock=cast.Clock(), until=over)
    )
    while not stage.sign_ins:
        await asyncio.sleep(0)
    for writer in stage._guests:
        stage._guests[writer] = True
    await stage.say(board.said)
    ends = sum(event["Event"] == "Hangup" for event in board.said)
    while sum('"Hangup"' in line for line in lines) < ends or not any("presentation" in line for line in lines):
        await asyncio.sleep(0)
    over.set()
    await writing
    await stage.close()
    return lines


def board_with(*numbers: str, withheld: bool = False) -> Switchboard:
    board = Switchboard()
    for number in numbers:
        for _ in switchboard.plain(board, number, withheld=withheld).steps:
            pass
    for event in board.said:
        event |= {"CallerIDName": "田中 美咲", "ChanVariable": "CUSTOMER=Tanaka"}
    return board


def test_a_recording_has_nobodys_number_or_name() -> None:
    lines = asyncio.run(recorded(board_with("09012345678", "0312345678", "+81312345678")))
    text = "\n".join(lines)
    for never in ("12345678", "田中", "Tanaka", "55500101", "\\u7530"):
        assert never not in text
    assert json.loads(lines[0]) == {"format": FORMAT}


def test_one_number_stays_one_and_two_stay_two() -> None:
    masks = Masks()
    assert masks.number("0312345678") == masks.number("+81312345678") == masks.number("03-1234-5678")
    assert masks.number("0312345678") != masks.number("0312345679")
    assert [masks.number(each) for each in ("201", "s", "")] == ["201", "s", ""]
    assert masks.field("Channel", "PJSIP/201-00000012") == "PJSIP/201-00000012"
    assert "12345678" not in masks.field("Channel", "Local/0312345678@from-queue-0000001a;1")


def test_what_was_asked_about_a_caller_is_in_it() -> None:
    lines = asyncio.run(recorded(board_with("09012345678", withheld=True)))
    recording = recordings.read(lines)
    assert set(recording.presentations.values()) == {"prohib_not_screened"}
    assert len(recording.events) >= 10


@pytest.mark.parametrize("lines", [["{"], ["{}"], ['{"format": "madoguchi-asterisk-1"}', '{"after": "x", "event": {}}'],
                                   ['{"after": 1, "event": []}'], ["[]"]])  # fmt: skip
def test_what_is_no_recording_is_refused(lines: list[str]) -> None:
    with pytest.raises(Invalid):
        recordings.read(lines)


@SQLITE
def test_a_recording_played_at_a_desk_is_its_calls(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    recording = recordings.read(asyncio.run(recorded(board_with("09012345678", "0312345678"))))
    office.stage.presentation = recording.presentations.get
    office.connect()

    async def play(turn: str) -> int:
        return await recordings.play(recording, office.stage, speed=1000, turn=turn)

    office.run(play, "one")
    until(lambda: len(desk.calls()) == 2 and all(call.outcome == "answered" for call in desk.calls()))
    assert {call.agent_id for call in desk.calls()} == {desk.agent(AIKO).id}
    assert all(call.number.startswith("+81990") for call in desk.calls()) and TANAKA.phone not in repr(desk.calls())
    office.run(play, "two")
    until(lambda: len(desk.calls()) == 4)


@SQLITE
def test_the_replay_command_is_an_asterisk_to_a_desk(desk: OpenDesk, office: Office, tmp_path: Path) -> None:
    file, port = tmp_path / "office.jsonl", free_port()
    file.write_text("\n".join(asyncio.run(recorded(board_with("09012345678")))))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DESK_")}
    command = [sys.executable, "-m", "helpdesk", "asterisk", "replay", str(file), "--port", str(port), "--speed", "50"]
    with subprocess.Popen(command, env=environment | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) as replay:
        office.add(port=port, secret="replay")
        office.begin()
        until(lambda: [call for call in desk.calls() if call.outcome == "answered"])
        told, _ = replay.communicate(timeout=PATIENCE_SECONDS)
    assert replay.returncode == 0 and b"events played" in told
    assert not desk.calls()[0].is_withheld


def test_the_commands_say_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_DATA", str(tmp_path))
    run = CliRunner().invoke
    missing = run(app, ["asterisk", "record", "nowhere", str(tmp_path / "x")])
    assert missing.exit_code == 2 and "nowhere" in missing.output
    (tmp_path / "bad").write_text("no recording")
    bad = run(app, ["asterisk", "replay", str(tmp_path / "bad"), "--port", "0"])
    assert bad.exit_code == 2 and "line 1" in bad.output
