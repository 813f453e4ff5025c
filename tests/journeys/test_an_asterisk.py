"""A call through an Asterisk: from its manager interface, over a real socket, to the right agent's screen."""

import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlmodel import select

from models import CallOffer, OfferEnd, Outcome
from tests import switchboard
from tests.cast import AIKO, AKIRA, BEN, SATO, STRANGER, TANAKA, OpenDesk
from tests.office import Office
from tests.patience import until

TANAKA_DIALS = "09012345678"  # as the trunk spells her number


@pytest.fixture
def office(desk: OpenDesk) -> Iterator[Office]:
    """A desk that listens to an Asterisk."""
    opened = Office(desk)
    opened.connect()
    yield opened
    opened.run(opened.wires.stop)
    opened.run(opened.stage.close)


def until_told(office: Office, scene: switchboard.Scene, *kinds: str) -> None:
    """Wait until exactly this is known of a call."""
    until(lambda: office.has(scene.key, *kinds))


def test_the_telephone_that_rings_and_no_other_has_the_card(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO, AKIRA, BEN)
    screens = {person: desk.screen_of(person) for person in (AIKO, AKIRA, BEN, SATO)}
    scene = switchboard.plain(office.board, TANAKA_DIALS, agents=("202",))
    office.play(scene, steps=5)
    until_told(office, scene, "ring")
    assert {person: screen.pops for person, screen in screens.items()} == {
        AIKO: [], AKIRA: [scene.key], BEN: [], SATO: [],
    }  # fmt: skip
    assert TANAKA.name in screens[AKIRA].card(scene.key)
    for screen in screens.values():
        screen.check()
    call = desk.call(scene.key)
    assert (call.source, call.number, call.direction) == ("asterisk:office", TANAKA.phone, "in")


def test_who_picks_up_has_the_call_and_its_ticket(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO, AKIRA)
    scene = switchboard.plain(office.board, TANAKA_DIALS, agents=("201", "202"), answers=1)
    office.play(scene)
    until_told(office, scene, "ring", "ring", "answer", "hangup")
    call = desk.call(scene.key)
    assert (call.agent_id, call.outcome) == (desk.agent(AKIRA).id, Outcome.ANSWERED)
    assert desk.tickets()[0].assignee_id == desk.agent(AKIRA).id


def test_a_queue_that_asks_one_after_the_other_moves_the_card_with_the_ringing(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO, AKIRA)
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    scene = switchboard.queued(office.board, TANAKA_DIALS)
    office.play(scene, steps=14)  # to the end of the first ringing
    until_told(office, scene, "queued", "ring", "silence")
    assert aiko.pops == []
    office.play(scene, steps=12)  # and to the next
    until_told(office, scene, "queued", "ring", "silence", "ring")
    assert (aiko.pops, akira.pops) == ([], [scene.key])
    first = desk.read(lambda db: db.exec(select(CallOffer.how).where(CallOffer.agent_id == desk.agent(AIKO).id)).one())
    assert first == OfferEnd.TIMED_OUT
    office.play(scene)
    until(lambda: desk.call(scene.key).outcome == Outcome.ANSWERED)
    assert desk.call(scene.key).agent_id == desk.agent(AKIRA).id
    for screen in (aiko, akira):
        screen.check()


def test_a_call_that_nobody_took_is_missed_and_one_that_was_given_up_is_abandoned(
    desk: OpenDesk, office: Office
) -> None:
    missed = switchboard.machine_answers(office.board, TANAKA_DIALS)
    given_up = switchboard.plain(office.board, STRANGER.phone, answers=None)
    office.play(missed)
    office.play(given_up)
    until_told(office, given_up, "ring", "hangup")
    assert desk.call(missed.key).outcome == Outcome.MISSED
    assert desk.call(given_up.key).outcome == Outcome.ABANDONED


