"""A sample company with two months behind it, so that a visitor opens the door of a desk that is at work.

The idea: nobody writes its rows. Its customers' mails are built as bytes and read like any mail, its calls are told
by a telephone system, its agents use the desk's own verbs, all in the order of time. So every ticket has a real
history, every decision of the classifier a real reason, and whatever the desk learns to do the sample does too.

The people and their words are in `helpdesk/sample/`: `customers.csv`, `products.csv`, `lots.csv`, `past.toml`,
`returns.toml` and `open.toml`; what they say when asked is told by helpdesk/sample_opinions.py. A story there is one
ticket: who writes (or calls), how long ago, and what follows after which time. The blankets of lot EB1-2610C get too
hot, which nobody tells the desk: it finds that out by itself.
"""

import hashlib
import heapq
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from classifiers import Router, registry
from cti import CallEvent, Kind
from helpdesk import (
    agents,
    calls,
    canned,
    checklist_templates,
    checklists,
    dashboards,
    fields,
    hours,
    imports,
    impressions,
    inbox,
    macros,
    orders,
    outgoing,
    policies,
    queues,
    returns,
    routing,
    sample_opinions,
    saved_views,
    settings_history,
    shifts,
    staffing,
    tags,
    tickets,
    watchers,
)
from helpdesk.customers import contact_points, records
from helpdesk.events import MessageSent, emit
from helpdesk.filters import Filter
from helpdesk.letters import FOLDER, Letter, build, file, quoted, shipped, table
from helpdesk.mail import attachments, compose, receive, threads
from helpdesk.products import catalogue
from helpdesk.reviews import drawing
from helpdesk.reviews import making as making_reviews
from helpdesk.rules import making
from helpdesk.settings import Settings
from models import (
    Agent,
    Call,
    CannedReply,
    Customer,
    Direction,
    InboundKind,
    Message,
    MessageKind,
    MessageState,
    Notification,
    Presence,
    Priority,
    Product,
    ProductReturn,
    Purchase,
    Queue,
    ReturnReason,
    ReviewPick,
    Role,
    SettingChange,
    Ticket,
    TicketState,
)

__all__ = ["ACCOUNTS", "CALLERS", "COMPANY", "LETTERS", "LINES", "SUPPORT", "Account", "Caller", "Line", "load"]

SUPPORT: Final = "support@desk.example.jp"
COMPANY: Final = {"ja": "ひより電器", "en": "Hiyori Appliances"}
DOMAIN: Final = "desk.example.jp"


@dataclass(frozen=True, slots=True)
class Line:
    """How customers reach a queue."""

    phone: str  # E.164
    address: str | None
    greeting: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in to the demonstration. The password is no secret."""

    key: str
    name: str
    reading: str
    email: str
    password: str
    serves: tuple[str, ...]  # slugs of queues
    extension: str
    language: str = "ja"
    role: Role = Role.AGENT


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who can be made to call. `number` as a telephone system gives it, `called` the line dialed (E.164)."""

    key: str
    label: dict[str, str]
    number: str
    called: str


LINES: Final = {
    "tech_support": Line(
        "+81355500101",
        f"tech@{DOMAIN}",
        "ひより電器、技術サポートでございます。担当者におつなぎしますので、そのままお待ちください。",
    ),
    "returns": Line("+81355500102", f"returns@{DOMAIN}", "ひより電器、返品・交換の窓口でございます。"),
    "billing": Line("+81355500103", f"billing@{DOMAIN}", "ひより電器、ご請求・お支払いの窓口でございます。"),
    "shipping": Line("+81355500104", f"shipping@{DOMAIN}", "ひより電器、配送の窓口でございます。"),
    "general": Line("+81355500100", None, "お電話ありがとうございます。ひより電器でございます。"),
}
"""Mail to `settings.mail_from` belongs to no queue, so there the classifier decides."""

ACCOUNTS: Final = (
    Account(
        "aiko", "山田 愛子", "ヤマダ アイコ", f"aiko@{DOMAIN}", "aiko-demo-2026",
        ("tech_support", "general", "triage"), "201",
    ),
    Account(
        "ben", "Ben Carter", "ベン カーター", f"ben@{DOMAIN}", "ben-demo-2026",
        ("returns", "shipping", "triage"), "202", language="en",
    ),
    Account(
        "sato", "佐藤 健", "サトウ ケン", f"sato@{DOMAIN}", "sato-demo-2026", ("triage",), "200", role=Role.SUPERVISOR,
    ),
    Account(
        "nakamura", "中村 美穂", "ナカムラ ミホ", f"nakamura@{DOMAIN}", "nakamura-demo-2026",
        ("billing", "general"), "203",
    ),
    Account("ogawa", "小川 翔", "オガワ ショウ", f"ogawa@{DOMAIN}", "ogawa-demo-2026", ("shipping", "returns"), "204"),
    Account("lin", "林 美玲", "リン メイリン", f"lin@{DOMAIN}", "lin-demo-2026", ("tech_support", "general"), "205"),
)  # fmt: skip

