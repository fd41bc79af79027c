"""Bodies and answers about domains."""

from typing import Any, Final

from pydantic import Field

from core.api.fields import Domain as Name
from core.api.fields import Word
from core.dialects.mailsentinel.models import Given, Pages, Shown
from core.service.domain_proof import proof_of
from core.store.clock import iso_seconds
from core.store.domains import Domain

__all__ = [
    "DkimRecord",
    "DmarcRecord",
    "DomainView",
    "DomainsQuery",
    "DomainsView",
    "FoundDkim",
    "FoundDmarc",
    "FoundSpf",
    "NewDomainBody",
    "OneView",
    "ScanBody",
    "ScanView",
    "SpfRecord",
    "WholeDomainView",
    "WholeView",
]

_ALL: Final = 100_000
_MOST_SELECTORS: Final = 20


class DomainsQuery(Pages):
    """All of them, unless a page is asked for."""

    limit: int = Field(_ALL, ge=1, le=_ALL, description="Rows a page.")


class NewDomainBody(Given):
    domain: Name = Field(min_length=1)
    organization_id: Word | None = None


class ScanBody(Given):
    selectors: list[Word] = Field(
        default_factory=list,
        max_length=_MOST_SELECTORS,
        description="DKIM selectors to look at; without them the usual ones.",
    )


class ProofView(Shown):
    """The TXT record that proves whose the domain is."""

    host: str
    value: str


class DomainView(Shown):
    id: str
    domain: str
    verified: bool
    created_at: str
    organization_id: str | None
    verification: ProofView

    @classmethod
    def of(cls, found: Domain, **more: Any) -> "DomainView":
        proof = proof_of(found)
        return cls(
            id=found.id,
            domain=found.name,
            verified=found.verified,
            created_at=iso_seconds(found.created_ms),
            organization_id=found.organization_id,
            verification=ProofView(host=proof.host, value=proof.value),
            **more,
        )


class DmarcRecord(Shown):
    record: str | None
    policy: str | None
    valid: bool | None
    inherited_from: str | None
    problems: list[str]
    warnings: list[str]


class SpfRecord(Shown):
    record: str | None
    valid: bool | None
    dns_lookups: int
    problems: list[str]
    warnings: list[str]


class DkimRecord(Shown):
    selector: str
    record: str | None
    valid: bool | None
    key: str | None
    bits: int | None
    problems: list[str]
    warnings: list[str]


class WholeDomainView(DomainView):
    """With its records as of the last scan; as the DNS has them now where it was never scanned."""

    scanned_at: str | None
    dmarc_records: list[DmarcRecord]
    spf_records: list[SpfRecord]
    dkim_records: list[DkimRecord]


class FoundDmarc(DmarcRecord):
    found: bool | None = Field(description="Null while the DNS does not tell.")


class FoundSpf(SpfRecord):
    found: bool | None


class FoundDkim(DkimRecord):
    found: bool | None


class DomainsView(Shown):
    domains: list[DomainView]


class OneView(Shown):
    domain: DomainView


class WholeView(Shown):
    domain: WholeDomainView


class ScanView(Shown):
    """`overall` is healthy, degraded, or unknown while the DNS does not tell."""

    scan_id: str
    domain_id: str
    timestamp: str
    overall: str
    dmarc: FoundDmarc
    spf: FoundSpf
    dkim: list[FoundDkim]
