"""What an agent is told: on the page, by mail and by push, each as they chose; and nobody else hears of it."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlmodel import Session, col, select

from helpdesk import notifications, pushes
from helpdesk.errors import Unreachable
from helpdesk.settings import Settings
from models import Login, Notification, NotificationKind, Parked, PushKey, PushSubscription, Queue
from tests.cast import (
    AIKO,
    AKIRA,
    BEN,
    DESK_ADDRESS,
    PUBLIC_URL,
    RETURNS_ADDRESS,
    SATO,
    TANAKA,
    OpenDesk,
    Person,
    part,
    text_of,
)
from tests.helpdesk.test_events import due
from tests.patience import until
from tests.postbox import Postbox
from tests.pushbox import Browser, Pushbox


@pytest.fixture
def pushbox(settings: Settings) -> Iterator[Pushbox]:
    """The push service this desk is told of."""
    with Pushbox() as opened:
        settings.push_services = [opened.origin]
        yield opened


def tell(desk: OpenDesk, person: Person, kind: NotificationKind = NotificationKind.MENTIONED, **about: Any) -> None:
    agent_id = desk.agent(person).id or 0
    desk.write(lambda db: notifications.tell(db, agent_id, kind, now=desk.clock(), **about))


def subscribe(desk: OpenDesk, person: Person, browser: Browser) -> Any:
    desk.as_(person).post("/account/push/key")
    return desk.as_(person).post("/account/push", json={"what": "start", "subscription": browser.subscription()})


def leave(desk: OpenDesk) -> None:
    """Everybody's pages were closed some minutes ago."""

    def verb(db: Session) -> None:
        for login in db.exec(select(Login)):
            login.seen_at -= timedelta(minutes=10)

    desk.write(verb)


def keys(desk: OpenDesk, kind: str) -> list[str]:
    return [key for key in due(desk.database) if key.startswith(kind)]


def mail_agents(desk: OpenDesk) -> None:
    """The minute is over."""
    assert desk.client.portal is not None
    desk.client.portal.call(desk.app.state.desk.rounds.mail_agents)


def run_pushes(desk: OpenDesk) -> None:
    """Do the work that is due, here and now."""
    for key in keys(desk, "push:"):
        _, what, number, subscription = key.split(":")
        lasts = pushes.CALL_LASTS if what == "call" else pushes.NEWS_LASTS
        desk.app.state.desk.jobs.by_name()["send_push"](
            int(subscription), what, int(number), (desk.clock() + lasts).isoformat()
        )


# --- on the page


def test_whoever_is_given_a_ticket_or_answered_there_is_told_and_nobody_of_their_own_doing(desk: OpenDesk) -> None:
    message_id = desk.mail(subject="電源が入りません")
    aiko = desk.agent(AIKO)
    desk.as_(AIKO).post("/tickets/1/assign", data={"agent_id": aiko.id})
    assert desk.count(Notification) == 0
    desk.as_(AIKO).post("/tickets/1/assign", data={"agent_id": ""})
    desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": aiko.id})
    desk.mail(subject="Re: 電源が入りません", headers={"In-Reply-To": message_id})
    page = text_of(desk.as_(AIKO).get("/notifications").text)
    assert "お客様から返信がありました" in page and f"{SATO.name}さんがあなたを担当にしました" in page
    assert "電源が入りません" in page
    assert desk.as_(AKIRA).get("/notifications").text.count("told-line") == 0


def test_the_bell_counts_what_is_unread_and_following_one_reads_it(desk: OpenDesk) -> None:
    desk.mail()
    tell(desk, AIKO, ticket_id=1)
    tell(desk, AIKO, NotificationKind.AT_RISK, ticket_id=1)
    screen = desk.screen_of(AIKO)
    assert 'data-unread="2"' in screen.loaded
    assert str(desk.as_(AIKO).get("/notifications/1").url).endswith("/tickets/1")
    screen.sync()
    assert {"bell", "notifications"} <= screen.stale
    assert 'data-unread="1"' in desk.as_(AIKO).get("/notifications/bell").text
    desk.as_(AIKO).post("/notifications/read", data={"id": 1, "as": "unread"})
    assert 'data-unread="2"' in desk.as_(AIKO).get("/notifications/bell").text
    assert "すべて既読にする" in part(desk.as_(AIKO).get("/notifications").text, "notifications")
    desk.as_(AIKO).post("/notifications/read")
    assert 'data-unread="0"' in desk.as_(AIKO).get("/inbox").text
    assert "すべて既読にする" not in desk.as_(AIKO).get("/notifications").text, "nothing is left to mark"


