"""Who is given what waits: in turn, to the least busy, by language and turn of the queue; and what comes back."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from helpdesk import agents, assigning, policies, queues, tickets
from helpdesk.rules import making
from models import (
    Agent,
    Assigning,
    Channel,
    Event,
    Membership,
    Notification,
    Presence,
    Queue,
    RuleRun,
    Ticket,
    TicketState,
)
from models.database import Database
from tests.cast import AIKO, AKIRA, BEN, MONDAY, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, text_of


def gives(desk: OpenDesk, how: Assigning, slug: str = "returns", **rules: Any) -> None:
    """Let the desk give out a queue's tickets."""
    told = {"assigning": how} | rules

    def verb(db: Any) -> None:
        queue = db.get(Queue, desk.queue(slug).id)
        queues.change(db, queue, region="JP", now=desk.clock(), by=db.get(Agent, desk.agent(SATO).id), giving=told)

    desk.write(verb)


def serve(desk: OpenDesk, *people: Any, slug: str = "returns", **changes: Any) -> None:
    """They serve the queue, each as `changes` say."""
    queue_id = desk.queue(slug).id
    told = {"levels": {queue_id: 1}} | changes
    for person in people:
        agent_id = desk.agent(person).id
        desk.write(lambda db: agents.change(db, db.get(Agent, agent_id), now=desk.clock(), **told))  # noqa: B023


def assignees(desk: OpenDesk) -> list[str]:
    """Whose each ticket is, by first letter of the address, oldest ticket first; "-": nobody's."""
    query = select(Ticket.id, Agent.email).join(Agent, col(Agent.id) == Ticket.assignee_id, isouter=True)
    return [email[:3] if email else "-" for _, email in desk.read(lambda db: db.exec(query.order_by(Ticket.id)).all())]


def mails(desk: OpenDesk, count: int, **told: Any) -> None:
    for number in range(count):
        desk.mail(subject=f"返品 {number}", to=RETURNS_ADDRESS, **told)


def test_a_queue_gives_out_nothing_unless_it_is_told_to(desk: OpenDesk) -> None:
    desk.ready(BEN)
    mails(desk, 1)
    assert assignees(desk) == ["-"]


def test_in_turn_means_one_after_the_other(desk: OpenDesk) -> None:
    serve(desk, AIKO, AKIRA, BEN, languages=["ja"])
    gives(desk, Assigning.ROUND_ROBIN)
    desk.ready(AIKO, AKIRA, BEN)
    mails(desk, 5)
    assert assignees(desk) == ["aik", "aki", "ben", "aik", "aki"]


def test_the_least_busy_has_the_fewest_open_tickets(desk: OpenDesk) -> None:
    serve(desk, AIKO, AKIRA)
    desk.ready(AIKO, AKIRA)
    mails(desk, 2)
    for number in (1, 2):
        desk.as_(SATO).post(f"/tickets/{number}/assign", data={"agent_id": desk.agent(AIKO).id})
    gives(desk, Assigning.LEAST_BUSY)
    mails(desk, 3)
    assert assignees(desk) == ["aik", "aik", "aki", "aki", "aik"]


def test_language_decides_before_turn_and_turn_before_load(desk: OpenDesk) -> None:
    serve(desk, AIKO)
    serve(desk, AKIRA, levels={desk.queue("returns").id: 2})
    serve(desk, BEN, languages=["en"])
    gives(desk, Assigning.LEAST_BUSY)
    desk.ready(AIKO, AKIRA, BEN)
    mails(desk, 2)
    desk.mail(subject="A refund", body="Please tell me how to return my vacuum cleaner.", to=RETURNS_ADDRESS)
    assert assignees(desk) == ["aik", "aik", "ben"]


def test_where_nobody_speaks_the_language_anybody_may(desk: OpenDesk) -> None:
    serve(desk, AIKO, AKIRA)
    desk.write(lambda db: db.execute(sa.delete(Membership).where(col(Membership.agent_id) == desk.agent(BEN).id)))
    gives(desk, Assigning.ROUND_ROBIN)
    desk.ready(AIKO)
    desk.mail(subject="A refund", body="Please tell me how to return my vacuum cleaner.", to=RETURNS_ADDRESS)
    assert assignees(desk) == ["aik"]


def test_a_speaker_who_is_not_there_is_waited_for(desk: OpenDesk) -> None:
    serve(desk, AIKO)
    serve(desk, BEN, languages=["en"])
    gives(desk, Assigning.ROUND_ROBIN)
    desk.ready(AIKO)
    desk.mail(subject="A refund", body="Please tell me how to return my vacuum cleaner.", to=RETURNS_ADDRESS)
    assert assignees(desk) == ["-"]
    desk.ready(BEN)
    assert assignees(desk) == ["ben"]


