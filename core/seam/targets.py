"""Which servers a message goes to, in which order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from core.dns.answers import Resolver
from core.seam.smtp import Target
from core.store.domains import SMTP_PORT, Domain, Downstream

__all__ = ["NoServer", "exchangers", "servers"]

_MOST = 8
"""Servers that one attempt tries."""


@dataclass(frozen=True)
class NoServer(Exception):
    """There is nowhere to send to: for good (`refused`), or nobody can tell now (`later`)."""

    state: Literal["refused", "later"]
    words: str


def servers(domain: Domain, rng: random.Random) -> tuple[Target, ...]:
    """The downstream servers of a domain: lower priority first, among equals by weight (RFC 2782).

    Raises `NoServer`.
    """
    if not domain.downstreams:
        raise NoServer("later", f"{domain.name} has no downstream server: set one")
    ordered = sorted(domain.downstreams, key=lambda one: one.priority)
    groups = (list(group) for _, group in groupby(ordered, key=lambda one: one.priority))
    picked = [one for group in groups for one in _by_weight(group, rng)]
    return tuple(Target(one.host, one.port) for one in picked[:_MOST])


async def exchangers(resolver: Resolver, name: str) -> tuple[Target, ...]:
    """The mail exchangers of another domain, where a forwarder leads (RFC 5321 section 5.1).

    Raises `NoServer`.
    """
    answer = await resolver.lookup(name, "MX")
    if answer.is_failed:
        raise NoServer("later", f"451 4.4.3 the mail exchangers of {name} cannot be looked up now")
    if answer.state == "absent":
        raise NoServer("refused", f"550 5.1.2 there is no domain {name}")
    if answer.state == "empty":
        return (Target(name, SMTP_PORT),)
    hosts = [host for host in answer.values if host]
    if not hosts:
        raise NoServer("refused", f"556 5.1.10 {name} takes no mail")
    return tuple(Target(host, SMTP_PORT) for host in hosts[:_MOST])


def _by_weight(group: Sequence[Downstream], rng: random.Random) -> Iterator[Downstream]:
    """Without weights as given; else drawn, each in proportion to its weight, those without last."""
    left = list(group)
    while left:
        total = sum(one.weight for one in left)
        if total <= 0:
            yield from left
            return
        drawn = rng.choices(left, [one.weight for one in left])[0]
        left.remove(drawn)
        yield drawn
