"""Which domains an answer is about: a condition on a column of their names."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, true

__all__ = ["Within", "anywhere", "named"]

Within = Callable[[ColumnElement[str]], ColumnElement[bool]]


def anywhere(_: ColumnElement[str]) -> ColumnElement[bool]:
    """All of a tenant's."""
    return true()


def named(*names: str) -> Within:
    """These."""
    return lambda column: column.in_(names)
