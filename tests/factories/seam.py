"""Messages as they are handed in, and what is left behind of them."""

import base64
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.seam.folder import Folder
from core.service.core import Core
from core.store.tables import domains, outbox_events, stat_counters
from tests.factories.core import raw_mail

__all__ = ["ENVELOPE", "HAM", "SPAM", "body", "counted", "events", "files_of", "hand_in", "set_domain"]

HAM = raw_mail()
SPAM = raw_mail("MZ\r\n", Content_Type='application/octet-stream; name="invoice.exe"')
"""Held: a program."""
ENVELOPE: dict[str, Any] = {
    "mail_from": "Jonas@partner.example",
    "rcpt_to": ["grace@acme.example"],
    "client_ip": "192.0.2.9",
    "helo": "mail.partner.example",
    "rdns": "mail.partner.example",
}


def body(raw: bytes = HAM, *, dry_run: bool = False, **envelope: Any) -> dict[str, Any]:
    """Of a request to `/messages`."""
    message = base64.b64encode(raw).decode()
    return {"message": message, "envelope": {**ENVELOPE, **envelope}, "dry_run": dry_run}


async def hand_in(api: Any, raw: bytes = HAM, key: str | None = None, **envelope: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await api.call("POST", "/messages", body(raw, **envelope), headers=headers)


def files_of(core: Core) -> list[str]:
    """All files of spool and quarantine."""
    return sorted(
        f"{kind}/{name}"
        for kind in ("spool", "quarantine")
        for name, _ in Folder(core.data / kind).names(core.node_id)
    )


async def events(core: Core) -> list[tuple[str, dict[str, Any]]]:
    """Of mail, in order: those of the tests' keys left out."""
    async with core.database.read() as tx:
        rows = await tx.execute(select(outbox_events).order_by(outbox_events.c.seq))
        of_mail = ("verdict", "quarantine", "report", "message")
        return [(row.name, row.data) for row in rows if row.name.startswith(of_mail)]


async def counted(core: Core, metric: str) -> int:
    async with core.database.read() as tx:
        wanted = select(stat_counters.c.messages).where(stat_counters.c.metric == metric)
        return sum((await tx.execute(wanted)).scalars())


async def set_domain(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(update(domains).where(domains.c.name == "acme.example").values(**values))
