"""JSON as received: decode tolerantly, and cut arrays and objects into the exact bytes of their parts."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

__all__ = ["decode", "elements", "members", "more_than"]

_decode = msgspec.json.Decoder().decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_raw_decode = json.JSONDecoder().raw_decode
_space = re.compile(r"[ \t\r\n]*").match
_BOM = b"\xef\xbb\xbf"


def decode(raw: bytes) -> Any:
    """Decode strict JSON, or what Python's own parser takes besides (lone surrogates, NaN, huge numbers).

    Raises `ValueError` for anything else, too deep nesting included.
    """
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    try:
        return json.loads(raw.removeprefix(_BOM))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def elements(raw: bytes) -> list[bytes]:
    """Cut an array into the bytes of its elements. Raises `ValueError`."""
    try:
        return [bytes(part) for part in _elements(raw)]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [part for _, part in _scan(raw, "[", "]")]


def more_than(most: int, raw: bytes) -> bool:
    """Whether it is an array of more than `most` elements, without cutting it up. Never raises."""
    if raw.removeprefix(_BOM).lstrip()[:1] != b"[":
        return False
    try:
        return len(_elements(raw)) > most
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    try:
        text = raw.removeprefix(_BOM).decode()
        crowded = sum(1 for _ in islice(_parts(text, "[", "]"), most + 1)) > most
        return crowded and isinstance(decode(raw), list)
    except (IndexError, RecursionError, ValueError):
        return False


def members(raw: bytes) -> dict[str, bytes]:
    """Cut an object into its names and the bytes of their values. Raises `ValueError`."""
    try:
        return {name: bytes(part) for name, part in _members(raw).items()}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return dict(_scan(raw, "{", "}"))


def _scan(raw: bytes, opening: str, closing: str) -> list[tuple[str, bytes]]:
    """The slow way, with Python's own more tolerant parser: `(name or empty, bytes)` of each part."""
    try:
        text = raw.removeprefix(_BOM).decode()
        return list(_parts(text, opening, closing))
    except (IndexError, RecursionError) as error:
        raise ValueError(f"no complete JSON value between {opening} and {closing}") from error


def _parts(text: str, opening: str, closing: str) -> Iterator[tuple[str, bytes]]:
    at = _skip(text, 0)
    _expect(text, at, opening)
    begin = at = _skip(text, at + 1)
    while text[at] != closing:
        if at > begin:
            _expect(text, at, ",")
            at = _skip(text, at + 1)
        name = ""
        if opening == "{":
            _expect(text, at, '"')
            name, at = _raw_decode(text, at)
            at = _skip(text, at)
            _expect(text, at, ":")
            at = _skip(text, at + 1)
        _, end = _raw_decode(text, at)
        yield name, text[at:end].encode()
        at = _skip(text, end)
    if _skip(text, at + 1) != len(text):
        raise ValueError(f"something follows the last {closing}")


def _skip(text: str, at: int) -> int:
    match = _space(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, wanted: str) -> None:
    if text[at] != wanted:
        raise ValueError(f"{wanted!r} expected at character {at}")
