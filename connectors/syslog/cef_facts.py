"""What of an event goes under which key of CEF, the most important first."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.model.event import Entry
from hub.model.ocsf_classes import BASE_EVENT, CLASSES, EMAIL_ACTIVITY
from hub.sdk.alerts import Alert, alert_of
from hub.sdk.ocsf_body import body_of, first, part, text

__all__ = ["Facts", "facts_of"]

Group = tuple[str, str, str]
"""Key, value, label (empty where the key needs none)."""

_DIRECTIONS: Final = {1: "0", 2: "1"}
"""OCSF `direction_id` inbound and outbound to `deviceDirection`."""
_OUTCOMES: Final = {1: "success", 2: "failure"}
_ADDRESSES: Final = {
    "source": ("src", "c6a2", "Source IPv6 Address"),
    "destination": ("dst", "c6a3", "Destination IPv6 Address"),
    "device": ("dvc", "c6a1", "Device IPv6 Address"),
}
"""`src`, `dst` and `dvc` hold IPv4 only."""
_MAX_SCORE: Final = 1e12
"""What is larger, or no number, is no score."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of a line. `code` and `name` say what kind of event it is, without anybody's address."""

    code: str
    name: str
    groups: Sequence[Group]


def facts_of(entry: Entry) -> Facts:
    """Pick them out; a body that is no JSON object gives what the header of the log knows."""
    body = body_of(entry.body)
    alert = alert_of(entry, body)
    kind = CLASSES.get(entry.header.class_uid, BASE_EVENT).name
    name = alert.title if alert.kind != "other" else f"{kind} {text(body, 'activity_name')}"
    groups = [group for group in _groups(entry, alert, body, kind) if group[1].strip()]
    return Facts(entry.header.code or kind, name, groups)


def _groups(entry: Entry, alert: Alert, body: Mapping[str, Any], kind: str) -> Iterator[Group]:
    header = entry.header
    yield "externalId", alert.event_id, ""
    yield "rt", str(header.recorded_ms), ""
    yield "start", str(header.time_ms if alert.first_ms is None else alert.first_ms), ""
    yield "end", "" if alert.last_ms is None else str(alert.last_ms), ""
    yield "cs3", header.tenant, "tenant"
    yield "cs4", header.source, "source"
    yield "cat", kind, ""
    yield "act", alert.disposition or text(body, "action"), ""
    yield "outcome", _OUTCOMES.get(_known(body, "status_id"), ""), ""
    yield from _people(alert, body)
    yield from _hosts(alert, body)
    yield "cs1", alert.subject, "subject"
    yield "msg", alert.message, ""
    yield "reason", alert.reason, ""
    yield "cs2", alert.message_id, "messageId"
    yield from _mail(entry, alert, body)
    yield "cs6", alert.product, "product"


def _people(alert: Alert, body: Mapping[str, Any]) -> Iterator[Group]:
    user = part(body, "user")
    yield "suser", alert.sender or alert.actor, ""
    yield "duser", ", ".join(alert.recipients) or text(user, "name") or alert.resource, ""


def _hosts(alert: Alert, body: Mapping[str, Any]) -> Iterator[Group]:
    source, destination, device = (part(body, key) for key in ("src_endpoint", "dst_endpoint", "device"))
    yield _address("source", alert.client_ip)
    yield "spt", _port(source), ""
    yield "shost", text(source, "hostname"), ""
    yield _address("destination", text(destination, "ip"))
    yield "dpt", _port(destination), ""
    yield "dhost", text(destination, "hostname"), ""
    yield _address("device", text(device, "ip"))
    yield "dvchost", text(device, "hostname"), ""


def _mail(entry: Entry, alert: Alert, body: Mapping[str, Any]) -> Iterator[Group]:
    email = part(body, "email")
    is_mail = entry.header.class_uid == EMAIL_ACTIVITY.uid
    checks = (("spf", alert.spf), ("dkim", alert.dkim), ("dmarc", alert.dmarc))
    yield "cs5", " ".join(f"{name}={said}" for name, said in checks if said), "authentication"
    yield "deviceDirection", _DIRECTIONS.get(_known(body, "direction_id"), ""), ""
    yield "cfp1", _score(alert.score), "score"
    yield "cnt", str(alert.count) if alert.count > 1 else "", ""
    yield "sourceDnsDomain", alert.sender.rpartition("@")[2], ""
    yield "destinationDnsDomain", entry.header.domain, ""
    yield "app", "SMTP" if is_mail else "", ""
    yield "cn1", _whole(email.get("size")), "size"
    yield "fname", text(first(email, "files"), "name"), ""
    yield "request", text(first(email, "urls"), "url_string"), ""


def _address(which: str, text: str) -> Group:
    """The key for the address's family; nothing for what is no address."""
    four, six, label = _ADDRESSES[which]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return four, "", ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return six, str(address), label
    return four, str(getattr(address, "ipv4_mapped", None) or address), ""


def _score(score: float | None) -> str:
    return "" if score is None or not abs(score) < _MAX_SCORE else f"{score:.6g}"


def _port(endpoint: Mapping[str, Any]) -> str:
    port = _known(endpoint, "port")
    return str(port) if 0 < port <= 65_535 else ""  # noqa: PLR2004 - the largest port


def _whole(value: Any) -> str:
    return str(value) if type(value) is int and abs(value) < 2**63 else ""


def _known(of: Mapping[str, Any], key: str) -> int:
    value = of.get(key)
    return value if type(value) is int else -1
