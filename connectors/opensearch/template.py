"""The index template: every field that is searched is named; nothing else becomes part of the mapping.

`dynamic: false` keeps vendors' shapes from exploding or contradicting the mapping; `unmapped` and `raw_data`
are kept as they are, and never indexed. A value that does not fit its type is kept too, just not indexed
(`ignore_malformed`). OCSF attributes: https://schema.ocsf.io/1.8.0.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from connectors.opensearch.options import OpenSearchOptions

__all__ = ["VERSION", "digest_of", "mappings", "state_of", "template"]

VERSION: Final = 1
"""Raised with every change of the mapping: an upgraded mxhub then updates the template."""
_PRIORITY = 200

_KEYWORD: Final = {"type": "keyword", "ignore_above": 1024}
_NAME: Final = {**_KEYWORD, "normalizer": "lowercase"}
_TEXT: Final = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
_MILLIS: Final = {"type": "date", "format": "epoch_millis"}
_KEPT: Final = {"type": "object", "enabled": False}
_KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "keyword": _KEYWORD,
    "name": _NAME,
    "text": _TEXT,
    "millis": _MILLIS,
    "int": {"type": "integer"},
    "long": {"type": "long"},
    "ip": {"type": "ip"},
    "bool": {"type": "boolean"},
    "kept": _KEPT,
}

_FIELDS: Final[Mapping[str, str]] = {
    "keyword": """
        metadata.uid metadata.tenant_uid metadata.event_code metadata.log_provider
        metadata.original_event_uid metadata.correlation_uid metadata.labels
        metadata.product.name metadata.product.vendor_name metadata.product.version metadata.profiles
        metadata.version metadata.original_time device.type
        activity_name severity status status_code action disposition direction verdict
        email.message_uid email.from_mailbox email.to_mailboxes email.files.name email.uid
        email_auth.spf email_auth.dkim email_auth.dmarc email_auth.dmarc_policy
        actor.user.uid actor.user.type actor.app_name actor.app_uid user.uid user.type service.uid
        finding_info.uid finding_info.types finding_info.analytic.name compliance.status compliance.control
        entity.type entity.uid app.name app.vendor_name app.version api.operation api.service.name
        resources.uid resources.type observables.name observables.type raw_data_hash.value malware.name
    """,
    "name": """
        from to email.from email.to email.cc email_auth.dkim_domain actor.user.name actor.user.email_addr
        user.name user.email_addr service.name device.hostname device.name src_endpoint.hostname
        src_endpoint.name src_endpoint.domain dst_endpoint.hostname dst_endpoint.name dst_endpoint.domain
        entity.name resources.name observables.value
    """,
    "text": "message status_detail email.subject finding_info.title finding_info.desc compliance.desc",
    "millis": """
        time start_time end_time metadata.logged_time finding_info.first_seen_time finding_info.last_seen_time
    """,
    "int": """
        class_uid category_uid activity_id severity_id status_id action_id disposition_id direction_id
        verdict_id confidence_score count compliance.status_id entity.type_id device.type_id user.type_id
        actor.user.type_id
        observables.type_id src_endpoint.port dst_endpoint.port
    """,
    "long": "type_uid email.size raw_data_size",
    "ip": "src_endpoint.ip dst_endpoint.ip device.ip",
    "bool": "is_alert is_mfa",
    "kept": "unmapped raw_data evidences entity.data",
}


def mappings() -> dict[str, Any]:
    """The mapping of every index. `@timestamp` is another name of `time`: it costs no byte in a document."""
    root: dict[str, Any] = {"dynamic": False, "properties": {}}
    for kind, names in _FIELDS.items():
        for path in names.split():
            _place(root, path.split("."), _KINDS[kind])
    root["properties"]["@timestamp"] = {"type": "alias", "path": "time"}
    return root


def _place(node: dict[str, Any], path: list[str], field: Mapping[str, Any]) -> None:
    properties = node.setdefault("properties", {})
    if len(path) == 1:
        properties[path[0]] = dict(field)
    else:
        _place(properties.setdefault(path[0], {}), path[1:], field)


def template(options: OpenSearchOptions) -> dict[str, Any]:
    """Body of `PUT _index_template/<prefix>`; its `_meta` says whose it is and which version."""
    copies: dict[str, Any] = (
        {"auto_expand_replicas": "0-1"}
        if options.replicas is None
        else {"number_of_replicas": options.replicas}
    )
    body: dict[str, Any] = {
        "index_patterns": [f"{options.prefix}-*"],
        # A longer prefix is the more special one: `mxhub-lab` wins over `mxhub` for its own indices.
        "priority": _PRIORITY + len(options.prefix),
        "template": {
            "aliases": {options.prefix: {}},
            "settings": {
                "number_of_shards": options.shards,
                **copies,
                "refresh_interval": f"{int(options.refresh_s * 1000)}ms",
                "index.mapping.ignore_malformed": True,
            },
            "mappings": mappings(),
        },
    }
    return {**body, "_meta": {"mxhub": {"version": VERSION, "digest": digest_of(body)}}}


def digest_of(body: Mapping[str, Any]) -> str:
    """Tells two templates apart, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def state_of(found: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> str:
    """What stands in the cluster: `missing`, `current`, `older`, `newer` (of a later mxhub), or `foreign`."""
    if found is None:
        return "missing"
    meta, own = (found.get("_meta") or {}).get("mxhub"), ours["_meta"]["mxhub"]
    if not isinstance(meta, dict) or not isinstance(meta.get("version"), int):
        return "foreign"
    if meta["version"] > own["version"]:
        return "newer"
    return "current" if meta == own else "older"
