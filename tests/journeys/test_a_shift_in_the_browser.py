"""A shift at the desk in a real browser: what agents do most, by mouse and by keyboard, and how light and steady the
pages are that they do it on.

One desk in a process of its own serves the file; the office is that of test_in_the_browser.py.
"""

import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect

from tests import onlooker
from tests.cast import AIKO, AKIRA, PASSWORD, SATO, SUZUKI, TANAKA
from tests.journeys.test_in_the_browser import (
    OVERHEARD,
    PHONE,
    TECH_ADDRESS,
    WIDE,
    Office,
    browser,
    card,
    faults_of,
    finish,
    office,
    row,
    whole_office,
)
from tests.patience import until

__all__ = ["browser", "office", "whole_office"]
pytestmark = pytest.mark.slow

OWN_BYTES_MAX = 70_000
SHIFT_MAX = 0.01
"""Layout shift; a tenth of what Core Web Vitals calls good for a whole visit."""


def open_ticket(office: Office, page: Page, subject: str) -> None:
    """Open it from the list."""
    page.goto("/inbox?view=all")
    row(page, subject).locator("a").click()
    expect(page.locator(".ticket-title h1")).to_have_text(subject)
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")


def type_into_palette(page: Page, words: str) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-words")).to_be_focused()
    page.locator("#palette-words").press_sequentially(words)


# --- what agents do most


@pytest.mark.daily
def test_signing_in_leads_to_the_inbox_and_wrong_words_are_told_beside_the_field(office: Office) -> None:
    page = office.window().new_page()
    page.goto("/calls")
    page.locator("[name=email]").fill(AIKO.email)
    page.locator("[name=password]").fill("not it")
    page.locator(".gate form button[data-kind=primary]").click()
    expect(page.locator("[name=email]")).to_have_value(AIKO.email)
    office.complaints = [said for said in office.complaints if "422" not in said]
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls")


@pytest.mark.daily
def test_a_call_is_taken_noted_and_wrapped_up_with_the_keyboard_alone(office: Office) -> None:
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    aiko.locator("h1").first.click()  # the focus is nowhere in particular
    call = office.rings()
    expect(card(aiko)).to_have_attribute("data-state", "ringing")
    aiko.keyboard.press("c")
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    aiko.keyboard.press("d")
    aiko.keyboard.type("c を押しても何も起きない")
    expect(card(aiko).locator("[data-saved]")).not_to_be_empty()
    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    expect(card(aiko).locator("textarea[name=note]")).to_have_value("c を押しても何も起きない")
    finish(aiko)


def test_in_a_ticket_of_a_call_the_box_is_one_line_until_it_is_pressed_or_its_key_is(office: Office) -> None:
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    call = office.rings()
    expect(card(aiko)).to_have_attribute("data-state", "ringing")
    aiko.keyboard.press("c")
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    card(aiko).locator(".pop-foot a[href^='/tickets/']").click()
    expect(aiko.locator(".compose-switch")).to_be_visible()
    expect(aiko.locator(".compose-form")).to_have_count(2)
    for form in aiko.locator(".compose-form").all():
        expect(form).not_to_be_visible()
    aiko.keyboard.press("n")
    expect(aiko.locator("[data-key-note]")).to_be_focused()
    aiko.locator("[data-key-note]").blur()
    aiko.keyboard.press("r")
    expect(aiko.locator("[data-key-reply]")).to_be_focused()
    expect(aiko.locator("[data-key-note]")).not_to_be_visible()
    aiko.reload()
    aiko.locator(".compose-switch label", has_text="メモ").click()
    expect(aiko.locator("[data-key-note]")).to_be_focused()
    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    finish(aiko)


def test_a_call_that_joins_a_ticket_folds_the_box_but_not_the_one_that_is_written_in(office: Office) -> None:
    office.writes("電話もある件", "使い方を教えてください。")
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    open_ticket(office, aiko, "電話もある件")
    aiko.keyboard.press("r")
    expect(aiko.locator("[data-key-reply]")).to_be_focused()
    call = office.rings()
    expect(card(aiko)).to_have_attribute("data-state", "ringing")
    expect(aiko.locator(".entry[data-kind=call]")).to_have_count(1)
    expect(aiko.locator(".compose[data-mode='']")).to_have_count(1)
    expect(aiko.locator("[data-key-reply]")).to_be_focused()
    aiko.keyboard.type("お電話で")
    expect(aiko.locator("[data-key-reply]")).to_have_value("お電話で")
    aiko.locator("[data-key-reply]").fill("")
    expect(aiko.locator("[data-draft-said]")).to_have_text("")
    aiko.reload()
    expect(aiko.locator(".compose-switch")).to_be_visible()
    expect(aiko.locator("[data-key-reply]")).not_to_be_visible()
    card(aiko).locator("[data-accept]").click()
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    finish(aiko)


