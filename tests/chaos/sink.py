"""Destinations that misbehave on command and remember every event they took.

Each speaks enough of OpenSearch for the real connector: `_bulk` with `create`, the template and alias calls
around it.
"""

import asyncio
import hashlib
import random
from collections import Counter

import orjson
from aiohttp import web

__all__ = ["Sink"]


class Sink:
    """One destination on a loopback port."""

    def __init__(self, name, rng) -> None:
        self.name = name
        self._rng = rng
        self.taken = {}
        """uid -> SHA-256 of the vendor's payload (`raw_data`) as first taken."""
        self.own = set()
        """uids of the hub's own health events."""
        self.copies = Counter()
        self.altered = []
        """uids that came again with another body."""
        self.mode = "ok"
        self.poison = set()
        """uids that this destination refuses for ever (400 for that item)."""
        self.refused = set()
        self.fired = Counter()
        self.url = ""
        self.waiting = 0
        """Batches that a slow destination has in hand."""
        self._runner = None

    async def start(self):
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{rest:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self):
        await self._runner.cleanup()

    async def _serve(self, request):
        body = await request.read()
        if request.path.endswith("/_bulk"):
            return await self._bulk(request, body)
        if request.path == "/":
            return web.json_response({"version": {"number": "2.19.6", "distribution": "opensearch"}})
        if request.method == "HEAD":
            return web.Response(status=404)
        if request.method == "GET":
            return web.json_response({}, status=404 if "_index_template" in request.path else 200)
        return web.json_response({"acknowledged": True})

    async def _bulk(self, request, body):
        mode = self.mode
        if mode != "ok":
            self.fired[mode] += 1
        if mode == "hang":
            await asyncio.sleep(3600)
        if mode == "slow":
            self.waiting += 1
            await asyncio.sleep(0.4)
            self.waiting -= 1
        if mode == "503":
            return web.Response(status=503, text="unavailable")
        if mode == "429":
            return web.Response(status=429, headers={"Retry-After": "1"}, text="slow down")
        if mode == "401":
            return web.Response(status=401, text="revoked")
        lines = body.split(b"\n")
        items = [
            self._item(orjson.loads(lines[at])["create"], lines[at + 1], mode)
            for at in range(0, len(lines) - 1, 2)
        ]
        if mode == "lost-reply":  # it took everything, and nobody hears
            request.transport.abort()
            return web.Response()
        errors = any(item["create"]["status"] > 201 for item in items)
        return web.Response(
            body=orjson.dumps({"took": 1, "errors": errors, "items": items}), content_type="application/json"
        )

    def _item(self, action, source, mode):
        uid = action["_id"]
        answer = {"_index": action.get("_index", "i"), "_id": uid}
        if uid in self.poison:
            self.fired["poison"] += 1
            self.refused.add(uid)
            error = {"type": "mapper_parsing_exception", "reason": "poison"}
            return {"create": answer | {"status": 400, "error": error}}
        if mode == "partial" and self._rng.random() < 0.4:
            error = {"type": "rejected_execution_exception", "reason": "queue full"}
            return {"create": answer | {"status": 429, "error": error}}
        event = orjson.loads(source)
        if event["metadata"]["log_provider"] == "mxhub":
            self.own.add(uid)
        digest = hashlib.sha256(event["raw_data"].encode()).digest()
        self.copies[uid] += 1
        if uid in self.taken:
            if self.taken[uid] != digest:
                self.altered.append(uid)
            error = {"type": "version_conflict_engine_exception", "reason": "exists"}
            return {"create": answer | {"status": 409, "error": error}}
        self.taken[uid] = digest
        return {"create": answer | {"status": 201, "result": "created"}}


def sinks(names, seed):
    """One sink a name, each with its own dice."""
    return {name: Sink(name, random.Random(f"{seed}/{name}")) for name in names}
