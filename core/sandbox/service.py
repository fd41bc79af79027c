"""The service that a sandbox runs on: the real one, but what it delivers goes nowhere."""

from contextlib import AsyncExitStack
from pathlib import Path

from redis.asyncio import Redis

from core.app.assemble import access_of, outward_of, upstream_of
from core.audit import keys
from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
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
from core.store.tenancy import OPERATOR
from hub.sdk.offload import Offload
from hub.web.idempotency import MemoryIdempotency

__all__ = ["OLD_KEY", "service_of"]

_FAMILY = "sandbox"
"""Of its log: the hub and the core may have theirs on the same server."""


OLD_KEY = "audit_key"
"""Of the table meta, where earlier releases kept the key: it moves, so that what it sealed still verifies."""
_MOVED = Change(
    actor=Actor(type="system", id="sandbox"),
    action="audit.key_moved",
    resource=Resource(type="audit", id=""),
    details={"from": "the database", "to": keys.FILE},
)


def _key(data: Path) -> bytes:
    try:
        return bytes.fromhex(keys.load(data, {}).decode())
    except ValueError as error:
        raise keys.BadKey(f"{data / keys.FILE} is no key of a sandbox: {error}") from error


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
    """Over the sandbox's own database; requests are counted in memory, events wait in a log of its own.

    Raises `BadKey`, `WrongKey` when the audit log was sealed by another key than `audit.key`, `OSError`.
    """
    config = CoreConfig(node=node_id)
    async with database.begin() as tx:
        earlier = await meta.get(tx, OLD_KEY)
        if earlier is not None:
            keys.keep(data, earlier)
        key = _key(data)
        chain = Chain(key, node_id=node_id, clock=clock)
        await chain.confirm(tx)
        if earlier is not None:
            await meta.remove(tx, OLD_KEY)
            await chain.append(tx, OPERATOR, _MOVED)
        cursors = await meta.secret(tx, "cursor_key")
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
