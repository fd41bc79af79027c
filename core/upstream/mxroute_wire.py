"""Documents of MXroute's API as our records, tolerant of what is missing."""

from collections.abc import Mapping
from html import unescape
from typing import Any

from core.dns.expected import MailServer, Txt
from core.upstream.provider import HostedRecords, Mailbox

__all__ = ["as_dict", "as_list", "mailbox", "plain", "records", "txt"]


def plain(value: Any) -> Any:
    """The document with its texts as they were written: `&amp;` is an ampersand."""
    if isinstance(value, str):
        return unescape(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def mailbox(found: Mapping[str, Any]) -> Mailbox:
    used, sent = found.get("usage"), found.get("sent")
    return Mailbox(
        username=str(found.get("username")),
        quota_mb=_int(found.get("quota")),
        send_limit=_int(found.get("limit")),
        used_mb=float(used) if isinstance(used, int | float) else None,
        sent_today=sent if isinstance(sent, int) else None,
        is_suspended=found.get("suspended") is True,
    )


def records(found: Mapping[str, Any], verification: Txt | None) -> HostedRecords:
    """The answer of `/domains/{domain}/dns`."""
    servers = [as_dict(each) for each in as_list(found.get("mx_records"))]
    return HostedRecords(
        mx=tuple(
            MailServer(priority=_int(each.get("priority")), host=str(each.get("hostname")).lower())
            for each in servers
        ),
        spf=str(as_dict(found.get("spf")).get("value", "")),
        dkim=txt(found.get("dkim")),
        verification=verification,
    )


def txt(found: object) -> Txt | None:
    record = as_dict(found)
    name, value = record.get("name"), record.get("value")
    return Txt(name=name, value=value) if isinstance(name, str) and isinstance(value, str) else None


def _int(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) else 0


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
