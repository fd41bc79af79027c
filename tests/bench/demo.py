"""`mxhub run` without a configuration, as a newcomer starts it."""

import asyncio
import os
import re
import shutil
import signal
import tempfile
from time import monotonic
from typing import Self

from tests.bench.bench import Incorrect
from tests.bench.stand import MXHUB

__all__ = ["Demo"]

_EVENT = re.compile(rb"^\d\d:\d\d:\d\d  \S+\.\S+")
_LIMIT_S = 60.0


class Demo:
    """`async with Demo() as demo`: the first event was shown."""

    def __init__(self) -> None:
        self.listening_s = 0.0
        """From the start until it said where it listens."""
        self.visible_s = 0.0
        """From the start until its output showed an event: recorded, archived and read back."""
        self.pid = 0
        self._folder = tempfile.mkdtemp(prefix="mxb-")
        self._process: asyncio.subprocess.Process
        self._drain: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MXHUB_")}
        began = monotonic()
        self._process = await asyncio.create_subprocess_exec(
            *(MXHUB, "run", "--data", self._folder, "--listen", "127.0.0.1:0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._folder,
            env=environment | {"PYTHONUNBUFFERED": "1"},
        )
        self.pid = self._process.pid
        try:
            async with asyncio.timeout(_LIMIT_S):
                await self._watch(began)
        except BaseException:
            await self.__aexit__()
            raise
        self._drain = asyncio.create_task(self._read_on())
        return self

    async def _watch(self, began: float) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if not self.listening_s and b"listening on" in line:
                self.listening_s = monotonic() - began
            if _EVENT.match(line):
                self.visible_s = monotonic() - began
                return
        raise Incorrect("mxhub run ended before it showed an event")

    async def _read_on(self) -> None:
        assert self._process.stdout is not None
        async for _ in self._process.stdout:
            pass

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
        if self._drain is not None:
            await self._drain
        await self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
