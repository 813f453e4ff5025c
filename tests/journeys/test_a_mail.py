"""A mail, from the sender's SMTP session to the ticket on the screen."""

from tests.cast import AIKO, BEN, RETURNS_ADDRESS, OpenDesk


def test_a_mail_to_a_queues_address_appears_live_for_those_who_serve_it(desk: OpenDesk) -> None:
    ben, aiko = desk.screen_of(BEN), desk.screen_of(AIKO)
    desk.mail(subject="返品したい", body="サイズが合わないので返品したいです。", to=RETURNS_ADDRESS)
    (ticket,) = desk.tickets()
    assert desk.queue_of(ticket) == "returns"
    assert ben.tickets == [ticket.id]
    assert aiko.tickets == []