CALLERS: Final = {
    caller.key: caller
    for caller in (
        Caller(
            "tanaka",
            {"ja": "田中 美咲様（登録済み、対応中の件あり）", "en": "Ms. Tanaka (known, with an open ticket)"},
            "+819012345601",
            LINES["tech_support"].phone,
        ),
        Caller(
            "family",
            {"ja": "伊藤家の電話（お二人で共有の番号）", "en": "The Ito family (a number two customers share)"},
            "+81312345602",
            LINES["general"].phone,
        ),
        Caller(
            "company",
            {"ja": "ミナト設備の代表電話（ご担当者3名）", "en": "Minato's main line (three customers)"},
            "+81312345610",
            LINES["general"].phone,
        ),
        Caller(
            "unknown",
            {"ja": "登録のない番号", "en": "An unknown number"},
            "+819012345696",
            LINES["tech_support"].phone,
        ),
        Caller("withheld", {"ja": "非通知", "en": "A withheld number"}, "anonymous", LINES["general"].phone),
        Caller(
            "english",
            {"ja": "Emma Wilson様（英語、英国の番号）", "en": "Emma Wilson (in English, from a UK number)"},
            "+447700900123",
            LINES["tech_support"].phone,
        ),
    )
}

LETTERS: Final[dict[str, Letter]] = shipped()


def load(db: Session, *, now: datetime, settings: Settings) -> None:
    """Fill an empty desk. Does nothing where there are agents already. Takes a second or two.

    Attachments go to the data folder like any other. No mail is sent: what agents wrote in the past is written down as
    sent then.
    """
    if db.exec(select(Agent.id).limit(1)).first() is not None:
        return
    stage = _set_up(db, now=now, settings=settings)
    stories = [_story(stage, each) for name in ("past", "returns", "open") for each in _told(name)]
    _prepare_words(stage)
    days_off = [_evening(stage, days) for days in range(60, -1, -1)]
    bought = [_bring_orders(stage, 19, 28), _bring_orders(stage, 4, 19)]
    opinions = [sample_opinions.after_tickets(stage), sample_opinions.to_a_list(stage)]
    others = [_review(stage), _settings(stage), _broken_mail(stage), _this_morning(stage)]
    _play([*stories, *days_off, *bought, *opinions, *others], until=now)
    sample_opinions.gathered_elsewhere(stage)
    _work_on(stage)
    _lay_down_rules(stage)
    _compose_dashboard(stage)
    _plan_shifts(stage)
    late = Filter({"state": ("open",), "waiting": ("us",), "contact": ("before:1",)})
    saved_views.save(
        db, None, name="返信待ち・1日以上", asked=late, sort="oldest", columns=saved_views.USUAL, audience="everybody",
        queue_id=None, by=stage.staff["sato"], now=now,
    )  # fmt: skip
    day = now - timedelta(days=1)  # what agents were told before is read
    db.execute(sa.update(Notification).where(col(Notification.at) < day).values(read_at=day, mailed_at=day))
    receipts = {"acknowledges": True}  # from now on: nobody is told today what was received weeks ago
    _set(stage, now, queues.change, stage.lines["returns"], region=settings.region, **receipts)


# --- the stage -------------------------------------------------------------------------------------------------------

_AT_WORK = {  # key: what the agent does now, why, and since how many minutes
    "aiko": (Presence.READY, "", 11),
    "ben": (Presence.READY, "", 25),
    "sato": (Presence.AWAY, "meeting", 18),
    "nakamura": (Presence.AWAY, "lunch", 32),
    "ogawa": (Presence.READY, "", 7),
    "lin": (Presence.AWAY, "training", 48),
}


@dataclass(slots=True)
class Stage:
    """Everybody and everything a story needs."""

    db: Session
    settings: Settings
    now: datetime
    zone: ZoneInfo
    router: Router
    asked: frozenset[str]  # what is guessed of texts besides their queue
    staff: dict[str, Agent] = field(default_factory=dict)
    lines: dict[str, Queue] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)  # by customer's key: the first number nobody shares
    addresses: dict[str, str] = field(default_factory=dict)
    orders: dict[str, dict[str, str]] = field(default_factory=dict)  # by customer's key: product code -> order number


_TO_DO = ("型番を確認する", "写真をもらう", "部品の在庫を調べる")


