"""Staffing as supervisors use it: shifts are planned, copied, brought, taken back; need stands beside plan."""

import csv
import io
import re
from datetime import date, timedelta
from typing import Any

import pytest

from helpdesk import shifts, staffing
from tests import kept_days
from tests.cast import AIKO, AKIRA, BEN, MONDAY, SATO, OpenDesk, text_of

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
WEEK = [MONDAY.date() + timedelta(days=ahead) for ahead in range(7)]
NEXT = [day + timedelta(days=7) for day in WEEK]


def plan(desk: OpenDesk, week: int = 0, **form: Any) -> Any:
    told = {"agent": str(desk.agent(AIKO).id), "day": [str(WEEK[0]), str(WEEK[1])], "hours": "9:00-13:00, 14:00-18:00"}
    return desk.as_(SATO).post(f"/reports/staffing/shifts?week={week}", data=told | form)


def shown(desk: OpenDesk, query: str = "") -> str:
    answer = desk.as_(SATO).get(f"/reports/staffing{query}")
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def told_of(desk: OpenDesk, query: str = "") -> list[list[str]]:
    answer = desk.as_(SATO).get(f"/reports/staffing/halves.csv{query}")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:]


def hours_of(desk: OpenDesk, first: date = WEEK[0]) -> list[tuple[str, str, str]]:
    found = desk.read(lambda db: shifts.of_days(db, first, first + timedelta(days=6)))
    return [(each.name, each.day.isoformat(), each.hours) for each in found]


def undo(desk: OpenDesk, page: str) -> str:
    act = re.search(r'name="act" value="(\w+)"', page)
    assert act
    return str(desk.as_(SATO).post("/reports/staffing/undo?week=0", data={"act": act[1]}).text)


def test_a_supervisor_plans_a_week_takes_it_over_and_takes_it_back(desk: OpenDesk) -> None:
    page = plan(desk).text
    assert "シフトに入れました" in text_of(page) and "9:00-13:00" in page
    assert len(hours_of(desk)) == 4 and hours_of(desk)[0] == (AIKO.name, "2026-11-16", "9:00-13:00")
    # Nobody is in two places.
    again = plan(desk, hours="12:30-15:00")
    assert again.status_code == 422 and "すでにシフトがあります" in text_of(again.text) and "12:30-15:00" in again.text
    assert plan(desk, hours="17:00-9:00", day=[str(WEEK[0])]).status_code == 422
    assert plan(desk, hours="nine").status_code == 422 and plan(desk, day=[]).status_code == 422
    returns = desk.queue("returns").id
    assert plan(desk, day=[str(WEEK[3])], **{"for": [str(returns)]}).status_code == 422  # not Aiko's queue
    assert len(hours_of(desk)) == 4
    # The next week is like this one, and a second time there is nothing left to take over.
    copied = desk.as_(SATO).post("/reports/staffing/copy?week=1")
    assert "前の週から4件" in text_of(copied.text)
    assert [each[1:] for each in hours_of(desk, NEXT[0])][0] == (NEXT[0].isoformat(), "9:00-13:00")
    assert "写せるシフトはありません" in text_of(desk.as_(SATO).post("/reports/staffing/copy?week=1").text)
    assert "4件のシフトを元に戻しました" in text_of(undo(desk, copied.text)) and not hours_of(desk, NEXT[0])
    # One shift goes, and comes back.
    one = re.search(r'action="/reports/staffing/shifts/(\d+)/delete', page)
    assert one
    gone = desk.as_(SATO).post(f"/reports/staffing/shifts/{one[1]}/delete?week=0")
    assert len(hours_of(desk)) == 3
    undo(desk, gone.text)
    assert len(hours_of(desk)) == 4
    assert desk.as_(SATO).post("/reports/staffing/undo?week=0", data={"act": "none"}).status_code == 404


def test_what_was_filled_since_does_not_come_back_beside_it(desk: OpenDesk) -> None:
    page = plan(desk, day=[str(WEEK[2])], hours="9:00-17:00").text
    one = re.search(r'action="/reports/staffing/shifts/(\d+)/delete', page)
    assert one
    gone = desk.as_(SATO).post(f"/reports/staffing/shifts/{one[1]}/delete?week=0").text
    plan(desk, day=[str(WEEK[2])], hours="12:00-20:00")
    assert "0件のシフトを元に戻しました" in text_of(undo(desk, gone))
    assert [each[2] for each in hours_of(desk)] == ["12:00-20:00"]


def test_a_file_plans_all_or_nothing_and_the_plan_leaves_as_such_a_file(desk: OpenDesk) -> None:
    def bring(text: str) -> Any:
        given = {"file": ("shifts.csv", text.encode("cp932"), "text/csv")}
        return desk.as_(SATO).post("/reports/staffing/import?week=0", files=given)

    bad = bring(f"氏名,日付,勤務時間,キュー\n{AIKO.name},2026/11/16,9:00-17:00,返品・交換\nだれか,2026-11-16,25時,\n")
    assert bad.status_code == 422 and not hours_of(desk)
    said = text_of(bad.text)
    assert "担当ではありません" in said and "該当するオペレーターがいません" in said and "「だれか」" in said
    good = f"氏名,日付,勤務時間,キュー\n{AIKO.name},2026/11/16,9:00-17:00,tech_support\n"
    good += f"{BEN.email},2026-11-17,22:00-6:00,\n"
    assert "2件のシフトを取り込みました" in text_of(bring(good).text)
    assert bring(good).status_code == 422  # they are there
    rows = desk.as_(SATO).get("/reports/staffing/shifts.csv?week=0").content.decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(rows)))[1:] == [
        [AIKO.email, "2026-11-16", "9:00-17:00", "tech_support"], [BEN.email, "2026-11-17", "22:00-6:00", ""]
    ]  # fmt: skip
    undo(desk, bring(f"agent,day,hours\n{AKIRA.email},2026-11-18,9:00-17:00\n").text)
    assert len(hours_of(desk)) == 2
    assert bring(rows.replace("2026-11-1", "2026-12-1")).status_code == 200  # what left comes in again
    assert bring("a,b\n1,2\n").status_code == 422 and bring("").status_code == 422


