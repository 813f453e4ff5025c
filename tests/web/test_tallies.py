"""The report of service: what happened at the desk, in figures that open the tickets behind them."""

import csv
import io
import re
from typing import Any
from zipfile import ZipFile

from helpdesk import board, queues
from helpdesk.reporting import catalog
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, STRANGER, SUZUKI, TANAKA, OpenDesk, text_of


def page(desk: OpenDesk, query: str = "?period=today") -> str:
    answer = desk.as_(SATO).get(f"/reports/service{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def file_of(desk: OpenDesk, query: str = "?period=today", of: str = "") -> dict[tuple[str, str], list[str]]:
    """The file's lines by what they are of and which figure they are."""
    answer = desk.as_(SATO).get(f"/reports/service{of}.csv{query}")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:]
    return {(row[0], row[1]): row[2:] for row in rows}


def a_morning(desk: OpenDesk) -> tuple[int, int, int]:
    """Three customers write. Aiko answers the first after ten minutes and resolves it after half an hour; the second
    is moved, and answered after forty minutes; nobody answers the third."""
    desk.mail(TANAKA, subject="返品1", to=RETURNS_ADDRESS)
    desk.mail(SUZUKI, subject="返品2", to=RETURNS_ADDRESS)
    desk.mail(STRANGER, subject="返品3", to=RETURNS_ADDRESS)
    first, second, third = (ticket.id or 0 for ticket in desk.tickets())
    desk.clock.advance(minutes=10)
    desk.reply(BEN, first, "お調べします。")
    desk.clock.advance(minutes=20)
    desk.as_(BEN).post(f"/tickets/{first}/resolve")
    tech = desk.queue("tech_support").id
    desk.as_(BEN).post(f"/tickets/{second}/move", data={"queue_id": tech})
    desk.clock.advance(minutes=10)
    desk.reply(AIKO, second, "型番を教えてください。")
    return first, second, third


def test_a_morning_is_told_in_figures_by_queue_and_agent(desk: OpenDesk) -> None:
    first, second, third = a_morning(desk)
    told = file_of(desk)
    assert told["全体", "新規"][:2] == ["3", "3"], told
    assert told["全体", "初回返信"][0] == "2"
    returns, tech = (desk.queue(slug).name for slug in ("returns", "tech_support"))
    assert told[returns, "新規"][0] == "2" and told[tech, "新規"][0] == "1"  # where they are now
    assert abs(float(told[returns, "初回返信まで（中央値）"][0]) / 600 - 1) < 0.031
    assert abs(float(told[tech, "初回返信まで（中央値）"][0]) / 2400 - 1) < 0.031
    assert abs(float(told[returns, "解決まで（中央値）"][0]) / 1800 - 1) < 0.031
    assert told[BEN.name, "解決"][0] == "1" and told[AIKO.name, "初回返信"][0] == "1"
    assert float(told[AIKO.name, "初回返信まで（平均）"][0]) == 2400
    shown = page(desk)
    for ticket_id, what in ((first, "resolved"), (second, "answered"), (third, "unanswered")):
        link = re.search(rf'href="(/reports/service/rows\?[^"]*what={what}[^"]*)"', shown)
        assert link, what
        behind = desk.as_(SATO).get(link[1].replace("&amp;", "&")).text
        assert f'href="/tickets/{ticket_id}"' in behind
    rows = desk.as_(SATO).get("/reports/service/rows.csv?what=backlog&period=today").content.decode("utf-8-sig")
    assert [int(row[0]) for row in list(csv.reader(io.StringIO(rows)))[1:]] == [second, third]


def test_an_answer_within_seconds_is_not_told_more_exactly_than_it_is_known(desk: OpenDesk) -> None:
    desk.mail(TANAKA, to=RETURNS_ADDRESS)
    desk.clock.advance(seconds=4)
    desk.reply(BEN, desk.tickets()[0].id or 0, "はい。")
    assert file_of(desk)["全体", "初回返信まで（中央値）"][:2] == ["0.0", "1"]
    assert "初回返信まで（中央値） 15秒未満" in text_of(page(desk))


def test_who_came_back_is_listed_once_the_figure_counts_the_day(desk: OpenDesk) -> None:
    a_morning(desk)
    desk.clock.advance(minutes=5)
    desk.mail(TANAKA, subject="Re: 返品1", to=RETURNS_ADDRESS, headers={"In-Reply-To": desk.messages(1)[0].internet_id})
    day = "period=days&from=2026-11-16&to=2026-11-16"

    def told() -> tuple[int, list[str]]:
        lines = desk.as_(SATO).get(f"/reports/service/rows.csv?what=came_back&{day}").text.splitlines()
        return len(lines) - 1, file_of(desk, f"?{day}")["全体", "一次解決率（問い合わせ）"][:2]

    assert told() == (0, ["", "0"])
    desk._clients.clear()  # sessions end within a day
    desk.clock.advance(days=9)
    assert told() == (1, ["0.5", "2"])


