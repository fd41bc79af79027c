"""What a kind of rows does with what the engine settled."""

from collections.abc import Mapping
from typing import Protocol

from core.outward.mark import Mark
from core.outward.relay import Kind
from hub.delivery import Engine, Owed

__all__ = ["Settling"]


class Settling(Kind, Protocol):
    """A kind of rows that keeps its places in the database."""

    async def settle(self, engine: Engine, mark: Mark, owed: Mapping[str, Owed], /) -> None:
        """Write down how far each row got, end what was given up, look after long failures. May be called
        again at any time. Raises `StoreError`, `Unavailable`.
        """
        ...
