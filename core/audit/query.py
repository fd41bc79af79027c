"""Reading the audit log of one tenant: filters and pages."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Entry
from core.paging.cursor import Cursors
from core.paging.keyset import Asked, Keyset, Order, Page
from core.paging.keyset import page as page_of
from core.reports.within import Within, anywhere
from core.store.tables import audit_entries

__all__ = ["Filter", "actions", "entry", "page"]

_entry = audit_entries.c
_BY = Keyset(_entry.at_ms, _entry.seq)
Bound = Literal["from", "to"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Times are inclusive; `resource` matches a type, a `type/id`, or what lies below one.

    `within` are the domains that the reader may see; it is no part of the question, so a cursor outlives a
    change of grants.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    actor: str | None = None
    action: str | None = None
    resource: str | None = None
    domain: str | None = None
    result: Literal["success", "failure"] | None = None
    within: Within = anywhere

    def select(self, tenant: str, *, passed: Bound | None = None) -> Select[Any]:
        """The entries of a tenant that match.

        `passed` is the bound that says nothing more, a cursor's place being past it: SQLite would begin each
        page at the wrong one of the two.
        """
        mine = (_entry.tenant == tenant, self.within(_entry.domain))
        return select(audit_entries).where(*mine, *self._conditions(passed))

    def as_dict(self) -> Mapping[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "within"}

    def _conditions(self, passed: Bound | None) -> list[ColumnElement[bool]]:
        table: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
            (self.from_ms if passed != "from" else None, _entry.at_ms.__ge__),
            (self.to_ms if passed != "to" else None, _entry.at_ms.__le__),
            (self.actor, _entry.actor.__eq__),
            (self.action, _entry.action.__eq__),
            (self.domain, _entry.domain.__eq__),
            (self.result, _entry.result.__eq__),
            (self.resource, _about),
        )
        return [compare(value) for value, compare in table if value is not None]


def _about(asked: str) -> ColumnElement[bool]:
    """A resource begins with its type."""
    if "/" not in asked:
        return _entry.resource_type == asked
    below = and_(_entry.resource > asked + "/", _entry.resource < asked + "0")
    return or_(_entry.resource == asked, below)


async def page(
    tx: AsyncConnection,
    chain: Chain,
    tenant: str,
    asked: Filter,
    cursors: Cursors,
    *,
    limit: int = 100,
    cursor: str | None = None,
    order: Order = "newest",
) -> Page[Entry]:
    """Some entries. Raises `ValidationFailed` and `CursorExpired` for the cursor."""
    paged = Asked(scope=f"audit:{tenant}", filters=asked.as_dict(), limit=limit, cursor=cursor, order=order)
    passed: Bound | None = None if cursor is None else "to" if order == "newest" else "from"
    found = await page_of(tx, asked.select(tenant, passed=passed), _BY, cursors, paged)
    return found.of(chain.entry)


async def entry(
    tx: AsyncConnection, chain: Chain, tenant: str, entry_id: str, within: Within = anywhere
) -> Entry | None:
    """One entry by its id."""
    mine = (_entry.tenant == tenant, within(_entry.domain))
    asked = select(audit_entries).where(*mine, _entry.id == entry_id)
    row = (await tx.execute(asked)).mappings().one_or_none()
    return chain.entry(row) if row is not None else None


async def actions(tx: AsyncConnection, tenant: str, within: Within = anywhere) -> list[str]:
    """Every action that occurs, for a choice of filters. Looks from one to the next, not at all entries."""
    mine = (_entry.tenant == tenant, within(_entry.domain))
    found = select(func.min(_entry.action).label("action")).where(*mine).cte("found", recursive=True)
    following = select(func.min(_entry.action)).where(*mine, _entry.action > found.c.action)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.action.is_not(None)))
    asked = select(found.c.action).where(found.c.action.is_not(None))
    return list((await tx.execute(asked)).scalars())
