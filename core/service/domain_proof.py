"""Whether a domain is its customer's: a TXT record with the domain's own token."""

from dataclasses import dataclass, replace

from core.dns.verify import LABEL, Verification, verify_domain
from core.service import visible
from core.service.by import By, record
from core.service.core import Core
from core.service.domain_view import deed_of
from core.store import domains as stored
from core.store.domains import Domain

__all__ = ["Proof", "proof_of", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The record that proves it, and what the last look said. `checked` is None where nobody looked now."""

    domain: Domain
    host: str
    value: str
    checked: Verification | None = None


def proof_of(domain: Domain) -> Proof:
    """What to publish."""
    return Proof(domain=domain, host=f"{LABEL}.{domain.name}", value=domain.verify_token)


async def verify(core: Core, by: By, name: str) -> Proof:
    """Look for the record now; outside of any transaction.

    Event `domain.verified` the first time that it is found. What the DNS cannot tell changes nothing, and a
    verification that was given is not taken back by a missing record. Raises `NotFound` and `Forbidden`.
    """
    async with core.database.read() as tx:
        domain = await visible.domain(tx, by, "domains:write", name)
    seen = await verify_domain(domain.name, domain.verify_token, core.resolver)
    if seen.state == "verified" and not domain.verified:
        domain = await _proven(core, by, domain)
    return replace(proof_of(domain), checked=seen)


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
