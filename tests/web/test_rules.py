"""Rules, macros and checklists as supervisors and agents meet them: pages without a script, sentences, use and undo."""

import hashlib
import hmac
import json
import re
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from helpdesk.errors import Rejected, Unreachable
from helpdesk.rules import making
from models import (
    ChecklistItem,
    ChecklistTemplate,
    FieldKind,
    Macro,
    Note,
    Parked,
    Post,
    Rule,
    RuleRun,
    Tag,
    Ticket,
    TicketField,
    TicketTag,
)
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def form_of(html: str) -> dict[str, Any]:
    """What the form of a page would send, as a browser reads it."""
    form = re.search(r'<form class="form card".*?</form>', html, re.DOTALL)
    assert form is not None, text_of(html)
    sent: dict[str, Any] = {}
    for tag in re.finditer(r"<input ([^>]*)>|<select ([^>]*)>(.*?)</select>|<textarea ([^>]*)>(.*?)</textarea>",
                           form[0], re.DOTALL):  # fmt: skip
        attributes = tag[1] or tag[2] or tag[4]
        name = re.search(r'name="([^"]*)"', attributes)
        if name is None or (re.search(r'type="checkbox"', attributes) and " checked" not in attributes):
            continue
        if tag[2]:
            offered = r'<option value="([^"]*)"'
            chosen = re.search(f"{offered} selected", tag[3]) or re.search(offered, tag[3])
            value = chosen[1] if chosen else ""
        elif tag[4]:
            value = tag[5]
        else:
            value = (re.search(r'value="([^"]*)"', attributes) or ["", ""])[1]
        sent.setdefault(name[1], []).append(unescape(value))
    return sent


def press(desk: OpenDesk, path: str, html: str, step: str, **typed: Any) -> Any:
    """Send the form as it stands, with some fields typed over, by one of its buttons."""
    return desk.as_(SATO).post(path, data=form_of(html) | typed | {"step": step})


def a_rule(desk: OpenDesk, *acts: dict[str, Any], trigger: str = "opened", is_on: bool = True, **more: Any) -> int:
    """A rule, made by the page's own verb."""

    def verb(db: Any) -> int:
        form = making.Form(name="規則", trigger=trigger, acts=list(acts), **more)
        kept = making.save(db, None, form, by=desk.agent(SATO), settings=desk.settings, now=desk.clock())
        making.switch(db, kept, is_on, by=desk.agent(SATO), now=desk.clock())
        return kept.id or 0

    number: int = desk.write(verb)
    return number


def a_macro(desk: OpenDesk, who: Any = SATO, **typed: Any) -> Any:
    answer = desk.as_(who).post("/admin/macros/new", data={"name": "返金の受付", "step": "save"} | typed)
    assert answer.status_code == 200, text_of(answer.text)
    return answer


def ticket(desk: OpenDesk, ticket_id: int = 1) -> Ticket:
    found: Ticket = desk.read(lambda db: db.get(Ticket, ticket_id))
    return found


