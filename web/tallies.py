"""The report of service: a page with its findings, charts and tables, the tickets behind each figure, and files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from helpdesk import access, agents, audit, dates, queues, reports
from helpdesk.accuracy import FEW
from helpdesk.errors import Invalid, NotFound
from helpdesk.measures import SECOND
from helpdesk.reporting import files
from helpdesk.reporting import tallies as sheets
from helpdesk.reporting.values import percent, running, signed
from helpdesk.tallies import figures, findings, rows, spread
from helpdesk.tallies.figures import AGAINST, Figure, Line, Service
from helpdesk.tallies.totals import Asked
from models import Agent, Channel, Priority
from web import tally_charts, words
from web.addresses import get
from web.edge import act, desk_of, html, look, renderer_of, see

HEAD = ("opened", "answer_median", "answer_kept", "resolve_median", "resolve_kept", "reopen_rate", "first_contact",
        "transfers", "service_level", "answer_seconds", "handle_seconds", "abandonment")  # fmt: skip
"""The figures in large letters."""
TABLE = ("opened", "answered", "answer_median", "answer_p90", "answer_kept", "resolved", "resolve_median",
         "resolve_p90", "resolve_kept", "reopen_rate", "transfers", "first_contact", "offered", "service_level",
         "answer_seconds", "abandonment", "handle_seconds", "wrap_up_seconds")  # fmt: skip
"""The columns by queue and channel."""
BEHIND = {
    "opened": "opened", "answered": "answered", "answer_median": "answered", "answer_p90": "answered",
    "answer_wall_median": "answered", "answer_kept": "answer_late", "resolved": "resolved",
    "resolve_median": "resolved", "resolve_p90": "resolved", "resolve_wall_median": "resolved",
    "resolve_kept": "resolve_late", "reopen_rate": "reopened", "transfers": "transferred",
    "first_contact": "came_back", "growth": "opened",
}  # fmt: skip
"""Figure -> which tickets it opens."""
CALLS_BEHIND = {"offered": "offered", "service_level": "answered_late", "answer_seconds": "answered",
                "abandonment": "abandoned", "handle_seconds": "answered", "wrap_up_seconds": "answered",
                "first_contact_resolution": "answered"}  # fmt: skip
GOOD_UP = {"answer_kept", "resolve_kept", "first_contact", "first_contact_resolution", "service_level"}


async def page(request: Request) -> Response:
    """A period beside an earlier one."""
    desk = desk_of(request)
    await desk.keepers.follow_service()
    errors: dict[str, str] = {}

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        asked, filters = _filters(request, db)
        told: dict[str, Any] = {
            "queues": [(queue.id, queue.called(agent.language)) for queue in queues.everyone(db)],
            "staff": list(agents.names(db, language=agent.language).items()), "report": None, "filters": filters,
        }  # fmt: skip
        try:
            report = _report(request, db, agent, asked)
        except Invalid as error:
            errors[str(error.facts.get("field", ""))] = error.code
            return told
        timezone, now = desk.settings.timezone, desk.clock()
        told["findings"] = findings.of(db, report, language=agent.language, timezone=timezone, now=now)
        told["running"] = running(report.period.interval(timezone), now, timezone)
        return told | {"report": report, "language": agent.language}

    frame, told = await look(request, verb)
    query = request.query_params
    chosen = {"period": query.get("period") or "month", "against": query.get("against") or "before",
              "from": query.get("from", ""), "to": query.get("to", ""), **told.pop("filters")}  # fmt: skip
    kept = urlencode({name: value for name, value in chosen.items() if value})
    language = frame["me"]["language"]
    gettext = renderer_of(request).gettext(language)
    if report := told["report"]:
        zone = ZoneInfo(desk.settings.timezone)
        told |= {
            "trend": tally_charts.days(report.days, opened=words.sentence(gettext, "service", "opened"),
                                         resolved=words.sentence(gettext, "service", "resolved"),
                                       label=words.sentence(gettext, "service", "days"), language=language),
            "left": tally_charts.backlog(report.days, label=words.sentence(gettext, "service", "backlog"),
                                         language=language),
            "heat": tally_charts.heat(report.week, days=[words.sentence(gettext, "weekday_short", day)
                                                           for day in words.codes("weekday_short")],
                                        label=words.sentence(gettext, "service", "week")),
            "interval": report.period.interval(desk.settings.timezone), "zone": zone,
            "before": report.before.interval(desk.settings.timezone) if report.before else None,
            "today": desk.clock().astimezone(zone).date(),
            "titles": {chart.key: chart.title for chart in sheets.charts(report)},
            "said": [_sentence(gettext, each, language) for each in told["findings"]],
        }  # fmt: skip
    frame |= told | {"view": "service", "chosen": chosen, "errors": errors, "kept": kept, "head": HEAD, "table": TABLE,
                     "behind": BEHIND, "calls_behind": CALLS_BEHIND, "show": _shower(gettext),
                     "step": _stepper(told["report"], bool(told.get("running"))),
                     "range_of": _ranger(gettext), "formulas": tuple(figures.FIGURES), "second": SECOND,
                     "channels": [each.value for each in Channel], "priorities": [int(each) for each in Priority],
                     "against": AGAINST, "length": lambda seconds: length(gettext, seconds)}  # fmt: skip
    return html(request, "reports/tallies.html", language, 422 if errors else 200, **frame)


async def file(request: Request) -> Response:
    """Every line with every figure, exact, with the number of cases and the spread; names in the reader's language."""
    desk, kind = desk_of(request), request.url.path.rpartition(".")[2]
    await desk.keepers.follow_service()

    def verb(db: Session, agent: Agent) -> Service:
        access.supervisor(agent)
        return _report(request, db, agent, _filters(request, db)[0])

    agent, report = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "service", by=by, now=desk.clock()))
    gettext = renderer_of(request).gettext(agent.language)
    heads = [words.sentence(gettext, "service_column", code) for code in words.codes("service_column")]
    name = f"service-{report.period.first.isoformat()}-{report.period.last.isoformat()}.{kind}"
    return sent(kind, name, heads, table(report, gettext), title=words.sentence(gettext, "report_title", "service"))


