"""Nothing that was typed is lost, and every state is said in words: callers hang up in the middle of a word, lines
break, machines sleep, sessions end, and one agent has the desk open twice.

One desk in a process of its own serves the file; the office is that of test_in_the_browser.py.
"""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.cast import AIKO, PASSWORD
from tests.journeys.test_in_the_browser import OVERHEARD, Office, browser, card, finish, office, row, whole_office
from tests.patience import until

__all__ = ["browser", "office", "whole_office"]
pytestmark = pytest.mark.slow

LOST = "接続が切れました。入力した内容はこの画面に残ります。再接続しています…"


def talks(office: Office, page: Page) -> str:
    """A call that was taken."""
    office.is_ready(page)
    call = office.rings()
    card(page).locator("[data-accept]").click()
    expect(card(page)).to_have_attribute("data-state", "talking")
    return call


def note(page: Page) -> Any:
    """The box on the card."""
    return card(page).locator("textarea[name=note]")


def listens(page: Page) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")


def test_who_is_in_the_middle_of_a_word_when_the_caller_hangs_up_goes_on_with_it(office: Office) -> None:
    aiko = office.page(AIKO)
    call = talks(office, aiko)
    note(aiko).click()
    aiko.keyboard.type("half a ")
    office.hangs_up(call)  # before any of it was saved
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    aiko.keyboard.type("sentence")  # in which there are many keys that would do something elsewhere
    expect(note(aiko)).to_be_focused()
    expect(note(aiko)).to_have_value("half a sentence")
    ticket = card(aiko).get_by_role("link", name="問い合わせを開く").get_attribute("href")
    finish(aiko)
    aiko.goto(str(ticket))
    expect(aiko.locator(".call-bubble").last).to_contain_text("half a sentence")


def test_what_is_written_after_a_call_is_there_again_on_the_next_page(office: Office) -> None:
    aiko = office.page(AIKO)
    call = talks(office, aiko)
    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    note(aiko).press_sequentially("送り状を明日")
    card(aiko).get_by_role("link", name="田中").click()  # in the middle of it
    aiko.wait_for_url("**/customers/*")
    expect(note(aiko)).to_have_value("送り状を明日")
    note(aiko).press("End")
    note(aiko).press_sequentially("送る")
    expect(card(aiko).locator("[data-saved]")).to_have_text("保存しました")
    aiko.reload()
    expect(note(aiko)).to_have_value("送り状を明日送る")
    finish(aiko)


def test_a_note_typed_without_a_connection_is_kept_here_and_saved_once_there_is_one(office: Office) -> None:
    aiko = office.page(AIKO)
    call = talks(office, aiko)
    aiko.context.set_offline(True)
    expect(aiko.locator(".lost")).to_be_visible()
    expect(aiko.locator(".lost")).to_have_text(LOST)
    note(aiko).press_sequentially("圏外で書いた")
    expect(card(aiko).locator("[data-saved]")).to_contain_text("この端末に保存済み")
    office.hangs_up(call)  # which nobody here hears
    aiko.context.set_offline(False)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    expect(aiko.locator(".lost")).not_to_be_visible()
    expect(card(aiko).locator("[data-saved]")).to_have_text("保存しました")
    aiko.evaluate("localStorage.clear()")  # what this machine keeps is not what is found
    aiko.reload()
    expect(note(aiko)).to_have_value("圏外で書いた")
    finish(aiko)
    office.complaints = [said for said in office.complaints if "ERR_INTERNET_DISCONNECTED" not in said]


