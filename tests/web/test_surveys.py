"""Surveys: who is asked and who is left out, the mail, the page without a sign-in, the ticket that shows the answer."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select
from starlette.testclient import TestClient

from models import Answer, Ask, ContactPoint, Message, MessageKind, OptOut, PointKind
from tests.cast import AIKO, BEN, PUBLIC_URL, RETURNS_ADDRESS, SATO, STRANGER, TANAKA, OpenDesk
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
STARS = {"name": "解決後", "scale": "stars", "after": "resolved", "delay_minutes": "60", "rest_days": "30",
         "is_active": "yes"}  # fmt: skip
LINK = re.compile(r"https://desk\.example\.com(/s/[0-9]+-[a-z2-7]+)\?score=([0-9]+)")


@pytest.fixture
def asks(desk: OpenDesk, postbox: Postbox) -> Callable[..., None]:
    """A survey that is on."""

    def make(**changed: str) -> None:
        answer = desk.as_(SATO).post("/admin/surveys/new", data=STARS | changed)
        assert answer.status_code == 200 and "解決後" in answer.text

    return make


def solved(desk: OpenDesk, number: int = 1, *, sender: Any = TANAKA) -> None:
    """A mail comes, Ben answers it and resolves the ticket."""
    desk.mail(sender, subject="返品したい", to=RETURNS_ADDRESS)
    desk.post(desk.reply(BEN, number, "承りました。"))
    desk.as_(BEN).post(f"/tickets/{number}/resolve")


def due(desk: OpenDesk) -> list[Ask]:
    """What is due now is done; all asks, as they are then."""
    desk.clock.advance(hours=1)
    for ask in desk.read(lambda db: db.exec(select(Ask)).all()):
        desk.app.state.desk.jobs.by_name()["ask_customer"](ask.id)
    questions = select(Message).where(Message.kind == MessageKind.SURVEY, Message.state == "queued")
    for message in desk.read(lambda db: db.exec(questions).all()):
        desk.post(message)
    return list(desk.read(lambda db: db.exec(select(Ask).order_by(Ask.id)).all()))


def customer(desk: OpenDesk) -> TestClient:
    """A browser nobody is signed in with."""
    browser = TestClient(desk.app, base_url=PUBLIC_URL)
    browser.portal = desk.client.portal
    browser.headers["accept"] = "text/html"
    return browser


def address(postbox: Postbox) -> str:
    """Where the last mail leads to."""
    found = LINK.search(postbox.last.get_body(("plain",)).get_content())
    assert found
    return found[1]


def answers(desk: OpenDesk) -> list[Answer]:
    return list(desk.read(lambda db: db.exec(select(Answer)).all()))


def test_a_solved_ticket_is_asked_about_once_by_a_mail_no_machine_answers(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    assert [ask.state for ask in due(desk)] == ["sent"]
    mail = postbox.last
    assert mail["To"] == TANAKA.email and mail["Subject"] == "対応についてのアンケート [#1]"
    assert mail["Auto-Submitted"] == "auto-generated" and postbox.mails[-1][0].mail_from == "<>"
    words = mail.get_body(("plain",)).get_content()
    assert [score for _, score in LINK.findall(words)] == ["5", "4", "3", "2", "1"] and "返品したい" in words
    assert LINK.findall(mail.get_body(("html",)).get_content().replace("&amp;", "&")) == LINK.findall(words)

    desk.as_(BEN).post("/tickets/1/reopen")
    desk.as_(BEN).post("/tickets/1/resolve")
    count = len(postbox.mails)
    due(desk)
    assert len(postbox.mails) == count and desk.count(Ask) == 1


def test_nobody_can_read_the_address_off_the_ticket(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    token = address(postbox).rpartition("/")[2]
    assert token.partition("-")[2] not in desk.everything_kept()
    assert f"Survey to {TANAKA.email}" in desk.as_(BEN).get("/tickets/1").text


@pytest.mark.parametrize(
    ("reason", "happens"),
    [
        ("reopened", lambda desk: desk.as_(BEN).post("/tickets/1/reopen")),
        ("switched_off", lambda desk: desk.as_(SATO).post("/admin/surveys/1/switch", data={"to": "off"})),
        ("opted_out", lambda desk: desk.write(lambda db: db.add(OptOut(key=TANAKA.email, at=desk.clock())))),
    ],
)
def test_who_is_not_asked_is_counted_with_the_reason(desk, postbox, asks, reason, happens) -> None:
    asks()
    solved(desk)
    happens(desk)
    count = len(postbox.mails)
    assert [(ask.state, ask.reason) for ask in due(desk)] == [("left_out", reason)]
    assert len(postbox.mails) == count


def test_a_ticket_nobody_answered_is_not_asked_about(desk, postbox, asks) -> None:
    asks()
    desk.mail(subject="広告", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    assert [ask.reason for ask in due(desk)] == ["nobody_answered"]


def test_somebody_who_was_asked_lately_is_left_alone(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    solved(desk, 2)
    assert [ask.reason for ask in due(desk)] == ["", "asked_lately"]
    desk.write(lambda db: db.execute(update(Ask).values(sent_at=desk.clock() - timedelta(days=31))))
    solved(desk, 3)
    assert [ask.state for ask in due(desk)][2] == "sent"


def test_one_person_is_left_alone_at_all_their_addresses(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    where = address(postbox)
    other = "hanako@work.example.com"
    points = {"kind": PointKind.EMAIL, "key": other, "value": other, "created_at": desk.clock()}
    tanaka = desk.customer(TANAKA).id
    desk.write(lambda db: db.add(ContactPoint(customer_id=tanaka, **points)))
    at_work = replace(TANAKA, email=other)
    solved(desk, 2, sender=at_work)
    assert due(desk)[1].reason == "asked_lately"
    customer(desk).post(f"{where}/stop")
    desk.write(lambda db: db.execute(update(Ask).values(sent_at=desk.clock() - timedelta(days=31))))
    solved(desk, 3, sender=at_work)
    assert due(desk)[2].reason == "opted_out"
    assert [mail["To"] for _, mail in postbox.mails if "アンケート" in str(mail["Subject"])] == [TANAKA.email]


def test_a_survey_of_one_queue_asks_nobody_of_another(desk, postbox, asks) -> None:
    asks(queue_id=str(desk.queue("tech_support").id))
    solved(desk)
    assert due(desk) == []


def test_opening_the_address_keeps_nothing_and_pressing_keeps_the_choice(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    page = customer(desk)
    where = address(postbox)
    shown = page.get(f"{where}?score=4")
    assert 'value="4" required checked' in shown.text and answers(desk) == []
    assert page.post(where, data={"score": "4", "comment": "丁寧に教えてもらい助かりました。"}).status_code == 200
    said = answers(desk)[0]
    assert (said.score, said.comment, said.agent_id) == (4, "丁寧に教えてもらい助かりました。", desk.agent(BEN).id)
    assert said.language == "ja" and said.sentiment == "positive"


def test_who_answers_again_changes_the_answer(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    page, where = customer(desk), address(postbox)
    page.post(where, data={"score": "5"})
    page.post(where, data={"score": "2", "comment": "やはり届きません"})
    assert [(said.score, said.comment) for said in answers(desk)] == [(2, "やはり届きません")]


@SQLITE
@pytest.mark.parametrize("score", ["", "0", "6", "x", "٣"])
def test_what_is_no_score_is_asked_for_again_with_the_comment_kept(desk, postbox, asks, score) -> None:
    asks()
    solved(desk)
    due(desk)
    answer = customer(desk).post(address(postbox), data={"score": score, "comment": "長い感想"})
    assert answer.status_code == 422 and "いずれかをお選びください" in answer.text and "長い感想" in answer.text
    assert answers(desk) == []


def test_an_address_that_was_made_up_or_is_old_leads_nowhere(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    page, where = customer(desk), address(postbox)
    forged = where[:-1] + ("a" if where[-1] != "a" else "b")
    for wrong in (forged, "/s/1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", where.replace("/s/1-", "/s/2-"), "/s/x"):
        assert page.get(wrong).status_code == 404 and page.post(wrong, data={"score": "5"}).status_code == 404
    desk.clock.advance(days=61)
    assert page.get(where).status_code == 404 and answers(desk) == []


def test_another_site_cannot_answer_for_a_customer(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    answer = customer(desk).post(address(postbox), data={"score": "1"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403 and answers(desk) == []


def test_whoever_wants_no_more_questions_gets_none_and_may_change_their_mind(desk, postbox, asks) -> None:
    asks(rest_days="0")
    solved(desk)
    due(desk)
    page, where = customer(desk), address(postbox)
    assert page.get(f"{where}/stop").status_code == 200 and desk.count(OptOut) == 0
    assert "今後アンケートはお送りしません" in page.post(f"{where}/stop").text
    solved(desk, 2)
    assert due(desk)[1].reason == "opted_out"
    page.post(f"{where}/stop", data={"again": "yes"})
    solved(desk, 3)
    assert due(desk)[2].state == "sent"


def test_a_mail_program_unsubscribes_with_one_post_of_its_own(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    assert postbox.last["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    target = postbox.last["List-Unsubscribe"].strip("<>").removeprefix(PUBLIC_URL)
    browser = TestClient(desk.app, base_url=PUBLIC_URL)
    browser.portal = desk.client.portal
    headers = {"origin": "https://mail.example.net", "sec-fetch-site": "cross-site"}
    assert browser.post(target, data={"List-Unsubscribe": "One-Click"}, headers=headers).status_code == 200
    assert desk.count(OptOut) == 1


def test_the_ticket_shows_the_answer_without_a_reload(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    screen = desk.screen_of(BEN, "/tickets/1")
    customer(desk).post(address(postbox), data={"score": "5", "comment": "早くて助かりました"})
    screen.sync()
    screen.check()
    shown = desk.as_(BEN).get("/tickets/1").text
    assert "早くて助かりました" in shown and "5/5" in shown


def test_the_customer_s_page_tells_what_they_answered_to_who_may_read_it(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    customer(desk).post(address(postbox), data={"score": "2", "comment": "返金が遅いです"})
    path = f"/customers/{desk.customer(TANAKA).id}"
    assert "返金が遅いです" in desk.as_(BEN).get(path).text and "返金が遅いです" in desk.as_(SATO).get(path).text
    assert "返金が遅いです" not in desk.as_(AIKO).get(path).text  # of another queue
    desk.write(lambda db: db.execute(update(Answer).values(ticket_id=None)))  # as if a list had asked
    assert "返金が遅いです" in desk.as_(BEN).get(path).text
    assert "返金が遅いです" not in desk.as_(AIKO).get(path).text


def test_a_call_is_asked_about_where_its_customer_has_an_address(desk, postbox, asks) -> None:
    asks(after="call", delay_minutes="0")
    desk.ready(AIKO)
    desk.twilio.rings("CA-1", caller=TANAKA.phone)
    desk.twilio.says("CA-leg", "in-progress", sequence=2, to=AIKO.phone, parent="CA-1")
    desk.twilio.says("CA-1", "completed", sequence=3)
    desk.twilio.rings("CA-2", caller=STRANGER.phone)
    desk.twilio.says("CA-2", "completed", sequence=3, caller=STRANGER.phone)
    assert [(ask.about, ask.state) for ask in due(desk)] == [("call:1", "sent")]
    assert postbox.last["To"] == TANAKA.email


def test_only_supervisors_make_surveys(desk, asks) -> None:
    for path in ("/admin/surveys", "/admin/surveys/new", "/reports/feedback", "/reports/feedback.csv"):
        assert desk.as_(BEN).get(path).status_code == 403
    assert desk.as_(BEN).post("/admin/surveys/new", data=STARS).status_code == 403


@SQLITE
@pytest.mark.parametrize(
    ("field", "typed"), [("name", " "), ("delay_minutes", "-1"), ("rest_days", "9999"), ("scale", "ten"),
                         ("queue_id", "99")],
)  # fmt: skip
def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(desk, field, typed) -> None:
    answer = desk.as_(SATO).post("/admin/surveys/new", data=STARS | {"question_ja": "いかがですか"} | {field: typed})
    assert answer.status_code == 422 and "field-error" in answer.text and "いかがですか" in answer.text
    assert "まだありません" in desk.as_(SATO).get("/admin/surveys").text


def test_the_scale_stays_once_somebody_has_answered(desk, postbox, asks) -> None:
    asks()
    solved(desk)
    due(desk)
    customer(desk).post(address(postbox), data={"score": "5"})
    answer = desk.as_(SATO).post("/admin/surveys/1", data=STARS | {"scale": "eleven"})
    assert answer.status_code == 422 and "この尺度での回答がすでにあります" in answer.text


def test_a_preview_is_in_the_readers_language_and_offers_the_other(desk, asks) -> None:
    asks(question_ja="{desk}の対応は？", question_en="How was {desk}?")
    sato = desk.as_(SATO)
    assert "の対応は？" in sato.get("/admin/surveys/1/preview").text
    assert "How was" in sato.get("/admin/surveys/1/preview?lang=en").text
    sato.post("/account", data={"language": "en", "theme": "light"})
    shown = sato.get("/admin/surveys/1/preview").text
    assert "How was" in shown and 'href="?lang=ja"' in shown


def test_a_preview_keeps_nothing(desk, asks) -> None:
    asks(question_ja="{desk}の対応は？")
    shown = desk.as_(SATO).get("/admin/surveys/1/preview").text
    assert "対応は？" in shown and "保存されません" in shown
    assert not re.search(r"<form[^>]* data-survey", shown)
