"""Alert rules by the API, and the alerts that they raise."""

import pytest

from core.detectors import alerting
from core.service import dmarc_reports
from core.store.clock import HOUR_MS
from tests.factories.core_api import OPERATOR_BY
from tests.factories.reports import add_domain, record_xml, report_xml


@pytest.fixture
async def api(service_api):
    async with service_api.core.database.begin() as tx:
        await add_domain(tx)
        await add_domain(tx, "b.example")
    return service_api


async def failing(api, domain="acme.example"):
    bad = report_xml(record_xml(count=50, dkim="fail", spf="fail"), domain=domain)
    await dmarc_reports.upload(api.core, OPERATOR_BY, bad)


async def evaluate(api):
    async with api.core.database.begin() as tx:
        return await alerting.detect(tx, api.core.clock(), chain=api.core.chain)


async def test_a_rule_gets_what_is_usual_for_its_type(api):
    said = await api.call("POST", "/alert-rules", {"type": "dmarc_failure", "name": "pass rate"})

    assert said.status == 201
    usual = {"threshold": 95, "comparison": "below", "window_hours": 168, "minimum": 1, "enabled": True}
    assert {name: said.data[name] for name in usual} == usual
    assert (await api.call("GET", "/alert-rules")).data == [said.data]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "weather"}, "type"),
        ({"type": "dmarc_failure", "threshold": 101}, "threshold"),
        ({"type": "dmarc_failure", "window_hours": 1}, "window"),
        ({"type": "volume", "frequency": "hourly"}, "frequency"),
    ],
)
async def test_a_rule_that_cannot_be_is_named(api, body, field):
    said = await api.call("POST", "/alert-rules", body)

    assert (said.status, said.error["details"][0]["field"]) == (400, field)


async def test_a_change_keeps_what_is_not_given_and_is_on_record(api):
    made = (await api.call("POST", "/alert-rules", {"type": "dmarc_failure", "threshold": 80})).data
    where = f"/alert-rules/{made['id']}"
    renamed = (await api.call("PATCH", where, {"name": "low"})).data
    other = (await api.call("PATCH", where, {"type": "volume"})).data
    gone = await api.call("DELETE", where)

    assert (renamed["threshold"], renamed["name"]) == (80, "low")
    assert (other["threshold"], other["window_hours"], other["name"]) == (1, 24, "low")
    assert gone.status == 200
    assert (await api.call("DELETE", where)).status == 404
    entries = (await api.call("GET", f"/audit/logs?resource=alert_rule/{made['id']}&order=oldest")).data
    assert [entry["action"] for entry in entries] == [
        "alert_rule.created",
        "alert_rule.updated",
        "alert_rule.updated",
        "alert_rule.deleted",
    ]
    assert entries[1]["changes"]["after"]["name"] == "low"


async def test_who_is_bound_to_a_domain_makes_and_sees_rules_of_it_only(api):
    bound = await api.key("alerts:write", domains=["acme.example"])
    every = (await api.call("POST", "/alert-rules", {"type": "volume"})).data
    body = {"type": "volume", "domain": "acme.example"}

    assert (await api.call("POST", "/alert-rules", {"type": "volume"}, key=bound)).status == 403
    assert (await api.call("POST", "/alert-rules", {**body, "domain": "b.example"}, key=bound)).status == 403
    mine = (await api.call("POST", "/alert-rules", body, key=bound)).data
    assert [one["id"] for one in (await api.call("GET", "/alert-rules", key=bound)).data] == [mine["id"]]
    assert (await api.call("DELETE", f"/alert-rules/{every['id']}", key=bound)).status == 404
    moved = await api.call("PATCH", f"/alert-rules/{mine['id']}", {"domain": "b.example"}, key=bound)
    assert moved.status == 403


async def test_alerts_are_listed_newest_first_by_state_and_domain(api):
    await api.call("POST", "/alert-rules", {"type": "dmarc_failure"})
    await failing(api)
    await evaluate(api)
    api.core.clock.advance(HOUR_MS / 1000)
    await failing(api, "b.example")
    await evaluate(api)
    both = await api.call("GET", "/alerts?limit=1")
    rest = await api.call("GET", f"/alerts?limit=1&cursor={both.pagination['next_cursor']}")
    bound = await api.key("alerts:read", domains=["acme.example"])

    assert [said.data[0]["domain"] for said in (both, rest)] == ["b.example", "acme.example"]
    assert [one["domain"] for one in (await api.call("GET", "/alerts", key=bound)).data] == ["acme.example"]
    assert (await api.call("GET", "/alerts?state=resolved")).data == []
    assert (await api.call("GET", "/alerts?domain=b.example", key=bound)).status == 403
    (one,) = (await api.call("GET", "/alerts?domain=b.example")).data
    assert (await api.call("GET", f"/alerts/{one['id']}")).data == one
    assert (one["message"], one["details"]["value"]) == ("DMARC pass rate dropped below 95%", 0.0)
