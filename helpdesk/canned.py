"""Canned replies: words prepared once for a question that is asked often, filled in for the customer at hand.

The one idea: what is laid into the reply box is a draft, never a mail. What cannot be filled in stays as a gap that
names what is missing, and the agent reads it through. A use is counted when a mail with the reply in it is sent, not
when it is looked at.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, dates, kept, names, purchases, subjects
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import CannedReplyChanged
from helpdesk.settings import Settings
from models import Agent, Attachment, CannedFile, CannedReply, CannedUse, Customer, Queue, Ticket

VARIABLES: Mapping[str, tuple[str, str]] = {  # by name: what a Japanese and an English gap call it
    "customer": ("氏名", "customer"),
    "customer_sama": ("氏名様", "customer"),
    "company": ("会社名", "company"),
    "ticket": ("受付番号", "ticket"),
    "subject": ("件名", "subject"),
    "agent": ("担当者", "agent"),
    "queue": ("窓口", "queue"),
    "order": ("注文番号", "order number"),
    "product": ("商品名", "product"),
    "date": ("日付", "date"),
    "desk": ("デスク名", "desk"),
}
"""Written {customer} or {氏名}; the second spelling is the Japanese name."""
RECENT = timedelta(days=180)
"""How far back uses speak for what may fit."""
ALIKE, SUGGESTED = 5, 3
"""What a use in a ticket like this one counts for, and how many are suggested."""
TITLE_MAX = 200
TEXT_MAX = 20_000
FILES_MAX = 10
FILES_MAX_BYTES = 20_000_000

_NAMED = re.compile(r"[{｛]([^{}｛｝\n]{0,60})[}｝]")
_MEANT = {name: name for name in VARIABLES} | {japanese: name for name, (japanese, _) in VARIABLES.items()}
_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


@dataclass(frozen=True, kw_only=True)
class Form:
    """A canned reply as it is typed. At least one of the two texts is there."""

    title: str
    title_en: str = ""
    trigger: str = ""
    text: str = ""
    text_en: str = ""
    queue_id: int | None = None  # None: for every queue


@dataclass(frozen=True, slots=True)
class Row:
    """One on the supervisors' list. `is_stale` only where it is switched on."""

    reply: CannedReply
    queue_name: str
    files: int
    is_stale: bool


@dataclass(frozen=True, slots=True)
class File:
    id: int
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Offer:
    """One that an agent may lay into the box, filled in for the ticket. `gaps` are the marks left in `text`.

    `language` is the text's own; it is another than the ticket's where there is no text in that. `titles` are those
    in both languages, for who looks for it by either.
    """

    id: int
    title: str
    trigger: str
    text: str
    gaps: tuple[str, ...]
    language: str
    files: tuple[File, ...]
    queue_name: str
    titles: str


@dataclass(frozen=True, slots=True)
class Filled:
    text: str
    gaps: tuple[str, ...]


def everyone(db: Session, *, language: str, typed: str = "", now: datetime) -> list[Row]:
    """All of them for supervisors, most used first; with words `typed`, those that hold every one of them."""
    names = {queue.id: queue.called(language) for queue in db.exec(select(Queue))}
    files = {canned_id: number for canned_id, number in db.execute(
        sa.select(col(CannedFile.canned_id), sa.func.count()).group_by(col(CannedFile.canned_id)))}  # fmt: skip
    rows = db.exec(select(CannedReply).order_by(col(CannedReply.uses).desc(), col(CannedReply.id)))
    return [
        Row(reply, names.get(reply.queue_id, ""), files.get(reply.id, 0), kept.is_stale(reply, now=now))
        for reply in rows
        if _holds(reply, typed)
    ]


def get(db: Session, canned_id: int) -> CannedReply:
    """Raises `NotFound`."""
    reply = db.get(CannedReply, canned_id)
    if reply is None:
        raise NotFound("not_found", canned_id=canned_id)
    return reply


def files_of(db: Session, reply: CannedReply) -> list[CannedFile]:
    """What goes along, in the order in which it was added."""
    return list(db.exec(select(CannedFile).where(CannedFile.canned_id == reply.id).order_by(col(CannedFile.id))))


# --- by supervisors


def create(db: Session, form: Form, *, files: Sequence[Attachment] = (), by: Agent, now: datetime) -> CannedReply:
    """A new one. `files` are already stored, see mail/attachments.py. Raises `Invalid` or `Conflict` with the field."""
    _check(db, form, None)
    reply = CannedReply(title="", changed_at=now, created_at=now)
    _fill(reply, form, by=by, now=now)
    db.add(reply)
    db.flush()
    _add_files(db, reply, files)
    _announce(db, reply, "made", by=by, now=now)
    return reply


