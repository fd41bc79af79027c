"""What MxGuard's page says beside its examples: limits, headers, tokens, its scale of scores."""

import itertools

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from core.dialects.mxguard.scores import mx_score
from core.engine.verdict import Thresholds, action_of
from hub.access.audit import SYSTEM
from tests.factories.mxguards import mxguards_world, token


@pytest.fixture
async def world(tmp_path):
    async with mxguards_world(tmp_path) as (core, url, keys), ClientSession() as session:

        async def call(method, path, key=None, **more):
            headers = {"Authorization": f"Bearer {key or keys['default']}"}
            async with session.request(method, f"{url}/api/v1{path}", headers=headers, **more) as answer:
                return answer.status, answer.headers, await answer.json()

        yield core, call


async def test_the_limits_of_the_page_hold_and_are_told_without_their_size(world):
    core, call = world
    key = await token(core)
    assert key.startswith("mxg_live_")
    assert len(key) == len("mxg_live_") + 43
    for number in itertools.count(1):
        status, headers, body = await call("GET", "/me", key)
        assert "X-RateLimit-Limit" not in headers
        assert int(headers["X-RateLimit-Reset"]) > 0
        if status == 429:
            break
        assert number <= 70
        assert body["data"]["limits"] == {"hour": 600, "minute": 60}

    assert number >= 60
    assert (headers["X-RateLimit-Remaining"], int(headers["Retry-After"]) >= 1) == ("0", True)
    assert body["error"]["code"] == "RATE_LIMITED"


async def test_limits_of_one_token_can_be_raised(world):
    core, call = world
    _, _, body = await call("GET", "/me", await token(core, limits={"per_minute": 500}))

    assert body["data"]["limits"]["minute"] == 500


async def test_a_revoked_token_is_refused_at_once(world):
    core, call = world
    key = await token(core)
    (made,) = [one for one in await core.access.keyring.every("default") if key.startswith(one.prefix)]
    await core.access.keyring.revoke(SYSTEM, "default", made.id)

    assert (await call("GET", "/me", key))[0] == 401


async def test_reporting_spam_trains_and_adds_no_rule(world):
    _, call = world
    _, _, listed = await call("GET", "/quarantine")
    status, _, said = await call("POST", f"/quarantine/{listed['data'][0]['id']}/report-spam")
    _, _, rules = await call("GET", "/domains/acme.example/rules")

    assert (status, said["data"]["status"], rules["data"]) == (200, "held", [])


async def test_released_messages_are_told_as_such(world):
    _, call = world
    _, _, listed = await call("GET", "/quarantine")
    item = listed["data"][0]["id"]
    first, again = [await call("POST", f"/quarantine/{item}/release") for _ in range(2)]
    _, _, released = await call("GET", "/quarantine?status=released")

    assert (first[0], again[0], first[2]["data"]["status"]) == (200, 200, "released")
    assert [one["id"] for one in released["data"]] == [item]


THEIRS = {"deliver": (0.0, 0.5), "tag": (0.5, 0.75), "quarantine": (0.75, 0.97), "reject": (0.97, 1.01)}


@given(st.floats(-50, 100), st.floats(0, 20))
def test_scores_keep_their_order_and_fall_where_the_page_puts_their_verdict(score, more):
    low, high = THEIRS[action_of(score, Thresholds())]

    assert low <= mx_score(score) <= high
    assert mx_score(score) <= mx_score(score + more)
