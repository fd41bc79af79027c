"""The service that a sandbox runs on beside a hub: the real one, whose outside is made.

A process of its own has `core.app.service.CoreService` instead, which also has an API of its own.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from redis.asyncio import Redis

from core.app.assemble import access_of, outward_of, seam_of, upstream_of
from core.audit import keys
from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
from core.config import CoreConfig
from core.dns.resolver import NameServers
from core.outward.policy import Policy
from core.paging.cursor import Cursors
from core.sandbox.mailgen import DOMAINS
from core.sandbox.nowhere import outside
from core.seam.recovery import Recovery
from core.service.core import Core
from core.store import meta
from core.store.clock import DAY_MS, Clock, wall_clock
from core.store.database import Database, sqlite_url
from core.store.tenancy import OPERATOR
from hub.delivery import Backoff
from hub.sdk.offload import Offload
from hub.web.idempotency import MemoryIdempotency

__all__ = ["DATABASE", "OLD_KEY", "service_of"]

DATABASE = "mailguard.sqlite3"
"""In its folder; of old, hence the name."""
_ANYWHERE = ("0.0.0.0/0", "::/0")
"""Who starts a sandbox says where it pushes: to the hub beside it, on whatever address that listens."""
_QUICK = Backoff(first_s=0.5, most_s=30.0)
"""Between two tries at an endpoint on the same machine."""
_POLICY = Policy(retries=_QUICK, probes=_QUICK, keep_ms=DAY_MS, parallel=1)

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


@asynccontextmanager
async def service_of(
    data: Path,
    redis: Redis,
    *,
    node: str = "node-1",
    clock: Clock = wall_clock,
    policy: Policy = _POLICY,
) -> AsyncIterator[Core]:
    """Over a database of the sandbox's own in `data`, which is made when it is missing (mode 0700).

    Enter its `outward` as well, after the sandbox: what waits is sent to where the sandbox has pointed it.

    Args:
        data: of what it keeps.
        redis: where requests are counted and events wait for their delivery; replies are bytes.
        node: the name of its node.
        clock: the time in it.
        policy: of pushes; they may go anywhere.

    Raises `BadKey`, `WrongKey` when the audit log was sealed by another key than `audit.key`, `OSError`,
    `InUse`, `Unavailable`, `NewerSchema`.

    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)  # noqa: ASYNC240 - once, at the start
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(sqlite_url(data / DATABASE), exclusive=True))
        key, chain, cursors = await _secrets(database, data, node, clock)
        workers = Offload("sandbox", 1)
        stack.callback(workers.close)
        config = CoreConfig(node=node)
        outward = outward_of(
            *(config, database, redis, chain, key, clock),
            policy=replace(policy, allow_networks=_ANYWHERE),
            family=_FAMILY,
        )
        core = outside(DOMAINS)(
            Core(
                config=config,
                data=data,
                database=database,
                access=access_of(database, redis, chain, key, clock),
                chain=chain,
                cursors=cursors,
                clock=clock,
                node_id=node,
                resolver=NameServers(),
                workers=workers,
                idempotency=MemoryIdempotency(),
                upstream=upstream_of(config, database, clock, stack),
                seam=seam_of(config, stack),
                outward=outward,
            )
        )
        recovery = Recovery(core)
        await recovery.restart()
        await recovery.once()
        yield core


async def _secrets(database: Database, data: Path, node: str, clock: Clock) -> tuple[bytes, Chain, Cursors]:
    async with database.begin() as tx:
        earlier = await meta.get(tx, OLD_KEY)
        if earlier is not None:
            keys.keep(data, earlier)
        key = _key(data)
        chain = Chain(key, node_id=node, clock=clock)
        await chain.confirm(tx)
        if earlier is not None:
            await meta.remove(tx, OLD_KEY)
            await chain.append(tx, OPERATOR, _MOVED)
        return key, chain, Cursors(await meta.secret(tx, "cursor_key"))