def test_nobody_gets_more_than_they_take_and_the_next_when_one_is_resolved(desk: OpenDesk) -> None:
    serve(desk, BEN, languages=["ja"], most_tickets=2)
    gives(desk, Assigning.ROUND_ROBIN)
    desk.ready(BEN)
    mails(desk, 3)
    assert assignees(desk) == ["ben", "ben", "-"]
    desk.as_(BEN).post("/tickets/1/resolve")
    assert assignees(desk) == ["ben", "ben", "ben"]


def test_who_comes_is_given_what_is_due_first(desk: OpenDesk) -> None:
    form = policies.Form(name="電話", channel=Channel.PHONE, first_response_minutes=10)
    desk.write(lambda db: policies.save(db, None, form, by=None, now=desk.clock()))
    serve(desk, BEN, languages=["ja"], most_tickets=1)
    gives(desk, Assigning.ROUND_ROBIN)
    mails(desk, 2)
    due = MONDAY + timedelta(minutes=5)
    desk.write(lambda db: setattr(db.get(Ticket, 2), "due_at", due))
    desk.ready(BEN)
    assert assignees(desk) == ["-", "ben"]


@pytest.mark.parametrize(
    "state, rules, given",
    [
        ("ready", {}, True),
        ("away lunch", {}, False),
        ("away lunch", {"assigns_away": True}, True),
        ("offline", {"assigns_away": True, "assigns_talking": True}, False),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_who_is_not_ready_is_given_something_only_where_the_queue_says_so(
    desk: OpenDesk, state: str, rules: dict[str, bool], given: bool
) -> None:
    serve(desk, BEN, languages=["ja"])
    gives(desk, Assigning.ROUND_ROBIN, **rules)
    name, _, reason = state.partition(" ")
    desk.as_(BEN).post("/me/state", data={"state": name, "reason": reason})
    mails(desk, 1)
    assert assignees(desk) == (["ben"] if given else ["-"])


def test_who_talks_gets_no_mail_and_a_call_s_ticket_is_whose_the_call_is(desk: OpenDesk) -> None:
    serve(desk, AKIRA, slug="tech_support")
    gives(desk, Assigning.ROUND_ROBIN, "tech_support")
    desk.ready(AKIRA)
    desk.twilio.rings("CA-1")
    assert assignees(desk) == ["-"]  # it rings; whoever answers has it
    desk.twilio.says("CA-2", "in-progress", parent="CA-1", to=AKIRA.phone)
    assert assignees(desk) == ["aki"]
    desk.mail()
    assert assignees(desk) == ["aki", "-"]
    desk.twilio.says("CA-1", "completed", sequence=3)
    assert assignees(desk) == ["aki", "-"]
    desk.as_(AKIRA).post(f"/calls/{desk.call('CA-1').id}/wrap-up", data={"note": "済", "disposition": "solved"})
    assert assignees(desk) == ["aki", "aki"]


def test_what_somebody_hands_back_is_not_given_to_them_again(desk: OpenDesk) -> None:
    serve(desk, AIKO, BEN, languages=["ja"])
    gives(desk, Assigning.LEAST_BUSY)
    desk.ready(BEN)
    mails(desk, 1)
    assert assignees(desk) == ["ben"]
    desk.as_(BEN).post("/tickets/1/assign", data={"agent_id": ""})
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)
    assert assignees(desk) == ["-"]
    desk.ready(AIKO)
    assert assignees(desk) == ["aik"]


def test_overdue_work_of_who_is_offline_returns_and_goes_to_somebody_else(desk: OpenDesk) -> None:
    form = policies.Form(name="標準", first_response_minutes=60)
    desk.write(lambda db: policies.save(db, None, form, by=None, now=desk.clock()))
    serve(desk, AIKO, BEN, languages=["ja"])
    gives(desk, Assigning.ROUND_ROBIN, returns_minutes=30)
    desk.ready(BEN)
    mails(desk, 1)
    desk.as_(BEN).post("/me/state", data={"state": "offline"})
    desk.clock.advance(minutes=59)
    look_out(desk)
    assert assignees(desk) == ["ben"]  # offline for long, and not overdue yet
    desk.clock.advance(minutes=1)
    look_out(desk)
    assert assignees(desk) == ["-"]
    desk.ready(AIKO)
    assert assignees(desk) == ["aik"]
    page = text_of(desk.as_(AIKO).get("/tickets/1").text)
    assert "Ben Carterさんがオフラインの間に期限を過ぎたため、キューに戻しました" in page
    assert "順番により山田 愛子さんに自動で割り当てました" in page
    assert "自動割り当て：順番" in page


def look_out(desk: OpenDesk) -> None:
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)


