"""Sign-in, states, and who serves which queue."""

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlmodel import Session, col, select

from helpdesk import queues, romaji
from helpdesk.customers import contact_points
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import AgentChanged, AgentStateChanged, SignedIn, SignedOut, SignInRefused
from helpdesk.tokens import hash_of
from models import Agent, AgentState, Login, Membership, Presence, PushSubscription, Queue, Role
from models.looking import ask, columns_of, remembered, rows

AWAY_REASONS = ("break", "lunch", "meeting", "training", "admin")
PASSWORD_MIN = 10
_READY = (
    select(Agent.id)
    .join(Membership, col(Membership.agent_id) == Agent.id)
    .join(AgentState, col(AgentState.agent_id) == Agent.id)
    .where(
        Membership.queue_id == sa.bindparam("queue_id"),
        Agent.is_active,
        col(AgentState.ended_at).is_(None),
        AgentState.state == Presence.READY,
    )
    .order_by(col(AgentState.started_at), col(Agent.id))
)
_BY_LOGIN = (col(Login.token_hash) == sa.bindparam("token_hash"), col(Agent.is_active))
_UNTIL = sa.select(col(Login.expires_at)).where(col(Login.token_hash) == sa.bindparam("token_hash"))
_SIGNED_IN = (
    select(Agent)
    .join(Login, col(Login.agent_id) == Agent.id)
    .where(*_BY_LOGIN, col(Login.expires_at) > sa.bindparam("now"))
)
_SEEN_IN = remembered(Agent, lambda every: every.join(Login, col(Login.agent_id) == Agent.id).where(*_BY_LOGIN))
_NOW = (col(AgentState.agent_id) == sa.bindparam("agent_id"), col(AgentState.ended_at).is_(None))
_STATE = select(AgentState).where(*_NOW)
_SEEN_STATE = columns_of(AgentState).where(*_NOW)
_OF_AGENT = sa.select(col(Membership.queue_id)).where(col(Membership.agent_id) == sa.bindparam("agent_id"))

# OWASP's parameters for argon2id: 19 MiB, two passes, one lane; some 25 ms of one core.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _hasher.hash(secrets.token_hex(8))


def create(
    db: Session,
    *,
    name: str,
    email: str,
    password: str,
    now: datetime,
    role: Role = Role.AGENT,
    reading: str = "",
    language: str = "ja",
    phone: str = "",
    extension: str = "",
    queue_ids: Iterable[int] = (),
    by: Agent | None = None,
) -> Agent:
    """Give somebody an account. Raises `Invalid` with the field, or `Conflict("taken")` for a known address."""
    email = email.strip().lower()
    if not name.strip():
        raise Invalid("name_missing", field="name")
    if not contact_points.email_key(email):
        raise Invalid("not_an_address", field="email")
    if db.exec(select(Agent).where(Agent.email == email)).first():
        raise Conflict("taken", field="email")
    agent = Agent(
        name=name.strip(),
        reading=reading.strip(),
        email=email,
        role=role,
        language=language,
        phone=phone,
        extension=extension,
        password_hash=hash_password(password),
        created_at=now,
    )
    db.add(agent)
    db.flush()
    assert agent.id is not None
    for queue_id in queue_ids:
        db.add(Membership(queue_id=queue_id, agent_id=agent.id))
    db.add(AgentState(agent_id=agent.id, state=Presence.OFFLINE, started_at=now))
    db.flush()
    emit(db, AgentChanged(agent_id=agent.id, by_id=by.id if by else None, at=now))
    return agent


