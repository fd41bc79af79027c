"""MailChannels' public description (C2): 25 operations, at least one example of each that keeps to it.

The description that the dialect gives of itself keeps to it as well.
"""

import json
import re
from typing import Any

import msgspec
import pytest

from core.dialects.mailchannels.app import MAILCHANNELS
from core.dialects.mailchannels.description import swagger
from tests.vendors.model import Example, Operation, Request, vendor_of
from tests.vendors.shapes import mismatches

VENDOR = vendor_of("mailchannels")
OPERATIONS = {operation.id: operation for operation in VENDOR.operations}
CALLS = [example for example in VENDOR.examples if example.operation]
EVERY_CALL = pytest.mark.parametrize("example", CALLS, ids=lambda one: one.id)


def request_of(example: Example) -> Request:
    assert example.request is not None
    return example.request


def marks(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def test_there_are_twenty_five() -> None:
    assert len({(one.method, one.path) for one in VENDOR.operations}) == 25


def test_each_has_an_example() -> None:
    assert sorted(set(OPERATIONS) - {example.operation for example in CALLS}) == []


@pytest.mark.parametrize("operation", VENDOR.operations, ids=lambda one: one.id)
def test_its_path_names_its_path_parameters(operation: Operation) -> None:
    assert marks(operation.path) == [one.name for one in operation.parameters if one.where == "path"]


@pytest.mark.parametrize("operation", VENDOR.operations, ids=lambda one: one.id)
def test_it_answers_with_one_success_at_least_and_may_fail(operation: Operation) -> None:
    assert [status for status in operation.statuses if status < 300]
    assert operation.id == "status" or 500 in operation.statuses


@EVERY_CALL
def test_an_example_calls_its_operation(example: Example) -> None:
    operation, request = OPERATIONS[example.operation], request_of(example)
    pattern = re.sub(r"{\w+}", "[^/]+", operation.path)

    assert request.method == operation.method
    assert re.fullmatch(pattern, request.path)


@EVERY_CALL
def test_an_example_sends_only_known_parameters_and_all_required_ones(example: Example) -> None:
    operation, request = OPERATIONS[example.operation], request_of(example)
    known = {one.name: one for one in operation.parameters if one.where == "query"}
    body = next((one for one in operation.parameters if one.where == "body"), None)

    assert {name for name, one in known.items() if one.required} <= set(request.query) <= set(known)
    assert all(
        not known[name].values or str(value).lower() in known[name].values
        for name, value in request.query.items()
    )
    assert (request.json is not msgspec.UNSET) <= (body is not None)
    assert (body is not None and body.required) <= (request.json is not msgspec.UNSET)


@EVERY_CALL
def test_the_body_of_an_example_has_the_members_of_its_operation(example: Example) -> None:
    operation, request = OPERATIONS[example.operation], request_of(example)

    for body in operation.parameters:
        if body.where == "body" and request.json is not msgspec.UNSET:
            assert mismatches(request.json, body.members, VENDOR.shapes) == []


@EVERY_CALL
def test_the_status_of_an_answer_is_one_of_its_operation(example: Example) -> None:
    assert example.answer is not None
    assert example.answer.status in OPERATIONS[example.operation].statuses


# -- as the dialect describes itself -------------------------------------------------------------------------
DESCRIBED = swagger(MAILCHANNELS.routes)["paths"]
EVERY_OPERATION = pytest.mark.parametrize("operation", VENDOR.operations, ids=lambda one: one.id)
OURS = {"subscriptionHandle", "overwrite"}
"""Parameters that the page names for most requests, or that go beyond the public description."""
NEVER = {"subscriptions": {404}}
"""A key whose customer is gone is no key."""


def described(operation: Operation) -> dict[str, Any]:
    return DESCRIBED[operation.path][operation.method.lower()]


@EVERY_OPERATION
def test_it_takes_the_parameters_of_the_public_description(operation: Operation) -> None:
    taken = {one["name"]: one for one in described(operation)["parameters"]}
    wanted = {one.name: one for one in operation.parameters}

    assert set(wanted) <= set(taken) <= {*wanted, *OURS}
    for name, one in wanted.items():
        told = taken[name]
        assert (told["in"], told["required"]) == (one.where, one.required), name
        assert set(told.get("enum", ())) == set(one.values), name
        assert one.where == "body" or told["type"] == one.type, name


@EVERY_OPERATION
def test_it_bounds_what_the_public_description_bounds(operation: Operation) -> None:
    taken = {one["name"]: one for one in described(operation)["parameters"]}
    for one in operation.parameters:
        told = taken[one.name]
        if one.where == "body" and one.most is not None:
            (member,) = one.members
            told = swagger(MAILCHANNELS.routes)["definitions"][told["schema"]["$ref"].rpartition("/")[2]]
            told = told["properties"][member]
        most = {told.get(name) for name in ("maximum", "maxLength", "maxItems")}
        least = {told.get(name) for name in ("minimum", "minItems")}
        assert one.most is None or one.most in most, one.name
        assert one.least is None or one.least in least, one.name


@EVERY_OPERATION
def test_its_body_has_the_members_of_the_public_description(operation: Operation) -> None:
    definitions = swagger(MAILCHANNELS.routes)["definitions"]
    for one in operation.parameters:
        if one.where == "body":
            (schema,) = [
                each["schema"] for each in described(operation)["parameters"] if each["in"] == "body"
            ]
            told = definitions[schema["$ref"].rpartition("/")[2]]
            assert {name.removesuffix("?") for name in one.members} <= set(told["properties"])
            assert set(told.get("required", ())) <= {name for name in one.members if not name.endswith("?")}


@EVERY_OPERATION
def test_it_tells_every_status_of_the_public_description(operation: Operation) -> None:
    told = {int(status) for status in described(operation)["responses"]}
    good = {status for status in operation.statuses if status < 300}

    assert set(operation.statuses) - NEVER.get(operation.id, set()) <= told
    assert {status for status in told if status < 300} == good


def test_nothing_but_letting_many_go_is_beyond_it() -> None:
    known = {(one.method.lower(), one.path) for one in VENDOR.operations}
    mine = {(method, path) for path, methods in DESCRIBED.items() for method in methods}
    own = {("get", "/documentation"), ("get", "/inbound-api.yaml")}

    assert known <= mine
    assert mine - known - own == {("post", "/domains/batch/deprovision")}


def test_every_reference_in_the_description_leads_somewhere() -> None:
    document = swagger(MAILCHANNELS.routes)
    told = json.dumps(document)
    names = set(re.findall(r'"#/definitions/(\w+)"', told))

    assert names <= set(document["definitions"])
    assert not {"anyOf", "$defs", "const", "prefixItems"} & set(re.findall(r'"([^"]+)": ', told))
