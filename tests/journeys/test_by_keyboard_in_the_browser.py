"""An agent without a mouse: wherever a key has led, the focus is on something that can be seen, also after what it was
on has gone; and where the system chooses the colors, what is chosen can still be told from what is not.

One desk in a process of its own serves the file; the office is that of test_in_the_browser.py.
"""

import re

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from tests.cast import AIKO, AKIRA, SATO, SUZUKI, TANAKA
from tests.journeys.test_in_the_browser import (
    OVERHEARD,
    STRANGERS,
    Office,
    browser,
    card,
    finish,
    office,
    row,
    whole_office,
)
from tests.patience import until

__all__ = ["browser", "office", "whole_office"]
pytestmark = pytest.mark.slow

LOOK = """(element) => [null, "::before", "::after"].map((part) => { const style = getComputedStyle(element, part);
    return [style.backgroundColor, style.borderColor, style.borderWidth, style.inlineSize, style.outlineStyle]; })"""
"""What is left of an element's looks where colors are forced."""


def opened(office: Office, page: Page, subject: str) -> Locator:
    """The ticket, on a page that listens."""
    page.goto("/inbox?view=all")
    row(page, subject).locator("a[data-open-ticket]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ticket-title h1")).to_have_text(subject)
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")
    return page.locator(".ticket")


def keys(page: Page, *pressed: str) -> None:
    """Press them one after the other; what begins with = is typed."""
    for key in pressed:
        if key.startswith("="):
            page.keyboard.type(key[1:])
        else:
            page.keyboard.press(key)


def test_what_is_removed_by_a_key_leaves_the_focus_beside_its_place(office: Office) -> None:
    office.writes("焦点は残る", "使い方を教えてください。")
    aiko = office.page(AIKO)
    ticket = opened(office, aiko, "焦点は残る")
    tags = ticket.locator(".side .tags .tag-remove")
    for count, name in enumerate(("修理", "至急"), start=1):
        keys(aiko, "t", f"={name}", "Enter", "Escape")
        expect(tags).to_have_count(count)
    tags.first.focus()
    keys(aiko, "Enter")
    expect(tags).to_have_count(1)
    expect(tags.first).to_be_focused()
    keys(aiko, "Enter")
    expect(tags).to_have_count(0)
    expect(ticket.locator(".tag-form").first.get_by_role("button")).to_be_focused()
    keys(aiko, "z")
    expect(tags).to_have_count(1)


def test_a_line_can_be_written_while_the_last_is_on_its_way_and_what_the_desk_did_not_get_comes_back(
    office: Office,
) -> None:
    office.writes("続けて書く", "使い方を教えてください。")
    aiko = office.page(AIKO, **OVERHEARD)
    ticket = opened(office, aiko, "続けて書く")
    held: list[Route] = []
    aiko.route("**/tickets/*/tags", lambda route: held.append(route))
    tags, box = ticket.locator(".side .tags .tag-remove"), ticket.locator("[name=tag]")
    keys(aiko, "t", "=修理", "Enter", "Enter", "=至急", "Enter", "=書きか")
    until(lambda: aiko.wait_for_timeout(10) or held)
    aiko.unroute("**/tickets/*/tags")
    held[0].continue_()
    expect(tags).to_have_count(2)
    expect(box).to_have_value("書きか")
    held.clear()
    aiko.route("**/tickets/*/tags", lambda route: held.append(route))
    keys(aiko, "=け", "Enter", "=次の札", "Enter", "=その次")
    until(lambda: aiko.wait_for_timeout(10) or held)
    held[0].abort()
    expect(box).to_have_value("書きかけ 次の札 その次")
    expect(tags).to_have_count(2)
    office.complaints = [said for said in office.complaints if "ERR_FAILED" not in said]


def test_the_help_makes_way_for_a_call_that_rings(office: Office) -> None:
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    keys(aiko, "?")
    expect(aiko.locator("#help")).to_be_visible()
    call = office.rings()
    expect(card(aiko)).to_have_attribute("data-state", "ringing")
    expect(aiko.locator("#help")).to_be_hidden()
    keys(aiko, "c")
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    office.hangs_up(call)
    finish(aiko)


