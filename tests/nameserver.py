"""A name server on this machine that answers what a test puts into it, over UDP and TCP, in a thread of its own."""

import contextlib
import socket
import struct
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class Nameserver:
    """Open it with `with`. `zone` maps (name, type) to the values there are; names in `silent` are never answered."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.silent: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.fails = False
        self._socket, self._stream = _pair()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._packets, self._streams)]

    @property
    def address(self) -> str:
        """What DESK_DNS_SERVER would say."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def txt(self, name: str, *texts: str) -> None:
        """The TXT records of a name, each in strings of 255 bytes, as they are published."""
        self.zone[name, "TXT"] = [
            " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255)) for text in texts
        ]

    def __enter__(self) -> "Nameserver":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._socket, self._stream):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _packets(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                packet, who = self._socket.recvfrom(4096)
                if not packet:
                    return  # the line was shut down
                if answer := self._answer(packet, most_bytes=1232):
                    self._socket.sendto(answer, who)

    def _streams(self) -> None:
        """What is too long for a packet is asked for again like this."""
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._stream.accept()
                with line, contextlib.suppress(OSError):
                    size = struct.unpack("!H", line.recv(2, socket.MSG_WAITALL))[0]
                    if answer := self._answer(line.recv(size, socket.MSG_WAITALL), most_bytes=65_535):
                        line.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, packet: bytes, *, most_bytes: int) -> bytes | None:
        question = dns.message.from_wire(packet)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.question[0].rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        answer = dns.message.make_response(question)
        if self.fails:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif values := self.zone.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *values))
        elif not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        wire = answer.to_wire()
        if len(wire) > most_bytes:
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            wire = answer.to_wire()
        return wire


def _pair() -> tuple[socket.socket, socket.socket]:
    """For packets and for streams, at one port that is free for both."""
    while True:
        packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        packets.bind(("127.0.0.1", 0))
        try:
            streams.bind(packets.getsockname())
        except OSError:
            packets.close()
            streams.close()
            continue
        streams.listen()
        return packets, streams