async def behind(request: Request) -> Response:
    """The tickets behind a figure, a page of them."""
    desk, query = desk_of(request), request.query_params
    what = query.get("what", "")
    await desk.keepers.follow_service()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        asked, filters = _filters(request, db)
        period = _period(request)
        interval = rows.within(what, period, timezone=desk.settings.timezone, now=desk.clock())
        found, cursor = rows.page(db, what, interval, asked, language=agent.language, cursor=query.get("cursor", ""))
        return {"rows": found, "cursor": cursor, "period": period, "filters": filters}

    frame, told = await look(request, verb)
    period, filters = told["period"], told.pop("filters")
    kept = {"what": what, "period": "days", "from": period.first.isoformat(), "to": period.last.isoformat()}
    frame |= told | {"view": "service", "what": what, "is_now": what in rows.TIMELESS,
                     "kept": urlencode(kept | {name: value for name, value in filters.items() if value})}  # fmt: skip
    gettext = renderer_of(request).gettext(frame["me"]["language"])
    frame["length"] = lambda seconds: length(gettext, seconds)
    return html(request, "reports/behind.html", frame["me"]["language"], **frame)


async def behind_file(request: Request) -> Response:
    """All of them, as they are read."""
    desk, what, kind = desk_of(request), request.query_params.get("what", ""), request.url.path.rpartition(".")[2]
    await desk.keepers.follow_service()

    def verb(db: Session, agent: Agent) -> tuple[Asked, reports.Period]:
        access.supervisor(agent)
        if what not in rows.BEHIND:
            raise NotFound("not_found")
        return _filters(request, db)[0], _period(request)

    agent, (asked, period) = await see(request, verb)
    await act(request, lambda db, by: audit.exported(db, "service", by=by, now=desk.clock()))
    gettext, zone = renderer_of(request).gettext(agent.language), ZoneInfo(desk.settings.timezone)
    heads = [words.sentence(gettext, "service_row", code) for code in words.codes("service_row")]
    interval = rows.within(what, period, timezone=desk.settings.timezone, now=desk.clock())
    found = rows.every(desk.database, what, interval, asked, language=agent.language)
    lines = (
        [each.ticket_id, each.subject, each.queue, words.sentence(gettext, "channel", each.channel), each.agent,
         each.opened_at.astimezone(zone), _local(each.answered_at, zone), _blank(each.answer_open_seconds),
         _blank(each.answer_kept), _local(each.ended_at, zone), _blank(each.resolve_open_seconds),
         _blank(each.resolve_kept), int(each.is_reopened), each.transfers]
        for each in found
    )  # fmt: skip
    return sent(kind, f"{what}-{period.first.isoformat()}-{period.last.isoformat()}.{kind}", heads, lines,
                title=words.sentence(gettext, "service_behind", what))  # fmt: skip


