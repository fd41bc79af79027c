"""The keys as hub and core use them: made once, checked at every request, ended at once."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access import keys
from hub.access.audit import Actor, Audit, Change, silence
from hub.access.keys import Key
from hub.access.plans import PLANS, Limits
from hub.access.principal import Grant, Principal
from hub.access.secret_text import PREFIX_CHARS, STYLES, KeyStyle, digest
from hub.access.sessions import end_of_key
from hub.sql.database import Database, Unavailable

__all__ = ["KeyRefused", "Keyring", "NoSuchKey", "wall_clock_ms"]

_TOUCH_MS: Final = 60_000
_CACHED: Final = 10_000
_LONGEST: Final = 256
_TEXT: Final = 200


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class KeyRefused(Exception):
    """401: the text is no key of ours, or one that was revoked or has expired."""


class NoSuchKey(Exception):
    """404: the tenant has no such key."""


@dataclass(slots=True)
class _Cached:
    key: Key
    until_s: float


class Keyring:
    """All keys of all tenants.

    Args:
        pepper: keyed hashes; another pepper makes every key unknown.
        audit: told of every change.
        cache_s: how long a key is believed without looking. Here a revoked key is refused with the next
            request, in other processes after at most this time. 0 = always look.

    """

    def __init__(
        self,
        database: Database,
        *,
        pepper: bytes | None = None,
        audit: Audit = silence,
        cache_s: float = 1.0,
        clock_ms: Callable[[], int] = wall_clock_ms,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._audit = audit
        self._cache_s = cache_s
        self._clock_ms = clock_ms
        self._monotonic_s = monotonic_s
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._generation = 0

    async def make(
        self,
        actor: Actor,
        *,
        tenant: str,
        grants: Sequence[Grant],
        description: str = "",
        expires_ms: int | None = None,
        allow_key_admin: bool = False,
        plan: str | None = None,
        limits: Mapping[str, Any] | None = None,
        style: KeyStyle = STYLES["mxhub"],
    ) -> tuple[Key, str]:
        """The key and its text, which is nowhere to be had again.

        Whether the actor may give these grants is asked before (`Principal.may_give`). Raises `ValueError`
        naming what does not hold, `Unavailable`.
        """
        _check(grants, description, plan, limits)
        now_ms = self._clock_ms()
        if expires_ms is not None and expires_ms <= now_ms:
            raise ValueError("expires_at: lies in the past")
        text = style.new()
        async with self._database.begin() as tx:
            key = await keys.add(
                tx,
                grants=grants,
                tenant=tenant,
                description=description,
                hash=digest(text, self._pepper),
                prefix=text[:PREFIX_CHARS],
                allow_key_admin=allow_key_admin,
                plan=plan,
                limits=dict(limits or {}),
                created_by=actor.id,
                created_ms=now_ms,
                expires_ms=expires_ms,
            )
            await self._tell(tx, actor, "api_key.created", None, key)
        return key, text

    async def authenticate(self, text: str) -> Principal:
        """Raises `KeyRefused` saying why, `Unavailable`."""
        if not 0 < len(text) <= _LONGEST:
            raise KeyRefused("The key is not known.")
        key = await self._lookup(digest(text, self._pepper))
        if key.revoked_ms is not None:
            raise KeyRefused("The key was revoked.")
        if key.expires_ms is not None and key.expires_ms <= self._clock_ms():
            raise KeyRefused("The key has expired.")
        return key.principal()

    async def every(self, tenant: str) -> list[Key]:
        """All of a tenant, revoked ones too, the oldest first."""
        async with self._database.read() as tx:
            return await keys.every(tx, tenant)

    async def find(self, tenant: str, key: str | int) -> Key:
        """By id or number. Raises `NoSuchKey`."""
        async with self._database.read() as tx:
            return await _found(tx, tenant, key)

    async def change(self, actor: Actor, tenant: str, key: str | int, **values: Any) -> Key:
        """`description`, `expires_ms`, `grants`, `plan`, `limits`, `allow_key_admin`.

        With other grants the sessions of its login links end: it might no longer make them. Raises
        `NoSuchKey`, `ValueError`.
        """
        if unknown := set(values) - _CHANGEABLE:
            raise ValueError(f"{', '.join(sorted(unknown))}: cannot be changed")
        async with self._database.begin() as tx:
            before = await _found(tx, tenant, key)
            if not values:
                return before
            wanted = {name: values.get(name, getattr(before, name)) for name in _CHECKED}
            _check(**wanted)
            if "grants" in values:
                values["grants"] = [grant.to_json() for grant in values["grants"]]
                await end_of_key(tx, before.id)
            await keys.change(tx, before.id, **values)
            after = await _found(tx, tenant, before.id)
            await self._tell(tx, actor, "api_key.updated", before, after)
        self._forget()
        return after

    async def revoke(self, actor: Actor, tenant: str, key: str | int) -> Key:
        """Refused from now on; it stays in the list, and its sessions end. Twice is once.

        Raises `NoSuchKey`.
        """
        async with self._database.begin() as tx:
            before = await _found(tx, tenant, key)
            if before.revoked_ms is not None:
                return before
            await keys.change(tx, before.id, revoked_ms=self._clock_ms())
            await end_of_key(tx, before.id)
            after = await _found(tx, tenant, before.id)
            await self._tell(tx, actor, "api_key.revoked", before, after)
        self._forget()
        return after

    async def delete(self, actor: Actor, tenant: str, key: str | int) -> Key:
        """Forget it, and its sessions; whoever keeps domains then frees those tied to it.

        Raises `NoSuchKey`.
        """
        async with self._database.begin() as tx:
            before = await _found(tx, tenant, key)
            await keys.forget(tx, before.id)
            await end_of_key(tx, before.id)
            await self._tell(tx, actor, "api_key.deleted", before, None)
        self._forget()
        return before

    async def plan(self, tenant: str) -> tuple[str, Limits]:
        """The tenant's plan, and what it comes to."""
        async with self._database.read() as tx:
            plan, limits = await keys.plan_of(tx, tenant)
        return plan, PLANS[plan].overridden(limits)

    async def set_plan(
        self, actor: Actor, tenant: str, plan: str, limits: Mapping[str, Any] | None = None
    ) -> None:
        """Raises `ValueError` for a plan or a limit that there is not."""
        async with self._database.begin() as tx:
            old_plan, old_limits = await keys.plan_of(tx, tenant)
            await keys.set_plan(tx, tenant, plan, limits or {})
            change = Change(
                actor=actor,
                tenant=tenant,
                action="tenant.plan_changed",
                resource=f"tenant/{tenant}",
                before={"plan": old_plan, "limits": old_limits},
                after={"plan": plan, "limits": dict(limits or {})},
            )
            await self._audit(tx, change)
        self._forget()

    def _forget(self) -> None:
        """A look that began before this keeps nothing."""
        self._generation += 1
        self._cache.clear()

    async def _lookup(self, hashed: str) -> Key:
        now_s = self._monotonic_s()
        cached = self._cache.get(hashed)
        if cached is not None and now_s < cached.until_s:
            return cached.key
        generation = self._generation
        async with self._database.read() as tx:
            key = await keys.by_hash(tx, hashed)
        if key is None:
            self._cache.pop(hashed, None)
            raise KeyRefused("The key is not known.")
        if generation == self._generation:
            self._remember(hashed, _Cached(key, now_s + self._cache_s))
        await self._touch(key)
        return key

    def _remember(self, hashed: str, cached: _Cached) -> None:
        self._cache[hashed] = cached
        self._cache.move_to_end(hashed)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)

    async def _touch(self, key: Key) -> None:
        now_ms = self._clock_ms()
        if key.revoked_ms is not None or now_ms - (key.last_used_ms or 0) < _TOUCH_MS:
            return
        with suppress(Unavailable):  # the request goes on: when a key was used is not worth refusing it
            async with self._database.begin() as tx:
                await keys.touch(tx, key.id, now_ms, now_ms - _TOUCH_MS)

    async def _tell(
        self, tx: AsyncConnection, actor: Actor, action: str, before: Key | None, after: Key | None
    ) -> None:
        await self._audit(tx, Change.between(actor, action, "api_key", before, after))


_CHECKED: Final = ("grants", "description", "plan", "limits")
_CHANGEABLE: Final = {*_CHECKED, "expires_ms", "allow_key_admin"}


def _check(
    grants: Sequence[Grant], description: str, plan: str | None, limits: Mapping[str, Any] | None
) -> None:
    if not grants:
        raise ValueError("grants: a key without any could do nothing")
    if len(description) > _TEXT or not (description.isprintable() or not description):
        raise ValueError(f"description: at most {_TEXT} printable characters")
    if plan is not None and plan not in PLANS:
        raise ValueError(f"plan: {plan[:40]!r} is none of {', '.join(PLANS)}")
    PLANS[plan or "default"].overridden(limits)


async def _found(tx: AsyncConnection, tenant: str, key: str | int) -> Key:
    found = await keys.find(tx, tenant, key)
    if found is None:
        raise NoSuchKey(f"there is no key {key!r}")
    return found
