"""What supervisors alone see: what failed, to be tried again or set aside; and which guesses are shown."""

from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, impressions, inbox, ledger, preferences
from helpdesk.errors import Invalid
from models import Agent, Inbound, Parked, ParkedKind, Post, Rule
from web import words
from web.addresses import get, post
from web.edge import act, desk_of, html, look
from web.settings_history import change, saved

SHOWN = 200


async def parked(request: Request) -> Response:
    """What waits for a decision, and what was decided last."""
    frame, told = await look(request, _parked)
    return html(request, "admin/parked.html", frame["me"]["language"], **(frame | told | {"view": "parked"}))


async def replay(request: Request) -> Response:
    """Try it again."""
    desk, parked_id = desk_of(request), request.path_params["parked_id"]
    await act(request, lambda db, agent: inbox.replay(db, access.parked(db, agent, parked_id), by=agent,
                                                      now=desk.clock()))  # fmt: skip
    desk.settle()
    return RedirectResponse("/admin/parked?notice=replayed", 303)


async def replay_posts(request: Request) -> Response:
    """Tell other systems again, all at once, what they could not be told."""
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        return inbox.replay_posts(db, by=agent, now=desk.clock())

    await act(request, verb)
    return RedirectResponse("/admin/parked?notice=replayed", 303)


async def dismiss(request: Request) -> Response:
    """Set it aside for good."""
    parked_id, now = request.path_params["parked_id"], desk_of(request).clock()
    await act(request, lambda db, agent: inbox.dismiss(db, access.parked(db, agent, parked_id), by=agent, now=now))
    return RedirectResponse("/admin/parked?notice=dismissed", 303)


async def guesses(request: Request) -> Response:
    """What is guessed of customers' words, how well, and a switch for each."""
    measured = await run_in_threadpool(impressions.measured)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        shown = preferences.all_shown(db)
        return {"guesses": [{"name": name, "is_on": name in shown,
                             "measured": [each for each in measured if each.guess == name]}
                            for name in preferences.GUESSES]}  # fmt: skip

    frame, told = await look(request, verb)
    return html(request, "admin/guesses.html", frame["me"]["language"], **(frame | told | {"view": "guesses"}))


async def switch(request: Request) -> Response:
    """Switch a guess on or off, for everybody."""
    form, now = await request.form(), desk_of(request).clock()
    name, value = str(form.get("name", "")), str(form.get("value", ""))
    if value not in ("on", "off"):
        raise Invalid("unknown_choice", field="value")

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        preferences.set(db, name, value == "on", by=agent, now=now)

    _, change_id = await change(request, verb)
    return saved("/admin/guesses", change_id)


def _parked(db: Session, agent: Agent) -> dict[str, Any]:
    access.supervisor(agent)
    size = sa.func.length(Inbound.raw)
    query = select(Parked, size).join(Inbound, col(Inbound.id) == Parked.inbound_id, isouter=True)
    query = query.where(col(Parked.within_id).is_(None))
    waits = db.exec(query.where(col(Parked.settled_at).is_(None)).order_by(col(Parked.id)).limit(SHOWN)).all()
    over = db.exec(query.where(col(Parked.settled_at).is_not(None)).order_by(col(Parked.settled_at).desc()).limit(20))
    settled = over.all()
    lines = [parked.id for parked, _ in (*waits, *settled)]
    asked = sa.select(col(Parked.within_id), sa.func.count()).where(col(Parked.within_id).in_(lines))
    more = {line: count for line, count in db.execute(asked.group_by(col(Parked.within_id)))}
    return {
        "posts": sum(found.post_id is not None for found, _ in waits),
        "rows": [_row(db, *found, more, agent.language) for found in waits],
        "resolved": [_row(db, *found, more, agent.language) for found in settled],
    }


def _row(db: Session, parked: Parked, size: int | None, more: dict[int | None, int], language: str) -> dict[str, Any]:
    post = db.get(Post, parked.post_id) if parked.post_id else None
    rule = db.get(Rule, post.rule_id) if post and post.rule_id else None
    return {
        "id": parked.id, "kind": parked.kind.value, "error": parked.error, "more": more.get(parked.id, 0),
        **_source(db, parked), "detail": parked.detail,
        "parked_at": parked.parked_at, "size_bytes": size,
        "raw_url": f"/admin/inbound/{parked.inbound_id}/raw" if parked.inbound_id else "",
        "mail_url": f"/admin/mail/{parked.inbound_id}" if parked.inbound_id and parked.kind == "mail" else "",
        # Of a mail that was too large for its mailbox only the head is here: it is fetched anew, not read again.
        "can_replay": (parked.inbound_id is not None and parked.error != "too_large") or parked.message_id is not None
                      or post is not None,
        "post": post and {"host": urlsplit(post.url).netloc, "ticket_id": post.ticket_id, "status": post.status,
                          "rule_id": rule.id if rule and rule.deleted_at is None else None,
                          "rule": rule.called(language) if rule else ""},
    }  # fmt: skip


def _source(db: Session, parked: Parked) -> dict[str, Any]:
    """Where it came from, or what was to be done: by its name, or else by the words for its kind."""
    kind, _, name = parked.source.partition(":")
    if parked.kind == ParkedKind.MAIL:
        way = kind if kind in words.codes("mail_source") else parked.source  # a mailbox that could not hand it over
        return {"source_name": ledger.called(db, parked.source), "source": ("mail_source", way)}
    if parked.kind == ParkedKind.WORK and parked.source == parked.work:
        return {"source_name": "", "source": ("due_work", parked.work)}
    if parked.kind == ParkedKind.CALLBACK:
        return {"source_name": name or _SYSTEMS.get(kind, kind), "source": ("parked_kind", parked.kind)}
    return {"source_name": parked.source, "source": ("parked_kind", parked.kind)}


_SYSTEMS = {"twilio": "Twilio", "asterisk": "Asterisk"}  # what stands in the settings, without a name of its own

ROUTES = (
    get("/admin/parked", parked),
    post("/admin/parked/posts/replay", replay_posts),
    post("/admin/parked/{parked_id:id}/replay", replay),
    post("/admin/parked/{parked_id:id}/dismiss", dismiss),
    get("/admin/guesses", guesses),
    post("/admin/guesses", switch),
)
