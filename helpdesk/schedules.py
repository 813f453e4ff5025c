"""Reports that leave by mail: every day, week or month at an hour of a time zone, to people in their language.

The one idea: a mail is a row per recipient and due moment before it is a mail, and it is claimed before it is handed
over. Whoever finds it claimed after a crash does not know whether it left, so it is not sent again by itself: it is set
aside for a supervisor. What waited while the desk was closed leaves once, for the latest period.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, dates, outgoing, queues, seals
from helpdesk.errors import Invalid, NotFound, Rejected, Unreachable
from helpdesk.events import emit
from helpdesk.facts import ReportMailed, ScheduleChanged
from helpdesk.mail import dkim
from helpdesk.reporting import books, catalog, files, paper
from helpdesk.reporting.catalog import Asked
from helpdesk.reporting.values import Voice, days, said
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Agent, Every, ReportMail, ReportMailState, ReportRecipient, ReportSchedule
from models.database import Database, hold_still

if TYPE_CHECKING:
    from collections.abc import Callable

    from helpdesk.deliveries import Postman

NAME_MAX: Final = 80
RECIPIENTS_MAX: Final = 50
FORMATS: Final = ("pdf", "xlsx")
KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Form:
    """A schedule as it is typed."""

    name: str
    report: str
    asked: Mapping[str, str]
    every: str = Every.WEEK.value
    weekday: int = 0
    day: int = 1
    at: str = "08:00"
    timezone: str
    formats: Sequence[str] = ("pdf",)
    agent_ids: Sequence[int] = ()
    addresses: Sequence[str] = ()
    language: str = "ja"  # of the addresses


@dataclass(frozen=True, slots=True)
class Line:
    """A schedule on the list: who gets it, and what became of the last mails, the newest first."""

    schedule: ReportSchedule
    recipients: Sequence[tuple[ReportRecipient, str]]  # with the name or address
    mails: Sequence[tuple[ReportMail, str]]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a mail is made of, read in one moment."""

    schedule: ReportSchedule
    asked: Asked
    gather: "Callable[[], Any]"
    to: str
    to_name: str
    language: str
    chosen: Sequence[str]
    stop: str  # the code of its stop link; "" for a mail somebody asked for
    key: str  # of its Message-ID
    sign: "Callable[[bytes], bytes] | None"


# --- what supervisors choose ------------------------------------------------------------------------------------------


def listed(db: Session, *, language: str, most: int = 8) -> list[Line]:
    """All of them by name."""
    rows = db.exec(select(ReportSchedule).where(col(ReportSchedule.deleted_at).is_(None)).order_by(ReportSchedule.name))
    lines = []
    for schedule in rows:
        people = [(each, _name(db, each, language)) for each in recipients(db, schedule)]
        names = {each.id: name for each, name in people}
        mails = db.exec(
            select(ReportMail).where(col(ReportMail.recipient_id).in_(list(names)))
            .order_by(col(ReportMail.id).desc()).limit(most)
        )  # fmt: skip
        lines.append(Line(schedule, people, [(mail, names[mail.recipient_id]) for mail in mails]))
    return lines


def get(db: Session, schedule_id: int) -> ReportSchedule:
    """Raises `NotFound`."""
    found = db.get(ReportSchedule, schedule_id)
    if found is None or found.deleted_at is not None:
        raise NotFound("not_found", schedule_id=schedule_id)
    return found


def recipients(db: Session, schedule: ReportSchedule) -> list[ReportRecipient]:
    """Who gets it, those who stopped it included."""
    of = select(ReportRecipient).where(ReportRecipient.schedule_id == schedule.id).order_by(col(ReportRecipient.id))
    return list(db.exec(of))


def save(db: Session, schedule: ReportSchedule | None, form: Form, *, by: Agent, settings: Settings,
         now: datetime) -> ReportSchedule:  # fmt: skip
    """Make one (`schedule` None) or change one. Who stopped it stays stopped. Raises `Invalid` with the field."""
    is_new = schedule is None
    row = schedule or ReportSchedule(name="", report="", timezone="", owner_id=by.id, next_at=now, created_at=now)
    _fill(db, row, form, settings=settings, now=now)
    db.add(row)
    db.flush()
    _address(db, row, form, settings=settings)
    _told(db, row, "made" if is_new else "changed", by_id=by.id, now=now)
    return row


