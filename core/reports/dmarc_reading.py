"""DMARC aggregate reports by the library `dmarc-report`, in our records."""

from dataclasses import asdict
from hashlib import sha256
from typing import Any, Final

from dmarc_report import schema
from dmarc_report.exceptions import DMARCParseError
from dmarc_report.parser import DMARCParser, ParserLimits

from core.dns.names import BadName, domain_name
from core.reports.dmarc import AuthResult, Limits, Override, Policy, Record, Report, ReportRefused

__all__ = ["read"]

_MOST_MESSAGES: Final = 10**12
"""In one report. Sums over all reports of a year then still fit 63 bits."""
_MOST_NAME_CHARS: Final = 255
_FORMATS: Final = {schema.ReportFormat.LEGACY: "rfc7489", schema.ReportFormat.RFC_9990: "rfc9990"}


def read(data: bytes, filename: str, limits: Limits) -> Report:
    """`core.reports.dmarc.parse`. Raises `ReportRefused`."""
    try:
        found = DMARCParser.parse_bytes(data, limits=ParserLimits(**asdict(limits)))
        return _report(found, sha256(data).hexdigest())
    except DMARCParseError as error:
        raise _refused(error.code.value, str(error), filename, limits) from error
    except ReportRefused as error:
        raise _refused(error.code, str(error), filename, limits) from error
    except Exception as error:  # corners of zlib, zipfile and expat that the library lets through
        reason = f"The report cannot be read ({type(error).__name__})."
        raise _refused("invalid_structure", reason, filename, limits) from error


def _refused(code: str, reason: str, filename: str, limits: Limits) -> ReportRefused:
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
