"""Zones, contexts and corpora for the tests of the scan engine."""

import asyncio
import base64
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.dns.answers import Answer
from core.engine.message import Envelope, Mail, parse
from core.engine.scan import ScanContext, Verdict, scan
from hub.sdk.offload import Offload
from tests.factories.core import NOW, OWN, envelope, raw_mail

__all__ = ["Zone", "context", "rsa_pair", "scanned", "topic_mail", "workers"]

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
            return Answer(state="failed")
        values = tuple(self.records.get((plain, rtype), ()))
        if values:
            return Answer(state="found", values=values, ttl_s=self.ttl_s)
        known = any(other == plain for other, _ in self.records)
        return Answer(state="empty" if known else "absent", ttl_s=self.ttl_s)


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


@cache
def rsa_pair(bits: int = 2048) -> tuple[bytes, str]:
    """A private key in PEM, and the text of its DKIM record."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


_COMMON = [f"w{number:03d}" for number in range(400)]
_TOPICS = {
    "spam": [f"s{number:03d}" for number in range(120)],
    "ham": [f"h{number:03d}" for number in range(120)],
}


def topic_mail(rng: random.Random, klass: str) -> Mail:
    """A message that no rule minds, of a tenant's own matters: two words in three are anybody's.

    Some words of the other class slip in, as they do in life.
    """
    other = "ham" if klass == "spam" else "spam"
    length = rng.randrange(40, 90)
    words = [
        rng.choice(_TOPICS[klass] if dice < 0.30 else _TOPICS[other] if dice < 0.35 else _COMMON)
        for dice in (rng.random() for _ in range(length))
    ]
    raw = raw_mail(
        " ".join(words) + "\r\n",
        Subject=" ".join(rng.sample(_COMMON, 4)),
        Message_ID=f"<{rng.getrandbits(64):x}@partner.example>",
    )
    return parse(raw, envelope())
