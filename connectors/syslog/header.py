"""The head of a message (RFC 5424 section 6): `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD `."""

import re
import socket
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, get_args

from connectors.syslog.cut import cut, plain
from connectors.syslog.options import Facility, SyslogOptions
from hub.model.event import Entry, Header
from hub.model.ids import uid_text
from hub.model.ocsf_classes import API_ACTIVITY, APPLICATION_LIFECYCLE, AUTHENTICATION

__all__ = ["Heads", "message_id", "parameter", "severity", "timestamp"]

_SEVERITIES: Final = {6: 2, 5: 2, 4: 3, 3: 4, 2: 5, 1: 6}
"""OCSF `severity_id` to syslog: fatal and critical 2 crit, high 3 err, medium 4 warning, low 5 notice."""
_INFO: Final = 6
_NIL: Final = "-"
_MAX_MSGID: Final = 32
_MAX_VALUE_BYTES: Final = 128
"""A vendor's event name may be hostile; a head must leave room for its message."""
_MAX_MS: Final = 253_402_300_800_000
"""10000-01-01T00:00:00Z, which a timestamp cannot say."""
_IAM: Final = 3
_AUDITED: Final = frozenset({API_ACTIVITY.uid, APPLICATION_LIFECYCLE.uid})
_not_printable = re.compile(r"[^\x21-\x7e]")
_escaped = str.maketrans({'"': '\\"', "\\": "\\\\", "]": "\\]"})


def severity(severity_id: int) -> int:
    """Syslog's severity, 2 to 6, of an OCSF `severity_id`; unknown and other are 6 (info)."""
    return _SEVERITIES.get(severity_id, _INFO)


def timestamp(header: Header) -> str:
    """The event's time as `2026-05-01T07:42:13.000Z`; a time outside 1970 to 9999 is replaced by when we
    recorded it, and `-` when that is no better.
    """
    for ms in (header.time_ms, header.recorded_ms):
        if 0 <= ms < _MAX_MS:
            return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"
    return _NIL


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


def message_id(code: str) -> str:
    """MSGID: the vendor's event name in printable ASCII, cut to 32; `-` when there is none."""
    return _not_printable.sub("_", code[:_MAX_MSGID]) or _NIL


def parameter(value: str) -> str:
    r"""A PARAM-VALUE without its quotes: `"`, `\` and `]` escaped, no control characters, 128 bytes at most
    before escaping.
    """
    return cut(plain(value[: _MAX_VALUE_BYTES + 1]), _MAX_VALUE_BYTES, "…").decode().translate(_escaped)


class Heads:
    """Makes heads; what all messages share is put together once."""

    def __init__(self, options: SyslogOptions) -> None:
        names = get_args(Facility)
        usual = names.index(options.facility)
        self._facility = usual
        self._audit = names.index(options.audit_facility) if options.audit_facility else usual
        self._auth = names.index(options.auth_facility) if options.auth_facility else usual
        self._from = f"{options.hostname or _own_name()} {options.app_name} {_NIL}"
        self._sd_id = f"mxhub@{options.enterprise_number}" if options.structured_data else None
        self._bom = b"\xef\xbb\xbf" if options.bom else b""

    def of(self, entry: Entry) -> bytes:
        """The head with the space before MSG, and with the byte order mark where that is wanted."""
        header = entry.header
        priority = self._facility_of(header.class_uid) * 8 + severity(header.severity)
        text = (
            f"<{priority}>1 {timestamp(header)} {self._from} {message_id(header.code)} {self._data(entry)} "
        )
        return text.encode() + self._bom

    def _facility_of(self, class_uid: int) -> int:
        if class_uid == AUTHENTICATION.uid:
            return self._auth
        is_audit = class_uid // 1000 == _IAM or class_uid in _AUDITED
        return self._audit if is_audit else self._facility

    def _data(self, entry: Entry) -> str:
        if self._sd_id is None:
            return _NIL
        header = entry.header
        return (
            f'[{self._sd_id} id="{uid_text(entry.uid)}" tenant="{parameter(header.tenant)}" '
            f'source="{parameter(header.source)}" code="{parameter(header.code)}"]'
        )


def _own_name() -> str:
    return _not_printable.sub("_", socket.gethostname())[:255] or _NIL
