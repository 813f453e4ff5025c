"""Every page there is, looked at by axe: by day on a desk, by night in a hand, and at twice the size.

The one idea: the pages are those of the routes, so a new one is looked at without being named here. One demonstration
and one browser serve them all, and each page is asked for once: it is read as it came, in the light and wide; then it
goes dark and narrow where it stands, for the rules that either can break. Its words are read on the way.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright
from starlette.routing import Route

from tests import onlooker
from tests.patience import PATIENCE_SECONDS
from tests.running import running
from tests.screenshots import SUPERVISOR, launch
from web.app import routes

pytestmark = pytest.mark.slow

WIDE, ZOOMED, PHONE = {"width": 1440, "height": 900}, {"width": 640, "height": 400}, {"width": 390, "height": 844}
NARROW_AND_DARK = ("color-contrast", "link-in-text-block", "target-size")
"""What depends on the theme or on the width. That a finger hits what is 24 px large is WCAG 2.2, 2.5.8."""
ASKED = {
    "/queues/accuracy/answers": "days=90&said=returns&was=returns",
    "/reports/products/rows": "what=returns",
    "/reports/service/rows": "what=answered&period=month",
}
"""Pages that answer a question, and one that each is asked."""
OF_ANOTHER = {"/admin/surveys/{survey_id:id}/sendings/{sending_id:id}": "/admin/surveys/2/sendings/1"}
"""What does not belong to the first of its kind."""
NOT_IN_THE_DEMONSTRATION = {
    "/inbox/belongs",
    "/logo/{logo_id:id}",
    "/notifications/{notification_id:id}",
    "/welcome",
}  # fmt: skip
"""What nobody has made there. Their forms are the pages of the new ones; test_in_the_browser.py and others see them."""

NARROW = r"""() => {
  const narrow = /[\u3040-\u30ff\u3400-\u9fff](?:[,;:] | \()/, found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  while (walker.nextNode()) {
    const node = walker.currentNode, box = node.nodeType === 3 ? node.parentElement : node;
    const named = ["aria-label", "title", "placeholder"].map(name => box.getAttribute(name));
    const said = node === box ? named : [node.data];
    if (!box.closest(".bubble, .row-snippet, .compose-signature, textarea, #f-holidays"))
      found.push(...said.filter(each => narrow.test(each ?? "")));
  }
  return found;
}"""
"""Half-width commas, colons and brackets after Japanese letters, where the desk speaks: not in what people wrote, nor
in the names of countries, which are Unicode's."""


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A supervisor's browser before the demonstration."""
    with sync_playwright() as playwright, running(tmp_path_factory.mktemp("pages"), command="demo") as desk:
        browser = launch(playwright)
        window = browser.new_context(
            locale="ja-JP", timezone_id="Asia/Tokyo", base_url=desk.url, has_touch=True,
            reduced_motion="reduce",  # or a color that is still turning dark is what is measured
        )  # fmt: skip
        window.set_default_timeout(PATIENCE_SECONDS * 1000)
        window.request.post("/sign-in", form={"email": SUPERVISOR[0], "password": SUPERVISOR[1], "next": "/inbox"})
        window.request.post("/account", form={"language": "ja", "theme": "light"})
        yield window
        browser.close()


def test_axe_finds_nothing_on_any_page_by_day_or_by_night_nor_does_any_scroll_sideways(window: BrowserContext) -> None:
    page, faults, missing, seen_count = window.new_page(), [], set(), 0
    for route in _routes():
        path = OF_ANOTHER.get(route) or re.sub(r"\{\w+:id\}", "1", route)
        path += f"?{ASKED[route]}" if route in ASKED else ""
        answer = window.request.get(path, max_redirects=0)
        if answer.status == 404:
            missing.add(route)
        elif answer.status == 200 and answer.text().startswith("<!doctype html>"):
            page.goto(path)
            faults += [f"{path} {fault}" for fault in _faults(page)]
            seen_count += 1
    assert faults == []
    assert missing == NOT_IN_THE_DEMONSTRATION
    assert seen_count >= 90, "the pages are no longer recognized as such"


def _routes() -> list[str]:
    """What a browser may ask for by an address that can be guessed."""
    found = [route.path for route in routes(demo=True) if isinstance(route, Route) and "GET" in (route.methods or ())]
    return [path for path in found if not re.search(r"^/(api|hooks|static)/|\.\w+$|\{\w+\}", path)]


def _faults(page: Page) -> list[str]:
    """What axe finds on the page that is open, and how wide it is where it should fit."""
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    faults = [f"in the light: {each['id']}: {each['html'][:200]}" for each in onlooker.faults(page)]
    faults += _beyond(page) + [f"has punctuation of English: {said}" for said in page.evaluate(NARROW)]
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    for size in (ZOOMED, PHONE):  # 1280 px at 200 % are 640 of CSS
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if (width := page.evaluate("document.documentElement.scrollWidth")) > size["width"]:
            faults.append(f"is {width} px wide on {size['width']}")
        faults += _beyond(page)
    found = onlooker.faults(page, only=NARROW_AND_DARK)
    return faults + [f"in the dark: {each['id']}: {each['html'][:200]}" for each in found]


def _beyond(page: Page) -> list[str]:
    """What is below a workplace, whose parts scroll by themselves: who turns the wheel at their end sees no void."""
    below = page.evaluate(
        "() => document.querySelector('.stage > main') && document.documentElement.scrollHeight - innerHeight"
    )
    return [f"goes on for {below} px below the window"] if below else []
