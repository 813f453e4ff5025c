"""Run the benchmark: JSON lines to standard output, progress to standard error.

python -m tests.bench [--only ring|learning|mail|reading|classify|search|similar|start|inbox|asterisk|rules|live|
                      million|soak|year] [--quick] [--customers N] [--keep FOLDER]
"""

import argparse
import os
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from tests.bench import (
    asterisk,
    classify,
    company,
    inbox,
    learning,
    live,
    mail,
    million,
    reading,
    reports,
    ring,
    rules,
    search,
    similar,
    soak,
    start,
)
from tests.bench.figures import say

FIGURES = {"ring": ring, "learning": learning, "inbox": inbox, "mail": mail, "reading": reading, "classify": classify,
           "search": search, "similar": similar, "start": start, "asterisk": asterisk, "rules": rules,
           "live": live, "million": million, "soak": soak, "year": reports}  # fmt: skip
LONG = {"soak", "million", "year"}  # measured only when asked for


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="How fast the desk is.")
    parser.add_argument("--only", action="append", choices=FIGURES, help="this part alone; again for more")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a look")
    parser.add_argument("--customers", type=int, help="how many customers the desk knows (default 1,000,000)")
    parser.add_argument("--keep", type=Path, help="where the year of `year` stays, and is taken from the next time")
    asked = parser.parse_args()
    customers = asked.customers or (20_000 if asked.quick else 1_000_000)
    company.CACHE.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    say(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in asked.only or (each for each in FIGURES if each not in LONG):
        with _folder(asked.keep if name == "year" else None) as folder:
            FIGURES[name].measure(Path(folder), quick=asked.quick, customers=customers)
    say(f"load after: {os.getloadavg()[0]:.1f}; {time.monotonic() - began:.0f} s in all")


def _folder(kept: Path | None) -> AbstractContextManager[str | Path]:
    if kept is None:
        return tempfile.TemporaryDirectory(dir=company.CACHE, prefix="run-")
    kept.mkdir(parents=True, exist_ok=True)
    return nullcontext(kept)


if __name__ == "__main__":
    main()
