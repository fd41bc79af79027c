"""What a tenant has besides its events, as an erasure meets it: `hub.pipeline.erase.Estate`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hub.app.connectors import context_of
from hub.archive.base import ErasureRecord
from hub.pipeline.capture import forget_captures
from hub.sdk.connector import DestinationFailed

if TYPE_CHECKING:
    from hub.app.hub import Hub

__all__ = ["HubEstate"]

_MARGIN_MS = 2_000
"""Beyond a connector's deadline: its clock is another process's."""


class HubEstate:
    """Of one hub process."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub

    async def clear(self, tenant: str, sources: Sequence[str]) -> Mapping[str, int]:
        """A source that is configured for another tenant now keeps what is its own."""
        hub = self._hub
        configured = {name: hub.settings.tenant_of(name) for name in hub.settings.sources}
        names = {name for name in sources if name not in configured}
        names |= {name for name, whose in configured.items() if whose == tenant}
        counts = {"cursors": 0, "captures": 0, "replays": await hub.replays.erase(tenant)}
        for name in sorted(names):
            counts["cursors"] += await hub.store.log.forget_cursors(name)
            counts["captures"] += forget_captures(hub.settings.data / "captures", name)
            await hub.store.state.forget_source(name)
        if hub.beside is not None:
            counts |= await hub.beside.erase(tenant)
        return counts

    async def rewrite_log(self) -> str:
        return await self._hub.store.rewriting.step()

    def connectors(self) -> Sequence[str]:
        return sorted(self._hub.settings.connectors)

    def deadline_ms(self, connector: str) -> int | None:
        config = self._hub.settings.connectors.get(connector)
        if config is None or self._hub.registry.connector(config.kind).erase is None:
            return None
        deadline_s = context_of(connector, config, self._hub.registry).deadline_s
        return int(deadline_s * 1000) + _MARGIN_MS

    async def erase_at(self, connector: str, tenant: str) -> tuple[int, str]:
        """A destination in trouble holds the erasure, and is asked again."""
        config = self._hub.settings.connectors[connector]
        erase = self._hub.registry.connector(config.kind).erase
        if erase is None:
            return 0, ""
        try:
            context = context_of(connector, config, self._hub.registry)
            return await erase(config.options, context, tenant), ""
        except DestinationFailed as error:
            return 0, str(error)

    async def tell(self, record: ErasureRecord) -> None:
        self._hub.observers.tenant_erased(record)
