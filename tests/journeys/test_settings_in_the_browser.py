"""Settings in a real browser, in impatient hands: pressed twice, gone back to, and left half done.

One desk in a process of its own serves the file; the office is that of test_in_the_browser.py.
"""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.cast import SATO
from tests.journeys.test_in_the_browser import Office, browser, office, whole_office

__all__ = ["browser", "office", "whole_office"]
pytestmark = pytest.mark.slow
SAVE = "#main form.card button[data-kind=primary]"


def ready(page: Page) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")


def test_a_form_whose_button_is_pressed_twice_makes_one_thing_and_can_be_sent_again_later(office: Office) -> None:
    sato, asked = office.page(SATO, "/admin/checklists/new"), list[Route]()
    sato.route("**/admin/checklists/new", lambda route: asked.append(route) if route.request.method == "POST"
               else route.continue_())  # fmt: skip
    ready(sato)
    sato.locator("#f-name").fill("二度押し")
    sato.locator("#f-items").fill("箱を確認")
    with sato.expect_request("**/admin/checklists/new"):
        sato.evaluate("(save) => document.querySelector(save).click()", SAVE)
    sato.evaluate("(save) => document.querySelector(save).click()", SAVE)
    asked[0].continue_()
    expect(sato.locator("#checklist-templates .parked-title", has_text="二度押し")).to_have_count(1)
    assert len(asked) == 1
    sato.go_back()
    ready(sato)
    sato.unroute("**/admin/checklists/new")
    sato.locator("#f-name").fill("もう一度")
    sato.locator("#f-items").fill("箱を確認")
    sato.locator(SAVE).click()
    expect(sato.locator("#checklist-templates .parked-title", has_text="もう一度")).to_have_count(1)


def test_the_guide_is_left_in_the_middle_and_come_back_to_with_what_was_typed(office: Office) -> None:
    sato, faults = office.page(SATO, "/admin/queues/guide"), list[str]()
    sato.on("pageerror", lambda error: faults.append(str(error)))
    ready(sato)
    sato.locator("#f-name").fill("修理受付")
    sato.locator("#f-name_en").fill("Repair visits")
    sato.locator(SAVE).click()
    sato.locator("#reach input[name=phone]").fill("03-5550-0188")
    sato.locator("#reach button[value=exchanges]").click()
    expect(sato.locator(".errand")).to_be_visible()
    sato.get_by_role("link", name="「修理受付」の設定に戻る").click()
    expect(sato.locator("#reach input[name=phone]")).to_have_value("03-5550-0188")
    sato.locator("#people input[type=checkbox]").first.check()
    sato.locator("#people button[data-kind=primary]").click()
    expect(sato.locator(".guide-sum")).to_have_attribute("data-works", "yes")
    ready(sato)
    assert faults == []
