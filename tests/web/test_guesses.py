"""Guesses on pages: shown as words with their reasons, judged in a click, switched by a supervisor."""

import re

import pytest
from sqlmodel import select

from classifiers import registry
from models import Routing
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, Person, part, text_of

URGENT = {
    "subject": "至急",
    "body": "本日中に交換してください。店が開けません。対応が本当にひどいです。もう二度と買いません。",
}
CALM = {"subject": "お礼", "body": "丁寧に対応していただき、とても嬉しかったです。ありがとうございました。"}
ENGLISH = {"subject": "Return", "body": "I would like to return these shoes, they are too small for me."}


def switch(desk: OpenDesk, name: str, value: str, *, by: Person = SATO) -> int:
    return int(desk.as_(by).post("/admin/guesses", data={"name": name, "value": value}).status_code)


def seen(desk: OpenDesk, path: str, *, by: Person = SATO) -> str:
    """A page as its reader sees it."""
    answer = desk.as_(by).get(path)
    assert answer.status_code == 200, path
    return text_of(answer.text)


def element(desk: OpenDesk, path: str, name: str, *, by: Person = SATO) -> str:
    """One element of a page as its reader sees it; "" when it is not there."""
    return text_of(part(desk.as_(by).get(path).text, name))


# --- the page of the switches ------------------------------------------------------------------------------------


def test_only_supervisors_see_and_turn_the_switches(desk: OpenDesk) -> None:
    assert desk.as_(AIKO).get("/admin/guesses").status_code == 403
    assert switch(desk, "urgency", "off", by=AIKO) == 403
    assert "/admin/guesses" not in desk.as_(AIKO).get("/inbox").text
    assert 'href="/admin/guesses"' in desk.as_(SATO).get("/admin").text
    assert desk.as_(SATO).get("/admin/guesses").text.count('aria-checked="true"') == 4


def test_a_switch_turns_says_so_and_turns_back(desk: OpenDesk) -> None:
    assert switch(desk, "sentiment", "off") == 200
    row = part(desk.as_(SATO).get("/admin/guesses").text, "guess-sentiment")
    assert 'aria-checked="false"' in row and 'value="on"' in row and "オフ" in text_of(row)
    assert switch(desk, "sentiment", "on") == 200
    assert desk.as_(SATO).get("/admin/guesses").text.count('aria-checked="true"') == 4


@pytest.mark.parametrize(("name", "value"), [("weather", "off"), ("urgency", "perhaps"), ("", "")])
def test_what_is_no_switch_is_refused(standing_desk: OpenDesk, name: str, value: str) -> None:
    assert switch(standing_desk, name, value) == 422


def test_the_page_says_how_good_each_guess_was_measured_to_be(desk: OpenDesk) -> None:
    urgency = registry.read_card(registry.SHIPPED / "urgency.json")["unseen_authors"]
    feeling = registry.read_card(registry.SHIPPED / "sentiment.json")["unseen"]
    told = element(desk, "/admin/guesses", "guess-urgency")
    for language in ("ja", "en"):
        for share in (urgency[language]["recall"], urgency[language]["precision"]):
            assert f"{round(share * 100)} %" in told
        assert f"{urgency[language]['count']:,}件" in told
        for name in ("accuracy", "poles"):
            share = feeling[f"{language}/inquiries"][name]
            assert f"{round(share * 100)} %" in element(desk, "/admin/guesses", "guess-sentiment")


# --- where guesses stand -----------------------------------------------------------------------------------------


def test_a_row_says_in_words_what_seems_urgent(desk: OpenDesk) -> None:
    desk.mail(**URGENT)
    desk.mail(**CALM)
    assert "急ぎ" in element(desk, "/inbox", "row-1") and "急ぎ" not in element(desk, "/inbox", "row-2")
    desk.as_(SATO).post("/tickets/1/resolve")
    assert "急ぎ" not in element(desk, "/inbox?view=resolved", "row-1"), "what is settled presses nobody"


