"""What an agent does with a ticket on its page, and takes back with one click."""

import re
from typing import Any

import pytest
from sqlmodel import Session, col, select

from helpdesk import fields, tickets
from models import (
    Agent,
    ChecklistItem,
    FieldKind,
    FieldValue,
    Message,
    Note,
    Notification,
    NotificationKind,
    Tag,
    Ticket,
    TicketField,
    TicketState,
)
from tests.cast import AIKO, AKIRA, BEN, MONDAY, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, Person, part, text_of
from tests.patience import an_end

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def ticket_id(desk: OpenDesk) -> int:
    """Ms. Tanaka's, in tech support, Aiko's to answer."""
    desk.mail(TANAKA, subject="電源が入らない掃除機")
    tech = desk.queue("tech_support").id
    assert desk.as_(SATO).post("/tickets/1/move", data={"queue_id": tech}).status_code == 200
    assert desk.as_(AIKO).post("/tickets/1/assign", data={"agent_id": desk.agent(AIKO).id}).status_code == 200
    desk.clock.advance(minutes=20)  # what was done until now is not offered any more
    return 1


def does(desk: OpenDesk, person: Person, what: str, ticket_id: int = 1, **form: Any) -> str:
    """Send a form of the ticket's page, and return the page it leads to."""
    page = f"https://desk.example.com/tickets/{ticket_id}"
    answer = desk.as_(person).post(f"/tickets/{ticket_id}/{what}", data=form, headers={"referer": page})
    assert answer.status_code == 200, answer.text
    desk.clock.advance(seconds=2)
    return str(answer.text)


def offered(page: str, ticket_id: int = 1) -> tuple[str, str]:
    """The short line on the page, and the number its button names; "" where there is none."""
    line = part(page, f"done-{ticket_id}")
    found = re.search(r'name="event" value="(\d+)"', line)
    return text_of(line), found[1] if found else ""


def history(page: str) -> str:
    """The small lines of the conversation."""
    return " | ".join(text_of(each) for each in re.findall(r'<li class="entry" data-kind="fact".*?</li>', page, re.S))


def notified(desk: OpenDesk, person: Person) -> list[str]:
    """What somebody was told, oldest first."""
    rows = select(Notification).where(Notification.agent_id == desk.agent(person).id).order_by(col(Notification.id))
    return [row.kind.value for row in desk.read(lambda db: db.exec(rows).all())]


ACTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("priority", {"priority": "4"}, "優先度を「最優先」にしました", "さんが優先度を「最優先」にしました"),
    ("pend", {"until": "tomorrow"}, "保留にしました", "さんが保留にしました · 再開 2026/11/17(火) 09:00"),
    ("pend", {"until": "customer"}, "お客様から連絡があるまで保留にしました", "お客様からの連絡待ち"),
    ("tags", {"tag": "修理"}, "タグ「修理」を付けました", "さんがタグ「修理」を付けました"),
    ("checklist", {"do": "add", "item": "写真"}, "チェックリストに「写真」を追加しました", "に「写真」を追加しました"),
    ("watch", {}, "ウォッチを始めました", "さんがウォッチを始めました"),
    ("resolve", {}, "解決済み", "さんが解決済みにしました"),
    ("assign", {"agent_id": ""}, "担当者を外しました", "さんが担当を外しました"),
]


@SQLITE
@pytest.mark.parametrize(("what", "form", "line", "told"), ACTS, ids=[f"{act[0]}-{n}" for n, act in enumerate(ACTS)])
def test_every_act_is_told_with_its_way_back(
    desk: OpenDesk, ticket_id: int, what: str, form: dict[str, Any], line: str, told: str
) -> None:
    before = desk.tickets()[0]
    page = does(desk, AIKO, what, **form)
    words, event = offered(page)
    assert line in words and "取り消す" in words and event
    assert told in history(page)
    assert offered(desk.as_(SATO).get("/tickets/1").text) == ("", "")  # it is not a colleague's to be offered
    page = does(desk, AIKO, "undo", event=event)
    assert offered(page) == ("取り消し済み 閉じる", "")
    after = desk.tickets()[0]
    assert after.model_dump(exclude={"is_watched"}) == before.model_dump(exclude={"is_watched"})


