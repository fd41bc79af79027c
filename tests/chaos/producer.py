"""Sends signed webhooks and knows what was acknowledged: only a 2xx makes an event an obligation."""

import asyncio
import hashlib
import hmac
import random
from collections import Counter
from contextlib import suppress

import aiohttp
import orjson

from hub.model.ids import uid_text
from hub.pipeline.normalise import normalise_body
from hub.registry import Registry

__all__ = ["CODES", "DOMAINS", "SECRET", "Producer"]

SECRET = b"chaos-secret"
CODES = ("quarantine.added", "quarantine.released", "quarantine.discarded", "cert.expiring")
DOMAINS = ("example.com", "example.org", "other.test")
_TIMES = ("2026-05-01T07:42:13Z", "1971-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "yesterday", 1e18, -5, None)
"""Event times, honest and hostile."""


class Producer:
    """One vendor."""

    def __init__(self, seed) -> None:
        self._rng = random.Random(f"{seed}/producer")
        self.url = ""
        self.sent = {}
        """SHA-256 of a body -> (code, domain)."""
        self.acked = {}
        """uid -> SHA-256 of its body."""
        self.answers = Counter()
        self.doubled = []
        """Known events that were recorded once more."""
        self.hostile_times = False
        self._bodies = []
        self._n = 0

    def body(self, *, hostile_time=False):
        """The next event's bytes."""
        self._n += 1
        code, domain = self._rng.choice(CODES), self._rng.choice(DOMAINS)
        time = self._rng.choice(_TIMES) if hostile_time else f"2026-11-01T00:00:{self._n % 60:02}Z"
        data = {
            "node_id": "node-1",
            "queue_id": f"{self._n:08X}",
            "sender": "a@b.example",
            "recipients": [f"u@{domain}"],
            "subject": f"n {self._n} " + "x" * self._rng.randrange(0, 400),
            "score": 9.5,
            "symbols": ["A"],
            "reason": "spam",
            "size_bytes": 1,
            "arrived_at": time,
            "domain": domain,
            "not_after": "2026-12-01T00:00:00Z",
            "serial": str(self._n),
        }
        body = orjson.dumps(
            {"id": f"evt_{self._n}", "event": code, "timestamp": time, "node_id": "node-1", "data": data}
        )
        self.sent[hashlib.sha256(body).digest()] = (code, domain)
        return body

    async def run(self, seconds, rate, *, clients=8, enough=None, beside=None):
        """Send for a while, and as long as `beside` runs.

        A refused or unanswered event is sent again a few times, as vendors do.
        """
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            ends = asyncio.get_running_loop().time() + seconds
            pace = clients / rate

            def more():
                busy = beside is not None and not beside.done()
                return busy or asyncio.get_running_loop().time() < ends

            async def client():
                while more() and (enough is None or len(self.acked) < enough):
                    await self._deliver(session, self.body(hostile_time=self.hostile_times), ends)
                    await asyncio.sleep(pace * self._rng.uniform(0.5, 1.0))

            await asyncio.gather(*(client() for _ in range(clients)))

    async def fresh(self, within_s=6.0):
        """One event that must get through now that faults are over; its uid, or `None`."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            ends = asyncio.get_running_loop().time() + within_s
            return await self._deliver(session, self.body(), ends)

    async def again(self, rng, n):
        """Send some of what was acknowledged once more; the answer must be that it is known or recorded
        anew, never lost.
        """
        bodies = rng.sample(sorted(self._bodies), min(n, len(self._bodies)))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            for body in bodies:
                with suppress(aiohttp.ClientError, TimeoutError, OSError):
                    await self._post(session, body, known=True)
        return len(bodies)

    async def poisoned(self, n, tell):
        """Send events whose ids `tell` learns before they are sent."""
        uids = []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            for _ in range(n):
                body = self.body()
                (item,) = normalise_body(Registry().source("mailguard"), "chaos", "mg", body, 0)
                tell(uid_text(item.event.uid))
                ends = asyncio.get_running_loop().time() + 2
                uids.append(await self._deliver(session, body, ends))
        return [uid for uid in uids if uid]

    async def _deliver(self, session, body, ends):
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                if (uid := await self._post(session, body)) is not None:
                    return uid
            if asyncio.get_running_loop().time() >= ends:
                return None
            await asyncio.sleep(0.1)

    async def _post(self, session, body, *, known=False):
        signature = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        headers = {"X-MailGuard-Signature": signature, "Content-Type": "application/json"}
        async with session.post(self.url, data=body, headers=headers) as response:
            self.answers[response.status] += 1
            if response.status != 202:
                return None
            said = orjson.loads(await response.read())
        (uid,) = said["ids"]
        if known and said["accepted"]:
            self.doubled.append(uid)
        self.acked[uid] = hashlib.sha256(body).digest()
        self._bodies.append(body)
        return uid