def test_two_windows_of_one_agent_write_one_note(office: Office) -> None:
    aiko = office.page(AIKO)
    call = talks(office, aiko)
    second = aiko.context.new_page()
    second.goto("/calls")
    elsewhere = office.page(AIKO)  # on another machine
    listens(second)
    note(aiko).press_sequentially("型番はKZ-200")
    expect(note(second)).to_have_value("型番はKZ-200")
    note(second).press("End")
    note(second).press_sequentially("、購入は春")
    expect(note(aiko)).to_have_value("型番はKZ-200、購入は春")
    note(elsewhere).press_sequentially("折り返しは夕方")  # where nobody saw the others
    expect(note(elsewhere)).to_have_value("型番はKZ-200、購入は春\n折り返しは夕方")
    expect(card(elsewhere).locator("[data-saved]")).to_contain_text("別の画面で書いた内容も残しています")
    office.hangs_up(call)
    for page in (aiko, second, elsewhere):
        expect(card(page)).to_have_attribute("data-state", "wrap_up")
        expect(note(page)).to_have_value("型番はKZ-200、購入は春\n折り返しは夕方")
    finish(second)
    for page in (aiko, elsewhere):
        expect(card(page)).to_have_count(0)


def test_who_was_signed_out_while_writing_a_note_finds_it_again_after_signing_in(office: Office) -> None:
    aiko = office.page(AIKO, **OVERHEARD)
    call = talks(office, aiko)
    expect(card(aiko).locator("[data-saved]")).to_be_empty()
    kept = [cookie for cookie in aiko.context.cookies() if "session" in cookie["name"] or cookie["httpOnly"]]
    assert kept
    for cookie in kept:
        aiko.context.clear_cookies(name=cookie["name"])
    note(aiko).press_sequentially("まだ保存されていない")
    expect(card(aiko).locator("[data-saved]")).to_contain_text("この端末に保存済み")
    aiko.goto("/inbox")
    aiko.locator("[name=email]").fill(AIKO.email)
    aiko.locator("[name=password]").fill(PASSWORD)
    aiko.keyboard.press("Enter")
    expect(note(aiko)).to_have_value("まだ保存されていない")
    expect(card(aiko).locator("[data-saved]")).to_have_text("保存しました")
    office.hangs_up(call)
    expect(card(aiko)).to_have_attribute("data-state", "wrap_up")
    finish(aiko)
    office.complaints = [said for said in office.complaints if "401" not in said]


def test_a_line_that_says_nothing_any_more_is_taken_for_dead_and_another_one_brings_what_was_missed(
    office: Office,
) -> None:
    aiko = office.page(AIKO, "/account")
    lines: list[WebSocketRoute] = []

    def passes(line: WebSocketRoute) -> None:
        lines.append(line)
        desk = line.connect_to_server()
        if len(lines) == 1:  # the machine slept, or somebody on the way forgot this line: nothing comes through it
            desk.on_message(lambda said: None)

    aiko.route_web_socket("**/live*", passes)
    aiko.clock.install()
    aiko.goto("/inbox?view=all")
    listens(aiko)
    office.writes("眠っている間の件", "使い方を教えてください。")
    aiko.clock.fast_forward(60_000)
    until(lambda: aiko.evaluate("true") and len(lines) > 1)
    aiko.clock.run_for(5_000)
    listens(aiko)
    expect(aiko.locator("#rows .row-subject", has_text="眠っている間の件")).to_be_visible()


def test_what_is_written_on_while_a_note_is_on_its_way_stands_in_the_box_for_the_next(office: Office) -> None:
    office.writes("書き続ける", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all", **OVERHEARD)
    row(aiko, "書き続ける").click()
    expect(aiko.locator(".ticket-title h1")).to_have_text("書き続ける")
    held: list[Route] = []
    aiko.route("**/tickets/*/note", lambda route: held.append(route))
    aiko.keyboard.press("n")
    box = aiko.locator("form[data-for=note] textarea")
    expect(box).to_be_focused()
    aiko.keyboard.type("一行目")
    aiko.keyboard.press("Control+Enter")
    until(lambda: aiko.wait_for_timeout(10) or held)
    aiko.keyboard.type("\n二行目")
    held[0].continue_()
    expect(aiko.locator(".entry[data-kind=note]").last).to_contain_text("一行目")
    expect(box).to_have_value("二行目")
    expect(aiko.locator(".entry[data-kind=note]").last).not_to_contain_text("二行目")