def test_who_waited_when_a_ticket_was_resolved_waits_again_when_it_is_reopened(desk: OpenDesk, ticket_id: int) -> None:
    def waits_after_reopening() -> bool:
        does(desk, AIKO, "resolve")
        assert not desk.tickets()[0].awaits_us
        does(desk, AIKO, "reopen")
        return desk.tickets()[0].awaits_us

    assert waits_after_reopening()
    desk.reply(AIKO, 1, "コンセントをご確認ください。")
    assert not waits_after_reopening()


@SQLITE
def test_the_history_says_who_opened_a_ticket_again_and_where_nobody_did_that_it_is_open(
    desk: OpenDesk, ticket_id: int
) -> None:
    does(desk, AIKO, "resolve")
    assert f"{AIKO.name}さんが対応中に戻しました" in history(does(desk, AIKO, "reopen"))
    does(desk, AIKO, "resolve")
    first = desk.messages(1)[0].internet_id or ""
    desk.mail(TANAKA, subject="Re: 電源が入らない掃除機", body="まだ入りません。", headers={"In-Reply-To": first})
    assert "対応中に戻りました" in history(desk.as_(AIKO).get("/tickets/1").text)


def test_an_undo_that_comes_too_late_is_refused_in_plain_words(desk: OpenDesk, ticket_id: int) -> None:
    _, event = offered(does(desk, AIKO, "priority", priority="4"))
    does(desk, AKIRA, "priority", priority="1")
    page = does(desk, AIKO, "undo", event=event)
    assert "その後にほかの変更があったため、取り消せません" in page and desk.tickets()[0].priority == 1


def test_what_a_stranger_to_the_queue_posts_changes_nothing(desk: OpenDesk, ticket_id: int) -> None:
    _, event = offered(does(desk, AIKO, "priority", priority="4"))
    for what in ("priority", "pend", "tags", "fields", "checklist", "watch", "link", "split", "transfer", "undo"):
        answer = desk.as_(BEN).post(f"/tickets/1/{what}", data={"priority": "1", "event": event, "tag": "x",
                                                                "message_id": "1", "until": "customer"})  # fmt: skip
        assert answer.status_code == 404, what
    assert desk.tickets()[0].priority == 4 and desk.count(Tag) == 0


def test_who_hands_a_ticket_out_of_their_own_sight_can_take_it_back(desk: OpenDesk, ticket_id: int) -> None:
    page = does(desk, AIKO, "transfer", queue_id=desk.queue("returns").id, agent_id="", reason="返品のご希望です")
    assert "返品・交換へ移しました" in offered(page)[0]
    assert desk.as_(AIKO).get("/tickets/1").status_code == 404
    assert [note.text for note in desk.read(lambda db: db.exec(select(Note)).all())] == ["返品のご希望です"]
    answer = desk.as_(AIKO).post("/tickets/1/undo", data={"event": offered(page)[1]})
    assert answer.url.path == "/tickets/1" and answer.status_code == 200
    ticket = desk.tickets()[0]
    assert desk.queue_of(ticket) == "tech_support" and ticket.assignee_id == desk.agent(AIKO).id


