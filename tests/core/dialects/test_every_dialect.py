"""Every route of every dialect is asked wrongly, in its vendor's form: one question, all routes of a dialect.

What a new dialect or route needs stands in `surfaces.py`.
"""

import json
import random
import shutil
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from core.app.dialects import DIALECTS, dialect_of
from core.dialects.dialect import create_app
from core.store.database import Database, sqlite_url
from core.store.tables import domains
from hub.access.audit import Actor
from hub.access.principal import Grant
from hub.access.scopes import ADMIN, SCOPES, implied
from hub.access.secret_text import STYLES
from hub.web.route import ANY_CALLER
from tests.core.api.every import API, name_of
from tests.core.api.made import GOOD, MADE, Ask, without_logins_and_grants
from tests.core.dialects.surfaces import SURFACES
from tests.factories.core_api import Said, make_core, serve
from tests.factories.owner import Owner

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAKER = Actor(type="local", id="local", name="local")
UNKNOWN = ("nothing", "x" * 300, "..%2f..%2fetc", "%00", "%ff", "9" * 40)
BODIES = (b"{", b"[]", b"\xff", b'"\\ud800"', b"null", b"[" * 10_000)
OF_A_DOMAIN = (
    *("/verdicts/{verdict}", "/quarantine/{item}", "/audit/logs/{entry}", "/dmarc/reports/{report}"),
    *("/alerts/{alert}", "/alert-rules/{rule}", "/webhooks/{webhook}/deliveries/{delivery}"),
)
"""Makers of what dialects have lists of."""
FREE = {"per_minute": 1_000_000}
OWN = {(route.method, route.path): route for route in API}


class Asked:
    """One dialect over the service that all of them share."""

    def __init__(self, name, api, numbers):
        self.name, self.api, self._numbers = name, api, numbers
        self.surface = SURFACES[name]
        self.routes = dialect_of(name).routes
        self.guarded = [route for route in self.routes if route.scope is not None]
        self._keys = {}

    async def key(self, *scopes, tenant="default", domains=("*",), **limits):
        rights = (scopes, tenant, tuple(domains), *limits.items())
        if rights not in self._keys:
            _, self._keys[rights] = await self.api.core.access.keyring.make(
                MAKER,
                tenant=tenant,
                grants=[Grant.of(scopes, domains)],
                allow_key_admin=True,
                limits=limits or FREE,
                style=STYLES[self.name],
            )
        return self._keys[rights]

    def owner(self, tenant="default"):
        tag = f"{self.name.replace('-', '')}{next(self._numbers):04}q"
        return Owner(self.api, tenant or tag, tag)

    async def call(self, route, path=None, key=None, **more):
        given = await self.key("full-admin") if key is None else key
        headers = {**(self.surface.key(given) if given else {}), **more.pop("headers", {})}
        body = more.pop("json", None)
        more.update({} if body is None else {"data": json.dumps(body).encode("utf-8", "replace")})
        where = path or placeholder(route)
        async with self.api.client.request(
            route.method, where, headers=headers, allow_redirects=False, **more
        ) as answer:
            return Said(answer.status, answer.headers, await answer.read())

    def ask(self, route):
        mine = f"{route.method} {route.path.removeprefix(self.surface.base)}"
        if mine in self.surface.asks:
            return self.surface.asks[mine]
        return GOOD.get(name_of(route), Ask()) if (route.method, route.path) in OWN else Ask()

    async def make(self, route, owner):
        if not route.names:
            return {}
        thing = thing_of(route, self)
        maker = self.surface.made.get(thing) or (MADE.get(thing) if self.surface.own else None)
        assert maker is not None, f"{self.name} names {thing}: add a maker to surfaces.py"
        return await maker(owner)

    async def rightly(self, route, values, owner, key=None):
        ask = self.ask(route)
        body = ask.body(owner, values) if ask.body else {} if route.body is not None else None
        query = dict(ask.query(owner, values)) if ask.query else {}
        return await self.call(route, route.path.format(**values), key, json=body, params=query)


def thing_of(route, asked):
    """The path up to its last parameter."""
    path = route.path.removeprefix(asked.surface.base)
    return path[: path.rindex("}") + 1] if route.names else ""


