"""Clients that keep to the page are left alone; each way of not doing so has its rule."""

import pytest

from core.sandbox.recorder import RULES as ALL
from core.sandbox.recorder import Recorder
from core.sandbox.vendors import VENDORS

RULES = "/api/v1/domains/acme.example/rules"


@pytest.fixture
async def seen():
    return []


@pytest.fixture
async def sandbox(start, seen):
    async with start("mxguard", tell=seen.append) as sandbox:
        yield sandbox


async def rules(seen):
    return [one.rule for one in seen]


async def test_a_client_that_keeps_to_the_page_breaks_no_rule(sandbox, ask, seen):
    for path in ("/api/v1/me", "/api/v1/domains?limit=5", RULES):
        assert (await ask(sandbox, path, headers={"Accept": "application/json"}))[0] == 200

    assert seen == []
    assert sandbox.recorder.summary["requests"] == 3


BAD = {
    "unknown_parameter": {"path": "/api/v1/domains?colour=blue"},
    "unknown_route": {"path": "/api/v2/domains"},
    "range": {"path": "/api/v1/domains", "headers": {"Range": "bytes=0-5"}},
    "accept": {"path": "/api/v1/domains", "headers": {"Accept": "text/html"}},
    "cookie": {"path": "/api/v1/domains", "headers": {"Cookie": "session=1"}},
    "user_agent": {"path": "/api/v1/domains", "headers": {"User-Agent": ""}},
    "auth_form": {"path": "/api/v1/domains", "headers": {"X-API-Key": "mxg_live_x"}},
    "redirect": {"path": "/followed-a-redirect"},
}


@pytest.mark.parametrize("rule", sorted(BAD))
async def test_each_rule_is_noticed(rule, sandbox, ask, seen):
    await ask(sandbox, **BAD[rule])

    assert await rules(seen) == [rule]
    assert sandbox.recorder.summary["by_rule"] == {rule: 1}


async def test_a_body_without_its_type_is_noticed(sandbox, ask, seen):
    await ask(sandbox, RULES, method="POST", data=b"{}", headers={"Content-Type": ""})

    assert "content_type" in await rules(seen)


async def test_a_key_in_the_address_is_noticed_and_not_repeated(sandbox, ask, seen):
    key = sandbox.keys["admin-key"]
    await ask(sandbox, f"/api/v1/domains?token={key}")

    assert "auth_form" in await rules(seen)
    assert not any(key in str(one.as_dict()) for one in seen)


async def test_coming_again_too_early_is_noticed(sandbox, ask, seen):
    sandbox.faults.set({"refuse": 1, "refuse_status": 429, "retry_after": "30"})
    for _ in range(2):
        await ask(sandbox, RULES)

    assert await rules(seen) == ["retry_pace"]
    assert "Retry-After: 30" in seen[0].detail


async def test_more_requests_than_the_page_allows_are_noticed():
    now, seen = 1000.0, []
    recorder = Recorder(VENDORS["mxguard"], (), seen.append, monotonic=lambda: now)
    caller = recorder._caller_of("k")
    found = [recorder._pace_at_fault(caller) for _ in range(61)]

    assert found[:60] == [[]] * 60
    assert found[60] == [("rate", "61 requests within 60 s, the page allows 60")]


def test_every_rule_is_told_in_words():
    assert set(BAD) <= set(ALL)
    assert all(len(words) > 20 for words in ALL.values())
