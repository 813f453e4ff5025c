"""The figures of search.py with a million mails in 50,000 tickets, which take minutes to write: only when asked for."""

from pathlib import Path

from tests.bench import search


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Print them beside those of 1,000 tickets."""
    search.at_sizes(folder, (1_000, 5_000 if quick else 50_000), quick=quick)
