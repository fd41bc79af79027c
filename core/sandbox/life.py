"""What happens in a sandbox: mail comes in through the seam, people act, DNS is looked at, old mail goes."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from core.audit import retention
from core.sandbox.dmarc import file_reports
from core.sandbox.estate import Estate
from core.sandbox.furnish import person
from core.sandbox.mailgen import MailGenerator
from core.sandbox.pace import Pace
from core.sandbox.people import act
from core.sandbox.vendors import Part
from core.seam.intake import Taken, hand_in
from core.seam.judging import Handed
from core.service import dns
from core.service.by import By
from core.service.core import Core
from core.store import messages, meta, quarantine
from core.store.clock import DAY_MS
from core.store.tenancy import OPERATOR
from hub.sdk.lasting import lasting
from hub.web.errors import ApiError

__all__ = ["PARTNERS", "Life"]

_MOST_AT_ONCE: Final = 50
_AGAIN_S: Final = 1.0
_MAIL_DAYS: Final = 1
"""Mail that has ended is forgotten after so long: there is more of it all the time."""
_AUDIT_DAYS: Final = 30
PARTNERS: Final = ("node-2",)
_MTA = By.system(OPERATOR, "mta")
_OPERATOR = person("admin", "10.0.0.5")


class Life:
    """Over a running service.

    Args:
        core: the service; its relay goes nowhere.
        domains: whom the mail is for.
        parts: what the vendor has beside mail.
        mails_per_s: average rate; 0 = none but what `deliver` makes, and nothing else happens either.
        seed: of mail and people; each start on the same store goes on differently.
        pace: of everything else.
        partners: names of the nodes that come and go, where there is a cluster.

    """

    def __init__(
        self,
        core: Core,
        domains: Sequence[str],
        parts: Sequence[Part],
        *,
        mails_per_s: float,
        seed: int,
        pace: Pace | None = None,
        partners: Sequence[str] = PARTNERS,
    ) -> None:
        self._core = core
        self._domains = tuple(domains)
        self._parts = parts
        self._mails_per_s = mails_per_s
        self._seed = seed
        self._pace = pace or Pace()
        self._mail = MailGenerator(seed, self._domains)
        self._rng = random.Random(seed)  # noqa: S311 - a made world
        self._estate = Estate(core, domains, self._pace, partners, self._rng) if "estate" in parts else None

    async def deliver(self, kind: str | None = None, count: int = 1) -> list[Taken]:
        """Hand in made messages now, of a kind of `core.sandbox.recipes`. Raises `KeyError` for another."""
        found = []
        for _ in range(count):
            core = await self._estate.taker() if self._estate else self._core
            made = self._mail.make(core.clock(), kind)
            found.append(await hand_in(core, _MTA, Handed(raw=made.raw, envelope=made.envelope)))
        self._core.outward.wake()
        return found

    async def tick(self) -> None:
        """What is to be done at one moment beside mail."""
        if self._estate is not None:
            await self._estate.tick()
            self._core.outward.wake()

    async def begin(self) -> None:
        """Once a start, before `run`."""
        async with self._core.database.begin() as tx:
            start = await meta.count_up(tx, "starts")
        self._mail = MailGenerator(self._seed * 1_000_003 + start, self._domains)
        self._rng.seed(self._seed * 1_000_003 + start)
        if self._estate is not None:
            await self._estate.begin()

    async def run(self) -> None:
        """Until cancelled; what fails is logged and gone on with."""
        if self._mails_per_s <= 0:
            return
        async with asyncio.TaskGroup() as group:
            for work in (self._traffic, self._ticks, self._people, self._looks):
                name = f"sandbox {work.__name__}"
                group.create_task(lasting(work, name, again_s=_AGAIN_S), name=name)

    async def _traffic(self) -> None:
        """The first message is a phishing attempt, so that there is something to see at once."""
        await self.deliver("phishing")
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s += self._rng.expovariate(self._mails_per_s)
            count = 1
            while due_s < loop.time() and count < _MOST_AT_ONCE:
                due_s += self._rng.expovariate(self._mails_per_s)
                count += 1
            await asyncio.sleep(max(due_s - loop.time(), 0.0))
            await self.deliver(count=count)

    async def _ticks(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(self._pace.tick_s)

    async def _people(self) -> None:
        """Beside the ticks: a release takes its time, a partner that comes and goes is to be seen."""
        while True:
            await asyncio.sleep(self._pace.people_s)
            await act(self._core, self._rng)
            self._core.outward.wake()

    async def _looks(self) -> None:
        while True:
            await asyncio.sleep(self._pace.looks_s)
            await self.forget()
            for domain in self._domains:
                with suppress(ApiError):  # somebody removed the domain: there is nothing to look at
                    await self._look(domain)

    async def forget(self) -> None:
        """Let go of what is old; of the audit log whole days, so that it says so once a day."""
        core, today = self._core, self._core.clock() // DAY_MS
        before_ms = core.clock() - _MAIL_DAYS * DAY_MS
        async with core.database.begin() as tx:
            await messages.purge(tx, before_ms)
            await quarantine.purge(tx, before_ms)
            await retention.prune(tx, core.chain, (today - _AUDIT_DAYS) * DAY_MS)

    async def _look(self, domain: str) -> None:
        if "dns" in self._parts:
            await dns.scan(self._core, _OPERATOR, domain)
        if "dmarc" in self._parts:
            await file_reports(self._core, _OPERATOR, domain)
