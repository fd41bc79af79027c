"""Digests: events that a connector is told of by their number only, from the count to the delivery."""

from typing import Final

import orjson

from hub.store.base import Digest, Fate, Tally
from hub.store.partition import Partition

__all__ = ["Tallies", "packed"]

_LETTERS: Final = {"delivered": "d", "dropped": "x", "retry": "r"}
_REASON_CHARS: Final = 500


def packed(tally: Tally) -> bytes:
    """As the scripts take it."""
    return orjson.dumps(
        {
            "key": tally.key,
            "n": tally.n,
            "due": tally.due_ms,
            "first": tally.first_ms,
            "last": tally.last_ms,
            "severity": tally.severity,
            "about": tally.about.encode("utf-8", "replace").decode(),
            "parts": {label.encode("utf-8", "replace").decode(): n for label, n in tally.parts.items()},
        }
    )


def _digest(raw: bytes) -> Digest:
    found = orjson.loads(raw)
    return Digest(
        number=found["number"],
        name=found["name"],
        key=found["key"],
        sealed_ms=found["at"],
        attempts=found["attempts"],
        tallies=found["tallies"],
        n=found["n"],
        first_ms=found["first"],
        last_ms=found["last"],
        severity=found["severity"],
        about=tuple(found["about"]),
        parts=found["parts"],
    )


class Tallies(Partition):
    """See `hub.store.base.Log` for every verb."""

    async def seal(self, name: str, *, now_ms: int) -> Digest | None:
        raw = await self._tallied("seal", name, now_ms)
        return _digest(raw) if raw else None

    async def digested(self, name: str, number: int, fate: Fate, *, now_ms: int) -> bool:
        """Raises `ValueError` for another fate than delivered, dropped or retry."""
        if fate.kind not in _LETTERS:
            msg = f"a digest is delivered, dropped or tried again, not {fate.kind}"
            raise ValueError(msg)
        reason = fate.reason[:_REASON_CHARS].encode("utf-8", "replace")
        args = (number, _LETTERS[fate.kind], max(fate.after_ms, 0), reason)
        return bool(await self._tallied("digested", name, now_ms, *args))
