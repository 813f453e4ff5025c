"""Asterisk and FreePBX: what its manager interface says of channels and bridges, read as calls.

The idea: Asterisk speaks of channels, and a call is what people make of them. So channels, bridges and the halves of
Local channels are followed here, and an event is told when it means something to a person: a telephone rings, somebody
speaks with the caller, the last one is gone. A call is known by the Linkedid its channels were born with.

    ring      a real channel is Ringing; its connected line is the caller (DialBegin alone says too little)
    answer    it is in a bridge with the caller, through any Local halves (Up alone is voice mail, or "press 1")
    silence   it rang in vain and the call goes on
    hangup    once, when the last real channel born to the call is gone

**A withheld number.** A trusted trunk may hand Asterisk the number of somebody who withholds it, and then every event
carries it and none says so. Only the channel's own `CALLERID(num-pres)` does. So nothing is told of a caller before
that was asked: `feed` answers with an `Ask`, and what happens meanwhile is told when `answered` brings the value. Where
it cannot be had, the number counts as withheld.

Pure: no socket and no clock; `at` is when an event was heard. Names of events and fields are those of Asterisk 12 and
later; where 13 and 22 tell a pick-up in different ways both come out as what they are, an answer by somebody else.
"""

import json
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cti import LONGEST_ID, LONGEST_NAME, CallEvent, Cause, Direction, Rejected, is_withheld, legible

__all__ = ["DESK", "Ask", "Machine", "Open", "device_of", "kept", "keep", "presentation"]

DESK: Final = "desk-"
"""How the ids of calls begin that the desk itself began."""
PRESENTATION: Final = "CALLERID(num-pres)"
INBOUND: Final = ("from-trunk", "from-pstn", "from-did", "from-dahdi", "from-zaptel", "from-digital", "incoming",
                  "inbound")  # fmt: skip
"""Contexts in which trunks begin, where an exchange names none; what follows these words counts as well."""

