"""Before a mail leaves: who is writing just now, what its author should think of, and whose approval it awaits."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, approvals, kept_files, reply_locks, romaji, safety
from helpdesk.errors import Invalid
from models import Agent, Attachment, Queue, ReplyLock, Ticket
from web.addresses import both, get, post
from web.edge import act, back, desk_of, fragment, html, look, see, wants_fragment

LOCK, PAGE = "tickets/_safety_lock.html", "tickets/approvals.html"
SWITCHES = (
    "needs_approval", "confirms_recipients", "warns_of_attachment", "warns_of_name", "warns_of_recipients",
    "locks_reply",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LockView:
    """Who writes in a ticket, as one agent sees it. `whose` is "mine", "other" or ""."""

    whose: str = ""
    name: str = ""
    since: Any = None
    ends: Any = None
    was_mine: bool = False  # it was taken from this agent


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that came with a mail that was halted; one whose tick was taken away can be ticked again."""

    token: str
    name: str
    size_bytes: int
    is_ticked: bool = True


@dataclass(frozen=True, slots=True)
class Panel:
    """What stands below the box of a mail that was halted."""

    concerns: Sequence[safety.Concern] = ()
    confirmation: str = ""
    kept: Sequence[Kept] = ()
    outside: frozenset[str] = frozenset()  # addresses to be marked
    canned: Sequence[int] = ()  # the canned replies in its text
    later: str = ""  # when the mail was to leave
    is_grave: bool = False  # something stops it, and may be set aside


NOTHING = Panel()


class Again(Exception):
    """The mail was halted: its page comes again with what was typed, and the panel. `status` is the answer's."""

    def __init__(self, panel: Panel, typed: dict[str, str], status: int) -> None:
        super().__init__(status)
        self.panel, self.typed, self.status = panel, typed, status


async def lock(request: Request) -> Response:
    """Who is writing; by POST: begin to write or go on, stop, or take over."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    verbs = {"take": _take, "take_over": _take_over, "release": reply_locks.release}

    if request.method == "GET":
        agent, view = await see(request, lambda db, agent: lock_of(db, access.ticket(db, agent, ticket_id), agent,
                                                                   now=desk.clock()))  # fmt: skip
        return _lock_region(request, agent.language, ticket_id, view)
    what = str((await request.form()).get("what", ""))

    def verb(db: Session, agent: Agent) -> tuple[str, LockView]:
        found = access.ticket(db, agent, ticket_id)
        if what not in verbs:
            raise Invalid("unknown_choice", field="what")
        verbs[what](db, found, by=agent, now=desk.clock())
        db.flush()
        return agent.language, lock_of(db, found, agent, now=desk.clock())

    language, view = await act(request, verb)
    if wants_fragment(request):
        return _lock_region(request, language, ticket_id, view)
    return back(request, f"/tickets/{ticket_id}")


async def approve(request: Request) -> Response:
    """Let a colleague's mail go."""
    desk, message_id = desk_of(request), request.path_params["message_id"]

    def verb(db: Session, agent: Agent) -> int:
        message = access.message(db, agent, message_id)
        approvals.approve(db, message, by=agent, settings=desk.settings, now=desk.clock())
        return message.ticket_id

    return back(request, f"/tickets/{await act(request, verb)}")


async def send_back(request: Request) -> Response:
    """Give a colleague's mail back, with the reason."""
    desk, message_id = desk_of(request), request.path_params["message_id"]
    reason = str((await request.form()).get("reason", ""))

    def verb(db: Session, agent: Agent) -> int:
        message = access.message(db, agent, message_id)
        approvals.send_back(db, message, reason, by=agent, now=desk.clock())
        return message.ticket_id

    return back(request, f"/tickets/{await act(request, verb)}")


