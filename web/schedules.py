"""Reports by mail: what supervisors have sent to whom and when, and the link by which a reader ends it."""

from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from helpdesk import access, agents, queues, schedules
from helpdesk.errors import Invalid, NotFound
from helpdesk.reporting import catalog
from models import Agent, ReportSchedule
from web.addresses import both, get, post
from web.edge import act, back, desk_facts, desk_of, html, look

PERIODS = ("yesterday", "last_week", "last_month", "week", "month")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


async def page(request: Request) -> Response:
    """All of them, and what became of the last mails."""

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {"lines": schedules.listed(db, language=agent.language)}

    frame, told = await look(request, verb)
    deleted = request.query_params.get("deleted", "")
    frame |= told | {"view": "dashboards", "weekdays": WEEKDAYS,
                     "deleted": deleted if deleted.isdecimal() and len(deleted) < 10 else ""}  # fmt: skip
    return html(request, "schedules/page.html", frame["me"]["language"], **frame)


async def new(request: Request) -> Response:
    """Make one."""
    return await (_form(request, None) if request.method == "GET" else _save(request, None))


async def edit(request: Request) -> Response:
    """Change one."""
    schedule_id = request.path_params["schedule_id"]
    return await (_form(request, schedule_id) if request.method == "GET" else _save(request, schedule_id))


async def switch(request: Request) -> Response:
    """Send from now on, or no more."""
    is_on = (await request.form()).get("to") == "on"
    return await _do(request, lambda db, agent, row, now: schedules.switch(db, row, is_on, by=agent, now=now), "saved")


async def now(request: Request) -> Response:
    """Send it to whoever presses, as it would be now."""
    return await _do(request, lambda db, agent, row, now: schedules.send_now(db, row, to=agent, now=now), "on_its_way")


async def delete(request: Request) -> Response:
    """Take it away; the list offers to take that back."""
    await _do(request, lambda db, agent, row, now: schedules.delete(db, row, by=agent, now=now), "")
    return RedirectResponse(f"/reports/schedules?deleted={request.path_params['schedule_id']}", 303)


