"""Passwords at rest: scrypt (RFC 7914), with its figures beside the hash so that they can be raised."""

import hmac
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import scrypt
from typing import Final, Self

from hub.sdk.offload import Offload

__all__ = ["MIN_CHARS", "Passwords", "check_password"]

MIN_CHARS: Final = 12
_MAX_CHARS: Final = 256
_SALT: Final = 16
_LENGTH: Final = 32


def check_password(password: str, login: str) -> None:
    """Raises `ValueError` for one that is too weak; length counts (NIST SP 800-63B 5.1.1.2)."""
    if not MIN_CHARS <= len(password) <= _MAX_CHARS:
        raise ValueError(f"password: {MIN_CHARS} to {_MAX_CHARS} characters")
    if password.lower() in (login, login.partition("@")[0]) or len(set(password)) < MIN_CHARS // 3:
        raise ValueError("password: too easy to guess")


@dataclass(frozen=True, slots=True)
class _Hash:
    """As stored: `scrypt$<log2 n>$<r>$<p>$<salt>$<hash>`."""

    log2_n: int
    r: int
    p: int
    salt: bytes
    hash: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        _, log2_n, r, p, salt, hashed = text.split("$")
        return cls(int(log2_n), int(r), int(p), b64decode(salt), b64decode(hashed))

    def __str__(self) -> str:
        salt, hashed = b64encode(self.salt).decode(), b64encode(self.hash).decode()
        return f"scrypt${self.log2_n}${self.r}${self.p}${salt}${hashed}"

    def fits(self, password: str) -> bool:
        return hmac.compare_digest(self.hash, _scrypt(password, self.salt, self.log2_n, self.r, self.p))


class Passwords:
    """Hashes off the loop, one at a time: each takes 32 MiB for some 200 ms, and a flood must not add up.

    `log2_n=15, r=8, p=3` is one of the choices of the OWASP password storage cheat sheet.
    """

    def __init__(self, *, log2_n: int = 15, r: int = 8, p: int = 3) -> None:
        self._figures = (log2_n, r, p)
        self._offload = Offload("passwords")
        self._nobody = str(_Hash(log2_n, r, p, bytes(_SALT), bytes(_LENGTH)))

    def close(self) -> None:
        self._offload.close()

    async def hash(self, password: str) -> str:
        return await self._offload.run(self._hash, password)

    async def verify(self, password: str, kept: str | None) -> bool:
        """`None` (there is no such account, or it has no password) takes as long as a wrong password."""
        wanted = _Hash.parse(kept or self._nobody)
        if len(password) > _MAX_CHARS:
            return False
        return await self._offload.run(wanted.fits, password) and kept is not None

    def _hash(self, password: str) -> str:
        salt = secrets.token_bytes(_SALT)
        log2_n, r, p = self._figures
        return str(_Hash(log2_n, r, p, salt, _scrypt(password, salt, log2_n, r, p)))


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    raw = password.encode("utf-8", "surrogatepass")
    need = 128 * r * (2**log2_n + p + 2) + 1_048_576
    return scrypt(raw, salt=salt, n=2**log2_n, r=r, p=p, maxmem=need, dklen=_LENGTH)
