"""A story of the sample is one ticket: who writes or calls, and what follows after which time.

They are told in `past.toml`, `returns.toml` and `open.toml`.
"""

import hashlib
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select

from cti import CallEvent, Kind
from helpdesk import agents, impressions, recalls, returns, routing, tickets
from helpdesk.calls import hearing, wrapping
from helpdesk.sample.company import LINES
from helpdesk.sample.mails import filled, reply, write
from helpdesk.sample.stage import Act, Stage, later, seldom_on_a_day_off, somebody_back, somebody_there, when
from models import Agent, Call, Callback, CallbackState, Product, ProductReturn, Purchase, Queue, ReturnReason, Ticket


def story(stage: Stage, told: dict[str, Any]) -> Act:
    """One ticket, from its first mail or ring to whatever came last."""
    at = when(stage, told["ago"])
    queue = told.get("queue") or told.get("call") or told["to"]
    wanted = "tech_support" if queue == "tech" else queue
    if "by" in told:
        at = somebody_there(stage, at)
    elif ":" in told["ago"]:
        at = seldom_on_a_day_off(stage, at, stage.customers.get(told.get("who", "")))
    yield at
    if "call" in told:
        call = _ring(stage, told, at)
        at = yield from _talk(stage, told, call, at) if "by" in told else _give_up(stage, told, call, at)
        ticket_id = call.ticket_id
    else:
        ticket_id = write(stage, told, told["text"], at)
    ticket = stage.db.get(Ticket, ticket_id)
    assert ticket is not None, told
    for step in told.get("then", ()):
        at = later(stage, at, step["after"])
        at = at if "customer" in step else somebody_back(stage, at)
        yield at
        if "customer" in step:
            write(stage, told, step["customer"], at, ticket=ticket)
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
        tickets.note(db, ticket, filled(stage, step["note"], at), by=by, now=at)
    if "back" in step:
        _send_back(stage, ticket, step["back"].split(), by, at)
    if "reply" in step:
        reply(stage, ticket, step["reply"], by, at)
    if step.get("resolve"):
        for promised in db.exec(select(Callback).where(Callback.ticket_id == ticket.id)):
            recalls.settle(db, promised, CallbackState.DONE, note=step.get("note", ""), by=by, now=at)
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
    wrapping.wrap_up(
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
    return hearing.record(stage.db, event, region=settings.region, open_ticket_days=settings.open_ticket_days, now=at)
