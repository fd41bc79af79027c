"""DMARC aggregate reports as receivers send them: RFC 7489 section 7.2 and appendix C, RFC 9990.

XML, gzip or a ZIP with one XML file, told apart by their content. A bomb or an entity is refused before
it is unfolded. Parsing costs up to a second of CPU: run it off the loop (`hub.sdk.offload`).
"""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from dmarc_report import schema
from dmarc_report.exceptions import DMARCParseError
from dmarc_report.parser import DMARCParser, ParserLimits

from core.dns.names import BadName, domain_name

__all__ = ["LIMITS", "AuthResult", "Override", "Policy", "Record", "Report", "ReportRefused", "parse"]

LIMITS: Final = ParserLimits(
    max_input_bytes=5 * 2**20,
    max_decompressed_bytes=20 * 2**20,
    max_zip_members=10,
    max_records=20_000,
    max_text_bytes=4_096,
)
"""A large provider's day for one domain is some 2 MB of XML; 20 MB take about 150 MB of memory to read."""
_MOST_MESSAGES: Final = 10**12
"""In one report. Sums over all reports of a year then still fit 63 bits."""
_MOST_NAME_CHARS: Final = 255
_FORMATS: Final = {schema.ReportFormat.LEGACY: "rfc7489", schema.ReportFormat.RFC_9990: "rfc9990"}


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


def parse(data: bytes, filename: str = "", *, limits: ParserLimits = LIMITS) -> Report:
    """Read one report. `filename` is for the error's text only. Raises `ReportRefused`."""
    try:
        found = DMARCParser.parse_bytes(data, limits=limits)
        return _report(found, sha256(data).hexdigest())
    except DMARCParseError as error:
        raise _refused(error.code.value, str(error), filename, limits) from error
    except ReportRefused as error:
        raise _refused(error.code, str(error), filename, limits) from error
    except Exception as error:  # corners of zlib, zipfile and expat that the library lets through
        reason = f"The report cannot be read ({type(error).__name__})."
        raise _refused("invalid_structure", reason, filename, limits) from error


def _refused(code: str, reason: str, filename: str, limits: ParserLimits) -> ReportRefused:
    bounds = {
        "input_limit_exceeded": f" The limit is {limits.max_input_bytes} bytes.",
        "decompression_limit_exceeded": f" The limit is {limits.max_decompressed_bytes} bytes.",
        "record_limit_exceeded": f" The limit is {limits.max_records} records.",
        "zip_member_limit_exceeded": f" The limit is {limits.max_zip_members} files.",
    }
    named = f"{filename[:100]!r}: " if filename else ""
    return ReportRefused(code, f"{named}{reason}{bounds.get(code, '')}")


def _report(found: schema.Report, digest: str) -> Report:
    about = found.report_metadata
    report = Report(
        domain=_domain(found.policy_published.domain),
        organization=_name(about.org_name, "org_name"),
        contact=about.email.strip()[:_MOST_NAME_CHARS],
        report_id=_name(about.report_id, "report_id"),
        format=_FORMATS[found.format],
        begin_ms=about.date_range.begin * 1000,
        end_ms=about.date_range.end * 1000,
        policy=_policy(found.policy_published),
        records=tuple(_record(each) for each in found.records),
        sha256=digest,
    )
    if report.messages > _MOST_MESSAGES:
        raise ReportRefused(
            "invalid_value", f"The report counts more than {_MOST_MESSAGES:,} messages: that cannot be."
        )
    return report


def _domain(text: str) -> str:
    try:
        return domain_name(text)
    except BadName as error:
        raise ReportRefused("invalid_value", f"The <domain> of the policy is none: {error}") from error


def _name(text: str, field: str) -> str:
    """Part of what names a report, so it is never cut."""
    value = text.strip()
    if not value or len(value) > _MOST_NAME_CHARS:
        raise ReportRefused("invalid_value", f"<{field}> must have 1 to {_MOST_NAME_CHARS} characters.")
    return value


def _policy(found: schema.PolicyPublished) -> Policy:
    return Policy(
        p=found.p.value,
        sp=_value(found.sp),
        np=_value(found.np),
        adkim=_value(found.adkim),
        aspf=_value(found.aspf),
        pct=found.pct,
        fo=found.fo[:_MOST_NAME_CHARS] if found.fo else None,
        testing=_value(found.testing),
        discovery_method=_value(found.discovery_method),
    )


def _record(found: schema.Record) -> Record:
    evaluated, names = found.policy_evaluated, found.identifiers
    return Record(
        source_ip=found.source_ip,
        messages=found.count,
        disposition=evaluated.disposition.value,
        dkim=evaluated.dkim.value,
        spf=evaluated.spf.value,
        header_from=_clipped(names.header_from),
        envelope_from=_clipped(names.envelope_from),
        envelope_to=_clipped(names.envelope_to),
        overrides=tuple(Override(each.type.value, each.comment or "") for each in evaluated.reasons[:10]),
        dkim_results=tuple(
            AuthResult(domain=_clipped(each.domain), result=each.result.value, selector=each.selector)
            for each in found.auth_results.dkim
        ),
        spf_results=tuple(
            AuthResult(domain=_clipped(each.domain), result=each.result.value, scope=_value(each.scope))
            for each in found.auth_results.spf
        ),
    )


def _value(found: Any) -> str | None:
    return None if found is None else str(found.value)


def _clipped(text: str | None) -> str:
    return (text or "").strip().lower()[:_MOST_NAME_CHARS]
