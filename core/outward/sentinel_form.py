"""What MailSentinel's webhooks carry in `data`: its four events in its names ("Webhook Payload").

The page shows the members of an alert; those of the other three are named as its answers name them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from core.outward.letter import Letter

__all__ = ["data_of"]

_Data = Mapping[str, Any]


def data_of(letter: Letter) -> _Data:
    """Of an event that MailSentinel does not have, what it carries here."""
    make = _MADE.get(letter.name)
    return letter.data if make is None else make(letter.data)


def _alert(data: _Data) -> _Data:
    names = {"alert": "alertId", "domain_id": "domainId", "type": "type", "message": "message"}
    more = {"domain": "domain", "severity": "severity", "value": "value", "threshold": "threshold"}
    return _renamed(data, {**names, **more})


def _verified(data: _Data) -> _Data:
    return _renamed(data, {"id": "domainId", "name": "domain", "verified": "verified"})


def _scanned(data: _Data) -> _Data:
    found = _renamed(data, {"scan_id": "scanId", "domain_id": "domainId", "domain": "domain"})
    dmarc, spf = data.get("dmarc") or {}, data.get("spf") or {}
    return {
        **found,
        "dmarc": {name: dmarc.get(name) for name in ("found", "record", "policy")},
        "spf": {name: spf.get(name) for name in ("found", "record", "valid", "dnsLookups")},
    }


def _reported(data: _Data) -> _Data:
    names = {"report": "id", "domain_id": "domainId", "domain": "domain", "organization": "orgName"}
    period = {"report_id": "reportId", "begin": "dateRangeBegin", "end": "dateRangeEnd"}
    counts = {"messages": "totalCount", "passed": "passCount"}
    return _renamed(data, {**names, **period, **counts})


def _renamed(data: _Data, names: Mapping[str, str]) -> dict[str, Any]:
    return {theirs: data.get(ours) for ours, theirs in names.items()}


_MADE: Final[Mapping[str, Callable[[_Data], _Data]]] = {
    "alert.triggered": _alert,
    "domain.verified": _verified,
    "domain.scan.completed": _scanned,
    "report.received": _reported,
}