def _work_on(stage: Stage) -> None:
    """What agents have said of a few open tickets besides answering them."""
    db, by, now = stage.db, stage.staff["sato"], stage.now  # after all that was told
    serial = fields.Form(name="製造番号", name_en="Serial number", key="serial", hint="本体の裏のラベル")
    where = fields.Form(
        name="購入先", name_en="Bought at", key="bought_at", kind="choice",
        choices="online = オンラインストア = Online shop\nshop = 直営店 = Our shop\nother = その他 = Elsewhere",
    )  # fmt: skip
    for form in (serial, where):
        fields.make(db, form, by=by, now=now)
    waiting = select(Ticket).where(Ticket.state == TicketState.OPEN).order_by(col(Ticket.last_contact_at).desc())
    for number, ticket in enumerate(db.exec(waiting.limit(12))):
        if number % 3 == 0:
            tags.add(db, ticket, ("初期不良", "VIP", "部品待ち", "設置")[number // 3 % 4], by=by, now=now)
        if number % 5 == 1:
            tickets.prioritize(db, ticket, Priority.HIGH if number > 1 else Priority.URGENT, by=by, now=now)
    told = select(Ticket).where(Ticket.state == TicketState.OPEN, col(Ticket.subject).contains("E07"))
    for ticket in db.exec(told):
        tags.add(db, ticket, "部品待ち", by=by, now=now)
        todo = checklists.add_items(db, ticket, _TO_DO, by=by, now=now)
        checklists.tick(db, ticket, todo[0], True, by=by, now=now)
        fields.set(db, ticket, fields.by_key(db, "bought_at"), ["online"], by=by, now=now)
        watchers.watch(db, ticket, by, by=by, now=now)


def _set_up(db: Session, *, now: datetime, settings: Settings) -> Stage:
    stage = Stage(db, settings, now, ZoneInfo(settings.timezone), registry.shipped(), impressions.ready())
    founded = now - timedelta(days=430)
    for queue in queues.make_defaults(db):
        stage.lines[queue.slug] = queue
        if line := LINES.get(queue.slug):
            queue.phone, queue.address, queue.greeting = line.phone, line.address, line.greeting
            queue.signature = (
                f"{COMPANY['ja']} お客様窓口　{queue.name}　担当: {{agent}}\n"
                f"電話 {contact_points.national(line.phone)}（平日 9:00〜18:00）"
            )
    for account in ACCOUNTS:
        stage.staff[account.key] = agents.create(
            db,
            name=account.name,
            reading=account.reading,
            email=account.email,
            password=account.password,
            role=account.role,
            language=account.language,
            phone=f"client:{account.key}",
            extension=account.extension,
            queue_ids=[stage.lines[slug].id or 0 for slug in account.serves],
            now=founded,
        )
    _promise(stage, founded)
    _register_customers(stage, founded)
    return stage


def _promise(stage: Stage, founded: datetime) -> None:
    """The office's hours, and by when customers have an answer."""
    week, by = dict.fromkeys(hours.WEEK[:5], "9:00-18:00"), stage.staff["sato"]
    office = hours.save(
        stage.db, None, name="平日", timezone=stage.settings.timezone, week=week, holidays="JP", days="", by=by,
        now=founded,
    )  # fmt: skip
    form = policies.Form(
        name="標準", calendar_id=office.id, first_response_minutes=4 * 60, next_response_minutes=8 * 60,
        resolution_minutes=45 * 60, at_risk_told=["assignee"], breached_told=["assignee", "supervisors"],
    )  # fmt: skip
    policies.save(stage.db, None, form, by=by, now=founded)


def _register_customers(stage: Stage, founded: datetime) -> None:
    prices = {row["code"]: row for row in table("products.csv")}
    listed = [{"code": each["code"], "name": each["ja"], "name_en": each["en"]} for each in prices.values()]
    for told in (listed, table("lots.csv")):
        lines = [imports.Row(number, cells) for number, cells in enumerate(told, 2)]
        catalogue.bring_in(stage.db, lines, by=stage.staff["sato"], now=founded)
    rows = table("customers.csv")
    points = {row["key"]: (_labeled(row["phones"]), row["addresses"].split(";")) for row in rows}
    shared = Counter(each for phones, addresses in points.values() for each in (*phones, *addresses))
    for row in rows:
        phones, addresses = points[row["key"]]
        form = records.Form(
            name=row["name"],
            reading=row["reading"],
            company=row["company"],
            language=row["language"],
            phones=list(phones),
            addresses=addresses,
            caution=row["caution"] or "",
            note=row["note"] or "",
            labels=phones,
        )
        customer = records.create(stage.db, form, region=stage.settings.region, now=founded)
        stage.customers[row["key"]] = customer
        stage.phones[row["key"]] = next((each for each in phones if shared[each] == 1), next(iter(phones)))
        stage.addresses[row["key"]] = next((each for each in addresses if shared[each] == 1), addresses[0])
        stage.orders[row["key"]] = _buy(stage, customer, row["bought"], prices)


def _prepare_words(stage: Stage) -> None:
    """The canned replies a supervisor has written, some of them long since in use."""
    with (FOLDER / "canned.toml").open("rb") as source:
        told = tomllib.load(source)["reply"]
    for row in sorted(told, key=lambda row: -row["days"]):
        at, uses, files = stage.now - timedelta(days=row["days"]), row["uses"], row.get("files", ())
        queue = stage.lines[row["queue"]] if "queue" in row else None
        form = canned.Form(**{name: row[name] for name in ("title", "title_en", "trigger", "text", "text_en")},
                           queue_id=queue.id if queue else None)  # fmt: skip
        stored = [
            attachments.store(stage.settings.data / "attachments", name=name, content_type="application/pdf",
                              content=file(name))
            for name in files
        ]  # fmt: skip
        made = canned.create(stage.db, form, files=stored, by=stage.staff["sato"], now=at)
        made.uses, made.last_used_at = uses, stage.now - timedelta(days=row["last"], hours=3) if uses else None


def _lay_down_rules(stage: Stage) -> None:
    """What the desk does by itself from now on, what still waits to be tried, and what agents do in one step."""
    told: dict[str, Any] = {"by": stage.staff["sato"], "now": stage.now}
    listed = "\n".join(("購入日と保証期間を確認", "集荷を手配", "届いた品物を確認", "返金または交換品を発送"))
    steps = checklist_templates.save(
        stage.db,
        None,
        name="返品の手順",
        name_en="Steps of a return",
        items=listed,
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
        acts=[{"do": "note", "value": "4時間返信がありません。{agent}さん、確認をお願いします。"},
              {"do": "prioritize", "value": "4"}],
    )  # fmt: skip
    kept = [making.save(stage.db, None, form, settings=stage.settings, **told) for form in (refund, late)]
    making.switch(stage.db, kept[0], True, **told)
    taking = macros.Form(name="返品を引き受ける", name_en="Take on a return", queue_id=stage.lines["returns"].id,
                         acts=[{"do": "assign", "value": "me"}, lay_on])  # fmt: skip
    macros.save(stage.db, None, taking, settings=stage.settings, **told)
    laid = {reply.trigger: str(reply.id) for reply in stage.db.exec(select(CannedReply))}
    for line, (name, name_en), (steps_name, steps_en), todo, trigger in _MACROS:
        acts: list[dict[str, Any]] = [{"do": "assign", "value": "me"}, {"do": "reply", "value": laid[trigger]}]
        if todo:
            queue_id, items = stage.lines[line].id, "\n".join(todo)
            made = checklist_templates.save(
                stage.db, None, name=steps_name, name_en=steps_en, items=items, queue_id=queue_id, **told
            )
            acts.insert(1, {"do": "checklist", "value": made.id})
        form = macros.Form(name=name, name_en=name_en, queue_id=stage.lines[line].id, acts=acts)
        macros.save(stage.db, None, form, settings=stage.settings, **told)


_MACROS: tuple[tuple[str, tuple[str, str], tuple[str, str], tuple[str, ...], str], ...] = (
    ("tech_support", ("故障の受付", "Take on a defect"), ("故障の切り分け", "Narrow down a defect"),
     ("型番と製造番号を確認", "症状と発生時期を確認", "リセットの結果を確認", "保証の有無を確認"), "dengen"),
    ("shipping", ("未着の調査を始める", "Look for a parcel"), ("未着の調査", "Where a parcel is"),
     ("追跡番号を確認", "配送会社に照会", "お客様に結果を連絡"), "haisou"),
    ("billing", ("領収書をご案内", "Explain the receipt"), ("", ""), (), "ryoushu"),
)  # fmt: skip
"""Macros: a queue, what it is called, a checklist and its lines, the short word of the canned reply it lays in."""


def _compose_dashboard(stage: Stage) -> None:
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


def _plan_shifts(stage: Stage) -> None:
    """Who is there this week and in the next two, and that some queues are never to be left alone."""
    told: dict[str, Any] = {"by": stage.staff["sato"], "now": stage.now}
    first = staffing.mondays(stage.now, stage.settings.timezone)[0]
    for weeks in range(3):
        for key, (worked, days) in _SHIFTS.items():
            week = [first + timedelta(weeks=weeks, days=day) for day in days]
            shifts.add(stage.db, stage.staff[key], week, worked, **told)
    for slug in ("tech_support", "returns", "general"):
        staffing.assume(stage.db, stage.lines[slug], staffing.WhatIf(instead={"least": 1}), **told)


def _labeled(phones: str) -> dict[str, str]:
    """ "携帯=090-1234-5601;..." -> {"+819012345601": "携帯", ...}"""
    pairs = (each.split("=") for each in phones.split(";"))
    return {contact_points.to_e164(number): label for label, number in pairs}


def _buy(stage: Stage, customer: Customer, bought: str, products: dict[str, dict[str, str]]) -> dict[str, str]:
    """ "rc55-9 fl6x2-5" is one RC-55 nine days ago and two packs of filters five days ago; "!" behind: returned."""
    orders = {}
    for number, each in enumerate(bought.split(), 1):
        found = re.fullmatch(r"([a-z0-9]+?)(?:x(\d+))?-(\d+)(!?)", each)
        assert found, each
        code, quantity, days = found[1], int(found[2] or 1), int(found[3])
        at = stage.now - timedelta(days=days, hours=5)
        status = "returned" if found[4] else "ordered" if days <= 2 else "shipped" if days == 3 else "delivered"
        orders[code] = f"HY{at.astimezone(stage.zone):%y%m%d}-{(customer.id or 0) * 37 % 900 + 100}{number}"
        stage.db.add(
            Purchase(
                customer_id=customer.id or 0,
                order_number=orders[code],
                product=products[code]["en" if customer.language == "en" else "ja"],
                quantity=quantity,
                amount_yen=int(products[code]["price"]) * quantity,
                status=status,
                ordered_at=at,
            )
        )
    return orders


def _told(name: str) -> list[dict[str, Any]]:
    with (FOLDER / f"{name}.toml").open("rb") as source:
        return list(tomllib.load(source)["story"])


def _bring_orders(stage: Stage, newest: int, oldest: int) -> Iterator[datetime]:
    """What companies ordered from so many days ago on, as the shop's file that a supervisor brings the day after."""
    at = _when(stage, f"{newest - 1}d 10:05")
    yield at
    prices = {row["code"]: int(row["price"]) for row in table("products.csv")}
    lines = ["注文番号,商品コード,数量,金額,注文日,ステータス,メールアドレス"]
    for row in table("orders.csv"):
        if newest <= int(row["ago"]) < oldest:
            day = _when(stage, f"{row['ago']}d 00:00").astimezone(stage.zone).date()
            amount = prices[row["code"]] * int(row["quantity"])
            lines.append(f"{row['order']},{row['code']},{row['quantity']},{amount},{day},完了,"
                         f"{stage.addresses[row['customer']]}")  # fmt: skip
    orders.take_in(
        stage.db, "\n".join(lines), region=stage.settings.region, timezone=stage.settings.timezone,
        by=stage.staff["sato"], now=at,
    )  # fmt: skip


# --- the play --------------------------------------------------------------------------------------------------------

_Act = Iterator[datetime]
"""A story being played: it says when it wants to go on, and goes on when its turn has come."""


def _play(acts: list[_Act], *, until: datetime) -> None:
    """Play all stories together, each step at its time; what lies after `until` has not happened yet."""
    waiting = [(at, number, act) for number, act in enumerate(acts) if (at := next(act, None))]
    heapq.heapify(waiting)
    while waiting:
        at, number, act = heapq.heappop(waiting)
        if at > until:
            return
        if then := next(act, None):
            heapq.heappush(waiting, (then, number, act))


def _story(stage: Stage, told: dict[str, Any]) -> _Act:
    """One ticket, from its first mail or ring to whatever came last."""
    at = _when(stage, told["ago"])
    queue = told.get("queue") or told.get("call") or told["to"]
    wanted = "tech_support" if queue == "tech" else queue
    yield at
    if "call" in told:
        call = _ring(stage, told, at)
        at = yield from _talk(stage, told, call, at) if "by" in told else _give_up(stage, told, call, at)
        ticket_id = call.ticket_id
    else:
        ticket_id = _write(stage, told, told["text"], at)
    ticket = stage.db.get(Ticket, ticket_id)
    assert ticket is not None, told
    for step in told.get("then", ()):
        at += _span(step["after"])
        yield at
        if "customer" in step:
            _write(stage, told, step["customer"], at, ticket=ticket)
        else:
            wanted = _work(stage, ticket, wanted, step, at)


def _work(stage: Stage, ticket: Ticket, wanted: str, step: dict[str, Any], at: datetime) -> str:
    """What an agent does with a ticket in one sitting. Returns the slug of the queue it belongs to now."""
    db, by = stage.db, stage.staff[step["by"]]
    _put_right(stage, ticket, stage.lines[wanted], by, at)
    if "move" in step:
        wanted = step["move"]
        routing.move(db, ticket, stage.lines[wanted], by=by, now=at)
    if "assign" in step:
        tickets.assign(db, ticket, stage.staff[step["assign"]], by=by, now=at)
    if "note" in step:
        tickets.note(db, ticket, _filled(stage, step["note"], at), by=by, now=at)
    if "back" in step:
        _send_back(stage, ticket, step["back"].split(), by, at)
    if "reply" in step:
        _reply(stage, ticket, step["reply"], by, at)
    if step.get("resolve"):
        tickets.resolve(db, ticket, by=by, now=at)
    return wanted


def _send_back(stage: Stage, ticket: Ticket, told: list[str], by: Agent, at: datetime) -> None:
    """A product, the reason and its lot: it is to come back. One word: how it went on."""
    db = stage.db
    if len(told) == 1:
        found = db.exec(select(ProductReturn).where(ProductReturn.ticket_id == ticket.id)).one()
        returns.step(db, ticket, found, told[0], by=by, now=at)
        return
    product, code, lot = (*told, "")[:3]
    names = db.execute(sa.select(col(Product.name), col(Product.name_en)).where(col(Product.code) == product)).one()
    bought = select(Purchase).where(Purchase.customer_id == ticket.customer_id, col(Purchase.product).in_(names))
    order = db.exec(bought.order_by(col(Purchase.ordered_at).desc())).first()
    reason = db.exec(select(ReturnReason.id).where(ReturnReason.code == code)).one()
    item = f"purchase:{order.id}" if order else ""
    returns.ask(db, ticket, item=item, product=names[0], lot=lot, reason_id=reason or 0, by=by, now=at)


def _put_right(stage: Stage, ticket: Ticket, wanted: Queue, by: Agent, at: datetime) -> None:
    """The first to look moves a ticket that the classifier left in triage, or got wrong."""
    if ticket.queue_id == wanted.id:
        return
    mover = by if agents.serves(stage.db, by, ticket.queue_id) else stage.staff["sato"]
    routing.move(stage.db, ticket, wanted, by=mover, now=at)


def _broken_mail(stage: Stage) -> _Act:
    """Something nobody can read, for the supervisor's page."""
    at = stage.now - timedelta(hours=16)
    yield at
    _arrive(stage, LETTERS["unreadable"].build(to=stage.settings.mail_from, now=at), stage.settings.mail_from, "", at)


def _evening(stage: Stage, days: int) -> _Act:
    """Whoever worked that day goes home."""
    at = _when(stage, f"{days}d 19:30")
    yield at
    for agent in stage.staff.values():
        state = agents.state_of(stage.db, agent.id or 0)
        if state and state.state != Presence.OFFLINE:
            agents.set_state(stage.db, agent.id or 0, Presence.OFFLINE, now=at)


_REMARKS = {
    "ja": ("状況を先に確認できていて、とても丁寧でした。", "回答は正確です。次に何が起きるかも一言添えましょう。",
           "手順どおりです。この調子でお願いします。"),
    "en": ("You asked before you answered, which was just right.", "Correct. Do say what will happen next.",
           "By the book. Keep it up."),
}  # fmt: skip


def _review(stage: Stage) -> _Act:
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
            points: dict[int, int | None] = {number: _points(pick, number) for number in range(1, 6)}
            words = _REMARKS[db.get_one(Agent, pick.agent_id).language][pick.ticket_id % 3]
            making_reviews.save(db, pick, points, words, by=by, now=at)


def _points(pick: ReviewPick, number: int) -> int:
    """What the supervisor thought: mostly good, everybody with strengths of their own."""
    luck = int.from_bytes(hashlib.sha256(f"{pick.ticket_id} {number}".encode()).digest()[:4], "big") % 100
    luck += 7 * ((pick.agent_id * 3 + number * 2 + pick.agent_id * number) % 5 - 2)
    return 5 if luck >= 60 else 4 if luck >= 20 else 3 if luck >= 5 else 2


def _settings(stage: Stage) -> _Act:
    """What the supervisor set otherwise since, and once thought better of: the history has something to show."""
    returns, billing, region = stage.lines["returns"], stage.lines["billing"], stage.settings.region
    yield (at := _when(stage, "33d 10:12"))
    _set(stage, at, agents.change, stage.staff["nakamura"], most_tickets=12)
    yield (at := _when(stage, "19d 16:40"))
    _set(stage, at, queues.change, returns, region=region, calls={"most_misses": 3, "ring_seconds": 25})
    yield (at := _when(stage, "12d 09:31"))
    hasty = _set(stage, at, queues.change, billing, region=region, calls={"wrap_up_seconds": 30})
    yield (at := _when(stage, "11d 17:55"))
    settings_history.take_back(stage.db, hasty, by=stage.staff["sato"], now=at)


def _set(stage: Stage, at: datetime, verb: Callable[..., None], *what: Any, **told: Any) -> SettingChange:
    """One change of settings in the supervisor's name. What changed before it belongs to the desk's founding."""
    by = stage.staff["sato"]
    settings_history.keep(stage.db, by_id=None, now=at)
    verb(stage.db, *what, by=by, now=at, **told)
    change = settings_history.keep(stage.db, by_id=by.id, now=at)
    assert change is not None
    return change


def _this_morning(stage: Stage) -> _Act:
    """What everybody is doing when the visitor comes in."""
    for key, (state, reason, minutes) in sorted(_AT_WORK.items(), key=lambda each: -each[1][2]):
        at = stage.now - timedelta(minutes=minutes)
        yield at
        agents.set_state(stage.db, stage.staff[key].id or 0, state, reason=reason, now=at)


# --- calls -----------------------------------------------------------------------------------------------------------


def _ring(stage: Stage, told: dict[str, Any], at: datetime) -> Call:
    number = stage.phones[told["who"]] if "who" in told else told["caller"]
    key = "CA" + hashlib.md5(f"{number} {told['ago']}".encode(), usedforsecurity=False).hexdigest()
    slug = "tech_support" if told["call"] == "tech" else told["call"]
    by = stage.staff.get(told.get("by", ""))
    return _tell(
        stage,
        key,
        "ring",
        at,
        direction="in",
        caller="" if number == "withheld" else number,
        withheld=number == "withheld",
        called=LINES[slug].phone,
        agents=(by.extension,) if by else (),
    )


def _talk(stage: Stage, told: dict[str, Any], call: Call, at: datetime) -> Generator[datetime, None, datetime]:
    """The agent answers, talks, and writes down what it was about. Ends with the time of that."""
    db, by, note = stage.db, stage.staff[told["by"]], told["note"].strip()
    at += timedelta(seconds=told["wait"])
    yield at
    _tell(stage, call.call_key, "answer", at, agents=(by.extension,))
    at += timedelta(seconds=told["talk"])
    yield at
    _tell(stage, call.call_key, "hangup", at, cause="normalClearing")
    at += timedelta(seconds=25 + len(note) // 2)
    yield at
    guess = stage.router.predict(note)
    done = bool(told.get("resolve"))
    calls.wrap_up(
        db, call, note=note, disposition=told["outcome"], by=by, guess=guess, now=at,
    )  # fmt: skip
    impressions.hear_note(db, call, note, impressions.of(note, asked=impressions.OF_NOTES & stage.asked), now=at)
    if done and (ticket := db.get(Ticket, call.ticket_id)):
        tickets.resolve(db, ticket, by=by, now=at)  # a wrong number is over, too
    return at


def _give_up(stage: Stage, told: dict[str, Any], call: Call, at: datetime) -> Generator[datetime, None, datetime]:
    at += timedelta(seconds=told["wait"])
    yield at
    _tell(stage, call.call_key, "hangup", at, cause="cancel")
    return at


def _tell(stage: Stage, key: str, kind: Kind, at: datetime, **facts: Any) -> Call:
    """What the telephone system says of a call."""
    event = CallEvent(source="twilio", call_id=key, leg_id=key, kind=kind, event_id=f"{key}:{kind}", at=at, **facts)
    settings = stage.settings
    return calls.record(stage.db, event, region=settings.region, open_ticket_days=settings.open_ticket_days, now=at)


# --- mails -----------------------------------------------------------------------------------------------------------


def _write(stage: Stage, told: dict[str, Any], text: str, at: datetime, *, ticket: Ticket | None = None) -> int | None:
    """A customer's mail, the first of a ticket or an answer in it. Returns the ticket's id."""
    key = told.get("who", "")
    customer = stage.customers.get(key)
    if customer is None:
        sender = told["stranger"]
    else:
        sender = f"{customer.name} <{stage.addresses[key]}>"
    line = LINES.get("tech_support" if told["to"] == "tech" else told["to"])
    to = (line.address if line else None) or stage.settings.mail_from
    subject, tag, below = told["subject"], "", ""
    in_reply_to, references = "", list[str]()
    if ticket is not None and (last := _last_sent(stage.db, ticket)):
        subject, tag, to = last.subject, threads.tag_of(ticket), compose.tagged(last.sender_address, ticket)
        in_reply_to, references = last.internet_id, [*reversed(last.references), last.internet_id]
        below = "\n" + quoted(
            last.text,
            sender=f"{last.sender_name} <{last.sender_address}>",
            at=last.created_at.astimezone(stage.zone),
            language=customer.language if customer else "ja",
        )
    raw = build(
        sender=sender,
        to=to,
        subject=subject,
        text=_filled(stage, text, at, key=key) + "\n" + _card(stage, key) + below,
        files=[(name, file(name)) for name in told.get("files", ())] if ticket is None else (),
        message_id=_id(sender.rpartition("@")[2].rstrip(">"), told["ago"], sender, at),
        at=at.astimezone(stage.zone),
        in_reply_to=in_reply_to,
        references=references,
    )
    return _arrive(stage, raw, to, tag, at)


def _arrive(stage: Stage, raw: bytes, to: str, tag: str, at: datetime) -> int | None:
    envelope = {"recipients": [to], "tag": tag, "peer": ""}
    inbound_id, _ = inbox.keep(stage.db, InboundKind.MAIL, "smtp", inbox.mail_key(raw), raw, envelope=envelope, now=at)
    folder = stage.settings.data / "attachments"
    mail = receive.understand(raw, router=stage.router, folder=folder, asked=stage.asked)
    return receive.take(stage.db, inbound_id, mail, settings=stage.settings, now=at)


def _reply(stage: Stage, ticket: Ticket, text: str, by: Agent, at: datetime) -> None:
    """What an agent wrote then, written down as sent: `outgoing.reply` would put it on its way now."""
    assert ticket.id is not None
    db = stage.db
    heard = tickets.last_received(db, ticket.id)
    assert heard is not None, "nobody has written yet, so there is nobody to answer"
    name, address = outgoing.sender_of(db, ticket, default=stage.settings.mail_from, desk_name=stage.settings.name)
    words = _dressed(stage, ticket, _filled(stage, text, at), by)
    message = Message(
        ticket_id=ticket.id,
        direction=Direction.OUT,
        state=MessageState.SENT,
        kind=MessageKind.REPLY,
        internet_id=_id(DOMAIN, str(ticket.id), by.email, at),
        in_reply_to=heard.internet_id,
        references=[heard.internet_id, *heard.references][:20],
        sender_name=name,
        sender_address=address,
        to=[heard.sender_address],
        subject=outgoing.reply_subject(ticket),
        text=words,
        reply_text=words,
        author_id=by.id,
        created_at=at,
        sent_at=at,
    )
    db.add(message)
    db.flush()
    if ticket.assignee_id is None:
        tickets.assign(db, ticket, by, by=by, now=at)
    tickets.touch(ticket, words, awaits_us=False, now=at)
    assert message.id is not None
    emit(db, MessageSent(ticket_id=ticket.id, queue_id=ticket.queue_id, message_id=message.id, by_id=by.id, at=at))


def _last_sent(db: Session, ticket: Ticket) -> Message | None:
    return db.exec(
        select(Message)
        .where(Message.ticket_id == ticket.id, Message.direction == Direction.OUT)
        .order_by(col(Message.id).desc())
        .limit(1)
    ).first()


# --- words and times -------------------------------------------------------------------------------------------------


def _dressed(stage: Stage, ticket: Ticket, text: str, by: Agent) -> str:
    """An agent's words between the customer's name and the good wishes."""
    customer = stage.db.get(Customer, ticket.customer_id) if ticket.customer_id else None
    name = customer.name if customer else ""
    if ticket.language == "en":
        return f"Hello {name},\n\n{text.strip()}\n\nKind regards,\n{_signed(by, 'en')}"
    to = f"{customer.company}\n{name} 様" if customer and customer.company else f"{name.split()[0] if name else ''} 様"
    thanks = (
        "ご返信ありがとうございます。"
        if _last_sent(stage.db, ticket)
        else "お問い合わせいただき、ありがとうございます。"
    )
    return (
        f"{to}\n\n{thanks}\n{COMPANY['ja']}の{_signed(by, 'ja')}でございます。\n\n{text.strip()}\n\n"
        "どうぞよろしくお願いいたします。"
    )


def _signed(by: Agent, language: str) -> str:
    """Ben Carter signs カーター in Japanese; 山田 愛子 signs Aiko in English, as her address has it."""
    if language == "en":
        return by.name if by.name.isascii() else by.email.partition("@")[0].capitalize()
    return by.reading.split()[-1] if by.name.isascii() else by.name.split()[0]


def _card(stage: Stage, key: str) -> str:
    """Who writes for a company signs with it."""
    customer = stage.customers.get(key)
    if customer is None or not customer.company:
        return ""
    phone = contact_points.national(stage.phones[key])
    return f"\n-- \n{customer.company}\n{customer.name}\nTEL {phone}\n{stage.addresses[key]}\n"


def _filled(stage: Stage, text: str, at: datetime, *, key: str = "") -> str:
    """{order:rc55} becomes that order's number, {date:-3} the date three days before."""

    def order(found: re.Match[str]) -> str:
        return stage.orders[key][found[1]]

    def date(found: re.Match[str]) -> str:
        day = at.astimezone(stage.zone) + timedelta(days=int(found[1]))
        return f"{day.month}月{day.day}日"

    return re.sub(r"\{date:(-?\d+)\}", date, re.sub(r"\{order:(\w+)\}", order, text)).strip()


def _when(stage: Stage, ago: str) -> datetime:
    """ "95m" and "3h" before now; "12d 09:42" at that hour of the desk's day, twelve days before today."""
    days, _, clock = ago.partition(" ")
    if not clock:
        return stage.now - _span(ago)
    hour, minute = map(int, clock.split(":"))
    day = stage.now.astimezone(stage.zone) - timedelta(days=int(days.removesuffix("d")))
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(stage.now.tzinfo)


def _span(text: str) -> timedelta:
    return timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[text[-1]]: int(text[:-1])})


def _id(domain: str, *parts: object) -> str:
    """A Message-ID that is the same each time, so that two loads of one day are one."""
    return f"<{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}@{domain}>"
