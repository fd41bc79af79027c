"""curl, which the vendors' pages show their requests with: the machine's own, or Debian's unpacked."""

import re
import shutil
from pathlib import Path

from tests.servers import debian
from tests.servers.place import run, servers_dir

__all__ = ["curl_binary", "fetch_curl"]

VERSION = re.compile(r"curl (\d+(?:\.\d+)*)")


def curl_binary() -> Path | None:
    """The brought one, else one on PATH; `None` when there is none."""
    brought = _wrapper(servers_dir() / "curl")
    own = shutil.which("curl")
    return brought if brought.exists() else Path(own) if own else None


def fetch_curl() -> str:
    """Bring it unless it is there; returns its version. Raises `RuntimeError` saying what failed."""
    if curl_binary() is None:
        _wrap(debian.unpack(["curl"], servers_dir() / "curl"))
    binary = curl_binary()
    found = VERSION.search(run([str(binary), "--version"])) if binary else None
    if found is None:
        raise RuntimeError("curl was not unpacked")
    return found[1]


def _wrapper(root: Path) -> Path:
    """In a folder of its own, so that scripts find it by PATH."""
    return root / "run" / "curl"


def _wrap(root: Path) -> None:
    """The program finding its own libraries."""
    wrapper = _wrapper(root)
    wrapper.parent.mkdir()
    program = root / "usr" / "bin" / "curl"
    wrapper.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{debian.library_path(root)}" exec "{program}" "$@"\n')
    wrapper.chmod(0o755)
