"""Web Push: an agent without an open page hears of a ringing call or a mention on the telephone in their pocket.

The idea: a push is a knock, not a letter. It is encrypted for the one browser it goes to (RFC 8291), says by default no
more than a queue's name or a ticket's number, is worthless after a while and then no longer tried, and nothing waits
for it: what it is about has been committed before anybody thinks of pushing. Push services are told apart by a list of
hosts, so that nobody makes the desk knock at its own neighbours' doors.
"""

import base64
import binascii
import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import inbox, notifications, romaji, seals, ways
from helpdesk.errors import Invalid, Unreachable
from helpdesk.facts import AgentNotified, CallRinging, Fact
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Agent, Call, CallState, Customer, Login, Parked, PushKey, PushSubscription, Queue

CALL_LASTS, NEWS_LASTS = timedelta(seconds=40), timedelta(hours=2)
"""For how long it is worth arriving."""
OPEN_WITHIN = timedelta(seconds=45)
"""A page seen this recently is open, and shows it by itself; see Hub.keep_seen."""
MOST = 20
"""Browsers of one agent."""
TIMEOUT_SECONDS = 10
WORK = "send_push"
_LOST = "lost_at"

_WORDS = {
    "ja": {
        "call": "着信があります",
        "called": "着信がありました",
        "news": "あなた宛てのお知らせがあります",
        "ticket": "問い合わせ #{number}",
    },
    "en": {
        "call": "Incoming call",
        "called": "There was a call",
        "news": "There is news for you",
        "ticket": "Ticket #{number}",
    },
}
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Knock:
    """One push as it is handed over."""

    endpoint: str
    p256dh: str
    auth: str
    private_key: str
    said: dict[str, Any]  # title, body, path, tag, lang; of a call `over`, what is said when it rings no more
    is_urgent: bool

    @property
    def service(self) -> str:
        """Whom it is handed to."""
        return service_of(self.endpoint)


def public_key(db: Session, *, settings: Settings, now: datetime) -> str:
    """The desk's public key, as browsers want it for subscribing; made when first asked for."""
    found = db.exec(select(PushKey).order_by(col(PushKey.id)).limit(1)).first()
    if found is None:
        public, private = _new_keys()
        found = PushKey(public_key=public, private_key=seals.seal(private, settings=settings), created_at=now)
        db.add(found)
        db.flush()
    return found.public_key


def subscribe(
    db: Session, agent: Agent, told: Any, *, token_hash: str, settings: Settings, now: datetime
) -> PushSubscription:
    """Keep what a browser's PushSubscription.toJSON() says. The same browser again is the same row, whoever it was.

    Raises `Invalid("not_a_subscription")`, or `Invalid("unknown_push_service")` where its host is not of the settings.
    """
    endpoint, p256dh, auth = _parts(told)
    if not is_service(endpoint, settings):
        raise Invalid("unknown_push_service", field="endpoint")
    row = db.exec(select(PushSubscription).where(PushSubscription.endpoint == endpoint)).first()
    row = row or PushSubscription(agent_id=0, endpoint=endpoint, p256dh="", auth="", created_at=now)
    assert agent.id is not None
    row.agent_id, row.p256dh, row.auth = agent.id, p256dh, auth
    row.login_id = db.exec(select(Login.id).where(Login.token_hash == token_hash)).first()
    db.add(row)
    db.flush()
    for old in of_agent(db, agent)[MOST:]:
        db.delete(old)
    agent.telling = {name: value for name, value in agent.telling.items() if name != _LOST}
    return row


def is_here(db: Session, agent: Agent, endpoint: str, *, token_hash: str) -> bool:
    """A browser with a subscription says that this agent is signed in there. False, and it is forgotten, where it was
    somebody else's, or is not known (any more)."""
    row = db.exec(select(PushSubscription).where(PushSubscription.endpoint == endpoint)).first()
    if row is None:
        return False
    if row.agent_id != agent.id:
        db.delete(row)
        return False
    row.login_id = db.exec(select(Login.id).where(Login.token_hash == token_hash)).first()
    return True


def unsubscribe(db: Session, agent: Agent, endpoint: str = "") -> None:
    """Push to this browser no more; "" means to none of the agent's."""
    query = sa.delete(PushSubscription).where(col(PushSubscription.agent_id) == agent.id)
    db.execute(query.where(col(PushSubscription.endpoint) == endpoint) if endpoint else query)


