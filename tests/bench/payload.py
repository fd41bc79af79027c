"""Webhooks that a MailGuard could have sent: some 1.07 KB each, every one different, signed ahead of time."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DOMAINS", "MARK", "SECRET", "Target", "audit_entry", "body", "number_of", "request"]

SECRET = b"bench-secret"
DOMAINS = 500
"""Recipients' domains: `customer0.example` to `customer499.example`."""
MARK = re.compile(rb"bench-(\d{9})")
"""Stands in every body, so that whoever sees an event knows which it is."""

_WORD_LIST = """
invoice payment account meeting report order delivery urgent security update password document
review project schedule monthly statement contract offer reminder notice request confirm transfer
shipping ticket support team travel budget proposal survey webinar benefits training holiday release
server
"""
_WORDS = _WORD_LIST.split()
_SYMBOLS = (
    "BAYES_SPAM",
    "RBL_SPAMHAUS",
    "SPF_FAIL",
    "DKIM_INVALID",
    "DMARC_REJECT",
    "URI_SHORT",
    "HTML_ONLY",
)
_TEMPLATE = (
    '{"id":"evt_bench-%(n)09d","event":"quarantine.added","timestamp":"2026-11-%(day)02dT%(hour)02d:'
    '%(minute)02d:%(second)02d.%(milli)03dZ","node_id":"node-%(node)d","data":{"node_id":"node-%(node)d",'
    '"queue_id":"%(n)09X","sender":"%(from_)s","recipients":["%(to)s"],"subject":"%(subject)s",'
    '"score":%(score).1f,"symbols":[%(symbols)s],"reason":"spam","size_bytes":%(size)d,'
    '"arrived_at":"2026-11-%(day)02dT%(hour)02d:%(minute)02d:%(second)02dZ","client_ip":"192.0.2.%(ip)d",'
    '"message_id":"<%(id)016x@%(host)s>","headers":{"return_path":"<bounce+%(n)d@%(host)s>",'
    '"received":"from %(host)s (unknown [192.0.2.%(ip)d]) by mx%(node)d.filter.example (Postfix) with ESMTPS '
    'id %(n)09X for <%(to)s>; Sun, %(day)02d Nov 2026 %(hour)02d:%(minute)02d:%(second)02d +0000 (UTC)"},'
    '"note":"%(note)s"}}'
)


def _mix(n: int) -> int:
    """A number that looks random and is the same for the same `n` (SplitMix64's finaliser)."""
    n = (n + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    n = ((n ^ (n >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    n = ((n ^ (n >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return n ^ (n >> 31)


def _words(seed: int, count: int) -> str:
    return " ".join(_WORDS[(seed >> (5 * at)) % len(_WORDS)] for at in range(count))


def _fields(n: int) -> Mapping[str, object]:
    mixed = _mix(n)
    host = f"{_WORDS[mixed % len(_WORDS)]}-{mixed >> 8 & 127}.example"
    return {
        "n": n,
        "id": mixed,
        "day": 1 + (mixed >> 3) % 20,
        "hour": (mixed >> 7) % 24,
        "minute": (mixed >> 12) % 60,
        "second": (mixed >> 18) % 60,
        "milli": n % 1000,
        "node": 1 + mixed % 4,
        "host": host,
        "from_": f"{_WORDS[(mixed >> 16) % len(_WORDS)]}@{host}",
        "to": f"user{mixed >> 24 & 255}@customer{(mixed >> 32) % DOMAINS}.example",
        "subject": _words(mixed, 6),
        "score": 5 + (mixed >> 40 & 127) / 10,
        "symbols": ",".join(f'"{_SYMBOLS[(mixed >> at) % len(_SYMBOLS)]}"' for at in (2, 9, 17)),
        "size": 2_000 + (mixed >> 20 & 0xFFFF),
        "ip": 1 + (mixed >> 48) % 254,
        "note": f"{_words(mixed >> 2, 12)}; {_words(mixed >> 1, 12)}; {_words(_mix(n + 1), 6)}",
    }


def body(n: int) -> bytes:
    """The `n`-th webhook's body."""
    return (_TEMPLATE % _fields(n)).encode()


def audit_entry(n: int) -> dict[str, object]:
    """The `n`-th entry of an audit log, oldest first, a tenth of a second apart."""
    mixed = _mix(n)
    seconds = n // 10
    clock = f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return {
        "id": f"node-1:bench-{n:09d}",
        "node_id": "node-1",
        "timestamp": f"2026-11-{1 + seconds // 86400:02d}T{clock}.{n % 10}00Z",
        "actor": {"type": "user", "name": f"admin{mixed & 15}", "key_prefix": None, "ip": "198.51.100.7"},
        "action": ("quarantine.release", "settings.update", "auth.login", "listing.create")[mixed & 3],
        "resource": f"quarantine/node-1/{n:09X}",
        "resource_type": "quarantine",
        "result": "success",
        "details": {
            "recipient": f"user{mixed & 255}@customer{(mixed >> 8) % DOMAINS}.example",
            "subject": _words(mixed, 8),
        },
        "integrity": "ok",
    }


def number_of(data: bytes) -> int | None:
    """Which event this is, `None` for one that is none of ours."""
    found = MARK.search(data)
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes and how it is signed."""

    port: int
    path: str = "/in/mg"
    header: str = "X-MailGuard-Signature"
    status: int = 202
    """What acknowledges it."""


def request(n: int, target: Target) -> bytes:
    """The whole HTTP request, ready to be written."""
    content = body(n)
    signature = hmac.digest(SECRET, content, hashlib.sha256).hex()
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nContent-Type: application/json\r\n"
        f"{target.header}: sha256={signature}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