LATE = """(() => {
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    if (String(asked[0]).endsWith("/accept")) await new Promise(go => (window.release = go));
    return answer;
  };
  document.addEventListener("desk:renewed", ({ detail }) => (window.taken ||= detail.root === document.body));
})()"""


def test_an_answer_that_comes_late_does_not_make_a_card_again_what_it_was(office: Office) -> None:
    aiko = office.page(AIKO)
    aiko.add_init_script(LATE)
    aiko.reload()
    office.is_ready(aiko)
    call = office.rings()
    card(aiko).locator("[data-accept]").click()
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    aiko.wait_for_function("() => window.release")  # the page it was asked for says so, too, and is on its way
    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    aiko.evaluate("() => { window.taken = false; window.release(); }")
    aiko.wait_for_function("() => window.taken")
    finish(aiko)


@pytest.mark.daily
def test_a_mail_is_answered_and_the_ticket_resolved(office: Office) -> None:
    office.writes("一日目の返信", "使い方を教えてください。")
    aiko = office.page(AIKO)
    open_ticket(office, aiko, "一日目の返信")
    aiko.keyboard.press("r")
    aiko.keyboard.type("お電話いたします。")
    aiko.keyboard.press("Control+Enter")
    expect(aiko.locator(".entry[data-kind=message]").last).to_contain_text("お電話いたします。")
    aiko.locator(".ticket-title h1").click()
    aiko.keyboard.press("e")
    expect(aiko.locator(".ticket")).to_have_attribute("data-state", "resolved")


@pytest.mark.daily
def test_a_ticket_is_taken_handed_on_and_whoever_gets_it_is_told(office: Office) -> None:
    office.writes("引き継ぐ件", "使い方を教えてください。", sender=SUZUKI)
    aiko, akira = office.page(AIKO, **OVERHEARD), office.page(AKIRA, "/inbox?view=mine")
    open_ticket(office, aiko, "引き継ぐ件")
    asked: list[Route] = []
    aiko.route("**/tickets/*/assign", lambda route: route.continue_() if asked else asked.append(route))
    aiko.keyboard.press("i")
    until(lambda: aiko.evaluate("true") and asked)
    other = aiko.locator("select[data-assign] option", has_text=AKIRA.name).get_attribute("value")
    aiko.locator("select[data-assign]").select_option(other)  # while the first choice is on its way
    asked[0].continue_()
    expect(row(akira, "引き継ぐ件")).to_be_visible()
    expect(aiko.locator("select[data-assign]")).to_have_value(str(other))
    expect(akira.locator("#bell")).not_to_have_attribute("data-unread", "0")
    akira.keyboard.press("l")
    akira.locator(".told-short .told-line", has_text="引き継ぐ件").locator("a").click()
    expect(akira.locator(".ticket-title h1")).to_have_text("引き継ぐ件")


@pytest.mark.daily
def test_a_customer_a_page_and_a_ticket_are_found_by_the_palette_and_what_is_open_is_acted_on(office: Office) -> None:
    office.writes("コマンドの件", "使い方を教えてください。", sender=SUZUKI)
    aiko = office.page(AIKO)
    open_ticket(office, aiko, "コマンドの件")
    number = aiko.locator(".ticket").get_attribute("data-ticket")
    aiko.keyboard.press("/")
    aiko.locator("#palette-words").press_sequentially("じぶん")  # nothing is called so; the search is left
    expect(aiko.locator(".palette-item")).to_have_count(1)
    aiko.locator("#palette-words").fill("担当する")
    aiko.keyboard.press("Enter")
    expect(aiko.locator("select[data-assign]")).to_have_value(str(aiko.locator("body").get_attribute("data-agent")))
    type_into_palette(aiko, "tanaka@example.com")
    expect(aiko.locator(".palette-item").first).to_contain_text(TANAKA.reading)  # the customer, none of their tickets
    assert onlooker.faults(aiko) == []
    aiko.keyboard.press("Enter")
    expect(aiko.locator("h1").first).to_contain_text(TANAKA.name)
    type_into_palette(aiko, f"#{number}")
    expect(aiko.locator(".palette-item").first).to_contain_text("コマンドの件")
    aiko.keyboard.press("Enter")
    aiko.wait_for_url(f"**/tickets/{number}")
    words = "折り返し"
    with aiko.expect_response(lambda answer: f"/palette?q={quote(words)}" in answer.url):  # it may move the lines
        type_into_palette(aiko, words)
    expect(aiko.locator(".palette-item").first).to_contain_text(words)
    aiko.keyboard.press("ArrowDown")
    aiko.keyboard.press("ArrowUp")
    aiko.keyboard.press("Enter")
    aiko.wait_for_url("**/callbacks")