def test_a_call_that_rings_stands_above_the_palette_and_what_is_being_typed_stays(office: Office) -> None:
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    keys(aiko, "Control+k")
    box = aiko.locator("#palette-words")
    box.press_sequentially("cふぃる")
    office.rings()
    expect(card(aiko)).to_have_attribute("data-state", "ringing")
    box.press_sequentially("た")
    expect(box).to_have_value("cふぃるた")
    expect(box).to_be_focused()
    card(aiko).locator("[data-accept]").click()  # which refuses where something lies above the button
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    expect(box).to_have_value("cふぃるた")
    keys(aiko, "Escape")
    expect(aiko.locator("#palette")).to_be_hidden()


def test_a_press_beside_the_palette_closes_it_and_does_nothing_else(office: Office) -> None:
    office.writes("隣を押す", "使い方を教えてください。")
    aiko = office.page(AIKO)
    keys(aiko, "Control+k")
    expect(aiko.locator("#palette-words")).to_be_focused()
    below, place = row(aiko, "隣を押す").locator("a").first, row(aiko, "隣を押す").bounding_box()
    assert place
    aiko.evaluate("() => addEventListener('click', (event) => (window.pressed = event), true)")
    below.evaluate("(link) => link.addEventListener('click', () => (window.isReached = true))")
    aiko.mouse.click(place["x"] + 20, place["y"] + 20)
    expect(aiko.locator("#palette")).to_be_hidden()
    assert aiko.evaluate("() => [window.pressed.defaultPrevented, Boolean(window.isReached)]") == [True, False]
    aiko.mouse.click(place["x"] + 20, place["y"] + 20)
    expect(aiko.locator(".ticket-title h1")).to_have_text("隣を押す")


def test_what_was_just_sent_is_in_sight_wherever_its_author_was_reading(office: Office) -> None:
    office.writes("長い返信", "使い方を教えてください。\n\n" * 9)
    aiko = office.page(AIKO)
    ticket = opened(office, aiko, "長い返信")
    conversation = ticket.locator(".conversation")

    def below(number: str) -> Locator:  # what stands at the foot of a reply, where it is taken back
        return ticket.locator(".entry", has_text=number).get_by_text("全文")

    keys(aiko, "r")
    ticket.locator("[data-key-reply]").fill("ご案内します。\n\n" * 9 + "一通目")  # the conversation gives way to it
    until(lambda: conversation.evaluate("(one) => one.scrollHeight - one.scrollTop - one.clientHeight < 2"))
    keys(aiko, "Control+Enter")
    expect(below("一通目")).to_be_in_viewport()
    conversation.evaluate("(one) => one.scrollTo(0, 0)")  # somebody reads how it began, and answers from there
    expect(below("一通目")).not_to_be_in_viewport()
    keys(aiko, "r", "=二通目", "Control+Enter")
    expect(below("二通目")).to_be_in_viewport()


def test_what_is_moved_keeps_the_focus_and_what_waits_in_a_menu_gives_it_back_to_the_menu(office: Office) -> None:
    office.writes("並べ替える", "使い方を教えてください。")
    aiko = office.page(AIKO)
    ticket = opened(office, aiko, "並べ替える")
    items = ticket.locator(".checklist li")
    for count, words in enumerate(("品番", "購入日", "住所"), start=1):
        ticket.locator("[name=item]").focus()
        keys(aiko, f"={words}", "Enter")
        expect(items).to_have_count(count)
    up = ticket.get_by_role("button", name="「住所」を上へ")
    up.focus()
    keys(aiko, "Enter")
    expect(items.nth(1)).to_contain_text("住所")
    expect(up).to_be_focused()
    keys(aiko, "b", "Tab", "Enter")
    expect(ticket).to_have_attribute("data-state", "pending")
    expect(ticket.locator("[data-key-pend]")).to_be_focused()


