"""The index follows the desk: what is new at once, in whatever portions, and the past beside it."""

import pytest
from typer.testing import CliRunner

from helpdesk.__main__ import app
from helpdesk.search import keeping
from helpdesk.settings import Settings
from models.database import Database
from tests.cast import SATO, TANAKA, Clock, OpenDesk, text_of
from tests.conftest import open_desk
from tests.helpdesk.search.test_finding import find
from tests.helpdesk.search.test_index import database, put  # noqa: F401 (a fixture)
from tests.patience import until


def test_much_news_is_written_in_portions_and_one_that_was_cut_off_is_repeated(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping.catch_up(desk.database)
    monkeypatch.setattr(keeping, "WEIGHT", 1)
    for number in range(4):
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇")
    batch = desk.read(keeping.news)
    assert batch is not None
    first, second, *_ = portions = list(keeping.parts(batch))
    assert len(portions) == len(batch.places) == 4
    assert [each.ends == batch.begins for each in portions] == [True, True, True, False]
    assert desk.write(lambda db: keeping.keep(db, first)) and desk.write(lambda db: keeping.keep(db, second))
    assert desk.read(keeping.count) > 0
    assert keeping.follow(desk.database) == 4  # as if the first process had died here
    assert keeping.follow(desk.database) == 0
    assert not desk.write(lambda db: keeping.keep(db, portions[2])), "who comes too late writes nothing"
    assert find(desk, "換気扇").total == 4


def test_more_than_a_handful_of_news_is_taken_in_without_waiting_for_more(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping.catch_up(desk.database)
    monkeypatch.setattr(keeping, "HANDFUL", 2)
    for number in range(5):
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇")
    assert keeping.follow(desk.database) >= 5, "a ticket whose facts fall into two handfuls is looked at twice"
    assert desk.read(keeping.news) is None and desk.read(keeping.count) >= 5


def test_the_past_is_taken_in_by_small_steps_until_nothing_is_left(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "OLD_HANDFUL", 2)
    for number in range(5):
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇")
    desk.write(keeping.begin_anew)
    assert keeping.follow(desk.database) == 0, "what was there before is no news"
    assert keeping.look_back(desk.database, most=1)
    share = desk.read(keeping.progress).share
    assert 0 < share < 1
    assert keeping.look_back(desk.database, go_on=lambda: False, most=9)
    assert desk.read(keeping.progress).share == share
    assert not keeping.look_back(desk.database, most=100)
    assert desk.read(keeping.progress).is_complete
    assert find(desk, "換気扇").total == 5


def test_a_desk_takes_in_what_was_there_before_by_itself(settings: Settings, clock: Clock) -> None:
    with open_desk(settings, clock, works=False) as desk:
        for number in range(3):
            desk.mail(f"客{number} <c{number}@example.net>", subject=f"件{number}", body="換気扇")
    with open_desk(settings, clock, works=True) as desk:
        until(lambda: desk.read(keeping.progress).is_complete)
        desk.mail(TANAKA, subject="四", body="換気扇")
        until(lambda: "4件" in text_of(desk.as_(SATO).get("/search?q=換気扇").text))


def test_a_ticket_that_was_long_and_is_short_leaves_no_piece_behind(database: Database) -> None:  # noqa: F811
    words = "電源返品" * 10_000
    counts = []
    for said in (words, words[:4_000], words[:20_000], ""):
        database.write_now(put, {1: said, 2: "電源"})
        counts.append(database.read_now(keeping.count) - 1)
    assert counts == [6, 1, 3, 0]


def test_an_operator_has_everything_made_findable_anew(
    desk: OpenDesk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.mail(TANAKA, subject="換気扇", body="回りません")
    monkeypatch.setenv("DESK_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("DESK_DATA", str(settings.data))
    done = CliRunner().invoke(app, ["search", "rebuild"])
    assert done.exit_code == 0 and "can be found" in done.output and find(desk, "換気扇").total == 1
    if not desk.database.is_sqlite:  # which one process owns
        with desk.database.alone("search"):
            refused = CliRunner().invoke(app, ["search", "rebuild"])
        assert refused.exit_code == 1 and "Another process is at it" in refused.output
        assert find(desk, "換気扇").total == 1