@SQLITE
@pytest.mark.parametrize("way", ["transfer", "move", "macro"])
def test_what_goes_out_of_ones_sight_leads_back_to_the_list_it_was_opened_from(
    desk: OpenDesk, ticket_id: int, way: str
) -> None:
    returns = str(desk.queue("returns").id)
    made = {"name": "返品へ", "acts-0-do": "move", "acts-0-value": returns, "step": "save"}
    assert desk.as_(SATO).post("/admin/macros/new", data=made).status_code == 200
    path, form = {"transfer": ("transfer", {"queue_id": returns, "agent_id": "", "reason": "返品のご希望です"}),
                  "move": ("move", {"queue_id": returns}), "macro": ("macros", {"macro_id": "1"})}[way]  # fmt: skip
    page = "https://desk.example.com/tickets/1?view=mine&sort=oldest&after=x&notice=resolved"
    answer = desk.as_(AIKO).post(f"/tickets/1/{path}", data=form, headers={"referer": page}, follow_redirects=False)
    listed = answer.headers["location"]
    assert listed == "/inbox?view=mine&sort=oldest&after=x&notice=moved_away&left=1"
    listed = listed.replace("&after=x", "")
    shown = desk.as_(AIKO).get(listed).text
    assert 'data-view="mine"' in shown and 'data-sort="oldest"' in shown
    answer = desk.as_(AIKO).post("/tickets/1/undo", data={"event": offered(shown)[1]},
                                 headers={"referer": f"https://desk.example.com{listed}"})  # fmt: skip
    assert str(answer.url).endswith("/tickets/1?view=mine&sort=oldest") and answer.status_code == 200


def test_a_transfer_needs_a_reason_and_somewhere_to_go(desk: OpenDesk, ticket_id: int) -> None:
    returns, tech = desk.queue("returns").id, desk.queue("tech_support").id
    assert "理由を書いてください" in does(desk, AIKO, "transfer", queue_id=returns, agent_id="", reason=" ")
    page = does(desk, AIKO, "transfer", queue_id=tech, agent_id="", reason="x")
    assert "別のキューか別の担当者を選んでください" in page
    assert desk.queue_of(desk.tickets()[0]) == "tech_support" and desk.count(Note) == 0


# --- resting


def test_a_pending_ticket_wakes_when_its_time_comes_and_not_before(desk: OpenDesk, ticket_id: int) -> None:
    does(desk, AIKO, "pend", until="evening")
    until = desk.tickets()[0].pending_until
    assert until is not None and until.isoformat() == "2026-11-16T09:00:00+00:00"  # six in the evening in Tokyo
    wake = desk.app.state.desk.jobs.by_name()["wake_ticket"]
    with pytest.raises(Exception, match="not before"):
        wake(1, until.timestamp())
    assert desk.tickets()[0].state == TicketState.PENDING
    desk.clock.now = until
    wake(1, until.timestamp())
    assert desk.tickets()[0].state == TicketState.OPEN and desk.tickets()[0].pending_until is None
    assert "保留の期限が来たため、対応中に戻りました" in history(desk.as_(AIKO).get("/tickets/1").text)


def test_the_work_of_waking_is_due_with_the_fact_and_leaves_alone_what_moved_on(desk: OpenDesk, ticket_id: int) -> None:
    from sqlalchemy import text

    def due(db: Session) -> list[str]:
        where = "dbos.workflow_status" if not desk.database.is_sqlite else "workflow_status"
        rows = db.execute(text(f"SELECT workflow_uuid FROM {where} WHERE workflow_uuid LIKE 'wake:1:%'"))
        return [row[0] for row in rows]

    _, event = offered(does(desk, AIKO, "pend", until="tomorrow"))
    assert len(desk.read(due)) == 1
    until = desk.tickets()[0].pending_until
    assert until is not None
    does(desk, AIKO, "undo", event=event)
    does(desk, AIKO, "pend", until="three_days")
    desk.clock.now = until
    desk.app.state.desk.jobs.by_name()["wake_ticket"](1, until.timestamp())  # of the rest that was taken back
    assert desk.tickets()[0].state == TicketState.PENDING


def test_a_customer_who_writes_wakes_the_ticket_before_its_time(desk: OpenDesk, ticket_id: int) -> None:
    does(desk, AIKO, "pend", until="monday")
    desk.mail(TANAKA, subject="Re: [#1]", body="やはり動きません。")
    ticket = desk.tickets()[0]
    assert ticket.state == TicketState.OPEN and ticket.pending_until is None


@SQLITE
@pytest.mark.parametrize("form", [{"until": "date", "date": "2026-11-01"}, {"until": "date", "date": "2031-01-01"},
                                  {"until": "date", "date": "x"}, {"until": "yesterday"}, {}])  # fmt: skip
