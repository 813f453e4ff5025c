"""Surveys to a list: each once, by mail or SMS, with the same page and the same way out."""

import re
from typing import Any

import pytest
from sqlmodel import select

from helpdesk.errors import Unreachable
from models import Answer, Ask, OptOut
from tests.cast import BEN, DESK_ADDRESS, SATO, TANAKA, OpenDesk
from tests.postbox import Postbox
from tests.web.test_sms import Carrier, carrier  # noqa: F401  # a fixture
from tests.web.test_surveys import STARS, customer

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
NPS = STARS | {"name": "年次NPS", "scale": "eleven", "after": "list"}


@pytest.fixture
def survey(desk: OpenDesk) -> OpenDesk:
    """A desk with a survey for lists."""
    assert desk.as_(SATO).post("/admin/surveys/new", data=NPS).status_code == 200
    return desk


def put(desk: OpenDesk, typed: str) -> Any:
    return desk.as_(SATO).post("/admin/surveys/1/send", data={"to": typed})


def work(desk: OpenDesk) -> list[Ask]:
    """What was put in line is done; the asks then."""
    jobs = desk.app.state.desk.jobs.by_name()
    for ask in desk.read(lambda db: db.exec(select(Ask).order_by(Ask.id)).all()):
        jobs["ask_listed"](ask.id)
        if desk.read(lambda db, id=ask.id: db.get(Ask, id)).state == "sent":
            jobs["send_sms" if ask.key.startswith("+") else "mail_survey"](ask.id)
    return list(desk.read(lambda db: db.exec(select(Ask).order_by(Ask.id)).all()))


def test_everybody_of_a_list_is_asked_once_and_answers_without_a_ticket(survey: OpenDesk, postbox: Postbox) -> None:
    shown = put(survey, f"{TANAKA.email}\n{TANAKA.email.upper()}, new@example.com")
    assert "2件に送信します。0件は送信済みです。" in shown.text
    work(survey)
    work(survey)
    assert sorted(mail["To"] for _, mail in postbox.mails) == ["new@example.com", TANAKA.email]
    words = next(m for _, m in postbox.mails if m["To"] == TANAKA.email).get_body(("plain",)).get_content()
    assert len(re.findall(r"\?score=\d+", words)) == 11 and "おすすめ" in words or "すすめたい" in words
    where = re.search(r"https://desk\.example\.com(/s/[0-9]+-[a-z2-7]+)", words)
    assert where and customer(survey).post(where[1], data={"score": "9", "comment": ""}).status_code == 200
    said = survey.read(lambda db: db.exec(select(Answer)).one())
    assert (said.score, said.ticket_id, said.customer_id) == (9, None, survey.customer(TANAKA).id)
    assert "+100" in survey.as_(SATO).get("/reports/feedback?period=week").text
    assert (
        "1件に送信します。2件は送信済みです。" in put(survey, f"{TANAKA.email} new@example.com other@example.com").text
    )


@SQLITE
def test_who_must_not_be_asked_is_counted_with_the_reason(survey: OpenDesk, postbox: Postbox) -> None:
    survey.write(lambda db: db.add(OptOut(key="no@example.com", at=survey.clock())))
    put(survey, f"no@example.com {DESK_ADDRESS} yes@example.com")
    assert [(ask.state, ask.reason) for ask in work(survey)] == [
        ("left_out", "opted_out"), ("left_out", "machine"), ("sent", "")]  # fmt: skip
    assert len(postbox.mails) == 1


@SQLITE
def test_two_surveys_at_once_ask_one_person_once(survey: OpenDesk, postbox: Postbox) -> None:
    assert survey.as_(SATO).post("/admin/surveys/new", data=NPS | {"name": "もう一つ"}).status_code == 200
    for number in (1, 2):
        survey.as_(SATO).post(f"/admin/surveys/{number}/send", data={"to": "new@example.com"})
    jobs = survey.app.state.desk.jobs.by_name()
    for job in ("ask_listed", "mail_survey"):
        for number in (1, 2):
            jobs[job](number)
    asks = survey.read(lambda db: db.exec(select(Ask).order_by(Ask.id)).all())
    assert [(ask.state, ask.reason) for ask in asks] == [("sent", ""), ("left_out", "asked_lately")]
    assert len(postbox.mails) == 1


@SQLITE
def test_a_list_with_a_mistake_asks_nobody_and_keeps_what_was_typed(survey: OpenDesk) -> None:
    for wrong in ("x", "a@b@c", "03-1234-5678", ""):
        answer = put(survey, f"yes@example.com\n{wrong}" if wrong else "")
        assert answer.status_code == 422 and (wrong in answer.text)
    assert survey.count(Ask) == 0
    survey.as_(SATO).post("/admin/surveys/1/switch", data={"to": "off"})
    assert put(survey, "yes@example.com").status_code == 422
    assert survey.as_(BEN).post("/admin/surveys/1/send", data={"to": "yes@example.com"}).status_code == 403


@SQLITE
def test_a_server_that_is_busy_is_tried_again_and_a_crash_sends_nothing_twice(survey, postbox: Postbox) -> None:
    put(survey, "yes@example.com")
    jobs = survey.app.state.desk.jobs.by_name()
    jobs["ask_listed"](1)
    postbox.is_busy = True
    with pytest.raises(Unreachable):
        jobs["mail_survey"](1)
    postbox.is_busy = False
    jobs["mail_survey"](1)
    jobs["mail_survey"](1)
    assert len(postbox.mails) == 1


@SQLITE
def test_a_mobile_number_of_a_list_gets_an_sms(carrier: Carrier, survey: OpenDesk) -> None:  # noqa: F811
    put(survey, "090-1234-5678")
    [ask] = work(survey)
    assert [sent["To"] for sent in carrier.sent] == [TANAKA.phone] and ask.customer_id == survey.customer(TANAKA).id
