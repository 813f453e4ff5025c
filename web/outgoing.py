"""Writing to a customer: the form below the conversation, the page that begins one, and second thoughts.

One form has all the modes. Each has recipient fields of its own, so that it works without a script: what counts are
the fields of the mode that was chosen.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, agents, conversations, drafts, merging, outgoing, queues, reply_locks, safety, subjects
from helpdesk.conversations.replying import Asked
from helpdesk.customers import records
from helpdesk.errors import Invalid, NotFound
from helpdesk.mail import attachments
from helpdesk.outgoing import Draft
from models import Agent, Attachment, Message, MessageKind, MessageState, Ticket
from web import canned
from web import safety as asking
from web.addresses import both, post
from web.edge import act, back, desk_of, html, look, see

FILES_MAX_BYTES = 25_000_000
MODES = {"reply": ("", MessageKind.REPLY), "all": ("all_", MessageKind.REPLY), "new": ("", MessageKind.NEW),
         "forward": ("forward_", MessageKind.FORWARD)}  # fmt: skip
"""What a mode's fields are called, and what becomes of them."""
FIELDS = ("customer_id", "queue_id", "to", "cc", "bcc", "subject", "body", "later")
BOX = ("to", "cc", "bcc", "subject", "all_to", "all_cc", "forward_to", "forward_cc", "forward_subject")
ASKED = ("reply", "forward", "again")


async def reply(request: Request) -> Response:
    """Write to the customer, or pass a mail on; files come along."""
    desk, ticket_id = desk_of(request), request.path_params["ticket_id"]
    # Asked before anything is unpacked: whoever may not reply leaves no file here.
    author, _ = await see(request, lambda db, agent: access.ticket(db, agent, ticket_id))
    async with request.form(max_files=20, max_part_size=FILES_MAX_BYTES) as form:
        files = await files_of(request, form, asking.kept_of(request, form, author, ticket_id))
        unticked = asking.unticked_of(request, form, author, ticket_id)
        typed = {name: value for name, value in form.items() if isinstance(value, str)}
        kept = [_number(str(each)) for each in form.getlist("keep_file")]
        offered = [_number(str(each)) for each in form.getlist("offered_file")]
        laid = canned.laid(form)
    leaves_at = _moment(typed.get("later", ""), desk.settings.timezone)
    every = files

    def write(db: Session, agent: Agent) -> None:
        found = access.ticket(db, agent, ticket_id)
        view = conversations.replying.reply_form(db, found, agent=agent, settings=desk.settings)
        if not view.can:
            raise Invalid(view.why_not)
        nonlocal every
        now = desk.clock()
        along = canned.along(db, agent, laid, files, most_bytes=FILES_MAX_BYTES)
        every = [*along, *_kept_files(db, agent, found, kept)]
        unticked.extend(_kept_files(db, agent, found, [each for each in offered if each not in kept]))
        unticked.extend(canned.left_out(db, agent, laid))
        draft = replace(_draft(db, agent, found, typed, view, every, leaves_at), canned_ids=laid.ids)
        safety.check(db, found, draft, by=agent, now=now, confirmed=typed.get("confirmed", ""))
        outgoing.write(db, found, draft, by=agent, settings=desk.settings, now=now)
        reply_locks.release(db, found, by=agent, now=now)
        drafts.drop(db, agent, f"reply-{ticket_id}")

    try:
        await act(request, write)
    except safety.Halted as halted:
        raise asking.again(request, halted, typed, every, author, ticket_id, laid.ids, unticked) from halted
    return _back_to(request, ticket_id)


async def new(request: Request) -> Response:
    """An empty mail, or a new ticket that begins with it."""
    desk = desk_of(request)
    if request.method == "GET":
        return await _form(request, {name: request.query_params.get(name, "") for name in FIELDS}, {})
    author, _ = await see(request, lambda db, agent: None)
    async with request.form(max_files=20, max_part_size=FILES_MAX_BYTES) as form:
        files = await files_of(request, form, asking.kept_of(request, form, author, 0))
        unticked = asking.unticked_of(request, form, author, 0)
        typed = {name: str(form.get(name, ""))[:200_000] for name in FIELDS}
        confirmed = str(form.get("confirmed", ""))
        laid = canned.laid(form)
    every = files

    def write(db: Session, agent: Agent) -> int:
        nonlocal every
        every = canned.along(db, agent, laid, files, most_bytes=FILES_MAX_BYTES)
        unticked.extend(canned.left_out(db, agent, laid))
        leaves_at = _moment(typed["later"], desk.settings.timezone)
        customer = access.customer(db, agent, _number(typed["customer_id"])) if typed["customer_id"] else None
        draft = Draft(
            typed["body"], outgoing.addresses(typed["to"]), outgoing.addresses(typed["cc"]), every,
            outgoing.addresses(typed["bcc"]), MessageKind.NEW, typed["subject"], leaves_at=leaves_at,
            canned_ids=laid.ids,
        )  # fmt: skip
        queue = queues.get(db, _number(typed["queue_id"]))
        safety.check_first(db, queue, customer, draft, by=agent, now=desk.clock(), confirmed=confirmed)
        message = outgoing.begin(
            db, draft, queue=queue, customer=customer, by=agent, settings=desk.settings, now=desk.clock()
        )
        drafts.drop(db, agent, f"new-{customer.id}" if customer is not None else "new")
        return message.ticket_id

    try:
        ticket_id = await act(request, write)
    except safety.Halted as halted:
        again = asking.again(request, halted, typed, every, author, 0, laid.ids, unticked)
        return await _form(request, typed, {}, again.status, again.panel)
    except Invalid as error:  # the files lie here already, and what was laid in is in the text
        kept = asking.again(request, safety.Halted((), ""), typed, every, author, 0, laid.ids, unticked).panel
        return await _form(request, typed, {str(error.facts.get("field", "")): error.code}, 422, kept)
    return RedirectResponse(f"/tickets/{ticket_id}", 303)