def change(
    db: Session,
    agent: Agent,
    *,
    now: datetime,
    name: str | None = None,
    reading: str | None = None,
    role: Role | None = None,
    phone: str | None = None,
    extension: str | None = None,
    is_active: bool | None = None,
    password: str | None = None,
    queue_ids: Iterable[int] | None = None,
    languages: Iterable[str] | None = None,
    most_calls: int | None = None,
    most_tickets: int | None = None,
    levels: Mapping[int, int] | None = None,
    by: Agent | None = None,
) -> None:
    """Change what is given; `levels` maps the queues served to the turn in which the agent is asked there, 1 to 9.

    Whoever may no longer sign in, or has a new password, is signed out. Raises `Invalid` with the field; "own_role"
    where supervisors would lock themselves out.
    """
    assert agent.id is not None
    if by is not None and by.id == agent.id and (role == Role.AGENT != agent.role or is_active is False):
        raise Invalid("own_role", field="role" if is_active is not False else "is_active")
    agent.reading = agent.reading if reading is None else reading
    agent.name, agent.role = name or agent.name, role or agent.role
    agent.phone = agent.phone if phone is None else phone
    agent.extension = agent.extension if extension is None else extension
    if languages is not None:
        agent.languages = sorted(set(languages))
        if not agent.languages:
            raise Invalid("language_missing", field="languages")
    if most_calls is not None:
        if not 1 <= most_calls <= 9:
            raise Invalid("not_a_count", field="most_calls")
        agent.most_calls = most_calls
    if most_tickets is not None:
        if not 0 <= most_tickets <= 999:
            raise Invalid("not_a_number_of_tickets", field="most_tickets")
        agent.most_tickets = most_tickets
    if password is not None:
        agent.password_hash = hash_password(password)
    if is_active is not None:
        agent.is_active = is_active
    if password is not None or is_active is False:
        sign_out_everywhere(db, agent, by_id=by.id if by else None, now=now)
        set_state(db, agent.id, Presence.OFFLINE, by_id=by.id if by else None, now=now)
    if queue_ids is not None:
        known = levels_of(db, agent)
        _rank(db, agent, {queue_id: known.get(queue_id, 1) for queue_id in queue_ids})
    if levels is not None:
        _rank(db, agent, levels)
    db.flush()
    emit(db, AgentChanged(agent_id=agent.id, by_id=by.id if by else None, at=now))


def _rank(db: Session, agent: Agent, levels: Mapping[int, int]) -> None:
    """The agent serves these queues and no others, each at its level."""
    if any(not 1 <= level <= 9 for level in levels.values()):
        raise Invalid("not_a_level", field="levels")
    known = {each.queue_id: each for each in db.exec(select(Membership).where(Membership.agent_id == agent.id))}
    for queue_id, member in known.items():
        if queue_id not in levels:
            db.delete(member)
    for queue_id, level in levels.items():
        if queue_id in known:
            known[queue_id].level = level
        else:
            db.add(Membership(queue_id=queue_id, agent_id=agent.id or 0, level=level))


def serve(db: Session, queue: Queue, agent_ids: Iterable[int], *, by: Agent | None = None, now: datetime) -> None:
    """These agents serve the queue, and no others. Who joins or leaves hears other things from now on."""
    assert queue.id is not None
    known = set(db.exec(select(Agent.id).where(col(Agent.id).in_(list(agent_ids)))))
    members = db.exec(select(Membership).where(Membership.queue_id == queue.id)).all()
    before = {each.agent_id for each in members}
    for each in members:
        if each.agent_id not in known:
            db.delete(each)
    for agent_id in sorted(known - before):  # type: ignore[type-var]
        db.add(Membership(queue_id=queue.id, agent_id=agent_id or 0))
    db.flush()
    for agent_id in sorted(known ^ before):  # type: ignore[type-var]
        emit(db, AgentChanged(agent_id=agent_id or 0, by_id=by.id if by else None, at=now))


def everyone(db: Session) -> list[Agent]:
    """All agents, those who may no longer sign in included, in the order of their accounts."""
    return list(db.exec(select(Agent).order_by(col(Agent.id))))


def called(agent: Agent | None, language: str) -> str:
    """What an agent is called in a sentence of this language; "" for nobody."""
    return romaji.spoken(agent.name, agent.reading, language) if agent else ""


def names(db: Session, *, language: str) -> dict[int, str]:
    """What everyone is called in this language, those who left included, by id in the order of their accounts."""
    return {each.id or 0: called(each, language) for each in everyone(db)}


def to_choose_from(db: Session, *, language: str) -> list[tuple[int, str]]:
    """Who works here, as a list in this language names them: pairs of id and name, in the order of their accounts."""
    return [(each.id or 0, romaji.listed(each.name, each.reading, language)) for each in everyone(db) if each.is_active]


def levels_of(db: Session, agent: Agent) -> dict[int, int]:
    """The queues the agent serves, each with the turn in which the agent is asked there."""
    return {each.queue_id: each.level for each in db.exec(select(Membership).where(Membership.agent_id == agent.id))}