def of_agent(db: Session, agent: Agent) -> list[PushSubscription]:
    """The agent's browsers, the newest first."""
    query = select(PushSubscription).where(PushSubscription.agent_id == agent.id)
    return list(db.exec(query.order_by(col(PushSubscription.id).desc())))


def is_service(endpoint: str, settings: Settings) -> bool:
    """Whether an address is one of a push service that the settings name. An entry with a scheme is a whole origin;
    one with "*." before it stands for every host below."""
    told = urlsplit(endpoint)
    try:
        origin, host = f"{told.scheme}://{told.netloc}", told.hostname or ""
        port = told.port
    except ValueError:
        return False
    if told.username or told.password:
        return False
    for each in settings.push_services:
        if "://" in each:
            if origin == each:
                return True
        elif told.scheme == "https" and port in (None, 443):
            if host == each or (each.startswith("*.") and host.endswith(each[1:])):
                return True
    return False


def service_of(endpoint: str) -> str:
    """The host of a push service, which is the browser maker's."""
    return urlsplit(endpoint).netloc


def wanted(facts: Iterable[Fact]) -> list[Fact]:
    """Those of the facts that may be pushed."""
    return [fact for fact in facts if isinstance(fact, CallRinging | AgentNotified)]


def to_push(db: Session, facts: Sequence[Fact], *, settings: Settings, now: datetime) -> list[tuple[int, str, int]]:
    """What of these facts is to be pushed to whom: subscription, "call" or "news", and the id of what it is about.

    Nothing for whoever has a page open, rests in quiet hours, or wants it by another way.
    """
    about: dict[int, list[tuple[str, str, int]]] = {}  # agent -> kind, way of telling, id
    for fact in facts:
        if isinstance(fact, CallRinging):
            for agent_id in fact.agent_ids:
                about.setdefault(agent_id, []).append((ways.CALL, "call", fact.call_id))
        elif isinstance(fact, AgentNotified):
            about.setdefault(fact.agent_id, []).append((fact.what, "news", fact.notification_id))
    if not about:
        return []
    seen = sa.select(col(Login.id)).where(col(Login.agent_id) == Agent.id, col(Login.seen_at) > now - OPEN_WITHIN)
    rows = db.exec(
        select(PushSubscription, Agent)
        .join(Agent, col(Agent.id) == PushSubscription.agent_id)
        .where(col(PushSubscription.agent_id).in_(about), Agent.is_active, ~seen.exists())
        .order_by(col(PushSubscription.id))
    )
    due = []
    for row, agent in rows:
        if ways.quiet_until(agent, timezone=settings.timezone, now=now) is not None:
            continue
        due += [(row.id or 0, what, number) for kind, what, number in about[row.agent_id]
                if "push" in ways.of(agent, kind)]  # fmt: skip
    return due


def enqueue(db: Session, due: Iterable[tuple[int, str, int]], *, now: datetime) -> None:
    """Make them due work. The same twice is one push."""
    for subscription_id, what, number in due:
        lasts = CALL_LASTS if what == "call" else NEWS_LASTS
        work.enqueue(db, WORK, subscription_id, what, number, (now + lasts).isoformat(),
                     key=f"push:{what}:{number}:{subscription_id}")  # fmt: skip


def prepare(db: Session, subscription_id: int, what: str, number: int, *, settings: Settings) -> Knock | None:
    """A push with its words; None where it is no longer worth one: the call is over, the news are read."""
    row = db.get(PushSubscription, subscription_id)
    agent = db.get(Agent, row.agent_id) if row else None
    key = db.exec(select(PushKey).order_by(col(PushKey.id)).limit(1)).first()
    if row is None or agent is None or not agent.is_active or key is None:
        return None
    said = _of_call(db, agent, number, settings) if what == "call" else _of_news(db, agent, number, settings)
    if said is None:
        return None
    private = seals.unseal(key.private_key, settings=settings)
    return Knock(row.endpoint, row.p256dh, row.auth, private, said | {"lang": agent.language}, what == "call")


