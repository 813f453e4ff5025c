"""Agents come by a form or a file: each line says first what it does, all or nothing is taken in, once is enough."""

import re

import pytest
from starlette.testclient import TestClient

from helpdesk import agents
from tests.cast import AIKO, BEN, PASSWORD, PUBLIC_URL, SATO, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
HEADS = "氏名,ふりがな,メールアドレス,権限,言語,担当キュー,呼出順,内線\n"
EMI = "伊藤 恵美,いとう えみ,emi@desk.example.jp,オペレーター,日本語 英語,技術サポート:2 Returns,3,301\n"
AIKO_NOW = "山田 愛子,やまだ あいこ,aiko@desk.example.jp,オペレーター,ja,tech_support triage,,\n"
NEW_PASSWORD = "staple battery horse"


def shown(desk: OpenDesk, raw: bytes, status: int = 200) -> str:
    """The page after a file was chosen."""
    answer = desk.as_(SATO).post("/admin/agents/import", files={"file": ("agents.csv", raw, "text/csv")})
    assert answer.status_code == status, text_of(answer.text)
    return str(answer.text)


def take(desk: OpenDesk, text: str, status: int = 200) -> str:
    """The page after it was taken in."""
    answer = desk.as_(SATO).post("/admin/agents/import", files={"text": (None, text), "take": (None, "1")})
    assert answer.status_code == status
    return str(answer.text)


@pytest.mark.parametrize("charset", ["utf-8-sig", "cp932"])
def test_a_file_says_what_each_line_does_and_then_does_it_once(desk: OpenDesk, charset: str) -> None:
    text = HEADS + EMI + AIKO_NOW + "木村 明子,きむら あきこ,AKIRA@desk.example.jp,,,tech_support:1,,205\n"
    page = text_of(part(shown(desk, text.encode(charset)), "main"))
    assert "追加 1" in page and "変更なし 1" in page and "変更 1" in page
    assert "木村 明子" in page and "205" in page
    assert desk.read(agents.by_email, "emi@desk.example.jp") is None, "nothing is done before it is asked for"
    done = take(desk, text)
    emi = desk.read(agents.by_email, "emi@desk.example.jp")
    assert emi is not None and (emi.languages, emi.extension) == (["en", "ja"], "301")
    levels = desk.read(agents.levels_of, emi)
    assert levels == {desk.queue("tech_support").id: 2, desk.queue("returns").id: 3}
    assert done.count(f"{PUBLIC_URL}/join/") == 1
    again = text_of(part(shown(desk, text.encode(charset)), "main"))
    assert "変更なし 3" in again and "追加 1" not in again


@SQLITE
def test_one_line_that_cannot_be_lets_nothing_happen_and_says_why(desk: OpenDesk) -> None:
    text = HEADS + EMI + (
        ",,nobody@desk.example.jp,,,,,\n"
        "誰か,,no address,店長,フランス語,倉庫:1,,\n"
        "佐藤 健,さとう けん,sato@desk.example.jp,オペレーター,,,,\n"
        "伊藤 別,,emi@desk.example.jp,,,returns:99,,\n"
    )  # fmt: skip
    page = shown(desk, text.encode())
    told = text_of(part(page, "main"))
    for words in ("店長", "フランス語", "「倉庫」", "自分自身の権限は外せません", "前の行にもあります", "「99」"):
        assert words in told, words
    assert 'name="take"' not in page
    assert "取り込めない行があります" in take(desk, text, 422)
    assert desk.read(agents.by_email, "emi@desk.example.jp") is None


@SQLITE
def test_what_is_no_table_of_agents_is_refused(desk: OpenDesk) -> None:
    for raw in (b"", b"a,b\n1,2\n", HEADS.encode(), b"\xff\xfe\x00\x81", b"x" * 1_000_001):
        assert "field-error" in shown(desk, raw, 422)


