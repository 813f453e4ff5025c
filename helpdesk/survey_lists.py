"""Surveys to a list: addresses and mobile numbers that a supervisor chose, each asked once by this survey.

The one idea: it is the same ask, page and answer as after a ticket, only that there is no ticket. So the mail is one of
the desk's own; it is claimed before it is handed over, and what was claimed is not sent again.
"""

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from helpdesk import outgoing, sms, survey_rests, survey_sendings, survey_words, unreachable
from helpdesk.customers import contact_points, matching
from helpdesk.errors import Invalid
from helpdesk.mail import dkim
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Agent, Ask, AskedAfter, AskState, Customer, Survey
from models.database import hold_still

MOST: Final = 5_000
SUBJECTS: Final = {"ja": "{desk}からのアンケート", "en": "A question from {desk}"}


def to_list(
    db: Session, survey: Survey, typed: str, *, settings: Settings, by: Agent, now: datetime
) -> tuple[int, int]:
    """Ask whom a supervisor chose: mail addresses or mobile numbers, on lines or with commas between. Returns how many
    will be asked, and how many this survey has asked before; nobody twice.

    Raises `Invalid` with the field: for what is neither address nor mobile number, too many, or another kind of survey.
    """
    if survey.after != AskedAfter.LIST or not survey.is_active:
        raise Invalid("survey_asks_by_itself" if survey.after != AskedAfter.LIST else "survey_is_off", field="to")
    keys = dict.fromkeys(_listed(each, settings) for each in re.split(r"[\s,、;]+", typed.strip()) if each)
    if not keys or len(keys) > MOST:
        raise Invalid("recipients_missing" if not keys else "out_of_range", field="to")
    sending, queue_id = (
        survey_sendings.typed(db, survey, by=by, count=len(keys), now=now),
        survey_sendings.queue_of(db, survey),
    )
    known = 0
    for key in keys:
        match = matching.by_phone(db, key) if key.startswith("+") else matching.by_address(db, key)
        customer = db.get(Customer, match.customer_id) if match.customer_id else None
        about = f"list:{key}"
        if db.exec(select(Ask.id).where(Ask.survey_id == survey.id, Ask.about == about)).first() is not None:
            known += 1
            continue
        row = Ask(survey_id=survey.id or 0, about=about, customer_id=match.customer_id, queue_id=queue_id, key=key,
                  language=customer.language if customer else settings.language, sending_id=sending.id,
                  created_at=now)  # fmt: skip
        db.add(row)
        db.flush()
        work.enqueue(db, "ask_listed", row.id, key=f"ask:{row.id}")
    survey_sendings.were_known(sending, known)
    return len(keys) - known, known


def mail(db: Session, ask_id: int, *, settings: Settings, now: datetime) -> tuple[bytes, str] | None:
    """Claim the mail of an ask from a list: its bytes and to whom; None where it was claimed before. What is claimed
    and not handed over is not sent again: nobody is asked twice."""
    row = db.get(Ask, ask_id)
    survey = db.get(Survey, row.survey_id) if row else None
    if row is None or survey is None:
        return None
    hold_still(db, row)
    if row.state != AskState.SENT or row.sent_at is not None:
        return None
    if survey_rests.has_opted_out(db, row):
        row.state, row.reason = AskState.LEFT_OUT, "opted_out"
        return None
    row.sent_at = now
    told = survey_words.links_of(row, survey, settings)
    words = survey_words.question(survey, None, row.language, desk=settings.name)
    lines = [words, "", *(f"{label}: {address}" for label, address in told.scores), "", ": ".join(told.stop)]
    mail = EmailMessage(policy=SMTP.clone(max_line_length=78))
    mail["From"] = Address(settings.name, addr_spec=settings.mail_from)
    mail["To"] = row.key
    mail["Subject"] = SUBJECTS["ja" if row.language == "ja" else "en"].replace("{desk}", settings.name)
    mail["Date"] = format_datetime(now.astimezone(ZoneInfo(settings.timezone)))
    mail["Message-ID"] = f"<ask.{row.id}@{settings.mail_from.rpartition('@')[2]}>"
    mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"] = "auto-generated", "All"
    mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"] = f"<{told.one_click}>", "List-Unsubscribe=One-Click"
    mail.set_content("\n".join(lines) + "\n", cte="base64")
    raw = mail.as_bytes()
    sign = dkim.signer(db, settings.mail_from.rpartition("@")[2], settings)
    return (sign(raw) if sign else raw), row.key


def went_back(db: Session, ask_id: int, *, reason: str = "") -> None:
    """It certainly did not leave: it may be claimed anew, or with a reason nobody was asked."""
    if (row := db.get(Ask, ask_id)) is not None and row.state == AskState.SENT:
        row.sent_at = None
        if reason:
            row.state, row.reason = AskState.LEFT_OUT, reason


def ask(db: Session, ask_id: int, *, settings: Settings, now: datetime) -> None:
    """Ask one of them, or say why nobody is asked. Twice changes nothing."""
    row = db.get(Ask, ask_id)
    survey = db.get(Survey, row.survey_id) if row else None
    if row is None or survey is None:
        return
    hold_still(db, row)
    if row.state != AskState.WAITING:
        return
    is_sms = row.key.startswith("+")
    reason = "" if survey.is_active else "switched_off"
    if not reason:
        reason = sms.why_not(db, row.key, settings, now=now) if is_sms else (
            "machine" if outgoing.plain(row.key) in outgoing.ours(db, settings)
            else "unreachable" if unreachable.of(db, [row.key])
            else "" if outgoing.can_send(db, settings, address=settings.mail_from) else "no_server"
        )  # fmt: skip
    if not reason and survey_rests.has_opted_out(db, row):
        reason = "opted_out"
    if not reason and survey_rests.was_asked_lately(db, row, days=survey.rest_days, now=now):
        reason = "asked_lately"
    row.state, row.reason = (AskState.LEFT_OUT, reason) if reason else (AskState.SENT, "")
    if not reason:
        work.enqueue(db, "send_sms" if is_sms else "mail_survey", row.id, key=f"listed:{row.id}")


def _listed(typed: str, settings: Settings) -> str:
    """What somebody on a list is known by: the key of an address, or a mobile number."""
    if "@" in typed:
        if (key := contact_points.email_key(typed)) and outgoing.is_address(key):
            return key
        raise Invalid("not_an_address", field="to")
    try:
        number = contact_points.to_e164(typed, region=settings.region)
    except Invalid as error:
        raise Invalid("not_an_address", field="to") from error
    if not sms.is_mobile(number):
        raise Invalid("not_a_mobile", field="to")
    return number
