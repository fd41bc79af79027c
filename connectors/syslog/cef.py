r"""Events as ArcSight Common Event Format: `CEF:0|vendor|product|version|class|name|severity|keys`.

The header escapes `\` and `|`, the extension `\`, `=` and line ends; each key has a limit of its own, in
characters. Where the value of a key is no fact of mail, custom strings with labels take it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from connectors.syslog.cef_facts import facts_of
from connectors.syslog.cut import cut, plain
from hub.model.event import Entry
from hub.sdk.http import user_agent

__all__ = ["LIMITS", "cef_line", "escape_header", "escape_value", "severity"]

_SEVERITIES: Final = {1: 1, 2: 3, 3: 5, 4: 8, 5: 9, 6: 10}
"""OCSF `severity_id` to 0-10: 0-3 is low, 4-6 medium, 7-8 high, 9-10 very high."""
_MAX_CLASS: Final = 1023
_MAX_NAME: Final = 512
_MARK: Final = "…"
_TRUNCATED: Final = ("flexString1Label=truncated", "flexString1=yes")
_VERSION: Final = user_agent().partition("/")[2][:31]

LIMITS: Final[Mapping[str, int]] = {
    "act": 63, "app": 31, "cat": 1023, "destinationDnsDomain": 255, "dhost": 1023, "duser": 1023,
    "dvchost": 100, "externalId": 40, "fname": 1023, "msg": 1023, "outcome": 63, "reason": 1023,
    "request": 1023, "shost": 1023, "sourceDnsDomain": 255, "suser": 1023,
}  # fmt: skip
"""Characters of a value; a custom string (`cs1` to `cs6`) takes 4,000, a label 1,023."""
_MAX_CUSTOM: Final = 4000

_ESCAPES: Final = {"\\": "\\\\", "=": "\\=", "\n": "\\n", "\r": "\\r"}
_header_escapes = str.maketrans({"\\": "\\\\", "|": "\\|"})
_controls = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""All but line ends."""
_escaped_in_value = re.compile(r"[\\=\r\n]")


def severity(severity_id: int) -> int:
    """0 to 10 of an OCSF `severity_id`; unknown and other are 0."""
    return _SEVERITIES.get(severity_id, 0)


def escape_header(text: str, most: int) -> str:
    """A field of the header: on one line, at most `most` characters before escaping."""
    return _limited(plain(text).strip(), most).translate(_header_escapes)


def escape_value(text: str, most: int) -> str:
    r"""A value of the extension: at most `most` characters before escaping; line ends stay, as `\n`."""
    held = text.strip().replace("\r\n", "\n")[: most + 1]
    kept = _limited(_controls.sub(" ", held), most)
    return _escaped_in_value.sub(_escape, kept)


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES[found[0]]


def _limited(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_MARK)] + _MARK


def cef_line(entry: Entry, room: int) -> bytes:
    """The event as one line of at most `room` bytes.

    One that is longer loses whole keys, the least important first, and says `flexString1=yes` under the
    label `truncated`; only when its head alone is too long, it is cut.
    """
    facts = facts_of(entry)
    head = "|".join(
        (
            "CEF:0",
            "mxhub",
            "mxhub",
            _VERSION,
            escape_header(facts.code, _MAX_CLASS),
            escape_header(facts.name, _MAX_NAME),
            f"{severity(entry.header.severity)}|",
        )
    )
    groups = [_pairs(*group) for group in facts.groups]
    whole = _joined(head, groups)
    if len(whole) <= room:
        return whole
    while groups:
        groups.pop()
        less = _joined(head, [*groups, _TRUNCATED])
        if len(less) <= room:
            return less
    return cut(head, room)


def _pairs(key: str, value: str, label: str) -> Sequence[str]:
    said = f"{key}={escape_value(value, LIMITS.get(key, _MAX_CUSTOM))}"
    return (said,) if not label else (f"{key}Label={label}", said)


def _joined(head: str, groups: Sequence[Sequence[str]]) -> bytes:
    return (head + " ".join([pair for group in groups for pair in group])).encode("utf-8", "replace")
