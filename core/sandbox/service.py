"""The service that a sandbox runs on: the real one, but what it delivers goes nowhere."""

from contextlib import AsyncExitStack
from pathlib import Path

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from core.app.assemble import access_of, outward_of, upstream_of
from core.audit.chain import Chain
from core.config import CoreConfig
from core.dns.resolver import NameServers
from core.outward.policy import Policy
from core.paging.cursor import Cursors
from core.sandbox.limits import MemoryLimiter
from core.sandbox.nowhere import Nowhere
from core.seam.parts import Seam
from core.service.core import Core
from core.store import meta
from core.store.clock import Clock
from core.store.database import Database
from hub.sdk.offload import Offload
from hub.web.idempotency import MemoryIdempotency

__all__ = ["chain_of", "service_of"]

_AUDIT_KEY = "audit_key"
_FAMILY = "sandbox"
"""Of its log: the hub and the core may have theirs on the same server."""


async def chain_of(tx: AsyncConnection, node_id: str, clock: Clock) -> Chain:
    """What a node of the sandbox writes its audit log with.

    The key lies in the database: it shows how such a log looks, and proves nothing.
    """
    return Chain(await meta.secret(tx, _AUDIT_KEY), node_id=node_id, clock=clock)


async def service_of(
    database: Database,
    redis: Redis,
    data: Path,
    node_id: str,
    clock: Clock,
    stack: AsyncExitStack,
    *,
    policy: Policy,
) -> Core:
    """Over the sandbox's own database; requests are counted in memory, events wait in a log of its own."""
    config = CoreConfig(node=node_id)
    async with database.begin() as tx:
        key, cursors = await meta.secret(tx, _AUDIT_KEY), await meta.secret(tx, "cursor_key")
        chain = await chain_of(tx, node_id, clock)
    workers, seam = Offload("sandbox", 1), Seam(config)
    seam.relay = Nowhere(config.hostname)
    stack.callback(workers.close)
    stack.push_async_callback(seam.close)
    return Core(
        config=config,
        data=data,
        database=database,
        access=access_of(database, redis, chain, key, clock, limiter=MemoryLimiter(clock)),
        chain=chain,
        cursors=Cursors(cursors),
        clock=clock,
        node_id=node_id,
        resolver=NameServers(),
        workers=workers,
        idempotency=MemoryIdempotency(),
        upstream=upstream_of(config, database, clock, stack),
        seam=seam,
        outward=outward_of(config, database, redis, chain, key, clock, policy=policy, family=_FAMILY),
    )
