import jsonschema
import pytest

from hub.web.errors import Conflict, NotFound, PayloadTooLarge, Unauthorized
from hub.web.openapi import describe, errors_of
from hub.web.route import Route
from tests.web.conftest import ROUTES, ping


def document():
    return describe(ROUTES, title="t", version="1", summary="s")


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    if isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_resolves():
    made = document()
    known = {f"#/components/schemas/{name}" for name in made["components"]["schemas"]}
    used = set(references(made))

    assert used
    assert used <= known


def test_every_schema_is_json_schema_2020_12():
    schemas = document()["components"]["schemas"]

    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)  # raises
    assert schemas


def test_an_operation_lists_parameters_body_and_errors():
    path = document()["paths"]["/api/v1/things"]

    assert [one["name"] for one in path["get"]["parameters"]] == ["word", "many", "limit"]
    assert path["post"]["requestBody"]["required"] is True
    assert set(path["post"]["responses"]) == {"201", "400", "401", "403", "409", "413", "500"}
    assert path["post"]["parameters"][0]["name"] == "Idempotency-Key"
    assert path["get"]["security"] == [{"bearer": []}, {"key": []}]


def test_an_open_route_needs_no_key():
    assert document()["paths"]["/ping"]["get"]["security"] == []


def test_errors_follow_from_the_row():
    post = next(route for route in ROUTES if route.method == "POST")
    one = next(route for route in ROUTES if route.names)

    assert {Conflict, PayloadTooLarge, Unauthorized} <= set(errors_of(post))
    assert NotFound in errors_of(one)


def test_two_operations_of_one_name_are_refused():
    twice = (*ROUTES, Route("GET", "/pong", ping, summary="Again", scope=None, media_types=("text/plain",)))

    with pytest.raises(ValueError, match="conftest_ping"):
        describe(twice, title="t", version="1", summary="s")
