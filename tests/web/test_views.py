"""Views that agents keep: built by a form, shared by supervisors, and never a way to see what one may not see."""

import re
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, filters, routing, saved_views, tags, tickets
from helpdesk.customers import contact_points
from helpdesk.filters import Filter, counting, finding, questions, sorting
from models import (
    Agent,
    Channel,
    Customer,
    FieldKind,
    FieldValue,
    Queue,
    Role,
    SavedView,
    Ticket,
    TicketField,
    TicketState,
)
from tests.cast import AIKO, BEN, MONDAY, SATO, TANAKA, OpenDesk, Person, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def open_tickets(desk: OpenDesk, slug: str = "tech_support", count: int = 1, **values: object) -> list[int]:
    """Tickets in a queue, each a minute younger than the one before; columns as given."""
    queue_id = desk.queue(slug).id or 0

    def make(db: Session) -> list[int]:
        made = []
        for _ in range(count):
            place = (db.scalar(sa.select(sa.func.max(col(Ticket.id)))) or 0) + 1
            ticket = tickets.start(db, subject=f"件名 {place}", channel=Channel.MAIL, queue_id=queue_id,
                                   customer_id=None, language="ja",
                                   now=MONDAY - timedelta(days=1) + timedelta(minutes=place))  # fmt: skip
            routing.keep(db, ticket, routing.Decision(queue_id, "by_address"), now=MONDAY)
            for name, value in values.items():
                setattr(ticket, name, value)
            tickets.announce(db, ticket, now=MONDAY)
            made.append(ticket.id or 0)
        return made

    made: list[int] = desk.write(make)
    return made


def rows_of(html: str) -> list[int]:
    """The tickets of a page's list, in its order."""
    return [int(number) for number in re.findall(r'<li class="row" id="row-(\d+)"', html)]


def keep(desk: OpenDesk, person: Person, **fields: object) -> int:
    """Save a view by the form; its number."""
    answer = desk.as_(person).post("/views/new", data={"name": "私のビュー", "sort": "newest", **fields})
    assert answer.status_code == 200, text_of(answer.text)
    found = re.search(r"view=saved-(\d+)", str(answer.url))
    assert found
    return int(found[1])


def found_by(desk: OpenDesk, person: Person, asked: Filter, *, sort: str = "newest", cursor: str = "",
             limit: int = 50) -> finding.Found:  # fmt: skip
    """What a filter finds for somebody."""
    agent = desk.agent(person)
    found: finding.Found = desk.read(
        lambda db: finding.find(db, agent, asked, sort=sort, cursor=cursor, limit=limit, now=MONDAY)
    )
    return found


def prioritized(db: Session, *, ticket_id: int, priority: int, by: Agent) -> None:
    """Somebody gives a ticket a priority."""
    tickets.prioritize(db, db.get_one(Ticket, ticket_id), priority, by=by, now=MONDAY)


def test_a_view_is_built_by_a_form_stands_in_the_rail_with_its_count_and_opens_what_it_asks_for(desk: OpenDesk) -> None:
    open_tickets(desk, count=2)
    high = open_tickets(desk, count=3, priority=3)
    answer = desk.as_(AIKO).post("/views/new", data={
        "name": "優先度の高いもの", "all.state": "open", "all.priority": ["3", "4"], "sort": "oldest",
        "column": ["queue"]})  # fmt: skip
    assert rows_of(answer.text) == high, "in the order that was chosen"
    rail = re.search(r'data-nav="saved-1".*?</li>', answer.text, re.S)
    assert rail and "優先度の高いもの" in rail[0] and '<span class="count">3</span>' in rail[0]
    assert 'data-columns="queue"' in answer.text


