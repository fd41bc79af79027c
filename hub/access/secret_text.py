"""Texts that only their holder knows: how they are made, hashed at rest, and sealed."""

import base64
import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

__all__ = ["PREFIX_CHARS", "STYLES", "KeyStyle", "Sealer", "digest", "new_text"]

PREFIX_CHARS: Final = 20
"""So much of a key stays readable, to tell it from others."""
_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class KeyStyle:
    """How a key looks: a prefix, and 256 random bits."""

    prefix: str
    alphabet: Literal["base64url", "hex"] = "base64url"

    def new(self) -> str:
        """43 characters of base64url, or 64 hexadecimal digits, after the prefix."""
        return self.prefix + (new_text() if self.alphabet == "base64url" else secrets.token_hex(_BYTES))


STYLES: Final = {
    "mxhub": KeyStyle("mfk_live_"),
    "mxguard": KeyStyle("mxg_live_"),
    "mailguard": KeyStyle("nmg_", "hex"),
    "mxroute-manager": KeyStyle("mxm_"),
    "mailsentinel": KeyStyle("mst_live_"),
    "mailchannels": KeyStyle("mck_live_"),
}
"""The first four are their pages'; the last two pages name no form."""


def new_text() -> str:
    """256 random bits as 43 characters of base64url (RFC 4648 section 5, unpadded)."""
    return secrets.token_urlsafe(_BYTES)


def digest(text: str, pepper: bytes | None = None) -> str:
    """What is kept of a text of 256 random bits: with that many a fast hash is as good as a slow one.

    With a pepper the stored hashes alone cannot even be compared with keys found elsewhere.
    """
    raw = text.encode("utf-8", "surrogatepass")
    return (hmac.new(pepper, raw, sha256) if pepper else sha256(raw)).hexdigest()


class Sealer:
    """Keeps what must be read again (TOTP secrets): Fernet, by a key derived from the process's secret."""

    def __init__(self, secret: bytes) -> None:
        """Raises `ValueError` for a secret under 32 bytes."""
        from cryptography.fernet import Fernet

        if len(secret) < _BYTES:
            raise ValueError(f"the secret must have at least {_BYTES} bytes")
        derived = hmac.new(secret, b"mxhub access seal 1", sha256).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises `ValueError` when another secret sealed it."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ValueError("sealed by another secret: was the secret file replaced?") from None
