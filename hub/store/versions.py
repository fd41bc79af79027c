"""The version of the state on the server: a newer one is refused, an older one migrated step by step."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

from redis.asyncio import Redis

from hub.store.errors import FOREIGN, WrongVersion, translate
from hub.store.keys import PartitionKeys
from hub.store.scripts import STATE_VERSION, Scripts

__all__ = ["MIGRATIONS", "Migration", "open_partition"]

Migration = Callable[[Redis, PartitionKeys], Awaitable[None]]

MIGRATIONS: Final[Mapping[int, Migration]] = {}
"""Version -> how to get to the next one. A step must bear being run again: it may have been cut off."""


async def open_partition(
    redis: Redis,
    keys: PartitionKeys,
    scripts: Scripts,
    *,
    version: int = STATE_VERSION,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> None:
    """Make an empty partition, or bring an older one up to `version`.

    Raises `WrongVersion` when the state is newer, or too old to be migrated.
    """
    found = int(await scripts.run(redis, "open", (keys.head,), (version,)))
    if found > version:
        msg = (
            f"the log's state ({keys.head}) has version {found}, this mxhub knows up to {version}: "
            "run the newer mxhub that wrote it, or another data directory"
        )
        raise WrongVersion(msg)
    try:
        while found < version:
            if found not in migrations:
                msg = f"the log's state ({keys.head}) has version {found}: no way from there to {version}"
                raise WrongVersion(msg)
            await migrations[found](redis, keys)
            found += 1
            await cast(Awaitable[int], redis.hset(keys.head, "version", str(found)))
    except FOREIGN as error:
        raise translate(error) from error
