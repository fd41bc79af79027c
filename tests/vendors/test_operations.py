"""MailChannels' public description (C2): 25 operations, and at least one example of each that keeps to it."""

import re

import msgspec
import pytest

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
