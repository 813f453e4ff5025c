"""A number that its caller withholds, told by every telephone system there is: looked for wherever anything is kept.

The database with every byte that arrived, its files, the log at its most talkative, every frame, the pages, the log of
the exchanges, and a recording of the day. (Asterisk's own is in test_an_asterisk.py.)
"""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from cti import scenarios
from helpdesk import recording
from helpdesk.search.keeping import follow
from models import Inbound
from tests.cast import AIKO, SATO, TANAKA, TECH_NUMBER, OpenDesk
from tests.exchanges import settle

HIDDEN, PAI = "09099998888", "<sip:+819099998888@carrier.example.net>"
NAME = "HIDDEN NAME"
TRACE = re.compile(r"9{0,1}0?9999-?8888|HIDDEN.NAME")


def twilio(desk: OpenDesk) -> None:
    """By SIP, with the network's own knowledge in its headers; a later callback names the number outright."""
    more = {"SipHeader_P-Asserted-Identity": PAI, "CallerName": NAME, "ForwardedFrom": HIDDEN, "CallToken": HIDDEN}
    desk.twilio.rings("CA-1", caller="+266696687", **more)
    desk.twilio.says("CA-leg", "in-progress", sequence=2, caller="anonymous", to=AIKO.phone, parent="CA-1", **more)
    desk.twilio.says("CA-1", "completed", sequence=3, caller="+819099998888", CallerName=NAME)


def generic(desk: OpenDesk) -> None:
    """The number in the field of the caller, a word that it is not to be shown, and it again in later posts."""
    front = settle(desk, "push")
    front.says(event="ring", call_id="c-1", direction="in", from_=HIDDEN, to=TECH_NUMBER, presentation="withheld",
               from_name=NAME, x={"pai": [PAI]})  # fmt: skip
    front.says(event="answer", call_id="c-1", direction="in", from_=HIDDEN, user=AIKO.email)
    front.says(event="hangup", call_id="c-1", from_=f"+81-{HIDDEN[1:]}", from_name=NAME, cause="normalClearing")


def sipgate(desk: OpenDesk) -> None:
    """As a form, with whom it was diverted from."""
    front = settle(desk, "sipgate")
    ring = {"event": "newCall", "direction": "in", "from": "anonymous", "to": TECH_NUMBER[1:], "callId": "s-1"}
    front.posts(ring | {"diversion": HIDDEN, "user[]": "Aiko", "p-asserted-identity": PAI})
    front.posts({"event": "answer", "callId": "s-1", "from": HIDDEN[1:], "to": TECH_NUMBER[1:], "user": AIKO.email,
                 "direction": "in"})  # fmt: skip
    front.posts({"event": "hangup", "callId": "s-1", "from": HIDDEN, "cause": "normalClearing", "direction": "in"})


def placetel(desk: OpenDesk) -> None:
    """Without a direction after the first."""
    front = settle(desk, "placetel")
    front.posts({"event": "IncomingCall", "from": "anonymous", "to": TECH_NUMBER, "call_id": "p-1", "direction": "in",
                 "pai": PAI})  # fmt: skip
    front.posts({"event": "CallAccepted", "from": HIDDEN, "to": TECH_NUMBER, "call_id": "p-1", "peer": AIKO.email})
    front.posts({"event": "HungUp", "from": HIDDEN, "call_id": "p-1", "type": "accepted", "duration": "60"})


def phonebridge(desk: OpenDesk) -> None:
    """In the words made for Zoho."""
    front = settle(desk, "phonebridge")
    told = {"type": "received", "id": "z-1", "to": TECH_NUMBER}
    front.posts(told | {"state": "ringing", "from": "anonymous", "callername": NAME, "pai": PAI},
                under="/phonebridge/v3/callnotify")  # fmt: skip
    front.posts(told | {"state": "answered", "from": HIDDEN, "zohouser": AIKO.email},
                under="/phonebridge/v3/callnotify")  # fmt: skip
    front.posts(told | {"state": "ended", "from": HIDDEN}, under="/phonebridge/v3/callnotify")


def threecx(desk: OpenDesk) -> None:
    """Told once, when it is over."""
    front = settle(desk, "threecx")
    front.says("/report", CallType="Inbound", Number="anonymous", Name=NAME, EntityId=HIDDEN, AgentEmail=AIKO.email,
               Duration="60", CallStartTimeUTC="2026-11-16 00:59:00", CallerID=PAI)  # fmt: skip
    front.asks("/lookup", number="anonymous")


def setting(desk: OpenDesk) -> None:
    """By a key of the setting, and by an address that is opened."""
    told = {"event": "ring", "call_id": "c-1", "direction": "in", "to": TECH_NUMBER}
    desk.exchange.says(**told, from_="anonymous", extra={"deep": {"number": HIDDEN, "name": NAME}}, user=AIKO.email)
    path = "/api/v1/cti/push-token-of-the-front-exchange"
    query = {"event": "answer", "call_id": "c-1", "direction": "in", "from": HIDDEN, "user": AIKO.email, "clir": "1"}
    assert desk.client.get(path, params=query).status_code == 200
    desk.exchange.says(event="hangup", call_id="c-1", from_=HIDDEN, cause="normalClearing")