MOST_CHANNELS: Final = 10_000
_MOST_HELD = 50  # events of a call that wait for its presentation
_MOST_SAID = 60  # of the manager's own events that are kept for one of ours
_REACH = 64  # channels of a conference that are looked through
_UNREAL = frozenset({"Local", "Message", "Surrogate", "CBAnn", "CBRec", "ConfBridgeRecorder", "Announcer", "Recorder",
                     "Snoop", "UnicastRTP", "MulticastRTP", "Mixmonitor", "Bridge", "AsyncGoto"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """To be asked of Asterisk before anything is told of a call: `PRESENTATION` of the channel."""

    key: str
    channel: str


@dataclass(frozen=True, slots=True)
class Open:
    """A call that is not over for whoever keeps calls; see `Machine.synced`."""

    direction: Direction = "in"
    withheld: bool = False


@dataclass(slots=True)
class _Channel:
    id: str
    call: str  # the Linkedid it was born with
    name: str = ""
    number: str = ""
    person: str = ""
    connected: str = ""
    connected_person: str = ""
    state: str = ""
    context: str = ""
    pair: str = ""
    bridge: str = ""
    dialer: str = ""
    queue: str = ""
    is_real: bool = True


@dataclass(slots=True)
class _Call:
    key: str
    direction: Direction
    called: str = ""
    is_known: bool = False  # whether its presentation is
    withheld: bool = False
    queue: str = ""
    joins: int = 0
    cause: Cause = ""
    channels: set[str] = field(default_factory=set)  # real ones, born to it, not gone
    rang: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)  # of its caller, to keep them out of what is kept
    held: list[CallEvent] = field(default_factory=list)
    said: deque[Mapping[str, str]] = field(default_factory=lambda: deque(maxlen=_MOST_SAID))
    was_told: bool = False
    is_over: bool = False


class Machine:
    """Follows one Asterisk. `source` is how its calls are named, `inbound` the contexts in which callers arrive, and
    `system` distinguishes it where its ids do not."""

    def __init__(self, *, source: str, inbound: Collection[str] = (), system: str = "") -> None:
        self.source = source
        self._inbound = frozenset(inbound)
        self._system = f"{system}-" if system else ""
        self._channels: OrderedDict[str, _Channel] = OrderedDict()
        self._calls: dict[str, _Call] = {}
        self._bridges: dict[str, set[str]] = {}
        self._halves: dict[str, str] = {}  # a Local channel's name without its half -> the half that is known
        self._trunks: set[str] = set()
        self._listed: dict[str, Mapping[str, str]] = {}
        self._waiting: list[Mapping[str, str]] = []
        self._touched: set[str] | None = None  # channels heard of since a listing was asked for; None: none was
        self._last: _Call | None = None  # the call that ended last, for whoever asks what was said about it
        self._at = datetime.min.replace(tzinfo=UTC)
        self._out: list[CallEvent | Ask] = []
        self._verbs: dict[str, Callable[[Mapping[str, str]], None]] = {
            "Newchannel": self._newchannel, "Newstate": self._newstate, "NewCallerid": self._newcallerid,
            "NewConnectedLine": self._refresh_only, "Rename": self._rename, "LocalBridge": self._localbridge,
            "DialBegin": self._dialbegin, "DialEnd": self._dialend, "BridgeEnter": self._bridgeenter,
            "BridgeLeave": self._bridgeleave, "BridgeMerge": self._bridgemerge, "BridgeDestroy": self._bridgedestroy,
            "Hold": self._hold, "Unhold": self._hold, "BlindTransfer": self._transfer,
            "AttendedTransfer": self._transfer, "Pickup": self._refresh_only, "HangupRequest": self._hanguprequest,
            "Hangup": self._hangup, "QueueCallerJoin": self._queuejoin, "QueueCallerAbandon": self._queueabandon,
            "QueueCallerLeave": self._queueleave, "AgentCalled": self._agentcalled, "AgentConnect": self._agentconnect,
            "AgentRingNoAnswer": self._agentringnoanswer, "AgentComplete": self._refresh_only,
            "OriginateResponse": self._originateresponse,
        }  # fmt: skip

    @property
    def size(self) -> int:
        """Channels and calls that are held in memory."""
        return len(self._channels) + len(self._calls)

    @property
    def live(self) -> list[str]:
        """The keys of calls that were told of and are not over."""
        return [call.key for call in self._calls.values() if call.was_told and not call.is_over]

    def feed(self, event: Mapping[str, str], *, at: datetime) -> list[CallEvent | Ask]:
        """What one event of the manager means. `at` is when it was heard; the manager's own time counts, if given."""
        verb = self._verbs.get(event.get("Event", ""))
        if verb is None:
            return []
        self._at = _time(event.get("Timestamp", "")) or at
        self._out = []
        verb(event)
        return self._out

    def answered(self, key: str, value: str | None, *, at: datetime) -> list[CallEvent | Ask]:
        """What was held back of a call, now that its presentation is known; None: it could not be had."""
        call = self._calls.get(key)
        if call is None or call.is_known:
            return []
        self._at, self._out = at, []
        self._known(call, value)
        return self._out

    def said(self, key: str) -> list[dict[str, str]]:
        """The manager's events about a call since this was last asked, to be kept with ours.

        Of a caller who withholds the number only names of events, ids and codes are left.
        """
        call = self._calls.get(key) or self._last
        if call is None or call.key != key:
            return []
        said = list(call.said)
        call.said.clear()
        if call.withheld or not call.is_known:
            return [{name: value for name, value in event.items() if name in _HARMLESS} for event in said]
        hidden = {number for other in self._calls.values() if other.withheld for number in other.numbers}
        return [
            {name: "" if any(number in value for number in hidden) else value for name, value in event.items()}
            for event in said
        ]

    # --- after a new login

    def begin_listing(self) -> None:
        """A list of all channels and queues was asked for. What is heard until `synced` is newer than the list."""
        self._listed, self._waiting, self._touched = {}, [], set()

    def listed(self, event: Mapping[str, str]) -> None:
        """One line of it: a `CoreShowChannel` or a `QueueEntry`."""
        if event.get("Event") == "CoreShowChannel" and (unique := event.get("Uniqueid", "")):
            self._listed[unique] = event
        elif event.get("Event") == "QueueEntry":
            self._waiting.append(event)

    def synced(self, known: Mapping[str, Open], *, at: datetime) -> list[CallEvent | Ask]:
        """The list is complete: what ended unheard is ended, and what runs is taken up.

        `known` are the calls whoever keeps them holds open, by key. What was told before is told again under the same
        event id, so nobody is popped twice.
        """
        self._at, self._out = at, []
        touched, self._touched = self._touched or set(), None
        for unique in [unique for unique in self._channels if unique not in self._listed and unique not in touched]:
            self._gone(self._channels[unique], "")
        for unique, event in self._listed.items():
            if unique not in touched and (channel := self._refresh(event, "", creates=True)):
                self._enters(channel, event.get("BridgeId", ""))
        alive = {each for channel in self._channels.values() for each in (channel.id, channel.call)}
        alive |= {event.get("Linkedid", "") for event in self._listed.values()}
        ended = {each.call_id for each in self._out if isinstance(each, CallEvent) and each.kind == "hangup"}
        for key, open_call in known.items():
            linked = key.removeprefix(self._system)
            if key in self._calls or key in ended:
                continue
            if linked not in alive:
                self._tell_end(_Call(key, open_call.direction, is_known=True, withheld=open_call.withheld))
                continue
            self._adopt(_Call(key, open_call.direction, is_known=True, withheld=open_call.withheld, was_told=True))
        for call in [call for call in self._calls.values() if not call.is_known]:  # the answer was lost with the line
            root = self._channels.get(call.key.removeprefix(self._system))
            if root is not None and not call.is_over:
                self._out.append(Ask(call.key, root.name))
            else:
                self._known(call, None)
        for channel in list(self._channels.values()):
            if channel.id == channel.call and self._key(channel) not in self._calls and self._seems_inbound(channel):
                self._begin(channel)
        for event in self._waiting:
            waits = self._call_with(self._channels.get(event.get("Uniqueid", "")))
            if waits and not waits.joins:
                self._joins(waits, event.get("Queue", ""))
        for call in list(self._calls.values()):
            self._take_up(call)
        self._listed, self._waiting = {}, []
        return self._out

    def _adopt(self, call: _Call) -> None:
        linked = call.key.removeprefix(self._system)
        if root := self._channels.get(linked):
            root.call = linked  # where it was joined to an older call, its Linkedid is that one's by now
        call.channels = self._born_to(linked)
        self._calls[call.key] = call
        if not call.channels:
            self._tell_end(call)

    def _born_to(self, linked: str) -> set[str]:
        return {channel.id for channel in self._channels.values() if channel.call == linked and channel.is_real}

    def _take_up(self, call: _Call) -> None:
        linked = call.key.removeprefix(self._system)
        root = self._channels.get(linked)
        if root is not None:
            self._meet(root)
        if call.answered and not call.rang and root is not None and call.direction == "in":
            self._told(call, "ring", root, at_leg=call.key)  # who it is, of a call nobody heard ring
        for channel in [self._channels[each] for each in call.channels if each in self._channels]:
            if channel.state == _RINGING and channel.id != linked:
                self._rings(call, channel)

    def _seems_inbound(self, channel: _Channel) -> bool:
        """Of a channel whose beginning nobody heard: its context is by now another one."""
        if not channel.is_real or channel.id.startswith(DESK):
            return False
        return self._is_inbound(channel.context) or device_of(channel.name) in self._trunks

    def _known(self, call: _Call, value: str | None) -> None:
        call.is_known = True
        call.withheld = call.withheld or presentation(value) == "withheld"
        held, call.held = call.held, []
        for event in held:
            self._tell(call, event)
        if call.is_over:
            self._forget(call)

    # --- one event each

    def _newchannel(self, event: Mapping[str, str]) -> None:
        channel = self._refresh(event, "", creates=True)
        if channel is None or channel.id != channel.call or self._key(channel) in self._calls or not channel.is_real:
            return
        if channel.id.startswith(DESK):
            self._calls[self._key(channel)] = call = _Call(self._key(channel), "out", is_known=True, was_told=True)
            call.channels.add(channel.id)
        elif self._is_inbound(channel.context):
            exten = event.get("Exten", "")
            self._begin(channel, "" if exten in ("s", "i", "h", "t") else exten)
            self._keep(self._calls[self._key(channel)], event)

    def _begin(self, channel: _Channel, called: str = "") -> None:
        key = self._key(channel)
        self._calls[key] = call = _Call(key, "in", called=called)
        call.channels = self._born_to(channel.id) if self._listed else {channel.id}
        self._trunks.add(device_of(channel.name))
        if len(self._trunks) > 1000:
            self._trunks.clear()
        self._note_number(call, channel)
        self._out.append(Ask(key, channel.name))

    def _newstate(self, event: Mapping[str, str]) -> None:
        channel = self._refresh(event, "")
        if channel is None or channel.state != _RINGING or not channel.is_real:
            return
        if (call := self._calls.get(self._key(channel))) and channel.id != channel.call and call.direction == "in":
            self._keep(call, event)
            self._rings(call, channel)

    def _newcallerid(self, event: Mapping[str, str]) -> None:
        channel = self._refresh(event, "")
        if channel is None or not (call := self._calls.get(self._key(channel))) or channel.id != channel.call:
            return
        self._note_number(call, channel)
        if call.direction == "in" and presentation(event.get("CID-CallingPres", "")) == "withheld" \
                and not call.withheld:  # fmt: skip
            call.withheld = True
            if call.was_told:  # shown already: whoever has the number lets go of it
                self._told(call, "ring", channel, at_leg=f"{call.key}:withheld")

    def _refresh_only(self, event: Mapping[str, str]) -> None:
        self._refresh(event, "")

    def _rename(self, event: Mapping[str, str]) -> None:
        if channel := self._channels.get(event.get("Uniqueid", "")):
            self._name(channel, event.get("Newname", channel.name))

    def _localbridge(self, event: Mapping[str, str]) -> None:
        one, two = self._refresh(event, "LocalOne", creates=True), self._refresh(event, "LocalTwo", creates=True)
        if one and two:
            one.pair, two.pair = two.id, one.id
            self._meet(one)

    def _dialbegin(self, event: Mapping[str, str]) -> None:
        self._refresh(event, "")
        if leg := self._refresh(event, "Dest", creates=True):
            leg.dialer = event.get("Uniqueid", "")

    def _dialend(self, event: Mapping[str, str]) -> None:
        self._refresh(event, "")
        leg, status = self._refresh(event, "Dest"), event.get("DialStatus", "")
        call = self._calls.get(self._key(leg)) if leg else None
        if call is None or leg is None or call.answered:
            return
        self._keep(call, event)
        if status in _DIALED:
            call.cause = _DIALED[status]
        elif status == "CANCEL" and not (call.queue or leg.queue):  # a queue hangs up whom it rang long enough as well
            call.cause = "cancel"
        if status in _DIALED:
            self._falls_silent(call, leg)

    def _bridgeenter(self, event: Mapping[str, str]) -> None:
        channel = self._refresh(event, "", creates=True)
        if channel is not None:
            self._enters(channel, event.get("BridgeUniqueid", ""))
            self._meet(channel, event)

    def _bridgeleave(self, event: Mapping[str, str]) -> None:
        channel = self._refresh(event, "")
        if channel is not None and channel.bridge == event.get("BridgeUniqueid", ""):
            self._enters(channel, "")

    def _bridgemerge(self, event: Mapping[str, str]) -> None:
        into = event.get("ToBridgeUniqueid", "")
        for unique in list(self._bridges.get(event.get("FromBridgeUniqueid", ""), ())):
            if into and (channel := self._channels.get(unique)):
                self._enters(channel, into)
                self._meet(channel, event)

    def _bridgedestroy(self, event: Mapping[str, str]) -> None:
        for unique in list(self._bridges.get(event.get("BridgeUniqueid", ""), ())):
            if channel := self._channels.get(unique):
                self._enters(channel, "")

    def _hold(self, event: Mapping[str, str]) -> None:
        channel = self._refresh(event, "")
        if channel is None or (call := self._call_with(channel)) is None or not call.answered:
            return
        self._keep(call, event)
        kind = "hold" if event["Event"] == "Hold" else "resume"
        self._told(call, kind, channel, at_leg=f"{channel.id}:{int(self._at.timestamp() * 1000)}")

    def _transfer(self, event: Mapping[str, str]) -> None:
        if event.get("Result", "Success") != "Success":
            return
        names = ("Transferer", "OrigTransferer", "Transferee", "SecondTransferer", "TransferTarget")
        parts = [self._refresh(event, name) for name in names]
        by = parts[0] or parts[1]
        call = next((call for part in parts if (call := self._call_with(part))), None)
        if call is None or by is None:
            return
        self._keep(call, event)
        self._told(call, "transfer", by, at_leg=f"{by.id}:{int(self._at.timestamp() * 1000)}")
        self._at += timedelta(microseconds=1)  # who speaks by the same event does so after it
        for part in parts:
            if part is not None and part.id in self._channels:
                self._meet(part, event)

    def _hanguprequest(self, event: Mapping[str, str]) -> None:
        channel = self._refresh(event, "")
        call = self._calls.get(self._key(channel)) if channel else None
        if call is None or channel is None or channel.id != channel.call or call.answered:
            return
        if call.rang - call.silent or call.queue or not call.cause:
            call.cause = "cancel"

    def _hangup(self, event: Mapping[str, str]) -> None:
        channel = self._refresh(event, "")
        if self._touched is not None:
            self._touched.add(event.get("Uniqueid", ""))
        if channel is not None:
            if call := self._calls.get(self._key(channel)):
                self._keep(call, event)
            self._gone(channel, event.get("Cause", ""))

    def _queuejoin(self, event: Mapping[str, str]) -> None:
        if call := self._call_with(self._refresh(event, "")):
            self._keep(call, event)
            self._joins(call, event.get("Queue", ""))

    def _joins(self, call: _Call, queue: str) -> None:
        root = self._channels.get(call.key.removeprefix(self._system))
        if root is None or call.direction != "in":
            return
        call.queue = queue[:LONGEST_NAME]
        call.joins += 1
        self._told(call, "queued", root, at_leg=f"{call.queue}:{call.joins}")

    def _queueabandon(self, event: Mapping[str, str]) -> None:
        if call := self._call_with(self._refresh(event, "")):
            self._keep(call, event)
            call.cause = "cancel"

    def _queueleave(self, event: Mapping[str, str]) -> None:
        if call := self._call_with(self._refresh(event, "")):
            call.queue = ""

    def _agentcalled(self, event: Mapping[str, str]) -> None:
        self._refresh(event, "")
        if leg := self._refresh(event, "Dest", creates=True):
            leg.queue = event.get("Queue", "")[:LONGEST_NAME]

    def _agentconnect(self, event: Mapping[str, str]) -> None:
        call = self._call_with(self._refresh(event, ""))
        leg = self._refresh(event, "Dest")
        if call and leg and leg.is_real:
            self._answers(call, leg, event)

    def _agentringnoanswer(self, event: Mapping[str, str]) -> None:
        call = self._call_with(self._refresh(event, ""))
        leg = self._refresh(event, "Dest")
        if call is None or leg is None or call.answered:
            return
        self._keep(call, event)
        call.cause = "noAnswer"
        for each in [leg, *(self._channels[other] for other in call.rang if other in self._channels)]:
            if each is leg or (leg.pair and each.dialer == leg.pair):
                self._falls_silent(call, each)

    def _originateresponse(self, event: Mapping[str, str]) -> None:
        """A call the desk began came to nothing. One that was begun is followed by its channel."""
        key = event.get("ActionID", "")
        if not key.startswith(DESK) or event.get("Response") != "Failure":
            return
        call = self._calls.get(self._system + key) or _Call(self._system + key, "out", is_known=True, was_told=True)
        call.cause = _REASONS.get(event.get("Reason", ""), "failed")
        for channel in [self._channels[each] for each in call.channels if each in self._channels]:
            self._gone(channel, "")
        self._tell_end(call)

    # --- what several of them do

    def _refresh(self, event: Mapping[str, str], prefix: str, *, creates: bool = False) -> _Channel | None:
        """The channel an event speaks of, as the event describes it."""
        get = event.get
        unique = get(f"{prefix}Uniqueid", "") if prefix else get("Uniqueid", "")
        if not unique or len(unique) > LONGEST_ID:
            return None
        channel = self._channels.get(unique)
        if channel is None and not creates:
            return None
        if self._touched is not None:
            self._touched.add(unique)
        if channel is None:
            channel = self._channels[unique] = _Channel(unique, get(f"{prefix}Linkedid", "")[:LONGEST_ID] or unique)
            self._name(channel, get(f"{prefix}Channel", ""))
            if channel.is_real and (call := self._calls.get(self._key(channel))):
                call.channels.add(unique)
            if len(self._channels) > MOST_CHANNELS:
                self._gone(next(iter(self._channels.values())), "")
        elif (name := get(f"{prefix}Channel", "")) and name != channel.name and get("Event") != "Rename":
            self._name(channel, name)
        if (number := get(f"{prefix}CallerIDNum")) is not None:
            channel.number, channel.person = number, get(f"{prefix}CallerIDName", "")
        if (number := get(f"{prefix}ConnectedLineNum")) is not None:
            channel.connected, channel.connected_person = number, get(f"{prefix}ConnectedLineName", "")
        channel.state = get(f"{prefix}ChannelState", channel.state)
        channel.context = get(f"{prefix}Context", channel.context)
        return channel

    def _name(self, channel: _Channel, name: str) -> None:
        channel.name = name = name[:LONGEST_ID]
        channel.is_real = name.partition("/")[0] not in _UNREAL and not name.endswith("<ZOMBIE>")
        if name.startswith("Local/") and name[-2:] in (";1", ";2"):
            whole = name[:-2]
            other = self._channels.get(self._halves.get(whole, ""))
            if other is not None and other is not channel:
                channel.pair, other.pair = other.id, channel.id
            else:
                self._halves[whole] = channel.id

    def _key(self, channel: _Channel) -> str:
        return self._system + channel.call

    def _is_inbound(self, context: str) -> bool:
        return context in self._inbound if self._inbound else context.startswith(INBOUND)

    def _enters(self, channel: _Channel, bridge: str) -> None:
        if channel.bridge and (members := self._bridges.get(channel.bridge)):
            members.discard(channel.id)
            if not members:
                del self._bridges[channel.bridge]
        channel.bridge = bridge
        if bridge:
            self._bridges.setdefault(bridge, set()).add(channel.id)

    def _reach(self, channel: _Channel) -> list[_Channel]:
        """Everybody who hears this channel: its bridge, and through Local halves the bridges behind."""
        seen, found = {channel.id}, [channel]
        for each in found:
            for unique in (*self._bridges.get(each.bridge, ()), each.pair):
                if unique and unique not in seen and (other := self._channels.get(unique)):
                    seen.add(unique)
                    found.append(other)
            if len(found) > _REACH:
                break
        return found

    def _meet(self, channel: _Channel, event: Mapping[str, str] | None = None) -> None:
        """Tell who speaks with a caller now and did not before."""
        together = self._reach(channel)
        if len(together) < 2:
            return
        calls = [call for each in together if each.id == each.call and (call := self._calls.get(self._key(each)))]
        for call in calls:
            for leg in together:
                if leg.is_real and self._system + leg.id not in self._calls and leg.id not in call.answered:
                    self._answers(call, leg, event)

    def _answers(self, call: _Call, leg: _Channel, event: Mapping[str, str] | None) -> None:
        if leg.id in call.answered or call.is_over:
            return
        if event is not None:
            self._keep(call, event)
        call.answered.add(leg.id)
        root = self._channels.get(call.key.removeprefix(self._system))
        self._told(call, "answer", root if call.direction == "out" and root else leg, at_leg=leg.id)

    def _rings(self, call: _Call, leg: _Channel) -> None:
        if leg.id in call.rang or leg.id in call.answered or call.is_over:
            return
        call.rang.add(leg.id)
        self._told(call, "ring", leg, at_leg=leg.id)

    def _falls_silent(self, call: _Call, leg: _Channel) -> None:
        if leg.id in call.rang and leg.id not in call.silent:
            call.silent.add(leg.id)
            self._told(call, "silence", leg, at_leg=leg.id)

    def _gone(self, channel: _Channel, cause: str) -> None:
        self._channels.pop(channel.id, None)
        self._enters(channel, "")
        if channel.name.startswith("Local/"):
            self._halves.pop(channel.name[:-2], None)
        if pair := self._channels.get(channel.pair):
            pair.pair = ""
        call = self._calls.get(self._key(channel))
        if call is None:
            return
        call.channels.discard(channel.id)
        if channel.id == channel.call and not call.cause:
            call.cause = _Q850.get(cause, "")
        if not call.channels:
            self._tell_end(call)

    def _tell_end(self, call: _Call) -> None:
        if call.is_over:
            return
        call.is_over = True
        if call.answered:
            call.cause = "normalClearing"
        if call.was_told or call.held or call.key not in self._calls:
            end = CallEvent(
                source=self.source, call_id=call.key, leg_id=call.key, kind="hangup", direction=call.direction,
                event_id=f"{self.source}:{call.key}:hangup", cause=call.cause, at=self._at,
            )  # fmt: skip
            self._tell(call, end)
        if call.is_known or not call.held:
            self._forget(call)

    def _forget(self, call: _Call) -> None:
        self._last = self._calls.pop(call.key, call)

    def _call_with(self, channel: _Channel | None) -> _Call | None:
        """The call a channel takes part in: the one it was born to, or the one it speaks in."""
        if channel is None:
            return None
        if call := self._calls.get(self._key(channel)):
            return call
        for each in self._reach(channel):
            if call := self._calls.get(self._key(each)):
                return call
        return None

    def _note_number(self, call: _Call, channel: _Channel) -> None:
        digits = re.sub(r"\D", "", channel.number)
        if len(digits) >= 6 and len(call.numbers) < 8:
            call.numbers.add(digits[-8:])

    def _keep(self, call: _Call, event: Mapping[str, str]) -> None:
        call.said.append(event)

    def _told(self, call: _Call, kind: Any, channel: _Channel, *, at_leg: str) -> None:
        caller = name = ""
        agents: tuple[str, ...] = ()
        linked = call.key.removeprefix(self._system)
        withheld = call.withheld
        if kind in ("ring", "queued") and call.direction == "in":
            root = self._channels.get(linked)
            if channel.id == linked or _is_unsaid(channel.connected):
                # The line as it is now, never one of before: what was taken back since is not said again.
                if root is not None:
                    caller, name = root.number, root.person
            else:
                caller, name = channel.connected, channel.connected_person
            withheld = withheld or _is_unsaid(caller) or is_withheld(caller)
            if withheld:
                call.withheld = True
        if channel.id != linked or call.direction == "out":
            agents = tuple(
                dict.fromkeys(each for each in (device_of(channel.name), self._outside(call, channel)) if each)
            )
        event = CallEvent(
            source=self.source, call_id=call.key, leg_id=channel.id if channel.id != linked else call.key, kind=kind,
            direction=call.direction, event_id=f"{self.source}:{call.key}:{kind}:{at_leg}"[:500],
            caller="" if withheld else legible(caller, most=LONGEST_NAME),
            caller_name="" if withheld or _is_unsaid(name) else legible(name, most=LONGEST_NAME),
            called=legible(call.called, most=LONGEST_NAME) if kind in ("ring", "queued") else "", withheld=withheld,
            agents=agents, queue=(channel.queue or call.queue) if kind in ("ring", "queued") else "", at=self._at,
        )  # fmt: skip
        self._tell(call, event)

    def _outside(self, call: _Call, leg: _Channel) -> str:
        """The number that was dialed for a leg that leaves by a trunk; never of a caller."""
        if call.withheld or not call.is_known or device_of(leg.name) not in self._trunks:
            return ""
        digits = re.sub(r"\D", "", leg.number)
        return leg.number[:LONGEST_NAME] if len(digits) > 6 and digits[-8:] not in call.numbers else ""

    def _tell(self, call: _Call, event: CallEvent) -> None:
        if not call.is_known:
            if len(call.held) < _MOST_HELD or event.kind == "hangup":
                call.held.append(event)
            return
        if call.withheld and (event.caller or not event.withheld) and event.kind in ("ring", "queued"):
            event = replace(event, caller="", caller_name="", withheld=True)
        call.was_told = True
        self._out.append(event)


def device_of(channel: str) -> str:
    """A channel's name without its technology and its number: "PJSIP/201-0000001a" is 201."""
    peer = channel.removesuffix("<ZOMBIE>").partition("/")[2]
    return peer.rpartition("-")[0] or peer


def presentation(value: str | None) -> str:
    """Read `CALLERID(num-pres)` or `CID-CallingPres`: "allowed", or "withheld", as is whatever is not understood.

    Q.931's octet: bits 6 and 7 are 0 for allowed; 32 and up is restricted, 64 and up not available.
    """
    text = (value or "").strip().lower()
    if found := re.match(r"\d+", text):
        return "allowed" if int(found[0]) < 32 else "withheld"
    return "allowed" if text.startswith(("allowed", "presentation allowed")) else "withheld"


def keep(event: CallEvent, said: Iterable[Mapping[str, str]] = ()) -> bytes:
    """One event as it is kept before it is folded: what we understood, and the manager's words it came from."""
    told = {name: value for name, value in asdict(replace(event, extra={})).items() if value not in ("", (), None, {})}
    told["at"] = event.at.isoformat() if event.at else ""
    return json.dumps({"told": told, "said": list(said)}, ensure_ascii=True).encode()


def kept(raw: bytes) -> CallEvent:
    """The event again. Raises `Rejected` for what `keep` did not write."""
    try:
        told = json.loads(raw)["told"]
        at = datetime.fromisoformat(told.pop("at")) if told.get("at") else None
        return CallEvent(**told | {"agents": tuple(told.get("agents", ())), "at": at})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Rejected("not_kept_by_the_desk") from error


_RINGING = "5"
_DIALED: Mapping[str, Cause] = {
    "BUSY": "busy", "NOANSWER": "noAnswer", "CONGESTION": "congestion", "CHANUNAVAIL": "congestion",
}  # fmt: skip
_REASONS: Mapping[str, Cause] = {"1": "noAnswer", "3": "noAnswer", "5": "busy", "8": "congestion"}
_Q850: Mapping[str, Cause] = {
    "1": "notFound", "3": "notFound", "16": "normalClearing", "17": "busy", "18": "noAnswer", "19": "noAnswer",
    "20": "noAnswer", "21": "rejected", "22": "notFound", "27": "congestion", "28": "notFound", "34": "congestion",
    "38": "congestion", "41": "congestion", "42": "congestion",
}  # fmt: skip
_HARMLESS = frozenset({
    "Event", "Uniqueid", "Linkedid", "DestUniqueid", "DestLinkedid", "ChannelState", "ChannelStateDesc",
    "DestChannelState", "DestChannelStateDesc", "BridgeUniqueid", "BridgeType", "BridgeNumChannels", "DialStatus",
    "Cause", "Cause-txt", "Queue", "Position", "Count", "HoldTime", "RingTime", "TalkTime", "Reason", "Result",
    "Timestamp", "SystemName",
})  # fmt: skip


def _is_unsaid(text: str) -> bool:
    return text in ("", "<unknown>", "<Unknown>", "unknown", "(null)", "<null>")


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC) if text else None
    except (ValueError, OverflowError, OSError):
        return None
