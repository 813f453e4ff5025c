"""The server that the tests of the larger size run on: it reads Japanese, copies databases, leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.patience import until
from tests.postgres import MEMORY, Server, has_room_in_memory

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.start(tmp_path_factory.mktemp("postgres")) as running:
        yield running


def ask(server: Server, database: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url(database).replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchall() if cursor.description else []


def test_the_embedded_server_answers(server):
    assert ask(server, "postgres", "select current_setting('server_encoding'), 1 + 1") == [("UTF8", 2)]


def test_it_finds_the_trigrams_of_japanese_words(server):
    server.create_database("words")
    ask(server, "words", "create extension pg_trgm")
    [(trigrams,)] = ask(server, "words", "select cardinality(show_trgm('請求金額'))")
    assert trigrams == 5


def test_a_database_made_from_a_template_has_its_rows_and_keeps_its_own(server):
    server.create_database("original")
    ask(server, "original", "create table desk as select 'aiko' as agent")
    server.create_database("copy", template="original")
    ask(server, "copy", "insert into desk values ('ben')")
    assert ask(server, "copy", "select agent from desk order by agent") == [("aiko",), ("ben",)]
    assert ask(server, "original", "select agent from desk") == [("aiko",)]


def test_a_dropped_database_is_gone_even_while_somebody_is_connected(server):
    url = server.create_database("short lived")
    with psycopg.connect(url.replace("+psycopg", "")):
        server.drop_database("short lived")
    server.drop_database("short lived")
    assert ask(server, "postgres", "select datname from pg_database where datname = 'short lived'") == []


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_stopped_server_leaves_no_process_and_no_file(in_memory):
    server = Server.start(in_memory=in_memory)
    assert server.in_memory == server.folder.is_relative_to(MEMORY) == (in_memory and has_room_in_memory())
    server.create_database("copy", template="template1")
    sockets = Path(server.url().partition("host=")[2])
    assert sockets.is_dir() and server.process.poll() is None
    server.stop()
    server.stop()
    assert server.process.returncode == 0
    assert not sockets.exists() and not server.folder.parent.exists()


def test_what_is_to_be_kept_is_there_the_next_time(tmp_path):
    with Server.start(tmp_path, keep=True) as first:
        if not first.is_kept:
            pytest.skip("PostgreSQL runs as a user who has no folder to keep")
        first.create_database("year")
        ask(first, "year", "create table ticket as select 7 as number")
    with Server.start(tmp_path, keep=True) as again:
        assert ask(again, "year", "select number from ticket") == [(7,)]


def test_a_server_stops_when_whoever_started_it_is_killed_and_leaves_nothing_in_memory():
    script = """if True:
        import sys
        from tests.postgres import Server
        server = Server.start(in_memory=True)
        print(server.url(), server.folder, flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        url, folder = starter.stdout.readline().split()
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            starter.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select pg_sleep(20)")
    shutil.rmtree(url.partition("host=")[2])
    if Path(folder).is_relative_to(MEMORY):
        until(lambda: not Path(folder).parent.exists())
    else:
        shutil.rmtree(Path(folder).parent)


def test_the_command_line_lends_a_server_for_as_long_as_a_command_runs():
    script = """if True:
        import os, sqlalchemy
        url = os.environ["DESK_DATABASE_URL"]
        sqlalchemy.create_engine(url).connect().close()
        print(url)
    """
    command = [sys.executable, "-m", "tests.postgres", "--", sys.executable, "-c", script]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    url = answer.stdout.strip()
    assert url.startswith("postgresql+psycopg://")
    assert not os.path.exists(url.partition("host=")[2])


def test_the_exit_code_of_the_command_is_handed_on():
    command = [sys.executable, "-m", "tests.postgres", "--", sys.executable, "-c", "raise SystemExit(7)"]
    assert subprocess.run(command, cwd=ROOT).returncode == 7
