"""Sessions of people: an opaque id in a cookie, hashed at rest, with an idle and an absolute end."""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access import once
from hub.access.plans import of_a_person, of_plan
from hub.access.principal import Grant, Principal
from hub.access.secret_text import digest, new_text
from hub.access.tables import accounts, delegations, keys, sessions, tenants
from hub.sql.database import Database

__all__ = [
    "COOKIE",
    "NoSession",
    "Session",
    "Sessions",
    "begin",
    "cookie_header",
    "csrf_token",
    "end",
    "end_of_account",
    "end_of_key",
    "is_csrf_token",
]

COOKIE: Final = "__Host-mxhub_session"
"""By the prefix, browsers refuse it without Secure, with a Domain or another Path (RFC 6265bis 4.1.3)."""
_SEEN_EVERY_MS: Final = 60_000
_LONGEST: Final = 128
_NOTE: Final = 200


class NoSession(Exception):
    """401: the cookie names no session, or one that has ended."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that lives."""

    principal: Principal
    expires_ms: int
    """The absolute end; it may end earlier when nothing comes."""


def csrf_token(cookie: str) -> str:
    """What unsafe requests of the session must carry as `X-CSRF-Token`.

    It follows from the cookie, which pages cannot read, by a keyed hash: nothing is stored, and the token
    gives the cookie away to nobody.
    """
    raw = hmac.new(cookie.encode("utf-8", "surrogatepass"), b"csrf", sha256).digest()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def is_csrf_token(given: str, cookie: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), csrf_token(cookie).encode())


def cookie_header(cookie: str, max_age_s: int) -> str:
    """The value of `Set-Cookie`; an empty cookie with 0 seconds takes it away."""
    return f"{COOKIE}={cookie}; Path=/; Max-Age={max_age_s}; Secure; HttpOnly; SameSite=Lax"


async def begin(
    tx: AsyncConnection,
    *,
    tenant: str,
    now_ms: int,
    lasts_ms: int,
    account_id: str | None = None,
    key_id: str | None = None,
    grants: Sequence[Grant] | None = None,
    ip: str = "",
    agent: str = "",
) -> str:
    """Open a session; its cookie's text. Without an account it holds `grants` and ends with the key."""
    cookie = new_text()
    row = {
        "hash": digest(cookie),
        "tenant": tenant,
        "account_id": account_id,
        "key_id": key_id,
        "grants": None if grants is None else [grant.to_json() for grant in grants],
        "ip": ip[:_NOTE],
        "agent": agent[:_NOTE],
        "created_ms": now_ms,
        "seen_ms": now_ms,
        "expires_ms": now_ms + lasts_ms,
    }
    await tx.execute(insert(sessions).values(row))
    return cookie


async def end(tx: AsyncConnection, cookie: str) -> None:
    """End one session; one that is gone already is no error."""
    await tx.execute(delete(sessions).where(sessions.c.hash == digest(cookie)))


async def end_of_key(tx: AsyncConnection, key_id: str) -> None:
    """End what login links of that key opened."""
    await tx.execute(delete(sessions).where(sessions.c.key_id == key_id))


async def end_of_account(tx: AsyncConnection, account_id: str, *, keep: str | None = None) -> None:
    """End all sessions of that person; `keep` = the cookie of the one that stays."""
    which = sessions.c.account_id == account_id
    if keep is not None:
        which &= sessions.c.hash != digest(keep)
    await tx.execute(delete(sessions).where(which))


class Sessions:
    """Looks cookies up; one query a request.

    Args:
        idle_ms: a session ends after so long without a request (noticed to the minute).

    """

    def __init__(
        self,
        database: Database,
        *,
        idle_ms: int = 30 * 60_000,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._database = database
        self._idle_ms = idle_ms
        self._clock_ms = clock_ms

    async def authenticate(self, cookie: str) -> Session:
        """Raises `NoSession`, `Unavailable`."""
        if not 0 < len(cookie) <= _LONGEST:
            raise NoSession("There is no such session.")
        hashed, now_ms = digest(cookie), self._clock_ms()
        async with self._database.read() as tx:
            row = (await tx.execute(_SELECT.where(sessions.c.hash == hashed))).mappings().one_or_none()
        if row is None or not self._lives(row, now_ms):
            raise NoSession("The session has ended: sign in again.")
        if now_ms - row["seen_ms"] >= _SEEN_EVERY_MS:
            async with self._database.begin() as tx:
                await tx.execute(update(sessions).where(sessions.c.hash == hashed).values(seen_ms=now_ms))
        return Session(_principal(row), row["expires_ms"])

    async def end(self, cookie: str) -> None:
        """Sign out; a session that is gone already is no error."""
        async with self._database.begin() as tx:
            await end(tx, cookie)

    async def sweep(self) -> int:
        """Delete what has ended, half-done sign-ins too; returns how many sessions. For a scheduler."""
        now_ms = self._clock_ms()
        gone = (sessions.c.expires_ms <= now_ms) | (sessions.c.seen_ms <= now_ms - self._idle_ms)
        async with self._database.begin() as tx:
            await once.sweep(tx, now_ms)
            return (await tx.execute(delete(sessions).where(gone))).rowcount

    def _lives(self, row: RowMapping, now_ms: int) -> bool:
        in_time = now_ms < row["expires_ms"] and now_ms - row["seen_ms"] < self._idle_ms
        return in_time and _owner_lives(row, now_ms)


_SELECT = select(
    sessions,
    accounts.c.login,
    accounts.c.admin,
    accounts.c.active,
    delegations.c.grants.label("delegated"),
    keys.c.prefix,
    keys.c.revoked_ms,
    keys.c.expires_ms.label("key_expires_ms"),
    tenants.c.plan,
    tenants.c.limits,
).select_from(
    sessions.outerjoin(accounts, sessions.c.account_id == accounts.c.id)
    .outerjoin(delegations, sessions.c.account_id == delegations.c.account_id)
    .outerjoin(keys, sessions.c.key_id == keys.c.id)
    .outerjoin(tenants, sessions.c.tenant == tenants.c.tenant)
)


def _owner_lives(row: RowMapping, now_ms: int) -> bool:
    if row["account_id"] is not None:
        return bool(row["active"])
    known = row["prefix"] is not None and row["revoked_ms"] is None
    return known and (row["key_expires_ms"] is None or now_ms < row["key_expires_ms"])


def _principal(row: RowMapping) -> Principal:
    if row["account_id"] is None:
        granted, name, owner = row["grants"], f"login link of {row['prefix']}", row["key_id"]
    else:
        granted, name, owner = row["delegated"] or [], row["login"], row["account_id"]
    grants = [Grant.from_json(one) for one in granted]
    if row["admin"]:
        grants.insert(0, Grant.of(["full-admin"]))
    return Principal(
        kind="session",
        id=owner,
        name=name,
        tenant=row["tenant"],
        grants=tuple(grants),
        key_id=row["key_id"],
        key_prefix=row["prefix"] or "",
        limits=of_a_person(of_plan(row["plan"] or "default", row["limits"])),
    )
