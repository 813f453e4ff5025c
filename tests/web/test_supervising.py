"""The work in hand: figures that agree with their lists, who could take what is late, and giving many away at once."""

import re
from html import unescape
from typing import Any

import pytest
from sqlmodel import col, select

from helpdesk import agents, policies
from models import Agent, Ticket
from tests.cast import AIKO, AKIRA, BEN, RETURNS_ADDRESS, SATO, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def serve(desk: OpenDesk, *people: Any, **changes: Any) -> None:
    """They serve the returns, in Japanese."""
    told = {"levels": {desk.queue("returns").id: 1}, "languages": ["ja"]} | changes
    for person in people:
        agent_id = desk.agent(person).id
        desk.write(lambda db: agents.change(db, db.get(Agent, agent_id), now=desk.clock(), **told))  # noqa: B023


def mail(desk: OpenDesk, count: int = 1) -> None:
    for _ in range(count):
        desk.mail(subject="返品の件", to=RETURNS_ADDRESS)


def assign(desk: OpenDesk, person: Any, *numbers: int) -> None:
    for number in numbers:
        answer = desk.as_(SATO).post(f"/tickets/{number}/assign", data={"agent_id": desk.agent(person).id})
        assert answer.status_code == 200


def assignees(desk: OpenDesk) -> list[str]:
    """Whose each ticket is, by first letters of the address; "-": nobody's."""
    query = select(Agent.email).select_from(Ticket).join(Agent, col(Agent.id) == Ticket.assignee_id, isouter=True)
    return [(email or "-")[:3] for email in desk.read(lambda db: db.exec(query.order_by(col(Ticket.id))).all())]


def page(desk: OpenDesk, path: str = "/queues/work") -> str:
    answer = desk.as_(SATO).get(path)
    assert answer.status_code == 200, text_of(answer.text)[:300]
    return answer.text


def some_days(desk: OpenDesk) -> None:
    """Ben has one that is broken, one at risk and one that is new; nobody has one of eight days ago."""
    serve(desk, AIKO, BEN)
    mail(desk)
    desk.clock.advance(days=8)
    form = policies.Form(name="標準", first_response_minutes=60, at_risk_percent=50)
    desk.write(lambda db: policies.save(db, None, form, by=None, now=desk.clock()))
    mail(desk)
    desk.clock.advance(minutes=35)
    mail(desk)
    assign(desk, BEN, 2, 3)
    desk.clock.advance(minutes=32)
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)  # type: ignore[union-attr]
    mail(desk)
    assign(desk, BEN, 4)
    desk.ready(AIKO)


def test_every_figure_opens_the_very_tickets_it_counts(desk: OpenDesk) -> None:
    some_days(desk)
    html = page(desk)
    figures = re.findall(r'href="(/queues/work/list[^"]*)"[^>]*>(.*?)</a>', part(html, "workload"), re.DOTALL)
    assert len(figures) > 10
    for address, shown in figures:
        listed = page(desk, unescape(address))
        rows = re.findall(r'name="ticket" value="(\d+)"', listed)
        assert len(rows) == int(re.findall(r"\d+", text_of(shown))[-1]), address
    ben = text_of(re.search(r"<tr>\s*<th[^>]*>Ben Carter.*?</tr>", html, re.DOTALL)[0])  # type: ignore[index]
    assert re.findall(r"\b\d+\b", ben)[:4] == ["3", "3", "1", "1"]  # open, waiting, at risk, broken
    assert "7日以上" in text_of(part(html, "workload"))
    only = page(desk, f"/queues/work?queue={desk.queue('tech_support').id}")
    assert 'name="to"' not in part(only, "workload")


