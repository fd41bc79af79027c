"""Java looks up in /proc/mounts what a file is on; in a chroot whose root is no mount it finds nothing."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.servers.place import is_root

__all__ = ["under_a_mount", "why_not"]

IN_ITS_OWN_ROOT = 'mount --rbind / "$0" && exec chroot "$0" "$@"'


@cache
def _root_is_listed() -> bool:
    mounts = Path("/proc/mounts").read_text().splitlines()
    return any(line.split()[1] == "/" for line in mounts)


def why_not() -> str | None:
    """Why no Java server can run here, or `None`."""
    if _root_is_listed():
        return None
    if is_root() and shutil.which("unshare") and shutil.which("mount"):
        return None
    return "this chroot's root is no mount, which Java needs and only root could make"


def under_a_mount(command: Sequence[str], at: Path) -> list[str]:
    """The command as it must be started so that / is a mount; `at` is an empty folder for that."""
    if _root_is_listed():
        return list(command)
    at.mkdir(exist_ok=True)
    return [
        "unshare",
        "--mount",
        "--propagation",
        "unchanged",
        "sh",
        "-c",
        IN_ITS_OWN_ROOT,
        str(at),
        *command,
    ]
