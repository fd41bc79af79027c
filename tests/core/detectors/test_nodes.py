import pytest

from core.detectors import nodes
from core.detectors.nodes import PERIOD_MS, TIMEOUT_MS
from core.store import estate
from core.store.clock import HOUR_MS
from tests.factories.audit import chain
from tests.factories.core import NOW_MS


class Cluster:
    """Nodes that beat every five seconds of their own clocks, and a detector that looks as often."""

    def __init__(self, tx):
        self.tx = tx
        self.now_ms = NOW_MS
        self.skews = {}

    async def pass_time(self, steps, *, beating):
        told = []
        for _ in range(steps):
            self.now_ms += PERIOD_MS
            for name in beating:
                skew = self.skews.get(name, 0)
                await estate.beat(self.tx, name, "10.0.0.9", self.now_ms + skew)
            told += [(each.name, each.data["node_id"]) for each in await self.detect()]
        return told

    async def detect(self):
        return await nodes.detect(self.tx, self.now_ms, chain=chain())


@pytest.fixture
async def cluster(tx):
    cluster = Cluster(tx)
    await cluster.detect()
    return cluster


ENOUGH = TIMEOUT_MS // PERIOD_MS + 1


async def test_a_node_joins_with_its_first_heartbeat_and_leaves_after_the_last(cluster):
    assert await cluster.pass_time(3, beating=["node-1", "node-2"]) == [("cluster.node_joined", "node-2")]
    assert await cluster.pass_time(ENOUGH - 1, beating=["node-1"]) == []
    assert await cluster.pass_time(1, beating=["node-1"]) == [("cluster.node_left", "node-2")]
    assert await cluster.pass_time(5, beating=["node-1"]) == []
    assert await cluster.pass_time(1, beating=["node-1", "node-2"]) == [("cluster.node_joined", "node-2")]


@pytest.mark.parametrize("skew_ms", [-3 * HOUR_MS, 3 * HOUR_MS])
async def test_a_nodes_wrong_clock_neither_hides_its_death_nor_its_life(cluster, skew_ms):
    cluster.skews["node-2"] = skew_ms
    assert ("cluster.node_joined", "node-2") in await cluster.pass_time(3, beating=["node-1", "node-2"])
    assert await cluster.pass_time(20, beating=["node-1", "node-2"]) == []
    assert await cluster.pass_time(ENOUGH, beating=["node-1"]) == [("cluster.node_left", "node-2")]


async def test_a_machine_that_was_paused_loses_no_node(cluster):
    await cluster.pass_time(3, beating=["node-1", "node-2"])
    cluster.now_ms += 5 * HOUR_MS

    assert [each.name for each in await cluster.detect()] == []
    assert await cluster.pass_time(4, beating=["node-1", "node-2"]) == []


async def test_a_clock_that_jumps_loses_no_node(cluster):
    await cluster.pass_time(3, beating=["node-1", "node-2"])
    for jump_ms in (-5 * HOUR_MS, 9 * HOUR_MS, -HOUR_MS):
        cluster.now_ms += jump_ms
        assert await cluster.pass_time(3, beating=["node-1", "node-2"]) == []


async def test_a_node_that_stops_says_goodbye_at_once_and_once(cluster, news):
    await cluster.pass_time(2, beating=["node-1", "node-2"])
    await news()
    await nodes.leave(cluster.tx, cluster.now_ms, chain=chain(node_id="node-2"))
    await nodes.leave(cluster.tx, cluster.now_ms, chain=chain(node_id="node-2"))

    assert [(name, data["reason"]) for name, data in await news()] == [("cluster.node_left", "stopped")]
    assert await cluster.pass_time(ENOUGH + 2, beating=["node-1"]) == []
    assert await cluster.pass_time(1, beating=["node-1", "node-2"]) == [("cluster.node_joined", "node-2")]


async def test_a_row_from_long_ago_is_no_heartbeat(cluster):
    await estate.beat(cluster.tx, "old", "10.0.0.3", NOW_MS - HOUR_MS)

    assert await cluster.pass_time(3, beating=["node-1"]) == []
