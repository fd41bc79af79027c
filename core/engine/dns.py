"""DNS as the engine sees it: an injected resolver whose failures are answers, and a small cache by TTL."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdata import Rdata

__all__ = ["Answer", "Cache", "NameServers", "Resolver", "State"]

State = Literal["found", "empty", "absent", "failed"]

FAILED_TTL_S = 5.0
"""A dead server is asked again after this; until then it costs nobody else a time-out."""
NEGATIVE_TTL_S = 60.0
MAX_TTL_S = 300.0
MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """`values` are texts: TXT joined (RFC 7208 3.3), MX, PTR, CNAME host names without the final dot,
    addresses.

    `empty`: the name exists without such a record; `absent`: no such name; `failed`: nobody can tell now
    (SERVFAIL, REFUSED, time-out), which never counts against a message.
    """

    state: State
    values: tuple[str, ...] = ()
    ttl_s: float = 0.0


class Resolver(Protocol):
    """Looks names up. Never raises for what DNS or a hostile name may do."""

    async def lookup(self, name: str, rtype: str, /) -> Answer: ...


class NameServers:
    """A `Resolver` that asks the given servers, or those of the system when none are given."""

    def __init__(self, addresses: Sequence[str] = (), *, port: int = 53, timeout_s: float = 2.0) -> None:
        self._dns = dns.asyncresolver.Resolver(configure=not addresses)
        if addresses:
            self._dns.nameservers = list(addresses)
            self._dns.port = port
        self._dns.timeout = timeout_s
        self._dns.lifetime = 2 * timeout_s

    async def lookup(self, name: str, rtype: str, /) -> Answer:
        try:
            found = await self._dns.resolve(name, rtype, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return Answer("absent", ttl_s=NEGATIVE_TTL_S)
        except (dns.resolver.NoNameservers, dns.exception.Timeout, OSError):
            return Answer("failed")
        except (dns.exception.DNSException, ValueError):  # no name that DNS could hold
            return Answer("absent", ttl_s=NEGATIVE_TTL_S)
        if found.rrset is None:
            return Answer("empty", ttl_s=NEGATIVE_TTL_S)
        return Answer("found", tuple(_text(one) for one in found.rrset), float(found.rrset.ttl))


def _text(record: Rdata) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    target = getattr(record, "exchange", None) or getattr(record, "target", None)
    return str(target).rstrip(".") if target is not None else record.to_text()


class Cache:
    """A `Resolver` that remembers another's answers for their TTL, at most `MAX_TTL_S`, the newest
    `entries`.
    """

    def __init__(self, inner: Resolver, clock: Callable[[], float], *, entries: int = MAX_ENTRIES) -> None:
        """`clock` gives seconds that only grow, such as `time.monotonic`."""
        self._inner = inner
        self._clock = clock
        self._entries = entries
        self._known: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()

    async def lookup(self, name: str, rtype: str, /) -> Answer:
        key = (name.lower().rstrip("."), rtype)
        known = self._known.get(key)
        if known is not None and known[0] > self._clock():
            self._known.move_to_end(key)
            return known[1]
        answer = await self._inner.lookup(name, rtype)
        self._keep(key, answer)
        return answer

    def _keep(self, key: tuple[str, str], answer: Answer) -> None:
        ttl_s = FAILED_TTL_S if answer.state == "failed" else min(answer.ttl_s, MAX_TTL_S)
        self._known[key] = (self._clock() + ttl_s, answer)
        self._known.move_to_end(key)
        while len(self._known) > self._entries:
            self._known.popitem(last=False)
