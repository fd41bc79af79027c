"""MailSentinel's dialect: domains and their records, scans, reports and their export, alerts and rules."""

import csv
import io
import json

import pytest

from core.detectors import alerting
from core.dns.answers import Answer
from core.service import dmarc_reports, organizations
from core.service.by import By
from tests.factories.mailsentinel import DMARC, SPF, publish
from tests.factories.reports import BEGIN_S, record_xml, report_xml

pytestmark = pytest.mark.asyncio(loop_scope="module")
DAY_S = 86_400
FAILING = record_xml("198.51.100.4", 9, "fail", "fail")


def owner(sentinel):
    return By.system(sentinel.tenant)


async def domain_id(sentinel):
    return (await sentinel.call("GET", "/api/domains")).data["domains"][0]["id"]


async def report(sentinel, *records, **more):
    data = report_xml(*records, domain=more.pop("domain", sentinel.domain), **more)
    return (await dmarc_reports.upload(sentinel.core, owner(sentinel), data)).report


async def test_domains_come_whole_or_by_page(sentinel):
    for suffix in ("a", "b"):
        await sentinel.add(suffix)
    whole = (await sentinel.call("GET", "/api/domains")).data
    page = (await sentinel.call("GET", "/api/domains?page=2&limit=2")).data

    assert (len(whole["domains"]), whole["pagination"]["hasMore"]) == (3, False)
    assert page["domains"] == whole["domains"][2:]
    assert page["pagination"] == {"page": 2, "limit": 2, "total": 3, "hasMore": False}


async def test_an_organization_has_its_domains_and_the_account_all(sentinel):
    async with sentinel.core.database.begin() as tx:
        made = await organizations.make(sentinel.core, tx, owner(sentinel), "Acme")
    new = {"domain": f"new.{sentinel.domain}", "organizationId": made.id}
    added = (await sentinel.call("POST", "/api/domains", new)).data["domain"]
    of_one = (await sentinel.call("GET", f"/api/organizations/{made.id}/domains")).data
    of_all = (await sentinel.call("GET", f"/api/organizations/{sentinel.tenant}/domains")).data

    assert [one["id"] for one in of_one["domains"]] == [added["id"]]
    assert len(of_all["domains"]) == 2


@pytest.mark.parametrize("base", ["/api", "/api/api"])
async def test_what_a_client_library_lists_is_answered_however_it_joins_the_address(sentinel, base):
    async with sentinel.core.database.begin() as tx:
        made = await organizations.make(sentinel.core, tx, owner(sentinel), "Acme")
    new = {"domain": f"new.{sentinel.domain}", "organizationId": made.id}
    await sentinel.call("POST", "/api/domains", new)
    said = await sentinel.call("GET", f"{base}/organizations/{made.id}/domains")

    for listed in (said.body["domains"], said.data["domains"]):
        assert [one["domain"] for one in listed] == [new["domain"]]


async def test_a_domain_is_proven_by_its_record(sentinel):
    added = (await sentinel.call("POST", "/api/domains", {"domain": f"p.{sentinel.domain}"})).data["domain"]
    path, proof = f"/api/domains/{added['id']}/verify", added["verification"]
    before = (await sentinel.call("POST", path)).data["domain"]["verified"]
    there = Answer(state="found", values=(proof["value"],))
    sentinel.core.resolver.known[proof["host"], "TXT"] = there
    after = (await sentinel.call("POST", path)).data["domain"]["verified"]

    assert (added["verified"], before, after) == (False, False, True)


async def test_a_domain_goes_with_its_removal(sentinel):
    one = await domain_id(sentinel)
    gone = await sentinel.call("DELETE", f"/api/domains/{one}")

    assert (gone.status, gone.data["domain"]["id"]) == (200, one)
    assert (await sentinel.call("GET", f"/api/domains/{one}")).status == 404


async def test_the_records_of_a_domain_that_was_never_scanned_are_those_of_the_dns(sentinel):
    one = await domain_id(sentinel)
    empty = (await sentinel.call("GET", f"/api/domains/{one}")).data["domain"]
    publish(sentinel.core, sentinel.domain)
    found = (await sentinel.call("GET", f"/api/domains/{one}")).data["domain"]

    assert (empty["dmarcRecords"], empty["spfRecords"], empty["dkimRecords"]) == ([], [], [])
    assert found["scannedAt"] is None
    assert [(one["record"], one["policy"]) for one in found["dmarcRecords"]] == [(DMARC, "reject")]
    assert [(one["record"], one["dnsLookups"]) for one in found["spfRecords"]] == [(SPF, 0)]
    assert [(one["selector"], one["bits"]) for one in found["dkimRecords"]] == [("s1", 2048)]


async def test_a_scan_looks_now_and_the_domain_shows_it_from_then_on(sentinel):
    one = await domain_id(sentinel)
    publish(sentinel.core, sentinel.domain)
    scan = (await sentinel.call("POST", f"/api/domains/{one}/scan")).body
    sentinel.core.resolver.known[f"_dmarc.{sentinel.domain}", "TXT"] = Answer(state="absent")
    shown = (await sentinel.call("GET", f"/api/domains/{one}")).data["domain"]

    assert (scan["dmarc"]["found"], scan["dmarc"]["record"], scan["dmarc"]["policy"]) == (
        True,
        DMARC,
        "reject",
    )
    spf = scan["spf"]
    assert (spf["found"], spf["record"], spf["valid"], spf["dnsLookups"]) == (True, SPF, True, 0)
    assert shown["scannedAt"] == scan["timestamp"]
    assert [one["record"] for one in shown["dmarcRecords"]] == [DMARC]


