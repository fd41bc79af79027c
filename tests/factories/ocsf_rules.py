"""Rules of OCSF 1.8 that its JSON Schema does not express, for every event that we emit."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hub.model.ocsf_classes import (
    ACTIONS,
    CLASSES,
    COMPLIANCE_STATUSES,
    DIRECTIONS,
    DISPOSITIONS,
    FINDING_STATUSES,
    OTHER,
    SEVERITIES,
    STATUSES,
    VERDICTS,
    VERSION,
)

__all__ = ["check"]

Event = Mapping[str, Any]

_SECONDS = range(100_000_000, 100_000_000_000)
"""As seconds 1973 to 5138; as milliseconds 2 January 1970 to March 1973, when nobody filtered mail."""
_FINDINGS_CATEGORY = 2
_CAPTIONS = {
    "severity": SEVERITIES,
    "action": ACTIONS,
    "disposition": DISPOSITIONS,
    "direction": DIRECTIONS,
    "verdict": VERDICTS,
}
_PROFILE_ATTRIBUTES = {
    "security_control": ("action_id", "disposition_id", "is_alert", "confidence_score", "malware", "policy"),
    "host": ("device",),
    "incident": ("verdict_id", "priority_id", "impact_id", "assignee", "tickets", "src_url"),
}
_ACTOR_BY_PROFILE = (0, 4009, 6002, 6008)
"""Classes whose `actor` comes with the profile `host`."""
_DEPRECATED = {
    "smtp_from",
    "smtp_to",
    "reply_to",
    "delivered_to",
    "credential_uid",
    "invoked_by",
    "product_uid",
}


def check(event: Event) -> list[str]:
    """Say what is wrong with an event of ours beyond its JSON Schema; an empty list when nothing is."""
    return [problem for rule in _RULES for problem in rule(event)]


def _times(event: Event) -> Iterator[str]:
    metadata = event.get("metadata", {})
    finding = event.get("finding_info", {})
    named = [(name, event.get(name)) for name in ("time", "start_time", "end_time")]
    named += [("metadata.logged_time", metadata.get("logged_time"))]
    named += [(f"finding_info.{name}", finding.get(name)) for name in ("first_seen_time", "last_seen_time")]
    for name, value in named:
        if value is None:
            continue
        if type(value) is not int:
            yield f"{name} is {value!r}, not an integer of milliseconds"
        elif value in _SECONDS:
            yield f"{name} = {value} looks like seconds; OCSF wants milliseconds"


def _class(event: Event) -> Iterator[str]:
    kind = CLASSES.get(event.get("class_uid", -1))
    if kind is None:
        yield f"class_uid {event.get('class_uid')!r} is none that we emit"
        return
    if event.get("category_uid") != kind.category:
        yield f"category_uid {event.get('category_uid')!r} is not {kind.category} of {kind.name}"
    activity = event.get("activity_id")
    if event.get("type_uid") != kind.uid * 100 + (activity or 0):
        yield f"type_uid {event.get('type_uid')!r} is not class_uid * 100 + activity_id"
    caption = kind.activities.get(activity)  # type: ignore[arg-type]  # a missing activity has no caption
    name = event.get("activity_name")
    if not name or (activity != OTHER and name != caption):
        yield f"activity_name {name!r} is not {caption!r}"
    if activity == OTHER and name == "Other":
        yield "activity_id 99 without the source's own word in activity_name"


def _siblings(event: Event) -> Iterator[str]:
    tables = dict(_CAPTIONS)
    tables["status"] = FINDING_STATUSES if event.get("category_uid") == _FINDINGS_CATEGORY else STATUSES
    yield from _texts(event, tables, "")
    if "compliance" in event:
        yield from _texts(event["compliance"], {"status": COMPLIANCE_STATUSES}, "compliance.")
    for path in ("user", "device", "entity"):
        inner = event.get(path, {})
        if inner.get("type_id") == OTHER and not inner.get("type"):
            yield f"{path}.type_id 99 without {path}.type"


def _texts(event: Event, tables: Mapping[str, Mapping[int, str]], path: str) -> Iterator[str]:
    for name, captions in tables.items():
        number, text = event.get(f"{name}_id"), event.get(name)
        if number is None:
            if text is not None:
                yield f"{path}{name} without {path}{name}_id"
        elif number == OTHER:
            if not text or text == "Other":
                yield f"{path}{name}_id 99 without the source's own word in {path}{name}"
        elif text is not None and text != captions.get(number):
            yield f"{path}{name} {text!r} is not {captions.get(number)!r}"


def _metadata(event: Event) -> Iterator[str]:
    metadata = event.get("metadata", {})
    if metadata.get("version") != VERSION:
        yield f"metadata.version is {metadata.get('version')!r}, not {VERSION}"
    for name in ("uid", "tenant_uid", "event_code", "log_provider", "logged_time"):
        if metadata.get(name) is None:
            yield f"metadata.{name} is missing"
    profiles = metadata.get("profiles")
    if not isinstance(profiles, list):
        yield "metadata.profiles is missing; list them, be it none"
        return
    if profiles != sorted(set(profiles)):
        yield f"metadata.profiles {profiles} are not sorted and distinct"
    for profile, attributes in _PROFILE_ATTRIBUTES.items():
        used = [name for name in attributes if name in event]
        if used and profile not in profiles:
            yield f"{', '.join(used)} need profile {profile} listed"
    if "actor" in event and event.get("class_uid") in _ACTOR_BY_PROFILE and "host" not in profiles:
        yield "actor needs profile host listed"


def _raw(event: Event) -> Iterator[str]:
    if not isinstance(event.get("raw_data"), str):
        yield "raw_data is missing or no string"
    if "unmapped" in event and not isinstance(event["unmapped"], dict):
        yield "unmapped is no object"


def _deprecated(event: Event) -> Iterator[str]:
    for path, inner in (("", event), ("email.", event.get("email", {})), ("user.", event.get("user", {}))):
        yield from (f"{path}{name} is deprecated" for name in sorted(_DEPRECATED & set(inner)))


_RULES: tuple[Callable[[Event], Iterator[str]], ...] = (
    _times,
    _class,
    _siblings,
    _metadata,
    _raw,
    _deprecated,
)
