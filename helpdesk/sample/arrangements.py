"""What the sample's supervisor has arranged: canned replies, rules and macros, a dashboard and a report by mail, the
shop that is about to open, and who works when."""

from datetime import timedelta
from typing import Any, Final

from sqlmodel import select

from helpdesk import (
    canned,
    checklist_templates,
    dashboards,
    exchanges,
    macros,
    mailboxes,
    schedules,
    shifts,
    staffing,
)
from helpdesk.letters import entries, file
from helpdesk.mail import attachments
from helpdesk.rules import making
from helpdesk.sample.company import DOMAIN
from helpdesk.sample.stage import Stage
from models import CannedReply, ExchangeKind


def prepare_words(stage: Stage) -> None:
    """The canned replies a supervisor has written, some of them long since in use."""
    for row in sorted(entries("canned", "reply"), key=lambda row: -row["days"]):
        at, uses, files = stage.now - timedelta(days=row["days"]), row["uses"], row.get("files", ())
        queue = stage.lines[row["queue"]] if "queue" in row else None
        form = canned.Form(**{name: row[name] for name in ("title", "title_en", "trigger", "text", "text_en")},
                           queue_id=queue.id if queue else None)  # fmt: skip
        stored = [
            attachments.store(stage.settings.attachments, name=name, content_type="application/pdf",
                              content=file(name))
            for name in files
        ]  # fmt: skip
        made = canned.create(stage.db, form, files=stored, by=stage.staff["sato"], now=at)
        made.uses, made.last_used_at = uses, stage.now - timedelta(days=row["last"], hours=3) if uses else None


def lay_down_rules(stage: Stage) -> None:
    """What the desk does by itself from now on, what still waits to be tried, and what agents do in one step."""
    told: dict[str, Any] = {"by": stage.staff["sato"], "now": stage.now}
    listed = "\n".join(("購入日と保証期間を確認", "集荷を手配", "届いた品物を確認", "返金または交換品を発送"))
    listed_en = "\n".join(("Check the day of purchase and the warranty", "Arrange the pick-up",
                           "Look at what came back", "Refund it or send another"))  # fmt: skip
    steps = checklist_templates.save(
        stage.db,
        None,
        name="返品の手順",
        name_en="Steps of a return",
        items=listed,
        items_en=listed_en,
        queue_id=stage.lines["returns"].id,
        **told,
    )
    lay_on = {"do": "checklist", "value": steps.id}
    refund = making.Form(
        name="返品・返金の相談は優先", name_en="Returns and refunds come first", trigger="opened",
        acts=[{"do": "prioritize", "value": "3"}, lay_on],
        all_of=[{"what": "text", "is": "contains", "value": ["返金", "返品", "refund"]}],
    )  # fmt: skip
    late = making.Form(
        name="返信が遅れている問い合わせ", name_en="Answers that are late", trigger="unanswered_for",
        after_minutes=240, in_hours=True,
        acts=[{"do": "note", "value": "4時間返信がありません。{agent}さん、確認をお願いします。"
                                      " / No answer for 4 hours: {agent}, please have a look."},
              {"do": "prioritize", "value": "4"}],
    )  # fmt: skip
    kept = [making.save(stage.db, None, form, settings=stage.settings, **told) for form in (refund, late)]
    making.switch(stage.db, kept[0], True, **told)
    taking = macros.Form(name="返品を引き受ける", name_en="Take on a return", queue_id=stage.lines["returns"].id,
                         acts=[{"do": "assign", "value": "me"}, lay_on])  # fmt: skip
    macros.save(stage.db, None, taking, settings=stage.settings, **told)
    laid = {reply.trigger: str(reply.id) for reply in stage.db.exec(select(CannedReply))}
    for line, (name, name_en), (steps_name, steps_en), todo, todo_en, trigger in _MACROS:
        acts: list[dict[str, Any]] = [{"do": "assign", "value": "me"}, {"do": "reply", "value": laid[trigger]}]
        if todo:
            made = checklist_templates.save(
                stage.db, None, name=steps_name, name_en=steps_en, items="\n".join(todo),
                items_en="\n".join(todo_en), queue_id=stage.lines[line].id, **told
            )  # fmt: skip
            acts.insert(1, {"do": "checklist", "value": made.id})
        form = macros.Form(name=name, name_en=name_en, queue_id=stage.lines[line].id, acts=acts)
        macros.save(stage.db, None, form, settings=stage.settings, **told)


