"""A service with everything around it: mailboxes at a strict MXroute, zones at a strict Cloudflare, and a
real name server that shows what the zones hold.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.api.app import create_app
from core.dns.resolver import NameServers
from core.dns.zonetext import unquoted
from core.store.database import Database
from hub.sdk.testing import StrictServer
from hub.store.client import Client
from tests.factories.cloudflare import TOKEN, PlayedCloudflare
from tests.factories.core_api import Api, Said, make_core, serve
from tests.factories.dns import DnsServer, dkim_record
from tests.factories.hosting import LOOPBACK, add_domain
from tests.factories.mxroute import KEY, SERVER, USER, Hosted, PlayedMxRoute

__all__ = ["DKIM", "World", "managed"]

DKIM = dkim_record()


@dataclass(slots=True)
class World:
    """`publish` makes the DNS show what the zones hold."""

    api: Api
    cloudflare: PlayedCloudflare
    mxroute: PlayedMxRoute
    dns: DnsServer

    def publish(self) -> None:
        address = {"A": ["192.0.2.1"]}
        shown: dict[str, Any] = {"mxroute.com": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]}}
        shown |= {SERVER: address, f"relay.{SERVER}": address}
        for records in self.cloudflare.zones.values():
            for each in records.values():
                content = unquoted(each["content"]) if each["type"] == "TXT" else each["content"]
                text = f"{each['priority']} {content}" if each["type"] == "MX" else content
                shown.setdefault(each["name"], {}).setdefault(each["type"], []).append(text)
        self.dns.zone = shown

    def holds(self, kind: str, name: str) -> list[str]:
        found = self.cloudflare.contents(kind, name)
        return [unquoted(each) for each in found] if kind == "TXT" else found

    async def call(self, method: str, path: str, json: Any = None, **more: Any) -> Said:
        return await self.api.call(method, path, json, **more)


@asynccontextmanager
async def managed(database: Database, buckets: Client, data: Path) -> AsyncIterator[World]:
    """With the domain example.com everywhere, none of its records written yet."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        at_mxroute, at_cloudflare = await enter(StrictServer()), await enter(StrictServer())
        mxroute = PlayedMxRoute(at_mxroute, domains={"example.com": Hosted(dkim=DKIM)})
        cloudflare = PlayedCloudflare(at_cloudflare)
        cloudflare.zones["example.com"] = {}
        core = await make_core(
            database,
            buckets,
            data,
            stack,
            mxroute={"server": SERVER, "username": USER, "api_key": KEY, "api": at_mxroute.url},
            cloudflare={"token": TOKEN, "api": cloudflare.url},
            allow_networks=LOOPBACK,
        )
        zone = await enter(DnsServer())
        core = replace(core, resolver=NameServers([zone.address], timeout_s=20, lifetime_s=40))
        await add_domain(core)
        world = World(await enter(serve(core, create_app(core))), cloudflare, mxroute, zone)
        world.publish()
        yield world
