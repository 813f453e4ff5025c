"""The stage on which the sample's stories are played: its people, its queues, and its customers with their orders."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from classifiers import Router, registry
from helpdesk import agents, hours, imports, impressions, policies, queues
from helpdesk.customers import contact_points, records
from helpdesk.letters import table
from helpdesk.products import catalogue
from helpdesk.sample.company import ACCOUNTS, COMPANY, LINES
from helpdesk.settings import Settings
from models import Agent, Customer, Purchase, Queue


@dataclass(slots=True)
class Stage:
    """Everybody and everything a story needs."""

    db: Session
    settings: Settings
    now: datetime
    zone: ZoneInfo
    router: Router
    asked: frozenset[str]  # what is guessed of texts besides their queue
    office: hours.Timetable = field(default_factory=lambda: hours.Timetable(None))
    staff: dict[str, Agent] = field(default_factory=dict)
    lines: dict[str, Queue] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)  # by customer's key: the first number nobody shares
    addresses: dict[str, str] = field(default_factory=dict)
    orders: dict[str, dict[str, str]] = field(default_factory=dict)  # by customer's key: product code -> order number


Act = Iterator[datetime]
"""A story being played: it says when it wants to go on, and goes on when its turn has come."""


def set_up(db: Session, *, now: datetime, settings: Settings) -> Stage:
    """The company as it was founded: its people, queues and promises, and the customers it has served since."""
    stage = Stage(db, settings, now, ZoneInfo(settings.timezone), registry.shipped(), impressions.ready())
    founded = now - timedelta(days=430)
    for queue in queues.make_defaults(db):
        stage.lines[queue.slug] = queue
        if line := LINES.get(queue.slug):
            queue.phone, queue.address, queue.greeting = line.phone, line.address, line.greeting
            queue.sender_name_en = COMPANY["en"]
            queue.signature = (
                f"{COMPANY['ja']} お客様窓口　{queue.name}\n"
                "担当: {agent}\n"
                f"電話 {contact_points.national(line.phone)}（平日 9:00〜18:00）"
            )
            queue.signature_en = (
                "{agent}\n"
                f"{queue.name_en}, {COMPANY['en']}\n"
                f"Phone {contact_points.national(line.phone)} (weekdays 9:00 to 18:00, Tokyo)"
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
        agents.change(db, stage.staff[account.key], languages=account.languages, now=founded)
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
    stage.office = hours.Timetable(office)


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
        if days <= 3:  # who waits for it asks so many hours of the office ago, which may be a long weekend
            at = min(at, stage.office.before(stage.now, days * _DAY_AT_WORK) or at)
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


def when(stage: Stage, ago: str) -> datetime:
    """ "95m" and "3h" before now; "3h at work" so long before by the office's hours, so that what waits is as late on a
    holiday as on a Thursday; "12d 09:42" at that hour of the desk's day, twelve days before today."""
    days, _, clock = ago.partition(" ")
    if clock == _AT_WORK:
        return stage.office.before(stage.now, span(days).total_seconds()) or stage.now
    if not clock:
        return stage.now - span(ago)
    hour, minute = map(int, clock.split(":"))
    day = stage.now.astimezone(stage.zone) - timedelta(days=int(days.removesuffix("d")))
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(stage.now.tzinfo)


def later(stage: Stage, at: datetime, after: str) -> datetime:
    """ "95m", "3h" or "12d" after `at`; "3h at work" so long after by the office's hours."""
    length, _, by = after.partition(" ")
    if by == _AT_WORK:
        return stage.office.after(at, span(length).total_seconds()) or at
    return at + span(length)


def somebody_there(stage: Stage, at: datetime) -> datetime:
    """`at`, or while the office is closed some moment of the day of work before."""
    if stage.office.between(at, at + timedelta(minutes=1)):
        return at
    minutes = 10 + _luck(at) * 7 % 480
    return stage.office.before(at, minutes * 60.0) or at


def somebody_back(stage: Stage, at: datetime) -> datetime:
    """`at`, or while the office is closed a while after it opens again; `at` all the same where that is yet to come, so
    that what was answered is answered whichever day a visitor comes."""
    if stage.office.between(at, at + timedelta(minutes=1)):
        return at
    opened = stage.office.after(at, (10 + _luck(at) % 90) * 60.0)
    return opened if opened and opened <= stage.now else at


def seldom_on_a_day_off(stage: Stage, at: datetime, customer: Customer | None) -> datetime:
    """`at`; of four moments on days off three are at the same hour one to three days of work before, unless that is
    before the customer ordered what it is about. People write less on weekends."""
    luck, then = _luck(at), at
    if luck % 4 == 0 or _is_worked(stage, at):
        return at
    days_left = 1 + luck % 3
    while days_left:
        then -= timedelta(days=1)
        days_left -= _is_worked(stage, then)
    bought, ordered_at = col(Purchase.customer_id) == (customer and customer.id), col(Purchase.ordered_at)
    return at if stage.db.scalar(sa.select(sa.exists().where(bought, ordered_at.between(then, at)))) else then


def _is_worked(stage: Stage, at: datetime) -> bool:
    """Whether the office opens on that day of the desk's."""
    begins = at.astimezone(stage.zone).replace(hour=0, minute=0)
    return stage.office.between(begins, begins + timedelta(days=1)) > 0


def _luck(at: datetime) -> int:
    """A number that is another at every other moment, and the same each time."""
    return at.day * 131 + at.hour * 60 + at.minute


def span(text: str) -> timedelta:
    """ "95m", "3h" or "12d"."""
    return timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[text[-1]]: int(text[:-1])})


_AT_WORK = "at work"
_DAY_AT_WORK = 9 * 3600.0  # seconds
