"""Verdicts, held mail and domains of a tenant, put where the service reads them."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import insert

from core.audit.query import Filter, page
from core.engine.verdict import Thresholds
from core.service.by import By
from core.service.core import Core
from core.store import domains, quarantine
from core.store.database import Database
from core.store.tables import outbox_events, verdicts
from hub.access.principal import Grant, Principal
from tests.factories.core import NOW_MS, held, raw_mail

__all__ = ["by", "entries", "hold", "judged", "put_domains", "put_verdicts", "told"]


def by(*scopes: str, domains: Sequence[str] = ("*",), tenant: str = "default", **more: Any) -> By:
    """A caller with a key that holds these scopes; all of them without any."""
    grant = Grant.of(scopes or ("full-admin",), domains)
    who = Principal(
        kind="key", id="key_1", name="siem", tenant=tenant, grants=(grant,), key_id="key_1", **more
    )
    return By(principal=who, request_id="req_1", ip="127.0.0.1")


def judged(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of `verdicts`, a second after the one before it."""
    plain: dict[str, Any] = {
        "id": f"ver_{number:020}",
        "tenant": "default",
        "domain": "acme.example",
        "message": f"msg_{number:020}",
        "at_ms": NOW_MS + number * 1000,
        "sender": "offer@deal.top",
        "sender_domain": "deal.top",
        "recipient": "grace@acme.example",
        "subject": "Casino bonus",
        "message_id": f"<{number}@deal.top>",
        "client_ip": "203.0.113.7",
        "verdict": "quarantine",
        "score": 9.5,
        "symbols": ["FISHY_TLD"],
        "reason": "spam",
        "authentication": {"spf": "pass"},
        "fate": "quarantined",
        "fate_detail": "",
        "quarantine_id": "",
        "size_bytes": 512,
        "mailing_list": False,
    }
    return {**plain, **changes}


async def put_verdicts(database: Database, rows: Iterable[dict[str, Any]]) -> None:
    values = list(rows)
    async with database.begin() as tx:
        for start in range(0, len(values), 500):
            await tx.execute(insert(verdicts), values[start : start + 500])


async def put_domains(core: Core, *names: str, tenant: str = "default") -> None:
    async with core.database.begin() as tx:
        for name in names:
            await domains.add(
                tx, name, backends=["127.0.0.1:25"], thresholds=Thresholds(), now_ms=NOW_MS, tenant=tenant
            )


async def hold(core: Core, number: int = 1, body: bytes | None = None, **changes: Any) -> quarantine.Held:
    """A held message with its bytes in the database."""
    item = held(number, **changes)
    async with core.database.begin() as tx:
        await quarantine.add(tx, item, raw_mail(Message_ID=f"<{number}@x>") if body is None else body)
    return item


async def told(core: Core) -> list[Any]:
    """The events so far, oldest first, but for those of keys: rows with `name` and `data`."""
    async with core.database.read() as tx:
        found = await tx.execute(outbox_events.select().order_by(outbox_events.c.seq))
        return [event for event in found if not event.name.startswith("api_key.")]


async def entries(core: Core, tenant: str = "default") -> list[Any]:
    """The audit log of a tenant, oldest first, but for what happened to keys."""
    async with core.database.read() as tx:
        found = await page(tx, core.chain, tenant, Filter(), core.cursors, limit=1000, order="oldest")
    return [entry for entry in found.items if not entry.action.startswith("api_key.")]