def send(knock: Knock, *, until: datetime, settings: Settings, now: datetime) -> bool:
    """Hand it to the push service. False when that browser no longer listens, and its subscription can go.

    Raises `Unreachable` when it may work later. What comes too late is not tried.
    """
    from pywebpush import WebPushException, webpush

    seconds = int((until - now).total_seconds())
    if seconds <= 0:
        return True
    try:
        webpush(
            {"endpoint": knock.endpoint, "keys": {"p256dh": knock.p256dh, "auth": knock.auth}},
            data=json.dumps(knock.said, ensure_ascii=False),
            vapid_private_key=knock.private_key,
            vapid_claims={"sub": f"mailto:{settings.mail_from}"},
            ttl=seconds,
            timeout=TIMEOUT_SECONDS,
            headers={"urgency": "high" if knock.is_urgent else "normal"},
        )
    except WebPushException as error:
        status = getattr(error.response, "status_code", None) or 0
        if status in (400, 401, 403, 404, 410):  # 404 and 410: it ended; the others: it was made for another key
            return False
        raise Unreachable("push_unreachable") from error
    except (OSError, ValueError, binascii.Error) as error:  # requests' errors are OSErrors
        if isinstance(error, ValueError | binascii.Error) and not isinstance(error, OSError):
            return False  # what the browser gave as its key is none
        raise Unreachable("push_unreachable") from error
    return True


def ended(db: Session, subscription_id: int, *, now: datetime) -> None:
    """The browser no longer listens: it is forgotten, and its agent finds that said beside their devices."""
    row = db.get(PushSubscription, subscription_id)
    agent = db.get(Agent, row.agent_id) if row else None
    if row is None or agent is None:
        return
    agent.telling = agent.telling | {_LOST: now.isoformat()}
    db.delete(row)


def lost_at(agent: Agent) -> datetime | None:
    """When a browser of theirs was last found to listen no more; None once they switched one on, or chose anew."""
    told = agent.telling.get(_LOST)
    return datetime.fromisoformat(told) if told else None


def given_up(db: Session, subscription_id: int, *, silent: Collection[str], now: datetime) -> None:
    """A push came too late. Where its service is one of those that are `silent`, supervisors see that, in one line for
    each service until somebody settled it."""
    row = db.get(PushSubscription, subscription_id)
    service = service_of(row.endpoint) if row else ""
    if service not in silent:
        return
    waiting = select(Parked.id).where(Parked.work == WORK, Parked.source == service, col(Parked.settled_at).is_(None))
    if db.exec(waiting.limit(1)).first() is None:
        inbox.park_work(db, WORK, Unreachable("push_unreachable"), source=service, now=now)


def _of_call(db: Session, agent: Agent, call_id: int, settings: Settings) -> dict[str, Any] | None:
    call = db.get(Call, call_id)
    if call is None or call.state != CallState.RINGING:
        return None
    words = _WORDS["ja" if agent.language == "ja" else "en"]
    queue = db.get(Queue, call.queue_id) if call.queue_id else None
    customer = db.get(Customer, call.customer_id) if call.customer_id and ways.says_names(agent) else None
    who = romaji.spoken(customer.name, customer.reading, agent.language) if customer else ""
    body = " · ".join(filter(None, (who, queue.called(agent.language) if queue else "")))
    return {
        "title": words["call"],
        "body": body or settings.name,
        "path": "/inbox",
        "tag": f"call-{call_id}",
        "over": {"title": words["called"], "path": "/calls", "seconds": int(CALL_LASTS.total_seconds())},
    }


def _of_news(db: Session, agent: Agent, notification_id: int, settings: Settings) -> dict[str, str] | None:
    told = notifications.one(db, agent, notification_id)
    if told is None or told.is_read:
        return None
    words = _WORDS["ja" if agent.language == "ja" else "en"]
    number = words["ticket"].format(number=told.ticket_id) if told.ticket_id else ""
    if ways.says_names(agent):
        title, body = told.words, " ".join(filter(None, (f"#{told.ticket_id}" if told.ticket_id else "", told.subject)))
    else:
        title, body = words["news"], number
    return {"title": title, "body": body or settings.name, "path": told.path, "tag": f"news-{told.id}"}


def _parts(told: Any) -> tuple[str, str, str]:
    keys = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(keys, dict):
        raise Invalid("not_a_subscription")
    parts = tuple(each for each in (told.get("endpoint"), keys.get("p256dh"), keys.get("auth"))
                  if isinstance(each, str) and 0 < len(each) <= 1000)  # fmt: skip
    if len(parts) != 3 or len(_raw(parts[1])) != 65 or len(_raw(parts[2])) != 16:
        raise Invalid("not_a_subscription")
    return parts


def _raw(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


def _new_keys() -> tuple[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    number = private.private_numbers().private_value.to_bytes(32, "big")
    return _text(point), _text(number)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
