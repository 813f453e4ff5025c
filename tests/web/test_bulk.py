"""Many tickets at once: what is chosen is frozen, each is done once, refusals are told, and the whole is taken back."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from helpdesk import bulk
from models import BulkAct, BulkItem, BulkState, Ticket, TicketState
from tests.cast import AIKO, AKIRA, BEN, MONDAY, SATO, OpenDesk, Person, text_of
from tests.web.test_views import open_tickets, rows_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def do(desk: OpenDesk, person: Person, what: str, value: object = "", *, ids: list[int], **fields: str) -> str:
    """The bar's button; the page it leads to."""
    form = {"view": "all", "what": what, what: str(value), "ticket": [str(number) for number in ids], **fields}
    answer = desk.as_(person).post("/bulk", data=form)
    assert answer.status_code == 200, text_of(answer.text)
    return answer.text


def work(desk: OpenDesk, bulk_id: int = 1) -> None:
    """What the work engine does with it."""
    desk.app.state.desk.jobs.by_name()["bulk"](bulk_id)


def states(desk: OpenDesk) -> list[str]:
    return [ticket.state.value for ticket in desk.tickets()]


def test_a_few_ticked_tickets_are_changed_at_once_and_taken_back_together(desk: OpenDesk) -> None:
    ids = open_tickets(desk, count=3)
    page = do(desk, AIKO, "assign", desk.agent(AKIRA).id, ids=ids[:2])
    assert "2件中2件完了" in text_of(page) and "木村 明" in text_of(page)
    assert [ticket.assignee_id for ticket in desk.tickets()] == [desk.agent(AKIRA).id] * 2 + [None]
    assert desk.as_(AIKO).post("/bulk/1/undo").status_code == 200
    assert [ticket.assignee_id for ticket in desk.tickets()] == [None] * 3


@pytest.mark.parametrize(
    ("what", "value", "column"),
    [("priority", "4", "priority"), ("pend", "3", "state"), ("resolve", "", "state"), ("move", "returns", "queue_id")],
)
def test_every_act_is_done_and_undone(desk: OpenDesk, what: str, value: str, column: str) -> None:
    ids = open_tickets(desk, count=2)
    before = [getattr(ticket, column) for ticket in desk.tickets()]
    do(desk, AIKO, what, desk.queue(value).id if what == "move" else value, ids=ids)
    changed = [getattr(ticket, column) for ticket in desk.tickets()]
    assert not set(changed) & set(before)
    desk.as_(AIKO).post("/bulk/1/undo")
    assert [getattr(ticket, column) for ticket in desk.tickets()] == before


def test_what_rules_refuse_is_listed_with_the_reason_and_the_others_are_done(desk: OpenDesk) -> None:
    tech, returns = open_tickets(desk), open_tickets(desk, "returns")
    page = do(desk, SATO, "assign", desk.agent(AIKO).id, ids=tech + returns)
    assert "1件は変更できず" in text_of(page)
    details = desk.as_(SATO).get("/bulk/1").text
    assert f"#{returns[0]}" in text_of(details) and "このオペレーターは" in text_of(details)
    assert [ticket.assignee_id for ticket in desk.tickets()] == [desk.agent(AIKO).id, None]


def test_nobody_changes_or_reads_of_tickets_they_may_not_see(desk: OpenDesk) -> None:
    hidden = open_tickets(desk, subject="秘密の件")
    page = do(desk, BEN, "resolve", ids=hidden)
    assert states(desk) == ["open"]
    assert "秘密の件" not in page + desk.as_(BEN).get("/bulk/1").text
    assert desk.as_(AIKO).get("/bulk/1").status_code == 404
    assert desk.as_(AIKO).post("/bulk/1/undo").status_code == 404


def test_all_of_a_view_is_those_it_held_when_it_was_asked_for(desk: OpenDesk) -> None:
    open_tickets(desk, count=30)
    page = do(desk, AIKO, "resolve", ids=[], whole="1")
    assert "30件中0件完了" in text_of(page) and "<progress" in page
    later = open_tickets(desk)
    work(desk)
    assert states(desk).count("resolved") == 30 and desk.tickets()[later[0] - 1].state == TicketState.OPEN
    assert "完了 · 30件中30件完了" in text_of(desk.as_(AIKO).get("/bulk/1").text)


def test_a_restart_in_the_middle_goes_on_and_does_each_ticket_once(desk: OpenDesk) -> None:
    open_tickets(desk, count=60)
    do(desk, AIKO, "priority", "4", ids=[], whole="1")
    assert desk.write(lambda db: bulk.go_on(db, 1, now=MONDAY)), "the process ends here"
    waiting = select(sa.func.count()).where(BulkItem.state == "waiting")
    assert desk.read(lambda db: db.exec(waiting).one()) == 60 - bulk.BATCH
    work(desk)
    work(desk)  # and whoever takes it over twice finds nothing to do
    assert [ticket.priority for ticket in desk.tickets()] == [4] * 60
    act = desk.read(lambda db: db.get(BulkAct, 1))
    assert (act.state, act.done, act.refused) == (BulkState.DONE, 60, 0)


