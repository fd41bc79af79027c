"""DMARC aggregate reports by the API: handed in once, read in pages, summed up, each by who may see it."""

import io

import pytest

from core.reports.dmarc import LIMITS
from tests.factories.core import NOW_MS
from tests.factories.reports import (
    NEW_NAMESPACE,
    add_domain,
    gzipped,
    record_xml,
    report_xml,
    told,
    zipped,
)


@pytest.fixture
async def api(service_api):
    async with service_api.core.database.begin() as tx:
        await add_domain(tx)
        await add_domain(tx, "b.example")
        await add_domain(tx, "c.example", "other")
    return service_api


async def hand_in(api, data, key=None, kind="application/xml"):
    return await api.call("POST", "/dmarc/reports", key=key, data=data, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (report_xml(), "application/xml"),
        (gzipped(report_xml()), "application/gzip"),
        (zipped(("r.xml", report_xml())), "application/zip"),
        (report_xml(namespace=NEW_NAMESPACE), "text/xml"),
    ],
    ids=["xml", "gzip", "zip", "rfc9990"],
)
async def test_a_report_is_kept_once_and_told_once(api, data, kind):
    first, again = await hand_in(api, data, kind=kind), await hand_in(api, data, kind=kind)

    assert (first.status, first.data["is_new"], again.status, again.data["is_new"]) == (201, True, 200, False)
    assert first.data["id"] == again.data["id"]
    async with api.core.database.read() as tx:
        events = [data for name, data in await told(tx) if name == "report.received"]
    assert [event["report"] for event in events] == [first.data["id"]]
    entries = (await api.call("GET", "/audit/logs?action=report.received")).data
    assert [entry["actor"]["type"] for entry in entries] == ["api_key"]
    assert entries[0]["request_id"] == first.body["meta"]["request_id"]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (gzipped(b" " * (LIMITS.max_decompressed_bytes + 1)), 413, "decompression_limit_exceeded"),
        (b"no report", 400, None),
        (b"", 400, None),
        (report_xml(begin=NOW_MS // 1000 + 10 * 86_400), 400, "invalid_value"),
    ],
    ids=["bomb", "junk", "nothing", "future"],
)
async def test_what_is_no_report_is_refused_with_its_reason(api, data, status, code):
    said = await hand_in(api, data)

    assert said.status == status
    assert said.error["details"][0]["field"] == "body"
    assert code in (None, said.error["details"][0]["code"])


async def test_more_bytes_than_a_report_may_have_are_413(api):
    assert (await hand_in(api, io.BytesIO(b"x" * (LIMITS.max_input_bytes + 1)))).status == 413


async def test_only_who_may_write_on_the_domain_hands_in(api):
    bound = await api.key("reports:write", domains=["b.example"])
    reader = await api.key("reports:read")

    assert (await hand_in(api, report_xml(), bound)).status == 403
    assert (await hand_in(api, report_xml(), reader)).status == 403
    assert (await hand_in(api, report_xml(domain="c.example"))).status == 404
    assert (await hand_in(api, report_xml(domain="news.b.example"), bound)).status == 201


async def test_a_report_about_a_name_below_belongs_to_the_domain_above_it(api):
    await hand_in(api, report_xml(domain="news.acme.example"))
    bound = await api.key("reports:read", domains=["acme.example"])
    (found,) = (await api.call("GET", "/dmarc/reports?domain=acme.example", key=bound)).data

    assert found["domain"] == "news.acme.example"
    assert (
        await api.call("GET", "/dmarc/reports", key=await api.key("reports:read", tenant="other"))
    ).data == []


async def test_reports_come_in_pages_by_cursor_and_by_number(api):
    ids = []
    for number in range(5):
        api.core.clock.advance(1)
        ids.insert(0, (await hand_in(api, report_xml(report_id=str(number)))).data["id"])
    first = await api.call("GET", "/dmarc/reports?limit=2")
    cursor = first.pagination["next_cursor"]
    second = await api.call("GET", f"/dmarc/reports?limit=2&cursor={cursor}")
    numbered = await api.call("GET", "/dmarc/reports?limit=2&page=3")

    assert [one["id"] for said in (first, second, numbered) for one in said.data] == ids
    assert numbered.pagination["total"] == 5
    assert (await api.call("GET", f"/dmarc/reports?domain=b.example&cursor={cursor}")).status == 400


async def test_one_report_has_its_records_and_the_summary_their_sum(api):
    records = (record_xml("192.0.2.1", 8), record_xml("198.51.100.4", 2, dkim="fail", spf="fail"))
    made = (await hand_in(api, report_xml(*records))).data
    whole = (await api.call("GET", f"/dmarc/reports/{made['id']}")).data
    summed = (await api.call("GET", "/dmarc/summary?domain=acme.example&sources=1")).data

    assert [(one["source_ip"], one["count"]) for one in whole["records"]] == [
        ("192.0.2.1", 8),
        ("198.51.100.4", 2),
    ]
    assert (summed["messages"], summed["passed"], summed["pass_rate"]) == (10, 8, 80.0)
    assert summed["top_sources"] == [{"source_ip": "192.0.2.1", "messages": 8, "passed": 8, "failed": 0}]
