"""Every hostile kind against the pure reader, and all of them through the SMTP door of one desk."""

import smtplib

import pytest
from sqlmodel import Session, col, select

from helpdesk.mail import parse
from helpdesk.mail.attachments import path_of
from helpdesk.settings import Settings
from models import Attachment, Inbound, InboundState, Message, Parked
from tests.cast import DESK_ADDRESS, Clock, OpenDesk
from tests.conftest import open_desk
from tests.hostile import KINDS, PARKED, REFUSED, SET_ASIDE, TICKET, Kind
from tests.hostile.ways import MAX_BYTES
from tests.patience import PATIENCE_SECONDS, an_end

READ = [one for one in KINDS if one.outcome != REFUSED]


def test_there_are_enough_kinds_and_each_has_a_name_of_its_own() -> None:
    assert len(KINDS) >= 150
    assert len({one.name for one in KINDS}) == len({one.me for one in KINDS}) == len(KINDS)


@pytest.mark.parametrize("one", READ, ids=lambda one: one.name)
def test_the_reader_understands_of_it_what_was_written_down(one: Kind) -> None:
    with an_end():
        email = parse.read(one.raw(), seconds=PATIENCE_SECONDS)
    assert not any(problem.startswith("reader_failed") for problem in email.problems)
    assert "time_cut" not in email.problems
    if one.outcome == PARKED:
        assert email.sender is None and not email.is_certain_bounce
    elif one.outcome == SET_ASIDE:
        assert email.is_certain_bounce
    else:
        assert not email.unreadable and not email.is_certain_bounce
        assert email.sender is not None and email.sender.address == one.address
    if one.sender_name is not None:
        assert email.sender is not None and email.sender.name == one.sender_name
    if one.subject is not None:
        assert email.subject == one.subject
    if one.files is not None:
        assert [file.name for file in email.attachments] == [name for name, _ in one.files]
        for file, (_, content) in zip(email.attachments, one.files, strict=True):
            assert content is None or file.content == content
    if one.reply is not None:
        assert email.reply_text == one.reply
    assert not [words for words in one.words if words not in email.text]
    assert not [words for words in one.gone if words in email.text + email.reply_text]
    assert not set(one.problems) - set(email.problems)


@pytest.mark.slow
def test_every_kind_comes_through_the_door_as_what_was_written_down(settings: Settings, clock: Clock) -> None:
    settings.mail_max_bytes = MAX_BYTES
    with open_desk(settings, clock) as desk:
        # PostgreSQL takes what is small: its own quarrels are with single characters, not with sizes.
        kinds = [one for one in KINDS if desk.database.is_sqlite or len(one.raw()) < 100_000]
        answers = {one.name: _sent(desk, one) for one in kinds}
        desk.read_everything()
        refused = {name for name, answer in answers.items() if answer != 250}
        assert refused == {one.name for one in kinds if one.outcome == REFUSED}, {n: answers[n] for n in refused}
        kept = {row.envelope["sender"]: row for row in desk.read(lambda db: db.exec(select(Inbound)).all())}
        read = [one for one in kinds if one.outcome != REFUSED]
        assert len(kept) == len(read) == desk.count(Inbound)
        states = {TICKET: InboundState.DONE, PARKED: InboundState.PARKED, SET_ASIDE: InboundState.IGNORED}
        assert {one.name: kept[one.me].state for one in read} == {one.name: states[one.outcome] for one in read}
        assert desk.count(Parked) == sum(one.outcome == PARKED for one in read)
        for one in read:
            if one.outcome == TICKET:
                _stands_there(desk, one, kept[one.me])


def _stands_there(desk: OpenDesk, one: Kind, inbound: Inbound) -> None:
    """What the reader understood is what the ticket holds, and the files have all their bytes."""

    def look(db: Session) -> tuple[Message, list[Attachment]]:
        message = db.exec(select(Message).where(Message.inbound_id == inbound.id)).one()
        files = select(Attachment).where(Attachment.message_id == message.id).order_by(col(Attachment.id))
        return message, list(db.exec(files))

    message, files = desk.read(look)
    assert message.ticket_id == inbound.ticket_id, one.name
    assert message.sender_address == one.address, one.name
    assert one.subject is None or message.subject == one.subject, one.name
    assert one.reply is None or message.reply_text == one.reply, one.name
    assert not [words for words in one.words if words not in message.text], one.name
    if one.files is not None:
        assert [file.name for file in files] == [name for name, _ in one.files], one.name
        for file, (_, content) in zip(files, one.files, strict=True):
            kept = path_of(desk.app.state.desk.settings.attachments, file.sha256).read_bytes()
            # SMTP ends a mail with a line end, which a file that is the whole body then ends with.
            assert content is None or kept in (content, content + b"\r\n"), one.name


def _sent(desk: OpenDesk, one: Kind) -> int:
    """What the door answers at last."""
    with smtplib.SMTP("127.0.0.1", desk.app.state.desk.mail_port, timeout=30) as smtp:
        smtp.ehlo()
        raw = one.raw()
        assert smtp.mail(one.me)[0] == 250  # without its size, so that what is too much is noticed on the way
        code, _ = smtp.rcpt(one.to or DESK_ADDRESS)
        if code != 250:
            return code
        if not one.as_is:
            return smtp.data(raw)[0]
        assert smtp.docmd("DATA")[0] == 354
        smtp.send(raw + b"\r\n.\r\n")
        return smtp.getreply()[0]
