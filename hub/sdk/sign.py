"""Sign a body the way a scheme says: for the core's sender, the sandbox and tests."""

import base64
import hmac

from hub.sdk.ed25519 import is_ed25519, sign_ed25519
from hub.sdk.verify import Scheme, key_of, signed_bytes

__all__ = ["encode_digest", "sign"]


def encode_digest(digest: bytes, encoding: str) -> str:
    """Write a digest as `hex` (lower case), `base64` or `base64url` (both padded)."""
    if encoding == "hex":
        return digest.hex()
    encode = base64.b64encode if encoding == "base64" else base64.urlsafe_b64encode
    return encode(digest).decode("ascii")


def sign(
    scheme: Scheme, *secrets: bytes, body: bytes, delivery_id: str = "", timestamp_s: int | None = None
) -> dict[str, str]:
    """Headers that prove `body`; several secrets (a rotation) give several signatures where there is room.

    Standard Webhooks: a secret `whsec_...` gives a v1, a key `whsk_...` a v1a. A delivery id may hold no dot.
    Raises `ValueError` when a signed delivery id or timestamp is not given, or a secret is unfit.
    """
    stamped = "timestamp" in scheme.content or bool(scheme.timestamp_header)
    if stamped and timestamp_s is None:
        raise ValueError(f"scheme {scheme.name} signs a timestamp; give timestamp_s")
    if "id" in scheme.content and (not delivery_id or "." in delivery_id):
        raise ValueError(f"scheme {scheme.name} signs a delivery id; give delivery_id, without a dot")
    stamp = str(timestamp_s) if stamped else ""
    content = signed_bytes(scheme, delivery_id, stamp, body)
    texts = [_signature(scheme, secret, content) for secret in secrets]
    headers = {scheme.headers[0]: _join(scheme, stamp, texts)}
    if scheme.id_header and delivery_id:
        headers[scheme.id_header] = delivery_id
    if scheme.timestamp_header:
        headers[scheme.timestamp_header] = stamp
    return headers


def _signature(scheme: Scheme, secret: bytes, content: bytes) -> str:
    standard = scheme.form == "standard-webhooks"
    if standard and is_ed25519(secret):
        return f"v1a,{encode_digest(sign_ed25519(secret, content), 'base64')}"
    key = key_of(scheme, secret)
    if not key:
        raise ValueError(f"scheme {scheme.name} cannot use this secret; it wants {scheme.secret}")
    text = encode_digest(hmac.digest(key, content, scheme.algorithm), scheme.encoding)
    return f"v1,{text}" if standard else text


def _join(scheme: Scheme, stamp: str, texts: list[str]) -> str:
    if scheme.form == "t=,v1=":
        return ",".join([f"t={stamp}", *[f"v1={text}" for text in texts]])
    if scheme.form == "standard-webhooks":
        return " ".join(texts)
    if len(texts) != 1:
        raise ValueError(f"scheme {scheme.name} has room for one signature, not {len(texts)}")
    return scheme.prefix + texts[0]