def switch(db: Session, schedule: ReportSchedule, is_active: bool, *, by: Agent, now: datetime) -> None:
    """Send from now on, or no more. The same again changes nothing."""
    if schedule.is_active != is_active:
        schedule.is_active, schedule.next_at = is_active, next_after(schedule, now)
        _told(db, schedule, "on" if is_active else "off", by_id=by.id, now=now)


def delete(db: Session, schedule: ReportSchedule, *, by: Agent, now: datetime) -> None:
    """It sends no more, and can be taken back for a while."""
    db.execute(sa.delete(ReportSchedule).where(col(ReportSchedule.deleted_at) < now - KEPT))
    schedule.deleted_at, schedule.is_active = now, False
    _told(db, schedule, "deleted", by_id=by.id, now=now)


def restore(db: Session, schedule_id: int, *, by: Agent, now: datetime) -> None:
    """Take the deletion back; it stays switched off. Raises `NotFound`."""
    found = db.get(ReportSchedule, schedule_id)
    if found is None:
        raise NotFound("not_found", schedule_id=schedule_id)
    found.deleted_at = None
    _told(db, found, "changed", by_id=by.id, now=now)


def next_after(schedule: ReportSchedule, now: datetime) -> datetime:
    """The next moment it is due, on the clock of its time zone. An hour that a day skips is the one after it."""
    zone = ZoneInfo(schedule.timezone)
    day = now.astimezone(zone).date()
    for _ in range(62):
        is_day = {
            Every.DAY: True, Every.WEEK: day.weekday() == schedule.weekday, Every.MONTH: day.day == schedule.day,
        }[schedule.every]  # fmt: skip
        hour, minute = divmod(schedule.minute, 60)
        at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(ZoneInfo("UTC"))
        if is_day and at > now:
            return at
        day += timedelta(days=1)
    raise AssertionError("every month has the days 1 to 28")


# --- what time brings about -------------------------------------------------------------------------------------------


def is_any_due(db: Session, *, now: datetime) -> bool:
    """Whether something is to be sent."""
    due = select(ReportSchedule.id).where(col(ReportSchedule.is_active), ReportSchedule.next_at <= now).limit(1)
    return db.exec(due).first() is not None


def enqueue_due(db: Session, *, now: datetime) -> None:
    """Make a mail to each recipient due work, once a period, whatever happens between."""
    due = select(ReportSchedule).where(col(ReportSchedule.is_active), ReportSchedule.next_at <= now)
    for schedule in db.exec(due.with_for_update()).all():
        moment = schedule.next_at
        schedule.next_at = next_after(schedule, now)
        for each in recipients(db, schedule):
            if each.stopped_at is None:
                _enqueue(db, each, moment.isoformat(), now=now)


def again(db: Session, mail_id: int, *, now: datetime) -> None:
    """Send one that failed, or perhaps left, once more because a supervisor says so. Raises `NotFound`."""
    mail = db.get(ReportMail, mail_id)
    if mail is None or mail.state not in (ReportMailState.FAILED, ReportMailState.UNCERTAIN):
        raise NotFound("not_found", mail_id=mail_id)
    mail.state, mail.error, mail.at = ReportMailState.WAITING, "", now
    work.enqueue(db, "send_report", mail.id, key=f"report:{mail.id}:{now.timestamp():.6f}")


def send_now(db: Session, schedule: ReportSchedule, *, to: Agent, now: datetime) -> None:
    """Send it to one agent as it would be now."""
    key = f"report:now:{schedule.id}:{to.id}:{now.timestamp():.3f}"
    work.enqueue(db, "send_report_now", schedule.id, to.id, now.isoformat(), key=key)


def stop(db: Session, token: str, *, settings: Settings, now: datetime) -> None:
    """Whoever has this link gets the report no more. Twice changes nothing. Raises `NotFound`."""
    row, schedule = _of_token(db, token, settings=settings)
    if row.stopped_at is None:
        row.stopped_at = now
        _told(db, schedule, "stopped", by_id=None, now=now)


def resume(db: Session, token: str, *, settings: Settings, now: datetime) -> None:
    """They want it after all."""
    row, schedule = _of_token(db, token, settings=settings)
    if row.stopped_at is not None:
        row.stopped_at = None
        _told(db, schedule, "changed", by_id=None, now=now)


