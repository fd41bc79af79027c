"""The core is killed in mid-work, again and again: what it accepted is there once it runs again.

A producer knows every 2xx it saw, a real SMTP server every message that it took, and files and rows are
compared in the end. The moments of the kills are drawn from a seed: as a server has taken a message and has
not answered yet, just after its answer, and any time.
"""

import asyncio
import hashlib
import json
import random
import re
import time
from collections import Counter, defaultdict

import aiohttp
import pytest

from tests.factories.access import bucket_server
from tests.factories.core_process import TOKEN, CoreProcess, core_database, rows
from tests.factories.dns import DnsServer
from tests.factories.seam import HAM, SPAM, body
from tests.factories.smtp import SmtpServer

__all__ = ["bucket_server", "core_database"]

ROUNDS = 12
WORKERS = 6
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]


class Oracle:
    """What was handed in, what was answered, what arrived."""

    def __init__(self, rng):
        self.rng = rng
        self.number = 0
        self.bodies = {}
        self.pending = set()
        self.told = {}
        self.held = []
        self.released = set()
        self.copies = Counter()
        self.fates = {}
        self.fired = Counter()

    def new(self):
        """A key with its request: wanted mail to one to three, or spam to one."""
        self.number += 1
        key = f"m{self.number}"
        spam = self.rng.random() < 0.4
        names = 1 if spam else self.rng.randint(1, 3)
        to = [
            f"u{self.number}-{n}{self.rng.choice(['', '', '.refused', '.later'])}@acme.example"
            for n in range(names)
        ]
        raw = (SPAM if spam else HAM) + f"the id is {key}.\r\n".encode()
        self.bodies[key] = body(raw, rcpt_to=to, client_ip="", rdns="")
        self.pending.add(key)
        return key

    async def taken(self, one):
        (key,) = set(re.findall(rb"the id is (m\d+)\.", one.message))
        for recipient in one.recipients:
            self.copies[key.decode(), recipient] += 1

    def answered(self, key, data):
        self.pending.discard(key)
        fates = {one["recipient"]: (one["verdict"], one["fate"]) for one in data["recipients"]}
        assert self.told.setdefault(key, fates) == fates, f"{key} was told two fates"
        self.held += [one["quarantine_id"] for one in data["recipients"] if one["quarantine_id"]]

    def wanted(self):
        """Half of what is held is to be released, and asked for until it is."""
        return [one for one in self.held if ord(one[-1]) % 2 and one not in self.released]

    def look(self, rows):
        """A fate that was seen once is never another one."""
        for message, recipient, fate in rows:
            if fate != "relaying":
                assert self.fates.setdefault((message, recipient), fate) == fate


class Run:
    """One store through many lives of its process."""

    def __init__(self, folder, redis, database, seed):
        self.rng = random.Random(seed)
        self.oracle = Oracle(self.rng)
        self.data = folder / "core"
        self.database = database
        self.redis = redis

    async def play(self):
        async with DnsServer() as dns, SmtpServer(taken=self.taken) as self.smtp:
            self.dns = dns
            self.killer = None
            async with self.process() as core:
                await self.ask(core, "POST", "/domains", self.domain())
            for _ in range(ROUNDS):
                await self.round()
            await self.calm()

    def process(self):
        return CoreProcess(self.data, self.redis, self.dns.address, self.database)

    def domain(self):
        server = {"host": "127.0.0.1", "port": self.smtp.port}
        return {"name": "acme.example", "downstream_addresses": [server]}

    async def taken(self, one):
        await self.oracle.taken(one)
        if self.killer is not None:
            await self.killer(b"X-Hub-Released-By" in one.message)

    async def round(self):
        """Load until the kill, and what is left behind looked at before the next start."""
        async with self.process() as core:
            how = self.rng.choice(["taken", "answered", "any time", "release taken", "release taken"])
            self.smtp.rcpt = Troubled(self.rng)
            after, self.killer = self.rng.randint(1, 3 if "release" in how else 12), None
            if how != "any time":
                self.killer = self.at_message(core, after, how)
            workers = [asyncio.create_task(self.work(core)) for _ in range(WORKERS)]
            if how == "any time":
                await asyncio.sleep(self.rng.uniform(0.05, 1.0))
                core.kill()
            await asyncio.gather(*workers)
            self.oracle.fired[how] += 1
            self.killer = None
        self.oracle.look(await self.rows("SELECT message, recipient, fate FROM verdicts"))

    def at_message(self, core, after, how):
        left = [after]

        async def kill(is_release):
            left[0] -= is_release or "release" not in how
            if left[0] == 0:
                if "taken" in how:
                    core.kill()
                else:
                    asyncio.get_running_loop().call_later(self.rng.uniform(0, 0.01), core.kill)

        return kill

    async def work(self, core):
        until = time.monotonic() + 8
        async with aiohttp.ClientSession() as session:
            while core.is_alive and time.monotonic() < until:
                try:
                    await self.step(session, core)
                except (aiohttp.ClientError, OSError, TimeoutError):
                    await asyncio.sleep(0.01)

    async def step(self, session, core):
        draw = self.rng.random()
        if draw < 0.4 and (wanted := self.oracle.wanted()):
            await self.release(session, core, self.rng.choice(wanted))
        elif draw < 0.6 and self.oracle.pending:
            await self.hand_in(session, core, self.rng.choice(sorted(self.oracle.pending)))
        else:
            await self.hand_in(session, core, self.oracle.new())

    async def hand_in(self, session, core, key):
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": key}
        url, json = f"{core.url}/api/v1/messages", self.oracle.bodies[key]
        async with session.post(url, json=json, headers=headers) as answer:
            said = await answer.json()
        assert answer.status in (200, 503), said
        if answer.status == 200:
            self.oracle.answered(key, said["data"])
        return answer.status

    async def release(self, session, core, item_id):
        url = f"{core.url}/api/v1/quarantine/{item_id}/release"
        async with session.post(url, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            said = await answer.json()
        assert answer.status in (200, 409, 502, 503), said
        if answer.status == 200:
            self.oracle.released.add(item_id)

    async def ask(self, core, method, path, json):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{core.url}/api/v1{path}"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, json=json) as answer,
        ):
            assert answer.status < 300, await answer.text()

    async def calm(self):
        """Whoever was not answered comes again, until everybody was; then nothing is under way any more."""
        self.smtp.rcpt = Troubled(self.rng, later=False)
        async with self.process() as core, asyncio.timeout(120), aiohttp.ClientSession() as session:
            while self.oracle.pending or await self.under_way():
                for key in sorted(self.oracle.pending):
                    await self.hand_in(session, core, key)
                await asyncio.sleep(0.1)
        async with self.process():
            pass

    async def under_way(self):
        return await self.rows(
            "SELECT id FROM messages WHERE state = 'relaying' UNION "
            "SELECT id FROM quarantine_items WHERE state = 'releasing'"
        )

    async def rows(self, query):
        return await rows(self.data, self.database, query)

    def files(self):
        found = defaultdict(set)
        for kind in ("spool", "quarantine"):
            root = self.data / kind
            found[kind] = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
        return found


