"""Agents as a table: read from a file, line by line, and written in the same form.

The one idea: a file is a wish for how things should be. Each line is held against what is, and says by itself whether
it makes somebody, changes something, changes nothing, or cannot be; so what is shown before is what is done after, the
same file again changes nothing, and one line that cannot be lets nothing happen. Whoever is not in the file stays as
they are.
"""

import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from helpdesk import agents, imports, invitations, queues
from helpdesk.customers import contact_points
from helpdesk.errors import Invalid
from helpdesk.imports import plain
from models import Agent, Queue, Role

COLUMNS = ("name", "reading", "email", "role", "languages", "queues", "level", "phone", "extension")
HEADS = {
    "name": ("name", "氏名", "名前"), "reading": ("reading", "ふりがな", "フリガナ", "よみ"),
    "email": ("e-mail", "メールアドレス", "email", "mail", "e-mail address", "メール"),
    "role": ("role", "権限", "役割"),
    "languages": ("language", "応対言語", "languages", "言語", "応対できる言語"),
    "queues": ("queues", "担当キュー", "queue", "キュー"), "level": ("turn", "呼出順", "level", "順番", "レベル"),
    "phone": ("phone", "電話番号", "phone number"), "extension": ("extension", "内線", "内線番号"),
}  # fmt: skip
WANTED: Final = imports.Wanted(HEADS, (("name",), ("email",)), "roster_columns", rows_max=2_000, bytes_max=1_000_000)
_ROLES = {"agent": Role.AGENT, "オペレーター": Role.AGENT, "担当者": Role.AGENT, "supervisor": Role.SUPERVISOR,
          "管理者": Role.SUPERVISOR}  # fmt: skip
_LANGUAGES = {"ja": "ja", "japanese": "ja", "日本語": "ja", "en": "en", "english": "en", "英語": "en"}


@dataclass(slots=True)
class Line:
    """One line of a file. `number` counts from 1, the line of heads included. `what` is "new", "changed", "same" or
    "error"; `errors` are fields and codes with the text that could not be read, `changes` columns with what is and what
    should be, as the file writes them."""

    number: int
    name: str
    email: str
    what: str = "same"
    errors: list[tuple[str, str, str]] = field(default_factory=list)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    agent: Agent | None = None
    wanted: dict[str, Any] = field(default_factory=dict)


def read(db: Session, text: str, *, by: Agent) -> list[Line]:
    """What each line of the file would do. Raises `Invalid` as `imports.rows` does."""
    known = {queue.id or 0: queue for queue in queues.everyone(db)}
    lines: list[Line] = []
    seen: set[str] = set()
    for row in imports.rows(text, WANTED):
        line = _line(db, row.number, row.cells, known, by)
        if line.email and line.email in seen:
            line.errors.append(("email", "roster_twice", line.email))
        seen.add(line.email)
        line.what = "error" if line.errors else line.what
        lines.append(line)
    return lines


def take_in(db: Session, text: str, *, by: Agent, now: datetime) -> tuple[list[Line], list[tuple[Agent, str]]]:
    """Do what the file says, all of it: the lines, and each new agent with the token of their link.

    Raises `Invalid("roster_errors")` where a line cannot be, and then changes nothing.
    """
    lines, invited = read(db, text, by=by), []
    if any(line.what == "error" for line in lines):
        raise Invalid("roster_errors", field="file")
    for line in lines:
        wanted = dict(line.wanted)
        levels = wanted.pop("levels", None)
        if line.what == "new":
            spoken = wanted.pop("languages", ["ja"])
            agent = agents.create(
                db, email=line.email, password=secrets.token_urlsafe(32), language=spoken[0], now=now, by=by, **wanted
            )  # fmt: skip
            agents.change(db, agent, languages=spoken, levels=levels or {}, by=by, now=now)
            invited.append((agent, invitations.invite(db, agent, now=now)))
        elif line.what == "changed":
            assert line.agent is not None
            agents.change(db, line.agent, levels=levels, by=by, now=now, **wanted)
    return lines, invited


def rows(db: Session) -> Iterator[list[str]]:
    """Everybody who may sign in, in the columns of `COLUMNS`."""
    slugs = {queue.id or 0: queue.slug for queue in queues.everyone(db)}
    for agent in agents.everyone(db):
        if agent.is_active:
            told = _as_written(agent, agents.levels_of(db, agent), slugs)
            yield [told[name] for name in COLUMNS]


