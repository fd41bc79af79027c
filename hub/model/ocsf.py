"""The OCSF 1.8 event as one msgspec struct, and a builder for each class that we emit.

Every builder sets what must agree: `category_uid`, `type_uid`, `activity_name`, the texts beside ids, and the
profiles whose attributes the class may carry. Classes and objects: https://schema.ocsf.io/1.8.0.
"""

from typing import Any

import msgspec

from hub.model.ocsf_classes import (
    ACCOUNT_CHANGE,
    ACTIONS,
    API_ACTIVITY,
    APPLICATION_ERROR,
    APPLICATION_LIFECYCLE,
    AUTHENTICATION,
    BASE_EVENT,
    COMPLIANCE_FINDING,
    COMPLIANCE_STATUSES,
    DETECTION_FINDING,
    DIRECTIONS,
    DISPOSITIONS,
    EMAIL_ACTIVITY,
    ENTITY_MANAGEMENT,
    FINDING_STATUSES,
    OTHER,
    SEVERITIES,
    STATUSES,
    VERDICTS,
    VERSION,
    OcsfClass,
)
from hub.model.ocsf_objects import (
    Actor,
    Api,
    Compliance,
    Device,
    Email,
    EmailAuth,
    Endpoint,
    Evidence,
    FindingInfo,
    Fingerprint,
    ManagedEntity,
    Metadata,
    Observable,
    Product,
    Resource,
    Service,
    User,
)

__all__ = [
    "OcsfEvent",
    "account_change",
    "api_activity",
    "application_error",
    "application_lifecycle",
    "authentication",
    "base_event",
    "compliance_finding",
    "detection_finding",
    "email_activity",
    "entity_management",
]


class OcsfEvent(
    msgspec.Struct, omit_defaults=True, kw_only=True, rename={"from_": "from"}, forbid_unknown_fields=True
):
    """Any OCSF class that we emit. Attributes that a class lacks stay unset and are not serialised."""

    class_uid: int
    category_uid: int
    activity_id: int
    type_uid: int
    severity_id: int
    time: int | None
    """Epoch milliseconds as the vendor said; `None` only between a mapper that found no time and `normalise`,
    which then sets the time of receipt."""
    metadata: Metadata
    activity_name: str | None = None
    severity: str | None = None
    message: str | None = None
    count: int | None = None
    status_id: int | None = None
    status: str | None = None
    status_code: str | None = None
    status_detail: str | None = None
    start_time: int | None = None
    end_time: int | None = None
    # profile security_control
    action_id: int | None = None
    action: str | None = None
    disposition_id: int | None = None
    disposition: str | None = None
    is_alert: bool | None = None
    confidence_score: int | None = None
    # profile host, and classes that have an actor of their own
    actor: Actor | None = None
    device: Device | None = None
    # email_activity
    direction_id: int | None = None
    direction: str | None = None
    from_: str | None = None
    to: list[str] | None = None
    email: Email | None = None
    email_auth: EmailAuth | None = None
    # findings
    finding_info: FindingInfo | None = None
    compliance: Compliance | None = None
    evidences: list[Evidence] | None = None
    verdict_id: int | None = None
    verdict: str | None = None
    # iam and application
    user: User | None = None
    service: Service | None = None
    is_mfa: bool | None = None
    api: Api | None = None
    entity: ManagedEntity | None = None
    app: Product | None = None
    src_endpoint: Endpoint | None = None
    dst_endpoint: Endpoint | None = None
    resources: list[Resource] | None = None
    # what every class ends with
    observables: list[Observable] | None = None
    raw_data: str | None = None
    raw_data_size: int | None = None
    raw_data_hash: Fingerprint | None = None
    unmapped: dict[str, Any] | None = None


_TEXTS = (
    ("action_id", "action", ACTIONS),
    ("disposition_id", "disposition", DISPOSITIONS),
    ("direction_id", "direction", DIRECTIONS),
    ("verdict_id", "verdict", VERDICTS),
)
_FINDINGS_CATEGORY = 2


