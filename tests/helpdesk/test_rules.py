"""What rules do by themselves: when, to what, how often at most, and what stands in their way."""

import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from helpdesk import acts, terms
from helpdesk.errors import Conflict
from helpdesk.rules import history, making, trials
from helpdesk.rules.making import Form
from helpdesk.rules.triggers import WAITS
from models import Callback, CannedReply, Event, MessageState, Note, Rule, RuleRun, RuleWait, RunEnd, Ticket
from tests.cast import (
    AIKO,
    BEN,
    RETURNS_ADDRESS,
    SATO,
    STRANGER,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
)


def rule(desk: OpenDesk, trigger: str, *acts: Any, is_on: bool = True, **more: Any) -> int:
    """A rule of Sato's, switched on. `acts` are codes, or pairs of code and value."""
    told = [{"do": act} if isinstance(act, str) else {"do": act[0], "value": act[1]} for act in acts]
    form = Form(name=f"規則 {trigger}", trigger=trigger, acts=told, **more)

    def verb(db: Any) -> int:
        kept = making.save(db, None, form, by=desk.agent(SATO), settings=desk.settings, now=desk.clock())
        if is_on:
            making.switch(db, kept, True, by=desk.agent(SATO), now=desk.clock())
        return kept.id or 0

    number: int = desk.write(verb)
    return number


def term(what: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"what": what, "is": operator, "value": value}


def runs(desk: OpenDesk, how: RunEnd | None = RunEnd.DONE) -> list[RuleRun]:
    query = select(RuleRun).order_by(col(RuleRun.id))
    if how is not None:
        query = query.where(RuleRun.how == how)
    found: list[RuleRun] = desk.read(lambda db: list(db.exec(query)))
    return found


def notes(desk: OpenDesk, ticket_id: int = 1) -> list[str]:
    query = select(Note.text).where(Note.ticket_id == ticket_id).order_by(col(Note.id))
    found: list[str] = desk.read(lambda db: list(db.exec(query)))
    return found


def ticket(desk: OpenDesk, ticket_id: int = 1) -> Ticket:
    found: Ticket = desk.read(lambda db: db.get(Ticket, ticket_id))
    return found


def time_passes(desk: OpenDesk, **length: float) -> None:
    desk.clock.advance(**length)
    assert desk.client.portal is not None
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)


def test_a_mail_that_speaks_of_a_refund_is_moved_and_given_to_ben(desk: OpenDesk) -> None:
    returns, ben = desk.queue("returns").id, desk.agent(BEN).id
    rule(desk, "opened", ("move", returns), ("assign", ben), all_of=[term("text", "contains", ["ヘンキン", "refund"])])
    desk.mail(subject="ご相談", body="へんきんをお願いします。")
    desk.mail(subject="ご相談", body="電源が入りません。")
    assert (ticket(desk, 1).queue_id, ticket(desk, 1).assignee_id) == (returns, ben)
    assert ticket(desk, 1).routed_by == "by_rule"
    assert (ticket(desk, 2).queue_id, ticket(desk, 2).assignee_id) != (returns, ben)
    assert [row.ticket_id for row in runs(desk)] == [1]


def test_where_there_is_no_rule_a_mail_costs_no_more_statements(desk: OpenDesk) -> None:
    from tests.web.test_statements import counted

    desk.mail()
    with counted(desk) as said:
        desk.mail()
        desk.mail()
    assert not [each for each in said if " rule " in each.lower() or "rulerun" in each or "rulewait" in each][1:]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        (term("channel", "is", ["mail"]), True),
        (term("channel", "is_not", ["mail", "phone"]), False),
        (term("language", "is", ["ja"]), True),
        (term("sender", "contains", ["@EXAMPLE.com"]), True),
        (term("subject", "contains", ["でんげん"]), True),
        (term("subject", "contains_not", ["返品"]), True),
        (term("customer", "contains", ["田中"]), True),
        (term("customer_known", "yes"), True),
        (term("caution", "yes"), False),
        (term("machine", "no"), True),
        (term("open_now", "yes"), True),
        (term("priority", "is", ["2"]), True),
        (term("assignee", "is", ["nobody"]), True),
        (term("awaits_us", "no"), False),
        (term("confidence", "at_least", 101), False),
        (term("call_seconds", "at_least", 0), False),
        (term("tag", "is_not", []), None),
    ],
)
def test_each_term_asks_what_it_says(desk: OpenDesk, asked: dict[str, Any], holds: bool | None) -> None:
    if holds is None:
        with pytest.raises(Exception, match="value_missing"):
            rule(desk, "opened", ("note", "x"), all_of=[asked])
        return
    rule(desk, "opened", ("note", "当たり"), all_of=[asked])
    desk.mail(subject="デンゲンが入らない")
    assert notes(desk) == (["当たり"] if holds else [])