def test_nobody_reads_what_another_was_told(desk: OpenDesk) -> None:
    tell(desk, AIKO)
    assert desk.as_(BEN).get("/notifications/1").status_code == 404
    desk.as_(BEN).post("/notifications/read", data={"id": 1})
    desk.as_(BEN).post("/notifications/read")
    assert 'data-unread="1"' in desk.as_(AIKO).get("/notifications/bell").text


def test_of_a_ticket_that_is_out_of_sight_no_word_is_shown(desk: OpenDesk) -> None:
    desk.mail(subject="返品の秘密", to=RETURNS_ADDRESS)
    tell(desk, AIKO, ticket_id=1)
    page = desk.as_(AIKO).get("/notifications").text
    assert "told-line" in page and "返品の秘密" not in page and "/tickets/1" not in page


def test_what_is_switched_off_for_the_page_is_neither_listed_nor_counted(desk: OpenDesk) -> None:
    answer = desk.as_(AIKO).post("/account/telling", data={"ways_mentioned": ["mail"], "shortcuts": "1"})
    assert answer.status_code == 200
    tell(desk, AIKO)
    assert 'data-unread="0"' in desk.as_(AIKO).get("/notifications").text
    refused = desk.as_(AIKO).post("/account/telling", data={"quiet_from": "20:00"})
    assert refused.status_code == 422 and "開始と終了の両方" in refused.text and 'value="20:00"' in refused.text


def test_the_desktop_is_told_the_newest_unless_it_is_switched_off_or_the_hours_are_quiet(desk: OpenDesk) -> None:
    desk.mail(subject="電源")
    tell(desk, AIKO, ticket_id=1)
    assert desk.as_(AIKO).get("/notifications/newest").json()["body"] == "#1 電源"
    desk.as_(AIKO).post("/account/telling", data={"ways_mentioned": ["desktop"]})
    assert desk.as_(AIKO).get("/notifications/newest").json()["body"] == "#1 電源", "on the desktop alone, too"
    desk.as_(AIKO).post("/account/telling", data={"ways_mentioned": ["page"]})
    assert desk.as_(AIKO).get("/notifications/newest").json() == {}
    quiet = {"ways_mentioned": ["page", "desktop"], "quiet_from": "09:00", "quiet_until": "18:00"}
    desk.as_(AIKO).post("/account/telling", data=quiet)  # it is ten in the morning
    assert desk.as_(AIKO).get("/notifications/newest").json() == {}


# --- by mail


def test_what_was_not_read_is_mailed_once_and_at_most_hourly(desk: OpenDesk, postbox: Postbox) -> None:
    work = desk.app.state.desk
    desk.mail(subject="電源が入りません")
    tell(desk, AIKO, ticket_id=1, by_id=desk.agent(SATO).id)
    mail_agents(desk)
    assert keys(desk, "digest:") == []  # it may yet be read
    desk.clock.advance(minutes=11)
    mail_agents(desk)
    mail_agents(desk)
    assert keys(desk, "digest:") == [f"digest:{desk.agent(AIKO).id}:1"]
    for _ in range(2):  # a crash would run it again
        work.jobs.by_name()["send_digest"](desk.agent(AIKO).id, 1)
    assert [envelope.rcpt_tos for envelope, _ in postbox.mails] == [[AIKO.email]]
    mail = postbox.last
    text = mail.get_content()
    assert f"{SATO.name}さんがメモであなたを呼びました" in text and "#1 電源が入りません" in text
    assert f"{PUBLIC_URL}/tickets/1" in text and "未読のお知らせ 1件" in mail["Subject"]
    assert mail["Auto-Submitted"] == "auto-generated" and DESK_ADDRESS in mail["From"]
    tell(desk, AIKO, ticket_id=1)
    desk.clock.advance(minutes=30)
    mail_agents(desk)
    assert len(keys(desk, "digest:")) == 1
    desk.clock.advance(minutes=31)
    mail_agents(desk)
    assert len(keys(desk, "digest:")) == 2


