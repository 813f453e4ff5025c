"""What people see: a real browser before a real desk, with calls and mails coming in at the real doors.

One desk in a process of its own serves the whole file; every test brings its own callers and subjects, and after it
nobody is on the telephone or at work after a call. What the browsers' consoles complain about fails the test in which
it was said.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    Route,
    expect,
    sync_playwright,
)
from sqlmodel import Session, col, select

from cti import replay
from models import Agent, Call, Queue
from models.database import Database
from tests import answers, cast, onlooker
from tests.cast import AIKO, AKIRA, BEN, SATO, SUZUKI, SUZUKI_WIFE, TANAKA, Person
from tests.patience import PATIENCE_SECONDS, until
from tests.postbox import Postbox
from tests.running import Running, running
from tests.screenshots import launch

pytestmark = pytest.mark.slow

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
OVERHEARD: dict[str, Any] = {"service_workers": "block"}
"""For a page whose posts are held or listened to: what passes its service worker by (sw.js) is told to nobody else."""
NOWHERE = "http://nowhere.example/"
TECH_ADDRESS = "tech@desk.example.jp"
STRANGERS = ("+819012349901", "+819012349902", "+819012349903")
_numbers = count(1)


class Office:
    """A desk, the browsers before it, and the world outside."""

    def __init__(self, browser: Browser, desk: Running, postbox: Postbox) -> None:
        self.browser, self.desk, self.postbox = browser, desk, postbox
        self.complaints: list[str] = []
        self._logins: dict[str, Any] = {}
        self._windows: list[BrowserContext] = []
        self._ringing: list[str] = []

    def window(self, person: Person | None = None, **options: Any) -> BrowserContext:
        """A browser window of its own, in which that person has signed in."""
        usual = {"viewport": WIDE, "locale": "ja-JP", "timezone_id": "Asia/Tokyo", "base_url": self.desk.url}
        options = usual | options
        if person and person.email not in self._logins:
            first = self.browser.new_context(**options | {"java_script_enabled": True})
            first.set_default_timeout(PATIENCE_SECONDS * 1000)
            self.sign_in(first.new_page(), person)
            self._logins[person.email] = first.storage_state()
            first.close()
        if person:
            options["storage_state"] = self._logins[person.email]
        window = self.browser.new_context(**options)
        window.on("console", self._hear)
        window.on("weberror", lambda error: self.complaints.append(str(error.error)))
        window.set_default_timeout(PATIENCE_SECONDS * 1000)
        self._windows.append(window)
        return window

    def page(self, person: Person, path: str = "/inbox", **options: Any) -> Page:
        """A page that person has open and that listens."""
        page = self.window(person, **options).new_page()
        if OVERHEARD.items() <= options.items():  # what is asked right after a first `route` may still pass by it
            page.route(NOWHERE, lambda route: route.abort())
        page.goto(path)
        expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
        return page

    def sign_in(self, page: Page, person: Person) -> None:
        """Type address and password."""
        page.goto("/sign-in")
        page.locator("[name=email]").fill(person.email)
        page.locator("[name=password]").fill(cast.PASSWORD)
        page.locator(".gate form button[data-kind=primary]").click()
        page.wait_for_url("**/inbox")

    def is_ready(self, page: Page) -> None:
        """Choose "ready" in the rail."""
        page.locator("#me > summary").click()
        page.locator("#me button[value=ready]").click()
        expect(page.locator("#me > summary .agent-state")).to_have_attribute("data-state", "ready")

    def rings(self, *, caller: str = TANAKA.phone, to: str = cast.TECH_NUMBER) -> str:
        """Somebody calls: the signed webhook. Returns the CallSid."""
        call_sid = f"CA{next(_numbers):032x}"
        status, twiml = self.desk.posts("/hooks/twilio/voice", replay.voice_form(call_sid, caller, to, cast.ACCOUNT))
        assert status == 200 and "<Response>" in twiml
        self._ringing.append(call_sid)
        return call_sid

    def hangs_up(self, call_sid: str) -> None:
        """The caller's leg ends."""
        form = replay.status_form(call_sid, "completed", "", "", cast.ACCOUNT, sequence=9, at=datetime.now(UTC))
        for parties in ("From", "To", "Caller", "Called"):
            del form[parties]  # the desk knows them
        assert self.desk.posts("/hooks/twilio/status", form)[0] == 200

    def writes(self, subject: str, text: str, *, to: str = TECH_ADDRESS, sender: Person = TANAKA,
               **headers: str) -> str:  # fmt: skip
        """A mail by SMTP. Returns its Message-ID."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = f"{sender.name} <{sender.email}>", to, subject
        mail["Message-ID"] = f"<{next(_numbers)}.{self.desk.port}@mail.example.com>"
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        self.desk.takes(mail.as_bytes(), to=to, sender=sender.email)
        return str(mail["Message-ID"])

    def in_its_rows(self, verb: Callable[[Session], Any]) -> Any:
        """Read or change what the desk has kept, behind its back."""
        database = Database(f"sqlite:///{self.desk.folder / 'data' / 'desk.db'}")
        try:
            return database.write_now(verb)
        finally:
            database.close()

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(f"{said.text} {said.location}")

    def tidy(self) -> list[str]:
        """Everybody rings off, wraps up and closes their windows; what the consoles complained about."""
        for call_sid in self._ringing:
            self.hangs_up(call_sid)
        for email, call_id in self.in_its_rows(_unwrapped) if self._ringing else ():
            window = self.browser.new_context(base_url=self.desk.url, storage_state=self._logins[email])
            self._windows.append(window)
            assert window.request.post(f"/calls/{call_id}/wrap-up", form={"disposition": "solved"}).ok
        self._ringing = []
        for window in self._windows:
            window.close()
        self._windows, said, self.complaints = [], self.complaints, []
        return said


def _unwrapped(db: Session) -> list[tuple[str, int]]:
    """Who still works after a call, by e-mail address, and after which."""
    mine = (
        select(Agent.email, Call.id).join(Call, col(Call.agent_id) == Agent.id).where(col(Call.wrapped_up_at).is_(None))
    )
    return [(email, call_id or 0) for email, call_id in db.exec(mine)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_SECONDS * 1000)
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@contextmanager
def open_desk(folder: Path, sqlite_template: Path, browser: Browser, **settings: str) -> Iterator[Office]:
    """A desk with the cast, and the mail server it sends by."""
    (folder / "data").mkdir()
    shutil.copy(sqlite_template, folder / "data" / "desk.db")
    database = Database(f"sqlite:///{folder / 'data' / 'desk.db'}")
    tech = sa.update(Queue).where(col(Queue.slug) == "tech_support")
    database.write_now(lambda db: db.execute(tech.values(address=TECH_ADDRESS)))
    database.close()
    with Postbox() as postbox:
        more = {"smtp_url": postbox.url, "undo_seconds": "0", "mail_tickets_per_hour": "1000"} | settings
        with running(folder, **more) as desk:
            yield Office(browser, desk, postbox)


@pytest.fixture(scope="module")
def whole_office(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, browser: Browser) -> Iterator[Office]:
    """The desk that the tests of a file share."""
    with open_desk(tmp_path_factory.mktemp("office"), sqlite_template, browser) as opened:
        yield opened


@pytest.fixture
def office(whole_office: Office) -> Iterator[Office]:
    """The office at the beginning of a test. Nobody's console may complain in it."""
    yield whole_office
    assert whole_office.tidy() == []