def placeholder(route):
    return route.path.format(**{name: f"{name}.example" for name in route.names})


def shown(route, said):
    return f"{route.method} {route.path} answered {said.status} {said.raw[:200]!r}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(sqlite_template, bucket_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dialects")
    shutil.copyfile(sqlite_template, folder / "core.sqlite3")
    (folder / "core.sqlite3").chmod(0o600)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(sqlite_url(folder / "core.sqlite3")))
        redis = Redis.from_url(bucket_server.url)
        stack.push_async_callback(redis.aclose)
        yield await make_core(database, redis, folder / "core", stack)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=sorted(DIALECTS))
async def asked(service, request):
    app = create_app(service, dialect_of(request.param))
    async with serve(service, app) as api:
        yield Asked(request.param, api, iter(range(10_000)))


def collect(wrong, route, said, *, holds):
    if not holds:
        wrong.append(shown(route, said))


async def test_without_a_key_that_is_known_it_is_401(asked):
    wrong = []
    for route in asked.guarded:
        for key in ("", STYLES[asked.name].new(), "\xff", "x" * 5000):
            said = await asked.call(route, key=key)
            collect(wrong, route, said, holds=said.status == 401 and asked.surface.why(said))
    assert not wrong, "\n".join(wrong)


async def test_without_its_scope_it_is_403(asked):
    wrong = []
    for route in asked.guarded:
        if route.scope == ANY_CALLER:
            continue
        others = sorted(one for one in SCOPES - {ADMIN} if route.scope not in implied(one))
        said = await asked.call(route, key=await asked.key(*others))
        collect(wrong, route, said, holds=said.status == 403 and asked.surface.why(said))
    assert not wrong, "\n".join(wrong)


async def test_a_domain_that_the_key_is_not_bound_to_is_not_told_of(asked):
    wrong, owner = [], asked.owner()
    bound = await asked.key("full-admin", domains=["elsewhere.example"])
    for route in asked.guarded:
        if "domain" not in route.names:
            continue
        said = await asked.rightly(route, await asked.make(route, asked.owner()), owner, bound)
        collect(wrong, route, said, holds=said.status in {403, 404} and asked.surface.why(said))
    assert not wrong, "\n".join(wrong)


async def test_a_domain_that_is_tied_to_another_key_is_refused(asked):
    wrong = []
    tied_to, _ = await asked.api.core.access.keyring.make(
        MAKER, tenant="default", grants=[Grant.of(["read-only"])]
    )
    for route in asked.guarded:
        if "domain" not in route.names:
            continue
        owner = asked.owner()
        values = await asked.make(route, owner)
        async with asked.api.core.database.begin() as tx:
            tie = domains.update().where(domains.c.name == values["domain"]).values(api_key_id=tied_to.id)
            await tx.execute(tie)
        said = await asked.rightly(route, values, owner)
        collect(wrong, route, said, holds=said.status in {403, 404} and asked.surface.why(said))
    assert not wrong, "\n".join(wrong)


async def test_things_of_another_tenant_are_not_there(asked):
    wrong = []
    for route in asked.guarded:
        if not route.names or asked.ask(route).everywhere or set(route.names) <= {"list", "listname"}:
            continue
        owner = asked.owner(tenant="")
        said = await asked.rightly(route, await asked.make(route, owner), owner)
        allowed = {404, asked.ask(route).unknown}
        collect(wrong, route, said, holds=said.status in allowed and asked.surface.why(said))
    assert not wrong, "\n".join(wrong)


async def test_things_of_another_tenant_are_in_no_list(asked):
    wrong, owner = [], asked.owner(tenant="")
    for route in {thing_of(route, asked): route for route in asked.guarded}.values():
        await asked.make(route, owner)
    key = await asked.key("full-admin", tenant="somebody")
    for route in asked.guarded:
        if route.method == "GET" and not route.names:
            said = await asked.rightly(route, {}, asked.owner(), key)
            collect(wrong, route, said, holds=owner.tag not in said.raw.decode("utf-8", "replace"))
    assert not wrong, "\n".join(wrong)


