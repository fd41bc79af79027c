"""What the service runs on: nodes, certificates, and what it has learnt of senders' addresses.

Nodes and certificates are the operator's: another tenant has none.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.detectors.reputation import decayed
from core.engine.reputation import Standing
from core.service.by import By
from core.service.core import Core
from core.store import standings
from core.store.tables import certificates as certificate_table
from core.store.tables import cluster_nodes
from core.store.tenancy import OPERATOR
from hub.web.errors import NotFound

__all__ = ["READ", "Certificate", "Known", "Node", "certificates", "nodes", "reputation"]

READ: Final = "cluster:read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A process of the service. `present` is what the cluster believes."""

    id: str
    address: str
    present: bool
    started_ms: int | None
    heartbeat_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """`source` is a file, or an address; `warned`: its end was announced."""

    serial: str
    subject: str
    issuer: str
    source: str
    sha256: str
    not_before_ms: int | None
    not_after_ms: int
    warned: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an address, and since when nothing was heard of it."""

    standing: Standing
    updated_ms: int


async def nodes(tx: AsyncConnection, by: By) -> list[Node]:
    """By name."""
    if by.tenant != OPERATOR:
        return []
    table = cluster_nodes.c
    asked = select(*(table[name] for name in Node.__dataclass_fields__)).order_by(table.id)
    return [Node(**row) for row in (await tx.execute(asked)).mappings()]


async def certificates(tx: AsyncConnection, by: By) -> list[Certificate]:
    """Those that end first come first."""
    table = certificate_table.c
    asked = select(*(table[name] for name in Certificate.__dataclass_fields__))
    mine = asked.where(table.tenant == by.tenant).order_by(table.not_after_ms, table.serial)
    return [Certificate(**row) for row in (await tx.execute(mine)).mappings()]


async def reputation(core: Core, tx: AsyncConnection, by: By, address: str) -> Known:
    """What the tenant's mail has taught of an address, faded with time since.

    Raises `NotFound` for an address that is unknown, and for what is none.
    """
    found = await standings.known(tx, _plain(address), tenant=by.tenant)
    if found is None:
        raise NotFound(f"Nothing is known of the address {address[:80]}.")
    standing, updated_ms = found
    return Known(decayed(standing, core.clock() - updated_ms), updated_ms)


def _plain(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError as error:
        raise NotFound(f"{address[:80]} is no IP address.") from error