def test_a_day_that_is_none_or_has_passed_is_refused(desk: OpenDesk, ticket_id: int, form: dict[str, str]) -> None:
    page = does(desk, AIKO, "pend", **form)
    assert 'data-kind="error"' in page and desk.tickets()[0].state == TicketState.OPEN


# --- tags


def test_a_tag_is_one_however_it_is_spelled_and_is_suggested(desk: OpenDesk, ticket_id: int) -> None:
    for typed in ("Ｒｅｐａｉｒ", "#repair", " REPAIR "):
        does(desk, AIKO, "tags", tag=typed)
    assert [tag.key for tag in desk.read(lambda db: db.exec(select(Tag)).all())] == ["repair"]
    for typed in ("ｒｅ", "Re", "pair"):
        assert desk.as_(BEN).get(f"/tags?q={typed}").json() == {"tags": ["Ｒｅｐａｉｒ"]}
    assert desk.as_(BEN).get("/tags?q=x").json() == {"tags": []}


def test_supervisors_rename_merge_and_switch_tags_off(desk: OpenDesk, ticket_id: int) -> None:
    desk.mail(TANAKA, subject="別の件", to=RETURNS_ADDRESS)
    for number, name in ((1, "修理"), (1, "部品"), (2, "修理依頼")):
        does(desk, SATO, "tags", ticket_id=number, tag=name)
    sato = desk.as_(SATO)
    assert sato.post("/admin/tags/3", data={"do": "merge", "into": "1"}).status_code == 200
    assert sato.post("/admin/tags/1", data={"do": "rename", "name": "修理・点検"}).status_code == 200
    assert "修理・点検" in part(sato.get("/tickets/2").text, "side-2")
    here = {"referer": "https://desk.example.com/admin/tags"}
    assert "同じ名前のタグがあります" in sato.post("/admin/tags/2", data={"name": "修理・点検"}, headers=here).text
    sato.post("/admin/tags/2", data={"do": "off"})
    assert "このタグは停止中です" in does(desk, SATO, "tags", ticket_id=2, tag="部品")
    assert "部品" not in part(sato.get("/tickets/2").text, "side-2")
    assert "部品" in part(sato.get("/tickets/1").text, "side-1")  # where it was, it stays
    assert desk.as_(AIKO).get("/admin/tags").status_code == 403
    assert desk.as_(AIKO).post("/admin/tags/1", data={"name": "x"}).status_code == 403


def test_agents_make_tags_unless_a_supervisor_switched_that_off(desk: OpenDesk, ticket_id: int) -> None:
    does(desk, SATO, "tags", tag="修理")
    does(desk, SATO, "tags", remove="1")
    assert desk.as_(SATO).post("/admin/tags/making", data={"value": "off"}).status_code == 200
    assert "新しいタグを作れるのは管理者だけです" in does(desk, AIKO, "tags", tag="新しい言葉")
    page = does(desk, AIKO, "tags", tag="修理")
    assert "修理" in part(page, "side-1") and desk.count(Tag) == 1


# --- watchers and mentions


def test_watchers_hear_of_what_others_do_and_the_customer_writes(desk: OpenDesk, ticket_id: int) -> None:
    does(desk, AKIRA, "watch")
    does(desk, AIKO, "assign", agent_id="")
    does(desk, AIKO, "resolve")
    desk.mail(TANAKA, subject="Re: [#1]", body="まだ動きません。")
    assert notified(desk, AKIRA) == ["watched"] * 3
    does(desk, AKIRA, "resolve")  # one's own act is no news
    does(desk, AKIRA, "watch", remove=desk.agent(AKIRA).id)
    does(desk, AIKO, "reopen")
    does(desk, AIKO, "resolve")
    assert notified(desk, AKIRA) == ["watched"] * 3