def table(report: Service, gettext: Callable[[str], str]) -> Iterator[list[Any]]:
    """The report's lines for a file: of what, which figure, its value now and before, cases and spread; lengths in
    seconds, shares in [0, 1]."""
    for line in [report.total, *report.queues, *report.channels]:
        yield from _lines(line, gettext)
    for each in report.agents:
        for code in ("answered", "answer_mean", "resolved", "resolve_mean"):
            cases = each.answered if code.startswith("answer") else each.resolved
            yield [each.name, words.sentence(gettext, "service_agent", code), _blank(getattr(each, code)), cases,
                   "", "", "", ""]  # fmt: skip
        work = each.work
        for code in ("handled", "handle_seconds", "wrap_up_seconds", "occupancy"):
            value = getattr(work, code)
            yield [each.name, words.sentence(gettext, "measure", code), _blank(value), work.handled, "", "", "", ""]


def _lines(line: Line, gettext: Callable[[str], str]) -> Iterator[list[Any]]:
    name = words.sentence(gettext, "channel", line.name) if line.key in [each.value for each in Channel] else line.name
    for code, figure in line.now.items():
        earlier = line.before.get(code)
        yield [name or words.sentence(gettext, "service", "all"), words.sentence(gettext, "service_figure", code),
               _blank(figure.value), figure.cases, _blank(figure.low), _blank(figure.high),
               _blank(earlier.value if earlier else None), earlier.cases if earlier else ""]  # fmt: skip