def change(db: Session, reply: CannedReply, form: Form, *, files: Sequence[Attachment] = (),
           without: Iterable[int] = (), by: Agent, now: datetime) -> None:  # fmt: skip
    """Change it, add `files` and drop those whose ids are in `without`. Raises as `create` does."""
    _check(db, form, reply)
    _fill(reply, form, by=by, now=now)
    without = set(without)
    for file in files_of(db, reply):
        if file.id in without:
            db.delete(file)
    _add_files(db, reply, files)
    _announce(db, reply, "changed", by=by, now=now)


def switch(db: Session, reply: CannedReply, is_on: bool, *, by: Agent, now: datetime) -> None:
    """Offer it to agents, or no longer. The same again changes nothing."""
    if reply.is_active != is_on:
        reply.is_active = is_on
        _announce(db, reply, "on" if is_on else "off", by=by, now=now)


def delete(db: Session, reply: CannedReply, *, by: Agent, now: datetime) -> None:
    """Forget it and its files. What was sent with it stays as it was sent."""
    _announce(db, reply, "deleted", by=by, now=now)
    for file in files_of(db, reply):
        db.delete(file)
    db.flush()
    db.delete(reply)


# --- by agents


def offers(db: Session, agent: Agent, ticket: Ticket, *, language: str, typed: str = "", settings: Settings,
           now: datetime) -> list[Offer]:  # fmt: skip
    """What the agent may lay into this ticket's box: those of its queue first, then those of every queue, then of the
    agent's other queues, each most used first. `language` is the agent's, for names of queues."""
    names = {queue.id: queue.called(language) for queue in db.exec(select(Queue))}
    found = [reply for reply in db.exec(select(CannedReply).where(_seen(db, agent))) if _holds(reply, typed)]
    found.sort(key=lambda reply: (_distance(reply, ticket), -reply.uses, reply.title))
    return [*_filled_in(db, found, agent, ticket, names, settings=settings, now=now)] if found else []


def offer(db: Session, agent: Agent, ticket: Ticket, canned_id: int, *, settings: Settings, now: datetime) -> Offer:
    """One of them. Raises `NotFound` also for those of queues the agent does not serve."""
    reply = db.exec(select(CannedReply).where(CannedReply.id == canned_id, _seen(db, agent))).first()
    if reply is None:
        raise NotFound("not_found", canned_id=canned_id)
    return next(iter(_filled_in(db, [reply], agent, ticket, {}, settings=settings, now=now)))


def attachments_of(db: Session, agent: Agent, file_ids: Iterable[int]) -> list[Attachment]:
    """New rows, without a message yet, for files of canned replies the agent may use; the bytes lie there already.
    A file that is gone by now raises `NotFound`: a mail does not leave without what it was meant to carry."""
    wanted = list(dict.fromkeys(file_ids))
    if not wanted:
        return []
    query = select(CannedFile).join(CannedReply, col(CannedReply.id) == CannedFile.canned_id)
    found = {file.id: file for file in db.exec(query.where(col(CannedFile.id).in_(wanted), _seen(db, agent)))}
    if missing := [file_id for file_id in wanted if file_id not in found]:
        raise NotFound("canned_file_gone", field="attachments", file_id=missing[0])
    return [_attachment(found[file_id]) for file_id in wanted]


def left_out(db: Session, agent: Agent, canned_ids: Iterable[int], file_ids: Iterable[int]) -> list[Attachment]:
    """The same for files of these canned replies that are not to go along, so that they can be chosen after all."""
    query = select(CannedFile).join(CannedReply, col(CannedReply.id) == CannedFile.canned_id)
    rest = query.where(col(CannedReply.id).in_(set(canned_ids)), col(CannedFile.id).not_in(set(file_ids)))
    return [_attachment(file) for file in db.exec(rest.where(_seen(db, agent)).order_by(col(CannedFile.id)))]


def _attachment(file: CannedFile) -> Attachment:
    return Attachment(message_id=0, name=file.name, content_type=file.content_type, size_bytes=file.size_bytes,
                      sha256=file.sha256)  # fmt: skip


def used(db: Session, agent: Agent, canned_ids: Iterable[int], *, ticket: Ticket, now: datetime) -> None:
    """A mail was sent with these in it: count them. Those that are gone by now are not missed."""
    for canned_id in sorted(set(canned_ids)):
        counted = db.execute(
            sa.update(CannedReply)
            .where(col(CannedReply.id) == canned_id, _seen(db, agent))
            .values(uses=col(CannedReply.uses) + 1, last_used_at=now)
            .returning(col(CannedReply.id))
        ).scalar()
        if counted:
            db.merge(CannedUse(canned_id=canned_id, ticket_id=ticket.id or 0, at=now))
            emit(db, CannedReplyChanged(canned_id=canned_id, state="used", by_id=agent.id, at=now))


