"""A telephone system's callback that was kept: read into events, folded into calls, and answered.

The answer to a voice webhook says what the caller hears: agents' telephones ring, or the caller waits in a queue with
a greeting. It is computed from what the transaction wrote, so a callback that Twilio repeats gets the same answer.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

import cti.asterisk
import cti.twilio
from cti import CallEvent
from cti.twilio import Target
from helpdesk import calls, exchange_log, exchanges, inbox, offering
from helpdesk.calls import hearing
from helpdesk.errors import Rejected
from helpdesk.settings import Settings
from models import (
    Agent,
    Call,
    CallOffer,
    Exchange,
    ExchangeKind,
    Inbound,
    InboundKind,
    InboundState,
    Queue,
    Ringing,
    VisitEnd,
)

TRUSTED = timedelta(days=1)
"""How far a telephone system's clock may be from ours before its time says nothing."""
GREETING = {
    "ja": "お電話ありがとうございます。担当者におつなぎしますので、少々お待ちください。",
    "en": "Thank you for calling. Please hold while we connect you to an agent.",
}
SORRY = {
    "ja": "申し訳ございません。ただいま電話に出ることができません。担当者より折り返しご連絡いたします。",
    "en": "We are sorry that nobody could take your call. An agent will call you back.",
}
CLOSED = {
    "ja": "お電話ありがとうございます。申し訳ございませんが、ただいま営業時間外です。"
    "営業時間内に改めておかけ直しください。",
    "en": "Thank you for calling. We are closed just now. Please call again during our business hours.",
}
FULL = {
    "ja": "お電話ありがとうございます。ただいま電話が大変混み合っております。"
    "恐れ入りますが、しばらくたってからおかけ直しください。",
    "en": "Thank you for calling. All our lines are busy just now. Please call again a little later.",
}
CALLBACK = {
    "ja": "お電話ありがとうございます。申し訳ございませんが、ただいまおつなぎできません。"
    "担当者より折り返しお電話いたします。",
    "en": "Thank you for calling. We cannot put you through just now. An agent will call you back.",
}
MESSAGE = {
    "ja": "お電話ありがとうございます。申し訳ございませんが、ただいまおつなぎできません。"
    "発信音のあとに、お名前とご用件をお話しください。",
    "en": "Thank you for calling. We cannot put you through just now. "
    "Please leave your name and message after the tone.",
}
PRESS = {
    "ja": "ただいま順番におつなぎしております。折り返しのお電話をご希望の方は、{key}を押してください。",
    "en": "We will be with you as soon as we can. If you would rather be called back, press {key}.",
}
PROMISED = {
    "ja": "承りました。担当者より折り返しお電話いたします。お電話ありがとうございました。",
    "en": "Thank you. An agent will call you back. Goodbye.",
}
NO_NUMBER = {
    "ja": "恐れ入りますが、お電話番号が通知されていないため、折り返しを承ることができません。このままお待ちください。",
    "en": "We are sorry, your number is withheld and we cannot call you back. Please hold on.",
}
KEYS = {"*": {"ja": "米印", "en": "star"}, "#": {"ja": "シャープ", "en": "pound"}}
_DIALED = (
    select(Call.id, Queue, Call.cause)
    .join(Queue, col(Queue.id) == Call.queue_id)
    .where(Call.source == "twilio", Call.call_key == sa.bindparam("call_key"))
)
_TELEPHONES = (
    select(Agent.id, Agent.phone)
    .distinct()
    .join(CallOffer, col(CallOffer.agent_id) == Agent.id)
    .where(CallOffer.call_id == sa.bindparam("call_id"), col(CallOffer.ended_at).is_(None))
    .order_by(col(Agent.id))
)


def take(db: Session, inbound_id: int, *, settings: Settings, now: datetime) -> int | None:
    """Fold a kept callback into its call. Returns the call's id; None when nothing came of it or it was read already.

    What cannot be understood is parked.
    """
    inbound = inbox.claim(db, inbound_id, wait=True)  # a repeat is answered from what the first one wrote
    return read(db, inbound, settings=settings, now=now) if inbound else None