def test_a_supervisor_puts_a_rule_together_line_by_line_without_a_script(desk: OpenDesk) -> None:
    path = "/admin/rules/new"
    html = desk.as_(SATO).get(path).text
    html = press(desk, path, html, "add-all", **{"all-new": "text"}).text
    html = press(desk, path, html, "add-any", **{"all-0-value": "返金、払い戻し", "any-new": "channel"}).text
    html = press(desk, path, html, "add-acts", **{"any-0-value": ["mail", "form"], "acts-new": "note"}).text
    html = press(desk, path, html, "add-acts", **{"acts-0-value": "{氏名} 様の返金", "acts-new": "move"}).text
    html = press(desk, path, html, "up-acts-1").text
    answer = press(desk, path, html, "save", name="返金", **{"acts-0-value": str(desk.queue("returns").id)})
    kept = desk.read(lambda db: db.exec(select(Rule)).one())
    assert answer.url.path == f"/admin/rules/{kept.id}" and not kept.is_active
    assert kept.all_of == [{"what": "text", "is": "contains", "value": ["返金", "払い戻し"]}]
    assert kept.any_of == [{"what": "channel", "is": "is", "value": ["mail", "form"]}]
    assert [each["do"] for each in kept.acts] == ["move", "note"]
    ja, en = re.findall(r'<p lang="\w\w">(.*?)</p>', answer.text, re.DOTALL)
    assert unescape(ja) == (
        "問い合わせが作成されたとき、件名・本文・通話メモに「返金」か「払い戻し」を含む、かつ（経路が「メール」か「フォーム」）"
        "なら、「返品・交換」へ移動し、メモ「{氏名} 様の返金」を残す。"
    )
    assert unescape(en) == (
        "When a ticket is opened, if subject, words or note of the call contains “返金” or “払い戻し”, and at the same "
        "time channel is “E-mail” or “Web form”: move it to “Returns”, then write the note “{氏名} 様の返金”."
    )
    desk.as_(SATO).post(f"/admin/rules/{kept.id}/switch", data={"value": "on"})
    desk.mail(body="返金してください。")
    assert desk.queue_of(ticket(desk)) == "returns"
    assert desk.read(lambda db: db.exec(select(Note.text)).all()) == [f"{TANAKA.name} 様の返金"]
    assert "ルール「返金」を実行しました" in text_of(desk.as_(SATO).get("/tickets/1").text)


@SQLITE
@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"name": ""}, "f-name-error", "タイトル"),
        ({"acts-0-do": "note", "acts-0-value": ""}, "acts-0-error", "入力"),
        ({"acts-0-do": "note", "acts-0-value": "{なぞ}"}, "acts-0-error", "なぞ"),
        ({"acts-0-do": "assign", "acts-0-value": "999"}, "acts-0-error", "別のもの"),
        ({"all-0-what": "text", "all-0-is": "contains", "all-0-value": " 、"}, "all-0-error", "入力"),
        ({"all-0-what": "confidence", "all-0-is": "at_least", "all-0-value": "八割"}, "all-0-error", "整数"),
        ({"trigger": "unanswered_for", "after": "0"}, "f-after-error", "1分"),
        ({"acts-0-do": "post", "acts-0-url": "http://127.0.0.1/"}, "acts-0-error", "社内ネットワーク"),
        ({"acts-0-do": "post", "acts-0-url": "ftp://example.com/"}, "acts-0-error", "https"),
        ({"acts-0-do": "", "acts-0-value": ""}, "acts-error", "実行する内容"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    standing_desk: OpenDesk, typed: dict[str, str], field: str, said: str
) -> None:
    whole = {"name": "規則", "trigger": "opened", "acts-0-do": "resolve", "step": "save"}
    answer = standing_desk.as_(SATO).post("/admin/rules/new", data=whole | typed)
    assert answer.status_code == 422 and said in text_of(part(answer.text, field)), text_of(part(answer.text, field))
    assert standing_desk.count(Rule) == 0


@SQLITE
def test_only_supervisors_see_and_change_rules(desk: OpenDesk) -> None:
    number = a_rule(desk, {"do": "resolve"})
    for path in ("/admin/rules", "/admin/rules/new", f"/admin/rules/{number}", f"/admin/rules/{number}/trial",
                 "/admin/rules/runs", "/admin/checklists"):  # fmt: skip
        assert desk.as_(BEN).get(path).status_code == 403, path
    for path in (f"/admin/rules/{number}/delete", f"/admin/rules/{number}/switch", "/admin/checklists/new"):
        assert desk.as_(BEN).post(path, data={"value": "off", "name": "x", "items": "y"}).status_code == 403, path
    assert desk.read(lambda db: db.get(Rule, number)).is_active


