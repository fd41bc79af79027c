"""Golden objects: what a golden event becomes at Zapier, `zapier/<kind>[~variant].out.json`."""

import json
from dataclasses import dataclass
from pathlib import Path

from connectors.zapier.fields import payload
from hub.model.event import Entry
from tests.golden.messages import ROOT, events

__all__ = ["FlatGolden", "flat_goldens"]


@dataclass(frozen=True, slots=True)
class FlatGolden:
    """One event and the object that is made of it."""

    name: str
    entry: Entry

    @property
    def out(self) -> Path:
        return ROOT / "zapier" / f"{self.name}.out.json"

    def render(self) -> str:
        return json.dumps(json.loads(payload(self.entry)), indent=2, ensure_ascii=False) + "\n"


def flat_goldens() -> list[FlatGolden]:
    """Every golden object of the Zapier connector."""
    return [FlatGolden(name, entry) for name, entry in events()]
