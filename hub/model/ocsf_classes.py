"""Ids and captions of the OCSF 1.8 classes and enumerations that we use (schema.ocsf.io/1.8.0)."""

from typing import Final, NamedTuple

__all__ = [
    "ACCOUNT_CHANGE",
    "ACTIONS",
    "API_ACTIVITY",
    "APPLICATION_ERROR",
    "APPLICATION_LIFECYCLE",
    "AUTHENTICATION",
    "BASE_EVENT",
    "CLASSES",
    "COMPLIANCE_FINDING",
    "COMPLIANCE_STATUSES",
    "DETECTION_FINDING",
    "DIRECTIONS",
    "DISPOSITIONS",
    "EMAIL_ACTIVITY",
    "ENTITY_MANAGEMENT",
    "FINDING_STATUSES",
    "OBSERVABLES",
    "OTHER",
    "SEVERITIES",
    "STATUSES",
    "VERDICTS",
    "VERSION",
    "OcsfClass",
]

VERSION: Final = "1.8.0"
OTHER: Final = 99
"""`*_id` = 99 says: the source's own word stands in the sibling text."""


class OcsfClass(NamedTuple):
    """One event class."""

    uid: int
    category: int
    name: str
    activities: dict[int, str]
    profiles: tuple[str, ...]
    """Listed in `metadata.profiles` of every event of the class; `incident` joins when a verdict is given."""


_FINDING = {0: "Unknown", 1: "Create", 2: "Update", 3: "Close", OTHER: "Other"}
_CONTROLLED = ("host", "security_control")

EMAIL_ACTIVITY: Final = OcsfClass(
    4009,
    4,
    "email_activity",
    {0: "Unknown", 1: "Send", 2: "Receive", 3: "Scan", 4: "Trace", 5: "MTA Relay", OTHER: "Other"},
    _CONTROLLED,
)
DETECTION_FINDING: Final = OcsfClass(2004, 2, "detection_finding", _FINDING, _CONTROLLED)
COMPLIANCE_FINDING: Final = OcsfClass(2003, 2, "compliance_finding", _FINDING, _CONTROLLED)
API_ACTIVITY: Final = OcsfClass(
    6003,
    6,
    "api_activity",
    {0: "Unknown", 1: "Create", 2: "Read", 3: "Update", 4: "Delete", OTHER: "Other"},
    _CONTROLLED,
)
AUTHENTICATION: Final = OcsfClass(
    3002,
    3,
    "authentication",
    {
        0: "Unknown",
        1: "Logon",
        2: "Logoff",
        3: "Authentication Ticket",
        4: "Service Ticket Request",
        5: "Service Ticket Renew",
        6: "Preauth",
        7: "Account Switch",
        OTHER: "Other",
    },
    _CONTROLLED,
)
ACCOUNT_CHANGE: Final = OcsfClass(
    3001,
    3,
    "account_change",
    {
        0: "Unknown",
        1: "Create",
        2: "Enable",
        3: "Password Change",
        4: "Password Reset",
        5: "Disable",
        6: "Delete",
        7: "Attach Policy",
        8: "Detach Policy",
        9: "Lock",
        10: "MFA Factor Enable",
        11: "MFA Factor Disable",
        12: "Unlock",
        OTHER: "Other",
    },
    _CONTROLLED,
)
ENTITY_MANAGEMENT: Final = OcsfClass(
    3004,
    3,
    "entity_management",
    {
        0: "Unknown",
        1: "Create",
        2: "Read",
        3: "Update",
        4: "Delete",
        5: "Move",
        6: "Enroll",
        7: "Unenroll",
        8: "Enable",
        9: "Disable",
        10: "Activate",
        11: "Deactivate",
        12: "Suspend",
        13: "Resume",
        OTHER: "Other",
    },
    _CONTROLLED,
)
APPLICATION_LIFECYCLE: Final = OcsfClass(
    6002,
    6,
    "application_lifecycle",
    {
        0: "Unknown",
        1: "Install",
        2: "Remove",
        3: "Start",
        4: "Stop",
        5: "Restart",
        6: "Enable",
        7: "Disable",
        8: "Update",
        OTHER: "Other",
    },
    ("host",),
)
APPLICATION_ERROR: Final = OcsfClass(
    6008,
    6,
    "application_error",
    {0: "Unknown", 1: "General Error", 2: "Translation Error", OTHER: "Other"},
    ("host",),
)
BASE_EVENT: Final = OcsfClass(0, 0, "base_event", {0: "Unknown", OTHER: "Other"}, ())

CLASSES: Final[dict[int, OcsfClass]] = {
    kind.uid: kind
    for kind in (
        EMAIL_ACTIVITY,
        DETECTION_FINDING,
        COMPLIANCE_FINDING,
        API_ACTIVITY,
        AUTHENTICATION,
        ACCOUNT_CHANGE,
        ENTITY_MANAGEMENT,
        APPLICATION_LIFECYCLE,
        APPLICATION_ERROR,
        BASE_EVENT,
    )
}

SEVERITIES: Final = {
    0: "Unknown",
    1: "Informational",
    2: "Low",
    3: "Medium",
    4: "High",
    5: "Critical",
    6: "Fatal",
    OTHER: "Other",
}
ACTIONS: Final = {0: "Unknown", 1: "Allowed", 2: "Denied", 3: "Observed", 4: "Modified", OTHER: "Other"}
DISPOSITIONS: Final = {
    0: "Unknown",
    1: "Allowed",
    2: "Blocked",
    3: "Quarantined",
    4: "Isolated",
    5: "Deleted",
    6: "Dropped",
    7: "Custom Action",
    8: "Approved",
    9: "Restored",
    10: "Exonerated",
    11: "Corrected",
    12: "Partially Corrected",
    13: "Uncorrected",
    14: "Delayed",
    15: "Detected",
    16: "No Action",
    17: "Logged",
    18: "Tagged",
    19: "Alert",
    20: "Count",
    21: "Reset",
    22: "Captcha",
    23: "Challenge",
    24: "Access Revoked",
    25: "Rejected",
    26: "Unauthorized",
    27: "Error",
    OTHER: "Other",
}
DIRECTIONS: Final = {0: "Unknown", 1: "Inbound", 2: "Outbound", 3: "Internal", 4: "Local", OTHER: "Other"}
STATUSES: Final = {0: "Unknown", 1: "Success", 2: "Failure", OTHER: "Other"}
FINDING_STATUSES: Final = {
    0: "Unknown",
    1: "New",
    2: "In Progress",
    3: "Suppressed",
    4: "Resolved",
    5: "Archived",
    6: "Deleted",
    OTHER: "Other",
}
COMPLIANCE_STATUSES: Final = {0: "Unknown", 1: "Pass", 2: "Warning", 3: "Fail", OTHER: "Other"}
VERDICTS: Final = {
    0: "Unknown",
    1: "False Positive",
    2: "True Positive",
    3: "Disregard",
    4: "Suspicious",
    5: "Benign",
    6: "Test",
    7: "Insufficient Data",
    8: "Security Risk",
    9: "Managed Externally",
    10: "Duplicate",
    OTHER: "Other",
}
OBSERVABLES: Final = {
    "hostname": 1,
    "ip": 2,
    "user_name": 4,
    "email_address": 5,
    "url": 6,
    "file_name": 7,
    "hash": 8,
    "subject": 40,
    "message_uid": 42,
}
