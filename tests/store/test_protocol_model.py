"""The scripts against the model: any order of calls, by two routers and two senders, with stale callers and
calls that are sent again after a lost reply.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis.asyncio import Redis

from hub.store.base import CursorMove, Fate, RetryRef
from tests.factories.log_rig import Rig
from tests.factories.tally_model import tally
from tests.servers.redis import RedisProcess

CONNECTORS = ("c0", "c1", "c2")
NAMES = st.sampled_from((*CONNECTORS, "c0@j", "c1@j", "c0@from"))
CONNECTOR = st.sampled_from(CONNECTORS)
WHO = st.integers(0, 1)
FATES = st.sampled_from((
    Fate("delivered"), Fate("delivered"), Fate("retry", "503", 0), Fate("retry", "503", 700),
    Fate("postponed"), Fate("parked", "400"), Fate("dropped", "stale"), Fate("dropped", "operator"),
))  # fmt: skip
TALLIED = st.lists(
    st.tuples(st.sampled_from(("stale", *(f"storm:{n}" for n in range(7)))), st.integers(-200, 800)),
    max_size=4,
)
"""Key, and how long from now it is due, of each reference that a settle counts."""
DIGESTED = st.sampled_from((
    Fate("delivered"), Fate("dropped", "400"), Fate("retry", "429", 0), Fate("retry", "429", 700),
))  # fmt: skip
TABLES = st.dictionaries(CONNECTOR, st.lists(st.integers(0, 2), min_size=1, unique=True), max_size=3)


@dataclass
class Router:
    routed: int
    gen: int
    table: dict[str, list[int]]


class Protocol(RuleBasedStateMachine):
    def __init__(self, loop: asyncio.AbstractEventLoop, socket: str) -> None:
        super().__init__()
        self.loop = loop
        self.redis = Redis(unix_socket_path=socket)
        self.run(self.redis.flushall())
        self.rig = Rig(self.redis)
        self.routers: dict[int, Router] = {}
        self.held: dict[tuple[int, str], tuple[int, ...]] = {}
        self.retries: dict[tuple[int, str], list[RetryRef]] = {}
        self.last: Callable[[], Awaitable[Any]] | None = None
        self.run(self.rig.publish({"c0": [0, 1, 2], "c1": [1]}, ["c2"]))

    def run(self, call: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(call)

    def do(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Call, and remember it: its reply may have been lost."""
        self.last = call
        return self.run(call())

    def teardown(self) -> None:
        self.run(self.redis.aclose())

    @rule()
    @precondition(lambda self: self.last is not None)
    def a_lost_reply(self):
        assert self.last is not None
        self.run(self.last())

    @rule(ms=st.integers(1, 1500))
    def time_passes(self, ms):
        self.rig.now += ms

    # -- recording -------------------------------------------------------------------------------------------
    @rule(numbers=st.lists(st.integers(0, 40), min_size=1, max_size=6))
    def record(self, numbers):
        self.do(lambda: self.rig.record(numbers))

    @rule(numbers=st.lists(st.integers(0, 40), max_size=3), to=st.sampled_from("xyz"), stale=st.booleans())
    def record_a_page(self, numbers, to, stale):
        current = self.rig.model.cursors.get("mg/audit")
        expected = "elsewhere" if stale else current
        self.do(lambda: self.rig.record(numbers, CursorMove("mg/audit", expected, to)))

    @rule(n=st.integers(0, 10))
    def archive_and_trim(self, n):
        self.rig.archived = min(self.rig.archived + n, self.rig.model.seq)
        self.do(self.rig.trim)

    # -- routing ---------------------------------------------------------------------------------------------
    @rule(table=TABLES, names=st.lists(CONNECTOR, max_size=3))
    def publish(self, table, names):
        self.do(lambda: self.rig.publish(table, names))

    @rule(who=WHO)
    def a_router_looks(self, who):
        model = self.rig.model
        self.routers[who] = Router(model.routed, model.gen, dict(model.table or {}))

    @rule(who=WHO, n=st.integers(1, 6), looks=st.booleans())
    def a_router_routes(self, who, n, looks):
        if looks or who not in self.routers:
            self.a_router_looks(who)
        router = self.routers[who]
        frm, to = router.routed, min(router.routed + n, self.rig.model.seq)
        if frm < to:
            refs = self.rig.refs(router.table, frm, to)
            if self.do(lambda: self.rig.route(frm, to, router.gen, refs)):
                router.routed = to

    @rule(name=NAMES)
    def add(self, name):
        self.do(lambda: self.rig.add(name))

    @rule(name=CONNECTOR)
    def forget(self, name):
        self.do(lambda: self.rig.forget(name))

    @rule(old=CONNECTOR, new=CONNECTOR)
    def rename(self, old, new):
        self.do(lambda: self.rig.rename(old, new))

    @rule(name=st.sampled_from(("c0@j", "c1@j")), seqs=st.sets(st.integers(1, 30), max_size=4))
    def push(self, name, seqs):
        refs = sorted(seq for seq in seqs if seq <= self.rig.model.seq)
        self.do(lambda: self.rig.push(name, refs))

    # -- senders ---------------------------------------------------------------------------------------------
    @rule(who=WHO, name=NAMES, n=st.integers(1, 4), times=st.sampled_from((1, 1, 1, 3, 6)))
    def peek(self, who, name, n, times):
        for _ in range(times):
            self.held[who, name] = self.do(lambda: self.rig.peek(name, n))

    @rule(
        who=WHO,
        name=NAMES,
        fates=st.lists(FATES, min_size=4, max_size=4),
        looks=st.booleans(),
        counted=TALLIED,
    )
    def settle(self, who, name, fates, looks, counted):
        if looks:
            self.peek(who, name, 4, 1)
        refs = self.held.get((who, name), ())
        tallies = self.tallies(counted[: len(refs)])
        if refs:
            self.do(lambda: self.rig.settle(name, refs, fates[: len(refs)], tallies))

    def tallies(self, counted):
        return [tally(key, due_ms=self.rig.now + in_ms, label=key) for key, in_ms in counted]

    @rule(name=NAMES, fate=DIGESTED, stale=st.booleans())
    def a_digest(self, name, fate, stale):
        digest = self.do(lambda: self.rig.seal(name))
        if digest is not None:
            self.do(lambda: self.rig.digested(name, digest.number - stale, fate))

    @rule(who=WHO, name=NAMES, n=st.integers(1, 4), times=st.sampled_from((1, 1, 1, 3, 6)))
    def due(self, who, name, n, times):
        for _ in range(times):
            self.retries[who, name] = self.do(lambda: self.rig.due(name, n))

    @rule(
        who=WHO,
        name=NAMES,
        fates=st.lists(FATES, min_size=4, max_size=4),
        looks=st.booleans(),
        counted=TALLIED,
    )
    def retried(self, who, name, fates, looks, counted):
        if looks:
            self.due(who, name, 4, 1)
        settled = list(zip(self.retries.get((who, name), ()), fates, strict=False))
        tallies = {ref.seq: one for (ref, _), one in zip(settled, self.tallies(counted), strict=False)}
        if settled:
            self.do(lambda: self.rig.retried(name, settled, tallies))

    # -- holds -----------------------------------------------------------------------------------------------
    @rule(name=NAMES, probe_in_ms=st.integers(0, 500))
    def block(self, name, probe_in_ms):
        self.do(lambda: self.rig.block(name, probe_in_ms))

    @rule(name=NAMES, verb=st.sampled_from(("unblock", "pause", "resume")))
    def change_the_hold(self, name, verb):
        self.do(lambda: getattr(self.rig, verb)(name))

    @rule(name=NAMES, pick=st.sets(st.integers(1, 30), min_size=1, max_size=4), back=st.booleans())
    def end_parking(self, name, pick, back):
        row = self.rig.model.rows.get(name)
        seqs = sorted(pick | set(list(row.parked)[:2] if row else ()))
        self.do(lambda: self.rig.unpark(name, seqs) if back else self.rig.drop(name, seqs))

    @rule(name=NAMES, upto=st.integers(0, 30))
    def expire(self, name, upto):
        self.do(lambda: self.rig.expire(name, upto))

    @rule(name=NAMES, residue=st.integers(0, 2), upto=st.integers(0, 30))
    def erase(self, name, residue, upto):
        """A tenant's events, here those of one residue, leave the middle of whatever holds them."""
        seqs = {seq for seq in range(1, upto + 1) if seq % 3 == residue}
        self.do(lambda: self.rig.strike(name, seqs))

    # -- moving a connector ----------------------------------------------------------------------------------
    @rule(name=CONNECTOR, n=st.integers(0, 30))
    def add_from_the_beginning(self, name, n):
        """Added now, and what was before goes to a replay's row of its own."""
        self.do(lambda: self.rig.add(name))
        refs = list(range(1, min(n, self.rig.model.rows[name].start) + 1))
        self.do(lambda: self.rig.push(f"{name}@from", refs))

    @rule(name=CONNECTOR)
    def leave_the_configuration(self, name):
        """No rules any more, the queue stays: orphaned, until it comes back or is forgotten."""
        table = {n: rule for n, rule in (self.rig.model.table or {}).items() if n != name}
        self.do(lambda: self.rig.publish(table, []))


def explore(socket: str, *, examples: int, steps: int, phases: Sequence[Any] | None = None) -> None:
    """Run the machine against the server behind this socket."""
    loop = asyncio.new_event_loop()
    more = {} if phases is None else {"phases": phases}
    try:
        run_state_machine_as_test(
            lambda: Protocol(loop, socket),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                **more,
            ),
        )
    finally:
        loop.close()


def test_any_order_of_calls_leaves_what_the_model_says(log_server: RedisProcess):
    explore(str(log_server.socket), examples=15, steps=25)


@pytest.mark.slow
def test_a_long_walk_leaves_what_the_model_says(log_server: RedisProcess):
    explore(str(log_server.socket), examples=100, steps=60)
