"""Where the servers live, and as whom they run."""

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

__all__ = [
    "CHECKOUT",
    "NOBODY",
    "QUICK",
    "hand_over",
    "is_root",
    "run",
    "scratch",
    "servers_dir",
    "unprivileged",
]

CHECKOUT = Path(__file__).resolve().parents[2]
NOBODY = 65534
"""The user that servers run as which refuse root."""
_ROOM = 4 * 2**30


def _quick() -> str:
    """Memory where there is plenty of it: what a test kills is a process, not the machine."""
    memory = "/dev/shm"
    try:
        found = os.statvfs(memory)
    except OSError:
        return "/tmp"
    roomy = found.f_bavail * found.f_frsize >= _ROOM and not found.f_flag & os.ST_NOEXEC
    return memory if roomy and os.access(memory, os.W_OK) else "/tmp"


QUICK = _quick()
"""Where files of tests lie: a short path (of sockets there are 108 bytes), and no disk to wait for."""


def is_root() -> bool:
    return os.geteuid() == 0


@cache
def servers_dir() -> Path:
    """`build/servers`, or a folder under /var/tmp for root in a checkout that others cannot enter.

    Raises `PermissionError` when somebody else owns that folder.
    """
    inside = CHECKOUT / "build" / "servers"
    if not is_root() or _open_to_all(CHECKOUT):
        inside.mkdir(parents=True, exist_ok=True)
        return inside
    name = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:12]
    outside = Path("/var/tmp") / f"mxhub-servers-{name}"
    outside.mkdir(mode=0o755, exist_ok=True)
    found = outside.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{outside} is not ours; remove it and try again")
    return outside


def _open_to_all(folder: Path) -> bool:
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents))


def scratch(prefix: str, below: str = QUICK) -> Path:
    """A fresh folder that also a server without our rights may enter, with a short path."""
    folder = Path(tempfile.mkdtemp(prefix=f"mxhub-{prefix}-", dir=below))
    hand_over(folder)
    return folder


def hand_over(folder: Path) -> None:
    """Give a folder and what is in it to the user that unprivileged servers run as."""
    if not is_root():
        return
    for each in (folder, *folder.rglob("*")):
        os.chown(each, NOBODY, NOBODY, follow_symlinks=False)


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command as it must be started so that the server does not see root."""
    if not is_root():
        return list(command)
    if not shutil.which("setpriv"):
        raise FileNotFoundError("setpriv is missing; install util-linux or run the tests as an ordinary user")
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


def run(command: Sequence[str], *, cwd: Path | None = None, timeout_s: float = 900) -> str:
    """Run to the end and return what it printed.

    Raises `RuntimeError` with the command and its last lines when it fails or takes too long.
    """
    try:
        done = subprocess.run(
            list(command),
            cwd=cwd,
            timeout=timeout_s,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {_gist(done.stdout)}")
    return done.stdout


def _gist(output: str) -> str:
    """The lines that name an error, else the last ones."""
    lines = output.strip().splitlines()
    telling = [line for line in lines if "rror" in line or "xception" in line]
    return " / ".join((telling or lines[-3:])[:3])
