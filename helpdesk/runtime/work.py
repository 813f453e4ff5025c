"""Our small face of DBOS: due work, kept in the desk's own database.

`enqueue(db, name, ...)` is part of the transaction that made the work due: rolled back with it, and run at least once
after it. Work is a plain function `(desk, *args)` registered under a name. It runs step by step in a thread of the
engine; a step that touches the world must carry an id made beforehand, because after a crash it may run again. What
raises `Unreachable` is tried again with growing pauses; anything else, and the last attempt, is parked for a person.
`NotYet` is no attempt: the work came too early.
"""

import logging
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from helpdesk.errors import Unreachable
from models.database import Database, engine_for_work

QUEUE = "desk"
SCHEMA = "dbos"
PAUSES = (2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0)  # seconds before the 2nd, 3rd ... attempt
RESCUE_SECONDS = 5.0
VERSION = "desk-1"  # workflows of another version are not run, so this changes only when arguments do

if TYPE_CHECKING:
    from dbos import DBOSClient

logger = logging.getLogger(__name__)
Job = Callable[..., None]


class NotYet(Exception):
    """Run it again in `seconds`; nothing was tried."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not before {seconds:.1f} s")
        self.seconds = seconds


def enqueue(db: Session, name: str, *args: Any, key: str, delay: float = 0.0) -> None:
    """Make work due in this transaction, `delay` seconds from now. The same key twice is one piece of work.

    `args` must be plain JSON values.
    """
    worker: Worker = db.info["work"]
    options: dict[str, Any] = {
        "queue_name": QUEUE,
        "workflow_name": "desk_work",
        "workflow_id": key,
        "app_version": VERSION,
    }
    if delay:
        options["delay_seconds"] = delay
    worker.client().enqueue_in_transaction(db, options, name, list(args), 1, key)  # type: ignore[arg-type]


class Worker:
    """Holds the engine of one process. One worker a process: the engine itself is a process-wide thing."""

    def __init__(self, database: Database, *, poll_seconds: float = 0.2) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._jobs: dict[str, Job] = {}
        self._failed: Callable[[str, list[Any], Exception], None] | None = None
        self._engine = engine_for_work(database)
        self._client: DBOSClient | None = None
        self._making = threading.Lock()
        self._running = False
        self._stopping = threading.Event()
        # One process owns a SQLite file, so what it had in hand is its own again after a restart. Where several share
        # a PostgreSQL, each has a name, and the living take over from the dead.
        self.executor = "embedded" if database.is_sqlite else f"desk-{uuid.uuid4().hex[:12]}"

    def connect(self) -> None:
        """Let sessions enqueue. The engine's tables must be there, see `migrate`."""
        self._database.info["work"] = self

    def client(self) -> "DBOSClient":
        """What enqueues. Made when first asked for: the engine's modules take longer to load than a page may wait."""
        with self._making:
            if self._client is None:
                from dbos import DBOSClient

                _quiet()
                self._client = DBOSClient(system_database_engine=self._engine, dbos_system_schema=SCHEMA)
        return self._client

    def start(self, jobs: dict[str, Job], *, failed: Callable[[str, list[Any], Exception], None]) -> None:
        """Run due work in this process. `failed(name, args, error)` parks what is given up."""
        from dbos import DBOS

        self.connect()
        self._jobs, self._failed = jobs, failed
        DBOS(
            config={
                "name": "madoguchi",
                "system_database_engine": self._engine,
                "application_version": VERSION,
                "executor_id": self.executor,
                "log_level": "WARNING",
                "max_executor_threads": 8,
                "dbos_system_schema": SCHEMA,
                "run_migrations": False,
                "use_listen_notify": False,
                "enable_otlp": False,
            }
        )
        _quiet()

        @DBOS.workflow(name="desk_work")
        def desk_work(name: str, args: list[Any], attempt: int, key: str) -> None:
            self._run(name, args, attempt, key)

        DBOS.launch()
        DBOS.register_queue(
            QUEUE, worker_concurrency=4, polling_interval_sec=self._poll_seconds, on_conflict="always_update"
        )
        self._running = True
        if not self._database.is_sqlite:
            threading.Thread(target=self._rescue, name="rescue", daemon=True).start()

    def stop(self) -> None:
        """Finish the steps in flight and let go."""
        if self._running:
            self._running = False
            self._stopping.set()
            from dbos import DBOS

            DBOS.destroy(workflow_completion_timeout_sec=5)
        if self._client:
            self._client.destroy()
            self._client = None
        self._database.info.pop("work", None)
        self._engine.dispose()

    def _run(self, name: str, args: list[Any], attempt: int, key: str) -> None:
        try:
            self._jobs[name](*args)
        except NotYet as wait:
            self._again(name, args, attempt, key, wait.seconds, turn=f"{attempt}.{uuid.uuid4().hex[:12]}")
        except Unreachable as error:
            if attempt <= len(PAUSES):
                pause = PAUSES[attempt - 1]
                logger.warning("work %s attempt %s failed, again in %ss: %s", key, attempt, pause, error)
                self._again(name, args, attempt + 1, key, pause)
            elif self._failed:
                self._failed(name, args, error)
        except Exception as error:
            logger.exception("work %s was given up", key)
            if self._failed:
                self._failed(name, args, error)

    def _again(self, name: str, args: list[Any], attempt: int, key: str, pause: float, *, turn: str = "") -> None:
        self.client().enqueue(
            {
                "queue_name": QUEUE,
                "workflow_name": "desk_work",
                "workflow_id": f"{key}#{turn or attempt}",
                "app_version": VERSION,
                "delay_seconds": pause,
            },
            name,
            args,
            attempt,
            key,
        )

    def _rescue(self) -> None:
        """Take over what a process that died had in hand.

        The engine gives queued work to anybody, but work in hand stays with its executor. A process that is alive says
        so by a lease in the database; what belongs to an executor without one is resumed here.
        """
        while not self._stopping.wait(RESCUE_SECONDS):
            try:
                self._rescue_once()
            except Exception:
                logger.exception("looking for work of processes that are gone failed; trying again")

    def _rescue_once(self) -> None:
        from dbos import DBOS

        from helpdesk.runtime import leases

        now = datetime.now(UTC)
        self._database.write_now(leases.renew, f"work:{self.executor}", self.executor, seconds=20, now=now)
        for workflow in DBOS.list_workflows(status="PENDING"):
            owner = workflow.executor_id
            if (
                owner
                and owner != self.executor
                and not self._database.read_now(leases.is_held, f"work:{owner}", now=now)
            ):
                logger.warning("resuming work of a process that is gone: %s", workflow.workflow_id)
                DBOS.resume_workflow(workflow.workflow_id)


def migrate(database: Database) -> None:
    """Create or bring up to date the engine's own tables."""
    from dbos import DBOS

    _quiet()
    DBOS.migrate(database.url.render_as_string(hide_password=False), schema=SCHEMA)


def _quiet() -> None:
    for name in ("dbos", "dbos._dbos"):
        logging.getLogger(name).setLevel(logging.WARNING)