def test_one_of_the_second_group_is_enough_and_all_of_the_first_are_needed(desk: OpenDesk) -> None:
    mail, phone = term("channel", "is", ["mail"]), term("channel", "is", ["phone"])
    rule(desk, "opened", ("note", "甲"), all_of=[mail], any_of=[phone, term("text", "contains", ["電源"])])
    rule(desk, "opened", ("note", "乙"), all_of=[mail, phone])
    desk.mail(body="電源の件です。")
    desk.mail(body="別の件です。")
    assert (notes(desk, 1), notes(desk, 2)) == (["甲"], [])


def test_rules_are_asked_in_order_and_one_may_be_the_last(desk: OpenDesk) -> None:
    first = rule(desk, "opened", ("note", "一"), stops=True)
    rule(desk, "opened", ("note", "二"))
    desk.mail()
    desk.write(lambda db: making.move(db, making.get(db, first), 1, by=desk.agent(SATO), now=desk.clock()))
    desk.mail()
    assert (notes(desk, 1), notes(desk, 2)) == (["一"], ["二", "一"])


def test_a_rule_that_fails_takes_back_what_it_began_and_leaves_the_fact(desk: OpenDesk) -> None:
    elsewhere = term("queue", "is_not", [str(desk.queue("returns").id)])
    rule(desk, "opened", ("note", "始めた"), ("assign", desk.agent(BEN).id), all_of=[elsewhere])
    rule(desk, "opened", ("note", "次の規則"))
    desk.mail(body="電源が入りません。")
    assert notes(desk) == ["次の規則"]
    failed = runs(desk, RunEnd.FAILED)
    assert [(row.error, row.did) for row in failed] == [("agent_not_in_queue", [])]
    assert ticket(desk).assignee_id is None
    stated = desk.read(lambda db: list(db.exec(select(Event.fact).where(Event.ticket_id == 1))))
    assert stated.count("note_added") == 1 and "message_received" in stated and stated.count("rule_ran") == 2


def test_rules_answer_what_rules_did_three_deep_and_none_twice(desk: OpenDesk) -> None:
    rule(desk, "opened", ("note", "一"))
    rule(desk, "noted", ("resolve", None))
    rule(desk, "resolved", ("reopen", None))
    rule(desk, "reopened", ("note", "四"))
    desk.mail()
    assert [(row.rule_id, row.depth) for row in runs(desk)] == [(1, 1), (2, 2), (3, 3)]
    assert ticket(desk).state == "open" and notes(desk) == ["一"]