def test_the_view_of_what_is_urgent_holds_open_tickets_of_ones_own_queues(desk: OpenDesk) -> None:
    desk.mail(**URGENT, to=RETURNS_ADDRESS)
    desk.mail(**CALM, to=RETURNS_ADDRESS)
    desk.mail(**URGENT, to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/3/resolve")
    rows = re.findall(r'<li class="row" id="row-(\d+)"', desk.as_(BEN).get("/inbox?view=urgent").text)
    assert rows == ["1"]
    assert "Urgent 1" in element(desk, "/rail", "rail", by=BEN)
    assert 'class="row"' not in desk.as_(AIKO).get("/inbox?view=urgent").text
    assert "急ぎ すべて" in element(desk, "/rail", "rail", by=AIKO), "there, without a number"


def test_a_ticket_says_why_it_seems_urgent(desk: OpenDesk) -> None:
    desk.mail(**URGENT)
    page = desk.as_(SATO).get("/tickets/1").text
    why = part(page, "urgency-1")
    assert "期限が近い" in text_of(why) and "すぐの対応を求めている" in text_of(why)
    assert "<mark>本日中</mark>" in why and "<mark>至急</mark>" in why
    assert re.search(r"\d\d? %", text_of(why)) and 'href="#message-1"' in why
    assert registry.read_card(registry.SHIPPED / "urgency.json")["version"] in text_of(why)


def test_each_message_of_a_customer_says_how_its_writer_seems_to_feel(desk: OpenDesk) -> None:
    desk.mail(**URGENT)
    desk.as_(SATO).post("/tickets/1/reply", data={"body": "申し訳ございません。"})
    desk.mail(TANAKA, **CALM)
    page = desk.as_(SATO).get("/tickets/1").text
    assert "気持ち（推定）： 不満" in text_of(part(page, "feeling-1")) and "<mark>" in part(page, "feeling-1")
    assert part(page, "feeling-2") == "", "nobody guesses at an agent's"
    assert "気持ち（推定）： 満足" in element(desk, "/tickets/2", "feeling-3")


def test_a_ticket_names_its_language_where_it_is_not_the_desks(desk: OpenDesk) -> None:
    desk.mail(**ENGLISH)
    desk.mail(**CALM)
    assert "文字の種類からの推定 100 %" in element(desk, "/tickets/1", "ticket-1")
    assert "文字の種類からの推定" not in seen(desk, "/tickets/2")


def test_a_ringing_call_tells_of_the_open_tickets_it_lists(desk: OpenDesk) -> None:
    desk.mail(TANAKA, **URGENT)
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    card = desk.screen_of(AIKO).card("CA-1")
    assert "至急" in card and "急ぎ" in card and "不満" in card


def test_the_live_view_counts_what_seems_urgent_among_what_is_open(desk: OpenDesk) -> None:
    desk.mail(**URGENT)
    desk.mail(**CALM)
    assert "急ぎ 1" in element(desk, "/queues", "board")


# --- judged and switched, live -----------------------------------------------------------------------------------


def test_a_click_takes_the_mark_off_every_open_page_and_the_next_puts_it_back(desk: OpenDesk) -> None:
    desk.mail(**URGENT, to=RETURNS_ADDRESS)
    pages = ["/inbox", "/inbox?view=urgent", "/tickets/1", "/queues"]
    screens = [desk.screen_of(SATO, page) for page in pages]
    desk.as_(BEN).post("/tickets/1/urgency", data={"impression": 1, "urgent": "no"})
    for screen in screens:
        screen.check()
    assert 'class="row"' not in desk.as_(BEN).get("/inbox?view=urgent").text
    told = element(desk, "/tickets/1", "urgency-1")
    assert "Ben Carterさんの判断" in told and "やはり急ぎ" in told
    desk.as_(BEN).post("/tickets/1/urgency", data={"impression": 1, "urgent": "yes"})
    for screen in screens:
        screen.check()
    assert "急ぎ" in element(desk, "/inbox?view=urgent", "row-1")


def test_a_mail_that_seems_urgent_comes_by_itself_into_the_view_of_what_is(desk: OpenDesk) -> None:
    screen = desk.screen_of(SATO, "/inbox?view=urgent")
    desk.mail(**URGENT)
    desk.mail(**CALM)
    screen.check()
    assert "急ぎ" in text_of(screen.rows["row-1"])


SHOWN = {
    "urgency": ["急ぎ", "期限が近い"],
    "sentiment": ["不満", "気持ち（推定）"],
    "language": ["文字の種類からの推定"],
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_switched_off_stands_nowhere_and_is_there_again_when_switched_on(desk: OpenDesk, name: str) -> None:
    body = ENGLISH["body"] if name == "language" else URGENT["body"]
    desk.mail(TANAKA, subject="shoes", body=body)
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    customer = desk.customer(TANAKA).id
    pages = ["/inbox", "/inbox?view=all", "/tickets/1", "/queues", "/rail", f"/customers/{customer}"]
    before = {page: seen(desk, page) for page in pages} | {"card": desk.screen_of(AIKO).card("CA-1")}
    assert any(word in text for word in SHOWN[name] for text in before.values())
    screen = desk.screen_of(AIKO)
    switch(desk, name, "off")
    screen.sync()
    assert screen.reloads == 1, "what is open looks anew"
    after = {page: seen(desk, page) for page in pages} | {"card": desk.screen_of(AIKO).card("CA-1")}
    for page, text in after.items():
        assert not [word for word in SHOWN[name] if word in text], page
    switch(desk, name, "on")
    assert {page: seen(desk, page) for page in pages if page != "/queues"} == {
        page: text for page, text in before.items() if page not in ("/queues", "card")
    }


def test_the_view_of_what_is_urgent_says_that_nobody_guesses_it_any_more(desk: OpenDesk) -> None:
    desk.mail(**URGENT)
    switch(desk, "urgency", "off")
    page = desk.as_(SATO).get("/inbox?view=urgent").text
    assert 'class="row"' not in page and "急ぎの推定は表示していません" in text_of(page)


def test_a_word_that_spoke_twice_is_shown_once(desk: OpenDesk) -> None:
    desk.mail(subject="返品", body="返品したいです。返品の手順を教えてください。返品の送料も教えてください。")
    found = desk.read(lambda db: db.exec(select(Routing)).one().because)
    words = [reason["words"] for reason in found]
    assert len(words) > len(set(words)), "the text no longer says a telling word twice"
    page = desk.as_(SATO).get("/tickets/1").text
    summary = page[page.index('class="why-queue"') :].partition("</summary>")[0]
    shown = re.findall(r"<mark>(.*?)</mark>", summary)
    assert shown and len(shown) == len(set(shown))