def test_a_trial_links_what_would_have_been_met(desk: OpenDesk) -> None:
    desk.mail(subject="返金の件", to=RETURNS_ADDRESS)
    number = a_rule(desk, {"do": "resolve"}, is_on=False)
    shown = desk.as_(SATO).get(f"/admin/rules/{number}/trial").text
    assert 'href="/tickets/1"' in shown and "1件が対象" in text_of(shown) and "解決済みにする" in text_of(shown)
    assert ticket(desk).state == "open"


def test_every_act_is_done_and_taken_back_on_the_page(desk: OpenDesk) -> None:
    def prepare(db: Any) -> tuple[int, int, int]:
        tag = Tag(name="返金", key="返金", created_at=desk.clock())
        serial = TicketField(key="serial", name="製造番号", name_en="Serial number", kind=FieldKind.TEXT,
                             created_at=desk.clock())  # fmt: skip
        steps = ChecklistTemplate(name="返品", items=["品物を確かめる", "返金する"], changed_at=desk.clock(),
                                  created_at=desk.clock())  # fmt: skip
        db.add_all([tag, serial, steps])
        db.flush()
        return tag.id or 0, serial.id or 0, steps.id or 0

    tag, serial, steps = desk.write(prepare)
    a_rule(
        desk, {"do": "prioritize", "value": "4"}, {"do": "tag", "value": tag}, {"do": "checklist", "value": steps},
        {"do": f"field:{serial}", "value": ["KZ-200"]}, {"do": "watch", "value": desk.agent(BEN).id},
        {"do": "assign", "value": desk.agent(BEN).id}, {"do": "pend", "value": 60},
    )  # fmt: skip
    desk.mail(to=RETURNS_ADDRESS)
    found = ticket(desk)
    told = (found.priority, found.state, found.assignee_id, found.is_watched)
    assert told == (4, "pending", desk.agent(BEN).id, True)
    assert desk.count(TicketTag) == 1 and desk.count(ChecklistItem) == 2
    page = desk.as_(SATO).get("/admin/rules/runs").text
    assert "タグ「返金」を付ける" in text_of(page) and "取り消し済み" not in text_of(page)
    assert desk.as_(SATO).post("/admin/rules/runs/1/undo").status_code == 200
    found = ticket(desk)
    assert (found.priority, found.state, found.assignee_id, found.is_watched) == (2, "open", None, False)
    assert desk.count(TicketTag) == 0
    assert desk.read(lambda db: [each.removed_at is None for each in db.exec(select(ChecklistItem))]) == [False, False]
    assert "取り消し済み" in text_of(desk.as_(SATO).get("/admin/rules/runs").text)


