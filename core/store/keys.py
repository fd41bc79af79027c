"""API keys: the hash and the first 20 characters are kept, the key itself is shown once."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, get_args

from sqlalchemy import RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import mailguard_keys as api_key

__all__ = [
    "PREFIX_CHARS",
    "SCOPES",
    "ApiKey",
    "Scope",
    "create",
    "every",
    "find",
    "live",
    "remove",
    "revoke",
    "touch",
]

Scope = Literal["read-only", "quarantine-only", "domain-admin", "full-admin"]
SCOPES: tuple[str, ...] = get_args(Scope)
PREFIX_CHARS = 20

_SHOWN = [column for column in api_key.c if column.name != "hash"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`domain` is set for `domain-admin` only."""

    id: int
    name: str
    prefix: str
    scope: Scope
    domain: str | None
    rate_limit_per_minute: int
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    revoked_ms: int | None


async def create(
    tx: AsyncConnection,
    *,
    name: str,
    scope: Scope,
    now_ms: int,
    domain: str | None = None,
    rate_limit_per_minute: int = 100,
    expires_ms: int | None = None,
    key: str | None = None,
) -> tuple[ApiKey, str]:
    """Add a key and return it with its text: `nmg_` and 64 hexadecimal digits, 256 bits of randomness.

    With that much randomness a plain SHA-256 is as good as a slow hash.
    """
    text = key or f"nmg_{secrets.token_hex(32)}"
    new = insert(api_key).values(
        name=name,
        hash=_hash(text),
        prefix=text[:PREFIX_CHARS],
        scope=scope,
        domain=domain,
        rate_limit_per_minute=rate_limit_per_minute,
        created_ms=now_ms,
        expires_ms=expires_ms,
    )
    return _key((await tx.execute(new.returning(*_SHOWN))).mappings().one()), text


async def live(tx: AsyncConnection, text: str, now_ms: int) -> ApiKey | None:
    """The key of that text, unless it was revoked or has expired."""
    found = await tx.execute(
        select(*_SHOWN).where(
            api_key.c.hash == _hash(text),
            api_key.c.revoked_ms.is_(None),
            or_(api_key.c.expires_ms.is_(None), api_key.c.expires_ms > now_ms),
        )
    )
    row = found.mappings().one_or_none()
    return None if row is None else _key(row)


async def find(tx: AsyncConnection, key_id: int) -> ApiKey | None:
    row = (await tx.execute(select(*_SHOWN).where(api_key.c.id == key_id))).mappings().one_or_none()
    return None if row is None else _key(row)


async def every(tx: AsyncConnection) -> list[ApiKey]:
    """All keys, revoked ones too, by id."""
    return [_key(row) for row in (await tx.execute(select(*_SHOWN).order_by(api_key.c.id))).mappings()]


async def touch(tx: AsyncConnection, key_id: int, now_ms: int) -> None:
    """The key was used."""
    await tx.execute(update(api_key).where(api_key.c.id == key_id).values(last_used_ms=now_ms))


async def revoke(tx: AsyncConnection, key_id: int, now_ms: int) -> None:
    """From the next request on it is refused; a second call changes nothing."""
    first = func.coalesce(api_key.c.revoked_ms, now_ms)
    await tx.execute(update(api_key).where(api_key.c.id == key_id).values(revoked_ms=first))


async def remove(tx: AsyncConnection, key_id: int) -> None:
    """Forget it; what it did stays in the audit log under its prefix."""
    await tx.execute(delete(api_key).where(api_key.c.id == key_id))


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(**row)
