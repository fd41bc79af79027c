"""`python -m tests.bench.rivals.pair FOLDER`: `mxhub serve` and `mxhub worker` beside one embedded server, as
one tree of processes. The configuration is FOLDER/mxhub.yaml; it gets the server's address.
"""

import asyncio
import sys
from pathlib import Path

from hub.store.embedded.server import EmbeddedServer
from tests.bench.stand import MXHUB


async def _run(folder: Path) -> None:
    async with EmbeddedServer(folder / "server", reserve_bytes=0, tell=lambda _: None) as server:
        config = folder / "pair.yaml"
        text = (folder / "mxhub.yaml").read_text()
        config.write_text(f'redis_url: "unix://{server.unix_socket}"\n{text}')
        # The worker first: whoever can reach the listener finds everything running.
        worker = await asyncio.create_subprocess_exec(MXHUB, "worker", "--config", config)
        serve = await asyncio.create_subprocess_exec(MXHUB, "serve", "--config", config)
        await asyncio.gather(worker.wait(), serve.wait())


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
