"""What people type finds what was said, in every way of writing it, and nothing that is none of their business."""

from typing import Any

import pytest
from sqlmodel import Session, select

from helpdesk import merging, tickets
from helpdesk.customers import records
from helpdesk.search import asking, finding, keeping
from helpdesk.search.finding import Found
from models import Agent, Customer, Ticket
from tests.cast import (
    AIKO,
    BEN,
    RETURNS_ADDRESS,
    SATO,
    SUZUKI,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
    Person,
)


def find(desk: OpenDesk, typed: str, who: Person = SATO, **how: Any) -> Found:
    """What somebody finds who types this now."""
    keeping.catch_up(desk.database)
    query = asking.read(typed, timezone="Asia/Tokyo", now=desk.clock())
    agent = desk.agent(who)
    return desk.read(lambda db: finding.find(db, agent, query, region="JP", now=desk.clock(), **how))


def ids(found: Found) -> list[int]:
    """The tickets found, by number."""
    return sorted(ticket.id for ticket in found.tickets)


def text(parts: Any) -> str:
    """A text with its marks in brackets."""
    return "".join(f"[{words}]" if is_marked else words for words, is_marked in parts)


WAYS = [
    ("プリンターの電源が入りません", "電源"),
    ("プリンターの電源が入りません", "プリンタ"),
    ("プリンタの電源が入りません", "プリンター"),
    ("ﾌﾟﾘﾝﾀｰが動きません", "プリンター"),
    ("ぷりんたーが動きません", "プリンタ"),
    ("サーバーエラーと出ます", "サーバ"),
    ("プリンタードライバーが動かない", "プリンタドライバ"),
    ("プリンタドライバが動かない", "プリンタードライバー"),
    ("ユーザーサーバーエラーです", "ユーザサーバエラー"),
    ("メモリーカードを読まない", "メモリカード"),
    ("齋藤様のご注文", "斉藤"),
    ("斉藤様のご注文", "斎藤"),
    ("ヴァイオリンを返したい", "バイオリン"),
    ("バイオリンを返したい", "ヴァイオリン"),
    ("ウィンドウが開きません", "ウインドウ"),
    ("キーが外れました", "キー"),
    ("佐々木髙橋と申します", "高橋"),
    ("渡辺と申します", "渡邊"),
    ("齋藤です", "斉藤"),
    ("宮﨑様より", "宮崎"),
    ("會社の體制が變わった", "会社"),
    ("請求書を再発行してください", "書"),
    ("請求書を再発行してください", "請求書を再発行"),
    ("注文番号は A-1234-56 です", "A-1234-56"),
    ("注文番号は A-1234-56 です", "Ａ−１２３４−５６"),
    ("注文番号は A-1234-56 です", "a123456"),
    ("注文番号は A123456 です", "A-1234-56"),
    ("折り返しは 03-1234-9999 へ", "0312349999"),
    ("折り返しは ０３（１２３４）９９９９ へ", "03-1234-9999"),
    ("折り返しは 0312349999 へ", "+81 3-1234-9999"),
    ("折り返しは 03-1234-9999 へ", "9999"),
    ("Two Invoices were missing", "invoice"),
    ("Two invoices were missing", "INVOICES"),
    ("The paper jam is back", '"paper jam"'),
    ("We met at the Café", "cafe"),
    ("詳しくは help@shop.example.net へ", "help@shop.example.net"),
    ("詳しくは help@shop.example.net へ", "shop.example.net"),
]


def test_a_word_is_found_however_it_is_written(desk: OpenDesk) -> None:
    said = list(dict.fromkeys(said for said, _ in WAYS))
    for number, body in enumerate(said):
        desk.mail(f"客 <c{number}@example.net>", subject=f"件名 {chr(0x4E00 + number)}", body=body)
    desk.mail(SUZUKI, subject="別の件", body="関係のない話です。")
    for body, typed in WAYS:
        found = find(desk, typed)
        wanted = said.index(body) + 1
        assert wanted in ids(found) and len(said) + 1 not in ids(found), (body, typed)
        assert found.total == len(found.tickets) < len(said) // 3 and found.problems == []
        passages = [passage for ticket in found.tickets if ticket.id == wanted for passage in ticket.passages]
        assert any("[" in text(passage.parts) for passage in passages), (body, typed)


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("東京と京都へ送ってください", "東京都"),
        ("コピーを送ります", "コピー機"),
        ("角を曲がった所です", "カード"),
        ("jam of paper", '"paper jam"'),
        ("printers", "sprint"),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_was_not_said_is_not_found(desk: OpenDesk, said: str, typed: str) -> None:
    desk.mail(subject="件名", body=said)
    assert find(desk, typed).total == 0