def test_who_is_given_a_ticket_is_told(desk: OpenDesk) -> None:
    serve(desk, BEN, languages=["ja"])
    gives(desk, Assigning.LEAST_BUSY)
    desk.ready(BEN)
    mails(desk, 1)
    told = desk.read(lambda db: db.exec(select(Notification)).all())
    assert [(each.agent_id, each.kind, each.ticket_id) for each in told] == [(desk.agent(BEN).id, "assigned", 1)]


def test_two_desks_that_deal_at_once_give_each_ticket_once_and_nobody_too_much(desk: OpenDesk) -> None:
    serve(desk, AIKO, AKIRA, BEN, languages=["ja"], most_tickets=5)
    desk.ready(AIKO, AKIRA, BEN)

    def open_many(db: Any) -> None:
        for number in range(20):
            tickets.start(db, subject=f"{number}", channel=Channel.MAIL, queue_id=desk.queue("returns").id or 0,
                          customer_id=None, language="ja", now=MONDAY)  # fmt: skip

    desk.write(open_many)
    desk.write(lambda db: setattr(db.get(Queue, desk.queue("returns").id), "assigning", Assigning.LEAST_BUSY))
    other = Database(desk.settings.database)
    begun = threading.Barrier(4)

    def deal(database: Database) -> None:
        begun.wait(60)
        database.write_now(lambda db: assigning.deal(db, now=desk.clock()))

    dealers = [threading.Thread(target=deal, args=(each,)) for each in (desk.database, other) * 2]
    for each in dealers:
        each.start()
    for each in dealers:
        each.join()
    other.close()
    given = desk.read(lambda db: db.exec(select(Event).where(Event.fact == "ticket_assigned")).all())
    assert len({row.ticket_id for row in given}) == len(given) == 15
    assert sorted(assignees(desk)) == sorted(["-"] * 5 + ["aik", "aki", "ben"] * 5)


def test_the_queue_s_page_says_who_gives_out_its_tickets(desk: OpenDesk) -> None:
    path = f"/admin/queues/{desk.queue('returns').id}"
    shown = desk.as_(SATO).get(path).text
    assert "Ben Carterさんは上限がないため" in text_of(shown)
    said = {"name": "返品・交換", "name_en": "Returns", "address": RETURNS_ADDRESS, "agent_id": [desk.agent(BEN).id],
            "asks_giving": "1", "assigning": "least_busy", "assigns_away": "on", "returns_minutes": "45"}  # fmt: skip
    assert desk.as_(SATO).post(path, data=said).status_code == 200
    queue = desk.queue("returns")
    assert (queue.assigning, queue.assigns_away, queue.assigns_talking, queue.returns_minutes) == (
        Assigning.LEAST_BUSY, True, False, 45)  # fmt: skip
    assert desk.as_(SATO).post(path, data=said | {"assigning": "dice"}).status_code == 422
    assert desk.as_(SATO).post(path, data=said | {"returns_minutes": "-1"}).status_code == 422
    assert desk.as_(BEN).post(path, data=said).status_code == 403


def test_an_agent_s_most_tickets_are_on_their_page(desk: OpenDesk) -> None:
    path = f"/admin/agents/{desk.agent(BEN).id}"
    said = {"languages": "ja", "language": "ja", "most_calls": "1", "most_tickets": "12",
            f"level_{desk.queue('returns').id}": "1"}  # fmt: skip
    assert desk.as_(SATO).post(path, data=said).status_code == 200
    assert desk.agent(BEN).most_tickets == 12
    assert desk.as_(SATO).post(path, data=said | {"most_tickets": "many"}).status_code == 422


def test_what_does_not_wait_for_us_is_given_to_nobody(desk: OpenDesk) -> None:
    serve(desk, BEN, languages=["ja"])
    mails(desk, 2)
    desk.write(lambda db: setattr(db.get(Ticket, 1), "awaits_us", False))
    desk.write(lambda db: setattr(db.get(Ticket, 2), "state", TicketState.PENDING))
    gives(desk, Assigning.ROUND_ROBIN)
    desk.ready(BEN)
    look_out(desk)
    assert assignees(desk) == ["-", "-"]
    desk.mail(TANAKA, subject="Re: 返品 [#1]", to=RETURNS_ADDRESS)
    assert len([each for each in assignees(desk) if each == "ben"]) == 1


