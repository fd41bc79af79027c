"""The core as a process of its own, to be killed."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Self

__all__ = ["TOKEN", "CoreProcess"]

TOKEN = "the-admin-token-of-the-tests"
_ROOT = Path(__file__).resolve().parents[2]
_CHILD = """
import asyncio, sys
from pathlib import Path
from hub.store.client import Client
from core.app.service import CoreService
from core.config import CoreConfig

async def main():
    data, redis, dns, token = sys.argv[1:]
    config = CoreConfig(listen="127.0.0.1:0", allow_networks=("127.0.0.0/8",), name_servers=(dns,))
    client = Client.from_url(redis)
    async with CoreService(config, Path(data), client, environ={}, admin_token=lambda: token) as service:
        Path(data).with_suffix(".url").write_text(service.url)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


class CoreProcess:
    """`async with CoreProcess(data, redis_url, dns_address) as core`: answers at `core.url`."""

    def __init__(self, data: Path, redis: str, dns: str) -> None:
        self.data = data
        self.url = ""
        self._arguments = (str(data), redis, dns, TOKEN)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        said, told = self.data.with_suffix(".said"), self.data.with_suffix(".url")
        told.unlink(missing_ok=True)
        with said.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _CHILD,
                *self._arguments,
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                stdout=output,
                stderr=output,
            )
        async with asyncio.timeout(60):
            while not self.url:
                assert self.is_alive, f"it did not start:\n{said.read_text()[-4000:]}"
                await asyncio.sleep(0.02)
                self.url = told.read_text() if told.exists() else ""
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        assert self._process is not None
        await self._process.wait()

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def kill(self) -> None:
        """`kill -9`; one that is dead already is left alone."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