def test_no_mail_comes_of_what_was_read_meanwhile_is_quiet_or_not_wanted(desk: OpenDesk, postbox: Postbox) -> None:
    work = desk.app.state.desk
    tell(desk, AIKO)
    tell(desk, BEN, NotificationKind.WATCHED)  # usually not by mail
    tell(desk, AKIRA)
    desk.as_(AKIRA).post("/account/telling", data={
        "ways_mentioned": ["page", "mail"], "quiet_from": "09:00", "quiet_until": "18:00"})  # fmt: skip
    desk.clock.advance(minutes=11)
    mail_agents(desk)
    assert len(keys(desk, "digest:")) == 1
    desk.as_(AIKO).post("/notifications/read")
    work.jobs.by_name()["send_digest"](desk.agent(AIKO).id, 1)
    assert postbox.mails == []


def test_no_mail_comes_on_a_day_off_and_what_waited_comes_when_the_desk_opens_again(
    desk: OpenDesk, postbox: Postbox
) -> None:
    week = {day: "9:00-18:00" for day in ("mon", "tue", "wed", "thu", "fri")}
    form = {"name": "平日", "timezone": "Asia/Tokyo", "holidays": "JP"} | week
    assert desk.as_(SATO).post("/admin/calendars/new", data=form).status_code == 200
    desk.write(lambda db: setattr(db.get_one(Queue, desk.queue("returns").id), "calendar_id", 1))
    desk.clock.advance(days=5)  # Saturday, the 21st
    for person in (BEN, AIKO):
        tell(desk, person)
    desk.clock.advance(minutes=11)
    mail_agents(desk)
    assert keys(desk, "digest:") == [f"digest:{desk.agent(AIKO).id}:2"], "a queue without business hours has no day off"
    for hours in (24, 24, 22):  # Sunday, Labour Thanksgiving Day, and Tuesday at eight
        desk.clock.advance(hours=hours)
        mail_agents(desk)
        assert len(keys(desk, "digest:")) == 1
    desk.clock.advance(hours=1)
    mail_agents(desk)
    assert f"digest:{desk.agent(BEN).id}:1" in keys(desk, "digest:")


def test_who_asks_for_it_is_mailed_on_days_off_too(desk: OpenDesk, postbox: Postbox) -> None:
    form = {"name": "平日", "timezone": "Asia/Tokyo", "holidays": "JP", "mon": "9:00-18:00"}
    assert desk.as_(SATO).post("/admin/calendars/new", data=form).status_code == 200
    desk.write(lambda db: setattr(db.get_one(Queue, desk.queue("returns").id), "calendar_id", 1))
    desk.clock.advance(days=5)
    shown = desk.as_(BEN).post("/account/telling", data={"ways_mentioned": ["page", "mail"], "days_off": "1"})
    assert re.search('name="days_off"[^>]* checked', shown.text)
    tell(desk, BEN)
    desk.clock.advance(minutes=11)
    mail_agents(desk)
    assert len(keys(desk, "digest:")) == 1
    shown = desk.as_(BEN).post("/account/telling", data={"ways_mentioned": ["page", "mail"]})
    assert not re.search('name="days_off"[^>]* checked', shown.text)


def test_a_mail_is_in_the_agents_language_and_tried_again_where_the_server_is_busy(
    desk: OpenDesk, postbox: Postbox
) -> None:
    tell(desk, BEN)
    postbox.is_busy = True
    with pytest.raises(Unreachable):
        desk.app.state.desk.jobs.by_name()["send_digest"](desk.agent(BEN).id, 1)
    postbox.is_busy = False
    desk.app.state.desk.jobs.by_name()["send_digest"](desk.agent(BEN).id, 1)
    text = postbox.last.get_content()
    assert "One unread notification" in postbox.last["Subject"] and "Hello Ben Carter" in text
    assert "(Mon 16 Nov 2026, 10:00)" in text and f"{PUBLIC_URL}/account#telling" in text


# --- by push