def opened(db: Session, token: str, *, settings: Settings) -> tuple[ReportSchedule, bool, str]:
    """What a stop link is about: the schedule, whether it is stopped, in whose language. Raises `NotFound`."""
    row, schedule = _of_token(db, token, settings=settings)
    agent = db.get(Agent, row.agent_id) if row.agent_id else None
    return schedule, row.stopped_at is not None, agent.language if agent else row.language


# --- the mail ---------------------------------------------------------------------------------------------------------


def deliver(
    database: Database,
    postman: "Postman",
    mail_id: int,
    *,
    settings: Settings,
    speak: "Callable[[str], Voice]",
    now: datetime,
) -> None:
    """Send one mail, if it was not sent. Raises `Unreachable` when it is worth another attempt, `Rejected` when not."""
    state = database.read_now(lambda db: (found := db.get(ReportMail, mail_id)) and found.state)
    if state == ReportMailState.SENDING:  # somebody claimed it and did not come back
        database.write_now(_end, mail_id, ReportMailState.UNCERTAIN, "perhaps_sent", now=now)
        raise Rejected("perhaps_sent")
    if state != ReportMailState.WAITING:
        return
    try:
        parcel = database.read_now(_parcel, mail_id, settings=settings, now=now)
        if parcel is None:  # nobody wants it any more
            database.write_now(_forget, mail_id)
            return
        raw = compose(parcel, speak(parcel.language), settings=settings, now=now)
    except (NotFound, Invalid) as error:
        database.write_now(_end, mail_id, ReportMailState.FAILED, error.code, now=now)
        raise Rejected(error.code) from error
    if not database.write_now(_claim, mail_id, now=now):
        return
    try:
        postman.post(raw, sender=settings.mail_from, recipient=parcel.to)
    except Unreachable:
        database.write_now(_end, mail_id, ReportMailState.WAITING, "smtp_unreachable", now=now)
        raise
    except Rejected as error:
        database.write_now(_end, mail_id, ReportMailState.FAILED, str(error), now=now)
        raise
    database.write_now(_end, mail_id, ReportMailState.SENT, "", now=now)


def given_up(db: Session, mail_id: int, *, error: str, now: datetime) -> None:
    """No attempt is left."""
    mail = db.get(ReportMail, mail_id)
    if mail is not None and mail.state == ReportMailState.WAITING:
        _end(db, mail_id, ReportMailState.FAILED, error, now=now)


def deliver_now(database: Database, postman: "Postman", schedule_id: int, agent_id: int, at: datetime, *,
                settings: Settings, speak: "Callable[[str], Voice]") -> None:  # fmt: skip
    """The mail somebody asked for, as it was at that moment."""

    def look(db: Session) -> Parcel | None:
        schedule, agent = db.get(ReportSchedule, schedule_id), db.get(Agent, agent_id)
        if schedule is None or agent is None or not agent.is_active or not agent.email:
            return None
        return _of(db, schedule, agent.email, agent.name, agent.language, "", f"now.{at.timestamp():.0f}.{agent_id}",
                   settings=settings, now=at)  # fmt: skip

    if (parcel := database.read_now(look)) is not None:
        raw = compose(parcel, speak(parcel.language), settings=settings, now=at)
        postman.post(raw, sender=settings.mail_from, recipient=parcel.to)


