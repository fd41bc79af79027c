"""How much a database does for a statement, without a clock."""

from typing import Any

import orjson
from sqlalchemy import Select, text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["work_of"]

_STEPS = 10


async def work_of(tx: AsyncConnection, query: Select[Any]) -> int:
    """Steps of SQLite's virtual machine; pages that PostgreSQL touches, with indexes wherever they serve."""
    plain = str(query.compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True}))
    if tx.dialect.name == "postgresql":
        return await _pages(tx, plain)
    connection = (await tx.get_raw_connection()).driver_connection
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += _STEPS
        return 0

    await connection.set_progress_handler(count, _STEPS)
    try:
        (await tx.execute(text(plain.replace(":", "\\:")))).all()
    finally:
        await connection.set_progress_handler(None, 0)
    return steps


async def _pages(tx: AsyncConnection, plain: str) -> int:
    for scan in ("seqscan", "bitmapscan", "sort"):  # which a small table would get
        await tx.execute(text(f"SET LOCAL enable_{scan} = off"))
    asked = text("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + plain.replace(":", "\\:"))
    told = (await tx.execute(asked)).scalar_one()
    plan = (orjson.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