def test_enter_chooses_what_is_still_on_its_way_and_nothing_where_it_ends_a_conversion(office: Office) -> None:
    aiko = office.page(AIKO, **OVERHEARD)
    asked: list[Route] = []
    aiko.route("**/palette", lambda route: route.continue_() if asked else asked.append(route))
    aiko.route(re.compile(r"/palette\?q="), lambda route: route.fulfill(json={"groups": []}))
    type_into_palette(aiko, "折り返し")
    aiko.keyboard.press("Enter")  # before the list has come
    until(lambda: aiko.evaluate("true") and asked)
    asked[0].continue_()
    aiko.wait_for_url("**/callbacks")
    expect(aiko.locator("#connection")).to_have_attribute("data-connection", "on")  # and nothing is held any more
    aiko.unroute_all()

    type_into_palette(aiko, "")
    aiko.locator("#palette-words").evaluate(
        """box => { box.value = "電話"; box.dispatchEvent(new InputEvent("input", { bubbles: true }));
        box.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
        box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, isComposing: true,
        cancelable: true })); }"""
    )
    expect(aiko.locator("#palette")).to_be_visible()


@pytest.mark.daily
def test_a_missed_caller_is_called_back_from_the_board(office: Office) -> None:
    call = office.rings(caller="+81312349077")
    office.hangs_up(call)
    aiko = office.page(AIKO, "/callbacks")
    line = aiko.locator("main", has_text="9077")
    expect(line).to_be_visible()
    aiko.locator("button[name=agent_id][value=me]").first.click()
    expect(aiko.locator("main")).to_contain_text(AIKO.name)


# --- together


@pytest.mark.daily
def test_who_looks_and_who_writes_is_seen_and_gone_with_the_tab(office: Office) -> None:
    office.writes("二人で見る件", "使い方を教えてください。", sender=SUZUKI)
    aiko, akira = office.page(AIKO), office.page(AKIRA)
    open_ticket(office, aiko, "二人で見る件")
    open_ticket(office, akira, "二人で見る件")
    expect(aiko.locator(".here-one")).to_have_attribute("title", f"{AKIRA.name}さんが表示中です")
    akira.keyboard.press("n")
    akira.keyboard.type("確認中")
    expect(aiko.locator("[data-writing]")).to_have_text(f"{AKIRA.name}さんが入力中…")
    assert onlooker.faults(aiko) == []
    akira.close()
    expect(aiko.locator(".here-one")).to_have_count(0)
    expect(aiko.locator("[data-writing]")).to_be_empty()


def test_letters_do_nothing_where_they_are_switched_off_and_ctrl_k_still_does(office: Office) -> None:
    aiko = office.page(AIKO, "/account")
    aiko.get_by_label("文字キーのショートカットを使う").uncheck()
    aiko.locator("#telling button[data-kind=primary]").click()
    expect(aiko.locator("body")).to_have_attribute("data-shortcuts", "off")
    aiko.keyboard.press("?")
    expect(aiko.get_by_role("dialog")).to_have_count(0)
    aiko.keyboard.press("Control+k")
    expect(aiko.locator("#palette")).to_be_visible()
    aiko.keyboard.press("Escape")
    aiko.get_by_label("文字キーのショートカットを使う").check()
    aiko.locator("#telling button[data-kind=primary]").click()
    expect(aiko.locator("body")).not_to_have_attribute("data-shortcuts", "off")


# --- light and steady


