"""Hostile requests against a real hub process: no 5xx but the declared ones, nothing hangs, nothing grows
without bound, and what was acknowledged is there.
"""

import asyncio
from itertools import takewhile
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import orjson
import pytest

from tests.factories.hostile_bodies import good
from tests.factories.hostile_client import Findings, strike_all
from tests.factories.hostile_signatures import SOURCES_YAML, signed
from tests.factories.hostile_wire import Attack, attack, slow_attack
from tests.factories.process import HubProcess, until
from tests.servers.place import QUICK

CONFIG = f"""
data: .mxhub
tenant: fuzz
ingest: {{read_timeout_s: 1}}
log: {{disk_reserve_mb: 1}}
sources: {SOURCES_YAML}
connectors:
  everything: {{kind: file, path: "out.ndjson"}}
"""
STATUSES = {200, 202, 400, 401, 404, 405, 408, 413, 415, 417, 503}
DECLARED_503 = {"too_busy", "log_full", "log_unavailable", "not_accepting", "too_many_connections"}
MIB = 1024 * 1024


@pytest.fixture
def hub():
    with (
        TemporaryDirectory(prefix="mxf", dir=QUICK) as folder,
        HubProcess(Path(folder), config=CONFIG) as hub,
    ):
        yield hub


def campaign(hub, seed, requests, **options):
    """Strike until so many requests were made."""
    rng, findings = Random(seed), Findings()

    def attacks():
        while True:
            yield attack(rng)

    limited = takewhile(lambda _: findings.requests < requests, attacks())
    asyncio.run(strike_all(urlsplit(hub.url).port, limited, findings, **options))
    return findings


def check(hub, findings):
    """Everything that must hold after any campaign."""
    assert hub.process.poll() is None, hub.said()
    assert findings.holes == []
    unexpected = {answer: n for answer, n in findings.statuses.items() if answer[0] not in STATUSES}
    assert unexpected == {}
    assert {code for status, code in findings.statuses if status == 503} <= DECLARED_503
    assert "Traceback" not in hub.said()
    body = good(10**6)
    status, said = hub.post("/in/hex", body, **{n: v.decode() for n, v in signed("hex", body)})
    assert (status, said["accepted"]) == (202, 1)
    delivered(hub, findings.ids | set(said["ids"]))


def delivered(hub, ids):
    """Every acknowledged event came out, and the books balance."""
    until(lambda: all(book["pending"] == 0 for book in hub.ask("books")), 60)
    lines = b"".join(path.read_bytes() for path in sorted(hub.folder.glob("out.ndjson*"))).splitlines()
    assert ids - {orjson.loads(line)["metadata"]["uid"] for line in lines} == set()
    assert [book["parked"] + book["dropped"] for book in hub.ask("books")] == [0]


@pytest.mark.slow
def test_no_hostile_request_gets_an_undeclared_5xx_or_no_answer(hub):
    findings = campaign(hub, seed=1, requests=1000)

    check(hub, findings)
    assert findings.requests >= 1000
    assert len(findings.kinds) > 25


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_hostile_requests_leave_the_hub_as_it_was(hub):
    sizes = []
    findings = campaign(hub, seed=2, requests=100_000, look=lambda: sizes.append(hub.rss()), look_every=2000)

    check(hub, findings)
    print(findings.attacks, findings.requests, dict(findings.statuses), [size // MIB for size in sizes])
    warm = max(sizes[: len(sizes) // 3])
    assert max(sizes[len(sizes) // 3 :]) < warm + 64 * MIB
    assert max(sizes) < 500 * MIB


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_slow_clients_are_cut_off_and_hold_up_nobody(hub):
    rng, findings = Random(3), Findings()
    port = urlsplit(hub.url).port
    slow = [slow_attack(rng) for _ in range(200)]

    async def both():
        held = asyncio.create_task(strike_all(port, iter(slow), findings, clients=200, patience_s=150))
        fast = Findings()
        await asyncio.sleep(1)
        await asyncio.wait_for(strike_all(port, (attack(rng) for _ in range(300)), fast), 20)
        await held
        return fast

    fast = asyncio.run(both())

    check(hub, fast)
    assert isinstance(slow[0], Attack)
    assert {status for status, _ in findings.statuses} <= {202, 408}
    assert findings.holes == []
