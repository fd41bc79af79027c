"""A world for digests: a played destination that keeps what it got, a clock, and a sender that can be killed
at any step.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import orjson

from hub.model.event import Entry, Event, Header
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered, Outcome
from hub.pipeline.backoff import Backoff
from hub.pipeline.digest import Teller
from hub.pipeline.exchange import Take
from hub.pipeline.fate import Limits
from hub.pipeline.payloads import Payloads
from hub.pipeline.send import Lane, Sender
from hub.pipeline.storm import StormRule
from hub.sources.mxhub import SPEC
from hub.store.base import Book
from hub.store.log import RedisLog

__all__ = [
    "BOTH",
    "HOUR",
    "OLD",
    "STORMS",
    "TELLER",
    "Killed",
    "Knife",
    "Mailbox",
    "World",
    "alerts",
    "book",
    "no_wait",
]

TELLER = Teller(SPEC, source="mxhub", tenant="msp")
HOUR = 3_600_000
LIMITS = Limits(attempts=3, backoff=Backoff(first_s=1.0, most_s=2.0))
PROBES = Backoff(first_s=1.0, most_s=4.0)
STORMS = Lane(name="chat", kind="test", storm=StormRule(2, 60_000), limits=LIMITS, probes=PROBES)
OLD = Lane(name="chat", kind="test", max_age_ms=HOUR, limits=LIMITS, probes=PROBES)
BOTH = Lane(
    name="chat", kind="test", max_age_ms=HOUR, storm=StormRule(2, 60_000), limits=LIMITS, probes=PROBES
)


async def no_wait(*_: Any) -> float:
    return 0.0


class Killed(BaseException):
    """The process is gone. No `Exception`: nothing in it may handle its own death."""


class Knife:
    """Kills at step number `at`: a step is the moment before or after something takes effect."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.steps = 0
        self.where = ""

    def step(self, what: str) -> None:
        self.steps += 1
        if self.steps == self.at:
            self.where = what
            raise Killed(what)


class CutLog:
    """A log on whose way a process can be killed: before a verb counts, or before its reply is there."""

    def __init__(self, log: RedisLog, knife: Knife) -> None:
        self._log = log
        self._knife = knife

    def __getattr__(self, verb: str) -> Any:
        call: Callable[..., Awaitable[Any]] = getattr(self._log, verb)
        if not callable(call):
            return call

        async def cut(*args: Any, **named: Any) -> Any:
            self._knife.step(f"before {verb}")
            answer = await call(*args, **named)
            self._knife.step(f"after {verb}")
            return answer

        return cut


class Mailbox:
    """A destination that keeps all it took, as a person would see it."""

    def __init__(self) -> None:
        self.knife = Knife()
        self.alerts: Counter[int] = Counter()
        """By seq, how often it came by itself."""
        self.digests: dict[str, list[bytes]] = {}
        """By id, each body that came with it."""
        self.order: list[str] = []
        """What came, in order: `alert` or the digest's code."""
        self.answer: Callable[[Entry], Outcome] = lambda entry: Delivered()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, batch: Sequence[Entry]) -> list[Outcome]:
        self.knife.step("before send")
        outcomes = [self.answer(entry) for entry in batch]
        for entry, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Delivered):
                self._take(entry)
        self.knife.step("after send")
        return outcomes

    def _take(self, entry: Entry) -> None:
        if entry.seq:
            self.alerts[entry.seq] += 1
            self.order.append("alert")
        else:
            self.digests.setdefault(uid_text(entry.uid), []).append(entry.body)
            self.order.append(entry.header.code)

    def counted(self, code: str | None = None) -> int:
        """Events told of by number; a digest that came twice counts once, as whoever knows its id sees it."""
        bodies = [orjson.loads(bodies[0]) for bodies in self.digests.values()]
        return sum(body["count"] for body in bodies if code in {None, body["metadata"]["event_code"]})

    @property
    def messages(self) -> int:
        return len(self.order)