@SQLITE
def test_the_export_taken_in_again_changes_nothing(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/agents/import", files={"text": (None, HEADS + EMI), "take": (None, "1")})
    answer = desk.as_(SATO).get("/admin/agents.csv")
    assert "+8150" in answer.text and "argon2" not in answer.text
    page = text_of(part(shown(desk, answer.content), "main"))
    assert "変更なし 5" in page
    assert "オペレーター" in text_of(desk.as_(SATO).get("/admin/audit?what=exports").text)


@SQLITE
def test_a_link_opens_once_and_lets_its_agent_in(desk: OpenDesk) -> None:
    page = desk.as_(SATO).post("/admin/agents/new", data={
        "name": "伊藤 恵美", "email": "emi@desk.example.jp", "role": "agent"}).text  # fmt: skip
    [path] = re.findall(rf'value="{PUBLIC_URL}(/join/[^"]+)"', page)
    browser = TestClient(desk.app, base_url=PUBLIC_URL)
    assert "伊藤 恵美" in browser.get(path).text
    assert browser.post(path, data={"password": "short"}).status_code == 422
    assert browser.post(path, data={"password": NEW_PASSWORD}).url.path == "/inbox"
    again = browser.get(path, headers={"accept": "text/html"})
    assert again.status_code == 404 and "再発行を依頼" in again.text, "once"
    emi = desk.read(agents.by_email, "emi@desk.example.jp")
    assert agents.is_password(emi, NEW_PASSWORD)
    undone = re.findall(r"/admin/changes/(\d+)/undo", page)
    assert desk.as_(SATO).post(f"/admin/changes/{undone[0]}/undo").status_code == 200
    assert not agents.is_password(desk.read(agents.by_email, "emi@desk.example.jp"), NEW_PASSWORD), "no longer let in"


@SQLITE
@pytest.mark.parametrize("email", ["nobody", "@@ nonsense !!", "emi @desk.example.jp", "@desk.example.jp", "emi@"])
def test_what_is_no_address_gets_no_account_and_no_customer(desk: OpenDesk, email: str) -> None:
    told = {"name": "伊藤 恵美", "email": email, "role": "agent", "addresses": email, "language": "ja"}
    for path in ("/admin/agents/new", "/customers/new"):
        answer = desk.as_(SATO).post(path, data=told)
        assert answer.status_code == 422 and "field-error" in answer.text, path
    assert "取り込めない" in shown(desk, (HEADS + EMI.replace("emi@desk.example.jp", email)).encode())


@SQLITE
def test_a_link_ends_after_a_week_and_with_the_next_one(desk: OpenDesk) -> None:
    ben = desk.agent(BEN).id
    first, second = (
        re.findall(rf'value="{PUBLIC_URL}(/join/[^"]+)"', desk.as_(SATO).post(f"/admin/agents/{ben}/invite").text)[0]
        for _ in range(2)
    )
    assert desk.client.get(first).status_code == 404 and desk.client.get(second).status_code == 200
    assert agents.is_password(desk.read(agents.by_email, BEN.email), PASSWORD), "until another one is chosen"
    desk.clock.advance(days=7, seconds=1)
    assert desk.client.get(second).status_code == 404


@SQLITE
def test_name_role_and_leave_to_sign_in_are_set_on_the_agents_page(desk: OpenDesk) -> None:
    ben, sato = desk.agent(BEN).id, desk.agent(SATO).id
    told = {"asks_person": "1", "name": "Benjamin Carter", "role": "supervisor", "is_active": "1", "language": "en",
            "most_calls": "1", "most_tickets": "0"}  # fmt: skip
    seen = text_of(desk.as_(SATO).post(f"/admin/agents/{ben}", data=told | {"rehearse": "1"}).text)
    assert "すべての設定の変更ができるようになります" in seen
    desk.as_(SATO).post(f"/admin/agents/{ben}", data=told)
    assert desk.as_(BEN).get("/admin").status_code == 200
    desk.as_(SATO).post(f"/admin/agents/{ben}", data=told | {"is_active": ""})
    assert desk.as_(BEN).get("/inbox", follow_redirects=False).status_code == 303, "signed out at once"
    assert "Benjamin Carter" in part(desk.as_(SATO).get("/admin/agents").text, "main")
    own = desk.as_(SATO).post(f"/admin/agents/{sato}", data=told | {"name": "佐藤 健", "role": "agent"})
    assert own.status_code == 422 and "自分自身の権限は外せません" in own.text


@SQLITE
def test_only_supervisors_add_and_export(desk: OpenDesk) -> None:
    for path in ("/admin/agents/import", "/admin/agents.csv"):
        assert desk.as_(AIKO).get(path).status_code == 403
    assert desk.as_(AIKO).post("/admin/agents/new", data={"name": "x", "email": "x@example.jp"}).status_code == 403
    assert desk.as_(AIKO).post(f"/admin/agents/{desk.agent(BEN).id}/invite").status_code == 403
