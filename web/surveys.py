"""Surveys: what supervisors ask, and the page on which customers answer without signing in."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from helpdesk import (
    access,
    agents,
    comments,
    queues,
    segments,
    sms,
    survey_answers,
    survey_lists,
    survey_questions,
    survey_sendings,
    survey_words,
    surveys,
)
from helpdesk.errors import Invalid
from helpdesk.settings_history import Rehearsed
from models import Agent, Scale, Survey
from web.addresses import both, get, post
from web.edge import act, desk_facts, desk_of, html, look, see, wants_fragment
from web.settings_history import change, saved, still

# --- the customer's side --------------------------------------------------------------------------------------------


async def answer(request: Request) -> Response:
    """The question and what was chosen; what is posted is kept. A script hears 204."""
    token, desk = request.path_params["token"], desk_of(request)
    if request.method == "GET":
        return await _shown(request, chosen=_score(request.query_params.get("score", "")))
    form = await request.form()
    comment, score = str(form.get("comment", "")), _score(str(form.get("score", "")))
    felt = await run_in_threadpool(comments.read, comment, desk.database)
    typed = [survey_answers.plain(str(form.get(f"more-{place}", ""))) for place in range(1, survey_questions.MOST + 1)]
    read = [await run_in_threadpool(comments.read, each, desk.database) for each in typed]
    told = zip(typed, read, strict=True)
    more = [survey_questions.Told(words, each.language, each.sentiment) for words, each in told]
    try:
        await desk.database.write(
            survey_answers.answer, token, score=score, comment=comment, language=felt.language,
            sentiment=felt.sentiment, more=more, settings=desk.settings, now=desk.clock(),
        )  # fmt: skip
    except Invalid as error:
        if wants_fragment(request):
            raise
        return await _shown(request, chosen=score, comment=comment, typed=typed, error=error.code, status=422)
    if wants_fragment(request):
        return Response(status_code=204)
    return RedirectResponse(f"/s/{token}?done=yes", 303)


async def stop(request: Request) -> Response:
    """Ask before stopping, for mail filters open every link; then never ask again, or again after all."""
    token, desk = request.path_params["token"], desk_of(request)
    if request.method == "POST":
        verb = survey_answers.resume if (await request.form()).get("again") else survey_answers.stop
        await desk.database.write(verb, token, settings=desk.settings, now=desk.clock())
    return await _shown(request, is_stop=True)


async def one_click(request: Request) -> Response:
    """What mail programs post when their user presses "unsubscribe" (RFC 8058)."""
    desk = desk_of(request)
    token = request.path_params["token"]
    await desk.database.write(survey_answers.stop, token, settings=desk.settings, now=desk.clock())
    return PlainTextResponse("ok")


async def _shown(request: Request, *, chosen: int | None = None, comment: str = "", typed: Sequence[str] = (),
                 error: str = "", is_stop: bool = False, status: int = 200) -> Response:  # fmt: skip
    desk = desk_of(request)
    token = request.path_params["token"]
    seen = await desk.database.read(survey_answers.opened, token, settings=desk.settings, now=desk.clock())
    return html(
        request, "surveys/answer.html", seen.language, status, seen=seen, desk=desk_facts(request),
        action=f"/s/{token}", chosen=seen.score if chosen is None else chosen, comment=comment or seen.comment,
        error=error, is_stop=is_stop, is_done=request.query_params.get("done") == "yes", is_preview=False,
        more=[(asked, typed[place] if place < len(typed) else said) for place, (asked, said) in enumerate(seen.more)],
        clicked=chosen is not None and request.method == "GET", choices=_choices(seen.scale, seen.language),
    )  # fmt: skip


# --- the supervisors' side ------------------------------------------------------------------------------------------


async def page(request: Request) -> Response:
    """All surveys, and what came of them."""
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return {"lines": surveys.listed(db, language=agent.language, now=now)}

    frame, told = await look(request, verb)
    return html(request, "surveys/page.html", frame["me"]["language"], **(frame | told | {"view": "surveys"}))


async def new(request: Request) -> Response:
    """Make one."""
    if request.method == "GET":
        return await _form(request, None)
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        surveys.make(db, _typed(form), by=agent, now=now)

    return await _saved(request, None, form, verb)


async def edit(request: Request) -> Response:
    """Change one."""
    survey_id = request.path_params["survey_id"]
    if request.method == "GET":
        return await _form(request, survey_id)
    form, now = await request.form(), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        surveys.change(db, surveys.get(db, survey_id), _typed(form), by=agent, now=now)

    return await _saved(request, survey_id, form, verb)


async def switch(request: Request) -> Response:
    """Ask from now on, or no more."""
    is_active, now = (await request.form()).get("to") == "on", desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        surveys.switch(db, surveys.get(db, request.path_params["survey_id"]), is_active, by=agent, now=now)

    _, change_id = await change(request, verb)
    return still(request, "/admin/surveys", change_id)


async def send(request: Request) -> Response:
    """Ask the people of a list, nobody twice."""
    typed, desk = str((await request.form()).get("to", ""))[:400_000], desk_of(request)
    survey_id = request.path_params["survey_id"]

    def verb(db: Session, agent: Agent) -> tuple[int, int]:
        access.supervisor(agent)
        return survey_lists.to_list(db, surveys.get(db, survey_id), typed, settings=desk.settings, by=agent,
                                    now=desk.clock())  # fmt: skip

    try:
        asked, known = await act(request, verb)
    except Invalid as error:
        return await _form(request, survey_id, errors={"to": error.code}, status=422, to=typed)
    return RedirectResponse(f"/admin/surveys/{survey_id}?asked={asked}&known={known}", 303)


async def preview(request: Request) -> Response:
    """The page as customers will see it, in the reader's language or the one asked for. Nothing is kept of it."""

    def verb(db: Session, agent: Agent) -> survey_answers.Opened:
        access.supervisor(agent)
        wanted = request.query_params.get("lang")
        language = wanted if wanted in ("ja", "en") else agent.language
        survey = surveys.get(db, request.path_params["survey_id"])
        asked = survey_words.question(survey, None, language, desk=desk_of(request).settings.name)
        more = [(each, "") for each in survey_questions.asked(survey.questions, language)]
        return survey_answers.Opened(survey.scale, language, asked, None, "", False, False, more=more)

    _, seen = await see(request, verb)
    return html(
        request, "surveys/answer.html", seen.language, seen=seen, desk=desk_facts(request), action="", chosen=None,
        comment="", error="", is_stop=False, is_done=False, is_preview=True, clicked=False, more=seen.more,
        choices=_choices(seen.scale, seen.language),
    )  # fmt: skip


