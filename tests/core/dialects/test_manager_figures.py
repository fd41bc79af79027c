"""MXroute Manager's dashboard: figures of a domain, quotas, all domains at a glance."""

from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient, TestServer

from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.app import MXROUTE_MANAGER
from core.dns.answers import Answer
from core.reports import stats

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLEET = "/api/fleet/overview"
NEW = {"username": "alex", "password": "Abcd123!", "quota": 512, "limit": 90}


async def count(manager, domain, **verdicts):
    async with manager.core.database.begin() as tx:
        for verdict, messages in verdicts.items():
            await stats.count(
                tx,
                tenant=manager.tenant,
                domain=domain,
                verdict=verdict,
                now_ms=manager.core.clock(),
                messages=messages,
            )


async def test_the_dashboard_permission_shows_figures_and_quota_of_its_domain_alone(manager):
    second = await manager.add("second")
    key = await manager.key("dashboard", domains=(manager.domain,))
    await count(manager, manager.domain, clean=6, quarantine=2)
    await count(manager, second, clean=100)
    await manager.call("POST", f"/api/domains/{manager.domain}/email-accounts", NEW)
    figures = (await manager.call("GET", f"/api/domains/{manager.domain}/stats", key=key)).data
    quota = (await manager.call("GET", "/api/quota", key=key)).data

    assert {name: figures[name] for name in ("domain", "scanned", "clean", "quarantined", "mailboxes")} == {
        "domain": manager.domain,
        "scanned": 8,
        "clean": 6,
        "quarantined": 2,
        "mailboxes": 1,
    }
    assert quota["by_domain"] == [{"domain": manager.domain, "mailboxes": 1, "quota_mb": 512, "used_mb": 0}]
    assert (await manager.call("GET", f"/api/domains/{second}/stats", key=key)).status == 403


@pytest.mark.parametrize("path", ["/api/quota", FLEET])
async def test_other_permissions_show_no_quota_and_no_overview(manager, path):
    key = await manager.key("emails", "dns", "spam", "forwarders")

    assert (await manager.call("GET", path, key=key)).status == 403


async def test_all_domains_are_seen_at_a_glance(manager):
    second = await manager.add("second")
    await manager.call("POST", f"/api/domains/{manager.domain}/email-accounts", NEW)
    await manager.call("PATCH", f"/api/domains/{second}/mail-status", {"enabled": False})
    said = (await manager.call("GET", FLEET)).data
    one = await manager.key("dashboard", domains=(second,))

    unseen = {"dns": None, "checked_at": None}
    assert said == {
        "last_run_at": None,
        "domains": {
            manager.domain: {"mail_hosting": True, "mailbox_count": 1, **unseen},
            second: {"mail_hosting": False, "mailbox_count": 0, **unseen},
        },
    }
    assert set((await manager.call("GET", FLEET, key=one)).data["domains"]) == {second}


async def test_a_refresh_looks_at_the_dns_of_domains_where_the_caller_may(manager):
    second = await manager.add("second")
    both = await manager.key("dashboard", "dns", domains=(second,))
    dashboard = await manager.key("dashboard")
    looked = (await manager.call("POST", f"{FLEET}/refresh", key=both)).data["domains"]
    untouched = (await manager.call("POST", f"{FLEET}/refresh", key=dashboard)).data["domains"]

    assert (set(looked), looked[second]["dns"]["overall"]) == ({second}, "unhealthy")
    assert looked[second]["dns"]["checks"]["mx"] == {"status": "fail"}
    assert looked[second]["checked_at"] == manager.core.clock() / 1000
    assert untouched[manager.domain]["dns"] is None


class Silent:
    """Nobody can tell now."""

    async def lookup(self, name, rtype):
        return Answer(state="failed", reason=f"no answer for {name} {rtype}")


async def test_a_dns_that_does_not_answer_is_no_bad_record(manager):
    core = replace(manager.core, resolver=Silent())
    async with TestClient(TestServer(create_app(core, MXROUTE_MANAGER))) as client:
        place = replace(manager, core=core, client=client)
        said = (await place.call("POST", f"{FLEET}/refresh")).data["domains"][manager.domain]

    assert said["dns"]["overall"] == "unknown"


async def test_the_last_look_is_the_one_that_is_shown(manager):
    await manager.call("POST", f"{FLEET}/refresh")
    manager.core.clock.advance(60)
    later = await manager.call("POST", f"{FLEET}/refresh")
    said = await manager.call("GET", FLEET)

    assert said.data == later.data
    assert said.data["last_run_at"] == manager.core.clock() / 1000
