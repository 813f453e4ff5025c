"""Reports by mail: when, to whom, in which language, once a period, and never on after somebody ended it."""

import re
from datetime import UTC, datetime

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from helpdesk import schedules
from helpdesk.errors import Rejected, Unreachable
from models import Every, ReportMail, ReportMailState, ReportSchedule
from tests.cast import BEN, PUBLIC_URL, SATO, OpenDesk
from tests.postbox import Postbox
from tests.web.test_reporting import served

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def plan(desk: OpenDesk, **changed: object) -> int:
    """A weekly report of calls to Sato and Ben, Mondays at eight; the answer of the form."""
    typed = {"name": "週報", "report": "calls", "period": "last_week", "queue": "", "every": "week", "weekday": "0",
             "day": "1", "at": "08:00", "timezone": "Asia/Tokyo", "formats": ["pdf", "xlsx"], "language": "en",
             "agents": [desk.agent(SATO).id, desk.agent(BEN).id], "addresses": ""} | changed  # fmt: skip
    return desk.as_(SATO).post("/reports/schedules/new", data=typed).status_code


def later(desk: OpenDesk, *, days: int = 7) -> None:
    """So many days on, when everybody has to sign in again."""
    desk.clock.advance(days=days)
    desk._clients.clear()


def due(desk: OpenDesk) -> list[ReportMail]:
    """What time brings about, and the mails there are then."""
    desk.client.portal.call(desk.app.state.desk.rounds.mail_agents)
    return list(desk.read(lambda db: db.exec(select(ReportMail).order_by(ReportMail.id)).all()))


def send(desk: OpenDesk, mail_id: int) -> None:
    desk.app.state.desk.jobs.by_name()["send_report"](mail_id)


def test_each_reader_gets_it_once_in_their_language_with_findings_and_files(desk: OpenDesk, postbox: Postbox) -> None:
    served(desk)
    assert plan(desk) == 200
    assert due(desk) == []
    later(desk)
    mails = due(desk)
    assert [mail.state for mail in mails] == ["waiting", "waiting"] and due(desk) == mails
    for mail in mails:
        send(desk, mail.id)
        send(desk, mail.id)
    assert len(postbox.mails) == 2
    english, japanese = (each for _, each in postbox.mails)
    assert japanese["Subject"] == "[窓口] 週報（2026/11/16から2026/11/22まで）"
    assert japanese["To"].endswith(f"<{SATO.email}>")
    assert english["Subject"] == "[窓口] 週報, 16 Nov 2026 to 22 Nov 2026"
    assert "着信は2件、うち1件が待っている間に切れました。" in japanese.get_body(("plain",)).get_content()
    assert "2 calls, of which 1 gave up while waiting." in english.get_body(("plain",)).get_content()
    files = [(each.get_filename(), each.get_content()[:4]) for each in japanese.iter_attachments()]
    assert files == [("calls-2026-11-16-2026-11-22.pdf", b"%PDF"), ("calls-2026-11-16-2026-11-22.xlsx", b"PK\x03\x04")]
    assert japanese["Auto-Submitted"] == "auto-generated" and due(desk)[0].state == ReportMailState.SENT
    later(desk)
    assert len(due(desk)) == 4


@SQLITE
def test_after_a_crash_while_it_was_handed_over_nobody_gets_it_twice_and_a_supervisor_sees_it(desk, postbox) -> None:
    plan(desk)
    later(desk)
    first, second = due(desk)
    desk.write(lambda db: setattr(db.get(ReportMail, first.id), "state", ReportMailState.SENDING))
    with pytest.raises(Rejected, match="perhaps_sent"):
        send(desk, first.id)
    assert postbox.mails == []
    shown = desk.as_(SATO).get("/reports/schedules").text
    assert "送信済みか不明" in shown and f"/reports/schedules/mails/{first.id}/again" in shown
    desk.as_(SATO).post(f"/reports/schedules/mails/{first.id}/again")
    send(desk, first.id)
    assert len(postbox.mails) == 1


@SQLITE
def test_a_server_that_is_busy_is_tried_again_and_one_that_refuses_is_shown(desk: OpenDesk, postbox: Postbox) -> None:
    plan(desk)
    later(desk)
    first, second = due(desk)
    postbox.is_busy = True
    with pytest.raises(Unreachable):
        send(desk, first.id)
    postbox.is_busy = False
    send(desk, first.id)
    assert len(postbox.mails) == 1
    postbox.refuses.add(SATO.email)
    with pytest.raises(Rejected):
        send(desk, second.id)
    assert "送信できず" in desk.as_(SATO).get("/reports/schedules").text