def row(page: Page, subject: str) -> Locator:
    """The row of the ticket with exactly this subject: another test's may contain it."""
    return page.locator("#rows .row", has=page.locator(".row-subject").get_by_text(subject, exact=True))


def card(page: Page) -> Locator:
    """The card of the one call on this screen."""
    return page.locator("#pops .pop")


def converts(page: Page, ime: CDPSession, text: str) -> None:
    """The input method accepts a conversion. For one tick after it no key is the page's: no hand types that soon."""
    ime.send("Input.insertText", {"text": text})
    page.evaluate("() => new Promise((passed) => setTimeout(passed, 0))")


def finish(page: Page, disposition: str = "solved") -> None:
    """Choose an outcome and finish the wrap-up."""
    card(page).locator(f"label:has([name=disposition][value={disposition}])").click()
    card(page).get_by_role("button", name="後処理を完了").click()
    expect(card(page)).to_have_count(0)


def test_a_signed_webhook_rings_on_aikos_page_and_not_on_bens_and_the_call_stays_in_its_ticket(office: Office) -> None:
    aiko, ben = office.page(AIKO), office.page(BEN)
    office.is_ready(aiko)
    office.is_ready(ben)
    focused = aiko.locator("#search")
    focused.focus()
    call = office.rings()
    expect(card(aiko)).to_have_attribute("data-state", "ringing")
    expect(card(aiko)).to_contain_text(TANAKA.name)
    expect(card(aiko)).to_contain_text("登録番号")
    expect(card(aiko)).to_contain_text("コードレス掃除機 KZ-200")
    expect(focused).to_be_focused()
    expect(card(ben)).to_have_count(0)

    card(aiko).get_by_role("button", name="応答").click()
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    note = card(aiko).locator("textarea[name=note]")
    note.press_sequentially("ブラシの交換を案内した。")
    expect(card(aiko).locator("[data-saved]")).to_have_text("保存しました")
    aiko.reload()
    expect(note).to_have_value("ブラシの交換を案内した。")
    expect(aiko.locator("#connection")).to_have_attribute("data-connection", "on")

    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    expect(aiko.locator("#me > summary .agent-state")).to_have_attribute("data-state", "wrap_up")
    expect(note).to_have_value("ブラシの交換を案内した。")
    left = card(aiko).locator("[data-until]")
    expect(left).to_have_text(re.compile(r"^[0-3]:\d\d$"))
    left.evaluate("left => (left.dataset.until = new Date(Date.now() - 60_000).toISOString())")
    expect(left).to_have_text("時間を過ぎています")
    late, avatar = left.bounding_box(), card(aiko).locator(".avatar").bounding_box()
    assert late and avatar and late["x"] + late["width"] <= avatar["x"], "it stands beside the face, not under it"
    card(aiko).get_by_role("button", name="後処理を完了").click()  # nothing chosen: the browser asks
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    ticket = card(aiko).get_by_role("link", name="問い合わせを開く").get_attribute("href")
    finish(aiko)
    expect(aiko.locator("#me > summary .agent-state")).to_have_attribute("data-state", "ready")

    aiko.goto(str(ticket))
    bubble = aiko.locator(".call-bubble").last
    expect(bubble).to_contain_text("ブラシの交換を案内した。")
    expect(bubble).to_contain_text("解決")
    expect(ben.locator(f"#row-{str(ticket).rpartition('/')[2]}")).to_have_count(0)


def test_a_mail_appears_where_its_queue_is_served_and_the_answer_to_a_reply_appears_in_the_open_ticket(
    office: Office,
) -> None:
    ben, aiko = office.page(BEN, "/inbox?view=all"), office.page(AIKO, "/inbox?view=all")
    ben.evaluate("window.untouched = true")
    office.writes("サイズ交換の相談", "届いた品のサイズが合いません。\n交換できますか。", to=cast.RETURNS_ADDRESS)
    expect(row(ben, "サイズ交換の相談")).to_contain_text("Tanaka Misaki")
    office.writes("掃除機が動きません", "電源ボタンを押しても反応しません。")
    expect(row(aiko, "掃除機が動きません")).to_be_visible()
    expect(row(aiko, "サイズ交換の相談")).to_have_count(0)
    expect(row(ben, "掃除機が動きません")).to_have_count(0)

    row(ben, "サイズ交換の相談").click()
    ben.locator("form[data-for=reply] textarea").fill("はい、無料で交換いたします。")
    ben.locator("form[data-for=reply] button[data-kind=primary]").click()
    sent = ben.locator(".entry[data-direction=out]", has_text="無料で交換いたします")
    expect(sent.locator("[data-state=sent]").first).to_be_visible()
    expect(ben.locator("form[data-for=reply] textarea")).to_have_value("")
    mail = next(mail for _, mail in office.postbox.mails if "無料で交換" in mail.get_body(("plain",)).get_content())
    assert parseaddr(mail["To"])[1] == TANAKA.email

    ben.locator("form[data-for=reply] textarea").press_sequentially("まだ書いている途中")
    office.writes(
        f"Re: {mail['Subject']}", "ありがとうございます。Mサイズでお願いします。", to=parseaddr(mail["Reply-To"])[1],
        In_Reply_To=mail["Message-ID"], References=mail["Message-ID"],
    )  # fmt: skip
    expect(ben.locator(".entry[data-direction=in]", has_text="Mサイズでお願いします")).to_be_in_viewport()
    expect(ben.locator("form[data-for=reply] textarea")).to_have_value("まだ書いている途中")
    expect(ben.locator("form[data-for=reply] textarea")).to_be_focused()
    assert ben.evaluate("window.untouched")


def test_after_a_lost_connection_the_page_catches_up_without_a_reload_and_keeps_what_was_typed(office: Office) -> None:
    office.writes("停電の前のメール", "掃除機の調子が悪いです。")
    aiko = office.page(AIKO, "/inbox?view=all")
    office.is_ready(aiko)
    row(aiko, "停電の前のメール").click()
    typing = aiko.locator("form[data-for=reply] textarea")
    typing.fill("お待たせして")
    aiko.evaluate("window.untouched = true")

    office.desk.stop()
    expect(aiko.locator("#connection")).to_have_attribute("data-connection", "off")
    aiko.context.set_offline(True)  # the line stays dead until everything below has happened
    office.desk.start()
    for number in range(3):
        office.writes(f"停電のあいだ {number}", "充電できません。")
    caller = STRANGERS[0]
    call = office.rings(caller=caller)
    typing.press_sequentially("申し訳ありません")
    aiko.context.set_offline(False)

    expect(aiko.locator("#connection")).to_have_attribute("data-connection", "on")
    for number in range(3):
        expect(row(aiko, f"停電のあいだ {number}")).to_have_count(1)
    expect(card(aiko)).to_have_attribute("data-state", "ringing")
    expect(typing).to_have_value("お待たせして申し訳ありません")
    assert aiko.evaluate("window.untouched")
    office.hangs_up(call)
    expect(card(aiko)).to_have_count(0)
    office.complaints = [said for said in office.complaints if not re.search("WebSocket connection|ERR_", said)]


