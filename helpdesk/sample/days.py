"""What happens at the sample company whoever writes: mornings and evenings, reviews, orders, settings set otherwise."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from sqlmodel import col, select

from helpdesk import agents, bulk, checklists, fields, orders, queues, settings_history, tags, tickets, watchers
from helpdesk.letters import shipped, table
from helpdesk.reviews import drawing
from helpdesk.reviews import making as making_reviews
from helpdesk.sample.mails import arrive
from helpdesk.sample.stage import Act, Stage, when
from models import Agent, Presence, Priority, ReviewPick, SettingChange, Ticket, TicketState

WANTING = 2  # points of a criterion of which the supervisor says more
_AT_WORK = {  # key: what the agent does now, why, and since how many minutes
    "aiko": (Presence.READY, "", 11),
    "ben": (Presence.READY, "", 25),
    "sato": (Presence.AWAY, "meeting", 18),
    "nakamura": (Presence.AWAY, "lunch", 32),
    "ogawa": (Presence.READY, "", 7),
    "lin": (Presence.AWAY, "training", 48),
}
_TO_DO = ("型番を確認する", "写真をもらう", "部品の在庫を調べる")
_TAGS = {"tech_support": "部品待ち", "returns": "返送待ち", "shipping": "再配達", "billing": "VIP"}  # by queue


def bring_orders(stage: Stage, newest: int, oldest: int) -> Act:
    """What companies ordered from so many days ago on, as the shop's file that a supervisor brings the day after."""
    at = when(stage, f"{newest - 1}d 10:05")
    yield at
    prices = {row["code"]: int(row["price"]) for row in table("products.csv")}
    lines = ["注文番号,商品コード,数量,金額,注文日,ステータス,メールアドレス"]
    for row in table("orders.csv"):
        if newest <= int(row["ago"]) < oldest:
            day = when(stage, f"{row['ago']}d 00:00").astimezone(stage.zone).date()
            amount = prices[row["code"]] * int(row["quantity"])
            lines.append(f"{row['order']},{row['code']},{row['quantity']},{amount},{day},完了,"
                         f"{stage.addresses[row['customer']]}")  # fmt: skip
    orders.take_in(
        stage.db, "\n".join(lines), region=stage.settings.region, timezone=stage.settings.timezone,
        by=stage.staff["sato"], now=at,
    )  # fmt: skip


def broken_mail(stage: Stage) -> Act:
    """Something nobody can read, for the supervisor's page."""
    at, to = stage.now - timedelta(hours=16), stage.settings.mail_from
    yield at
    arrive(stage, shipped()["unreadable"].build(to=to, now=at), to, "", at)


def evening(stage: Stage, days: int) -> Act:
    """Whoever worked that day goes home."""
    at = when(stage, f"{days}d 19:30")
    yield at
    for agent in stage.staff.values():
        state = agents.state_of(stage.db, agent.id or 0)
        if state and state.state != Presence.OFFLINE:
            agents.set_state(stage.db, agent.id or 0, Presence.OFFLINE, now=at)


def review(stage: Stage) -> Act:
    """On Monday mornings two tickets of everybody are drawn from the week before, and the supervisor has read those of
    all weeks but the last."""
    db, by, monday = stage.db, stage.staff["sato"], drawing.last_week(stage.now, stage.settings.timezone)
    for weeks in range(5, -1, -1):
        week = monday - timedelta(days=7 * weeks)
        at = datetime.combine(week + timedelta(days=7), time(7), stage.zone).astimezone(stage.now.tzinfo)
        yield at
        asked = drawing.asked(week.isoformat(), "2", "random", "")
        drawing.draw(db, asked, timezone=stage.settings.timezone, by=by, now=at)
        drawn = select(ReviewPick).where(ReviewPick.week == week.isoformat(), ReviewPick.agent_id != by.id)
        for pick in db.exec(drawn.order_by(col(ReviewPick.id))).all() if weeks else ():
            points = {number: _points(pick, number) for number in range(1, 6)}
            words = _remark(points, db.get_one(Agent, pick.agent_id).language, pick.ticket_id)
            making_reviews.save(db, pick, points, words, by=by, now=at)


def _points(pick: ReviewPick, number: int) -> int | None:
    """What the supervisor thought: mostly good, everybody with strengths of their own."""
    luck = int.from_bytes(hashlib.sha256(f"{pick.ticket_id} {number}".encode()).digest()[:4], "big") % 100
    luck += 7 * ((pick.agent_id * 3 + number * 2 + pick.agent_id * number) % 5 - 2)
    return 5 if luck >= 60 else 4 if luck >= 20 else 3 if luck >= 5 else 2


