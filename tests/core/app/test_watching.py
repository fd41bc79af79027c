"""The detectors in a running service: each change is told once, and the log that holds them verifies."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import select

from core.app.service import CoreService
from core.audit.anchors import Anchors
from core.audit.verify import verify
from core.config import CoreConfig
from core.service import alerts, dkim_keys, dmarc_reports
from core.store.clock import DAY_MS
from core.store.tables import detector_states, dmarc_policies
from hub.sdk.ed25519 import public_of
from tests.factories.core import NOW_MS
from tests.factories.core_api import OPERATOR_BY
from tests.factories.detectors import PRIVATE, certificate, licence, pem
from tests.factories.dns import DnsServer
from tests.factories.reports import add_domain, record_xml, report_xml, told

EXPECTED = {
    "cluster.node_joined",
    "cert.expiring",
    "license.changed",
    "dkim.rotation_due",
    "dns.health_alert",
    "dmarc.drift_alert",
    "report.received",
    "alert.triggered",
}


class Running:
    """A clock that runs from a moment on at which the test's certificates and reports fit."""

    def __init__(self):
        self.began = time.monotonic()

    def __call__(self):
        return NOW_MS + round((time.monotonic() - self.began) * 1000)


@pytest.fixture
async def dns():
    async with DnsServer({"_dmarc.acme.example": {"TXT": ["v=DMARC1; p=none"]}}) as server:
        yield server


@pytest.fixture
def settings(tmp_path, dns):
    (tmp_path / "mx1.pem").write_bytes(pem(certificate(10)))
    (tmp_path / "licence.json").write_bytes(licence())
    return {
        "listen": "127.0.0.1:0",
        "name_servers": (dns.address,),
        "certificate_paths": (tmp_path / "mx1.pem",),
        "licence_file": tmp_path / "licence.json",
        "licence_keys": (public_of(PRIVATE.encode()),),
    }


async def prepare(core):
    """A domain whose records, key and reports leave much to tell."""
    async with core.database.begin() as tx:
        await add_domain(tx)
        policy = {"domain": "acme.example", "tenant": "default", "record": "v=DMARC1; p=reject"}
        await tx.execute(dmarc_policies.insert().values(updated_ms=NOW_MS, **policy))
        old = core.clock() - 170 * DAY_MS
        await dkim_keys.add(core, tx, OPERATOR_BY, domain="acme.example", selector="s1", created_ms=old)
        rule = alerts.RuleSettings(type="dmarc_failure", name="pass rate")
        await alerts.add_rule(core, tx, OPERATOR_BY, rule)
    failing = report_xml(record_xml(count=90, dkim="fail", spf="fail"))
    await dmarc_reports.upload(core, OPERATOR_BY, failing)


async def names(database):
    async with database.read() as tx:
        return [name for name, _ in await told(tx) if name in EXPECTED or name.endswith("resolved")]


async def until(look, within_s=120):
    async with asyncio.timeout(within_s):
        while not await look():
            await asyncio.sleep(0.05)


async def runs(database):
    """When each detector is due next, which moves with every run; `None` while one runs."""
    row = detector_states.c
    async with database.read() as tx:
        found = await tx.execute(select(row).where(row.detector == "job"))
        return {each.subject: None if each.state else each.since_ms for each in found}


async def until_all_is_told(database):
    async def everything():
        return set(await names(database)) >= EXPECTED

    await until(everything)


async def until_each_ran_again(database):
    before, again = {}, set()

    async def each_ran_again():
        now = await runs(database)
        for name, due_ms in now.items():
            if due_ms is not None and due_ms > before.setdefault(name, due_ms):
                again.add(name)
        return again == set(now)

    await until(each_ran_again)


@pytest.mark.slow
async def test_a_running_service_tells_each_change_once_and_its_log_verifies(tmp_path, buckets, settings):
    folder = tmp_path / "core"
    service = CoreService(CoreConfig(**settings), folder, buckets, environ={}, clock=Running(), hurry=100_000)
    async with service:
        core = service.core
        await prepare(core)

        await until_all_is_told(core.database)
        await until_each_ran_again(core.database)
        await until_each_ran_again(core.database)
        assert sorted(await names(core.database)) == sorted(EXPECTED)

        (tmp_path / "mx1.pem").write_bytes(pem(certificate(300, serial=0x0B)))

        async def renewed():
            return "cert.resolved" in await names(core.database)

        await until(renewed)
        anchors = Anchors(folder / "anchors", (folder / "audit.key").read_text().strip().encode())
        assert await verify(core.database, core.chain, anchors) == []


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.server("postgresql-15")
async def test_of_two_processes_on_one_database_each_detector_runs_in_one(
    tmp_path, buckets, settings, postgresql_server, postgresql_template
):
    url, clock = postgresql_server.create(template=postgresql_template), Running()
    environ = {"MXHUB_AUDIT_KEY": "a key that both processes were given"}
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(
                CoreService(
                    CoreConfig(**settings, node=node, database_url=url),
                    tmp_path / node,
                    buckets,
                    environ=environ,
                    clock=clock,
                    hurry=50_000,
                )
            )
            for node in ("node-1", "node-2")
        ]
        core = both[0].core
        await prepare(core)

        await until_all_is_told(core.database)
        await until_each_ran_again(core.database)
        found = await names(core.database)
        for service in both:
            await service.anchoring.once()
        for service in both:
            anchors = Anchors(service.data / "anchors", environ["MXHUB_AUDIT_KEY"].encode())
            assert await verify(core.database, core.chain, anchors) == []

    assert sorted(found) == sorted([*EXPECTED, "cluster.node_joined"])
