"""PowerShell 7, for the `.ps1` examples: used where the machine has it, not brought (Debian lacks it)."""

import re
import shutil
from pathlib import Path

from tests.servers.place import run

__all__ = ["fetch_powershell", "pwsh_binary"]

VERSION = re.compile(r"PowerShell (\d+(?:\.\d+)*)")


def pwsh_binary() -> Path | None:
    """`pwsh` on PATH, or `None`."""
    found = shutil.which("pwsh")
    return Path(found) if found else None


def fetch_powershell() -> str:
    """Its version. Raises `RuntimeError` where there is none."""
    binary = pwsh_binary()
    if binary is None:
        raise RuntimeError("there is no pwsh on PATH, and Debian has no package of it")
    found = VERSION.search(run([str(binary), "--version"]))
    return found[1] if found else "7"
