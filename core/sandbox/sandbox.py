"""A vendor's API with a small world behind it, over a service that runs."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from core.app.dialects import dialect_of
from core.app.listeners import listen as listen_on
from core.dialects.dialect import create_app
from core.sandbox.control import control_app
from core.sandbox.faults import Faults
from core.sandbox.furnish import furnish
from core.sandbox.hook import Hook, point
from core.sandbox.keys import keys_in
from core.sandbox.life import PARTNERS, Life
from core.sandbox.mailgen import DOMAINS
from core.sandbox.pace import Pace
from core.sandbox.recorder import Recorder, Violation
from core.sandbox.vendors import Vendor
from core.service.core import Core
from hub.sdk.ending import end
from hub.sdk.lifetime import Opening

__all__ = ["Sandbox"]

_PRIVATE: Final = "127.0.0.1:0"


class Sandbox(Opening):
    """`async with` it.

    Entering raises `OSError` (folder, address), `Unavailable`, and `ApiError` for a webhook that cannot be.

    Args:
        core: a service whose outside is `core.sandbox.nowhere.outside`: of `core.sandbox.service`, or a
            `CoreService`.
        vendor: of `core.sandbox.vendors.VENDORS`, with a dialect.
        folder: of its keys.
        listen: `HOST:PORT` of the vendor's API; port 0 takes any free one.
        mails_per_s: average rate of made mail; 0 = none but what `life.deliver` makes.
        seed: of mail, people and faults.
        pace: of everything but mail.
        partners: nodes that come and go, where the vendor has a cluster.
        hook: where events are pushed; none = nowhere.
        faults: what clients have to survive.
        tell: hears of each violation of the page by a client.
        control: whether faults can be set at an address of their own.

    """

    url: str
    """Of the vendor's API."""
    control_url = ""
    keys: dict[str, str]
    """`api-key` may read everything, `admin-key` may do everything; each is kept in a file of its name."""

    def __init__(
        self,
        core: Core,
        vendor: Vendor,
        folder: Path,
        *,
        listen: str = _PRIVATE,
        mails_per_s: float = 4.0,
        seed: int = 1,
        pace: Pace | None = None,
        partners: Sequence[str] = PARTNERS,
        hook: Hook | None = None,
        faults: Faults | None = None,
        tell: Callable[[Violation], None] = lambda _: None,
        control: bool = True,
    ) -> None:
        super().__init__()
        self.core = core
        self.vendor = vendor
        self.dialect = dialect_of(vendor.name)
        self.faults = faults or Faults(seed=seed)
        self.recorder = Recorder(vendor, self.dialect.routes, tell)
        self.life = Life(
            *(core, DOMAINS, vendor.parts), mails_per_s=mails_per_s, seed=seed, pace=pace, partners=partners
        )
        self._folder = folder
        self._address = listen
        self._hook = hook
        self._control = control

    async def _open(self) -> None:
        await furnish(self.core, DOMAINS, self.vendor.parts)
        self.keys = await keys_in(self.core, self._folder, self.vendor.style)
        await point(self.core, self._hook, self.vendor.webhook, self.vendor.events)
        self.core.outward.wake()
        outer = [self.recorder.middleware(), self.faults.middleware(self.dialect.form)]
        app = create_app(self.core, self.dialect, outer)
        self.url = await listen_on(self._stack, app, self._address)
        if self._control:
            control = control_app(self.faults, self.recorder, self.life)
            self.control_url = await listen_on(self._stack, control, _PRIVATE)
        await self.life.begin()
        task = asyncio.create_task(self.life.run(), name="sandbox")
        self._stack.push_async_callback(end, task)
