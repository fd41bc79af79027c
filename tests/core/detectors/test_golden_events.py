"""What each event says, held against a file: others read these fields. `REWRITE=1` writes them anew."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.detectors import (
    alerting,
    certificates,
    dkim_keys,
    dmarc_policy,
    dns_health,
    licence,
    mailbox_usage,
    nodes,
    reputation,
)
from core.detectors.catalogue import DETECTORS
from core.detectors.certificates import Look
from core.detectors.dmarc_policy import Live
from core.detectors.licence_file import read
from core.detectors.mailbox_usage import Seen
from core.dns.check import Check
from core.dns.expected import DmarcPolicy
from core.dns.health import Health
from core.reports import alert_store
from core.reports.dmarc import parse
from core.reports.dmarc_store import file_report
from core.store import estate
from core.store.clock import DAY_MS, HOUR_MS
from core.store.tables import dmarc_policies
from core.upstream.provider import Mailbox
from hub.sdk.ed25519 import public_of
from tests.factories.audit import chain
from tests.factories.core import NOW_MS
from tests.factories.detectors import PRIVATE, seen
from tests.factories.detectors import licence as licence_file
from tests.factories.reports import add_domain, record_xml, report_xml, told

FOLDER = Path(__file__).parent / "golden"
EVENTS = sorted({name for each in DETECTORS for name in each.events})
_OURS = ("alert", "rule", "report", "domain_id")


@dataclass
class World:
    """One in which everything happens once."""

    tx: object

    async def live(self):
        for step in (
            self.nodes, self.certificates, self.keys, self.licence, self.health, self.policy, self.alerts,
            self.reputation, self.mailboxes,
        ):  # fmt: skip
            await step()

    async def nodes(self):
        await nodes.detect(self.tx, NOW_MS, chain=chain())
        await estate.beat(self.tx, "node-2", "10.0.0.2", NOW_MS)
        await nodes.detect(self.tx, NOW_MS + 5_000, chain=chain())
        await nodes.leave(self.tx, NOW_MS + 6_000, chain=chain(node_id="node-2"))

    async def certificates(self):
        for shown in (seen("a1", 5), seen("b2", 95)):
            await certificates.detect(self.tx, NOW_MS, chain=chain(), look=Look(seen=(shown,)))

    async def keys(self):
        created_ms = NOW_MS - 160 * DAY_MS
        key = estate.DkimKey(domain="acme.example", selector="s1", created_ms=created_ms)
        await estate.add_dkim_key(self.tx, key)
        await dkim_keys.detect(self.tx, NOW_MS, chain=chain())

    async def licence(self):
        found = read(licence_file(), [public_of(PRIVATE.encode())])
        await licence.detect(self.tx, NOW_MS, chain=chain(), found=found, period_ms=HOUR_MS)

    async def health(self):
        for status, overall in (("pass", "healthy"), ("fail", "unhealthy"), ("pass", "healthy")):
            checks = {"spf": Check(status=status, label="SPF", message="SPF says so")}
            found = Health(domain="acme.example", overall=overall, checks=checks, dmarc=DmarcPolicy())
            for _ in range(2):
                await dns_health.detect(self.tx, NOW_MS, chain=chain(), reports=[found])

    async def policy(self):
        row = {"domain": "acme.example", "tenant": "default", "record": "v=DMARC1; p=reject"}
        await self.tx.execute(dmarc_policies.insert().values(updated_ms=NOW_MS, **row))
        for record in ("v=DMARC1; p=none", "v=DMARC1; p=reject"):
            live = [Live(each, (record,)) for each in await dmarc_policy.wanted(self.tx)]
            for _ in range(2):
                await dmarc_policy.detect(self.tx, NOW_MS, chain=chain(), live=live)

    async def alerts(self):
        await alert_store.add_rule(self.tx, "default", NOW_MS, type="dmarc_failure", name="pass rate")
        for number, (good, bad) in enumerate(((90, 10), (1_000, 1))):
            records = record_xml(count=good), record_xml(count=bad, dkim="fail", spf="fail")
            report = parse(report_xml(*records, report_id=str(number)))
            await file_report(self.tx, report, now_ms=NOW_MS, chain=chain())
            await alerting.detect(self.tx, NOW_MS, chain=chain())

    async def reputation(self):
        for _ in range(8):
            await reputation.count(self.tx, "default", "203.0.113.7", "reject", NOW_MS, chain=chain())

    async def mailboxes(self):
        for used_mb, sent_today in ((950.5, 9_600), (12.0, 0)):
            box = Mailbox(
                username="grace", quota_mb=1024, send_limit=9_600, used_mb=used_mb, sent_today=sent_today
            )
            seen = [Seen(tenant="default", domain="acme.example", mailboxes=(box,))]
            await mailbox_usage.detect(self.tx, NOW_MS, chain=chain(), seen=seen)


@pytest.fixture
async def lived(tx):
    await add_domain(tx)
    await World(tx).live()
    return dict(reversed(await told(tx)))


def plain(data):
    """Random ids as what they are."""
    return {name: "(id)" if name in _OURS and value else value for name, value in data.items()}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_says_what_its_golden_says(lived, name):
    path = FOLDER / f"{name}.json"
    text = json.dumps(plain(lived[name]), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("REWRITE"):
        path.write_text(text)

    assert text == path.read_text()


def test_no_golden_is_left_over():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == EVENTS
