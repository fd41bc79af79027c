"""What is wrong with an audit log, and where."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Kind"]

Kind = Literal["edited", "removed", "reordered", "truncated", "forked", "head", "anchors"]
"""`forked`: entries that hold, but follow others than those before them, or than those that were anchored;
`head`: the row that says where a chain ends; `anchors`: the files outside the database."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Entries `first` to `last` of a tenant's chain; both are 0 where no entry is meant."""

    kind: Kind
    tenant: str
    first: int
    last: int
    what: str

    def __str__(self) -> str:
        place = f"entry {self.first}" if self.first == self.last else f"entries {self.first} to {self.last}"
        whose = f"tenant {self.tenant}, " if self.tenant else ""
        return f"{self.kind}: {whose}{place if self.first else 'no entry'}: {self.what}"
