"""Canned replies, from the supervisor who writes one to the customer who gets it."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlmodel import select

from helpdesk.products import catalogue, following
from models import CannedFile, CannedReply, Purchase
from tests.cast import AIKO, BEN, MONDAY, RETURNS_ADDRESS, SATO, STRANGER, SUZUKI, TANAKA, OpenDesk, part, text_of
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
TYPED = {
    "title": "返品のご案内", "trigger": "henpin", "queue_id": "",
    "text": "{customer_sama}\n\n{order} の返品を承りました。\n{agent}",
    "text_en": "Dear {customer},\n\nwe have received your return of {order}.\n{agent}",
}  # fmt: skip
PDF = ("files", ("返品票.pdf", b"%PDF-1.4 slip", "application/pdf"))


def write(desk: OpenDesk, *, files: Any = None, **more: Any) -> int:
    """A supervisor writes one on the page. Returns its id."""
    answer = desk.as_(SATO).post("/admin/canned/new", data=TYPED | more, files=files or [])
    assert answer.status_code == 200 and answer.url.path == "/admin/canned", text_of(answer.text)
    return max(reply.id or 0 for reply in replies(desk))


def replies(desk: OpenDesk) -> list[CannedReply]:
    found: list[CannedReply] = desk.read(lambda db: list(db.exec(select(CannedReply))))
    return found


def in_the_box(html: str, ticket_id: int = 1) -> str:
    """What the reply box of a page holds."""
    found = re.search(rf'<textarea id="reply-{ticket_id}"[^>]*>(.*?)</textarea>', html, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def offered(html: str) -> list[str]:
    return [text_of(title) for title in re.findall(r'<span class="canned-title">(.*?)</span>\n', html, re.DOTALL)]


def error_at(html: str, field: str) -> str:
    return text_of(part(html, f"f-{field}-error"))


@pytest.fixture
def ticket(desk: OpenDesk) -> OpenDesk:
    """A desk to which Ms. Tanaka has written about a return."""
    desk.mail(subject="返品したい", body="掃除機を返品したいです。", to=RETURNS_ADDRESS)
    return desk


# --- filled in


def test_a_reply_comes_into_the_box_filled_in_for_the_customer(ticket: OpenDesk) -> None:
    canned_id = write(ticket)
    assert in_the_box(ticket.as_(BEN).get(f"/tickets/1?canned={canned_id}").text) == (
        "田中 美咲 様\n\nA-1001 の返品を承りました。\nBen Carter"
    )


@SQLITE
def test_every_variable_has_its_value_in_both_languages_and_by_both_names(ticket: OpenDesk) -> None:
    names = ("customer", "customer_sama", "company", "ticket", "subject", "agent", "queue", "order", "product", "date",
             "desk")  # fmt: skip
    japanese = ("氏名", "氏名様", "会社名", "受付番号", "件名", "担当者", "窓口", "注文番号", "商品名", "日付",
                "デスク名")  # fmt: skip
    text = "|".join(f"{{{name}}}" for name in names)
    canned_id = write(ticket, text=text, text_en="x")
    twin = write(ticket, text="|".join(f"｛{name}｝" for name in japanese), trigger="", text_en="x")
    expected = ["田中 美咲", "田中 美咲 様", "【会社名？】", "#1", "返品したい", "Ben Carter", "返品・交換", "A-1001",
                "コードレス掃除機 KZ-200", "2026年11月16日", "窓口"]  # fmt: skip
    for each in (canned_id, twin):
        assert in_the_box(ticket.as_(BEN).get(f"/tickets/1?canned={each}").text).split("|") == expected
    ticket.mail(subject="Return", body="I would like to return the vacuum cleaner I bought. Thank you.",
                to=RETURNS_ADDRESS)  # fmt: skip
    english = write(ticket, text="x", text_en=text, trigger="")
    assert in_the_box(ticket.as_(BEN).get(f"/tickets/2?canned={english}").text, 2).split("|") == [
        "田中 美咲", "田中 美咲", "[company?]", "#2", "Return", "Ben Carter", "Returns", "A-1001",
        "コードレス掃除機 KZ-200", "16 November 2026", "窓口"]  # fmt: skip


@SQLITE
def test_the_newest_order_is_meant(ticket: OpenDesk) -> None:
    tanaka = ticket.customer(TANAKA).id or 0
    ticket.write(lambda db: db.add(Purchase(customer_id=tanaka, order_number="A-2002", product="加湿器", quantity=1,
                                            amount_yen=1, ordered_at=MONDAY)))  # fmt: skip
    canned_id = write(ticket, text="{order}")
    assert in_the_box(ticket.as_(BEN).get(f"/tickets/1?canned={canned_id}").text) == "A-2002"


@SQLITE
@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("kz-200の電源が入りません。", "A-1001 コードレス掃除機 KZ-200"),
        ("注文番号 Ａ-1001 の件です。加湿器ではありません。", "A-1001 コードレス掃除機 KZ-200"),
        ("加湿器とKZ-200のどちらも動きません。", "A-2002 加湿器"),
        ("動きません。", "A-2002 加湿器"),
    ],
    ids=["product", "number", "both", "neither"],
)
def test_the_order_the_customer_writes_of_is_meant_and_of_several_the_newest(
    desk: OpenDesk, words: str, order: str
) -> None:
    tanaka = desk.customer(TANAKA).id or 0
    desk.write(lambda db: db.add(Purchase(customer_id=tanaka, order_number="A-2002", product="加湿器", quantity=1,
                                          amount_yen=1, ordered_at=MONDAY)))  # fmt: skip
    for name in ("コードレス掃除機 KZ-200", "加湿器"):
        desk.write(lambda db, name=name: catalogue.named(db, name, by=None, now=MONDAY))
    following.follow(desk.database)
    desk.mail(subject="ご相談", body=words, to=RETURNS_ADDRESS)
    following.follow(desk.database)  # what the desk does beside its work
    canned_id = write(desk, text="{order} {product}")
    assert in_the_box(desk.as_(BEN).get(f"/tickets/1?canned={canned_id}").text) == order


@SQLITE
def test_what_is_not_known_is_a_gap_that_can_be_seen_and_hinders_nothing(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(f"{STRANGER.name} <{STRANGER.email}>", subject="返品", to=RETURNS_ADDRESS)
    canned_id = write(desk, text="{customer_sama}\n{order} の件、{ticket} で承りました。")
    page = desk.as_(BEN).get(f"/tickets/1?canned={canned_id}").text
    assert in_the_box(page) == "【氏名？】\n【注文番号？】 の件、#1 で承りました。"
    assert re.findall(r"<mark>(【.*?】)</mark>", part(page, "ticket-1")) == ["【氏名？】", "【注文番号？】"]
    assert desk.reply(BEN, 1, in_the_box(page)).text.startswith("【氏名？】")


@SQLITE
def test_a_company_line_of_its_own_goes_where_there_is_no_company(ticket: OpenDesk) -> None:
    canned_id = write(ticket, text="{company}\n{customer_sama}\n\n本文 {company}")
    page = ticket.as_(BEN).get(f"/tickets/1?canned={canned_id}").text
    assert in_the_box(page) == "田中 美咲 様\n\n本文 【会社名？】"


@SQLITE
def test_where_one_language_has_no_text_the_other_is_offered_and_marked(ticket: OpenDesk) -> None:
    only_english = write(ticket, text="")
    assert in_the_box(ticket.as_(BEN).get(f"/tickets/1?canned={only_english}").text).startswith("Dear 田中 美咲,")
    (title,) = offered(ticket.as_(BEN).get("/tickets/1/canned").text)
    assert "English" in title


@SQLITE
def test_nothing_a_customer_wrote_becomes_markup_in_the_box(desk: OpenDesk) -> None:
    desk.mail(subject="</textarea><script>alert(1)</script>", to=RETURNS_ADDRESS)
    canned_id = write(desk, text="{subject}")
    for page in (f"/tickets/1?canned={canned_id}", "/tickets/1/canned"):
        assert "<script>alert" not in desk.as_(BEN).get(page).text
    # A value is not filled in again.
    desk.mail(subject="{agent}", to=RETURNS_ADDRESS)
    assert in_the_box(desk.as_(BEN).get(f"/tickets/2?canned={canned_id}").text, 2) == "{agent}"


# --- sent


@pytest.mark.parametrize("path", ["/tickets/1/reply", "/tickets/new"])
def test_a_file_whose_tick_was_taken_away_can_be_ticked_again_beside_the_question_about_forgotten_files(
    ticket: OpenDesk, postbox: Postbox, path: str
) -> None:
    form: dict[str, Any] = {"body": "返品票を添付いたします。", "canned": write(ticket, files=[PDF]), "mode": "reply"}
    form |= {"queue_id": ticket.queue("returns").id, "to": TANAKA.email, "subject": "返品票"}
    place = "safety-1" if path == "/tickets/1/reply" else "safety-0"
    for _ in range(2):  # asked twice it is there once
        page = ticket.as_(BEN).post(path, data=form)
        assert page.status_code == 422 and text_of(part(page.text, place)).count("返品票.pdf") == 1
        (token,) = re.findall(r'name="kept" value="([^"]+)">', page.text)
        form |= {"offered": [token]}
    page = ticket.as_(BEN).post(path, data=form | {"kept": token, "body": "鈴木様\n返品票を添付いたします。"})
    if page.status_code == 422:  # and ticked it stays so, whatever is asked next
        assert re.findall(r'name="kept" value="[^"]+"( checked)?>', page.text) == [" checked"]
    assert ticket.as_(BEN).post(path, data=form | {"kept": token}).status_code == 200
    ticket.post(ticket.messages(1 if "reply" in path else 2)[-1])
    assert [file.get_filename() for file in postbox.last.iter_attachments()] == ["返品票.pdf"]


def test_its_files_go_along_and_its_use_is_counted_when_the_mail_is_sent(ticket: OpenDesk, postbox: Postbox) -> None:
    canned_id = write(ticket, files=[PDF])
    page = ticket.as_(BEN).get(f"/tickets/1?canned={canned_id}").text
    (file_id,) = re.findall(r'name="canned_file" value="(\d+)" checked', page)
    assert replies(ticket)[0].uses == 0  # looking is no use
    form = {"body": in_the_box(page), "canned": canned_id, "canned_file": file_id}
    assert ticket.as_(BEN).post("/tickets/1/reply", data=form).status_code == 200
    ticket.post(ticket.messages(1)[-1])
    (attached,) = postbox.last.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("返品票.pdf", b"%PDF-1.4 slip")
    assert (replies(ticket)[0].uses, replies(ticket)[0].last_used_at) == (1, ticket.clock())
    shown = text_of(part(ticket.as_(SATO).get("/admin/canned").text, "canned"))
    assert "送信 1回" in shown


@SQLITE
def test_a_button_pressed_twice_counts_once(ticket: OpenDesk, postbox: Postbox) -> None:
    canned_id = write(ticket)
    for _ in range(2):
        ticket.as_(BEN).post("/tickets/1/reply", data={"body": "承りました。", "canned": canned_id})
    assert replies(ticket)[0].uses == 1 and len(ticket.messages(1)) == 2


@SQLITE
def test_a_file_that_was_ticked_off_stays_here(ticket: OpenDesk, postbox: Postbox) -> None:
    canned_id = write(ticket, files=[PDF])
    ticket.as_(BEN).post("/tickets/1/reply", data={"body": "承りました。", "canned": canned_id})
    ticket.post(ticket.messages(1)[-1])
    assert list(postbox.last.iter_attachments()) == []


@SQLITE
def test_a_mail_does_not_leave_without_a_file_that_was_taken_away_meanwhile(ticket: OpenDesk, postbox: Postbox) -> None:
    canned_id = write(ticket, files=[PDF])
    file_id = ticket.read(lambda db: db.exec(select(CannedFile.id)).one())
    ticket.as_(SATO).post(f"/admin/canned/{canned_id}", data=TYPED | {"without": file_id})
    answer = ticket.as_(BEN).post("/tickets/1/reply", data={"body": "承りました。", "canned_file": file_id})
    assert answer.status_code == 404 and len(ticket.messages(1)) == 1


@SQLITE
def test_numbers_nobody_has_and_what_is_none_do_no_harm(ticket: OpenDesk, postbox: Postbox) -> None:
    write(ticket)
    for asked in ("99", "x", "-1", "²", "9" * 30, ""):
        assert ticket.as_(BEN).get(f"/tickets/1?canned={asked}").status_code == (404 if asked == "99" else 200)
        ticket.as_(BEN).post("/tickets/1/reply", data={"body": f"承りました {asked}", "canned": asked,
                                                       "canned_file": "x"})  # fmt: skip
    assert replies(ticket)[0].uses == 0


@SQLITE
def test_after_sending_the_box_is_empty_again(ticket: OpenDesk, postbox: Postbox) -> None:
    page = f"https://desk.example.com/tickets/1?view=all&canned={write(ticket)}"
    answer = ticket.as_(BEN).post("/tickets/1/reply", data={"body": "承りました。"}, headers={"referer": page})
    assert str(answer.url).endswith("/tickets/1?view=all") and in_the_box(answer.text) == ""


# --- found


@pytest.mark.parametrize(
    "typed",
    ["返品", "ヘンピン", "ﾍﾝﾋﾟﾝ", "へんぴん", "ＨＥＮＰＩＮ", "/henpin", "承りました 返品", "return received", ""],
)
@SQLITE
def test_a_reply_is_found_by_any_words_of_it_however_they_are_typed(ticket: OpenDesk, typed: str) -> None:
    write(ticket, title="返品（ヘンピン）のご案内")
    write(ticket, title="別の件", text="配送", text_en="", trigger="")
    found = offered(ticket.as_(BEN).get("/tickets/1/canned", params={"q": typed}).text)
    assert {title.split(" ")[0] for title in found} == {"返品（ヘンピン）のご案内"} | (set() if typed else {"別の件"})
    rows = ticket.as_(SATO).get("/admin/canned", params={"q": typed}).text
    assert ("別の件" in rows) is (typed == "")


@SQLITE
def test_those_of_the_tickets_queue_come_first_and_then_what_is_used_most(ticket: OpenDesk, postbox: Postbox) -> None:
    write(ticket, title="どこでも", trigger="")
    often = write(ticket, title="よく使う", trigger="")
    write(ticket, title="返品の窓口", trigger="", queue_id=ticket.queue("returns").id)
    ticket.as_(BEN).post("/tickets/1/reply", data={"body": "承りました。", "canned": often})
    assert offered(ticket.as_(BEN).get("/tickets/1/canned").text) == ["返品の窓口", "よく使う", "どこでも"]


def test_replies_of_queues_an_agent_does_not_serve_are_not_there(ticket: OpenDesk, postbox: Postbox) -> None:
    theirs = write(ticket, files=[PDF], queue_id=ticket.queue("tech_support").id)
    file_id = ticket.read(lambda db: db.exec(select(CannedFile.id)).one())
    assert offered(ticket.as_(BEN).get("/tickets/1/canned").text) == []
    assert ticket.as_(BEN).get(f"/tickets/1?canned={theirs}").status_code == 404
    answer = ticket.as_(BEN).post("/tickets/1/reply", data={"body": "承りました。", "canned_file": file_id})
    assert answer.status_code == 404
    ticket.as_(BEN).post("/tickets/1/reply", data={"body": "承りました。", "canned": theirs})
    assert replies(ticket)[0].uses == 0
    assert offered(ticket.as_(SATO).get("/tickets/1/canned").text) == ["返品のご案内 /henpin 添付ファイル 1"]
    assert ticket.as_(AIKO).get("/tickets/1/canned").status_code == 404  # nor is the ticket


# --- by supervisors


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"title": " "}, "title", "タイトル"),
        ({"trigger": "a b"}, "trigger", "空白"),
        ({"trigger": "a/b"}, "trigger", "空白"),
        ({"trigger": "a" * 31}, "trigger", "30"),
        ({"trigger": "／ＫＮＯＷＮ"}, "trigger", "すでに"),
        ({"text": "", "text_en": " "}, "text", "入力"),
        ({"text": "こんにちは {custmer} 様"}, "text", "{custmer}"),
        ({"text_en": "Dear {customer.name}"}, "text_en", "{customer.name}"),
        ({"text": "｛顧客｝様"}, "text", "{顧客}"),
        ({"text": "x" * 20_001}, "text", "20,000"),
        ({"queue_id": "999"}, "queue_id", "選"),
        ({"queue_id": "x"}, "queue_id", "選"),
    ],
    ids=lambda value: str(value)[:40],
)
@SQLITE
def test_what_is_wrong_is_said_beside_its_field_and_stays_typed(
    desk: OpenDesk, changed: dict[str, str], field: str, words: str
) -> None:
    write(desk, trigger="known")
    answer = desk.as_(SATO).post("/admin/canned/new", data=TYPED | changed)
    assert answer.status_code == 422 and words in error_at(answer.text, field), error_at(answer.text, field)
    assert answer.text.count('class="field-error"') == 1 and len(replies(desk)) == 1
    kept = TYPED | changed
    assert field == "title" or f'value="{kept["title"]}"' in answer.text


@SQLITE
def test_the_names_that_are_filled_in_are_listed_beside_the_text(desk: OpenDesk) -> None:
    page = desk.as_(SATO).get("/admin/canned/new").text
    assert "{氏名様}" in part(page, "variables") and "直近のご注文" in text_of(part(page, "variables"))


@SQLITE
def test_a_reply_is_changed_with_its_files_and_keeps_its_own_short_word(desk: OpenDesk) -> None:
    canned_id = write(desk, files=[PDF, ("files", ("案内図.png", b"png", "image/png"))])
    first = desk.read(lambda db: db.exec(select(CannedFile.id)).first())
    more = [("files", ("新.txt", b"new", "text/plain"))]
    desk.clock.advance(hours=1)
    answer = desk.as_(SATO).post(
        f"/admin/canned/{canned_id}", data=TYPED | {"title": "新", "without": first}, files=more
    )
    assert answer.url.path == "/admin/canned"
    (reply,) = replies(desk)
    assert (reply.title, reply.trigger, reply.changed_at) == ("新", "henpin", desk.clock())
    assert desk.read(lambda db: list(db.exec(select(CannedFile.name)))) == ["案内図.png", "新.txt"]


@SQLITE
def test_too_many_files_are_refused_and_nothing_is_changed(desk: OpenDesk) -> None:
    canned_id = write(desk, files=[("files", (f"{n}.txt", b"x", "text/plain")) for n in range(9)])
    more = [("files", (f"more{n}.txt", b"x", "text/plain")) for n in range(2)]
    answer = desk.as_(SATO).post(f"/admin/canned/{canned_id}", data=TYPED | {"title": "新"}, files=more)
    assert answer.status_code == 422 and "10" in error_at(answer.text, "files")
    assert replies(desk)[0].title == TYPED["title"] and desk.count(CannedFile) == 9


def test_one_that_is_switched_off_is_offered_to_nobody_and_comes_back(ticket: OpenDesk) -> None:
    canned_id = write(ticket)
    ticket.as_(SATO).post(f"/admin/canned/{canned_id}/switch", data={"value": "off"})
    assert offered(ticket.as_(BEN).get("/tickets/1/canned").text) == []
    assert ticket.as_(BEN).get(f"/tickets/1?canned={canned_id}").status_code == 404
    assert "停止中" in part(ticket.as_(SATO).get("/admin/canned").text, "canned")
    ticket.as_(SATO).post(f"/admin/canned/{canned_id}/switch", data={"value": "on"})
    assert offered(ticket.as_(BEN).get("/tickets/1/canned").text) == ["返品のご案内 /henpin"]
    assert ticket.as_(SATO).post(f"/admin/canned/{canned_id}/switch", data={"value": "x"}).status_code == 422


def test_one_that_is_deleted_is_gone_with_its_files_and_what_was_sent_with_it_stays(
    ticket: OpenDesk, postbox: Postbox
) -> None:
    canned_id = write(ticket, files=[PDF])
    file_id = ticket.read(lambda db: db.exec(select(CannedFile.id)).one())
    form = {"body": "承りました。", "canned": canned_id, "canned_file": file_id}
    ticket.as_(BEN).post("/tickets/1/reply", data=form)
    ticket.as_(SATO).post(f"/admin/canned/{canned_id}/delete")
    assert ticket.count(CannedReply) == ticket.count(CannedFile) == 0
    ticket.post(ticket.messages(1)[-1])
    assert len(list(postbox.last.iter_attachments())) == 1


@SQLITE
def test_what_nobody_used_or_changed_for_ninety_days_is_marked(desk: OpenDesk) -> None:
    canned_id = write(desk)
    for days, marked in ((89, False), (91, True)):
        before = desk.clock() - timedelta(days=days)
        desk.write(lambda db, before=before: setattr(db.get(CannedReply, canned_id), "changed_at", before))
        assert ("90日以上" in desk.as_(SATO).get("/admin/canned").text) is marked


@SQLITE
def test_an_open_list_hears_of_every_change_and_use(ticket: OpenDesk, postbox: Postbox) -> None:
    screen = ticket.screen_of(SATO, "/admin/canned")
    canned_id = write(ticket)
    screen.check()
    ticket.as_(BEN).post("/tickets/1/reply", data={"body": "承りました。", "canned": canned_id})
    screen.check()
    assert "canned" in screen.stale


@SQLITE
def test_agents_neither_see_nor_touch_the_supervisors_pages(desk: OpenDesk) -> None:
    canned_id = write(desk)
    agent = desk.as_(AIKO)
    for path in ("/admin/canned", "/admin/canned/new", f"/admin/canned/{canned_id}"):
        assert agent.get(path).status_code == 403, path
    for path in ("new", f"{canned_id}", f"{canned_id}/switch", f"{canned_id}/delete"):
        answer = agent.post(f"/admin/canned/{path}", data=TYPED | {"value": "off"}, files=[PDF])
        assert answer.status_code == 403, path
    assert "/admin/canned" not in agent.get("/inbox").text
    assert [(reply.is_active, reply.title) for reply in replies(desk)] == [(True, TYPED["title"])]
    assert not (desk.settings.data / "attachments").exists()  # nor is a file of theirs kept


@SQLITE
def test_one_there_is_not_is_not_found(desk: OpenDesk) -> None:
    assert desk.as_(SATO).get("/admin/canned/7").status_code == 404
    for path in ("7", "7/switch", "7/delete"):
        assert desk.as_(SATO).post(f"/admin/canned/{path}", data=TYPED | {"value": "on"}).status_code == 404


# --- in a mail that begins a ticket --------------------------------------------------------------------------------

FIRST = {"to": TANAKA.email, "subject": "部品が届きました", "cc": "", "bcc": "", "later": "", "customer_id": ""}


def first_box(html: str) -> str:
    found = re.search(r'<textarea id="f-body"[^>]*>(.*?)</textarea>', html, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def begin(desk: OpenDesk, **more: Any) -> Any:
    return desk.as_(BEN).post("/tickets/new", data=FIRST | {"queue_id": str(desk.queue("returns").id)} | more)


def test_without_a_script_one_is_found_on_its_page_and_comes_into_the_new_mail_filled_in(
    desk: OpenDesk, postbox: Postbox
) -> None:
    canned_id = write(desk, files=[PDF], text="{customer_sama}\n{queue}の{agent}です。{order}、{ticket}")
    write(desk, title="ほか", trigger="", text="ほかのこと", text_en="")
    tanaka = desk.customer(TANAKA).id
    asked = f"/tickets/new?customer_id={tanaka}"
    assert f'href="/tickets/new/canned?customer_id={tanaka}"' in desk.as_(BEN).get(asked).text
    page = desk.as_(BEN).get(f"/tickets/new/canned?customer_id={tanaka}&q=henpin").text
    assert len(offered(page)) == 1 and f'name="customer_id" value="{tanaka}"' in page
    (link,) = re.findall(r'href="(/tickets/new\?[^"]*canned=\d+)#f-body"', page)
    page = desk.as_(BEN).get(unescape(link)).text
    body = "田中 美咲 様\n返品・交換のBen Carterです。A-1001、【受付番号？】"
    assert first_box(page) == body and "<mark>【受付番号？】</mark>" in page
    assert f'name="canned" value="{canned_id}"' in page
    (file_id,) = re.findall(r'name="canned_file" value="(\d+)" checked', page)
    answer = begin(desk, body=body.partition("A-")[0], canned=str(canned_id), canned_file=file_id)
    assert answer.url.path == "/tickets/1", text_of(answer.text)
    desk.post(desk.messages(1)[-1])
    (attached,) = postbox.last.iter_attachments()
    assert attached.get_filename() == "返品票.pdf"
    assert {reply.id: reply.uses for reply in replies(desk)}[canned_id] == 1


@SQLITE
def test_the_chosen_queues_come_first_and_those_of_other_peoples_queues_are_not_offered(desk: OpenDesk) -> None:
    write(desk, title="みんなの", trigger="")
    write(desk, title="返品の", trigger="", queue_id=str(desk.queue("returns").id))
    write(desk, title="技術の", trigger="", queue_id=str(desk.queue("tech_support").id))
    for queue_id in (desk.queue("returns").id, desk.queue("tech_support").id, "x", 10**12):
        page = desk.as_(BEN).get(f"/tickets/new/canned?queue_id={queue_id}").text
        assert offered(page) == ["返品の", "みんなの"], queue_id
    assert desk.as_(BEN).get("/tickets/new/canned?customer_id=999").status_code == 404


@SQLITE
def test_a_new_mail_that_was_halted_keeps_its_words_files_and_canned_reply_and_leaves_when_it_is_said_so(
    desk: OpenDesk, postbox: Postbox
) -> None:
    canned_id = write(desk, files=[PDF], text="鈴木様\n返品票です。")
    (file,) = desk.read(lambda db: db.exec(select(CannedFile)).all())
    form = {"body": "鈴木様\n返品票です。", "canned": str(canned_id), "canned_file": str(file.id),
            "customer_id": str(desk.customer(TANAKA).id)}  # fmt: skip
    halted = begin(desk, **form)
    assert halted.status_code == 422 and 'data-code="wrong_name"' in halted.text and not desk.tickets()
    assert first_box(halted.text) == form["body"] and f'value="{TANAKA.email}"' in halted.text
    (kept,) = re.findall(r'name="kept" value="([^"]+)" checked', halted.text)
    (word,) = re.findall(r'name="confirmed" value="(\w+)"', halted.text)
    assert halted.text.count(f'name="canned" value="{canned_id}"') == 1 and 'name="canned_file"' not in halted.text
    again = form | {"kept": unescape(kept), "confirmed": word}
    del again["canned_file"]
    changed = begin(desk, **again | {"body": "鈴木様\nべつの言葉です。"})
    assert changed.status_code == 422 and not desk.tickets()  # the word was for other words
    assert begin(desk, **again).url.path == "/tickets/1"
    desk.post(desk.messages(1)[-1])
    assert [each.get_filename() for each in postbox.last.iter_attachments()] == ["返品票.pdf"]
    assert replies(desk)[0].uses == 1


@SQLITE
def test_what_is_wrong_in_a_new_mail_costs_it_no_file(desk: OpenDesk) -> None:
    sent = {"attachments": ("図.txt", b"abc", "text/plain")}
    form = FIRST | {"queue_id": str(desk.queue("returns").id), "body": "はい", "to": "nobody"}
    wrong = desk.as_(BEN).post("/tickets/new", data=form, files=sent)
    assert wrong.status_code == 422 and "図.txt" in wrong.text
    (kept,) = re.findall(r'name="kept" value="([^"]+)" checked', wrong.text)
    assert begin(desk, body="はい", kept=unescape(kept)).url.path == "/tickets/1"
    assert "図.txt" in desk.as_(BEN).get("/tickets/1").text


@SQLITE
def test_what_was_answered_with_in_this_queue_is_offered_first_as_fitting(ticket: OpenDesk) -> None:
    for title in ("い 送料のご案内", "ろ 返品のご案内"):
        write(ticket, title=title, trigger="", text="ご案内いたします。")
    listed = ticket.as_(BEN).get("/tickets/1/canned").text
    assert "data-fit" not in listed, "nothing was ever sent"
    fitting = next(reply.id for reply in replies(ticket) if reply.title.startswith("ろ"))
    ticket.as_(BEN).post("/tickets/1/reply", data={"body": "ご案内いたします。", "canned": fitting})
    ticket.mail(SUZUKI, subject="返品について", body="炊飯器を返品したいです。", to=RETURNS_ADDRESS)
    listed = ticket.as_(BEN).get("/tickets/2/canned").text
    assert [each.split()[0] for each in offered(listed)] == ["ろ", "い"]
    assert re.findall(r'data-canned-offer="(\d+)"[^>]* data-fit', listed) == [str(fitting)]
