"""Health of DNS records and drift of DMARC policies."""

import pytest
from sqlalchemy import select, update

from core.detectors import dmarc_policy, dns_health
from core.detectors.dmarc_policy import Live, Wanted, difference
from core.dns.answers import Answer
from core.dns.check import Check
from core.dns.expected import DmarcPolicy
from core.dns.health import Health
from core.store.clock import HOUR_MS
from core.store.tables import dmarc_policies, dns_snapshots
from tests.factories.audit import chain
from tests.factories.core import NOW_MS
from tests.factories.reports import add_domain

WANT = "v=DMARC1; p=reject; rua=mailto:a@acme.example"
WEAK = "v=DMARC1; p=none; rua=mailto:a@acme.example"


@pytest.fixture
async def tx(tx):
    await add_domain(tx)
    row = {"domain": "acme.example", "tenant": "default", "record": WANT, "updated_ms": NOW_MS}
    await tx.execute(dmarc_policies.insert().values(row))
    return tx


async def look(tx, *records, step=0):
    live = [Live(each, records) for each in await dmarc_policy.wanted(tx)]
    now_ms = NOW_MS + step * HOUR_MS
    events = await dmarc_policy.detect(tx, now_ms, chain=chain(), live=live)
    return [(each.name, each.data["differs"]) for each in events]


async def test_a_drift_is_told_when_it_was_seen_twice_and_its_end_too(tx):
    assert await look(tx, WANT) == []
    assert await look(tx, WEAK) == []
    assert await look(tx, WEAK) == [("dmarc.drift_alert", ["p", "sp", "np"])]
    assert await look(tx, WEAK) == []
    assert await look(tx, WANT) == []
    assert await look(tx, WANT) == [("dmarc.drift_recovered", [])]
    assert await look(tx, WANT) == []


async def test_one_look_that_differs_is_no_drift(tx):
    looks = [await look(tx, record) for record in (WEAK, WANT, WEAK, WANT)]

    assert looks == [[], [], [], []]


async def test_a_record_that_is_gone_or_doubled_is_a_drift(tx):
    assert await look(tx) == []
    assert await look(tx, WANT, WANT) == [("dmarc.drift_alert", ["record"])]


async def test_a_policy_that_changed_since_the_look_is_not_judged(tx):
    live = [Live(each, (WEAK,)) for each in await dmarc_policy.wanted(tx)]
    await tx.execute(update(dmarc_policies).values(record=WEAK))
    for _ in range(3):
        assert await dmarc_policy.detect(tx, NOW_MS, chain=chain(), live=live) == []


@pytest.mark.parametrize(
    ("live", "tags"),
    [
        ("v=DMARC1;p=reject;rua=mailto:A@acme.example;", ()),
        ("v=DMARC1; p=reject; sp=reject; adkim=r; pct=100; rua=mailto:a@acme.example", ()),
        ("v=DMARC1; p=reject; sp=none; rua=mailto:a@acme.example", ("sp", "np")),
        ("v=DMARC1; p=reject; aspf=s; rua=mailto:a@acme.example", ("aspf",)),
        ("v=DMARC1; p=reject; t=y", ("t", "rua")),
    ],
)
def test_records_are_compared_by_what_they_mean(live, tags):
    assert difference(WANT, [live]) == tags


async def test_a_look_up_that_failed_is_no_evidence():
    class Dns:
        async def lookup(self, name, rtype, /):
            if name == "_dmarc.down.example":
                return Answer(state="failed", reason="SERVFAIL")
            return Answer(state="found", values=("other text", WANT))

    asked = [Wanted("default", name, WANT) for name in ("down.example", "acme.example")]
    live = await dmarc_policy.look_up(Dns(), asked)

    assert [(each.wanted.domain, each.records) for each in live] == [("acme.example", (WANT,))]


def report(status, domain="acme.example"):
    level = {"pass": "healthy", "warn": "degraded", "fail": "unhealthy", "pending": "unknown"}[status]
    checks = {"spf": Check(status=status, label="SPF", message=f"is {status}")}
    return Health(domain=domain, overall=level, checks=checks, dmarc=DmarcPolicy())


async def see(tx, *statuses):
    told = []
    for step, status in enumerate(statuses):
        reports = [report(status), report(status, "stranger.example")]
        now_ms = NOW_MS + step * HOUR_MS
        events = await dns_health.detect(tx, now_ms, chain=chain(), reports=reports)
        told += [(step, each.name, each.data["previous"], each.data["checks"]) for each in events]
    return told


async def test_health_is_told_on_transitions_that_last(tx):
    told = await see(tx, "pass", "pass", "fail", "pending", "fail", "fail", "pass", "pass", "pass")

    assert told == [
        (4, "dns.health_alert", "healthy", {"spf": {"status": "fail", "message": "is fail"}}),
        (7, "dns.health_recovered", "unhealthy", {}),
    ]


async def test_a_snapshot_is_kept_when_something_changed(tx):
    await see(tx, "pass", "pass", "fail", "fail", "pass")
    rows = await tx.execute(select(dns_snapshots.c.overall).order_by(dns_snapshots.c.at_ms))

    assert list(rows.scalars()) == ["healthy", "unhealthy", "healthy"]
