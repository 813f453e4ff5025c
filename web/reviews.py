"""Quality reviews: what was drawn, a ticket beside the form, the form itself, figures, and what an agent reads."""

import re
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from helpdesk import access, agents, audit, conversations
from helpdesk.errors import Invalid
from helpdesk.reporting import files
from helpdesk.reviews import drawing, figures, form, making
from helpdesk.reviews.form import Criterion
from helpdesk.settings_history import Rehearsed
from models import Agent, Ticket
from web import words
from web.addresses import both, get, post
from web.edge import act, desk_of, html, look, renderer_of, see
from web.settings_history import change, saved

HERE = "/reviews"
SHORT = figures.DAYS[1]


async def page(request: Request) -> Response:
    """What was drawn and what came of it, for supervisors."""
    return await _page(request, {}, {})


async def draw(request: Request) -> Response:
    """Put solved tickets of a week on the list."""
    desk, typed = desk_of(request), await request.form()
    values = {name: str(typed.get(name, ""))[:60] for name in ("week", "each", "by", "seed")}

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        return drawing.draw(db, drawing.asked(**values), timezone=desk.settings.timezone, by=agent, now=desk.clock())

    try:
        count = await act(request, verb)
    except Invalid as error:
        return await _page(request, values, {str(error.facts.get("field", "")): error.code}, 422)
    return RedirectResponse(f"{HERE}?notice={'reviews_drawn' if count else 'reviews_none'}", 303)


async def by_hand(request: Request) -> Response:
    """Review a certain ticket, by its number."""
    now, typed = desk_of(request).clock(), str((await request.form()).get("ticket", "")).strip()
    number = typed.lstrip("#＃")

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        ticket = db.get(Ticket, int(number)) if re.fullmatch("[0-9]{1,9}", number) else None
        if ticket is None:
            raise Invalid("no_such_ticket", field="ticket")
        return drawing.by_hand(db, ticket, by=agent, now=now).id or 0

    try:
        pick_id = await act(request, verb)
    except Invalid as error:
        return await _page(request, {"ticket": typed[:20]}, {"ticket": error.code}, 422)
    return RedirectResponse(f"{HERE}/{pick_id}", 303)


async def take_off(request: Request) -> Response:
    """Take a ticket off the list."""
    pick_id, now = request.path_params["pick_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        drawing.take_off(db, pick_id, by=agent, now=now)

    await act(request, verb)
    return RedirectResponse(f"{HERE}?notice=saved", 303)


async def score(request: Request) -> Response:
    """The conversation beside the form, or what was said of it."""
    if request.method == "GET":
        return await _score(request, None, {})
    pick_id, now, typed = request.path_params["pick_id"], desk_of(request).clock(), await request.form()
    comment = str(typed.get("comment", ""))

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        making.save(db, making.get(db, pick_id), _points(typed), comment, by=agent, now=now)

    try:
        await act(request, verb)
    except Invalid as error:
        return await _score(request, typed, {str(error.facts.get("field", "")): error.code}, 422)
    return RedirectResponse(f"{HERE}/{pick_id}?notice=saved", 303)


async def edit(request: Request) -> Response:
    """What is asked: criteria with their weights, and the scale."""
    if request.method == "GET":
        return await _form(request, None, {})
    typed, now = await request.form(), desk_of(request).clock()
    most, lines = str(typed.get("most", "")), _criteria(typed)

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        form.save(db, int(most) if re.fullmatch("[0-9]{1,2}", most) else 0, lines, by=agent, at=now)

    shown = form.Form(int(most) if most in {str(each) for each in form.MOSTS} else 5, lines)
    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, shown, {}, will=seen.shown)
    except Invalid as error:
        return await _form(request, shown, {str(error.facts.get("field", "")): error.code}, 422)
    return saved(f"{HERE}/form", change_id)


async def mine(request: Request) -> Response:
    """What was said of one's own tickets."""
    return await _mine(request, {}, {})


async def answer(request: Request) -> Response:
    """Say something to a review of one's own ticket, once."""
    review_id, now = request.path_params["review_id"], desk_of(request).clock()
    text = str((await request.form()).get("reply", ""))
    try:
        await act(request, lambda db, agent: making.answer(db, agent, review_id, text, now=now))
    except Invalid as error:
        return await _mine(request, {str(error.facts.get("field", "")): error.code}, {review_id: text}, 422)
    return RedirectResponse(f"{HERE}/mine?notice=saved", 303)


async def file(request: Request) -> Response:
    """Every review of the period as comma-separated values."""
    days, now = _days(request), desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> tuple[list[str], list[list[Any]]]:
        access.supervisor(agent)
        gettext = renderer_of(request).gettext(agent.language)
        heads, rows = figures.table(db, days=days, now=now, language=agent.language)
        said = {name: words.sentence(gettext, "review_column", name) for name in words.codes("review_column")}
        *first, comment, reply = said.values()
        return [*first, *heads, comment, reply], [_spelled(row, gettext) for row in rows]

    _, (heads, rows) = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "reviews", by=by, now=now))
    kept = {"content-disposition": f'attachment; filename="reviews-{days}.csv"', "cache-control": "no-store"}
    return StreamingResponse(files.csv_lines(heads, rows), media_type=files.CSV, headers=kept)


