"""How long the manager adapter takes for an event: bytes in, calls out, without a socket.

The floor is the same stream cut into its lines.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from cti.ami import Parser, written
from cti.asterisk import Ask, Machine
from tests.bench.figures import tell
from tests.switchboard import SCENES, TRUNK, Switchboard

NOON = datetime(2026, 11, 16, 3, 0, tzinfo=UTC)
AT_ONCE = 200


def measure(_folder: Path, *, quick: bool, customers: int) -> None:
    """Calls of every scene, two hundred at a time, in turns."""
    board = Switchboard(22, lists=False)
    rounds = 1 if quick else 10
    for number in range(rounds):
        running = [SCENES[each % len(SCENES)](board, f"0901{number:03d}{each:04d}").steps for each in range(AT_ONCE)]
        while running:
            running = [steps for steps in running if next(steps, "over") != "over"]
    stream = b"Asterisk Call Manager/9.0.0\r\n" + b"".join(written(event) for event in board.said)
    parser, machine = Parser(), Machine(source="asterisk:bench", inbound=[TRUNK])
    told, most = 0, 0
    began = time.process_time()
    for start in range(0, len(stream), 4096):
        for event in parser.feed(stream[start : start + 4096]):
            for each in machine.feed(event, at=NOON):
                if isinstance(each, Ask):
                    told += len(machine.answered(each.key, board.known[each.channel], at=NOON))
                else:
                    told += 1
        most = max(most, machine.size)
    spent = time.process_time() - began
    began = time.process_time()
    fields = sum(line.count(b": ") for message in stream.split(b"\r\n\r\n") for line in message.split(b"\r\n"))
    floor = time.process_time() - began
    tell(
        "asterisk_event", spent / len(board.said) * 1e6, "us of processor", floor=floor / len(board.said) * 1e6,
        bar="<= 50", events=len(board.said), fields=fields, told=told, most_in_memory=most, left_in_memory=machine.size,
    )  # fmt: skip
