"""The forms in which an endpoint may want its events, and how each is signed.

Standard Webhooks (github.com/standard-webhooks, "Signature scheme"): `webhook-id` is the event's and the same
at every attempt, `webhook-timestamp` the attempt's, `webhook-signature` has a `v1,` for every live secret.
Where a header has room for one signature, the newest secret makes it; `<header>-Previous` has that of the one
before, as long as that is valid.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson

from core.outward import mxguard_form, sentinel_form
from core.outward.letter import Letter
from core.store.clock import iso_millis, iso_seconds
from hub.sdk.http import user_agent
from hub.sdk.sign import sign
from hub.sdk.verify import STANDARD_WEBHOOKS

__all__ = ["FORMS", "Form", "Push", "hex_signature", "new_secret", "signed_hex"]

_LEAST_KEY, _MOST_KEY = 24, 64
_LEAST_TEXT, _MOST_TEXT = 16, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One request as it goes out."""

    body: bytes
    headers: Mapping[str, str]


Render = Callable[[Letter, Sequence[str], int], Push]
"""`(letter, live secrets, newest first, seconds since the epoch) -> request`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """`check` raises `ValueError` for a secret of the customer's own that the form cannot use."""

    title: str
    render: Render
    check: Callable[[str], None]


def new_secret() -> str:
    """`whsec_` and the base64 of 32 random bytes: fits every form."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def hex_signature(secret: str, body: bytes) -> str:
    """`sha256=` and the lower-case hexadecimal HMAC-SHA256; the key is the secret's text as it was shown."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def signed_hex(header: str, live: Sequence[str], body: bytes) -> dict[str, str]:
    """The header, and its `-Previous` while a secret goes out of use."""
    names = (header, f"{header}-Previous")
    return {name: hex_signature(secret, body) for name, secret in zip(names, live, strict=False)}


def standard(letter: Letter, live: Sequence[str], now_s: int) -> Push:
    """Standard Webhooks, and `X-Signature` for receivers that only know an HMAC of the body."""
    keys = [secret.encode() for secret in live]
    proof = sign(STANDARD_WEBHOOKS, *keys, body=letter.body, delivery_id=letter.id, timestamp_s=now_s)
    return _push(letter.body, {**proof, **signed_hex("X-Signature", live, letter.body)})


def mailsentinel(letter: Letter, live: Sequence[str], now_s: int) -> Push:
    """`{"event", "timestamp", "data"}` (MailSentinel's API overview, "Webhook Payload"); the page names no
    signature, so the headers are those of the standard form.
    """
    body = orjson.dumps(
        {"event": letter.name, "timestamp": iso_seconds(letter.at_ms), "data": sentinel_form.data_of(letter)}
    )
    headers = {"webhook-id": letter.id, "webhook-timestamp": str(now_s)}
    return _push(body, {**headers, **signed_hex("X-Signature", live, body)})


def mxguard(letter: Letter, live: Sequence[str], now_s: int) -> Push:
    """`core.outward.mxguard_form`."""
    body = mxguard_form.body_of(letter)
    keys = [secret.encode() for secret in live]
    proof = sign(mxguard_form.MXGUARD, *keys, body=body, timestamp_s=now_s)
    return _push(body, proof, agent="MxGuard-Webhook/1.0")


def mailguard(letter: Letter, live: Sequence[str], now_s: int) -> Push:
    """`{"id", "event", "timestamp", "node_id", "data"}` with `X-MailGuard-Signature`."""
    del now_s  # its signature is of the body alone
    said = {"id": letter.id, "event": letter.name, "timestamp": iso_millis(letter.at_ms)}
    body = orjson.dumps({**said, "node_id": letter.node_id, "data": letter.data})
    return _push(body, signed_hex("X-MailGuard-Signature", live, body), agent="MailGuard-Webhook/1.0")


def _push(body: bytes, headers: Mapping[str, str], agent: str = "") -> Push:
    ours = {"Content-Type": "application/json", "User-Agent": agent or user_agent()}
    return Push(body=body, headers={**ours, **headers})


def _check_standard(secret: str) -> None:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not _LEAST_KEY <= len(key) <= _MOST_KEY:
        raise ValueError(f"write whsec_ and the base64 of {_LEAST_KEY} to {_MOST_KEY} random bytes")


def _check_text(secret: str) -> None:
    fits = secret.isascii() and secret.isprintable() and " " not in secret
    if not fits or not _LEAST_TEXT <= len(secret) <= _MOST_TEXT:
        raise ValueError(f"write {_LEAST_TEXT} to {_MOST_TEXT} visible ASCII characters")


FORMS: Final[Mapping[str, Form]] = {
    "standard": Form(title="Standard Webhooks", render=standard, check=_check_standard),
    "mxguard": Form(title="as MxGuard sends them", render=mxguard, check=_check_text),
    "mailguard": Form(title="as MailGuard sends them", render=mailguard, check=_check_text),
    "mailsentinel": Form(title="as MailSentinel sends them", render=mailsentinel, check=_check_text),
}
"""By the name that `webhooks.form` has."""
