"""The live view, its acts and alarms, the wallboard and the report: numbers that agree, and who may see and do what."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from models import Agent, Alarm, Call, CallOffer, Event, Handling, Queue, QueueVisit, VisitEnd, WallLink
from tests.cast import (
    AIKO,
    AKIRA,
    BEN,
    PUBLIC_URL,
    RETURNS_NUMBER,
    SATO,
    STRANGER,
    SUZUKI,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
    Person,
    part,
    text_of,
)
from tests.web.test_account import browser

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def page(desk: OpenDesk, path: str, person: Person = SATO) -> str:
    answer = desk.as_(person).get(path)
    assert answer.status_code == 200, text_of(answer.text)[:300]
    return answer.text


def call(desk: OpenDesk, key: str, *, wait: int, how: str, to: str = TECH_NUMBER, caller: str = TANAKA.phone,
         talk: int = 60) -> None:  # fmt: skip
    """Somebody calls, waits some seconds, and is answered by Aiko or hangs up; the exchange tells the times."""
    told: dict[str, Any] = {"call_id": key, "direction": "in", "from_": caller, "to": to}

    def at() -> str:
        return desk.clock().isoformat()

    desk.exchange.says(event="ring", at=at(), **told)
    desk.clock.advance(seconds=wait)
    if how == "answered":
        desk.exchange.says(event="answer", at=at(), agents=[AIKO.email], **told)
        desk.clock.advance(seconds=talk)
    desk.exchange.says(event="hangup", at=at(), cause="normalClearing", **told)
    desk.clock.advance(seconds=1)


def figures(html: str) -> list[str]:
    return [text_of(found) for found in re.findall(r"<dd>(.*?)</dd>", part(html, "board"), re.DOTALL)]


def a_morning(desk: OpenDesk) -> None:
    """Answered in time, answered late, hung up at once, hung up late; one more waits."""
    desk.ready(AIKO)
    call(desk, "a", wait=10, how="answered")
    call(desk, "b", wait=40, how="answered", caller=SUZUKI.phone)
    call(desk, "c", wait=2, how="abandoned", caller=STRANGER.phone)
    call(desk, "d", wait=90, how="abandoned", caller="+815033334444")
    desk.exchange.says(event="ring", call_id="e", direction="in", from_="+815055556666", to=TECH_NUMBER,
                       at=desk.clock().isoformat())  # fmt: skip


def keys(html: str, desk: OpenDesk) -> list[str]:
    """The calls of a list, by their systems' ids, through their tickets."""
    ids = [int(number) for number in re.findall(r'<a class="number" href="/tickets/(\d+)">', html)]
    by_ticket = {found.ticket_id: found.call_key for found in desk.calls()}
    return sorted(by_ticket[number] for number in ids)


def test_the_live_view_counts_and_each_figure_opens_the_very_calls_behind_it(desk: OpenDesk) -> None:
    a_morning(desk)
    html = page(desk, "/queues")
    shown = figures(html)
    assert shown[0] == "1" and shown[2].startswith("33 %") and shown[3] == "2 / 入電 5件"
    links = dict(re.findall(r'href="(/calls\?behind=(\w+)[^"]*)"', html))
    lists: dict[str, list[str]] = {}
    for link, count in links.items():
        lists.setdefault(count, keys(page(desk, link.replace("&amp;", "&")), desk))
    assert lists == {"waiting": ["e"], "offered": ["a", "b", "c", "d", "e"], "abandoned": ["c", "d"]}