_MACROS: tuple[tuple[str, tuple[str, str], tuple[str, str], tuple[str, ...], tuple[str, ...], str], ...] = (
    ("tech_support", ("故障の受付", "Take on a defect"), ("故障の切り分け", "Narrow down a defect"),
     ("型番と製造番号を確認", "症状と発生時期を確認", "リセットの結果を確認", "保証の有無を確認"),
     ("Ask for the model and serial number", "Ask what happens and since when", "Hear what a reset did",
      "Check the warranty"), "dengen"),
    ("shipping", ("未着の調査を始める", "Look for a parcel"), ("未着の調査", "Where a parcel is"),
     ("追跡番号を確認", "配送会社に照会", "お客様に結果を連絡"),
     ("Look up the tracking number", "Ask the carrier", "Tell the customer what they said"), "haisou"),
    ("billing", ("領収書をご案内", "Explain the receipt"), ("", ""), (), (), "ryoushu"),
)  # fmt: skip
"""Macros: a queue, what it is called, a checklist and its lines in either language, the short word of the canned reply
it lays in."""


def compose_dashboard(stage: Stage) -> None:
    """What the supervisor looks at every morning, and everybody may."""
    told: dict[str, Any] = {"by": stage.staff["sato"], "now": stage.now}
    board = dashboards.make(stage.db, name="朝の確認", audience="everybody", **told)
    for part in ("calls.figure.offered", "calls.figure.service_level", "feedback.figure.csat", "feedback.figure.nps",
                 "calls.chart.volume", "feedback.chart.csat", "topics.chart.topics", "calls.chart.week"):  # fmt: skip
        dashboards.add(stage.db, board, part=part, asked={"period": "month"}, is_wide=False, **told)


_SHIFTS: Final = {
    "aiko": ("9:00-13:00, 14:00-18:00", range(5)), "lin": ("10:00-14:00, 15:00-19:00", (0, 1, 3, 4)),
    "nakamura": ("9:00-12:00, 13:00-18:00", range(4)), "ben": ("9:00-13:00, 14:00-18:00", range(5)),
    "ogawa": ("11:00-19:00", (0, 2, 4)),
}  # fmt: skip
"""Who works from when to when, and on which days of the week from Monday; the afternoon of Friday has gaps."""


def plan_shifts(stage: Stage) -> None:
    """Who is there this week and in the next two, and that some queues are never to be left alone."""
    told: dict[str, Any] = {"by": stage.staff["sato"], "now": stage.now}
    first = staffing.mondays(stage.now, stage.settings.timezone)[0]
    for weeks in range(3):
        for key, (worked, days) in _SHIFTS.items():
            week = [first + timedelta(weeks=weeks, days=day) for day in days]
            shifts.add(stage.db, stage.staff[key], week, worked, **told)
    for slug in ("tech_support", "returns", "general"):
        staffing.assume(stage.db, stage.lines[slug], staffing.WhatIf(instead={"least": 1}), **told)


def mail_reports(stage: Stage) -> None:
    """The week's figures leave every Monday morning."""
    form = schedules.Form(
        name="週次サービスレポート", report="service", asked={"period": "last_week"}, timezone=stage.settings.timezone,
        formats=("pdf", "xlsx"), agent_ids=[stage.staff["sato"].id or 0],
    )  # fmt: skip
    schedules.save(stage.db, None, form, by=stage.staff["sato"], settings=stage.settings, now=stage.now)


def prepare_the_shop(stage: Stage) -> None:
    """The shop's mailbox and telephones are set up and rest until it opens: nobody goes there, and nothing is heard."""
    told: dict[str, Any] = {"by": stage.staff["sato"], "now": stage.now}
    mails = mailboxes.Form(
        name="直営店の受付", address=f"store@{DOMAIN}", host=f"imap.{DOMAIN}", user=f"store@{DOMAIN}",
        secret="not-a-secret", queue_id=stage.lines["general"].id,
    )  # fmt: skip
    mailboxes.pause(stage.db, mailboxes.create(stage.db, mails, settings=stage.settings, **told), **told)
    calls = exchanges.Form(
        kind=ExchangeKind.PUSH, name="store", label="直営店の電話（開店準備中）", queue_id=stage.lines["general"].id
    )
    exchanges.pause(stage.db, exchanges.create(stage.db, calls, settings=stage.settings, **told), **told)
