"""The asymmetric half of Standard Webhooks: `v1a` signatures and their keys.

`whsk_` + base64 is who signs, `whpk_` + base64 who verifies. A private key is its seed of 32 bytes, or seed
and public key together (64 bytes), as different senders write it.
Standard Webhooks, "Signature scheme":
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
"""

import binascii
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["SIGNATURE_BYTES", "is_ed25519", "public_of", "sign_ed25519", "verifies"]

SIGNATURE_BYTES: Final = 64
_PRIVATE, _PUBLIC = b"whsk_", b"whpk_"
_KEY_BYTES = 32
_KEYS: Final = 64
"""Keys that are kept read: reading one takes longer than signing with it."""


def is_ed25519(secret: bytes) -> bool:
    """Whether it is a key of this kind, by its prefix, and not an HMAC secret."""
    return secret.startswith((_PRIVATE, _PUBLIC))


def public_of(secret: bytes) -> str:
    """`whpk_...`: what the receiver needs. Raises `ValueError` for a key that is none."""
    key = _public(secret)
    if key is None:
        raise ValueError("write an ed25519 key as whsk_ or whpk_ and the base64 of its 32 bytes")
    return _PUBLIC.decode() + binascii.b2a_base64(key.public_bytes_raw(), newline=False).decode()


def sign_ed25519(secret: bytes, content: bytes) -> bytes:
    """64 bytes. Raises `ValueError` unless the secret is a private key."""
    key = _private(secret)
    if key is None:
        raise ValueError("to sign, write an ed25519 key as whsk_ and the base64 of its 32 bytes")
    return key.sign(content)


def verifies(secret: bytes, signature: bytes, content: bytes) -> bool:
    """Whether the key (either half) confirms the signature. Never raises."""
    from cryptography.exceptions import InvalidSignature

    key = _public(secret)
    if key is None:
        return False
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


@lru_cache(_KEYS)
def _private(secret: bytes) -> "Ed25519PrivateKey | None":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    raw = _decoded(secret, _PRIVATE)
    if len(raw) not in (_KEY_BYTES, 2 * _KEY_BYTES):
        return None
    key = Ed25519PrivateKey.from_private_bytes(raw[:_KEY_BYTES])
    whole = len(raw) == _KEY_BYTES or raw[_KEY_BYTES:] == key.public_key().public_bytes_raw()
    return key if whole else None


@lru_cache(_KEYS)
def _public(secret: bytes) -> "Ed25519PublicKey | None":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if secret.startswith(_PRIVATE):
        private = _private(secret)
        return None if private is None else private.public_key()
    raw = _decoded(secret, _PUBLIC)
    return Ed25519PublicKey.from_public_bytes(raw) if len(raw) == _KEY_BYTES else None


def _decoded(secret: bytes, prefix: bytes) -> bytes:
    if not secret.startswith(prefix):
        return b""
    text = secret.removeprefix(prefix).rstrip(b"=")
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        return b""
