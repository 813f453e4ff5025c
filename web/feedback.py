"""Customer feedback for supervisors: figures with their certainty, what is written about, and the sentences behind."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from helpdesk import access, audit, comments, feedback, imports, matters, queues, readings, reports, topics
from helpdesk.errors import Invalid, NotFound
from helpdesk.measures import Interval
from helpdesk.products import catalogue
from helpdesk.reporting import feedback as feedback_sheets
from helpdesk.reporting import files
from models import Agent, Answer
from web import words
from web.addresses import get, post
from web.edge import act, brought, desk_of, html, look, renderer_of, see

PAGE = 50
PATIENCE_SECONDS = 1.5
"""So long a page waits for the reading of many texts."""
AGAIN_SECONDS = 4
"""After which a page whose texts are still being read shows itself anew."""
WIDTHS = (24, 12, 8, 12, 10, 28, 80, 8)  # of a file's columns
BACK = ("from", "to", "queue", "product", "period", "source", "behind", "page")
"""What of the address a correction returns to."""
SOURCES = ("all", *feedback.SOURCES)


async def page(request: Request) -> Response:
    """A period beside the one before it; with `behind`, the sentences of one number."""
    query, desk = request.query_params, desk_of(request)
    errors: dict[str, str] = {}

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        told: dict[str, Any] = {
            "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)],
            "asked": None,
            "products": [],
        }
        try:
            asked = _period(request)
        except Invalid as error:
            errors[str(error.facts.get("field", ""))] = error.code
            return told
        now, before, part, sources = _asked(request, db, asked)
        products = feedback.products(db, now, chosen=part.product_id)
        return told | {
            "products": [(each.id, each.called(agent.language)) for each in products],
            "asked": asked,
            "interval": now,
            "topics": topics.looked_for(db, language=agent.language),
            "behind_key": _key_now(db, query.get("behind", "")),
            "marks": feedback.marks(db, now, part=part),
            "marks_before": feedback.marks(db, before, part=part),
            "response": feedback.response(db, now, part=part),
            "trend": feedback.trend(db, now, timezone=desk.settings.timezone, part=part),
            "reading": desk.readings.of(
                db, readings.Question(now, before, sources, part, agent.language), now=desk.clock()
            ),
        }

    frame, told = await look(request, verb)
    if told["asked"]:
        told["found"] = await run_in_threadpool(told["reading"].wait, PATIENCE_SECONDS)
        title = feedback_sheets.finding(told["marks"].csat, told["marks_before"].csat)
        told["chart"] = feedback_sheets.trend(told["trend"], title)
    if told.get("found"):
        told["topic_charts"] = feedback_sheets.topic_charts(told["found"])
        told |= await run_in_threadpool(_behind, request, told["found"], told["topics"], told["behind_key"])
    chosen = {name: query.get(name, "") for name in ("from", "to", "queue", "product")}
    chosen |= {"period": query.get("period") or "month", "source": query.get("source", "all")}
    kept = urlencode({name: value for name, value in chosen.items() if value})
    brought = [query.get(name, "") for name in ("new", "known")]
    frame |= {"brought": brought if all(part.isdecimal() for part in brought) else None,
              "problem": query.get("problem", "")[:40], "line": query.get("line", "")[:9],
              "limits": comments.WANTED.limits}  # fmt: skip
    frame |= told | {"view": "feedback", "chosen": chosen, "errors": errors, "kept": kept, "least": matters.LEAST}
    answer = html(request, "feedback/page.html", frame["me"]["language"], 422 if errors else 200, **frame)
    if told["asked"] and not told["found"]:
        answer.headers["refresh"] = str(AGAIN_SECONDS)
    return answer


async def file(request: Request) -> Response:
    """Every text of the period with its topics and feeling, names and numbers masked, as CSV or a spreadsheet."""
    kind = request.url.path.rpartition(".")[2]

    def verb(db: Session, agent: Agent) -> tuple[Any, dict[str, Any], reports.Period]:
        access.supervisor(agent)
        asked = _period(request)
        now, _, part, sources = _asked(request, db, asked)
        return (now, sources, part), topics.looked_for(db, language=agent.language), asked

    agent, ((now, sources, part), looked, asked) = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "feedback", by=by, now=desk_of(request).clock()))
    gettext = renderer_of(request).gettext(agent.language)
    heads = [words.sentence(gettext, "feedback_column", name) for name in words.codes("feedback_column")]
    name = f"feedback-{asked.first.isoformat()}-{asked.last.isoformat()}.{kind}"
    said = feedback.every(desk_of(request).database, now, sources=sources, part=part)
    zone = ZoneInfo(desk_of(request).settings.timezone)
    rows = (
        [at.astimezone(zone), words.sentence(gettext, "feedback_source", source), score,
         words.sentence(gettext, "sentiment", feeling) if feeling else "",
         words.sentence(gettext, "language", language) if language else "", *rest]
        for at, source, score, feeling, language, *rest in feedback.lines(said, looked)
    )  # fmt: skip
    kept = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    if kind == "csv":
        return StreamingResponse(files.csv_lines(heads, rows), media_type=files.CSV, headers=kept)
    title = words.sentence(gettext, "report_title", "feedback")
    pieces = files.spreadsheet_pieces([files.Leaf(title, heads, rows, WIDTHS)])
    return StreamingResponse(pieces, media_type=files.XLSX, headers=kept)


async def correct(request: Request) -> Response:
    """What a supervisor says a text is about: of every topic that was shown, whether it is."""
    form, now = await request.form(), desk_of(request).clock()
    chosen = {str(key) for key in form.getlist("topic")}
    said = {key: key in chosen for each in form.getlist("shown") if (key := str(each))}

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        topics.correct(db, str(form.get("ref", "")), said, by=agent, now=now)

    await act(request, verb)
    back = [(name, value) for name, value in parse_qsl(str(form.get("back", ""))[:500]) if name in BACK]
    return RedirectResponse(f"/reports/feedback?{urlencode(back)}#sentences", 303)


async def bring(request: Request) -> Response:
    """Comments that were gathered elsewhere, as a CSV file with a line of column names."""
    desk = desk_of(request)
    await see(request, lambda db, agent: access.supervisor(agent))
    raw, now = await brought(request, comments.WANTED), desk.clock()

    def read() -> list[Answer]:
        return comments.brought(imports.rows_of(raw, comments.WANTED), timezone=desk.settings.timezone, now=now)

    try:
        said = await run_in_threadpool(read)
        new, known = await act(request, lambda db, agent: comments.bring_in(
            db, said, by=access.supervisor(agent), now=now))  # fmt: skip
    except Invalid as error:
        line = f"&line={error.facts['line']}" if "line" in error.facts else ""
        return RedirectResponse(f"/reports/feedback?problem={error.code}{line}#import", 303)
    return RedirectResponse(f"/reports/feedback?new={new}&known={known}#import", 303)


def _period(request: Request) -> reports.Period:
    query, desk = request.query_params, desk_of(request)
    asked = reports.period(query.get("period") or "month", query.get("from", ""), query.get("to", ""), now=desk.clock(),
                           timezone=desk.settings.timezone)  # fmt: skip
    if (asked.last - asked.first).days >= 400:
        raise Invalid("too_many_days", field="to")
    return asked


def _asked(
    request: Request, db: Session, asked: reports.Period
) -> tuple[Interval, Interval, feedback.Part, tuple[str, ...]]:
    """The period and the one of equal length before it, the queue and the product, and what is read."""
    query, timezone = request.query_params, desk_of(request).settings.timezone
    now = asked.interval(timezone)
    before = reports.before(asked).interval(timezone)
    numbers = {}
    for name in ("queue", "product"):
        typed = query.get(name, "")
        if typed and (not (typed.isascii() and typed.isdecimal()) or len(typed) > 9):
            raise NotFound("not_found")
        numbers[name] = int(typed) if typed else None
    if numbers["queue"] is not None:
        queues.get(db, numbers["queue"])
    if numbers["product"] is not None:
        catalogue.get(db, numbers["product"])
    part = feedback.Part(numbers["queue"], numbers["product"])
    source = query.get("source", "all")
    if source not in SOURCES:
        raise NotFound("not_found")
    return now, before, part, feedback.SOURCES if source == "all" else (source,)


def _behind(request: Request, found: matters.Analysis, asked: Mapping[str, topics.Sought], key: str) -> dict[str, Any]:
    """The sentences of one number, a page of them: each in parts, those that decided marked, with its topics."""
    if not _is_key(key):
        return {"behind_key": "", "sentences": [], "more": 0, "sentence_count": 0}
    said = found.behind(key)
    typed = request.query_params.get("page", "0")
    place = int(typed) if typed.isdecimal() and len(typed) < 6 else 0
    shown = said[place * PAGE : (place + 1) * PAGE]
    texts = [each.text for each in shown]
    topic, ready = key.partition(".")[0], topics.Ready(asked)
    if topic in asked:
        words_of = topics.because(texts, topic, ready)
    else:
        word = key.removeprefix("word-").partition("-")[2] if key.startswith("word-") else ""
        words_of = [[word] if word else []] * len(texts)
    sentences = [
        (_parts(feedback.masked(each), loud), each, about)
        for each, loud, about in zip(shown, words_of, topics.about(texts, ready), strict=True)
    ]
    return {"behind_key": key, "sentences": sentences, "sentence_count": len(said), "page": place,
            "more": place + 1 if len(said) > (place + 1) * PAGE else 0}  # fmt: skip


def _parts(shown: str, loud: Sequence[str]) -> list[tuple[str, bool]]:
    """A masked text in parts, and whether each is one of the words; what was masked is none of them."""
    words = "|".join(map(re.escape, sorted(loud, key=len, reverse=True)))
    found = re.split(f"({words})", shown) if words else [shown]
    return [(part, number % 2 == 1) for number, part in enumerate(found) if part]


def _key_now(db: Session, key: str) -> str:
    """The key of a number today, whatever its topic was called when the address was made."""
    topic, dot, feeling = key.partition(".")
    return f"{topics.key_now(db, topic)}{dot}{feeling}"


def _is_key(key: str) -> bool:
    """Whether something could be the key of a number on the page."""
    return 0 < len(key) <= 60 and re.sub(r"[-_.'’]", "", key).isalnum()


ROUTES = (
    get("/reports/feedback", page),
    get("/reports/feedback.csv", file),
    get("/reports/feedback.xlsx", file),
    post("/reports/feedback/import", bring),
    post("/reports/feedback/topics", correct),
)