async def undo(request: Request) -> Response:
    """Take a mail back before it leaves; its words go back into the box."""
    desk, message_id = desk_of(request), request.path_params["message_id"]

    def verb(db: Session, agent: Agent) -> int:
        message = access.message(db, agent, message_id)
        outgoing.take_back(db, message, by=agent, now=desk.clock())
        return message.ticket_id

    ticket_id = await act(request, verb)
    return RedirectResponse(f"/tickets/{ticket_id}?again={message_id}#compose-{ticket_id}", 303)


async def later(request: Request) -> Response:
    """Let a mail that waits leave at another time, or now where none is given."""
    desk, message_id = desk_of(request), request.path_params["message_id"]
    leaves_at = _moment(str((await request.form()).get("later", "")), desk.settings.timezone)

    def verb(db: Session, agent: Agent) -> int:
        message = access.message(db, agent, message_id)
        outgoing.reschedule(db, message, leaves_at, by=agent, now=desk.clock())
        return message.ticket_id

    return back(request, f"/tickets/{await act(request, verb)}")


def asked_of(request: Request) -> Asked:
    """What the address wants the box to begin with."""
    told = {name: request.query_params.get(name, "") for name in ASKED}
    return Asked(**{name: int(value) for name, value in told.items() if value.isdecimal() and len(value) < 10})


def asked_query(request: Request) -> str:
    """The same as the end of an address, so that the region fetched later begins alike."""
    told = {name: number for name, number in asdict(asked_of(request)).items() if number}
    return f"?{urlencode(told)}" if told else ""


def typed_again(
    request: Request, db: Session, agent: Agent, shown: conversations.TicketView, typed: Mapping[str, str]
) -> conversations.TicketView:
    """The ticket with what was typed in its box: of a mail that was halted, or of a draft."""
    found = access.ticket(db, agent, shown.id)
    mode = typed.get("mode") if typed.get("mode") in MODES else shown.reply.mode
    about, taken_back = (int(value) if (value := typed.get(name, "")).isdecimal() else 0 for name in ("about", "again"))
    asked = Asked(forward=about) if mode == "forward" else Asked(reply=about)
    box = conversations.replying.reply_form(db, found, agent=agent, settings=desk_of(request).settings, asked=asked)
    lines = {name: typed[name] for name in BOX if name in typed}
    return replace(shown, reply=replace(box, **lines, mode=mode, again=taken_back, text=typed.get("body", "")))  # type: ignore[arg-type]


def _draft(
    db: Session, agent: Agent, ticket: Ticket, typed: dict[str, str], view: conversations.replying.ReplyForm,
    files: list[Attachment], leaves_at: datetime | None,
) -> Draft:  # fmt: skip
    """What was typed in the fields of the chosen mode; where those of a reply are empty, whom it is for anyway."""
    mode = typed.get("mode") if typed.get("mode") in MODES else view.mode
    prefix, kind = MODES[mode or "reply"]
    to, cc, bcc = (outgoing.addresses(typed.get(name, "")) for name in (f"{prefix}to", f"{prefix}cc", "bcc"))
    if not to and kind != MessageKind.FORWARD:
        to = outgoing.addresses(view.all_to if mode == "all" else view.to)
    about = access.message(db, agent, _number(typed["about"])) if typed.get("about") else None
    if kind == MessageKind.FORWARD and about is None:
        about = outgoing.answered(db, ticket)
    if about is not None and not merging.tells(db, ticket, about):
        raise NotFound("not_found", message_id=about.id)
    instead = access.message(db, agent, _number(typed["again"])) if typed.get("again") else None
    if instead is not None and instead.ticket_id != ticket.id:
        raise NotFound("not_found", message_id=instead.id)
    subject = typed.get(f"{prefix}subject", "") or (subjects.outside(ticket) if kind == MessageKind.NEW else "")
    return Draft(
        typed.get("body", ""), to, cc, files, bcc, kind, subject, about if kind != MessageKind.NEW else None,
        leaves_at, instead,
    )  # fmt: skip