def length(gettext: Callable[[str], str], seconds: float | None) -> str:
    """A length as people say it: "45 s", "12 min", "3 h 5 min", "2 d 4 h"."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return words.sentence(gettext, "service_length", "seconds", {"seconds": whole})
    minutes = round(seconds / 60)
    if minutes < 60:
        return words.sentence(gettext, "service_length", "minutes", {"minutes": minutes})
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        code = "hours" if minutes else "full_hours"
        return words.sentence(gettext, "service_length", code, {"hours": hours, "minutes": minutes})
    days, hours = divmod(round(seconds / 3600), 24)
    return words.sentence(gettext, "service_length", "days" if hours else "full_days", {"days": days, "hours": hours})


def _length_of(gettext: Callable[[str], str], figure: Figure, seconds: float) -> str:
    """A length of a figure. Where it is read from steps, the first holds all that is shorter than fifteen seconds."""
    if seconds == 0 and figure.code not in figures.OF_CALLS:
        return words.sentence(gettext, "service_length", "under", {"seconds": round(spread.SHORTEST)})
    return length(gettext, seconds)


def _shower(gettext: Callable[[str], str]) -> Callable[[Figure], str]:
    def show(figure: Figure) -> str:
        if figure.value is None:
            return "–"
        if figure.kind == "share":
            return percent(figure.value)
        if figure.kind == "seconds":
            return _length_of(gettext, figure, figure.value)
        return f"{figure.value:.2f}" if figure.kind == "ratio" else f"{int(figure.value):,}"

    return show


def _ranger(gettext: Callable[[str], str]) -> Callable[[Figure], str]:
    """How widely it is spread."""

    def range_of(figure: Figure) -> str:
        if figure.low is None or figure.high is None:
            return ""
        if figure.kind == "share":
            return f"{percent(figure.low)} – {percent(figure.high)}"
        return " – ".join(_length_of(gettext, figure, each) for each in (figure.low, figure.high))

    return range_of


def _stepper(report: Service | None, is_running: bool) -> Callable[[str, Figure, Figure | None], dict[str, str] | None]:
    """How a figure moved. Of a single day that is not over nothing counted has a step: the other day is a whole one."""
    is_part = report is not None and is_running and report.period.first == report.period.last

    def step(code: str, now: Figure, before: Figure | None) -> dict[str, str] | None:
        return None if is_part and now.kind == "count" else _step(code, now, before)

    return step


def _step(code: str, now: Figure, before: Figure | None) -> dict[str, str] | None:
    """How a figure moved: {"way", "text", "tone"}; None where nothing can be said. It has a colour only where the value
    before lies outside of the interval of a share, or of the middle half of lengths."""
    if before is None or now.value is None or not before.value:
        return None
    if now.kind != "count" and min(now.cases, before.cases) < FEW:
        return None  # of so few, a change says nothing
    if now.kind == "share":
        points = 100 * (now.value - before.value)
        text, moved = f"{signed(points)} pt", points
    else:
        moved = 100 * (now.value / before.value - 1)
        text = f"{signed(moved)} %"
    if abs(moved) < 0.5:
        return {"way": "same", "text": "±0", "tone": ""}
    is_sure = now.low is not None and now.high is not None and not now.low <= before.value <= now.high
    is_neutral = now.kind in ("count", "ratio") or not is_sure
    tone = "" if is_neutral else "good" if (moved > 0) == (code in GOOD_UP) else "bad"
    return {"way": "up" if moved > 0 else "down", "text": text, "tone": tone}


def _sentence(gettext: Callable[[str], str], found: findings.Finding, language: str) -> dict[str, Any]:
    """One finding in words, and what it opens."""
    share = found.code.endswith(("_better", "_worse"))
    facts: dict[str, object] = {
        "name": found.name, "cases": f"{found.cases:,}", "p": "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}",
        "now": percent(found.now) if share else f"{round(found.now):,}",
        "before": percent(found.before) if share else f"{round(found.before):,}",
        "times": f"{found.ratio:.1f}", "change": f"{abs(found.ratio - 1) * 100:.0f}",
        "week": found.at.isocalendar().week if found.at else "",
        "day": dates.whole_with_weekday(found.at, language) if found.at else "",
    }  # fmt: skip
    if found.kind == "agent":
        facts |= {"now": length(gettext, found.now), "before": length(gettext, found.before)}
    of = {"queue": found.queue_id, "agent": found.agent_id}
    return {"text": words.sentence(gettext, "service_finding", found.code, facts),
            "why": words.sentence(gettext, "service", "why", facts), "kind": found.kind,
            "is_good": found.code.endswith(("_better", "_shorter", "_fell")),
            "query": urlencode({name: value for name, value in of.items() if value})}  # fmt: skip


def _report(request: Request, db: Session, agent: Agent, asked: Asked) -> Service:
    desk = desk_of(request)
    return figures.report(
        db, _period(request), asked, against=request.query_params.get("against") or "before", language=agent.language,
        timezone=desk.settings.timezone, now=desk.clock(),
    )  # fmt: skip


def _period(request: Request) -> reports.Period:
    query, desk = request.query_params, desk_of(request)
    return reports.period(query.get("period") or "month", query.get("from", ""), query.get("to", ""), now=desk.clock(),
                          timezone=desk.settings.timezone)  # fmt: skip


def _filters(request: Request, db: Session) -> tuple[Asked, dict[str, str]]:
    """What is asked for, and as it was typed. Raises `NotFound` for a queue, agent, channel or priority that is not."""
    query = request.query_params
    typed = {name: query.get(name, "") for name in ("queue", "agent", "channel", "priority")}
    numbers: dict[str, int | None] = {}
    for name in ("queue", "agent", "priority"):
        if typed[name] and not (typed[name].isascii() and typed[name].isdecimal() and len(typed[name]) < 10):
            raise NotFound("not_found")
        numbers[name] = int(typed[name]) if typed[name] else None
    if numbers["queue"] is not None:
        queues.get(db, numbers["queue"])
    if numbers["agent"] is not None:
        agents.get(db, numbers["agent"])
    if numbers["priority"] not in (None, *(int(each) for each in Priority)):
        raise NotFound("not_found")
    if typed["channel"] not in ("", *(each.value for each in Channel)):
        raise NotFound("not_found")
    return Asked(numbers["queue"], typed["channel"] or None, numbers["priority"], numbers["agent"]), typed


def sent(kind: str, name: str, heads: Sequence[str], lines: Iterable[Sequence[Any]], *, title: str) -> Response:
    """A table as a file, "csv" or "xlsx", written while it is read; the sheet of the latter is called `title`."""
    kept = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    if kind == "csv":
        return StreamingResponse(files.csv_lines(heads, lines), media_type=files.CSV, headers=kept)
    pieces = files.spreadsheet_pieces([files.Leaf(title, heads, lines)])
    return StreamingResponse(pieces, media_type=files.XLSX, headers=kept)


def _local(at: datetime | None, zone: ZoneInfo) -> datetime | str:
    return at.astimezone(zone) if at else ""


def _blank(value: float | bool | None) -> float | int | str:
    return "" if value is None else int(value) if isinstance(value, bool | int) else round(value, 3)


ROUTES = (
    get("/reports/service", page),
    get("/reports/service.csv", file),
    get("/reports/service.xlsx", file),
    get("/reports/service/rows", behind),
    get("/reports/service/rows.csv", behind_file),
    get("/reports/service/rows.xlsx", behind_file),
)
