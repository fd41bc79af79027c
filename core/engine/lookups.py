"""Everything that needs DNS, asked at once and within one deadline; what is not back by then is unknown."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, TypeVar

from core.dns.answers import Answer, Resolver
from core.engine.alignment import Published, find_policy
from core.engine.auth import RdnsResult, SpfResult
from core.engine.domains import to_ascii
from core.engine.message import Envelope, Mail
from core.engine.signatures import Signature
from core.engine.spf import check_spf, unknown_spf

__all__ = ["Found", "gather"]

MAX_NAMES = 3
"""Names of a client that are confirmed; more than one is rare and none needs many."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What DNS said about a message and its client."""

    spf: SpfResult
    rdns: RdnsResult
    policy: Published
    keys: Mapping[str, Answer] = field(default_factory=dict)


async def gather(
    mail: Mail, signatures: Sequence[Signature], resolver: Resolver, *, deadline_s: float
) -> Found:
    """Look everything up. Never later than the deadline, never an exception but that of being cancelled."""
    envelope, domain = mail.envelope, to_ascii(mail.sender.domain)
    names = sorted({one.key_name for one in signatures if not one.problem})
    jobs: list[tuple[Coroutine[Any, Any, Any], Any]] = [
        (check_spf(envelope, resolver, time_limit_s=deadline_s), unknown_spf(envelope)),
        (_client_name(envelope, resolver), RdnsResult(result="temperror")),
        (find_policy(domain, resolver), Published(domain=domain, failed=True)),
        *((resolver.lookup(name, "TXT"), Answer(state="failed")) for name in names),
    ]
    spf, rdns, policy, *keys = await _by_deadline(jobs, deadline_s)
    return Found(spf=spf, rdns=rdns, policy=policy, keys=dict(zip(names, keys, strict=True)))


async def _by_deadline(jobs: Sequence[tuple[Coroutine[Any, Any, _T], _T]], deadline_s: float) -> list[_T]:
    tasks = [asyncio.ensure_future(job) for job, _ in jobs]
    try:
        await asyncio.wait(tasks, timeout=deadline_s)
    finally:
        for task in tasks:
            task.cancel()
    return [_outcome(task, unknown) for task, (_, unknown) in zip(tasks, jobs, strict=True)]


def _outcome(task: asyncio.Future[_T], unknown: _T) -> _T:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return unknown
    return task.result()


async def _client_name(envelope: Envelope, resolver: Resolver) -> RdnsResult:
    """The name that leads back to the client's address; one that the caller verified already is believed."""
    if envelope.rdns:
        return RdnsResult(result="pass", name=envelope.rdns)
    try:
        address = ip_address(envelope.client_ip)
    except ValueError:
        return RdnsResult()
    names = await resolver.lookup(address.reverse_pointer, "PTR")
    if names.state == "failed":
        return RdnsResult(result="temperror")
    rtype = "AAAA" if address.version == 6 else "A"  # noqa: PLR2004 -- the protocol's own number
    answers = await asyncio.gather(*(resolver.lookup(name, rtype) for name in names.values[:MAX_NAMES]))
    for name, answer in zip(names.values, answers, strict=False):
        if any(_same(value, envelope.client_ip) for value in answer.values):
            return RdnsResult(result="pass", name=name.lower())
    unknown = any(answer.state == "failed" for answer in answers)
    return RdnsResult(result="temperror" if unknown else "fail")


def _same(one: str, other: str) -> bool:
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False
