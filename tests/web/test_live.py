"""Live screens: what arrives equals what a reload shows, nothing is lost, and nobody hears what is not theirs."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from helpdesk import agents, checklists, fields, learning, links, schedules, splitting, tags, tickets, watchers
from helpdesk.events import emit
from helpdesk.exchanges import failed
from helpdesk.facts import AgentChanged, CallRinging, Fact
from helpdesk.notifications import tell
from helpdesk.products import rising
from models import (
    Agent,
    Call,
    Event,
    Exchange,
    ExchangeKind,
    FieldKind,
    Inbound,
    Membership,
    Message,
    NotificationKind,
    ProductWarning,
    Ticket,
    TicketField,
)
from tests.cast import (
    AIKO,
    AKIRA,
    BEN,
    MONDAY,
    PUBLIC_URL,
    RETURNS_ADDRESS,
    RETURNS_NUMBER,
    SATO,
    STRANGER,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
    Person,
    Screen,
    text_of,
)
from tests.exchanges import settle
from tests.mails import bounce
from tests.postbox import Postbox
from web import hub, live
from web.hub import BATCH, BEHIND
from web.lines import BUFFER, SLOW, Line, Said


def closed_with(desk: OpenDesk, query: str = "", *, cookies: Any = None, origin: str | None = PUBLIC_URL) -> int:
    """Try to open a socket that will be refused, and return the code it is closed with."""
    browser = TestClient(desk.app, base_url=PUBLIC_URL, cookies=cookies)
    browser.portal = desk.client.portal
    headers = {} if origin is None else {"origin": origin}
    with pytest.raises(WebSocketDisconnect) as closed:
        with browser.websocket_connect(f"wss://desk.example.com/live{query}", headers=headers) as socket:
            while True:
                socket.receive_json()
    return closed.value.code


# --- equal to a reload -------------------------------------------------------------------------------------------


def unreachable_asterisk(db: Session) -> None:
    """An exchange of which something is said."""
    row = Exchange(name="office", kind=ExchangeKind.ASTERISK, state_since=MONDAY, created_at=MONDAY)
    db.add(row)
    db.flush()
    failed(db, row.id or 0, "asterisk_unreachable", now=MONDAY)


def promised(desk: OpenDesk) -> None:
    """Something is promised, is at risk, is broken, and is due at another time after all."""
    sato = desk.as_(SATO)
    said = {"name": "標準", "first_response_minutes": "1:00", "at_risk_percent": "50"}
    assert sato.post("/admin/promises/new", data=said).status_code == 200
    desk.mail(subject="至急ではありません", to=RETURNS_ADDRESS)
    for _ in range(2):
        desk.clock.advance(minutes=30)
        desk.client.portal.call(desk.app.state.desk.rounds.look_out)
    assert sato.post("/admin/promises/1", data=said | {"first_response_minutes": "2:00"}).status_code == 200
    desk.app.state.desk.jobs.by_name()["recount_promises"]()


def mentioned(db: Session) -> None:
    """Somebody is told something."""
    tell(db, db.exec(select(Agent.id)).first() or 0, NotificationKind.MENTIONED, ticket_id=1, now=MONDAY)


def worked_on(db: Session) -> None:
    """Every verb on tickets, and most of them taken back."""
    sato = db.exec(select(Agent).where(Agent.email == SATO.email)).one()
    ticket, other = db.get_one(Ticket, 3), db.get_one(Ticket, 4)
    told: dict[str, Any] = {"by": sato, "now": MONDAY}
    tickets.prioritize(db, ticket, 4, **told)
    tickets.pend(db, ticket, MONDAY + timedelta(days=1), **told)
    tickets.reopen(db, ticket, now=MONDAY)
    tags.remove(db, ticket, tags.add(db, ticket, "修理", **told), **told)
    tags.add(db, other, "至急便", **told)
    links.link(db, ticket, other, "related", **told)
    links.unlink(db, ticket, other, "related", **told)
    links.link(db, ticket, other, "duplicates", **told)
    watchers.watch(db, ticket, sato, **told)
    watchers.unwatch(db, ticket, sato.id or 0, **told)
    item, *_ = checklists.add_items(db, ticket, ["写真をもらう", "倉庫に聞く"], **told)
    checklists.tick(db, ticket, item, True, **told)
    field = TicketField(key="serial", name="製造番号", name_en="Serial", kind=FieldKind.TEXT, created_at=MONDAY)
    db.add(field)
    db.flush()
    fields.set(db, ticket, field, ["KZ-1"], **told)
    own = db.get_one(Ticket, 1)
    mail = next(each for each in db.exec(select(Message).where(Message.ticket_id == own.id, Message.direction == "in")))
    splitting.split(db, own, mail, **told)


def a_day(desk: OpenDesk, postbox: Postbox) -> None:
    """A morning in which every fact is stated at least once."""
    returns, tech = desk.queue("returns").id, desk.queue("tech_support").id
    desk.ready(AIKO, BEN)
    desk.mail(subject="返品したい", to=RETURNS_ADDRESS)
    desk.mail("山本 <yamamoto@example.net>", subject="もう一つ", to=RETURNS_ADDRESS)
    for _ in range(2):  # the second stays urgent
        desk.mail(subject="至急", body="本日中に交換してください。店が開けません。", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/3/urgency", data={"impression": 3, "urgent": "no"})
    desk.as_(BEN).post("/tickets/1/note", data={"body": "確認中"})
    desk.post(desk.reply(BEN, 1, "承りました。"))
    desk.mail(raw=bounce(desk.messages(1)[-1].internet_id, "5.1.1"))
    desk.as_(BEN).post("/tickets/1/reachable", data={"address": TANAKA.email})
    postbox.refuses.add("yamamoto@example.net")
    with pytest.raises(Exception, match="smtp_refused"):
        desk.post(desk.reply(BEN, 2, "承りました。"))
    postbox.is_busy = True
    delayed = desk.reply(BEN, 1, "追ってご連絡します。")
    with pytest.raises(Exception, match="smtp_unreachable"):
        desk.post(delayed)
    desk.as_(BEN).post(f"/messages/{delayed.id}/undo")
    later = desk.as_(BEN).post("/tickets/1/reply", data={"body": "明日お届けします。", "later": "2026-11-17T09:00"})
    assert later.status_code == 200
    desk.mail(TANAKA, subject="Re: 返品したい [#1]", body="まだ届きません。", to=RETURNS_ADDRESS)
    desk.as_(BEN).post(f"/messages/{desk.messages(1)[-2].id}/later", data={"later": "2026-11-17T10:00"})
    desk.as_(BEN).post("/tickets/2/customer", data={"customer_id": desk.customer(TANAKA).id})
    desk.as_(BEN).post("/tickets/2/assign", data={"agent_id": ""})
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.as_(BEN).post("/tickets/1/reopen")
    desk.as_(BEN).post("/tickets/2/move", data={"queue_id": tech})
    desk.as_(AIKO).post("/tickets/2/move", data={"queue_id": returns})
    desk.as_(BEN).post("/tickets/2/resolve")
    desk.mail(STRANGER, subject="私の件 [#1]", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/5/merge", data={"into": "1"})
    desk.as_(BEN).post("/tickets/5/unmerge")
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
    desk.twilio.rings("CA-2", caller=STRANGER.phone)
    first, second = desk.call("CA-1").id, desk.call("CA-2").id
    desk.as_(BEN).post(f"/calls/{first}/accept")
    desk.as_(BEN).post(f"/calls/{first}/help", data={"hand": "up"})
    desk.as_(SATO).post(f"/queues/hands/{desk.agent(BEN).id}/lower")
    week = {"name": "平日", "timezone": "Asia/Tokyo", "holidays": "JP", "mon": "9:00-18:00"}
    assert desk.as_(SATO).post("/admin/calendars/new", data=week).status_code == 200
    desk.as_(AIKO).post(f"/calls/{second}/customer", data={"customer_id": desk.customer(TANAKA).id})
    desk.as_(AIKO).post(f"/calls/{second}/customer/undo")
    desk.as_(AIKO).post(f"/calls/{second}/customer/new", data={"name": "中村 葵"})
    desk.twilio.says("CA-leg", "in-progress", sequence=2, caller=TECH_NUMBER, to=AIKO.phone, parent="CA-2")
    desk.twilio.says("CA-2", "completed", sequence=3, caller=STRANGER.phone)
    desk.as_(AIKO).post(f"/calls/{second}/wrap-up", data={"note": "説明した", "disposition": "solved"})
    desk.as_(BEN).post(f"/customers/{desk.customer(TANAKA).id}/edit", data={"name": "田中 改め"})
    desk.twilio.rings("CA-3", caller="+815033334444")
    third = desk.call("CA-3").id
    desk.as_(SATO).post(f"/queues/{returns}/alarms", data={"alarm_waiting": "1"})
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)
    desk.as_(SATO).post(f"/calls/{third}/queue", data={"queue_id": returns})
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)
    desk.twilio.says("CA-3", "completed", sequence=3, caller="+815033334444")
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)
    desk.as_(BEN).post("/callbacks/1/assign", data={"agent_id": "me"})
    desk.as_(SATO).post(f"/agents/{desk.agent(AKIRA).id}/state", data={"to": "away meeting"})
    desk.as_(SATO).post("/queues/walls", data={"name": "入口"})
    asked = {"name": "急ぐもの", "all.priority": ["3", "4"], "sort": "priority_high", "column": ["queue", "tags"]}
    assert desk.as_(BEN).post("/views/new", data=asked).status_code == 200
    desk.as_(BEN).post("/bulk", data={"view": "all", "what": "priority", "priority": "3", "ticket": ["1", "3"]})
    desk.as_(SATO).post("/admin/mailboxes/new", data={
        "name": "サポート", "host": "localhost", "port": "1", "security": "tls", "auth": "password", "folder": "INBOX",
        "user": "support@desk.example.jp", "secret": "a password of some length", "after": "seen"})  # fmt: skip
    desk.as_(SATO).post("/admin/canned/new", data={"title": "お詫び", "text": "申し訳ございません。"})
    desk.as_(SATO).post("/admin/mail/domains/key", data={"domain": "desk.example.jp"})
    settle(desk, "push")
    desk.write(mentioned)
    desk.as_(AIKO).post("/notifications/read")
    survey = {"name": "解決後", "scale": "stars", "after": "resolved", "delay_minutes": "0", "rest_days": "0"}
    desk.as_(SATO).post("/admin/surveys/new", data=survey)
    desk.as_(SATO).post("/admin/surveys/new", data=survey | {"name": "年次", "after": "list"})
    desk.as_(SATO).post("/admin/segments/new", data={"name": "全員"})
    desk.as_(SATO).post("/admin/surveys/2/sendings", data={"segment_id": "1"})
    comments = {"file": ("a.csv", "コメント\nよかった\n".encode(), "text/csv")}
    desk.as_(SATO).post("/reports/feedback/import", files=comments)
    desk.as_(SATO).post("/reports/topics", data={"name": "店舗", "name_en": "Shop", "words": "店員"})
    assert desk.as_(SATO).get("/reports/feedback.csv").status_code == 200
    desk.write(signed)
    desk.write(worked_on)
    came_back(desk)
    reported(desk)
    ruled(desk)
    promised(desk)
    reviewed(desk)
    desk.write(unreachable_asterisk)
    desk.mail(raw=b"Subject: nobody\r\n\r\nx")
    desk.mail(raw=b"Subject: nobody either\r\n\r\nx")
    desk.mail(raw=b"Subject: nobody either\r\n\r\nx")  # which the desk had already
    desk.as_(SATO).post("/admin/parked/1/dismiss")
    desk.as_(SATO).post(f"/admin/queues/{tech}", data={"name": "技術サポート", "name_en": "Tech support",
                                                      "phone": TECH_NUMBER, "keywords": "異音",
                                                      "agent_id": [desk.agent(each).id for each in (AIKO, AKIRA)],
                                                      })  # fmt: skip
    desk.as_(SATO).post(f"/admin/queues/{returns}", data={
        "name": "返品・交換", "name_en": "Returns", "phone": RETURNS_NUMBER, "address": RETURNS_ADDRESS,
        "asks_safety": "1", "needs_approval": "1", "locks_reply": "1", "agent_id": [desk.agent(BEN).id]})  # fmt: skip
    for what in ("take", "release"):
        desk.as_(BEN).post("/tickets/3/lock", data={"what": what})
    awaiting = desk.reply(BEN, 3, "承りました。")
    returned = desk.reply(BEN, 4, "承りました。")
    desk.as_(SATO).post(f"/messages/{returned.id}/return", data={"reason": "日付もお願いします"})
    desk.as_(SATO).post(f"/messages/{awaiting.id}/approve")
    desk.reply(BEN, 4, "本日承りました。")
    registry = desk.app.state.desk.registry
    model, card = registry.files(registry.points_at())
    other = registry.keep(model.read_bytes(), json.loads(card.read_text()) | {"version": "another-version"})
    desk.write(lambda db: learning.ask(db, by=desk.agent(SATO), now=desk.clock()))
    desk.write(lambda db: learning.promote(db, registry, other, by=desk.agent(SATO), now=desk.clock()))


def came_back(desk: OpenDesk) -> None:
    """Something is sent back, and arrives."""
    sent_back = {"product": "掃除機", "reason": "1", "quantity": "1"}
    assert desk.as_(BEN).post("/tickets/1/returns", data=sent_back).status_code == 200
    desk.as_(BEN).post("/tickets/1/returns/1", data={"do": "received"})
    desk.write(warned)


def warned(db: Session) -> None:
    """Of a product there are more returns than before, and a supervisor has read so."""
    row = ProductWarning(product_id=1, what="returns", begins_at=MONDAY, ends_at=MONDAY, count=9, before=1,
                         days_before=56, p=0.001, tested=3, found_at=MONDAY, seen_at=MONDAY)  # fmt: skip
    db.add(row)
    db.flush()
    sato = db.exec(select(Agent).where(Agent.email == SATO.email)).one()
    rising.settle(db, row, "acknowledged", by=sato, now=MONDAY)


def reviewed(desk: OpenDesk) -> None:
    """What Ben answered is reviewed, and he says something to it."""
    desk.reply(BEN, 2, "お預かりしました。")
    desk.as_(SATO).post("/reviews/by-hand", data={"ticket": "2"})
    desk.as_(SATO).post("/reviews/1", data={"points-1": "4", "comment": "よくできました。"})
    desk.as_(BEN).post("/reviews/1/answer", data={"reply": "ありがとうございます。"})


def signed(db: Session) -> None:
    """Somebody signs in beside the browser that is open, and out; and somebody is not let in."""
    ben = agents.by_email(db, BEN.email)
    assert ben is not None
    agents.sign_out(db, agents.sign_in(db, ben, hours=1, now=MONDAY), now=MONDAY)
    agents.refused(db, BEN.email, now=MONDAY)


def reported(desk: OpenDesk) -> None:
    """A dashboard, a key for a program, a report that could not be mailed, and a shift."""
    shift = {"agent": str(desk.agent(AIKO).id), "day": "2026-11-20", "hours": "9:00-18:00"}
    assert desk.as_(SATO).post("/reports/staffing/shifts?week=0", data=shift).status_code == 200
    desk.as_(SATO).post("/reports/boards/new", data={"name": "朝会", "audience": "everybody"})
    desk.as_(SATO).post("/reports/boards/1/tiles", data={"part": "calls.figure.offered", "period": "today"})
    desk.as_(SATO).post("/admin/tokens", data={"name": "BI"})
    schedule = {"name": "週報", "report": "calls", "period": "last_week", "every": "week", "weekday": "0", "day": "1",
                "at": "08:00", "timezone": "Asia/Tokyo", "formats": ["xlsx"],
                "agents": [desk.agent(SATO).id]}  # fmt: skip
    assert desk.as_(SATO).post("/reports/schedules/new", data=schedule).status_code == 200
    desk.write(lambda db: schedules.enqueue_due(db, now=desk.clock() + timedelta(days=8)))
    desk.write(lambda db: schedules.given_up(db, 1, error="smtp_unreachable", now=desk.clock()))


def ruled(desk: OpenDesk) -> None:
    """A rule raises what is noted, which is taken back; a macro lowers it."""
    raises = {"name": "規則", "trigger": "noted", "acts-0-do": "prioritize", "acts-0-value": "4", "step": "save"}
    desk.as_(SATO).post("/admin/rules/new", data=raises)
    desk.as_(SATO).post("/admin/rules/1/switch", data={"value": "on"})
    desk.as_(BEN).post("/tickets/1/note", data={"body": "急ぎます"})
    desk.as_(SATO).post("/admin/rules/runs/1/undo")
    lowers = {"name": "下げる", "acts-0-do": "prioritize", "acts-0-value": "1", "step": "save"}
    desk.as_(SATO).post("/admin/macros/new", data=lowers)
    desk.as_(BEN).post("/tickets/1/macros", data={"macro_id": "1"})
    desk.as_(SATO).post("/admin/checklists/new", data={"name": "返品", "items": "品物を確かめる"})


SCREENS: list[tuple[Person, str]] = [
    (SATO, "/admin/rules"), (SATO, "/admin/rules/runs"), (SATO, "/admin/macros"), (SATO, "/admin/checklists"),
    (SATO, "/inbox"), (SATO, "/queues"), (SATO, "/admin/parked"), (SATO, "/admin/mail"), (SATO, "/approvals"),
    (SATO, "/callbacks"), (SATO, "/queues/alarms"), (SATO, "/queues/walls"),
    (SATO, "/queues/work"), (SATO, "/reviews"), (BEN, "/reviews/mine"),
    (BEN, "/reports/boards"),
    (SATO, "/reports/schedules"), (SATO, "/reports/staffing"), (SATO, "/admin/tokens"),
    (SATO, "/admin/promises"), (BEN, "/callbacks"),
    (SATO, "/calls"), (AIKO, "/inbox"), (AIKO, "/calls"),
    (AIKO, "/queues"), (BEN, "/inbox"), (BEN, "/inbox?view=mine"), (BEN, "/inbox?view=unassigned"),
    (BEN, "/inbox?view=resolved"), (BEN, "/inbox?view=urgent"), (BEN, "/inbox?view=queue-2"), (BEN, "/calls"),
    (AKIRA, "/inbox"), (AIKO, "/notifications"), (BEN, "/notifications"),
]  # fmt: skip


def test_after_a_day_of_every_fact_every_screen_is_what_a_reload_shows(desk: OpenDesk, postbox: Postbox) -> None:
    screens = [desk.screen_of(person, page) for person, page in SCREENS]
    a_day(desk, postbox)
    for screen in screens:
        screen.check()
        assert screen.reloads == 0
    desk.as_(SATO).post("/admin/guesses", data={"name": "urgency", "value": "off"})
    for screen in screens:  # on any page something may be gone now
        screen.sync()
        assert screen.reloads == 1
    desk.write(lambda db: fields.make(db, fields.Form(name="店舗"), by=desk.agent(SATO), now=MONDAY))
    for screen in screens:
        screen.sync()
        assert screen.reloads == 2
    orders = "注文番号,商品名,注文日,メール\nA-1001,替えブラシ,2026-10-27,\n"  # what was bought stands on any page
    taken = desk.as_(SATO).post("/admin/orders", files={"text": (None, orders), "take": (None, "1")})
    assert taken.status_code == 200
    for screen in screens:
        screen.sync()
        assert screen.reloads == 3
    stated = set(desk.read(lambda db: db.exec(select(Event.fact)).all()))
    assert stated == set(Fact.kinds), "a fact nobody's screen was tried with"


def test_a_screen_that_was_away_all_day_catches_up_from_its_last_number(desk: OpenDesk, postbox: Postbox) -> None:
    screens = [desk.screen_of(person, page) for person, page in SCREENS]
    for screen in screens:
        screen.sync()
        screen.close()
    a_day(desk, postbox)
    for screen in screens:
        back = again(desk, screen)
        back.check()
        assert back.reloads == 0


def again(desk: OpenDesk, screen: Screen) -> Screen:
    """The same page connects once more, with the last number it heard."""
    back = desk.screen_of(screen.person, screen.page, after=screen.number)
    back.loaded, back.cards, back.rows, back.places = screen.loaded, screen.cards, screen.rows, screen.places
    back.stale = screen.stale
    return back


def test_where_very_many_pages_are_open_each_is_told_to_look_at_its_rail_more_seldom(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, _ = desk.screen_of(AIKO), desk.screen_of(SATO)
    desk.mail(subject="一通目")
    screen.sync()
    monkeypatch.setattr(hub, "FETCHES_A_SECOND", 0.5)  # as four hundred pages where a hundred may
    desk.mail(subject="二通目")
    screen.sync()
    told = [frame for frame in screen.frames if {"stale": ["rail"]} in frame["do"]]
    assert [frame.get("pause") for frame in told] == [None, 4000]


def test_catching_up_twice_from_the_same_number_does_nothing_twice(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    screen = desk.screen_of(AIKO)
    number = screen.number
    desk.twilio.rings("CA-1")
    assert screen.pops == ["CA-1"]
    screen.number = number
    back = again(desk, screen)
    assert back.pops == ["CA-1"]
    back.check()


def test_what_happens_while_the_page_is_on_its_way_arrives_by_the_socket(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    before = desk.number()
    desk.twilio.rings("CA-1")
    late = desk.screen_of(AIKO, after=before)
    assert late.pops == ["CA-1"]


def test_a_ringing_call_s_card_comes_before_everything_else_and_once(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    first, second = desk.screen_of(AIKO), desk.screen_of(AKIRA, "/calls")
    desk.twilio.rings("CA-1")
    for screen in (first, second):
        assert screen.pops == ["CA-1"]
        done = [next(iter(step)) for frame in screen.frames for step in frame["do"]]
        assert done[0] == "put" and done.count("put") == 1 and "row" in done
        screen.check()


def test_a_record_edited_elsewhere_is_drawn_anew_in_rows_and_on_the_ringing_card(desk: OpenDesk) -> None:
    desk.ready(BEN)
    desk.mail(to=RETURNS_ADDRESS)
    screen, elsewhere = desk.screen_of(BEN), desk.screen_of(AKIRA)
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
    form = {"name": "田中 改め", "phones": TANAKA.phone, "addresses": TANAKA.email}
    assert desk.as_(BEN).post(f"/customers/{desk.customer(TANAKA).id}/edit", data=form).status_code == 200
    assert "田中 改め" in screen.card("CA-1")
    assert screen.rows and all("田中 改め" in text_of(row) for row in screen.rows.values())
    screen.check()
    assert elsewhere.tickets == [] and elsewhere.cards == {}


def test_the_next_word_about_a_call_draws_its_card_again(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    screen = desk.screen_of(AIKO)
    desk.twilio.rings("CA-1")
    ringing = screen.card("CA-1")
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/accept")
    assert screen.card("CA-1") != ringing
    screen.check()


def test_a_card_that_cannot_be_drawn_at_once_neither_stops_the_call_nor_is_lost(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ready(AIKO)
    screen = desk.screen_of(AIKO)

    def breaks(*_: Any, **__: Any) -> None:
        raise ValueError("a template went wrong")

    with monkeypatch.context() as broken:
        broken.setattr(live, "pops_of", breaks)
        assert desk.twilio.rings("CA-1").status_code == 200
    assert screen.pops == ["CA-1"]
    screen.check()


def test_a_rehearsed_call_leaves_nothing_behind(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    screen, number = desk.screen_of(AIKO), desk.number()
    drawn: list[Fact] = []
    desk.client.portal.call(desk.app.state.desk.doors.rehearse, lambda db: drawn.extend(db.info["facts"]))
    assert any(isinstance(fact, CallRinging) for fact in drawn) and desk.number() == number and screen.pops == []
    assert desk.read(lambda db: [*db.exec(select(Call)), *db.exec(select(Inbound)), *db.exec(select(Ticket))]) == []


def test_a_screen_too_far_behind_is_told_to_reload(desk: OpenDesk) -> None:
    screen = desk.screen_of(AIKO)
    start = screen.number
    screen.close()

    def many(db: Session, count: int) -> None:
        for _ in range(count):
            emit(db, AgentChanged(agent_id=desk.agent(BEN).id or 0, at=MONDAY))

    desk.write(many, BEHIND)
    within = desk.screen_of(AIKO, after=start)
    within.sync()
    assert within.reloads == 0
    desk.write(many, 1)
    beyond = desk.screen_of(AIKO, after=start)
    beyond.sync()
    assert beyond.reloads == 1 and beyond.number == desk.number()


def test_a_page_of_another_time_is_told_to_reload(desk: OpenDesk) -> None:
    ahead = desk.screen_of(AIKO, after=desk.number() + 1000)
    assert ahead.socket.receive_json()["do"] == [{"reload": True}]


def test_a_number_that_is_none_starts_from_now(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    for number, after in enumerate(("", "x", "-1", "²", "9" * 30, "1e3", "%00")):
        address = f"wss://desk.example.com/live?after={after}"
        with desk.as_(AIKO).websocket_connect(address, headers={"origin": PUBLIC_URL}) as socket:
            desk.twilio.rings(f"CA-{number}")
            while not any("put" in step for step in socket.receive_json()["do"]):
                pass


# --- who may hear ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://evil.example.net", "null", "https://desk.example.com.evil.example.net"])
def test_a_socket_of_another_site_is_refused_though_the_cookie_is_right(desk: OpenDesk, origin: str) -> None:
    assert closed_with(desk, cookies=desk.as_(AIKO).cookies, origin=origin) == 4403


def test_a_socket_of_the_signed_out_is_refused(desk: OpenDesk) -> None:
    assert closed_with(desk) == 4401
    assert closed_with(desk, cookies={"__Host-desk": "made up"}) == 4401


def test_a_login_that_ended_is_refused(desk: OpenDesk) -> None:
    cookies = desk.as_(AIKO).cookies
    desk.clock.advance(hours=desk.settings.login_hours + 1)
    assert closed_with(desk, cookies=cookies) == 4401


def test_the_browser_cannot_name_what_it_hears(desk: OpenDesk) -> None:
    desk.ready(AIKO, BEN)
    wishes = "topics=queue:2,supervisors&topic=supervisors&agent=3&queue=2&role=supervisor"
    address = f"wss://desk.example.com/live?after=0&{wishes}"
    with desk.as_(AIKO).websocket_connect(address, headers={"origin": PUBLIC_URL}) as socket:
        socket.send_json({"subscribe": ["queue:2", "supervisors"]})
        socket.send_bytes(b"\xff\x00")
        desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
        desk.mail(to=RETURNS_ADDRESS)
        desk.client.portal.call(desk.app.state.hub.tell_number)
        heard: list[Any] = []
        while not heard or heard[-1]["n"] < desk.number():
            heard.append(socket.receive_json())
    assert not any({"put", "row"} & set(step) for frame in heard for step in frame["do"])
    assert TANAKA.name not in json.dumps(heard, ensure_ascii=False)


def test_who_no_longer_serves_a_queue_is_disconnected_and_comes_back_with_fewer_ears(desk: OpenDesk) -> None:
    screen = desk.screen_of(BEN)
    ben, returns = desk.agent(BEN), desk.queue("returns")

    def leave(db: Session) -> None:
        db.delete(db.get(Membership, (returns.id, ben.id)))
        emit(db, AgentChanged(agent_id=ben.id or 0, at=MONDAY))

    desk.write(leave)
    with pytest.raises(WebSocketDisconnect) as closed:
        while True:
            screen.apply(screen.socket.receive_json())
    assert closed.value.code == 4409
    back = desk.screen_of(BEN)
    desk.mail(to=RETURNS_ADDRESS)
    assert back.tickets == []


def test_a_moved_tickets_words_do_not_reach_the_queue_it_left(desk: OpenDesk) -> None:
    desk.mail(subject="返品したい", to=RETURNS_ADDRESS)
    ben, aiko, sato = desk.screen_of(BEN), desk.screen_of(AIKO), desk.screen_of(SATO)
    desk.as_(SATO).post("/tickets/1/move", data={"queue_id": desk.queue("tech_support").id})
    desk.mail(TANAKA, subject="Re: 返品したい [#1]", body="秘密の言葉", to=RETURNS_ADDRESS)
    assert desk.messages(1)[-1].reply_text == "秘密の言葉"
    assert (ben.tickets, aiko.tickets, sato.tickets) == ([], [1], [1])
    heard = json.dumps(ben.frames, ensure_ascii=False)
    assert "秘密の言葉" not in heard and "html" not in heard
    assert "秘密の言葉" in json.dumps(aiko.frames, ensure_ascii=False)
    for screen in (ben, aiko, sato):
        screen.check()


def test_what_is_said_in_a_moved_tickets_call_reaches_whoever_sees_the_ticket_now(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/accept")
    desk.as_(SATO).post("/tickets/1/move", data={"queue_id": desk.queue("returns").id})
    ben, inbox = desk.screen_of(BEN, "/tickets/1"), desk.screen_of(BEN)
    form = {"note": "返品の相談", "disposition": "follow_up"}
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/wrap-up", data=form)
    ben.check()
    inbox.check()
    assert "返品の相談" in inbox.rows["row-1"]


def test_supervisors_hear_of_every_queue(desk: OpenDesk) -> None:
    sato = desk.screen_of(SATO)
    for number, queue in enumerate(("returns", "tech_support", "billing", "shipping", "general", "triage"), 1):
        desk.mail(subject=f"{number}", message_id=f"<{number}@example.com>")
        desk.as_(SATO).post(f"/tickets/{number}/move", data={"queue_id": desk.queue(queue).id})
    assert sato.tickets == [1, 2, 3, 4, 5, 6]
    sato.check()


def test_everybody_hears_in_their_own_language(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/account", data={"language": "en", "theme": ""})
    desk.ready(AIKO)
    aiko, sato = desk.screen_of(AIKO), desk.screen_of(SATO)
    desk.mail(subject="先日の件", body="お送りします。")
    aiko.check()
    sato.check()
    assert "振り分け待ち" in aiko.rows["row-1"] and "Triage" in sato.rows["row-1"]


# --- a socket that cannot keep up --------------------------------------------------------------------------------


def test_a_slow_socket_holds_no_more_than_its_buffer_and_is_closed() -> None:
    async def fill() -> list[Any]:
        line = Line(1, "token", "ja", frozenset(), 0)
        for number in range(BUFFER + 50):
            line.put(Said(str(number)))
            assert line.outbox.qsize() <= BUFFER
        return [line.outbox.get_nowait() for _ in range(line.outbox.qsize())]

    held = asyncio.run(fill())
    assert held[0] == SLOW and len(held) <= 50


def test_nothing_overtakes_what_a_line_still_has_to_catch_up_with() -> None:
    """A frame's number says "up to here I know everything": one that came first would hide what was missed."""

    async def fill() -> list[Any]:
        line = Line(1, "token", "ja", frozenset(), 0)
        line.held = []
        line.put(Said("later"))
        assert line.outbox.empty()
        line.begin(Said("missed"))
        line.put(Said("last"))
        items = [line.outbox.get_nowait() for _ in range(line.outbox.qsize())]
        return [item.text for item in items if isinstance(item, Said)]

    assert asyncio.run(fill()) == ["missed", "later", "last"]


def test_numbers_are_told_on_a_quiet_page_so_that_a_short_break_costs_no_reload(desk: OpenDesk) -> None:
    screen = desk.screen_of(AKIRA)
    fact = AgentChanged(agent_id=desk.agent(BEN).id or 0, at=MONDAY)
    desk.write(lambda db: [emit(db, fact) for _ in range(3 * BATCH)])
    screen.sync()
    assert screen.number == desk.number() and screen.reloads == 0


def test_only_ids_and_codes_travel_beside_the_fragments(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.twilio.rings("CA-1")
    desk.mail()
    aiko.sync()
    for frame in aiko.frames:
        assert set(frame) == {"n", "do"}
        for step in frame["do"]:
            step = {name: value for name, value in step.items() if name != "html"}
            assert TANAKA.name not in json.dumps(step, ensure_ascii=False), step