def test_what_is_unresolved_is_what_the_live_view_shows(desk: OpenDesk) -> None:
    a_morning(desk)
    shown = text_of(page(desk))
    seen = {queue.id for queue in desk.read(lambda db: queues.everyone(db))}
    live = desk.read(lambda db: board.now(db, language="ja", seen=seen, timezone="Asia/Tokyo", at=desk.clock()))
    assert live.figures.open_tickets == 2
    assert "現在の未解決 2 初回返信待ち 1件" in shown


def test_what_is_taken_back_was_never_done(desk: OpenDesk) -> None:
    desk.mail(TANAKA, to=RETURNS_ADDRESS)
    ticket_id = desk.tickets()[0].id or 0
    desk.as_(BEN).post(f"/tickets/{ticket_id}/resolve")
    assert file_of(desk)["全体", "解決"][0] == "1"
    desk.clock.advance(minutes=5)
    shown = desk.as_(BEN).get(f"/tickets/{ticket_id}").text
    undo = re.search(rf'action="/tickets/{ticket_id}/undo"[^>]*>.*?name="(\w+)" value="([^"]+)"', shown, re.S)
    assert undo, "what was just resolved can be taken back"
    desk.as_(BEN).post(f"/tickets/{ticket_id}/undo", data={undo[1]: undo[2]})
    told = file_of(desk)
    assert told["全体", "解決"][0] == "0" and told["全体", "再開率"][1] == "0"
    assert told["全体", "未解決の増減"][0] == "1"


def test_a_day_that_is_over_is_counted_again_when_something_late_changes_it(desk: OpenDesk) -> None:
    from helpdesk.tallies import keeping

    desk.mail(TANAKA, to=RETURNS_ADDRESS)
    ticket_id = desk.tickets()[0].id or 0
    desk.as_(BEN).post(f"/tickets/{ticket_id}/resolve")
    desk.clock.advance(days=1)
    told = file_of(desk, "?period=yesterday")
    assert told["全体", "解決"][0] == "1" and told["全体", "再開率"][:2] == ["0.0", "1"]
    while keeping.count(desk.database, timezone="Asia/Tokyo", now=desk.clock(), most=10):
        pass
    assert desk.read(keeping.kept) == (1, 1)
    assert file_of(desk, "?period=yesterday") == told  # what is kept is what was counted
    desk.mail(TANAKA, subject="Re: ご相談", headers={"In-Reply-To": desk.messages()[0].internet_id})
    assert desk.tickets()[0].state == "open"  # a day later the customer writes again
    later = file_of(desk, "?period=yesterday")
    assert later["全体", "再開率"][:2] == ["1.0", "1"] and later["全体", "解決まで（中央値）"][1] == "0"
    assert desk.read(keeping.kept) == (1, 0)  # it was let go, and is counted from rows until it is kept anew


def test_filters_narrow_every_figure_and_what_they_open(desk: OpenDesk) -> None:
    first, second, _ = a_morning(desk)
    ben, tech = desk.agent(BEN).id, desk.queue("tech_support").id
    assert file_of(desk, f"?period=today&agent={ben}")["全体", "初回返信"][0] == "1"
    assert file_of(desk, f"?period=today&queue={tech}")["全体", "新規"][0] == "1"
    assert file_of(desk, "?period=today&channel=phone")["全体", "新規"][0] == "0"
    assert file_of(desk, "?period=today&priority=4")["全体", "新規"][0] == "0"
    rows = desk.as_(SATO).get(f"/reports/service/rows?what=answered&period=today&agent={ben}").text
    assert f'href="/tickets/{first}"' in rows and f'href="/tickets/{second}"' not in rows