def test_the_builder_shows_what_its_conditions_find_before_anything_is_kept(desk: OpenDesk) -> None:
    open_tickets(desk, count=2)
    mine = open_tickets(desk, assignee_id=desk.agent(AIKO).id)
    page = desk.as_(AIKO).get("/views/new?sort=newest&all.assignee=me&name=x").text
    assert rows_of(page) == mine and '<span class="builder-count">1</span>' in page
    assert desk.count(SavedView) == 0
    assert "checked" in re.search(r'name="all.assignee" value="me"[^>]*>', page)[0]  # type: ignore[index]


def facts_of(desk: OpenDesk) -> dict[str, list[int]]:
    """Tickets that differ in one thing each."""
    aiko, tanaka = desk.agent(AIKO).id, desk.customer(TANAKA).id
    made = {
        "plain": open_tickets(desk),
        "pending": open_tickets(desk, state=TicketState.PENDING),
        "resolved": open_tickets(desk, state=TicketState.RESOLVED, resolved_at=MONDAY),
        "triage": open_tickets(desk, "triage"),
        "mine": open_tickets(desk, assignee_id=aiko),
        "top": open_tickets(desk, priority=4),
        "tanakas": open_tickets(desk, customer_id=tanaka),
        "phone": open_tickets(desk, channel=Channel.PHONE),
        "english": open_tickets(desk, language="en"),
        "old": open_tickets(desk, created_at=MONDAY - timedelta(days=40)),
        "quiet": open_tickets(desk, last_contact_at=MONDAY - timedelta(days=10)),
        "late": open_tickets(desk, due_at=MONDAY - timedelta(minutes=5)),
        "soon": open_tickets(desk, due_at=MONDAY + timedelta(hours=5)),
        "answered": open_tickets(desk, awaits_us=False),
        "urgent": open_tickets(desk, is_urgent=True),
        "tagged": open_tickets(desk),
        "red": open_tickets(desk),
        "words": open_tickets(desk, subject="100%の領収書 Receipt"),
        "half": open_tickets(desk, subject="ｸｰﾎﾟﾝの使い方"),
        "full": open_tickets(desk, subject="型番ＡＢ－１００について"),
    }

    def mark(db: Session) -> None:
        tags.add(db, db.get_one(Ticket, made["tagged"][0]), "至急", by=None, now=MONDAY)
        db.add(TicketField(key="colour", name="色", name_en="Colour", kind=FieldKind.CHOICE, created_at=MONDAY,
                           choices=[{"key": "red", "name": "赤", "name_en": "Red"}]))  # fmt: skip
        db.flush()
        db.add(FieldValue(ticket_id=made["red"][0], field_id=1, value="red"))
        customer = db.get_one(Customer, tanaka)
        customer.company, customer.company_key = "株式会社ミナト", contact_points.name_key("株式会社ミナト")

    desk.write(mark)
    return made


