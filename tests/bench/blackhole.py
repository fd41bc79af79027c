"""A connector that takes everything and does nothing: what is left is the cost of the hub itself.

It reaches the hub as any third party's does, by an entry point: `distribution` writes a folder for
PYTHONPATH.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from hub.model.event import Entry
from hub.model.outcome import Delivered, Outcome
from hub.sdk.connector import ConnectorSpec, Context
from hub.sdk.options import Options
from tests.bench.probe import VARIABLE, install

__all__ = ["SPEC", "distribution"]

_DELIVERED = Delivered()


class Blackhole:
    """Every event is delivered."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        return [_DELIVERED] * len(batch)


def _make(options: Options, context: Context) -> Any:
    del options, context
    return Blackhole()


SPEC = ConnectorSpec(kind="blackhole", title="Takes everything, does nothing", options=Options, make=_make)

if path := os.environ.get(VARIABLE):
    install(Path(path))


def distribution(folder: Path) -> Path:
    """A distribution's metadata below `folder` that registers this module."""
    info = folder / "mxhub_bench-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mxhub-bench\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[mxhub.connectors]\nblackhole = tests.bench.blackhole:SPEC\n")
    return folder