def test_two_rules_that_set_each_other_off_come_to_rest(desk: OpenDesk) -> None:
    rule(desk, "resolved", ("reopen", None))
    rule(desk, "reopened", ("resolve", None))
    desk.mail(to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    assert [row.rule_id for row in runs(desk)] == [1, 2] and ticket(desk).state == "resolved"


def test_no_set_of_rules_runs_for_ever(desk: OpenDesk) -> None:
    chance = random.Random(20261116)
    immediate = ["opened", "noted", "resolved", "reopened", "assigned", "unassigned", "moved", "customer_wrote"]
    does = [("resolve", None), ("reopen", None), ("note", "また"), ("assign", "nobody"),
            ("assign", desk.agent(SATO).id), ("move", desk.queue("returns").id),
            ("move", desk.queue("tech_support").id)]  # fmt: skip
    for number in range(24):
        trigger = chance.choice([*immediate, "unanswered_for", "resolved_for", "unsolved_for"])
        more: dict[str, Any] = {"after_minutes": chance.randint(1, 90)} if trigger in WAITS else {}
        rule(desk, trigger, *chance.sample(does, 2), stops=number % 7 == 0, **more)
    desk.mail(to=RETURNS_ADDRESS)
    for _ in range(40):
        time_passes(desk, hours=2)
    before = len(runs(desk, None))
    assert 0 < before <= 24 + 24 * 8  # each once since the mail, and what its facts set off in one go
    for _ in range(40):
        time_passes(desk, days=1)
    assert len(runs(desk, None)) == before


def test_what_a_machine_wrote_sets_off_nothing_and_a_strangers_words_do_not_either(desk: OpenDesk) -> None:
    rule(desk, "customer_wrote", ("note", "お客様より"))
    desk.mail(to=RETURNS_ADDRESS)
    desk.mail(STRANGER, subject="私の件 [#1]", to=RETURNS_ADDRESS)
    desk.mail(TANAKA, subject="Re: ご相談 [#1]", to=RETURNS_ADDRESS, headers={"Auto-Submitted": "auto-replied"})
    assert notes(desk) == ["お客様より"]


def test_a_call_that_nobody_took_is_to_be_called_back(desk: OpenDesk) -> None:
    rule(desk, "call_ended", ("call_back", 30), all_of=[term("call_outcome", "is", ["missed", "abandoned"])])
    desk.ready(AIKO)
    desk.twilio.rings("CA-1", to=TECH_NUMBER)
    desk.twilio.says("CA-1", "completed", sequence=3)
    promised = desk.read(lambda db: db.exec(select(Callback)).one())
    assert promised.number == TANAKA.phone and promised.promised_at == desk.clock() + timedelta(minutes=30)


def test_what_is_not_answered_for_four_hours_of_business_is_noted_once(desk: OpenDesk) -> None:
    week = {"name": "平日", "timezone": "Asia/Tokyo", "holidays": "JP"} | {
        day: "9:00-12:00, 13:00-18:00" for day in ("mon", "tue", "wed", "thu", "fri")
    }
    desk.as_(SATO).post("/admin/calendars/new", data=week)
    desk.write(lambda db: db.execute(sa.text("UPDATE queue SET calendar_id = 1")))
    rule(desk, "unanswered_for", ("note", "遅れています"), after_minutes=240, in_hours=True)
    desk.clock.advance(hours=5)  # Monday 15:00 in Tokyo: three hours are left of the day, and one of the next
    desk.mail(to=RETURNS_ADDRESS)
    time_passes(desk, hours=18, minutes=59)
    assert notes(desk) == []
    time_passes(desk, minutes=1)
    assert notes(desk) == ["遅れています"]
    desk.mail(TANAKA, subject="Re: ご相談 [#1]", to=RETURNS_ADDRESS)  # still not answered: the same stretch
    time_passes(desk, days=3)
    assert notes(desk) == ["遅れています"]
    desk.reply(BEN, 1, "お待たせしました。")
    desk.mail(TANAKA, subject="Re: ご相談 [#1]", to=RETURNS_ADDRESS)
    time_passes(desk, days=5)
    assert notes(desk) == ["遅れています", "遅れています"]


def test_an_answer_ends_the_wait(desk: OpenDesk) -> None:
    rule(desk, "unanswered_for", ("note", "遅れています"), after_minutes=60)
    desk.mail(to=RETURNS_ADDRESS)
    desk.reply(BEN, 1, "承りました。")
    time_passes(desk, hours=2)
    assert notes(desk) == [] and desk.count(RuleWait) == 0


def test_a_rule_that_is_switched_on_sets_off_nothing_that_is_overdue_already(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    desk.clock.advance(hours=3)
    desk.mail("二人目 <second@example.com>", to=RETURNS_ADDRESS)
    desk.clock.advance(minutes=30)
    rule(desk, "unanswered_for", ("note", "遅れています"), after_minutes=60)
    time_passes(desk, minutes=29)
    assert (notes(desk, 1), notes(desk, 2)) == ([], [])
    time_passes(desk, minutes=2)
    assert (notes(desk, 1), notes(desk, 2)) == ([], ["遅れています"])


def test_a_trial_says_what_would_have_been_met_and_does_nothing(desk: OpenDesk) -> None:
    desk.mail(body="返金してください。", to=RETURNS_ADDRESS)
    desk.mail(body="電源が入りません。", to=RETURNS_ADDRESS)
    desk.clock.advance(hours=2)
    number = rule(desk, "opened", ("resolve", None), is_on=False, all_of=[term("text", "contains", ["返金"])])
    slow = rule(desk, "unanswered_for", ("resolve", None), is_on=False, after_minutes=60)
    for rule_id, met in ((number, [1]), (slow, [1, 2])):
        tried = desk.read(lambda db, rule_id=rule_id: trials.trial(db, making.get(db, rule_id), now=desk.clock()))
        assert sorted(each.id for each, _ in tried.tickets) == met and tried.matched == len(met)
    assert runs(desk, None) == [] and ticket(desk).state == "open"


def test_what_a_rule_did_can_be_taken_back_unless_somebody_said_otherwise_since(desk: OpenDesk) -> None:
    ben, sato = desk.agent(BEN).id, desk.agent(SATO)
    rule(desk, "opened", ("assign", ben), ("resolve", None), ("note", "済み"))
    desk.mail(to=RETURNS_ADDRESS)
    desk.mail("二人目 <second@example.com>", to=RETURNS_ADDRESS)

    def undo(run_id: int) -> None:
        desk.write(lambda db: history.undo(db, history.get_run(db, run_id), by=sato, settings=desk.settings,
                                         now=desk.clock()))  # fmt: skip

    undo(1)
    undo(1)
    assert (ticket(desk).state, ticket(desk).assignee_id, notes(desk)) == ("open", None, ["済み"])
    desk.as_(BEN).post("/tickets/2/assign", data={"agent_id": ""})
    with pytest.raises(Conflict, match="ticket_moved_on"):
        undo(2)
    assert ticket(desk, 2).state == "resolved"


def test_a_rule_answers_a_person_in_their_language_and_never_a_machine(desk: OpenDesk) -> None:
    title = {"title": "受付", "text": "{customer_sama}\n承りました。", "text_en": "Dear {customer},\nwe have it."}
    desk.as_(SATO).post("/admin/canned/new", data=title)
    reply = desk.read(lambda db: db.exec(select(CannedReply.id)).one())
    rule(desk, "customer_wrote", ("reply", reply))
    desk.mail(to=RETURNS_ADDRESS)
    desk.mail("robot@example.net", to=RETURNS_ADDRESS, headers={"Precedence": "bulk"})
    sent = [each for each in desk.messages() if each.direction == "out"]
    assert [(each.text, each.to, each.is_automatic, each.state) for each in sent] == [
        ("田中 美咲 様\n承りました。", [TANAKA.email], True, MessageState.QUEUED)
    ]
    for _ in range(6):
        desk.mail(TANAKA, subject="Re: ご相談 [#1]", to=RETURNS_ADDRESS)
    assert len([each for each in desk.messages(1) if each.direction == "out"]) == 3
    assert desk.read(lambda db: db.get(CannedReply, reply)).uses == 3


def test_a_reply_with_a_gap_is_not_sent(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/canned/new", data={"title": "注文", "text": "ご注文 {order} の件です。"})
    rule(desk, "customer_wrote", ("reply", 1))
    desk.mail("知らない人 <nobody@example.net>", to=RETURNS_ADDRESS)
    assert [each.direction for each in desk.messages()] == ["in"]
    assert [row.error for row in runs(desk, RunEnd.FAILED)] == ["gaps_in_reply"]


def test_what_names_what_is_gone_is_shown_as_broken(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/canned/new", data={"title": "受付", "text": "承りました。"})
    rule(desk, "customer_wrote", ("reply", 1))
    desk.as_(SATO).post("/admin/canned/1/delete")
    row = desk.read(lambda db: making.everyone(db, settings=desk.settings, now=desk.clock()))[0]
    assert row.is_broken


def test_a_deleted_rule_can_be_brought_back_and_is_off_then(desk: OpenDesk) -> None:
    number = rule(desk, "opened", ("note", "x"))
    sato, now = desk.agent(SATO), desk.clock()
    desk.write(lambda db: making.delete(db, making.get(db, number), by=sato, now=now))
    desk.mail()
    desk.write(lambda db: making.restore(db, making.get(db, number), by=sato, now=now))
    desk.mail()
    assert desk.read(lambda db: db.get(Rule, number)).deleted_at is None and runs(desk, None) == []


def test_every_act_and_every_term_has_a_kind_that_the_form_can_draw() -> None:
    assert {act.kind for act in acts.ACTS.values()} <= {"none", "choice", "area", "number", "post", "field"}
    assert {each.kind for each in terms.TERMS.values()} <= set(terms.OPERATORS)
