"""Who did what is found by kind, person, thing and day, in words, and as a file; and nothing secret is in it."""

import csv
import io

import pytest

from tests.cast import AIKO, BEN, PASSWORD, RETURNS_ADDRESS, SATO, TANAKA, TECH_NUMBER, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def lines(desk: OpenDesk, query: str = "") -> list[str]:
    """The acts the page shows, without their times."""
    page = desk.as_(SATO).get(f"/admin/audit{query}")
    assert page.status_code == 200
    found = part(page.text, "main").split('<li class="audit-line"')[1:]
    return [" ".join(text_of("<li" + each.split("</time>", 1)[1]).split()) for each in found]


def a_morning(desk: OpenDesk) -> None:
    """Something of every kind."""
    desk.mail(subject="返品したい", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/assign", data={"agent_id": desk.agent(BEN).id})
    desk.as_(BEN).post(f"/customers/{desk.customer(TANAKA).id}/edit", data={"name": "田中 改め", "note": "窓口へ来店"})
    desk.as_(SATO).post(f"/admin/queues/{desk.queue('tech_support').id}", data={
        "name": "技術サポート", "name_en": "Tech support", "phone": TECH_NUMBER, "greeting": "はい、窓口です",
        "agent_id": [desk.agent(AIKO).id]})  # fmt: skip
    desk.as_(SATO).get("/reports/calls.csv")
    desk.client.post("/sign-in", data={"email": BEN.email, "password": "not his password"})


def test_every_act_is_told_with_who_did_it_and_what_was_there_before(desk: OpenDesk) -> None:
    a_morning(desk)
    settings = lines(desk, "?what=settings")
    assert len(settings) == 1 and settings[0].startswith("佐藤 健")
    assert "応答メッセージ" in settings[0] and "はい、窓口です" in settings[0]
    assert "木村 明が技術サポートの担当から外れます" in settings[0]
    assert "Ben Carter" in lines(desk, "?what=tickets&ticket=1")[0]
    [customer] = lines(desk, "?what=customers")
    assert "Ben Carter" in customer and "氏名" in customer and "窓口へ来店" not in customer
    assert "通話レポート" in lines(desk, "?what=exports")[0]
    assert any("Ben Carterのパスワードの誤り" in each for each in lines(desk, "?what=sign_ins"))
    everything = lines(desk)
    assert len(everything) >= 6
    only_ben = lines(desk, f"?by={desk.agent(BEN).id}")
    assert only_ben and all("佐藤 健" not in each for each in only_ben)


@SQLITE
def test_days_and_pages_part_it_without_losing_any(desk: OpenDesk) -> None:
    for count in range(60):
        desk.as_(SATO).post("/admin/guesses", data={"name": "urgency", "value": "off" if count % 2 == 0 else "on"})
    first = desk.as_(SATO).get("/admin/audit?what=settings").text
    older = part(first, "main").split("before=")[1].split('"')[0]
    assert len(lines(desk, "?what=settings")) == 50
    assert len(lines(desk, f"?what=settings&before={older}")) == 10
    for _ in range(2):  # a login that is used goes on
        desk.clock.advance(hours=8)
        assert desk.as_(SATO).get("/admin").status_code == 200
    desk.as_(SATO).post("/admin/guesses", data={"name": "language", "value": "off"})
    assert len(lines(desk, "?what=settings&from=2026-11-17")) == 1
    assert len(lines(desk, "?what=settings&from=2026-11-16&to=2026-11-16")) == 50
    assert desk.as_(SATO).get("/admin/audit?from=yesterday").status_code == 422
    assert desk.as_(SATO).get("/admin/audit?ticket=x").status_code == 422
    assert "該当する操作はありません" in desk.as_(SATO).get("/admin/audit?what=mail").text


@SQLITE
def test_the_file_holds_what_the_page_shows_and_no_secret(desk: OpenDesk) -> None:
    a_morning(desk)
    desk.as_(SATO).post("/account/password", data={"old": PASSWORD, "new": "another long password"})
    answer = desk.as_(SATO).get("/admin/audit.csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["日時", "操作した人", "種類", "操作", "問い合わせ", "変更前 → 変更後"]
    greeting = next(row for row in rows if "はい、窓口です" in row[5])
    assert greeting[0].startswith("2026-11-16 10:00:00") and greeting[1] == "佐藤 健"
    assert any("パスワード" in row[5] for row in rows), "that it changed is told"
    assert "another long password" not in answer.text and "argon2" not in answer.text
    assert any("操作履歴" in each for each in lines(desk, "?what=exports")), "taking it is an act, too"


@SQLITE
def test_it_is_for_supervisors(desk: OpenDesk) -> None:
    assert desk.as_(AIKO).get("/admin/audit").status_code == 403
    assert desk.as_(AIKO).get("/admin/audit.csv").status_code == 403
