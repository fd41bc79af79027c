"""What is known of a sender's address is moved by one at a time."""

import asyncio

from core.detectors import reputation
from core.engine.reputation import Standing, observe
from core.store import standings
from tests.factories.core import NOW_MS

IP = "203.0.113.9"


async def test_no_verdict_is_lost_when_many_count_at_once(core):
    """Each has a connection of its own, as processes have."""
    actions = ["quarantine", "deliver", "tag", "reject"] * 5

    async def count(action):
        async with core.database.begin() as tx:
            await reputation.count(tx, "default", IP, action, NOW_MS, chain=core.chain)

    await asyncio.gather(*(count(action) for action in actions))

    async with core.database.read() as tx:
        assert (await standings.get(tx, IP)).messages == len(actions)


async def test_counting_one_after_the_other_is_the_plain_moving_average(core):
    expected = Standing(ip=IP)
    for action in ("quarantine", "quarantine", "deliver", "reject"):
        expected, _ = observe(expected, action)
        async with core.database.begin() as tx:
            assert await reputation.count(tx, "default", IP, action, NOW_MS, chain=core.chain) == expected
    async with core.database.read() as tx:
        assert await standings.get(tx, IP) == expected
        assert await standings.get(tx, IP, tenant="globex") == Standing(ip=IP)
