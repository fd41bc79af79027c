from functools import cache
from importlib.metadata import version

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from sqlalchemy import event, text

from core.dialects.mailguard.app import ROUTES
from tests.factories.core import NOW_MS, raw_mail


@pytest.fixture
async def contract(api):
    async with api.session.get(f"{api.api_url}/openapi.yaml") as response:
        assert response.status == 200
        return parsed(await response.text())


@cache
def parsed(text):
    """Reading it takes a second of processor time: done once, as long as every sandbox tells the same."""
    return YAML(typ="safe").load(text)


def schema_of(contract, method, path):
    """Of a whole answer that succeeded."""
    operation = contract["paths"][f"/api/v1{path}"][method]
    answer = next(one for status, one in operation["responses"].items() if status.startswith("2"))
    schema = answer["content"]["application/json"]["schema"]
    return {**schema, "components": contract["components"]}


async def test_the_contract_describes_exactly_the_endpoints(contract):
    described = {
        (method.upper(), path)
        for path, item in contract["paths"].items()
        for method in item
        if method in {"get", "post", "put", "delete", "patch"}
    }

    assert described == {(route.method, route.path) for route in ROUTES}
    assert contract["openapi"].startswith("3.1")
    assert contract["info"]["version"] == version("mxhub")


async def test_the_contract_says_where_429_comes_from_and_when_to_come_back(contract):
    answers = contract["paths"]["/api/v1/domains"]["post"]["responses"]

    assert answers["429"]["headers"]["Retry-After"]["schema"] == {"type": "integer"}
    assert "429" not in contract["paths"]["/api/v1/openapi.yaml"]["get"]["responses"]


@pytest.mark.parametrize(
    "path",
    ["/audit/logs", "/mail/quarantine", "/domains", "/auth/api-keys", "/license", "/reports", "/webhooks"],
)
async def test_answers_are_as_the_contract_says(api, contract, path):
    await api.hold()
    await api.note(NOW_MS)
    _, headers, body = await api.call("GET", path)
    errors = [one.message for one in Draft202012Validator(schema_of(contract, "get", path)).iter_errors(body)]

    assert headers["Content-Type"].startswith("application/json")
    assert set(body) - {"next_cursor"} == {"data", "error", "message"}
    assert (errors, body["error"]) == ([], None)
    assert body["message"].startswith("OK")
    assert body["data"] or path == "/webhooks"


@pytest.mark.parametrize("path", ["/domains?limit=x", "/domains/999", "/nothing"])
async def test_refusals_are_as_the_contract_says(api, contract, path):
    _, _, body = await api.call("GET", path)
    schema = {"$ref": "#/components/schemas/Failure", "components": contract["components"]}

    assert [one.message for one in Draft202012Validator(schema).iter_errors(body)] == []


async def test_a_held_message_is_listed_read_and_released(api):
    item = await api.hold(1, body=raw_mail())
    (listed,) = await api.data("/mail/quarantine")
    path = f"/mail/quarantine/node-1/{item.queue_id}"
    async with api.session.get(
        f"{api.api_url}{path}/body", headers={"X-API-Key": api.keys["read-only"]}
    ) as response:
        raw, kind = await response.read(), response.headers["Content-Type"]
    status, _, body = await api.call("POST", f"{path}/release")

    assert listed["queue_id"] == item.queue_id
    assert (raw, kind) == (raw_mail(), "text/rfc822")
    assert (status, body["message"], body["data"]["queue_id"]) == (200, "Released", item.queue_id)
    assert await api.data("/mail/quarantine") == []
    begun, ended = await api.data("/audit/logs", resource=f"quarantine/node-1/{item.queue_id}")
    assert (begun["action"], ended["action"]) == ("quarantine.release", "quarantine.released")
    assert (
        begun["actor"]
        == ended["actor"]
        == {
            "type": "api_key",
            "name": "full-admin",
            "key_prefix": api.keys["full-admin"][:20],
            "ip": "127.0.0.1",
        }
    )


@pytest.mark.parametrize("action", ["release", "discard"])
async def test_a_settled_message_is_404_afterwards(api, action):
    item = await api.hold()
    path = f"/mail/quarantine/node-1/{item.queue_id}/{action}"

    assert [(await api.call("POST", path))[0] for _ in range(2)] == [200, 404]


async def test_retraining_labels_and_keeps_the_message(api):
    item = await api.hold()
    path = f"/mail/quarantine/node-1/{item.queue_id}/retrain"
    status, _, body = await api.call("POST", path, json={"class": "ham"})

    assert (status, body["data"]["class"]) == (200, "ham")
    assert len(await api.data("/mail/quarantine")) == 1
    for wrong in ({}, {"class": "eggs"}, {"class": None}, []):
        assert (await api.call("POST", path, json=wrong))[0] == 400


async def test_a_message_on_a_node_that_is_away_is_503_with_retry_after(api):
    await api.heard("node-2")
    item = await api.hold(1, node_id="node-2")
    status, headers, body = await api.call("POST", f"/mail/quarantine/node-2/{item.queue_id}/release")

    assert (status, int(headers["Retry-After"]) > 0) == (503, True)
    assert body["error"] == "node-2 is temporarily unreachable"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=1e3",
        "limit=٣",
        "offset=-1",
        "offset=99999999999999999999",
        "since=yesterday",
        "since=9999999999",
        "min_score=nan",
        "max_score=inf",
        "min_score=x",
        "reason=boredom",
        "sender=%00",
        "domain=" + "x" * 2000,
    ],
)
async def test_a_parameter_that_makes_no_sense_is_400_and_named(api, query):
    status, _, body = await api.call("GET", f"/mail/quarantine?{query}")

    assert status == 400
    assert body["error"].startswith(query.partition("=")[0])


async def test_the_quarantine_is_newest_first_with_limit_and_offset(api):
    for number in range(1, 6):
        await api.hold(number)
    pages = [await api.data("/mail/quarantine", limit=2, offset=offset) for offset in (0, 2, 4)]

    assert [int(item["queue_id"], 16) for page in pages for item in page] == [5, 4, 3, 2, 1]


async def test_a_store_that_cannot_write_is_503_in_the_envelope(api):
    item = await api.hold()
    await api.call("GET", "/domains")
    async with api.core.database.begin() as tx:  # there is one writing connection; others may follow it
        event.listen(tx.engine.sync_engine, "connect", lambda made, _: made.execute("PRAGMA query_only = ON"))
        await tx.execute(text("PRAGMA query_only = ON"))
    status, headers, body = await api.call("POST", f"/mail/quarantine/node-1/{item.queue_id}/release")

    assert (status, headers["Retry-After"], body["data"]) == (503, "5", None)
    assert len(await api.data("/mail/quarantine")) == 1


async def test_health_needs_no_key_and_names_the_nodes(api):
    async with api.session.get(f"{api.url}/health") as response:
        body = await response.json()

    assert (response.status, body["data"]["status"]) == (200, "ok")
    assert body["data"]["nodes"] == [{"node_id": "node-1", "reachable": True}]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/domains", 405)])
async def test_an_unknown_way_in_gets_the_envelope_too(api, method, path, status):
    got, _, body = await api.call(method, path)

    assert (got, body["data"]) == (status, None)
    assert body["error"]
