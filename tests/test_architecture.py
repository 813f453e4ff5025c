"""The shape of the house, read from its source: who may import whom, and that every fact is stated and shown."""

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpdesk import events
from helpdesk.facts import Fact
from web import live

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "models": set(),
    "classifiers": set(),
    "cti": set(),
    "helpdesk": {"models", "classifiers", "cti"},
    "web": {"helpdesk", "models", "cti"},
}
DOOR = "helpdesk/commands/"  # the command line, which starts the face


def modules(room: str) -> list[Path]:
    """Every source file of a room."""
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The first part of everything a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_import_crosses_a_wall(room: str) -> None:
    rooms, allowed = {*MAY_IMPORT, "tests"}, {room, *MAY_IMPORT[room]}
    crossed = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in imports(path)
        if name in rooms - allowed and not str(path.relative_to(ROOT)).startswith(DOOR)
    }
    assert not crossed


def test_the_walls_are_really_looked_at() -> None:
    assert "models" in set(imports(ROOT / "helpdesk/tickets.py")) and "web" in set(imports(ROOT / DOOR / "serving.py"))
    assert all(len(modules(room)) > 3 for room in MAY_IMPORT)


@pytest.mark.parametrize("room", ["cti", "classifiers"])
def test_the_pure_rooms_know_no_database(room: str) -> None:
    assert not {path.name for path in modules(room) if {"sqlalchemy", "sqlmodel"} & set(imports(path))}


def test_the_domain_is_synchronous_and_knows_no_web_framework() -> None:
    edges = {"simulate.py", "playing.py"}
    verbs = [path for path in (ROOT / "helpdesk").glob("*.py") if path.name not in edges]
    for path in verbs:
        text = path.read_text(encoding="utf-8")
        assert "async def" not in text and "starlette" not in set(imports(path)), path


def test_verbs_never_commit_and_never_read_the_clock() -> None:
    """Whoever opened the transaction closes it; `now` is a parameter, read once at the edge."""
    edges = {"simulate.py", "playing.py"}
    for path in modules("helpdesk"):
        if path.name in edges or {"runtime", "desk"} & set(path.parts):
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\.commit\(\)|datetime\.now\(|utcnow\(", text), path


def test_nothing_is_called_by_a_name_that_says_nobody_decided() -> None:
    names = {"utils", "util", "common", "services", "service", "manager", "managers", "helpers", "misc", "base_service"}
    found = {path for room in MAY_IMPORT for path in (ROOT / room).rglob("*") if path.stem in names}
    assert not found


@pytest.mark.parametrize("noun", ["tickets", "calls", "customers", "queues"])
def test_one_noun_has_one_name_in_every_room(noun: str) -> None:
    for room in ("models", "helpdesk", "web"):
        assert (ROOT / room / f"{noun}.py").exists() or (ROOT / room / noun).is_dir(), (room, noun)
    assert (ROOT / "web/templates" / noun).is_dir()


@pytest.mark.parametrize("kind", Fact.kinds.values(), ids=lambda kind: kind.__name__)
def test_every_fact_is_shown_on_screens_or_declared_silent(kind: type[Fact]) -> None:
    assert (kind in live.TOUCHES) != (kind in live.SILENT)


@pytest.mark.parametrize("kind", Fact.kinds.values(), ids=lambda kind: kind.__name__)
def test_every_fact_is_stated_somewhere(kind: type[Fact]) -> None:
    places = [path for path in modules("helpdesk") if path.name != "facts.py"]
    assert any(re.search(rf"\b{kind.__name__}\b", path.read_text(encoding="utf-8")) for path in places)


def test_facts_hold_ids_and_codes_and_never_words_or_numbers_of_people() -> None:
    for kind in Fact.kinds.values():
        for name in (field.name for field in dataclasses.fields(kind)):
            assert name.endswith(("_id", "_ids")) or name in {
                "at", "reason", "error", "what", "outcome", "disposition", "state", "settlement", "attempt",
                "version", "before", "delay_seconds", "was", "was_at", "awaited", "was_strange", "priority", "until_at",
                "rested_until", "since", "found", "clock",  # what a ticket was, as codes, ids and times
            }, (kind.__name__, name)  # fmt: skip


def test_only_the_log_writes_events() -> None:
    writers = [
        path.name for room in ("helpdesk", "web") for path in modules(room)
        if re.search(r"(?<!\.)\bEvent\(|insert\(Event\b", path.read_text(encoding="utf-8"))
    ]  # fmt: skip
    assert writers == [Path(events.__file__).name]


def test_tests_mirror_the_rooms() -> None:
    assert {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} >= {*MAY_IMPORT, "journeys"}
