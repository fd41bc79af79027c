"""MxGuard's contract and the page for people, held against what is answered."""

import pytest
from jsonschema import Draft202012Validator

from core.dialects.mxguard.app import MXGUARD

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1"
PATHS = (
    *("/me", "/domains", "/domains/{domain}/rules", "/verdicts", "/quarantine", "/stats"),
    *("/tokens", "/webhooks", "/customers"),
)


async def test_the_description_names_every_route_and_the_page_too(place):
    said = await place.call("GET", f"{V1}/openapi.json", key="")
    page = await place.call("GET", f"{V1}/docs", key="")
    described = {(method.upper(), path) for path, row in said.body["paths"].items() for method in row}

    assert described == {(route.method, route.path) for route in MXGUARD.routes}
    assert all(route.path.encode() in page.raw for route in MXGUARD.routes)


@pytest.mark.parametrize("path", PATHS)
async def test_answers_are_as_the_description_says(shared_mxguard, place, path):
    await shared_mxguard.hold(place)
    described = (await place.call("GET", f"{V1}/openapi.json", key="")).body
    manager = await place.key(allow_key_admin=True)
    said = await place.call("GET", V1 + path.format(domain=place.domain), key=manager)
    refused = await place.call("GET", V1 + path.format(domain=place.domain) + "?colour=red", key=manager)
    answers = described["paths"][V1 + path]["get"]["responses"]

    assert complaints(described, answers["200"], said) == complaints(described, answers["400"], refused) == []
    assert (said.status, refused.status) == (200, 400)


def complaints(described, answer, said):
    """What does not fit; a member that is not described is a fault too."""
    name = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    models = described["components"]["schemas"]
    strict = {**models, name: {**models[name], "additionalProperties": False}}
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": strict}}
    return [one.message for one in Draft202012Validator(schema).iter_errors(said.body)]


async def test_the_description_and_its_page_know_the_one_way_to_send_a_token(place):
    described = (await place.call("GET", f"{V1}/openapi.json", key="")).body
    page = (await place.call("GET", f"{V1}/docs", key="")).raw.decode()

    assert described["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    assert "Authorization: Bearer KEY" in page
    assert f"{V1}/openapi.json" in page
    assert "X-API-Key" not in page
    assert "openapi.yaml" not in page


async def test_the_description_says_where_429_comes_from_and_when_to_come_back(place):
    described = (await place.call("GET", f"{V1}/openapi.json", key="")).body["paths"]
    answers = {path: row["get"]["responses"] for path, row in described.items() if "get" in row}

    assert answers[f"{V1}/me"]["429"]["headers"]["Retry-After"]["schema"] == {"type": "integer"}
    assert "429" not in answers[f"{V1}/openapi.json"]
