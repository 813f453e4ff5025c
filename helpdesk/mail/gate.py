"""How much one sender may ask of the mail entrance: connections at once, mails and recipients a minute.

The one idea: whoever asks for too much is asked to come again, never refused for good, so no mail is lost by a limit.
One's own mail servers hand over the mail of everybody; for them the limits of a single sender do not hold.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

MINUTE = 60.0
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`connections` counts everybody's, the others are one sender's; mails and recipients are those of a minute."""

    connections: int = 500
    peer_connections: int = 50
    peer_mails: int = 600
    peer_recipients: int = 1200
    own_peers: tuple[Network, ...] = field(default=(ip_network("127.0.0.0/8"), ip_network("::1/128")))


def networks(written: Iterable[str]) -> tuple[Network, ...]:
    """Addresses ("192.0.2.1") and networks ("192.0.2.0/24") as they are typed. Raises ValueError."""
    return tuple(ip_network(each.strip()) for each in written)


class Gate:
    """Counts in this process; `clock` tells monotonic seconds."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._open: Counter[str] = Counter()
        self._minute = 0
        self._asked: Counter[tuple[str, str]] = Counter()
        self._name = lru_cache(maxsize=1000)(partial(_name, own_peers=limits.own_peers))

    def enter(self, peer: str) -> bool:
        """Whether another connection of this sender is taken; one that is must `leave`."""
        name = self._name(peer)
        if self._open.total() >= self._limits.connections:
            return False
        if name and self._open[name] >= self._limits.peer_connections:
            return False
        self._open[name] += 1
        return True

    def leave(self, peer: str) -> None:
        """A connection that entered is over."""
        name = self._name(peer)
        self._open[name] -= 1
        if self._open[name] <= 0:
            del self._open[name]

    def may_mail(self, peer: str) -> bool:
        """Whether this sender may begin another mail in this minute."""
        return self._ask(peer, "mail", self._limits.peer_mails)

    def may_name(self, peer: str) -> bool:
        """Whether this sender may name another recipient in this minute."""
        return self._ask(peer, "recipient", self._limits.peer_recipients)

    def _ask(self, peer: str, what: str, limit: int) -> bool:
        name, minute = self._name(peer), int(self._clock() // MINUTE)
        if not name:
            return True
        if minute != self._minute:  # all counts begin anew together, so what is remembered stays small
            self._minute = minute
            self._asked.clear()
        self._asked[name, what] += 1
        return self._asked[name, what] <= limit


def _name(peer: str, own_peers: tuple[Network, ...]) -> str:
    """Who counts as one sender: an address, of IPv6 the network a customer is given; "" for one's own servers."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer or "unknown"
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address in network for network in own_peers):
        return ""
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))
