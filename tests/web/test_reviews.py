"""Quality reviews: a draw that can be repeated, a form that changes, points and words, and who may see which."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from helpdesk import agents
from helpdesk.reviews import drawing, figures, form
from helpdesk.reviews.form import Criterion
from helpdesk.reviews.making import weighted
from models import Answer, AnswerSource, Event, Notification, Review, ReviewPick, Role, Scale
from tests.cast import AIKO, BEN, PASSWORD, RETURNS_ADDRESS, SATO, OpenDesk, Person, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
HANA = Person("高橋 花", "hana@desk.example.jp", role=Role.SUPERVISOR)
POINTS = {"points-1": "5", "points-2": "4", "points-3": "3", "points-4": "", "points-5": "2"}


def page(desk: OpenDesk, path: str, person: Person = SATO) -> str:
    answer = desk.as_(person).get(path)
    assert answer.status_code == 200, text_of(answer.text)[:300]
    return answer.text


def solved(desk: OpenDesk, count: int, *, by: Person = BEN) -> None:
    """So many mails, answered and resolved by one agent."""
    for number in range(count):
        desk.mail(subject=f"返品 {number}", to=RETURNS_ADDRESS)
        ticket_id = desk.tickets()[-1].id
        desk.reply(by, ticket_id, "承りました。")
        desk.as_(by).post(f"/tickets/{ticket_id}/resolve")


def hana(desk: OpenDesk) -> Person:
    """A second supervisor begins to work here."""
    told: dict[str, Any] = {"name": HANA.name, "email": HANA.email, "password": PASSWORD, "role": HANA.role}
    desk.write(lambda db: agents.create(db, queue_ids=[], language="ja", now=desk.clock(), **told))
    return HANA


def draw(desk: OpenDesk, **typed: str) -> Any:
    told = {"week": "2026-11-16", "each": "2", "by": "random", "seed": "秋"} | typed
    return desk.as_(SATO).post("/reviews/draw", data=told)


def picks(desk: OpenDesk) -> list[ReviewPick]:
    found: list[ReviewPick] = desk.read(lambda db: list(db.exec(select(ReviewPick).order_by(col(ReviewPick.id)))))
    return found


def review(desk: OpenDesk, pick_id: int, *, by: Person = SATO, **typed: str) -> Any:
    return desk.as_(by).post(f"/reviews/{pick_id}", data=POINTS | {"comment": "よくできました。"} | typed)


def test_a_draw_takes_so_many_of_each_agent_and_the_same_seed_the_same(desk: OpenDesk) -> None:
    solved(desk, 5)
    desk.mail(subject="電源")
    desk.reply(AIKO, 6, "お調べします。")
    desk.as_(AIKO).post("/tickets/6/resolve")
    draw(desk)
    chosen = {(each.ticket_id, each.agent_id) for each in picks(desk)}
    assert len(chosen) == 3 and (6, desk.agent(AIKO).id) in chosen
    assert sorted(agent for _, agent in chosen) == sorted([desk.agent(AIKO).id, *[desk.agent(BEN).id] * 2])
    assert "新しく抽出できる問い合わせがありません" in text_of(draw(desk).text)
    assert len(picks(desk)) == 3
    for pick in picks(desk):
        assert desk.as_(SATO).post(f"/reviews/{pick.id}/take-off").status_code == 200
    draw(desk, week="2026-11-19")  # any day of that week
    assert {(each.ticket_id, each.agent_id) for each in picks(desk)} == chosen
    assert {(each.week, each.seed) for each in picks(desk)} == {("2026-11-16", "秋")}
    draw(desk, seed="", each="5")
    assert len(picks(desk)) == 6 and "2026-11-16" in {each.seed for each in picks(desk)}
    assert len(picks(desk)) == 6 and draw(desk, week="2026-11-23").status_code == 200
    assert len(picks(desk)) == 6


@SQLITE
def test_a_draw_by_what_speaks_for_a_look_takes_these_alone(desk: OpenDesk) -> None:
    desk.mail(subject="返品 長く", to=RETURNS_ADDRESS)
    desk.clock.advance(days=8)
    desk.reply(BEN, 1, "お待たせしました。")
    desk.as_(BEN).post("/tickets/1/resolve")
    solved(desk, 4)
    desk.as_(BEN).post("/tickets/2/reopen")
    desk.as_(BEN).post("/tickets/2/resolve")

    def feedback(db: Any) -> None:
        for ticket_id, score in ((3, 1), (4, 5)):
            db.add(Answer(source=AnswerSource.IMPORT, scale=Scale.STARS, at=desk.clock(), changed_at=desk.clock(),
                          external_id=f"{ticket_id}", ticket_id=ticket_id, score=score))  # fmt: skip

    desk.write(feedback)
    found = []
    for by in ("reopened", "low_feedback", "long", "low_confidence"):
        draw(desk, by=by, week="2026-11-24", each="20")
        found.append([each.ticket_id for each in picks(desk)])
    assert found == [[2], [2, 3], [2, 3, 1], [2, 3, 1]]


@SQLITE
@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"week": "x"}, "d-week"),
        ({"week": "0001-01-01"}, "d-week"),
        ({"each": "0"}, "d-each"),
        ({"each": "999"}, "d-each"),
    ],
)
def test_a_draw_that_cannot_be_made_says_why(desk: OpenDesk, typed: dict[str, str], field: str) -> None:
    answer = draw(desk, **typed)
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text


def test_a_review_reaches_its_agent_who_answers_once_and_nobody_else(desk: OpenDesk) -> None:
    solved(desk, 2)
    desk.mail(subject="電源")
    assert desk.as_(SATO).post("/reviews/by-hand", data={"ticket": "#1"}).status_code == 200
    shown = page(desk, "/reviews/1")
    assert "承りました。" in text_of(shown) and "回答の正しさ" in text_of(shown)
    own = desk.screen_of(BEN, "/reviews/mine")
    assert review(desk, 1).status_code == 200
    kept = desk.read(lambda db: db.get(Review, 1))
    assert kept.points == {"1": 5, "2": 4, "3": 3, "5": 2}
    assert kept.score == round(100 * (1 * 4 + 2 * 3 + 3 * 2 + 1 * 1) / 4 / 7, 1)
    own.check()
    mine = text_of(page(desk, "/reviews/mine", BEN))
    assert "よくできました。" in mine and "does not apply" in mine and "Sato Ken" in mine
    told = desk.read(lambda db: db.exec(select(Notification)).all())
    assert [(each.agent_id, each.kind) for each in told] == [(desk.agent(BEN).id, "reviewed")]
    assert "/reviews/mine" in str(desk.as_(BEN).get(f"/notifications/{told[0].id}").url)
    review(desk, 1, comment="とてもよくできました。")  # said otherwise, and told once
    assert desk.count(Notification) == 1 and desk.count(Review) == 1
    assert "よくできました。" not in text_of(page(desk, "/reviews/mine", AIKO))
    assert desk.as_(AIKO).post("/reviews/1/answer", data={"reply": "私の"}).status_code == 404
    assert desk.as_(BEN).post("/reviews/1/answer", data={"reply": " "}).status_code == 422
    assert desk.as_(BEN).post("/reviews/1/answer", data={"reply": "次回は早く返します。"}).status_code == 200
    assert desk.as_(BEN).post("/reviews/1/answer", data={"reply": "もう一言。"}).status_code == 409
    assert "次回は早く返します。" in text_of(page(desk, "/reviews/1"))
    assert review(desk, 1, comment="やはり。").status_code == 409
    for path in ("/reviews", "/reviews/1", "/reviews/form", "/reviews.csv"):
        assert desk.as_(BEN).get(path).status_code == 403, path
    for path in ("/reviews/draw", "/reviews/by-hand", "/reviews/1", "/reviews/form", "/reviews/1/take-off"):
        assert desk.as_(BEN).post(path, data=POINTS).status_code == 403, path
    assert desk.as_(SATO).post("/reviews/by-hand", data={"ticket": "99"}).status_code == 422
    assert desk.as_(SATO).post("/reviews/by-hand", data={"ticket": "3"}).status_code == 409  # nobody answered it
    assert desk.as_(SATO).post("/reviews/1/take-off").status_code == 409
    assert desk.as_(SATO).get("/reviews/9").status_code == 404
    assert review(desk, 9).status_code == 404
    words = desk.read(lambda db: [str(row.data) for row in db.exec(select(Event))])
    assert not any("よくできました" in each or "早く返します" in each for each in words)


def test_a_second_reviewer_does_not_see_the_first_ones_points_before_their_own(desk: OpenDesk) -> None:
    solved(desk, 1)
    second = hana(desk)
    desk.as_(SATO).post("/reviews/by-hand", data={"ticket": "1"})
    review(desk, 1)
    assert "よくできました。" not in text_of(page(desk, "/reviews/1", second))
    assert "自分の評価後に表示" in text_of(page(desk, "/reviews", second))
    review(desk, 1, by=second, comment="手順が抜けています。")
    both = text_of(page(desk, "/reviews/1", second))
    assert "よくできました。" in both and "手順が抜けています。" in both


@SQLITE
def test_nobody_reviews_themselves(desk: OpenDesk) -> None:
    solved(desk, 1, by=SATO)
    desk.as_(SATO).post("/reviews/by-hand", data={"ticket": "1"})
    assert review(desk, 1).status_code == 403
    assert "自分の応対は評価できません" in text_of(page(desk, "/reviews/1"))


def test_averages_and_agreement_are_told_from_a_least_number_on(desk: OpenDesk) -> None:
    solved(desk, figures.LEAST)
    second = hana(desk)
    draw(desk, each="20")
    for pick in picks(desk)[:-1]:
        review(desk, pick.id or 0)
        review(desk, pick.id or 0, by=second, **{"points-1": "4"})
    means = text_of(part(page(desk, "/reviews"), "reviews"))
    assert f"4件（{figures.LEAST}件から表示）" in means and "±" not in means.split("±は")[0]
    last = picks(desk)[-1].id or 0
    review(desk, last, **{"points-1": "1"})
    review(desk, last, by=second, **{"points-1": "1"})
    told = desk.read(lambda db: figures.figures(db, days=90, language="ja", now=desk.clock()))
    tone = told.lines[0].criteria[0]
    assert (tone.number, tone.value) == (5, 80.0) and round(tone.spread or 0, 1) == 44.7  # four times 100 and once 0
    assert told.lines[0].criteria[3].number == 0  # it did not apply
    agree = told.agreement[0]
    assert (agree.pairs, agree.same, agree.near, agree.distance) == (5, 0.2, 1.0, 0.8)
    assert "80" in text_of(part(page(desk, "/reviews"), "reviews"))
    assert "80" in text_of(page(desk, "/reviews/mine", BEN))
    desk.clock.advance(days=100)
    assert not desk.read(lambda db: figures.figures(db, days=90, language="ja", now=desk.clock())).lines


@SQLITE
def test_a_change_of_the_form_is_shown_first_and_taken_back(desk: OpenDesk) -> None:
    shown = page(desk, "/reviews/form")
    typed = dict(re.findall(r'name="((?:id|name|name_en|hint|hint_en)-\d+)"[^>]*value="([^"]*)"', shown))
    kept = desk.read(form.now)
    changed = typed | {f"weight-{at}": "1" for at in range(7)} | {"most": "10", "name-5": "記録"}
    will = text_of(part(desk.as_(SATO).post("/reviews/form", data=changed | {"rehearse": "1"}).text, "will"))
    assert re.search("変更前： 用件の把握 [^：]*×2 [^：]*変更後： 用件の把握 [^：]*×1 ", will)
    assert "変更後： 記録" in will and "変更前： 5 変更後： 10" in will
    assert desk.read(form.now) == kept
    saved = desk.as_(SATO).post("/reviews/form", data=changed)
    [undo] = re.findall(r'action="(/admin/changes/\d+/undo)"', part(saved.text, "notice"))
    assert desk.read(form.now).most == 10
    assert desk.as_(SATO).post(undo).status_code == 200
    assert desk.read(form.now) == kept, "what the desk asks by itself is back"
    desk.as_(SATO).post("/reviews/form", data=changed | {"name-5": "確認"})
    assert desk.read(form.now).criteria[-1].id == 7, "a criterion that was taken back keeps its number to itself"
    assert "評価" in text_of(desk.as_(SATO).get("/admin/audit?what=settings").text)


def test_the_form_changes_and_past_reviews_keep_what_was_asked(desk: OpenDesk) -> None:
    solved(desk, 2)
    desk.as_(SATO).post("/reviews/by-hand", data={"ticket": "1"})
    review(desk, 1)
    shown = page(desk, "/reviews/form")
    typed = dict(re.findall(r'name="((?:id|name|name_en|hint|hint_en)-\d+)"[^>]*value="([^"]*)"', shown))
    weights = {f"weight-{at}": "1" for at in range(7)}
    changed = (
        typed
        | weights
        | {"most": "10", "name-0": "あいさつ", "name-4": "", "name_en-4": "", "name-5": "記録", "name_en-5": "Notes"}
    )
    assert desk.as_(SATO).post("/reviews/form", data=changed).status_code == 200
    now = text_of(page(desk, "/reviews/form"))
    assert "あいさつ" in now and "記録" in now and "早さと見通し" not in now
    assert "早さと見通し" in text_of(page(desk, "/reviews/1"))
    desk.as_(SATO).post("/reviews/by-hand", data={"ticket": "2"})
    assert desk.as_(SATO).post("/reviews/2", data={"points-1": "10", "points-6": "1"}).status_code == 200
    assert desk.read(lambda db: db.get(Review, 2)).score == 50.0
    lines = list(csv.reader(io.StringIO(desk.as_(SATO).get("/reviews.csv").content.decode("utf-8-sig"))))
    assert lines[0][8:14] == ["あいさつ", "用件の把握", "回答の正しさ", "手順", "早さと見通し", "記録"]
    assert lines[1][8:14] == ["5", "4", "3", "", "2", ""] and lines[2][8:14] == ["10", "", "", "", "", "1"]
    for wrong in (
        {"most": "6"},
        {"weight-0": "99"},
        {f"name-{at}": "" for at in range(7)} | {f"name_en-{at}": "" for at in range(7)},
    ):
        assert desk.as_(SATO).post("/reviews/form", data=changed | wrong).status_code == 422, wrong
    assert desk.as_(SATO).post("/reviews/2", data={"points-1": "11"}).status_code == 422
    assert desk.as_(SATO).post("/reviews/2", data={"points-1": ""}).status_code == 422


def test_the_weighted_score_counts_what_applied() -> None:
    criteria = [Criterion(number, "", "", "", "", weight) for number, weight in ((1, 1), (2, 3))]
    cases = [({"1": 5, "2": 5}, 100.0), ({"1": 1, "2": 1}, 0.0), ({"1": 5, "2": 1}, 25.0), ({"2": 3}, 50.0)]
    assert [weighted(criteria, points, 5) for points, _ in cases] == [score for _, score in cases]


def test_the_last_whole_week_is_offered() -> None:
    from tests.cast import MONDAY

    assert drawing.last_week(MONDAY, "Asia/Tokyo").isoformat() == "2026-11-09"
    assert drawing.last_week(MONDAY - timedelta(hours=2), "UTC").isoformat() == "2026-11-02"
