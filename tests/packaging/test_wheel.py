"""The built wheel, installed into a fresh environment away from the checkout, does the main job."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.sdk.alerts import KINDS
from tests.servers.place import CHECKOUT

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.server("valkey"),
]

FIRST_EVENTS_S = 30.0
"""Generous: the machine also runs other tests. The budget itself is a row of the bench."""


def run(command: list[str | Path], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", into], cwd=CHECKOUT)
    (built,) = into.glob("mxhub-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel and the locked dependencies only."""
    home = tmp_path_factory.mktemp("fresh") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", home])
    uv = [
        Path(sys.executable).with_name("uv"),
        "pip",
        "install",
        "--quiet",
        "--python",
        home / "bin" / "python",
    ]
    run([*uv, "--require-hashes", "-r", CHECKOUT / "requirements.txt"])
    run([*uv, "--no-deps", "--no-index", wheel])
    return home / "bin"


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """An environment that knows nothing of the checkout."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": "/usr/bin:/bin", "MXHUB_DATA": str(tmp_path / "data"), "COLUMNS": "200"}


@pytest.fixture
def running(installed: Path, elsewhere: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [installed / "mxhub", "run", "--data", elsewhere["MXHUB_DATA"], "--listen", "127.0.0.1:0"]
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=elsewhere, stdout=output, stderr=subprocess.STDOUT
        )
        yield process
        process.kill()
        process.wait()


def test_the_wheel_holds_what_the_program_reads_and_nothing_of_the_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())

    assert {"hub/py.typed", "connectors/py.typed", "core/py.typed"} <= names
    assert any(name.startswith("hub/store/lua/") and name.endswith(".lua") for name in names)
    assert {f"templates/slack/{kind}.j2" for kind in KINDS} <= names
    assert {"hub/access/spend.lua", "hub/access/migrations/env.py"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "docs/", "build/", "."))]


def test_the_installed_command_knows_its_version(
    installed: Path, elsewhere: dict[str, str], tmp_path: Path
) -> None:
    said = run([installed / "mxhub", "--version"], cwd=tmp_path, env=elsewhere)

    assert said.startswith("mxhub ")


_RENDER = """
import sys
from connectors.slack.message import Messages
from hub.model.event import Entry, Header
header = Header("acme", "mailguard-1", 4009, "quarantine.added", 4, "customer.example", 0, 0)
entry = Entry(seq=1, uid=bytes(16), header=header, body=b'{"email":{"subject":"Invoice"}}')
print("Invoice" in str(Messages({}, None).of(entry)), sys.modules["templates"].__file__)
"""


def test_the_installed_templates_are_found(
    installed: Path, elsewhere: dict[str, str], tmp_path: Path
) -> None:
    said = run([installed / "python", "-I", "-c", _RENDER], cwd=tmp_path, env=elsewhere)

    assert said.startswith("True ")
    assert str(installed.parent) in said


def test_the_installed_hub_delivers_events_with_balanced_books(
    installed: Path, elsewhere: dict[str, str], running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    books = wait_for_deliveries(installed, elsewhere, running, tmp_path)
    events = run([installed / "mxhub", "events", "--json", "--limit", "5"], cwd=tmp_path, env=elsewhere)
    running.send_signal(signal.SIGTERM)

    assert running.wait(30) == 0, (tmp_path / "output").read_text()[-3000:]
    assert all(
        row["recorded"]
        == row["delivered"] + row["filtered"] + row["dropped"] + row["parked"] + row["pending"]
        for row in books
    )
    assert all(json.loads(line)["metadata"]["version"].startswith("1.8") for line in events.splitlines())
    assert events


def wait_for_deliveries(
    installed: Path, env: dict[str, str], process: subprocess.Popen[bytes], tmp_path: Path
) -> list[dict[str, int]]:
    """The books as soon as a connector has got something."""
    give_up = time.monotonic() + FIRST_EVENTS_S
    said = ""
    while time.monotonic() < give_up and process.poll() is None:
        asked = subprocess.run(
            [installed / "mxhub", "books", "--json"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        said = asked.stdout + asked.stderr
        rows: list[dict[str, int]] = json.loads(asked.stdout) if asked.returncode == 0 else []
        if any(row["delivered"] for row in rows):
            return rows
        time.sleep(0.3)
    raise AssertionError(f"nothing was delivered: {said}\n{(tmp_path / 'output').read_text()[-3000:]}")
