"""A call through an Asterisk: from its manager interface, over a real socket, to the right agent's screen."""

from collections.abc import Iterator

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
    office.play(scene, steps=13)
    until_told(office, scene, "queued", "ring", "silence")
    assert aiko.pops == []
    office.play(scene, steps=12)
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
    scene = switchboard.plain(office.board, TANAKA_DIALS, withheld=True)
    office.play(scene, steps=5)
    until_told(office, scene, "ring")
    assert aiko.pops == [scene.key] and TANAKA.name not in aiko.card(scene.key)
    office.play(scene)
    until_told(office, scene, "ring", "answer", "hangup")
    call = desk.call(scene.key)
    assert call.is_withheld and call.customer_id is None and call.number == ""
    ending = TANAKA_DIALS[-8:]
    pages = "".join(desk.as_(AIKO).get(page).text for page in ("/inbox", "/calls", f"/tickets/{call.ticket_id}"))
    kept = desk.everything_kept().replace(TANAKA.phone, "")  # her own record has it
    for place in (kept, repr(office.kept()), repr(aiko.frames), pages.replace("090-1234-5678", ""), caplog.text):
        assert ending not in place
    assert any(ending in event["CallerIDNum"] for event in office.board.said)


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
