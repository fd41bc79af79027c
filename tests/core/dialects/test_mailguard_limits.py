"""MailGuard's two limits of a domain over the service's three, and what a change that cannot be is called."""

import pytest

from core.dialects.dialect import create_app
from core.dialects.mailguard.app import MAILGUARD
from core.store import domains
from tests.factories.core_api import serve

NAME = "example.com"


@pytest.fixture
async def ask(core):
    async with serve(core, create_app(core, MAILGUARD)) as api:

        async def call(method, path, body=None):
            return await api.call(method, path, body, key="", headers={"X-API-Key": api.admin})

        yield call


@pytest.fixture
async def path(ask):
    made = await ask("POST", "/domains", {"name": NAME})
    return f"/domains/{made.data['id']}"


async def kept(core):
    async with core.database.read() as tx:
        return (await domains.find(tx, "default", NAME)).policy.thresholds


async def test_mail_is_held_from_a_limit_below_that_for_tagging_which_comes_down_too(core, ask, path):
    said = await ask("PUT", path, {"quarantine_threshold": 3})
    limits = await kept(core)

    assert (said.status, said.data["quarantine_threshold"]) == (200, 3.0)
    assert (limits.tag, limits.quarantine) == (3.0, 3.0)


async def test_a_new_domain_may_hold_from_a_low_limit(core, ask):
    said = await ask("POST", "/domains", {"name": NAME, "quarantine_threshold": 2, "reject_threshold": 2.5})

    assert (said.status, (await kept(core)).tag) == (201, 2.0)


async def test_what_else_is_changed_leaves_the_limits_alone(core, ask, path):
    before = await kept(core)
    said = await ask("PUT", path, {"dkim_active": True})

    assert (said.status, await kept(core)) == (200, before)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reject_threshold": 4}, "quarantine_threshold"),
        ({"quarantine_threshold": 30}, "quarantine_threshold"),
        ({"backend_servers": ["a.example", "b.example", "a.example:25"]}, "backend_servers.2"),
    ],
)
async def test_what_does_not_go_together_is_named_as_the_vendor_names_it(ask, path, change, field):
    said = await ask("PUT", path, change)

    assert (said.status, said.error.partition(":")[0]) == (400, field)


async def test_a_key_that_would_have_ended_already_is_refused_by_its_field(ask):
    wanted = {"name": "old", "scope": "read-only", "expires_at": "2001-01-01T00:00:00Z"}
    said = await ask("POST", "/auth/api-keys", wanted)

    assert (said.status, said.error.partition(":")[0]) == (400, "expires_at")


async def test_a_key_without_a_figure_has_a_thousand_requests_at_once_and_a_hundred_a_minute_after(core, ask):
    made = await ask("POST", "/auth/api-keys", {"name": "siem", "scope": "read-only"})
    key, now_ms = await core.access.keyring.find("default", made.data["id"]), core.clock()

    async def spent(n, *, after_s=0):
        return await core.access.limiter.spend(
            key.id, key.effective, tenant="default", n=n, now_ms=now_ms + after_s * 1000
        )

    assert made.data["rate_limit_per_minute"] == 100
    assert [(await spent(1000)).granted, (await spent(1)).retry_after_s] == [True, 1]
    assert [(await spent(n, after_s=60)).granted for n in (100, 1)] == [True, False]