def test_words_of_several_mails_notes_and_calls_find_their_ticket_together(desk: OpenDesk) -> None:
    desk.mail(subject="返品の件", body="箱がつぶれていました。", to=RETURNS_ADDRESS)
    desk.mail(subject="Re: 返品の件 [#1]", body="写真を送ります。", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/note", data={"body": "倉庫に確認中"})
    for typed, kinds in (("箱 写真 倉庫", "all"), ("写真", "mail"), ("倉庫", "note"), ("返品", "all")):
        assert ids(find(desk, typed, BEN, kind=kinds)) == [1], typed
    for typed, kinds in (("箱 絵画", "all"), ("写真", "note"), ("倉庫", "mail"), ("倉庫", "call")):
        assert ids(find(desk, typed, BEN, kind=kinds)) == [], typed
    note = find(desk, "倉庫", BEN).tickets[0].passages[0]
    assert (note.source, note.who, text(note.parts)) == ("note", BEN.name, "[倉庫]に確認中")


def test_a_customer_is_found_by_name_reading_number_and_address_and_so_are_the_tickets(desk: OpenDesk) -> None:
    desk.mail(TANAKA, body="一つ目です。")
    desk.mail(SUZUKI, subject="別の件", body="二つ目です。")
    for typed in ("田中", "田中美咲", "たなか", "タナカ", "たなか みさき", "090-1234-5678", TANAKA.email,
                  "customer:田中", "from:tanaka", "差出人：田中", "A-1001", "number:A1001"):  # fmt: skip
        found = find(desk, typed)
        assert ids(found) == [1], typed
        assert [text(customer.name).replace("[", "").replace("]", "") for customer in found.customers] == [TANAKA.name]
    assert ids(find(desk, "5678")) == ids(find(desk, "to:support")) == [1, 2]
    assert ids(find(desk, "田中 二つ目")) == []


def test_agents_find_only_what_they_may_see(desk: OpenDesk) -> None:
    desk.mail(subject="返品したい", body="箱を開けました。", to=RETURNS_ADDRESS)
    desk.mail(SUZUKI, subject="電源", body="箱を開けたら動きません。使い方を教えてください。")
    queue_of = {row.id: row.queue_id for row in desk.read(lambda db: list(db.exec(select(Ticket))))}
    assert queue_of[1] == desk.queue("returns").id != queue_of[2]
    assert (ids(find(desk, "箱", SATO)), ids(find(desk, "箱", BEN)), ids(find(desk, "箱", AIKO))) == ([1, 2], [1], [2])
    assert (find(desk, "#2", AIKO).jump or (0, ""))[0] == 2
    assert find(desk, "#1", AIKO).jump is None
    assert find(desk, "箱", BEN).total == 1


def test_conditions_in_both_languages(desk: OpenDesk) -> None:
    desk.mail(subject="返品したい", body="箱を開けました。", to=RETURNS_ADDRESS)
    desk.clock.advance(days=3)
    desk.mail(SUZUKI, subject="返品", body="箱は未開封です。", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/assign", data={"agent_id": desk.agent(BEN).id})
    desk.as_(BEN).post("/tickets/1/resolve")
    for typed, wanted in (
        ("箱 is:resolved", [1]), ("箱 状態:解決済み", [1]), ("is:open", [2]), ("箱 -is:open", [1]),
        ("is:unassigned", [2]), ("agent:ben", [1]), ("担当:自分", [1]), ("is:mine", [1]), ("箱 -agent:ben", [2]),
        ("before:2026-11-18", [1]), ("after:2026-11-18", [2]), ("まで:11/16", [1]), ("箱 queue:returns", [1, 2]),
        ("箱 -未開封", [1]), ("queue:returns -未開封", [1]), ("has:attachment", []), ("箱 -has:attachment", [1, 2]),
    ):  # fmt: skip
        assert ids(find(desk, typed, BEN)) == wanted, typed


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_is_not_understood_is_said(desk: OpenDesk) -> None:
    desk.mail(body="箱を開けました。")
    for typed, code in (
        ("frm:tanaka 箱", "unknown_operator"), ("is:opn 箱", "unknown_is"), ("before:someday 箱", "not_a_day"),
        ("queue:nowhere 箱", "unknown_queue"), ("agent:nobody 箱", "unknown_agent"), ("tag:nothing 箱", "unknown_tag"),
        ("-箱", "only_excluded"), ("!?", "no_letters"), ("箱 " * 20, "too_many_words"), ("x" * 400, "too_long"),
    ):  # fmt: skip
        assert [problem.code for problem in find(desk, typed).problems][:1] == [code], typed
    assert find(desk, "is:opn").total == 0
    assert ids(find(desk, "12:30 箱")) == [] and find(desk, "12:30 箱").problems == []


HOSTILE = [
    '"', '""', "'", "*", "a*", "^a", "(", ")", "NEAR(a b)", "a AND", "OR", "NOT", "{head}:a", "head:a", ":", "-", "--",
     "a\x00b", "\ud800", "%", "_", "\\", "'; DROP TABLE ticket; --", "あ" * 10_000, "a " * 5_000, "·c1", "🙂", "🙂箱",
     "1" * 400, "#99999999999999", "before:9999-99-99", "after:0001-01-01", "before:9999-12-31", "999999d", "from:\"",
     "is:", "a:b:c", "&", "|", "!", "<->", "'a' & 'b'", "１２３", "Ω", "ａｎｄ",
]  # fmt: skip


def test_nothing_typed_breaks_the_search(desk: OpenDesk) -> None:
    desk.mail(body="箱を開けました。")
    agent = desk.agent(SATO)
    for typed in HOSTILE:
        for kind in finding.KINDS:
            assert find(desk, typed, kind=kind).total in (0, 1), typed
        query = asking.read(typed, timezone="Asia/Tokyo", now=desk.clock())
        desk.read(lambda db, query=query: finding.suggest(db, agent, query, region="JP", now=desk.clock()))


def test_what_is_changed_merged_or_gone_leaves_the_index(desk: OpenDesk) -> None:
    desk.mail(subject="一件目", body="電源が入りません。")
    desk.mail(SUZUKI, subject="二件目", body="画面が割れました。")
    assert ids(find(desk, "電源")) == [1]

    def change(verb: Any) -> None:
        desk.write(lambda db: verb(db, db.get(Ticket, 1), db.get(Ticket, 2), db.get(Agent, 4)))

    change(lambda db, one, two, by: merging.merge(db, one, two, by=by, now=desk.clock()))
    assert ids(find(desk, "電源 画面")) == ids(find(desk, "電源")) == [2]
    change(lambda db, one, two, by: merging.unmerge(db, one, by=by, now=desk.clock()))
    assert (ids(find(desk, "電源")), ids(find(desk, "電源 画面"))) == ([1], [])

    def rename(db: Session) -> None:
        tanaka = db.get(Customer, 1)
        assert tanaka is not None
        form = records.Form("森 美咲", "もり みさき", phones=[TANAKA.phone], addresses=[TANAKA.email])
        records.change(db, tanaka, form, by=db.get(Agent, 4), region="JP", now=desk.clock())  # type: ignore[arg-type]

    desk.write(rename)
    assert (ids(find(desk, "森")), ids(find(desk, "customer:田中"))) == ([1], [])
    desk.write(lambda db: tickets.note(db, db.get(Ticket, 1), "秘密の覚え書き", by=db.get(Agent, 4), now=desk.clock()))
    assert ids(find(desk, "秘密")) == [1]


def test_a_call_is_found_by_its_note_and_its_number(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1", caller="+815011112222", to=TECH_NUMBER)
    call = desk.call("CA-1")
    desk.as_(AIKO).post(f"/calls/{call.id}/accept")
    desk.as_(AIKO).post(f"/calls/{call.id}/note", data={"note": "換気扇の異音について"})
    for typed in ("換気扇", "050-1111-2222", "2222"):
        found = find(desk, typed, AIKO)
        assert len(found.tickets) + len(found.calls) == 1, typed
        assert find(desk, typed, BEN).calls == [], typed


def test_the_subject_and_the_later_contact_stand_first(desk: OpenDesk) -> None:
    desk.mail(subject="換気扇", body="音がします。")
    desk.clock.advance(days=1)
    desk.mail(SUZUKI, subject="音", body="換気扇から音がします。")
    desk.clock.advance(days=1)
    desk.mail("佐藤 <sato@example.net>", subject="相談", body="換気扇です。")
    assert [ticket.id for ticket in find(desk, "換気扇").tickets] == [1, 3, 2]
    assert [ticket.id for ticket in find(desk, "換気扇", sort="newest").tickets] == [3, 2, 1]


def test_an_index_that_is_made_anew_says_how_far_it_is(desk: OpenDesk) -> None:
    for number in range(12):
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇")
    keeping.catch_up(desk.database)
    assert desk.read(keeping.progress).is_complete
    desk.write(keeping.begin_anew)
    assert not desk.read(keeping.progress).is_complete
    keeping.catch_up(desk.database)
    assert desk.read(keeping.progress) == keeping.Progress(1.0, True)
    assert find(desk, "換気扇").total == 12