async def waiting(request: Request) -> Response:
    """All that awaits approval in the agent's queues."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        return {"rows": approvals.waiting(db, agent, language=agent.language)}

    frame, told = await look(request, verb)
    return html(request, PAGE, frame["me"]["language"], **(frame | told | {"view": "approvals"}))


def kept_of(request: Request, form: FormData, agent: Agent, ticket_id: int) -> list[Attachment]:
    """The files of a mail that was halted before, as far as they are still ticked."""
    desk = desk_of(request)
    return kept_files.read(
        [str(token) for token in form.getlist("kept")][:20], folder=desk.settings.attachments, agent_id=agent.id or 0,
        ticket_id=ticket_id, settings=desk.settings,
    )  # fmt: skip


def unticked_of(request: Request, form: FormData, agent: Agent, ticket_id: int) -> list[Attachment]:
    """The files of a mail that was halted before whose tick was taken away; what is gone by now is not missed."""
    desk, chosen = desk_of(request), form.getlist("kept")
    found: list[Attachment] = []
    for token in [str(each) for each in form.getlist("offered") if each not in chosen][:20]:
        with suppress(Invalid):
            found += kept_files.read([token], folder=desk.settings.attachments, agent_id=agent.id or 0,
                                     ticket_id=ticket_id, settings=desk.settings)  # fmt: skip
    return found


def again(
    request: Request, halted: safety.Halted, typed: dict[str, str], files: Sequence[Attachment], agent: Agent,
    ticket_id: int, canned: Sequence[int] = (), unticked: Sequence[Attachment] = (),
) -> Again:  # fmt: skip
    """What the box shows of a mail that was halted; the files it came with are not asked for again, and those that were
    not to go along can be chosen after all. The answer is 409 where a colleague writes, 422 where the author is asked
    something."""
    known = {(file.name, file.sha256) for file in files}
    rest = {(file.name, file.sha256): file for file in unticked if (file.name, file.sha256) not in known}
    kept = [
        *kept_views(request, files, agent, ticket_id),
        *(replace(each, is_ticked=False) for each in kept_views(request, [*rest.values()], agent, ticket_id)),
    ]
    outside = frozenset(
        address for concern in halted.concerns if concern.code != "recipients" for address in concern.addresses
    )
    is_grave = any(concern.severity == "stop" for concern in halted.concerns)
    panel = Panel(halted.concerns, halted.confirmation, kept, outside, canned, typed.get("later", ""), is_grave)
    is_locked = any(concern.code == "reply_locked" for concern in halted.concerns)
    return Again(panel, typed, 409 if is_locked else 422)


def kept_views(request: Request, files: Sequence[Attachment], agent: Agent, ticket_id: int) -> list[Kept]:
    """Files that lie with the desk, as a form names them."""
    settings = desk_of(request).settings
    return [
        Kept(kept_files.keep(file, agent_id=agent.id or 0, ticket_id=ticket_id, settings=settings), file.name,
             file.size_bytes)
        for file in files
    ]  # fmt: skip


def beside(request: Request, db: Session, agent: Agent, ticket_id: int) -> dict[str, Any]:
    """What the box of a ticket needs of this page: who writes in it, and an empty panel."""
    lock = lock_of(db, access.ticket(db, agent, ticket_id), agent, now=desk_of(request).clock())
    return {"lock": lock, "panel": NOTHING}


def lock_of(db: Session, ticket: Ticket, agent: Agent, *, now: Any) -> LockView:
    """Who is writing, as this agent sees it."""
    found: ReplyLock | None = reply_locks.in_force(db, ticket, now=now)
    if found is None:
        return LockView()
    if found.agent_id == agent.id:
        return LockView("mine", ends=found.until)
    writer = db.get(Agent, found.agent_id)
    name = romaji.spoken(writer.name, writer.reading, agent.language) if writer else ""
    return LockView("other", name, found.since, found.until, found.taken_from_id == agent.id)


def switches(form: FormData) -> dict[str, Any]:
    """What the form of a queue says about sending; nothing where it does not ask."""
    if not form.get("asks_safety"):
        return {}
    told: dict[str, Any] = {name: bool(form.get(name)) for name in SWITCHES}
    return told | {"banned_words": str(form.get("banned_words", ""))[:10_000].splitlines()}


def asked(queue: Queue | None, told: dict[str, Any] | None) -> dict[str, Any]:
    """The same for the form: what was just typed, or the queue's, or a new queue's."""
    values = told or {name: getattr(queue or Queue(slug="", name="", name_en=""), name) for name in SWITCHES}
    words = values.get("banned_words", queue.banned_words if queue else [])
    return values | {"banned_words": "\n".join(words)}


def _take(db: Session, ticket: Ticket, *, by: Agent, now: Any) -> None:
    reply_locks.take(db, ticket, by=by, now=now)


def _take_over(db: Session, ticket: Ticket, *, by: Agent, now: Any) -> None:
    reply_locks.take(db, ticket, by=by, now=now, force=True)


def _lock_region(request: Request, language: str, ticket_id: int, view: LockView) -> Response:
    return fragment(request, LOCK, language, ticket={"id": ticket_id}, lock=view, now=desk_of(request).clock())


ROUTES = (
    both("/tickets/{ticket_id:id}/lock", lock),
    post("/messages/{message_id:id}/approve", approve),
    post("/messages/{message_id:id}/return", send_back),
    get("/approvals", waiting),
)
