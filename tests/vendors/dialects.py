"""The dialects that the core speaks so far, and how to start each for its examples.

A new folder `core/dialects/<name>` needs an entry here: `test_examples.py` fails without one.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tests.factories.core import quiet_sandbox
from tests.factories.valkey import valkey
from tests.vendors.model import Vendor
from tests.vendors.runner import World

__all__ = ["DIALECTS", "Dialect", "package_of", "route_of", "routes_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    routes: Callable[[], Iterable[tuple[str, str]]]
    """Method and path of each, as aiohttp takes them."""
    world: Callable[[Path], AbstractAsyncContextManager[World]]
    """Starts it on loopback with what the examples talk about; the folder is its own."""


def _mailguard_routes() -> Iterable[tuple[str, str]]:
    from core.dialects.mailguard.app import ROUTES

    return [(route.method, route.path) for route in ROUTES]


@asynccontextmanager
async def _mailguard(folder: Path) -> AsyncIterator[World]:
    async with valkey() as redis, quiet_sandbox(folder, redis) as sandbox:
        await sandbox.life.deliver("phishing", count=3)
        keys = {"default": sandbox.keys["admin-key"], "read-only": sandbox.keys["api-key"]}
        yield World(url=sandbox.url, keys=keys)


def _mailchannels_routes() -> Iterable[tuple[str, str]]:
    from core.dialects.mailchannels.app import MAILCHANNELS

    return [(route.method, route.path) for route in MAILCHANNELS.routes]


@asynccontextmanager
async def _mailchannels(folder: Path) -> AsyncIterator[World]:
    from tests.factories.core import raw_mail
    from tests.factories.mailchannels import inbound_world, key

    async with inbound_world(folder) as (url, inbound):
        await inbound.provision("acme.example")
        message = raw_mail(To="Grace <grace@acme.example>").decode()
        facts = {"other_key": await key(inbound.core), "message": message, "recipient": "grace@acme.example"}
        yield World(url=url, keys={"default": inbound.admin}, facts=facts)


def _mailsentinel_routes() -> Iterable[tuple[str, str]]:
    from core.dialects.mailsentinel.app import MAILSENTINEL

    return [(route.method, route.path) for route in MAILSENTINEL.routes]


@asynccontextmanager
async def _mailsentinel(folder: Path) -> AsyncIterator[World]:
    from tests.factories.mailsentinel import sentinels_world

    async with sentinels_world(folder) as (url, keys, facts):
        yield World(url=url, keys=keys, facts=facts)


def _manager_routes() -> Iterable[tuple[str, str]]:
    from core.dialects.mxroute_manager.app import MXROUTE_MANAGER

    return [(route.method, route.path) for route in MXROUTE_MANAGER.routes]


@asynccontextmanager
async def _manager(folder: Path) -> AsyncIterator[World]:
    from tests.factories.manager import managers_world

    async with managers_world(folder) as (url, keys):
        yield World(url=url, keys=keys)


def _mxguard_routes() -> Iterable[tuple[str, str]]:
    from core.dialects.mxguard.app import MXGUARD

    return [(route.method, route.path) for route in MXGUARD.routes]


@asynccontextmanager
async def _mxguard(folder: Path) -> AsyncIterator[World]:
    from tests.factories.mxguards import mxguards_world

    async with mxguards_world(folder) as (_, url, keys):
        yield World(url=url, keys=keys, facts={"domain": "acme.example"})


DIALECTS = {
    "mailchannels": Dialect(routes=_mailchannels_routes, world=_mailchannels),
    "mailguard": Dialect(routes=_mailguard_routes, world=_mailguard),
    "mailsentinel": Dialect(routes=_mailsentinel_routes, world=_mailsentinel),
    "mxguard": Dialect(routes=_mxguard_routes, world=_mxguard),
    "mxroute-manager": Dialect(routes=_manager_routes, world=_manager),
}
"""By the vendor's name."""


def package_of(vendor: str) -> str:
    """The folder below `core/dialects` that a vendor's dialect has, or will have."""
    return vendor.replace("-", "_")


def routes_of(vendor: str) -> web.UrlDispatcher:
    """A router that knows the dialect's routes; empty when there is no dialect yet.

    It lets any text stand for a variable: which ids there are is known only when the dialect runs.
    """
    router = web.UrlDispatcher()
    dialect = DIALECTS.get(vendor)
    for method, path in dialect.routes() if dialect else ():
        router.add_route(method, web.UrlDispatcher().add_resource(path).canonical, _never)
    return router


async def _never(_: web.Request) -> web.StreamResponse:
    raise AssertionError("this router only resolves")


async def route_of(router: web.UrlDispatcher, facts: Vendor, method: str, path: str) -> str:
    """`GET /api/v1/domains/{id}`, the route that would answer, or an empty text."""
    match = await router.resolve(make_mocked_request(method, facts.base + path))
    resource = match.route.resource
    return f"{method} {resource.canonical}" if match.http_exception is None and resource else ""
