"""DMARC aggregate reports as receivers send them: RFC 7489 section 7.2 and appendix C, RFC 9990.

XML, gzip or a ZIP with one XML file, told apart by their content. A bomb or an entity is refused before
it is unfolded. Parsing costs up to a second of CPU: run it off the loop (`hub.sdk.offload`).
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

__all__ = [
    "LIMITS",
    "AuthResult",
    "Limits",
    "Override",
    "Policy",
    "Record",
    "Report",
    "ReportRefused",
    "parse",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a report may have at most."""

    max_input_bytes: int
    max_decompressed_bytes: int
    max_zip_members: int
    max_records: int
    max_text_bytes: int


LIMITS: Final = Limits(
    max_input_bytes=5 * 2**20,
    max_decompressed_bytes=20 * 2**20,
    max_zip_members=10,
    max_records=20_000,
    max_text_bytes=4_096,
)
"""A large provider's day for one domain is some 2 MB of XML; 20 MB take about 150 MB of memory to read."""


class ReportRefused(ValueError):
    """No report that can be read. `code` is stable, for example `decompression_limit_exceeded`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the domain published; nothing where the report says nothing. `pct` is RFC 7489's alone."""

    p: str
    sp: str | None = None
    np: str | None = None
    adkim: str | None = None
    aspf: str | None = None
    pct: int | None = None
    fo: str | None = None
    testing: str | None = None
    discovery_method: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON, without what the report does not say."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthResult:
    """An SPF or DKIM result before alignment; `selector` of DKIM, `scope` of SPF."""

    domain: str
    result: str
    selector: str | None = None
    scope: str | None = None

    def as_dict(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Override:
    """Why the receiver did not do what the policy says."""

    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`messages` of one source with equal results. `dkim` and `spf` are the aligned results: pass or fail."""

    source_ip: str
    messages: int
    disposition: str
    dkim: str
    spf: str
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    overrides: tuple[Override, ...] = ()
    dkim_results: tuple[AuthResult, ...] = ()
    spf_results: tuple[AuthResult, ...] = ()

    @property
    def passed(self) -> bool:
        """DMARC passes when one of the two does (RFC 7489 section 4.2)."""
        return "pass" in (self.dkim, self.spf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report. `organization`, `report_id` and `domain` together name it; `sha256` is of the file."""

    domain: str
    organization: str
    contact: str
    report_id: str
    format: str
    begin_ms: int
    end_ms: int
    policy: Policy
    records: tuple[Record, ...]
    sha256: str

    @property
    def messages(self) -> int:
        return sum(record.messages for record in self.records)

    @property
    def passed(self) -> int:
        return sum(record.messages for record in self.records if record.passed)


def parse(data: bytes, filename: str = "", *, limits: Limits = LIMITS) -> Report:
    """Read one report. `filename` is for the error's text only. Raises `ReportRefused`."""
    from core.reports.dmarc_reading import (
        read,  # its parser takes memory that a service without reports saves
    )

    return read(data, filename, limits)
