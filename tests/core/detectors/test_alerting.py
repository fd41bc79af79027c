import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from core.detectors import alerting, states
from core.detectors.states import State
from core.reports import alert_store
from core.reports.dmarc import parse
from core.reports.dmarc_store import file_report
from core.reports.stats import count
from core.store.clock import DAY_MS
from core.store.tables import alerts, dmarc_records, dmarc_reports, domains
from tests.factories.audit import chain
from tests.factories.core import NOW_MS
from tests.factories.reports import add_domain, record_xml, report_xml


@pytest.fixture
async def tx(tx):
    await add_domain(tx)
    await add_domain(tx, "nordwind.example")
    return tx


async def reported(tx, good, bad, domain="acme.example", name=[0]):  # noqa: B006 -- a counter
    name[0] += 1
    records = [record_xml(count=good)] if good else []
    records += [record_xml("198.51.100.4", bad, "fail", "fail")] if bad else []
    report = parse(report_xml(*records, domain=domain, report_id=str(name[0])))
    await file_report(tx, report, now_ms=NOW_MS, chain=chain())


async def forget(tx):
    await tx.execute(delete(dmarc_records))
    await tx.execute(delete(dmarc_reports))


async def evaluate(tx, day=0.0, **changes):
    events = await alerting.detect(tx, NOW_MS + round(day * DAY_MS), chain=chain(), **changes)
    return [(each.name, each.data["domain"], each.data.get("resolution")) for each in events]


async def rule(tx, **settings):
    return await alert_store.add_rule(tx, "default", NOW_MS, **{"type": "dmarc_failure", **settings})


async def kept(tx, state=None):
    rows = await tx.execute(alert_store.listing("default", state=state))
    return [alert_store.of(row) for row in rows.mappings()]


async def test_a_pass_rate_below_the_threshold_opens_one_alert_and_recovery_closes_it(tx):
    await rule(tx, threshold=95)
    await reported(tx, 94, 6)

    assert await evaluate(tx) == [("alert.triggered", "acme.example", None)]
    assert await evaluate(tx) == []
    (alert,) = await alert_store.open_alerts(tx)
    assert (alert.message, alert.details["value"]) == ("DMARC pass rate dropped below 95%", 94.0)
    await reported(tx, 100, 0)
    assert await evaluate(tx) == [("alert.resolved", "acme.example", "recovered")]
    assert await alert_store.open_alerts(tx) == []
    (closed,) = await kept(tx)
    assert (closed.id, closed.resolved_ms) == (alert.id, NOW_MS)


async def test_a_rate_at_the_threshold_is_no_breach(tx):
    await rule(tx, threshold=95)
    await reported(tx, 95, 5)

    assert await evaluate(tx) == []


async def test_a_rule_for_all_domains_judges_each_by_itself(tx):
    await rule(tx)
    await reported(tx, 50, 50)
    await reported(tx, 100, 0, "nordwind.example")

    assert await evaluate(tx) == [("alert.triggered", "acme.example", None)]


async def test_a_rule_of_one_domain_leaves_the_others_alone(tx):
    await rule(tx, domain="nordwind.example")
    await reported(tx, 50, 50)

    assert await evaluate(tx) == []


async def test_no_data_changes_nothing(tx):
    await rule(tx)
    await reported(tx, 1, 9)
    await evaluate(tx)
    await forget(tx)

    assert await evaluate(tx) == []
    assert len(await alert_store.open_alerts(tx)) == 1


async def test_too_few_messages_are_no_evidence(tx):
    await rule(tx, minimum=100)
    await reported(tx, 1, 9)

    assert await evaluate(tx) == []


async def test_a_daily_rule_speaks_once_a_day_and_a_weekly_once_a_week(tx):
    for frequency in ("daily", "weekly"):
        await rule(tx, frequency=frequency, name=frequency)
    await reported(tx, 100, 0)
    assert await evaluate(tx) == []
    await reported(tx, 0, 100)

    told = [(day, len(await evaluate(tx, day))) for day in (0.2, 0.5, 1, 1.2, 2, 3)]
    assert told == [(0.2, 0), (0.5, 0), (1, 1), (1.2, 0), (2, 0), (3, 1)]


