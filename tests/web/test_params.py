import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import AUTH, made


async def test_lists_take_repeats_and_commas(client):
    answer = await client.get("/api/v1/things?many=1,2&many=3", headers=AUTH)

    assert (await answer.json())["data"]["many"] == [1, 2, 3]


async def test_every_field_at_fault_is_listed(client):
    answer = await client.get("/api/v1/things?limit=99&many=x&nope=1", headers=AUTH)
    error = (await answer.json())["error"]

    assert answer.status == 400
    assert error["code"] == "VALIDATION_ERROR"
    assert {one["field"] for one in error["details"]} == {"limit", "many.0", "nope"}


async def test_a_single_parameter_given_twice_is_refused(client):
    answer = await client.get("/api/v1/things?word=a&word=b", headers=AUTH)

    assert answer.status == 400
    assert (await answer.json())["error"]["details"][0]["field"] == "word"


async def test_a_route_without_parameters_refuses_any(client):
    answer = await client.get("/api/v1/things/x?y=1", headers=AUTH)

    assert answer.status == 400
    assert (await answer.json())["error"]["details"] == [{"field": "y", "message": "unknown parameter"}]


async def test_a_body_that_is_no_json_is_refused(client):
    answer = await client.post("/api/v1/things", data=b"{", headers=AUTH)

    assert answer.status == 400
    assert (await answer.json())["error"]["details"][0]["field"] == "body"
    assert made == []


async def test_a_body_lists_every_field_at_fault(client):
    answer = await client.post("/api/v1/things", json={"size": "x", "more": 1}, headers=AUTH)

    fields = {one["field"] for one in (await answer.json())["error"]["details"]}
    assert fields == {"name", "size", "more"}


async def test_a_check_of_ours_speaks_in_its_own_words(client):
    answer = await client.post("/api/v1/things", json={"name": "Loud"}, headers=AUTH)
    error = (await answer.json())["error"]

    assert error["message"] == "name: is written in lower case"
    assert error["details"] == [{"field": "name", "message": "is written in lower case"}]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4), raw=st.binary(max_size=40)
)
async def test_no_query_and_no_body_makes_a_defect(client, query, raw):
    found = await client.get("/api/v1/things", params=query, headers=AUTH)
    posted = await client.post("/api/v1/things", data=raw, headers=AUTH)

    assert found.status in {200, 400}
    assert posted.status in {201, 400, 409}
    assert "success" in orjson.loads(await found.read())
    assert "success" in orjson.loads(await posted.read())
