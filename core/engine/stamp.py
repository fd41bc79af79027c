"""Headers that the scan puts on a message, and how they get there without touching another byte."""

import re
from collections.abc import Sequence

from core.engine.policy import DomainPolicy, HeaderNames
from core.engine.signals import Symbol
from core.engine.verdict import Action

__all__ = ["headers_for", "stamp"]

MAX_HEADER_BYTES = 1024 * 1024
_FOLD = (b" ", b"\t")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_SUBJECT = re.compile(rb"subject[ \t]*:[ \t]?", re.IGNORECASE)


def headers_for(
    fate: Action, score: float, symbols: Sequence[Symbol], policy: DomainPolicy
) -> tuple[tuple[str, str], ...]:
    """The domain's headers for a fate: score, status and symbols on all mail, the flag on tagged and held
    mail.
    """
    names, limits = policy.headers, policy.thresholds
    spam = fate != "deliver"
    listed = ",".join(one.name for one in symbols) or "none"
    rows = (
        (names.flag, names.flag_value if spam else ""),
        (names.score, f"{score:.2f}"),
        (names.status, f"{'Yes' if spam else 'No'}, score={score:.2f} required={limits.tag:.2f}"),
        (names.symbols, listed.replace(",", ",\r\n\t")),
    )
    return tuple((name, value) for name, value in rows if name and value)


def stamp(
    message: bytes, headers: Sequence[tuple[str, str]], hostname: str, names: HeaderNames, prefix: str = ""
) -> bytes:
    """The message with headers on top, without those that a sender forged.

    Taken out: headers of the names that we set, and Authentication-Results that claim to be of `hostname`
    (RFC 8601 5). `prefix` goes before the subject. Every other byte stays as it came.
    """
    ours = {name.lower().encode() for name in (names.flag, names.score, names.status, names.symbols) if name}
    fields, rest = _split(message)
    kept = [one for one in fields if not _forged(one, ours, hostname.lower().encode())]
    newline = b"\r\n" if b"\r\n" in message[:MAX_HEADER_BYTES] or b"\n" not in message else b"\n"
    added = "".join(f"{name}: {value}\r\n" for name, value in headers)
    top = added.encode("utf-8", "replace").replace(b"\r\n", newline)
    return top + _seam(kept, rest, newline) + b"".join(_prefixed(kept, prefix)) + rest


def _seam(fields: Sequence[bytes], rest: bytes, newline: bytes) -> bytes:
    """What keeps the message's first bytes from becoming part of the headers above them."""
    if fields:
        return b"X-Fragment:" + newline if fields[0][:1] in _FOLD else b""
    return b"" if rest.startswith((b"\r", b"\n")) else newline


def _split(message: bytes) -> tuple[list[bytes], bytes]:
    """Header fields with their folded lines, and everything from the empty line on."""
    fields: list[bytes] = []
    at = 0
    for match in _LINE.finditer(message):
        line = match[0]
        if not line.strip(b"\r\n") or (b":" not in line and line[:1] not in _FOLD):
            break
        if line[:1] in _FOLD and fields:
            fields[-1] += line
        else:
            fields.append(line)
        at = match.end()
        if at > MAX_HEADER_BYTES:
            break
    return fields, message[at:]


def _forged(one: bytes, ours: set[bytes], hostname: bytes) -> bool:
    name, _, value = one.partition(b":")
    plain = name.strip().lower()
    if plain == b"authentication-results":
        claimed = re.sub(rb"\([^)]*\)", b"", value).strip().lower().partition(b";")[0].split()
        return bool(claimed) and claimed[0].strip(b'"') == hostname
    return plain in ours


def _prefixed(fields: Sequence[bytes], prefix: str) -> list[bytes]:
    if not prefix:
        return list(fields)
    mark = prefix.encode("ascii", "replace") + b" "
    changed, done = [], False
    for one in fields:
        found = None if done else _SUBJECT.match(one)
        changed.append(one if found is None else one[: found.end()] + mark + one[found.end() :])
        done = done or found is not None
    return changed
