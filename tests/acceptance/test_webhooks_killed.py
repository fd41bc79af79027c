"""The core is killed in the middle of its deliveries, again and again: every event arrives, under one id.

Two real receivers on loopback check each request with the standard's own library and know every copy that
they took; the outbox says what was committed. The moments of the kills are drawn from a seed: as a request is
there and not answered yet, just after its answer, and any time. Order is not promised, and not looked at.
"""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from tests.factories.access import bucket_server
from tests.factories.core_process import TOKEN, CoreProcess, core_database, rows
from tests.factories.dns import DnsServer
from tests.factories.loopback import listening

__all__ = ["bucket_server", "core_database"]

KILLS = ("taken", "answered", "taken", "any time")
"""One life each; a new process waits up to ten seconds for the dead one's lease, so that they are few."""
WORKERS = 4
MADE = 120
"""Domains in a life, at most."""
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


class Receiver:
    """One endpoint: takes what is signed, refuses domains that are too large for it, counts each request."""

    def __init__(self, names, told):
        self.names = names
        self.told = told
        self.id = self.secret = ""
        self.copies = Counter()
        self.bodies = defaultdict(set)
        self.forged = 0

    async def handle(self, request):
        raw = await request.read()
        try:
            said = Webhook(self.secret).verify(raw, dict(request.headers))
        except WebhookVerificationError:
            self.forged += 1
            return web.Response(status=401)
        event = request.headers["webhook-id"]
        self.copies[event] += 1
        self.bodies[event].add(raw)
        await self.told(self, event)
        return web.Response(status=413 if is_large(said["data"]["domain"]) else 204)

    def app(self):
        app = web.Application()
        app.router.add_post("/hook", self.handle)
        return app


def is_large(domain):
    return domain.startswith("large")