def suggested(db: Session, agent: Agent, ticket: Ticket, *, settings: Settings, now: datetime) -> list[Offer]:
    """Those that may fit this ticket, the likeliest first: what solved tickets like it were answered with counts most,
    then what was sent in its queue and language in the last half year, then what its queue has used most. Without a gap
    where there is a choice; at most three, none where nothing was ever sent."""
    from helpdesk import preferences, similar

    is_asked = ticket.id is not None and preferences.shown(db, "similar")
    found_alike = similar.find(db, agent, ticket, language=agent.language) if is_asked else []
    alike = [each.ticket_id for each in found_alike]
    worth = sa.func.sum(sa.case((col(CannedUse.ticket_id).in_(alike), ALIKE), else_=1))
    rows = (
        sa.select(col(CannedUse.canned_id), worth)
        .join(Ticket, col(Ticket.id) == col(CannedUse.ticket_id))
        .where(col(CannedUse.ticket_id) != ticket.id, col(CannedUse.at) > now - RECENT)
        .where(sa.or_(col(CannedUse.ticket_id).in_(alike),
                      sa.and_(col(Ticket.queue_id) == ticket.queue_id, col(Ticket.language) == ticket.language)))
        .group_by(col(CannedUse.canned_id)).order_by(worth.desc(), col(CannedUse.canned_id)).limit(20)
    )  # fmt: skip
    found = {canned_id: float(value) for canned_id, value in db.execute(rows)}
    if len(found) < SUGGESTED:
        used = select(CannedReply).where(CannedReply.queue_id == ticket.queue_id, CannedReply.uses > 0)
        for reply in db.exec(used.order_by(col(CannedReply.uses).desc()).limit(SUGGESTED)):
            found.setdefault(reply.id or 0, 0.0)
    if not found:
        return []
    seen = [reply for reply in db.exec(select(CannedReply).where(col(CannedReply.id).in_(found), _seen(db, agent)))]
    offered = list(_filled_in(db, seen, agent, ticket, {}, settings=settings, now=now))
    return sorted(offered, key=lambda each: -found[each.id] + len(each.gaps) / 2)[:SUGGESTED]


