"""What an agent has begun to write: saved as it is typed, found again in the box, listed, thrown away and taken back.

A script saves the box to the address of its place and hears the number of the version; without a script a button of
the form does. What is laid into the box by an address (a canned reply, a mail that was taken back) stands below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk import drafts
from helpdesk.conversations import TicketView
from models import Agent, Attachment, KeptDraft
from web import canned, outgoing, safety
from web.addresses import get, post
from web.edge import act, back, desk_of, html, look, one_of, see, wants_fragment

FIELDS = (*outgoing.BOX, "mode", "about", "again", "later", "queue_id")
"""What is kept besides the words."""
LAID = ("canned", "canned_file")
"""What was laid into them, each a list of ids: canned replies, and those of their files that go along."""
WHAT = ("keep", "throw", "restore", "files")
NO_CACHE = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft as its form shows it."""

    place: str
    version: int
    saved_at: datetime
    text: str
    told: Mapping[str, str]
    kept: Sequence[safety.Kept]


@dataclass(frozen=True, slots=True)
class Drafts:
    """The agent's own beside one ticket. `thrown` is the place whose draft can be taken back, or ""."""

    reply: DraftView | None = None
    note: DraftView | None = None
    thrown: str = ""


NOTHING = Drafts()


async def page(request: Request) -> Response:
    """All of one's own."""
    frame, rows = await look(request, drafts.listed)
    return html(request, "drafts/page.html", frame["me"]["language"], **(frame | {"rows": rows, "view": "drafts"}))


async def show(request: Request) -> Response:
    """How the draft of a place stands, for a window that comes to the front again."""
    name = request.path_params["place"]

    def verb(db: Session, agent: Agent) -> KeptDraft | None:
        return drafts.at(db, agent, drafts.place(db, agent, name).name)

    _, draft = await see(request, verb)
    if draft is None:
        return JSONResponse({"version": 0}, headers=NO_CACHE)
    told = {"version": draft.version, "text": draft.text, "at": draft.saved_at.isoformat(),
            "canned": draft.told.get("canned", ""), "canned_files": draft.told.get("canned_file", "")}  # fmt: skip
    return JSONResponse(told, headers=NO_CACHE)


async def change(request: Request) -> Response:
    """Keep what stands in the box, throw it away or take it back; by "files", let the desk have the files first."""
    desk, name = desk_of(request), request.path_params["place"]
    author, place = await see(request, lambda db, agent: drafts.place(db, agent, name))
    async with request.form(max_files=20, max_part_size=outgoing.FILES_MAX_BYTES) as form:
        what = one_of(str(form.get("what") or "keep"), WHAT, field="what")
        tokens = safety.kept_of(request, form, author, place.ticket_id or 0) if what in ("keep", "files") else []
        files = await outgoing.files_of(request, form, tokens) if what in ("keep", "files") else []
        text = str(form.get("body", "")).replace("\r\n", "\n")
        told = {field: value for field in FIELDS if isinstance(value := form.get(field), str) and value}
        laid = canned.laid(form)
        told |= {name: " ".join(map(str, ids)) for name, ids in zip(LAID, astuple(laid), strict=True) if ids}
        tab, seen = str(form.get("tab", "")), str(form.get("seen", ""))
    if what == "files":
        kept = [{"token": each.token, "name": each.name} for each in _kept(request, author, place.ticket_id, files)]
        return JSONResponse({"kept": kept}, headers=NO_CACHE)

    def verb(db: Session, agent: Agent) -> drafts.Saved:
        now = desk.clock()
        here = drafts.place(db, agent, name)
        if what == "restore":
            drafts.restore(db, here, by=agent, now=now)
        elif what == "throw":
            if text.strip():  # the last words may not have been saved yet, and can be taken back, too
                before = drafts.at(db, agent, name)
                drafts.keep(db, here, text, told=before.told if before else told,
                            files=drafts.files_of(before) if before else (), by=agent, now=now)  # fmt: skip
                db.flush()
            drafts.throw(db, here, by=agent, now=now)
        else:
            number = int(seen) if seen.isdecimal() and len(seen) < 10 else 0
            return drafts.keep(db, here, text, told=told, files=files, by=agent, tab=tab, seen=number, now=now)
        return drafts.Saved(0)

    saved = await act(request, verb)
    if wants_fragment(request):
        told_back = {"version": saved.version, "others": saved.is_anothers, "at": desk.clock().isoformat()}
        return JSONResponse(told_back, headers=NO_CACHE)
    home = f"/tickets/{place.ticket_id}" if place.ticket_id else "/tickets/new"
    return back(request, home, notice="draft_kept" if what == "keep" and saved.version else "")


def beside(
    request: Request, db: Session, agent: Agent, shown: TicketView, laid: str = ""
) -> tuple[TicketView, safety.Panel, Drafts]:
    """The ticket with the agent's draft in its box, the files of it, and what the page says of drafts. `laid`: what
    the address lays into the box, which stands below the draft and comes with recipients of its own."""
    if not shown.aside.has_draft:
        return shown, safety.NOTHING, NOTHING
    found, thrown = drafts.of_ticket(db, agent, shown.id, now=desk_of(request).clock())
    views = {kind: _view(request, agent, draft) for kind, draft in found.items()}
    told = Drafts(views.get("reply"), views.get("note"), thrown)
    if told.reply is None:
        return shown, safety.NOTHING, told
    laid = laid or shown.reply.text
    if laid or outgoing.asked_query(request):
        text = told.reply.text if not laid or laid in told.reply.text else f"{told.reply.text}\n\n{laid}"
        box = replace(shown.reply, text=text)
        shown = replace(shown, reply=box)
    else:
        shown = outgoing.typed_again(request, db, agent, shown, dict(told.reply.told) | {"body": told.reply.text})
    return shown, replace(safety.NOTHING, kept=told.reply.kept, later=told.reply.told.get("later", "")), told


def _kept(
    request: Request, agent: Agent, ticket_id: int | None, files: Sequence[Attachment]
) -> tuple[safety.Kept, ...]:
    return tuple(safety.kept_views(request, files, agent, ticket_id or 0))


def _view(request: Request, agent: Agent, draft: KeptDraft) -> DraftView:
    files = _kept(request, agent, draft.ticket_id, drafts.files_of(draft))
    return DraftView(draft.place, draft.version, draft.saved_at, draft.text, draft.told, files)


ROUTES = (
    get("/drafts", page),
    get("/drafts/{place}", show),
    post("/drafts/{place}", change),
)