@pytest.mark.parametrize("text", ["@木村 明 さん、確認を", "＠木村明さん確認", "至急@木村さん", "@きむら あきらさん"])
def test_who_is_called_in_a_note_is_told_and_watches(desk: OpenDesk, ticket_id: int, text: str) -> None:
    page = does(desk, AIKO, "note", body=text)
    assert notified(desk, AKIRA) == [NotificationKind.MENTIONED]
    assert "<mark>" in part(page, "note-entry-1") and "木村" in part(page, "side-1")


@SQLITE
@pytest.mark.parametrize("text", ["木村さんに聞いた", "kimura@木村.example", "@Benjamin", "@Ben が見る", "@田中さん"])
def test_a_name_without_a_mark_an_address_or_somebody_who_may_not_see_it_calls_nobody(
    desk: OpenDesk, ticket_id: int, text: str
) -> None:
    does(desk, AIKO, "note", body=text)
    assert desk.count(Notification) == 0


# --- splitting, links, duplicates


def test_a_message_becomes_a_ticket_of_its_own_and_comes_back_with_its_files(desk: OpenDesk, ticket_id: int) -> None:
    desk.mail(TANAKA, subject="Re: [#1]", body="別件ですが、領収書をください。")
    second = desk.messages(1)[-1]
    answer = desk.as_(AIKO).post("/tickets/1/split", data={"message_id": second.id})
    assert answer.url.path == "/tickets/2" and "領収書" in answer.text
    said = re.findall(r'<div class="bubble-text">.*?</div>', desk.as_(AIKO).get("/tickets/1").text)
    assert len(said) == 1 and "領収書" not in said[0]
    assert "#2 に分けました" in history(desk.as_(AIKO).get("/tickets/1").text)
    desk.mail(TANAKA, subject="Re: 領収書", body="宛名は田中です。", headers={"In-Reply-To": second.internet_id})
    assert [message.ticket_id for message in desk.messages()] == [1, 2, 2]  # the answer follows the message


def test_the_only_message_stays_and_what_we_wrote_too(desk: OpenDesk, ticket_id: int) -> None:
    page = does(desk, AIKO, "split", message_id=1)
    assert "何も残らなくなる" in page and desk.count(Ticket) == 1
    ours = desk.reply(AIKO, 1, "電源ボタンを五秒押してください。")
    does(desk, AIKO, "split", message_id=ours.id)
    assert desk.count(Ticket) == 1


def test_links_stand_on_both_pages_and_hide_what_the_viewer_may_not_see(desk: OpenDesk, ticket_id: int) -> None:
    desk.mail(TANAKA, subject="ひみつの返品", to=RETURNS_ADDRESS)
    assert 'data-kind="error"' in does(desk, AIKO, "link", other="2", reason="related")
    does(desk, SATO, "link", other="＃2", reason="child_of")
    here, there = (text_of(part(desk.as_(SATO).get(f"/tickets/{n}").text, f"links-{n}")) for n in (1, 2))
    assert "親 対応中 #2 ひみつの返品" in here and "子" in there and "#1" in there
    hidden = part(desk.as_(AIKO).get("/tickets/1").text, "links-1")
    assert "#2" in hidden and "ひみつの返品" not in hidden
    does(desk, SATO, "link", remove="2", reason="child_of")
    assert "親 対応中" not in text_of(part(desk.as_(SATO).get("/tickets/1").text, "links-1"))


def test_a_likely_duplicate_is_hinted_at_until_it_is_said_to_be_another_matter(desk: OpenDesk, ticket_id: int) -> None:
    page = desk.as_(AIKO).get("/tickets/1").text
    assert "同じ件かもしれません" not in page

    def again(db: Session) -> None:
        first = db.get_one(Ticket, 1)
        tickets.start(db, subject="Re: 電源が入らない掃除機です", channel=first.channel, queue_id=first.queue_id,
                      customer_id=first.customer_id, language="ja", now=MONDAY)  # fmt: skip

    desk.write(again)
    assert "同じ件かもしれません： #2" in text_of(desk.as_(AIKO).get("/tickets/1").text)
    _, event = offered(does(desk, AIKO, "link", other="2", reason="distinct"))
    assert "同じ件かもしれません" not in desk.as_(SATO).get("/tickets/1").text
    assert "同じ件かもしれません" not in desk.as_(SATO).get("/tickets/2").text
    assert "同じ件かもしれません" in does(desk, AIKO, "undo", event=event)
    page = does(desk, AIKO, "merge", into="2")
    words, event = offered(page)
    assert "#1 を #2 に統合しました" in words
    does(desk, AIKO, "undo", event=event)
    assert desk.tickets()[0].merged_into_id is None


