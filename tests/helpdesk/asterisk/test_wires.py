"""The connection to a manager interface, over real sockets: what is said to it, what breaks, and who holds it."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from cti.asterisk import Open
from helpdesk.asterisk import dialing
from helpdesk.asterisk.wires import open_calls
from helpdesk.exchanges import failed
from helpdesk.runtime import leases
from models import Agent, Exchange
from tests import switchboard
from tests.cast import AIKO, TANAKA, OpenDesk
from tests.dovecot import make_certificate
from tests.office import Office, office
from tests.patience import until
from tests.ports import free_port

__all__ = ["office"]
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def said(office: Office, action: str) -> list[dict[str, str]]:
    """What was said to the manager by this name."""
    return [each for each in office.stage.said if each.get("Action") == action]


@SQLITE
def test_it_signs_in_by_a_digest_and_asks_what_runs(desk: OpenDesk, office: Office) -> None:
    office.connect()
    (login,) = said(office, "Login")
    assert login["AuthType"] == "MD5" and login["Username"] == "madoguchi"
    assert len(said(office, "CoreShowChannels")) == len(said(office, "QueueStatus")) == len(said(office, "Filter")) == 1
    assert office.row().error == ""


@SQLITE
def test_without_digests_the_password_itself_is_said_on_this_machine(desk: OpenDesk, office: Office) -> None:
    office.stage.knows_digest = False
    office.connect()
    assert "AuthType" not in said(office, "Login")[0]


@SQLITE
@pytest.mark.parametrize(("change", "code"), [
    ({"secret": "another"}, "asterisk_wrong_password"),
    ({"user": "nobody"}, "asterisk_wrong_password"),
    ({"port": 9}, "asterisk_unreachable"),
    ({"security": "tls"}, "asterisk_no_tls"),
])  # fmt: skip
def test_what_is_in_the_way_is_said_on_the_exchange(
    desk: OpenDesk, office: Office, change: dict[str, Any], code: str
) -> None:
    office.open()
    office.add(**change)
    office.begin()
    until(lambda: office.row().error == code)
    assert office.row().state == "failing"


@SQLITE
@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_line_with_tls_is_checked(
    desk: OpenDesk, office: Office, is_trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificate(tmp_path)
    office.stage.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    office.stage.tls.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    office.open()
    office.add(security="tls", host="localhost")
    office.begin()
    until(lambda: (office.row().state, office.row().error) == (
        ("connected", "") if is_trusted else ("failing", "asterisk_certificate")
    ))  # fmt: skip


@SQLITE
def test_a_call_that_is_being_asked_for_is_not_taken_for_one_that_ended(desk: OpenDesk, office: Office) -> None:
    office.connect()
    order = desk.write(lambda db: dialing.begin(db, aiko(db), TANAKA.phone, settings=desk.settings, now=desk.clock()))
    source = "asterisk:office"
    assert desk.read(lambda db: open_calls(db, source, now=desk.clock())) == {}
    desk.clock.advance(minutes=2)
    assert desk.read(lambda db: open_calls(db, source, now=desk.clock())) == {order.key: Open("out", False)}


def aiko(db: Any) -> Agent:
    """Whoever asks."""
    return db.exec(select(Agent).where(Agent.email == AIKO.email)).one()


@SQLITE
def test_a_user_who_may_not_list_is_told_so(desk: OpenDesk, office: Office) -> None:
    office.stage.refuses = frozenset({"coreshowchannels"})
    office.open()
    office.add()
    office.begin()
    until(lambda: office.row().error == "asterisk_no_listing")


@SQLITE
def test_a_user_who_may_not_ask_for_presentations_is_told_so_and_every_number_is_withheld(
    desk: OpenDesk, office: Office
) -> None:
    office.stage.refuses = frozenset({"getvar"})
    office.connect()
    scene = switchboard.plain(office.board, TANAKA.phone)
    office.play(scene)
    until(lambda: office.has(scene.key, "ring", "answer", "hangup"))
    assert desk.call(scene.key).is_withheld
    assert (office.row().state, office.row().error) == ("failing", "asterisk_no_getvar")


@SQLITE
@pytest.mark.parametrize("piece", [1, 5])
def test_bytes_that_come_in_pieces_are_the_same_call(desk: OpenDesk, office: Office, piece: int) -> None:
    office.stage.piece = piece
    office.connect()
    scene = switchboard.plain(office.board, TANAKA.phone)
    office.play(scene)
    until(lambda: office.has(scene.key, "ring", "answer", "hangup"))
    assert desk.call(scene.key).number == TANAKA.phone


@SQLITE
def test_a_broken_line_is_opened_again_with_the_state_said(desk: OpenDesk, office: Office) -> None:
    office.stage.port = free_port()  # to which it comes back
    office.connect()
    office.run(office.stage.close)
    until(lambda: office.row().error in ("asterisk_lost", "asterisk_unreachable"))
    office.open()
    until(lambda: (office.row().state, office.row().error) == ("connected", ""))


@SQLITE
def test_a_changed_exchange_is_connected_anew_and_one_that_is_switched_off_is_left(
    desk: OpenDesk, office: Office
) -> None:
    office.connect()
    exchange_id = office.row().id

    def change(**values: Any) -> None:
        def verb(db: Any) -> None:
            row = db.get(Exchange, exchange_id)
            for name, value in values.items():
                setattr(row, name, value)

        desk.write(verb)

    change(version=2)
    until(lambda: office.stage.sign_ins == 2)
    change(is_active=False)
    until(lambda: not office.stage.is_heard)


def test_one_process_at_a_time_listens(desk: OpenDesk, office: Office) -> None:
    office.open()
    exchange_id = office.add()
    now = desk.clock()
    assert desk.write(lambda db: leases.renew(db, f"exchange-{exchange_id}", "another", seconds=60, now=now))
    office.begin()
    until(lambda: office.wires._tasks)
    assert office.stage.sign_ins == 0
    desk.write(lambda db: leases.release(db, f"exchange-{exchange_id}", "another"))
    until(lambda: office.row().state == "connected")


def test_what_is_wrong_is_stated_once(desk: OpenDesk, office: Office) -> None:
    exchange_id = office.add()
    for _ in range(3):
        desk.write(lambda db: failed(db, exchange_id, "asterisk_unreachable", now=desk.clock()))
    number = desk.number()
    desk.write(lambda db: failed(db, exchange_id, "asterisk_unreachable", now=desk.clock()))
    assert desk.number() == number
