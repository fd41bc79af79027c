"""One service for the whole of `test_every_route.py`, and owners and keys for its questions."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.api.table import ROUTES
from core.store.tables import domains
from hub.access.scopes import ADMIN, SCOPES, implied
from hub.web.route import Route
from tests.core.api.made import GOOD, MADE, Ask, Values
from tests.factories.core_api import Api, Said
from tests.factories.owner import Owner

__all__ = ["API", "Every", "Tied", "ask_of", "name_of", "thing_of"]

ROOT = "/api/v1"
API: Sequence[Route] = [route for route in ROUTES if route.path.startswith(ROOT)]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path.removeprefix(ROOT)}"


def thing_of(route: Route) -> str:
    """The path up to its last parameter: what has to be made before the route can be asked."""
    path = route.path.removeprefix(ROOT)
    return path[: path.rindex("}") + 1]


def ask_of(route: Route) -> Ask:
    return GOOD.get(name_of(route), Ask())


@dataclass(frozen=True, slots=True)
class Tied:
    """One of everything, of a domain that is tied to the key `holder`; `things`: values by path."""

    owner: Owner
    things: Mapping[str, Values]
    holder: str


@dataclass(slots=True)
class Every:
    """The service, asked over and over."""

    api: Api
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    has_all: Owner | None = None
    has_tied: Tied | None = None
    keys: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def owner(self, tenant: str = "default") -> Owner:
        """A new one, with a tag of its own; `tenant` as well unless it is given."""
        tag = f"t{next(self.numbers):04}q"
        return Owner(self.api, tenant or tag, tag)

    async def key(self, *scopes: str, tenant: str, domains: Sequence[str] = ("*",), **limits: int) -> str:
        """The same one for the same rights; without limits it may ask as often as the suite does."""
        rights = (scopes, tenant, tuple(domains), *limits)
        if rights not in self.keys:
            self.keys[rights] = await self.api.key(
                *scopes,
                tenant=tenant,
                domains=domains,
                allow_key_admin=True,
                limits=limits or {"per_minute": 1_000_000},
            )
        return self.keys[rights]

    async def rich(self) -> Owner:
        """The same one, of a tenant of its own, with one of everything."""
        if self.has_all is None:
            self.has_all = self.owner(tenant="")
            for maker in MADE.values():
                await maker(self.has_all)
        return self.has_all

    async def tied(self) -> Tied:
        """The same one, made of its own tenant's things."""
        if self.has_tied is None:
            owner = self.owner(tenant="")
            things = {path: await maker(owner) for path, maker in MADE.items()}
            holder = await self.key("full-admin", tenant=owner.tenant, per_minute=1_000_000)
            key = (await self.api.core.access.keyring.authenticate(holder)).key_id
            mine = domains.c.tenant == owner.tenant
            async with self.api.core.database.begin() as tx:
                await tx.execute(domains.update().where(mine).values(api_key_id=key))
            self.has_tied = Tied(owner, things, holder)
        return self.has_tied

    async def spent(self) -> str:
        """A key whose only request of the day is done."""
        key = await self.key("events:read", tenant="default", per_day=1)
        await self.api.call("GET", "/nowhere", key=key)
        await self.api.call("GET", "/events", key=key)
        return key

    async def all_but(self, scope: str) -> str:
        """A key with every scope but this one and those that hold it."""
        given = sorted(one for one in SCOPES - {ADMIN} if scope not in implied(one))
        return await self.key(*given, tenant="default")

    async def make(self, route: Route, owner: Owner) -> Values:
        if not route.names:
            return {}
        maker = MADE.get(thing_of(route))
        assert maker is not None, (
            f"{name_of(route)} names a thing that this suite cannot make: add a maker under"
            f' @made("{thing_of(route)}") to tests/core/api/made.py, which gives {", ".join(route.names)}'
        )
        values = await maker(owner)
        assert set(values) >= set(route.names), f'the maker of "{thing_of(route)}" gives too few values'
        return values

    def query(self, route: Route) -> Mapping[str, str]:
        """Parameters that hold, for questions about something else."""
        good = ask_of(route).query
        return good(self.owner(), {}) if good else {}

    async def ask(self, route: Route, values: Values, owner: Owner, key: str | None = None) -> Said:
        """Rightly, as `made.GOOD` says."""
        good = ask_of(route)
        body = None
        if route.body is not None:
            body = good.body(owner, values) if good.body else {}
        query = good.query(owner, values) if good.query else {}
        return await self.api.call(route.method, route.path.format(**values), body, key=key, params=query)