def test_each_condition_finds_exactly_the_tickets_that_it_means(desk: OpenDesk) -> None:
    made = facts_of(desk)
    every = [number for ids in made.values() for number in ids]
    cases: dict[str, tuple[dict[str, tuple[str, ...]], list[str] | None]] = {
        "state": ({"state": ("pending", "resolved")}, ["pending", "resolved"]),
        "queue": ({"queue": (str(desk.queue("triage").id),)}, ["triage"]),
        "me": ({"assignee": ("me",)}, ["mine"]),
        "somebody": ({"assignee": ("somebody",)}, ["mine"]),
        "priority": ({"priority": ("4", "1")}, ["top"]),
        "customer": ({"customer": ("田中",)}, ["tanakas"]),
        "reading": ({"customer": ("タナカ",)}, ["tanakas"]),
        "company": ({"company": ("㈱ミナト",)}, ["tanakas"]),
        "channel": ({"channel": ("phone",)}, ["phone"]),
        "language": ({"language": ("en",)}, ["english"]),
        "opened": ({"created": ("before:30",)}, ["old"]),
        "contact": ({"contact": ("before:7",)}, ["quiet"]),
        "overdue": ({"due": ("overdue",)}, ["late"]),
        "due soon": ({"due": ("within:1",)}, ["soon"]),
        "due": ({"due": ("any",)}, ["late", "soon"]),
        "waiting": ({"waiting": ("them",)}, ["answered"]),
        "urgent": ({"urgent": ("yes",)}, ["urgent"]),
        "tag": ({"tag": ("1",)}, ["tagged"]),
        "field": ({f"{filters.FIELD}1": ("red",)}, ["red"]),
        "percent": ({"subject": ("100%の",)}, ["words"]),
        "letters": ({"subject": ("receipt",)}, ["words"]),
        "wildcard": ({"subject": ("_領",)}, []),
        "katakana": ({"subject": ("クーポン",)}, ["half"]),
        "hiragana": ({"subject": ("くーぽん",)}, ["half"]),
        "half width": ({"subject": ("ab-100",)}, ["full"]),
        "one of two": ({"subject": ("receipt", "クーポンノ")}, ["words"]),
        "both": ({"priority": ("4",), "channel": ("phone",)}, []),
        "all": ({}, None),
    }
    for name, (conditions, wanted) in cases.items():
        ids = set(every if wanted is None else [number for each in wanted for number in made[each]])
        asked = Filter(conditions)
        for sort in sorting.SORTS:
            found = found_by(desk, AIKO, asked, sort=sort)
            assert set(found.ids) == ids and len(found.ids) == len(ids), (name, sort)
        aiko = desk.agent(AIKO)
        assert desk.read(partial(counting.count, agent=aiko, asked=asked, now=MONDAY)) == counting.Count(len(ids)), name
        held = desk.read(partial(questions.holding, agent=aiko, asked=asked, ticket_ids=every, now=MONDAY))
        assert held == ids, name
    some = Filter({"state": ("open",)}, {"priority": ("4",), "channel": ("phone",), "tag": ("1",)})
    one_is_enough = made["tagged"] + made["phone"] + made["top"]
    assert found_by(desk, AIKO, some).ids == one_is_enough


@pytest.mark.parametrize("sort", sorting.SORTS)
def test_leafing_through_shows_every_ticket_once_in_every_order(desk: OpenDesk, sort: str) -> None:
    for place in range(12):
        due_at = MONDAY + timedelta(hours=place % 3) if place % 2 else None
        open_tickets(desk, ("tech_support", "triage")[place % 2], priority=1 + place % 4, due_at=due_at,
                     state=(TicketState.OPEN, TicketState.PENDING)[place % 3 == 0])  # fmt: skip
    column = sorting.SORTS[sort].column
    for asked in (Filter({"state": ("open", "pending")}), Filter()):  # with resolved ones no index has every order
        seen: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            found = found_by(desk, AIKO, asked, sort=sort, cursor=cursor, limit=5)
            seen += found.ids
            cursor = found.next_cursor
        assert len(seen) == len(set(seen)) == 12
        values = [getattr(ticket, column) for number in seen for ticket in desk.tickets() if ticket.id == number]
        known = [value for value in values if value is not None]
        assert values[: len(known)] == sorted(known, reverse=sorting.SORTS[sort].is_descending)


def test_a_long_search_says_where_it_stopped_and_goes_on_from_there(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "WALK", 30)
    rare = open_tickets(desk, subject="まれな言葉")
    open_tickets(desk, count=15)
    number = keep(desk, AIKO, **{"all.state": "open", "all.subject": "まれな"})
    page = desk.as_(AIKO).get(f"/inbox?view=saved-{number}").text
    assert rows_of(page) == [] and "2026/11/15(日) 10:06 の分まで探しました。" in text_of(page)
    onward = re.search(r'<p class="list-more">.*?href="([^"]+)"', page, re.S)
    assert onward
    assert rows_of(desk.as_(AIKO).get(onward[1].replace("&amp;", "&")).text) == rare


