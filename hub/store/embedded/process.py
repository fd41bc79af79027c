"""One server process: our child, or one that a killed mxhub left behind."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ServerProcess"]

SHIM = """
import ctypes, os, sys
parent, die_with_parent, program = int(sys.argv[1]), sys.argv[2] == "1", sys.argv[3:]
os.umask(0o077)
if die_with_parent and sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 15, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
os.execv(program[0], program)
"""
"""Asks the kernel for SIGTERM when the parent dies (PR_SET_PDEATHSIG = 1), then becomes the server. In a
process of its own, since code between fork and exec is not safe in a program with threads."""
POLL_S = 0.1


class ServerProcess:
    """A running server by its process id; a descriptor guards against the id being used again by another."""

    def __init__(self, pid: int, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.pid = pid
        self._child = child
        self._descriptor = _descriptor(pid)

    @classmethod
    def spawn(
        cls, command: Sequence[str], *, folder: Path, lock: int, die_with_parent: bool
    ) -> "ServerProcess":
        """Start the server in its folder, holding the open lock file.

        In a session of its own: Ctrl-C in a terminal is for mxhub alone, which ends the server last. The
        kernel ties the death signal to the thread that forks: it is only asked for from the main thread.
        """
        dies = die_with_parent and threading.current_thread() is threading.main_thread()
        shim = [sys.executable, "-I", "-S", "-c", SHIM, str(os.getpid()), "1" if dies else "0"]
        child = subprocess.Popen(
            [*shim, *command], cwd=folder, pass_fds=(lock,), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        )  # fmt: skip
        return cls(child.pid, child)

    def alive(self) -> bool:
        """Whether it runs; one that ended and that nobody has waited for does not."""
        if self._child is not None:
            return self._child.poll() is None
        if self._descriptor is not None:
            return not select.select([self._descriptor], [], [], 0)[0]
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def signal(self, number: int) -> None:
        """Raises `ProcessLookupError` when it is gone."""
        if self._descriptor is not None:
            signal.pidfd_send_signal(self._descriptor, number)
        else:
            os.kill(self.pid, number)

    async def wait(self) -> None:
        """Until it has ended."""
        if self._descriptor is not None:
            await _readable(self._descriptor)
        while self.alive():  # noqa: ASYNC110 without a descriptor nothing tells
            await asyncio.sleep(POLL_S)

    async def stop(self, timeout_s: float) -> bool:
        """SIGTERM, and SIGKILL only after `timeout_s`; False when it had to be killed."""
        for number, limit_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, None)):
            try:
                self.signal(number)
                await asyncio.wait_for(self.wait(), limit_s)
            except ProcessLookupError:
                return True
            except TimeoutError:
                continue
            return number == signal.SIGTERM
        return False

    def close(self) -> None:
        """Give the descriptor back; the process is left alone."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _descriptor(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


async def _readable(descriptor: int) -> None:
    """A process descriptor becomes readable when the process ends: pidfd_open(2)."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    copy = os.dup(descriptor)
    loop.add_reader(copy, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(copy)
        os.close(copy)