def compose(parcel: Parcel, voice: Voice, *, settings: Settings, now: datetime) -> bytes:
    """The mail: the findings in its words, the whole report attached. The same period is the same Message-ID."""
    sheet, schedule = parcel.gather(), parcel.schedule
    first, last = days(sheet.interval, parcel.asked.timezone)  # a forecast tells of days to come
    facts = {"name": schedule.name, "first": dates.whole(first, voice.language),
             "last": dates.whole(last, voice.language), "desk": settings.name}  # fmt: skip
    base = settings.public_url.rstrip("/")

    def say(code: str, **more: object) -> str:
        return voice.say("report_mail", code, facts | more)

    lines = [say("lead"), "", f"■ {say('findings')}"]
    lines += [f"・{said(each, voice)}" for each in sheet.findings] + [""]
    lines += [say("attached")]
    if path := catalog.report(schedule.report).path:
        lines.append(say("open", url=f"{base}{path}"))
    if parcel.stop:
        lines.append(say("stop", url=f"{base}/m/{parcel.stop}"))
    mail = EmailMessage(policy=SMTP.clone(max_line_length=78))
    mail["From"] = Address(settings.name, addr_spec=settings.mail_from)
    mail["To"] = Address(parcel.to_name, addr_spec=parcel.to)
    mail["Subject"] = f"[{settings.name}] {say('subject')}"
    mail["Date"] = format_datetime(now.astimezone(ZoneInfo(settings.timezone)))
    mail["Message-ID"] = f"<report.{parcel.key}@{settings.mail_from.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if parcel.stop:
        mail["List-Unsubscribe"] = f"<{base}/hooks/report/{parcel.stop}/stop>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content("\n".join(lines) + "\n", cte="base64")
    stem = f"{schedule.report}-{first.isoformat()}-{last.isoformat()}"
    if "pdf" in schedule.formats:
        cover = paper.Cover(settings.name, schedule.name, parcel.chosen, parcel.asked.now)
        title = voice.say("report_title", schedule.report, None)
        mail.add_attachment(paper.pdf([(title, sheet)], cover, voice), "application", "pdf", filename=f"{stem}.pdf")
    if "xlsx" in schedule.formats:
        book = b"".join(files.spreadsheet_pieces(books.leaves(sheet, voice)))
        mail.add_attachment(book, *files.XLSX.split("/"), filename=f"{stem}.xlsx")
    raw = mail.as_bytes()
    return parcel.sign(raw) if parcel.sign else raw


# --- what only this module needs --------------------------------------------------------------------------------------


def _parcel(db: Session, mail_id: int, *, settings: Settings, now: datetime) -> Parcel | None:
    """What a mail is made of, as of the moment it was due; None where nobody wants it any more."""
    mail = db.get(ReportMail, mail_id)
    row = db.get(ReportRecipient, mail.recipient_id) if mail else None
    schedule = db.get(ReportSchedule, row.schedule_id) if row else None
    if mail is None or row is None or schedule is None or schedule.deleted_at or row.stopped_at is not None:
        return None
    agent = db.get(Agent, row.agent_id) if row.agent_id else None
    if row.agent_id and (agent is None or not agent.is_active or not agent.email):
        return None
    to, name, language = (agent.email, agent.name, agent.language) if agent else (row.address, "", row.language)
    due = datetime.fromisoformat(mail.due)
    key = f"{row.id}.{due.timestamp():.0f}"
    return _of(db, schedule, to, name, language, _token(row.id or 0, settings), key, settings=settings, now=due)


def _of(db: Session, schedule: ReportSchedule, to: str, name: str, language: str, stop: str, key: str, *,
        settings: Settings, now: datetime) -> Parcel:  # fmt: skip
    asked = catalog.asked(db, schedule.report, schedule.asked, language=language, timezone=settings.timezone, now=now,
                          period="last_week")  # fmt: skip
    gather = catalog.report(schedule.report).gather(db, asked)
    chosen = [queues.get(db, asked.queue_id).called(language)] if asked.queue_id else []
    sign = dkim.signer(db, settings.mail_from.rpartition("@")[2], settings)
    db.expunge(schedule)
    return Parcel(schedule, asked, gather, to, name, language, chosen, stop, key, sign)


def _enqueue(db: Session, row: ReportRecipient, due: str, *, now: datetime) -> None:
    assert row.id is not None
    if db.exec(select(ReportMail.id).where(ReportMail.recipient_id == row.id, ReportMail.due == due)).first() is None:
        mail = ReportMail(recipient_id=row.id, due=due, at=now)
        db.add(mail)
        db.flush()
        work.enqueue(db, "send_report", mail.id, key=f"report:{row.id}:{due}")


def _claim(db: Session, mail_id: int, *, now: datetime) -> bool:
    mail = db.get(ReportMail, mail_id)
    if mail is None:
        return False
    hold_still(db, mail)
    if mail.state != ReportMailState.WAITING:
        return False
    mail.state, mail.at = ReportMailState.SENDING, now
    return True


