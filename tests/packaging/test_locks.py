"""What is locked is locked whole: a hash for every file, no address, everything that is declared."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.servers.place import CHECKOUT

LOCKS = ["requirements.txt", "requirements-dev.txt", "tests/servers/requirements-java.txt"]


def pins(lock: str) -> dict[str, str]:
    """Each pinned requirement with what belongs to it."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", (CHECKOUT / lock).read_text())
    return {canonicalize_name(block.split("==")[0].split("[")[0]): block for block in blocks if "==" in block}


def declared(table: list[object]) -> set[str]:
    return {canonicalize_name(Requirement(entry).name) for entry in table if isinstance(entry, str)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes(lock: str) -> None:
    without = [name for name, block in pins(lock).items() if "--hash=sha256:" not in block]

    assert pins(lock)
    assert without == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_no_folder_of_a_machine(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()

    assert not re.search(r"https?:|--index|--extra-index|--find-links|/(home|root|work|tmp)/", text)


def test_the_locks_hold_everything_that_is_declared_in_one_version() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    runtime, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    version = re.compile(r"==(\S+)")

    assert declared(project["project"]["dependencies"]) | declared(groups["build"]) <= set(runtime)
    assert declared(groups["dev"]) <= set(dev)
    assert {name: version.findall(block)[0] for name, block in runtime.items()}.items() <= {
        name: version.findall(block)[0] for name, block in dev.items()
    }.items()


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ("false", "mxhub needs Python 3.11 or newer"),
        ("./no-venv", "cannot make virtual environments; install its venv package: apt install python3-venv"),
    ],
)
def test_a_machine_that_lacks_something_gets_one_clear_line(tmp_path: Path, python: str, says: str) -> None:
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    bare = tmp_path / "no-venv"
    bare.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    bare.chmod(0o755)

    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    command = ["make", "setup", f"PYTHON={python}"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    ours = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode == 2
    assert len(ours) == 1
    assert says in ours[0]
