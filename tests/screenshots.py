"""Pictures of every page, for people to look at: `make screenshots`, or `python -m tests.screenshots inbox queues`.

The one idea: the pictures are of the demonstration as a visitor meets it, taken through a browser, so that a page which
looks wrong here looks wrong there. They are written to .cache/screenshots/, named page-language-width.png, and the one
the README shows goes to docs/images/.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from helpdesk import simulate
from tests import chromium
from tests.running import ROOT, Running, running

FOLDER = ROOT / ".cache" / "screenshots"
SHOWN = {"ringing-ja-1440.png": "incoming-call.png"}  # what the documents show
SIZES = {1440: 900, 1024: 768, 390: 844}
IN_THE_DARK = {
    "inbox", "search", "ticket", "drafted", "queues", "ringing", "accuracy", "work-in-hand", "work-share", "review",
    "service", "routing", "dashboard", "forecast", "staffing",
}  # fmt: skip
AGENT, SUPERVISOR = ("aiko@desk.example.jp", "aiko-demo-2026"), ("sato@desk.example.jp", "sato-demo-2026")

_calls: dict[int, str] = {}  # by the desk that rings

Pages = dict[str, tuple[tuple[str, str] | None, str | Callable[[Page, Running], None]]]


def first_of(selector: str) -> Callable[[Page, Running], None]:
    """Opens the first thing a list shows."""

    def way(page: Page, desk: Running) -> None:
        page.goto(desk.url + ("/customers" if "customers" in selector else "/inbox"))
        href = page.locator(selector).first.get_attribute("href")
        page.goto(f"{desk.url}{href}")

    return way


def ticked(page: Page, desk: Running) -> None:
    """Some rows are chosen, and the bar offers what can be done with them."""
    page.goto(desk.url + "/inbox")
    for place in range(3):
        page.locator("[data-tick]").nth(place).check(force=True)
    expect(page.locator("[data-bulk-offers]")).to_be_visible()


def ledger_list(page: Page, desk: Running) -> None:
    """The mails of a day."""
    page.goto(desk.url + "/admin/mail")
    href = page.locator("#ledger tbody th a").first.get_attribute("href")
    page.goto(f"{desk.url}{href}")


def ledger_mail(page: Page, desk: Running) -> None:
    """One mail that was set aside."""
    with smtplib.SMTP("127.0.0.1", desk.settings.mail_port) as smtp:
        smtp.sendmail("", [desk.settings.mail_from], b"Subject: nobody\r\n\r\nhello\r\n")
    page.goto(desk.url + "/admin/parked")
    page.locator(".parked a[href^='/admin/mail/']").first.click()


def ringing(page: Page, desk: Running) -> None:
    """The call of a customer we know, over the page that happens to be open."""
    first_of(".row:has-text('Wi-Fi') a[data-open-ticket]")(page, desk)
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
    _ring(desk, "tanaka")
    expect(page.locator("#pops .pop")).to_be_visible()


def talking(page: Page, desk: Running) -> None:
    """The same call, taken."""
    ringing(page, desk)
    page.locator("[data-accept]").click()
    page.locator(".pop-note textarea").fill("掃除機の件。ブラシに髪が絡んでいるか確認してもらう。")
    expect(page.locator(".pop[data-state=talking]")).to_be_visible()


def wrap_up(page: Page, desk: Running) -> None:
    """And over."""
    talking(page, desk)
    expect(page.locator("[data-saved]")).not_to_be_empty()
    _hang_up(desk)
    expect(page.locator(".pop-wrap-up")).to_be_visible()


def hours(page: Page, desk: Running) -> None:
    """The usual business hours, as they will be in the next two weeks."""
    page.goto(desk.url + "/admin/calendars/new")
    page.locator("#f-name").fill("平日")
    page.locator("#f-name").press("Enter")
    expect(page.locator("#preview-title")).to_be_visible()
    whole(page.url.removeprefix(desk.url))(page, desk)


def several(page: Page, desk: Running) -> None:
    """A number several customers share."""
    page.goto(desk.url + "/inbox?view=mine")
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
    _ring(desk, "company")
    expect(page.locator("#pops .pop")).to_be_visible()


def unknown(page: Page, desk: Running) -> None:
    """A number nobody has."""
    page.goto(desk.url + "/inbox")
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
    _ring(desk, "unknown")
    page.locator("#pops .new-customer summary").click()


def why(page: Page, desk: Running) -> None:
    """Why a ticket is in its queue."""
    first_of(".row:has(.row-confidence, .gauge) a[data-open-ticket]")(page, desk)
    page.locator(".why summary").click()
    page.locator(".conversation").evaluate("box => box.scrollTop = 0")


def urgent(page: Page, desk: Running) -> None:
    """What seems urgent, and why."""
    page.goto(desk.url + "/inbox?view=urgent")
    href = page.locator(".row a[data-open-ticket]").first.get_attribute("href")
    page.goto(f"{desk.url}{href}?view=urgent")
    page.locator(".judgement summary").click()
    page.locator(".conversation").evaluate("box => box.scrollTop = 0")


def similar(page: Page, desk: Running) -> None:
    """A solved ticket beside one like it, and its answer in the reply box."""
    first_of(".row:has-text('Wi-Fi') a[data-open-ticket]")(page, desk)
    region = page.locator(".similar")
    for _ in range(60):  # the sample company's past is read beside the first pages
        expect(region).not_to_have_attribute("data-fetch", "")
        if region.locator(".case").count():
            break
        page.reload()
    if page.viewport_size and page.viewport_size["width"] < 600:
        page.locator(".side-opener").click()
    region.locator(".case-answer summary").first.click()
    region.scroll_into_view_if_needed()
    if page.viewport_size and page.viewport_size["width"] > 600:
        page.locator("[data-use-answer]").first.click()


def laying_in(page: Page, desk: Running) -> None:
    """The canned replies, open beside the reply box."""
    first_of(".row:has-text('E07') a[data-open-ticket]")(page, desk)
    page.locator(".canned-picker > summary").click()
    expect(page.locator("[data-canned-offer]").first).to_be_visible()


def help_sheet(page: Page, desk: Running) -> None:
    """The keys."""
    page.goto(desk.url + "/inbox?view=resolved")
    page.keyboard.press("?")


def palette(page: Page, desk: Running) -> None:
    """The command palette, with a name typed."""
    first_of(".row:has-text('E07') a[data-open-ticket]")(page, desk)
    page.keyboard.press("Control+k")
    page.locator("#palette-words").press_sequentially("田中")
    expect(page.locator(".palette-item:has-text('田中 美咲')").first).to_be_visible()


def menu(page: Page, desk: Running) -> None:
    """One's own state."""
    page.goto(desk.url + "/inbox?view=unassigned")
    page.locator("#me > summary").click()


