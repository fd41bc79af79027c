"""The key that seals the audit log.

It never lies in the database, or whoever can edit that could seal again.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

__all__ = ["FILE", "VARIABLE", "BadKey", "derive", "keep", "load"]

VARIABLE = "MXHUB_AUDIT_KEY"
FILE = "audit.key"
_MIN_CHARS = 32
_OTHERS = 0o077


class BadKey(ValueError):
    """The key cannot be used; says where it was looked for and what to do."""


def load(data: Path, environ: Mapping[str, str]) -> bytes:
    """The key: of `MXHUB_AUDIT_KEY`, else of the file that `MXHUB_AUDIT_KEY_FILE` names, else of `audit.key`.

    That last file is made at the first start, readable by its owner only. Raises `BadKey` and `OSError`.
    """
    if given := environ.get(VARIABLE):
        return _checked(given, VARIABLE)
    if named := environ.get(f"{VARIABLE}_FILE"):
        return _checked(_read(Path(named)), named)
    path = data / FILE
    if not path.exists():
        _make(path, secrets.token_hex(32))
    if path.stat().st_mode & _OTHERS:
        raise BadKey(f"{path} can be read by others than its owner: chmod 600 it")
    return _checked(_read(path), str(path))


def keep(data: Path, text: str) -> None:
    """Put a key that lay elsewhere into `audit.key`, on disk when this returns; one that is there stays."""
    _make(data / FILE, text)


def derive(key: bytes, purpose: str) -> bytes:
    """A key for one purpose, so that a seal of one kind never passes for another."""
    return hmac.new(key, f"mxhub audit: {purpose}".encode(), sha256).digest()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadKey(f"{path} holds no text: the key is at least {_MIN_CHARS} characters") from error


def _checked(text: str, where: str) -> bytes:
    key = text.strip().encode()
    if len(key) < _MIN_CHARS:
        raise BadKey(f"{where} holds {len(key)} characters, the audit key needs at least {_MIN_CHARS}")
    return key


def _make(path: Path, text: str) -> None:
    """Whole or not at all, and on disk before the first entry is sealed; another process may be faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{FILE}.{secrets.token_hex(6)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
