"""The topics of the feedback report, where supervisors word them."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, topics
from helpdesk.errors import Invalid
from models import Agent
from web.addresses import both, post
from web.edge import act, desk_of, html, look, one_of
from web.settings_history import change, saved

NAMES = ("key", "name", "name_en", "words")


async def page(request: Request) -> Response:
    """All of them with their words, and what is typed into one."""
    if request.method == "GET":
        return await _page(request)
    form, now = await request.form(), desk_of(request).clock()
    typed = {name: str(form.get(name, ""))[:20_000] for name in NAMES}

    def verb(db: Session, agent: Agent) -> str:
        access.supervisor(agent)
        return topics.save(db, typed["key"], name=typed["name"], name_en=typed["name_en"], words=typed["words"],
                           by=agent, now=now)  # fmt: skip

    try:
        key, change_id = await change(request, verb)
    except Invalid as error:
        return await _page(request, typed=typed, errors={str(error.facts.get("field", "")): error.code}, status=422)
    return saved("/reports/topics", change_id, part=key)


async def switch(request: Request) -> Response:
    """Read texts for it, or let it rest."""
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        is_on = one_of(str(form.get("to", "")), ("on", "off"), field="to") == "on"
        topics.switch(db, str(form.get("key", "")), is_on, by=agent, now=now)

    _, change_id = await change(request, verb)
    return saved("/reports/topics", change_id)


async def merge(request: Request) -> Response:
    """Hand everything a topic knows to another."""
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> str:
        access.supervisor(agent)
        return topics.merge(db, str(form.get("key", "")), str(form.get("into", "")), by=agent, now=now)

    try:
        key = await act(request, verb)
    except Invalid as error:
        return await _page(request, errors={"into": error.code}, wrong=str(form.get("key", "")), status=422)
    return RedirectResponse(f"/reports/topics?notice=saved#{key}", 303)


async def split(request: Request) -> Response:
    """Give some words of a topic to a new one."""
    form, now = await request.form(), desk_of(request).clock()
    typed = {name: str(form.get(name, ""))[:20_000] for name in NAMES}

    def verb(db: Session, agent: Agent) -> str:
        access.supervisor(agent)
        return topics.split(db, typed["key"], name=typed["name"], name_en=typed["name_en"], words=typed["words"],
                            by=agent, now=now)  # fmt: skip

    try:
        key = await act(request, verb)
    except Invalid as error:
        wrong = {str(error.facts.get("field", "")): error.code}
        return await _page(request, divided=typed, errors=wrong, status=422)
    return RedirectResponse(f"/reports/topics?notice=saved#{key}", 303)


async def _page(request: Request, *, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None,
                divided: dict[str, str] | None = None, wrong: str = "", status: int = 200) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        halves = {**divided, "key": topics.key_now(db, divided["key"])} if divided else {}
        return {"topics": topics.listed(db), "divided": halves, "wrong_key": topics.key_now(db, wrong)}

    frame, told = await look(request, verb)
    frame |= told | {"view": "feedback", "typed": typed or {}, "errors": errors or {}}
    return html(request, "topics/page.html", frame["me"]["language"], status, **frame)


ROUTES = (
    both("/reports/topics", page),
    post("/reports/topics/switch", switch),
    post("/reports/topics/merge", merge),
    post("/reports/topics/split", split),
)
