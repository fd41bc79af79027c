"""Webhooks under test: a running way out with short waits, and strict receivers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from sqlalchemy import select
from standardwebhooks import Webhook, WebhookVerificationError

from core.audit.entry import Resource
from core.outward.policy import Policy
from core.outward.post import Outward
from core.service import webhook_deliveries, webhooks
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store.clock import wall_clock
from core.store.tables import outbox_events
from hub.delivery import Backoff
from tests.factories.core_api import OPERATOR_BY
from tests.factories.loopback import listening

__all__ = ["LOOPBACK", "Hook", "add", "happen", "hook", "log_of", "quick", "running", "shown", "until"]

LOOPBACK = ("127.0.0.0/8",)


def quick(**changes: Any) -> Policy:
    """Nothing waits for long."""
    plain: dict[str, Any] = {
        "timeout_s": 5.0,
        "retries": Backoff(first_s=0.02, most_s=0.1),
        "probes": Backoff(first_s=0.02, most_s=0.1),
        "idle_s": 0.05,
        "settle_s": 0.05,
        "allow_networks": LOOPBACK,
    }
    return Policy(**{**plain, **changes})


@dataclass(slots=True)
class Hook:
    """Takes only what one of its secrets proves; remembers every request."""

    url: str = ""
    secrets: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the next requests; empty: 204."""
    always: int = 204
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    forged: int = 0
    hold: Any = None
    """An event to wait for before answering."""

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not any(self._proves(secret, raw, headers) for secret in self.secrets):
            self.forged += 1
            return web.Response(status=401)
        self.seen.append((headers, raw))
        if self.hold is not None:
            await self.hold.wait()
        status = self.answers.pop(0) if self.answers else self.always
        if status == 204:
            self.taken.append(orjson.loads(raw))
        extra = {"Location": "http://127.0.0.1:1/"} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=extra)

    @staticmethod
    def _proves(secret: str, raw: bytes, headers: dict[str, str]) -> bool:
        try:
            Webhook(secret).verify(raw, headers)
        except WebhookVerificationError:
            return False
        return True

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.taken]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.seen]


@asynccontextmanager
async def hook(*secrets: str, port: int = 0) -> AsyncIterator[Hook]:
    """Listen on loopback."""
    found = Hook(secrets=list(secrets))
    app = web.Application()
    app.router.add_post("/hook", found.handle)
    async with listening(app, port) as url:
        found.url = f"{url}/hook"
        yield found


@asynccontextmanager
async def running(core: Core, **policy: Any) -> AsyncIterator[Outward]:
    """Another process's way out, on the same database and log, with the wall clock."""
    known = core.outward
    made = Outward(
        core.database,
        known._redis,
        known.sealer,
        disabled=known.hooks.ledger._disabled,
        clock=wall_clock,
        policy=quick(**policy),
    )
    async with made:
        yield made


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 60.0) -> None:
    """Wait for it; an awaitable is asked as well."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)


async def add(core: Core, url: str, *, by: By = OPERATOR_BY, **more: Any) -> webhooks.Made:
    """A webhook."""
    async with core.database.begin() as tx:
        return await webhooks.create(core, tx, by, webhooks.New(url=url, **more))


async def happen(
    core: Core, count: int = 1, *, name: str = "domain.created", by: By = OPERATOR_BY
) -> list[str]:
    """Changes that tell of themselves; returns the ids of their events."""
    thing = Resource(type="domain", id="d1", domain="acme.example")
    async with core.database.begin() as tx:
        for number in range(count):
            deed = Deed(action="domain.create", resource=thing, event=name, data={"n": number})
            await record(core, tx, by, deed)
        events = outbox_events.c
        found = await tx.execute(select(events.id).order_by(events.seq.desc()).limit(count))
        return list(found.scalars())[::-1]


async def shown(core: Core, made: webhooks.Made, by: By = OPERATOR_BY) -> webhooks.Webhook:
    """How the webhook does."""
    async with core.database.read() as tx:
        return await webhooks.find(tx, by, made.webhook.id)


async def log_of(core: Core, made: webhooks.Made) -> dict[str, webhook_deliveries.Delivery]:
    """Event id -> what became of it."""
    async with core.database.read() as tx:
        page = await webhook_deliveries.deliveries(core, tx, OPERATOR_BY, made.webhook.id, limit=1000)
    return {each.event: each for each in page.items}