# --- checklist


def test_a_checklist_is_written_ticked_reordered_and_emptied(desk: OpenDesk, ticket_id: int) -> None:
    does(desk, AIKO, "checklist", do="add", item="写真をもらう\n倉庫に聞く\n\n返送先を伝える")
    does(desk, AIKO, "checklist", do="tick:1")
    does(desk, AIKO, "checklist", do="up:3")
    page = does(desk, AIKO, "checklist", do="remove:2")
    items = text_of(part(page, "checklist-1"))
    assert "1/2" in items and items.index("写真をもらう") < items.index("返送先を伝える") and "倉庫" not in items
    assert 'aria-checked="true"' in part(page, "item-1")
    assert desk.as_(AIKO).post("/tickets/1/checklist", data={"do": "tick:99"}).status_code == 404
    assert desk.count(ChecklistItem) == 3


# --- the desk's own fields


def described(desk: OpenDesk, **told: Any) -> Any:
    """A supervisor describes a field."""
    return desk.as_(SATO).post("/admin/fields/new", data={"name": "製造番号", "key": "serial", "kind": "text"} | told)


def test_a_field_is_described_filled_in_and_required_to_resolve(desk: OpenDesk, ticket_id: int) -> None:
    described(desk, pattern="[A-Z]{2}-[0-9]+", is_required="1", hint="本体の裏にあります")
    page = desk.as_(AIKO).post("/tickets/1/resolve").text
    assert "解決済みにする前に入力してください：製造番号" in text_of(part(page, "notice"))
    assert "入力してください" in text_of(part(page, "fields-1")) and desk.tickets()[0].state == TicketState.OPEN
    refused = desk.as_(AIKO).post("/tickets/1/fields", data={"was-serial": "", "field-serial": "<b>12"})
    form = part(refused.text, "fields-1")
    assert refused.status_code == 422 and "決められた形式になっていません" in form and "&lt;b&gt;12" in form
    assert 'aria-invalid="true"' in form and desk.count(FieldValue) == 0
    page = does(desk, AIKO, "fields", **{"was-serial": "", "field-serial": " KZ-200 "})
    assert 'value="KZ-200"' in part(page, "fields-1") and "「製造番号」を入力しました" in offered(page)[0]
    does(desk, AIKO, "resolve")
    assert desk.tickets()[0].state == TicketState.RESOLVED


def test_a_condition_by_queue_channel_and_another_field_needs_no_script(desk: OpenDesk, ticket_id: int) -> None:
    described(desk, name="種別", key="kind", kind="choice", choices="broken = 故障 = Broken\nother = その他 = Other")
    described(desk, name="症状", key="symptom", **{"when-kind": "broken", "is_required": "1"})
    described(desk, name="店舗", key="shop", **{"when-queue": str(desk.queue("returns").id)})
    described(desk, name="折り返し", key="callback", kind="yes_no", **{"when-channel": "phone"})
    asked = text_of(part(desk.as_(AIKO).get("/tickets/1").text, "fields-1"))
    assert "種別" in asked and not any(word in asked for word in ("症状", "店舗", "折り返し"))
    page = does(desk, AIKO, "fields", **{"was-kind": "", "field-kind": "broken"})
    assert "症状" in part(page, "fields-1")
    assert desk.as_(AIKO).post("/tickets/1/resolve").status_code == 422
    assert desk.tickets()[0].state == TicketState.OPEN
    does(desk, AIKO, "fields", **{"was-kind": "broken", "field-kind": "other"})
    does(desk, AIKO, "resolve")  # what is not asked is not required
    assert desk.tickets()[0].state == TicketState.RESOLVED


