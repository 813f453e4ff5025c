"""Calls: the card's buttons, and the list of all calls."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from cti import LONGEST_NAME
from helpdesk import access, blocked, call_log, calls, help_signs, impressions, measures, preferences, queues
from helpdesk.asterisk import dialing
from helpdesk.calls import callers, wrapping
from helpdesk.customers import records
from helpdesk.errors import NotFound, Rejected, Unreachable
from models import Agent, Call, Ticket
from web.addresses import get, post
from web.edge import act, back, desk_of, html, look, see, wants_fragment

MOST_NOTE = 20_000
"""Letters of a note, as the box on the card allows."""


async def page(request: Request) -> Response:
    """The list, newest first."""
    query = request.query_params
    chosen, typed, cursor = query.get("filter") or "all", query.get("q", "").strip(), query.get("after", "")
    settings = desk_of(request).settings
    now = desk_of(request).clock()
    behind = _behind(query)

    def verb(db: Session, agent: Agent) -> tuple[call_log.Page, str]:
        told = call_log.page(db, agent, chosen, typed, cursor=cursor, settings=settings, now=now, behind=behind)
        queue = queues.get(db, behind.queue_id).called(agent.language) if behind and behind.queue_id else ""
        return told, queue

    frame, (told, queue_name) = await look(request, verb)
    kept = {name: query[name] for name in ("behind", "from", "to", "queue") if query.get(name)} if behind else {}
    frame |= {"behind": behind, "behind_queue": queue_name, "behind_query": urlencode(kept)}
    frame |= {"view": "calls", "filter": chosen, "q": typed, "rows": told.rows, "next_cursor": told.next_cursor}
    return html(request, "calls/page.html", frame["me"]["language"], **frame)


def _behind(query: QueryParams) -> call_log.Behind | None:
    """The figure whose calls are asked for, by `behind`, `from`, `to` and `queue` in the address."""
    if not (count := query.get("behind", "")):
        return None
    interval = None
    if query.get("from") or query.get("to"):
        try:
            ends = [datetime.fromisoformat(query.get(name, "")).astimezone(UTC) for name in ("from", "to")]
        except (ValueError, OverflowError) as error:
            raise NotFound("not_found") from error
        interval = measures.Interval(ends[0], ends[1])
    return call_log.Behind(count, interval, _number(query["queue"]) if query.get("queue") else None)


async def show(request: Request) -> Response:
    """A call has no page of its own: it stands in its ticket."""
    call_id = request.path_params["call_id"]
    _, call = await see(request, lambda db, agent: access.call(db, agent, call_id))
    return RedirectResponse(f"/tickets/{call.ticket_id}" if call.ticket_id else "/calls", 303)


async def accept(request: Request) -> Response:
    """Take it. Where the desk can command the telephone system, the caller is put through to the agent."""
    desk = desk_of(request)

    def verb(db: Session, call: Call, agent: Agent, form: dict[str, str]) -> None:
        calls.accept(db, call, agent, rings=desk.settings.can_command(call.source), now=desk.clock())

    return await _change(request, verb)


async def decline(request: Request) -> Response:
    """Put the card away; it stays on the others' screens."""
    return await _change(
        request,
        lambda db, call, agent, form: calls.decline(db, call, agent, now=desk_of(request).clock()),
        notice="call_passed",
    )


async def customer(request: Request) -> Response:
    """Say who is calling."""

    def verb(db: Session, call: Call, agent: Agent, form: dict[str, str]) -> None:
        chosen = access.customer(db, agent, _number(form.get("customer_id", "")))
        callers.choose_customer(db, call, chosen, by=agent, now=desk_of(request).clock())

    return await _change(request, verb)


async def undo_customer(request: Request) -> Response:
    """It was not who somebody said: as before."""
    return await _change(
        request, lambda db, call, agent, form: callers.undo_choice(db, call, by=agent, now=desk_of(request).clock())
    )


async def guess(request: Request) -> Response:
    """Say whether it is who a signature made the desk guess."""

    def verb(db: Session, call: Call, agent: Agent, form: dict[str, str]) -> None:
        judge = callers.confirm_guess if form.get("is") == "right" else callers.deny_guess
        judge(db, call, by=agent, now=desk_of(request).clock())

    return await _change(request, verb)


async def block(request: Request) -> Response:
    """Refuse this caller from now on."""
    desk = desk_of(request)

    def verb(db: Session, call: Call, agent: Agent, form: dict[str, str]) -> None:
        access.supervisor(agent)
        blocked.block(db, call.number, reason=form.get("reason", ""), by=agent, region=desk.settings.region,
                      now=desk.clock())  # fmt: skip
        callers.say_blocked(db, call, by=agent, now=desk.clock())

    return await _change(request, verb)


async def new_customer(request: Request) -> Response:
    """Make a record of whoever is calling, with the number they call from."""
    desk = desk_of(request)

    def verb(db: Session, call: Call, agent: Agent, form: dict[str, str]) -> None:
        # The number is learned with the choice, and with it taken back.
        typed = records.Form(form.get("name", ""), form.get("reading", ""), form.get("company", ""))
        made = records.create(db, typed, region=desk.settings.region, by=agent, now=desk.clock())
        callers.choose_customer(db, call, made, by=agent, now=desk.clock())

    return await _change(request, verb)


