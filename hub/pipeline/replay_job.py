"""A replay as its row and its document tell it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import msgspec

from hub.archive.query import Query
from hub.store.base import Book

__all__ = ["Documents", "Job", "as_of", "base_of", "dump", "load"]


class Documents(Protocol):
    """Small JSON documents that survive a restart (`hub.store.state`)."""

    async def put(self, name: str, text: str, ttl_ms: int | None = None) -> None: ...

    async def swap(self, name: str, before: str, after: str) -> bool: ...

    async def get(self, name: str) -> str | None: ...

    async def delete(self, name: str) -> None: ...

    async def list(self, prefix: str) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A replay as its row and its document tell it."""

    id: str
    connector: str
    query: Query
    created_ms: int
    matched: int
    """Events that the query had when the job was made; with `rules`, before they were applied."""
    until_seq: int
    """Last event recorded when it was made: what comes later is not part of it."""
    rules: list[dict[str, list[str | int]]] | None = None
    """The connector's own rules, for a backfill; an operator's replay sends whatever the query finds."""
    pushed: int = 0
    state: Literal["running", "sending", "done", "cancelled", "dry-run"] = "running"
    delivered: int = 0
    parked: int = 0
    finished_ms: int = 0
    """When it was found to be over; its counts are final then."""

    @property
    def row(self) -> str:
        return f"{self.connector}@{self.id}"


def base_of(row: str) -> str:
    """The connector behind a row's name."""
    return row.partition("@")[0]


def dump(job: Job) -> str:
    return msgspec.json.encode(job).decode()


def load(text: str) -> Job:
    return msgspec.json.decode(text, type=Job)


def as_of(job: Job, books: Sequence[Book]) -> Job:
    """With the counts of its row, wherever that is; a pushed job is done when its row owes nothing."""
    book = next((one for one in books if one.connector.endswith(f"@{job.id}")), None)
    if book is None:
        return job
    state = "done" if job.state == "sending" and not book.pending else job.state
    return replace(
        job,
        connector=base_of(book.connector),
        pushed=book.matched,
        delivered=book.delivered,
        parked=book.parked,
        state=state,
    )