def _end(db: Session, mail_id: int, state: ReportMailState, error: str, *, now: datetime) -> None:
    mail = db.get(ReportMail, mail_id)
    if mail is None:
        return
    mail.state, mail.error, mail.at = state, error[:200], now
    row = db.get(ReportRecipient, mail.recipient_id)
    if row is not None and state != ReportMailState.WAITING:
        emit(db, ReportMailed(schedule_id=row.schedule_id, recipient_id=row.id or 0, state=state.value, at=now))


def _forget(db: Session, mail_id: int) -> None:
    if (mail := db.get(ReportMail, mail_id)) is not None:
        db.delete(mail)


def _name(db: Session, row: ReportRecipient, language: str) -> str:
    agent = db.get(Agent, row.agent_id) if row.agent_id else None
    return agents.called(agent, language) if agent else row.address


def _fill(db: Session, row: ReportSchedule, form: Form, *, settings: Settings, now: datetime) -> None:
    row.name = " ".join(form.name.split())[:NAME_MAX]
    if not row.name:
        raise Invalid("name_missing", field="name")
    if form.report not in catalog.REPORTS:
        raise Invalid("unknown_choice", field="report")
    if form.every not in list(Every):
        raise Invalid("unknown_choice", field="every")
    if not (0 <= form.weekday <= 6 and 1 <= form.day <= 28):
        raise Invalid("out_of_range", field="weekday" if not 0 <= form.weekday <= 6 else "day")
    if (clock := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", form.at.strip())) is None:
        raise Invalid("not_a_time_of_day", field="at")
    try:
        ZoneInfo(form.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("unknown_timezone", field="timezone") from error
    row.formats = [each for each in FORMATS if each in form.formats]
    if not row.formats:
        raise Invalid("formats_missing", field="formats")
    row.report, row.asked = form.report, catalog.kept(form.report, form.asked)
    catalog.asked(db, row.report, row.asked, language="ja", timezone=settings.timezone, now=now, period="last_week")
    row.every, row.weekday, row.day = Every(form.every), form.weekday, form.day
    row.minute, row.timezone = int(clock[1]) * 60 + int(clock[2]), form.timezone
    row.next_at = next_after(row, now)


def _address(db: Session, row: ReportSchedule, form: Form, *, settings: Settings) -> None:
    """Let the recipients be those of the form."""
    ours, allowed = outgoing.ours(db, settings), set(settings.report_domains)
    addresses = dict.fromkeys(each.strip().lower() for each in form.addresses if each.strip())
    for typed in addresses:
        if not outgoing.is_address(typed) or typed.rpartition("@")[2] not in allowed or outgoing.plain(typed) in ours:
            raise Invalid("recipient_unknown", field="addresses")
    people = [agent for id in dict.fromkeys(form.agent_ids) if (agent := db.get(Agent, id)) and agent.is_active]
    if not people and not addresses:
        raise Invalid("recipients_missing", field="agents")
    if len(people) + len(addresses) > RECIPIENTS_MAX:
        raise Invalid("out_of_range", field="addresses")
    wanted: set[tuple[int | None, str]] = {(agent.id, "") for agent in people} | {(None, typed) for typed in addresses}
    for each in recipients(db, row):
        if (each.agent_id, each.address) in wanted:
            wanted.discard((each.agent_id, each.address))
            each.language = form.language
        else:
            db.delete(each)
    assert row.id is not None
    for agent_id, address in sorted(wanted, key=str):
        db.add(ReportRecipient(schedule_id=row.id, agent_id=agent_id, address=address, language=form.language))


def _token(recipient_id: int, settings: Settings) -> str:
    return f"{recipient_id}-{seals.code(f'report:{recipient_id}', settings=settings)}"


def _of_token(db: Session, token: str, *, settings: Settings) -> tuple[ReportRecipient, ReportSchedule]:
    number = re.fullmatch(r"([0-9]{1,9})-[a-z2-7]{16,64}", token)
    if number is None or not hmac.compare_digest(_token(int(number[1]), settings), token):
        raise NotFound("link_gone")
    row = db.get(ReportRecipient, int(number[1]))
    schedule = db.get(ReportSchedule, row.schedule_id) if row else None
    if row is None or schedule is None:
        raise NotFound("link_gone")
    return row, schedule


def _told(db: Session, row: ReportSchedule, state: str, *, by_id: int | None, now: datetime) -> None:
    emit(db, ScheduleChanged(schedule_id=row.id or 0, state=state, by_id=by_id, at=now))
