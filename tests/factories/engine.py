"""Zones, contexts and corpora for the tests of the scan engine."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import dnslib
from dnslib.server import DNSServer

from core.engine.dns import Answer
from core.engine.message import Envelope, Mail, parse
from core.engine.scan import ScanContext, Verdict, scan
from hub.sdk.offload import Offload
from tests.factories.core import NOW, OWN, envelope, raw_mail

__all__ = ["Zone", "context", "dns_server", "scanned", "topic_mail", "workers"]

Records = Mapping[tuple[str, str], Sequence[str]]


@dataclass(slots=True)
class Zone:
    """A resolver over `(name, type) -> values`; a name in `broken` fails, one in `dead` never answers.

    `everything` sets one behaviour for all names.
    """

    records: Records = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    everything: str = ""
    ttl_s: float = 60.0
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def lookup(self, name: str, rtype: str, /) -> Answer:
        plain = name.lower().rstrip(".")
        self.asked.append((plain, rtype))
        if self.everything == "dead" or plain in self.dead:
            await asyncio.Event().wait()
        if self.everything == "broken" or plain in self.broken:
            return Answer("failed")
        values = tuple(self.records.get((plain, rtype), ()))
        if values:
            return Answer("found", values, self.ttl_s)
        known = any(other == plain for other, _ in self.records)
        return Answer("empty" if known else "absent", (), self.ttl_s)


@contextmanager
def workers() -> Iterator[Offload]:
    """Two threads that end with the test."""
    pool = Offload("scan-test", most=2)
    try:
        yield pool
    finally:
        pool.close()


def context(pool: Offload, **changes: Any) -> ScanContext:
    """A scan without DNS records, lists or a classifier."""
    plain: dict[str, Any] = {
        "resolver": Zone(),
        "workers": pool,
        "clock": lambda: NOW,
        "hostname": "mx.acme.example",
        "own_domains": OWN,
    }
    return ScanContext(**{**plain, **changes})


async def scanned(raw: bytes | None = None, sent: Envelope | None = None, **changes: Any) -> Verdict:
    """The verdict on a message; `changes` are of the context."""
    with workers() as pool:
        return await scan(
            raw_mail() if raw is None else raw, envelope() if sent is None else sent, context(pool, **changes)
        )


class _Answers:
    """A real name server's answers from a table; what fails is set while it runs."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.mode = "ok"
        self.queries = 0
        self._lock = Lock()

    def resolve(self, request: dnslib.DNSRecord, _handler: object) -> dnslib.DNSRecord:
        with self._lock:
            self.queries += 1
        reply = request.reply()
        if self.mode == "servfail":
            reply.header.rcode = dnslib.RCODE.SERVFAIL
            return reply
        name, rtype = str(request.q.qname).rstrip(".").lower(), dnslib.QTYPE[request.q.qtype]
        values = self.records.get((name, rtype), ())
        if not values and not any(other == name for other, _ in self.records):
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        for value in values:
            reply.add_answer(dnslib.RR(name, request.q.qtype, rdata=_rdata(rtype, value), ttl=60))
        return reply


def _rdata(rtype: str, value: str) -> Any:
    if rtype == "TXT":
        return dnslib.TXT([value[at : at + 200] for at in range(0, len(value), 200)])
    return getattr(dnslib, rtype)(*([10, value] if rtype == "MX" else [value]))


@asynccontextmanager
async def dns_server(records: Records) -> AsyncIterator[tuple[_Answers, int]]:
    """A name server on loopback, over UDP; gives its answers and its port."""
    answers = _Answers(records)
    server = DNSServer(answers, address="127.0.0.1", port=0)
    server.start_thread()
    try:
        yield answers, server.server.server_address[1]
    finally:
        server.stop()
        server.server.server_close()


_COMMON = [f"w{number:03d}" for number in range(400)]
_TOPICS = {
    "spam": [f"s{number:03d}" for number in range(120)],
    "ham": [f"h{number:03d}" for number in range(120)],
}


def topic_mail(rng: random.Random, klass: str) -> Mail:
    """A message that no rule minds, of a tenant's own matters: nine words in ten are anybody's.

    Some words of the other class slip in, as they do in life.
    """
    other = "ham" if klass == "spam" else "spam"
    length = rng.randrange(40, 90)
    words = [
        rng.choice(_TOPICS[klass] if dice < 0.10 else _TOPICS[other] if dice < 0.13 else _COMMON)
        for dice in (rng.random() for _ in range(length))
    ]
    raw = raw_mail(
        " ".join(words) + "\r\n",
        Subject=" ".join(rng.sample(_COMMON, 4)),
        Message_ID=f"<{rng.getrandbits(64):x}@partner.example>",
    )
    return parse(raw, envelope())
