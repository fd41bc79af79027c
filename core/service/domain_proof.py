"""Whether a domain is its customer's, and its other names: a TXT record with the domain's own token."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from core.dns.verify import LABEL, Verification, verify_domain
from core.service import visible
from core.service.by import By, record
from core.service.core import Core
from core.service.domain_view import deed_of
from core.store import domain_names
from core.store import domains as stored
from core.store.domains import Domain

__all__ = ["Proof", "proof_of", "verify"]

_AT_ONCE: Final = 50
_PATIENCE_S: Final = 20.0
"""For all other names together: there may be a thousand, and a server that does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The record that proves it, and what the last look said. `checked` is None where nobody looked now.

    `others` are what was said of the aliases and pointers that were pending; each has the same value at a
    host of its own.
    """

    domain: Domain
    host: str
    value: str
    checked: Verification | None = None
    others: Mapping[str, Verification] = field(default_factory=dict)


def proof_of(domain: Domain) -> Proof:
    """What to publish."""
    return Proof(domain=domain, host=f"{LABEL}.{domain.name}", value=domain.verify_token)


async def verify(core: Core, by: By, name: str) -> Proof:
    """Look for the record now, and for those of aliases and pointers that are pending; outside of any
    transaction.

    Event `domain.verified` the first time that it is found, `domain.updated` for aliases. What the DNS cannot
    tell changes nothing, and a verification that was given is not taken back by a missing record. Raises
    `NotFound` and `Forbidden`.
    """
    async with core.database.read() as tx:
        domain = await visible.domain(tx, by, "domains:write", name)
        pending = await domain_names.unproven(tx, domain.name)
    seen = await verify_domain(domain.name, domain.verify_token, core.resolver)
    others = await _looked_at(core, domain, pending)
    if seen.state == "verified" and not domain.verified:
        domain = await _proven(core, by, domain)
    if found := [name for name, one in others.items() if one.state == "verified"]:
        domain = await _others_proven(core, by, domain, found)
    return replace(proof_of(domain), checked=seen, others=others)


async def _looked_at(core: Core, domain: Domain, names: Sequence[str]) -> dict[str, Verification]:
    """What the DNS says of each name; unknown where it did not say in time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def look(name: str) -> Verification:
        async with room:
            return await verify_domain(name, domain.verify_token, core.resolver)

    looks = {name: asyncio.create_task(look(name)) for name in names}
    try:
        if looks:
            await asyncio.wait(looks.values(), timeout=_PATIENCE_S)
        return {name: one.result() if one.done() else _unknown(name) for name, one in looks.items()}
    finally:
        for one in looks.values():
            one.cancel()


def _unknown(name: str) -> Verification:
    return Verification(
        state="unknown", host=f"{LABEL}.{name}", message="Cannot be checked now: ask again in a while"
    )


async def _proven(core: Core, by: By, looked_at: Domain) -> Domain:
    async with core.database.begin() as tx:
        before = await visible.domain(tx, by, "domains:write", looked_at.name)
        if before.verified or before.verify_token != looked_at.verify_token:
            return before  # another was faster, or the domain was made anew meanwhile
        now_ms = max(core.clock(), before.updated_ms + 1)
        status = "active" if before.status == "pending" else before.status
        after = replace(before, verified=True, verified_ms=now_ms, status=status, updated_ms=now_ms)
        await stored.change(tx, after)
        await record(core, tx, by, deed_of("domain.verified", after, before, after))
        return after


async def _others_proven(core: Core, by: By, looked_at: Domain, names: Sequence[str]) -> Domain:
    async with core.database.begin() as tx:
        before = await visible.domain(tx, by, "domains:write", looked_at.name)
        if before.verify_token != looked_at.verify_token:
            return before  # made anew meanwhile: what was found proves nothing of this one
        now_ms = max(core.clock(), before.updated_ms + 1)
        left = tuple(name for name in before.pending_aliases if name not in names)
        after = replace(before, pending_aliases=left, updated_ms=now_ms)
        await stored.change(tx, after)
        await domain_names.prove(tx, before.name, names)
        await record(core, tx, by, deed_of("domain.updated", after, before, after, "names were verified"))
        return after
