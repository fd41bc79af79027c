"""A sandbox's keys: made once, kept in files that only their owner reads."""

import os
from pathlib import Path
from typing import Final

from core.service.core import Core
from core.store.tenancy import OPERATOR
from hub.access.audit import SYSTEM
from hub.access.keyring import KeyRefused
from hub.access.principal import Grant
from hub.access.secret_text import STYLES

__all__ = ["FILES", "keys_in"]

FILES: Final = {"api-key": ("read-only", "keys:read"), "admin-key": ("full-admin",)}
"""File name -> what the key may do, everywhere."""


async def keys_in(core: Core, folder: Path, style: str) -> dict[str, str]:
    """Texts by file name; the one of a file holds while the key does. Raises `OSError`, `Unavailable`."""
    return {name: await _one(core, folder / name, style, names) for name, names in FILES.items()}


async def _one(core: Core, path: Path, style: str, names: tuple[str, ...]) -> str:
    kept = _kept(path)
    if kept and await _holds(core, kept):
        return kept
    _, text = await core.access.keyring.make(
        SYSTEM,
        tenant=OPERATOR,
        grants=[Grant.of(names)],
        description=f"sandbox {path.name}",
        style=STYLES[style],
        allow_key_admin=True,  # what it may do with keys, its grants say
    )
    _keep(path, text)
    return text


def _kept(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip() if path.exists() else ""


def _keep(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")


async def _holds(core: Core, text: str) -> bool:
    try:
        await core.access.keyring.authenticate(text)
    except KeyRefused:
        return False
    return True
