"""Who did what, for supervisors: one list with a search, and the same as a file."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from helpdesk import access, agents, audit
from helpdesk.errors import Invalid
from helpdesk.reporting import files
from models import Agent
from web import setting_words, words
from web.addresses import get
from web.edge import act, desk_of, html, look, renderer_of

ASKED = ("what", "by", "ticket", "customer", "from", "to")
FILE_PAGE = 500
FILE_MOST = 100_000
"""Lines of a file; who needs more asks for a shorter time."""


async def page(request: Request) -> Response:
    """Fifty acts, newest first, and a way to older ones."""
    query, desk = request.query_params, desk_of(request)
    values = {name: query.get(name, "")[:40] for name in ASKED}
    before = int(query["before"]) if query.get("before", "").isdecimal() and len(query["before"]) < 12 else None

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        errors: dict[str, str] = {}
        found = audit.Page()
        try:
            found = audit.page(db, audit.asked(values), before=before, language=agent.language,
                               timezone=desk.settings.timezone)  # fmt: skip
        except Invalid as error:
            errors = {str(error.facts.get("field", "")): error.code}
        say = renderer_of(request).gettext(agent.language)
        names = setting_words.names_of(db, agent, say)
        rows = {line.id: setting_words.told(line.change.change.rows, names, say) for line in found.lines if line.change}
        people = [(str(number), name) for number, name in agents.names(db, language=agent.language).items()]
        return {"found": found, "rows_of": rows, "people": people, "errors": errors}

    frame, told = await look(request, verb)
    kept = urlencode({name: value for name, value in values.items() if value})
    frame |= told | {"view": "audit", "values": values, "kept": kept, "kinds": tuple(audit.KINDS)}
    return html(request, "audit/page.html", frame["me"]["language"], 422 if told["errors"] else 200, **frame)


async def file(request: Request) -> Response:
    """What the page finds, as comma-separated values in the reader's language. That it was taken is an act, too."""
    desk, query = desk_of(request), {name: request.query_params.get(name, "")[:40] for name in ASKED}

    def verb(db: Session, agent: Agent) -> tuple[list[tuple[Any, ...]], str]:
        access.supervisor(agent)
        say = renderer_of(request).gettext(agent.language)
        lines = list(_lines(db, audit.asked(query), agent, say, desk.settings.timezone))
        audit.exported(db, "audit", by=agent, now=desk.clock())
        return lines, agent.language

    lines, language = await act(request, verb)
    say = renderer_of(request).gettext(language)
    heads = [words.sentence(say, "audit_column", name) for name in words.codes("audit_column")]
    return StreamingResponse(
        files.csv_lines(heads, lines), media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="audit.csv"', "cache-control": "no-store"},
    )  # fmt: skip


def _lines(db: Session, wanted: audit.Asked, agent: Agent, say: Any, timezone: str) -> Iterator[tuple[Any, ...]]:
    names, zone, before, count = setting_words.names_of(db, agent, say), ZoneInfo(timezone), None, 0
    while count < FILE_MOST:
        found = audit.page(db, wanted, before=before, limit=FILE_PAGE, language=agent.language, timezone=timezone)
        for line in found.lines:
            told = setting_words.told(line.change.change.rows, names, say) if line.change else []
            kind, ticket = words.sentence(say, "audit_kind", line.kind), f"#{line.ticket_id}" if line.ticket_id else ""
            at = line.at.astimezone(zone).isoformat(sep=" ", timespec="seconds")
            yield at, line.by, kind, sentence(line, say), ticket, _changed(told, say)
        count += len(found.lines)
        before = found.older
        if before is None:
            return


def sentence(line: audit.Line, say: Any) -> str:
    """What was done, in one sentence."""
    told = words.sentence(say, "audit" if line.code in words.codes("audit") else "fact", line.code, line.facts)
    more = [words.sentence(say, "customer_part", part) for part in line.facts.get("parts", ())]
    if line.kind == "exports":
        more.append(words.sentence(say, "table", line.facts["what"]))
    more += [line.facts["customer"]] if line.facts.get("customer") else []
    return f"{told}{say(': ')}{say(', ').join(more)}" if more else told


def _changed(rows: list[dict[str, Any]], say: Any) -> str:
    told = []
    for row in rows:
        name = row["name"]
        if row["kind"] == "member":
            name = words.sentence(say, "member_change", row["what"], row["facts"])
        parts = [f"{each['label']}{say(': ')}{each['was']} → {each['is']}" for each in row["lines"]]
        told.append(" ".join([name, *parts]))
    return " / ".join(told)


ROUTES = (
    get("/admin/audit", page),
    get("/admin/audit.csv", file),
)
