"""OpenSearch 2 and 3: OCSF events in indices by event time behind an alias, each stored once under its id.

The library behind it is imported when a connector is made, not when its options are read.
"""

from collections.abc import Sequence

from connectors.opensearch.options import OpenSearchOptions
from hub.sdk.connector import Connector, ConnectorSpec, Context
from hub.sdk.options import Options

__all__ = ["SPEC", "OpenSearchOptions"]


def _make(options: Options, context: Context) -> Connector:
    from connectors.opensearch.connector import OpenSearchConnector

    return OpenSearchConnector(OpenSearchOptions.of(options), context)


async def _probe(options: Options, context: Context) -> str:
    from connectors.opensearch.upkeep import probe

    return await probe(OpenSearchOptions.of(options), context)


async def _erase(options: Options, context: Context, tenant: str) -> int:
    from connectors.opensearch.upkeep import erase

    return await erase(OpenSearchOptions.of(options), context, tenant)


async def _maintain(options: Options, context: Context, now_ms: int) -> Sequence[str]:
    from connectors.opensearch.upkeep import retain

    return await retain(OpenSearchOptions.of(options), context, now_ms)


SPEC = ConnectorSpec(
    kind="opensearch",
    title="OpenSearch 2 and 3, in indices by event time",
    options=OpenSearchOptions,
    make=_make,
    batch_events=1000,
    batch_bytes=8 * 1024 * 1024,
    probe=_probe,
    erase=_erase,
    maintain=_maintain,
)