def whole(path: str) -> Callable[[Page, Running], None]:
    """A long page from top to bottom: the window grows to it."""

    def way(page: Page, desk: Running) -> None:
        page.goto(desk.url + path)
        size = page.viewport_size
        assert size is not None
        height = page.evaluate("document.querySelector('main').scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": min(height + 80, 12_000)})

    return way


def searched(page: Page, _desk: Running) -> None:
    """What is found, as soon as the sample company is findable."""
    for _ in range(60):
        page.goto("/search?q=交換 -至急 is:opn")
        if page.locator(".hit").count():
            return


def offered(page: Page, _desk: Running) -> None:
    """The list below the box; on a phone, where the rail has none, the page."""
    if not page.locator("#search").is_visible():
        page.goto("/search?q=田中")
        return
    page.locator("#search").fill("電源")
    expect(page.locator(".offer").first).to_be_visible()


def first_review(page: Page, desk: Running) -> None:
    """The conversation beside the form."""
    page.goto(desk.url + "/reviews")
    href = page.locator(".review-picks tbody th a").first.get_attribute("href")
    page.goto(f"{desk.url}{href}")


def drafted(page: Page, desk: Running) -> None:
    """A reply that was begun, and is there again."""
    first_of(".row:has-text('E07') a[data-open-ticket]")(page, desk)
    page.locator("form[data-for=reply] textarea").fill("E07の表示は、ダストカップが奥まで入っていないときに出ます。")
    with page.expect_response(lambda said: "/drafts/" in said.url):
        page.locator("form[data-for=reply] textarea").blur()
    page.reload()


