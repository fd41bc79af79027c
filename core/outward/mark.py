"""Where the relay stands, and which event each number of the log is."""

from dataclasses import dataclass
from secrets import token_hex
from typing import Self

import orjson

__all__ = ["Mark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Moves in the same step that records. Every event behind `base` is recorded once and in order, so the
    log's number of an event is the outbox's less `base`.

    `epoch` names one life of the log; `id` is the last event's.
    """

    epoch: str
    base: int
    seq: int
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(**orjson.loads(text))

    @classmethod
    def new(cls, seq: int, event_id: str, log_seq: int) -> Self:
        """A life that begins behind an event, in a log that already counted up to `log_seq`."""
        return cls(epoch=token_hex(6), base=seq - log_seq, seq=seq, id=event_id)

    def text(self) -> str:
        return orjson.dumps({"epoch": self.epoch, "base": self.base, "seq": self.seq, "id": self.id}).decode()
