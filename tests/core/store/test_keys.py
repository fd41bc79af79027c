import pytest
from sqlalchemy import select

from core.store import keys, meta
from core.store.tables import mailguard_keys
from tests.factories.core import NOW_MS


async def test_a_key_is_kept_as_hash_and_prefix_only(tx):
    key, text = await keys.create(tx, name="siem", scope="read-only", now_ms=NOW_MS)
    stored = " ".join(str(value) for row in await tx.execute(select(mailguard_keys)) for value in row)

    assert len(text) == 68
    assert text.startswith("nmg_")
    assert int(text[4:], 16) >= 0
    assert key.prefix == text[:20]
    assert text not in stored
    assert await keys.live(tx, text, NOW_MS) == key


@pytest.mark.parametrize("ending", ["revoked", "expired", "deleted", "unknown"])
async def test_a_key_that_ended_is_not_live(tx, ending):
    expires_ms = NOW_MS - 1 if ending == "expired" else None
    key, text = await keys.create(tx, name="k", scope="read-only", now_ms=NOW_MS, expires_ms=expires_ms)
    if ending == "revoked":
        await keys.revoke(tx, key.id, NOW_MS)
    elif ending == "deleted":
        await keys.remove(tx, key.id)

    assert await keys.live(tx, "nmg_0" if ending == "unknown" else text, NOW_MS) is None


async def test_secrets_are_made_once(tx):
    first = await meta.secret(tx, "a")

    assert first == await meta.secret(tx, "a") != await meta.secret(tx, "b")
    assert len(first) == 32


async def test_counters_begin_at_one(tx):
    assert [await meta.counted(tx, "n"), await meta.count_up(tx, "n"), await meta.count_up(tx, "n")] == [
        0,
        1,
        2,
    ]
    assert await meta.counted(tx, "n") == 2
