"""What every table shares: one metadata with named constraints, and the column types SQLModel needs a word about.

Plain `datetime` annotations become SQLModel's `UTCDateTime`: naive values are refused, aware ones come back in UTC on
SQLite and PostgreSQL alike.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = SQLModel.metadata


class Row(SQLModel):
    """A table row. Rows do not check themselves: forms and parsers check, constraints guarantee."""

    def __init__(self, **values: Any) -> None:
        # As SQLModel's, for a table without relationships, in a fifth of the time. That one asks each default how it
        # wants to be called, and tells SQLAlchemy of every value as of a change; what is new has nothing it changes.
        if strange := values.keys() - type(self).__pydantic_fields__.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(strange))}")
        plain, made = _defaults(type(self))
        self.__dict__.update(plain)
        self.__dict__.update({name: make() for name, make in made.items() if name not in values})
        self.__dict__.update(values)
        object.__setattr__(self, "__pydantic_fields_set__", set(values))
        object.__setattr__(self, "__pydantic_extra__", None)
        object.__setattr__(self, "__pydantic_private__", None)

    def __setattr__(self, name: str, value: Any) -> None:
        # SQLModel tells SQLAlchemy and then Pydantic, which writes the same value to the same place again: half of the
        # time it takes to make a row. A name that is no column is still refused, by Pydantic.
        if name in type(self).__pydantic_fields__:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


@lru_cache
def _defaults(kind: type[Row]) -> tuple[dict[str, Any], dict[str, Callable[..., Any]]]:
    """Of columns that may be left out: those with one value for all rows, and those whose value is made for each."""
    optional = {name: field for name, field in kind.__pydantic_fields__.items() if not field.is_required()}
    made = {name: field.default_factory for name, field in optional.items() if field.default_factory is not None}
    return {name: field.default for name, field in optional.items() if name not in made}, made


class Named:
    """What is called something in Japanese and, where somebody said so, in English: the column `CALLED`, `name` but
    where it says otherwise, and the same with `_en`."""

    CALLED: ClassVar[str] = "name"

    def called(self, language: str) -> str:
        """Its name in a language, or the one there is."""
        english = getattr(self, f"{self.CALLED}_en") if language == "en" else ""
        return str(english or getattr(self, self.CALLED))


def called(table: type[Named], language: str) -> sa.ColumnElement[str]:
    """The same for a query, as a column."""
    name, english = getattr(table, table.CALLED), getattr(table, f"{table.CALLED}_en")
    return sa.case((english != "", english), else_=name) if language == "en" else sa.type_coerce(name, sa.String)


def choice(enum: type[StrEnum], default: Any = ..., **options: Any) -> Any:
    """A column that holds one of the enum's values (the value, not the Python name), as text with a check."""
    if default is not ...:
        options["default"] = default
    kind = sa.Enum(
        enum,
        native_enum=False,
        create_constraint=True,
        values_callable=lambda members: [member.value for member in members],
        length=32,
        name=enum.__name__.lower(),
    )
    return Field(sa_type=kind, **options)


def exact(**options: Any) -> Any:
    """A text column compared byte by byte, so that a prefix search can use its index on PostgreSQL too."""
    return Field(sa_type=sa.String().with_variant(sa.String(collation="C"), "postgresql"), **options)


def json_column(**options: Any) -> Any:
    """A JSON column, written whole: change it by assigning a new value."""
    return Field(sa_type=sa.JSON().with_variant(JSONB(), "postgresql"), **options)


def points_to(target: str, *, index: bool = False, ondelete: Any = "RESTRICT", **options: Any) -> Any:
    """A foreign key `table.column`."""
    return Field(foreign_key=target, index=index, ondelete=ondelete, **options)