def test_no_page_brings_more_than_seventy_kilobytes_of_style_and_script(office: Office) -> None:
    window = office.window(SATO)
    for path in ("/inbox", "/calls", "/queues", "/reports/calls", "/admin/exchanges", "/account"):
        page = window.new_page()
        network = window.new_cdp_session(page)
        network.send("Network.enable")
        network.send("Network.setCacheDisabled", {"cacheDisabled": True})
        own: dict[str, float] = {}
        kinds: dict[str, str] = {}
        network.on("Network.responseReceived", lambda told, all=kinds: all.update({told["requestId"]: told["type"]}))
        network.on("Network.loadingFinished", lambda told, own=own: own.update(
            {told["requestId"]: told["encodedDataLength"]}))  # fmt: skip
        page.goto(path, wait_until="networkidle")
        expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
        brought = sum(size for name, size in own.items() if kinds.get(name) in ("Stylesheet", "Script"))
        assert 10_000 < brought < OWN_BYTES_MAX, f"{path}: {brought} bytes"
        page.close()


def test_the_first_page_of_a_browser_has_its_styles_within_it_and_the_next_one_asks_for_none(office: Office) -> None:
    window = office.window(SATO)
    window.clear_cookies(name="sheets")
    page = window.new_page()
    page.goto("/queues")
    assert page.locator("style").count() == 2
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
    until(lambda: any(cookie["name"] == "sheets" for cookie in window.cookies()))
    rules = "[...document.styleSheets].map(sheet => sheet.cssRules.length)"
    within = page.evaluate(rules)
    page.goto("/queues?again")
    assert page.locator("style").count() == 0 and page.evaluate(rules) == within
    fetched = "performance.getEntriesByType('resource').filter(one => /desk.css|rooms.css/.test(one.name))"
    assert page.evaluate(f"{fetched}.map(one => one.transferSize)") == [0, 0], "they are here already"


def test_rows_that_arrive_move_nothing_that_is_read_and_the_list_rolls_back_to_its_beginning(office: Office) -> None:
    office.writes("動かない一覧", "使い方を教えてください。")
    sato = office.page(SATO, "/inbox?view=all")
    sato.mouse.move(1200, 400)  # the pointer is not on the list
    watch(sato)
    for number in range(4):
        office.writes(f"割り込む一通 {number}", "使い方を教えてください。")
        expect(row(sato, f"割り込む一通 {number}")).to_be_visible()
    rows = sato.locator("#rows")
    until(lambda: rows.evaluate("rows => !rows.scrollTop && !rows.style.paddingBlockEnd"))
    assert shifts(sato) == []


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_nothing_moves_where_a_colleague_looks_writes_and_resolves(viewport: dict[str, int], office: Office) -> None:
    told = [f"静かな一件 {number} {viewport['width']}" for number in range(3)]
    for subject in told:
        office.writes(subject, "使い方を教えてください。")
    rows = office.page(AIKO, "/inbox?view=all", viewport=viewport)
    expect(row(rows, told[2])).to_be_visible()
    first, *others = (str(row(rows, each).locator("a").get_attribute("href")) for each in told)
    read = office.page(AIKO, first, viewport=viewport)
    for page in (rows, read):
        watch(page)
    sato = office.page(SATO, first)
    expect(read.locator(".here")).to_be_visible()
    sato.locator("form[data-for=reply] textarea").press_sequentially("お待たせして")
    expect(read.locator(".lock")).to_be_visible()
    for subject, other in zip(told[1:], others, strict=True):  # one among the others, and the one on top
        assert sato.request.post(f"{other}/resolve").ok
        expect(row(rows, subject)).to_have_count(0)
    sato.close()
    expect(read.locator(".here")).to_be_hidden()
    assert shifts(rows) == [] and shifts(read) == []


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_nothing_moves_below_a_call_that_rings_and_ends(viewport: dict[str, int], office: Office) -> None:
    for _ in range(2):  # what is moved by a new line stands below others
        office.hangs_up(office.rings(caller=SUZUKI.phone))
    sato = office.window(SATO, viewport=viewport)
    pages = []
    for path in ("/calls", "/callbacks", "/queues"):
        page = sato.new_page()
        page.goto(path)
        expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
        pages.append(page)
        watch(page)
    lines = pages[0].locator("tbody tr")
    before = lines.count()
    call = office.rings(caller=TANAKA.phone)
    expect(lines).to_have_count(before + 1)
    expect(lines.first.locator(".chip")).to_have_attribute("data-state", "ringing")
    office.hangs_up(call)
    expect(lines.first).to_have_attribute("data-outcome", "abandoned")
    expect(pages[1].locator("#main")).to_contain_text(TANAKA.name)
    assert [shifts(page) for page in pages] == [[], [], []]


