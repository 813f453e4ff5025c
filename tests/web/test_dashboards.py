"""Dashboards: who composes, who reads, what a wall may show."""

import re

import pytest
from starlette.testclient import TestClient

from models import Dashboard, Tile
from tests.cast import AIKO, BEN, PUBLIC_URL, SATO, OpenDesk
from tests.web.test_feedback import give
from tests.web.test_reporting import served

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
HERE = "/reports/boards/1"


@pytest.fixture
def board(desk: OpenDesk) -> OpenDesk:
    """Sato's, shared with everybody, with a figure, a chart and the table by agent."""
    desk.as_(SATO).post("/reports/boards/new", data={"name": "朝会", "audience": "everybody"})
    for part, more in (("calls.figure.offered", {}), ("calls.chart.volume", {"wide": "yes"}),
                       ("calls.table.lines", {"by": "agent"})):  # fmt: skip
        asked = {"part": part, "period": "today", **more}
        assert desk.as_(SATO).post(f"{HERE}/tiles", data=asked).status_code == 200
    return desk


def order(desk: OpenDesk) -> list[str]:
    shown = desk.as_(SATO).get(HERE).text
    return re.findall(r'data-tile="/reports/boards/1/tiles/(\d+)"', shown)


def test_tiles_answer_what_they_ask_and_move_by_their_buttons(board: OpenDesk) -> None:
    served(board)
    board.clock.advance(minutes=1)
    shown = board.as_(AIKO).get(HERE)
    figure = re.search(r"<dt>[^<]*</dt><dd>2</dd>", shown.text)
    assert figure and "日別の着信数" in shown.text and BEN.name in shown.text
    assert order(board) == ["1", "2", "3"]
    board.as_(SATO).post(f"{HERE}/tiles/3", data={"do": "move", "to": "0"})
    assert order(board) == ["3", "1", "2"]
    board.as_(SATO).post(f"{HERE}/tiles/3", data={"do": "move", "to": "99"})
    board.as_(SATO).post(f"{HERE}/tiles/1", data={"do": "remove"})
    assert order(board) == ["2", "3"]


@SQLITE
def test_who_only_reads_cannot_arrange_and_what_is_not_shared_is_not_there(board: OpenDesk) -> None:
    assert "tile-acts" not in board.as_(BEN).get(f"{HERE}?edit=yes").text
    for path, data in ((f"{HERE}/tiles/1", {"do": "remove"}), (f"{HERE}/edit", {"name": "x"}), (f"{HERE}/delete", {}),
                       (f"{HERE}/share", {"name": "x"}), ("/reports/boards/new", {"name": "x"})):  # fmt: skip
        assert board.as_(BEN).post(path, data=data).status_code == 403
    board.as_(SATO).post(f"{HERE}/edit", data={"name": "朝会", "audience": "supervisors"})
    assert board.as_(AIKO).get(HERE).status_code == 404
    assert "朝会" not in board.as_(AIKO).get("/reports/boards").text
    assert board.count(Tile) == 3


@SQLITE
def test_customers_words_of_any_queue_are_for_supervisors_on_a_shared_dashboard_too(board: OpenDesk) -> None:
    give(board, *[(2, "返品の返金がまだです")] * 5)
    asked = {"part": "topics.table.quotes", "period": "today"}
    assert board.as_(SATO).post(f"{HERE}/tiles", data=asked).status_code == 200
    board.clock.advance(minutes=1)
    assert "返金がまだです" in board.as_(SATO).get(HERE).text
    seen = board.as_(AIKO).get(HERE).text
    assert "返金がまだです" not in seen and "表示する権限がありません" in seen


@SQLITE
def test_a_deleted_dashboard_comes_back_with_its_tiles(board: OpenDesk) -> None:
    gone = board.as_(SATO).post(f"{HERE}/delete")
    assert board.as_(SATO).get(HERE).status_code == 404 and "/reports/boards/1/restore" in gone.text
    board.as_(SATO).post(f"{HERE}/restore")
    assert order(board) == ["1", "2", "3"] and board.count(Dashboard) == 1


@SQLITE
def test_what_no_report_has_cannot_be_a_tile_and_a_queue_that_is_gone_breaks_nothing(board: OpenDesk) -> None:
    for part in ("calls.figure.csat", "nothing.chart.volume", "calls.lines", ""):
        assert board.as_(SATO).post(f"{HERE}/tiles", data={"part": part, "period": "today"}).status_code == 422
    asked = {"part": "calls.chart.volume", "period": "days"}
    assert board.as_(SATO).post(f"{HERE}/tiles", data=asked).status_code == 422
    board.write(lambda db: setattr(db.get(Tile, 1), "asked", {"period": "today", "queue": "999"}))
    shown = board.as_(SATO).get(HERE)
    assert shown.status_code == 200 and order(board) == ["1", "2", "3"]


def test_a_wall_shows_figures_and_no_names_until_its_address_is_revoked(board: OpenDesk) -> None:
    served(board)
    made = board.as_(SATO).post(f"{HERE}/share", data={"name": "入口", "language": "ja"}).text
    address = re.search(r'href="https://desk\.example\.com(/wall/b/[\w-]+)"', made)
    assert address
    screen = TestClient(board.app, base_url=PUBLIC_URL)
    screen.portal = board.client.portal
    seen = screen.get(address[1])
    assert "日別の着信数" in seen.text and seen.text.count('class="tile"') == 2
    assert BEN.name not in seen.text and 'data-every="30"' in seen.text
    assert screen.get(address[1].replace("/b/", "/")).status_code == 404  # it is not the key of the live figures
    assert "入口" not in board.as_(SATO).get("/queues/walls").text
    board.as_(SATO).post("/queues/walls/1/revoke")
    assert screen.get(address[1]).status_code == 404
