"""Redis 7 as its users run it beside mxhub: Debian's, or the machine's own."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from tests.servers import debian
from tests.servers.place import run, scratch, servers_dir

__all__ = ["RedisProcess", "fetch_redis", "redis_binary", "server_version"]

OLDEST = (7, 0)
VERSION = re.compile(r"v=(\d+(?:\.\d+)*)")
START_S = 20.0


def redis_binary() -> Path | None:
    """A `redis-server` of 7.0 or newer: the brought one, else one on PATH; `None` when there is none."""
    brought = servers_dir() / "redis" / "run-redis-server"
    if brought.exists():
        return brought
    own = shutil.which("redis-server")
    return Path(own) if own and _new_enough(server_version(Path(own))) else None


def server_version(binary: Path) -> str:
    """`7.0.15` as the binary says it; empty when it does not run."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = VERSION.search(said)
    return found[1] if found else ""


def _new_enough(version: str) -> bool:
    return bool(version) and tuple(int(part) for part in version.split(".")[:2]) >= OLDEST


def fetch_redis() -> str:
    """Bring Redis unless it is there; returns its version.

    Raises `RuntimeError` saying what failed.
    """
    if redis_binary() is None:
        root = debian.unpack(["redis-server", "redis-tools"], servers_dir() / "redis")
        _wrap(root)
    binary = redis_binary()
    version = server_version(binary) if binary else ""
    if not _new_enough(version):
        said = run([str(binary), "--version"]) if binary else "it was not unpacked"
        raise RuntimeError(f"redis-server does not run: {said.strip()}")
    return version


def _wrap(root: Path) -> None:
    """The server under its own name, finding its libraries; Debian ships it as a link from another name."""
    server = root / "usr" / "bin" / "redis-server"
    wrapper = root / "run-redis-server"
    wrapper.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{debian.library_path(root)}" exec "{server}" "$@"\n')
    wrapper.chmod(0o755)


class RedisProcess:
    """One server on a unix socket, in a folder of its own that goes with it."""

    def __init__(self, binary: Path, **settings: str) -> None:
        self.binary = binary
        self.folder = scratch("redis")
        self.socket = self.folder / "s"
        self.settings = {
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> str:
        """Start (again) on the same folder; returns its URL.

        Raises `RuntimeError` with its output when it does not come up.
        """
        fixed = {"port": "0", "unixsocket": str(self.socket), "dir": str(self.folder), "save": ""}
        arguments = [part for name, value in (fixed | self.settings).items() for part in (f"--{name}", value)]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [self.binary, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"]},
            )
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up and self.process.poll() is None:
            if self.socket.exists() and self._answers():
                return self.url
            time.sleep(0.01)
        raise RuntimeError(f"{self.binary} did not come up: {(self.folder / 'output').read_text()[-1500:]}")

    def _answers(self) -> bool:
        import redis

        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            try:
                return bool(client.ping())
            except redis.exceptions.RedisError:
                return False

    def kill(self) -> None:
        """`kill -9`, as a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it and remove its folder."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
