"""Every page in both languages, lists page by page, and what people type into them."""

import re

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from helpdesk import tickets
from models import Channel, Message, Note
from tests.cast import AIKO, BEN, MONDAY, PUBLIC_URL, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, text_of
from web import words

PAGES = ("/inbox", "/inbox?view=mine", "/inbox?view=unassigned", "/inbox?view=resolved", "/inbox?view=queue-2",
         "/inbox?sort=oldest", "/tickets/1", "/tickets/1/similar", "/calls", "/calls?filter=today",
         "/calls?filter=mine", "/calls?filter=missed", "/calls?q=5678",
         "/customers", "/customers?q=090-1234-5678", "/customers?q=たなか", "/customers/1",
         "/customers/1/edit", "/customers/new", "/queues", "/account", "/admin/parked",
         "/queues/accuracy", "/queues/accuracy/answers?said=returns&was=returns",
         "/admin/mailboxes", "/admin/mailboxes/new",
         "/admin/canned", "/admin/canned/new", "/tickets/1/canned", "/admin/mail/domains",
         "/callbacks", "/callbacks?filter=settled", "/queues?agents=away", "/queues/alarms", "/queues/walls", "/wall",
         "/queues/work", "/queues/work/list", "/reviews", "/reviews/form", "/reviews/mine",
         "/reports/calls", "/reports/calls?by=agent&period=week", "/calls?behind=abandoned&queue=2",
         "/admin/queues/new", "/admin/queues/2", "/admin/agents", "/admin/agents/1", "/admin/calendars",
         "/admin/calendars/new")  # fmt: skip
FRAGMENTS = ("/tickets/1/region", "/rail", "/queues/board", "/queues/hands")
LEFT_ENGLISH = re.compile(
    r">\s*(My tickets|Unassigned|All open|Resolved|Calls|Customers|Live view|Sign out|Reply|Note)\s*<"
)


@pytest.fixture
def busy_desk(desk: OpenDesk) -> OpenDesk:
    """A desk in which a little of everything has happened."""
    desk.ready(BEN)
    desk.mail(subject="返品したい", to=RETURNS_ADDRESS)
    desk.twilio.rings("CA-1", to="+81355500102")
    desk.twilio.rings("CA-2", caller="anonymous", to="+81355500102")
    desk.twilio.says("CA-2", "completed")
    desk.mail(raw=b"Subject: nobody\r\n\r\nx")
    return desk


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_stands_in_both_languages(busy_desk: OpenDesk, language: str) -> None:
    busy_desk.as_(SATO).post("/account", data={"language": language, "theme": ""})
    for path in PAGES:
        answer = busy_desk.as_(SATO).get(path)
        assert answer.status_code == 200, (path, text_of(answer.text)[:300])
        assert f'<html lang="{language}"' in answer.text
        assert language == "en" or not LEFT_ENGLISH.search(answer.text), (path, LEFT_ENGLISH.search(answer.text))
    for path in FRAGMENTS:
        assert busy_desk.as_(SATO).get(path).status_code == 200


def test_nothing_is_changed_by_looking(busy_desk: OpenDesk) -> None:
    browser = busy_desk.as_(SATO)
    browser.get("/reports/calls")  # who asks for figures has what happened counted at once, which is kept
    before = busy_desk.number(), busy_desk.everything_kept().count("\n")
    for path in PAGES:
        browser.get(path)
    assert (busy_desk.number(), busy_desk.everything_kept().count("\n")) == before


HUGE = "99999999999999999999999"
TYPED = ("\x00", "a\x00b", "😀", "%", "_", "'", '"><script>', "\ud7ff", "９" * 40, "+" * 5000, "#²", "＃１")


def test_a_mark_in_a_list_that_nobody_made_shows_some_page_and_never_a_crash(busy_desk: OpenDesk) -> None:
    for mark in ("2026-11-16~1", f"2026-11-16T01:00:00%2B00:00~{HUGE}", "0001-01-01~1", "9999-12-31T23:59:59-12:00~1"):
        for page in ("/inbox", "/calls", "/inbox?sort=oldest"):
            address = f"{page}{'&' if '?' in page else '?'}after={mark}"
            assert busy_desk.as_(SATO).get(address).status_code in (200, 404), address


def test_nothing_typed_into_a_search_breaks_it_or_comes_back_as_markup(busy_desk: OpenDesk) -> None:
    for typed in TYPED:
        for path in ("/customers", "/calls"):
            answer = busy_desk.as_(SATO).get(path, params={"q": typed})
            assert answer.status_code == 200, (path, typed)
            assert "<script>" not in answer.text


def test_an_empty_note_is_refused(busy_desk: OpenDesk) -> None:
    assert busy_desk.as_(BEN).post("/tickets/1/note", data={"body": "  "}).status_code == 422
    assert busy_desk.as_(BEN).post("/tickets/1/note", data={}).status_code == 422
    assert busy_desk.count(Note) == 0


def test_a_refusal_goes_back_to_the_form_it_came_from_and_says_why_there(busy_desk: OpenDesk) -> None:
    page = {"referer": f"{PUBLIC_URL}/tickets/1"}
    answer = busy_desk.as_(BEN).post("/tickets/1/note", data={"body": " "}, headers=page)
    assert answer.status_code == 200 and answer.url.path == "/tickets/1"
    assert 'data-kind="error"' in answer.text and "Please write something first." in text_of(answer.text)


