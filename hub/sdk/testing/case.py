"""How a connector is put to the conformance suite: somebody plays its destination."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

__all__ = ["Case", "Played"]


class Played(Protocol):
    """A destination that is being played. It is healthy until told otherwise."""

    @property
    def options(self) -> Mapping[str, object]:
        """The connector's options, as a configuration file would say them, that lead here."""
        ...

    def taken(self) -> Sequence[str]:
        """Ids (32 hexadecimal digits) of its events, in order of arrival, as often as it holds each."""
        ...

    def body(self, uid: str) -> bytes:
        """The event as it is held there: the OCSF event as JSON where the case is `whole`, else what came."""
        ...

    async def trouble(self, name: str) -> None:
        """From now on misbehave in one of the ways that the case lists."""
        ...

    async def recover(self) -> None:
        """Healthy again, with what it held."""
        ...

    def refuse(self, uids: Sequence[str]) -> None:
        """From now on refuse the content of these events, and take the others."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One connector for the suite. Lives in `tests/conformance/cases/<kind>.py` as `CASE`."""

    kind: str
    play: Callable[[Path], AbstractAsyncContextManager[Played]]
    """Begins to play the destination; the folder is the test's own."""
    troubles: tuple[str, ...]
    """Ways in which the destination can be down, hang or refuse us: each must end as `Blocked`."""
    idempotent: bool
    """Whether an event that is sent twice is held once."""
    refuses: bool
    """Whether the destination can refuse the content of single events (`Played.refuse`)."""
    whole: bool = True
    """Whether the destination holds the OCSF event itself (`Played.body`), not a message made from it."""
    order: Literal["all", "source"] = "all"
    """Which events arrive in the order of their batch: all, or only those of one source among themselves."""
    secrets: tuple[str, ...] = ()
    """Secret values in `Played.options`: they must never be seen."""