def test_signing_out_in_one_tab_takes_the_other_to_the_sign_in_page(office: Office) -> None:
    window = office.window()
    first, second = window.new_page(), window.new_page()
    office.sign_in(first, AKIRA)
    expect(first.locator("#connection")).to_have_attribute("data-connection", "on")
    second.goto("/calls")
    second.locator("#me > summary").click()
    second.get_by_role("button", name="サインアウト").click()
    second.wait_for_url("**/sign-in")
    first.wait_for_url("**/sign-in?next=*")
    office.complaints = [said for said in office.complaints if "status of 401" not in said]
    expect(first.locator("[name=password]")).to_be_visible()


def test_the_keyboard_is_enough(office: Office) -> None:
    for subject in ("キーボードの一通目", "キーボードの二通目"):
        office.writes(subject, "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    expect(row(aiko, "キーボードの二通目")).to_be_visible()  # and so the first
    first, second = aiko.locator("a[data-open-ticket]").nth(0), aiko.locator("a[data-open-ticket]").nth(1)
    aiko.keyboard.press("j")
    expect(first).to_be_focused()
    aiko.keyboard.press("j")
    expect(second).to_be_focused()
    aiko.keyboard.press("k")
    expect(first).to_be_focused()
    aiko.keyboard.press("Enter")
    expect(aiko.locator(".ticket-title h1")).to_have_text("キーボードの二通目")
    expect(first).to_have_attribute("aria-current", "true")

    aiko.keyboard.press("n")
    aiko.keyboard.type("r を押しても返信にならない")
    expect(aiko.locator("form[data-for=note] textarea")).to_have_value("r を押しても返信にならない")
    aiko.keyboard.press("Control+Enter")
    expect(aiko.locator(".entry[data-kind=note]")).to_contain_text("r を押しても返信にならない")
    aiko.keyboard.press("Escape")
    aiko.keyboard.press("r")
    expect(aiko.locator("form[data-for=reply] textarea")).to_be_focused()
    aiko.keyboard.press("Escape")
    aiko.keyboard.press("?")
    expect(aiko.get_by_role("dialog")).to_be_visible()
    assert aiko.locator("#help").evaluate("help => help.scrollWidth <= help.clientWidth"), "no key is out of sight"
    aiko.keyboard.press("j")  # nothing moves behind the help
    aiko.keyboard.press("Escape")
    expect(aiko.get_by_role("dialog")).to_have_count(0)
    aiko.keyboard.press("/")
    expect(aiko.locator("#palette-words")).to_be_focused()
    aiko.keyboard.press("Escape")
    expect(aiko.get_by_role("dialog")).to_have_count(0)
    aiko.keyboard.press("e")
    expect(aiko.locator(".ticket")).to_have_attribute("data-state", "resolved")


def test_every_act_on_a_ticket_has_a_key_and_z_takes_the_last_one_back(office: Office) -> None:
    office.writes("手を使わずに", "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    row(aiko, "手を使わずに").click()
    expect(aiko.locator(".ticket-title h1")).to_have_text("手を使わずに")
    said, tags = aiko.locator(".done:not([hidden])"), aiko.locator(".side .tags")
    aiko.keyboard.press("p")
    expect(aiko.get_by_label("優先度")).to_be_focused()
    aiko.get_by_label("優先度").select_option("4")
    expect(said).to_contain_text("優先度を「最優先」にしました")
    aiko.get_by_label("優先度").blur()
    aiko.keyboard.press("z")
    expect(said).to_contain_text("取り消し済み")
    expect(aiko.get_by_label("優先度")).to_have_value("2")
    aiko.keyboard.press("t")
    aiko.keyboard.type("修理")
    aiko.keyboard.press("Enter")
    expect(tags.first).to_contain_text("修理")
    expect(aiko.locator("[data-key-tag]")).to_have_value("")
    aiko.keyboard.press("Escape")
    aiko.keyboard.press("w")
    expect(said).to_contain_text("ウォッチを始めました")
    aiko.keyboard.press("b")
    expect(aiko.locator("[data-key-pend]")).to_be_focused()
    aiko.get_by_role("button", name="明日の朝").click()
    expect(aiko.locator(".ticket")).to_have_attribute("data-state", "pending")
    expect(row(aiko, "手を使わずに")).to_have_count(0)  # what rests is not in the list of what is open
    aiko.keyboard.press("z")
    expect(aiko.locator(".ticket")).to_have_attribute("data-state", "open")
    expect(row(aiko, "手を使わずに")).to_have_count(1)


def test_a_colleague_is_called_by_the_beginning_of_the_reading(office: Office) -> None:
    office.writes("呼びかけ", "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    row(aiko, "呼びかけ").click()
    expect(aiko.locator(".ticket-title h1")).to_have_text("呼びかけ")
    aiko.keyboard.press("n")
    box, offered = aiko.locator("form[data-for=note] textarea"), aiko.locator("#mentions [role=option]")
    ime = aiko.context.new_cdp_session(aiko)
    aiko.keyboard.type("確認を@")
    ime.send("Input.imeSetComposition", {"text": "きむ", "selectionStart": 2, "selectionEnd": 2})
    expect(offered).to_have_attribute("aria-selected", "true")
    converts(aiko, ime, "きむ")
    aiko.keyboard.press("Enter")
    expect(box).to_have_value("確認を@木村 明 ")
    expect(offered).to_have_count(0)
    aiko.keyboard.press("Control+Enter")
    expect(aiko.locator(".entry[data-kind=note] mark")).to_have_text("@木村 明")
    expect(aiko.locator(".side .tags").last).to_contain_text("木村 明")


def test_enter_belongs_to_the_input_method_while_it_composes(office: Office) -> None:
    office.writes("変換中のメール", "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all", **OVERHEARD)
    row(aiko, "変換中のメール").click()
    expect(aiko.locator(".ticket-title h1")).to_have_text("変換中のメール")
    aiko.keyboard.press("r")
    box = aiko.locator("form[data-for=reply] textarea")
    expect(box).to_be_focused()
    ime = aiko.context.new_cdp_session(aiko)
    ime.send("Input.imeSetComposition", {"text": "へんじ", "selectionStart": 3, "selectionEnd": 3})
    expect(box).to_have_value("へんじ")
    posts: list[str] = []

    def hear(request: Request) -> None:
        """What is posted, but for the draft that is kept as it is typed."""
        if request.method == "POST" and "/drafts/" not in request.url:
            posts.append(request.url)

    aiko.on("request", hear)
    composing = box.evaluate(
        """box => new Promise(resolve => {
             box.addEventListener("keydown", event => resolve(event.isComposing), {once: true});
             box.dispatchEvent(new KeyboardEvent("keydown",
               {key: "Enter", ctrlKey: true, isComposing: true, bubbles: true, cancelable: true})); })"""
    )
    assert composing is True
    converts(aiko, ime, "返事")
    expect(box).to_have_value("返事")
    aiko.keyboard.press("Enter")  # a plain Enter is a new line
    expect(box).to_have_value("返事\n")
    assert posts == []

    # The Enter that accepts a conversion outside a field opens nothing either, nor does a key typed right after it.
    box.blur()
    aiko.evaluate(
        """() => { for (const [type, init] of [["compositionstart", {}], ["keydown", {key: "?"}]])
             document.body.dispatchEvent(type === "keydown"
               ? new KeyboardEvent(type, {...init, bubbles: true}) : new CompositionEvent(type, {bubbles: true}));
           document.body.dispatchEvent(new CompositionEvent("compositionend", {bubbles: true}));
           document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "?", bubbles: true})); }"""
    )
    expect(aiko.get_by_role("dialog")).to_have_count(0)

    box.focus()
    aiko.keyboard.press("Control+Enter")
    expect(aiko.locator(".entry[data-direction=out]")).to_contain_text("返事")
    assert [url.rpartition("/")[2] for url in posts] == ["reply"]


@pytest.mark.daily
def test_of_several_customers_with_one_number_the_agent_chooses_and_the_choice_is_remembered(office: Office) -> None:
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    call = office.rings(caller=SUZUKI.phone)
    expect(card(aiko)).to_contain_text("2名の顧客が共有する番号")
    chooser = card(aiko).locator(".chooser")
    expect(chooser.get_by_role("button")).to_have_count(2)
    chooser.get_by_role("button", name=SUZUKI_WIFE.name).click()
    expect(card(aiko).locator("h2")).to_contain_text(SUZUKI_WIFE.name)
    expect(chooser).to_have_count(0)
    office.hangs_up(call)
    expect(card(aiko)).to_have_count(0)

    again = office.rings(caller=SUZUKI.phone)
    expect(card(aiko).locator("h2")).to_contain_text(SUZUKI_WIFE.name)
    office.hangs_up(again)
    expect(card(aiko)).to_have_count(0)


def test_an_unknown_caller_becomes_a_customer_in_the_card_with_the_number_filled_in(office: Office) -> None:
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    caller = STRANGERS[1]
    call = office.rings(caller=caller)
    expect(card(aiko).locator("h2")).to_have_text("未登録の発信者")
    card(aiko).locator(".new-customer summary").click()
    expect(card(aiko).locator(".new-customer")).to_contain_text("090-1234-9902")
    card(aiko).locator("[name=name]").fill("高橋 直子")
    card(aiko).locator("[name=reading]").fill("たかはし なおこ")
    card(aiko).get_by_role("button", name="追加").click()
    expect(card(aiko).locator("h2")).to_contain_text("高橋 直子")
    office.hangs_up(call)
    expect(card(aiko)).to_have_count(0)
    aiko.goto("/customers?q=9902")
    expect(aiko.locator("tbody tr")).to_have_count(1)
    expect(aiko.locator("tbody tr")).to_contain_text("高橋 直子")
    expect(aiko.locator("tbody tr")).to_contain_text("090-1234-9902")


def test_a_withheld_number_is_shown_nowhere(office: Office) -> None:
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    call = office.rings(caller="anonymous")
    expect(card(aiko).locator("h2")).to_have_text("非通知")
    ticket = card(aiko).get_by_role("link", name="問い合わせを開く").get_attribute("href")
    for path in ("/inbox", "/calls", str(ticket)):
        aiko.goto(path)
        expect(card(aiko)).to_be_visible()
        assert not re.search(r"anonymous|\+?266696687|restricted", aiko.content(), re.I)
    expect(card(aiko).locator(".number")).to_have_count(0)
    expect(card(aiko).locator(".chooser")).to_have_count(0)
    office.hangs_up(call)
    expect(card(aiko)).to_have_count(0)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_no_page_keeps_anybody_out_in(lang: str, office: Office) -> None:
    office.writes(f"見た目の確認 {lang}", "アプリの設定を教えてください。\n\n田中\n090-1234-5678")
    office.writes("", "", to=TECH_ADDRESS, sender=cast.STRANGER)
    office.writes(f"至急 {lang}", "本日中に交換してください。店が開けません。もう二度と買いません。", to=TECH_ADDRESS)
    window = office.window(SATO)
    window.request.post("/account", form={"language": lang, "theme": "light"})
    page = window.new_page()
    page.goto("/inbox?view=all")
    ticket = row(page, f"見た目の確認 {lang}").locator("a[data-open-ticket]").get_attribute("href")
    urgent = row(page, f"至急 {lang}").locator("a[data-open-ticket]").get_attribute("href")
    page.goto("/customers")
    customer = page.locator("tbody a").first.get_attribute("href")
    paths = ["/inbox", "/inbox?view=mine", ticket, customer, f"{customer}/edit", "/customers", "/customers/new",
             "/calls", "/queues", "/queues/accuracy", "/admin/parked", "/admin/guesses", "/inbox?view=urgent", urgent,
             "/account", "/admin/tags", "/admin/fields", "/admin/fields/new"]  # fmt: skip
    besides = ("color-contrast",) if lang == "en" else ()  # the colors are those seen in Japanese
    faults = []
    for path in paths:
        faults += faults_of(page, str(path), lang, besides=besides)
    page.goto("/tickets/999999")
    office.complaints = [said for said in office.complaints if "status of 404" not in said]
    faults += faults_here(page, "missing", lang, besides=besides)
    outside = office.window(locale=f"{lang}-JP").new_page()
    faults += faults_of(outside, f"/sign-in?lang={lang}", lang, besides=besides)
    window.request.post("/account", form={"language": "ja", "theme": ""})
    assert faults == []


@pytest.mark.parametrize(("lang", "theme"), [("ja", "light"), ("en", "dark")])
def test_the_figures_of_accuracy_keep_nobody_out(lang: str, theme: str, office: Office) -> None:
    fill = Database(office.desk.settings.database)
    fill.write_now(answers.write, answers.recently(40))
    fill.close()
    window = office.window(SATO)
    window.request.post("/account", form={"language": lang, "theme": theme})
    page = window.new_page()
    preview = "/queues/accuracy?days=90&language=ja&queue=&at=60"
    faults = faults_of(page, preview, lang)
    for folded in page.locator("main details").all():
        folded.evaluate("each => each.open = true")
    faults += faults_here(page, f"{preview} unfolded", lang)
    faults += faults_of(page, "/queues/accuracy/answers?days=90&said=returns&was=returns", lang)
    window.request.post("/account", form={"language": "ja", "theme": ""})
    assert faults == []


def test_a_threshold_is_moved_without_a_script(office: Office) -> None:
    fill = Database(office.desk.settings.database)
    fill.write_now(answers.write, answers.recently(40))
    fill.close()
    page = office.window(java_script_enabled=False).new_page()
    office.sign_in(page, SATO)
    page.goto("/queues/accuracy?days=90")
    page.locator("#at-ja").fill("62")
    page.locator("#points-ja .mover").get_by_role("button", name="試算").click()
    expect(page.locator("#points-ja .preview")).to_contain_text("確信度62 %以上")
    page.get_by_role("button", name="このしきい値を保存").click()
    expect(page.locator("#points-ja tbody").first).to_contain_text("62 %")
    page.get_by_role("button", name="すべてのキューを標準に戻す").click()
    expect(page.locator("#points-ja tbody").first).not_to_contain_text("62 %")


def test_the_cards_of_a_call_keep_nobody_out(office: Office) -> None:
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    caller, faults = STRANGERS[2], []
    call = office.rings(caller=caller)
    expect(card(aiko)).to_have_attribute("data-state", "ringing")
    card(aiko).locator(".new-customer summary").click()
    faults += faults_here(aiko, "ringing", "ja")
    card(aiko).get_by_role("button", name="応答").click()
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    faults += faults_here(aiko, "talking", "ja")
    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    faults += faults_here(aiko, "wrap-up", "ja")
    aiko.set_viewport_size(WIDE)  # type: ignore[arg-type]
    finish(aiko, "wrong_number")
    assert faults == []


def canned_reply(office: Office, title: str, trigger: str, text: str, *, file: str = "") -> None:
    """A supervisor writes one on the page."""
    page = office.page(SATO, "/admin/canned/new")
    page.locator("[name=title]").fill(title)
    page.locator("[name=trigger]").fill(trigger)
    page.locator("[name=text]").fill(text)
    if file:
        page.locator("[name=files]").set_input_files({"name": file, "mimeType": "text/plain", "buffer": b"a slip"})
    page.get_by_role("button", name="保存").click()
    expect(page.locator("#canned")).to_contain_text(title)


@pytest.mark.daily
def test_a_canned_reply_is_laid_in_by_its_short_word_or_from_the_list_and_leaves_with_its_file(office: Office) -> None:
    canned_reply(office, "設定のご案内", "settei", "{customer_sama}\n{company} の設定手順です。", file="手順.txt")
    canned_reply(office, "お礼（サンクス）", "", "ありがとうございました。")
    office.writes("定型文を使う", "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    row(aiko, "定型文を使う").click()
    box, laid = aiko.locator("form[data-for=reply] textarea"), aiko.locator("[data-canned-laid]")
    with aiko.expect_response(re.compile("/canned$")):
        box.focus()
    expect(aiko.locator("[data-canned-offer]")).not_to_have_count(0)
    aiko.keyboard.type("まず /settei")
    aiko.keyboard.press("Tab")
    expect(box).to_have_value(f"まず {TANAKA.name} 様\n【会社名？】 の設定手順です。")
    expect(box).to_be_focused()
    expect(laid.locator("[data-gap]")).to_have_text("【会社名？】")
    aiko.keyboard.press("Control+z")
    expect(box).to_have_value("まず /settei")

    aiko.keyboard.press("End")
    aiko.keyboard.type(" ")  # a space does the same
    expect(box).to_have_value(f"まず {TANAKA.name} 様\n【会社名？】 の設定手順です。")
    aiko.keyboard.type("ミナト設備")  # the gap is marked, so that typing fills it
    expect(box).to_have_value(f"まず {TANAKA.name} 様\nミナト設備 の設定手順です。")
    expect(laid.locator("[data-canned-gaps]")).to_be_hidden()
    aiko.keyboard.press("Control+End")
    aiko.keyboard.type("\nsettei /settei2 1/settei /nobody\n")
    kept = f"まず {TANAKA.name} 様\nミナト設備 の設定手順です。\nsettei /settei2 1/settei /nobody\n"
    expect(box).to_have_value(kept)

    aiko.locator(".canned-picker > summary").click()
    search = aiko.locator("[data-canned-search]")
    expect(search).to_be_focused()
    search.fill("ｻﾝｸｽ")
    expect(aiko.locator("[data-canned-offer]:visible")).to_have_count(1)
    aiko.keyboard.press("Enter")
    expect(box).to_have_value(kept + "ありがとうございました。")
    expect(box).to_be_focused()
    expect(aiko.locator(".canned-picker")).not_to_have_attribute("open", "")

    aiko.reload()  # what was laid in is kept with the draft
    expect(box).to_have_value(kept + "ありがとうございました。")
    expect(laid.locator("input[name=canned]")).to_have_count(2)
    expect(laid.locator("[name=canned_file]")).to_be_checked()
    box.focus()
    aiko.keyboard.press("Control+Enter")
    expect(aiko.locator(".entry[data-direction=out] .attachments")).to_contain_text("手順.txt")
    expect(laid.locator("input")).to_have_count(0)
    expect(box).to_have_value("")


def test_a_canned_reply_and_its_file_come_along_where_a_draft_is_taken_up_on_another_machine(office: Office) -> None:
    canned_reply(office, "返送のご案内", "hensou", "添付の票をご覧ください。", file="票.txt")
    canned_reply(office, "お詫び", "owabi", "申し訳ございません。")
    office.writes("定型文と別の端末", "アプリの設定を教えてください。")
    here = office.page(AIKO, "/inbox?view=all")
    row(here, "定型文と別の端末").click()
    box, laid = "form[data-for=reply] textarea", "[data-canned-laid] [name=canned_file]"
    here.locator(box).focus()
    here.keyboard.type("/hensou")
    expect(here.locator("#canned-typed [role=option]")).to_have_count(1)
    here.keyboard.press("Tab")
    expect(here.locator(laid)).to_be_checked()
    expect(here.locator("[data-draft-said]")).to_have_text("下書き保存済み")

    there = office.page(AIKO, here.url.removeprefix(office.desk.url), **OVERHEARD)  # another browser of hers
    expect(there.locator(box)).to_have_value("添付の票をご覧ください。")
    expect(there.locator(laid)).to_be_checked()
    there.locator(box).focus()
    there.keyboard.press("Control+a")
    there.keyboard.type("/owabi")
    expect(there.locator("#canned-typed [role=option]")).to_have_count(1)
    there.keyboard.press("Enter")
    with there.expect_response(lambda told: "/drafts/" in told.url and "canned_file" not in told.request.post_data):
        there.locator(laid).uncheck()
    here.reload()  # what this one had laid in itself is not what counts
    expect(here.locator(box)).to_have_value("申し訳ございません。")
    expect(here.locator("[data-canned-laid] input[name=canned]")).to_have_count(2)
    expect(here.locator(laid)).not_to_be_checked()


def test_a_slash_where_a_line_begins_offers_the_canned_replies_in_the_box_itself(office: Office) -> None:
    canned_reply(office, "電池の交換", "denchi", "電池を交換してください。")
    canned_reply(office, "電池の回収", "kaishu", "回収箱にお入れください。")
    office.writes("定型文と斜線", "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    row(aiko, "定型文と斜線").click()
    box, offered = aiko.locator("form[data-for=reply] textarea"), aiko.locator("#canned-typed [role=option]")
    box.focus()
    aiko.keyboard.type("/")
    expect(offered.filter(has_text="電池の交換")).to_be_visible()
    expect(offered.first).to_have_attribute("aria-selected", "true")
    assert onlooker.faults(aiko) == []
    aiko.keyboard.press("Escape")
    expect(offered).to_have_count(0)
    expect(box).to_be_focused()
    expect(box).to_have_value("/")
    aiko.keyboard.press("Backspace")
    aiko.keyboard.type("1/2 or / 3\n")  # a slash within a line is a slash
    expect(offered).to_have_count(0)
    aiko.keyboard.type("/電池")  # a part of the name
    expect(offered).to_have_text(["電池の交換 /denchi", "電池の回収 /kaishu"])
    aiko.keyboard.type("の")
    aiko.keyboard.press("ArrowDown")
    expect(offered.nth(1)).to_have_attribute("aria-selected", "true")
    aiko.keyboard.press("Enter")
    expect(box).to_have_value("1/2 or / 3\n回収箱にお入れください。")
    expect(aiko.locator("[data-canned-laid] input[name=canned]")).to_have_count(1)
    aiko.keyboard.type("\n/den")
    offered.get_by_text("電池の交換").click()  # by hand, which leaves the focus in the box
    expect(box).to_have_value("1/2 or / 3\n回収箱にお入れください。\n電池を交換してください。")
    expect(box).to_be_focused()


def test_a_short_word_belongs_to_the_input_method_while_it_composes(office: Office) -> None:
    canned_reply(office, "変換のご案内", "変換", "ご案内します。")
    office.writes("定型文と変換", "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    row(aiko, "定型文と変換").click()
    box = aiko.locator("form[data-for=reply] textarea")
    box.focus()
    expect(aiko.locator("[data-canned-offer]")).not_to_have_count(0)
    ime = aiko.context.new_cdp_session(aiko)
    ime.send("Input.imeSetComposition", {"text": "／変換", "selectionStart": 3, "selectionEnd": 3})
    for key in ("Enter", "Tab"):
        stopped = box.evaluate(
            """(box, key) => !box.dispatchEvent(new KeyboardEvent("keydown",
                 {key, isComposing: true, keyCode: 229, bubbles: true, cancelable: true}))""",
            key,
        )
        assert stopped is False
    expect(box).to_have_value("／変換")
    converts(aiko, ime, "／変換")
    expect(box).to_have_value("／変換")
    aiko.keyboard.press("Enter")
    expect(box).to_have_value("ご案内します。")
    box.fill("／変換")
    aiko.keyboard.insert_text("　")  # the wide space of an input method that composes nothing
    expect(box).to_have_value("ご案内します。")


def test_taken_back_with_the_keyboard_a_canned_reply_takes_its_file_along(office: Office) -> None:
    canned_reply(office, "取り消しのご案内", "modosu", "元に戻せます。", file="戻す.txt")
    office.writes("定型文を取り消す", "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    row(aiko, "定型文を取り消す").click()
    box, laid = aiko.locator("form[data-for=reply] textarea"), aiko.locator("[data-canned-laid]")
    with aiko.expect_response(re.compile("/canned$")):
        box.focus()
    expect(aiko.locator("[data-canned-offer]")).not_to_have_count(0)
    aiko.keyboard.type("まず/x /modosu")
    aiko.keyboard.press("Tab")
    expect(box).to_have_value("まず/x 元に戻せます。")
    expect(laid.locator("[name=canned_file]")).to_be_checked()
    aiko.keyboard.press("Control+z")
    expect(box).to_have_value("まず/x /modosu")
    expect(laid.locator("input, li")).to_have_count(0)
    aiko.keyboard.press("Control+Shift+z")
    expect(box).to_have_value("まず/x 元に戻せます。")
    expect(laid.locator("[name=canned_file]")).to_be_checked()
    aiko.keyboard.type("あ")
    aiko.keyboard.press("Control+z")  # takes back the letter alone
    expect(box).to_have_value("まず/x 元に戻せます。")
    expect(laid.locator("[name=canned_file]")).to_be_checked()


def test_a_canned_reply_is_laid_into_a_mail_that_begins_a_ticket(office: Office) -> None:
    canned_reply(office, "はじめのご案内", "hajime", "{customer_sama}\nはじめまして。", file="初.txt")
    aiko = office.page(AIKO, "/tickets/new")
    box, laid = aiko.locator("#f-body"), aiko.locator("[data-canned-laid]")
    with aiko.expect_response(re.compile(r"/tickets/new/canned\?queue_id=\d+$")):
        box.focus()
    expect(aiko.locator("[data-canned-offer]")).not_to_have_count(0)
    aiko.keyboard.type("/hajime ")
    expect(box).to_have_value("【氏名？】\nはじめまして。")
    expect(laid.locator("[data-gap]")).to_have_text("【氏名？】")
    expect(laid.locator("[name=canned_file]")).to_be_checked()
    aiko.locator("#f-to").fill("hajime@example.com")
    aiko.locator("#f-subject").fill("はじめに")
    aiko.locator("main button[data-kind=primary]").click()
    expect(aiko.locator(".entry[data-direction=out] .attachments")).to_contain_text("初.txt")


def test_a_canned_reply_is_found_and_sent_without_a_script(office: Office) -> None:
    canned_reply(office, "紙でのご案内", "kami", "{customer_sama}\n紙でお送りします。", file="案内.txt")
    office.writes("定型文をスクリプトなしで", "アプリの設定を教えてください。")
    page = office.window(java_script_enabled=False).new_page()
    office.sign_in(page, AIKO)
    page.goto("/inbox?view=all")
    until(lambda: row(page, "定型文をスクリプトなしで").count() or not page.reload())  # read after it was taken
    row(page, "定型文をスクリプトなしで").locator("a").click()
    page.locator(".canned-picker > summary").click()
    page.get_by_role("link", name="定型文の一覧").click()
    page.locator("main [name=q]").fill("かみ")
    page.locator("main").get_by_role("button", name="検索").click()
    expect(page.locator(".canned-offer")).to_have_count(0)
    page.locator("main [name=q]").fill("ＫＡＭＩ")
    page.locator("main").get_by_role("button", name="検索").click()
    page.locator(".canned-offer a").click()
    box = page.locator("form[data-for=reply] textarea")
    expect(box).to_have_value(f"{TANAKA.name} 様\n紙でお送りします。")
    page.locator("[name=canned_file]").uncheck()
    page.locator("form[data-for=reply] button[data-kind=primary]").click()
    expect(page.locator(".entry[data-direction=out]")).to_contain_text("紙でお送りします。")
    expect(page.locator(".entry[data-direction=out] .attachments")).to_have_count(0)
    expect(box).to_have_value("")


@pytest.mark.parametrize(("lang", "theme"), [("ja", "light"), ("en", "dark")])
def test_the_pages_of_canned_replies_and_sending_domains_keep_nobody_out(lang: str, theme: str, office: Office) -> None:
    canned_reply(office, f"見出し {lang}", "", "{company} の件です。", file="案内.txt")
    office.writes(f"定型文の見た目 {lang}", "アプリの設定を教えてください。")
    window = office.window(SATO)
    window.request.post("/account", form={"language": lang, "theme": theme})
    window.request.post("/admin/mail/domains/key", form={"domain": cast.DESK_ADDRESS.partition("@")[2]})
    page = window.new_page()
    page.goto("/inbox?view=all")
    ticket = row(page, f"定型文の見た目 {lang}").locator("a[data-open-ticket]").get_attribute("href")
    faults = faults_of(page, "/admin/canned", lang) + faults_of(page, "/admin/canned/new", lang)
    faults += faults_of(page, f"{str(ticket).partition('?')[0]}/canned", lang)
    page.goto("/admin/mail/domains")
    for folded in page.locator("main details").all():
        folded.evaluate("each => each.open = true")
    faults += faults_here(page, "/admin/mail/domains", lang)
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    page.goto(str(ticket))
    page.locator(".canned-picker > summary").click()
    page.locator("[data-canned-offer] a", has_text=f"見出し {lang}").click()
    expect(page.locator("[data-gap]")).to_have_count(1)
    page.locator(".canned-picker > summary").click()
    expect(page.locator("[data-canned-offer] a").first).to_be_visible()
    faults += faults_here(page, "laying in", lang)
    window.request.post("/account", form={"language": "ja", "theme": ""})
    assert faults == []


@pytest.mark.parametrize(("lang", "theme"), [("ja", "light"), ("en", "dark")])
def test_the_ledger_of_mail_and_the_mailboxes_keep_nobody_out(lang: str, theme: str, office: Office) -> None:
    office.writes(f"台帳の確認 {lang}", "アプリの設定を教えてください。")
    office.desk.takes(f"Subject: nobody wrote this {lang}\r\n\r\nhello\r\n".encode(), to=TECH_ADDRESS, sender="")
    window = office.window(SATO)
    window.request.post("/account", form={"language": lang, "theme": theme})
    page = window.new_page()
    page.goto("/admin/mail")
    shown = page.locator("#ledger")
    expect(shown.locator("tbody tr")).not_to_have_count(0)
    listed = str(shown.locator("tbody th a").first.get_attribute("href"))
    faults = faults_of(page, "/admin/mail", lang) + faults_of(page, listed, lang)
    page.locator("a.ledger-subject", has_text=f"台帳の確認 {lang}").first.click()
    read, path = page.locator("main"), page.url
    expect(read).to_contain_text("アプリの設定を教えてください。")
    faults += faults_of(page, path, lang) + faults_of(page, f"{path}?again=1", lang)
    page.goto(listed)
    page.locator("a.ledger-subject", has_text=f"nobody wrote this {lang}").first.click()
    page.locator("#f-ticket").fill("999999")
    page.locator("#f-ticket").press("Enter")
    expect(page.locator("#f-ticket-error")).to_be_visible()
    faults += faults_here(page, "set aside", lang)
    office.complaints = [said for said in office.complaints if "status of 422" not in said]
    faults += faults_of(page, "/admin/mailboxes", lang) + faults_of(page, "/admin/mailboxes/new", lang)
    page.locator("[name=name]").fill("サポート")
    page.locator("[name=host]").fill("localhost")
    page.locator("[name=port]").fill("9")
    page.locator("[name=user]").fill("support@desk.example.jp")
    page.locator("#f-secret").fill("a password of some length")
    page.locator("[data-test]").click()  # it really connects, and says beside which field it fails
    expect(page.locator("#f-port-error")).to_be_visible()
    office.complaints = [said for said in office.complaints if "status of 422" not in said]
    faults += faults_here(page, "a mailbox that cannot be reached", lang)
    window.request.post("/account", form={"language": "ja", "theme": ""})
    assert faults == []


def faults_of(page: Page, path: str, lang: str, *, besides: tuple[str, ...] = ()) -> list[str]:
    """Open a page and look for faults in it."""
    answer = page.goto(path)
    assert isinstance(answer, Response) and answer.status == 200, path
    return faults_here(page, path, lang, besides=besides)


def faults_here(page: Page, name: str, lang: str, *, besides: tuple[str, ...] = ()) -> list[str]:
    """What axe finds at both sizes, sideways scrolling on a telephone, and a page in the wrong language."""
    faults = []
    assert page.locator("html").get_attribute("lang") == lang
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        found = onlooker.faults(page, besides=besides)
        faults += [f"{name} {lang} {size['width']}: {each['id']} {each['html'][:160]}" for each in found]
    if (width := page.evaluate("document.documentElement.scrollWidth")) > PHONE["width"]:
        faults.append(f"{name} {lang}: {width} px wide on a telephone")
    return faults


def test_everything_works_without_scripts(office: Office) -> None:
    office.writes("スクリプトなし", "アプリの設定を教えてください。")
    page = office.window(java_script_enabled=False).new_page()
    office.sign_in(page, AIKO)
    page.locator("#me > summary").click()
    page.locator("#me button[value=ready]").click()
    page.goto("/inbox?view=all")
    until(lambda: row(page, "スクリプトなし").count() or not page.reload())  # read after it was taken
    row(page, "スクリプトなし").locator("a").click()
    page.locator("label:has([data-compose-mode][value=note])").click()
    page.locator("form[data-for=note] textarea").fill("設定の手順を送る")
    page.get_by_role("button", name="メモを保存").click()
    expect(page.locator(".entry[data-kind=note]")).to_contain_text("設定の手順を送る")
    page.locator("select[data-key-move]").select_option(label="振り分け待ち")
    page.get_by_role("button", name="移す").click()
    expect(page.locator(".why")).to_contain_text("振り分け待ち")

    call = office.rings()
    page.goto("/inbox")
    until(lambda: card(page).count() or not page.reload())  # a busy desk asks the exchange to wait, and rings then
    card(page).get_by_role("button", name="応答").click()
    card(page).locator("textarea[name=note]").fill("手で保存したメモ")
    card(page).get_by_role("button", name="メモを保存").click()
    office.hangs_up(call)
    page.goto("/inbox")
    while card(page).get_attribute("data-state") != "wrap_up":
        page.reload()
    expect(card(page).locator("textarea[name=note]")).to_have_value("手で保存したメモ")
    finish(page)


def test_the_first_page_of_an_empty_desk_makes_its_first_supervisor_with_the_code_from_the_console(
    tmp_path: Path, browser: Browser
) -> None:
    with running(tmp_path) as desk:
        found = re.search(r"/welcome\?setup_code=(\d{4}-\d{4})", desk.console)
        assert found
        page = browser.new_context(locale="ja-JP", base_url=desk.url).new_page()
        page.goto("/")
        page.wait_for_url("**/welcome")
        page.locator("[name=name]").fill("佐藤 健")
        page.locator("[name=email]").fill("sato@desk.example.jp")
        page.locator("[name=password]").fill(cast.PASSWORD)
        page.locator("[name=setup_code]").fill("0000-000x")
        page.get_by_role("button", name="窓口を開設").click()
        expect(page.locator(".gate")).to_contain_text("セットアップコードが違います")
        expect(page.locator("[name=name]")).to_have_value("佐藤 健")
        page.locator("[name=password]").fill(cast.PASSWORD)
        page.locator("[name=setup_code]").fill(found[1])
        page.get_by_role("button", name="窓口を開設").click()
        page.wait_for_url("**/inbox")
        expect(page.locator("#me > summary")).to_contain_text("佐藤 健")
        expect(page.get_by_role("link", name="管理", exact=True)).to_be_visible()
        assert page.goto("/welcome").status == 404  # type: ignore[union-attr]

        again = browser.new_context(locale="ja-JP", base_url=desk.url).new_page()
        again.goto(f"/welcome?setup_code={found[1]}")
        expect(again.locator("[name=setup_code]")).to_have_count(0)
        again.context.close()
        page.context.close()


@pytest.mark.daily
def test_while_aiko_writes_akira_reads_and_whoever_takes_over_writes(office: Office) -> None:
    office.writes("二人で返信", "使い方を教えてください。", sender=SUZUKI)
    aiko, akira = office.page(AIKO), office.page(AKIRA)
    row(aiko, "二人で返信").locator("a").click()
    row(akira, "二人で返信").locator("a").click()
    mine, theirs = aiko.locator("textarea[id^=reply-]"), akira.locator("textarea[id^=reply-]")
    mine.fill("お調べします。")
    expect(akira.locator(".lock")).to_contain_text(f"{AIKO.name}さんが返信を作成中です。")
    expect(theirs).not_to_be_editable()
    assert onlooker.faults(akira) == []
    akira.get_by_role("button", name="返信を引き継ぐ").click()
    expect(aiko.locator(".lock")).to_contain_text(f"{AKIRA.name}さんが返信を引き継ぎました。")
    expect(mine).not_to_be_editable()
    expect(mine).to_have_value("お調べします。")
    expect(theirs).to_be_editable()
    theirs.fill("私から")
    theirs.fill("")  # an emptied box lets go
    expect(mine).to_be_editable()


def test_what_changes_while_a_ticket_is_on_its_way_to_the_screen_is_seen_there(office: Office) -> None:
    office.writes("開く間に返信", "使い方を教えてください。", sender=SUZUKI)
    aiko, akira = office.page(AIKO), office.page(AKIRA, **OVERHEARD)
    opened = row(akira, "開く間に返信").locator("a")
    ticket = opened.get_attribute("data-open-ticket")
    akira.evaluate("""id => document.addEventListener("desk:frame", ({ detail }) => {
        window.heard ||= detail.do.some((step) => step.stale?.includes(`lock-${id}`));
    })""", ticket)  # fmt: skip

    def slowly(route: Route) -> None:
        answer = route.fetch()
        aiko.context.request.post(f"/tickets/{ticket}/lock", form={"what": "take"})
        akira.wait_for_function("() => window.heard")  # asked again as words alone, the page's policy would refuse it
        route.fulfill(response=answer)

    akira.route(f"**/tickets/{ticket}/region", slowly)
    opened.click()
    expect(akira.locator(".lock")).to_contain_text(f"{AIKO.name}さんが返信を作成中です。")
    aiko.context.request.post(f"/tickets/{ticket}/lock", form={"what": "release"})


def test_who_opens_a_ticket_while_a_form_is_on_its_way_stays_there(office: Office) -> None:
    office.writes("送信中に開く", "使い方を教えてください。", sender=SUZUKI)
    aiko = office.page(AIKO, **OVERHEARD)
    opened = row(aiko, "送信中に開く").locator("a")

    def slowly(route: Route) -> None:
        answer = route.fetch()
        opened.click()
        expect(aiko.locator("textarea[id^=reply-]")).to_be_visible()
        route.fulfill(response=answer)

    aiko.route("**/me/state", slowly)
    with aiko.expect_event("requestfinished", lambda request: request.url.endswith("/me/state")):
        office.is_ready(aiko)
    aiko.locator("textarea[id^=reply-]").fill("お調べします。")
    expect(aiko.locator("#connection")).to_have_attribute("data-connection", "on")
    expect(aiko.locator("textarea[id^=reply-]")).to_have_value("お調べします。")
    aiko.locator("textarea[id^=reply-]").fill("")


def test_a_mail_that_forgets_its_file_is_asked_about_beside_the_box_and_leaves_when_it_is_said_so(
    office: Office,
) -> None:
    office.writes("見積依頼", "見積をお願いします。", sender=SUZUKI)
    aiko = office.page(AIKO)
    row(aiko, "見積依頼").locator("a").click()
    box, panel = aiko.locator("textarea[id^=reply-]"), aiko.locator(".safety")
    box.fill("田中様\n見積書を添付いたします。")
    send = aiko.locator(".compose-foot").get_by_role("button", name="送信", exact=True)
    send.click()
    expect(panel.locator("li[data-code]")).to_have_count(2)
    expect(panel).to_be_focused()
    assert panel.locator("mark").all_inner_texts() == ["添付", "田中様"]
    assert onlooker.faults(aiko) == []
    panel.get_by_role("link", name="編集に戻る").click()
    expect(panel).to_have_count(0)
    expect(box).to_be_focused()
    box.fill("鈴木様\n見積書を添付いたします。")
    send.click()
    expect(panel.locator("li[data-code]")).to_have_count(1)
    panel.get_by_role("button", name="このまま送信する").click()
    expect(aiko.locator("#main .entry[data-direction=out] .bubble-text")).to_contain_text("見積書を添付いたします。")
    expect(panel).to_have_count(0)
    expect(box).to_have_value("")
    asked = [said for said in office.complaints if "status of 422" in said]  # a refused form is no mistake of the page
    office.complaints = [said for said in office.complaints if said not in asked]
    assert len(asked) == 2
