"""Pages by place: rows after the last one seen, in the order of (time, id), which an index gives.

Time and id of a row never change. So whoever follows the cursors sees no row twice, and every row that was
there from the first page to the last; rows that come or go meanwhile may or may not appear.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import ColumnElement, RowMapping, Select, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.cursor import Cursors, Place, fingerprint

__all__ = ["Asked", "Branches", "Keyset", "Order", "Page", "page", "place_of", "rows", "statement"]

_T = TypeVar("_T")
_U = TypeVar("_U")

Order = Literal["newest", "oldest"]
"""Which comes first."""
Branches = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Keyset:
    """The two columns that order a list. `id` is unique among the rows of a list that share a time.

    An index that begins with the columns compared by equality and ends with these two makes every page as
    fast as the first.
    """

    time: ColumnElement[int]
    id: ColumnElement[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[_T]):
    """Some rows of a list, and how to go on."""

    items: Sequence[_T]
    next_cursor: str | None
    limit: int

    @property
    def has_more(self) -> bool:
        return self.next_cursor is not None

    def of(self, make: Callable[[_T], _U]) -> "Page[_U]":
        """The same page of other things."""
        return Page(items=[make(item) for item in self.items], next_cursor=self.next_cursor, limit=self.limit)

    def pagination(self) -> Mapping[str, Any]:
        """As `meta.pagination` of an answer."""
        return {"next_cursor": self.next_cursor, "has_more": self.has_more, "limit": self.limit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request for a page. `scope` names list and tenant; `filters` are those that `query` applies."""

    scope: str
    filters: Mapping[str, Any]
    limit: int = 100
    cursor: str | None = None
    order: Order = "newest"
    now_ms: int = 0
    max_age_ms: int | None = None

    @property
    def fingerprint(self) -> bytes:
        return fingerprint(f"{self.scope}:{self.order}", self.filters)


async def page(
    tx: AsyncConnection,
    query: Select[Any],
    by: Keyset,
    cursors: Cursors,
    asked: Asked,
    *,
    each: Branches = (),
) -> Page[RowMapping]:
    """The rows of `query` after the cursor's place, at most `asked.limit`.

    `query` selects both columns of `by` and carries conditions, but neither order nor limit. With `each`, a
    row must meet one of these as well (see `statement`).
    Raises `ValidationFailed` and `CursorExpired` for the cursor.
    """
    own = asked.fingerprint
    after = None
    if asked.cursor is not None:
        after = cursors.read(asked.cursor, own, now_ms=asked.now_ms, max_age_ms=asked.max_age_ms)
    found = await rows(tx, query, by, order=asked.order, after=after, limit=asked.limit + 1, each=each)
    shown = found[: asked.limit]
    following = None
    if len(found) > len(shown):
        following = cursors.write(place_of(shown[-1], by), own, asked.now_ms)
    return Page(items=shown, next_cursor=following, limit=asked.limit)


async def rows(
    tx: AsyncConnection,
    query: Select[Any],
    by: Keyset,
    *,
    order: Order,
    after: Place | None,
    limit: int,
    each: Branches = (),
) -> Sequence[RowMapping]:
    """The next `limit` rows of `query` after a place, or the first."""
    found = await tx.execute(statement(query, by, order=order, after=after, limit=limit, each=each))
    all_of_them: Sequence[RowMapping] = found.mappings().all()
    return all_of_them


def statement(
    query: Select[Any],
    by: Keyset,
    *,
    order: Order,
    after: Place | None,
    limit: int,
    skipped: int = 0,
    each: Branches = (),
) -> Select[Any]:
    """What `rows` runs; the first `skipped` rows are left out.

    `each` are conditions that an index serves one by one, not all together (`domain = a`, `domain = b`): the
    next rows are looked for by each, so that rows of others in between cost nothing. `by.id` is then unique
    in the whole table.
    """
    if after is not None:
        place = tuple_(by.time, by.id)
        seen = tuple_(literal(after.time_ms, by.time.type), literal(after.id, by.id.type))
        query = query.where(place < seen if order == "newest" else place > seen)
    ordered = _ordered(by, order)
    if each:
        places = query.with_only_columns(by.time.label("time"), by.id.label("id"))
        parts = [places.where(one).order_by(*ordered).limit(skipped + limit).subquery() for one in each]
        all_of_them = union_all(*(select(part) for part in parts)).subquery()
        merged = _ordered(Keyset(all_of_them.c.time, all_of_them.c.id), order)
        first = select(all_of_them.c.id).order_by(*merged).limit(skipped + limit)
        query = select(*query.selected_columns).where(by.id.in_(first))
    paged = query.order_by(*ordered).limit(limit)
    return paged.offset(skipped) if skipped else paged


def _ordered(by: Keyset, order: Order) -> tuple[ColumnElement[Any], ...]:
    return (by.time.desc(), by.id.desc()) if order == "newest" else (by.time.asc(), by.id.asc())


def place_of(row: RowMapping, by: Keyset) -> Place:
    """Where a row stands."""
    return Place(row[by.time], row[by.id])