async def files_of(request: Request, form: FormData, kept: list[Attachment]) -> list[Attachment]:
    """What the desk has kept of this mail, and the uploads, stored, with no message yet."""
    desk = desk_of(request)
    uploads = [file for file in form.getlist("attachments") if isinstance(file, UploadFile) and file.filename]
    if sum(file.size or 0 for file in uploads) + sum(file.size_bytes for file in kept) > FILES_MAX_BYTES:
        raise Invalid("too_large", field="attachments")
    return kept + [
        attachments.store(
            desk.settings.attachments, name=(file.filename or "file")[:200], content=await file.read(),
            content_type=file.content_type or "application/octet-stream",
        )
        for file in uploads
    ]  # fmt: skip


def _kept_files(db: Session, agent: Agent, ticket: Ticket, ids: list[int]) -> list[Attachment]:
    """Files of a mail of this ticket that was taken back, for the one that is sent in its place."""
    found = []
    for number in ids[:20]:
        row = access.attachment(db, agent, number)
        message = db.get(Message, row.message_id)
        if message is None or message.ticket_id != ticket.id or message.state != MessageState.WITHDRAWN:
            raise NotFound("not_found", attachment_id=number)
        copy = {"message_id": 0, "is_inline": False, "content_id": ""}
        found.append(Attachment(**row.model_dump(exclude={"id"}) | copy))
    return found


async def _form(
    request: Request, values: dict[str, str], errors: dict[str, str], status: int = 200,
    panel: asking.Panel = asking.NOTHING,
) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        served = agents.queue_ids(db, agent)
        customer = access.customer(db, agent, _number(values["customer_id"])) if values["customer_id"] else None
        shown = dict(values)
        if customer is not None and not shown["to"] and not errors:
            points = records.points_of(db, customer.id or 0)
            shown["to"] = next((point.value for point in points if point.kind == "email"), "")
        settings, now = desk_of(request).settings, desk_of(request).clock()
        place = f"new-{customer.id}" if customer is not None else "new"
        begun, beside = drafts.held(db, agent, place), panel
        draft = begun if begun is not None and begun.thrown_at is None else None
        if draft is not None and request.method == "GET":
            shown |= {name: str(draft.told[name]) for name in FIELDS if name in draft.told and not values.get(name)}
            shown["body"] = draft.text
            beside = replace(panel, kept=asking.kept_views(request, drafts.files_of(draft), agent, 0))
        chosen = canned.asked_first(request, db, agent) if request.method == "GET" else None
        if chosen is not None:
            shown["body"] = f"{shown['body']}\n\n{chosen.text}" if shown.get("body") else chosen.text
        about = {name: shown[name] for name in canned.ABOUT if shown.get(name, "").isdecimal()}
        return {
            "canned": chosen,
            "canned_at": "/tickets/new/canned" + (f"?{urlencode(about)}" if about else ""),
            "values": shown,
            "place": place,
            "begun": draft,
            "panel": beside,
            "thrown_place": place if begun is not None and drafts.can_be_back(begun, now=now) else "",
            "customer": {"id": customer.id, "name": customer.name} if customer is not None else None,
            "queues": [
                {"id": queue.id, "name": queue.called(agent.language), "sender": queue.address or settings.mail_from}
                for queue in queues.everyone(db) if queue.id in served and not queue.is_triage
            ],
            "can": outgoing.can_send(db, settings),
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "", "errors": errors, "ticket": {"id": 0}} | told
    return html(request, "tickets/new.html", frame["me"]["language"], status, **frame)


def _back_to(request: Request, ticket_id: int) -> Response:
    """To the page the form stood on, without what the box began with: it has been used."""
    answer = back(request, f"/tickets/{ticket_id}")
    path, _, query = answer.headers["location"].partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in (*ASKED, "draft")]
    return RedirectResponse(f"{path}?{'&'.join(kept)}" if kept else path, 303)


def _moment(typed: str, zone: str) -> datetime | None:
    """A date and time at the desk, as a form's field has it; None where none was given."""
    if not typed.strip():
        return None
    try:
        return datetime.fromisoformat(typed.strip()).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("not_a_time", field="later") from error


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise NotFound("not_found", given=text[:20])
    return int(text)


ROUTES = (
    both("/tickets/new", new),
    post("/messages/{message_id:id}/undo", undo),
    post("/messages/{message_id:id}/later", later),
)
