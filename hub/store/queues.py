"""A connector's queue and retry set: look, settle, retry."""

import random
from collections.abc import Mapping, Sequence
from typing import Final

from hub.store.base import Fate, Peeked, RetryRef, Tally
from hub.store.keys import is_replay
from hub.store.partition import Partition
from hub.store.scripts import Argument
from hub.store.tallies import packed

__all__ = ["MAX_PUSH", "Queues", "check_code", "retry_ref"]

MAX_PUSH: Final = 2_000
_LETTERS: Final = {"delivered": "d", "retry": "r", "postponed": "p", "parked": "k", "dropped": "x"}
_REASON_CHARS: Final = 500
_CODE_CHARS: Final = 64


def check_code(reason: str) -> str:
    """A drop's reason as it is counted by.

    Raises `ValueError`.
    """
    if not 0 < len(reason) <= _CODE_CHARS:
        msg = f"a reason to drop is a short code of 1 to {_CODE_CHARS} characters, not {reason!r}"
        raise ValueError(msg)
    return reason


def _text(reason: str) -> bytes:
    return reason[:_REASON_CHARS].encode("utf-8", "replace")


def _details(fate: Fate, uid: str) -> tuple[Argument, ...]:
    if ":" in uid:
        msg = f"an event id is hexadecimal, not {uid!r}"
        raise ValueError(msg)
    reason = check_code(fate.reason) if fate.kind == "dropped" else fate.reason
    return max(fate.after_ms, 0), _text(reason), uid


def retry_ref(member: bytes) -> RetryRef:
    """A member of the retry set: `seq:attempts:first`, with `:1` when it was unparked."""
    seq, attempts, first_ms, *mark = member.split(b":")
    return RetryRef(int(seq), int(attempts), int(first_ms), bool(mark))


class Queues(Partition):
    """See `hub.store.base.Log` for every verb."""

    async def ready(self, now_ms: int, limit: int = 100) -> list[str]:
        """When more are ready than `limit`, a window at random, so that nobody starves behind a name."""
        words: tuple[Argument, ...] = ("ZRANGEBYSCORE", self.keys.ready, "-inf", now_ms, "LIMIT")
        found = await self._command(*words, 0, limit)
        if len(found) == limit:
            count = await self._command("ZCOUNT", self.keys.ready, "-inf", now_ms)
            if count > limit:
                offset = random.randrange(count - limit + 1)  # noqa: S311 - fairness is no secret
                found = await self._command(*words, offset, limit)
        return [name.decode() for name in found]

    async def acquire(self, name: str, token: str, ms: int) -> bool:
        return bool(await self._run("acquire", (self.keys.lease(name),), token, ms))

    async def release(self, name: str, token: str) -> None:
        await self._run("release", (self.keys.lease(name),), token)

    async def peek(self, name: str, n: int, *, now_ms: int, counts: bool = True) -> Peeked:
        keys = (*self.keys.row_keys(name), self.keys.log)
        parked, *refs = await self._run("peek", keys, name, now_ms, n, int(counts))
        return Peeked(tuple(map(int, refs)), parked)

    async def settle(
        self,
        name: str,
        refs: Sequence[int],
        fates: Sequence[Fate],
        uids: Sequence[str],
        *,
        now_ms: int,
        tallies: Sequence[Tally] = (),
    ) -> None:
        if not len(refs) == len(fates) == len(uids):
            msg = f"{len(refs)} references need as many fates and uids, not {len(fates)} and {len(uids)}"
            raise ValueError(msg)
        if not refs:
            return
        kinds = "".join([_LETTERS[fate.kind] for fate in fates])
        args: list[Argument] = [",".join(map(str, refs)), kinds]
        for fate, uid in zip(fates, uids, strict=True):
            if fate.kind != "delivered":
                args += _details(fate, uid)
        args += map(packed, tallies)
        await self._tallied("settle", name, now_ms, *args)

    async def due(self, name: str, n: int, *, now_ms: int, counts: bool = True) -> list[RetryRef]:
        """A blocked connector with nothing due and nothing queued gets its earliest retry, to probe with."""
        keys = (*self.keys.row_keys(name), self.keys.log)
        return [retry_ref(member) for member in await self._run("due", keys, name, now_ms, n, int(counts))]

    async def retried(
        self,
        name: str,
        settled: Sequence[tuple[RetryRef, Fate, str]],
        *,
        now_ms: int,
        tallies: Mapping[int, Tally] | None = None,
    ) -> int:
        if not settled:
            return 0
        args: list[Argument] = []
        for ref, fate, uid in settled:
            tally = (tallies or {}).get(ref.seq)
            args += (ref.seq, ref.attempts, ref.first_ms, _LETTERS[fate.kind], *_details(fate, uid))
            args += (packed(tally) if tally else b"", ":1" if ref.unparked else b"")
        return int(await self._tallied("retried", name, now_ms, *args))

    async def push(self, name: str, refs: Sequence[int], *, now_ms: int, makes: bool = True) -> None:
        if not is_replay(name) or len(refs) > MAX_PUSH:
            raise ValueError(
                f"push takes connector@job and {MAX_PUSH} references, not {name!r} and {len(refs)}"
            )
        keys = (*self.keys.row_keys(name), self.keys.rows)
        await self._run("push", keys, name, now_ms, int(makes), *refs)

    async def last_pushed(self, name: str) -> int:
        return int(await self._command("HGET", self.keys.row(name), "pushed") or 0)
