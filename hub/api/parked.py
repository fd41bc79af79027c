"""Parked events: refused for good by their destination, kept with the reason until an operator decides."""

from collections.abc import Sequence
from typing import Annotated, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hub.api.events import OcsfDocument, archive_of
from hub.api.filters import Word, now_ms
from hub.api.services import Services, services_of
from hub.model.event import Entry
from hub.store.base import Log, ParkedRow
from hub.web.errors import NotFound, ServiceUnavailable
from hub.web.route import Call, Reply, Route
from hub.web.times import iso

__all__ = ["ROUTES", "ParkedItem"]

_MAX_IDS = 1000
_STEP = 500
_MAX_SEQ = 2**53


class ParkedQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    connector: Word | None = None
    limit: int = Field(1000, ge=1, le=10_000)


class ParkedItem(BaseModel):
    id: str = Field(description="`<connector>:<seq>`")
    connector: str
    reason: str
    attempts: int
    since: str
    event_id: str


class ParkedDetail(ParkedItem):
    event: OcsfDocument | None = Field(description="null when its payload went by retention.")


def _parked_id(text: str) -> str:
    _split(text)
    return text


class ParkedIds(BaseModel):
    """Either the ids, or a connector for all that it has parked."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[Word, AfterValidator(_parked_id)]] = Field([], max_length=_MAX_IDS)
    connector: Word | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.ids and self.connector is None:
            raise ValueError("name ids, or a connector for all that it has parked")
        return self


class Settled(BaseModel):
    count: int = Field(description="How many were parked and are not any more.")


async def list_(call: Call[ParkedQuery, None]) -> Reply:
    rows = await services_of(call.request).log.parked(call.query.connector, limit=call.query.limit)
    return Reply(data=[_item(row) for row in rows])


async def show(call: Call[None, None]) -> Reply:
    services = services_of(call.request)
    row = await _find(services.log, call.path["id"])
    entry = await _payload(services, row.seq)
    event = None if entry is None else orjson.Fragment(entry.body)
    return Reply(data={**_item(row).model_dump(), "event": event})


async def replay(call: Call[None, ParkedIds]) -> Reply:
    services = services_of(call.request)
    count = 0
    for connector, seqs in await _chosen(services.log, call.body):
        count += await services.log.unpark(connector, seqs, now_ms=now_ms())
    return Reply(data=Settled(count=count), message=f"{count} go to their connectors again.")


async def drop(call: Call[None, ParkedIds]) -> Reply:
    services = services_of(call.request)
    count = 0
    for connector, seqs in await _chosen(services.log, call.body):
        count += await services.log.drop(connector, seqs, "operator")
    return Reply(data=Settled(count=count), message=f"{count} ended as dropped (operator).")


async def _chosen(log: Log, body: ParkedIds) -> list[tuple[str, list[int]]]:
    """`(connector, ascending seqs)` in steps that a script can take."""
    rows = {row.name: row for row in await log.rows(now_ms=now_ms())}
    chosen: dict[str, set[int]] = {}
    for text in body.ids:
        connector, seq = _split(text)
        chosen.setdefault(connector, set()).add(seq)
    if body.connector is not None:
        chosen.setdefault(body.connector, set())
    if unknown := sorted(set(chosen) - set(rows)):
        raise NotFound(f"There is no connector {unknown[0]!r}.")
    if body.connector is not None:
        parked = await log.parked(body.connector, limit=max(1, rows[body.connector].parked))
        chosen[body.connector].update(row.seq for row in parked)
    return [
        (connector, ordered[at : at + _STEP])
        for connector, ordered in ((name, sorted(seqs)) for name, seqs in chosen.items())
        for at in range(0, len(ordered), _STEP)
    ]


async def _find(log: Log, text: str) -> ParkedRow:
    try:
        connector, seq = _split(text)
    except ValueError as error:
        raise NotFound(str(error)) from error
    rows: Sequence[ParkedRow] = await log.parked(connector, limit=1_000_000)
    for row in rows:
        if row.seq == seq:
            return row
    raise NotFound(f"{connector} has no event {seq} parked.")


async def _payload(services: Services, seq: int) -> Entry | None:
    held = await services.log.entries([seq])
    if seq not in held and services.archive is not None:
        archive = archive_of(services)
        held = await services.readers.run(archive.entries, services.log.partition, [seq])
    return held.get(seq)


def _split(text: str) -> tuple[str, int]:
    connector, _, seq = text.rpartition(":")
    if not connector or not (seq.isascii() and seq.isdecimal()) or not 0 < int(seq[:20]) <= _MAX_SEQ:
        raise ValueError("a parked event's id is <connector>:<seq>")
    return connector, int(seq)


def _item(row: ParkedRow) -> ParkedItem:
    return ParkedItem(
        id=f"{row.connector}:{row.seq}",
        connector=row.connector,
        reason=row.reason,
        attempts=row.attempts,
        since=iso(row.since_ms),
        event_id=row.uid,
    )


ROUTES = (
    Route(
        "GET",
        "/api/v1/parked",
        list_,
        summary="Parked events with their reasons",
        query=ParkedQuery,
        response=list[ParkedItem],
        errors=(ServiceUnavailable,),
    ),
    Route(
        "GET",
        "/api/v1/parked/{id}",
        show,
        summary="One parked event with its payload",
        response=ParkedDetail,
        errors=(NotFound, ServiceUnavailable),
    ),
    Route(
        "POST",
        "/api/v1/parked:replay",
        replay,
        summary="Send parked events again, with a fresh count of attempts",
        body=ParkedIds,
        response=Settled,
        errors=(NotFound, ServiceUnavailable),
    ),
    Route(
        "POST",
        "/api/v1/parked:drop",
        drop,
        summary="End parked events as dropped (operator)",
        body=ParkedIds,
        response=Settled,
        errors=(NotFound, ServiceUnavailable),
    ),
)
