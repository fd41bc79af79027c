"""What was counted, as callers see it: by period, domain and grant, as JSON and as a table."""

import csv
import io

import pytest

from core.reports.stats import POSSIBLE_DUPLICATES, count
from core.store.clock import DAY_MS, HOUR_MS, iso_seconds
from core.store.tables import domains
from tests.factories.core import NOW_MS
from tests.factories.reports import add_domain


@pytest.fixture
async def api(service_api):
    """Two domains with mail, and another tenant's."""
    async with service_api.core.database.begin() as tx:
        for domain, tenant in (("acme.example", "default"), ("b.example", "default"), ("c.example", "other")):
            await add_domain(tx, domain, tenant)
            for verdict, messages in (("clean", 6), ("tag", 1), ("quarantine", 2), ("reject", 1)):
                await count(
                    tx, tenant=tenant, domain=domain, verdict=verdict, now_ms=NOW_MS, messages=messages
                )
    return service_api


async def test_statistics_count_by_verdict(api):
    said = await api.call("GET", "/stats?domain=acme.example&interval=day")

    assert said.status == 200
    names = ("scanned", "clean", "tagged", "quarantined", "rejected", "quarantine_rate", "held_now")
    assert [said.data[name] for name in names] == [10, 6, 1, 2, 1, 20.0, 0]
    assert [each["scanned"] for each in said.data["intervals"]] == [10]


async def test_possible_duplicates_are_shown_and_are_no_messages_more(api):
    async with api.core.database.begin() as tx:
        await count(
            tx,
            tenant="default",
            domain="acme.example",
            verdict=POSSIBLE_DUPLICATES,
            now_ms=NOW_MS,
            messages=3,
        )
    counted = (await api.call("GET", "/stats?domain=acme.example&interval=day")).data
    report = (await api.call("GET", "/reports?period=24h")).data["volumes"]
    table = (await api.call("GET", "/reports?period=24h&format=csv")).raw.decode()

    assert (counted["possible_duplicates"], counted["scanned"]) == (3, 10)
    assert [each["possible_duplicates"] for each in counted["intervals"]] == [3]
    assert (report["possible_duplicates"], report["scanned"]) == (3, 20)
    assert "possible duplicates,deliveries,3,,,," in table


async def test_statistics_are_cut_to_the_domains_of_the_key(api):
    key = await api.key("dashboard:read", domains=["b.example"])

    assert (await api.call("GET", "/stats", key=key)).data["scanned"] == 10
    assert (await api.call("GET", "/stats")).data["scanned"] == 20
    assert (await api.call("GET", "/stats?domain=acme.example", key=key)).status == 403
    assert (await api.call("GET", "/domains/acme.example/stats", key=key)).status == 403
    assert (await api.call("GET", "/stats?domain=c.example")).status == 404


async def test_a_period_is_whole_hours_and_ends_before_to(api):
    hour = iso_seconds(NOW_MS - NOW_MS % HOUR_MS)
    before = f"/stats?to={hour}"

    assert (await api.call("GET", before)).data["scanned"] == 0
    assert (await api.call("GET", f"/stats?from={hour}")).data["scanned"] == 20


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (f"from={iso_seconds(NOW_MS + DAY_MS)}", "from"),
        ("from=2020-01-01&interval=hour", "interval"),
        ("interval=month", "interval"),
        ("from=yesterday", "from"),
    ],
)
async def test_a_period_that_cannot_be_is_named(api, query, field):
    said = await api.call("GET", f"/stats?{query}")

    assert (said.status, said.error["details"][0]["field"]) == (400, field)


async def test_a_report_is_json_or_a_table(api):
    said = await api.call("GET", "/reports?period=today&domain=acme.example")
    table = await api.call("GET", "/reports?period=today", headers={"Accept": "text/csv"})

    assert said.data["volumes"]["scanned"] == 10
    assert said.data["domain"] == "acme.example"
    assert table.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(table.raw.decode(), newline="")))
    assert ["total", "all domains", "20", "12", "2", "4", "2"] in rows
    assert (await api.call("GET", "/reports?period=soon")).error["details"][0]["field"] == "period"


async def test_quota_tells_what_is_used(api):
    said = await api.call("GET", "/quota", key=await api.key("dashboard", domains=["b.example"]))

    assert said.data["domains"] == {"used": 1, "limit": None}
    assert [each["domain"] for each in said.data["by_domain"]] == ["b.example"]


async def test_a_domain_held_by_another_key_is_in_no_sum(api):
    mine, other = await api.key("dashboard:read"), await api.key("dashboard:read")
    keys = {one.prefix: one.id for one in await api.core.access.keyring.every("default")}
    async with api.core.database.begin() as tx:
        tied = domains.update().where(domains.c.name == "b.example")
        await tx.execute(tied.values(api_key_id=keys[mine[:20]]))

    assert (await api.call("GET", "/stats", key=mine)).data["scanned"] == 20
    assert (await api.call("GET", "/stats", key=other)).data["scanned"] == 10
    assert (await api.call("GET", "/stats?domain=b.example", key=other)).status == 404