async def test_a_dns_that_does_not_tell_is_no_evidence(sentinel):
    one = await domain_id(sentinel)
    failed = Answer(state="failed", reason="SERVFAIL")
    sentinel.core.resolver.known[f"_dmarc.{sentinel.domain}", "TXT"] = failed
    scan = (await sentinel.call("POST", f"/api/domains/{one}/scan")).data

    assert (scan["overall"], scan["dmarc"]["found"], scan["spf"]["found"]) == ("unknown", None, False)


async def test_reports_are_paged_by_number(sentinel):
    kept = [await report(sentinel, report_id=f"r{number}") for number in range(3)]
    first, second = [(await sentinel.call("GET", f"/api/reports?page={n}&limit=2")).data for n in (1, 2)]

    assert sorted(one["id"] for one in first["reports"] + second["reports"]) == sorted(one.id for one in kept)
    assert first["pagination"] == {"page": 1, "limit": 2, "total": 3, "hasMore": True}
    assert second["pagination"]["hasMore"] is False


async def test_reports_are_narrowed_by_domain_and_period(sentinel):
    other = await sentinel.add("other")
    old = await report(sentinel, begin=BEGIN_S - 9 * DAY_S)
    await report(sentinel, report_id="new")
    await report(sentinel, domain=other)
    one = old.domain_id
    until = "2026-04-25T00:00:00Z"
    found = (await sentinel.call("GET", f"/api/reports?domainId={one}&to={until}")).data["reports"]
    unknown = await sentinel.call("GET", "/api/reports?domainId=dom_none")

    assert [each["id"] for each in found] == [old.id]
    assert (unknown.status, "domainId" in unknown.error["message"]) == (400, True)


async def test_a_report_has_its_records(sentinel):
    kept = await report(sentinel, record_xml(count=2), FAILING)
    shown = (await sentinel.call("GET", f"/api/reports/{kept.id}")).data["report"]

    assert (shown["totalCount"], shown["passCount"], shown["failCount"]) == (11, 2, 9)
    assert [one["sourceIp"] for one in shown["records"]] == ["192.0.2.9", "198.51.100.4"]


async def test_a_summary_has_rate_volume_and_sources(sentinel):
    await report(sentinel, record_xml(count=1), FAILING)
    found = (await sentinel.call("GET", "/api/reports/summary")).data["summary"]

    assert (found["volume"], found["passRate"], found["uniqueSources"]) == (10, 10.0, 2)
    assert found["topSources"][0] == {"sourceIp": "198.51.100.4", "totalCount": 9, "passCount": 0}


async def test_an_export_has_every_record_in_both_forms(sentinel):
    for number in range(21):
        await report(sentinel, record_xml(count=2), FAILING, report_id=f"=r{number}")
    as_json = json.loads((await sentinel.call("GET", "/api/reports/export")).raw)
    said = await sentinel.call("GET", "/api/reports/export?format=csv")
    lines = list(csv.DictReader(io.StringIO(said.raw.decode())))

    assert (len(as_json), len(as_json[0]["records"])) == (21, 2)
    assert said.headers["Content-Type"].startswith("text/csv")
    assert (len(lines), {line["sourceIp"] for line in lines}) == (42, {"192.0.2.9", "198.51.100.4"})
    assert {line["reportId"] for line in lines} == {f"'=r{number}" for number in range(21)}


async def test_an_export_of_nothing_is_an_empty_list(sentinel):
    assert json.loads((await sentinel.call("GET", "/api/reports/export")).raw) == []


async def triggered(sentinel):
    """A rule, and the alert that a bad report raises under it."""
    one = await domain_id(sentinel)
    rule = (await sentinel.call("POST", "/api/alert-rules", {"type": "dmarc_failure", "domainId": one})).data
    await report(sentinel, FAILING)
    core = sentinel.core
    async with core.database.begin() as tx:
        await alerting.detect(tx, core.clock(), chain=core.chain, tenant=sentinel.tenant)
    return one, rule["rule"]


async def test_a_pass_rate_below_the_rule_is_an_alert(sentinel):
    one, rule = await triggered(sentinel)
    (alert,) = (await sentinel.call("GET", f"/api/alerts?state=triggered&domainId={one}")).data["alerts"]
    shown = (await sentinel.call("GET", f"/api/alerts/{alert['id']}")).data["alert"]

    assert shown == alert
    assert (alert["domainId"], alert["ruleId"], alert["type"]) == (one, rule["id"], "dmarc_failure")
    assert (alert["message"], alert["value"]) == ("DMARC pass rate dropped below 95%", 0.0)
    assert (await sentinel.call("GET", "/api/alerts?state=resolved")).data["alerts"] == []


async def test_a_rule_is_changed_and_removed(sentinel):
    _, rule = await triggered(sentinel)
    path = f"/api/alert-rules/{rule['id']}"
    changed = (await sentinel.call("PATCH", path, {"threshold": 80, "windowHours": 72})).data["rule"]
    everywhere = (await sentinel.call("PATCH", path, {"domainId": None})).data["rule"]
    listed = (await sentinel.call("GET", "/api/alert-rules")).data["rules"]
    gone = await sentinel.call("DELETE", path)

    assert (changed["threshold"], changed["windowHours"], changed["domainId"]) == (80, 72, rule["domainId"])
    assert (everywhere["domainId"], listed, gone.status) == (None, [everywhere], 200)
    assert (await sentinel.call("GET", "/api/alert-rules")).data["rules"] == []
