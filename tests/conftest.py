"""The desk every test gets: real, in this process, on SQLite and on PostgreSQL, with the cast settled in.

Its schema is migrated once a session and copied for each test. A test that must not run twice marks one database with
`@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)`.
"""

import gc
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from starlette.testclient import TestClient

from helpdesk.commands.opening import prepare
from helpdesk.settings import Settings
from models.database import Database
from models.looking import Picture
from tests import cast, dovecot, postgres
from tests.boxes import Boxes
from tests.patience import PATIENCE_SECONDS
from tests.postbox import Postbox
from tests.provider import Provider
from web import hooks
from web.app import create
from web.keeping import Keeping

_numbers = count(1)

# How long an example takes is the machine's matter; what guards against work without end is `patience.an_end`. The
# examples are the same in every run, so that what fails is of the change at hand; `--hypothesis-profile=exploring`
# looks for others.
hypothesis_settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("any machine", hypothesis_settings.get_profile("exploring"), derandomize=True)
hypothesis_settings.load_profile("any machine")


def pytest_configure() -> None:
    """What tests write lies in memory where there is room: a desk on SQLite waits for the disk at every commit."""
    if postgres.has_room_in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(postgres.MEMORY))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was left out for want of a program stands below the figures, where nobody overlooks it."""
    skipped = [report for report in terminalreporter.stats.get("skipped", ()) if isinstance(report.longrepr, tuple)]
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("NOT TESTED HERE", red=True, bold=True)
    for reason, number in reasons.items():
        terminalreporter.line(f"{number} tests: {reason}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """One PostgreSQL for this worker, started when first needed."""
    with postgres.Server.start(in_memory=True) as server:
        yield server


@pytest.fixture(scope="session")
def imap_providers() -> Iterator[Provider]:
    """Where access tokens come from in this worker."""
    with Provider() as opened:
        yield opened


@pytest.fixture(scope="session")
def imap_server(imap_providers: Provider) -> Iterator[dovecot.Server]:
    """One IMAP server for this worker, started when first needed."""
    try:
        dovecot.program()
    except dovecot.Unavailable as missing:
        pytest.skip(str(missing))
    with dovecot.Server.start(introspection_port=imap_providers.introspection_port) as server:
        yield server


@pytest.fixture
def account(imap_server: dovecot.Server, monkeypatch: pytest.MonkeyPatch) -> dovecot.Account:
    """A user of the IMAP server whose mailbox is empty; the server's certificate is trusted during the test."""
    monkeypatch.setenv("SSL_CERT_FILE", str(imap_server.authority))
    return dovecot.Account(imap_server, f"support{next(_numbers)}@desk.example.jp")


@pytest.fixture
def wire(account: dovecot.Account) -> Iterator[dovecot.Wire]:
    """A line to the IMAP server that can be cut."""
    with dovecot.Wire(account.server) as opened:
        yield opened


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file with the cast in it."""
    path = tmp_path_factory.mktemp("template") / "desk.db"
    _settle(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.Server) -> str:
    """The name of a migrated PostgreSQL database with the cast in it."""
    _settle(postgres_server.create_database("template_desk"))
    return "template_desk"


@pytest.fixture(params=["sqlite", "postgres"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh copy of the template."""
    with _copied(database_kind, tmp_path, request) as url:
        yield url


