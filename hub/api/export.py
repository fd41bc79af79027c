"""Exports: everything a query finds, streamed in record order, in bounded memory.

With `trailer=true` the last line is the manifest: NDJSON `{"mxhub_manifest": {}}`, CSV `#mxhub_manifest,{}`.
Its SHA-256 is over all bytes before that line; a stream without it was cut short.
"""

import csv
import hashlib
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import orjson
from pydantic import Field

from hub.api.callers import EVENTS, own_events, own_query
from hub.api.columns import COLUMNS, row
from hub.api.events import archive_of
from hub.api.filters import EventFilter, now_ms
from hub.api.services import Services, services_of
from hub.archive.base import Hit
from hub.archive.query import Query
from hub.web.errors import RateLimited, ServiceUnavailable
from hub.web.route import Call, Route, Stream
from hub.web.times import iso

__all__ = ["ROUTES"]

_MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


class ExportQuery(EventFilter):
    format: Literal["ndjson", "csv"] = "ndjson"
    trailer: bool = Field(False, description="End with a manifest line: query, count, SHA-256, gaps.")


async def export(call: Call[ExportQuery, None]) -> Stream:
    services = services_of(call.request)
    archive_of(services)
    # Frozen at now, so that the manifest's query finds the same events again.
    now = now_ms()
    asked = own_events(call)
    query = await own_query(call)
    if query.recorded_until_ms is None or query.recorded_until_ms > now:
        query = replace(query, recorded_until_ms=now + 1)
    return Stream(
        chunks=_chunks(services, asked, query, now),
        media_type=_MEDIA_TYPES[asked.format],
        filename=f"mxhub-events.{asked.format}",
    )


async def _chunks(services: Services, asked: ExportQuery, query: Query, now: int) -> AsyncIterator[bytes]:
    archive = archive_of(services)
    digest, count = hashlib.sha256(), 0
    if asked.format == "csv":
        head = _csv([COLUMNS])
        digest.update(head)
        yield head
    render = _csv_rows if asked.format == "csv" else _ndjson
    async for hits in services.readers.stream(lambda: archive.iterate(query)):
        chunk = render(hits)
        count += len(hits)
        digest.update(chunk)
        yield chunk
    if asked.trailer:
        gaps = await services.readers.run(archive.gaps, query)
        yield _trailer(asked.format, _manifest(asked, query, count, digest.hexdigest(), gaps, now))


def _ndjson(hits: Sequence[Hit]) -> bytes:
    return b"".join(hit.body + b"\n" for hit in hits)


def _csv_rows(hits: Sequence[Hit]) -> bytes:
    return _csv([row(hit) for hit in hits])


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)  # RFC 4180: CRLF, quotes doubled
    return text.getvalue().encode("utf-8", "replace")


def _manifest(
    asked: ExportQuery, query: Query, count: int, sha256: str, gaps: Sequence[Any], now: int
) -> dict[str, Any]:
    said = asked.model_dump(by_alias=True, exclude_defaults=True, exclude={"format", "trailer"})
    for name, at in (
        ("since", query.since_ms),
        ("until", query.until_ms),
        ("recorded_since", query.recorded_since_ms),
    ):
        if at is not None:
            said[name] = iso(at)
    said["recorded_until"] = iso(query.recorded_until_ms or now)
    return {
        "format": asked.format,
        "query": said,
        "count": count,
        "sha256": sha256,
        "gaps": list(gaps),
        "created": iso(now),
    }


def _trailer(form: str, manifest: dict[str, Any]) -> bytes:
    if form == "csv":
        return b"#mxhub_manifest," + orjson.dumps(manifest) + b"\n"
    return orjson.dumps({"mxhub_manifest": manifest}) + b"\n"


ROUTES = (
    Route(
        "GET",
        "/api/v1/export",
        export,
        scope=EVENTS,
        summary="All events that match, streamed as NDJSON or CSV in the order they were recorded",
        query=ExportQuery,
        media_types=("application/x-ndjson", "text/csv"),
        errors=(RateLimited, ServiceUnavailable),
    ),
)
