"""Canned replies: supervisors write them; agents lay them into the box they write to customers in.

Choosing one is a link to the ticket with the reply in its box, so it works without a script; with one the same list
opens beside the box, and `/trigger` expands where it is typed (static/js/canned.js).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, agents, canned, queues, tickets
from helpdesk.canned import Form
from helpdesk.errors import Conflict, Invalid
from helpdesk.mail import attachments
from helpdesk.settings_history import Rehearsed
from models import Agent, Attachment, Ticket
from web.addresses import both, get, post
from web.edge import desk_of, fragment, html, look, see, wants_fragment
from web.settings_history import change, saved

ABOUT = ("queue_id", "customer_id")
"""What the address of a new mail says of it."""
FIELDS = ("title", "title_en", "trigger", "text", "text_en", "queue_id")
LIST, PAGE = "canned/_offers.html", "canned/offers.html"


# --- for agents


@dataclass(frozen=True, slots=True)
class Laid:
    """What a form that was sent says of canned replies: which are in its text, which of their files go along."""

    ids: tuple[int, ...]
    file_ids: tuple[int, ...]


async def offers(request: Request) -> Response:
    """What the agent may lay into this ticket's box: the list alone for a script, else a page with a search."""
    ticket_id, typed = request.path_params["ticket_id"], request.query_params.get("q", "")[:100]
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        found = access.ticket(db, agent, ticket_id)
        listed = canned.offers(db, agent, found, language=agent.language, typed=typed, settings=desk.settings,
                               now=desk.clock())  # fmt: skip
        fitting = canned.suggested(db, agent, found, settings=desk.settings, now=desk.clock()) if not typed else []
        fit = [each.id for each in fitting]
        listed.sort(key=lambda each: fit.index(each.id) if each.id in fit else len(fit))
        return {"fit": fit, "here": ticket_id, "home": f"/tickets/{ticket_id}", "about": {},
                "place": f"compose-{ticket_id}", "subject": found.subject, "offers": listed, "q": typed,
                "language": "en" if found.language == "en" else "ja", "gap_marks": canned.gap_marks()}  # fmt: skip

    return await _offered(request, verb)


async def first_offers(request: Request) -> Response:
    """The same for a mail that begins a ticket, in the queue and to the customer the address names."""
    typed, desk = request.query_params.get("q", "")[:100], desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        unborn = first_ticket(request, db, agent)
        listed = canned.offers(db, agent, unborn, language=agent.language, typed=typed, settings=desk.settings,
                               now=desk.clock())  # fmt: skip
        about = {name: value for name in ABOUT if (value := request.query_params.get(name, "")).isdecimal()}
        return {"fit": [], "here": 0, "home": "/tickets/new", "about": about, "place": "f-body", "subject": "",
                "offers": listed, "q": typed, "language": "en" if unborn.language == "en" else "ja",
                "gap_marks": canned.gap_marks()}  # fmt: skip

    return await _offered(request, verb)


def first_ticket(request: Request, db: Session, agent: Agent) -> Ticket:
    """The ticket that the new mail of this address would begin; in the agent's first queue where it names none."""
    asked = {name: int(value) for name in ABOUT
             if (value := request.query_params.get(name, "")).isdecimal() and len(value) < 10}  # fmt: skip
    served = agents.queue_ids(db, agent)
    mine = [queue.id or 0 for queue in queues.everyone(db) if queue.id in served and not queue.is_triage]
    queue_id = asked.get("queue_id", 0)
    customer = access.customer(db, agent, asked["customer_id"]) if "customer_id" in asked else None
    return tickets.unborn(queue_id=queue_id if queue_id in mine else next(iter(mine), 0), customer=customer,
                          language=desk_of(request).settings.language, now=desk_of(request).clock())  # fmt: skip


def asked_first(request: Request, db: Session, agent: Agent) -> canned.Offer | None:
    """The canned reply that the address of a new mail asks for."""
    asked, desk = request.query_params.get("canned", ""), desk_of(request)
    if not asked.isdecimal() or len(asked) > 9:
        return None
    unborn = first_ticket(request, db, agent)
    return canned.offer(db, agent, unborn, int(asked), settings=desk.settings, now=desk.clock())


async def _offered(request: Request, verb: Callable[[Session, Agent], dict[str, Any]]) -> Response:
    if wants_fragment(request):
        agent, told = await see(request, verb)
        return fragment(request, LIST, agent.language, **told)
    frame, told = await look(request, verb)
    return html(request, PAGE, frame["me"]["language"], **(frame | told))


def asked_for(request: Request, db: Session, agent: Agent, ticket_id: int) -> canned.Offer | None:
    """The canned reply that the address of a ticket's page asks to have in the box."""
    asked, desk = request.query_params.get("canned", ""), desk_of(request)
    if not asked.isdecimal() or len(asked) > 9:
        return None
    found = access.ticket(db, agent, ticket_id)
    return canned.offer(db, agent, found, int(asked), settings=desk.settings, now=desk.clock())


def laid(form: FormData) -> Laid:
    """From the form of a mail; what is no number is none."""
    return Laid(_numbers(form.getlist("canned")), _numbers(form.getlist("canned_file")))


def along(db: Session, agent: Agent, laid: Laid, uploaded: list[Attachment], *, most_bytes: int) -> list[Attachment]:
    """The uploaded files and those of canned replies. Raises `Invalid("too_large")` when all together are."""
    files = [*uploaded, *canned.attachments_of(db, agent, laid.file_ids)]
    if sum(file.size_bytes for file in files) > most_bytes:
        raise Invalid("too_large", field="attachments")
    return files


