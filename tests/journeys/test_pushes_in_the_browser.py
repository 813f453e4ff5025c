"""Push, from what happens at the desk to what stands on the screen of a telephone and where a press on it leads.

The push service is one of our own, which decrypts as the browser would (tests/pushbox.py): headless Chromium subscribes
nowhere. What arrives there is handed to the very service worker of the desk, by the browser's own door for that.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Worker, expect
from sqlmodel import Session, select

from models import Login, PushSubscription
from tests.cast import AIKO, SATO, TANAKA
from tests.journeys.test_in_the_browser import Office, browser, card, open_desk, row
from tests.patience import PATIENCE_SECONDS, until
from tests.pushbox import Pushbox

__all__ = ["browser"]
pytestmark = pytest.mark.slow

SUBSCRIBE = """async (subscription) => {
  await fetch("/account/push/key", { method: "POST" });
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const body = JSON.stringify({ what: "start", subscription });
  return (await (await fetch("/account/push", { method: "POST", headers, body })).json()).on;
}"""
SHOWN = (
    """async () => (await self.registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }))"""
)
PRESS = """async () => {
  const [notification] = await self.registration.getNotifications();
  self.clients.openWindow = async (path) => { self.opened = path; }; // a window opens for a person's press alone
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
}"""


HIDDEN = """
Object.defineProperty(document, "hidden", { get: () => true });
window.told = [];
window.Notification = class extends EventTarget {
  static permission = "granted";
  constructor(title, { body }) { super(); window.told.push(`${title}: ${body}`); }
};
"""
"""A tab behind others, on a desktop that lets the desk show notifications."""


class Pocket:
    """A telephone on which Aiko is signed in and pushed to, with the desk open on no page."""

    def __init__(self, office: Office, box: Pushbox) -> None:
        self.office, self.box = office, box
        self.window: BrowserContext = office.window(AIKO)
        self.window.grant_permissions(["notifications"], origin=office.desk.url)
        self.page: Page = self.window.new_page()
        self.page.goto("/inbox")
        self.page.wait_for_function("() => navigator.serviceWorker.controller")
        expect(self.page.locator("#connection")).to_have_attribute("data-connection", "on")
        office.is_ready(self.page)
        assert self.page.evaluate(SUBSCRIBE, box.browser().subscription()) is True
        self.cdp = self.window.new_cdp_session(self.page)
        self.registrations: list[Any] = []
        told = self.registrations
        self.cdp.on("ServiceWorker.workerRegistrationUpdated", lambda event: told.extend(event["registrations"]))
        self.cdp.send("ServiceWorker.enable")

    def close(self) -> None:
        """No page of hers has been open for minutes."""
        self.page.goto("about:blank")

        def verb(db: Session) -> None:
            for login in db.exec(select(Login)):
                login.seen_at -= timedelta(minutes=10)

        self.office.in_its_rows(verb)

    def gets(self, count: int) -> dict[str, Any]:
        """Waits for so many pushes, and hands the last one to the browser."""
        until(lambda: len(self.box.got) == count)
        said = self.box.read()[-1]
        until(lambda: self.page.evaluate("true") and self.registrations)
        for _ in range(3):  # a worker that is just being put to rest takes nothing
            self.cdp.send("ServiceWorker.deliverPushMessage", {
                "origin": self.office.desk.url, "registrationId": self.registrations[0]["registrationId"],
                "data": json.dumps(said, ensure_ascii=False)})  # fmt: skip
            with suppress(AssertionError):
                until(self.shows, seconds=PATIENCE_SECONDS / 3)
                break
        return said

    @property
    def worker(self) -> Worker:
        return self.window.service_workers[0]

    def shows(self) -> list[dict[str, str]]:
        """The notifications that stand on its screen."""
        return list(self.worker.evaluate(SHOWN))


def mentions_aiko(office: Office, subject: str) -> None:
    """Sato calls her in a note of that ticket."""
    sato = office.page(SATO, "/inbox?view=all")
    row(sato, subject).locator("a").click()
    expect(sato.locator(".ticket-title h1")).to_have_text(subject)
    sato.keyboard.press("n")
    sato.keyboard.insert_text(f"@{AIKO.name} お願いします。")
    sato.keyboard.press("Control+Enter")
    expect(sato.locator(".entry[data-kind=note]")).to_contain_text("お願いします。")


@pytest.fixture
def pushbox() -> Iterator[Pushbox]:
    with Pushbox() as opened:
        yield opened


@pytest.fixture
def office(tmp_path: Path, sqlite_template: Path, browser: Browser, pushbox: Pushbox) -> Iterator[Office]:
    """A desk that may push to the service of the test. Nobody's console may complain."""
    with open_desk(tmp_path, sqlite_template, browser, push_services=pushbox.origin) as opened:
        yield opened
        assert opened.tidy() == []