def test_a_withheld_number_is_nowhere(desk: OpenDesk, office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """It is in every event of the manager; only the answer to the question says that it is to be hidden."""
    caplog.set_level(0)
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    scene = switchboard.plain(office.board, "09099998888", withheld=True)
    office.play(scene, steps=5)
    until_told(office, scene, "ring")
    assert aiko.pops == [scene.key]
    office.play(scene)
    until_told(office, scene, "ring", "answer", "hangup")
    call = desk.call(scene.key)
    assert call.is_withheld and call.customer_id is None and call.number == ""
    pages = "".join(desk.as_(AIKO).get(page).text for page in ("/inbox", "/calls", f"/tickets/{call.ticket_id}"))
    for place in (desk.everything_kept(), repr(office.kept()), repr(aiko.frames), pages, caplog.text):
        assert not re.search("9999-?8888", place)
    assert any("09099998888" in event["CallerIDNum"] for event in office.board.said)


def test_a_customer_who_withholds_her_number_is_not_recognized(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    scene = switchboard.plain(office.board, TANAKA_DIALS, withheld=True)
    office.play(scene, steps=5)
    until_told(office, scene, "ring")
    assert TANAKA.name not in aiko.card(scene.key)
    assert desk.call(scene.key).customer_id is None


def test_nothing_pops_before_the_presentation_is_known(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    office.stage.delays_presentation = True
    scene = switchboard.plain(office.board, TANAKA_DIALS)
    office.play(scene, steps=5)
    until(lambda: any(said.get("Action") == "Getvar" for said in office.stage.said))
    assert desk.calls() == [] and aiko.pops == []
    office.run(office.stage.answer_late)
    until_told(office, scene, "ring")
    assert aiko.pops == [scene.key]


def test_the_managers_own_words_are_kept_with_what_was_understood(desk: OpenDesk, office: Office) -> None:
    scene = switchboard.plain(office.board, TANAKA_DIALS)
    office.play(scene, steps=5)
    until_told(office, scene, "ring")
    office.play(scene)
    until_told(office, scene, "ring", "answer", "hangup")
    ring, answer, hangup = office.kept()
    assert b'"Newstate"' in ring and b'"BridgeEnter"' in answer and b'"Hangup"' in hangup


def test_calls_side_by_side_and_a_burst_of_them_are_all_told_once(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    scenes = [switchboard.SCENES[each % 11](office.board, f"0901111{each:04d}") for each in range(22)]
    office.play(*scenes)
    until(lambda: sum(call.state == "ended" for call in desk.calls()) == len(scenes))
    for scene in scenes:
        assert sorted(office.kinds(scene.key)) == sorted(kind for kind, _ in scene.tells)


# --- when the line breaks ----------------------------------------------------------------------------------------


def test_a_call_that_rings_through_a_break_is_not_shown_again(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    scene = switchboard.plain(office.board, TANAKA_DIALS)
    office.play(scene, steps=5)
    until_told(office, scene, "ring")
    assert aiko.pops == [scene.key]
    before = len(aiko.frames)
    office.run(office.stage.drop)
    until(lambda: office.stage.sign_ins == 2 and office.stage.is_heard)
    office.play(scene)
    until_told(office, scene, "ring", "answer", "hangup")
    aiko.sync()
    put = [step["put"] for frame in aiko.frames[before:] for step in frame["do"] if "put" in step]
    assert all('data-state="ringing"' not in aiko.cards.get(each, "") for each in put)
    assert len(desk.calls()) == 1 and desk.count(CallOffer) == 1


def test_a_call_that_ended_while_nobody_listened_is_ended(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    gone = switchboard.plain(office.board, TANAKA_DIALS, answers=None)
    office.play(gone, steps=5)
    until_told(office, gone, "ring")
    for _ in gone.steps:
        pass
    office.miss()
    office.run(office.stage.drop)
    until(lambda: desk.call(gone.key).state == "ended")
    assert aiko.pops == []


def test_a_call_that_began_while_nobody_listened_is_taken_up(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    known = switchboard.plain(office.board, STRANGER.phone)  # from which the desk knows the trunk
    office.play(known)
    until_told(office, known, "ring", "answer", "hangup")
    scene = switchboard.plain(office.board, TANAKA_DIALS)
    for _ in range(5):
        next(scene.steps)
    office.miss()
    office.run(office.stage.drop)
    until(lambda: office.has(scene.key, "ring"))
    assert scene.key in aiko.pops


# --- calling out -------------------------------------------------------------------------------------------------


def dials(desk: OpenDesk, office: Office, **form: str) -> str:
    """Aiko presses the button at a number; returns the page she sees then."""
    return desk.as_(AIKO).post("/dial", data={"number": TANAKA.phone} | form).text


def desk_leg(office: Office) -> switchboard.Leg:
    """Aiko's telephone as Asterisk rings it for the call she asked for."""
    (asked,) = office.stage.originated
    leg = office.board.leg("201", number=asked["Exten"], exten=asked["Exten"])
    leg.id = leg.linked = asked["ChannelId"]
    return leg


def test_a_number_is_dialed_from_her_own_telephone_and_the_call_is_on_her_screen(
    desk: OpenDesk, office: Office
) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    assert "お手元の電話を呼び出しています" in dials(desk, office)
    (asked,) = office.stage.originated
    assert (asked["Channel"], asked["Context"], asked["Exten"], asked["Async"]) == (
        "PJSIP/201", "from-internal", TANAKA_DIALS, "true",
    )  # fmt: skip
    (call,) = desk.calls()
    assert (call.direction, call.number, call.agent_id) == ("out", TANAKA.phone, desk.agent(AIKO).id)
    assert TANAKA.name in aiko.card(call.call_key) and "発信中" in aiko.card(call.call_key)
    mine = desk_leg(office)
    theirs = office.board.leg("trunk-ntt", linked=mine.id, number=TANAKA_DIALS)
    office.board.born(mine)
    office.board.turns(mine, "5")
    office.board.turns(mine, "6")
    for _ in (*switchboard.rings(office.board, mine, theirs), *switchboard.talk(office.board, mine, theirs)):
        pass
    office.tell()
    until_told(office, switchboard.Scene(iter(()), call.call_key, []), "ring", "answer")
    for leg in (theirs, mine):
        office.board.hangs_up(leg)
    office.tell()
    until_told(office, switchboard.Scene(iter(()), call.call_key, []), "ring", "answer", "hangup")
    (call,) = desk.calls()
    assert (call.outcome, call.agent_id) == (Outcome.ANSWERED, desk.agent(AIKO).id)
    answer = desk.as_(AIKO).post(f"/calls/{call.id}/wrap-up", data={"disposition": "solved", "note": "折り返し済み"})
    assert answer.status_code == 200
    aiko.check()


def test_nobody_answering_is_said_on_the_card(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    dials(desk, office)
    (call,) = desk.calls()
    key = office.stage.originated[0]["ActionID"]
    office.run(
        office.stage.say, [{"Event": "OriginateResponse", "Response": "Failure", "Reason": "5", "ActionID": key}]
    )
    until(lambda: desk.calls()[0].state == "ended")
    assert "話し中でした" in aiko.card(call.call_key)


def test_a_refusal_is_said_and_leaves_nothing_to_wrap_up(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    office.stage.originates = "Extension does not exist."
    assert "電話システムが発信を受け付けませんでした" in dials(desk, office)
    (call,) = desk.calls()
    assert call.state == "ended" and call.wrapped_up_at is not None and aiko.pops == []
    aiko.check()


def test_a_call_from_a_ticket_stands_in_it(desk: OpenDesk, office: Office) -> None:
    desk.mail(TANAKA)
    desk.ready(AIKO)
    (ticket,) = desk.tickets()
    page = desk.as_(AIKO).get(f"/tickets/{ticket.id}").text
    assert 'action="/dial"' in page and f'name="ticket_id" value="{ticket.id}"' in page
    dials(desk, office, ticket_id=str(ticket.id))
    assert desk.calls()[0].ticket_id == ticket.id
    assert TANAKA_DIALS not in desk.as_(BEN).get("/calls").text  # whose ticket it is not


def test_only_who_has_an_extension_has_the_button_and_only_while_an_exchange_is_connected(
    desk: OpenDesk, office: Office
) -> None:
    customer = f"/customers/{desk.customer(TANAKA).id}"
    assert 'action="/dial"' in desk.as_(AIKO).get(customer).text
    assert 'action="/dial"' not in desk.as_(SATO).get(customer).text
    assert desk.as_(SATO).post("/dial", data={"number": TANAKA.phone}).status_code == 403
    office.run(office.stage.close)
    until(lambda: office.row().state == "failing")
    assert 'action="/dial"' not in desk.as_(AIKO).get(customer).text
    assert desk.as_(AIKO).post("/dial", data={"number": TANAKA.phone}).status_code == 404
    assert desk.calls() == [] and office.stage.originated == []


def test_what_is_no_number_is_not_dialed(desk: OpenDesk, office: Office) -> None:
    for typed in ("", "201", "090\r\nAction: Command", "anonymous"):
        assert desk.as_(AIKO).post("/dial", data={"number": typed}).status_code == 422
    assert office.stage.originated == []


# --- handing on --------------------------------------------------------------------------------------------------


def ticks(desk: OpenDesk, office: Office) -> None:
    """Time passes with every word that is heard, as it does."""

    def tick() -> datetime:
        desk.clock.advance(milliseconds=1)
        return desk.clock()

    office.wires._clock = tick


def up_to(office: Office, scene: switchboard.Scene, name: str, value: str) -> None:
    """Play the scene until the switchboard says this; it is heard with what follows."""
    next(scene.steps)
    while office.board.said[-1].get(name) != value:
        next(scene.steps)


def test_a_call_that_is_handed_on_unseen_rings_on_the_second_screen_before_it_is_answered(
    desk: OpenDesk, office: Office
) -> None:
    desk.ready(AIKO, AKIRA)
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    ticks(desk, office)
    scene = switchboard.handed_on(office.board, TANAKA_DIALS, attended=False)
    up_to(office, scene, "Event", "BlindTransfer")
    up_to(office, scene, "ChannelState", "5")
    office.tell()
    until_told(office, scene, "ring", "answer", "transfer", "ring")
    assert aiko.pops == akira.pops == [scene.key]
    assert TANAKA.name in akira.card(scene.key) and f"{AIKO.name}さんから転送" in akira.card(scene.key)
    for screen in (aiko, akira):
        screen.check()
    office.play(scene)
    until_told(office, scene, "ring", "answer", "transfer", "ring", "answer", "hangup")
    assert (aiko.pops, akira.pops) == ([], [scene.key])
    assert desk.call(scene.key).agent_id == desk.agent(AKIRA).id
    for screen in (aiko, akira):
        screen.check()


def test_a_call_that_is_handed_on_after_a_word_moves_its_card_when_they_speak(desk: OpenDesk, office: Office) -> None:
    desk.ready(AIKO, AKIRA)
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    ticks(desk, office)
    scene = switchboard.handed_on(office.board, TANAKA_DIALS, attended=True)
    up_to(office, scene, "Event", "Hold")
    office.play(scene, steps=4)
    until_told(office, scene, "ring", "answer", "hold")
    assert (aiko.pops, akira.pops) == ([scene.key], []), "what the two say to each other is nobody's call"
    office.play(scene)
    until(lambda: desk.call(scene.key).outcome == Outcome.ANSWERED)
    assert (aiko.pops, akira.pops) == ([], [scene.key])
    assert desk.call(scene.key).agent_id == desk.agent(AKIRA).id
    for screen in (aiko, akira):
        screen.check()
