"""Messages, stores and receivers for the tests of the core."""

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
from core.dialects.mailguard.webhooks import EVENT_NAMES
from core.engine.message import Envelope, Mail, parse
from core.engine.rules import Context
from core.outward.policy import Policy
from core.sandbox.hook import Hook
from core.sandbox.pace import Pace
from core.sandbox.sandbox import Sandbox
from core.sandbox.service import service_of
from core.sandbox.vendors import VENDORS
from core.store import estate, feed, quarantine
from core.store.clock import Clock, wall_clock
from core.store.database import Database
from core.store.feed import Happening
from core.store.tables import audit_entries, webhook_deliveries
from core.store.tenancy import OPERATOR
from hub.delivery import Backoff
from tests.factories.loopback import listening

NOW_MS = 1_777_620_133_000
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
OWN = frozenset({"acme.example", "nordwind.example"})
SECRET = "a-secret-of-these-tests"
CONTEXT = Context(now=NOW, listed=False, own_domains=OWN)

_HEADERS = {
    "Received": "from mail.partner.example (mail.partner.example [192.0.2.9]) by mx1.acme.example; x",
    "From": "Jonas Berg <jonas@partner.example>",
    "To": "grace@acme.example",
    "Subject": "Lunch on Thursday?",
    "Date": "Fri, 01 May 2026 07:20:00 +0000",
    "Message-ID": "<1@partner.example>",
}


class FakeClock:
    """A clock that moves when told to."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


def envelope(**changes: Any) -> Envelope:
    """A well-behaved client of `partner.example`."""
    plain: dict[str, Any] = {
        "client_ip": "192.0.2.9",
        "helo": "mail.partner.example",
        "rdns": "mail.partner.example",
        "mail_from": "jonas@partner.example",
        "rcpt_to": ("grace@acme.example",),
    }
    return Envelope(**{**plain, **changes})


def raw_mail(body: str = "See you at noon.\r\n", **changes: str | None) -> bytes:
    """A plain message; `Reply_To="x"` adds or changes a header, `None` leaves one out."""
    headers: dict[str, str | None] = {**_HEADERS}
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}\r\n" for name, value in headers.items() if value is not None]
    return ("".join(lines) + "\r\n" + body).encode()


def html_mail(html: str, **changes: str | None) -> bytes:
    """A message whose only body is HTML."""
    return raw_mail(html, Content_Type="text/html; charset=utf-8", **changes)


def mail(raw: bytes | None = None, **changes: Any) -> Mail:
    """A parsed message; `changes` are of the envelope."""
    return parse(raw_mail() if raw is None else raw, envelope(**changes))


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction on a store with one present node."""
    async with Database(url) as database, database.begin() as tx:
        await estate.beat(tx, "node-1", "10.0.0.1", NOW_MS)
        await estate.set_present(tx, "node-1", present=True)
        yield tx


def chain_at(at_ms: int, node: str = "node-1", key: bytes = b"of these tests, and of no other 1") -> Chain:
    """An audit log's chain for what happens at one moment."""
    return Chain(key, node_id=node, clock=FakeClock(at_ms))


async def note(
    tx: AsyncConnection,
    at_ms: int,
    *,
    chain: Chain | None = None,
    node: str = "node-1",
    action: str = "auth.login",
    name: str = "admin",
    resource: str = "",
) -> str:
    """Write an entry into an audit log, a sandbox's with its chain, and return its id, `node-1:4`."""
    kind, _, place = (resource or f"user/{name}").partition("/")
    chain = (chain or chain_at(at_ms)).at(FakeClock(at_ms), node_id=node)
    change = Change(actor=Actor(type="user", id=name), action=action, resource=Resource(type=kind, id=place))
    return (await chain.append(tx, OPERATOR, change)).id


async def recorded(tx: AsyncConnection) -> list[str]:
    """The actions on record, in the order of the chain."""
    found = await tx.execute(select(audit_entries.c.action).order_by(audit_entries.c.seq))
    return list(found.scalars())


