"""What of a change may stand in the audit log: plain JSON data, without secrets, of a bounded size."""

import json
import math
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from hub.sql.columns import writable
from hub.telemetry.redact import MASK, is_secret_name

__all__ = ["MAX_BYTES", "canonical", "plain"]

MAX_BYTES = 64 * 1024
"""Of the canonical form of one value; of a larger one its size and hash are kept."""
_MAX_DEPTH = 16
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAME = re.compile(
    r"(^|_)(pass|password_hash|token_hash|key_hash|totp|otp|seed|recovery_codes?|pin|signing_key|private_key_pem"
    r"|login_link|login_url|reset_link|verify_token|session|session_id|csrf)$"
)
_VALUE = re.compile(
    r"\b(?:whsec_|whsk_)[\w+/=-]{8,}"  # webhook secrets
    r"|\b(?P<head>[a-z]{2,6}_(?:live|test)_)[\w-]{16,}"  # API keys
    r"|(?P<scheme>(?i:bearer|basic) +)[\w.+/=~-]{8,}"
    r"|(?P<url>\b\w+://[^\s/:@]*:)[^\s/@]+(?=@)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)


def canonical(value: Any) -> bytes:
    """The one form of JSON data that is signed: names sorted, no blanks, ASCII.

    Raises `ValueError` or `TypeError` for what JSON does not know; `plain` leaves nothing of the kind.
    """
    return _canonical.encode(value).encode("ascii")


def plain(value: Any) -> Any:
    """The value as JSON data that both servers give back unchanged, its secrets masked. Never raises."""
    found = _plain(value, 0)
    form = canonical(found)
    if len(form) > MAX_BYTES:
        return {"omitted": f"{len(form)} bytes", "sha256": sha256(form).hexdigest()}
    return found


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth > _MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return {_text(str(name)): _item(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return _text(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _item(name: str, value: Any, depth: int) -> Any:
    return MASK if value and _is_secret(name) else _plain(value, depth)


def _is_secret(name: str) -> bool:
    snake = _CAMEL.sub("_", name).replace("-", "_").replace(" ", "_").lower()
    return is_secret_name(snake) or _NAME.search(snake) is not None


def _text(value: str) -> str:
    return writable(_VALUE.sub(_masked, value))


def _masked(found: re.Match[str]) -> str:
    return (found["head"] or found["scheme"] or found["url"] or "") + MASK