def test_calls_stand_beside_mails_as_the_call_report_has_them(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    desk.clock.advance(seconds=30)
    desk.twilio.says("CA-1", "no-answer")
    told = file_of(desk)
    calls = list(csv.reader(io.StringIO(desk.as_(SATO).get("/reports/calls.csv?period=today&by=queue").text)))
    total = dict(zip(calls[0], calls[-1], strict=True))
    assert told["全体", "入電"][0] == total["入電"] == "1"
    assert float(told["全体", "放棄率"][0]) == float(total["放棄率"]) == 1.0


def test_the_files_are_whole_and_only_supervisors_see_any_of_it(desk: OpenDesk) -> None:
    a_morning(desk)
    for path in ("/reports/service", "/reports/service.csv", "/reports/service/rows?what=opened",
                 "/reports/service/rows.xlsx?what=opened"):  # fmt: skip
        assert desk.as_(BEN).get(path).status_code == 403
    book = desk.as_(SATO).get("/reports/service.xlsx?period=today").content
    assert "xl/worksheets/sheet1.xml" in ZipFile(io.BytesIO(book)).namelist()
    rows = desk.as_(SATO).get("/reports/service/rows.xlsx?what=opened&period=today").content
    assert ZipFile(io.BytesIO(rows)).read("xl/worksheets/sheet1.xml").count(b"<row ") == 4


def test_the_same_figures_go_on_paper_and_to_programs(desk: OpenDesk) -> None:
    a_morning(desk)
    page(desk)  # whoever looks brings the figures up to date; else the desk does within seconds
    paper = desk.as_(SATO).get("/reports/service.pdf?period=today")
    assert paper.status_code == 200 and paper.content.startswith(b"%PDF")
    asked = {"period": "today"}
    told = desk.read(lambda db: catalog.asked(db, "service", asked, language="ja", timezone="Asia/Tokyo",
                                              now=desk.clock()))  # fmt: skip
    sheet = desk.read(lambda db: catalog.report("service").gather(db, told)())
    assert {each.key: each.value for each in sheet.figures}["opened"] == 3
    assert [table.key for table in sheet.without_people().tables] == ["queues", "channels"]


def test_days_and_filters_that_are_none_are_refused(desk: OpenDesk) -> None:
    browser: Any = desk.as_(SATO)
    assert browser.get("/reports/service?period=days&from=2026-02-30&to=2026-03-01").status_code == 422
    assert browser.get("/reports/service?period=days&from=2020-01-01&to=2026-03-01").status_code == 422
    assert browser.get("/reports/service?against=tomorrow").status_code == 422
    for query in ("queue=999", "queue=x", "agent=999", "channel=pigeon", "priority=9"):
        assert browser.get(f"/reports/service?{query}").status_code == 404, query
        assert browser.get(f"/reports/service/rows?what=opened&{query}").status_code == 404, query
    assert browser.get("/reports/service/rows?what=everything").status_code == 404
    assert browser.get("/reports/service/rows?what=opened&cursor=nonsense").status_code == 404


def test_a_desk_on_which_nothing_happened_says_so(desk: OpenDesk) -> None:
    assert "この期間の実績はありません" in page(desk)


def test_what_routing_saved_is_told_with_how_often_it_was_right(desk: OpenDesk) -> None:
    first, second, _ = a_morning(desk)  # all three placed by their address; one settled there, one moved by Ben
    lines = io.StringIO(desk.as_(SATO).get("/reports/routing.csv?period=today").text.lstrip("\ufeff"))
    whole = next(csv.DictReader(lines))
    told = ["回数", "振り分け先のまま解決した件数", "オペレーターが移動", "振り分け待ちに入った件数",
            "3日以内にお客様から返信"]  # fmt: skip
    assert [whole[head] for head in told] == ["3", "1", "1", "0", ""]
    shown = text_of(desk.as_(SATO).get("/reports/routing?period=today&seconds=90").text)
    assert "振り分け先のまま解決 50 %" in shown
    assert "（そのまま解決 1件 − 移動 1件）× 90秒" in shown
    paper = desk.as_(SATO).get("/reports/routing.pdf?period=today&seconds=90")
    assert paper.headers["content-type"] == "application/pdf" and paper.content.startswith(b"%PDF-")
    assert 'filename="routing-2026-11-16-2026-11-16.pdf"' in paper.headers["content-disposition"]
    asked = desk.read(lambda db: catalog.asked(db, "routing", {"period": "today"}, language="ja", timezone="Asia/Tokyo",
                                               now=desk.clock()))  # fmt: skip
    sheet = desk.read(lambda db: catalog.report("routing").gather(db, asked)())
    assert [figure.value for figure in sheet.figures] == [3, 0.5, 0.0, 0]
    assert [table.key for table in sheet.tables] == ["routing_queues", "routing_reasons"]
    assert desk.as_(BEN).get("/reports/routing").status_code == 403
    assert desk.as_(BEN).get("/reports/routing.pdf").status_code == 403
    assert desk.as_(SATO).get("/reports/routing?seconds=0").status_code == 422


def test_what_came_of_a_receipt_is_known_after_a_week(desk: OpenDesk) -> None:
    def acknowledges(db: Any) -> None:
        queue = next(each for each in queues.everyone(db) if each.slug == "returns")
        queue.acknowledges = True

    desk.write(acknowledges)
    desk.mail(TANAKA, subject="返品について", to=RETURNS_ADDRESS)
    desk.mail(SUZUKI, subject="交換について", to=RETURNS_ADDRESS)
    desk.clock.advance(days=1)
    desk.mail(TANAKA, subject="Re: 返品について", headers={"In-Reply-To": desk.messages(1)[0].internet_id})
    day = "period=days&from=2026-11-16&to=2026-11-16"

    def receipts() -> list[str]:
        rows = csv.DictReader(io.StringIO(desk.as_(SATO).get(f"/reports/routing.csv?{day}").text.lstrip("\ufeff")))
        row = next(row for row in rows if row["内容"] == "受付の自動返信")
        return [row[head] for head in ("回数", "7日以上前に行い、結果が分かっている件数", "3日以内にお客様から返信")]

    assert receipts() == ["2", "0", "0"]
    desk._clients.clear()  # sessions end within a day
    desk.clock.advance(days=9)
    assert receipts() == ["2", "2", "1"]