def test_a_macro_does_several_things_at_once_lays_its_reply_and_is_taken_back(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/canned/new", data={"title": "受付", "text": "承りました。"})
    a_macro(desk, **{"acts-0-do": "assign", "acts-0-value": "me", "acts-1-do": "prioritize", "acts-1-value": "3",
                     "acts-2-do": "reply", "acts-2-value": "1", "queue_id": desk.queue("returns").id})  # fmt: skip
    desk.mail(to=RETURNS_ADDRESS)
    shown = desk.as_(BEN).get("/tickets/1/macros").text
    says = "Assign it to whoever uses this, then set the priority to “High”, then lay “受付” into the reply box."
    assert says in text_of(shown)
    done = desk.as_(BEN).post("/tickets/1/macros", data={"macro_id": "1"})
    assert done.url.path == "/tickets/1"
    assert re.search(r'<textarea id="reply-1"[^>]*>承りました。</textarea>', done.text)
    assert (ticket(desk).assignee_id, ticket(desk).priority) == (desk.agent(BEN).id, 3)
    assert [each.direction for each in desk.messages(1)] == ["in"]
    assert desk.read(lambda db: db.get(Macro, 1)).uses == 1
    assert desk.as_(BEN).post("/admin/rules/runs/1/undo").status_code == 200
    assert (ticket(desk).assignee_id, ticket(desk).priority) == (None, 2)


@pytest.mark.parametrize("goes_on", ["here", "out of sight"])
def test_after_a_macro_the_line_says_all_that_is_taken_back_and_what_stays(desk: OpenDesk, goes_on: str) -> None:
    to = {"acts-3-do": "move", "acts-3-value": desk.queue("tech_support").id} if goes_on == "out of sight" else {}
    a_macro(desk, name="急ぎ", name_en="Rush", **{"acts-0-do": "note", "acts-0-value": "始めた",
            "acts-1-do": "prioritize", "acts-1-value": "4", "acts-2-do": "pend", "acts-2-value": "60"},
            **to)  # fmt: skip
    desk.mail(to=RETURNS_ADDRESS)
    page = desk.as_(BEN).post("/tickets/1/macros", data={"macro_id": "1"}).text
    done = part(page, "done-1")
    assert "Used “Rush”" in text_of(done) and "Priority set to top" in text_of(done)
    assert "Set to pending · " in text_of(done) and "The note stays when this is undone" in text_of(done)
    assert ("Moved to Tech support" in text_of(done)) == bool(to)
    event = re.search(r'name="event" value="(\d+)"', done)
    assert event
    page = desk.as_(BEN).post("/tickets/1/undo", data={"event": event[1]}).text
    assert "Taken back" in text_of(part(page, "done-1"))
    found = ticket(desk)
    assert (found.priority, found.state, desk.queue_of(found)) == (2, "open", "returns") and desk.count(Note) == 1


def test_a_macro_that_cannot_do_one_thing_does_none(desk: OpenDesk) -> None:
    a_macro(desk, **{"acts-0-do": "note", "acts-0-value": "始めた", "acts-1-do": "assign",
                     "acts-1-value": desk.agent(AIKO).id})  # fmt: skip
    desk.mail(to=RETURNS_ADDRESS)
    assert desk.as_(BEN).post("/tickets/1/macros", data={"macro_id": "1"}).status_code == 403
    assert desk.count(Note) == 0 and desk.count(RuleRun) == 0


@SQLITE
def test_ones_own_macro_is_nobody_elses(desk: OpenDesk) -> None:
    a_macro(desk, BEN, **{"acts-0-do": "resolve"})
    desk.mail(to=RETURNS_ADDRESS)
    assert "返金の受付" in desk.as_(BEN).get("/tickets/1/macros").text
    assert "返金の受付" not in desk.as_(SATO).get("/tickets/1/macros").text
    assert desk.as_(SATO).post("/tickets/1/macros", data={"macro_id": "1"}).status_code == 404
    assert desk.as_(AIKO).get("/admin/macros/1").status_code == 404
    assert desk.as_(BEN).post("/admin/macros/1/delete").status_code == 200
    assert "返金の受付" not in desk.as_(BEN).get("/tickets/1/macros").text
    desk.as_(BEN).post("/admin/macros/1/restore")
    assert "返金の受付" in desk.as_(BEN).get("/tickets/1/macros").text


@SQLITE
def test_what_nobody_used_for_ninety_days_is_listed_for_a_look(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/canned/new", data={"title": "古い定型文", "text": "承りました。"})
    desk.as_(SATO).post("/admin/checklists/new", data={"name": "古い手順", "items": "確かめる"})
    a_macro(desk, **{"acts-0-do": "resolve"})
    assert "見直しの候補" not in text_of(desk.as_(SATO).get("/admin/macros").text)
    desk.clock.advance(days=91)
    desk._clients.clear()  # nobody is still signed in after so long
    told = text_of(part(desk.as_(SATO).get("/admin/macros").text, "macros"))
    assert "見直しの候補" in told and "古い定型文" in told and "未使用" in told and "古い手順" in told


@SQLITE
def test_a_reply_that_was_sent_in_this_queue_is_suggested_first(desk: OpenDesk) -> None:
    for title in ("返品のご案内", "修理のご案内"):
        desk.as_(SATO).post("/admin/canned/new", data={"title": title, "text": f"{title}です。"})
    for number in (1, 2, 3):
        desk.mail(f"{number} <c{number}@example.com>", to=RETURNS_ADDRESS)
    for number in (1, 2):
        desk.as_(BEN).post(f"/tickets/{number}/reply", data={"body": "修理のご案内です。", "canned": 2})
    offered = re.findall(r'<a class="macro-offer"[^>]*><b>(.*?)</b>', desk.as_(BEN).get("/tickets/3/macros").text)
    assert offered == ["修理のご案内"]


@SQLITE
def test_a_checklist_has_a_step_a_line_and_comes_back_after_it_was_deleted(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/checklists/new", data={"name": "返品", "items": "品物を確かめる\n\n 返金する "})
    kept = desk.read(lambda db: db.exec(select(ChecklistTemplate)).one())
    assert kept.items == ["品物を確かめる", "返金する"]
    desk.as_(SATO).post("/admin/checklists/1/delete")
    assert "削除したチェックリスト" in text_of(desk.as_(SATO).get("/admin/checklists").text)
    desk.as_(SATO).post("/admin/checklists/1/restore")
    assert desk.read(lambda db: db.get(ChecklistTemplate, 1)).deleted_at is None
    empty = desk.as_(SATO).post("/admin/checklists/new", data={"name": "空", "items": " \n"})
    assert empty.status_code == 422 and "手順" in text_of(part(empty.text, "f-items-error"))


@SQLITE
def test_a_checklist_speaks_the_tickets_language_and_names_its_customer(desk: OpenDesk) -> None:
    steps = {"name": "返品", "items": "{氏名様}に確認する\n{商品名}を受け取る", "items_en": "Ask {customer}"}
    assert desk.as_(SATO).post("/admin/checklists/new", data=steps).status_code == 200
    assert desk.as_(SATO).post("/admin/checklists/new", data=steps | {"items": "{なにか}"}).status_code == 422
    a_rule(desk, {"do": "checklist", "value": 1})
    desk.mail(to=RETURNS_ADDRESS)
    desk.mail("Carol <carol@example.com>", body="Please tell me how to return my vacuum cleaner.", to=RETURNS_ADDRESS)
    laid = desk.read(lambda db: db.exec(select(ChecklistItem.ticket_id, ChecklistItem.text)).all())
    assert laid == [(1, "田中 美咲 様に確認する"), (1, "コードレス掃除機 KZ-200を受け取る"), (2, "Ask [customer?]")]


class Other(BaseHTTPRequestHandler):
    """Another system, which remembers what it was told and answers as it is told to."""

    heard: list[tuple[dict[str, str], bytes]] = []
    answer = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        type(self).heard.append((dict(self.headers), body))
        self.send_response(self.answer)
        self.send_header("location", "http://127.0.0.1:1/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@SQLITE
def test_another_system_is_told_once_signed_and_no_redirect_is_followed(desk: OpenDesk) -> None:
    desk.settings.rules_reach_private = True
    Other.heard = []
    server = HTTPServer(("127.0.0.1", 0), Other)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/hook?x=1"
        number = a_rule(desk, {"do": "post", "value": {"url": url, "fields": ["subject", "customer"]}})
        desk.mail(subject="返品", to=RETURNS_ADDRESS)
        post = desk.app.state.desk.jobs.by_name()["post_to_system"]
        for Other.answer, error in ((500, Unreachable), (302, Rejected), (200, None)):
            if error:
                with pytest.raises(error):
                    post(1)
            else:
                post(1)
                post(1)
        assert len(Other.heard) == 3
        headers, body = Other.heard[-1]
        told = json.loads(body)
        assert (told["id"], told["ticket"], told["subject"], told["customer"]["name"]) == (1, 1, "返品", TANAKA.name)
        page = desk.as_(SATO).get(f"/admin/rules/{number}").text
        secret = re.search(r"<code>([\w-]{20,})</code>", page)
        assert secret is not None
        signed = hmac.new(secret[1].encode(), headers["X-Desk-Time"].encode() + b"." + body, hashlib.sha256)
        assert headers["X-Desk-Signature"] == f"sha256={signed.hexdigest()}"
        desk.settings.rules_reach_private = False
        desk.mail(to=RETURNS_ADDRESS)
        with pytest.raises(Rejected, match="address_is_private"):
            post(2)
        assert len(Other.heard) == 3 and desk.read(lambda db: db.get(Post, 2)).sent_at is None
    finally:
        server.shutdown()
        server.server_close()


def test_what_another_system_could_not_be_told_is_set_aside_and_told_again(desk: OpenDesk) -> None:
    desk.settings.rules_reach_private = True
    Other.heard, Other.answer = [], 403
    server = HTTPServer(("127.0.0.1", 0), Other)
    Thread(target=server.serve_forever, daemon=True).start()
    jobs, inside = desk.app.state.desk.jobs.by_name(), desk.app.state.desk

    def give_up(post_id: int) -> None:
        with pytest.raises(Rejected) as refused:
            jobs["post_to_system"](post_id)
        inside.jobs.gave_up("post_to_system", [post_id], refused.value)

    try:
        url = f"http://127.0.0.1:{server.server_port}/hook"
        a_rule(desk, {"do": "post", "value": {"url": url, "fields": []}})
        for number in (1, 2, 3):
            desk.mail(to=RETURNS_ADDRESS)
            give_up(number)
        page = desk.as_(SATO).get("/admin/parked")
        assert text_of(page.text).count("相手のシステムに拒否されました。") == 3 and "HTTP 403" in page.text
        Other.answer = 200
        desk.as_(SATO).post("/admin/parked/2/replay")
        assert desk.as_(AIKO).post("/admin/parked/posts/replay").status_code == 403
        desk.as_(SATO).post("/admin/parked/posts/replay")
        table = "workflow_status" if desk.database.is_sqlite else "dbos.workflow_status"
        due = desk.read(lambda db: db.scalars(sa.text(f"SELECT workflow_uuid FROM {table}")).all())
        again = sorted(int(key.split(":")[1]) for key in due if ":again:" in key)
        assert again == [1, 2, 3]
        for post_id in again:
            jobs["post_to_system"](post_id)
        assert [headers["X-Desk-Post"] for headers, _ in Other.heard[3:]] == ["1", "2", "3"]
        assert desk.read(lambda db: [row.status for row in db.exec(select(Post))]) == [200] * 3
        assert "まとめて再送" not in desk.as_(SATO).get("/admin/parked").text
        assert desk.read(lambda db: {row.settlement for row in db.exec(select(Parked))}) == {"replayed"}
    finally:
        server.shutdown()
        server.server_close()


@SQLITE
def test_the_list_shows_rules_in_order_as_sentences_and_counts_what_they_did(desk: OpenDesk) -> None:
    a_rule(desk, {"do": "note", "value": "一"})
    a_rule(desk, {"do": "resolve"}, trigger="unanswered_for", after_minutes=240, in_hours=True, stops=True)
    desk.mail(to=RETURNS_ADDRESS)
    listed = part(desk.as_(SATO).get("/admin/rules").text, "rules")
    said = [unescape(each) for each in re.findall(r'<p class="rule-says">(.*?)</p>', listed)]
    assert said == [
        "問い合わせが作成されたとき、メモ「一」を残す。",
        "お客様への返信がないまま営業時間で4時間たったとき、解決済みにする。以降のルールは適用しません。",
    ]
    assert "直近30日で1回" in text_of(listed) and "待機中 1件" in text_of(listed)
    desk.as_(SATO).post("/admin/rules/2/move", data={"to": "up"})
    order = desk.read(lambda db: list(db.exec(select(Rule.id).order_by(col(Rule.position)))))
    assert order == [2, 1]