class Witness:
    """Observes a sender."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def sent(self, *_: Any) -> None:
        pass

    def blocked(self, lane: Lane, reason: str) -> None:
        self.said.append(f"blocked: {reason}")

    def recovered(self, lane: Lane) -> None:
        self.said.append("recovered")

    def told(self, lane: Lane, digest: Any, fate: Any) -> None:
        self.said.append(f"{digest.key.partition(':')[0]} {digest.n} {fate.kind}")


class World:
    """One lane on a real log, with a clock that the test sets."""

    def __init__(self, log: RedisLog, lane: Lane, knife: Knife | None = None) -> None:
        self.log, self.lane = log, lane
        self.knife = knife or Knife()
        self.mailbox, self.witness = Mailbox(), Witness()
        self.mailbox.knife = self.knife
        self.now = 1_777_620_133_000
        self.payloads = Payloads(log, None)
        self.sender: Sender | None = None
        self.take: Take = no_wait
        self.held: list[tuple[str, float]] = []
        self.kills = 0

    async def turn(self) -> None:
        """What lanes do with a row that is ready: rounds until it is blocked or drained. A process that is
        killed is followed by another.
        """
        try:
            if self.sender is None:
                self.sender = await self._open()
            for _ in range(50):
                settled = await self.sender.turn()
                if self.sender.blocked or self.sender.drained or not settled:
                    return
        except Killed:
            self.sender = None
            self.kills += 1

    async def _open(self) -> Sender:
        log: Any = CutLog(self.log, self.knife)
        sender = Sender(
            self.lane,
            self.mailbox,
            log,
            self.payloads,
            now_ms=lambda: self.now,
            take=self.take,
            hold=self._hold,
            observer=self.witness,
            tell=TELLER.entry,
        )
        await sender.open()
        return sender

    async def _hold(self, bucket: str, seconds: float) -> None:
        self.held.append((bucket, seconds))

    async def until_done(self, step_ms: int = 5_000, rounds: int = 200) -> None:
        """Turn whenever the row is ready, until nothing waits any more."""
        for _ in range(rounds):
            (book,) = await self.log.books()
            (row,) = await self.log.rows(now_ms=self.now)
            if not book.pending and not row.tallied:
                return
            if await self.log.ready(self.now):
                await self.turn()
            self.now += step_ms
        raise AssertionError(f"not done after {rounds} rounds: {await self.log.books()}")

    def down(self, reason: str = "503") -> None:
        self.mailbox.answer = lambda entry: Blocked(reason)

    def up(self) -> None:
        self.mailbox.answer = lambda entry: Delivered()


async def alerts(
    world: World,
    n: int,
    *,
    sender: str = "spam@evil.example",
    code: str = "quarantine.added",
    domain: str = "acme.example",
    age_ms: int = 0,
) -> None:
    """`n` more of them, recorded and routed."""
    head = await world.log.head()
    if not head.gen:
        await world.log.publish(orjson.dumps({"chat": [{}]}).decode(), ["chat"], now_ms=world.now)
    made = []
    for at in range(head.seq + 1, head.seq + n + 1):
        header = Header("acme", "mg", 4009, code, 3, domain, world.now, world.now - age_ms)
        body = orjson.dumps({"from": sender, "metadata": {"uid": f"{at:032x}"}, "message": f"number {at}"})
        made.append(Event(at.to_bytes(16, "big"), header, body))
    for at in range(0, n, 200):
        await world.log.record(made[at : at + 200], now_ms=world.now)
    end = head.seq + n
    for frm in range(head.routed, end, 2000):
        to = min(frm + 2000, end)
        gen = (await world.log.table())[0]
        await world.log.route(frm, to, gen, {"chat": list(range(frm + 1, to + 1))})


async def book(world: World) -> Book:
    """The row's, balanced."""
    (found,) = await world.log.books()
    assert found.balanced
    return found