class Troubled(dict):
    """Answers to recipients: some are never taken, some not yet."""

    def __init__(self, rng, *, later=True):
        self.rng, self.later = rng, later

    def get(self, address, default):
        if ".refused@" in address:
            return "550 5.1.1 no such user"
        if ".later@" in address and self.later and self.rng.random() < 0.5:
            return "450 4.2.1 come again"
        return default


def first_of(column):
    """Of a column of JSON: text for some drivers."""
    return (json.loads(column) if isinstance(column, str) else column)[0]


@pytest.mark.parametrize(
    ("seed", "core_database"),
    [(2, "sqlite"), pytest.param(1, "postgresql", marks=pytest.mark.server("postgresql-15"))],
    indirect=["core_database"],
)
async def test_nothing_accepted_is_lost_and_no_fate_changes_however_often_it_is_killed(
    tmp_path, bucket_server, core_database, seed
):
    run = Run(tmp_path, bucket_server.url, core_database, seed)
    await run.play()
    oracle = run.oracle
    told = {
        (key, recipient): fate for key, fates in oracle.told.items() for recipient, (_, fate) in fates.items()
    }
    run.oracle.look(await run.rows("SELECT message, recipient, fate FROM verdicts"))
    stored = dict(
        await run.rows("SELECT recipient, fate FROM verdicts")  # recipients name their message
    )
    items = {
        first_of(recipients): (item_id, state, file, sha256)
        for item_id, state, file, sha256, recipients in await run.rows(
            "SELECT id, state, file, sha256, recipients FROM quarantine_items"
        )
    }
    ended = {recipient: state for recipient, (_, state, _, _) in items.items()}

    assert len(oracle.bodies) == len(oracle.told) > 40
    assert {recipient: fate for (_, recipient), fate in told.items()} == stored
    assert set(stored.values()) <= {"relayed", "quarantined", "failed", "rejected"}
    for (key, recipient), fate in told.items():
        copies = oracle.copies[key, recipient]
        if fate == "relayed" or ended.get(recipient) == "released":
            assert copies >= 1, f"{key} to {recipient} was lost"
        else:
            assert copies == 0, f"{key} to {recipient} is {fate} and was delivered"
    assert set(oracle.copies) <= set(told)

    by_id = {item_id: state for item_id, state, _, _ in items.values()}
    assert all(by_id[item_id] == "released" for item_id in oracle.released)
    assert set(ended.values()) <= {"held", "released", "release_failed"}
    lying = {file: sha256 for _, state, file, sha256 in items.values() if state != "released"}
    assert run.files() == {"spool": set(), "quarantine": set(lying)}
    for file, sha256 in lying.items():
        assert hashlib.sha256((run.data / "quarantine" / file).read_bytes()).hexdigest() == sha256

    duplicates = sum(copies - 1 for copies in oracle.copies.values() if copies > 1)
    ((counted,),) = await run.rows(
        "SELECT coalesce(sum(messages), 0) FROM stat_counters WHERE metric = 'possible_duplicates'"
    )
    assert duplicates <= counted
    events = Counter(name for (name,) in await run.rows("SELECT name FROM outbox_events"))
    assert events["verdict.created"] == len(stored)
    assert events["quarantine.added"] == len(items)
    assert events["quarantine.released"] == Counter(ended.values())["released"]
    assert sum(oracle.fired.values()) == ROUNDS
    assert oracle.fired["release taken"] > 0
    print(
        f"seed {seed}: {len(oracle.told)} messages, {len(stored)} recipients, {len(items)} held, "
        f"{len(oracle.released)} released, kills {dict(oracle.fired)}, "
        f"{duplicates} duplicates ({counted} counted)"
    )