def fold(text: str) -> str:
    """Text as it is searched: ﾍﾝﾋﾟﾝ, ヘンピン and へんぴん are one, so are ＡＢＣ and abc."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_TO_HIRAGANA)


def unknown_in(text: str) -> str:
    """The first name in braces that stands for nothing; "" when there is none."""
    return next((found[1] for found in _NAMED.finditer(text) if _name(found[1]) is None), "")


def fill(text: str, values: Mapping[str, str], *, language: str) -> Filled:
    """The text with its variables in place. One without a value becomes a gap such as 【注文番号？】 or
    [order number?]; a line that holds nothing but an empty {company} goes, for a private person has none."""
    gaps: list[str] = []

    def put(found: re.Match[str]) -> str:
        name = _name(found[1])
        if name is None:
            return found[0]
        if value := values.get(name, ""):
            return value
        gaps.append(_gap(name, language))
        return gaps[-1]

    if not values.get("company"):
        text = re.sub(r"(?m)^[ \t　]*[{｛](?:company|会社名)[}｝][ \t　]*\n", "", text)
    return Filled(_NAMED.sub(put, text), tuple(dict.fromkeys(gaps)))


def gap_marks() -> list[str]:
    """Every mark that `fill` may leave."""
    return list(dict.fromkeys(_gap(name, language) for language in ("ja", "en") for name in VARIABLES))


def values_for(db: Session, agent: Agent, ticket: Ticket, *, language: str, settings: Settings,
               now: datetime) -> dict[str, str]:  # fmt: skip
    """What the variables stand for on this ticket, in one language; "" where it is not known."""
    customer = db.get(Customer, ticket.customer_id) if ticket.customer_id else None
    queue = db.get(Queue, ticket.queue_id)
    order = purchases.meant(db, ticket)
    today, name = now.astimezone(ZoneInfo(settings.timezone)).date(), customer.name if customer else ""
    in_english = language == "en"
    return {
        "customer": name,
        "customer_sama": name if in_english or not name or name.endswith("様") else f"{name} 様",
        "company": customer.company if customer else "",
        "ticket": f"#{ticket.id}" if ticket.id else "",  # a mail that begins one has no number yet
        "subject": subjects.outside(ticket, language),
        "agent": agents.called(agent, language),
        "queue": queue.called(language) if queue else "",
        "order": order.order_number if order else "",
        "product": order.product if order else "",
        "date": dates.letter(today, language),
        "desk": settings.name,
    }  # fmt: skip


def _filled_in(db: Session, replies: Sequence[CannedReply], agent: Agent, ticket: Ticket,
               names: Mapping[int | None, str], *, settings: Settings, now: datetime) -> Iterable[Offer]:  # fmt: skip
    files: dict[int, list[File]] = {}
    rows = select(CannedFile).where(col(CannedFile.canned_id).in_([reply.id for reply in replies]))
    for row in db.exec(rows.order_by(col(CannedFile.id))):
        files.setdefault(row.canned_id, []).append(File(row.id or 0, row.name, row.size_bytes))
    values = {language: values_for(db, agent, ticket, language=language, settings=settings, now=now)
              for language in ("ja", "en")}  # fmt: skip
    for reply in replies:
        wanted = "en" if ticket.language == "en" else "ja"
        language = wanted if (reply.text_en if wanted == "en" else reply.text) else "ja" if wanted == "en" else "en"
        filled = fill(reply.text_en if language == "en" else reply.text, values[language], language=language)
        yield Offer(
            reply.id or 0, reply.called(agent.language), reply.trigger or "", filled.text, filled.gaps, language,
            tuple(files.get(reply.id or 0, ())), names.get(reply.queue_id, ""), f"{reply.title} {reply.title_en}",
        )  # fmt: skip


def _seen(db: Session, agent: Agent) -> sa.ColumnElement[bool]:
    """A condition on CannedReply: switched on, and for every queue or for one the agent serves."""
    served = col(CannedReply.queue_id).in_(agents.queue_ids(db, agent))
    return sa.and_(col(CannedReply.is_active), sa.or_(col(CannedReply.queue_id).is_(None), served))


def _distance(reply: CannedReply, ticket: Ticket) -> int:
    return 0 if reply.queue_id == ticket.queue_id else 1 if reply.queue_id is None else 2


def _holds(reply: CannedReply, typed: str) -> bool:
    words = fold(typed).split()
    return not words or all(word in _key(reply) for word in words)


def _key(reply: CannedReply) -> str:
    trigger = f"/{reply.trigger}" if reply.trigger else ""
    return fold("\n".join((reply.title, reply.title_en, trigger, reply.text, reply.text_en)))


def _gap(name: str, language: str) -> str:
    japanese, english = VARIABLES[name]
    return f"[{english}?]" if language == "en" else f"【{japanese.removesuffix('様')}？】"


def _name(written: str) -> str | None:
    return _MEANT.get(unicodedata.normalize("NFKC", written).strip().casefold())


def _trigger(typed: str) -> str:
    return unicodedata.normalize("NFKC", typed).strip().removeprefix("/").casefold()


def _check(db: Session, form: Form, reply: CannedReply | None) -> None:
    names.both(form.title, form.title_en, most=TITLE_MAX, field="title")
    trigger = _trigger(form.trigger)
    if trigger and not re.fullmatch(r"[^\s/\x00-\x1f\x7f]{1,30}", trigger):
        raise Invalid("not_a_trigger", field="trigger")
    others = select(CannedReply.trigger).where(col(CannedReply.trigger).is_not(None))
    if reply is not None:
        others = others.where(CannedReply.id != reply.id)
    if trigger and fold(trigger) in {fold(other or "") for other in db.exec(others)}:
        raise Conflict("taken", field="trigger")
    if not form.text.strip() and not form.text_en.strip():
        raise Invalid("body_missing", field="text")
    for name, text in (("text", form.text), ("text_en", form.text_en)):
        if len(text) > TEXT_MAX:
            raise Invalid("text_too_long", field=name)
        if unknown := unknown_in(text):
            raise Invalid("unknown_variable", field=name, name=unknown)
        if re.search(r"[{｛]\s*[}｝]", text):
            raise Invalid("unknown_variable", field=name, name="")
    if form.queue_id is not None and db.get(Queue, form.queue_id) is None:
        raise Invalid("unknown_choice", field="queue_id")


def _fill(reply: CannedReply, form: Form, *, by: Agent, now: datetime) -> None:
    reply.title, reply.title_en = names.both(form.title, form.title_en, most=TITLE_MAX, field="title")
    reply.trigger = _trigger(form.trigger) or None
    reply.text, reply.text_en = (text.replace("\r\n", "\n").strip() for text in (form.text, form.text_en))
    reply.queue_id, reply.changed_by_id, reply.changed_at = form.queue_id, by.id, now


def _add_files(db: Session, reply: CannedReply, files: Sequence[Attachment]) -> None:
    for file in files:
        db.add(CannedFile(canned_id=reply.id or 0, name=file.name, content_type=file.content_type,
                          size_bytes=file.size_bytes, sha256=file.sha256))  # fmt: skip
    db.flush()
    kept = files_of(db, reply)
    if len(kept) > FILES_MAX or sum(file.size_bytes for file in kept) > FILES_MAX_BYTES:
        raise Invalid("canned_files_too_large", field="files")


def _announce(db: Session, reply: CannedReply, state: str, *, by: Agent, now: datetime) -> None:
    assert reply.id is not None
    emit(db, CannedReplyChanged(canned_id=reply.id, state=state, by_id=by.id, at=now))
