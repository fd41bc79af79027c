"""What a product is to the comparison: how it is installed, configured, started and found."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.bench import proc
from tests.bench.payload import Target
from tests.bench.stand import free_port

__all__ = ["Product", "Uninstallable", "environment_of"]

ENVIRONMENTS = Path("build/rivals")
INSTALL_S = 900
READY_S = 60.0


def _own_environment() -> dict[str, str]:
    """Ours without what would lead another environment's Python astray."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_"))}


class Uninstallable(RuntimeError):
    """The product cannot be had here; says why."""


def environment_of(name: str, requirement: str) -> Path:
    """A virtual environment with exactly that release; made once.

    Raises `Uninstallable`.
    """
    home = (ENVIRONMENTS / name).absolute()
    stamp = home / ".installed"
    if stamp.exists() and stamp.read_text() == requirement:
        return home
    shutil.rmtree(home, ignore_errors=True)
    pip = [home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    try:
        subprocess.run([sys.executable, "-m", "venv", home], check=True, capture_output=True, timeout=120)
        subprocess.run([*pip, requirement], check=True, capture_output=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired as error:
        raise Uninstallable(f"{requirement}: not installed within {error.timeout:g} s") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise Uninstallable(f"{requirement}: {said[-1] if said else error}"[:200]) from error
    stamp.write_text(requirement)
    return home


class Product:
    """One product with its configuration on a folder of its own. Subclasses say the rest."""

    name: str
    requirement: str
    does: str
    """What of the job it does in this configuration."""
    path = "/hook"
    header = "X-Signature-256"
    status = 200

    def __init__(self, sink_url: str) -> None:
        self.sink_url = sink_url
        self.folder = Path(tempfile.mkdtemp(prefix="mxb-"))
        self.port = free_port()
        self.target = Target(self.port, self.path, self.header, self.status)
        self._process: subprocess.Popen[bytes] | None = None

    # -- what a product says -----------------------------------------------------------------------------
    def install(self) -> Path:
        """The environment it lives in. Raises `Uninstallable`."""
        return environment_of(self.name, self.requirement)

    def configure(self) -> list[str]:
        """Write its files into `folder`; returns its command without the environment's path."""
        raise NotImplementedError

    def variables(self) -> dict[str, str]:
        """Environment variables it wants."""
        return {}

    # -- running -----------------------------------------------------------------------------------------
    async def __aenter__(self) -> Self:
        home = await asyncio.to_thread(self.install)
        program, *arguments = self.configure()
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [home / "bin" / program, *arguments],
                cwd=self.folder,
                stdout=output,
                stderr=output,
                env={**_own_environment(), **self.variables()},
                start_new_session=True,
            )
        await self._listens()
        return self

    async def _listens(self) -> None:
        ends = asyncio.get_running_loop().time() + READY_S
        while asyncio.get_running_loop().time() < ends and self._running():
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                await asyncio.sleep(1.0)  # what starts behind the listener
                return
            await asyncio.sleep(0.1)
        raise RuntimeError(f"{self.name} did not come up: {self.said()}")

    def _running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def __aexit__(self, *_: object) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pids(self) -> list[int]:
        """All its processes."""
        return proc.tree(self._process.pid) if self._process is not None else []

    def own_pids(self) -> list[int]:
        """Those that are the product's own, without what only launches it."""
        return self.pids()

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far."""
        return sum(map(proc.cpu_s, self.pids()))

    async def restart(self) -> None:
        """After a SIGKILL of everything: start again on the same folder."""
        if self._process is not None:
            self._process.wait()
        self.port = self.target.port
        await self.__aenter__()

    def said(self) -> str:
        """The end of what it wrote."""
        with suppress(FileNotFoundError):
            return "\n".join(self._lines())
        return ""

    def _lines(self) -> Iterator[str]:
        yield from (self.folder / "output").read_text(errors="replace").splitlines()[-12:]
