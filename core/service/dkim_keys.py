"""DKIM keys: which are in use since when. `core.detectors.dkim_keys` tells when one must be rotated."""

from dataclasses import asdict
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.detectors.dkim_keys import LIFETIME_MS
from core.dns.dkim import parse_dkim
from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store import dkim_keys
from core.store.dkim_keys import DkimKey
from hub.web.errors import Conflict, NotFound, ValidationFailed

__all__ = ["READ", "WRITE", "DkimKey", "add", "listing", "retire", "rotate_by_ms"]

READ: Final = "cluster:read"
WRITE: Final = "dns:write"


def rotate_by_ms(key: DkimKey) -> int:
    """When it is too old."""
    return key.created_ms + LIFETIME_MS


async def listing(tx: AsyncConnection, by: By) -> list[DkimKey]:
    """Those in use first, the oldest of them first of all."""
    query = visible.limit(dkim_keys.listing(by.tenant), by, READ, dkim_keys.DOMAIN)
    return [dkim_keys.of(row) for row in (await tx.execute(query)).mappings()]


async def add(
    core: Core,
    tx: AsyncConnection,
    by: By,
    *,
    domain: str,
    selector: str,
    public_key: str = "",
    created_ms: int | None = None,
    rotate: bool = False,
) -> DkimKey:
    """Watch a key. With `rotate` it takes the place of those in use, which are retired.

    Args:
        core: the service.
        tx: where it is written.
        by: who asks.
        domain: one of the caller's.
        selector: labels before `._domainkey`.
        public_key: the record (`v=DKIM1; ...; p=...`) or the base64 of its `p=`; nothing where only the age
            is to be watched.
        created_ms: since when it is in use; None = now.
        rotate: retire the others.

    Raises `NotFound`, `Forbidden`, `Conflict` (the selector is taken), `ValidationFailed`.

    """
    name = (await visible.domain(tx, by, WRITE, domain)).name
    now_ms = core.clock()
    if created_ms is not None and created_ms > now_ms:
        raise ValidationFailed.of("created_at", "must not lie ahead")
    if await dkim_keys.find(tx, name, selector) is not None:
        raise Conflict(f"{name} has a key with the selector {selector}: a new key needs a new one.")
    key = DkimKey(
        tenant=by.tenant,
        domain=name,
        selector=selector,
        public_key=_checked(public_key),
        created_ms=now_ms if created_ms is None else created_ms,
    )
    retired = await dkim_keys.retire_all(tx, by.tenant, name, now_ms) if rotate else []
    await dkim_keys.add(tx, key)
    await record(
        core, tx, by, _deed("dkim.rotated" if rotate else "dkim.added", key, details={"retired": retired})
    )
    return key


async def retire(core: Core, tx: AsyncConnection, by: By, domain: str, selector: str) -> DkimKey:
    """The key is used no more; repeating it changes nothing. Raises `NotFound`, `Forbidden`."""
    name = (await visible.domain(tx, by, WRITE, domain)).name
    key = await dkim_keys.find(tx, name, selector)
    if key is None:
        raise NotFound(f"{name} has no DKIM key with the selector {selector[:80]}.")
    if key.retired_ms is None:
        await dkim_keys.retire(tx, key, core.clock())
        await record(core, tx, by, _deed("dkim.retired", key))
    return key


def _checked(public_key: str) -> str:
    text = public_key.strip()
    if not text:
        return ""
    whole = text if text.startswith("v=") else f"v=DKIM1; k=rsa; p={text}"
    found = parse_dkim(whole)
    if not found.is_valid:
        raise ValidationFailed.of("public_key", "is no DKIM key record, nor the base64 of a public key")
    return text


def _deed(action: str, key: DkimKey, *, details: dict[str, Any] | None = None) -> Deed:
    resource = Resource(type="dkim", id=f"{key.domain}/{key.selector}", domain=key.domain)
    said = asdict(key)
    after = {name: said[name] for name in ("domain", "selector", "public_key", "created_ms")}
    return Deed(action=action, resource=resource, after=after, details=details or {})
