"""The core's service as a process of its own: `python -m tests.bench.core_serve ARGUMENTS`, one JSON object
of `data`, `redis`, `dns` and `database` (empty: SQLite in `data`). Its URL is written to `data` + `.url`.
"""

import asyncio
import json
import sys
from pathlib import Path

from core.app.service import CoreService
from core.config import CoreConfig
from hub.store.client import Client
from tests.bench.core_seed import AUDIT_KEY


async def _serve(data: Path, redis: str, dns: str, database: str) -> None:
    config = CoreConfig(listen="127.0.0.1:0", name_servers=(dns,), database_url=database or None)
    environ = {"MXHUB_AUDIT_KEY": AUDIT_KEY}
    async with CoreService(config, data, Client.from_url(redis), environ=environ) as service:
        data.with_suffix(".url").write_text(service.url)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    given = json.loads(sys.argv[1])
    uvloop.run(_serve(**{**given, "data": Path(given["data"])}))
