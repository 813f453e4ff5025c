"""The files of the corpus as they stand; what their rows are examples of is for `ship` and `pairs` to say."""

import json
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of one file of the corpus as they stand, each with its `line`, from 1. Raises ValueError."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                found.append({**json.loads(line), "line": number})
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path.name}, line {number}: {error!r}") from error
    return found


def inquiries(folder: Path = CORPUS) -> list[dict[str, Any]]:
    """The rows of all files that tell of a queue, comments and pairs aside."""
    return [row for path in sorted(folder.glob("*.jsonl")) for row in rows(path) if "label" in row]
