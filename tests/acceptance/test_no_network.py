"""The installed command on a machine that has no network but itself."""

import json
import subprocess
from contextlib import contextmanager
from signal import SIGINT

import pytest

from tests.factories.process import MXHUB, clean_environment, mxhub, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

ALONE = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A network of its own that holds the loopback interface and nothing else."""


def _cannot():
    try:
        subprocess.run([*ALONE, "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return ""


@contextmanager
def running(folder):
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [*ALONE, MXHUB, "run", "--listen", "127.0.0.1:0", "--data", folder / "data"],
        cwd=folder,
        env=clean_environment(),
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(SIGINT)
        process.wait(60)
        log.close()


def books(folder):
    done = mxhub("books", "--json", "--data", str(folder / "data"), cwd=folder)
    return json.loads(done.stdout) if done.returncode == 0 else []


@pytest.mark.skipif(bool(_cannot()), reason=f"no network of its own here: {_cannot()[:80]}")
def test_the_demo_works_without_any_network(folder):
    with running(folder) as process:
        found = until(lambda: [one for one in books(folder) if one["delivered"] >= 10], within_s=60)

    assert process.returncode == 0, (folder / "log").read_text()[-2000:]
    for book in found:
        assert book["blocked"] is None
        ended = sum(book[name] for name in ("delivered", "filtered", "dropped", "parked", "pending"))
        assert book["recorded"] == ended
