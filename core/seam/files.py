"""Messages in files: the spool of what is on its way, and the quarantine."""

import hashlib
import re
import secrets
from typing import Literal, Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.seam.folder import BadName, Folder
from core.service.core import Core
from core.store.tables import quarantine_bodies
from hub.web.errors import NotFound, ServiceUnavailable

__all__ = ["Kind", "Lying", "delete", "file_name", "folder", "load", "own", "read_raw", "store"]

Kind = Literal["spool", "quarantine"]
_PLAIN = re.compile(r"[^A-Za-z0-9_-]")

log = structlog.get_logger("core.seam")


class Lying(Protocol):
    """A quarantine item, or whatever has these of it (`core.store.quarantine.Held`)."""

    @property
    def id(self) -> str: ...
    @property
    def node_id(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def sha256(self) -> str: ...


def folder(core: Core, kind: Kind) -> Folder:
    return Folder(core.data / kind)


def own(core: Core) -> str:
    """The folder of this process within spool and quarantine: what others wrote is not its to clear up."""
    return _PLAIN.sub("_", core.node_id)[:64] or "_"


def file_name(core: Core, an_id: str) -> str:
    """For a new file: `node-1/7q/msg_....7q-1f0c9a2e.eml`, some thousand folders at most.

    Two requests that come with the same message at the same moment each have a file of their own.
    """
    return f"{own(core)}/{an_id[-2:]}/{an_id}-{secrets.token_hex(4)}.eml"


async def store(core: Core, kind: Kind, name: str, data: bytes) -> None:
    """Keep bytes under a name of `file_name`; durable when it returns.

    Raises `ServiceUnavailable` when the disk is full or does not work: nothing was kept.
    """
    try:
        await core.workers.run(folder(core, kind).put, name, data)
    except OSError as error:
        log.error("core.seam.file_not_written", kind=kind, error=str(error))  # noqa: TRY400 - says it all
        raise ServiceUnavailable("The message cannot be stored now.") from error


async def load(core: Core, kind: Kind, name: str) -> bytes:
    """Raises `OSError`, `BadName`."""
    return await core.workers.run(folder(core, kind).get, name)


async def delete(core: Core, kind: Kind, name: str) -> None:
    """Remove a file after the commit that ended its row; an empty name, or a file that is gone, is fine.

    Trouble is only logged: recovery removes what has no row.
    """
    if not name:
        return
    try:
        await core.workers.run(folder(core, kind).drop, name)
    except (OSError, BadName) as error:
        log.warning("core.seam.file_left", kind=kind, file=name, error=type(error).__name__)


async def read_raw(core: Core, tx: AsyncConnection, item: Lying) -> bytes:
    """A quarantined message as it was received, from its file or from the database.

    Raises `NotFound` when its bytes are gone, `ServiceUnavailable` when they lie on another node or cannot be
    read now.
    """
    if not item.file:
        wanted = select(quarantine_bodies.c.body).where(quarantine_bodies.c.item == item.id)
        body = (await tx.execute(wanted)).scalar_one_or_none()
        if body is None:
            raise NotFound("The message's bytes are gone.")
        return bytes(body)
    try:
        data = await load(core, "quarantine", item.file)
    except FileNotFoundError as error:
        raise _absent(core, item) from error
    except (OSError, BadName) as error:
        log.exception("core.seam.file_unreadable", item=item.id, error=type(error).__name__)
        raise ServiceUnavailable("The message's file cannot be read now.") from error
    if item.sha256 and hashlib.sha256(data).hexdigest() != item.sha256:
        log.error("core.seam.file_altered", item=item.id)
        raise ServiceUnavailable("The message's file is not what was stored: an operator must look at it.")
    return data


def _absent(core: Core, item: Lying) -> NotFound | ServiceUnavailable:
    if item.node_id != core.node_id:
        return ServiceUnavailable(f"The message lies on {item.node_id}, which must be asked for it.")
    log.error("core.seam.file_missing", item=item.id)
    return NotFound("The message's file is gone.")
