"""Pages by number, with the total: for small collections, where people turn to page 7 of 12.

Rows that come and go between two requests shift these pages; `core.paging.keyset` has the ones that stand.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.keyset import Keyset, Order, statement
from hub.web.errors import ValidationFailed

__all__ = ["MAX_SKIPPED", "Counted", "counted", "offset_of", "part"]

_T = TypeVar("_T")
_U = TypeVar("_U")

MAX_SKIPPED = 100_000
"""Skipping rows costs as much as reading them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(Generic[_T]):
    """Some rows of a list whose total is known."""

    items: Sequence[_T]
    total: int
    offset: int
    limit: int

    @property
    def has_more(self) -> bool:
        return self.offset + len(self.items) < self.total

    def of(self, make: Callable[[_T], _U]) -> "Counted[_U]":
        """The same page of other things."""
        items = [make(item) for item in self.items]
        return Counted(items=items, total=self.total, offset=self.offset, limit=self.limit)

    def pagination(self) -> Mapping[str, Any]:
        """As `meta.pagination` of an answer; `page` counts from 1."""
        return {
            "page": self.offset // self.limit + 1,
            "limit": self.limit,
            "offset": self.offset,
            "total": self.total,
            "has_more": self.has_more,
            "next_cursor": None,
        }


def offset_of(*, limit: int, page: int | None = None, offset: int | None = None) -> int:
    """How many rows to skip; `page` counts from 1.

    Raises `ValidationFailed` for both at once, a negative place, and one too far for this kind of paging.
    """
    if page is not None and offset is not None:
        raise ValidationFailed.of("offset", "give page or offset, not both")
    field, value = ("page", page) if page is not None else ("offset", offset or 0)
    least = 1 if field == "page" else 0
    skipped = (value - 1) * limit if field == "page" and value is not None else value or 0
    if value is None or value < least:
        raise ValidationFailed.of(field, f"must be at least {least}")
    if skipped > MAX_SKIPPED:
        said = f"skips more than {MAX_SKIPPED} rows: narrow the question, or go by cursor where there is one"
        raise ValidationFailed.of(field, said)
    return skipped


async def counted(
    tx: AsyncConnection, query: Select[Any], by: Keyset, *, limit: int, offset: int, order: Order = "newest"
) -> Counted[RowMapping]:
    """`limit` rows of `query` after the first `offset`, and how many there are at that moment."""
    total = (await tx.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    skipping = statement(query, by, order=order, after=None, limit=limit, skipped=offset)
    found = (await tx.execute(skipping)).mappings().all()
    return Counted(items=found, total=total, offset=offset, limit=limit)


def part(
    items: Sequence[_T], *, limit: int, page: int | None = None, offset: int | None = None
) -> Counted[_T]:
    """A page of what is there whole. Raises `ValidationFailed`."""
    skipped = offset_of(limit=limit, page=page, offset=offset)
    return Counted(items=items[skipped : skipped + limit], total=len(items), offset=skipped, limit=limit)
