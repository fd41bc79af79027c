"""PostgreSQL 15 as Debian has it: unpacked, not installed; it refuses root, so it runs as nobody."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers import debian
from tests.servers.place import QUICK, run, scratch, servers_dir, unprivileged

__all__ = ["PostgresProcess", "fetch_postgresql", "postgresql_home"]

PACKAGES = ("postgresql-15", "postgresql-client-15", "libpq5", "libllvm14")
VERSION = re.compile(r"(\d+\.\d+)")
START_S = 60.0


def _root() -> Path:
    return servers_dir() / "postgresql"


def postgresql_home() -> Path | None:
    """The folder whose `bin` holds `initdb` and `postgres`; `None` when it was not brought."""
    home = _root() / "usr/lib/postgresql/15"
    return home if (home / "bin/postgres").exists() else None


def _environment(home: Path) -> dict[str, str]:
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, "LD_LIBRARY_PATH": debian.library_path(_root()), "LC_ALL": "C", "TZ": "UTC"}


def fetch_postgresql() -> str:
    """Bring it unless it is there; returns its version. Raises `RuntimeError` saying what failed."""
    if postgresql_home() is None:
        debian.unpack(PACKAGES, _root())
    home = postgresql_home()
    if home is None:
        raise RuntimeError("the packages hold no PostgreSQL 15")
    done = subprocess.run(
        [home / "bin/postgres", "--version"],
        capture_output=True, text=True, timeout=60, env=_environment(home),
    )  # fmt: skip
    found = VERSION.search(done.stdout)
    if found is None:
        raise RuntimeError(f"postgres does not run: {(done.stdout + done.stderr).strip()[:300]}")
    return found[1]


class PostgresProcess:
    """One server on a unix socket, in a folder of its own that goes with it.

    It does not wait for the disk (`fsync=off`): what a test kills is the server, not the machine.
    `settings` (`name=value`) go before its own; `below` is another place for its folder.
    """

    def __init__(self, settings: Sequence[str] = (), below: str = QUICK) -> None:
        self._settings = tuple(settings)
        home = postgresql_home()
        assert home is not None, "the server mark skips where there is none"
        self.home = home
        self.folder = scratch("postgresql", below)
        self.process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        options = ("-U", "mx", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._run("initdb", "-D", str(self.folder / "data"), *options)

    def _command(self, *arguments: str) -> list[str]:
        name, *rest = arguments
        wanted = [f"{key}={value}" for key, value in _environment(self.home).items()]
        return unprivileged(["env", f"HOME={self.folder}", *wanted, str(self.home / "bin" / name), *rest])

    def _run(self, *arguments: str) -> str:
        return run(self._command(*arguments), cwd=self.folder, timeout_s=120)

    def start(self) -> None:
        """Start (again) on the same data. Raises `RuntimeError` with what it said."""
        settings = ("listen_addresses=", "fsync=off", "max_connections=60", "shared_buffers=32MB")
        options = [part for setting in (*settings, *self._settings) for part in ("-c", setting)]
        folder = str(self.folder)
        command = self._command("postgres", "-D", f"{folder}/data", "-k", folder, *options)
        with (self.folder / "said").open("ab") as said:
            self.process = subprocess.Popen(
                command, stdout=said, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True
            )
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                self._run("pg_isready", "-q", "-h", folder, "-U", "mx", "-d", "postgres")
            except RuntimeError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"PostgreSQL did not come up: {(self.folder / 'said').read_text()[-1500:]}")

    def create(self, *, template: str | None = None) -> str:
        """A new database, empty or a copy of that of another URL; returns its URL."""
        name = f"t{next(self._numbers)}"
        copied = () if template is None else ("--template", _name(template))
        self._run("createdb", "-h", str(self.folder), "-U", "mx", *copied, name)
        return f"postgresql+asyncpg://mx@/{name}?host={self.folder}"

    def drop(self, url: str) -> None:
        """Remove a database, whoever still uses it."""
        self._run("dropdb", "--force", "-h", str(self.folder), "-U", "mx", _name(url))

    def crash(self) -> None:
        """End it at once, without a last checkpoint: the next start recovers from its log."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    def stop(self) -> None:
        """End it and remove its folder."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # "fast": connections are ended
            self.process.wait(30)
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]