def _build(
    kind: OcsfClass, activity_id: int, severity_id: int, time: int | None, attributes: dict[str, Any]
) -> OcsfEvent:
    metadata: Metadata = attributes.pop("metadata", None) or Metadata()
    metadata.version = VERSION
    metadata.profiles = [*kind.profiles]
    if "verdict_id" in attributes:
        metadata.profiles.insert(1, "incident")
    for number, text, captions in _TEXTS:
        if number in attributes and text not in attributes:
            attributes[text] = captions[attributes[number]]
    if "status_id" in attributes and "status" not in attributes:
        names = FINDING_STATUSES if kind.category == _FINDINGS_CATEGORY else STATUSES
        attributes["status"] = names[attributes["status_id"]]
    if "activity_name" not in attributes:
        attributes["activity_name"] = kind.activities[activity_id]
    return OcsfEvent(
        class_uid=kind.uid,
        category_uid=kind.category,
        activity_id=activity_id,
        type_uid=kind.uid * 100 + activity_id,
        severity_id=severity_id,
        severity=SEVERITIES[severity_id],
        time=time,
        metadata=metadata,
        **attributes,
    )


def email_activity(
    activity_id: int,
    *,
    severity_id: int,
    time: int | None,
    direction_id: int,
    email: Email,
    **attributes: Any,
) -> OcsfEvent:
    """Class 4009. Envelope addresses are `from_` and `to`, header ones live in `email`."""
    attributes.update(direction_id=direction_id, email=email)
    return _build(EMAIL_ACTIVITY, activity_id, severity_id, time, attributes)


def detection_finding(
    activity_id: int, *, severity_id: int, time: int | None, finding_info: FindingInfo, **attributes: Any
) -> OcsfEvent:
    """Class 2004."""
    attributes["finding_info"] = finding_info
    return _build(DETECTION_FINDING, activity_id, severity_id, time, attributes)


def compliance_finding(
    activity_id: int,
    *,
    severity_id: int,
    time: int | None,
    finding_info: FindingInfo,
    compliance: Compliance,
    **attributes: Any,
) -> OcsfEvent:
    """Class 2003."""
    if compliance.status is None:
        compliance.status = COMPLIANCE_STATUSES[compliance.status_id]
    attributes.update(finding_info=finding_info, compliance=compliance)
    return _build(COMPLIANCE_FINDING, activity_id, severity_id, time, attributes)


def api_activity(
    activity_id: int,
    *,
    severity_id: int,
    time: int | None,
    api: Api,
    actor: Actor,
    src_endpoint: Endpoint,
    **attributes: Any,
) -> OcsfEvent:
    """Class 6003."""
    attributes.update(api=api, actor=actor, src_endpoint=src_endpoint)
    return _build(API_ACTIVITY, activity_id, severity_id, time, attributes)


def authentication(
    activity_id: int, *, severity_id: int, time: int | None, user: User, service: Service, **attributes: Any
) -> OcsfEvent:
    """Class 3002."""
    attributes.update(user=user, service=service)
    return _build(AUTHENTICATION, activity_id, severity_id, time, attributes)


def account_change(
    activity_id: int, *, severity_id: int, time: int | None, user: User, **attributes: Any
) -> OcsfEvent:
    """Class 3001."""
    attributes["user"] = user
    return _build(ACCOUNT_CHANGE, activity_id, severity_id, time, attributes)


def entity_management(
    activity_id: int, *, severity_id: int, time: int | None, entity: ManagedEntity, **attributes: Any
) -> OcsfEvent:
    """Class 3004."""
    attributes["entity"] = entity
    return _build(ENTITY_MANAGEMENT, activity_id, severity_id, time, attributes)


def application_lifecycle(
    activity_id: int, *, severity_id: int, time: int | None, app: Product, **attributes: Any
) -> OcsfEvent:
    """Class 6002."""
    attributes["app"] = app
    return _build(APPLICATION_LIFECYCLE, activity_id, severity_id, time, attributes)


def application_error(
    activity_id: int, *, severity_id: int, time: int | None, **attributes: Any
) -> OcsfEvent:
    """Class 6008."""
    return _build(APPLICATION_ERROR, activity_id, severity_id, time, attributes)


def base_event(activity_name: str, *, time: int | None, **attributes: Any) -> OcsfEvent:
    """Class 0, activity 99: what nobody could map. `activity_name` is the source's own word."""
    attributes["activity_name"] = activity_name or "unknown"
    return _build(BASE_EVENT, OTHER, 0, time, attributes)
