"""What an operator is told is complete: every setting, every command, every make target."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from helpdesk.__main__ import app
from helpdesk.settings import Settings

ROOT = Path(__file__).parent.parent


def documents() -> str:
    """All that is written for people who run the desk."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path.exists())


def commands() -> list[str]:
    """`serve`, `agents add`, ...: the command line as typed."""
    found = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [f"{name} {each}" for each in inner] if inner else [name]
    return found


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_configuration_document(name: str) -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert re.search(rf"\bDESK_{name.upper()}\b", text)


def test_the_configuration_document_names_no_setting_there_is_not() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    named = {name.lower() for name in re.findall(r"\bDESK_([A-Z0-9_]+)\b", text)}
    assert named <= set(Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_means(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description and field.description.endswith((".", '"'))


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented(command: str) -> None:
    assert re.search(rf"helpdesk {command}\b", documents())


@pytest.mark.parametrize("target", ["demo", "run", "test", "bench"])
def test_every_make_target_of_the_readme_exists(target: str) -> None:
    assert f"make {target}" in documents()
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links {target}"