SYSTEMS = (twilio, generic, sipgate, placetel, phonebridge, threecx, setting)


def places(desk: OpenDesk, log: str, folder: Path) -> dict[str, str]:
    """Everything anything could be kept in."""
    raws = desk.read(lambda db: [row.raw.decode("utf-8", "replace") for row in db.exec(select(Inbound))])
    found = {"rows": desk.everything_kept(), "bytes": "\n".join(raws), "log": log}
    call = desk.calls()[0]
    pages = ["/inbox", "/calls", "/queues", "/callbacks", "/admin/exchanges/log", f"/tickets/{call.ticket_id}"]
    for person in (AIKO, SATO):
        for page in [page for page in pages if person is SATO or not page.startswith("/admin")]:
            found[f"{page} of {person.name}"] = desk.as_(person).get(page).text
    if desk.database.is_sqlite:
        found["files"] = b"".join(file.read_bytes() for file in folder.glob("desk.db*")).decode("latin-1")
    since, until = desk.clock() - timedelta(days=1), desk.clock() + timedelta(days=1)
    steps = desk.read(lambda db: list(recording.recorded(db, since=since, until=until, settings=desk.settings)))
    found["recording"] = "\n".join(scenarios.write(steps))
    return found


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda each: each.__name__)
def test_a_withheld_number_is_nowhere_whoever_tells_it(
    desk: OpenDesk, system: Callable[[OpenDesk], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    system(desk)
    aiko.check()
    (call,) = desk.calls()
    assert (call.is_withheld, call.number, call.customer_id, call.agent_id) == (True, "", None, desk.agent(AIKO).id)
    log = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("httpx"))
    found = places(desk, log, tmp_path) | {"frames": str(aiko.frames)}
    assert "anonymous" in found["recording"] and call.call_key in found["rows"]  # they are really read
    assert [name for name, text in found.items() if TRACE.search(text)] == []


def test_a_customer_whose_number_is_withheld_in_any_of_the_posts_is_not_recognized(desk: OpenDesk) -> None:
    """Whichever comes first, the word that it is withheld or the number itself."""
    desk.ready(AIKO)
    front = settle(desk, "push")
    told: list[dict[str, Any]] = [
        {"event": "ring", "direction": "in", "from_": TANAKA.phone, "to": TECH_NUMBER, "presentation": "withheld"},
        {"event": "queued", "direction": "in", "from_": TANAKA.phone, "to": TECH_NUMBER},
        {"event": "answer", "direction": "in", "from_": TANAKA.phone, "user": AIKO.email},
    ]
    for number, order in enumerate(permutations(told)):
        for each in order:
            front.says(**each, call_id=f"c-{number}")
        call = desk.call(f"c-{number}")
        assert call.is_withheld and (call.number, call.customer_id, call.match) == ("", None, "withheld"), order
        ticket = next(ticket for ticket in desk.tickets() if ticket.id == call.ticket_id)
        assert ticket.customer_id is None and TANAKA.phone[-8:] not in ticket.subject
        assert TANAKA.name not in desk.as_(AIKO).get(f"/tickets/{ticket.id}").text
        desk.as_(AIKO).post(f"/calls/{call.id}/wrap-up", data={"disposition": "solved", "note": ""})
    raws = desk.read(lambda db: b"".join(row.raw for row in db.exec(select(Inbound))))
    assert b"9012345678" not in raws


def test_a_number_told_before_the_word_that_it_is_withheld_leaves_screens_and_search_with_it(desk: OpenDesk) -> None:
    """Of a caller nobody knows, and while the call still rings: nothing else about it has changed."""
    desk.ready(AIKO)
    aiko, front = desk.screen_of(AIKO), settle(desk, "push")
    told = {"call_id": "c-1", "direction": "in", "from_": HIDDEN, "to": TECH_NUMBER}
    front.says(event="ring", **told)
    follow(desk.database)
    aiko.check()
    assert "9999-8888" in aiko.card("c-1") and TRACE.search(desk.everything_kept())
    front.says(event="queued", **told, presentation="withheld")
    follow(desk.database)
    aiko.check()
    assert "9999-8888" not in aiko.card("c-1")
    assert not TRACE.search(desk.everything_kept())


def test_who_turns_out_to_withhold_the_number_is_on_no_board_by_it_and_no_record_has_learned_it(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    front = settle(desk, "push")
    numbers = {"c-1": HIDDEN, "c-2": "08099997777"}
    for key, number in numbers.items():
        front.says(event="ring", call_id=key, direction="in", from_=number, to=TECH_NUMBER)
    desk.as_(AIKO).post(f"/calls/{desk.call('c-1').id}/customer", data={"customer_id": desk.customer(TANAKA).id})
    for key in numbers:
        front.says(event="hangup", call_id=key, cause="cancel")
    before = desk.everything_kept()
    assert before.count("+819099998888") > 2 and "number:+818099997777" in before
    for key, number in numbers.items():
        front.says(event="queued", call_id=key, direction="in", from_=number, to=TECH_NUMBER, presentation="withheld")
    assert (desk.call("c-1").customer_id, desk.call("c-2").customer_id) == (desk.customer(TANAKA).id, None)
    assert not re.search("9999-?(8888|7777)", desk.everything_kept())
