"""Changing tables where they stand, on both databases.

Rebuilding a table of a million rows would stop a desk for minutes, and on SQLite dropping the old one would take along
every row that points to it. So columns are added in place; what SQLite cannot change is its definition written anew.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def add_choice(table: str, name: str, kind: str, values: Sequence[str], *, default: str) -> None:
    """A column that holds one of `values`."""
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN {name} VARCHAR(32) DEFAULT '{default}' NOT NULL "
        f"CONSTRAINT ck_{table}_{name}_{kind} CHECK ({_one_of(name, values)})"
    )


def point(table: str, name: str, target: str, *, ondelete: str) -> None:
    """A foreign key on a column that is there."""
    if is_postgresql():
        op.create_foreign_key(_key(table, name, target), table, target, [name], ["id"], ondelete=ondelete)
        return
    _redefine(table, "substr(sql, 1, length(sql) - 1) || ?", (f",{_constraint(table, name, target, ondelete)})",))


def point_no_more(table: str, name: str, target: str, *, ondelete: str) -> None:
    """The foreign key that `point` made, taken away; the column stays."""
    if is_postgresql():
        op.drop_constraint(_key(table, name, target), table, type_="foreignkey")
        return
    _redefine(table, "replace(sql, ?, '')", (f",{_constraint(table, name, target, ondelete)}",))


def allow(table: str, name: str, kind: str, now: Sequence[str], before: Sequence[str]) -> None:
    """Another set of values for a column that holds a choice."""
    if is_postgresql():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{kind}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{kind} CHECK ({_one_of(name, now)})")
        return
    _redefine(table, "replace(sql, ?, ?)", (_one_of(name, before), _one_of(name, now)))


def _redefine(table: str, change: str, values: tuple[str, ...]) -> None:
    """SQLite cannot change a constraint. What its manual advises where no stored row is touched is to write the
    table's definition anew ("Making Other Kinds Of Table Schema Changes")."""
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.exec_driver_sql(
        f"UPDATE sqlite_schema SET sql = {change} WHERE type = 'table' AND name = ? AND sql <> {change}",
        (*values, table, *values),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    if changed.rowcount != 1:
        raise RuntimeError(f"the table {table} is not as the version before left it")


def is_postgresql() -> bool:
    """Whether this is not SQLite."""
    return op.get_bind().dialect.name == "postgresql"


def _key(table: str, name: str, target: str) -> str:
    return f"fk_{table}_{name}_{target}"


def _constraint(table: str, name: str, target: str, ondelete: str) -> str:
    key = _key(table, name, target)
    return f" CONSTRAINT {key} FOREIGN KEY({name}) REFERENCES {target} (id) ON DELETE {ondelete}"


def _one_of(name: str, values: Sequence[str]) -> str:
    return f"{name} IN ({', '.join(repr(value) for value in values)})"
