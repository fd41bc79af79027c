"""DMARC (RFC 9989) by the dmarc library: where the policy is found, and what it says of the proofs.

The library takes a temporary error for a failure. Here, a failing message whose aligned identities could not
all be checked ends as `temperror`; an error of a stranger's domain does not count, or anyone could bring one
about.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dmarc

from core.dns.answers import Resolver
from core.dns.discover import discover
from core.engine.auth import Disposition, DkimResult, DmarcResult, DmarcWord, SpfResult
from core.engine.domains import owner

__all__ = ["Published", "evaluate", "find_policy"]

_ANY_POLICY = "v=DMARC1; p=none"
_DISPOSITIONS: dict[str, Disposition] = {"none": "none", "quarantine": "quarantine", "reject": "reject"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The record that applies to a From domain, and the domain `at` which it stands.

    `failed`: DNS could not tell.
    """

    domain: str
    record: str = ""
    at: str = ""
    failed: bool = False


class _Owners:
    """The library's view of the public suffix list; it misnames what it asks for."""

    def get_public_suffix(self, domain: str) -> str:
        return owner(domain)


async def find_policy(domain: str, resolver: Resolver) -> Published:
    """Look for the record at the domain and above it (RFC 9989 4.10); none for an empty one."""
    if not domain:
        return Published(domain="")
    found = await discover(domain, resolver)
    record = found.record.text if found.record else ""
    return Published(domain=domain, record=record, at=found.at, failed=bool(found.trouble))


def evaluate(found: Published, spf: SpfResult, signatures: Sequence[DkimResult]) -> DmarcResult:
    """The result for a From domain. Without a domain, or without a record, `none`."""
    domain = found.domain
    if not domain:
        return DmarcResult()
    aligned = _Judge(_ANY_POLICY, domain, domain).passes(spf, signatures)
    if found.failed:
        return DmarcResult(result="temperror", domain=domain, aligned=aligned)
    if not found.record:
        return DmarcResult(domain=domain, aligned=aligned)
    try:
        judge = _Judge(found.record, domain, found.at)
    except dmarc.Error:
        return DmarcResult(result="permerror", domain=domain, aligned=aligned)
    return judge.result(spf, signatures, aligned=aligned)


class _Judge:
    def __init__(self, record: str, domain: str, at: str) -> None:
        self._domain = domain
        above = at if at != domain else None
        self._policy = dmarc.DMARCPolicy(
            record, domain, org_domain=above, publicsuffix=_Owners(), strict=False
        )

    def passes(self, spf: SpfResult, signatures: Sequence[DkimResult]) -> bool:
        return self._any_aligned("pass", spf, signatures)

    def result(self, spf: SpfResult, signatures: Sequence[DkimResult], *, aligned: bool) -> DmarcResult:
        word: DmarcWord = "pass"
        disposition: Disposition = "none"
        if not self.passes(spf, signatures):
            unknown = self._any_aligned("temperror", spf, signatures)
            word = "temperror" if unknown else "fail"
            disposition = "none" if unknown else self._disposition()
        policy = _DISPOSITIONS[self._policy.policy.p.value]
        return DmarcResult(
            result=word, domain=self._domain, policy=policy, disposition=disposition, aligned=aligned
        )

    def _any_aligned(self, word: str, spf: SpfResult, signatures: Sequence[DkimResult]) -> bool:
        named = [dmarc.SPF(spf.domain, dmarc.SPF_PASS)] if spf.result == word and spf.domain else []
        signed = [dmarc.DKIM(one.domain, dmarc.DKIM_PASS) for one in signatures if one.result == word]
        return any(self._policy.isaligned(one) for one in (*named, *signed) if one.domain)

    def _disposition(self) -> Disposition:
        try:
            self._policy.verify(auth_results=[], allow_policy_test_mode=True)
        except dmarc.PolicyError:  # how the library says that a message fails
            return _DISPOSITIONS[self._policy.result.disposition.value]
        return "none"
