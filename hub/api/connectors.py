"""Connectors as they stand, and what an operator may do with one."""

import time
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.api.filters import Word, now_ms
from hub.api.services import Services, services_of
from hub.store.base import Book, ConnectorRow
from hub.web.errors import Conflict, NotFound, ServiceUnavailable
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "ConnectorItem", "connector_items"]

_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


class ConnectorItem(BaseModel):
    connector: str
    kind: str = Field(description="Empty for one that left the configuration.")
    state: str = Field(description="ok, blocked, paused or orphaned (its queue is kept until `forget`)")
    reason: str
    lag_events: int = Field(description="Events that are still to be routed or sent.")
    lag_s: float = Field(description="Age of the oldest of them by recorded time.")


def _a_name(text: str) -> str:
    if not set(text) <= _NAME_CHARS or text.startswith((".", "-")):
        raise ValueError("holds letters, digits, `_`, `-` and `.`, and begins with a letter, a digit or `_`")
    return text


class Rename(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: Annotated[Word, Field(min_length=1, max_length=63), AfterValidator(_a_name)]


async def list_(call: Call[None, None]) -> Reply:
    return Reply(data=await connector_items(services_of(call.request)))


async def pause(call: Call[None, None]) -> Reply:
    services = services_of(call.request)
    name = await _known(services, call.path["name"])
    await services.log.pause(name, now_ms=now_ms())
    return await _one(services, name, f"{name} is paused: its queue waits and its retry clocks stand still.")


async def resume(call: Call[None, None]) -> Reply:
    services = services_of(call.request)
    row = await _row(services, call.path["name"])
    await services.log.resume(row.name, now_ms=now_ms())
    free = f"{row.name} was not held up: it is neither paused nor blocked."
    return await _one(services, row.name, free if row.state == "ok" else f"{row.name} goes on.")


async def rename(call: Call[None, Rename]) -> Reply:
    """Asked again after it was cut off in the middle, it does the rest."""
    services, name = services_of(call.request), call.path["name"]
    rows = {row.name: row for row in await services.log.rows(now_ms=now_ms())}
    there = rows.get(call.body.to)
    if there is not None and (name in rows or there.former[:1] != (name,)):
        raise Conflict(f"There is a connector {call.body.to!r} already.")
    if there is None and name not in rows:
        raise NotFound(f"There is no connector {name!r}.")
    await services.log.rename(name, call.body.to)
    await services.replays.renamed()
    message = f"{name} is {call.body.to} now. Rename it in the configuration too, before the next start."
    return await _one(services, call.body.to, message)


async def forget(call: Call[None, None]) -> Reply:
    services = services_of(call.request)
    name = await _known(services, call.path["name"])
    if name in services.settings.connectors:
        raise Conflict(f"{name} is in the configuration: take it out there first, then forget it.")
    await services.replays.forgotten(name)  # first: a connector that is there can be asked to go again
    await services.log.forget(name)
    return Reply(data=None, message=f"{name} is forgotten, with its queue.")


async def connector_items(services: Services) -> list[ConnectorItem]:
    """Every connector with a queue, configured or orphaned, without the rows of replays (`connector@job`)."""
    log = services.log
    rows = [row for row in await log.rows(now_ms=now_ms()) if "@" not in row.name]
    books = {book.connector: book for book in await log.books()}
    head = await log.head()
    unrouted = head.routed + 1 if head.seq > head.routed else 0
    oldest = {row.name: _oldest(row, unrouted) for row in rows}
    recorded = await _recorded_ms(services, [seq for seq in oldest.values() if seq])
    return [_item(services, row, books.get(row.name), recorded.get(oldest[row.name])) for row in rows]


def _oldest(row: ConnectorRow, unrouted: int) -> int:
    """Lowest seq that still waits for this connector, 0 for none; parked events wait for an operator."""
    retrying = row.oldest_seq if row.retrying and not row.parked else 0
    return min((seq for seq in (row.head_seq, retrying, unrouted) if seq), default=0)


def _item(services: Services, row: ConnectorRow, book: Book | None, since: int | None) -> ConnectorItem:
    config = services.settings.connectors.get(row.name)
    orphaned = config is None
    return ConnectorItem(
        connector=row.name,
        kind="" if config is None else config.kind,
        state="orphaned" if orphaned and row.state == "ok" else row.state,
        reason=row.reason or ("not in the configuration any more" if orphaned else _counted(row)),
        lag_events=book.pending if book else row.queued + row.retrying,
        lag_s=round(max(0.0, time.time() - since / 1000), 3) if since else 0.0,
    )


def _counted(row: ConnectorRow) -> str:
    return f"{row.tallied} alerts are to be told of in one message" if row.tallied else ""


async def _recorded_ms(services: Services, seqs: list[int]) -> dict[int, int]:
    """When each of the oldest waiting events was recorded: from the log, else from the archive."""
    wanted = sorted(set(seqs))
    if not wanted:
        return {}
    held = await services.log.entries(wanted)
    missing = [seq for seq in wanted if seq not in held]
    if missing and services.archive is not None:
        held |= await services.readers.run(services.archive.entries, services.log.partition, missing)
    return {seq: entry.header.recorded_ms for seq, entry in held.items()}


async def _known(services: Services, name: str) -> str:
    return (await _row(services, name)).name


async def _row(services: Services, name: str) -> ConnectorRow:
    for row in await services.log.rows(now_ms=now_ms()):
        if row.name == name:
            return row
    raise NotFound(f"There is no connector {name!r}.")


async def _one(services: Services, name: str, message: str) -> Reply:
    for item in await connector_items(services):
        if item.connector == name:
            return Reply(data=item, message=message)
    return Reply(data=None, message=message)


_OPERATE = (NotFound, ServiceUnavailable)
ROUTES = (
    Route(
        "GET",
        "/api/v1/connectors",
        list_,
        summary="Every connector with its state and how far it is behind",
        response=list[ConnectorItem],
        errors=(ServiceUnavailable,),
    ),
    Route(
        "POST",
        "/api/v1/connectors/{name}/pause",
        pause,
        summary="Send nothing until resumed; the queue waits",
        response=ConnectorItem | None,
        errors=_OPERATE,
    ),
    Route(
        "POST",
        "/api/v1/connectors/{name}/resume",
        resume,
        summary="End a pause or a block; the next send is the probe",
        response=ConnectorItem | None,
        errors=_OPERATE,
    ),
    Route(
        "POST",
        "/api/v1/connectors/{name}/rename",
        rename,
        summary="Give a connector's queue and books a new name, in one step",
        body=Rename,
        response=ConnectorItem | None,
        errors=(*_OPERATE, Conflict),
    ),
    Route(
        "POST",
        "/api/v1/connectors/{name}/forget",
        forget,
        summary="Remove the queue and the books of a connector that left the configuration",
        response=None,
        errors=(*_OPERATE, Conflict),
    ),
)