def test_counts_end_where_nobody_counts_any_more(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "COUNTED", 3)
    open_tickets(desk, count=5)
    page = desk.as_(AIKO).get("/inbox").text
    assert '<span class="list-total" data-list-total>3+</span>' in page


def test_who_serves_the_same_queues_shares_a_statement_and_is_counted_what_is_their_own(desk: OpenDesk) -> None:
    queue_id = desk.queue("tech_support").id or 0
    first, second = (
        desk.write(partial(agents.create, name=name, email=f"{name}@example.com", password="correct horse battery",
                           role=Role.AGENT, queue_ids=[queue_id], now=MONDAY))
        for name in ("one", "two")
    )  # fmt: skip
    open_tickets(desk, count=3, assignee_id=first.id, is_urgent=True)
    open_tickets(desk, count=1, assignee_id=second.id)
    open_tickets(desk, slug="returns", count=1, assignee_id=second.id, is_urgent=True)
    open_tickets(desk, slug="returns", count=1, is_urgent=True)  # of which neither may know
    asked = {
        0: Filter({"state": ("open",), "assignee": ("me",)}),
        1: Filter({"state": ("open",), "assignee": (str(first.id), str(second.id))}),
        2: Filter({"state": ("open",), "assignee": ("nobody", str(first.id))}, {"assignee": ("me", str(second.id))}),
        3: Filter({"state": ("open",)}),
        4: Filter({"state": ("open",), "created": ("within:7",)}),
        5: Filter({"state": ("open",), "urgent": ("yes",)}),
    }
    for _ in range(2):  # the second time by the statements that were kept
        counted = [
            desk.read(partial(counting.counts, agent=agent, asked=asked, now=MONDAY)) for agent in (first, second)
        ]
        assert [each.number for each in counted[0].values()] == [3, 4, 3, 4, 4, 3]
        assert [each.number for each in counted[1].values()] == [2, 5, 0, 5, 5, 4]


def test_a_shared_view_shows_each_only_what_they_may_see(desk: OpenDesk) -> None:
    tech, returns = open_tickets(desk), open_tickets(desk, "returns")
    number = keep(desk, SATO, **{"all.state": "open", "audience": "everybody"})
    assert rows_of(desk.as_(SATO).get(f"/inbox?view=saved-{number}").text) == returns + tech
    assert rows_of(desk.as_(AIKO).get(f"/inbox?view=saved-{number}").text) == tech
    assert rows_of(desk.as_(BEN).get(f"/inbox?view=saved-{number}").text) == returns
    held = desk.as_(BEN).get(f"/inbox/belongs?view=saved-{number}&ids={tech[0]},{returns[0]}").json()["held"]
    assert held == returns
    asked = {"queue": (str(desk.queue("tech_support").id),), "assignee": ("somebody", "nobody")}
    for conditions in (Filter(asked), Filter({}, asked), Filter({"assignee": (str(desk.agent(AIKO).id),)})):
        desk.write(lambda db: setattr(db.get_one(Ticket, tech[0]), "assignee_id", desk.agent(AIKO).id))
        assert tech[0] not in found_by(desk, BEN, conditions).ids


def test_a_view_of_a_queue_is_shared_with_who_serves_it_and_nobody_else_opens_it(desk: OpenDesk) -> None:
    number = keep(desk, SATO, audience="queue", queue_id=desk.queue("returns").id, name="返品の急ぎ")
    assert "返品の急ぎ" in desk.as_(BEN).get("/inbox").text
    assert "返品の急ぎ" not in desk.as_(AIKO).get("/inbox").text
    assert desk.as_(AIKO).get(f"/inbox?view=saved-{number}").status_code == 404
    assert desk.as_(AIKO).get(f"/views/{number}").status_code == 404
    assert desk.as_(BEN).get(f"/views/{number}").status_code == 404, "shared is not given away"
    assert desk.as_(BEN).post(f"/views/{number}/delete").status_code == 403


