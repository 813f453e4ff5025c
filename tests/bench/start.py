"""From the command to the first page: on an empty folder, and every time after. And what it weighs when at rest."""

import statistics
from pathlib import Path

from tests.bench import company, servers
from tests.bench.figures import say, tell


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell seconds and megabytes."""
    first, warm, bare, desk_mb, bare_mb = [], [], [], [], []
    for attempt in range(1 if quick else 3):
        say(f"starting, round {attempt + 1} ...")
        with servers.floor(folder) as floor:
            bare.append(floor.first_page_seconds)
            bare_mb.append(floor.memory_mb())
        with servers.desk(folder / f"first-{attempt}") as desk:
            first.append(desk.first_page_seconds)
        data = folder / f"start-{attempt}"
        company.open_for_business(data, customers=customers)
        with servers.desk(data) as desk:
            warm.append(desk.first_page_seconds)
            desk.wait_until_ready()
            desk_mb.append(desk.memory_mb())
        (data / "desk.db").unlink()
    floor_seconds = statistics.median(bare)
    tell("start_to_first_page_very_first", statistics.median(first), "s", floor=floor_seconds, bar="value < 8")
    tell("start_to_first_page", statistics.median(warm), "s", floor=floor_seconds, bar="value < 3", worst=max(warm))
    tell("idle_memory", statistics.median(desk_mb), "MB", floor=statistics.median(bare_mb), bar="value < 300")
