"""Every page: in both languages, safe for its reader, unshaken by what is typed, and modest with the database."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session
from starlette.testclient import TestClient

from helpdesk import tickets
from models import Channel, Message, Note
from tests.cast import AIKO, BEN, MONDAY, PUBLIC_URL, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, text_of

PAGES = ("/inbox", "/inbox?view=mine", "/inbox?view=unassigned", "/inbox?view=resolved", "/inbox?view=queue-2",
         "/inbox?sort=oldest", "/tickets/1", "/calls", "/calls?filter=today", "/calls?filter=mine", "/calls?filter=missed",
         "/calls?q=5678", "/customers", "/customers?q=090-1234-5678", "/customers?q=たなか", "/customers/1",
         "/customers/1/edit", "/customers/new", "/queues", "/account", "/admin/parked")  # fmt: skip
FRAGMENTS = ("/tickets/1/region", "/rail", "/queues/board")
LEFT_ENGLISH = re.compile(r">\s*(My tickets|Unassigned|All open|Resolved|Calls|Customers|Live view|Sign out|Reply|Note)\s*<")


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


def test_no_page_and_no_fragment_is_for_the_signed_out(busy_desk: OpenDesk) -> None:
    for path in (*PAGES, *FRAGMENTS, "/", "/admin/inbound/1/raw", "/messages/1/html", "/attachments/1"):
        answer = busy_desk.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 303, path
        if path != "/":
            assert answer.headers["location"].startswith("/sign-in"), path
    assert busy_desk.client.get("/rail", headers={"accept": "*/*"}).status_code == 401


def test_every_answer_carries_the_headers_that_protect_its_reader(busy_desk: OpenDesk) -> None:
    for path in (*PAGES, *FRAGMENTS, "/sign-in", "/no-such-page", "/static/css/tokens.css", "/healthz"):
        answer = busy_desk.as_(SATO).get(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy and "object-src 'none'" in policy and "unsafe" not in policy, path
        assert "frame-ancestors 'self'" in policy and "base-uri 'none'" in policy and "form-action 'self'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "max-age" in answer.headers["strict-transport-security"]


def test_pages_run_no_script_and_style_of_their_own_which_the_policy_would_stop(busy_desk: OpenDesk) -> None:
    for path in (*PAGES, "/sign-in"):
        page = busy_desk.as_(SATO).get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=\"|\sstyle=\"|<style", page), path


def test_pages_with_peoples_data_are_kept_by_no_cache(busy_desk: OpenDesk) -> None:
    for path in (*PAGES, *FRAGMENTS):
        assert busy_desk.as_(SATO).get(path).headers["cache-control"] == "no-store", path


# --- where a request comes from --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example.net"},
     {"origin": "null"}, {"origin": ""}, {"origin": "https://desk.example.com.evil.example.net"},
     {"origin": "https://desk.example.com:444"}, {"origin": "https://evil.example.net", "sec-fetch-site": "same-origin"}],
)  # fmt: skip
def test_another_sites_form_is_not_carried_out(busy_desk: OpenDesk, headers: dict[str, str]) -> None:
    before = busy_desk.number()
    for path, form in (("/tickets/1/note", {"body": "x"}), ("/me/state", {"state": "ready"}), ("/sign-out", {}),
                       ("/tickets/1/resolve", {}), ("/account/password", {})):  # fmt: skip
        assert busy_desk.as_(BEN).post(path, data=form, headers=headers).status_code == 403
    assert busy_desk.number() == before and busy_desk.count(Note) == 0


@pytest.mark.parametrize("headers", [{}, {"origin": PUBLIC_URL}, {"sec-fetch-site": "same-origin", "origin": PUBLIC_URL}])
def test_our_own_form_is_carried_out(busy_desk: OpenDesk, headers: dict[str, str]) -> None:
    assert busy_desk.as_(BEN).post("/tickets/1/note", data={"body": "x"}, headers=headers).status_code == 200
    assert busy_desk.count(Note) == 1


def test_nothing_is_changed_by_looking(busy_desk: OpenDesk) -> None:
    before = busy_desk.number(), busy_desk.everything_kept().count("\n")
    for path in PAGES:
        busy_desk.as_(SATO).get(path)
    busy_desk.as_(SATO)
    after = busy_desk.number(), busy_desk.everything_kept().count("\n")
    assert after[0] - before[0] <= 1 and after[1] - before[1] <= 3  # Sato's own sign-in


# --- errors as pages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/no-such-page", "/tickets/999", "/tickets/99999999999999999999999", "/customers/999", "/customers/99999999999999999999",
     "/inbox?view=queue-99", "/inbox?view=queue-99999999999999999999999", "/inbox?view=queue-²", "/inbox?view=nonsense",
     "/inbox?after=x~y", "/inbox?after=2026-11-16T01:00:00%2B00:00~99999999999999999999999",
     "/calls?filter=nonsense", "/calls?after=~", "/messages/999/html", "/attachments/999",
     "/admin/inbound/999/raw", "/customers?q=%23²", "/customers?q=%2399999999999999999999999"],
)  # fmt: skip
def test_what_is_not_there_is_a_page_that_says_so(busy_desk: OpenDesk, path: str) -> None:
    answer = busy_desk.as_(SATO).get(path)
    assert answer.status_code == 404 or (answer.status_code == 200 and path.startswith("/customers?q=")), path
    assert '<html lang="ja"' in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("typed", ["\x00", "a\x00b", "😀", "%", "_", "'", '"><script>', "\ud7ff", "９" * 40, "+" * 5000])
def test_nothing_typed_into_a_search_breaks_it_or_comes_back_as_markup(busy_desk: OpenDesk, typed: str) -> None:
    for path in ("/customers", "/calls"):
        answer = busy_desk.as_(SATO).get(path, params={"q": typed})
        assert answer.status_code == 200, (path, typed)
        assert "<script>" not in answer.text


@pytest.mark.parametrize("number", ["²", "99999999999999999999", "x", "-1", "", "１２"])
def test_a_number_that_is_none_is_refused_and_never_a_crash(busy_desk: OpenDesk, number: str) -> None:
    for path, name in (("/tickets/1/move", "queue_id"), ("/tickets/1/assign", "agent_id"), ("/tickets/1/customer", "customer_id"),
                       ("/calls/1/customer", "customer_id")):  # fmt: skip
        status = busy_desk.as_(SATO).post(path, data={name: number}).status_code
        assert status in (404, 403) or (number == "" and path.endswith("assign") and status == 200), (path, number, status)


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "😀" * 5000, "{{ 7 * 7 }}"])
def test_a_note_of_any_words_is_kept_and_shown_as_words(busy_desk: OpenDesk, words: str) -> None:
    assert busy_desk.as_(BEN).post("/tickets/1/note", data={"body": words}).status_code == 200
    page = busy_desk.as_(BEN).get("/tickets/1").text
    assert "<script>alert" not in page and "49" not in text_of(re.findall(r'<article class="bubble">.*?</article>', page, re.S)[-1])
    assert words[:20] in text_of(page) + page.replace("&lt;", "<").replace("&gt;", ">")


def test_a_letter_no_database_can_hold_is_refused_or_kept_and_never_a_crash(busy_desk: OpenDesk) -> None:
    for path, form in (("/tickets/1/note", {"body": "a\x00b"}), ("/customers/new", {"name": "a\x00b"})):
        assert busy_desk.as_(BEN).post(path, data=form).status_code in (200, 422)


def test_an_empty_note_is_refused(busy_desk: OpenDesk) -> None:
    assert busy_desk.as_(BEN).post("/tickets/1/note", data={"body": "  "}).status_code == 422
    assert busy_desk.as_(BEN).post("/tickets/1/note", data={}).status_code == 422
    assert busy_desk.count(Note) == 0


def test_a_refusal_goes_back_to_the_form_it_came_from_and_says_why_there(busy_desk: OpenDesk) -> None:
    answer = busy_desk.as_(BEN).post("/tickets/1/note", data={"body": " "}, headers={"referer": f"{PUBLIC_URL}/tickets/1"})
    assert answer.status_code == 200 and answer.url.path == "/tickets/1"
    assert 'data-kind="error"' in answer.text and "Please write something first." in text_of(answer.text)


def test_no_redirect_leads_to_the_site_a_referer_names(busy_desk: OpenDesk) -> None:
    for referer in ("https://evil.example.net/inbox", "//evil.example.net", "https://desk.example.com//evil.example.net/x"):
        answer = busy_desk.as_(BEN).post("/tickets/1/note", data={"body": "x"}, headers={"referer": referer},
                                         follow_redirects=False)  # fmt: skip
        where = answer.headers["location"]
        assert where.startswith("/") and not where.startswith("//"), (referer, where)


def test_our_own_mistake_is_said_plainly_and_tells_nothing(busy_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    from helpdesk import views

    def breaks(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("the secret of the inside")

    monkeypatch.setattr(views, "page", breaks)
    browser = TestClient(busy_desk.app, base_url=PUBLIC_URL, raise_server_exceptions=False,
                         cookies=busy_desk.as_(SATO).cookies, headers={"accept": "text/html"})  # fmt: skip
    browser.portal = busy_desk.client.portal
    answer = browser.get("/inbox")
    assert answer.status_code == 500 and "secret" not in answer.text and "ZeroDivision" not in answer.text
    assert answer.headers["content-security-policy"] and "broken" not in text_of(answer.text)


def test_the_wrong_method_is_refused(busy_desk: OpenDesk) -> None:
    assert busy_desk.as_(BEN).get("/tickets/1/reply").status_code == 405
    assert busy_desk.as_(BEN).post("/inbox").status_code == 405


# --- how much a page asks of the database ----------------------------------------------------------------------------


class Statements:
    """Counts what is sent to the database."""

    def __init__(self, desk: OpenDesk) -> None:
        self.count = 0
        for engine in {desk.database.engine, desk.database.reading_engine}:
            event.listen(engine, "before_cursor_execute", self._counted)

    def _counted(self, *_: Any) -> None:
        self.count += 1

    def of(self, desk: OpenDesk, path: str) -> int:
        """Statements of one page."""
        desk.as_(SATO).get(path)
        self.count = 0
        assert desk.as_(SATO).get(path).status_code == 200
        return self.count


def fill(db: Session, desk: OpenDesk, many: int) -> None:
    """More tickets, and more words in the first of them."""
    queue_id, customer_id = desk.queue("returns").id or 0, desk.customer(TANAKA).id
    for number in range(many):
        tickets.start(db, subject=f"{number}", channel=Channel.MAIL, queue_id=queue_id, customer_id=customer_id,
                      language="ja", now=MONDAY)  # fmt: skip
        db.add(Message(ticket_id=1, direction="in", state="received", text="x", created_at=MONDAY))
        db.add(Note(ticket_id=1, text="x", created_at=MONDAY))
    db.flush()


@pytest.mark.parametrize("path", ["/inbox", "/inbox?view=queue-2", "/tickets/1", "/customers", "/customers/1", "/calls", "/queues"])
def test_the_number_of_statements_does_not_grow_with_the_rows(busy_desk: OpenDesk, path: str) -> None:
    statements = Statements(busy_desk)
    busy_desk.write(fill, busy_desk, 10)
    few = statements.of(busy_desk, path)
    busy_desk.write(fill, busy_desk, 50)
    assert statements.of(busy_desk, path) == few < 40


# --- pages of a list -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_the_pages_of_a_list_show_every_ticket_once_and_in_order(desk: OpenDesk, sort: str) -> None:
    def make(db: Session) -> None:
        for number in range(123):  # many of the same moment, so that the order needs the number too
            desk.clock.advance(seconds=number % 3 == 0)
            tickets.start(db, subject="x", channel=Channel.MAIL, queue_id=desk.queue("returns").id or 0, customer_id=None,
                          language="ja", now=desk.clock())  # fmt: skip

    desk.write(make)
    shown, address = [], f"/inbox?sort={sort}"
    while address:
        page = desk.as_(BEN).get(address).text
        shown += [int(found) for found in re.findall(r'<li class="row" id="row-(\d+)"', page)]
        more = re.search(r'class="list-more"><a class="button" href="([^"]+)"', page)
        address = more[1].replace("&amp;", "&") if more else ""
    rows = desk.read(lambda db: db.execute(sa.text("SELECT id FROM ticket ORDER BY last_contact_at DESC, id DESC")).scalars().all())
    assert shown == (rows if sort == "newest" else rows[::-1])


def test_the_counts_in_the_rail_are_the_lengths_of_the_lists(busy_desk: OpenDesk) -> None:
    busy_desk.write(fill, busy_desk, 7)
    for person in (AIKO, BEN, SATO):
        rail = busy_desk.as_(person).get("/rail").text
        for view, count in re.findall(r'href="/inbox\?view=([\w-]+)"[^\n]*?<span class="count">(\d+)</span>', rail):
            page = busy_desk.as_(person).get(f"/inbox?view={view}").text
            assert len(re.findall(r'<li class="row" id="row-', page)) == int(count), (person.name, view)
