"""The desk learns: from what agents decide, in a process of its own, and only where it does not get worse."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select
from typer.testing import CliRunner

from classifiers import registry
from classifiers.model import Fit
from helpdesk import learning, routing, tickets, training
from helpdesk.__main__ import app
from helpdesk.desk import Desk
from helpdesk.errors import Conflict, Invalid, NotFound, Unreachable
from models import (
    Channel,
    Direction,
    Event,
    Message,
    MessageState,
    Parked,
    Queue,
    Ticket,
    TicketState,
    Training,
    TrainingState,
    Turn,
)
from tests import school
from tests.cast import AIKO, BEN, DESK_ADDRESS, SATO, TANAKA, OpenDesk
from tests.patience import PATIENCE_SECONDS
from tests.school import PEDALS

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return school.few_texts(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def first(corpus: Path) -> Fit:
    return school.first_model(corpus)


@pytest.fixture
def small(desk: OpenDesk, corpus: Path, first: Fit) -> Iterator[OpenDesk]:
    """A desk that learns from few texts, and answers by a model made from them."""
    own = desk.app.state.desk
    own.corpus, own.niceness = corpus, 0
    own.registry.promote(own.registry.save(first))
    own.bus.wake()  # else it looks by itself, two seconds later
    speaks(desk, first.version)
    yield desk


def speaks(desk: OpenDesk, version: str, *, process: Desk | None = None) -> None:
    """Wait until this version answers."""
    inside = process or desk.app.state.desk

    async def wait() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while inside.router is None or inside.router.version != version:
                await asyncio.sleep(0.01)

    desk.client.portal.call(wait)


def move(desk: OpenDesk, ticket_id: int, slug: str) -> None:
    answer = desk.as_(SATO).post(f"/tickets/{ticket_id}/move", data={"queue_id": desk.queue(slug).id})
    assert answer.status_code == 200, answer.text


def asks(desk: OpenDesk, **how: Any) -> int:
    """Somebody, or the clock, wants a training."""
    by = None if how.get("is_nightly") else desk.agent(SATO)
    return desk.write(lambda db: learning.ask(db, by=by, now=desk.clock(), **how)).id


def train(desk: OpenDesk, training_id: int | None = None) -> Training:
    """Do the due work of a training here and now."""
    asked = training_id or asks(desk)
    desk.app.state.desk.jobs.by_name()["train_router"](asked)
    return desk.read(lambda db: db.get(Training, asked))


def taught(desk: OpenDesk, texts: list[str], slug: str) -> None:
    """Many tickets that an agent moved, without the page."""

    def verb(db: Session) -> None:
        queue = db.exec(select(Queue).where(Queue.slug == slug)).one()
        for text in texts:
            ticket = tickets.start(
                db, subject="件名", channel=Channel.MAIL, queue_id=queue.id or 0, customer_id=None, language="ja",
                text=text, routed_by="nobody_sure", confidence=None, now=desk.clock(),
            )  # fmt: skip
            message = Message(ticket_id=ticket.id or 0, direction=Direction.IN, state=MessageState.RECEIVED, text=text,
                              reply_text=text, created_at=desk.clock())  # fmt: skip
            db.add(message)
            db.flush()
            routing.keep(db, ticket, routing.Decision(queue.id or 0, "by_agent"), message_id=message.id,
                         by_id=desk.agent(SATO).id, now=desk.clock())  # fmt: skip

    desk.write(verb)


def examples(desk: OpenDesk, **limits: int) -> list[tuple[str, str, str]]:
    return [(each.text, each.label, each.source) for each in desk.read(lambda db: learning.own_examples(db, **limits))]


def facts(desk: OpenDesk, name: str) -> list[dict[str, Any]]:
    return [event.data for event in desk.read(lambda db: db.exec(select(Event).where(Event.fact == name)).all())]


def turns(desk: OpenDesk) -> list[tuple[str, str, str]]:
    return [(turn.version, turn.before, turn.reason) for turn in desk.read(learning.turns)]


# --- the whole way -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_moved_mails_are_learned_decide_the_next_one_and_are_forgotten_by_a_roll_back(small: OpenDesk) -> None:
    def arrives(number: int) -> Ticket:
        small.mail(TANAKA, subject="お願い", body=PEDALS[number] + "。", message_id=f"<{number}@example.com>")
        return small.tickets()[-1]

    before = [small.queue_of(arrives(number)) for number in range(10)]
    assert "billing" not in before
    for ticket in small.tickets():
        small.clock.advance(minutes=1)
        move(small, ticket.id, "billing")
    small.clock.advance(minutes=1)
    old = small.app.state.desk.router.version
    done = train(small)
    assert (done.state, done.reason, done.examples) == (TrainingState.PROMOTED, "not_worse", 10)
    assert done.compared_with == old and done.figures["own_by_source"] == {"agent": 10}
    speaks(small, done.version)
    ticket = arrives(10)
    decision = small.read(routing.history, ticket.id)[-1]
    assert (decision.label, decision.version) == ("billing", done.version)
    assert turns(small) == [(done.version, old, "trained")]

    back = small.write(lambda db: learning.roll_back(
        db, small.app.state.desk.registry, by=small.agent(SATO), now=small.clock()))  # fmt: skip
    assert back == old
    speaks(small, old)
    ticket = arrives(11)
    decision = small.read(routing.history, ticket.id)[-1]
    assert decision.version == old and decision.label != "billing"
    assert turns(small)[0] == (old, done.version, "rolled_back")
    assert [fact["reason"] for fact in facts(small, "router_changed")] == ["trained", "rolled_back"]


def test_every_process_switches_to_the_promoted_version_without_a_restart(small: OpenDesk, first: Fit) -> None:
    settings = small.settings
    other = Desk(settings, clock=small.clock, works=False)
    small.client.portal.call(other.__aenter__)
    try:
        speaks(small, first.version, process=other)
        here = small.app.state.desk.registry
        model, card = here.files(first.version)
        newer = here.keep(model.read_bytes(), json.loads(card.read_text()) | {"version": "newer"})
        serving = other.router
        small.write(lambda db: learning.promote(db, here, newer, by=None, now=small.clock()))
        speaks(small, newer)
        speaks(small, newer, process=other)
        assert serving is not None and serving.predict("返品したい").label  # whoever held the old one may finish
    finally:
        small.client.portal.call(other.__aexit__, None, None, None)


# --- examples ------------------------------------------------------------------------------------------------------


def test_the_newest_word_of_an_agent_is_an_example_and_triage_is_none(desk: OpenDesk) -> None:
    for number, slugs in enumerate([["returns", "billing"], ["billing", "triage"], ["shipping"], []]):
        desk.mail(TANAKA, subject="Re: 件名", body=f"本文 {PEDALS[number]}", message_id=f"<{number}@example.com>")
        for slug in slugs:
            desk.clock.advance(minutes=1)
            move(desk, desk.tickets()[-1].id, slug)
    assert examples(desk) == [
        (f"本文 {PEDALS[2]}", "shipping", "agent"), (f"本文 {PEDALS[0]}", "billing", "agent")]  # fmt: skip
    found = desk.read(learning.own_examples)[0]
    assert (found.subject, found.language, found.author) == ("件名", "ja", desk.agent(SATO).id)
    assert found.at == desk.clock() - timedelta(minutes=0)


def test_a_ticket_resolved_where_the_classifier_put_it_is_accepted(desk: OpenDesk) -> None:
    text = "返品したいのですが、返送先の住所と手順を教えてください。商品は未開封です。"
    desk.mail(TANAKA, subject="返品希望", body=text, message_id="<1@example.com>")
    [ticket] = desk.tickets()
    assert ticket.routed_by == "by_classifier" and examples(desk) == []
    desk.as_(BEN).post(f"/tickets/{ticket.id}/resolve")
    assert examples(desk) == [(text, "returns", "accepted")]
    move(desk, ticket.id, "billing")
    assert examples(desk) == [(text, "billing", "agent")]


def test_a_ticket_that_came_by_its_address_and_was_resolved_says_nothing_of_the_classifier(desk: OpenDesk) -> None:
    desk.mail(TANAKA, subject="返品", body="返品したいです。", to="returns@desk.example.jp")
    desk.as_(BEN).post("/tickets/1/resolve")
    assert desk.tickets()[0].state == TicketState.RESOLVED and examples(desk) == []


def test_a_call_teaches_by_the_agents_note(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    call = desk.call("CA-1").id
    desk.as_(AIKO).post(f"/calls/{call}/accept")
    desk.as_(AIKO).post(f"/calls/{call}/wrap-up", data={"note": "返金がまだとのこと", "disposition": "follow_up"})
    move(desk, desk.tickets()[0].id, "billing")
    assert examples(desk) == [("返金がまだとのこと", "billing", "agent")]


@SQLITE
def test_examples_are_the_newest_and_so_many_of_a_queue(desk: OpenDesk) -> None:
    for number, slug in enumerate(["billing", "billing", "returns", "billing"]):
        desk.clock.advance(minutes=1)
        taught(desk, [str(number)], slug)
    assert [text for text, _, _ in examples(desk)] == ["3", "2", "1", "0"]
    assert [text for text, _, _ in examples(desk, limit=2)] == ["3", "2"]
    assert [text for text, _, _ in examples(desk, most_of_a_queue=1)] == ["3", "2"]


# --- when, and what for --------------------------------------------------------------------------------------------


def test_asking_twice_is_one_training(desk: OpenDesk) -> None:
    assert asks(desk) == asks(desk) == asks(desk, is_nightly=True)
    [waiting] = desk.read(learning.trainings)
    assert waiting.state == TrainingState.WAITING and not waiting.is_nightly
    assert waiting.asked_by_id == desk.agent(SATO).id


def test_the_night_asks_once_however_many_processes_say_so(desk: OpenDesk) -> None:
    for night in (date(2026, 11, 16), date(2026, 11, 16), date(2026, 11, 17)):
        desk.write(learning.ask_tonight, night)
    due = desk.app.state.desk.worker.client().list_workflows()
    assert sorted(each.workflow_id for each in due) == ["train:2026-11-16", "train:2026-11-17"]
    for _ in range(2):
        desk.app.state.desk.jobs.by_name()["train_nightly"]()
    assert [each.is_nightly for each in desk.read(learning.trainings)] == [True]


@SQLITE
@pytest.mark.parametrize(
    ("now", "at", "night"),
    [
        (datetime(2026, 11, 15, 18, 29, tzinfo=UTC), "03:30", date(2026, 11, 15)),  # 03:29 in Tokyo
        (datetime(2026, 11, 15, 18, 30, tzinfo=UTC), "03:30", date(2026, 11, 16)),
        (datetime(2026, 11, 16, 1, 0, tzinfo=UTC), "03:30", date(2026, 11, 16)),
        (datetime(2026, 11, 16, 1, 0, tzinfo=UTC), "23:00", date(2026, 11, 15)),
    ],
)
def test_a_night_begins_at_the_set_time_of_the_desks_zone(settings: Any, now: datetime, at: str, night: date) -> None:
    assert learning.night_of(now, settings.model_copy(update={"train_at": at})) == night


def test_the_nightly_one_rests_below_twenty_new_outcomes(desk: OpenDesk) -> None:
    taught(desk, PEDALS[:12], "billing")
    done = train(desk, asks(desk, is_nightly=True))
    assert (done.state, done.reason) == (TrainingState.UNCHANGED, "few_new_outcomes")
    assert done.ended_at and done.figures["fresh"] == 12 and turns(desk) == []


def test_asked_for_with_nothing_to_learn_it_says_so(small: OpenDesk) -> None:
    done = train(small)
    assert (done.state, done.reason, done.version) == (TrainingState.UNCHANGED, "no_examples", "")


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@SQLITE
def test_everything_moved_to_one_queue_leaves_the_present_model_and_says_why(small: OpenDesk) -> None:
    from classifiers import ship

    old = small.app.state.desk.registry.points_at()
    texts = [each.text for each in ship.seeds("train") if each.label != "general" and each.language == "ja"][::9]
    taught(small, texts, "general")
    done = train(small)
    assert (done.state, done.reason) == (TrainingState.CANDIDATE, "worse_on_test")
    assert done.version and done.figures["test"]["ja"]["right"] < done.figures["test"]["ja"]["right_before"]
    assert small.app.state.desk.registry.points_at() == old and turns(small) == []
    small.write(lambda db: learning.promote(
        db, small.app.state.desk.registry, done.version, by=small.agent(SATO), now=small.clock()))  # fmt: skip
    assert turns(small) == [(done.version, old, "by_hand")]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda desk: (desk.corpus / "ja_x.jsonl").write_text("{"), "learner_failed"),
        (lambda desk: setattr(training, "PARTS", 0.0), "took_too_long"),
    ],
)
@SQLITE
def test_a_training_that_fails_leaves_a_row_that_says_so_and_parks_nothing(
    small: OpenDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], Any], reason: str
) -> None:
    own = small.app.state.desk
    (folder := tmp_path / "texts").mkdir()
    for path in own.corpus.glob("*.jsonl"):
        (folder / path.name).write_bytes(path.read_bytes())
    own.corpus = folder
    if reason == "learner_failed":
        spoil(own)
    taught(small, PEDALS, "billing")
    asked = asks(small)
    means = own.means_to_train()
    if reason == "took_too_long":
        means = training.Means(**{name: getattr(means, name) for name in means.__slots__} | {"limit_seconds": 0.0})
    training.run(means, asked)
    done = small.read(lambda db: db.get(Training, asked))
    assert (done.state, done.reason) == (TrainingState.FAILED, reason)
    assert small.count(Parked) == 0 and own.registry.points_at() == done.compared_with
    assert not list(own.registry.folder.glob("training-*"))
    assert train(small, asked).ended_at == done.ended_at  # what has ended is left alone


def dies_in_the_middle(desk: OpenDesk, training_id: int, *, holder: str) -> None:
    """A process takes a training up and is gone."""
    means = desk.app.state.desk.means_to_train()
    means = training.Means(means.database, means.registry, means.clock, holder=holder, corpus=means.corpus)
    desk.write(lambda db: training._claim(db, training_id, means=means))


def test_a_training_whose_process_died_is_taken_up_by_another_and_given_up_in_the_end(small: OpenDesk) -> None:
    asked = asks(small)
    dies_in_the_middle(small, asked, holder="a")
    with pytest.raises(Unreachable):  # it may still be alive
        train(small, asked)
    assert small.read(lambda db: db.get(Training, asked)).state == TrainingState.RUNNING
    for holder in ("b", "c"):
        small.clock.advance(minutes=5)
        dies_in_the_middle(small, asked, holder=holder)
    small.clock.advance(minutes=5)
    done = train(small, asked)
    assert (done.state, done.reason) == (TrainingState.FAILED, "crashed")


@pytest.mark.slow
@SQLITE
def test_a_desk_that_closes_hands_the_training_on(small: OpenDesk) -> None:
    taught(small, PEDALS, "billing")
    asked = asks(small)
    own = small.app.state.desk
    own._closing.set()
    with pytest.raises(Unreachable):
        own.jobs.by_name()["train_router"](asked)
    waiting = small.read(lambda db: db.get(Training, asked))
    assert waiting.state == TrainingState.WAITING
    own._closing.clear()
    assert train(small, asked).state == TrainingState.PROMOTED


# --- versions ------------------------------------------------------------------------------------------------------


def test_a_version_that_is_gone_or_damaged_is_not_promoted(small: OpenDesk, first: Fit) -> None:
    registry = small.app.state.desk.registry
    model, card = registry.files(first.version)
    damaged = registry.keep(model.read_bytes()[:-1] + b"x", json.loads(card.read_text()) | {"version": "damaged"})
    for version, error in (("never-made", NotFound), (damaged, Conflict)):
        with pytest.raises(error):
            small.write(lambda db, version=version: learning.promote(db, registry, version, by=None, now=small.clock()))
    assert registry.points_at() == first.version and turns(small) == []


def test_a_roll_back_ends_at_the_shipped_model(small: OpenDesk, first: Fit) -> None:
    registry = small.app.state.desk.registry

    def back(db: Session) -> str:
        return learning.roll_back(db, registry, by=None, now=small.clock())

    shipped = registry.versions()[-1]
    assert small.write(back) == shipped == registry.points_at()
    with pytest.raises(Conflict) as refused:
        small.write(back)
    assert refused.value.code == "nothing_before"
    assert turns(small) == [(shipped, first.version, "rolled_back")]


def test_what_is_rolled_back_in_the_database_does_not_speak(small: OpenDesk, first: Fit) -> None:
    """The pointer moves with the commit: a promotion whose transaction failed has not happened."""
    registry = small.app.state.desk.registry

    def fails(db: Session) -> None:
        learning.promote(db, registry, registry.versions()[-1], by=None, now=small.clock())
        raise Invalid("not_a_share")

    with pytest.raises(Invalid):
        small.write(fails)
    assert registry.points_at() == first.version and turns(small) == []


# --- thresholds ----------------------------------------------------------------------------------------------------


def test_a_supervisors_threshold_overrides_the_measured_one_and_is_kept_beside_the_decision(desk: OpenDesk) -> None:
    text = "返品したいのですが、返送先の住所と手順を教えてください。商品は未開封です。"

    def arrives(number: int) -> tuple[str, float]:
        desk.mail(TANAKA, subject="返品希望", body=text, message_id=f"<{number}@example.com>", to=DESK_ADDRESS)
        ticket = desk.tickets()[-1]
        return ticket.routed_by, desk.read(routing.history, ticket.id)[0].threshold

    def ask(value: float | None) -> None:
        desk.write(lambda db: learning.set_threshold(
            db, db.exec(select(Queue).where(Queue.slug == "returns")).one(), "ja", value, by=desk.agent(SATO),
            now=desk.clock()))  # fmt: skip

    reason, measured = arrives(1)
    assert reason == "by_classifier"
    ask(1.0)
    assert arrives(2) == ("nobody_sure", 1.0)
    ask(0.05)
    assert arrives(3) == ("by_classifier", 0.05)
    ask(None)
    ask(None)
    assert arrives(4) == ("by_classifier", measured)
    assert [fact["what"] for fact in facts(desk, "queue_changed")] == ["threshold"] * 3


@SQLITE
@pytest.mark.parametrize(("language", "value"), [("ja", -0.1), ("ja", 1.1), ("ja", float("nan")), ("fr", 0.5)])
def test_a_threshold_is_a_share_in_a_language_of_the_desk(desk: OpenDesk, language: str, value: float) -> None:
    with pytest.raises(Invalid):
        desk.write(lambda db: learning.set_threshold(
            db, db.get(Queue, desk.queue("returns").id), language, value, by=None, now=desk.clock()))  # fmt: skip


@SQLITE
def test_gibberish_is_not_decided_however_low_the_threshold(desk: OpenDesk) -> None:
    for slug in ("tech_support", "returns", "billing", "shipping", "general"):
        for language in ("ja", "en"):
            desk.write(lambda db, slug=slug, language=language: learning.set_threshold(
                db, db.exec(select(Queue).where(Queue.slug == slug)).one(), language, 0.0, by=None,
                now=desk.clock()))  # fmt: skip
    desk.mail(TANAKA, subject="", body="qwzx vbnk rrtl ppqz mmvx ssdf wwqe zzxc")
    decision = desk.read(routing.history, 1)[0]
    knows_nothing = decision.confidence >= desk.app.state.desk.router.cuts["en"][decision.label]
    assert desk.tickets()[0].routed_by == ("nobody_sure" if knows_nothing else "by_classifier")


# --- a new queue ---------------------------------------------------------------------------------------------------


def new_queue(desk: OpenDesk, **fields: Any) -> Any:
    given = {"slug": "repair_visits", "name": "出張修理", "name_en": "Repair visits",
             "keywords": "出張修理, 訪問\nペダル"}  # fmt: skip
    return desk.as_(SATO).post("/admin/queues/new", data=given | fields)


def test_inquiries_with_a_new_queues_key_words_go_there_however_they_are_spelled(desk: OpenDesk) -> None:
    made = new_queue(desk, agent_id=[str(desk.agent(AIKO).id)])
    assert made.status_code == 200 and "出張修理" in made.text and "山田 愛子" in made.text
    desk.mail(TANAKA, subject="ご連絡", body="先日のﾍﾟﾀﾞﾙの件です。", message_id="<1@example.com>")
    desk.mail(TANAKA, subject="ご連絡", body="せんじつの ぺだる のけん", message_id="<2@example.com>")
    ticket, other = desk.tickets()
    for each in (ticket, other):
        assert desk.queue_of(each) == "repair_visits" and each.routed_by == "by_keywords" and each.confidence is None
    assert [reason["words"] for reason in desk.read(routing.history, ticket.id)[0].because] == ["ﾍﾟﾀﾞﾙ"]
    page = desk.as_(AIKO).get(f"/tickets/{ticket.id}").text
    assert "このキューのキーワードを含む" in page


def test_one_word_in_passing_does_not_overrule_a_classifier_that_is_sure(desk: OpenDesk) -> None:
    new_queue(desk)
    text = "返品したいのですが、返送先の住所と手順を教えてください。商品は未開封です。{}"
    said = {
        "<1@example.com>": ("返品希望", "訪問の必要はありません。", "returns"),
        "<2@example.com>": ("返品希望", "訪問、出張修理の件です。", "repair_visits"),
        "<3@example.com>": ("訪問のお願い", "", "repair_visits"),
    }
    for message_id, (subject, end, _) in said.items():
        desk.mail(TANAKA, subject=subject, body=text.format(end), message_id=message_id)
    assert [desk.queue_of(ticket) for ticket in desk.tickets()] == [queue for _, _, queue in said.values()]


def test_a_call_whose_note_holds_a_key_word_leaves_triage_for_the_new_queue(desk: OpenDesk) -> None:
    new_queue(desk)
    desk.ready(AIKO)
    desk.twilio.rings("CA-1", to="+81355500199")
    call = desk.call("CA-1").id
    assert desk.queue_of(desk.tickets()[0]) == "triage"  # nobody has this number
    desk.as_(AIKO).post(f"/calls/{call}/accept")
    note = "ペダルについて入電。"  # words of which the classifier is not sure
    desk.as_(AIKO).post(f"/calls/{call}/wrap-up", data={"note": note, "disposition": "follow_up"})
    assert desk.queue_of(desk.tickets()[0]) == "repair_visits"


@pytest.mark.slow
@SQLITE
def test_a_new_queue_with_eight_examples_is_known_to_the_next_model(small: OpenDesk) -> None:
    new_queue(small)
    taught(small, PEDALS[:9], "repair_visits")
    done = train(small)
    assert done.state == TrainingState.PROMOTED and done.figures["labels"]["new"] == ["repair_visits"]
    speaks(small, done.version)
    assert small.app.state.desk.router.predict(PEDALS[10]).label == "repair_visits"
    assert "文面から自動判定" in small.as_(SATO).get("/admin/queues").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"slug": "Repair Visits"}, "英小文字で始まる"),
        ({"slug": "returns"}, "すでに使われています"),
        ({"name": " "}, "キュー名を入力してください"),
        ({"keywords": "の"}, "キーワードは2文字以上"),
        ({"keywords": "、".join(f"単語その{chr(0x4E00 + n)}" for n in range(201))}, "200個まで"),
        ({"phone": "abc"}, "電話番号として読み取れません"),
        ({"phone": "03-5550-0101"}, "すでに使われています"),
        ({"address": "nobody"}, "メールアドレスとして読み取れません"),
        ({"address": "returns@desk.example.jp"}, "すでに使われています"),
    ],
)
@SQLITE
def test_a_queue_that_cannot_be_made_is_explained_beside_its_field(
    standing_desk: OpenDesk, fields: dict[str, str], said: str
) -> None:
    answer = new_queue(standing_desk, **fields)
    assert answer.status_code == 422 and said in answer.text, answer.text
    assert standing_desk.count(Queue) == 6


@SQLITE
def test_a_form_of_a_queue_says_at_once_whatever_is_wrong_with_its_names(standing_desk: OpenDesk) -> None:
    wrong = {"slug": "Repair Visits", "name": "", "name_en": " "}
    page = new_queue(standing_desk, **wrong).text
    assert all(f'id="f-{name}-error"' in page for name in wrong)
    page = standing_desk.as_(SATO).post("/admin/queues/guide", data={"name": "", "name_en": ""}).text
    assert 'id="f-name-error"' in page and 'id="f-name_en-error"' in page and "f-slug" not in page


def test_a_queue_is_changed_and_says_who_serves_it(desk: OpenDesk) -> None:
    returns = desk.queue("returns").id
    page = desk.as_(SATO).get(f"/admin/queues/{returns}").text
    assert 'value="返品・交換"' in page and "returns@desk.example.jp" in page
    given = {"name": "返品", "name_en": "Returns", "phone": "03-5550-0102", "keywords": "返品、へんぴん, ヘンピン",
             "agent_id": [str(desk.agent(AIKO).id)]}  # fmt: skip
    answer = desk.as_(SATO).post(f"/admin/queues/{returns}", data=given)
    assert answer.status_code == 200
    queue = desk.queue("returns")
    assert (queue.name, queue.phone, queue.address) == ("返品", "+81355500102", None)
    assert queue.keywords == ["返品", "へんぴん"]
    assert desk.as_(BEN).get(f"/inbox?view=queue-{returns}").status_code == 404
    from helpdesk import agents

    assert [each["name"] for each in desk.read(agents.served_by)[returns]] == ["山田 愛子"]
    assert [fact["what"] for fact in facts(desk, "queue_changed")] == ["changed"]


@SQLITE
def test_only_supervisors_make_and_change_queues(desk: OpenDesk) -> None:
    aiko = desk.as_(AIKO)
    for path in ("/admin/queues", "/admin/queues/new", "/admin/queues/1"):
        assert aiko.get(path).status_code == 403
    assert aiko.post("/admin/queues/new", data={"slug": "mine", "name": "私", "name_en": "Mine"}).status_code == 403
    assert aiko.post("/admin/queues/1", data={"name": "私", "name_en": "Mine"}).status_code == 403
    assert "/admin/queues" not in aiko.get("/inbox").text and desk.count(Queue) == 6


# --- the command line ----------------------------------------------------------------------------------------------


def test_the_command_says_what_came_of_it(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_DATA", str(desk.settings.data))
    monkeypatch.setenv("DESK_DATABASE_URL", desk.settings.database_url)
    answer = CliRunner().invoke(app, ["train"])
    assert answer.exit_code == 0, answer.output
    assert "Nothing to learn. No ticket has been moved or resolved yet" in answer.output
    assert [each.reason for each in desk.read(learning.trainings)] == ["no_examples"]


@SQLITE
@pytest.mark.slow
def test_the_command_learns_from_all_shipped_texts_and_the_desk_speaks_by_the_new_model(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught(desk, PEDALS, "billing")
    monkeypatch.setenv("DESK_DATA", str(desk.settings.data))
    monkeypatch.setenv("DESK_DATABASE_URL", desk.settings.database_url)
    answer = CliRunner().invoke(app, ["train"])
    assert answer.exit_code == 0, answer.output
    [done] = desk.read(learning.trainings)
    assert (done.state, done.figures["own"]["ja"]["count"]) == (TrainingState.PROMOTED, 3)
    assert f"made {done.version}" in answer.output and "test texts, ja" in answer.output
    made, shipped = (desk.app.state.desk.registry.load(each) for each in (done.version, registry.shipped_version()))
    for language, temperature in shipped.weights.temperatures.items():  # as sure of itself as the shipped model
        assert made.weights.temperatures[language] == pytest.approx(temperature, rel=0.02)
    speaks(desk, done.version)
    desk.mail(TANAKA, subject="", body="自転車のブレーキを調整してほしい")
    [decision] = desk.read(routing.history, desk.tickets()[-1].id)
    assert (decision.label, decision.version) == ("billing", done.version)
    assert desk.count(Turn) == 1
