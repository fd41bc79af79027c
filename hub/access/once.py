"""Texts that are taken once: the first administrator's token, a sign-in half done, an OIDC state."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access.secret_text import digest, new_text
from hub.access.tables import once

__all__ = ["drop", "put", "read", "sweep", "take"]


async def put(tx: AsyncConnection, purpose: str, data: Mapping[str, Any], expires_ms: int) -> str:
    """Keep `data` under a new text, which is returned and kept only as a hash."""
    text = new_text()
    row = {"hash": digest(text), "purpose": purpose, "data": dict(data), "expires_ms": expires_ms}
    await tx.execute(insert(once).values(row))
    return text


async def take(tx: AsyncConnection, purpose: str, text: str, now_ms: int) -> dict[str, Any] | None:
    """What was kept under it; from now on it is gone, for every process."""
    gone = delete(once).where(_live(purpose, text, now_ms)).returning(once.c.data)
    found: dict[str, Any] | None = (await tx.execute(gone)).scalar_one_or_none()
    return found


async def read(tx: AsyncConnection, purpose: str, text: str, now_ms: int) -> dict[str, Any] | None:
    """As `take`, and it stays."""
    kept = select(once.c.data).where(_live(purpose, text, now_ms))
    found: dict[str, Any] | None = (await tx.execute(kept)).scalar_one_or_none()
    return found


async def drop(tx: AsyncConnection, purpose: str) -> None:
    """Nothing of that purpose can be taken any more."""
    await tx.execute(delete(once).where(once.c.purpose == purpose))


async def sweep(tx: AsyncConnection, now_ms: int) -> None:
    await tx.execute(delete(once).where(once.c.expires_ms <= now_ms))


def _live(purpose: str, text: str, now_ms: int) -> Any:
    return (once.c.hash == digest(text)) & (once.c.purpose == purpose) & (once.c.expires_ms > now_ms)