def test_only_supervisors_share(desk: OpenDesk) -> None:
    answer = desk.as_(AIKO).post("/views/new", data={"name": "みんなの", "sort": "newest", "audience": "everybody"})
    assert answer.status_code == 403 and desk.count(SavedView) == 0


def test_views_are_renamed_reordered_deleted_and_the_deletion_taken_back(desk: OpenDesk) -> None:
    first, second = keep(desk, AIKO, name="一つ目"), keep(desk, AIKO, name="二つ目")
    desk.as_(AIKO).post(f"/views/{first}", data={"name": "改めた名前", "sort": "oldest", "all.state": "open"})
    desk.as_(AIKO).post(f"/views/{second}/move", data={"to": "up"})
    page = desk.as_(AIKO).get("/views").text
    assert page.index("二つ目") < page.index("改めた名前") and "一つ目" not in page
    gone = desk.as_(AIKO).post(f"/views/{first}/delete")
    assert "ビューを削除しました。" in text_of(gone.text) and "改めた名前" not in gone.text
    assert desk.as_(AIKO).get(f"/inbox?view=saved-{first}").status_code == 404
    back = desk.as_(AIKO).post(f"/views/{first}/restore")
    assert back.status_code == 200 and "改めた名前" in back.text
    desk.as_(AIKO).post(f"/views/{first}/delete")
    desk.clock.advance(hours=2)
    assert desk.as_(AIKO).post(f"/views/{first}/restore").status_code == 404
    desk.write(lambda db: saved_views.forget_deleted(db, now=desk.clock()))
    assert desk.count(SavedView) == 1


@SQLITE
@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"name": "長" * 61},
        {"name": "x", "all.priority": "9"},
        {"name": "x", "all.nonsense": "1"},
        {"name": "x", "any.created": "within:99999999"},
        {"name": "x", "all.tag": "1; drop"},
        {"name": "x", "all.field:99": "y"},
    ],
)
def test_what_is_no_view_is_refused_and_what_was_typed_stays(standing_desk: OpenDesk, fields: dict[str, str]) -> None:
    answer = standing_desk.as_(AIKO).post("/views/new", data={"sort": "oldest", **fields})
    assert answer.status_code == 422 and 'value="oldest" selected' in answer.text
    assert standing_desk.count(SavedView) == 0


def test_a_view_that_is_open_hears_of_the_tickets_that_come_and_go(desk: OpenDesk) -> None:
    number = keep(desk, AIKO, **{"all.state": "open", "all.priority": "4"})
    (ticket,) = open_tickets(desk)
    screen = desk.screen_of(AIKO, f"/inbox?view=saved-{number}")
    assert screen.tickets == []
    for priority in (4, 2):
        change = partial(prioritized, ticket_id=ticket, priority=priority, by=desk.agent(AIKO))
        desk.write(change)
        screen.check()
        page = desk.as_(AIKO).get(f"/inbox?view=saved-{number}").text
        assert rows_of(page) == ([ticket] if priority == 4 else [])


def test_a_row_says_how_urgent_how_late_and_how_tagged_a_ticket_is(desk: OpenDesk) -> None:
    (ticket,) = open_tickets(desk, priority=4, due_at=MONDAY - timedelta(minutes=12))
    desk.write(lambda db: tags.add(db, db.get_one(Ticket, ticket), "不具合", by=None, now=MONDAY))
    words = text_of(desk.as_(AIKO).get("/inbox").text)
    assert "最優先" in words and "12分超過" in words and "不具合" in words


def test_a_queue_that_is_gone_or_a_tag_nobody_has_finds_nothing(desk: OpenDesk) -> None:
    open_tickets(desk)
    for conditions in ({"queue": ("999",)}, {"tag": ("999",)}, {"assignee": ("999",)}, {"customer": ("？？",)}):
        assert found_by(desk, SATO, Filter(conditions)).ids == []
    assert desk.count(Queue) == 6
