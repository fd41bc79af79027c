"""Every route of the table is asked wrongly and rightly and answers as its row declares.

What a new route needs so that it can be asked stands in `made.py`. The dialects are asked in
`tests/core/dialects/test_every_dialect.py`, most of these routes with them.
"""

import jsonschema
import orjson
import pytest
from pydantic import RootModel

from core.store.tables import domains
from hub.access.audit import Actor
from hub.web.envelope import ErrorEnvelope
from hub.web.openapi import describe, envelope_of, errors_of
from hub.web.route import ANY_CALLER
from tests.core.api.every import API, ask_of, name_of, thing_of
from tests.core.api.made import GOOD, without_logins_and_grants

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUARDED = [route for route in API if route.scope is not None]
SCOPED = [route for route in GUARDED if route.scope != ANY_CALLER]
NAMED = [route for route in API if route.names]
ON_DOMAIN = [route for route in GUARDED if "domain" in route.names]
WITH_BODY = [route for route in API if route.body is not None]
LISTS = [route for route in GUARDED if route.method == "GET" and not route.names]
READS = [route for route in API if route.method == "GET"]
GUARDED_READS = [route for route in READS if route.scope is not None]
UNKNOWN = ("nothing", "x" * 300, "..%2f..%2fetc", "%00", "%ff", "9" * 40)
MAKER = Actor(type="local", id="local", name="local")


def routes(chosen):
    return pytest.mark.parametrize("route", chosen, ids=name_of)


def placeholder(route):
    """A path that can be asked where it does not matter whether the thing is there."""
    return route.path.format(**{name: f"{name}.example" for name in route.names})


def problem(said):
    return ErrorEnvelope.model_validate_json(said.raw).error