@SQLITE
def test_the_link_in_the_mail_ends_it_after_asking(desk: OpenDesk, postbox: Postbox) -> None:
    plan(desk, agents=[desk.agent(SATO).id])
    later(desk)
    send(desk, due(desk)[0].id)
    where = re.search(
        r"https://desk\.example\.com(/m/[0-9]+-[a-z2-7]+)", postbox.last.get_body(("plain",)).get_content()
    )
    assert where
    assert where[1].rpartition("-")[2] not in desk.everything_kept()
    reader = TestClient(desk.app, base_url=PUBLIC_URL)
    reader.portal = desk.client.portal
    assert "停止しますか" in reader.get(where[1]).text
    other = "y" if where[1].endswith("x") else "x"
    assert reader.get(f"{where[1][:-1]}{other}").status_code == 404
    later(desk)
    assert len(due(desk)) == 2  # looking ended nothing
    reader.post(where[1])
    later(desk)
    assert len(due(desk)) == 2 and "本人が停止" in desk.as_(SATO).get("/reports/schedules").text
    send(desk, 2)  # what was due before is not sent either
    assert len(postbox.mails) == 1
    reader.post(where[1], data={"again": "yes"})
    later(desk)
    assert len(due(desk)) == 2  # the forgotten one, and the new one


@SQLITE
def test_a_desk_that_was_closed_for_weeks_sends_the_latest_period_alone(desk: OpenDesk) -> None:
    plan(desk, agents=[desk.agent(SATO).id])
    later(desk, days=29)
    assert len(due(desk)) == 1 and len(due(desk)) == 1
    row = desk.read(lambda db: db.get(ReportSchedule, 1))
    assert row.next_at > desk.clock()


@SQLITE
def test_send_it_to_me_now_goes_to_whoever_presses(desk: OpenDesk, postbox: Postbox, monkeypatch) -> None:
    plan(desk, agents=[desk.agent(BEN).id])
    asked = []
    monkeypatch.setattr(schedules.work, "enqueue", lambda db, name, *args, **how: asked.append((name, args)))
    desk.as_(SATO).post("/reports/schedules/1/now")
    [(name, args)] = asked
    desk.app.state.desk.jobs.by_name()[name](*args)
    assert postbox.last["To"].endswith(f"<{SATO.email}>") and "停止はこちら" not in postbox.last.as_string()


@SQLITE
def test_addresses_must_be_of_a_domain_that_is_allowed_and_never_our_own(desk: OpenDesk) -> None:
    assert plan(desk, addresses="board@example.net") == 422
    desk.settings.report_domains = ["example.net", "desk.example.jp"]
    assert plan(desk, addresses="board@example.net") == 200
    assert plan(desk, addresses="support@desk.example.jp") == 422  # it would open a ticket
    for wrong in ({"agents": []}, {"formats": []}, {"at": "25:00"}, {"timezone": "Mars"}, {"day": "31"}, {"name": " "},
                  {"report": "nothing"}, {"period": "ever"}):  # fmt: skip
        assert plan(desk, **wrong) == 422


@SQLITE
def test_schedules_are_for_supervisors(desk: OpenDesk) -> None:
    plan(desk)
    for path in ("/reports/schedules", "/reports/schedules/new", "/reports/schedules/1"):
        assert desk.as_(BEN).get(path).status_code == 403
    for path in ("/reports/schedules/1/now", "/reports/schedules/1/delete", "/reports/schedules/1/switch"):
        assert desk.as_(BEN).post(path).status_code == 403


@pytest.mark.parametrize(
    ("every", "zone", "minute", "now", "then"),
    [
        (Every.DAY, "Asia/Tokyo", 480, "2026-11-16T01:00", "2026-11-16T23:00"),
        (Every.WEEK, "Asia/Tokyo", 480, "2026-11-16T01:00", "2026-11-22T23:00"),
        (Every.MONTH, "Asia/Tokyo", 480, "2026-11-16T01:00", "2026-11-30T23:00"),
        (Every.DAY, "Europe/Berlin", 150, "2026-03-28T12:00", "2026-03-29T01:30"),  # half past two does not exist
        (Every.DAY, "Europe/Berlin", 150, "2026-10-24T12:00", "2026-10-25T00:30"),  # the first of two
    ],
)
def test_the_hour_is_of_the_clock_of_its_zone(every: Every, zone: str, minute: int, now: str, then: str) -> None:
    row = ReportSchedule(name="", report="calls", every=every, minute=minute, timezone=zone, next_at=datetime.now(UTC),
                         created_at=datetime.now(UTC))  # fmt: skip
    assert schedules.next_after(row, datetime.fromisoformat(now).replace(tzinfo=UTC)) == datetime.fromisoformat(
        then
    ).replace(tzinfo=UTC)
