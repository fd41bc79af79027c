"""Debian packages unpacked into a folder: nothing is installed, an ordinary user may do it."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers.place import run, servers_dir

__all__ = ["library_path", "unpack"]

LISTS_MAX_AGE_S = 20 * 3600
NEW_PACKAGE = re.compile(r"^Inst (\S+) \(", re.MULTILINE)
"""A package that is not there yet, in the simulation; an upgrade has `[old version]` after its name."""


def unpack(packages: Sequence[str], into: Path) -> Path:
    """Download the packages and those they need that the machine lacks; unpack them below `into`.

    Raises `RuntimeError` where there is no apt or a download fails.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise RuntimeError(f"{tool} is missing: not a Debian machine")
    apt = _apt()
    simulated = run([*apt, "install", "--simulate", "--no-install-recommends", *packages])
    wanted = sorted({*NEW_PACKAGE.findall(simulated), *packages})
    part = into.with_name(into.name + ".part")
    debs = part / "debs"
    shutil.rmtree(part, ignore_errors=True)
    debs.mkdir(parents=True)
    run([*apt, "download", *wanted], cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        run(["dpkg-deb", "--extract", str(deb), str(part)])
    shutil.rmtree(debs)
    _point_links_inside(part)
    shutil.rmtree(into, ignore_errors=True)
    part.rename(into)
    return into


def _apt() -> list[str]:
    """apt-get with its lists and cache in our folder, lists refreshed when they are old."""
    state = servers_dir() / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    apt = [
        "apt-get",
        "-q",
        "-o",
        f"Dir::State::lists={state / 'lists'}",
        "-o",
        f"Dir::Cache={state / 'cache'}",
    ]
    apt += ["-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=true"]
    stamp = state / "updated"
    if not stamp.exists() or time.time() - stamp.stat().st_mtime > LISTS_MAX_AGE_S:
        run([*apt, "update"])
        stamp.touch()
    return apt


def _point_links_inside(root: Path) -> None:
    """Absolute links mean the system's root; let them mean ours where the target was unpacked."""
    for link in root.rglob("*"):
        if link.is_symlink() and link.readlink().is_absolute():
            inside = root / link.readlink().relative_to("/")
            if inside.is_symlink() or inside.exists():
                link.unlink()
                link.symlink_to(os.path.relpath(inside, link.parent))


def library_path(root: Path) -> str:
    """`LD_LIBRARY_PATH` for programs below `root`."""
    found = [
        str(folder) for base in ("usr/lib", "lib") for folder in sorted((root / base).glob("*-linux-gnu*"))
    ]
    return ":".join(found)