def test_a_ringing_call_is_pushed_encrypted_and_without_names_where_no_page_is_open(
    pushbox: Pushbox, desk: OpenDesk
) -> None:
    desk.ready(AIKO)
    assert subscribe(desk, AIKO, pushbox.browser()).json() == {"on": True}
    leave(desk)
    desk.twilio.rings("CA-1")
    until(lambda: len(keys(desk, "push:call:")) == 1)
    run_pushes(desk)
    [said] = pushbox.read()
    assert said["title"] == "着信があります" and "技術サポート" in said["body"] and said["path"] == "/inbox"
    assert said["over"] == {"title": "着信がありました", "path": "/calls", "seconds": 40}
    assert TANAKA.name not in json.dumps(said, ensure_ascii=False) and TANAKA.phone not in json.dumps(said)
    _, headers, body = pushbox.got[0]
    assert headers["authorization"].startswith("vapid t=") and headers["urgency"] == "high"
    assert 0 < int(headers["ttl"]) <= 40 and "着信".encode() not in body


def test_a_push_names_the_customer_only_where_the_agent_wants_it_and_never_a_withheld_number(
    pushbox: Pushbox, desk: OpenDesk
) -> None:
    desk.ready(AIKO)
    subscribe(desk, AIKO, pushbox.browser())
    desk.as_(AIKO).post("/account/telling", data={"ways_call": ["push"], "names": "1"})
    leave(desk)
    desk.twilio.rings("CA-1")
    desk.twilio.rings("CA-2", caller="anonymous")
    until(lambda: len(keys(desk, "push:call:")) == 2)
    run_pushes(desk)
    first, second = pushbox.read()
    assert first["body"].startswith(TANAKA.name) and "anonymous" not in json.dumps(second)


def test_nothing_is_pushed_where_a_page_is_open_the_hours_are_quiet_or_push_is_off(
    pushbox: Pushbox, desk: OpenDesk
) -> None:
    for person in (AIKO, AKIRA, BEN, SATO):
        subscribe(desk, person, pushbox.browser())
    leave(desk)
    desk.as_(AKIRA).post("/account/telling", data={"ways_mentioned": ["page"]})
    quiet = {"ways_mentioned": ["page", "push"], "quiet_from": "09:00", "quiet_until": "18:00"}
    desk.as_(BEN).post("/account/telling", data=quiet)
    aiko = desk.screen_of(AIKO)
    assert desk.client.portal is not None
    desk.client.portal.call(desk.app.state.hub.keep_seen)
    for person in (AIKO, AKIRA, BEN):
        tell(desk, person)
    tell(desk, SATO)  # the one that must come, behind those that must not: once it is there, they are decided
    until(lambda: keys(desk, "push:news:"))
    assert [key.split(":")[2] for key in keys(desk, "push:news:")] == ["4"]
    aiko.close()
    leave(desk)
    tell(desk, AIKO)
    until(lambda: len(keys(desk, "push:news:")) == 2)
    assert [key.split(":")[2] for key in keys(desk, "push:news:")] == ["4", "5"]


def test_a_call_that_is_over_or_news_that_are_read_are_not_pushed(pushbox: Pushbox, desk: OpenDesk) -> None:
    desk.ready(AIKO)
    subscribe(desk, AIKO, pushbox.browser())
    leave(desk)
    desk.twilio.rings("CA-1")
    tell(desk, AIKO)
    until(lambda: len(keys(desk, "push:")) == 2)
    desk.twilio.says("CA-1", "completed", sequence=3)
    desk.as_(AIKO).post("/notifications/read")
    run_pushes(desk)
    desk.app.state.desk.jobs.by_name()["send_push"](1, "news", 1, desk.clock().isoformat())
    assert pushbox.got == []  # and nothing that comes too late


def test_a_browser_that_listens_no_more_is_forgotten_and_a_service_that_is_down_is_tried_again(
    pushbox: Pushbox, desk: OpenDesk
) -> None:
    subscribe(desk, AIKO, pushbox.browser())
    leave(desk)
    tell(desk, AIKO)
    until(lambda: keys(desk, "push:news:"))
    pushbox.answers = 503
    with pytest.raises(Unreachable):
        run_pushes(desk)
    assert desk.count(PushSubscription) == 1
    pushbox.answers = 410
    run_pushes(desk)
    assert desk.count(PushSubscription) == 0
    said = "端末を一つ解除しました"
    assert said in text_of(desk.as_(AIKO).get("/account").text) and said not in desk.as_(AKIRA).get("/account").text
    subscribe(desk, AIKO, pushbox.browser())
    assert said not in desk.as_(AIKO).get("/account").text


