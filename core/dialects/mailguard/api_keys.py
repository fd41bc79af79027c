"""`/auth/api-keys`: list, create (the key is in this one answer only), revoke, delete."""

from typing import Annotated, Any

import msgspec
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from core.dialects.mailguard import params
from core.dialects.mailguard.access import PRINCIPAL
from core.dialects.mailguard.envelope import Refused, answer
from core.dialects.mailguard.service import SERVICE, Service
from core.store import audit, domains, keys
from core.store.clock import from_iso, iso_seconds

__all__ = ["create", "delete", "listing", "revoke"]

MAX_KEYS = 1000


class NewKey(msgspec.Struct, frozen=True):
    """The body of a create request; `domain` belongs to the scope `domain-admin`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
    scope: keys.Scope
    rate_limit_per_minute: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 100
    domain: str | None = None
    expires_at: str | None = None


async def listing(request: web.Request) -> web.Response:
    """All keys, by id, without their text."""
    async with request.app[SERVICE].database.read() as tx:
        found = await keys.every(tx)
    return answer([_as_dict(key) for key in found])


async def create(request: web.Request) -> web.Response:
    """Make a key."""
    wanted = await params.json_body(request, NewKey)
    service, principal = request.app[SERVICE], request[PRINCIPAL]
    expires_ms = _expiry(wanted)
    async with service.database.begin() as tx:
        await _check(tx, wanted)
        key, text = await keys.create(
            tx,
            name=wanted.name,
            scope=wanted.scope,
            domain=wanted.domain,
            rate_limit_per_minute=wanted.rate_limit_per_minute,
            expires_ms=expires_ms,
            now_ms=service.clock(),
        )
        await _note(tx, service, principal.actor, "api_key.create", key)
    return answer({**_as_dict(key), "key": text}, message="Created", status=201)


async def revoke(request: web.Request) -> web.Response:
    """Refuse the key from now on; it stays in the list."""
    return await _end(request, "api_key.revoke", "Revoked")


async def delete(request: web.Request) -> web.Response:
    """Forget the key."""
    return await _end(request, "api_key.delete", "Deleted")


async def _end(request: web.Request, action: str, message: str) -> web.Response:
    service, principal = request.app[SERVICE], request[PRINCIPAL]
    key_id = int(request.match_info["key_id"])
    async with service.database.begin() as tx:
        key = await _end_one(tx, service, principal.actor, action, key_id)
    return answer(None if key is None else _as_dict(key), message=message)


async def _end_one(
    tx: AsyncConnection, service: Service, actor: audit.Actor, action: str, key_id: int
) -> keys.ApiKey | None:
    key = await keys.find(tx, key_id)
    if key is None:
        raise Refused(404, f"there is no API key {key_id}")
    if action == "api_key.delete":
        await keys.remove(tx, key_id)
    else:
        await keys.revoke(tx, key_id, service.clock())
    await _note(tx, service, actor, action, key)
    return await keys.find(tx, key_id)


async def _check(tx: AsyncConnection, wanted: NewKey) -> None:
    if (wanted.scope == "domain-admin") != (wanted.domain is not None):
        raise Refused(400, "domain is required for the scope domain-admin, and for no other")
    if wanted.domain is not None and not await domains.every(tx, wanted.domain):
        raise Refused(400, "domain is not filtered here")
    if len(await keys.every(tx)) >= MAX_KEYS:
        raise Refused(409, f"there are {MAX_KEYS} API keys already: delete some")


def _expiry(wanted: NewKey) -> int | None:
    if wanted.expires_at is None:
        return None
    try:
        return from_iso(wanted.expires_at)
    except ValueError as error:
        raise Refused(400, "expires_at must be an ISO 8601 time") from error


async def _note(
    tx: AsyncConnection, service: Service, actor: audit.Actor, action: str, key: keys.ApiKey
) -> None:
    note = audit.Note(
        actor=actor,
        action=action,
        resource=f"api_key/{key.id}",
        details={"name": key.name, "key_prefix": key.prefix, "scope": key.scope},
    )
    await audit.append(tx, service.node_id, service.clock(), note)


def _as_dict(key: keys.ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "key_prefix": key.prefix,
        "scope": key.scope,
        "domain": key.domain,
        "rate_limit_per_minute": key.rate_limit_per_minute,
        "last_used_at": _iso(key.last_used_ms),
        "expires_at": _iso(key.expires_ms),
        "revoked_at": _iso(key.revoked_ms),
        "created_at": _iso(key.created_ms),
    }


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso_seconds(at_ms)
