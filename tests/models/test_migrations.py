"""The schema's history leads to the tables, and back, on both databases."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from models import Agent, Attachment, Message, Queue
from models.base import metadata
from models.database import Database
from models.migrations import configuration, is_current, newest, upgrade

CHOICES = [
    (table.name, column.name, tuple(column.type.enums))
    for table in metadata.sorted_tables
    for column in table.c
    if isinstance(column.type, sa.Enum)
]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def alembic(database: Database, what: str, *args: str) -> None:
    """Run one of Alembic's commands as the desk does, with the desk's own filter."""
    with database.engine.connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        getattr(command, what)(config, *args)
        connection.commit()


def tables(database: Database) -> set[str]:
    """Ours that are there."""
    return set(sa.inspect(database.engine).get_table_names()) & set(metadata.tables)


def test_a_migrated_database_is_what_the_tables_say(database: Database) -> None:
    alembic(database, "check")  # raises with the differences
    assert tables(database) == set(metadata.tables)


def test_a_difference_would_be_seen(database: Database) -> None:
    database.write_now(lambda db: db.execute(sa.text("ALTER TABLE purchase DROP COLUMN status")))
    with pytest.raises(Exception, match="purchase"):
        alembic(database, "check")


def test_indexes_and_unique_keys_are_the_tables_own(database: Database) -> None:
    inspector = sa.inspect(database.engine)
    for table in metadata.sorted_tables:
        wanted = {(index.name, index.unique) for index in table.indexes}
        there = {(index["name"], bool(index["unique"])) for index in inspector.get_indexes(table.name)
                 if "duplicates_constraint" not in index}  # fmt: skip
        assert there == wanted, table.name


def test_the_way_down_and_up_again_ends_where_it_began(database: Database) -> None:
    assert is_current(database)
    alembic(database, "downgrade", "base")
    assert tables(database) == set() and not is_current(database)
    upgrade(database)
    assert is_current(database)
    alembic(database, "check")
    assert database.read_now(lambda db: db.exec(select(Agent)).all()) == []


def test_applying_what_is_applied_changes_nothing(database: Database) -> None:
    before = database.read_now(lambda db: db.exec(select(Agent.email)).all())
    upgrade(database)
    assert database.read_now(lambda db: db.exec(select(Agent.email)).all()) == before != []


def test_the_newest_version_is_the_end_of_alembics_own_chain() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(configuration()).get_heads() == [newest()]


def test_every_choice_is_guarded_by_the_database(database: Database) -> None:
    inspector = sa.inspect(database.engine)
    assert CHOICES
    for table, column, values in CHOICES:
        checks = [check["sqltext"] for check in inspector.get_check_constraints(table)]
        guard = [text for text in checks if column in text and all(f"'{value}'" in text for value in values)]
        assert guard, f"{table}.{column}: {checks}"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agent SET role = 'king'",
        "UPDATE agent SET role = 'SUPERVISOR'",  # the value is kept, not Python's name of it
        "UPDATE agentstate SET state = 'asleep'",
        "UPDATE contactpoint SET kind = 'pigeon'",
    ],
)
def test_what_is_none_of_the_choices_is_refused(database: Database, statement: str) -> None:
    with pytest.raises(IntegrityError):
        database.write_now(lambda db: db.execute(sa.text(statement)))


def test_a_desk_with_mail_is_brought_up_to_date_and_loses_nothing(database: Database) -> None:
    alembic(database, "downgrade", "0003")

    def fill(db: Session) -> None:
        db.execute(
            sa.text(
                "INSERT INTO queue (id, slug, name, name_en, language, greeting, signature, keywords,"
                " thresholds, is_triage, position) VALUES (7, 'q', '窓', 'W', 'ja', '', '', '[]', '{}',"
                " false, 0)"
            )
        )
        db.execute(
            sa.text(
                "INSERT INTO ticket (id, subject, state, channel, queue_id, language, routed_by, is_urgent,"
                " sentiment, snippet, awaits_us, token, created_at, last_contact_at) VALUES (7, '件',"
                " 'open', 'mail', 7, 'ja', '', false, '', '', true, 'x', '2026-01-05 00:00:00',"
                " '2026-01-05 00:00:00')"
            )
        )
        for number, direction, state in ((7, "in", "received"), (8, "out", "sent")):
            db.execute(
                sa.text(
                    "INSERT INTO message (id, ticket_id, direction, state, internet_id, in_reply_to,"
                    ' "references", sender_name, sender_address, "to", cc, subject, text, reply_text,'
                    " quoted_text, signature, html, is_automatic, is_from_stranger, error, created_at)"
                    f" VALUES ({number}, 7, '{direction}', '{state}', '', '', '[]', '', '', '[]', '[]', '',"
                    " '本文', '', '', '', '', false, false, '', '2026-01-05 00:00:00')"
                )
            )
        db.execute(sa.text("INSERT INTO attachment (id, message_id, name, content_type, size_bytes, sha256, content_id,"
                           " is_inline) VALUES (7, 7, 'a.pdf', 'application/pdf', 1, 'f', '', false)"))  # fmt: skip

    database.write_now(fill)
    upgrade(database)
    kept = database.read_now(lambda db: [(m.id, m.text, m.kind.value, m.bcc, m.leaves_at)
                                         for m in db.exec(select(Message).order_by(col(Message.id)))])  # fmt: skip
    assert kept == [(7, "本文", "mail", [], None), (8, "本文", "reply", [], None)]
    queue = database.read_now(lambda db: db.exec(select(Queue).where(Queue.id == 7)).one())
    assert (queue.warns_of_attachment, queue.needs_approval, queue.banned_words) == (True, False, [])
    database.write_now(lambda db: db.execute(sa.text("UPDATE message SET state = 'withdrawn' WHERE id = 8")))
    for wrong in ("UPDATE message SET state = 'lost'", "UPDATE message SET approved_by_id = 99",
                  "UPDATE ticket SET merged_into_id = 99", "UPDATE message SET kind = 'pigeon'"):  # fmt: skip
        with pytest.raises(IntegrityError):
            database.write_now(lambda db, wrong=wrong: db.execute(sa.text(wrong)))
    database.write_now(lambda db: db.execute(sa.text("DELETE FROM ticket WHERE id = 7")))
    assert database.read_now(lambda db: db.exec(select(Attachment.id)).all()) == []