def read(db: Session, inbound: Inbound, *, settings: Settings, now: datetime) -> int | None:
    """`take`, for who holds the row already."""
    if inbound.state != InboundState.WAITING:
        return None
    exchange = exchanges.behind(db, inbound)
    try:
        told = events_of(inbound, exchange, settings=settings)
    except Rejected as error:
        inbox.park(db, inbound, str(error), now=now)
        return None
    call: Call | None = None
    refused, answer = False, dict[str, str]()
    for event in told:
        is_timed = event.at is not None
        event = replace(event, at=_when(event, inbound))
        known: dict[str, Any] = {"region": settings.region, "open_ticket_days": settings.open_ticket_days, "now": now}
        refused = exchanges.is_refused(db, event, region=settings.region)
        if refused:  # it is over before it is heard of, so that it rings on no screen
            over = replace(event, kind="hangup", cause="blocked", event_id=f"{event.event_id}:blocked")
            hearing.record(db, over, **known)
        own = exchange.queue_id if exchange else None
        call = hearing.record(db, event, **known, own_queue_id=own, is_refused=refused, is_timed=is_timed)
        answer = exchanges.answer_to(
            db, event, call, options=exchange.options if exchange else {}, refused=refused, region=settings.region
        )
    if answer:
        inbound.envelope = {**inbound.envelope, "answer": answer}
    if call is not None and call.is_withheld and inbound.kind == InboundKind.TWILIO:
        inbound.raw = cti.twilio.concealed(inbound.raw, always=True)
    if call is not None and call.is_withheld and inbound.kind == InboundKind.PUSH:
        if any(event.caller for event in told):  # what one of its posts withheld, another told
            door = exchanges.door_behind(inbound, exchange)
            inbound.raw, content_type = exchanges.unnamed(door, inbound.raw, inbound.envelope.get("content_type", ""))
            inbound.envelope = {**inbound.envelope, "content_type": content_type}
        exchange_log.conceal(db, call)
    if exchange and exchange.kind != ExchangeKind.ASTERISK:  # whose connection knows how it stands
        exchanges.heard(db, exchange, by_old_token=inbound.envelope.get("old_token") is True, now=now)
    if inbound.kind == InboundKind.TWILIO and inbound.envelope.get("path") == cti.twilio.DIALED_PATH:
        form = cti.twilio.form(inbound.raw)
        if cti.twilio.was_unanswered(form) and (call := _call_of(db, form)):
            hearing.unanswered(db, call, now=now)
    inbox.done(
        inbound,
        "blocked" if refused else told[0].kind if told else "nothing_said",
        call_id=call.id if call else None,
        ticket_id=call.ticket_id if call else None,
        ignored=not told,
        now=now,
    )
    return call.id if call else None


def events_of(inbound: Inbound, exchange: Exchange | None, *, settings: Settings) -> tuple[CallEvent, ...]:
    """What a kept callback says. Raises `Rejected` when it is no callback anybody understands."""
    if inbound.envelope.get("kind") == "asterisk":
        return (cti.asterisk.kept(inbound.raw),)
    if inbound.kind == InboundKind.TWILIO:
        return cti.twilio.read(cti.twilio.form(inbound.raw), path=inbound.envelope.get("path", ""))
    door, content_type = exchanges.door_behind(inbound, exchange), inbound.envelope.get("content_type", "")
    return exchanges.events_in(door, inbound.raw, content_type, settings=settings, now=inbound.received_at)


def _when(event: CallEvent, inbound: Inbound) -> datetime:
    """The sender's time where it can be true, or else when it reached us: what waited here was not said late.

    A clock that is years off would keep a call ringing for years, and count its seconds past what a row can hold.
    """
    if event.at is None or abs(event.at - inbound.received_at) > TRUSTED:
        return inbound.received_at
    return event.at


def voice_answer(db: Session, call_key: str, *, settings: Settings, greets: bool = True) -> str:
    """TwiML for a call that was just recorded: ring those it was offered to, or let the caller wait, or say why
    neither. `greets` False leaves the greeting out, for a caller who has heard it."""
    found = db.exec(_DIALED, params={"call_key": call_key}).first()
    if found is None:
        return waiting_answer(settings)
    call_id, queue, cause = found
    if cause == "blocked":
        return cti.twilio.refuse()
    language = _spoken(queue.language)
    if offering.may_turn_away(queue) and (told := offering.turned_away(db, call_id or 0)):
        return _instead(queue, *told, settings=settings)
    greeting = (queue.greeting or GREETING[language]) if greets else ""
    phones = db.exec(_TELEPHONES, params={"call_id": call_id})
    targets = [target for _, phone in phones if (target := target_of(phone))]
    if targets:
        one = queue.ringing == Ringing.LONGEST_IDLE
        return cti.twilio.ring_agents(
            targets,
            public_url=settings.public_url,
            language=queue.language,
            timeout_seconds=queue.ring_seconds if one else settings.ring_seconds,
            greeting=greeting,
        )
    asks = queue.callback_key != ""
    return cti.twilio.wait_in_queue(queue.slug, greeting, queue.language, settings.public_url, asks=asks)