def _line(db: Session, number: int, told: Mapping[str, str], known: Mapping[int, Queue], by: Agent) -> Line:
    email = told["email"].lower()
    line = Line(number, told["name"], email, agent=agents.by_email(db, email) if email else None)
    if not told["name"]:
        line.errors.append(("name", "name_missing", ""))
    if not contact_points.email_key(email):
        line.errors.append(("email", "not_an_address", told["email"]))
    wanted: dict[str, Any] = {name: told[name] for name in ("name", "reading", "phone") if name in told}
    if "extension" in told:
        wanted["extension"] = told["extension"].lower()
    if told.get("role"):
        wanted["role"] = _ROLES.get(plain(told["role"]))
        if wanted["role"] is None:
            line.errors.append(("role", "roster_role", told["role"]))
    if told.get("languages"):
        spoken = [_LANGUAGES.get(plain(each), "") for each in _parts(told["languages"])]
        wanted["languages"] = sorted(set(spoken), key=spoken.index)
        if "" in spoken:
            line.errors.append(("languages", "roster_language", told["languages"]))
    if "queues" in told:
        wanted["levels"] = _levels(told, known, line)
    if line.agent is not None and line.agent.id == by.id and wanted.get("role") == Role.AGENT:
        line.errors.append(("role", "own_role", told["role"]))
    line.wanted = wanted
    if line.agent is None:
        line.what = "new"
        return line
    slugs = {queue_id: queue.slug for queue_id, queue in known.items()}
    levels = agents.levels_of(db, line.agent)
    now = _as_written(line.agent, levels, slugs)
    then = _as_written(line.agent, levels, slugs, wanted)
    if not line.errors:
        line.changes = [(name, now[name], then[name]) for name in COLUMNS if now[name] != then[name]]
        line.what = "changed" if line.changes else "same"
    return line


def _levels(told: Mapping[str, str], known: Mapping[int, Queue], line: Line) -> dict[int, int]:
    usual = unicodedata.normalize("NFKC", told.get("level", "")) or "1"
    named = {plain(name): queue_id for queue_id, queue in known.items()
             for name in (queue.slug, queue.name, queue.name_en)}  # fmt: skip
    levels: dict[int, int] = {}
    parts: list[str] = []
    for whole in re.split("[、，,;；/／\n]", told["queues"]):  # a name of a queue may hold a space
        name, level = _turn(whole)
        is_one = plain(name) in named and " " not in level.strip()
        parts += [whole] if is_one else whole.split()
    for part in parts:
        name, level = _turn(part)
        queue_id, turn = named.get(plain(name)), level.strip() or usual
        if queue_id is None:
            line.errors.append(("queues", "roster_queue", name.strip()))
        elif not (turn.isdecimal() and 1 <= int(turn) <= 9):
            line.errors.append(("level", "not_a_level", turn))
        else:
            levels[queue_id] = int(turn)
    return levels


def _turn(part: str) -> tuple[str, str]:
    """ "returns:2" as a name and a turn, "" where none is given; wide signs too."""
    plain = unicodedata.normalize("NFKC", part)
    name, _, level = plain.rpartition(":") if ":" in plain else (plain, "", "")
    return name, level


def _as_written(
    agent: Agent, levels: Mapping[int, int], slugs: Mapping[int, str], wanted: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """An agent as a file has them; with `wanted`, as they should be."""
    told = {name: getattr(agent, name) for name in ("name", "reading", "role", "languages", "phone", "extension")}
    told |= {"levels": levels} | dict(wanted or {})
    ordered = sorted((queue_id for queue_id in told["levels"] if queue_id in slugs), key=list(slugs).index)
    return {
        "name": told["name"], "reading": told["reading"], "email": agent.email, "role": told["role"].value,
        "languages": " ".join(sorted(told["languages"])),
        "queues": " ".join(f"{slugs[queue_id]}:{told['levels'][queue_id]}" for queue_id in ordered), "level": "",
        "phone": told["phone"], "extension": told["extension"],
    }  # fmt: skip


def _parts(text: str) -> Sequence[str]:
    """What stands between spaces, commas and their Japanese kin."""
    return re.split(r"[\s、，,;；/／]+", text.strip())
