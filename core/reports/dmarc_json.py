"""Aggregate reports as JSON: the service's own form, and the list that MailSentinel's API answers with."""

from collections.abc import Sequence
from typing import Any

from core.reports.dmarc_store import StoredReport
from core.store.clock import iso_seconds

__all__ = ["as_json", "mailsentinel_list", "mailsentinel_report"]


def as_json(report: StoredReport, records: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """`records` as `dmarc_store.records` gives them; a list leaves them out."""
    body: dict[str, Any] = {
        "id": report.id,
        "domain": report.domain,
        "organization": report.organization,
        "contact": report.contact,
        "report_id": report.report_id,
        "format": report.format,
        "begin": iso_seconds(report.begin_ms),
        "end": iso_seconds(report.end_ms),
        "received_at": iso_seconds(report.received_ms),
        "policy": report.policy,
        "messages": report.messages,
        "passed": report.passed,
        "failed": report.failed,
    }
    return body if records is None else {**body, "records": list(records)}


def mailsentinel_report(
    report: StoredReport, records: Sequence[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The same in MailSentinel's field names."""
    body: dict[str, Any] = {
        "id": report.id,
        "domainId": report.domain_id,
        "domain": report.domain,
        "orgName": report.organization,
        "reportId": report.report_id,
        "dateRangeBegin": iso_seconds(report.begin_ms),
        "dateRangeEnd": iso_seconds(report.end_ms),
        "policy": {name: report.policy.get(name) for name in ("p", "sp", "adkim", "aspf", "pct")},
        "totalCount": report.messages,
        "passCount": report.passed,
        "failCount": report.failed,
        "receivedAt": iso_seconds(report.received_ms),
    }
    return body if records is None else {**body, "records": [_record(each) for each in records]}


def mailsentinel_list(
    reports: Sequence[StoredReport], *, page: int, limit: int, total: int
) -> dict[str, Any]:
    """One page, counted from 1."""
    return {
        "reports": [mailsentinel_report(each) for each in reports],
        "pagination": {"page": page, "limit": limit, "total": total, "hasMore": page * limit < total},
    }


def _record(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "sourceIp": record["source_ip"],
        "count": record["count"],
        "disposition": record["disposition"],
        "dkim": record["dkim"],
        "spf": record["spf"],
        "headerFrom": record["header_from"],
        "authResults": record["auth_results"],
    }
