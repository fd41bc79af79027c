"""What the cluster has to say beside an answer: which nodes cannot be reached."""

from sqlalchemy.ext.asyncio import AsyncConnection

from core.service import estate
from core.service.by import By

__all__ = ["told"]


async def told(tx: AsyncConnection, by: By) -> str:
    """`OK`, with the names of nodes that are away: what they hold is acted on, or appears, later."""
    away = [node.id for node in await estate.nodes(tx, by) if not node.present]
    return f"OK; temporarily unreachable: {', '.join(away)}" if away else "OK"
