"""Macros: agents and supervisors make them, and use them on a ticket after a look at what will happen."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, canned, macros, queues, terms
from helpdesk.errors import Invalid, NotAllowed
from helpdesk.macros import Form
from helpdesk.settings_history import Rehearsed
from models import Agent, Role
from web import builder, kept, tickets
from web.addresses import both, get, post
from web.builder import Draft
from web.edge import act, desk_of, fragment, html, look, see, wants_fragment
from web.rules import choices, speaker
from web.settings_history import change, saved, still_seen

PLAIN = ("name", "name_en", "queue_id")


async def menu(request: Request) -> Response:
    """What may be used on this ticket, each with what it will do: the list alone for a script, else a page."""
    ticket_id, desk = request.path_params["ticket_id"], desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        ticket = access.ticket(db, agent, ticket_id)
        says = speaker(request, db, agent.language, user="macro")
        offered = [{"macro": each, "says": says.macro(each.acts)} for each in macros.offers(db, agent, ticket)]
        best = canned.suggested(db, agent, ticket, settings=desk.settings, now=desk.clock())
        return {"here": ticket_id, "subject": ticket.subject, "offers": offered, "best": best}

    if wants_fragment(request):
        agent, told = await see(request, verb)
        return fragment(request, "macros/_menu.html", agent.language, **told)
    frame, told = await look(request, verb)
    return html(request, "macros/menu.html", frame["me"]["language"], **(frame | told))


async def use(request: Request) -> Response:
    """Do it, and go back to the ticket; a reply it holds stands in the box then."""
    ticket_id, desk = request.path_params["ticket_id"], desk_of(request)
    asked = str((await request.form()).get("macro_id", ""))

    def verb(db: Session, agent: Agent) -> tuple[macros.Done, bool]:
        ticket = access.ticket(db, agent, ticket_id)
        if not (asked.isascii() and asked.isdecimal()) or len(asked) > 9:
            raise Invalid("unknown_choice", field="macro_id")
        done = macros.use(db, ticket, int(asked), by=agent, settings=desk.settings, now=desk.clock())
        db.flush()
        seen = db.get_one(type(ticket), ticket_id)
        return done, seen.assignee_id == agent.id or seen.queue_id in queues_of(db, agent)

    done, is_seen = await act(request, verb)
    if not is_seen:
        return tickets.out_of_sight(request, ticket_id)
    told = {"canned": str(done.canned_id)} if done.canned_id else {}
    told["notice"] = "macro_used" if done.run or done.canned_id else "macro_nothing"
    return RedirectResponse(tickets.beside_its_list(request, f"/tickets/{ticket_id}", **told), 303)


def queues_of(db: Session, agent: Agent) -> list[int]:
    """Queues whose tickets the agent sees."""
    from helpdesk import agents

    return agents.queue_ids(db, agent)


async def page(request: Request) -> Response:
    """Those one may change; for supervisors also what nobody used for long."""
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        says = speaker(request, db, agent.language, user="macro")
        rows = macros.everyone(db, agent, settings=desk.settings, now=desk.clock())
        stale = macros.stale(db, language=agent.language, settings=desk.settings, now=desk.clock())
        return {
            "rows": [{"row": row, "says": says.macro(row.macro.acts)} for row in rows],
            "deleted": macros.deleted(db, agent),
            "stale": stale if agent.role == Role.SUPERVISOR else [],
        }  # fmt: skip

    frame, told = await look(request, verb)
    return html(request, "macros/page.html", frame["me"]["language"], **(frame | told | {"view": "macros"}))


async def new(request: Request) -> Response:
    """An empty form, or a new macro."""
    return await (_form(request, None, Draft(), {}) if request.method == "GET" else _save(request, None))


async def edit(request: Request) -> Response:
    """The macro as a form, or the changed one."""
    macro_id = request.path_params["macro_id"]
    return await (_form(request, macro_id, None, {}) if request.method == "GET" else _save(request, macro_id))


async def turn(request: Request) -> Response:
    """Offer it, or no longer; take it away, and bring it back."""
    macro_id = request.path_params["macro_id"]
    return await kept.turn(request, lambda db, agent: macros.get(db, agent, macro_id), "/admin/macros",
                           deleted="macro_deleted", restored="restored")  # fmt: skip


async def _save(request: Request, macro_id: int | None) -> Response:
    form, desk = await request.form(), desk_of(request)
    _, draft = await see(request, lambda db, _: builder.read(form, PLAIN, terms.fields_of(db)))
    draft.plain["is_own"] = "1" if form.get("is_own") else ""
    asked = str(form.get("step", "save"))
    if asked != "save" and builder.step(draft, asked, form):
        still_seen(request, form)
        return await _form(request, macro_id, draft, {})

    def verb(db: Session, agent: Agent) -> None:
        macro = macros.get(db, agent, macro_id) if macro_id else None
        macros.save(db, macro, _typed(draft, agent), by=agent, settings=desk.settings, now=desk.clock())

    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, macro_id, draft, {}, will=seen.shown)
    except Invalid as error:
        return await _form(request, macro_id, draft, {str(error.facts.get("field", "")): error.code}, 422, error.facts)
    return saved("/admin/macros", change_id)


def _typed(draft: Draft, agent: Agent) -> Form:
    queue = draft.plain["queue_id"].strip()
    if queue and (not queue.isascii() or not queue.isdecimal() or len(queue) > 9):
        raise Invalid("unknown_choice", field="queue_id")
    return Form(name=draft.plain["name"], name_en=draft.plain["name_en"], queue_id=int(queue) if queue else None,
                acts=draft.acts, is_own=bool(draft.plain["is_own"]) or agent.role != Role.SUPERVISOR)  # fmt: skip


async def _form(request: Request, macro_id: int | None, draft: Draft | None, errors: dict[str, str], status: int = 200,
                facts: dict[str, object] | None = None, will: Any = None) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        macro = macros.get(db, agent, macro_id) if macro_id else None
        shown = draft
        if shown is None:
            if macro is None:
                raise NotAllowed("not_allowed")
            shown = Draft({"name": macro.name, "name_en": macro.name_en, "queue_id": str(macro.queue_id or ""),
                           "is_own": "1" if macro.owner_id else ""}, acts=list(macro.acts))  # fmt: skip
        says = {language: speaker(request, db, language, user="macro") for language in ("ja", "en")}
        return {
            "draft": shown, "macro": macro,
            "meaning": [(language, says[language].macro(macro.acts)) for language in ("ja", "en")] if macro else [],
            "will": will and will | {"says": says[agent.language].macro(shown.acts)},
            "queues": [{"id": queue.id, "name": queue.called(agent.language)} for queue in queues.everyone(db)],
        } | choices(db, agent.language, "macro")  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "macros", "errors": errors, "error_facts": facts or {}, "macro_id": macro_id} | told
    frame["unit_of"] = builder.unit_of
    return html(request, "macros/form.html", frame["me"]["language"], status, **frame)


ROUTES = (
    get("/tickets/{ticket_id:id}/macros", menu),
    post("/tickets/{ticket_id:id}/macros", use),
    get("/admin/macros", page),
    both("/admin/macros/new", new),
    both("/admin/macros/{macro_id:id}", edit),
    post("/admin/macros/{macro_id:id}/switch", turn),
    post("/admin/macros/{macro_id:id}/delete", turn),
    post("/admin/macros/{macro_id:id}/restore", turn),
)