def drafts(page: Page, desk: Running) -> None:
    """What was begun and not sent."""
    drafted(page, desk)
    page.goto(desk.url + "/drafts")


def shared(page: Page, desk: Running) -> None:
    """Who would get what, before anything happens."""
    page.goto(desk.url + "/queues/work/list?how=open&agent=1")
    page.locator(".share-bar [data-kind=primary]").click()
    expect(page.locator("main h2").first).to_be_visible()  # at night there is nobody to give them to


def returned(page: Page, desk: Running) -> None:
    """What is sent back, beside the ticket it was written of."""
    page.goto(desk.url + "/inbox?view=queue-2")
    href = page.locator(".row a[data-open-ticket]").first.get_attribute("href")
    page.goto(f"{desk.url}{href}")
    if page.viewport_size and page.viewport_size["width"] < 600:
        page.locator(".side-opener").click()
    page.locator("section[id^=returns-]").first.scroll_into_view_if_needed()


def roster(page: Page, desk: Running) -> None:
    """What the lines of a file would do, one of them refused."""
    page.goto(desk.url + "/admin/agents/import")
    lines = ("氏名,メールアドレス,権限,キュー", "森 花,mori@desk.example.jp,オペレーター,returns:1", "空,nobody,上司,")
    page.locator("#f-file").set_input_files(
        {"name": "agents.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    )
    page.locator("form:has(#f-file) [data-kind=primary]").click()
    expect(page.locator(".roster")).to_be_visible()


def invited(page: Page, desk: Running) -> None:
    """The link of an agent who is new. Made once: an address belongs to one agent."""
    page.goto(desk.url + "/admin/agents/import")
    page.locator("#f-name").fill("森 花")
    page.locator("#f-email").fill(f"mori-{time.monotonic_ns()}@desk.example.jp")
    page.locator("form:has(#f-name) [data-kind=primary]").click()
    expect(page.locator(".links input")).to_be_visible()


def joining(page: Page, desk: Running) -> None:
    """What the agent sees who opens it."""
    invited(page, desk)
    page.goto(page.locator(".links input").first.input_value())


def scheduled(page: Page, desk: Running) -> None:
    """A report that goes out by mail."""
    page.goto(desk.url + "/reports/schedules/new")
    page.locator("#f-name").fill("週次 通話レポート")
    page.locator("[name=agents]").first.check()
    page.locator("main form [data-kind=primary]").click()
    page.goto(desk.url + "/reports/schedules")


def keyed(page: Page, desk: Running) -> None:
    """A key as it is shown, once."""
    page.goto(desk.url + "/admin/tokens")
    page.locator("main form:has([data-kind=primary]) input:not([type=hidden])").first.fill("売上ダッシュボード")
    page.locator("main form [data-kind=primary]").click()


PAGES: Pages = {  # those that ring come last, so that the lists before them show the sample company alone
    "sign-in": (None, "/sign-in"),
    "inbox": (AGENT, "/inbox"),
    "bulk": (AGENT, ticked),
    "new-view": (SUPERVISOR, "/views/new?from=unassigned"),
    "views": (SUPERVISOR, "/views"),
    "ticket": (AGENT, first_of(".row:has-text('E07') a[data-open-ticket]")),
    "drafted": (AGENT, drafted),
    "drafts": (AGENT, drafts),
    "why": (AGENT, why),
    "urgent": (AGENT, urgent),
    "similar": (AGENT, similar),
    "menu": (AGENT, menu),
    "help": (AGENT, help_sheet),
    "search": (AGENT, searched),
    "search-help": (AGENT, "/search"),
    "offers": (AGENT, offered),
    "palette": (AGENT, palette),
    "notifications": (AGENT, "/notifications"),
    "offline": (None, "/offline"),
    "calls": (AGENT, "/calls"),
    "customers": (AGENT, "/customers"),
    "customer": (AGENT, first_of("main a[href^='/customers/']:not([href$='/new'])")),
    "new-customer": (AGENT, "/customers/new"),
    "mail-ledger": (SUPERVISOR, "/admin/mail"),
    "mail-list": (SUPERVISOR, ledger_list),
    "mail-one": (SUPERVISOR, ledger_mail),
    "mailboxes": (SUPERVISOR, "/admin/mailboxes"),
    "new-mailbox": (SUPERVISOR, "/admin/mailboxes/new"),
    "canned": (SUPERVISOR, "/admin/canned"),
    "audit": (SUPERVISOR, whole("/admin/audit")),
    "appearance": (SUPERVISOR, whole("/admin/appearance")),
    "agents-import": (SUPERVISOR, whole("/admin/agents/import")),
    "roster": (SUPERVISOR, roster),
    "invited": (SUPERVISOR, invited),
    "joining": (SUPERVISOR, joining),
    "queue-guide": (SUPERVISOR, whole("/admin/queues/1/guide")),
    "canned-form": (SUPERVISOR, whole("/admin/canned/1")),
    "rules": (SUPERVISOR, whole("/admin/rules")),
    "rule-form": (SUPERVISOR, whole("/admin/rules/1")),
    "rule-trial": (SUPERVISOR, whole("/admin/rules/1/trial")),
    "macros": (SUPERVISOR, whole("/admin/macros")),
    "macro-form": (SUPERVISOR, whole("/admin/macros/1")),
    "checklists": (SUPERVISOR, "/admin/checklists"),
    "rule-runs": (SUPERVISOR, "/admin/rules/runs"),
    "tags": (SUPERVISOR, "/admin/tags"),
    "fields": (SUPERVISOR, "/admin/fields"),
    "field-form": (SUPERVISOR, whole("/admin/fields/new")),
    "administration": (SUPERVISOR, "/admin"),
    "setting-found": (SUPERVISOR, "/admin?q=署名"),
    "domains": (SUPERVISOR, whole("/admin/mail/domains")),
    "laying-in": (AGENT, laying_in),
    "account": (AGENT, whole("/account")),
    "try": (AGENT, "/try"),
    "products": (SUPERVISOR, whole("/reports/products")),
    "product-list": (SUPERVISOR, whole("/admin/products")),
    "returned": (SUPERVISOR, returned),
    "missing": (AGENT, "/tickets/999999"),
    "ringing": (AGENT, ringing),
    "talking": (AGENT, talking),
    "wrap-up": (AGENT, wrap_up),
    "several": (AGENT, several),
    "unknown": (AGENT, unknown),
    "queues": (SUPERVISOR, "/queues"),
    "callbacks": (SUPERVISOR, "/callbacks"),
    "feedback": (SUPERVISOR, whole("/reports/feedback?behind=speed")),
    "topics": (SUPERVISOR, whole("/reports/topics")),
    "surveys": (SUPERVISOR, "/admin/surveys"),
    "survey": (SUPERVISOR, "/admin/surveys/1"),
    "survey-answer": (SUPERVISOR, "/admin/surveys/1/preview"),
    "segments": (SUPERVISOR, "/admin/segments"),
    "new-segment": (SUPERVISOR, whole("/admin/segments/new")),
    "service": (SUPERVISOR, whole("/reports/service?period=month")),
    "forecast": (SUPERVISOR, whole("/reports/forecast?weeks=4")),
    "staffing": (SUPERVISOR, whole("/reports/staffing?week=1")),
    "service-behind": (SUPERVISOR, "/reports/service/rows?what=answered&period=month"),
    "routing": (SUPERVISOR, whole("/reports/routing?period=month")),
    "report": (SUPERVISOR, "/reports/calls?period=month"),
    "report-agents": (SUPERVISOR, "/reports/calls?period=month&by=agent"),
    "dashboards": (SUPERVISOR, "/reports/boards"),
    "dashboard": (SUPERVISOR, whole("/reports/boards/1")),
    "dashboard-edit": (SUPERVISOR, whole("/reports/boards/1?edit=yes")),
    "schedules": (SUPERVISOR, "/reports/schedules"),
    "schedule-list": (SUPERVISOR, scheduled),
    "new-schedule": (SUPERVISOR, whole("/reports/schedules/new")),
    "tokens": (SUPERVISOR, "/admin/tokens"),
    "token-made": (SUPERVISOR, keyed),
    "alarms": (SUPERVISOR, "/queues/alarms"),
    "walls": (SUPERVISOR, "/queues/walls"),
    "wall": (SUPERVISOR, "/wall"),
    "accuracy": (SUPERVISOR, whole("/queues/accuracy?days=90")),
    "accuracy-preview": (SUPERVISOR, "/queues/accuracy?days=90&language=ja&queue=&at=75#points-ja"),
    "accuracy-answers": (SUPERVISOR, "/queues/accuracy/answers?days=90&said=returns&was=returns"),
    "work-in-hand": (SUPERVISOR, whole("/queues/work")),
    "work-share": (SUPERVISOR, shared),
    "work-list": (SUPERVISOR, "/queues/work/list?how=open&agent=1"),
    "reviews": (SUPERVISOR, whole("/reviews")),
    "review": (SUPERVISOR, first_review),
    "review-form": (SUPERVISOR, whole("/reviews/form")),
    "own-reviews": (AGENT, whole("/reviews/mine")),
    "every-queue": (SUPERVISOR, "/admin/queues"),
    "queue-form": (SUPERVISOR, whole("/admin/queues/2")),
    "agents": (SUPERVISOR, "/admin/agents"),
    "agent-form": (SUPERVISOR, whole("/admin/agents/1")),
    "calendar": (SUPERVISOR, hours),
    "promises": (SUPERVISOR, "/admin/promises"),
    "promise-form": (SUPERVISOR, whole("/admin/promises/1")),
    "parked": (SUPERVISOR, "/admin/parked"),
    "exchanges": (SUPERVISOR, "/admin/exchanges"),
    "new-exchange": (SUPERVISOR, "/admin/exchanges/new"),
    "exchange-form": (SUPERVISOR, whole("/admin/exchanges/new?kind=asterisk")),
    "exchange-log": (SUPERVISOR, "/admin/exchanges/log"),
    "blocked": (SUPERVISOR, "/admin/blocked"),
    "calendars": (SUPERVISOR, "/admin/calendars"),
    "approvals": (SUPERVISOR, "/approvals"),
    "new-mail": (AGENT, whole("/tickets/new")),
    "guesses": (SUPERVISOR, "/admin/guesses"),
}


def main(wanted: list[str]) -> int:
    """Take the pictures of the named pages, or of all."""
    if unheard := set(wanted) - set(PAGES) - {"welcome"}:
        print(f"no such page: {', '.join(unheard)}; there are {', '.join(PAGES)}, welcome", file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        if not wanted or "welcome" in wanted:
            with running(Path(folder) / "empty") as desk:
                for lang in ("ja", "en"):
                    for width in SIZES:
                        _Camera(browser, desk, None, lang, width).take("welcome", "/welcome")
        names = [name for name in PAGES if not wanted or name in wanted]
        for lang in ("ja", "en"):
            for width in SIZES:  # a fresh demonstration each, so that no picture shows the calls of another
                with running(Path(folder) / f"{lang}-{width}", command="demo") as desk:
                    for who in (None, AGENT, SUPERVISOR):
                        _look_around(browser, desk, who, lang, width, [name for name in names if PAGES[name][0] == who])
        browser.close()
    for taken, shown in SHOWN.items():
        if (FOLDER / taken).exists():
            (ROOT / "docs" / "images").mkdir(parents=True, exist_ok=True)
            shutil.copy(FOLDER / taken, ROOT / "docs" / "images" / shown)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.relative_to(ROOT)}")
    return 0


def launch(playwright: Any) -> Browser:
    """The browser the tests look through. Its sandbox needs a user who is not root."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    # Machines that test have no graphics card; its imitation costs a process and, under load, stalls pages.
    args = ["--disable-gpu", *(["--no-sandbox"] if is_root else [])]
    browser: Browser = playwright.chromium.launch(
        executable_path=chromium.path(), args=args, chromium_sandbox=False, env=chromium.environment()
    )  # fmt: skip
    return browser


class _Camera:
    """One window of one width, in which somebody has signed in."""

    def __init__(self, browser: Browser, desk: Running, who: tuple[str, str] | None, lang: str, width: int) -> None:
        self.desk, self.lang, self.width = desk, lang, width
        self.context = browser.new_context(
            viewport={"width": width, "height": SIZES[width]}, locale=f"{lang}-JP", timezone_id="Asia/Tokyo",
            base_url=desk.url, has_touch=width < 600,
        )  # fmt: skip
        self.page = self.context.new_page()
        if who:
            self.context.request.post("/sign-in", form={"email": who[0], "password": who[1], "next": "/inbox"})
            self.dress("light")

    def dress(self, theme: str) -> None:
        """Choose the language and light or dark, as one does in one's settings."""
        self.context.request.post("/account", form={"language": self.lang, "theme": theme})

    def take(self, name: str, way: str | Callable[[Page, Running], None], *, kind: str = "") -> None:
        """One picture."""
        self.page.set_viewport_size({"width": self.width, "height": SIZES[self.width]})
        if callable(way):
            way(self.page, self.desk)
        else:
            self.page.goto(self.desk.url + way)
        self.page.evaluate("document.fonts.ready")
        self.page.screenshot(path=FOLDER / f"{name}-{self.lang}-{self.width}{kind}.png", animations="disabled")


def _look_around(browser: Browser, desk: Running, who: tuple[str, str] | None, lang: str, width: int,
                 names: list[str]) -> None:  # fmt: skip
    camera = _Camera(browser, desk, who, lang, width)
    for name in names:
        camera.take(name, PAGES[name][1])
        _go_on(camera)
        if name in IN_THE_DARK:
            camera.dress("dark")
            camera.take(name, PAGES[name][1], kind="-dark")
            _go_on(camera)
            camera.dress("light")
    camera.context.close()


def _go_on(camera: _Camera) -> None:
    """Leave the desk to the next picture: the call is over, its agent is free."""
    page = camera.page
    _hang_up(camera.desk)
    if page.locator(".pop[data-state=talking], .pop[data-state=wrap_up]").count():
        page.locator(".pop-wrap-up .choices label").first.click()
        page.locator(".pop-wrap-up [data-kind=primary]").click()
    if page.locator("#pops").count():
        expect(page.locator("#pops .pop")).to_have_count(0)


def _ring(desk: Running, caller: str) -> None:
    _calls[desk.port] = simulate.ring(desk.settings, caller)


def _hang_up(desk: Running) -> None:
    if call := _calls.pop(desk.port, ""):
        simulate.hang_up(desk.settings, call)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
