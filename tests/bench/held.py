"""What a page of held mail costs by what it is narrowed to: `python -m tests.bench.held [ITEMS]`.

A SQLite file in a temporary folder, 200,000 messages unless told, of which 45 % are of one domain and half
are still held. CPU milliseconds of a page of 100 rows in this process, best of 20 rounds in which all
questions take turns; the ratio is to the first page of everything.
"""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.service import quarantine
from core.service.by import By
from core.service.quarantine import Filter
from core.store.database import Database, sqlite_url
from hub.access.principal import Grant, Principal

BIG = "customer0.example"
ROUNDS = 20
_OTHERS = 199
_STATES = ("held", "released", "discarded")


def by(*domains: str) -> By:
    """A key of these domains, or of all."""
    grant = Grant.of(["domain-admin" if domains else "full-admin"], domains or ("*",))
    who = Principal(kind="key", id="key", name="key", tenant="default", grants=(grant,), key_id="key")
    return By(principal=who)


def small(*numbers: int) -> tuple[str, ...]:
    return tuple(f"customer{number}.example" for number in numbers)


ASKED = {
    "everything": (by(), Filter()),
    "large domain": (by(), Filter(domain=BIG)),
    "small domain": (by(), Filter(domain=small(7)[0])),
    "small domain, ended too": (by(), Filter(domain=small(7)[0], state="any")),
    "recipient, large domain": (by(), Filter(recipient=f"user7@{BIG}")),
    "recipient, small domain": (by(), Filter(recipient=f"user7@{small(7)[0]}")),
    "sender": (by(), Filter(sender="person7@sender7.example")),
    "key of the large and 4 small domains": (by(BIG, *small(3, 4, 5, 6)), Filter()),
    "key of 5 small domains": (by(*small(3, 4, 5, 6, 7)), Filter()),
}


def rows(items: int) -> Iterator[dict[str, Any]]:
    random = Random(1)
    for number in range(items):
        domain = BIG if random.random() < 0.45 else small(random.randint(1, _OTHERS))[0]
        recipient = f"user{random.randrange(50)}@{domain}"
        yield {
            "id": f"qua_{random.getrandbits(100):025x}",
            "domain": domain,
            "queue_id": f"{number:08X}",
            "state": random.choices(_STATES, (50, 20, 30))[0],
            "sender": f"person{random.randrange(5000)}@sender{random.randrange(900)}.example",
            "recipient": recipient,
            "recipients": json.dumps([recipient]),
            "arrived_ms": 1_790_000_000_000 + number * 13_000,
        }


def fill(path: Path, items: int) -> None:
    with sqlite3.connect(path) as file:
        made = list(rows(items))
        file.executemany(
            "INSERT INTO quarantine_items (id, tenant, domain, node_id, queue_id, state, state_ms, sender,"
            " recipients, score, symbols, reason, size_bytes, arrived_ms) VALUES (:id, 'default', :domain,"
            " 'node-1', :queue_id, :state, :arrived_ms, :sender, :recipients, 9.5, '[]', 'spam', 4000,"
            " :arrived_ms)",
            made,
        )
        file.executemany(
            "INSERT INTO quarantine_recipients (tenant, recipient, arrived_ms, item)"
            " VALUES ('default', :recipient, :arrived_ms, :id)",
            made,
        )
    file.close()


async def spent_ms(tx: AsyncConnection, who: By, narrow: Filter) -> float:
    begun = time.process_time()
    await quarantine.skipping(tx, who, narrow, limit=100, offset=0)
    return (time.process_time() - begun) * 1000


async def main(items: int) -> None:
    with TemporaryDirectory(prefix="mxhub-held-") as folder:
        path = Path(folder) / "core.sqlite3"
        async with Database(sqlite_url(path)):
            pass  # the schema
        await asyncio.to_thread(fill, path, items)
        best = dict.fromkeys(ASKED, float("inf"))
        async with Database(sqlite_url(path)) as database:
            for _ in range(ROUNDS):
                for name, question in ASKED.items():
                    async with database.read() as tx:
                        best[name] = min(best[name], await spent_ms(tx, *question))
    for name, value in best.items():
        print(f"{name:40} {value:7.2f} ms  x {value / best['everything']:.2f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000))