def test_supervisors_see_that_a_push_service_cannot_be_reached_once_and_not_what_merely_came_late(
    pushbox: Pushbox, desk: OpenDesk
) -> None:
    def comes_late(number: int) -> None:
        desk.app.state.desk.jobs.by_name()["send_push"](1, "news", number, desk.clock().isoformat())

    subscribe(desk, AIKO, pushbox.browser())
    leave(desk)
    tell(desk, AIKO)
    until(lambda: keys(desk, "push:news:"))
    comes_late(1)
    assert desk.count(Parked) == 0
    pushbox.answers = 503
    with pytest.raises(Unreachable):
        run_pushes(desk)
    assert desk.count(Parked) == 0, "it is tried again"
    comes_late(1)
    comes_late(2)
    shown = text_of(desk.as_(SATO).get("/admin/parked").text)
    assert shown.count("プッシュ通知のサービスに接続できない") == 1 and urlsplit(pushbox.origin).netloc in shown
    desk.as_(SATO).post("/admin/parked/1/dismiss")
    pushbox.answers = 201
    run_pushes(desk)
    comes_late(1)
    assert desk.count(Parked) == 1


def test_a_broken_push_keeps_no_call_from_its_agent(
    pushbox: Pushbox, desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("no push today")

    monkeypatch.setattr(pushes, "to_push", breaks)
    desk.ready(AIKO)
    screen = desk.screen_of(AIKO)
    for name in ("CA-1", "CA-2"):
        assert desk.twilio.rings(name).status_code == 200
    assert screen.pops == ["CA-1", "CA-2"]


def test_signing_out_ends_the_pushes_of_that_browser_and_another_agent_there_takes_them_over(
    pushbox: Pushbox, desk: OpenDesk
) -> None:
    browser, other = pushbox.browser(), pushbox.browser()
    subscribe(desk, AIKO, browser)
    subscribe(desk, AKIRA, other)
    assert desk.as_(BEN).post("/account/push", json={"what": "here", "endpoint": other.endpoint}).json() == {
        "on": False
    }
    assert desk.count(PushSubscription) == 1
    desk.as_(AIKO).post("/sign-out")
    assert desk.count(PushSubscription) == 0


@pytest.mark.parametrize(
    ("endpoint", "is_one"),
    [
        ("https://fcm.googleapis.com/fcm/send/x", True),
        ("https://updates.push.services.mozilla.com/wpush/v2/x", True),
        ("http://fcm.googleapis.com/x", False),
        ("https://fcm.googleapis.com:8443/x", False),
        ("https://fcm.googleapis.com.example.com/x", False),
        ("https://evilpush.apple.com.example.com/", False),
        ("https://x@fcm.googleapis.com/", False),
        ("https://127.0.0.1/x", False),
        ("https://[::1]/x", False),
        ("https://fcm.googleapis.com:port/x", False),
        ("", False),
    ],
)
def test_only_push_services_are_knocked_at(endpoint: str, is_one: bool) -> None:
    assert pushes.is_service(endpoint, Settings()) is is_one


def test_a_subscription_that_is_none_is_refused_and_the_private_key_is_sealed(pushbox: Pushbox, desk: OpenDesk) -> None:
    good = pushbox.browser().subscription()
    for told in (None, {}, good | {"keys": {}}, good | {"keys": good["keys"] | {"auth": "x"}},
                 good | {"endpoint": "https://desk.example.com/admin"}):  # fmt: skip
        answer = desk.as_(AIKO).post("/account/push", json={"what": "start", "subscription": told})
        assert answer.status_code == 422, told
    public = desk.as_(AIKO).post("/account/push/key").json()["key"]
    assert desk.as_(BEN).post("/account/push/key").json()["key"] == public and len(public) == 87
    kept = desk.read(lambda db: db.exec(select(PushKey).order_by(col(PushKey.id))).one())
    assert kept.private_key.startswith("gAAAA")
