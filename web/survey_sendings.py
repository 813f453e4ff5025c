"""One survey put to a segment: whom it reaches before it is sent, how far it is, and what came of it."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, segments, survey_sendings, surveys
from helpdesk.errors import Invalid
from models import Agent, SurveySending
from web import segment_words, setting_words
from web.addresses import get, post
from web.customers import rows_of
from web.edge import act, desk_of, html, look, renderer_of


async def prepare(request: Request) -> Response:
    """Begin to count whom a segment would reach."""
    form, now, survey_id = await request.form(), desk_of(request).clock(), request.path_params["survey_id"]
    given = str(form.get("segment_id", ""))

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        survey = surveys.get(db, survey_id)
        chosen = int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else 0
        return survey_sendings.prepare(db, survey, segments.get(db, chosen), by=agent, now=now).id or 0

    return _to(survey_id, await act(request, verb))


async def show(request: Request) -> Response:
    """How it stands."""
    return await _show(request)


async def begin(request: Request) -> Response:
    """Ask them."""
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> None:
        survey_sendings.begin(db, _of(db, agent, request), settings=desk.settings, by=agent, now=desk.clock())

    try:
        await act(request, verb)
    except Invalid as error:
        return await _show(request, error.code, 422)
    return _to(request.path_params["survey_id"], request.path_params["sending_id"])


async def stop(request: Request) -> Response:
    """Ask nobody more."""
    now = desk_of(request).clock()
    await act(request, lambda db, agent: survey_sendings.stop(db, _of(db, agent, request), by=agent, now=now))
    return _to(request.path_params["survey_id"], request.path_params["sending_id"])


async def again(request: Request) -> Response:
    """Count anew whom the same conditions reach."""
    survey_id, now = request.path_params["survey_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> int:
        there = _of(db, agent, request)
        return survey_sendings.again(db, surveys.get(db, survey_id), there, by=agent, now=now).id or 0

    return _to(survey_id, await act(request, verb))


async def discard(request: Request) -> Response:
    """Let go of one that was only counted."""
    now = desk_of(request).clock()
    await act(request, lambda db, agent: survey_sendings.discard(db, _of(db, agent, request), by=agent, now=now))
    return RedirectResponse(f"/admin/surveys/{request.path_params['survey_id']}#lists", 303)


def _of(db: Session, agent: Agent, request: Request) -> SurveySending:
    access.supervisor(agent)
    return survey_sendings.get(db, request.path_params["survey_id"], request.path_params["sending_id"])


def _to(survey_id: int, sending_id: int) -> RedirectResponse:
    return RedirectResponse(f"/admin/surveys/{survey_id}/sendings/{sending_id}", 303)


async def _show(request: Request, error: str = "", status: int = 200) -> Response:
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        sending = _of(db, agent, request)
        naming = setting_words.names_of(db, agent, renderer_of(request).gettext(agent.language)).naming
        keys = {each["customer_id"]: each["key"] for each in sending.sample}
        return {
            "survey": surveys.get(db, sending.survey_id), "told": survey_sendings.told(db, sending),
            "error_code": error,
            "lines": segment_words.lines(segments.read(sending.conditions), naming),
            "sample": [each | {"key": keys[each["id"]]} for each in rows_of(db, list(keys))],
        }  # fmt: skip

    frame, seen = await look(request, verb)
    return html(request, "surveys/sending.html", frame["me"]["language"], status,
                **(frame | seen | {"view": "surveys"}))  # fmt: skip


ROUTES = (
    post("/admin/surveys/{survey_id:id}/sendings", prepare),
    get("/admin/surveys/{survey_id:id}/sendings/{sending_id:id}", show),
    post("/admin/surveys/{survey_id:id}/sendings/{sending_id:id}/begin", begin),
    post("/admin/surveys/{survey_id:id}/sendings/{sending_id:id}/stop", stop),
    post("/admin/surveys/{survey_id:id}/sendings/{sending_id:id}/again", again),
    post("/admin/surveys/{survey_id:id}/sendings/{sending_id:id}/discard", discard),
)
