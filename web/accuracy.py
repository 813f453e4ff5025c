"""The supervisors' page of how right the classifier is: figures, thresholds to be moved, versions to be chosen.

What a browser asks for is a period and, for the preview, a threshold; both stand in the address, so a look at another
point is a link one can send. Only what is saved is a POST.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, accuracy, agents, confirmed, drift, learning, queues
from helpdesk.accuracy import FEW, LANGUAGES, Preview, Report
from helpdesk.desk import Desk
from helpdesk.errors import Invalid, NotFound
from models import Agent
from web import charts
from web.addresses import get, post
from web.edge import act, desk_of, html, look, see
from web.settings_history import change, saved

PERIODS = (7, 30, 90, 365)  # days
USUAL = 30
WEEKS_SHOWN = (8, 26)  # at least, at most
TRAININGS = 8
HERE = "/queues/accuracy"


async def page(request: Request) -> Response:
    """Everything of one period. What arrived is read beside the figures, by another reader of the database."""
    desk, days, until = desk_of(request), _days(request), desk_of(request).clock()
    since = until - timedelta(days=days)

    def figures(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        told = accuracy.report(db, desk.router, since=since, until=until)
        return {
            "report": told, "preview": _preview(request, db, told), "queues": _queues(db, agent),
            "misroutes": confirmed.misroutes(db, since=since, until=until, language=agent.language),
            "shipped": accuracy.shipped_figures() if not told.headline.confirmed else None,
            **_versions(db, desk, agent.language),
        }  # fmt: skip

    def arrivals(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        return _arrivals(db, desk, days, since, until)

    (frame, told), (_, came) = await asyncio.gather(look(request, figures), see(request, arrivals))
    names = {queue["slug"]: queue["name"] for queue in told["queues"]}
    hues = {queue["slug"]: queue["id"] % 6 for queue in told["queues"]}
    return html(request, "queues/accuracy.html", frame["me"]["language"],
                **(frame | told | came | {"view": "accuracy", "days": days, "periods": PERIODS, "names": names,
                                          "hues": hues, "charts": charts, "few": FEW, "curve": accuracy.curve,
                                          "matrix": _matrix(told)}))  # fmt: skip


async def answers(request: Request) -> Response:
    """The tickets behind one cell of the confusion matrix."""
    query, days, until = request.query_params, _days(request), desk_of(request).clock()
    said, was, language = query.get("said", ""), query.get("was", ""), query.get("language", "")

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        found = confirmed.answers(
            db, since=until - timedelta(days=days), until=until, said=said, was=was, language=language,
            older_than=_number(query.get("older")), newer_than=_number(query.get("newer")),
        )  # fmt: skip
        return {"found": found, "names": {queue["slug"]: queue["name"] for queue in _queues(db, agent)}}

    frame, told = await look(request, verb)
    return html(request, "queues/answers.html", frame["me"]["language"],
                **(frame | told | {"view": "accuracy", "days": days, "said": said, "was": was,
                                   "language": language}))  # fmt: skip


async def threshold(request: Request) -> Response:
    """Move a threshold, or give it back to what was measured."""
    form, now = await request.form(), desk_of(request).clock()
    language, slug, at = str(form.get("language", "")), str(form.get("queue", "")), str(form.get("at", ""))
    value = _hundredths(at) if at else None
    if language not in LANGUAGES or (at and value is None):
        raise Invalid("bad_request", field="at")

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        chosen = [queue for queue in queues.everyone(db) if not queue.is_triage and slug in ("", queue.slug)]
        if not chosen:
            raise NotFound("not_found", slug=slug[:80])
        for queue in chosen:
            learning.set_threshold(db, queue, language, value, by=agent, now=now)

    _, change_id = await change(request, verb)
    return _back(form.get("days"), "saved", f"points-{language}", change_id)


async def learn(request: Request) -> Response:
    """Ask for a training now."""
    form, now = await request.form(), desk_of(request).clock()
    await act(request, lambda db, agent: learning.ask(db, by=access.supervisor(agent), now=now))
    return _back(form.get("days"), "training_asked", "versions")


async def promote(request: Request) -> Response:
    """Let a version speak that was made and not promoted."""
    desk, form = desk_of(request), await request.form()
    version = str(form.get("version", ""))
    await act(request, lambda db, agent: learning.promote(db, desk.registry, version, by=access.supervisor(agent),
                                                          now=desk.clock()))  # fmt: skip
    return _back(form.get("days"), "model_changed", "versions")


async def roll_back(request: Request) -> Response:
    """Let the version speak that spoke before."""
    desk, form = desk_of(request), await request.form()
    await act(request, lambda db, agent: learning.roll_back(db, desk.registry, by=access.supervisor(agent),
                                                            now=desk.clock()))  # fmt: skip
    return _back(form.get("days"), "model_changed", "versions")


def _days(request: Request) -> int:
    asked = request.query_params.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else USUAL


def _back(days: Any, notice: str, part: str, change_id: int | None = None) -> Response:
    kept = days if days in map(str, PERIODS) else USUAL
    return saved(f"{HERE}?days={kept}", change_id, notice=notice, part=part)


def _hundredths(typed: str) -> float | None:
    """ "85" is 0.85; None for what is no whole per cent."""
    return int(typed) / 100 if typed.isdecimal() and len(typed) <= 3 and int(typed) <= 100 else None


def _number(typed: str | None) -> int | None:
    return int(typed) if typed and typed.isdecimal() and len(typed) <= 9 else None


def _queues(db: Session, agent: Agent) -> list[dict[str, Any]]:
    return [
        {"slug": queue.slug, "name": queue.called(agent.language), "id": queue.id, "is_triage": queue.is_triage}
        for queue in queues.everyone(db)
    ]


def _preview(request: Request, db: Session, told: Report) -> Preview | None:
    """The threshold the address asks about, where it asks about one there can be."""
    query = request.query_params
    language, slug, at = query.get("language", ""), query.get("queue", ""), _hundredths(query.get("at", ""))
    known = {row.figures.slug for each in told.languages for row in each.rows} | {""}
    if language not in LANGUAGES or slug not in known or at is None:
        return None
    return accuracy.preview(told.piles, language, slug, at)


@dataclass(frozen=True, slots=True)
class Matrix:
    """The confusion matrix in the desk's order of queues: what was said down, what it was across."""

    rows: list[str]
    columns: list[str]
    cells: Mapping[tuple[str, str], int]

    def level(self, said: str, was: str) -> int:
        """How much of what was said went wrong this way: 0 less than a twentieth, 1 less than a tenth, 2 more."""
        count = self.cells.get((said, was), 0)
        whole = sum(self.cells.get((said, each), 0) for each in self.columns)
        return 0 if count < max(1, whole / 20) else 1 if count < whole / 10 else 2


