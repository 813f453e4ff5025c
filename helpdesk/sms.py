"""Short messages: to mobile numbers only, by day only, for so much money a day, never again to whoever says stop.

The one idea: a message is claimed by a row before it is handed over, because a carrier cannot be asked whether it has
one already. Who finds it claimed after a crash counts it as perhaps sent and does not send it again; money and patience
are lost sooner by two messages than by none.
"""

import logging
import unicodedata
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

import cti.twilio
from helpdesk import survey_rests
from helpdesk.customers import contact_points
from helpdesk.errors import Invalid, Rejected, Unreachable
from helpdesk.runtime.work import NotYet
from helpdesk.settings import Settings
from models import Ask, AskState, OptOut, Sms, SmsState
from models.database import Database, hold_still

STOPS: Final = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "停止", "配信停止", "ストップ"})
STARTS: Final = frozenset({"start", "unstop", "再開", "配信再開"})
ANSWERS: Final = {
    "停止": "配信を停止しました。再開するには「再開」と返信してください。",
    "再開": "配信を再開しました。",
}
"""What is said back where the carrier says nothing by itself, which it does for English words."""
OPTED_OUT_CODE: Final = "21610"  # Twilio knows that this number said stop
_STATES: Final = {"sent": SmsState.SENT, "delivered": SmsState.DELIVERED, "undelivered": SmsState.FAILED,
                  "failed": SmsState.FAILED}  # fmt: skip
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
logger = logging.getLogger(__name__)


def is_on(settings: Settings) -> bool:
    """Whether the desk can send any."""
    return bool(settings.sms_from and settings.twilio_account_sid and settings.twilio_auth_token.get_secret_value())


def is_mobile(number: str) -> bool:
    """Whether an E.164 number is one that can be written to."""
    import phonenumbers

    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
    return kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)