def test_what_is_stopped_leaves_the_rest_and_what_was_done_can_be_taken_back(desk: OpenDesk) -> None:
    open_tickets(desk, count=40)
    do(desk, AIKO, "resolve", ids=[], whole="1")
    desk.write(lambda db: bulk.go_on(db, 1, now=MONDAY))
    desk.as_(AIKO).post("/bulk/1/cancel")
    work(desk)
    assert states(desk).count("resolved") == bulk.BATCH
    desk.as_(AIKO).post("/bulk/1/undo")
    work(desk)
    assert states(desk).count("resolved") == 0
    assert f"{bulk.BATCH}件を取り消し" in text_of(desk.as_(AIKO).get("/bulk/1").text)


def test_what_somebody_changed_since_is_left_by_the_undo(desk: OpenDesk) -> None:
    ids = open_tickets(desk, count=2)
    do(desk, AIKO, "resolve", ids=ids)
    desk.as_(AKIRA).post(f"/tickets/{ids[0]}/reopen")
    desk.as_(AKIRA).post(f"/tickets/{ids[0]}/resolve")
    desk.as_(AIKO).post("/bulk/1/undo")
    assert states(desk) == ["resolved", "open"]
    assert "その後変更された1件はそのまま" in text_of(desk.as_(AIKO).get("/bulk/1").text)


def test_after_an_hour_nothing_is_taken_back(desk: OpenDesk) -> None:
    ids = open_tickets(desk)
    do(desk, AIKO, "resolve", ids=ids)
    desk.clock.advance(hours=1)
    assert "すべて元に戻す" not in desk.as_(AIKO).get("/bulk/1").text
    desk.as_(AIKO).post("/bulk/1/undo")
    assert states(desk) == ["resolved"]


@SQLITE
@pytest.mark.parametrize("form", [{"what": "resolve"}, {"what": "nonsense", "ticket": "1"},
                                  {"what": "priority", "priority": "9", "ticket": "1"},
                                  {"what": "move", "move": "x", "ticket": "1"}])  # fmt: skip
def test_what_cannot_be_done_begins_nothing(desk: OpenDesk, form: dict[str, str]) -> None:
    open_tickets(desk)
    assert desk.as_(AIKO).post("/bulk", data={"view": "all", **form}).status_code == 422
    assert desk.count(BulkAct) == 0


def test_without_a_script_the_ticked_rows_lead_to_a_page_with_the_same_choices(desk: OpenDesk) -> None:
    ids = open_tickets(desk, count=2)
    listed = desk.as_(AIKO).get("/inbox").text
    assert listed.count('form="bulk-form"') == 2 and 'action="/bulk"' in listed
    page = desk.as_(AIKO).get(f"/bulk?view=all&ticket={ids[0]}").text
    assert f'name="ticket" value="{ids[0]}"' in page and 'value="resolve" formmethod="post"' in page
    assert "このビューの全2件" in text_of(page)


def test_who_asked_sees_it_go_on_without_a_reload(desk: OpenDesk) -> None:
    open_tickets(desk, count=30)
    page = do(desk, AIKO, "resolve", ids=[], whole="1")
    screen = desk.screen_of(AIKO, "/inbox?view=all&bulk=1")
    work(desk)
    screen.check()
    assert "bulk" in screen.stale and rows_of(page)
    other = desk.screen_of(AKIRA, "/inbox")
    desk.as_(AIKO).post("/bulk/1/undo")
    work(desk)
    other.sync()
    assert "bulk" not in other.stale


def test_the_work_is_enqueued_with_the_act_and_once(desk: OpenDesk) -> None:
    open_tickets(desk, count=bulk.AT_ONCE + 1)
    do(desk, AIKO, "resolve", ids=[], whole="1")
    keys = desk.read(lambda db: db.scalars(sa.text(
        "SELECT workflow_uuid FROM dbos.workflow_status" if not desk.database.is_sqlite
        else "SELECT workflow_uuid FROM workflow_status")).all())  # fmt: skip
    assert [key for key in keys if re.match("bulk:", key)] == ["bulk:1:running"]
    rows = desk.read(lambda db: db.exec(select(Ticket.id).where(col(Ticket.state) == "resolved")).all())
    assert rows == [] and desk.clock() < MONDAY + timedelta(hours=1)


def test_what_can_no_longer_be_taken_back_is_let_go_of_and_its_figures_stay(desk: OpenDesk) -> None:
    ids = open_tickets(desk, count=3)
    do(desk, AIKO, "resolve", ids=ids)

    def forget(limit: int = 2) -> int:
        return desk.write(lambda db: bulk.forget(db, now=desk.clock(), limit=limit))  # type: ignore[no-any-return]

    desk.clock.advance(minutes=59)
    assert forget() == 0 and desk.count(BulkItem) == 3
    desk.clock.advance(minutes=2)
    assert [forget(), forget(), forget()] == [2, 1, 0] and desk.count(BulkItem) == 0
    assert "3件中3件完了" in text_of(desk.as_(AIKO).get("/bulk/1").text)