@pytest.mark.parametrize("why", ["rule removed", "rule disabled", "rule changed", "domain removed"])
async def test_an_alert_that_nothing_watches_any_more_is_closed_with_the_reason(tx, why):
    found = await rule(tx)
    await reported(tx, 1, 9)
    await evaluate(tx)
    if why == "rule removed":
        await alert_store.remove_rule(tx, found)
    elif why == "domain removed":
        await tx.execute(delete(domains).where(domains.c.name == "acme.example"))
    else:
        changes = {"enabled": False} if why == "rule disabled" else {"domain": "nordwind.example"}
        await alert_store.change_rule(tx, found, NOW_MS, type="dmarc_failure", **changes)

    assert ("alert.resolved", "acme.example", why) in await evaluate(tx)


async def test_tenants_are_judged_apart(tx):
    await add_domain(tx, "other.example", tenant="other")
    await rule(tx)
    await reported(tx, 1, 9, "other.example")

    assert await evaluate(tx) == []
    await alert_store.add_rule(tx, "other", NOW_MS, type="dmarc_failure")
    assert await evaluate(tx, tenant="default") == []
    assert await evaluate(tx, tenant="other") == [("alert.triggered", "other.example", None)]
    assert await kept(tx) == []


async def test_statistics_and_other_detectors_can_be_watched(tx):
    for name in ("quarantine_rate", "volume", "policy_violation", "dns_change", "dmarc_failures", "sources"):
        await rule(tx, type=name, threshold=0 if name in ("dmarc_failures", "sources") else None)
    await count(tx, tenant="default", domain="acme.example", verdict="quarantine", now_ms=NOW_MS - 1)
    for detector, state in (("dmarc_policy", "drift"), ("dns_health", "degraded")):
        bad = State(subject="acme.example", state=state, since_ms=NOW_MS)
        await states.put(tx, detector, bad)
    await reported(tx, 1, 1)
    events = await alerting.detect(tx, NOW_MS, chain=chain())

    assert sorted((each.data["type"], each.data["domain"]) for each in events) == [
        ("dmarc_failures", "acme.example"),
        ("dns_change", "acme.example"),
        ("policy_violation", "acme.example"),
        ("quarantine_rate", "acme.example"),
        ("sources", "acme.example"),
        ("volume", "nordwind.example"),
    ]


async def test_alerts_are_listed_newest_first_in_pages(tx):
    await rule(tx)
    await reported(tx, 1, 9)
    await reported(tx, 1, 9, "nordwind.example")
    await evaluate(tx)

    assert {each.domain for each in await kept(tx)} == {"acme.example", "nordwind.example"}
    assert await kept(tx, "resolved") == []


class Model:
    """Rules and the last evidence, without a store: which alerts must be open."""

    def __init__(self):
        self.threshold, self.enabled, self.rates, self.open = 95, True, {}, set()

    def evaluate(self):
        before = set(self.open)
        if not self.enabled:
            self.open.clear()
        else:
            for domain, rate in self.rates.items():
                if rate is not None:
                    (self.open.add if rate < self.threshold else self.open.discard)(domain)
        told = {("alert.triggered", domain) for domain in self.open - before}
        return told | {("alert.resolved", domain) for domain in before - self.open}


NAMES = ("acme.example", "nordwind.example")
steps = st.one_of(
    st.tuples(st.just("rate"), st.sampled_from(NAMES), st.sampled_from([None, 0, 90, 95, 96, 100])),
    st.tuples(st.just("threshold"), st.sampled_from([0, 50, 95, 100])),
    st.tuples(st.just("enabled"), st.booleans()),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(steps, min_size=3, max_size=8))
async def test_whatever_happens_only_transitions_are_told(tx, plan):
    model = Model()
    async with tx.begin_nested() as example:
        found = await alert_store.add_rule(tx, "default", NOW_MS, type="dmarc_failure")
        for what, *values in plan:
            if what == "rate":
                model.rates[values[0]] = values[1]
            else:
                setattr(model, what, values[0])
                settings_ = {"threshold": model.threshold, "enabled": model.enabled}
                await alert_store.change_rule(tx, found, NOW_MS, type="dmarc_failure", **settings_)
            await forget(tx)
            for domain, rate in model.rates.items():
                if rate is not None:
                    await reported(tx, rate, 100 - rate, domain)
            told = [(name, domain) for name, domain, _ in await evaluate(tx)]

            assert sorted(told) == sorted(model.evaluate())
        rows = (await tx.execute(alerts.select().where(alerts.c.state == "triggered"))).all()
        assert {row.domain for row in rows} == model.open
        await example.rollback()