def wait_answer(db: Session, params: dict[str, str], *, settings: Settings) -> str:
    """TwiML for who waits in a queue that offers to call back: by which key, and music."""
    call = _call_of(db, params)
    queue = db.get(Queue, call.queue_id) if call and call.queue_id else None
    if queue is None or not queue.callback_key:
        return cti.twilio.wait_on("", settings.language, settings.public_url)
    language = _spoken(queue.language)
    key = KEYS.get(queue.callback_key, {}).get(language, queue.callback_key)
    return cti.twilio.wait(PRESS[language].format(key=key), queue.language, settings.public_url)


def key_answer(db: Session, params: dict[str, str], *, settings: Settings) -> str:
    """TwiML after a key was pressed by who waits: the promise and good-bye, or that the wait goes on."""
    call = _call_of(db, params)
    queue = db.get(Queue, call.queue_id) if call and call.queue_id else None
    language = _spoken(queue.language if queue else settings.language)
    if call is not None and (told := offering.turned_away(db, call.id or 0)) and told[0] == VisitEnd.CALLBACK:
        return cti.twilio.say_and_hang_up(PROMISED[language], language)
    was_meant = queue is not None and params.get("Digits") == queue.callback_key != ""
    return cti.twilio.wait_on(NO_NUMBER[language] if was_meant else "", language, settings.public_url)


def _instead(queue: Queue, how: VisitEnd, why: str, *, settings: Settings) -> str:
    """What a caller hears whom the queue cannot take: the queue's own words, or the desk's."""
    own = queue.closed_words if why == "closed" else queue.full_words
    language = _spoken(queue.language)
    if how == VisitEnd.VOICEMAIL:
        return cti.twilio.take_message(own or MESSAGE[language], queue.language, settings.public_url)
    usual = CALLBACK if how == VisitEnd.CALLBACK else CLOSED if why == "closed" else FULL
    return cti.twilio.say_and_hang_up(own or usual[language], queue.language)


def waiting_answer(settings: Settings) -> str:
    """TwiML that keeps the caller on the line when the desk has not decided in time."""
    return cti.twilio.wait_in_queue(
        "desk", GREETING[_spoken(settings.language)], settings.language, settings.public_url
    )


def later_answer(settings: Settings) -> str:
    """TwiML for a call that could not be stored in time: a kind word, and the same question again soon."""
    language = _spoken(settings.language)
    return cti.twilio.come_back(GREETING[language], settings.language, settings.public_url)


def dialed_answer(db: Session, params: dict[str, str], *, settings: Settings) -> str:
    """TwiML after the agents' telephones rang in vain: the next agent's where one is asked after the other, the waiting
    line where nobody is free or an agent took the call on the screen only, or else an apology."""
    if cti.twilio.was_unanswered(params):
        call = _call_of(db, params)
        queue = db.get(Queue, call.queue_id) if call and call.queue_id else None
        was_taken = call is not None and calls.was_released(db, call.id or 0)
        if call is not None and queue is not None and (queue.ringing == Ringing.LONGEST_IDLE or was_taken):
            return voice_answer(db, call.call_key, settings=settings, greets=False)
        return cti.twilio.say_and_hang_up(SORRY[_spoken(settings.language)], settings.language)
    return cti.twilio.nothing()


def target_of(phone: str) -> Target | None:
    """How an agent's telephone is rung: a number, a SIP address, or a browser's identity; None without one."""
    if phone.startswith("client:"):
        return Target("client", phone.removeprefix("client:"))
    if phone.startswith(("sip:", "sips:")):
        return Target("sip", phone)
    return Target("number", phone) if phone.startswith("+") else None


def connect(settings: Settings, call_key: str, phone: str, *, timeout_seconds: int = 0) -> None:
    """Pull a waiting caller to an agent's telephone. Raises `Unreachable` or `Rejected`."""
    target = target_of(phone)
    if target is None or not settings.twilio_account_sid:
        raise Rejected("no_telephone_to_ring")
    cti.twilio.connect(_account(settings), call_key, target, timeout_seconds=timeout_seconds or settings.ring_seconds)


def tell(settings: Settings, call_key: str, twiml: str) -> None:
    """Let a waiting caller hear something else. Raises `Unreachable` or `Rejected`."""
    cti.twilio.instruct(_account(settings), call_key, twiml)


def _account(settings: Settings) -> cti.twilio.Account:
    return cti.twilio.Account(
        sid=settings.twilio_account_sid,
        token=settings.twilio_auth_token.get_secret_value(),
        public_url=settings.public_url,
        base_url=settings.twilio_base_url,
    )


def _call_of(db: Session, form: dict[str, str]) -> Call | None:
    key = form.get("ParentCallSid") or form.get("CallSid", "")
    return db.exec(select(Call).where(Call.source == "twilio", Call.call_key == key)).first()


def _spoken(language: str) -> str:
    return language if language in GREETING else "ja"
