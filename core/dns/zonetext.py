"""TXT data as zone files write it: quoted strings of at most 255 bytes (RFC 1035 sections 3.3.14 and 5.1)."""

import re

__all__ = ["quoted", "unquoted"]

_MOST_BYTES = 255
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_ESCAPE = re.compile(r"\\(\d{3}|.)", re.DOTALL)


def quoted(text: str) -> str:
    """The text as one or more quoted strings."""
    raw = text.encode()
    parts = [raw[start : start + _MOST_BYTES] for start in range(0, len(raw), _MOST_BYTES)] or [b""]
    return " ".join(f'"{_escaped(part)}"' for part in parts)


def unquoted(content: str) -> str:
    """The text of quoted strings, joined; a text that is not quoted stays as it is."""
    plain = content.strip()
    parts = _STRING.findall(plain)
    if not parts or _STRING.sub("", plain):
        return content
    raw = b"".join(_unescaped(part) for part in parts)
    return raw.decode("utf-8", "replace")


def _escaped(part: bytes) -> str:
    return "".join(_escaped_byte(byte) for byte in part)


def _escaped_byte(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"  # noqa: PLR2004


def _unescaped(part: str) -> bytes:
    found = bytearray()
    last = 0
    for match in _ESCAPE.finditer(part):
        found += part[last : match.start()].encode()
        word = match[1]
        found += bytes([int(word)]) if len(word) == 3 and int(word) < 256 else word.encode()  # noqa: PLR2004
        last = match.end()
    return bytes(found + part[last:].encode())