def _remark(points: Mapping[int, int | None], language: str, luck: int) -> str:
    """What the supervisor wrote beside the points: praise for what was best, and the worst where it was not good."""
    given = {number: value for number, value in points.items() if value is not None}
    best, worst = max(given, key=given.__getitem__), min(given, key=given.__getitem__)
    said = []
    for number, kind in ((best, "good"), (worst, "more")):
        if kind == "good" and given[best] >= 4 or kind == "more" and given[worst] <= WANTING:
            lines = [row for row in table("remarks.csv") if (row["criterion"], row["kind"]) == (str(number), kind)]
            said.append(lines[luck % len(lines)][language])
    return (" " if language == "en" else "").join(said)


def settings(stage: Stage) -> Act:
    """What the supervisor set otherwise since, and once thought better of: the history has something to show."""
    returns, billing, region = stage.lines["returns"], stage.lines["billing"], stage.settings.region
    yield (at := when(stage, "33d 10:12"))
    set_otherwise(stage, at, agents.change, stage.staff["nakamura"], most_tickets=12)
    yield (at := when(stage, "19d 16:40"))
    set_otherwise(stage, at, queues.change, returns, region=region, calls={"most_misses": 3, "ring_seconds": 25})
    yield (at := when(stage, "12d 09:31"))
    hasty = set_otherwise(stage, at, queues.change, billing, region=region, calls={"wrap_up_seconds": 30})
    yield (at := when(stage, "11d 17:55"))
    settings_history.take_back(stage.db, hasty, by=stage.staff["sato"], now=at)


def this_morning(stage: Stage) -> Act:
    """What everybody is doing when the visitor comes in."""
    for key, (state, reason, minutes) in sorted(_AT_WORK.items(), key=lambda each: -each[1][2]):
        at = stage.now - timedelta(minutes=minutes)
        yield at
        agents.set_state(stage.db, stage.staff[key].id or 0, state, reason=reason, now=at)


def work_on(stage: Stage) -> None:
    """What agents have said of a few open tickets besides answering them."""
    db, by, now = stage.db, stage.staff["sato"], stage.now  # after all that was told
    serial = fields.Form(
        name="製造番号",
        name_en="Serial number",
        key="serial",
        hint="本体の裏のラベル",
        hint_en="On the label at its back",
    )
    where = fields.Form(
        name="購入先", name_en="Bought at", key="bought_at", kind="choice",
        choices="online = オンラインストア = Online shop\nshop = 直営店 = Our shop\nother = その他 = Elsewhere",
    )  # fmt: skip
    for form in (serial, where):
        fields.make(db, form, by=by, now=now)
    waiting = select(Ticket).where(Ticket.state == TicketState.OPEN).order_by(col(Ticket.last_contact_at).desc())
    meant = {stage.lines[slug].id: name for slug, name in _TAGS.items()}
    for number, ticket in enumerate(db.exec(waiting.limit(12))):
        if name := meant.pop(ticket.queue_id, ""):  # the newest of each
            tags.add(db, ticket, name, by=by, now=now)
        if number % 5 == 1:
            tickets.prioritize(db, ticket, Priority.HIGH if number > 1 else Priority.URGENT, by=by, now=now)
    shipping = [each.id or 0 for each in db.exec(waiting.where(Ticket.queue_id == stage.lines["shipping"].id))]
    bulk.begin(db, "tag", str(tags.make(db, "運送会社に確認", by=by, now=now).id), shipping, by=by, now=now)
    told = select(Ticket).where(Ticket.state == TicketState.OPEN, col(Ticket.subject).contains("E07"))
    for ticket in db.exec(told):
        tags.add(db, ticket, "部品待ち", by=by, now=now)
        todo = checklists.add_items(db, ticket, _TO_DO, by=by, now=now)
        checklists.tick(db, ticket, todo[0], True, by=by, now=now)
        fields.set(db, ticket, fields.by_key(db, "bought_at"), ["online"], by=by, now=now)
        watchers.watch(db, ticket, by, by=by, now=now)


def set_otherwise(stage: Stage, at: datetime, verb: Callable[..., None], *what: Any, **told: Any) -> SettingChange:
    """One change of settings in the supervisor's name. What changed before it belongs to the desk's founding."""
    by = stage.staff["sato"]
    settings_history.keep(stage.db, by_id=None, now=at)
    verb(stage.db, *what, by=by, now=at, **told)
    change = settings_history.keep(stage.db, by_id=by.id, now=at)
    assert change is not None
    return change