@SQLITE
@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [("number", "１，２００．５０", "1200.5"), ("number", "-0", "0"), ("number", "12個", None), ("number", "1e9", None),
     ("number", "9" * 30, None), ("date", "2026/11/21", "2026-11-21"), ("date", "2026年11月21日", "2026-11-21"),
     ("date", "2026-02-30", None), ("choice", "a", "a"), ("choice", "z", None), ("yes_no", "yes", "yes"),
     ("yes_no", "maybe", None), ("text", "が" * 1001, None), ("text", "か\u3099", "が")],
)  # fmt: skip
def test_a_value_is_kept_as_it_is_compared_or_refused_beside_its_field(
    desk: OpenDesk, ticket_id: int, kind: str, typed: str, kept: str | None
) -> None:
    described(desk, kind=kind, choices="a\nb")
    answer = desk.as_(AIKO).post("/tickets/1/fields", data={"was-serial": "", "field-serial": typed})
    values = [row.value for row in desk.read(lambda db: db.exec(select(FieldValue)).all())]
    assert values == ([kept] if kept else [])
    assert (answer.status_code == 422) == (kept is None) == ("serial-error" in answer.text)


def test_what_a_colleague_wrote_in_another_field_meanwhile_stays(desk: OpenDesk, ticket_id: int) -> None:
    described(desk)
    described(desk, name="店舗", key="shop")
    does(desk, AKIRA, "fields", **{"was-serial": "", "field-serial": "KZ-1", "was-shop": "", "field-shop": ""})
    does(desk, AIKO, "fields", **{"was-serial": "", "field-serial": "", "was-shop": "", "field-shop": "本店"})
    rows = desk.read(lambda db: db.exec(select(FieldValue)).all())
    assert sorted(row.value for row in rows) == ["KZ-1", "本店"]


@SQLITE
@pytest.mark.parametrize(
    ("told", "wrong"),
    [({"name": " "}, "name"), ({"key": "あ"}, "key"), ({"key": "queue"}, "key"), ({"kind": "choice"}, "choices"),
     ({"kind": "choice", "choices": "a\na"}, "choices"), ({"pattern": "(["}, "pattern"),
     ({"pattern": "(a|a)+c"}, "pattern"), ({"pattern": "x" * 201}, "pattern")],
)  # fmt: skip
def test_a_field_that_is_described_wrongly_is_refused_beside_what_is_wrong(
    standing_desk: OpenDesk, told: dict[str, str], wrong: str
) -> None:
    answer = described(standing_desk, **told)
    assert answer.status_code == 422 and f'id="f-{wrong}-error"' in answer.text
    assert standing_desk.count(TicketField) == 0


SLOW = ("(.*a){25}", "(a|x|x)+c", "([a-zA-Z]+)*\\d", "(x+x+)+y", "((a{0,99}){0,99}){0,99}b")


@pytest.mark.parametrize("pattern", SLOW)
def test_a_pattern_that_would_never_end_is_given_up(pattern: str) -> None:
    field = TicketField(key="x", name="x", name_en="x", kind=FieldKind.TEXT, pattern=pattern, created_at=MONDAY)
    with an_end(), pytest.raises(Exception, match="not_the_pattern"):
        fields.clean(field, ["ax" * 490 + "!"])


def test_fields_are_reordered_and_switched_off_and_keep_what_was_said(desk: OpenDesk, ticket_id: int) -> None:
    described(desk)
    described(desk, name="店舗", key="shop", is_required="1")
    does(desk, AIKO, "fields", **{"was-shop": "", "field-shop": "本店"})
    sato = desk.as_(SATO)
    sato.post("/admin/fields/2/arrange", data={"do": "up"})
    listed = sato.get("/admin/fields").text
    assert listed.index("<b>店舗</b>") < listed.index("<b>製造番号</b>")
    sato.post("/admin/fields/2/arrange", data={"do": "off"})
    assert "店舗" not in part(desk.as_(AIKO).get("/tickets/1").text, "fields-1") and desk.count(FieldValue) == 1
    assert desk.as_(AIKO).get("/admin/fields").status_code == 403
    assert desk.as_(AIKO).post("/admin/fields/1/arrange", data={"do": "off"}).status_code == 403


