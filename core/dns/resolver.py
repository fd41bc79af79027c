"""The resolver: own name servers or the system's, a bound on everything, and a small cache."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.inet
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from dns.rdata import Rdata

from core.dns.answers import Answer, Resolver

__all__ = ["Lookups", "NameServers"]

_ENTRIES = 2_000
_NEGATIVE_TTL_S = 30.0
_MOST_VALUES = 200
"""Records of one answer that are looked at; the 65,535 bytes of a DNS message hold some thousand."""


class NameServers:
    """A `Resolver` over dnspython. Can be made outside a loop.

    Args:
        addresses: name servers, as `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:53`; none = the system's.
        timeout_s: limit on one question to one server.
        lifetime_s: limit on one look-up over all servers, TCP after a truncated answer included.
        at_once: questions under way at the same time; further ones wait.
        cache_s: an answer is kept for its TTL, at most this long. Trouble is never kept.
        clock: seconds that only grow.

    Raises `ValueError` when an address cannot be read.
    """

    def __init__(
        self,
        addresses: Sequence[str] = (),
        *,
        timeout_s: float = 2.0,
        lifetime_s: float = 5.0,
        at_once: int = 20,
        cache_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dns = dns.asyncresolver.Resolver(configure=not addresses)
        if addresses:
            self._dns.nameservers = [_server(each) for each in addresses]
        self._dns.timeout = timeout_s
        self._dns.lifetime = lifetime_s
        self._lifetime_s = lifetime_s
        self._at_once = asyncio.Semaphore(at_once)
        self._cache_s = cache_s
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()

    async def lookup(self, name: str, rtype: str, /) -> Answer:
        """Raises nothing but cancellation."""
        key = (name.lower().rstrip("."), rtype)
        until, known = self._known.get(key, (0.0, None))
        if known is not None and until > self._clock():
            return known
        async with self._at_once:
            answer = await self._ask(*key)
        self._keep(key, answer)
        return answer

    async def _ask(self, name: str, rtype: str) -> Answer:
        try:
            qname = dns.name.from_text(f"{name}.")
        except (dns.exception.DNSException, UnicodeError):
            return Answer(state="absent", reason="no name that the DNS could hold")
        try:
            async with asyncio.timeout(self._lifetime_s + 1):
                found = await self._dns.resolve(qname, rtype, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return Answer(state="absent", ttl_s=_NEGATIVE_TTL_S)
        except (dns.exception.Timeout, TimeoutError):
            return Answer(state="failed", reason="the name servers do not answer in time")
        except dns.resolver.NoNameservers as error:
            return Answer(state="failed", reason=_reason(error))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return Answer(state="failed", reason=f"the answer cannot be used: {type(error).__name__}")
        return _answer(found)

    def _keep(self, key: tuple[str, str], answer: Answer) -> None:
        if answer.is_failed:
            return
        self._known[key] = (self._clock() + min(answer.ttl_s, self._cache_s), answer)
        self._known.move_to_end(key)
        while len(self._known) > _ENTRIES:
            self._known.popitem(last=False)

    def forget(self) -> None:
        """Drop the cache: after a write the next look-up sees what the servers say."""
        self._known.clear()


class Lookups:
    """A `Resolver` for one piece of work: a deadline and a number of questions that it cannot exceed.

    A question is asked once; its answer, or its trouble, holds for the whole piece of work.
    """

    def __init__(
        self,
        inner: Resolver,
        *,
        deadline_s: float = 20.0,
        most: int = 200,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._until = clock() + deadline_s
        self._left = most
        self._known: dict[tuple[str, str], Answer] = {}

    async def lookup(self, name: str, rtype: str, /) -> Answer:
        """Raises nothing but cancellation."""
        key = (name.lower().rstrip("."), rtype)
        if key not in self._known:
            self._known[key] = await self._ask(*key)
        return self._known[key]

    async def _ask(self, name: str, rtype: str) -> Answer:
        left_s = self._until - self._clock()
        if left_s <= 0:
            return Answer(state="failed", reason="the time for this check is used up")
        if self._left <= 0:
            return Answer(state="failed", reason="this check needs more look-ups than it may make")
        self._left -= 1
        try:
            async with asyncio.timeout(left_s):
                return await self._inner.lookup(name, rtype)
        except TimeoutError:
            return Answer(state="failed", reason="the time for this check is used up")


def _server(text: str) -> dns.nameserver.Nameserver:
    host, port = text, "53"
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port if bracket else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not dns.inet.is_address(host) or not port.isdecimal() or not 0 < int(port) <= 65_535:  # noqa: PLR2004
        raise ValueError(f"name server {text!r}: write an address, like 192.0.2.53 or [2001:db8::53]:5353")
    return dns.nameserver.Do53Nameserver(host, int(port))


def _answer(found: dns.resolver.Answer) -> Answer:
    if found.rrset is None:
        return Answer(state="empty", ttl_s=_NEGATIVE_TTL_S)
    records = list(found.rrset)[:_MOST_VALUES]
    if found.rdtype == dns.rdatatype.MX:
        records.sort(key=lambda record: (record.preference, _text(record)))
    priorities = tuple(record.preference for record in records if found.rdtype == dns.rdatatype.MX)
    values = tuple(_text(record) for record in records)
    return Answer(state="found", values=values, priorities=priorities, ttl_s=float(found.rrset.ttl))


def _text(record: Rdata) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    target = getattr(record, "exchange", None) or getattr(record, "target", None)
    return str(target).rstrip(".").lower() if target is not None else record.to_text()


def _reason(error: dns.resolver.NoNameservers) -> str:
    tried: Iterable[Any] = error.kwargs.get("errors", ())
    said = {_word(each[3]) for each in tried}
    return f"the name servers say {', '.join(sorted(said))}" if said else "no name server is left to ask"


def _word(why: object) -> str:
    """An rcode, or the kind of exception; never a foreign text."""
    return (
        why if isinstance(why, str) and why.isascii() and why.isupper() else f"nothing ({type(why).__name__})"
    )
