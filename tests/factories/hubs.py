"""A hub inside the test's own process, over a server that is there already.

A client here has a time limit: a hub that hangs fails its test, it does not stop it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from hub.app.hub import Hub
from hub.config.load import load_text
from hub.config.model import Settings
from hub.registry import Registry
from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import signed

__all__ = ["BOTH", "REGISTRY", "come_true", "post", "settings", "written"]

REGISTRY = Registry()
BOTH = frozenset({"serve", "work"})
SECRET = "fuzz-secret-of-the-vendor"


def settings(
    folder: Path, redis_url: str, *, secret: str = SECRET, more: str = "", **sections: str
) -> Settings:
    """One source `hook`, one connector `all`; `sources=` and `connectors=` are further lines of YAML."""
    return load_text(
        f"""
listen: "127.0.0.1:0"
data: "{folder / "data"}"
redis_url: "{redis_url}"
accept_weaker: true
tenant: acme
{more}
sources:
  hook: {{vendor: mailguard, secrets: [{secret}], signature: hmac-hex}}
{sections.get("sources", "")}
connectors:
{sections.get("connectors", f'  all: {{kind: file, path: "{folder / "all.ndjson"}"}}')}
""",
        registry=REGISTRY,
    )


async def post(hub: Hub, n: int, source: str = "hook") -> tuple[int, dict[str, Any]]:
    """Event number `n` to a source, signed as it should be."""
    body = good(n)
    headers = {name: value.decode() for name, value in signed("hex", body)}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
        session.post(f"{hub.url}/in/{source}", data=body, headers=headers) as answer,
    ):
        return answer.status, orjson.loads(await answer.read())


def written(path: Path) -> Counter[str]:
    """How often each event of a vendor stands in a file connector's file; not the hub's own about itself."""
    raw = path.read_bytes().splitlines() if path.exists() else []
    found = [orjson.loads(line)["metadata"] for line in raw]
    return Counter(one["uid"] for one in found if one["log_provider"] != "mxhub")


async def come_true(condition: Callable[[], bool | Awaitable[bool]], within_s: float = 45.0) -> None:
    """Wait until it holds; fails when it does not."""
    ends = time.monotonic() + within_s
    while True:
        held = condition()
        if isinstance(held, bool) and held:
            return
        if not isinstance(held, bool) and await held:
            return
        assert time.monotonic() < ends, f"it did not come true within {within_s:g} s"
        await asyncio.sleep(0.02)
