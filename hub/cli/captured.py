"""Requests that were kept: the lines of a capture, or headers and body in files of their own."""

import base64
import binascii
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

__all__ = ["Request", "of_capture", "of_files"]

_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One webhook as it came."""

    source: str
    at_s: float
    headers: dict[str, str]
    body: bytes
    reason: str = ""
    """Why it was refused then."""


def of_capture(path: Path) -> list[Request]:
    """Every request of a capture file (JSON lines of `at_ms`, `source`, `headers`, `body_b64`, `reason`).

    Raises `ValueError` naming the line that is no such object, or when there is none at all.
    """
    found = [
        _parsed(path, number, line) for number, line in enumerate(_read(path).splitlines(), 1) if line.strip()
    ]
    if not found:
        raise ValueError(f"{path}: no request was captured")
    return found


def _parsed(path: Path, number: int, line: bytes) -> Request:
    try:
        fields: Any = orjson.loads(line)
        return Request(
            source=str(fields["source"]),
            at_s=float(fields["at_ms"]) / 1000,
            headers={str(name): str(value) for name, value in fields["headers"].items()},
            body=base64.b64decode(fields["body_b64"], validate=True),
            reason=str(fields.get("reason", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        why = f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} line {number} is no captured request: {why}") from None


def of_files(headers: Path, body: Path, at: str | None) -> Request:
    """One request from two files. Raises `ValueError` for what cannot be read."""
    return Request("", _moment(at), _headers(headers), _read(body))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > _MAX_BYTES:
        raise ValueError(f"{path} is larger than {_MAX_BYTES} bytes")
    return raw


def _headers(path: Path) -> dict[str, str]:
    text = _read(path).decode("utf-8", "surrogateescape")
    if text.lstrip().startswith("{"):
        try:
            fields: Any = orjson.loads(text.encode("utf-8", "surrogateescape"))
        except orjson.JSONDecodeError as error:
            raise ValueError(f"{path}: {error}") from None
        return {str(name): str(value) for name, value in fields.items()}
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, value = line.partition(":")
        if colon and name.strip():
            found[name.strip()] = value.strip()
        elif line.strip() and number > 1:  # the first line may be the request line
            raise ValueError(f"{path} line {number} is no header: write 'Name: value'")
    return found


def _moment(at: str | None) -> float:
    if at is None:
        return time.time()
    try:
        return float(at)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise ValueError(f"--at {at!r} is no time: write 2026-05-01T08:00:00Z or epoch seconds") from None
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