def _spelled(row: list[Any], gettext: Any) -> list[Any]:
    return [*row[:4], words.sentence(gettext, "drawn_by", row[4]), *row[5:]]


async def _page(request: Request, values: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    desk, days = desk_of(request), _days(request)
    now = desk.clock()
    week = drawing.last_week(now, desk.settings.timezone).isoformat()
    usual = {"week": week, "each": "2", "by": "random", "seed": ""}

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        told = figures.figures(db, days=days, language=agent.language, now=now)
        return {"picks": making.listed(db, agent), "told": told}

    frame, told = await look(request, verb)
    frame |= told | {"view": "reviews", "values": usual | values, "errors": errors, "filters": drawing.FILTERS,
                     "days": days, "periods": figures.DAYS, "least": figures.LEAST}  # fmt: skip
    return html(request, "reviews/page.html", frame["me"]["language"], status, **frame)


async def _score(request: Request, typed: FormData | None, errors: dict[str, str], status: int = 200) -> Response:
    pick_id, desk = request.path_params["pick_id"], desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        pick = making.get(db, pick_id)
        said = making.of_pick(db, pick, agent)
        own = next((each for each in said if each.review.reviewer_id == agent.id), None)
        asked = form.Form(own.review.most, form.read(own.review.asked)) if own else form.now(db)
        points = {each.id: value for each, value in own.lines} if own else {}
        ticket = db.get_one(Ticket, pick.ticket_id)
        seen = conversations.show(db, ticket, agent=agent, language=agent.language, settings=desk.settings,
                                  now=desk.clock())  # fmt: skip
        return {
            "pick": pick, "whose": agents.called(db.get_one(Agent, pick.agent_id), agent.language),
            "subject": ticket.subject, "asked": asked,
            "said": said, "own": own, "entries": [each for each in seen.entries if each.kind != "fact"],
            "points": _points(typed) if typed is not None else points,
            "comment": str(typed.get("comment", "")) if typed is not None else own.review.comment if own else "",
            "is_own_ticket": pick.agent_id == agent.id,
        }  # fmt: skip

    frame, told = await look(request, verb)
    frame |= told | {"view": "reviews", "errors": errors}
    return html(request, "reviews/score.html", frame["me"]["language"], status, **frame)


async def _form(request: Request, typed: form.Form | None, errors: dict[str, str], status: int = 200,
                will: Any = None) -> Response:  # fmt: skip
    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        shown = typed or form.now(db)
        blank = Criterion(0, "", "", "", "", 1)
        more = min(2, form.CRITERIA_MAX - len(shown.criteria))
        return {"most": shown.most, "lines": [*shown.criteria, *([blank] * more if typed is None else [])]}

    frame, told = await look(request, verb)
    frame |= told | {"view": "reviews", "errors": errors, "mosts": form.MOSTS, "weights": form.WEIGHTS, "will": will}
    return html(request, "reviews/form.html", frame["me"]["language"], status, **frame)


async def _mine(request: Request, errors: dict[str, str], typed: dict[int, str], status: int = 200) -> Response:
    now = desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        criteria, line = figures.of_agent(db, agent, days=figures.DAYS[-1], now=now)
        return {"said": making.of_agent(db, agent), "criteria": criteria, "line": line}

    frame, told = await look(request, verb)
    frame |= told | {"view": "own-reviews", "errors": errors, "typed": typed, "least": figures.LEAST}
    return html(request, "reviews/mine.html", frame["me"]["language"], status, **frame)


def _days(request: Request) -> int:
    asked = request.query_params.get("days", "")
    return next((each for each in figures.DAYS if str(each) == asked), SHORT)


def _points(typed: FormData) -> dict[int, int | None]:
    """What was ticked, by criterion; "" does not apply."""
    found: dict[int, int | None] = {}
    for name, value in typed.multi_items():
        number = name.removeprefix("points-")
        if name.startswith("points-") and number.isascii() and number.isdecimal() and len(number) < 6:
            digits = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 3
            found[int(number)] = int(str(value)) if digits else None
    return found


def _criteria(typed: FormData) -> list[Criterion]:
    lines = []
    for line in range(form.CRITERIA_MAX + 1):
        told = {name: str(typed.get(f"{name}-{line}", ""))[:1000] for name in
                ("id", "name", "name_en", "hint", "hint_en", "weight")}  # fmt: skip
        if any(told.values()):
            number, weight = (int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
                              for text in (told["id"], told["weight"]))  # fmt: skip
            lines.append(Criterion(number, told["name"], told["name_en"], told["hint"], told["hint_en"], weight))
    return lines


ROUTES = (
    get("/reviews", page),
    get("/reviews.csv", file),
    post("/reviews/draw", draw),
    both("/reviews/form", edit),
    get("/reviews/mine", mine),
    post("/reviews/by-hand", by_hand),
    both("/reviews/{pick_id:id}", score),
    post("/reviews/{pick_id:id}/take-off", take_off),
    post("/reviews/{review_id:id}/answer", answer),
)