def _matrix(told: dict[str, Any]) -> Matrix:
    """Labels of queues that are gone come last."""
    cells, slugs = told["report"].cells, [queue["slug"] for queue in told["queues"] if not queue["is_triage"]]
    gone = sorted({said for said, _ in cells} - set(slugs))
    return Matrix(slugs + gone, slugs, cells)


def _versions(db: Session, desk: Desk, language: str) -> dict[str, Any]:
    trainings = learning.trainings(db, TRAININGS)
    return {
        "trainings": trainings, "is_learning": any(each.state in learning.UNDECIDED for each in trainings),
        "turns": learning.turns(db, TRAININGS),
        "staff": agents.names(db, language=language),
        "speaking": desk.router.version if desk.router else "", "before": desk.registry.before(),
        "kept": set(desk.registry.versions()),
    }  # fmt: skip


def _arrivals(db: Session, desk: Desk, days: int, since: datetime, until: datetime) -> dict[str, Any]:
    least, most = WEEKS_SHOWN
    vectors = desk.router.vectors if desk.router else None
    return {
        "volumes": drift.volumes(db, weeks=min(most, max(least, days // 7)), until=until),
        "word_drifts": drift.words(db, since=since, until=until, vectors=vectors) if vectors else [],
    }


ROUTES = (
    get("/queues/accuracy", page),
    get("/queues/accuracy/answers", answers),
    post("/queues/accuracy/threshold", threshold),
    post("/queues/accuracy/learn", learn),
    post("/queues/accuracy/promote", promote),
    post("/queues/accuracy/roll-back", roll_back),
)