def tells_limits(said):
    """On every answer, whatever it is."""
    given = {name: int(said.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")}
    later = "Retry-After" in said.headers
    return (
        given["Limit"] > given["Remaining"] >= 0
        and given["Reset"] > 0
        and later == (said.status in {429, 503})
    )


# -- who may -------------------------------------------------------------------------------------------------
@routes(GUARDED)
async def test_without_a_key_that_is_known_it_is_401(every, route):
    for key in ("", "mfk_live_" + "x" * 43, "\xff", "x" * 5000):
        said = await every.api.call(route.method, placeholder(route), key=key)

        assert (said.status, problem(said).code) == (401, "UNAUTHORIZED")
        assert said.headers["WWW-Authenticate"].startswith("Bearer")
        assert tells_limits(said)


@routes(SCOPED)
async def test_without_its_scope_it_is_403_that_names_the_scope(every, route):
    said = await every.api.call(route.method, placeholder(route), key=await every.all_but(route.scope))

    assert (said.status, problem(said).code) == (403, "FORBIDDEN")
    assert route.scope in said.error["message"]
    assert tells_limits(said)


@routes(ON_DOMAIN)
async def test_a_domain_that_the_key_is_not_bound_to_is_403(every, route):
    owner = every.owner()
    values = await every.make(route, owner)
    key = await every.key("full-admin", tenant="default", domains=["elsewhere.example"])
    said = await every.ask(route, values, owner, key)

    assert (said.status, problem(said).code) == (403, "FORBIDDEN")


@routes(ON_DOMAIN)
async def test_a_domain_that_is_tied_to_another_key_is_404(every, route):
    owner = every.owner()
    values = await every.make(route, owner)
    held_by, _ = await every.api.core.access.keyring.make(
        MAKER, tenant="default", grants=(await keys_of(every))[0].grants
    )
    async with every.api.core.database.begin() as tx:
        tied = domains.update().where(domains.c.name == values["domain"]).values(api_key_id=held_by.id)
        await tx.execute(tied)
    said = await every.ask(route, values, owner)

    assert (said.status, problem(said).code) == (404, "NOT_FOUND")


async def keys_of(every):
    return await every.api.core.access.keyring.every("default")


@routes([route for route in NAMED if route.scope is not None and not ask_of(route).everywhere])
async def test_a_thing_of_another_tenant_is_404(every, route):
    owner = every.owner(tenant="")
    values = await every.make(route, owner)
    said = await every.ask(route, values, owner)

    assert (said.status, problem(said).code) == (404, "NOT_FOUND")


@routes(LISTS)
async def test_things_of_another_tenant_are_in_no_list(every, route):
    owner = await every.rich()
    mine = every.owner(tenant="")
    said = await every.ask(route, {}, mine, await every.key("full-admin", tenant=mine.tenant))

    assert owner.tag not in said.raw.decode("utf-8", "replace")


@routes(LISTS)
async def test_things_of_a_domain_that_the_key_is_not_bound_to_are_in_no_list(every, route):
    owner = await every.rich()
    key = await every.key("full-admin", tenant=owner.tenant, domains=["elsewhere.example"])
    said = await every.ask(route, {}, owner, key)

    assert await owner.domain() not in said.raw.decode("utf-8", "replace")


@routes(GUARDED_READS)
async def test_things_of_a_domain_that_is_tied_to_another_key_are_in_no_answer(every, route):
    tied = await every.tied()
    other = await every.key("full-admin", tenant=tied.owner.tenant)
    said = await every.ask(route, values_of(route, tied), tied.owner, other)

    assert said.status == 404 or await tied.owner.domain() not in without_logins_and_grants(said, tied.owner)
    assert tied.things["/webhooks/{webhook}/deliveries/{delivery}"][
        "delivery"
    ] not in without_logins_and_grants(said, tied.owner)


async def test_to_its_own_key_they_are_shown(every):
    tied, shown = await every.tied(), set()
    for route in GUARDED_READS:
        said = await every.ask(route, values_of(route, tied), tied.owner, tied.holder)
        if await tied.owner.domain() in without_logins_and_grants(said, tied.owner):
            shown.add(name_of(route))

    assert shown >= {
        f"GET /{one}" for one in ("domains", "events", "outbox", "verdicts", "quarantine", "alerts")
    }
    assert shown >= {"GET /audit/logs", "GET /audit/logs/export", "GET /dmarc/reports", "GET /users/{email}"}


def values_of(route, tied):
    """Of the thing that the route is of, or has in its list."""
    path = route.path.removeprefix("/api/v1")
    listed = [values for thing, values in tied.things.items() if thing.startswith(f"{path}/{{")]
    return listed[0] if listed else tied.things[thing_of(route)] if route.names else {}


# -- how often -----------------------------------------------------------------------------------------------
@routes(GUARDED)
async def test_over_the_keys_limit_it_is_429_and_says_when_to_come_again(every, route):
    said = await every.api.call(route.method, placeholder(route), key=await every.spent())

    assert (said.status, problem(said).code) == (429, "RATE_LIMITED")
    assert 0 < int(said.headers["Retry-After"]) <= 86_400
    assert (said.headers["X-RateLimit-Limit"], said.headers["X-RateLimit-Remaining"]) == ("1", "0")
    assert tells_limits(said)


@routes(GUARDED)
async def test_over_the_limit_of_the_whole_tenant_it_is_503(every, route):
    key = await every.key("events:read", tenant="crowded", tenant_per_second=1)
    for _ in range(100):
        said = await every.api.call(route.method, placeholder(route), key=key)
        if said.status == 503:
            break

    assert (said.status, problem(said).code) == (503, "SERVICE_UNAVAILABLE")
    assert int(said.headers["Retry-After"]) == 1
    assert said.headers["X-RateLimit-Limit"] == "1"
    assert tells_limits(said)


# -- asked wrongly -------------------------------------------------------------------------------------------
@routes([route for route in API if not route.media_types or route.scope])
async def test_an_unknown_parameter_is_400_and_named(every, route):
    said = await every.api.call(route.method, placeholder(route), {}, params={"nope": "1"})

    assert (said.status, problem(said).code) == (400, "VALIDATION_ERROR")
    assert "nope" in {detail.field for detail in problem(said).details}


@routes(WITH_BODY)
async def test_a_body_that_is_none_is_400(every, route):
    for body in (b"{", b"[]", b"\xff", b'"\\ud800"', b"null", b"[" * 10_000):
        said = await every.api.call(route.method, placeholder(route), data=body)

        assert (said.status, problem(said).code) == (400, "VALIDATION_ERROR")
        assert problem(said).details


@routes(WITH_BODY)
async def test_a_field_that_is_unknown_or_missing_is_400_and_named(every, route):
    said = await every.api.call(route.method, placeholder(route), {"nope": 1}, params=every.query(route))
    fields = {detail.field for detail in problem(said).details}
    model = route.body.model_fields
    needed = {info.alias or name for name, info in model.items() if info.is_required()}

    assert said.status == 400
    assert "nope" in fields or issubclass(route.body, RootModel)
    assert needed <= {field.partition(".")[0] for field in fields} | {"body"}


@routes(WITH_BODY)
async def test_a_value_of_another_type_is_400_and_named(every, route):
    names = [info.alias or name for name, info in route.body.model_fields.items()]
    odd = {name: {"odd": [object.__name__]} for name in names}
    said = await every.api.call(route.method, placeholder(route), odd, params=every.query(route))

    assert (said.status, problem(said).code) == (400, "VALIDATION_ERROR")
    assert {str(detail.field).partition(".")[0] for detail in problem(said).details} & {*names, "body"}


@routes(NAMED)
async def test_a_thing_that_is_not_there_is_404(every, route):
    owner = every.owner()
    values = await every.make(route, owner)
    last = route.names[-1]
    for value in UNKNOWN:
        said = await every.ask(route, {**values, last: value}, owner, "" if route.scope is None else None)

        assert said.status in {404, ask_of(route).unknown}, (value, said.raw[:300])
        assert said.status == 200 or problem(said).code
        assert tells_limits(said)


@routes(API)
async def test_a_method_that_it_does_not_take_is_405(every, route):
    taken = {one.method for one in API if one.path == route.path}
    other = next(method for method in ("PATCH", "PUT", "DELETE", "POST", "GET") if method not in taken)
    said = await every.api.call(other, placeholder(route))

    assert (said.status, problem(said).code) in {(405, "METHOD_NOT_ALLOWED"), (404, "NOT_FOUND")}
    assert said.status == 404 or set(said.headers["Allow"].split(", ")) >= taken
    assert tells_limits(said)


# -- asked rightly -------------------------------------------------------------------------------------------
@routes(API)
async def test_asked_rightly_it_answers_what_it_declares(every, route):
    owner = every.owner()
    values = await every.make(route, owner)
    said = await every.ask(route, values, owner, "" if route.scope is None else None)
    good = ask_of(route)

    assert tells_limits(said) or said.status == 503
    assert said.status == (good.status or route.status), (
        f"{name_of(route)} answered {said.raw[:400]!r}; say in tests/core/api/made.py, GOOD, how to ask it"
    )
    if said.status >= 400:
        assert good.why
        assert said.status in {error.status for error in errors_of(route)}
    elif route.media_types:
        kinds = {kind.partition(";")[0] for kind in route.media_types}
        assert said.headers["Content-Type"].partition(";")[0] in kinds
    else:
        envelope_of(route).model_validate_json(said.raw)


@routes(READS)
async def test_head_answers_as_get_does_without_a_body(every, route):
    owner = every.owner()
    values = await every.make(route, owner)
    good, key = ask_of(route), "" if route.scope is None else None
    query = good.query(owner, values) if good.query else {}
    said = await every.api.call("HEAD", route.path.format(**values), params=query, key=key)

    assert said.status == (good.status or route.status)
    assert said.raw == b""


# -- the suite itself, and the document ----------------------------------------------------------------------
async def test_what_is_registered_is_asked():
    assert set(GOOD) <= {name_of(route) for route in API}, "GOOD names routes that are not there"


async def test_the_description_is_openapi_that_names_every_route():
    document = describe(API, title="t", version="1", summary="s")
    orjson.dumps(document)

    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    described = {(method.upper(), path) for path, row in document["paths"].items() for method in row}
    assert described == {(route.method, route.path) for route in API}
