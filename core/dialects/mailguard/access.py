"""Who may do what, and how often: `X-API-Key`, scopes, a token bucket per key."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from aiohttp import web

from core.dialects.mailguard.envelope import Refused
from core.service.by import By
from core.store import audit, keys
from core.store.clock import Clock
from core.store.database import Database
from core.store.tenancy import OPERATOR
from hub.access import principal as access

__all__ = ["BURST", "PRINCIPAL", "Gate", "Principal", "TokenBucket"]

BURST = 10
"""Bursts go up to ten times the sustained rate (REST API page, "Rate limit")."""
_TOUCH_MS = 60_000
_REPORT_MS = 10_000
_MAX_REPORTED = 1000


@dataclass(frozen=True, slots=True)
class Principal:
    """The key behind a request and where it came from."""

    key: keys.ApiKey
    ip: str

    @property
    def actor(self) -> audit.Actor:
        return audit.Actor(type="api_key", name=self.key.name, key_prefix=self.key.prefix, ip=self.ip)

    @property
    def by(self) -> By:
        """As the service knows callers; MailGuard's scopes are the names of bundles."""
        key = self.key
        who = access.Principal(
            kind="key",
            id=f"mailguard_{key.id}",
            name=key.name,
            tenant=OPERATOR,
            grants=(access.Grant.of([key.scope], [key.domain or access.ALL]),),
            key_prefix=key.prefix,
        )
        return By(principal=who, ip=self.ip)


PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)


class TokenBucket:
    """`rate_per_minute` tokens flow in, at most `BURST` times as many are kept."""

    __slots__ = ("_per_ms", "_tokens", "_updated_ms", "capacity")

    def __init__(self, rate_per_minute: int, now_ms: int) -> None:
        self.capacity = float(rate_per_minute * BURST)
        self._per_ms = rate_per_minute / 60_000
        self._tokens = self.capacity
        self._updated_ms = now_ms

    def take(self, now_ms: int) -> float:
        """Take one token: 0.0 when there was one, else the seconds until there is."""
        passed_ms = max(now_ms - self._updated_ms, 0)
        self._updated_ms = max(now_ms, self._updated_ms)
        self._tokens = min(self.capacity, self._tokens + passed_ms * self._per_ms)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._per_ms / 1000


class Gate:
    """Lets a request through or raises `Refused`: 401, 403 or 429."""

    def __init__(self, database: Database, clock: Clock, node_id: str) -> None:
        self._database = database
        self._clock = clock
        self._node_id = node_id
        self._buckets: dict[int, TokenBucket] = {}
        self._touched: dict[int, int] = {}
        self._reported: dict[str, int] = {}

    async def admit(self, request: web.Request, scopes: Collection[str]) -> Principal:
        """Check the key, its bucket and its scope, in this order."""
        ip = request.remote or "unknown"
        principal = Principal(await self._key(request, ip), ip)
        await self._spend(principal)
        if principal.key.scope not in scopes:
            await self._report(principal.actor, "api_key.forbidden", request.path)
            raise Refused(403, f"a {principal.key.scope} key may not do this")
        return principal

    async def _key(self, request: web.Request, ip: str) -> keys.ApiKey:
        text = request.headers.get("X-API-Key", "")
        if not text:
            raise Refused(401, "header X-API-Key is missing")
        now_ms = self._clock()
        async with self._database.read() as tx:
            key = await keys.live(tx, text, now_ms)
        if key is None:
            await self._report(
                audit.Actor(type="api_key", name="unknown", ip=ip), "api_key.rejected", request.path
            )
            raise Refused(401, "this API key is unknown, revoked or expired")
        if now_ms - self._touched.get(key.id, 0) > _TOUCH_MS:
            self._touched[key.id] = now_ms
            async with self._database.begin() as tx:
                await keys.touch(tx, key.id, now_ms)
        return key

    async def _spend(self, principal: Principal) -> None:
        key = principal.key
        bucket = self._buckets.get(key.id)
        if bucket is None:
            bucket = self._buckets[key.id] = TokenBucket(key.rate_limit_per_minute, self._clock())
        wait_s = bucket.take(self._clock())
        if wait_s > 0:
            await self._report(principal.actor, "api_key.rate_limited", "")
            raise Refused(
                429,
                f"more than {key.rate_limit_per_minute} requests a minute",
                headers={"Retry-After": str(math.ceil(wait_s))},
            )

    async def _report(self, actor: audit.Actor, action: str, path: str) -> None:
        """Put a refusal on record, one of a kind per origin in ten seconds: a flood must not fill the log."""
        now_ms = self._clock()
        mark = f"{action} {actor.ip} {actor.key_prefix}"
        if now_ms - self._reported.get(mark, 0) < _REPORT_MS:
            return
        if len(self._reported) >= _MAX_REPORTED:
            self._reported.clear()
        self._reported[mark] = now_ms
        resource = f"api_key/{actor.key_prefix}" if actor.key_prefix else "api_key"
        note = audit.Note(
            actor=actor, action=action, resource=resource, result="failure", details={"path": path[:200]}
        )
        async with self._database.begin() as tx:
            await audit.append(tx, self._node_id, now_ms, note)