# --- colleagues' pages


def test_what_is_done_appears_on_a_colleague_s_page(desk: OpenDesk, ticket_id: int) -> None:
    described(desk)
    screen = desk.screen_of(AKIRA, "/tickets/1")
    for what, form in (("priority", {"priority": "3"}), ("tags", {"tag": "修理"}), ("watch", {}),
                       ("checklist", {"item": "写真"}), ("fields", {"was-serial": "", "field-serial": "KZ"}),
                       ("pend", {"until": "customer"})):  # fmt: skip
        screen.stale.clear()
        does(desk, AIKO, what, **form)
        screen.check()
        assert "ticket-1" in screen.stale, what


def test_every_line_of_the_history_is_there_in_both_languages(desk: OpenDesk, ticket_id: int) -> None:
    described(desk, name_en="Serial number")
    for what, form in (("priority", {"priority": "3"}), ("tags", {"tag": "修理"}), ("tags", {"remove": "1"}),
                       ("watch", {}), ("checklist", {"item": "写真"}), ("checklist", {"do": "tick:1"}),
                       ("fields", {"was-serial": "", "field-serial": "KZ"}), ("pend", {"until": "tomorrow"}),
                       ("reopen", {})):  # fmt: skip
        does(desk, AIKO, what, **form)
    desk.write(lambda db: setattr(db.exec(select(Agent).where(Agent.email == AKIRA.email)).one(), "language", "en"))
    told = history(desk.as_(AKIRA).get("/tickets/1").text)
    for words in ("set the priority to high", "added the tag “修理”", "removed the tag “修理”", "watches this",
                  "added “写真” to the checklist", "ticked off “写真”", "filled in “Serial number”",
                  "set this to pending · Opens again Tue 17 Nov 2026, 09:00"):  # fmt: skip
        assert words in told, told
    assert not re.search(r"\b(ticket|item|field)_\w+", told)


def test_messages_of_the_conversation_are_all_there_after_a_split_is_taken_back(desk: OpenDesk, ticket_id: int) -> None:
    desk.mail(TANAKA, subject="Re: [#1]", body="別件ですが、領収書をください。")
    desk.as_(AIKO).post("/tickets/1/split", data={"message_id": 2})
    page = desk.as_(AIKO).get("/tickets/1").text
    does(desk, AIKO, "undo", event=offered(page)[1])
    assert [message.ticket_id for message in desk.read(lambda db: db.exec(select(Message)).all())] == [1, 1]
    assert desk.tickets()[1].merged_into_id == 1


def test_the_middle_of_a_long_run_of_changes_folds_and_stays_readable(desk: OpenDesk, ticket_id: int) -> None:
    for number in range(2):
        does(desk, AIKO, "priority", priority=str(3 + number))
    before = desk.as_(AIKO).get("/tickets/1").text
    assert 'class="fold"' not in before, "a short run is shown as it is"
    for number in range(6):
        does(desk, AIKO, "tags", tag=f"タグ{number}")
    page = desk.as_(AIKO).get("/tickets/1").text
    folds = re.findall(r'<details class="fold".*?</details>', page, re.S)
    every = re.findall(r'id="(fact-\d+)"', page)
    hidden = re.findall(r'id="(fact-\d+)"', folds[0])
    run = every[every.index(hidden[0]) - 1 :]
    assert len(folds) == 1 and hidden == run[1:-1] and f"変更 {len(hidden)}件" in text_of(folds[0])
    fold = re.search(r'id="(fold-\d+)"', page)
    does(desk, AIKO, "priority", priority="1")
    assert fold is not None and fold[1] in desk.as_(AIKO).get("/tickets/1").text, "who has opened it keeps it open"
