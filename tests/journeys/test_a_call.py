"""A call, from the telephone system's callback to the wrapped-up ticket."""

from tests.cast import AIKO, BEN, TANAKA, OpenDesk, text_of


def test_a_call_pops_on_the_screens_of_those_who_serve_the_dialed_queue_and_no_others(desk: OpenDesk) -> None:
    desk.ready(AIKO, BEN)
    aiko, ben = desk.screen_of(AIKO), desk.screen_of(BEN)
    desk.twilio.rings("CA-1")
    assert aiko.pops == ["CA-1"]
    assert ben.pops == []
    assert TANAKA.name in aiko.card("CA-1") and "登録番号" in aiko.card("CA-1")


def test_a_repeated_webhook_pops_only_once(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    first, again = desk.twilio.rings("CA-1"), desk.twilio.rings("CA-1")
    assert aiko.pops == ["CA-1"]
    assert len(desk.calls()) == 1 and len(desk.tickets()) == 1
    assert again.text == first.text


def test_the_accepted_call_stays_with_its_agent_and_leaves_the_other_screens(desk: OpenDesk) -> None:
    from tests.cast import AKIRA

    desk.ready(AIKO, AKIRA)
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    desk.twilio.rings("CA-1")
    assert akira.pops == ["CA-1"]
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/accept")
    assert aiko.pops == ["CA-1"] and akira.pops == []
    refused = desk.as_(AKIRA).post(f"/calls/{desk.call('CA-1').id}/accept")
    assert refused.status_code == 409 and "ほかの人がすでに応答しています" in text_of(refused.text)