def left_out(db: Session, agent: Agent, laid: Laid) -> list[Attachment]:
    """Files of canned replies in the text whose tick was taken away."""
    return canned.left_out(db, agent, laid.ids, laid.file_ids) if laid.ids else []


# --- for supervisors


async def page(request: Request) -> Response:
    """All of them, with how often they are used."""
    typed = request.query_params.get("q", "")[:100]

    def verb(db: Session, agent: Agent) -> list[canned.Row]:
        access.supervisor(agent)
        return canned.everyone(db, language=agent.language, typed=typed, now=desk_of(request).clock())

    frame, rows = await look(request, verb)
    frame |= {"view": "canned", "rows": rows, "q": typed}
    return html(request, "canned/page.html", frame["me"]["language"], **frame)


async def new(request: Request) -> Response:
    """An empty form, or a new canned reply."""
    return await (_form(request, None, {}, {}) if request.method == "GET" else _save(request, None))


async def edit(request: Request) -> Response:
    """The canned reply as a form, or the changed one."""
    canned_id = request.path_params["canned_id"]
    return await (_form(request, canned_id, None, {}) if request.method == "GET" else _save(request, canned_id))


async def switch(request: Request) -> Response:
    """Offer it, or no longer."""
    canned_id, desk = request.path_params["canned_id"], desk_of(request)
    value = str((await request.form()).get("value", ""))

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        found = canned.get(db, canned_id)
        if value not in ("on", "off"):
            raise Invalid("unknown_choice", field="value")
        canned.switch(db, found, value == "on", by=agent, now=desk.clock())

    _, change_id = await change(request, verb)
    return saved("/admin/canned", change_id)


async def delete(request: Request) -> Response:
    """Forget it."""
    canned_id, desk = request.path_params["canned_id"], desk_of(request)

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        canned.delete(db, canned.get(db, canned_id), by=agent, now=desk.clock())

    _, change_id = await change(request, verb)
    return saved("/admin/canned", change_id, notice="canned_deleted")


async def _save(request: Request, canned_id: int | None) -> Response:
    desk = desk_of(request)
    # Asked before anything is unpacked: whoever may not leaves no file here.
    await see(request, lambda db, agent: access.supervisor(agent))
    async with request.form(max_files=canned.FILES_MAX, max_part_size=canned.FILES_MAX_BYTES) as form:
        values = {name: str(form.get(name, ""))[: canned.TEXT_MAX + 1000] for name in FIELDS}
        uploads = [file for file in form.getlist("files") if isinstance(file, UploadFile) and file.filename]
        too_large = sum(file.size or 0 for file in uploads) > canned.FILES_MAX_BYTES
        files = [] if too_large else [
            attachments.store(
                desk.settings.attachments, name=(file.filename or "file")[:200], content=await file.read(),
                content_type=file.content_type or "application/octet-stream",
            )
            for file in uploads
        ]  # fmt: skip
        without = _numbers(form.getlist("without"))

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        if too_large:
            raise Invalid("canned_files_too_large", field="files")
        told = _typed(values)
        if canned_id is None:
            canned.create(db, told, files=files, by=agent, now=desk.clock())
        else:
            reply = canned.get(db, canned_id)
            canned.change(db, reply, told, files=files, without=without, by=agent, now=desk.clock())

    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, canned_id, values, {}, will=seen.shown | {"unkept": bool(uploads)})
    except (Invalid, Conflict) as error:
        return await _form(request, canned_id, values, {str(error.facts.get("field", "")): error.code}, 422,
                           facts=error.facts)  # fmt: skip
    return saved("/admin/canned", change_id)


async def _form(request: Request, canned_id: int | None, values: dict[str, str] | None, errors: dict[str, str],
                status: int = 200, *, facts: dict[str, Any] | None = None, will: Any = None) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        reply = canned.get(db, canned_id) if canned_id else None
        shown = values
        if shown is None:
            assert reply is not None
            shown = {name: str(getattr(reply, name) or "") for name in FIELDS}
        return {
            "values": shown, "files": canned.files_of(db, reply) if reply else [],
            "variables": [{"name": japanese if agent.language == "ja" else name, "code": name}
                          for name, (japanese, _) in canned.VARIABLES.items()],
            "queues": [{"id": queue.id, "name": queue.called(agent.language)} for queue in queues.everyone(db)],
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "canned", "errors": errors, "error_facts": facts or {}, "canned_id": canned_id} | told
    frame["will"] = will
    return html(request, "canned/form.html", frame["me"]["language"], status, **frame)


def _typed(values: dict[str, str]) -> Form:
    queue = values["queue_id"].strip()
    if queue and (not queue.isascii() or not queue.isdigit() or len(queue) > 9):
        raise Invalid("unknown_choice", field="queue_id")
    return Form(**{name: values[name] for name in FIELDS if name != "queue_id"}, queue_id=int(queue) if queue else None)


def _numbers(typed: list[Any]) -> tuple[int, ...]:
    found = (str(each) for each in typed)
    return tuple(int(each) for each in found if each.isascii() and each.isdigit() and len(each) <= 9)


ROUTES = (
    get("/tickets/new/canned", first_offers),
    get("/tickets/{ticket_id:id}/canned", offers),
    get("/admin/canned", page),
    both("/admin/canned/new", new),
    both("/admin/canned/{canned_id:id}", edit),
    post("/admin/canned/{canned_id:id}/switch", switch),
    post("/admin/canned/{canned_id:id}/delete", delete),
)