def watch(page: Page) -> None:
    """From now on what moves by itself is added up, and said from where to where it went."""
    page.evaluate(
        """() => { window.shifted = []; const said = ({ x, y, width, height }) => [x, y, width, height].map(Math.round);
        new PerformanceObserver(list => { for (const one of list.getEntries()) window.shifted.push([one.value,
        one.sources.map(({ node, previousRect, currentRect }) => [node?.id || node?.className || node?.nodeName,
        said(previousRect), said(currentRect)])]); }).observe({ type: "layout-shift" }); }"""
    )


def shifts(page: Page) -> list[Any]:
    """What moved since `watch`, once what came last has been painted; nothing where it was too little to be seen."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    moved: list[Any] = page.evaluate("window.shifted")
    return moved if sum(value for value, _ in moved) >= SHIFT_MAX else []


def test_where_the_desk_cannot_be_reached_a_page_says_so_and_comes_back_by_itself(office: Office) -> None:
    window = office.window(AIKO)
    page = window.new_page()
    page.goto("/inbox")
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    page.evaluate("() => caches.open('desk-offline').then(kept => kept.keys()).then(keys => keys.length)")
    window.set_offline(True)
    page.goto("/calls")
    expect(page.locator("h1")).to_have_text("窓口につながりません")
    assert page.locator("link[rel=icon]").count() == 1  # else the browser asks for a picture there is not
    assert onlooker.faults(page) == []
    window.set_offline(False)
    expect(page.locator("#rail")).to_be_visible()
    assert page.url.endswith("/calls")
    office.complaints = [said for said in office.complaints if "ERR_INTERNET_DISCONNECTED" not in said]


def test_the_desk_can_be_installed(office: Office) -> None:
    page = office.window(AIKO, viewport=PHONE).new_page()
    page.goto("/inbox")
    told = page.request.get("/manifest.webmanifest").json()
    assert told["display"] == "standalone" and told["start_url"] == "/inbox"
    for picture in told["icons"]:
        answer = page.request.get(picture["src"])
        assert answer.ok and answer.headers["content-type"].startswith(picture["type"])
        if picture["type"] == "image/png":
            body = answer.body()
            assert f"{int.from_bytes(body[16:20], 'big')}x{int.from_bytes(body[20:24], 'big')}" == picture["sizes"]


@pytest.mark.parametrize(("lang", "theme"), [("ja", "light"), ("en", "dark")])
def test_the_pages_of_notifications_and_settings_keep_nobody_out(lang: str, theme: str, office: Office) -> None:
    office.writes(f"知らせる件 {lang}", "使い方を教えてください。", to=TECH_ADDRESS)
    window = office.window(SATO)
    page = window.new_page()
    page.goto("/inbox?view=all")
    href: Any = row(page, f"知らせる件 {lang}").locator("a").get_attribute("href")
    aiko = office.window(AIKO)
    me = aiko.new_page()
    me.goto("/inbox")
    agent = me.locator("body").get_attribute("data-agent")
    window.request.post(f"{href}/assign", form={"agent_id": str(agent)})
    aiko.request.post("/account", form={"language": lang, "theme": theme})
    faults = []
    for path in ("/notifications", "/account"):
        faults += faults_of(me, path, lang)
    me.set_viewport_size({"width": 1440, "height": 900})
    me.keyboard.press("?")
    faults += [each["id"] for each in onlooker.faults(me)]
    me.keyboard.press("Escape")
    me.locator("#bell > summary").click()
    expect(me.locator(".told-short")).to_be_visible()
    faults += [each["id"] for each in onlooker.faults(me)]
    aiko.request.post("/account", form={"language": "ja", "theme": ""})
    assert faults == []


def test_on_a_telephone_the_menu_says_in_which_state_one_is(office: Office) -> None:
    aiko = office.page(AIKO, viewport=PHONE)
    aiko.locator("#me > summary").click()
    now = aiko.locator("#me .menu-title .agent-state")
    aiko.locator("#me button[value=lunch]").click()
    expect(now).to_have_attribute("data-state", "away")
    expect(aiko.locator("#me[open]")).to_have_count(0)
    aiko.locator("#me > summary").click()
    expect(now).to_be_visible()
    expect(now).to_contain_text("昼食")
    aiko.locator("#me button[value=ready]").click()
    expect(now).to_have_attribute("data-state", "ready")
