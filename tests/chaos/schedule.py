"""One schedule: seeded load and faults on a stage, then the oracle's judgement."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from hub.archive.base import ArchiveError
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.store.base import StoreError
from tests.chaos.faults import FAULTS
from tests.chaos.producer import Producer
from tests.chaos.stage import ROUTES, Stage

__all__ = ["Run", "Verdict", "play"]

PRODUCE_S = 2.5
RATE = 250
DRAIN_S = 8.0
ENOUGH = 50
"""Fewer acknowledged events than this and the schedule proved nothing."""


@dataclass
class Verdict:
    """What the oracle found; all four must be zero."""

    acked: int = 0
    lost: list = field(default_factory=list)
    invented: list = field(default_factory=list)
    altered: list = field(default_factory=list)
    unbalanced: list = field(default_factory=list)
    fresh: bool = True
    fired: Counter = field(default_factory=Counter)
    samples: int = 0
    logs: str = ""

    @property
    def holds(self):
        return (
            self.fresh
            and self.acked >= ENOUGH
            and not (self.lost or self.invented or self.altered or self.unbalanced)
        )


class Run:
    """What faults may touch."""

    def __init__(self, stage, seed) -> None:
        self.stage = stage
        self.rng = random.Random(f"{seed}/faults")
        self.producer = Producer(seed)
        self.fired = Counter()
        self.window_s = 0.0
        """Dedupe window of the stage."""
        self.unbalanced = []
        self.samples = 0

    def archived(self):
        """The archive's durable offset, read from its files."""
        try:
            archive = SqliteArchive(self.stage.data / "archive", read_only=True)
        except (ArchiveError, OSError):
            return 0
        try:
            return archive.offset(0)
        finally:
            archive.close()

    async def sample(self):
        """Check the books again and again until cancelled; a server that is down is no sample."""
        while True:
            await asyncio.sleep(0.05)
            try:
                books = await (await self.stage.log()).books()
            except (StoreError, OSError):
                await self.stage.disconnect()
                continue
            self.samples += 1
            self.unbalanced += [str(book) for book in books if not book.balanced]

    async def hurt(self, names):
        """One fault after the other, with pauses."""
        for name in names:
            await asyncio.sleep(self.rng.uniform(0.1, 0.4))
            self.fired[name] += await FAULTS[name][1](self)


def plan(seed, number, layout):
    """Which faults: one in turn, so that each comes, and up to two more by dice."""
    rng = random.Random(f"{seed}/{number}/plan")
    able = sorted(name for name, (layouts, _) in FAULTS.items() if layout in layouts)
    first = able[(number // 2) % len(able)]
    return [first, *rng.sample(able, rng.randint(0, 2))]


def _deadline_s(names):
    """A sender that was stopped must find its answer still good when it goes on."""
    return 6 if "stop-sender-past-its-lease" in names and "destination-hang" not in names else 1


async def play(seed, number, *, mutate="", faults=None):
    """Play schedule `number` of `seed` and judge it."""
    layout = ("run", "split")[number % 2]
    names = plan(seed, number, layout) if faults is None else faults
    rng = random.Random(f"{seed}/{number}/stage")
    hours = rng.choice([72, 0.0004])  # 1.4 s: dedupe rotates while the schedule runs
    orphans = rng.random() < 0.5
    options = {"dedupe_hours": hours, "orphans": orphans, "deadline_s": _deadline_s(names)}
    async with Stage(f"{seed}/{number}", layout, mutate=mutate, **options) as stage:
        run = Run(stage, f"{seed}/{number}")
        run.producer.url = stage.url + "/in/mg"
        run.window_s = hours * 3600
        sampler = asyncio.create_task(run.sample())
        hurt = asyncio.create_task(run.hurt(names))
        await asyncio.gather(run.producer.run(PRODUCE_S, RATE, beside=hurt), hurt)
        if (
            len(run.producer.acked) < ENOUGH
        ):  # the hub was down most of the time: go on until it means something
            await run.producer.run(PRODUCE_S, RATE, enough=ENOUGH + 20)
        run.fired["dedupe-rotation"] += hours < 1
        run.fired["orphaned-server"] += orphans * run.fired["kill-hub"]
        run.fired = +run.fired  # what never fired is not named
        verdict = await _judge(run)
        sampler.cancel()
        await asyncio.gather(sampler, return_exceptions=True)
        verdict.unbalanced, verdict.samples, verdict.fired = run.unbalanced, run.samples, run.fired
        if not verdict.holds:
            verdict.logs = (
                f"faults {names}, layout {layout}, answers {dict(run.producer.answers)}\n{stage.logs()}"
            )
        return verdict


async def _judge(run):
    for sink in run.stage.sinks.values():
        sink.mode = "ok"
    fresh = await run.producer.fresh()
    verdict = Verdict(acked=len(run.producer.acked), fresh=fresh is not None)
    ends = asyncio.get_running_loop().time() + DRAIN_S
    while (verdict_lost := _lost(run)) and asyncio.get_running_loop().time() < ends:
        await asyncio.sleep(0.05)
    if run.window_s > 60:  # longer than any schedule
        verdict.invented += [(uid, "recorded twice") for uid in run.producer.doubled]
    verdict.lost = verdict_lost or await _unarchived(run)
    sent = set(run.producer.sent)
    for sink in run.stage.sinks.values():
        verdict.invented += [
            uid for uid, digest in sink.taken.items() if digest not in sent and not _own(sink, uid)
        ]
        verdict.altered += sink.altered
        verdict.altered += [
            u for u, digest in run.producer.acked.items() if sink.taken.get(u, digest) != digest
        ]
    return verdict


def _own(sink, uid):
    """The hub's own health events are nobody's invention."""
    return uid in sink.own


def _wants(rules, code, domain):
    """The oracle's own matcher, as plain as it gets."""
    import fnmatch

    for rule in rules:
        if all(
            any(fnmatch.fnmatchcase({"code": code, "domain": domain}[k], v) for v in vs)
            for k, vs in rule.items()
        ):
            return True
    return False


def _lost(run):
    """Acknowledged events that a connector they are routed to does not have (nor refused for ever)."""
    lost = []
    for name, sink in run.stage.sinks.items():
        for uid, digest in run.producer.acked.items():
            code, domain = run.producer.sent[digest]
            if _wants(ROUTES[name], code, domain) and uid not in sink.taken and uid not in sink.refused:
                lost.append((name, uid))
    return lost


async def _unarchived(run):
    """Acknowledged events that the archive cannot find by their id."""
    for _ in range(40):
        missing = await asyncio.to_thread(_missing, run)
        if not missing:
            return []
        await asyncio.sleep(0.1)
    return missing


def _missing(run):
    try:
        archive = SqliteArchive(run.stage.data / "archive", read_only=True)
        try:
            held = {hit.uid for hit in archive.iterate(Query())}
        finally:
            archive.close()
    except (ArchiveError, OSError) as error:
        return [("archive", str(error))]
    return [("archive", uid) for uid in run.producer.acked if uid not in held]
