"""Licence, domains, health, and the OpenAPI description."""

from importlib.resources import files
from typing import Any

from aiohttp import web

from core.dialects.mailguard.access import PRINCIPAL
from core.dialects.mailguard.envelope import Refused, answer
from core.dialects.mailguard.service import SERVICE
from core.store import domains, estate
from core.store.clock import iso_seconds

__all__ = ["domain_listing", "health", "licence", "openapi"]


async def health(request: web.Request) -> web.Response:
    """Whether the node serves; needs no key."""
    service = request.app[SERVICE]
    async with service.database.read() as tx:
        nodes = await estate.nodes(tx)
    return answer(
        {
            "status": "ok",
            "node_id": service.node_id,
            "nodes": [{"node_id": node.id, "reachable": node.present} for node in nodes],
        }
    )


async def licence(request: web.Request) -> web.Response:
    """The licence in force."""
    async with request.app[SERVICE].database.read() as tx:
        found = await estate.licence(tx)
    if found is None:
        raise Refused(404, "no licence is installed")
    return answer(
        {
            "tier": found.tier,
            "max_domains": found.max_domains,
            "valid_until": iso_seconds(found.valid_until_ms),
            "refreshed_at": iso_seconds(found.refreshed_ms),
        }
    )


async def domain_listing(request: web.Request) -> web.Response:
    """Filtered domains; a key for one domain sees that one."""
    async with request.app[SERVICE].database.read() as tx:
        found = await domains.every(tx, request[PRINCIPAL].key.domain)
    return answer([_as_dict(domain) for domain in found])


async def openapi(_: web.Request) -> web.Response:
    """The contract of these endpoints, versioned with the release."""
    text = files("core.dialects.mailguard").joinpath("openapi.yaml").read_text(encoding="utf-8")
    return web.Response(text=text, content_type="application/yaml", charset="utf-8")


def _as_dict(domain: domains.Domain) -> dict[str, Any]:
    return {
        "id": domain.number,
        "name": domain.name,
        "direction": domain.direction,
        "active": domain.active,
        "backend_servers": list(domain.backend_servers),
        "quarantine_threshold": domain.thresholds.quarantine,
        "reject_threshold": domain.thresholds.reject,
        "dkim_active": domain.dkim_active,
        "dmarc_reporting": domain.dmarc_reporting,
        "tenant_id": domain.tenant_number,
        "created_at": iso_seconds(domain.created_ms),
        "updated_at": iso_seconds(domain.updated_ms),
    }