def test_what_is_at_risk_is_given_with_one_press_to_who_could_take_it(desk: OpenDesk) -> None:
    some_days(desk)
    html = part(page(desk), "workload")
    lines = re.findall(r'<li class="risk".*?</li>', html, re.DOTALL)
    assert [re.search(r"#(\d+)", line)[1] for line in lines] == ["2", "3"]  # type: ignore[index]
    assert all(f'name="to" value="{desk.agent(AIKO).id}"' in line for line in lines)
    assert all(f'value="{desk.agent(BEN).id}"' not in line for line in lines)
    assert desk.as_(SATO).post("/queues/work/2/give", data={"to": desk.agent(AIKO).id}).status_code == 200
    assert assignees(desk) == ["-", "aik", "ben", "ben"]
    assert desk.as_(SATO).post("/queues/work/3/give", data={"to": "desk"}).status_code == 200
    assert assignees(desk)[2] == "aik"
    serve(desk, AIKO, most_tickets=2)
    assert "割り当てられる人がいません" in text_of(part(page(desk), "workload"))
    refused = desk.as_(SATO).post("/queues/work/4/give", data={"to": "desk"})
    assert refused.status_code == 409


def test_an_agent_who_is_ill_is_relieved_at_once_after_a_look_and_with_a_way_back(desk: OpenDesk) -> None:
    serve(desk, AIKO, AKIRA, most_tickets=2)
    mail(desk, 5)
    assign(desk, BEN, 1, 2, 3, 4, 5)
    desk.ready(AIKO, AKIRA)
    told = {"ticket": ["1", "2", "3", "4", "5"], "to": "desk"}
    look = desk.as_(SATO).post("/queues/work/share", data=told).text
    assert assignees(desk) == ["ben"] * 5
    names = re.findall(r"</td><td>([^<]*)</td></tr>", look)
    assert names == [AIKO.name, AKIRA.name, AIKO.name, AKIRA.name]
    assert text_of(look).count("割り当てられる人がいません。 1") == 1, "and for whom there is nobody stands apart"
    kept = re.findall(r'<input type="hidden" name="ticket" value="(\d+)">', look)
    assert kept == ["1", "2", "3", "4"]
    done = desk.as_(SATO).post("/queues/work/share", data={"ticket": kept, "to": "desk", "step": "do"})
    assert assignees(desk) == ["aik", "aki", "aik", "aki", "ben"] and "/bulk/1" in str(done.url)
    desk.as_(SATO).post("/bulk/1/undo")
    assert assignees(desk) == ["ben"] * 5
    desk.as_(SATO).post("/queues/work/share", data={"ticket": ["1"], "to": desk.agent(AKIRA).id, "step": "do"})
    assert assignees(desk)[0] == "aki"
    desk.as_(SATO).post("/queues/work/share", data={"ticket": ["1"], "to": "", "step": "do"})
    assert assignees(desk)[0] == "-"


@SQLITE
def test_the_page_follows_without_a_reload(desk: OpenDesk) -> None:
    some_days(desk)
    screen = desk.screen_of(SATO, "/queues/work")
    mail(desk)
    desk.ready(AKIRA)
    desk.as_(BEN).post("/tickets/3/resolve")
    screen.check()
    assert "workload" in screen.stale


@SQLITE
def test_only_supervisors_see_the_work_of_others(desk: OpenDesk) -> None:
    mail(desk)
    assert desk.as_(BEN).get("/queues/work").status_code == 403
    assert desk.as_(BEN).get("/queues/work/list?agent=1").status_code == 403
    assert desk.as_(BEN).post("/queues/work/1/give", data={"to": "desk"}).status_code == 403
    for step in ("", "do"):
        assert desk.as_(BEN).post("/queues/work/share", data={"ticket": "1", "step": step}).status_code == 403
    for path in ("/queues/work/list?how=all", "/queues/work/list?age=ever", "/queues/work/list?agent=99"):
        assert desk.as_(SATO).get(path).status_code == 404, path
    assert desk.as_(SATO).post("/queues/work/9/give", data={"to": "x"}).status_code == 404
    assert desk.as_(SATO).post("/queues/work/1/give", data={"to": "x"}).status_code == 422
    assert desk.as_(SATO).post("/queues/work/share", data={}).status_code == 422
