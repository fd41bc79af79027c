"""What MxGuard's page announces for its versions 2 and 3: scoped tokens, bulk, customers."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1"


async def test_hundreds_of_domains_are_taken_on_in_one_go(place):
    wanted = [
        {"domain": f"d{number}.{place.domain}", "real_mx_host": "mx.example.net"} for number in range(300)
    ]
    said = await place.call("POST", f"{V1}/domains:batch", {"provision": [*wanted, wanted[0]]})

    assert said.status == 200
    assert {one["code"] for one in said.data["successes"]} == {201}
    assert (len(said.data["successes"]), [one["code"] for one in said.data["errors"]]) == (300, [409])
    assert (await place.call("GET", f"{V1}/domains/d299.{place.domain}")).data["status"] == "active"


async def test_many_messages_are_settled_in_one_request(shared_mxguard, place):
    items = await shared_mxguard.hold(place, 3)
    said = await place.call("POST", f"{V1}/quarantine:batch", {"action": "discard", "ids": [*items, "qua_x"]})
    deleted = await place.call("GET", f"{V1}/quarantine?status=deleted")

    assert [one["code"] for one in said.data] == [200, 200, 200, 404]
    assert {one["id"] for one in deleted.data} == set(items)


async def test_a_token_may_do_less_than_everything(place):
    manager = await place.key(allow_key_admin=True)
    wanted = {"name": "siem", "scopes": ["verdicts:read"], "domains": [place.domain]}
    made = await place.call("POST", f"{V1}/tokens", wanted, key=manager)
    token = made.data["token"]
    read = await place.call("GET", f"{V1}/verdicts", key=token)
    denied = [
        (await place.call(*one, key=token)).status
        for one in (("GET", f"{V1}/quarantine"), ("DELETE", f"{V1}/domains/{place.domain}"))
    ]
    listed = await place.call("GET", f"{V1}/tokens", key=manager)
    gone = await place.call("DELETE", f"{V1}/tokens/{made.data['id']}", key=manager)

    assert (made.status, token[:9], len(token)) == (201, "mxg_live_", 52)
    assert (read.status, denied) == (200, [403, 403])
    assert (made.data["scopes"], made.data["domains"]) == (["verdicts:read"], [place.domain])
    assert token not in listed.raw.decode()
    assert (gone.status, (await place.call("GET", f"{V1}/verdicts", key=token)).status) == (200, 401)


@pytest.mark.parametrize("change", [{"scopes": []}, {"scopes": ["all"]}, {"domains": ["a b"]}, {"name": ""}])
async def test_a_token_for_what_there_is_not_is_400(place, change):
    manager = await place.key(allow_key_admin=True)
    said = await place.call(
        "POST", f"{V1}/tokens", {"name": "x", "scopes": ["verdicts:read"], **change}, key=manager
    )

    assert (said.status, said.error["details"][0]["field"]) == (400, next(iter(change)))


async def test_no_token_makes_tokens_unless_it_may_nor_more_than_it_has(place):
    wanted = {"name": "more", "scopes": ["full-admin"]}
    poor = await place.key("keys:write", allow_key_admin=True)

    assert (await place.call("POST", f"{V1}/tokens", wanted)).status == 403
    assert (await place.call("POST", f"{V1}/tokens", wanted, key=poor)).status == 403
    assert (await place.call("GET", f"{V1}/tokens", key=await place.key("read-only"))).status == 403


async def test_a_provider_manages_its_customers(place):
    made = await place.call("POST", f"{V1}/customers", {"name": "Ada Ltd", "email": "ada@ada.example"})
    path = f"{V1}/customers/{made.data['id']}"
    changed = await place.call("PATCH", path, {"status": "suspended"})
    listed = await place.call("GET", f"{V1}/customers?status=suspended")
    gone = await place.call("DELETE", path)

    assert (made.status, changed.data["status"], gone.status) == (201, "suspended", 200)
    assert [one["name"] for one in listed.data] == ["Ada Ltd"]
    assert (await place.call("GET", path)).status == 404
