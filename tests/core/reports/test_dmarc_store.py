import pytest

from core.reports import dmarc_store
from core.reports.dmarc import ReportRefused, parse
from core.reports.dmarc_json import mailsentinel_list, mailsentinel_report
from core.reports.dmarc_store import Filter, UnknownDomain, file_report
from core.reports.dmarc_summary import Source, summarise, top_sources
from core.reports.within import named
from core.store.clock import DAY_MS
from tests.factories.audit import chain
from tests.factories.core import NOW_MS
from tests.factories.reports import BEGIN_S, add_domain, record_xml, report_xml, told


@pytest.fixture
async def tx(tx):
    await add_domain(tx)
    return tx


async def file(tx, *records, tenant=None, now_ms=NOW_MS, **more):
    return await file_report(
        tx, parse(report_xml(*records, **more)), now_ms=now_ms, chain=chain(), tenant=tenant
    )


async def listed(tx, tenant="default", **narrow):
    rows = await tx.execute(dmarc_store.listing(Filter(tenant=tenant, **narrow)))
    return [dmarc_store.of(row) for row in rows.mappings()]


async def test_a_report_is_kept_with_its_records_and_told_once(tx):
    first = await file(tx, record_xml(count=3), record_xml("198.51.100.4", 4, "fail", "fail"))
    again = await file(tx, record_xml(count=3))

    assert (first.is_new, again.is_new, again.id) == (True, False, first.id)
    assert [(name, data["messages"], data["passed"]) for name, data in await told(tx)] == [
        ("report.received", 7, 3)
    ]
    found = await dmarc_store.records(tx, first.id)
    assert [(each["source_ip"], each["count"], each["dkim"]) for each in found] == [
        ("192.0.2.9", 3, "pass"),
        ("198.51.100.4", 4, "fail"),
    ]


async def test_the_same_id_of_another_organisation_or_domain_is_another_report(tx):
    await add_domain(tx, "nordwind.example")
    filed = [
        await file(tx),
        await file(tx, org="other.example"),
        await file(tx, domain="nordwind.example"),
    ]

    assert [each.is_new for each in filed] == [True, True, True]
    assert len(await listed(tx)) == 3


@pytest.mark.slow
async def test_more_records_than_one_batch_are_kept_in_order(tx):
    filed = await file(tx, *(record_xml(f"10.0.{n // 250}.{n % 250}", n + 1) for n in range(1_203)))

    assert [each["count"] for each in await dmarc_store.records(tx, filed.id)] == list(range(1, 1_204))


async def test_a_report_goes_to_whoever_has_the_domain_or_the_one_above_it(tx):
    await add_domain(tx, "eu.acme.example", tenant="other")

    assert (await file(tx, domain="news.acme.example")).tenant == "default"
    assert (await file(tx, domain="mail.eu.acme.example")).tenant == "other"
    with pytest.raises(UnknownDomain, match="stranger"):
        await file(tx, domain="stranger.example")


async def test_nobody_files_a_report_about_a_foreign_domain(tx):
    with pytest.raises(UnknownDomain):
        await file(tx, tenant="other")

    assert await listed(tx, "other") == []


async def test_a_period_that_lies_ahead_is_refused(tx):
    with pytest.raises(ReportRefused, match="in future"):
        await file(tx, begin=NOW_MS // 1000 + 3 * 86_400)


async def test_the_list_has_mailsentinels_shape(tx):
    filed = await file(tx, record_xml(count=2), record_xml(count=1, dkim="fail", spf="fail"))
    (report,) = await listed(tx)
    body = mailsentinel_list([report], page=1, limit=1, total=2)
    (only,) = body["reports"]

    assert (only["id"], only["orgName"], only["reportId"]) == (filed.id, "receiver.example", "1627")
    assert (only["totalCount"], only["passCount"], only["failCount"]) == (3, 2, 1)
    assert only["domainId"].startswith("dom_")
    assert only["dateRangeBegin"] == "2026-04-30T00:00:00Z"
    assert only["policy"] == {"p": "reject", "sp": "quarantine", "adkim": "r", "aspf": "r", "pct": 100}
    assert body["pagination"] == {"page": 1, "limit": 1, "total": 2, "hasMore": True}
    detail = mailsentinel_report(report, await dmarc_store.records(tx, report.id))
    assert detail["records"][1]["authResults"]["dkim"][0]["result"] == "fail"


async def test_a_summary_counts_one_tenants_reports_of_the_period(tx):
    await add_domain(tx, "other.example", tenant="other")
    await file(tx, record_xml(count=96), record_xml("198.51.100.4", 4, "fail", "fail", disposition="reject"))
    await file(tx, record_xml(count=9), domain="other.example")
    await file(tx, record_xml(count=7), begin=BEGIN_S - 40 * 86_400, report_id="old")
    found = await summarise(tx, "default", NOW_MS - 7 * DAY_MS, NOW_MS)

    assert (found.reports, found.messages, found.passed, found.pass_rate) == (1, 100, 96, 96.0)
    assert (found.rejected, found.sources) == (4, 2)
    assert await top_sources(tx, "default", 0, NOW_MS, limit=1) == [
        Source(source_ip="192.0.2.9", messages=103, passed=103)
    ]
    assert (await summarise(tx, "default", 0, NOW_MS, within=named("other.example"))).messages == 0


async def test_old_reports_go_with_their_records(tx):
    old = await file(tx)
    new = await file(tx, report_id="new", now_ms=NOW_MS + 1)

    assert await dmarc_store.prune(tx, NOW_MS + 1) == 1
    assert await dmarc_store.records(tx, old.id) == []
    assert await dmarc_store.find(tx, "default", old.id) is None
    assert (await dmarc_store.find(tx, "default", new.id)).report_id == "new"
    assert await dmarc_store.find(tx, "other", new.id) is None