def served_by(db: Session) -> dict[int, list[dict[str, Any]]]:
    """Who serves each queue, by queue id: the ids, names and readings of agents who may sign in."""
    rows = db.execute(
        sa.select(col(Membership.queue_id), col(Agent.id), col(Agent.name), col(Agent.reading))
        .join(Agent, col(Agent.id) == col(Membership.agent_id))
        .where(col(Agent.is_active))
        .order_by(col(Agent.id))
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for queue_id, agent_id, name, reading in rows:
        found.setdefault(queue_id, []).append({"id": agent_id, "name": name, "reading": reading})
    return found


def hash_password(password: str) -> str:
    """The argon2id hash to keep. Raises `Invalid("password_too_short")`."""
    if len(password) < PASSWORD_MIN:
        raise Invalid("password_too_short", field="password", minimum=PASSWORD_MIN)
    return _hasher.hash(password)


def is_password(agent: Agent | None, password: str) -> bool:
    """Whether it is the agent's. As slow for an unknown agent as for a known one, so that time tells nothing."""
    try:
        _hasher.verify(agent.password_hash if agent else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return agent is not None and agent.is_active


def change_password(agent: Agent, *, old: str, new: str) -> None:
    """Raises `Invalid("wrong_password")` or `Invalid("password_too_short")`."""
    if not is_password(agent, old):
        raise Invalid("wrong_password", field="old")
    agent.password_hash = hash_password(new)


def by_email(db: Session, email: str) -> Agent | None:
    """The agent who signs in with this address."""
    return db.exec(select(Agent).where(Agent.email == email.strip().lower())).first()


def sign_in(db: Session, agent: Agent, *, hours: int, now: datetime) -> str:
    """Begin a login and return its token, which is kept nowhere but in the browser."""
    assert agent.id is not None
    token = secrets.token_urlsafe(32)
    db.add(
        Login(
            token_hash=hash_of(token),
            agent_id=agent.id,
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(hours=hours),
        )
    )
    db.execute(sa.delete(Login).where(col(Login.expires_at) < now))
    emit(db, SignedIn(agent_id=agent.id, by_id=agent.id, at=now))
    current = state_of(db, agent.id)
    if current is None or current.state == Presence.OFFLINE:
        set_state(db, agent.id, Presence.AWAY, reason="", now=now)
    return token


def refused(db: Session, email: str, *, now: datetime) -> None:
    """Somebody tried to sign in with this address and was not let in."""
    known = by_email(db, email)
    emit(db, SignInRefused(agent_id=known.id if known else None, at=now))


def signed_in(db: Session, token: str, *, now: datetime) -> Agent | None:
    """The agent a browser's token belongs to, or None when it ended or never was."""
    if not token:
        return None
    token_hash = hash_of(token)
    if not db.info.get("is_reading"):
        return db.exec(_SIGNED_IN, params={"token_hash": token_hash, "now": now}).first()
    found = _SEEN_IN.whole(db, token_hash=token_hash)  # asked without the time, so that its answer may be kept
    return found[0] if found and ask(db, _UNTIL, token_hash=token_hash)[0].expires_at > now else None


def keep_signed_in(db: Session, token: str, *, hours: int, now: datetime) -> None:
    """Push the login's end out, now and then while it is used."""
    db.execute(
        sa.update(Login)
        .where(col(Login.token_hash) == hash_of(token))
        .values(seen_at=now, expires_at=now + timedelta(hours=hours))
    )


def keep_seen(db: Session, tokens: Iterable[str], *, now: datetime) -> None:
    """These browsers have a page open now."""
    hashes = [hash_of(token) for token in tokens]
    if hashes:
        db.execute(sa.update(Login).where(col(Login.token_hash).in_(hashes)).values(seen_at=now))


def sign_out(db: Session, token: str, *, now: datetime) -> None:
    """End the login; whose last one it was goes offline."""
    login = db.exec(select(Login).where(Login.token_hash == hash_of(token))).first()
    if login is None:
        return
    agent_id = login.agent_id
    emit(db, SignedOut(agent_id=agent_id, by_id=agent_id, at=now))
    db.execute(sa.delete(PushSubscription).where(col(PushSubscription.login_id) == login.id))
    db.delete(login)
    db.flush()
    if not db.exec(select(Login.id).where(Login.agent_id == agent_id, Login.expires_at > now).limit(1)).first():
        set_state(db, agent_id, Presence.OFFLINE, now=now)


def sign_out_everywhere(db: Session, agent: Agent, *, but: str = "", by_id: int | None = None, now: datetime) -> None:
    """End every login of the agent except the one with the token `but`; open pages hear of it at once."""
    assert agent.id is not None
    emit(db, AgentChanged(agent_id=agent.id, by_id=by_id, at=now))
    kept = db.exec(select(Login.id).where(Login.token_hash == hash_of(but))).first()
    ended = sa.delete(PushSubscription).where(col(PushSubscription.agent_id) == agent.id)
    db.execute(ended.where(col(PushSubscription.login_id).is_distinct_from(kept)) if kept else ended)
    db.execute(sa.delete(Login).where(col(Login.agent_id) == agent.id, col(Login.token_hash) != hash_of(but)))


def state_of(db: Session, agent_id: int) -> AgentState | None:
    """What the agent is doing now."""
    if db.info.get("is_reading"):
        return next(iter(rows(db, AgentState, _SEEN_STATE, agent_id=agent_id)), None)
    return db.exec(_STATE, params={"agent_id": agent_id}).first()


def set_state(
    db: Session, agent_id: int, state: Presence, *, reason: str = "", by_id: int | None = None, now: datetime
) -> None:
    """Begin another stretch of the agent's day. The same state and reason again change nothing."""
    if state == Presence.AWAY and reason and reason not in (*AWAY_REASONS, "ring_no_answer", "system"):
        raise Invalid("unknown_reason", field="reason")
    current = state_of(db, agent_id)
    if current and current.state == state and current.reason == reason:
        return
    if current:
        current.ended_at = now
        db.flush()
    db.add(AgentState(agent_id=agent_id, state=state, reason=reason, started_at=now))
    emit(db, AgentStateChanged(agent_id=agent_id, state=state.value, reason=reason, by_id=by_id, at=now))


def serves(db: Session, agent: Agent, queue_id: int) -> bool:
    """Whether the agent answers this queue. Supervisors may answer any."""
    if agent.role == Role.SUPERVISOR:
        return True
    if db.info.get("is_reading"):
        return queue_id in queue_ids(db, agent)
    return db.get(Membership, (queue_id, agent.id)) is not None


def serves_as_member(db: Session, agent: Agent, queue_id: int) -> bool:
    """Whether calls of this queue are offered to the agent; for supervisors too, only where they are members."""
    return db.get(Membership, (queue_id, agent.id)) is not None


def queue_ids(db: Session, agent: Agent) -> list[int]:
    """The queues whose tickets the agent may see, in the desk's order: a supervisor sees all. Who only reads has one
    picture, and asks once."""
    if not db.info.get("is_reading"):
        return _queue_ids(db, agent)
    known: dict[Any, list[int]] = db.info.setdefault("served", {})
    if (asked := (agent.id, agent.role)) not in known:
        known[asked] = _queue_ids(db, agent)
    return known[asked][:]


def _queue_ids(db: Session, agent: Agent) -> list[int]:
    every = [queue.id for queue in queues.everyone(db) if queue.id is not None]
    if agent.role == Role.SUPERVISOR:
        return every
    served = {row[0] for row in ask(db, _OF_AGENT, agent_id=agent.id)}
    return [queue_id for queue_id in every if queue_id in served]


def ready_for(db: Session, queue_id: int) -> list[int]:
    """The ids of who serves the queue and is ready, longest idle first."""
    return list(db.scalars(_READY, {"queue_id": queue_id}))


def named(db: Session, names: Iterable[str]) -> Agent | None:
    """The agent a telephone system means: by id ("agent_7"), telephone, extension or address; the first that fits."""
    for name in names:
        wanted = name.strip().lower().removeprefix("client:")
        if not wanted:
            continue
        found = db.exec(
            select(Agent)
            .where(
                sa.or_(
                    col(Agent.phone) == name.strip(),
                    col(Agent.phone) == f"client:{wanted}",
                    col(Agent.extension) == wanted,
                    col(Agent.email) == wanted,
                )
            )
            .order_by(col(Agent.id))
            .limit(1)
        ).first()
        if found is None and re.fullmatch(r"agent_[0-9]{1,9}", wanted):
            found = db.get(Agent, int(wanted[6:]))
        if found:
            return found
    return None


def get(db: Session, agent_id: int) -> Agent:
    """Raises `NotFound`."""
    agent = db.get(Agent, agent_id)
    if agent is None:
        raise NotFound("not_found", agent_id=agent_id)
    return agent