def held(number: int = 1, **changes: Any) -> quarantine.Held:
    """A held message with a queue id of its own."""
    plain: dict[str, Any] = {
        "id": f"qua_{number:020}",
        "tenant": OPERATOR,
        "node_id": "node-1",
        "queue_id": f"{number:08X}",
        "domain": "acme.example",
        "sender": "offer@deal.top",
        "recipients": ("grace@acme.example",),
        "subject": "Casino bonus",
        "message_id": f"<{number}@deal.top>",
        "client_ip": "203.0.113.7",
        "score": 9.5,
        "symbols": ("FISHY_TLD", "MONEY_PHRASES"),
        "reason": "spam",
        "size_bytes": 512,
        "arrived_ms": NOW_MS + number * 1000,
    }
    found = quarantine.Held(**{**plain, **changes})
    return found if "state_ms" in changes else replace(found, state_ms=found.arrived_ms)


@dataclass(slots=True)
class Receiver:
    """A strict webhook endpoint: it takes only what is signed, and remembers every request."""

    url: str = ""
    answers: list[web.Response | None] = field(default_factory=list)
    """What to answer to the next requests; `None` and an empty list mean 202."""
    bodies: list[bytes] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    forged: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        wanted = "sha256=" + hmac.new(SECRET.encode(), raw, sha256).hexdigest()
        if request.headers.get("X-MailGuard-Signature") != wanted:
            self.forged += 1
            return web.Response(status=401)
        self.bodies.append(raw)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            return answer
        self.taken.append(orjson.loads(raw))
        return web.Response(status=202)

    @property
    def names(self) -> set[str]:
        return {event["event"] for event in self.taken}


@asynccontextmanager
async def receiver(port: int = 0) -> AsyncIterator[Receiver]:
    """Listen on loopback."""
    found = Receiver()
    app = web.Application()
    app.router.add_post("/in/mailguard-demo", found.handle)
    async with listening(app, port) as url:
        found.url = f"{url}/in/mailguard-demo"
        yield found


def quick_policy(**changes: Any) -> Policy:
    """Pushes that do not wait for long, one after the other."""
    soon = Backoff(first_s=0.01, most_s=0.05)
    plain: dict[str, Any] = {"idle_s": 0.05, "settle_s": 0.05, "timeout_s": 2.0, "parallel": 1}
    return Policy(**{**plain, "retries": soon, "probes": soon, **changes})


async def emitted(tx: AsyncConnection, after: int = 0) -> list[Happening]:
    """Events with a name behind a number, oldest first."""
    return [event for event in await feed.after(tx, after, 100_000) if event.name]


async def unsent(tx: AsyncConnection) -> list[str]:
    """Ids of the events of a MailGuard that no endpoint took yet, oldest first."""
    taken = select(webhook_deliveries.c.event).where(webhook_deliveries.c.state == "delivered")
    done = set((await tx.execute(taken)).scalars())
    told = [event.id for event in await emitted(tx) if event.name in EVENT_NAMES]
    return [each for each in told if each not in done]


@asynccontextmanager
async def quiet_sandbox(
    path: Path,
    redis: Redis,
    *,
    clock: Clock = wall_clock,
    policy: Policy | None = None,
    hook_url: str = "",
    **changes: Any,
) -> AsyncIterator[Sandbox]:
    """A MailGuard sandbox over a service of its own, in which nothing happens by itself.

    `changes` are options of `Sandbox`; events are pushed to `hook_url`.
    """
    hook = Hook(url=hook_url, secret=SECRET) if hook_url else None
    options = {"mails_per_s": 0.0, "pace": still_pace(), "partners": (), "hook": hook, **changes}
    async with (
        service_of(path, redis, clock=clock, policy=policy or quick_policy()) as core,
        Sandbox(core, VENDORS["mailguard"], path, **options) as sandbox,
        core.outward,
    ):
        yield sandbox


def still_pace(**changes: Any) -> Pace:
    """Nobody acts, nothing becomes due."""
    plain: dict[str, Any] = {
        "tick_s": 1e6,
        "people_s": 1e6,
        "looks_s": 1e6,
        "dkim_due_s": (1e6,),
        "certificate_due_s": (1e6,),
        "licence_due_s": 1e6,
        "licence_interval_s": 1e6,
    }
    return Pace(**{**plain, **changes})


Waiter = Callable[[], bool]
