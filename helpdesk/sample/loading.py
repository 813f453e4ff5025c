"""A desk is filled with the sample company's two months: all stories together, each step at its time."""

import heapq
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import queues, saved_views, segments
from helpdesk.filters import Filter
from helpdesk.letters import entries
from helpdesk.sample import arrangements, days, opinions
from helpdesk.sample.stage import Act, set_up
from helpdesk.sample.stories import story
from helpdesk.settings import Settings
from models import Agent, Notification


def load(db: Session, *, now: datetime, settings: Settings) -> None:
    """Fill an empty desk. Does nothing where there are agents already. Takes a second or two.

    Attachments go to the data folder like any other. No mail is sent: what agents wrote in the past is written down as
    sent then.
    """
    if db.exec(select(Agent.id).limit(1)).first() is not None:
        return
    stage = set_up(db, now=now, settings=settings)
    stories = [story(stage, each) for name in ("past", "returns", "open") for each in entries(name, "story")]
    arrangements.prepare_words(stage)
    evenings = [days.evening(stage, ago) for ago in range(60, -1, -1)]
    bought = [days.bring_orders(stage, 19, 28), days.bring_orders(stage, 4, 19)]
    asked = [opinions.after_tickets(stage), opinions.to_a_list(stage)]
    others = [days.review(stage), days.settings(stage), days.broken_mail(stage), days.this_morning(stage)]
    _play([*stories, *evenings, *bought, *asked, *others], until=now)
    opinions.ask_from_now_on(stage)
    opinions.gathered_elsewhere(stage)
    days.work_on(stage)
    arrangements.lay_down_rules(stage)
    arrangements.compose_dashboard(stage)
    arrangements.plan_shifts(stage)
    arrangements.mail_reports(stage)
    arrangements.prepare_the_shop(stage)
    late = Filter({"state": ("open",), "waiting": ("us",), "contact": ("before:1",)})
    saved_views.save(
        db, None, name="返信待ち・1日以上", asked=late, sort="oldest", columns=saved_views.USUAL, audience="everybody",
        queue_id=None, by=stage.staff["sato"], now=now,
    )  # fmt: skip
    vacuums = segments.Asked({"bought": ("掃除機",), "reach": ("email",)})
    cleaners = segments.save(db, None, name="掃除機をお使いの方", asked=vacuums, by=stage.staff["sato"], now=now)
    opinions.ready_to_send(stage, cleaners)
    day = now - timedelta(days=1)  # what agents were told before is read
    db.execute(sa.update(Notification).where(col(Notification.at) < day).values(read_at=day, mailed_at=day))
    receipts = {"acknowledges": True}  # from now on: nobody is told today what was received weeks ago
    days.set_otherwise(stage, now, queues.change, stage.lines["returns"], region=settings.region, **receipts)


def _play(acts: list[Act], *, until: datetime) -> None:
    """Play all stories together, each step at its time; what lies after `until` has not happened yet."""
    waiting = [(at, number, act) for number, act in enumerate(acts) if (at := next(act, None))]
    heapq.heapify(waiting)
    while waiting:
        at, number, act = heapq.heappop(waiting)
        if at > until:
            return
        if then := next(act, None):
            heapq.heappush(waiting, (then, number, act))
