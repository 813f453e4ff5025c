"""The mail to an agent: what they were told and have not read, at most once an hour, in their language.

The idea: the notifications are the queue. What is unread, wanted by mail and was in no mail yet becomes one mail, once
it has waited long enough to have been read on the page; what is read meanwhile is in none. On a day on which none of
their queues opens nobody is mailed who did not ask for it, and what waited comes when the first of them opens again.
"""

from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, dates, hours, notifications, outgoing, queues, romaji, ways
from helpdesk.mail import dkim
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Agent, Notification

WAITS, APART = timedelta(minutes=10), timedelta(hours=1)

_WORDS = {
    "ja": {
        "subject": "未読のお知らせ {count}件",
        "lead": "{name} さん\n\nまだ開いていないお知らせがあります。",
        "all": "すべてのお知らせ：{url}",
        "why": "お知らせメールの設定は「個人設定」で変えられます：{url}",
    },
    "en": {
        "subject": "{count} unread notifications",
        "lead": "Hello {name},\n\nthis has not been read yet.",
        "all": "All notifications: {url}",
        "why": "Choose what you are mailed about in your settings: {url}",
    },
}
_ONE_UNREAD = "One unread notification"


def due(db: Session, *, settings: Settings, now: datetime) -> list[tuple[int, int]]:
    """Whose mail may leave now: pairs of agent and the oldest notification in it."""
    if not outgoing.can_send(db, settings, address=settings.mail_from):
        return []
    waiting = sa.and_(col(Notification.read_at).is_(None), col(Notification.mailed_at).is_(None))
    ids = db.scalars(
        sa.select(col(Notification.agent_id)).where(waiting, col(Notification.at) <= now - WAITS).distinct()
    )
    found, resting = [], {each.id for each in hours.everyone(db) if hours.is_day_off(each, now)}
    for agent_id in sorted(ids):
        agent = db.get(Agent, agent_id)
        if agent is None or not _may_have_mail(agent, settings) or not outgoing.is_address(agent.email):
            continue
        if ways.quiet_until(agent, timezone=settings.timezone, now=now) is not None or _has_day_off(db, agent, resting):
            continue
        of_agent = col(Notification.agent_id) == agent_id
        last: datetime | None = db.scalar(sa.select(sa.func.max(col(Notification.mailed_at))).where(of_agent))
        told = notifications.to_mail(db, agent)
        if told and told[0].at <= now - WAITS and (last is None or last <= now - APART):
            found.append((agent_id, told[0].id))
    return found


def enqueue(db: Session, found: list[tuple[int, int]]) -> None:
    """Make them due work; the same twice is one mail."""
    for agent_id, first_id in found:
        work.enqueue(db, "send_digest", agent_id, first_id, key=f"digest:{agent_id}:{first_id}")


def compose(
    db: Session, agent_id: int, first_id: int, *, settings: Settings, now: datetime
) -> tuple[bytes, str, list[int]] | None:
    """The mail, to whom, and the notifications in it; None where all of it was read meanwhile.

    The same notifications are the same Message-ID, however often they are composed.
    """
    agent = db.get(Agent, agent_id)
    told = notifications.to_mail(db, agent) if agent is not None and _may_have_mail(agent, settings) else []
    if agent is None or not told:
        return None
    lang = "ja" if agent.language == "ja" else "en"
    words, base = _WORDS[lang], settings.public_url.rstrip("/")
    zone = ZoneInfo(settings.timezone)
    lines = [words["lead"].format(name=romaji.spoken(agent.name, agent.reading, lang)), ""]
    for each in told:
        about = " ".join(filter(None, (f"#{each.ticket_id}" if each.ticket_id else "", each.subject)))
        at = dates.moment(each.at.astimezone(zone), lang)
        lines += [f"■ {each.words}（{at}）" if lang == "ja" else f"* {each.words} ({at})",
                  *([f"  {about}"] if about else []), f"  {base}{each.path}", ""]  # fmt: skip
    lines += [words["all"].format(url=f"{base}/notifications"), words["why"].format(url=f"{base}/account#telling")]
    subject = _ONE_UNREAD if lang == "en" and len(told) == 1 else words["subject"].format(count=len(told))
    mail = EmailMessage(policy=SMTP.clone(max_line_length=78))
    mail["From"] = Address(settings.name, addr_spec=settings.mail_from)
    mail["To"] = Address(agent.name, addr_spec=agent.email)
    mail["Subject"] = f"[{settings.name}] {subject}"
    mail["Date"] = format_datetime(now.astimezone(zone))
    mail["Message-ID"] = f"<digest.{agent_id}.{first_id}@{settings.mail_from.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content("\n".join(lines) + "\n", cte="base64")
    raw = mail.as_bytes()
    sign = dkim.signer(db, settings.mail_from.rpartition("@")[2], settings)
    return (sign(raw) if sign else raw), agent.email, [each.id for each in told]


def _has_day_off(db: Session, agent: Agent, resting: set[int | None]) -> bool:
    """Whether all queues they serve rest, a supervisor's being all there are. One without business hours never does."""
    if ways.wants_days_off(agent) or not resting:
        return False
    served = set(agents.queue_ids(db, agent))
    kept = [queue.calendar_id for queue in queues.everyone(db) if not served or queue.id in served]
    return bool(kept) and all(calendar_id in resting for calendar_id in kept)


def _may_have_mail(agent: Agent, settings: Settings) -> bool:
    """Never to an address of the desk's own, which would answer it."""
    return agent.is_active and bool(agent.email) and agent.email != settings.mail_from.lower()