async def ticket(request: Request) -> Response:
    """Say which ticket the call is about; none given makes a new one."""
    desk = desk_of(request)

    def verb(db: Session, call: Call, agent: Agent, form: dict[str, str]) -> None:
        given = form.get("ticket_id", "")
        found: Ticket | None = access.ticket(db, agent, _number(given)) if given else None
        calls.move_to_ticket(db, call, found, by=agent, now=desk.clock())

    return await _change(request, verb)


async def note(request: Request) -> Response:
    """What is typed while talking and after, kept as it is typed. The script is told how the note stands now."""
    call_id, form, seen = request.path_params["call_id"], await _form(request), await _seen(request)

    def run(db: Session, agent: Agent) -> str:
        return calls.write_note(db, access.call(db, agent, call_id), _note(form), seen=seen, by=agent)

    kept = await act(request, run)
    if wants_fragment(request) and request.headers.get("x-desk-save"):
        return JSONResponse({"note": kept})
    return back(request, "/inbox")


async def ask_help(request: Request) -> Response:
    """Raise the hand, or take it down."""

    def verb(db: Session, call: Call, agent: Agent, form: dict[str, str]) -> None:
        if form.get("hand") == "down":
            help_signs.take_down(db, agent.id or 0, by=agent, now=desk_of(request).clock())
        else:
            help_signs.put_up(db, agent, call, now=desk_of(request).clock())

    return await _change(request, verb)


async def wrap_up(request: Request) -> Response:
    """Note and outcome; the agent is ready for the next. The notes are the call's first words: the classifier reads."""
    desk, call_id = desk_of(request), request.path_params["call_id"]

    def may(db: Session, agent: Agent) -> frozenset[str]:
        access.call(db, agent, call_id)  # nobody else is read to by the classifier
        return preferences.all_shown(db)

    _, shown = await see(request, may)
    form, seen = await _form(request), await _seen(request)
    text, router = _note(form), desk.router
    guess = await run_in_threadpool(router.predict, text) if router and text.strip() else None
    asked = impressions.OF_NOTES & desk.guesses & shown
    impression = await run_in_threadpool(impressions.of, text.strip(), asked=asked) if asked else None

    def verb(db: Session, call: Call, agent: Agent, form: dict[str, str]) -> None:
        wrapping.wrap_up(db, call, note=text, disposition=form.get("disposition", ""), seen=seen, by=agent,
                      guess=guess, now=desk.clock())  # fmt: skip
        impressions.hear_note(db, call, text, impression, now=desk.clock())

    return await _change(request, verb, notice="wrapped_up")


async def dial(request: Request) -> Response:
    """Call a number from a page: the agent's own telephone rings first. What becomes of it is said by the card."""
    desk, form = desk_of(request), await _form(request)

    def begin(db: Session, agent: Agent) -> tuple[Agent, dialing.Order]:
        given = form.get("ticket_id", "")
        found = access.ticket(db, agent, _number(given)) if given else None
        typed = form.get("number", "")[:LONGEST_NAME]
        return agent, dialing.begin(db, agent, typed, ticket=found, settings=desk.settings, now=desk.clock())

    agent, order = await act(request, begin)
    try:
        await dialing.ring(order)
    except (Rejected, Unreachable) as error:
        await desk.database.write(dialing.failed, order.call_id, agent, settings=desk.settings, now=desk.clock())
        return back(request, "/calls", notice="dial_refused" if str(error) == "dial_refused" else "dial_unreachable")
    await desk.database.write(dialing.rings, order.call_id, agent, now=desk.clock())
    return back(request, "/calls", notice="dialing")


async def _change(
    request: Request, verb: Callable[[Session, Call, Agent, dict[str, str]], Any], *, notice: str = ""
) -> Response:
    call_id, form = request.path_params["call_id"], await _form(request)

    def run(db: Session, agent: Agent) -> None:
        verb(db, access.call(db, agent, call_id), agent, form)

    await act(request, run)
    return back(request, "/inbox", notice=notice)


async def _form(request: Request) -> dict[str, str]:
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


def _note(form: dict[str, str]) -> str:
    return _lines(form.get("note", ""))


async def _seen(request: Request) -> list[str]:
    """What the page had of the note before, as `calls.joined` has it; nothing where no script says so."""
    given = (await request.form()).getlist("seen")
    return [_lines(each) for each in given if isinstance(each, str)]


def _lines(typed: str) -> str:
    """With line ends as a text field has them."""
    return typed[:MOST_NOTE].replace("\r\n", "\n")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise NotFound("not_found", given=text[:20])
    return int(text)


ROUTES = (
    get("/calls", page),
    post("/dial", dial),
    get("/calls/{call_id:id}", show),
    post("/calls/{call_id:id}/accept", accept),
    post("/calls/{call_id:id}/decline", decline),
    post("/calls/{call_id:id}/customer", customer),
    post("/calls/{call_id:id}/customer/new", new_customer),
    post("/calls/{call_id:id}/customer/undo", undo_customer),
    post("/calls/{call_id:id}/guess", guess),
    post("/calls/{call_id:id}/block", block),
    post("/calls/{call_id:id}/ticket", ticket),
    post("/calls/{call_id:id}/note", note),
    post("/calls/{call_id:id}/help", ask_help),
    post("/calls/{call_id:id}/wrap-up", wrap_up),
)
