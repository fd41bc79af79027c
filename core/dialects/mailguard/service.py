"""What the handlers of the dialect work with."""

from dataclasses import dataclass

from aiohttp import web

from core.service.core import Core
from core.store.clock import DAY_MS, Clock
from core.store.database import Database

__all__ = ["SERVICE", "Service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One node's view: the service, its store, its clock, its name. `cursor_key` signs cursors."""

    core: Core
    database: Database
    clock: Clock
    node_id: str
    cursor_key: bytes
    cursor_ttl_ms: int = DAY_MS


SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