async def _saved(request: Request, survey_id: int | None, form: FormData, verb: Any) -> Response:
    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, survey_id, form=form, will=seen.shown)
    except Invalid as error:
        return await _form(request, survey_id, form=form,
                           errors={str(error.facts.get("field", "")): error.code}, status=422)  # fmt: skip
    return saved("/admin/surveys", change_id)


async def _form(request: Request, survey_id: int | None, *, form: FormData | None = None,
                errors: dict[str, str] | None = None, status: int = 200, will: Any = None,
                to: str = "") -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        survey = surveys.get(db, survey_id) if survey_id else None
        sent = survey_sendings.of(db, survey) if survey else []
        names = {each.id: each for each in agents.everyone(db)} if sent else {}
        return {"survey": survey, "values": _values(survey),
                "segments": [(each.id, each.name) for each in segments.everyone(db)],
                "sendings": [(each, names.get(each.by_id)) for each in sent],
                "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)]}  # fmt: skip

    frame, told = await look(request, verb)
    if form is not None:
        told["values"] = {name: str(form.get(name, "")) for name in told["values"]}
    defaults = {language: survey_words.WORDS[Scale.STARS, language] for language in ("ja", "en")}
    frame |= told | {"view": "surveys", "errors": errors or {}, "defaults": defaults, "will": will,
                     "sms_on": sms.is_on(desk_of(request).settings), "to": to}  # fmt: skip
    counts = [request.query_params.get(name, "") for name in ("asked", "known")]
    frame["put"] = counts if all(each.isdecimal() and len(each) < 6 for each in counts) else None
    return html(request, "surveys/form.html", frame["me"]["language"], status, **frame)


def _values(survey: Survey | None) -> dict[str, str]:
    """What stands in the form."""
    if survey is None:
        fresh = surveys.Form(name="")
        return {
            "name": "", "scale": fresh.scale, "after": fresh.after, "way": fresh.way, "queue_id": "",
            "delay_minutes": str(fresh.delay_minutes), "rest_days": str(fresh.rest_days), "question_ja": "",
            "question_en": "", "more_ja": "", "more_en": "", "is_active": "",
        }  # fmt: skip
    return {
        "name": survey.name, "scale": survey.scale.value, "after": survey.after.value,
        "way": survey.way.value,
        "queue_id": str(survey.queue_id or ""), "delay_minutes": str(survey.delay_minutes),
        "rest_days": str(survey.rest_days), "question_ja": survey.questions.get("ja", ""),
        "question_en": survey.questions.get("en", ""),
        **{key: survey.questions.get(key, "") for key in survey_questions.KEYS.values()},
        "is_active": "yes" if survey.is_active else "",
    }  # fmt: skip


def _typed(form: FormData) -> surveys.Form:
    def text(name: str) -> str:
        return str(form.get(name, ""))

    def number(name: str) -> int:
        typed = text(name).strip()
        if not (typed.isascii() and typed.isdecimal()) or len(typed) > 9:
            raise Invalid("out_of_range", field=name)
        return int(typed)

    return surveys.Form(
        name=text("name"), scale=text("scale"), after=text("after"), way=text("way") or "mail",
        queue_id=number("queue_id") if text("queue_id") else None, delay_minutes=number("delay_minutes"),
        rest_days=number("rest_days"),
        questions={"ja": text("question_ja"), "en": text("question_en"), "more_ja": text("more_ja"),
                   "more_en": text("more_en")},
        is_active=text("is_active") == "yes",
    )  # fmt: skip


def _choices(scale: Scale, language: str) -> list[tuple[int, str]]:
    """Scores with their words, as the page shows them: the best star first, and eleven numbers in order."""
    numbers = survey_words.SCORES[scale]
    if scale == Scale.STARS:
        called = survey_words.STARS["ja" if language == "ja" else "en"]
        return [(number, called[number]) for number in reversed(numbers)]
    return [(number, "") for number in numbers]  # of words alone there are none


def _score(typed: str) -> int | None:
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) <= 2 else None


ROUTES = (
    both("/s/{token}", answer),
    both("/s/{token}/stop", stop),
    get("/admin/surveys", page),
    both("/admin/surveys/new", new),
    both("/admin/surveys/{survey_id:id}", edit),
    post("/admin/surveys/{survey_id:id}/switch", switch),
    post("/admin/surveys/{survey_id:id}/send", send),
    get("/admin/surveys/{survey_id:id}/preview", preview),
    post("/hooks/survey/{token}/stop", one_click),
)
