from core.sandbox.estate import licence_server
from core.service.detectors import Limits, Watch, detect
from core.store import estate, feed
from core.store.clock import DAY_MS
from tests.factories.core import NOW_MS, chain_at, emitted, recorded

LIMITS = Limits()
WATCH = Watch(limits=LIMITS, licence_server=licence_server)


async def run(tx, now_ms):
    """Detect with the own node's heart beating, and return what became known since."""
    before = await feed.top(tx)
    await estate.beat(tx, "node-1", "10.0.0.1", now_ms)
    await detect(tx, chain_at(now_ms), WATCH, now_ms)
    return [(event.name, event.data) for event in await emitted(tx, before)]


async def test_nothing_due_is_nothing_said(tx):
    assert await run(tx, NOW_MS) == []


async def test_a_node_joins_with_its_first_heartbeat_and_leaves_after_its_last(tx):
    await estate.beat(tx, "node-2", "10.0.0.2", NOW_MS)
    joined = await run(tx, NOW_MS)
    kept = await run(tx, NOW_MS + LIMITS.heartbeat_timeout_ms)
    left = await run(tx, NOW_MS + LIMITS.heartbeat_timeout_ms + 1)
    still_gone = await run(tx, NOW_MS + 10 * LIMITS.heartbeat_timeout_ms)

    assert [[name for name, _ in step] for step in (joined, kept, left, still_gone)] == [
        ["cluster.node_joined"],
        [],
        ["cluster.node_left"],
        [],
    ]
    assert left[0][1]["node_id"] == "node-2"
    assert left[0][1]["last_heartbeat_at"] == "2026-05-01T07:22:13Z"


async def test_a_dkim_key_is_announced_thirty_days_ahead_and_once(tx):
    created_ms = NOW_MS - LIMITS.dkim_lifetime_ms + 30 * DAY_MS
    await estate.add_dkim_key(
        tx, estate.DkimKey(domain="acme.example", selector="nmg1", created_ms=created_ms)
    )

    assert await run(tx, NOW_MS - 1) == []
    ((name, data),) = await run(tx, NOW_MS)
    assert (name, data["domain"], data["selector"], data["days_left"]) == (
        "dkim.rotation_due",
        "acme.example",
        "nmg1",
        30,
    )
    assert await run(tx, NOW_MS + DAY_MS) == []


async def test_a_certificate_is_announced_within_its_warning_days_and_once(tx):
    not_after_ms = NOW_MS + LIMITS.certificate_warning_ms
    certificate = estate.Certificate(serial="0a", subject="CN=mx1", issuer="CN=CA", not_after_ms=not_after_ms)
    await estate.add_certificate(tx, certificate)

    assert await run(tx, NOW_MS - 1) == []
    ((name, data),) = await run(tx, NOW_MS)
    assert (name, data["serial"], data["days_left"]) == ("cert.expiring", "0a", 14)
    assert await run(tx, NOW_MS + DAY_MS) == []


async def test_a_licence_is_refreshed_when_due_and_a_tier_change_is_named(tx):
    trial = estate.Licence(
        tier="trial", max_domains=5, valid_until_ms=NOW_MS, refreshed_ms=0, refresh_due_ms=NOW_MS
    )
    await estate.put_licence(tx, trial)

    ((name, data),) = await run(tx, NOW_MS)
    assert (name, data["change"], data["previous_tier"], data["tier"]) == (
        "license.changed",
        "tier",
        "trial",
        "standard",
    )
    assert await run(tx, NOW_MS + 1) == []
    ((_, again),) = await run(tx, NOW_MS + LIMITS.licence_interval_ms)
    assert again["change"] == "refresh"


async def test_what_was_detected_is_on_record_too(tx):
    await estate.beat(tx, "node-2", "10.0.0.2", NOW_MS)
    await run(tx, NOW_MS)

    assert await recorded(tx) == ["cluster.node_joined"]
