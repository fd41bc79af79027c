"""Beside sending: retention as a job of our own over plain APIs (no plugin needed), and the probe."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import OpenSearchException, TransportError

from connectors.opensearch.names import DAY_MS, ended_ms
from connectors.opensearch.options import OpenSearchOptions
from connectors.opensearch.setup import Setup
from connectors.opensearch.transport import open_client, open_http
from connectors.opensearch.trouble import blocked_by
from hub.sdk.connector import Context, DestinationFailed

__all__ = ["probe", "retain"]

_NOT_FOUND = 404


@asynccontextmanager
async def _connected(options: OpenSearchOptions, context: Context) -> AsyncIterator[AsyncOpenSearch]:
    http = open_http(options, context)
    client = open_client(options, http)
    try:
        yield client
    except (OpenSearchException, ValueError) as error:
        raise DestinationFailed(blocked_by(error).reason) from error
    finally:
        await client.close()
        await http.close()


async def retain(options: OpenSearchOptions, context: Context, now_ms: int) -> list[str]:
    """Delete whole indices whose period ended more than `keep_days` ago. Only indices behind our alias count,
    and only those whose name ends in a period: a stranger's index is never touched.

    Returns one line for each. Raises `DestinationFailed`.
    """
    if options.keep_days is None:
        return []
    oldest_ms = now_ms - options.keep_days * DAY_MS
    done = []
    async with _connected(options, context) as client:
        for index in await _behind_alias(client, options.prefix):
            end = ended_ms(index)
            if end is not None and end <= oldest_ms and index.startswith(f"{options.prefix}-"):
                await _delete(client, index)
                done.append(f"deleted index {index}: older than {options.keep_days} days")
    return done


async def _behind_alias(client: AsyncOpenSearch, alias: str) -> list[str]:
    try:
        answer = await client.indices.get_alias(name=alias)
    except TransportError as error:
        if error.status_code == _NOT_FOUND:
            return []
        raise
    return sorted(answer) if isinstance(answer, dict) else []


async def _delete(client: AsyncOpenSearch, index: str) -> None:
    try:
        await client.indices.delete(index=index)
    except TransportError as error:
        if error.status_code != _NOT_FOUND:  # another worker was there first
            raise


async def probe(options: OpenSearchOptions, context: Context) -> str:
    """`OpenSearch 3.6.0, status green, 1 node, template current`. Raises `DestinationFailed`."""
    async with _connected(options, context) as client:
        root: Any = await client.info()
        health: Any = await client.cluster.health()
        until = time.monotonic() + context.deadline_s
        state = await Setup(client, options).state(until) if options.template else "left to the administrator"
    if state == "foreign":
        raise DestinationFailed(f"the index template {options.prefix!r} exists and is not mxhub's")
    version = root.get("version") if isinstance(root, dict) else None
    if not isinstance(version, dict) or not isinstance(health, dict):
        raise DestinationFailed("the answer is not OpenSearch's: check that url points at it")
    product = (
        "OpenSearch" if version.get("distribution") == "opensearch" else "not OpenSearch, but speaks like it:"
    )
    nodes = health.get("number_of_nodes")
    return (
        f"{product} {version.get('number')}, status {health.get('status')}, {nodes} node(s), template {state}"
    )
