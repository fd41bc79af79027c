"""How to make one of everything that a route's path names, and how to ask each route rightly.

`test_every_route.py` takes every route of `core.api.table` through the same questions. A new route needs:

- for each path that ends with a `{parameter}` a maker under `@made("/things/{id}")`: it makes one such thing
  of its owner's tenant (through rows or services) and gives the values of all the path's parameters;
- where the body or the query has required fields, or the answer is not the declared one in a test's
  surroundings, an entry `GOOD["POST /things"] = Ask(...)`.

Paths stand below `/api/v1`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.store import tables
from tests.factories.owner import Owner

__all__ = ["GOOD", "MADE", "Ask", "made"]

Values = dict[str, str]
Maker = Callable[[Owner], Awaitable[Values]]
MADE: dict[str, Maker] = {}


def made(path: str) -> Callable[[Maker], Maker]:
    """Register a maker for a path that ends with a parameter."""

    def register(maker: Maker) -> Maker:
        assert path not in MADE, f"{path} has two makers"
        MADE[path] = maker
        return maker

    return register


@dataclass(frozen=True, slots=True)
class Ask:
    """What a route is asked rightly with.

    `body` and `query` are given the owner and the values of the path. `status` is what it answers where the
    tests cannot give it what it needs (say `why`); `None` = the route's own. `unknown` is the answer for a
    thing that is not there, where that is not 404 (a PUT that makes it, a DELETE that is content).
    """

    body: Callable[[Owner, Values], Any] | None = None
    query: Callable[[Owner, Values], Mapping[str, str]] | None = None
    status: int | None = None
    unknown: int = 404
    why: str = ""


GOOD: dict[str, Ask] = {}


@made("/domains/{domain}")
async def _domain(owner: Owner) -> Values:
    return {"domain": await owner.domain()}


@made("/domains/{domain}/aliases/{alias}")
async def _alias(owner: Owner) -> Values:
    domain, name = await owner.domain(), f"alias-{owner.tag}.example"
    await owner.row(tables.domain_aliases, name=name, domain=domain)
    return {"domain": domain, "alias": name}


@made("/verdicts/{verdict}")
async def _verdict(owner: Owner) -> Values:
    return {"verdict": (await owner.row(tables.verdicts, domain=await owner.domain()))["id"]}


@made("/quarantine/{item}")
async def _held(owner: Owner) -> Values:
    item = await owner.row(tables.quarantine_items, domain=await owner.domain(), state="held")
    await owner.row(tables.quarantine_bodies, item=item["id"], body=b"Subject: x\r\n\r\nx\r\n")
    return {"item": item["id"]}


GOOD["POST /quarantine:batch"] = Ask(body=lambda _, __: {"action": "discard", "ids": ["qua_none"]})
GOOD["POST /quarantine/{item}/retrain"] = Ask(body=lambda _, __: {"class": "ham"})
GOOD["POST /quarantine/{item}/release"] = Ask(status=404, why="nothing relays yet")

GOOD["POST /reports/misclassification"] = Ask(
    body=lambda _, __: {"quarantine_id": "qua_none"},
    query=lambda _, __: {"type": "false_positive"},
    status=404,
    why="a message is made in tests of its own",
)

GOOD["POST /domains"] = Ask(body=lambda owner, _: {"name": f"new-{owner.tag}.example"})
GOOD["POST /domains:batch"] = Ask(
    body=lambda owner, _: {"provision": [{"name": f"many-{owner.tag}.example"}]}
)
GOOD["POST /domains/batch"] = Ask(
    body=lambda owner, _: {"provision": [{"name": f"path-{owner.tag}.example"}]}
)
GOOD["PUT /domains/{domain}/aliases/{alias}"] = Ask(unknown=201)
GOOD["PUT /domains/{domain}/downstream-addresses"] = Ask(
    body=lambda _, __: {"downstream_addresses": [{"host": "mx.example.net"}]}
)
GOOD["PATCH /domains/{domain}/mail-status"] = Ask(body=lambda _, __: {"enabled": False})
GOOD["POST /domains/{domain}/pointers"] = Ask(body=lambda owner, _: {"pointer": f"other-{owner.tag}.example"})
GOOD["DELETE /domains/{domain}/pointers"] = Ask(
    query=lambda owner, _: {"pointer": f"none-{owner.tag}.example"}, status=404, why="there is no pointer"
)