async def test_things_of_a_domain_that_is_tied_to_another_key_are_in_no_answer(asked):
    owner, reads = asked.owner(tenant=""), [route for route in asked.guarded if route.method == "GET"]
    for path in OF_A_DOMAIN:
        await MADE[path](owner)
    things = {thing_of(route, asked): await asked.make(route, owner) for route in reads}
    other = await asked.key("full-admin", tenant=owner.tenant)
    async with asked.api.core.database.begin() as tx:
        mine = domains.update().where(domains.c.tenant == owner.tenant)
        await tx.execute(mine.values(api_key_id="key_x"))
    wrong = []
    for route in reads:
        said = await asked.rightly(route, things[thing_of(route, asked)], owner, other)
        told = await owner.domain() in without_logins_and_grants(said, owner)
        collect(wrong, route, said, holds=said.status in {403, 404} or not told)
    assert not wrong, "\n".join(wrong)


async def test_over_the_keys_limit_it_is_refused_with_exactly_the_headers_of_the_page(asked):
    key = await asked.key("events:read", per_day=1)
    await asked.call(asked.guarded[0], key=key)
    wrong = []
    for route in asked.guarded:
        said = await asked.call(route, key=key)
        collect(wrong, route, said, holds=asked.surface.limited(said) and asked.surface.why(said))
    assert not wrong, "\n".join(wrong)


async def test_a_body_that_does_not_hold_is_400_and_names_the_field(asked):
    wrong = []
    for route in asked.routes:
        if route.body is None:
            continue
        values = await asked.make(route, asked.owner())
        path = route.path.format(**values)
        needed = [info.alias or name for name, info in route.body.model_fields.items() if info.is_required()]
        for body in BODIES:
            said = await asked.call(route, path, data=body)
            collect(wrong, route, said, holds=said.status == 400 and asked.surface.why(said))
        query = asked.ask(route).query
        said = await asked.call(
            route, path, json={}, params=dict(query(asked.owner(), values)) if query else {}
        )
        if needed:
            named = said.status == 400 and any(name in asked.surface.why(said) for name in needed)
            collect(wrong, route, said, holds=named)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
async def test_a_thing_that_is_not_there_is_404(asked):
    wrong = []
    for route in asked.routes:
        if not route.names:
            continue
        owner = asked.owner()
        values = await asked.make(route, owner)
        last = route.names[-1]
        allowed = {404, 400, asked.ask(route).unknown}
        for value in UNKNOWN:
            said = await asked.rightly(route, {**values, last: value}, owner)
            collect(wrong, route, said, holds=said.status in allowed or creates(route, said))
    said = await asked.call(asked.guarded[0], asked.surface.base + "/nowhere-at-all")
    assert not wrong, "\n".join(wrong)
    assert said.status == 404
    assert asked.surface.why(said)


def creates(route, said):
    """A PUT or POST that makes what it names, a DELETE that is content, a list that is empty."""
    return said.status in range(200, 300) and (route.method != "GET" or said.raw in {b"[]", b'{"data":[]}'})


@pytest.mark.slow
async def test_nothing_that_a_stranger_sends_is_a_500(asked):
    wrong, dice = [], random.Random(7)
    texts = ("\x00", "\ud800", "a" * 900, "-1", "1e999", "NaN", "%", "2026-13-45", "[]", "{}", "' OR 1=1 --")
    shapes = (
        None,
        True,
        -1,
        2**70,
        1e300,
        "",
        "x" * 5000,
        "\x00",
        [],
        [[]],
        {},
        {"a": {"b": []}},
        ["\u202e"],
    )
    for route in asked.routes:
        if route.scope is not None and route.method == "DELETE" and not route.names:
            continue
        fields = [
            info.alias or name for name, info in (route.body.model_fields.items() if route.body else ())
        ]
        query = [
            info.alias or name for name, info in (route.query.model_fields.items() if route.query else ())
        ]
        for _ in range(4):
            body = {name: dice.choice(shapes) for name in fields}
            params = {name: dice.choice(texts).encode("utf-8", "replace").decode() for name in query}
            said = await asked.call(route, json=body if route.body else None, params=params)
            collect(wrong, route, said, holds=said.status < 500 or said.status == 503)
    assert not wrong, "\n".join(wrong)


async def test_every_dialect_has_a_surface():
    assert set(DIALECTS) <= set(SURFACES), "say in surfaces.py how the new dialect looks from outside"