class Run:
    """One store through many lives of its process."""

    def __init__(self, folder, redis, database, seed):
        self.rng = random.Random(seed)
        self.data = folder / "core"
        self.database = database
        self.redis = redis
        self.number = 0
        self.made = set()
        self.removed = set()
        self.cut = set()
        self.fired = Counter()
        self.killer = None
        self.receivers = [
            Receiver(("domain.created", "domain.deleted"), self.taken),
            Receiver(("domain.deleted",), self.taken),
        ]

    async def play(self):
        async with AsyncExitStack() as stack:
            self.dns = await stack.enter_async_context(DnsServer())
            urls = [await stack.enter_async_context(listening(one.app())) for one in self.receivers]
            async with self.process() as core, self.session() as session:
                for one, url in zip(self.receivers, urls, strict=True):
                    asked = {"url": f"{url}/hook", "events": one.names}
                    said = await self.ask(session, core, "POST", "/webhooks", asked)
                    one.id, one.secret = said["data"]["id"], said["data"]["secret"]
            for how in KILLS:
                await self.life(how)
            await self.calm()

    def process(self):
        return CoreProcess(self.data, self.redis, self.dns.address, self.database)

    def session(self):
        return aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"})

    async def taken(self, receiver, event):
        if self.killer is not None:
            await self.killer(receiver, event)

    async def life(self, how):
        """Events are made until the kill."""
        async with self.process() as core:
            self.killer = self.at_request(core, self.rng.randint(2, 40), how)
            workers = [asyncio.create_task(self.work(core)) for _ in range(WORKERS)]
            async with asyncio.timeout(60):
                while core.is_alive:
                    await asyncio.sleep(0.01)
            await asyncio.gather(*workers)
            self.killer = None
            self.fired[how] += 1

    def at_request(self, core, after, how):
        left = [after]

        async def kill(receiver, event):
            left[0] -= 1
            if left[0] > 0:
                return
            if how == "taken":
                core.kill()
                self.cut.add((receiver.id, event))
                return
            wait_s = self.rng.uniform(0, 0.01 if how == "answered" else 0.3)
            asyncio.get_running_loop().call_later(wait_s, core.kill)

        return kill

    async def work(self, core):
        async with self.session() as session:
            for _ in range(MADE // WORKERS):
                try:
                    await self.step(session, core)
                except (aiohttp.ClientError, OSError, TimeoutError):
                    return

    async def step(self, session, core):
        if self.made and self.rng.random() < 0.4:
            name = self.made.pop()
            await self.ask(session, core, "DELETE", f"/domains/{name}")
            self.removed.add(name)
        else:
            self.number += 1
            name = f"{self.rng.choice(['large', 'small', 'small'])}{self.number}.example"
            await self.ask(session, core, "POST", "/domains", {"name": name})
            self.made.add(name)

    async def ask(self, session, core, method, path, body=None):
        async with session.request(method, f"{core.url}/api/v1{path}", json=body) as answer:
            said = await answer.json()
        assert answer.status < 300, said
        return said

    async def calm(self):
        """Nothing is made or killed any more: wait until the log tells of everything that was committed."""
        async with self.process() as core, self.session() as session, asyncio.timeout(120):
            while True:
                self.logs = [await self.log(session, core, one) for one in self.receivers]
                owed = [await self.owed(*each) for each in zip(self.receivers, self.logs, strict=True)]
                if not any(owed):
                    break
                await asyncio.sleep(0.2)
            self.shown = [
                (await self.ask(session, core, "GET", f"/webhooks/{one.id}"))["data"]
                for one in self.receivers
            ]

    async def owed(self, receiver, log):
        """Events whose fate the log does not tell yet, or tells without their being in the outbox."""
        told = {event for event, each in log.items() if each["state"] != "failed"}
        return told ^ set(await self.wanted(receiver))

    async def log(self, session, core, receiver):
        """Event -> its delivery, as the API tells it."""
        found, cursor = {}, ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            path = f"/webhooks/{receiver.id}/deliveries?limit=100{more}"
            said = await self.ask(session, core, "GET", path)
            found |= {each["event_id"]: each for each in said["data"]}
            cursor = said["meta"]["pagination"]["next_cursor"]
        return found

    async def wanted(self, receiver):
        """Event -> (name, domain), of what was committed and it asked for."""
        found = await rows(self.data, self.database, "SELECT id, name, data FROM outbox_events")
        return {
            event: (name, decoded(data)["domain"]) for event, name, data in found if name in receiver.names
        }


def decoded(data):
    """A column of JSON: text for some drivers."""
    return json.loads(data) if isinstance(data, str) else data


async def test_every_committed_event_arrives_under_one_id_however_often_the_core_is_killed(
    tmp_path, bucket_server, core_database
):
    run = Run(tmp_path, bucket_server.url, core_database, seed=1)
    began = time.monotonic()
    await run.play()
    everything = await run.wanted(run.receivers[0])
    told = defaultdict(set)
    for name, domain in everything.values():
        told[name].add(domain)

    assert run.made <= told["domain.created"]
    assert run.removed <= told["domain.deleted"]
    assert run.fired == Counter(KILLS)
    for receiver, log, shown in zip(run.receivers, run.logs, run.shown, strict=True):
        wanted = await run.wanted(receiver)
        fates = {
            event: "given_up" if is_large(domain) else "delivered" for event, (_, domain) in wanted.items()
        }

        assert set(receiver.copies) == set(wanted)
        assert receiver.forged == 0
        assert {event: each["state"] for event, each in log.items()} == fates
        assert all(each["attempts"] >= 1 for each in log.values())
        counted = Counter(fates.values())
        assert (shown["delivered"], shown["given_up"]) == (counted["delivered"], counted["given_up"])
        for event, bodies in receiver.bodies.items():
            (said,) = [json.loads(raw) for raw in bodies]
            assert (said["id"], said["event"], said["data"]["domain"]) == (event, *wanted[event])
    copies = {(one.id, event): count for one in run.receivers for event, count in one.copies.items()}
    assert len(run.cut) >= KILLS.count("taken")
    assert all(copies[cut] > 1 for cut in run.cut), "what was not answered was not sent again"
    repeats = sum(count - 1 for count in copies.values())
    print(
        f"{len(everything)} events, {len(copies)} deliveries, {repeats} repeated, "
        f"kills {dict(run.fired)}, {time.monotonic() - began:.0f} s"
    )