def segments(text: str) -> int:
    """How many messages a text is paid for as: 160 letters of GSM 03.38, or 70 of any script; in parts 153 or 67."""
    one, part = (160, 153) if all(letter in _GSM for letter in text) else (70, 67)
    length = len(text) if one == 160 else len(text.encode("utf-16-be")) // 2
    return 1 if length <= one else -(-length // part)


def seconds_of_quiet(settings: Settings, now: datetime) -> float:
    """How long until messages may be sent, on the desk's clock; 0 by day."""
    zone = ZoneInfo(settings.timezone)
    opens, closes = (time.fromisoformat(part) for part in settings.sms_hours.split("-"))
    local = now.astimezone(zone)
    if opens <= local.time() < closes:
        return 0.0
    day = local.date() if local.time() < opens else local.date() + timedelta(days=1)
    return (datetime.combine(day, opens, tzinfo=zone) - now).total_seconds()


def why_not(db: Session, number: str, settings: Settings, *, now: datetime) -> str:
    """Why this number cannot be written to, as a code; "" where nothing speaks against it."""
    if not is_on(settings):
        return "sms_off"
    if not number:
        return "no_mobile"
    return "" if left_today(db, settings, now=now) > 0 else "sms_limit"


def left_today(db: Session, settings: Settings, *, now: datetime) -> int:
    """How many parts may still be paid for on this day of the desk's clock."""
    return settings.sms_segments_per_day - _used_today(db, settings, now=now)


def deliver(
    database: Database, ask_id: int, words: Callable[[Session, Ask], str], *, settings: Settings, now: datetime
) -> None:
    """Send the message of an ask, once. `words` makes its text. Raises `NotYet` at night, `Unreachable` when it is
    certain that it did not leave and worth another attempt, `Rejected` when not."""
    if wait := seconds_of_quiet(settings, now):
        raise NotYet(wait)
    claimed = database.write_now(_claim, ask_id, words, settings=settings, now=now)
    if claimed is None:
        return
    to, text = claimed
    account = cti.twilio.Account(
        sid=settings.twilio_account_sid, token=settings.twilio_auth_token.get_secret_value(),
        public_url=settings.public_url, base_url=settings.twilio_base_url,
    )  # fmt: skip
    try:
        sid = cti.twilio.text(account, sender=settings.sms_from, to=to, words=text)
    except Unreachable:
        database.write_now(_let_go, ask_id)
        raise
    except Rejected as error:
        database.write_now(_ended, ask_id, str(error), now=now)
        raise
    database.write_now(_sent, ask_id, sid, now=now)


def status(db: Session, sid: str, state: str, code: str, *, now: datetime) -> None:
    """The carrier tells what became of one. What is delivered stays so, in whatever order it is told."""
    row = db.exec(select(Sms).where(Sms.sid == sid)).first()
    new = _STATES.get(state)
    if row is None or new is None or row.state in (SmsState.DELIVERED, SmsState.FAILED):
        return
    row.state, row.error, row.changed_at = new, code[:20], now
    if new == SmsState.FAILED:
        _not_asked(db, row.ask_id, "sms_failed")


def heard(db: Session, number: str, said: str, *, region: str, now: datetime) -> str:
    """Somebody wrote to our number: stop and start are obeyed. Returns what to say back, "" for nothing."""
    word = unicodedata.normalize("NFKC", said).strip(" 　。.!！\n").casefold()
    try:
        key = contact_points.to_e164(number, region=region)
    except Invalid:
        return ""
    kept = db.get(OptOut, key)
    if word in STOPS and kept is None:
        db.add(OptOut(key=key, at=now))
    elif word in STARTS and kept is not None:
        db.delete(kept)
    if word in ("停止", "配信停止", "ストップ"):
        return ANSWERS["停止"]
    return ANSWERS["再開"] if word in ("再開", "配信再開") else ""


def _used_today(db: Session, settings: Settings, *, now: datetime) -> int:
    zone = ZoneInfo(settings.timezone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(0), tzinfo=zone)
    return db.scalar(sa.select(sa.func.coalesce(sa.func.sum(Sms.segments), 0)).where(col(Sms.created_at) >= midnight)) \
        or 0  # fmt: skip


def _claim(db: Session, ask_id: int, words: Callable[[Session, Ask], str], *, settings: Settings,
           now: datetime) -> tuple[str, str] | None:  # fmt: skip
    """To whom, and what; None where it is not to be sent, or perhaps was."""
    ask = db.get(Ask, ask_id)
    if ask is None:
        return None
    hold_still(db, ask)
    known = db.exec(select(Sms).where(Sms.ask_id == ask_id)).first()
    if known is not None:
        if known.state == SmsState.SENDING:
            known.state, known.changed_at = SmsState.UNCERTAIN, now
        return None
    if ask.state != AskState.SENT:
        return None
    reason = "opted_out" if survey_rests.has_opted_out(db, ask) else why_not(db, ask.key, settings, now=now)
    if reason:
        _not_asked(db, ask_id, reason)
        return None
    text = words(db, ask)
    ask.sent_at = now
    db.add(Sms(ask_id=ask_id, to=ask.key, segments=segments(text), created_at=now, changed_at=now))
    return ask.key, text


def _let_go(db: Session, ask_id: int) -> None:
    db.execute(sa.delete(Sms).where(col(Sms.ask_id) == ask_id, col(Sms.state) == SmsState.SENDING))


def _sent(db: Session, ask_id: int, sid: str, *, now: datetime) -> None:
    row = db.exec(select(Sms).where(Sms.ask_id == ask_id)).one()
    row.state, row.sid, row.changed_at = SmsState.SENT, sid, now


def _ended(db: Session, ask_id: int, code: str, *, now: datetime) -> None:
    row = db.exec(select(Sms).where(Sms.ask_id == ask_id)).one()
    is_unsure = code == "perhaps_sent"
    row.state = SmsState.UNCERTAIN if is_unsure else SmsState.FAILED
    row.error, row.changed_at = code[:20], now
    if is_unsure:
        return
    if code == OPTED_OUT_CODE and db.get(OptOut, row.to) is None:
        db.add(OptOut(key=row.to, at=now))
    _not_asked(db, ask_id, "opted_out" if code == OPTED_OUT_CODE else "sms_failed")


def _not_asked(db: Session, ask_id: int, reason: str) -> None:
    ask = db.get(Ask, ask_id)
    if ask is not None and ask.state == AskState.SENT:
        ask.state, ask.reason = AskState.LEFT_OUT, reason
