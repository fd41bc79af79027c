"""What happens in a sandbox: mail comes in through the seam, people act, records are looked at."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from core.sandbox.dmarc import file_reports
from core.sandbox.furnish import person
from core.sandbox.mailgen import MailGenerator
from core.sandbox.people import act
from core.sandbox.vendors import Part
from core.seam.intake import Taken, hand_in
from core.seam.judging import Handed
from core.service import dns
from core.service.by import By
from core.service.core import Core
from core.store import meta
from core.store.tenancy import OPERATOR
from hub.web.errors import ApiError

__all__ = ["Life"]

_LOG = logging.getLogger("core.sandbox")
_MOST_AT_ONCE: Final = 50
_PEOPLE_S: Final = 4.0
_LOOK_S: Final = 60.0
_AGAIN_S: Final = 1.0
_MTA = By.system(OPERATOR, "mta")
_OPERATOR = person("admin", "10.0.0.5")


class Life:
    """Over a running service.

    Args:
        core: the service; its relay goes nowhere.
        domains: whom the mail is for.
        parts: what the vendor has beside mail.
        mails_per_s: average rate; 0 = none but what `deliver` makes, and people stay away.
        seed: of mail and people; each start on the same store goes on differently.

    """

    def __init__(
        self, core: Core, domains: Sequence[str], parts: Sequence[Part], *, mails_per_s: float, seed: int
    ) -> None:
        self._core = core
        self._domains = tuple(domains)
        self._parts = parts
        self._mails_per_s = mails_per_s
        self._seed = seed
        self._mail = MailGenerator(seed, self._domains)
        self._rng = random.Random(seed)  # noqa: S311 - a made world

    async def deliver(self, kind: str | None = None, count: int = 1) -> list[Taken]:
        """Hand in made messages now, of a kind of `core.sandbox.recipes`. Raises `KeyError` for another."""
        found = []
        for _ in range(count):
            made = self._mail.make(self._core.clock(), kind)
            found.append(await hand_in(self._core, _MTA, Handed(raw=made.raw, envelope=made.envelope)))
        self._core.outward.wake()
        return found

    async def begin(self) -> None:
        """Once a start, before `run`."""
        async with self._core.database.begin() as tx:
            start = await meta.count_up(tx, "starts")
        self._mail = MailGenerator(self._seed * 1_000_003 + start, self._domains)
        self._rng.seed(self._seed * 1_000_003 + start)

    async def run(self) -> None:
        """Until cancelled; what fails is logged and gone on with."""
        if self._mails_per_s <= 0:
            return
        async with asyncio.TaskGroup() as group:
            for work in (self._traffic, self._people, self._looks):
                group.create_task(_kept_alive(work), name=f"sandbox {work.__name__}")

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

    async def _people(self) -> None:
        while True:
            await asyncio.sleep(_PEOPLE_S)
            await act(self._core, self._rng)
            self._core.outward.wake()

    async def _looks(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            for domain in self._domains:
                with suppress(ApiError):  # somebody removed the domain: there is nothing to look at
                    await self._look(domain)

    async def _look(self, domain: str) -> None:
        if "dns" in self._parts:
            await dns.scan(self._core, _OPERATOR, domain)
        if "dmarc" in self._parts:
            await file_reports(self._core, _OPERATOR, domain)


async def _kept_alive(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:  # a full disk ends a round, not the sandbox; the state on disk is whole
            _LOG.exception("the sandbox failed in its background work and goes on")
        await asyncio.sleep(_AGAIN_S)
