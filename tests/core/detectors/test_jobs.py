from pathlib import Path
from random import Random

import pytest

from core.detectors import reference
from core.detectors.catalogue import DETECTORS, period_ms
from core.detectors.jobs import Settings, jobs
from core.detectors.mailbox_usage import Seen
from core.detectors.scheduler import Scheduler
from core.dns.answers import Answer
from core.dns.expected import Expected
from core.store.clock import DAY_MS
from core.store.tables import dmarc_policies
from core.upstream.provider import Mailbox
from hub.sdk.ed25519 import public_of
from tests.factories.audit import chain
from tests.factories.core import NOW_MS, FakeClock
from tests.factories.detectors import PRIVATE, certificate, licence, pem
from tests.factories.reports import add_domain, told


class Dns:
    """Everything fails but one weak DMARC record."""

    async def lookup(self, name, rtype, /):
        if name == "_dmarc.acme.example":
            return Answer(state="found", values=("v=DMARC1; p=none",))
        return Answer(state="absent")


async def expect(tenant, domain):
    return Expected()


async def usage():
    full = Mailbox(username="grace", quota_mb=100, send_limit=9600, used_mb=95.0, sent_today=3)
    return [Seen(tenant="default", domain="acme.example", mailboxes=(full,))]


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "mx1.pem").write_bytes(pem(certificate(10)))
    (tmp_path / "licence.json").write_bytes(licence())
    return Settings(
        chain=chain(),
        certificate_paths=(tmp_path / "mx1.pem",),
        licence_path=tmp_path / "licence.json",
        licence_keys=(public_of(PRIVATE.encode()),),
    )


async def test_all_jobs_together_tell_what_there_is_and_then_nothing_more(database, settings):
    clock = FakeClock()
    async with database.begin() as tx:
        await add_domain(tx)
        row = {"domain": "acme.example", "tenant": "default", "record": "v=DMARC1; p=reject"}
        await tx.execute(dmarc_policies.insert().values(updated_ms=NOW_MS, **row))
    made = jobs(database, settings, Dns(), expect, usage)
    scheduler = Scheduler(database, made, clock, Random(1))
    for _ in range(4):
        clock.advance(0.4 * DAY_MS / 1000)
        for job in made:
            await scheduler.once(job)
    async with database.read() as tx:
        names = [name for name, _ in await told(tx)]

    assert sorted(names) == [
        "cert.expiring",
        "dmarc.drift_alert",
        "dns.health_alert",
        "license.changed",
        "mailbox.quota_alert",
    ]
    assert {job.name for job in made} == {each.name for each in DETECTORS if each.period_ms}


async def test_a_service_without_a_licence_file_watches_none(database):
    made = jobs(database, Settings(chain=chain()), Dns(), expect, usage)

    assert "licence" not in {job.name for job in made}


def test_what_happens_at_once_has_no_period():
    with pytest.raises(KeyError):
        period_ms("dmarc_reports")


def test_the_page_of_the_detectors_is_fresh():
    page = Path(__file__).resolve().parents[3] / "docs/reference/detectors.md"

    assert page.read_text() == reference.reference()
