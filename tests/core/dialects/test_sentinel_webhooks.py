"""MailSentinel's webhooks: save and test, the four events with the page's members, pushed as they happen."""

from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.detectors import alerting
from core.dns.answers import Answer
from core.outward.forms import FORMS, hex_signature
from core.outward.letter import body_of, letter_of
from core.service import dmarc_reports
from core.service.by import By
from core.store import feed
from tests.factories.mailsentinel import DMARC, publish
from tests.factories.outward import running, until
from tests.factories.reports import record_xml, report_xml

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def receiver():
    """Its URL, and what it was sent: headers and raw body."""
    seen = []

    async def take(request):
        seen.append((request.headers, await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook")), seen


async def domain_id(sentinel):
    return (await sentinel.call("GET", "/api/domains")).data["domains"][0]["id"]


async def bodies(sentinel):
    """What the tenant's events are to MailSentinel's endpoints, by name."""
    async with sentinel.core.database.read() as tx:
        events = await feed.after(tx, 0, 10_000)
    mine = [letter_of(body_of(event)) for event in events if event.tenant == sentinel.tenant]
    render = FORMS["mailsentinel"].render
    return {one.name: orjson.loads(render(one, ("a secret of some length",), 0).body) for one in mine}


async def test_the_endpoint_and_its_events_are_chosen(sentinel):
    new = {"url": "https://hooks.example/in", "events": ["alert.triggered"]}
    made = (await sentinel.call("POST", "/api/webhooks", new)).data["webhook"]
    path = f"/api/webhooks/{made['id']}"
    changed = (await sentinel.call("PATCH", path, {"events": ["report.received"]})).data["webhook"]
    listed = await sentinel.call("GET", "/api/webhooks")

    assert (made["url"], made["events"]) == (new["url"], ["alert.triggered"])
    assert changed["events"] == ["report.received"]
    assert (await sentinel.call("GET", path)).data["webhook"] == changed
    assert listed.data["webhooks"] == [changed]
    assert made["secret"] not in listed.raw.decode()
    assert (await sentinel.call("DELETE", path)).body == {"success": True, "data": {}}
    assert (await sentinel.call("GET", path)).status == 404


async def test_without_a_choice_it_gets_the_four_of_the_page(sentinel):
    made = (await sentinel.call("POST", "/api/webhooks", {"url": "https://hooks.example/in"})).data["webhook"]
    named = [one["event"] for one in (await sentinel.call("GET", "/api/webhooks/events")).data["events"]]

    assert named == ["domain.verified", "domain.scan.completed", "alert.triggered", "report.received"]
    assert made["events"] == named


async def test_an_event_that_the_page_does_not_have_is_refused(sentinel):
    new = {"url": "https://hooks.example/in", "events": ["quarantine.added"]}
    said = await sentinel.call("POST", "/api/webhooks", new)

    assert (said.status, said.error["code"], "events" in said.error["message"]) == (
        400,
        "VALIDATION_ERROR",
        True,
    )


async def test_saved_and_tested(sentinel):
    async with receiver() as (url, seen):
        made = (await sentinel.call("POST", "/api/webhooks", {"url": url})).data["webhook"]
        said = (await sentinel.call("POST", f"/api/webhooks/{made['id']}/test")).data["test"]
    ((headers, raw),) = seen

    assert (said["delivered"], said["status"]) == (True, 204)
    assert headers["X-Signature"] == hex_signature(made["secret"], raw)
    assert set(orjson.loads(raw)) == {"event", "timestamp", "data"}


async def test_an_endpoint_that_does_not_answer_is_told_so(sentinel):
    made = (await sentinel.call("POST", "/api/webhooks", {"url": "http://127.0.0.1:9/in"})).data["webhook"]
    said = (await sentinel.call("POST", f"/api/webhooks/{made['id']}/test")).data["test"]

    assert (said["delivered"], said["status"], bool(said["error"])) == (False, None, True)


async def test_events_are_pushed_as_they_happen(sentinel):
    publish(sentinel.core, sentinel.domain)
    one = await domain_id(sentinel)
    async with receiver() as (url, seen), running(sentinel.core):
        new = {"url": url, "events": ["domain.scan.completed"]}
        await sentinel.call("POST", "/api/webhooks", new)
        await sentinel.call("POST", f"/api/domains/{one}/scan")
        await until(lambda: bool(seen))
    told = orjson.loads(seen[0][1])

    assert (told["event"], told["data"]["domainId"]) == ("domain.scan.completed", one)


async def test_a_scan_tells_what_the_scan_answers(sentinel):
    publish(sentinel.core, sentinel.domain)
    one = await domain_id(sentinel)
    scan = (await sentinel.call("POST", f"/api/domains/{one}/scan")).data
    told = (await bodies(sentinel))["domain.scan.completed"]

    assert (told["timestamp"], told["data"]["scanId"]) == (scan["timestamp"], scan["scanId"])
    assert (told["data"]["domainId"], told["data"]["domain"]) == (one, sentinel.domain)
    assert told["data"]["dmarc"] == {"found": True, "record": DMARC, "policy": "reject"}
    assert set(told["data"]["spf"]) == {"found", "record", "valid", "dnsLookups"}


async def test_a_proven_domain_is_told(sentinel):
    added = (await sentinel.call("POST", "/api/domains", {"domain": f"p.{sentinel.domain}"})).data["domain"]
    proof = added["verification"]
    sentinel.core.resolver.known[proof["host"], "TXT"] = Answer(state="found", values=(proof["value"],))
    await sentinel.call("POST", f"/api/domains/{added['id']}/verify")
    told = (await bodies(sentinel))["domain.verified"]

    assert told["data"] == {"domainId": added["id"], "domain": added["domain"], "verified": True}


async def test_a_report_is_told_by_the_names_of_the_reports(sentinel):
    data = report_xml(record_xml(count=3), domain=f"mail.{sentinel.domain}")
    kept = (await dmarc_reports.upload(sentinel.core, By.system(sentinel.tenant), data)).report
    told = (await bodies(sentinel))["report.received"]["data"]
    shown = (await sentinel.call("GET", f"/api/reports/{kept.id}")).data["report"]

    assert told == {name: shown[name] for name in told}
    assert told["domainId"] == await domain_id(sentinel)
    assert told["totalCount"] == 3


async def test_an_alert_is_told_with_the_members_of_the_page(sentinel):
    one, core = await domain_id(sentinel), sentinel.core
    await sentinel.call("POST", "/api/alert-rules", {"type": "dmarc_failure"})
    data = report_xml(record_xml(dkim="fail", spf="fail"), domain=sentinel.domain)
    await dmarc_reports.upload(core, By.system(sentinel.tenant), data)
    async with core.database.begin() as tx:
        await alerting.detect(tx, core.clock(), chain=core.chain, tenant=sentinel.tenant)
    told = (await bodies(sentinel))["alert.triggered"]
    (alert,) = (await sentinel.call("GET", "/api/alerts")).data["alerts"]

    assert set(told) == {"event", "timestamp", "data"}
    assert told["timestamp"] == alert["triggeredAt"]
    named = {name: told["data"][name] for name in ("alertId", "domainId", "type", "message")}
    assert named == {
        "alertId": alert["id"],
        "domainId": one,
        "type": "dmarc_failure",
        "message": "DMARC pass rate dropped below 95%",
    }
