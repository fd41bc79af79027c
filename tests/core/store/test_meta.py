from core.store import meta


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