def test_a_call_rings_in_the_pocket_without_a_name_and_a_press_leads_to_it(office: Office, pushbox: Pushbox) -> None:
    pocket = Pocket(office, pushbox)
    pocket.close()
    office.rings()
    said = pocket.gets(1)
    [shown] = pocket.shows()
    assert shown["title"] == "着信があります" and "技術サポート" in shown["body"] and shown["tag"] == said["tag"]
    assert TANAKA.name not in json.dumps(said, ensure_ascii=False) and TANAKA.phone not in json.dumps(said)
    pocket.worker.evaluate(PRESS)
    until(lambda: pocket.worker.evaluate("self.opened") == "/inbox")
    assert pocket.shows() == []
    pocket.page.goto("/inbox")
    expect(card(pocket.page)).to_have_attribute("data-state", "ringing")


def test_a_mention_leads_to_its_note_on_the_page_that_is_open_behind_others(office: Office, pushbox: Pushbox) -> None:
    office.writes("呼ばれる件", "使い方を教えてください。")
    pocket = Pocket(office, pushbox)
    pocket.close()
    mentions_aiko(office, "呼ばれる件")
    said = pocket.gets(1)
    [shown] = pocket.shows()
    assert (shown["title"], shown["body"]) == ("あなた宛てのお知らせがあります", "問い合わせ #1")
    behind = pocket.window.new_page()
    behind.goto("/customers")
    pocket.worker.evaluate(PRESS)
    behind.wait_for_url(f"**{said['path']}")
    expect(behind.locator("#note-entry-1")).to_contain_text("お願いします。")


def test_who_wants_no_push_gets_none_and_a_device_that_listens_no_more_is_forgotten_and_said(
    office: Office, pushbox: Pushbox
) -> None:
    pocket = Pocket(office, pushbox)
    pocket.page.goto("/account")
    pocket.page.locator("[name=ways_call][value=push]").uncheck()
    pocket.page.locator("#telling button").click()
    expect(pocket.page.locator("#notice")).not_to_be_empty()
    pocket.close()
    pushbox.answers = 410
    office.rings()  # of this nothing is pushed: what comes next is the first
    office.writes("次の件", "教えてください。")
    mentions_aiko(office, "次の件")
    until(lambda: office.in_its_rows(lambda db: db.exec(select(PushSubscription)).all()) == [])
    assert len(pushbox.got) == 1
    pocket.page.goto("/account")
    expect(pocket.page.locator("#device")).to_contain_text("端末を一つ解除しました")


@pytest.mark.parametrize(("quiet", "told"), [(("", ""), 1), (("09:00", "18:00"), 0), (("22:00", "13:00"), 0)])
def test_a_tab_behind_others_shows_a_call_by_its_title_and_icon_and_on_the_desktop_but_in_quiet_hours(
    quiet: tuple[str, str], told: int, office: Office
) -> None:
    window = office.window(AIKO)
    page = window.new_page()
    page.goto("/account")
    page.locator("[name=quiet_from]").fill(quiet[0])
    page.locator("[name=quiet_until]").fill(quiet[1])
    page.locator("#telling button").click()
    page.wait_for_url("**/account?*")
    page.add_init_script(HIDDEN)
    page.clock.set_fixed_time(datetime(2026, 11, 16, 3, 0, tzinfo=UTC))  # noon at the desk
    page.goto("/inbox")
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
    office.is_ready(page)
    call = office.rings()
    expect(card(page)).to_have_attribute("data-state", "ringing")
    page.wait_for_function("(name) => document.title === `☎ ${name}`", arg=TANAKA.name)
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("icon-ringing"))
    assert page.evaluate("window.told") == [f"{TANAKA.name}: 着信 · 技術サポート"] * told
    office.hangs_up(call)
    expect(card(page)).to_have_count(0)
    expect(page).not_to_have_title(re.compile("☎"))