def test_the_board_and_the_report_of_the_same_day_show_the_same_numbers(desk: OpenDesk) -> None:
    a_morning(desk)
    board = figures(page(desk, "/queues"))
    report = page(desk, "/reports/calls")
    total = [text_of(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", report.split("<tfoot>")[1], re.DOTALL)]
    # offered, answered, in time, abandoned, at once, passed on, refused, waiting, level, ...
    assert total[:9] == ["5", "2", "1", "2", "1", "0", "0", "1", "33 %"]
    assert total[13] == "0:25" and total[15] == "0:46", "the average wait, and the time to abandon"
    assert board[0] == total[7] and board[2].startswith(total[8]) and board[3] == f"{total[3]} / 入電 {total[0]}件"
    for way in ("queue", "day", "half_hour"):
        again = page(desk, f"/reports/calls?by={way}").split("<tfoot>")[1]
        assert [text_of(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", again, re.DOTALL)] == total
    for link, count in re.findall(r'href="(/calls\?behind=(\w+)[^"]*)"', report.split("<tfoot>")[1]):
        expected = {"offered": 5, "answered": 2, "answered_in_time": 1, "abandoned": 2, "short_abandoned": 1}
        assert len(keys(page(desk, link.replace("&amp;", "&")), desk)) == expected.get(count, 1)


def test_the_report_s_file_holds_what_its_page_shows_and_opens_in_a_spreadsheet(desk: OpenDesk) -> None:
    a_morning(desk)
    desk.write(lambda db: setattr(db.get(Queue, desk.queue("returns").id), "name", "=HYPERLINK(1)"))
    answer = desk.as_(SATO).get("/reports/calls.csv?period=today&by=queue")
    assert answer.headers["content-type"].startswith("text/csv") and answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:5] == ["名称", "開始", "終了", "入電", "応答"]
    tech = next(row for row in rows if row[0] == "技術サポート")
    assert tech[3:12] == ["5", "2", "1", "2", "1", "0", "0", "1", "0.333"] and tech[16] == "25.0"
    assert not [cell for row in rows for cell in row if cell.startswith("=")]
    agents = list(csv.reader(io.StringIO(desk.as_(SATO).get("/reports/calls.csv?by=agent").text)))
    assert next(row for row in agents if row[0] == AIKO.name)[8] == "2", "handled"


@SQLITE
@pytest.mark.parametrize(
    "query", ["period=days&from=2026-11-20&to=2026-11-01", "period=days&from=x&to=2026-11-01", "period=never", "by=no",
              "period=days&from=2020-01-01&to=2026-11-01", "period=days&from=2026-01-01&to=2026-03-01&by=half_hour"]
)  # fmt: skip
def test_a_period_that_is_none_is_said_beside_its_field(standing_desk: OpenDesk, query: str) -> None:
    answer = standing_desk.as_(SATO).get(f"/reports/calls?{query}")
    assert answer.status_code == 422 and 'href="/reports/calls.csv' not in answer.text


def test_supervisors_alone_see_reports_alarms_and_walls_and_intervene(desk: OpenDesk) -> None:
    desk.ready(AKIRA)
    desk.twilio.rings("CA-1")
    html = page(desk, "/queues", AIKO)
    assert "/calls/1/take" not in html and "/agents/" not in html
    for path in ("/reports/calls", "/reports/calls.csv", "/queues/alarms", "/queues/walls"):
        assert desk.as_(AIKO).get(path).status_code == 403, path
    for path in ("/calls/1/take", "/calls/1/queue", "/agents/1/state", "/queues/1/alarms", "/queues/walls"):
        assert desk.as_(AIKO).post(path, data={"to": "ready", "queue_id": "2", "name": "x"}).status_code == 403, path
    assert desk.call("CA-1").agent_id is None and desk.count(WallLink) == 0


# --- acts ------------------------------------------------------------------------------------------------------------


def told(desk: OpenDesk, person: Person, screen: Any) -> list[str]:
    """The notices that reached a screen."""
    screen.sync()
    return [text_of(step["html"]) for frame in screen.frames for step in frame["do"] if "tell" in step]


def test_an_agent_s_state_is_forced_and_the_agent_is_told_by_whom(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    mine, other = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    aiko = desk.agent(AIKO).id
    desk.as_(SATO).post(f"/agents/{aiko}/state", data={"to": "away training"})
    assert "佐藤 健さんがあなたの状態を「離席」に変更しました" in told(desk, AIKO, mine)[0]
    assert told(desk, AKIRA, other) == []
    stated = desk.read(lambda db: db.exec(select(Event).where(Event.fact == "agent_state_changed")
                                          .order_by(col(Event.id).desc())).first())  # fmt: skip
    assert (stated.actor_id, stated.data["state"], stated.data["reason"]) == (desk.agent(SATO).id, "away", "training")
    mine.check()
    desk.ready(AIKO)
    assert len(told(desk, AIKO, mine)) == 1, "what one chooses oneself is not told"


def test_who_talks_keeps_that_state(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/accept")
    answer = desk.as_(SATO).post(f"/agents/{desk.agent(AIKO).id}/state", data={"to": "ready"})
    assert answer.status_code == 409


def test_a_waiting_call_goes_to_another_queue_where_its_wait_begins_anew(desk: OpenDesk) -> None:
    desk.ready(AIKO, BEN)
    aiko, ben = desk.screen_of(AIKO), desk.screen_of(BEN)
    desk.twilio.rings("CA-1")
    desk.clock.advance(seconds=30)
    tech, returns = desk.queue("tech_support").id, desk.queue("returns").id
    call_id = desk.call("CA-1").id
    desk.as_(SATO).post(f"/calls/{call_id}/queue", data={"queue_id": returns})
    assert (aiko.pops, ben.pops) == ([], ["CA-1"])
    visits = desk.read(lambda db: list(db.exec(select(QueueVisit).order_by(col(QueueVisit.entered_at)))))
    assert [(visit.queue_id, visit.how) for visit in visits] == [(tech, VisitEnd.MOVED), (returns, VisitEnd.WAITING)]
    assert visits[0].left_at == visits[1].entered_at == desk.clock()
    assert desk.queue_of(desk.tickets()[0]) == "returns"
    for screen in (aiko, ben):
        screen.check()
    desk.as_(BEN).post(f"/calls/{call_id}/accept")
    assert desk.as_(SATO).post(f"/calls/{call_id}/queue", data={"queue_id": tech}).status_code == 409
    told_offers = desk.read(lambda db: [offer.how.value for offer in db.exec(select(CallOffer))])
    assert "gone" in told_offers


def test_a_waiting_call_is_taken_and_one_that_is_talked_on_taken_over(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    desk.as_(SATO).post(f"/calls/{desk.call('CA-1').id}/take")
    assert desk.call("CA-1").agent_id == desk.agent(SATO).id
    desk.twilio.says("CA-1", "completed", sequence=3)
    desk.clock.advance(minutes=1)
    call_of = {"call_id": "x", "direction": "in", "from_": STRANGER.phone, "to": TECH_NUMBER}
    desk.exchange.says(event="ring", at=desk.clock().isoformat(), **call_of)
    desk.clock.advance(seconds=10)
    desk.exchange.says(event="answer", at=desk.clock().isoformat(), agents=[AIKO.email], **call_of)
    aiko, sato = desk.screen_of(AIKO), desk.screen_of(SATO)
    assert aiko.pops == ["x"]
    desk.clock.advance(seconds=50)
    desk.as_(SATO).post(f"/calls/{desk.call('x').id}/take")
    assert desk.call("x").agent_id == desk.agent(SATO).id
    assert aiko.pops == [] and "x" in sato.pops
    aiko.check()
    sato.check()
    parts = desk.read(lambda db: list(db.exec(select(Handling).join(Call).where(Call.call_key == "x")
                                              .order_by(col(Handling.began_at)))))  # fmt: skip
    assert [(part.agent_id, part.transferred_to_id) for part in parts] == [
        (desk.agent(AIKO).id, desk.agent(SATO).id), (desk.agent(SATO).id, None)]  # fmt: skip
    assert parts[0].ended_at - parts[0].began_at == timedelta(seconds=50)
    states = desk.read(lambda db: {row.name: row for row in db.exec(select(Agent))})
    assert "受付可" in text_of(part(page(desk, "/queues"), f"agent-{states[AIKO.name].id}"))
    assert desk.as_(SATO).post(f"/calls/{desk.call('x').id}/take").status_code == 200, "twice changes nothing"


# --- alarms ----------------------------------------------------------------------------------------------------------


def look_out(desk: OpenDesk) -> None:
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)


def still_raised(desk: OpenDesk) -> set[str]:
    raised = select(Alarm).where(col(Alarm.cleared_at).is_(None))
    return desk.read(lambda db: {alarm.figure for alarm in db.exec(raised)})


def test_an_alarm_is_said_once_a_crossing_marked_with_words_and_listed(desk: OpenDesk) -> None:
    returns = desk.queue("returns").id
    desk.as_(SATO).post(f"/queues/{returns}/alarms", data={"alarm_waiting": "2", "alarm_longest_wait": "60"})
    sato, ben = desk.screen_of(SATO, "/queues"), desk.screen_of(BEN, "/queues")
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
    look_out(desk)
    assert told(desk, SATO, sato) == [] and "しきい値超過" not in page(desk, "/queues")
    desk.twilio.rings("CA-2", to=RETURNS_NUMBER, caller=STRANGER.phone)
    look_out(desk)
    look_out(desk)
    (said,) = told(desk, SATO, sato)
    assert said.startswith("返品・交換：待ち呼が2件あります") and told(desk, BEN, ben) == []
    assert "しきい値超過" in text_of(part(page(desk, "/queues"), "board"))
    desk.clock.advance(seconds=60)
    look_out(desk)
    assert "60秒お待たせ" in told(desk, SATO, sato)[1]
    for key in ("CA-1", "CA-2"):
        desk.twilio.says(key, "completed", sequence=2, caller=TANAKA.phone)
    look_out(desk)
    alarms = desk.read(lambda db: list(db.exec(select(Alarm).order_by(col(Alarm.id)))))
    assert [(alarm.figure, alarm.value, alarm.cleared_at == desk.clock()) for alarm in alarms] == [
        ("waiting", 2, True), ("longest_wait", 60, True)]  # fmt: skip
    assert "しきい値超過" not in page(desk, "/queues")
    listed = text_of(part(page(desk, "/queues/alarms"), "alarms"))
    assert "待ち呼" in listed and "最長待ち時間" in listed
    desk.twilio.rings("CA-3", to=RETURNS_NUMBER)
    desk.twilio.rings("CA-4", to=RETURNS_NUMBER, caller=STRANGER.phone)
    look_out(desk)
    assert len(told(desk, SATO, sato)) == 3, "the next crossing is told again"
    sato.check()


def test_a_low_service_level_and_too_few_agents_alarm_from_below(desk: OpenDesk) -> None:
    tech = desk.queue("tech_support").id
    desk.as_(SATO).post(f"/queues/{tech}/alarms", data={"alarm_service_level": "80", "alarm_ready": "1",
                                                       "alarm_abandoned": "1"})  # fmt: skip
    desk.ready(AIKO)
    look_out(desk)
    assert desk.count(Alarm) == 0, "no calls: nothing can be said of the level"
    call(desk, "late", wait=40, how="answered")
    call(desk, "gone", wait=40, how="abandoned", caller=STRANGER.phone)
    look_out(desk)
    raised = desk.read(
        lambda db: {alarm.figure for alarm in db.exec(select(Alarm).where(col(Alarm.cleared_at).is_(None)))}
    )
    assert raised == {"service_level", "ready", "abandoned"}
    desk.clock.advance(minutes=31)
    look_out(desk)
    still = desk.read(
        lambda db: {alarm.figure for alarm in db.exec(select(Alarm).where(col(Alarm.cleared_at).is_(None)))}
    )
    assert still == {"ready"}, "half an hour later the calls no longer count"


@SQLITE
@pytest.mark.parametrize("typed", ["x", "-1", "0", "nan", "1e9", "101"])
def test_a_limit_that_is_none_is_said_beside_its_field_and_kept_as_typed(standing_desk: OpenDesk, typed: str) -> None:
    queue_id = standing_desk.queue("returns").id
    answer = standing_desk.as_(SATO).post(f"/queues/{queue_id}/alarms", data={"alarm_service_level": typed})
    assert answer.status_code == 422
    field = re.search(rf'<input id="alarm-{queue_id}-service_level"[^>]*>', answer.text)
    assert field and f'value="{typed}"' in field[0] and "aria-invalid" in field[0]
    assert standing_desk.queue("returns").alarms == {}


# --- the wallboard ---------------------------------------------------------------------------------------------------


def test_a_wall_needs_no_sign_in_shows_no_customer_and_ends_when_it_is_revoked(desk: OpenDesk) -> None:
    a_morning(desk)
    made = desk.as_(SATO).post("/queues/walls", data={"name": "入口", "language": "en"})
    address = re.search(rf'href="({re.escape(PUBLIC_URL)}/wall/[\w-]+)"', made.text)
    assert address is not None
    secret = address[1].rsplit("/", 1)[1]
    assert secret not in page(desk, "/queues/walls") and secret not in desk.everything_kept()
    stranger = browser(desk)
    shown = stranger.get(f"/wall/{secret}")
    assert shown.status_code == 200 and shown.headers["cache-control"] == "no-store"
    text = text_of(shown.text)
    assert "Calls waiting" in text and "Tech support" in text and "33 %" in text
    for person in (TANAKA, SUZUKI, AIKO, SATO):
        assert person.name not in shown.text and (not person.phone or person.phone[3:] not in shown.text)
    assert stranger.get(f"/wall/{secret}x").status_code == 404
    desk.as_(SATO).post("/queues/walls/1/revoke")
    assert stranger.get(f"/wall/{secret}").status_code == 404
    assert "入口" not in part(page(desk, "/queues/walls"), "walls")


def test_a_wall_needs_a_name(desk: OpenDesk) -> None:
    answer = desk.as_(SATO).post("/queues/walls", data={"name": "  "})
    assert answer.status_code == 422 and "wall-name-error" in answer.text and desk.count(WallLink) == 0


def test_who_is_signed_in_sees_the_wall_over_the_own_queues(desk: OpenDesk) -> None:
    shown = text_of(page(desk, "/wall", BEN))
    assert "Returns" in shown and "Tech support" not in shown


# --- call-backs ------------------------------------------------------------------------------------------------------


def test_the_call_back_board_is_lived_on_from_missed_to_done_and_back(desk: OpenDesk) -> None:
    aiko = desk.screen_of(AIKO, "/callbacks")
    desk.twilio.rings("CA-1")
    desk.clock.advance(seconds=40)
    desk.twilio.says("CA-1", "completed", sequence=2)
    aiko.sync()
    assert "callbacks" in aiko.stale
    row = text_of(part(page(desk, "/callbacks", AIKO), "callback-1"))
    assert TANAKA.name in row and "090-1234-5678" in row and "応答できなかった電話 1件" in row
    assert part(page(desk, "/callbacks", BEN), "callback-1") == ""
    desk.as_(AIKO).post("/callbacks/1/assign", data={"agent_id": "me"})
    assert "あなたが担当" in page(desk, "/callbacks?filter=mine", AIKO)
    assert "callback-1" not in page(desk, "/callbacks?filter=free", AIKO)
    rail = part(page(desk, "/inbox", AIKO), "rail")
    assert re.search(r'href="/callbacks".*?class="count">1<', rail, re.DOTALL)
    desk.clock.advance(hours=3)
    look_out(desk)
    assert "折り返しの約束時刻を過ぎています" in told(desk, AIKO, aiko)[0]
    assert "期限超過" in text_of(part(page(desk, "/callbacks?filter=overdue", AIKO), "callback-1"))
    assert 'data-kind="urgent"' in re.search(r'<a href="/callbacks".*?</a>', page(desk, "/inbox", AIKO), re.DOTALL)[0]
    desk.as_(AIKO).post("/callbacks/1/settle", data={"state": "done", "note": "解決した"})
    assert "解決した" in page(desk, "/callbacks?filter=settled", AIKO)
    assert "callback-1" not in page(desk, "/callbacks", AIKO)
    desk.as_(AIKO).post("/callbacks/1/reopen")
    assert "callback-1" in page(desk, "/callbacks", AIKO)
    aiko.check()


def test_another_queue_s_call_back_is_not_there_for_who_does_not_serve_it(desk: OpenDesk) -> None:
    desk.twilio.rings("CA-1")
    desk.twilio.says("CA-1", "completed", sequence=2)
    for act, data in (("assign", {"agent_id": "me"}), ("settle", {"state": "done"}), ("reopen", {})):
        assert desk.as_(BEN).post(f"/callbacks/1/{act}", data=data).status_code == 404
    answer = desk.as_(SATO).post("/callbacks/1/assign", data={"agent_id": desk.agent(BEN).id})
    assert answer.status_code == 403
