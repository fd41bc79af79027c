"""Columns that mean the same on SQLite and PostgreSQL, and how constraints are named."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Dialect, Text, TypeDecorator, false, text, true
from sqlalchemy.types import TypeEngine

__all__ = [
    "JSON_",
    "NAMING",
    "String",
    "Unreadable",
    "count",
    "flag",
    "ident",
    "json",
    "ms",
    "note",
    "number",
    "string",
    "tenant",
    "witness",
    "writable",
]

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

_UNWRITABLE = str.maketrans({"\x00": "\ufffd", **{chr(code): "\ufffd" for code in range(0xD800, 0xE000)}})
JSON_ = JSON(none_as_null=True)


class String(TypeDecorator[str]):
    """Text that sorts by code point on both servers, so that a cursor stands at the same place on each.

    NUL (which PostgreSQL refuses) and lone surrogates (which UTF-8 has no bytes for) come from hostile mail;
    they are kept as U+FFFD.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text(collation="C") if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else writable(value)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in a column of JSON and is none: `raw` as it was found."""

    raw: Any


class _Witness(TypeDecorator[Any]):
    """JSON that may have been tampered with: SQLite keeps anything in any column."""

    impl = JSON_
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        decode = super().result_processor(dialect, coltype)
        if decode is None:
            return None

        def read(value: Any) -> Any:
            try:
                return decode(value)
            except (ValueError, TypeError, RecursionError):
                return Unreadable(value)

        return read


def writable(value: str) -> str:
    """The text as a column of type `String` gives it back."""
    return value.replace("\x00", "\ufffd") if value.isascii() else value.translate(_UNWRITABLE)


def ident(name: str = "id") -> Column[str]:
    """The primary key: an opaque id of `hub.sql.ids.new_id`."""
    return Column(name, String, primary_key=True)


def tenant() -> Column[str]:
    """Whose row it is."""
    return Column("tenant", String, nullable=False)


def string(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, String, nullable=null)


def note(name: str) -> Column[str]:
    """Text that is empty when nothing was said."""
    return Column(name, String, nullable=False, server_default="")


def ms(name: str, *, null: bool = False) -> Column[int]:
    """A moment: milliseconds since the epoch."""
    return Column(name, BigInteger, nullable=null)


def number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def count(name: str) -> Column[int]:
    """A counter that begins at 0."""
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def flag(name: str, *, default: bool = False) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=true() if default else false())


def json(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, JSON_, nullable=null)


def witness(name: str, *, null: bool = False) -> Column[Any]:
    """JSON whose reader wants to hear of what is none: it is read as `Unreadable`."""
    return Column(name, _Witness, nullable=null)
