"""Every route of the table, asked wrongly and rightly, answers as its row declares."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from hub.api.table import ROUTES
from hub.model.ids import uid_text
from hub.web.envelope import ErrorEnvelope
from hub.web.openapi import envelope_of, errors_of
from hub.web.route import Route
from tests.factories.api import TOKEN, make_services
from tests.factories.events import make_entry

GOOD = {"id": "siem:1", "name": "siem", "tenant": "acme"}
BODIES = {
    "/api/v1/tenants": {"tenant": "globex", "administrator": "hank@globex.example"},
    "/api/v1/replays": {"connector": "siem", "code": ["quarantine.added"]},
    "/api/v1/captures": {"source": "guard", "minutes": 1},
    "/api/v1/parked:replay": {"ids": ["siem:1"]},
    "/api/v1/parked:drop": {"connector": "siem"},
    "/api/v1/connectors/{name}/rename": {"to": "siem2"},
}
QUERIES = {"/api/v1/events/facets": {"field": "code"}}
PREPARED = {"/api/v1/replays/{id}", "/api/v1/replays/{id}/cancel"}
API = [route for route in ROUTES if route.path.startswith("/api/")]
GUARDED = [route for route in API if route.scope is not None]
WITH_QUERY = [route for route in GUARDED if route.query is not None]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def path_of(route: Route, **values: str) -> str:
    return route.path.format(**(GOOD | values))


def failed(body: bytes) -> ErrorEnvelope:
    return ErrorEnvelope.model_validate_json(body)


@pytest.mark.parametrize("route", API, ids=name_of)
async def test_a_wrong_method_is_405_in_the_envelope(client, route):
    answer = await client.request("PATCH", path_of(route))

    assert answer.status == 405
    assert failed(await answer.read()).error.code == "METHOD_NOT_ALLOWED"
    assert route.method in answer.headers["Allow"]


@pytest.mark.parametrize("route", GUARDED, ids=name_of)
async def test_without_a_token_it_is_401_in_the_envelope(start, route):
    client = await start(trusted=False)
    answer = await client.request(route.method, path_of(route), json=BODIES.get(route.path))

    assert answer.status == 401
    assert failed(await answer.read()).error.code == "UNAUTHORIZED"


@pytest.mark.parametrize("route", GUARDED, ids=name_of)
async def test_an_unknown_parameter_is_400_and_named(client, route):
    answer = await client.request(
        route.method, path_of(route), params={"nope": "1"}, json=BODIES.get(route.path)
    )
    error = failed(await answer.read()).error

    assert answer.status == 400
    assert error.code == "VALIDATION_ERROR"
    assert "nope" in {detail.field for detail in error.details}


@pytest.mark.parametrize("route", [route for route in API if route.body], ids=name_of)
@pytest.mark.parametrize("body", [b"{", b"[]", b'{"nope":1}', b"\xff", b'"\\ud800"', b"null"])
async def test_a_wrong_body_is_400(client, route, body):
    answer = await client.request(route.method, path_of(route), data=body)

    assert answer.status == 400
    assert failed(await answer.read()).error.details


@pytest.mark.parametrize("route", [route for route in API if route.names], ids=name_of)
@pytest.mark.parametrize(
    "value", ["nothing", "a:0", "x" * 300, "..%2f..%2fetc", "%00", "%ff", "0" * 32, "a:9" + "9" * 5000]
)
async def test_a_name_that_is_not_there_is_404(client, route, value):
    values = dict.fromkeys(route.names, value)
    answer = await client.request(route.method, path_of(route, **values), json=BODIES.get(route.path))

    assert answer.status == 404
    assert failed(await answer.read()).error.code == "NOT_FOUND"


@pytest.mark.parametrize("route", API, ids=name_of)
async def test_asked_rightly_it_answers_what_it_declares(start, route):
    services = make_services()
    client = await start(services)
    values: dict[str, str] = {}
    if "replays" in route.path:
        values["id"] = (await services.replays.start("siem", _everything())).id
    if "captures" in route.path:
        values["id"] = (await services.captures.start("guard", 1)).id
    if "events" in route.path:
        values["id"] = uid_text(make_entry(7).uid)
    if "tenants" in route.path:
        values["tenant"] = "acme"
        services.erasures.shut.add("acme")
        if route.path.endswith("erasure"):
            await services.erasures.start("acme", "ann")
    if route.path.endswith("forget"):
        services.log.states["gone"] = "ok"
        values["name"] = "gone"
    answer = await client.request(
        route.method, path_of(route, **values), params=QUERIES.get(route.path), json=BODIES.get(route.path)
    )
    body = await answer.read()

    assert answer.status == route.status
    if route.media_types:
        assert answer.content_type in {kind.partition(";")[0] for kind in route.media_types}
    else:
        envelope_of(route).model_validate_json(body)


@pytest.mark.parametrize(
    "route", [one for one in GUARDED if "captures" not in one.path and "replays" not in one.path], ids=name_of
)
async def test_with_log_and_archive_down_it_is_503_or_what_it_can_still_answer(start, route):
    services = make_services()
    services.log.down = services.archive.broken = True
    client = await start(services)
    uid = uid_text(make_entry(7).uid)
    values = {"id": uid} if "events" in route.path else {}
    answer = await client.request(
        route.method, path_of(route, **values), params=QUERIES.get(route.path), json=BODIES.get(route.path)
    )

    assert answer.status in {503, route.status}
    if answer.status == 503:
        assert failed(await answer.read()).error.code == "SERVICE_UNAVAILABLE"
        assert 503 in {error.status for error in errors_of(route)}


def _everything() -> Any:
    from hub.archive.query import Query

    return Query()


def fields_of(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


NAMES = sorted({name for route in WITH_QUERY for name in fields_of(route.query)})
VALUES = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        [
            "",
            "1",
            "0",
            "-1",
            "99",
            "1e400",
            "now",
            "2h",
            "9" * 40,
            "a,b",
            ",",
            '"',
            "*",
            "true",
            "1d",
            "csv",
            "code",
        ]
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(WITH_QUERY),
    query=st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), VALUES), max_size=4),
)
async def test_no_query_makes_a_5xx(client, route, query):
    # `wait` holds the request: its own test asks for it.
    query = [(name, "0" if name == "wait" else value) for name, value in query]
    answer = await client.get(path_of(route), params=query)
    body = await answer.read()

    assert answer.status in {200, 400}
    if answer.status == 400:
        assert failed(body).error.code == "VALIDATION_ERROR"
    elif not route.media_types:
        assert orjson.loads(body)["success"] is True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from([route for route in API if route.body]),
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["ids", "connector", "to", "source", "minutes", "since", "q", "class"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
)
async def test_no_body_makes_a_5xx(client, route, body):
    answer = await client.request(route.method, path_of(route), json=body)

    assert answer.status < 500
    assert orjson.loads(await answer.read())["meta"]["request_id"]


async def test_the_token_opens_every_guarded_route(start):
    client = await start(trusted=False)
    answer = await client.get("/api/v1/books", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status == 200


async def test_without_a_configured_token_tcp_says_how_to_set_one(start):
    client = await start(make_services(token=None), trusted=False)
    answer = await client.get("/api/v1/books")

    assert answer.status == 401
    assert "admin_token" in (await answer.json())["error"]["message"]


async def test_a_token_changed_by_a_reload_counts_at_once(start):
    services = make_services()
    client = await start(services, trusted=False)
    services.settings = make_services(token="another").settings
    old = await client.get("/api/v1/books", headers={"X-API-Key": TOKEN})
    new = await client.get("/api/v1/books", headers={"X-API-Key": "another"})

    assert (old.status, new.status) == (401, 200)