def test_where_a_whole_part_of_the_page_goes_the_focus_is_on_what_takes_that_back(office: Office) -> None:
    for number in (1, 2):
        office.writes(f"統合する {number}", "使い方を教えてください。", sender=SUZUKI)
    aiko = office.page(AIKO, "/inbox?view=all")
    other = row(aiko, "統合する 2").get_attribute("data-ticket")
    ticket = opened(office, aiko, "統合する 1")
    ticket.locator("details.merge summary").focus()
    keys(aiko, "Enter", "Tab", f"={other}", "Enter")
    expect(ticket.locator(".merged:not([data-kind])")).to_be_visible()
    expect(ticket.locator("[data-undo]")).to_be_focused()
    keys(aiko, "Enter")
    expect(ticket.locator(".merged:not([data-kind])")).to_have_count(0)
    expect(ticket.locator(".done-close")).to_be_focused()
    keys(aiko, "u")
    expect(row(aiko, "統合する 1").locator("a")).to_be_focused()


STATES = """(ticket) => {
  window.states = [ticket.dataset.state];
  const look = new MutationObserver(() => window.states.push(ticket.dataset.state));
  look.observe(ticket, { attributeFilter: ["data-state"] });
}"""
"""Writes down every state the ticket is shown in."""


def test_news_of_others_leaves_the_focus_on_what_closes_the_line_of_what_was_done(office: Office) -> None:
    office.writes("焦点は線の上", "使い方を教えてください。")
    aiko = office.page(AIKO)
    ticket = opened(office, aiko, "焦点は線の上")
    keys(aiko, "e")
    ticket.locator("[data-undo]").focus()
    keys(aiko, "Enter")
    close = ticket.locator(".done-close")
    expect(close).to_be_focused()
    sato = office.page(SATO, f"/tickets/{ticket.get_attribute('data-ticket')}")
    for count, name in enumerate(("修理", "至急"), start=1):
        keys(sato, "t", f"={name}", "Enter", "Escape")
        expect(ticket.locator(".side .tags .tag-remove")).to_have_count(count)
        expect(close).to_be_focused()


def test_news_asked_for_before_an_act_and_late_does_not_show_the_ticket_as_it_was(office: Office) -> None:
    office.writes("遅れた返事", "使い方を教えてください。")
    aiko = office.page(AIKO, **OVERHEARD)
    ticket = opened(office, aiko, "遅れた返事")
    ticket.evaluate(STATES)
    late: list[tuple[Route, APIResponse]] = []
    aiko.route("**/region*", lambda route: late.append((route, route.fetch())), times=1)
    sato = office.page(SATO, f"/tickets/{ticket.get_attribute('data-ticket')}")
    keys(sato, "t", "=修理", "Enter")
    until(lambda: aiko.evaluate("true") and late)
    ticket.locator("[data-resolve]").click()
    expect(ticket).to_have_attribute("data-state", "resolved")
    late[0][0].fulfill(response=late[0][1])
    keys(sato, "=至急", "Enter")
    expect(ticket.locator(".side .tags .tag-remove")).to_have_count(2)
    assert aiko.evaluate("window.states") == ["open", "resolved"]


def test_what_stands_beside_a_ticket_on_a_narrow_screen_is_closed_by_escape(office: Office) -> None:
    office.writes("狭い画面の件", "アプリの設定を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all", viewport={"width": 1024, "height": 768})
    row(aiko, "狭い画面の件").click()
    side, opener = aiko.locator(".ticket .side"), aiko.locator(".side-opener")
    opener.focus()
    aiko.keyboard.press("Enter")
    expect(side).to_be_visible()
    aiko.locator("[data-tag-input]").focus()
    aiko.keyboard.press("Escape")  # leaves the field first
    expect(aiko.locator("[data-tag-input]")).not_to_be_focused()
    expect(side).to_be_visible()
    aiko.keyboard.press("Escape")
    expect(side).to_be_hidden()
    expect(opener).to_be_focused()


