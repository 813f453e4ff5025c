"""The lock files: what `make` installs is what pyproject.toml asks for, checked by hash and bound to no registry."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
ROOMS = ("models", "classifiers", "cti", "helpdesk", "web")
LOCKS = ("requirements.lock", "requirements-dev.lock", "uv.lock.txt")


def locked(lock: str) -> dict[str, set[str]]:
    """Every package in the lock with its versions: more than one where Python's version decides."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", (ROOT / lock).read_text(), re.M):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def wanted(group: str | None = None) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = project["dependency-groups"][group] if group else project["project"]["dependencies"]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(lock):
    assert not re.search(r"://|file:|^\s*-{1,2}(?!hash)\w", (ROOT / lock).read_text(), re.M)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock):
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("group", "lock"),
    [(None, "requirements.lock"), (None, "requirements-dev.lock"), ("dev", "requirements-dev.lock")],
)
def test_a_lock_holds_every_package_asked_for_in_a_version_asked_for(group, lock):
    versions = locked(lock)
    unmet = [
        str(requirement)
        for requirement in wanted(group)
        if not versions.get(canonicalize_name(requirement.name))
        or not all(requirement.specifier.contains(Version(v)) for v in versions[canonicalize_name(requirement.name)])
    ]
    assert unmet == [], "run `make lock`"


def test_the_tests_run_on_the_very_versions_that_the_desk_runs_on():
    desk, tests = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: tests.get(name) for name in desk} == desk


TOOLS = {"classifiers/distil.py: sentence_transformers"}
"""What only who makes a shipped table anew needs, and installs by hand; the desk never runs it."""


def test_the_desk_imports_nothing_that_it_does_not_ask_for():
    asked = {canonicalize_name(requirement.name) for requirement in wanted()}
    origin = packages_distributions()
    undeclared = {
        f"{file.relative_to(ROOT)}: {module}"
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
        for module in imported(file) - sys.stdlib_module_names - set(ROOMS)
        if not asked & {canonicalize_name(name) for name in origin.get(module, [])}
    }
    assert undeclared == TOOLS


def imported(file: Path) -> set[str]:
    """The first part of every absolute import in a file, wherever in the file it stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}
