"""What is promised, on its own page, at the head of a ticket and in its history."""

from datetime import timedelta

import pytest

from helpdesk import policies
from helpdesk.errors import Invalid
from models import Ticket
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, OpenDesk, part, text_of

PAGE = "/admin/promises"
SAID = {"name": "返品", "first_response_minutes": "1:30", "resolution_minutes": "16:00", "at_risk_percent": "75",
        "at_risk_told": "assignee", "breached_told": ["assignee", "supervisors"]}  # fmt: skip


def make(desk: OpenDesk, **more: object) -> None:
    assert desk.as_(SATO).post(f"{PAGE}/new", data=SAID | more).status_code == 200


def look_out(desk: OpenDesk) -> None:
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)


def test_a_policy_says_in_plain_sentences_what_it_means_and_what_it_would_mean_now(desk: OpenDesk) -> None:
    make(desk, queue_id=desk.queue("returns").id, priority="3", channel="mail", breached_agent_id=desk.agent(BEN).id)
    told = text_of(desk.as_(SATO).get(PAGE).text)
    assert "「返品・交換」の問い合わせのうち、優先度「高」で、メールで受けたものが対象です。" in told
    assert "初回は1時間30分以内に返信します。" in told
    assert "時間の75 %が経過したら、担当者に通知します。" in told
    assert "期限を過ぎたら、担当者、管理者、Ben Carterに通知します。" in told
    assert "初回返信 2026/11/16(月) 11:30" in told
    assert "解決 2026/11/17(火) 02:00" in told


def test_policies_are_changed_put_in_order_and_switched(desk: OpenDesk) -> None:
    make(desk, name="一番")
    make(desk, name="二番", first_response_minutes="10")
    sato = desk.as_(SATO)
    desk.mail()
    assert due(desk) == desk.clock() + timedelta(minutes=90)
    sato.post(f"{PAGE}/2/move", data={"value": "up"})
    page = sato.get(PAGE).text
    assert page.index("二番") < page.index("一番")
    desk.mail(subject="二つ目")
    assert due(desk, 2) == desk.clock() + timedelta(minutes=10)
    sato.post(f"{PAGE}/2/switch", data={"value": "off"})
    assert "停止中" in text_of(part(sato.get(PAGE).text, "policy-2"))
    desk.mail(subject="三つ目")
    assert due(desk, 3) == desk.clock() + timedelta(minutes=90)
    form = sato.get(f"{PAGE}/1").text
    assert 'value="1:30"' in form
    assert sato.post(f"{PAGE}/1", data=SAID | {"first_response_minutes": "２時間"}).status_code == 200
    desk.mail(subject="四つ目")
    assert due(desk, 4) == desk.clock() + timedelta(minutes=120)


def due(desk: OpenDesk, ticket_id: int = 1) -> object:
    return desk.read(lambda db: db.get(Ticket, ticket_id).due_at)


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"name": " "}, "ポリシー名を入力してください。"),
        ({"first_response_minutes": "soon"}, "1:30や90のように時間を入力してください。"),
        ({"first_response_minutes": "", "resolution_minutes": ""}, "期限を1つ以上設定してください。"),
        ({"at_risk_percent": "100"}, "1〜99の数字を入力してください。"),
        ({"queue_id": "999"}, "選択肢から選んでください。"),
        ({"priority": "7"}, "選択肢から選んでください。"),
        ({"channel": "owl"}, "選択肢から選んでください。"),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_mistake_is_said_at_its_field_and_what_was_typed_stays(
    standing_desk: OpenDesk, wrong: dict[str, str], says: str
) -> None:
    answer = standing_desk.as_(SATO).post(f"{PAGE}/new", data=SAID | wrong)
    assert answer.status_code == 422
    assert says in text_of(answer.text)
    assert 'aria-invalid="true"' in answer.text
    if "first_response_minutes" in wrong:
        assert f'value="{wrong["first_response_minutes"]}"' in answer.text


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_only_supervisors_make_promises(desk: OpenDesk) -> None:
    make(desk)
    ben = desk.as_(BEN)
    assert ben.get(PAGE).status_code == 403
    for path, value in (("new", ""), ("1", ""), ("1/switch", "off"), ("1/move", "up")):
        assert ben.post(f"{PAGE}/{path}", data=SAID | {"value": value}).status_code == 403
    assert PAGE not in ben.get("/inbox").text
    assert desk.as_(SATO).post(f"{PAGE}/9/switch", data={"value": "off"}).status_code == 404


@pytest.mark.parametrize(
    "typed, minutes",
    [
        ("90", 90),
        ("1:30", 90),
        ("1h 30m", 90),
        ("1時間30分", 90),
        ("１：３０", 90),
        ("45分", 45),
        ("8 hours", 480),
        ("", 0),
    ],
)
def test_lengths_are_read_as_people_write_them(typed: str, minutes: int) -> None:
    assert policies.read_length(typed, field="x") == minutes
    assert policies.read_length(policies.written_length(minutes), field="x") == minutes
    assert policies.read_length("", field="x") == 0 and policies.written_length(0) == ""


@pytest.mark.parametrize("typed", ["1:60", "-5", "1.5", "soon", "h", "1:2:3"])
def test_what_is_no_length_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(Invalid):
        policies.read_length(typed, field="x")


def test_a_ticket_s_head_says_by_when_it_is_due_and_that_it_is_overdue(desk: OpenDesk) -> None:
    make(desk, at_risk_percent="50")
    desk.mail(to=RETURNS_ADDRESS)
    screen = desk.screen_of(BEN, "/tickets/1")
    assert "初回返信 期限 11:30 残り 1:30:00" in head(desk)
    assert "解決 期限" in head(desk)
    desk.clock.advance(minutes=60)
    look_out(desk)
    screen.check()
    assert "初回返信 まもなく期限 11:30 残り 30:00" in head(desk)
    desk.clock.advance(minutes=31)
    look_out(desk)
    screen.check()
    assert "初回返信 期限超過 11:30" in head(desk)
    told = text_of(part(desk.as_(SATO).get("/tickets/1").text, "ticket-1"))
    assert told.index("初回返信の期限が近づいています") < told.index("初回返信の期限を過ぎました")
    desk.reply(BEN, 1, "承りました。")
    assert "初回返信 期限後 11:31" in head(desk)
    desk.as_(BEN).post("/tickets/1/resolve")
    assert "解決 期限内 11:31" in head(desk)
    screen.check()


def head(desk: OpenDesk) -> str:
    """What the head of the ticket says."""
    page = desk.as_(SATO).get("/tickets/1").text
    return text_of(page[page.index('<p class="ticket-facts">') : page.index('<div class="ticket-controls">')])


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_without_a_policy_the_head_says_nothing_of_it(desk: OpenDesk) -> None:
    desk.mail()
    assert "data-promise" not in desk.as_(AIKO).get("/tickets/1").text
    assert "期限はまだ設定されていません" in text_of(desk.as_(SATO).get(PAGE).text)
