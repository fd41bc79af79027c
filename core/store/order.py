"""The order of commits."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["in_commit_order"]

_ORDER_LOCK = 0x6D78_0001


async def in_commit_order(tx: AsyncConnection) -> None:
    """From here to its end this transaction is the only one that numbers rows which others read in order.

    A reader that stands at number 7 must never see 6 appear later. SQLite has one writer anyway; on
    PostgreSQL this waits for the other. It is one lock for all numbered rows (events, audit entries), so
    that two transactions that write both cannot wait for each other.
    """
    if tx.dialect.name == "postgresql":
        await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ORDER_LOCK})