def fill(db: Session, desk: OpenDesk, many: int) -> None:
    """More tickets, and more words in the first of them."""
    queue_id, customer_id = desk.queue("returns").id or 0, desk.customer(TANAKA).id
    for number in range(many):
        tickets.start(db, subject=f"{number}", channel=Channel.MAIL, queue_id=queue_id, customer_id=customer_id,
                      language="ja", now=MONDAY)  # fmt: skip
        db.add(Message(ticket_id=1, direction="in", state="received", text="x", created_at=MONDAY))
        db.add(Note(ticket_id=1, text="x", created_at=MONDAY))
    db.flush()


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_the_pages_of_a_list_show_every_ticket_once_and_in_order(desk: OpenDesk, sort: str) -> None:
    def make(db: Session) -> None:
        for number in range(123):  # many of the same moment, so that the order needs the number too
            desk.clock.advance(seconds=number % 3 == 0)
            tickets.start(db, subject="x", channel=Channel.MAIL, queue_id=desk.queue("returns").id or 0,
                          customer_id=None, language="ja", now=desk.clock())  # fmt: skip

    desk.write(make)
    shown, address = [], f"/inbox?sort={sort}"
    while address:
        page = desk.as_(BEN).get(address).text
        shown += [int(found) for found in re.findall(r'<li class="row" id="row-(\d+)"', page)]
        more = re.search(r'class="list-more"><a class="button" href="([^"]+)"', page)
        address = more[1].replace("&amp;", "&") if more else ""
    order = sa.text("SELECT id FROM ticket ORDER BY last_contact_at DESC, id DESC")
    rows = desk.read(lambda db: list(db.execute(order).scalars()))
    assert shown == (rows if sort == "newest" else rows[::-1])


def test_the_counts_in_the_rail_are_the_lengths_of_the_lists(busy_desk: OpenDesk) -> None:
    busy_desk.write(fill, busy_desk, 7)
    for person in (AIKO, BEN, SATO):
        rail = busy_desk.as_(person).get("/rail").text
        for view, count in re.findall(r'href="/inbox\?view=([\w-]+)"[^\n]*?<span class="count">(\d+)</span>', rail):
            page = busy_desk.as_(person).get(f"/inbox?view={view}").text
            assert len(re.findall(r'<li class="row" id="row-', page)) == int(count), (person.name, view)


def test_whoever_takes_a_ticket_took_it_and_whoever_is_given_one_was_given_it(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    for who in (BEN, SATO):
        desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": ""})
        desk.as_(who).post("/tickets/1/assign", data={"agent_id": desk.agent(BEN).id})
    said = text_of(desk.as_(SATO).get("/tickets/1").text)
    ben, sato = desk.agent(BEN).name, desk.agent(SATO).name
    assert f"{ben}さんが担当になりました" in said
    assert f"{sato}さんが{ben}さんを担当にしました" in said
    assert f"{ben}さんが{ben}さんを" not in said


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_customers_form_writes_numbers_as_people_do_and_saved_unchanged_changes_none(desk: OpenDesk) -> None:
    customer = desk.customer(TANAKA)
    path = f"/customers/{customer.id}/edit"
    typed = {"name": customer.name, "reading": customer.reading, "addresses": TANAKA.email}
    desk.as_(BEN).post(path, data={**typed, "phones": f"{TANAKA.phone}\n+442071838750"})

    def lines() -> str:
        found = re.search(r'<textarea id="f-phones"[^>]*>([^<]*)</textarea>', desk.as_(BEN).get(path).text)
        assert found
        return found[1]

    before = [(each.id, each.key, each.value, each.source, each.label) for each in desk.points_of(TANAKA)]
    shown = lines()
    assert "+81" not in shown and "+44 20 7183 8750" in shown
    desk.as_(BEN).post(path, data={**typed, "phones": shown})
    assert [(each.id, each.key, each.value, each.source, each.label) for each in desk.points_of(TANAKA)] == before
    assert lines() == shown


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_call_of_a_withheld_number_is_called_so_in_the_readers_language_until_its_note_names_it(
    desk: OpenDesk,
) -> None:
    desk.twilio.rings("CA-1", caller="anonymous")
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/accept")
    desk.twilio.says("CA-1", "in-progress", caller="anonymous")
    for language, said in (("ja", "☎ 非通知"), ("en", "☎ Number withheld")):
        desk.as_(AIKO).post("/account", data={"language": language, "theme": ""})
        for path in ("/inbox?view=mine", "/tickets/1", "/search?q=%231"):
            assert said in text_of(desk.as_(AIKO).get(path).text), path
    desk.twilio.says("CA-1", "completed", sequence=2, caller="anonymous")
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/wrap-up", data={"note": "Wi-Fiの件", "disposition": "solved"})
    assert desk.tickets()[0].subject == "Wi-Fiの件"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_all_work_that_may_be_set_aside_has_a_name_for_people(desk: OpenDesk) -> None:
    assert set(desk.app.state.desk.jobs.by_name()) == set(words.codes("due_work"))


def test_a_customer_of_more_tickets_than_are_listed_is_not_said_to_have_so_few(desk: OpenDesk) -> None:
    for number in range(10):
        desk.mail(TANAKA, subject=f"別の件 {number}")
    assert "対応中の問い合わせ 10 " in text_of(desk.as_(SATO).get("/customers/1").text)
    desk.mail(TANAKA, subject="さらに別の件")
    assert "対応中の問い合わせ 10+" in text_of(desk.as_(SATO).get("/customers/1").text)