@contextmanager
def _copied(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    if kind == "sqlite":
        path = folder / "desk.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    name = f"desk_{next(_numbers)}"
    yield server.create_database(name, template=request.getfixturevalue("postgres_template"))
    server.drop_database(name)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers of the tests wait for as long as the machine needs; test_hooks says how long they wait in life."""
    monkeypatch.setattr(hooks, "ANSWER_WITHIN_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
def clock() -> cast.Clock:
    """The desk's time."""
    return cast.Clock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The desk's settings; a test may change them before it opens the desk."""
    return _settings(database_url, tmp_path)


def _settings(database_url: str, folder: Path) -> Settings:
    return Settings(
        database_url=database_url, data=folder, public_url=cast.PUBLIC_URL, mail_port=-1,
        mail_from=cast.DESK_ADDRESS, twilio_auth_token=SecretStr(cast.TOKEN), name="窓口",
        push_tokens={"front": SecretStr(cast.PUSH_TOKEN)}, smtp_url=SecretStr("smtp://127.0.0.1:9"),
        undo_seconds=0,
    )  # fmt: skip


@contextmanager
def open_desk(settings: Settings, clock: cast.Clock, *, works: bool = False) -> Iterator[cast.OpenDesk]:
    """Open a desk; with `works` it also runs due work, which needs half a second to end."""
    app = create(settings, clock=clock, works=works)
    _draw_again(settings)
    with TestClient(app, base_url=cast.PUBLIC_URL, follow_redirects=False, headers=cast.UNPRESSED) as client:
        assert client.portal is not None
        _know_statements(app.state.desk.database)
        client.portal.call(app.state.desk.ready)
        desk = cast.OpenDesk(app, client, settings, clock)
        try:
            yield desk
        finally:
            desk.close()


@pytest.fixture
def desk(settings: Settings, clock: cast.Clock) -> Iterator[cast.OpenDesk]:
    """An open desk."""
    with open_desk(settings, clock) as opened:
        yield opened


@pytest.fixture(scope="module")
def standing() -> Iterator[tuple[dict[str, cast.OpenDesk], ExitStack]]:
    """The desks that a file's tests share, by the kind of their database, and what closes them after the last."""
    with ExitStack() as doors:
        yield {}, doors


@pytest.fixture
def standing_desk(
    standing: tuple[dict[str, cast.OpenDesk], ExitStack], database_kind: str,
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[cast.OpenDesk]:  # fmt: skip
    """An open desk in which everybody has signed in and nothing else happens, one for all tests of a file that ask and
    change nothing. One that states a fact fails."""
    desks, doors = standing
    if database_kind not in desks:
        folder = tmp_path_factory.mktemp("standing")
        url = doors.enter_context(_copied(database_kind, folder, request))
        desk = desks[database_kind] = doors.enter_context(open_desk(_settings(url, folder), cast.Clock()))
        for person in cast.STAFF:
            desk.as_(person)
    desk = desks[database_kind]
    _draw_again(desk.settings)
    before = desk.number()
    yield desk
    if desk.number() != before:
        del desks[database_kind]  # the next test begins with another
        raise AssertionError("what changes something is for a desk of its own")


@pytest.fixture
def fresh_desk(sqlite_template: Path, settings: Settings, tmp_path: Path) -> Callable[[str], Any]:
    """Opens desks one after the other, each on a new SQLite file with the cast in it: `with fresh_desk("7")`."""

    def opened(name: str) -> Any:
        path = tmp_path / f"{name}.db"
        shutil.copy(sqlite_template, path)
        own = settings.model_copy(update={"database_url": f"sqlite:///{path}"})
        return open_desk(own, cast.Clock())

    return opened


@pytest.fixture
def boxes(desk: cast.OpenDesk, account: dovecot.Account) -> Boxes:
    """An open desk beside an account with an empty mailbox."""
    return Boxes(desk, account)


@pytest.fixture
def provider(imap_providers: Provider, account: dovecot.Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider that knows the account by its refresh token."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(imap_providers.authority))
    imap_providers.asked.clear()
    imap_providers.refresh_tokens = {"refresh-0": account.user}
    yield imap_providers
    imap_providers.renews = imap_providers.is_down = False


@pytest.fixture
def postbox(settings: Settings) -> Iterator[Postbox]:
    """The mail server to which this test's desk hands its replies."""
    with Postbox() as opened:
        settings.smtp_url = SecretStr(opened.url)
        yield opened


def _draw_again(settings: Settings) -> None:
    """Whatever a page shows again is drawn all the same, and must look alike; once is enough for both databases."""
    Keeping.checks = Picture.checks = settings.database_url.startswith("sqlite")


def _know_statements(database: Database) -> None:
    """Let this desk know the statements that the ones before it have compiled, which is a third of what a test costs.

    SQLAlchemy keeps them with an engine, under its dialect, which knows nothing of the file or the server behind it.
    """
    for name in ("engine", "reading_engine"):
        engine = getattr(database, name)
        of_all = _compiled.setdefault((engine.dialect.name, name), (engine.dialect, sa.util.LRUCache(10_000)))
        engine.dialect = engine.pool._dialect = of_all[0]
        engine._compiled_cache = of_all[1]


_compiled: dict[tuple[str, str], Any] = {}


def _settle(url: str) -> None:
    database = Database(url)
    prepare(database)
    database.write_now(cast.settle_in)
    database.close()


def pytest_collection_finish() -> None:
    """What is there by now stays: looking through it for garbage takes a quarter of a second each time. What tests
    leave is looked for less often than is usual, as in a desk that serves: that was a tenth of what they cost."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Slow ones first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
