"""Hostile pages in a real browser: nothing runs, nothing is asked elsewhere, nothing leaves its frame.

The one idea: each wall is tried alone. The ticket page shows the mails as agents see them, behind sanitizer, sandbox
and policy; then each sanitized page is given to the browser bare, with neither sandbox nor policy. So that the traps
themselves are known to work, some raw pages are opened first, in a window of their own, and must go off.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect

from helpdesk.mail import parse
from tests import cast
from tests.cast import RETURNS_ADDRESS, SATO, TANAKA
from tests.hostile import KINDS, parts, piece
from tests.hostile.pages import CALL, ESCAPES, SEEN
from tests.journeys.test_in_the_browser import browser
from tests.patience import PATIENCE_SECONDS, until
from tests.running import Running, running

__all__ = ["browser"]
pytestmark = pytest.mark.slow

PAGES = [one for one in KINDS if one.name.startswith("page_with_")]
TRAPS = ("a_script", "an_image_that_fails", "an_image_from_elsewhere", "a_frame_with_a_page_of_its_own", "a_drawing",
         "a_style_with_a_picture", "details_that_open")  # fmt: skip
FIRST = "<first@mail.example.com>"
# What a page must not hold after the browser has read it, whatever the markup was.
FOUND = """() => {
  const ours = e => e.matches('base[target=_blank]:not([href]), meta[charset]');
  const names = 'script,svg,math,iframe,frame,object,embed,form,input,button,base,meta,link,style';
  const bad = [...document.querySelectorAll(names)].filter(e => !ours(e));
  const acts = e => [...e.attributes].some(a => a.name.startsWith('on') || a.name === 'srcdoc');
  const on = [...document.querySelectorAll('*')].filter(acts);
  const runs = /^[\\s\\x00-\\x20]*(javascript|vbscript|data:(?!image\\/(png|jpe?g|gif|webp|bmp);))/i;
  const led = [...document.querySelectorAll('[href],[src]')]
    .map(e => e.getAttribute('href') || e.getAttribute('src') || '').filter(u => runs.test(u));
  const marks = typeof window.pwned === 'undefined' ? [] : ['a script ran'];
  return [...bad, ...on].map(e => e.outerHTML.slice(0, 100)).concat(led, marks);
}"""


class Watch:
    """What a window asked for and what went off in it. Whatever is not the desk's is answered by nobody."""

    def __init__(self, window: BrowserContext, home: str) -> None:
        self.home = home
        self.left: list[str] = []
        self.went_off: list[str] = []
        window.route("**/*", self._answer)
        window.on("dialog", lambda dialog: (self.went_off.append(dialog.message), dialog.dismiss()))
        window.on("page", lambda page: self.went_off.append(f"opened {page.url}") if self.pages else None)
        window.on("console", lambda said: self.went_off.append(said.text) if "Refused to" in said.text else None)
        self.pages = 0

    def hears(self, window: BrowserContext) -> bool:
        """True, once all is heard that the browser has said by now."""
        return window.cookies() is not None

    def _answer(self, route: Route) -> None:
        url = route.request.url
        if self.home and url.startswith(self.home):
            route.continue_()
            return
        self.left.append(url)
        route.abort()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    """A desk with the cast, in a process of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "data").mkdir()
    shutil.copy(sqlite_template, folder / "data" / "desk.db")
    with running(folder) as opened:
        yield opened


def test_the_traps_go_off_where_nothing_holds_them(browser: Browser) -> None:
    window = browser.new_context()
    watch = Watch(window, "")
    for name in TRAPS:
        page = window.new_page()
        before = len(watch.left) + len(watch.went_off)
        with contextlib.suppress(Error):  # it went elsewhere meanwhile
            page.set_content(ESCAPES[name])
        until(lambda before=before: watch.hears(window) and before < len(watch.left) + len(watch.went_off))  # type: ignore[misc]
        page.close()
    window.close()


def test_a_sanitized_page_does_nothing_even_without_sandbox_and_policy(browser: Browser) -> None:
    window = browser.new_context()
    watch = Watch(window, "")
    page = window.new_page()
    for one in PAGES:
        page.set_content(f"<!doctype html><title>quiet</title><body>{parse.read(one.raw()).html}")
        assert page.evaluate(FOUND) == [], one.name
        assert page.title() == "quiet", one.name
        assert (watch.left, watch.went_off) == ([], []), one.name
    window.close()


def test_on_the_ticket_no_page_runs_calls_or_leaves_its_frame(browser: Browser, desk: Running) -> None:
    assert len(PAGES) >= 40
    desk.takes(_mail(b"Subject: first\r\nMessage-ID: " + FIRST.encode() + b"\r\n", b"hello"), to=RETURNS_ADDRESS,
               sender=TANAKA.email)  # fmt: skip
    for place, one in enumerate(PAGES):
        answer = f"Message-ID: <{place}@mail.example.com>\r\nIn-Reply-To: {FIRST}\r\n".encode()
        desk.takes(answer + one.build(TANAKA.email.encode()), to=RETURNS_ADDRESS, sender=TANAKA.email)
    window, page = _sato(browser, desk)
    watch = Watch(window, desk.url)
    watch.pages = 1
    page.goto("/tickets/1")
    expect(page.locator("details.formatted")).to_have_count(len(PAGES))
    page.evaluate("document.title = 'quiet'")
    for details in page.locator("details.formatted").all():
        details.evaluate("each => { each.open = true; each.querySelector('iframe').loading = 'eager' }")
    frames = [frame for frame in page.frames if frame.parent_frame]
    assert len(frames) == len(PAGES)
    for frame in frames:
        frame.wait_for_url("**/files/*")
        expect(frame.get_by_text(SEEN)).to_be_attached()
        assert frame.evaluate(FOUND) == []
    highest = page.evaluate("Math.max(...[...document.querySelectorAll('iframe')].map(each => each.offsetHeight))")
    assert highest < 500
    told = page.evaluate("[document.title, typeof window.pwned, location.pathname]")
    assert told == ["quiet", "undefined", "/tickets/1"]
    assert (watch.left, watch.went_off) == ([], [])
    window.close()


def test_pictures_that_came_along_are_shown_and_others_only_after_a_click(browser: Browser, desk: Running) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    page_of = f'<p>{SEEN}<img id=a alt=own src="cid:own@x"><img alt=remote src="{CALL}.png"></p>'.encode()
    raw = parts(TANAKA.email.encode(), piece(b"Content-Type: text/html; charset=utf-8", page_of), piece(
        b"Content-Type: image/png\nContent-ID: <own@x>\nContent-Transfer-Encoding: base64", pixel.encode()),
        piece(b"Content-Type: application/pkcs7-mime; name=smime.p7m", b"x"), subtype=b"related",
        head=b"Subject: pictures\n")  # fmt: skip
    desk.takes(raw, to=RETURNS_ADDRESS, sender=TANAKA.email)
    window, page = _sato(browser, desk)
    watch = Watch(window, desk.url)
    page.goto("/inbox?view=all")
    page.locator("#rows .row", has_text="pictures").click()
    entry = page.locator(".entry", has=page.locator("details.formatted"))
    expect(entry).to_contain_text("smime.p7m")
    expect(entry).to_contain_text("暗号化されています")
    entry.locator("details.formatted > summary").click()
    frame = entry.locator("iframe.mail-frame").content_frame
    expect(frame.get_by_alt_text("own")).to_have_js_property("naturalWidth", 1)
    assert watch.left == []
    entry.get_by_role("link", name="外部の画像を表示").click()
    expect(frame.get_by_alt_text("remote")).to_have_attribute("src", f"{CALL}.png")
    expect(frame.get_by_alt_text("own")).to_have_js_property("naturalWidth", 1)
    until(lambda: watch.hears(window) and watch.left)
    assert watch.left == [f"{CALL}.png"]
    window.close()


def _mail(head: bytes, body: bytes) -> bytes:
    return b"From: " + TANAKA.email.encode() + b"\r\n" + head + b"\r\n" + body


def _sato(browser: Browser, desk: Running) -> tuple[BrowserContext, Page]:
    """The supervisor's window."""
    window = browser.new_context(base_url=desk.url, locale="ja-JP", viewport={"width": 1440, "height": 900})
    window.set_default_timeout(PATIENCE_SECONDS * 1000)
    page = window.new_page()
    page.goto("/sign-in")
    page.locator("[name=email]").fill(SATO.email)
    page.locator("[name=password]").fill(cast.PASSWORD)
    page.locator(".gate form button[data-kind=primary]").click()
    page.wait_for_url("**/inbox")
    return window, page