def test_arrows_on_a_list_that_acts_by_itself_open_it_and_enter_decides(office: Office) -> None:
    office.writes("矢印の件", "使い方を教えてください。")
    aiko = office.page(AIKO)
    ticket = opened(office, aiko, "矢印の件")
    keys(aiko, "p", "ArrowUp")  # two steps up lies the highest; on the way nothing happens
    expect(ticket.locator("[data-key-priority]")).to_be_focused()
    keys(aiko, "ArrowUp", "ArrowUp", "Enter")
    expect(aiko.locator(".done:not([hidden])")).to_contain_text("優先度を「最優先」にしました")
    done = ticket.locator(".entry[data-kind=fact]", has_text="優先度")
    assert done.count() <= 1, "one act, and none on the way to it"


def test_the_bell_and_the_bar_of_chosen_tickets_are_reached_and_left_by_keys(office: Office) -> None:
    for number in (1, 2):
        office.writes(f"選ぶ件 {number}", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    keys(aiko, "l", "Tab")
    expect(aiko.locator("#bell")).to_have_attribute("open", "")
    expect(aiko.locator("#bell .menu-sheet :focus")).to_have_count(1)
    keys(aiko, "Escape")
    expect(aiko.locator("#bell > summary")).to_be_focused()
    row(aiko, "選ぶ件 1").locator("[data-tick]").focus()
    keys(aiko, "Space")
    expect(aiko.locator("[data-bulk-count]")).to_have_text("1")
    keys(aiko, "X")
    expect(aiko.locator("[data-bulk-offers] [value=resolve]")).to_be_focused()
    row(aiko, "選ぶ件 2").locator("[data-tick]").focus()
    keys(aiko, "Enter")  # opens the line, as everywhere in a list
    expect(aiko.locator(".ticket-title h1")).to_have_text("選ぶ件 2")


def test_a_call_that_is_over_gives_the_focus_back_to_where_it_was(office: Office) -> None:
    office.writes("電話の前に開いた件", "使い方を教えてください。")
    aiko = office.page(AIKO)
    office.is_ready(aiko)
    opened(office, aiko, "電話の前に開いた件")
    before = row(aiko, "電話の前に開いた件").locator("a")
    expect(before).to_be_focused()
    call = office.rings()
    card(aiko).locator("[data-accept]").focus()
    keys(aiko, "Enter")
    expect(card(aiko)).to_have_attribute("data-state", "talking")
    expect(card(aiko).locator(":focus")).to_have_count(1)
    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    keys(aiko, "d", "Tab", "Space", "Tab", "Tab")
    expect(card(aiko).get_by_role("button", name="後処理を完了")).to_be_focused()
    keys(aiko, "Enter")
    expect(card(aiko)).to_have_count(0)
    expect(before).to_be_focused()


@pytest.mark.parametrize("gone", [0, 1])
def test_a_caller_who_gives_up_leaves_nobody_on_the_button_of_another(gone: int, office: Office) -> None:
    calls = [office.rings(caller=caller) for caller in STRANGERS[:2]]
    sato = office.page(SATO, "/queues")
    waiting = sato.locator(".waiting-call")
    expect(waiting).to_have_count(2)
    takes = waiting.filter(has_text=STRANGERS[gone][-4:]).get_by_role("button", name="担当する")
    takes.focus()
    office.hangs_up(calls[gone])
    expect(waiting).to_have_count(1)
    expect(takes).to_have_count(0)
    expect(waiting.get_by_role("button").last).not_to_be_focused()
    expect(sato.locator("#board :focus")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_chosen_can_be_told_where_the_system_chooses_the_colors(scheme: str, office: Office) -> None:
    for subject in (f"色の件 {scheme}", f"色の隣の件 {scheme}"):
        office.writes(subject, "使い方を教えてください。", sender=TANAKA)
    sato = office.page(SATO, "/inbox?view=all", forced_colors="active", color_scheme=scheme)
    row(sato, f"色の件 {scheme}").locator("a").click()
    expect(sato.locator(".ticket-title h1")).to_have_text(f"色の件 {scheme}")
    pairs = {
        "/inbox": [
            (".rail-list a[aria-current]", ".rail-list a:not([aria-current])"),
            (".row-link[aria-current]", ".row-link:not([aria-current])"),
            (".compose-switch input:checked + span", ".compose-switch input:not(:checked) + span"),
        ],
        "/calls": [(".filters a[aria-current]", ".filters a:not([aria-current])")],
        "/account": [(".choices input:checked + span", ".choices input:not(:checked) + span")],
    }
    for path, those in pairs.items():
        if path != "/inbox":
            sato.goto(path)
        for chosen, other in those:
            looks = [sato.locator(each).first.evaluate(LOOK) for each in (chosen, other)]
            assert looks[0] != looks[1], f"{path}: {chosen}"
    sato.goto("/admin/guesses")
    switch = sato.locator(".switch[aria-checked=true] .switch-track").first
    ground, thumb = (switch.evaluate(f"(track) => getComputedStyle(track, {part}).backgroundColor")
                     for part in ("null", "'::after'"))  # fmt: skip
    assert ground != thumb
    sato.keyboard.press("Tab")
    expect(sato.locator(":focus")).to_have_css("outline-style", re.compile("solid|auto"))


def test_a_note_for_a_colleague_can_be_written_sent_and_left_by_keys(office: Office) -> None:
    office.writes("鍵盤の申し送り", "使い方を教えてください。")
    aiko = office.page(AIKO)
    ticket = opened(office, aiko, "鍵盤の申し送り")
    keys(aiko, "n", "=@きむ")
    expect(aiko.locator("#mentions [role=option]")).to_contain_text(AKIRA.name)
    keys(aiko, "Enter", "=お願いします", "Control+Enter")
    expect(ticket.locator(".entry[data-kind=note]")).to_contain_text("お願いします")
    expect(ticket.locator("form[data-for=note] textarea")).to_be_focused()
    keys(aiko, "Escape", "e")
    expect(ticket).to_have_attribute("data-state", "resolved")


def test_what_is_wrong_with_a_field_is_said_below_it_and_the_focus_is_there(office: Office) -> None:
    office.writes("宛先のない転送", "使い方を教えてください。")
    aiko = office.page(AIKO)
    ticket = opened(office, aiko, "宛先のない転送")
    ticket.locator("[data-compose-mode][value=reply]").focus()
    keys(aiko, "ArrowRight")
    ticket.locator("form[data-for=reply] textarea").focus()
    keys(aiko, "=ご確認ください。", "Control+Enter")
    to = ticket.locator("[name=forward_to]")
    expect(to).to_be_focused()
    expect(to).to_have_attribute("aria-invalid", "true")
    expect(to).to_have_accessible_description("宛先のメールアドレスを入力してください。")
    keys(aiko, "=maker@example.net")
    expect(to).not_to_have_attribute("aria-invalid", "true")
    expect(ticket.locator(".field-error")).to_have_count(0)
    ticket.locator("details.merge summary").focus()
    keys(aiko, "Enter", "Tab", "=999999", "Enter")
    into = ticket.locator("input[name=into]")
    expect(into).to_be_focused()
    expect(into).to_have_attribute("aria-invalid", "true")
    office.complaints = [said for said in office.complaints if "status of 4" not in said]


def test_a_form_that_comes_back_refused_stands_where_it_is_wrong(office: Office) -> None:
    sato = office.page(SATO, "/admin/queues/2")
    sato.locator("main form").first.evaluate("(form) => { form.noValidate = true; }")
    wrong = sato.locator("main [name=longest_wait_seconds]")
    wrong.fill("-5")
    wrong.press("Enter")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_be_focused()
    expect(wrong).to_be_in_viewport()
    refused = [said for said in office.complaints if "status of 422" in said]  # no mistake of the page
    office.complaints = [said for said in office.complaints if said not in refused]
    assert len(refused) == 1