async def restore(request: Request) -> Response:
    """Take the deletion back."""
    schedule_id, at = request.path_params["schedule_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        schedules.restore(db, schedule_id, by=agent, now=at)

    await act(request, verb)
    return RedirectResponse("/reports/schedules", 303)


async def again(request: Request) -> Response:
    """Send a mail once more that failed, or perhaps left."""
    mail_id, at = request.path_params["mail_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        schedules.again(db, mail_id, now=at)

    await act(request, verb)
    return back(request, "/reports/schedules", notice="on_its_way")


async def stop(request: Request) -> Response:
    """Ask before ending it, for mail filters open every link; then end it, or go on after all."""
    token, desk = request.path_params["token"], desk_of(request)
    if request.method == "POST":
        verb = schedules.resume if (await request.form()).get("again") else schedules.stop
        await desk.database.write(verb, token, settings=desk.settings, now=desk.clock())
    schedule, is_stopped, language = await desk.database.read(schedules.opened, token, settings=desk.settings)
    return html(request, "schedules/stop.html", language, schedule=schedule, is_stopped=is_stopped,
                desk=desk_facts(request), action=f"/m/{token}")  # fmt: skip


async def one_click(request: Request) -> Response:
    """What mail programs post when their user presses "unsubscribe" (RFC 8058)."""
    desk = desk_of(request)
    await desk.database.write(schedules.stop, request.path_params["token"], settings=desk.settings, now=desk.clock())
    return PlainTextResponse("ok")


async def _do(request: Request, verb: Any, notice: str) -> Response:
    at = desk_of(request).clock()

    def both(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        verb(db, agent, schedules.get(db, request.path_params["schedule_id"]), at)

    await act(request, both)
    return back(request, "/reports/schedules", notice=notice)


async def _save(request: Request, schedule_id: int | None) -> Response:
    form, desk = await request.form(), desk_of(request)

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        row = schedules.get(db, schedule_id) if schedule_id else None
        schedules.save(db, row, _typed(form), by=agent, settings=desk.settings, now=desk.clock())

    try:
        await act(request, verb)
    except Invalid as error:
        return await _form(request, schedule_id, form=form, errors={str(error.facts.get("field", "")): error.code})
    return RedirectResponse("/reports/schedules?notice=saved", 303)


async def _form(request: Request, schedule_id: int | None, *, form: FormData | None = None,
                errors: dict[str, str] | None = None) -> Response:  # fmt: skip
    settings = desk_of(request).settings

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        row = schedules.get(db, schedule_id) if schedule_id else None
        access.supervisor(agent)
        people = schedules.recipients(db, row) if row else []
        chosen = {each.agent_id for each in people} if row else {agent.id}
        return {
            "schedule": row, "values": _values(row, people, settings.timezone),
            "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)],
            "people": [(each, name, each in chosen)
                       for each, name in agents.to_choose_from(db, language=agent.language)],
        }  # fmt: skip

    frame, told = await look(request, verb)
    if form is not None:
        told["values"] = {name: str(form.get(name, "")) for name in told["values"]}
        told["values"]["formats"] = [str(each) for each in form.getlist("formats")]
        ticked = {str(each) for each in form.getlist("agents")}
        told["people"] = [(id, name, str(id) in ticked) for id, name, _ in told["people"]]
    frame |= told | {"view": "dashboards", "errors": errors or {}, "periods": PERIODS, "weekdays": WEEKDAYS,
                     "reports": list(catalog.REPORTS.values()), "domains": settings.report_domains}  # fmt: skip
    return html(request, "schedules/form.html", frame["me"]["language"], 422 if errors else 200, **frame)


def _values(row: ReportSchedule | None, people: list[Any], timezone: str) -> dict[str, Any]:
    if row is None:
        return {"name": "", "report": "feedback", "period": "last_week", "queue": "", "every": "week", "weekday": "0",
                "day": "1", "at": "08:00", "timezone": timezone, "formats": ["pdf"], "addresses": "",
                "language": "ja"}  # fmt: skip
    addresses = [each for each in people if each.agent_id is None]
    return {
        "name": row.name, "report": row.report, "period": row.asked.get("period", "last_week"),
        "queue": row.asked.get("queue", ""), "every": row.every.value, "weekday": str(row.weekday),
        "day": str(row.day), "at": f"{row.minute // 60:02}:{row.minute % 60:02}", "timezone": row.timezone,
        "formats": row.formats, "addresses": "\n".join(each.address for each in addresses),
        "language": addresses[0].language if addresses else "ja",
    }  # fmt: skip


def _typed(form: FormData) -> schedules.Form:
    def text(name: str) -> str:
        return str(form.get(name, "")).strip()[:2000]

    def number(name: str) -> int:
        if not (text(name).isascii() and text(name).isdecimal()) or len(text(name)) > 2:
            raise Invalid("out_of_range", field=name)
        return int(text(name))

    if text("queue") and not (text("queue").isdecimal() and len(text("queue")) < 10):
        raise NotFound("not_found")
    ids = [str(each) for each in form.getlist("agents")]
    return schedules.Form(
        name=text("name"), report=text("report"), asked={"period": text("period"), "queue": text("queue")},
        every=text("every"), weekday=number("weekday"), day=number("day"), at=text("at"), timezone=text("timezone"),
        formats=[str(each) for each in form.getlist("formats")],
        agent_ids=[int(each) for each in ids if each.isdecimal() and len(each) < 10],
        addresses=text("addresses").replace(",", "\n").split(), language="en" if text("language") == "en" else "ja",
    )  # fmt: skip


ROUTES = (
    get("/reports/schedules", page),
    both("/reports/schedules/new", new),
    both("/reports/schedules/{schedule_id:id}", edit),
    post("/reports/schedules/{schedule_id:id}/switch", switch),
    post("/reports/schedules/{schedule_id:id}/now", now),
    post("/reports/schedules/{schedule_id:id}/delete", delete),
    post("/reports/schedules/{schedule_id:id}/restore", restore),
    post("/reports/schedules/mails/{mail_id:id}/again", again),
    both("/m/{token}", stop),
    post("/hooks/report/{token}/stop", one_click),
)
