"""Golden files: `<vendor>/<code>[~variant].in.json` is what a vendor sends, `.out.json` what we make of it.

`make golden` rewrites the outputs; their diff is reviewed like code, because ids and fields are a promise.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.pipeline.normalise import Normalised, normalise
from hub.registry import Registry
from hub.sdk.jsontext import decode
from hub.sdk.source import Item, SourceSpec

__all__ = ["RECEIVED_MS", "Golden", "goldens", "specs"]

ROOT = Path(__file__).parent
TENANT = "acme"
RECEIVED_MS = 1_770_000_000_000
"""2026-02-02T02:40:00Z."""


@dataclass(frozen=True, slots=True)
class Golden:
    """One input and its expected output."""

    spec: SourceSpec
    code: str
    path: Path

    @property
    def out(self) -> Path:
        return self.path.with_name(self.path.name.removesuffix(".in.json") + ".out.json")

    def run(self) -> Normalised:
        raw = self.path.read_bytes()
        item = Item(code=self.code, payload=decode(raw), raw=raw)
        return normalise(
            self.spec, tenant=TENANT, source=f"{self.spec.vendor}-1", item=item, received_ms=RECEIVED_MS
        )

    def render(self) -> str:
        body = json.loads(self.run().event.body)
        return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def specs() -> list[SourceSpec]:
    """Every built-in source; third parties test theirs themselves."""
    registry = Registry(third_parties=lambda _: ())
    return [registry.source(name) for name in registry.sources()]


def goldens() -> Iterator[Golden]:
    """Every input of every built-in source."""
    for spec in specs():
        for path in sorted((ROOT / spec.vendor).glob("*.in.json")):
            yield Golden(spec, path.name.removesuffix(".in.json").partition("~")[0], path)
