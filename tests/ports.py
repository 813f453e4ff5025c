"""Ports of this machine for servers that must come back to the same one after a break.

The one idea: not from the range out of which the system gives every outgoing connection a port. A server that is down
for a second would find its port taken by whichever test has just called somewhere.
"""

import random
import socket

LOWEST, HIGHEST = 20_000, 32_000  # Linux gives out ports from 32768 on, other systems from 49152

_chance = random.SystemRandom()  # a test that seeds the common one still gets a port of its own


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on now. Raises OSError when there is none."""
    for _ in range(200):
        port = _chance.randrange(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port of 127.0.0.1 from {LOWEST} to {HIGHEST} is free")
