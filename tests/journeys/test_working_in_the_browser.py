"""More of what agents do most, in a real browser: many tickets at once, a colleague called, a matter handed on, and
words that are found again on another machine.

One desk in a process of its own serves the file; the office is that of test_in_the_browser.py.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.cast import AIKO, AKIRA, SATO, TANAKA
from tests.journeys.test_in_the_browser import OVERHEARD, Office, browser, office, open_desk, row, whole_office
from tests.patience import until

__all__ = ["browser", "office", "whole_office"]
pytestmark = pytest.mark.slow


def opened(office: Office, page: Page, subject: str) -> None:
    """The ticket, from the list, on a page that listens."""
    row(page, subject).locator("a").click()
    expect(page.locator(".ticket-title h1")).to_have_text(subject)
    expect(page.locator("#connection")).to_have_attribute("data-connection", "on")


@pytest.mark.daily
def test_ticked_tickets_are_resolved_in_one_line_and_taken_back(office: Office) -> None:
    for number in range(3):
        office.writes(f"まとめて {number}", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all", **OVERHEARD)
    asked: list[Route] = []
    aiko.route("**/bulk?*", lambda route: asked.append(route))  # the bar is on its way while both are ticked
    for number in range(2):
        row(aiko, f"まとめて {number}").hover()
        row(aiko, f"まとめて {number}").locator("[data-tick]").check()
    until(lambda: aiko.evaluate("true") and asked)
    asked[0].continue_()
    assert len(asked) == 1
    bar = aiko.locator("[data-bulk-offers]")
    expect(bar.locator("[data-bulk-count]")).to_have_text("2")
    height = bar.bounding_box()
    assert height is not None and height["height"] < 45, "one line"
    bar.get_by_text("変更…").click()
    bar.locator("#bulk-priority").select_option("4")
    bar.get_by_role("button", name="優先度").click()
    expect(aiko.locator("#bulk")).to_contain_text("2件中2件完了")
    expect(row(aiko, "まとめて 1")).to_have_attribute("data-priority", "4")
    aiko.locator("#bulk").get_by_role("button", name="すべて元に戻す").click()
    expect(row(aiko, "まとめて 1")).to_have_attribute("data-priority", "2")


@pytest.mark.daily
def test_who_is_called_in_a_note_is_led_by_the_bell_to_the_ticket(office: Office) -> None:
    office.writes("呼ばれる件", "使い方を教えてください。")
    akira, aiko = office.page(AKIRA, "/inbox?view=mine"), office.page(AIKO, "/inbox?view=all")
    opened(office, aiko, "呼ばれる件")
    aiko.keyboard.press("n")
    box = aiko.locator("textarea[data-mentions]")
    expect(box).to_be_focused()
    box.press_sequentially("@きむ")
    expect(aiko.locator("[role=option]", has_text=AKIRA.name)).to_be_visible()
    box.press("Enter")
    box.press_sequentially("型番を見てください")
    box.press("Control+Enter")
    expect(aiko.locator(".entry[data-kind=note]")).to_contain_text("型番を見てください")
    expect(box).to_have_value("")
    bell = akira.locator("details.bell")
    expect(bell.locator("summary .count, summary .bell-count").first).to_be_visible()
    bell.locator("summary").click()
    bell.locator("a", has_text="呼ばれる件").first.click()
    expect(akira.locator(".ticket-title h1")).to_have_text("呼ばれる件")
    expect(akira.locator(".entry[data-kind=note]")).to_contain_text("型番を見てください")


@pytest.mark.daily
def test_a_ticket_is_handed_to_a_colleague_with_the_reason(office: Office) -> None:
    office.writes("引き継ぐ件", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    opened(office, aiko, "引き継ぐ件")
    form = aiko.locator('form[action$="/transfer"]')
    aiko.locator("details", has=form).last.locator("summary").first.click()
    form.locator("[name=agent_id]").select_option(label=AKIRA.name)
    form.locator("[name=reason]").fill("交換の判断をお願いします")
    form.get_by_role("button").click()
    expect(aiko.locator(".entry[data-kind=note]")).to_contain_text("交換の判断をお願いします")
    expect(aiko.locator("select[data-assign]")).to_have_value(row_agent(aiko, AKIRA.name))


@pytest.mark.daily
def test_on_a_phone_a_ticket_handed_out_of_sight_is_taken_back_with_a_thumb(office: Office) -> None:
    office.writes("手を離れる件", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=unassigned&sort=oldest",
                       viewport={"width": 390, "height": 780}, has_touch=True)  # fmt: skip
    opened(office, aiko, "手を離れる件")
    held: list[Route] = []  # what is out of sight is not there any more, and a browser says so aloud
    aiko.route("**/region*", lambda route: held.append(route))
    aiko.locator(".side-opener").tap()
    form = aiko.locator('form[action$="/transfer"]')
    aiko.locator("details", has=form).last.locator("summary").first.tap()
    form.locator("[name=queue_id]").select_option(label="返品・交換")
    form.locator("[name=reason]").fill("返品のご希望です")
    form.get_by_role("button").tap()
    aiko.wait_for_url("**/inbox?view=unassigned&sort=oldest&*")
    done = aiko.locator(".done:not([hidden])")
    expect(done).to_contain_text("返品・交換へ移しました")
    undo = done.locator("[data-undo]").bounding_box()
    bar = aiko.locator(".rail").bounding_box()
    assert undo and bar and undo["width"] >= 44 and undo["height"] >= 44
    whole, said = done.bounding_box(), aiko.locator("#notice .notice").bounding_box()
    assert whole and said and bar["y"] - 90 < said["y"] + said["height"] <= bar["y"], "what is said is above the bar"
    assert 0 <= said["y"] - (whole["y"] + whole["height"]) <= 40, "and what takes it back right above that, in the open"
    aiko.unroute("**/region*")
    done.locator("[data-undo]").tap()
    expect(aiko.locator(".ticket-title h1")).to_have_text("手を離れる件")
    aiko.wait_for_url("**/tickets/*?view=unassigned&sort=oldest")
    expect(aiko.locator(".done:not([hidden])")).to_contain_text("取り消し済み")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_on_a_phone_what_unfolds_beside_a_ticket_comes_into_sight(motion: Any, office: Office) -> None:
    office.writes(f"奥の欄 {motion}", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all", viewport={"width": 390, "height": 780}, has_touch=True)
    aiko.emulate_media(reduced_motion=motion)
    opened(office, aiko, f"奥の欄 {motion}")
    aiko.locator(".side-opener").tap()
    for name in ("merge", "pend", "transfer"):
        summary = aiko.locator(f".side details[id^={name}-] > summary")
        summary.evaluate("(one) => one.scrollIntoView({ block: 'end', behavior: 'instant' })")
        summary.tap()
        expect(aiko.locator(f".side details[id^={name}-]")).to_be_in_viewport(ratio=0.99)
        expect(aiko.locator(f".side details[id^={name}-]")).to_have_attribute("open", "")
    expect(aiko.locator(".side details[id^=pend-]")).not_to_have_attribute("open", "")  # a menu closes for the next
    expect(aiko.locator(".side details[id^=transfer-] > summary")).to_be_focused()


def test_a_search_is_begun_with_a_thumb(office: Office) -> None:
    office.writes("充電台の件", "充電台が光りません。")
    aiko = office.page(AIKO, "/search", viewport={"width": 390, "height": 780}, has_touch=True)
    aiko.get_by_label("すべてを検索").last.fill("充電台")
    aiko.locator("main [role=search]").get_by_role("button", name="検索").tap()
    expect(aiko.locator(".hit").first).to_contain_text("充電台の件")


def test_z_takes_back_the_mail_that_waits_or_what_was_done_after_it_and_never_both(
    tmp_path: Path, sqlite_template: Path, browser: Browser
) -> None:
    with open_desk(tmp_path, sqlite_template, browser, undo_seconds="60") as office:
        office.writes("取り消す返信", "使い方を教えてください。")
        aiko = office.page(AIKO, "/inbox?view=all")
        opened(office, aiko, "取り消す返信")
        priority, box = aiko.get_by_label("優先度"), aiko.locator("[data-key-reply]")
        done, waits = aiko.locator(".done:not([hidden])"), aiko.locator(".leaving [data-undo]")
        priority.select_option("4")
        expect(done).to_contain_text("最優先")
        box.fill("お答えします。")
        box.press("Control+Enter")
        expect(waits).to_have_count(1)
        aiko.evaluate("document.activeElement.blur()")
        aiko.keyboard.press("z")
        expect(box).to_have_value("お答えします。")
        expect(priority).to_have_value("4")
        expect(aiko.locator("#connection")).to_have_attribute("data-connection", "on")
        box.press("Control+Enter")
        expect(waits).to_have_count(1)
        priority.select_option("1")
        expect(done).to_contain_text("低")
        aiko.evaluate("document.activeElement.blur()")
        aiko.keyboard.press("z")
        expect(done).to_contain_text("取り消し済み")
        expect(priority).to_have_value("4")
        expect(waits).to_have_count(1)


@pytest.mark.daily
def test_a_ticket_is_resolved_by_a_key_and_opened_again_by_the_undo_beside_it(office: Office) -> None:
    office.writes("解決を取り消す件", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    opened(office, aiko, "解決を取り消す件")
    aiko.keyboard.press("e")
    expect(aiko.locator(".ticket")).to_have_attribute("data-state", "resolved")
    expect(row(aiko, "解決を取り消す件")).to_have_count(0)
    aiko.locator(".done [data-undo]").click()
    expect(aiko.locator(".ticket")).to_have_attribute("data-state", "open")
    expect(row(aiko, "解決を取り消す件")).to_have_count(1)
    expect(aiko.locator(".done:not([hidden])")).to_contain_text("取り消し済み")


@pytest.mark.daily
@pytest.mark.parametrize("typed", ["田中", "たなか", "ﾀﾅｶ　ﾐｻｷ"])
def test_a_customer_is_found_by_name_or_reading_and_opened_with_enter(typed: str, office: Office) -> None:
    aiko = office.page(AIKO)
    box = aiko.locator("#search")
    box.fill(typed)
    expect(aiko.locator("[id^=offer-customer-]").first).to_contain_text(TANAKA.name)
    for _ in range(9):  # down to her line, wherever she stands among what is offered
        box.press("ArrowDown")
        if aiko.locator("[id^=offer-customer-][aria-selected=true]").count():
            break
    box.press("Enter")
    expect(aiko.locator("h1").first).to_contain_text(TANAKA.name)


@pytest.mark.daily
def test_two_tickets_of_one_matter_are_joined_and_separated_again(office: Office) -> None:
    office.writes("同じ件の一通目", "掃除機が動きません。")
    office.writes("同じ件の二通目", "電源も入りません。")
    aiko = office.page(AIKO, "/inbox?view=all")
    first = str(row(aiko, "同じ件の一通目").locator("[data-open-ticket]").get_attribute("data-open-ticket"))
    opened(office, aiko, "同じ件の二通目")
    form = aiko.locator("details.merge")
    form.locator("summary").click()
    form.locator("input[name=into]").fill(f"＃{first}")
    form.get_by_role("button", name="統合", exact=True).click()
    expect(row(aiko, "同じ件の二通目")).to_have_count(0)
    joined = aiko.locator(".merged:not([data-kind])")  # of another kind is the warning of a duplicate
    leads = joined.locator("a")
    expect(leads).to_contain_text(f"#{first}")
    leads.click()
    expect(aiko.locator(".ticket-title h1")).to_have_text("同じ件の一通目")
    expect(aiko.locator(".entry[data-kind=message]", has_text="電源も入りません。")).to_have_count(1)
    expect(aiko.locator("#connection")).to_have_attribute("data-connection", "on")
    aiko.go_back()
    joined.get_by_role("button").click()
    expect(joined).to_have_count(0)
    expect(row(aiko, "同じ件の二通目")).to_have_count(1)


def row_agent(page: Page, name: str) -> str:
    """The value that stands for an agent in the choice of assignees."""
    return str(page.locator(f'select[data-assign] option[data-name="{name}"]').get_attribute("value"))


@pytest.mark.daily
def test_what_is_begun_is_found_on_another_machine_taken_over_and_gone_when_it_is_sent(office: Office) -> None:
    office.writes("書きかけの件", "使い方を教えてください。")
    here = office.page(AIKO, "/inbox?view=all")
    opened(office, here, "書きかけの件")
    box = "form[data-for=reply] textarea"
    here.locator(box).press_sequentially("お調べします")
    expect(here.locator("[data-draft-said]")).to_have_text("下書き保存済み")
    expect(row(here, "書きかけの件").locator(".row-draft")).to_have_text("下書き")

    there = office.page(AIKO, here.url.removeprefix(office.desk.url))  # another browser of hers
    expect(there.locator(box)).to_have_value("お調べします")
    expect(there.locator("[data-draft-said]")).to_contain_text("下書き")
    colleague = office.page(AKIRA, here.url.removeprefix(office.desk.url))
    expect(colleague.locator(box)).to_have_value("")
    expect(row(colleague, "書きかけの件").locator(".row-draft")).to_have_count(0)

    there.locator(box).press("End")
    there.locator(box).press_sequentially("。少々お待ちください。")
    expect(there.locator("[data-draft-said]")).to_have_text("下書き保存済み")
    here.locator(box).press("End")
    here.locator(box).press_sequentially("！")
    expect(here.locator("[data-draft-said]")).to_contain_text("別の画面でも編集されていました")
    there.reload()
    expect(there.locator(box)).to_have_value("お調べします！")

    there.locator("[data-draft-throw^=reply]").click()
    expect(there.locator(box)).to_have_value("")
    there.locator(".done-place", has_text="下書きを破棄しました").get_by_role("button").click()
    expect(there.locator(box)).to_have_value("お調べします！")
    there.locator(box).press("Control+Enter")
    expect(there.locator(".entry[data-direction=out]")).to_contain_text("お調べします！")
    expect(there.locator(box)).to_have_value("")
    expect(row(there, "書きかけの件").locator(".row-draft")).to_have_count(0)
    there.reload()
    expect(there.locator(box)).to_have_value("")


def test_what_was_sent_is_no_draft_though_it_was_still_being_saved(office: Office) -> None:
    office.writes("送信と下書き", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all", **OVERHEARD)
    opened(office, aiko, "送信と下書き")
    order: list[str] = []

    def keeps(route: Route) -> None:
        answer = route.fetch()  # in which the mail would overtake it
        order.append("kept")
        route.fulfill(response=answer)

    def sends(route: Route) -> None:
        order.append("sent")
        route.continue_()

    aiko.route("**/drafts/reply-*", keeps)
    aiko.route("**/tickets/*/reply", sends)
    box = aiko.locator("form[data-for=reply] textarea")
    box.fill("ご案内します。")
    aiko.locator("form[data-for=reply] button[data-kind=primary]").click()  # which leaves the box, so that it is saved
    expect(aiko.locator(".entry[data-direction=out]")).to_contain_text("ご案内します。")
    expect(box).to_have_value("")
    assert order == ["kept", "sent"]
    place = box.get_attribute("id")
    assert aiko.request.get(f"/drafts/{place}", headers={"accept": "application/json"}).json()["version"] == 0


def test_a_page_that_is_left_in_the_middle_of_a_word_sends_it_along(office: Office) -> None:
    office.writes("途中で離れる件", "使い方を教えてください。")
    aiko = office.page(AIKO, "/inbox?view=all")
    opened(office, aiko, "途中で離れる件")
    address = aiko.url
    box = "form[data-for=reply] textarea"
    aiko.locator(box).fill("途中ま")
    aiko.goto("/calls")
    aiko.evaluate("localStorage.clear()")  # what this machine keeps is not what is found
    number = re.findall(r"/tickets/(\d+)", address)[0]
    until(lambda: aiko.request.get(f"/drafts/reply-{number}", headers={"accept": "application/json"}).json()["version"])
    aiko.goto(address)
    expect(aiko.locator(box)).to_have_value("途中ま")


def test_a_password_stays_in_its_field_while_one_looks_what_saving_would_change(office: Office) -> None:
    sato = office.page(SATO, "/admin/mailboxes/new")
    typed = {"name": "修理", "host": "imap.example.jp", "user": "repairs", "secret": "nobody knows"}
    for field, words in typed.items():
        sato.locator(f"#f-{field}").fill(words)
    look = sato.get_by_role("button", name="変更点を確認")
    look.click()
    expect(sato.locator("#will")).to_contain_text("imap.example.jp")
    expect(sato.locator("#will")).to_be_focused()
    expect(sato.locator("[data-unkept]")).to_have_count(0)  # nothing has to be typed again
    sato.locator("#f-port").fill("99999")
    look.click()
    expect(sato.locator("#f-port")).to_have_attribute("aria-invalid", "true")
    expect(sato.locator("#f-port")).to_be_focused()
    expect(sato.locator("#will")).to_have_count(0)
    sato.locator("#f-port").fill("993")
    look.click()
    expect(sato.locator("#will")).to_be_visible()
    expect(sato.locator("[aria-invalid]")).to_have_count(0)
    expect(sato.locator("#f-secret")).to_have_value("nobody knows")
    assert sato.url.endswith("/admin/mailboxes/new"), "and the page is the one that was opened"
    office.complaints = [said for said in office.complaints if "status of 422" not in said]  # the port, as it should


@contextlib.contextmanager
def kept_waiting(office: Office) -> Iterator[None]:
    """Nobody can write at the desk meanwhile: whatever is sent to it is answered late."""
    with contextlib.closing(sqlite3.connect(office.desk.folder / "data" / "desk.db", timeout=30)) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_form_pressed_again_while_the_desk_takes_its_time_makes_one_thing(office: Office) -> None:
    sato = office.page(SATO, "/admin/checklists/new")
    sato.locator("#f-name").fill("二度押された一覧")
    steps = sato.locator("#f-items")
    steps.fill("品番を聞く")
    save = sato.locator("main form").get_by_role("button", name="保存")
    save.scroll_into_view_if_needed()
    words, button = middle(steps), middle(save)
    with kept_waiting(office):
        with sato.expect_request(lambda request: request.method == "POST"):
            sato.mouse.click(*button)
        sato.mouse.click(*button)
        # The very same once more a browser may pass over by itself; what is typed meanwhile makes it another sending.
        sato.mouse.click(*words)
        sato.keyboard.insert_text("いつ買ったかも")
        sato.mouse.click(*button)
        sato.keyboard.press("Enter")
    sato.wait_for_url(re.compile(r"/admin/checklists($|[?#])"))
    sato.goto("/admin/checklists")
    expect(sato.locator(".parked-title", has_text="二度押された一覧")).to_have_count(1)


def middle(place: Locator) -> tuple[float, float]:
    """Where it is pressed by a hand, which asks no page whether it is ready."""
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
