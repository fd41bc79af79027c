"""Secrets sealed in the configuration: Fernet (AES-128-CBC, HMAC-SHA256) with keys from the environment.

The first key of `MXHUB_SEAL_KEYS` (separated by commas) seals, any of them opens: keys can be rotated.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

__all__ = ["KEYS_VARIABLE", "PREFIX", "new_key", "seal", "unseal"]

PREFIX = "sealed:"
KEYS_VARIABLE = "MXHUB_SEAL_KEYS"
_MAKE_ONE = "make one: mxhub config seal --new-key"


def _keys(env: Mapping[str, str]) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet

    keys = [key.strip() for key in env.get(KEYS_VARIABLE, "").split(",") if key.strip()]
    if not keys:
        raise ValueError(f"{KEYS_VARIABLE} is not set; it holds the keys of sealed values ({_MAKE_ONE})")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ValueError(
            f"{KEYS_VARIABLE} holds something that is no key: 32 bytes in url-safe base64 ({_MAKE_ONE})"
        ) from None


def new_key() -> str:
    """A fresh key for `MXHUB_SEAL_KEYS`."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def seal(secret: str, env: Mapping[str, str]) -> str:
    """The text to put in the configuration instead of the secret.

    Raises `ValueError` when there is no usable key.
    """
    return PREFIX + _keys(env).encrypt(secret.encode()).decode()


def unseal(text: str, env: Mapping[str, str]) -> str:
    """The secret behind a sealed text.

    Raises `ValueError` when there is no usable key, or none of the keys opens it.
    """
    from cryptography.fernet import InvalidToken

    keys = _keys(env)
    try:
        return keys.decrypt(text.removeprefix(PREFIX).strip().encode()).decode()
    except (InvalidToken, UnicodeDecodeError):
        raise ValueError(
            f"none of the keys in {KEYS_VARIABLE} opens this sealed value; seal it again: mxhub config seal"
        ) from None
