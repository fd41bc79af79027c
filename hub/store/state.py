"""Small durable extras beside the log, on the same server: source status, counters, the poll schedule, token
buckets, documents.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from hub.store.errors import FOREIGN, translate
from hub.store.keys import StateKeys
from hub.store.scripts import Argument, Scripts

__all__ = ["SourceStatus", "State"]

_ADDED: Final = frozenset({"accepted", "duplicate", "rejected", "errors", "unknown"})
_SET: Final = frozenset({"last_event_ms", "last_poll_ms", "state", "reason"})
_MILLI: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """What is known of one source since its first event."""

    name: str
    last_event_ms: int = 0
    last_poll_ms: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    errors: int = 0
    unknown: int = 0
    """Events of a kind that no mapper knows."""
    state: str = ""
    reason: str = ""


def _status(name: str, raw: Mapping[bytes, bytes]) -> SourceStatus:
    fields: dict[str, Any] = {key.decode(): value.decode("utf-8", "replace") for key, value in raw.items()}
    for key in fields.keys() - {"state", "reason"}:
        fields[key] = int(fields[key])
    return SourceStatus(name=name, **fields)


class State:
    """Raises `Unavailable` (or another `StoreError`) from every verb."""

    def __init__(
        self, redis: Redis, *, keys: StateKeys | None = None, scripts: Scripts | None = None
    ) -> None:
        self._redis = redis
        self.keys = keys or StateKeys()
        self._scripts = scripts or Scripts()

    # -- sources ---------------------------------------------------------------------------------------------
    async def touch_sources(self, sources: Mapping[str, Mapping[str, int | str]]) -> None:
        """By name: add to the counts (`accepted`, `duplicate`, `rejected`, `errors`, `unknown`), set the rest
        (`last_event_ms`, `last_poll_ms`, `state`, `reason`); one round trip.

        Raises `ValueError` for another field.
        """
        commands: list[tuple[Argument, ...]] = []
        for name, fields in sources.items():
            if other := fields.keys() - _ADDED - _SET:
                raise ValueError(f"a source's status has no field {min(other)!r}")
            key = self.keys.source(name)
            commands.append(("SADD", self.keys.sources, name))
            commands += [("HINCRBY", key, field, n) for field, n in fields.items() if field in _ADDED]
            values = {field: value for field, value in fields.items() if field in _SET}
            if values:
                commands.append(("HSET", key, *(word for item in values.items() for word in item)))
        await self._pipeline(commands)

    async def sources(self) -> list[SourceStatus]:
        """Every source that was ever touched, by name."""
        names = sorted(name.decode() for name in await self._command("SMEMBERS", self.keys.sources))
        raw = await self._pipeline([("HGETALL", self.keys.source(name)) for name in names])
        return [_status(name, fields) for name, fields in zip(names, raw, strict=True)]

    async def forget_source(self, name: str) -> None:
        """Its status, not its cursors."""
        await self._pipeline([("DEL", self.keys.source(name)), ("SREM", self.keys.sources, name)])

    # -- tenants ---------------------------------------------------------------------------------------------
    async def close_tenant(self, tenant: str) -> None:
        """From now on nothing of it is taken in (every process looks once a second)."""
        await self._command("SADD", self.keys.closed, tenant)

    async def reopen_tenant(self, tenant: str) -> bool:
        """Whether it was closed."""
        return bool(await self._command("SREM", self.keys.closed, tenant))

    async def closed_tenants(self) -> frozenset[str]:
        return frozenset(name.decode() for name in await self._command("SMEMBERS", self.keys.closed))

    # -- counters --------------------------------------------------------------------------------------------
    async def count(self, counts: Mapping[str, int]) -> None:
        """Add to named counters, in one round trip."""
        await self._pipeline([("HINCRBY", self.keys.counters, name, n) for name, n in counts.items() if n])

    async def counters(self) -> dict[str, int]:
        raw = await self._command("HGETALL", self.keys.counters)
        return {name.decode(): int(n) for name, n in raw.items()}

    # -- alarms ----------------------------------------------------------------------------------------------
    async def stand(self, alarm: str, now_ms: int) -> int:
        """Since when the alarm stands: from now on, unless another process said so before."""
        key = self.keys.standing
        _, since = await self._pipeline([("HSETNX", key, alarm, now_ms), ("HGET", key, alarm)])
        return int(since)

    async def standing(self) -> dict[str, int]:
        """Alarm -> since when."""
        raw = await self._command("HGETALL", self.keys.standing)
        return {alarm.decode(): int(since) for alarm, since in raw.items()}

    async def fall(self, *alarms: str) -> None:
        """These stand no more."""
        await self._pipeline([("HDEL", self.keys.standing, alarm) for alarm in alarms])

    # -- the poll schedule -----------------------------------------------------------------------------------
    async def schedule(self, stream: str, due_ms: int) -> None:
        """The stream's next poll is due then, whatever was said before; ends a claim."""
        await self._command("ZADD", self.keys.polls, due_ms, stream)

    async def unschedule(self, stream: str) -> None:
        await self._command("ZREM", self.keys.polls, stream)

    async def claim(self, now_ms: int, limit: int, lease_ms: int) -> list[str]:
        """What is due, earliest first. A claimed stream is due again when the claim runs out, unless it is
        scheduled before.
        """
        due = await self._run("claim", self.keys.polls, now_ms, limit, lease_ms)
        return [stream.decode() for stream in due]

    async def schedule_all(self) -> dict[str, int]:
        """Stream -> when it is due (or its claim ends), earliest first."""
        raw = await self._command("ZRANGE", self.keys.polls, 0, -1, "WITHSCORES")
        return {name.decode(): int(float(due)) for name, due in zip(raw[::2], raw[1::2], strict=True)}

    # -- token buckets ---------------------------------------------------------------------------------------
    async def take(self, bucket: str, rate_per_s: float, burst: float, n: int, now_ms: int) -> int:
        """Take `n` tokens, or say how many ms to wait before asking again (then nothing was taken).

        More than the burst is taken from a full bucket, as a debt.
        Raises `ValueError` unless rate and burst are at least 0.001.
        """
        rate, size = int(rate_per_s * _MILLI), int(burst * _MILLI)
        if rate < 1 or size < 1:
            raise ValueError(f"rate and burst must be at least 0.001, not {rate_per_s} and {burst}")
        return int(await self._run("take", self.keys.bucket(bucket), now_ms, rate, size, n))

    async def hold(self, bucket: str, until_ms: int) -> None:
        """Nothing is taken from the bucket before then (Retry-After); a shorter hold ends no longer one."""
        await self._run("hold", self.keys.bucket(bucket), until_ms)

    # -- documents -------------------------------------------------------------------------------------------
    async def put(self, name: str, text: str, ttl_ms: int | None = None) -> None:
        """Keep a small text (JSON) under a name; with `ttl_ms` for so long only."""
        expiry: tuple[Argument, ...] = () if ttl_ms is None else ("PX", max(ttl_ms, 1))
        index: tuple[Argument, ...] = ("SADD", self.keys.documents, name)
        await self._pipeline([index, ("SET", self.keys.document(name), text, *expiry)])

    async def swap(self, name: str, before: str, after: str) -> bool:
        """Put another text there if it is still this one; its time runs on. Whether it was."""
        return bool(await self._run("swap", self.keys.document(name), before, after))

    async def get(self, name: str) -> str | None:
        raw = await self._command("GET", self.keys.document(name))
        return None if raw is None else raw.decode()

    async def delete(self, name: str) -> None:
        await self._pipeline([("DEL", self.keys.document(name)), ("SREM", self.keys.documents, name)])

    async def list(self, prefix: str) -> Sequence[str]:
        """Names of the documents that begin with `prefix`, sorted."""
        names = await self._run("names", self.keys.documents, self.keys.document_prefix, prefix)
        return sorted(name.decode() for name in names)

    # -- the server ------------------------------------------------------------------------------------------
    async def _run(self, script: str, key: str, *args: Argument) -> Any:
        return await self._scripts.run(self._redis, script, (key,), args)

    async def _command(self, *words: Argument) -> Any:
        call: Callable[..., Awaitable[Any]] = self._redis.execute_command
        try:
            return await call(*words)
        except FOREIGN as error:
            raise translate(error) from error

    async def _pipeline(self, commands: Iterable[tuple[Argument, ...]]) -> Any:
        """All in one transaction and one round trip: one fsync, not one each."""
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                for words in commands:
                    pipe.execute_command(*words)
                return await pipe.execute()
        except FOREIGN as error:
            raise translate(error) from error