def test_need_stands_beside_the_plan_and_what_is_missing_is_said(desk: OpenDesk) -> None:
    kept_days.lay(desk, 84, calls={"tech_support": 120}, mails={"returns": 30})
    tech, returns = (desk.queue(slug) for slug in ("tech_support", "returns"))
    rows = told_of(desk, "?week=2")
    peak = max((row for row in rows if row[0] == tech.name and row[1] == "2026-11-30"), key=lambda row: float(row[3]))
    assert float(peak[6]) >= float(peak[4]) / 0.75 - 0.01 and float(peak[8]) == float(peak[6]) and float(peak[9]) == 0
    assert "シフトはまだありません" in text_of(shown(desk, "?week=2"))
    # A plan takes its hours off what is missing, and the level it keeps is told.
    before = sum(float(row[8]) for row in rows)
    plan(desk, 2, day=["2026-11-30"], hours="9:00-18:00")
    after = told_of(desk, "?week=2")
    assert 0 < before - sum(float(row[8]) for row in after) <= 18.001
    at_ten = next(row for row in after if row[:3] == [tech.name, "2026-11-30", "10:00"])
    assert float(at_ten[7]) == pytest.approx(1) and float(at_ten[8]) == pytest.approx(float(at_ten[6]) - 1, abs=0.002)
    page = text_of(shown(desk, "?week=2&day=2026-11-30"))
    assert "不足しています" in page and "このシフトでのサービスレベル" in page and "11/30(月)は延べ" in page
    # What is written needs somebody too, in whatever half hour it may be done.
    assert any(row[0] == returns.name and float(row[5]) > 0 for row in after)
    # More inquiries need more; a measured time is said to be measured.
    more = told_of(desk, "?week=2&volume=50")
    assert sum(float(row[6]) for row in more) > 1.2 * sum(float(row[6]) for row in after)
    assert "実測" in page and "4:00" in page  # 240 seconds a call
    assert sum(float(row[6]) for row in told_of(desk, f"?week=2&queue={tech.id}&handle=480")) > 1.3 * sum(
        float(row[6]) for row in after if row[0] == tech.name)  # fmt: skip
    bad = desk.as_(SATO).get("/reports/staffing?week=2&volume=a+lot")
    assert bad.status_code == 422 and "入力できる範囲" in text_of(bad.text)
    # What was tried is kept for the queue.
    desk.as_(SATO).post(f"/reports/staffing/assume?week=2&queue={returns.id}", data={"least": "3"})
    kept = told_of(desk, f"?week=2&queue={returns.id}")
    assert min(float(row[4]) for row in kept) == 3
    sheet = desk.as_(SATO).get("/reports/staffing.csv?week=2").content.decode("utf-8-sig")
    assert "2026-11-30" in sheet and desk.as_(SATO).get("/reports/staffing.pdf?week=2").status_code == 200


def test_only_supervisors_plan(desk: OpenDesk) -> None:
    for path in ("/reports/staffing", "/reports/staffing/halves.xlsx", "/reports/staffing/shifts.csv"):
        assert desk.as_(BEN).get(path).status_code == 403
    for path in ("shifts", "copy", "import", "undo", "assume", "shifts/1/delete"):
        assert desk.as_(BEN).post(f"/reports/staffing/{path}", data={"agent": "1"}).status_code == 403
    assert desk.as_(SATO).get("/reports/staffing?week=9").status_code == 404
    assert desk.as_(SATO).get("/reports/staffing?queue=999").status_code == 404
    assert desk.as_(SATO).post("/reports/staffing/shifts/999/delete").status_code == 404
    assert desk.as_(SATO).post("/reports/staffing/assume", data={"least": "1"}).status_code == 404


def test_what_waits_now_is_work_of_now(desk: OpenDesk) -> None:
    kept_days.lay(desk, 40, calls={}, mails={"returns": 20})
    from tests.cast import RETURNS_ADDRESS, TANAKA

    before = told_of(desk, "?week=0")
    for number in range(6):
        desk.mail(TANAKA, subject=f"返品{number}", to=RETURNS_ADDRESS)
    after = told_of(desk, "?week=0")
    more = sum(float(row[5]) for row in after) - sum(float(row[5]) for row in before)
    assert more * 1800 == pytest.approx(6 * 8 * 60, rel=0.01)
    assert staffing.USUAL_PROMISE == 8 * 3600  # nothing is promised here: eight hours of an open desk
    assert {row[2] for row in after if row[1] == "2026-11-16" and float(row[5]) > 0} >= {"10:00", "17:30"}
