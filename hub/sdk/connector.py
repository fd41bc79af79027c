"""The contract of a connector: options (data) plus `send(batch) -> one outcome per event`.

A connector is one module under `connectors/` that defines `SPEC`. Third parties register theirs under the
entry point group `mxhub.connectors`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from hub.model.event import Entry
from hub.model.outcome import Outcome
from hub.sdk.options import Options

__all__ = ["OWN_SHARE", "Connector", "ConnectorSpec", "Context", "DestinationFailed"]

OWN_SHARE: Final = 0.9
"""Part of a deadline after which a connector gives up itself, with a better reason than being cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a connector is told besides its options."""

    name: str
    """Its name in the configuration."""
    deadline_s: float
    """Limit on one whole exchange; the pipeline cancels `send` at this limit, a connector should give up
    before, at `give_up_s`."""
    allow_networks: tuple[str, ...] = ()
    """Networks (CIDR) that the address guard lets pass besides public addresses."""

    @property
    def give_up_s(self) -> float:
        """Seconds within which `send` answers."""
        return self.deadline_s * OWN_SHARE


class DestinationFailed(Exception):
    """A probe or a maintenance run could not do its work; one line that says why and what to do."""


class Connector(Protocol):
    """Enter, send, exit. One task calls it at a time unless the spec allows more."""

    async def __aenter__(self) -> Self:
        """Open what is shared by all batches. Must not fail because the destination is down."""
        ...

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        """Send the batch in its order and say what became of each event, in the same order.

        A destination that is down, full or refuses us is `Blocked` for the events it did not take. An
        exception that escapes is a defect; the pipeline treats it as `Blocked` with the exception's name.
        """
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSpec:
    """A destination as the registry knows it. `kind` equals the module's name."""

    kind: str
    title: str
    """One line for lists and docs."""
    options: type[Options]
    make: Callable[[Options, Context], Connector]
    batch_events: int = 500
    """Most events a `send` takes at once."""
    batch_bytes: int = 4 * 1024 * 1024
    """Most body bytes a `send` takes at once (one larger event is still sent, alone)."""
    deadline_s: float = 30.0
    concurrency: int = 1
    """How many `send` calls may run at once. Above 1 the queue's head is still settled in order."""
    rate_per_s: float | None = None
    """Most events a second where the configuration says nothing; `None` is no limit."""
    bucket: Callable[[Options], str] | None = None
    """What the destination counts that rate by, e.g. a channel: connectors for which this text is the same
    share one rate, in all processes. It may hold a secret, only its hash is kept. `None`: each has its own.
    """
    alerting: bool = False
    """Whether a person or a workflow is woken by each event. Then a configuration without `match` means the
    alerts of `hub.sdk.alerts.ALERT_MATCH`, and after an outage old events become one digest."""
    probe: Callable[[Options, Context], Awaitable[str]] | None = None
    """For `mxhub check`: one line that says what was found, e.g. `OpenSearch 3.6.0, 1 node`. Writes nothing.
    Raises `DestinationFailed`."""
    erase: Callable[[Options, Context, str], Awaitable[int]] | None = None
    """For an erasure, `(options, context, tenant)`: remove that tenant's events from the destination, and see
    that none is left. Returns how many were removed; may be called again. Raises `DestinationFailed`. Without
    it the record of the erasure says that the destination has to be seen to by hand."""
    maintain: Callable[[Options, Context, int], Awaitable[Sequence[str]]] | None = None
    """For a scheduled job, `(options, context, now_ms)`: what has to happen at the destination now and then,
    such as retention. Returns one line for each thing it did; a second run at once does nothing. Raises
    `DestinationFailed`."""