def rule(desk: OpenDesk, trigger: str, *acts: Any, **more: Any) -> None:
    """A rule of Sato's, switched on; `acts` are pairs of code and value."""
    form = making.Form(name=trigger, trigger=trigger, acts=[{"do": do, "value": value} for do, value in acts], **more)

    def verb(db: Any) -> None:
        made = making.save(db, None, form, by=desk.agent(SATO), settings=desk.settings, now=desk.clock())
        making.switch(db, made, True, by=desk.agent(SATO), now=desk.clock())

    desk.write(verb)


def test_a_rule_answers_what_the_desk_gave_out_in_the_same_transaction(desk: OpenDesk) -> None:
    serve(desk, AIKO)
    gives(desk, Assigning.ROUND_ROBIN)
    rule(desk, "assigned", ("note", "{agent}が担当します"), ("prioritize", 3))
    desk.ready(AIKO)
    mails(desk, 1)
    assert assignees(desk) == ["aik"]
    told = desk.read(
        lambda db: [row.fact for row in db.exec(select(Event).where(Event.ticket_id == 1).order_by(Event.id))]
    )
    assert told.count("ticket_assigned") == told.count("rule_ran") == 1
    assert told.index("ticket_assigned") < told.index("ticket_prioritized") < told.index("rule_ran")
    desk.write(lambda db: agents.set_state(db, desk.agent(AIKO).id, Presence.OFFLINE, now=desk.clock()))
    mails(desk, 1)
    desk.ready(AIKO)  # what waited is given because somebody came, and the rule hears of that, too
    assert desk.count(RuleRun) == 2


def test_what_a_rule_takes_off_and_the_desk_gives_again_comes_to_an_end(desk: OpenDesk) -> None:
    serve(desk, AIKO, AKIRA, BEN, languages=["ja"])
    gives(desk, Assigning.ROUND_ROBIN)
    rule(desk, "assigned", ("assign", "nobody"))
    rule(desk, "unassigned", ("assign", "desk"))
    desk.ready(AIKO, AKIRA, BEN)
    mails(desk, 1)
    assert assignees(desk)[0] != "-"
    assert desk.count(RuleRun) == 2  # each of the two once, and then the desk has its way
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)  # type: ignore[union-attr]
    assert desk.count(RuleRun) == 2


def test_a_promise_broken_by_a_late_answer_is_heard_by_rules(desk: OpenDesk) -> None:
    form = policies.Form(name="標準", first_response_minutes=10)
    desk.write(lambda db: policies.save(db, None, form, by=None, now=desk.clock()))
    rule(desk, "breached", ("note", "遅れました"))
    mails(desk, 1)
    desk.clock.advance(minutes=30)  # nobody has looked at the clock meanwhile
    desk.reply(BEN, 1, "遅くなりました。")
    assert desk.count(RuleRun) == 1


def test_a_rule_gives_by_the_desk_what_its_queue_leaves_to_the_agents(desk: OpenDesk) -> None:
    serve(desk, AIKO, AKIRA, most_tickets=1)
    rule(desk, "opened", ("assign", "desk"))
    mails(desk, 1)
    assert assignees(desk) == ["-"] and desk.count(RuleRun) == 0  # nobody is there
    desk.ready(AIKO, AKIRA)
    mails(desk, 3)
    assert assignees(desk) == ["-", "aik", "aki", "-"]
    page = text_of(desk.as_(SATO).get("/admin/rules").text)
    assert "手の空いている人に自動で割り当てる" in page
    run = desk.read(lambda db: db.exec(select(RuleRun).order_by(RuleRun.id)).first())
    assert desk.as_(SATO).post(f"/admin/rules/runs/{run.id}/undo").status_code == 200
    assert assignees(desk) == ["-", "-", "aki", "-"]


def test_many_tickets_of_one_agent_are_given_to_others_by_the_desk_and_taken_back(desk: OpenDesk) -> None:
    serve(desk, AIKO, AKIRA, BEN, languages=["ja"], most_tickets=2)
    mails(desk, 4)
    for number in (1, 2, 3, 4):
        desk.as_(SATO).post(f"/tickets/{number}/assign", data={"agent_id": desk.agent(BEN).id})
    desk.ready(AIKO)
    told = {"view": "all", "ticket": ["1", "2", "3", "4"], "what": "assign", "assign": "desk"}
    assert desk.as_(SATO).post("/bulk", data=told).status_code == 200
    assert assignees(desk) == ["aik", "aik", "ben", "ben"]
    assert "割り当てられる人がいません" in text_of(desk.as_(SATO).get("/bulk/1").text)
    assert desk.as_(SATO).post("/bulk/1/undo").status_code == 200
    assert assignees(desk) == ["ben"] * 4
