"""An Asterisk that only talks: the events its manager interface would send for calls that are played here.

The one idea: what is followed are channels and bridges, as Asterisk does, so that events, the listing of channels and
the answer to a Getvar always agree, at every point of a call. Two dialects are spoken, as recordings show them: 13 and
22. A scene is a generator that stops after each event, so that scenes can be played side by side in any order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

Event = dict[str, str]
TRUNK, INSIDE = "from-trunk", "from-internal"


@dataclass
class Leg:
    """A channel."""

    id: str
    linked: str
    name: str
    number: str = ""
    connected: str = ""
    context: str = INSIDE
    exten: str = "s"
    state: str = "0"
    bridge: str = ""
    presentation: str = "allowed_not_screened"


STATES = {"0": "Down", "4": "Ring", "5": "Ringing", "6": "Up"}


@dataclass
class Switchboard:
    """One Asterisk. `said` is all it ever said; `listings[n]` what it would have listed after `said[:n]`."""

    dialect: int = 22
    system: str = ""
    said: list[Event] = field(default_factory=list)
    listings: list[list[Event]] = field(default_factory=lambda: [[]])
    lists: bool = True
    legs: dict[str, Leg] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)  # channel -> queue
    known: dict[str, str] = field(default_factory=dict)  # channel name -> presentation, for ever
    count: int = 0

    def leg(self, peer: str, *, linked: str = "", tech: str = "", **more: str) -> Leg:
        """A new channel; the events follow with `born`."""
        self.count += 1
        unique = f"{self.system + '-' if self.system else ''}1763258400.{self.count}"
        tech = tech or ("SIP" if self.dialect == 13 else "PJSIP")
        made = Leg(unique, linked or unique, f"{tech}/{peer}-{self.count:08x}", **more)
        self.known[made.name] = made.presentation
        return made

    def local(self, exten: str, *, linked: str) -> tuple[Leg, Leg]:
        """Both halves of a Local channel."""
        one, two = (self.leg(f"{exten}@from-queue", linked=linked, tech="Local") for _ in "12")
        two.name = f"{one.name};2"
        one.name = f"{one.name};1"
        return one, two

    def say(self, event: str, *legs: tuple[str, Leg], **more: str) -> None:
        """One event about channels, each with its prefix."""
        told: Event = {"Event": event, "Privilege": "call,all"}
        for prefix, leg in legs:
            told |= self._snapshot(leg, prefix)
        self.said.append(told | more)
        if self.lists:
            self.listings.append(self.listing())

    def born(self, leg: Leg) -> None:
        """Newchannel."""
        self.legs[leg.id] = leg
        self.say("Newchannel", ("", leg))

    def turns(self, leg: Leg, state: str) -> None:
        """Newstate."""
        leg.state = state
        self.say("Newstate", ("", leg))

    def joins(self, leg: Leg, bridge: str) -> None:
        """BridgeEnter."""
        leg.bridge = bridge
        self.say("BridgeEnter", ("", leg), BridgeUniqueid=bridge, BridgeType="basic")

    def leaves(self, leg: Leg) -> None:
        """BridgeLeave, if it is in a bridge."""
        if leg.bridge:
            bridge, leg.bridge = leg.bridge, ""
            self.say("BridgeLeave", ("", leg), BridgeUniqueid=bridge, BridgeType="basic")

    def hangs_up(self, leg: Leg, cause: int = 16) -> None:
        """Hangup."""
        self.legs.pop(leg.id, None)
        self.waiting.pop(leg.id, None)
        self.say("Hangup", ("", leg), Cause=str(cause), **{"Cause-txt": "whatever"})

    def _snapshot(self, leg: Leg, prefix: str) -> Event:
        told = {
            "Channel": leg.name, "ChannelState": leg.state, "ChannelStateDesc": STATES[leg.state],
            "CallerIDNum": leg.number or "<unknown>", "CallerIDName": "<unknown>",
            "ConnectedLineNum": leg.connected or "<unknown>", "ConnectedLineName": "<unknown>",
            "AccountCode": "", "Context": leg.context, "Exten": leg.exten, "Priority": "1", "Uniqueid": leg.id,
            "Linkedid": leg.linked,
        }  # fmt: skip
        return {f"{prefix}{name}": value for name, value in told.items() if self.dialect != 13 or name != "Language"}

    def listing(self) -> list[Event]:
        """What CoreShowChannels and QueueStatus would say now."""
        channels = [
            {"Event": "CoreShowChannel", **self._snapshot(leg, ""), "Context": "macro-dial", "BridgeId": leg.bridge}
            for leg in self.legs.values()
        ]
        queues = [
            {"Event": "QueueEntry", "Queue": queue, "Position": "1", "Uniqueid": leg, "Channel": self.legs[leg].name}
            for leg, queue in self.waiting.items()
        ]
        return channels + queues


# --- scenes: each is played event by event, and tells what a person would tell of it


@dataclass
class Scene:
    """What is played, and what is to be understood: kinds with the agents they name, in order."""

    steps: Iterator[None]
    key: str
    tells: list[tuple[str, tuple[str, ...]]]
    withheld: bool = False
    number: str = ""


def arrives(board: Switchboard, number: str, *, did: str = "0355500101", withheld: bool = False) -> Leg:
    """The channel of somebody who calls from outside, by a trunk that is trusted: the number is there either way."""
    pres = "prohib_not_screened" if withheld else "allowed_not_screened"
    return board.leg("trunk-ntt", number=number, context=TRUNK, exten=did, state="4", presentation=pres)


def comes(board: Switchboard, caller: Leg) -> Iterator[None]:
    """The beginning of every call from outside."""
    board.born(caller)
    yield
    if board.dialect == 13 and caller.presentation.startswith("prohib"):
        board.say("NewCallerid", ("", caller), **{"CID-CallingPres": "33 (Presentation Prohibited, Passed Screen)"})
        yield
    board.turns(caller, "6")
    yield


def rings(board: Switchboard, caller: Leg, leg: Leg) -> Iterator[None]:
    """A telephone begins to ring."""
    leg.connected = caller.number
    leg.exten = leg.number
    board.born(leg)
    yield
    board.say("DialBegin", ("", caller), ("Dest", leg), DialString=leg.number)
    yield
    board.turns(leg, "5")
    yield
    board.turns(leg, "5")  # some telephones say so twice
    yield


def plain(board: Switchboard, number: str, *, agents: tuple[str, ...] = ("201",), answers: int | None = 0,
          withheld: bool = False) -> Scene:  # fmt: skip
    """Telephones ring together; one is picked up, or the caller gives up."""
    caller = arrives(board, number, withheld=withheld)
    legs = [board.leg(each, linked=caller.id, number=each) for each in agents]
    told = [("ring", (each,)) for each in agents]

    def steps() -> Iterator[None]:
        yield from comes(board, caller)
        for leg in legs:
            yield from rings(board, caller, leg)
        if answers is None:
            board.say("HangupRequest", ("", caller))
            yield
            for leg in legs:
                board.say("DialEnd", ("", caller), ("Dest", leg), DialStatus="CANCEL")
                yield
                board.hangs_up(leg, 26)
                yield
            board.hangs_up(caller, 127)
            yield
            return
        taken = legs[answers]
        board.turns(taken, "6")
        yield
        board.say("DialEnd", ("", caller), ("Dest", taken), DialStatus="ANSWER")
        yield
        for leg in legs:
            if leg is not taken:
                board.hangs_up(leg, 26)
                yield
        yield from talk(board, caller, taken)
        for leg in (taken, caller):
            board.leaves(leg)
            yield
            board.hangs_up(leg)
            yield

    told += [] if answers is None else [("answer", (agents[answers],))]
    return Scene(steps(), caller.id, [*told, ("hangup", ())], withheld, number)


def talk(board: Switchboard, *legs: Leg) -> Iterator[None]:
    """They speak."""
    bridge = f"bridge-{legs[0].id}-{len(board.said)}"
    for leg in legs:
        board.joins(leg, bridge)
        yield


def queued(board: Switchboard, number: str, *, through_local: bool = True, abandons: bool = False) -> Scene:
    """A queue: the first agent does not hear it, the second one takes it, each behind a Local channel if wished."""
    caller = arrives(board, number)
    first, second = (board.leg(each, linked=caller.id, number=each) for each in ("201", "202"))
    halves = [board.local(each, linked=caller.id) for each in ("201", "202")]

    def asks(leg: Leg, pair: tuple[Leg, Leg]) -> Iterator[None]:
        if through_local:
            for half in pair:
                board.born(half)
                yield
            board.say("LocalBridge", ("LocalOne", pair[0]), ("LocalTwo", pair[1]), Context="from-queue")
            yield
        called = pair[0] if through_local else leg
        if not through_local:
            leg.connected = caller.number
        board.say("AgentCalled", ("", caller), ("Dest", called), Queue="support", Interface=called.name)
        yield
        board.say("DialBegin", ("", caller), ("Dest", called))
        yield
        if through_local:
            pair[1].number = caller.number
            board.turns(pair[0], "5")
            yield
            yield from rings(board, pair[1], leg)  # which has the caller's number
        else:
            board.born(leg)
            yield
            board.turns(leg, "5")
            yield

    def steps() -> Iterator[None]:
        yield from comes(board, caller)
        board.waiting[caller.id] = "support"
        board.say("QueueCallerJoin", ("", caller), Queue="support", Position="1", Count="1")
        yield
        yield from asks(first, halves[0])
        called = halves[0][0] if through_local else first
        board.say("AgentRingNoAnswer", ("", caller), ("Dest", called), Queue="support", RingTime="15000")
        yield
        for leg in (first, *(halves[0] if through_local else ())):
            board.hangs_up(leg, 0)
            yield
        if abandons:
            board.say("QueueCallerAbandon", ("", caller), Queue="support", Position="1", HoldTime="20")
            yield
            board.waiting.pop(caller.id)
            board.say("QueueCallerLeave", ("", caller), Queue="support", Position="1", Count="0")
            yield
            board.hangs_up(caller, 0)
            yield
            return
        yield from asks(second, halves[1])
        board.turns(second, "6")
        yield
        if through_local:
            yield from talk(board, halves[1][1], second)
        board.waiting.pop(caller.id)
        board.say("QueueCallerLeave", ("", caller), Queue="support", Position="1", Count="0")
        yield
        yield from talk(board, caller, halves[1][0] if through_local else second)
        called = halves[1][0] if through_local else second
        board.say("AgentConnect", ("", caller), ("Dest", called), Queue="support", HoldTime="20", RingTime="5000")
        yield
        if through_local:  # the Local channel optimises itself away
            board.leaves(halves[1][0])
            yield
            board.leaves(second)
            yield
            board.joins(second, caller.bridge)
            yield
            board.leaves(halves[1][1])
            yield
            for half in halves[1]:
                board.hangs_up(half)
                yield
        board.say("Hold", ("", second), MusicClass="default")
        yield
        board.say("Unhold", ("", second))
        yield
        board.say("AgentComplete", ("", caller), ("Dest", second), Queue="support", TalkTime="60", Reason="agent")
        yield
        for leg in (second, caller):
            board.leaves(leg)
            yield
            board.hangs_up(leg)
            yield

    told: list[tuple[str, tuple[str, ...]]] = [("queued", ()), ("ring", ("201",)), ("silence", ("201",))]
    if not abandons:
        told += [("ring", ("202",)), ("answer", ("202",)), ("hold", ("202",)), ("resume", ("202",))]
    return Scene(steps(), caller.id, [*told, ("hangup", ())], number=number)


def picked_up(board: Switchboard, number: str) -> Scene:
    """201 rings and 203 picks the call up from another desk, as each dialect tells it."""
    caller = arrives(board, number)
    rang = board.leg("201", linked=caller.id, number="201")
    picker = board.leg("203", number="203", exten="*8", state="4")

    def steps() -> Iterator[None]:
        yield from comes(board, caller)
        yield from rings(board, caller, rang)
        board.born(picker)
        yield
        board.turns(picker, "6")
        yield
        board.say("Pickup", ("", picker), ("Target", rang))
        yield
        if board.dialect == 13:
            board.say("DialBegin", ("", caller), ("Dest", picker))
        else:
            board.say("DialEnd", ("", caller), ("Dest", picker), DialStatus="ANSWER")
        yield
        board.hangs_up(rang, 26)
        yield
        yield from talk(board, caller, picker)
        for leg in (caller, picker):
            board.leaves(leg)
            yield
            board.hangs_up(leg)
            yield

    told = [("ring", ("201",)), ("answer", ("203",)), ("hangup", ())]
    return Scene(steps(), caller.id, told, number=number)


def handed_on(board: Switchboard, number: str, *, attended: bool) -> Scene:
    """201 answers and hands the caller on to 202, after speaking with 202 first or not."""
    caller = arrives(board, number)
    first = board.leg("201", linked=caller.id, number="201")
    consult = board.leg("201", number="201", exten="202", state="4")
    second = board.leg("202", linked=consult.id if attended else caller.id, number="202")

    def steps() -> Iterator[None]:
        yield from comes(board, caller)
        yield from rings(board, caller, first)
        board.turns(first, "6")
        yield
        yield from talk(board, caller, first)
        bridge = caller.bridge
        if attended:
            board.say("Hold", ("", first))
            yield
            board.born(consult)
            yield
            yield from rings(board, consult, second)
            board.turns(second, "6")
            yield
            yield from talk(board, consult, second)
            board.say("AttendedTransfer", ("OrigTransferer", first), ("SecondTransferer", consult),
                      ("TransferTarget", second), ("Transferee", caller), Result="Success")  # fmt: skip
            yield
            board.leaves(second)
            yield
            board.joins(second, bridge)
            yield
            for leg in (consult, first):
                board.leaves(leg)
                yield
                board.hangs_up(leg)
                yield
        else:
            board.say("BlindTransfer", ("Transferer", first), ("Transferee", caller), Result="Success", Extension="202")
            yield
            for leg in (first, caller):
                board.leaves(leg)
                yield
            board.hangs_up(first)
            yield
            yield from rings(board, caller, second)
            board.turns(second, "6")
            yield
            yield from talk(board, caller, second)
        for leg in (second, caller):
            board.leaves(leg)
            yield
            board.hangs_up(leg)
            yield

    told: list[tuple[str, tuple[str, ...]]] = [("ring", ("201",)), ("answer", ("201",))]
    told += [("hold", ("201",))] if attended else []
    told += [("transfer", ("201",))]
    told += [] if attended else [("ring", ("202",))]
    return Scene(steps(), caller.id, [*told, ("answer", ("202",)), ("hangup", ())], number=number)


def machine_answers(board: Switchboard, number: str) -> Scene:
    """Nobody takes it; the caller is put on voice mail, is Up with nobody, and hangs up."""
    caller = arrives(board, number)
    leg = board.leg("201", linked=caller.id, number="201")

    def steps() -> Iterator[None]:
        yield from comes(board, caller)
        yield from rings(board, caller, leg)
        board.say("DialEnd", ("", caller), ("Dest", leg), DialStatus="NOANSWER")
        yield
        board.hangs_up(leg, 19)
        yield
        board.say("HangupRequest", ("", caller))
        yield
        board.hangs_up(caller, 16)
        yield

    return Scene(steps(), caller.id, [("ring", ("201",)), ("silence", ("201",)), ("hangup", ())], number=number)


SCENES = (
    lambda board, number: plain(board, number),
    lambda board, number: plain(board, number, agents=("201", "202", "203"), answers=2),
    lambda board, number: plain(board, number, agents=("201", "202"), answers=None),
    lambda board, number: plain(board, number, withheld=True),
    lambda board, number: queued(board, number),
    lambda board, number: queued(board, number, through_local=False),
    lambda board, number: queued(board, number, abandons=True),
    lambda board, number: picked_up(board, number),
    lambda board, number: handed_on(board, number, attended=False),
    lambda board, number: handed_on(board, number, attended=True),
    lambda board, number: machine_answers(board, number),
)
