"""Beside sending: retention as a job of our own over plain APIs (no plugin needed), and the probe."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import OpenSearchException, TransportError

from connectors.opensearch.names import DAY_MS, ended_ms
from connectors.opensearch.options import OpenSearchOptions
from connectors.opensearch.setup import Setup
from connectors.opensearch.transport import open_client, open_http
from connectors.opensearch.trouble import blocked_by
from hub.sdk.connector import Context, DestinationFailed

__all__ = ["erase", "probe", "retain"]

_OK, _NOT_FOUND = 200, 404
_ERASED_AT_ONCE = 5_000
"""Fewer than `index.max_result_window` allows."""


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


async def erase(options: OpenSearchOptions, context: Context, tenant: str) -> int:
    """Delete a tenant's events by search and bulk, in every index behind our alias that is ours, and see that
    none is left. Returns how many were deleted. Raises `DestinationFailed`.
    """
    query = {"query": {"term": {"metadata.tenant_uid": tenant}}}
    async with _connected(options, context) as client:
        indices = [
            index
            for index in await _behind_alias(client, options.prefix)
            if ended_ms(index) is not None and index.startswith(f"{options.prefix}-")
        ]
        erased = 0
        for index in indices:
            erased += await _erase_in(client, index, query)
            with suppress(OpenSearchException):  # a merge takes its time; the segments lose them later then
                await client.indices.forcemerge(index=index, only_expunge_deletes=True)
        if left := sum([await _count(client, index, query) for index in indices]):
            raise DestinationFailed(f"{left} events are still found: they are deleted again")
        return erased


async def _erase_in(client: AsyncOpenSearch, index: str, query: dict[str, Any]) -> int:
    """Rounds of search and bulk delete until nothing is found; a refresh between them."""
    erased = 0
    while True:
        await client.indices.refresh(index=index)
        found: Any = await client.search(
            index=index, body={**query, "size": _ERASED_AT_ONCE, "_source": False, "sort": ["_doc"]}
        )
        ids = [hit["_id"] for hit in found["hits"]["hits"]]
        if not ids:
            return erased
        lines = b"".join(orjson.dumps({"delete": {"_index": index, "_id": one}}) + b"\n" for one in ids)
        answer: Any = await client.bulk(body=lines)
        done = [item["delete"] for item in answer["items"]]
        failed = [one for one in done if one["status"] not in {_OK, _NOT_FOUND}]
        if failed:
            raise DestinationFailed(
                f"{len(failed)} of {len(ids)} deletes in {index} failed: {failed[0]}"[:300]
            )
        erased += sum(one["status"] == _OK for one in done)


async def _count(client: AsyncOpenSearch, index: str, query: dict[str, Any]) -> int:
    await client.indices.refresh(index=index)
    answer: Any = await client.count(index=index, body=query)
    return int(answer["count"])


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
