"""Made events, one of each kind of alert: what `mxhub send-test` sends, clearly marked as a test.

Names and addresses are the reserved ones of RFC 2606, RFC 5737 and RFC 3849, so that nobody real is meant.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from hub.model.event import Entry, Header
from hub.model.ids import event_uid, uid_text
from hub.model.ocsf import (
    OcsfEvent,
    application_error,
    application_lifecycle,
    base_event,
    compliance_finding,
    detection_finding,
    email_activity,
)
from hub.model.ocsf_objects import (
    Compliance,
    Email,
    EmailAuth,
    Endpoint,
    Evidence,
    FindingInfo,
    Metadata,
    Product,
    Resource,
)
from hub.sdk.alerts import KINDS

__all__ = ["LABEL", "SAMPLE_SOURCE", "sample"]

LABEL: Final = "test"
"""In `metadata.labels` of every made event, for whoever wants to filter them out."""
SAMPLE_SOURCE: Final = "mxhub"
_MARK: Final = "[TEST]"
_DOMAIN: Final = "example.com"
_SENDER, _RECIPIENT = "sender@example.net", "recipient@example.com"
_PRODUCT: Final = Product(name="mxhub", vendor_name="mxhub")
_DAY_MS: Final = 86_400_000
_encode = msgspec.json.Encoder().encode

Make = Callable[[int, dict[str, Any]], OcsfEvent]
"""`(time, what all events have) -> the event`."""


def sample(kind: str, *, tenant: str, now_ms: int, nonce: str) -> Entry:
    """A made event of one of `hub.sdk.alerts.KINDS`; another `nonce` makes another id. Its seq is 0: it is
    in no log.

    Raises `KeyError` for a kind that there is none of.
    """
    uid = event_uid((tenant, SAMPLE_SOURCE, "sample", kind, nonce))
    metadata = Metadata(
        product=_PRODUCT,
        uid=uid_text(uid),
        tenant_uid=tenant,
        event_code=kind,
        log_provider=SAMPLE_SOURCE,
        logged_time=now_ms,
        labels=[LABEL],
    )
    common = {
        "metadata": metadata,
        "message": f"{_MARK} {KINDS[kind]}: made by mxhub send-test, nothing happened",
        "raw_data": _encode({"test": kind}).decode(),
        "unmapped": {"test": True},
    }
    event = _MAKE.get(kind, _base)(now_ms, common)
    header = Header(tenant, SAMPLE_SOURCE, event.class_uid, kind, event.severity_id, _DOMAIN, now_ms, now_ms)
    return Entry(seq=0, uid=uid, header=header, body=_encode(event))


def _mail(activity_id: int, activity_name: str, disposition_id: int, severity_id: int) -> Make:
    def make(now_ms: int, common: dict[str, Any]) -> OcsfEvent:
        email = Email(
            from_=_SENDER,
            to=[_RECIPIENT],
            subject=f"{_MARK} A message that never was",
            message_uid="<send-test@mxhub.example>",
        )
        return email_activity(
            activity_id,
            activity_name=activity_name,
            severity_id=severity_id,
            time=now_ms,
            direction_id=1,
            email=email,
            from_=_SENDER,
            to=[_RECIPIENT],
            action_id=2,
            disposition_id=disposition_id,
            status_detail="test",
            email_auth=EmailAuth(spf="fail", dkim="none", dmarc="fail"),
            src_endpoint=Endpoint(ip="192.0.2.25"),
            **common,
        )

    return make


def _check(now_ms: int, common: dict[str, Any]) -> OcsfEvent:
    title = common["message"]
    return compliance_finding(
        1,
        severity_id=3,
        time=now_ms,
        finding_info=FindingInfo(uid=f"test/{_DOMAIN}", title=title),
        compliance=Compliance(control="test", status_id=2),
        resources=[Resource(name=_DOMAIN, type="domain")],
        **common,
    )


def _reputation(now_ms: int, common: dict[str, Any]) -> OcsfEvent:
    return detection_finding(
        1,
        severity_id=3,
        time=now_ms,
        finding_info=FindingInfo(uid="test/192.0.2.25", title=common["message"]),
        evidences=[Evidence(src_endpoint=Endpoint(ip="192.0.2.25"))],
        **common,
    )


def _license(now_ms: int, common: dict[str, Any]) -> OcsfEvent:
    return application_lifecycle(8, severity_id=1, time=now_ms, status_id=1, app=_PRODUCT, **common)


def _health(now_ms: int, common: dict[str, Any]) -> OcsfEvent:
    return application_error(1, severity_id=3, time=now_ms, status_id=2, status_detail="test", **common)


def _many(now_ms: int, common: dict[str, Any]) -> OcsfEvent:
    span = {"count": 3, "start_time": now_ms - _DAY_MS, "end_time": now_ms}
    return application_error(1, severity_id=2, time=now_ms, status_id=2, **span, **common)


def _base(now_ms: int, common: dict[str, Any]) -> OcsfEvent:
    return base_event("test", time=now_ms, **common)


_MAKE: Final[Mapping[str, Make]] = {
    "quarantine.added": _mail(3, "Scan", 3, 3),
    "quarantine.released": _mail(99, "Release", 9, 1),
    "quarantine.discarded": _mail(99, "Discard", 5, 1),
    "dmarc.failure": _check,
    "dmarc.policy_drift": _check,
    "cert.expiring": _check,
    "dkim.rotation_due": _check,
    "reputation.threshold_crossed": _reputation,
    "license.changed": _license,
    "hub.health": _health,
    "hub.digest": _many,
    "hub.storm": _many,
}
