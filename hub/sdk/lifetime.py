"""What lives as long as an `async with` lasts."""

from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from typing import Self

__all__ = ["Closing", "Opening"]


class Closing(ABC):
    """Has nothing to open: what it comes to hold, `close` lets go of."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @abstractmethod
    async def close(self) -> None: ...


class Opening(ABC):
    """Opened step by step, closed in the reverse order; what fails half-way leaves nothing open.

    `_open` puts each step's end on `_stack`.
    """

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Raises what `_open` raises."""
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @abstractmethod
    async def _open(self) -> None: ...
