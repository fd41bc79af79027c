"""The log beside its model: each verb is called on both, and after each all that can be seen must agree."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import orjson
from redis.asyncio import Redis

from hub.store.base import CursorMove, Fate, Full, RetryRef, Stale, Tally
from hub.store.log import Limits, RedisLog
from hub.store.scripts import Scripts
from tests.factories.log_model import KILLER, LogModel, RowModel
from tests.factories.tally_rig import DigestVerbs
from tests.factories.valkey import events

__all__ = ["LIMITS", "Rig"]

_T = TypeVar("_T")
LIMITS = Limits(max_entries=30, max_bytes=1_000_000, dedupe_ms=1_000_000, dedupe_ids=12)
UID = "00" * 16
NONE: Mapping[int, Tally] = {}


async def _told(call: Awaitable[_T]) -> _T | type[Exception]:
    try:
        return await call
    except (Stale, ValueError) as error:
        return ValueError if isinstance(error, ValueError) else Stale


def _wanted(call: Callable[[], _T]) -> _T | type[Exception]:
    try:
        return call()
    except (Stale, ValueError) as error:
        return type(error)


def _plain(fate: str) -> str:
    return f"parked: {KILLER}" if fate.startswith("parked: no outcome after") else fate


class Rig(DigestVerbs):
    def __init__(self, redis: Redis, *, scripts: Scripts | None = None, limits: Limits = LIMITS) -> None:
        self.log = RedisLog(redis, limits=limits, scripts=scripts)
        self.limits = limits
        self.model = LogModel()
        self.now = 1_000_000
        self.archived = 0
        """The archive's offset: what `trim` is called with."""

    async def same(self, wanted: Callable[[], _T], told: Awaitable[_T]) -> _T | type[Exception]:
        """Call both; the answers, or the kinds of refusal, must agree, and so must all state afterwards."""
        got, want = await _told(told), _wanted(wanted)
        assert got == want
        await self.check()
        return got

    # -- recording -------------------------------------------------------------------------------------------
    async def record(self, numbers: Sequence[int], move: CursorMove | None = None) -> None:
        model, before = self.model, set(self.model.uids)
        surely = set(model.uids[-self.limits.dedupe_ids :]) if model.uids else set()
        stale = move is not None and model.cursors.get(move.stream) != move.expected
        new = len(set(numbers) - surely)
        try:
            answer = await self.log.record(events(*numbers), move, now_ms=self.now)
        except Stale:
            assert stale
            return await self.check()
        except Full:
            assert not stale
            assert model.seq - model.trim + new > self.limits.max_entries
            return await self.check()
        assert not stale
        assert len(answer.fresh) == len(numbers)
        taken = [n for n, fresh in zip(numbers, answer.fresh, strict=True) if fresh]
        assert len(set(taken)) == len(taken), "an id recorded twice in one call"
        assert not set(taken) & surely, "a repeat inside the window recorded again"
        assert set(numbers) - before <= set(taken), "a new id taken for a repeat"
        held = model.seq - model.trim
        assert not taken or not held or held + len(taken) <= self.limits.max_entries
        model.uids += taken
        assert answer.seq == model.seq
        if move is not None:
            model.cursors[move.stream] = move.to
        return await self.check()

    async def trim(self) -> None:
        goal = max(self.model.trim, min(self.archived, self.model.routed))
        assert await self.log.trim(self.archived) == goal
        self.model.trim = goal
        await self.check()

    # -- routing and rows ------------------------------------------------------------------------------------
    async def publish(self, table: dict[str, list[int]], names: Sequence[str]) -> None:
        text = orjson.dumps(table).decode()
        await self.same(
            lambda: self.model.publish(table, list(names)), self.log.publish(text, names, now_ms=self.now)
        )

    def refs(self, table: dict[str, list[int]], frm: int, to: int) -> dict[str, list[int]]:
        """What a router with this table would push: a rule is the residues of the uid that it wants."""
        seqs = range(frm + 1, to + 1)
        return {
            name: [s for s in seqs if self.model.uids[s - 1] % 3 in wanted] for name, wanted in table.items()
        }

    async def route(self, frm: int, to: int, gen: int, refs: dict[str, list[int]]) -> bool:
        """Whether it counted."""
        answer = await self.same(
            lambda: self.model.route(frm, to, gen, refs), self.log.route(frm, to, gen, refs)
        )
        return answer is None

    async def add(self, name: str) -> None:
        await self.same(lambda: self.model.add(name), self.log.add(name, now_ms=self.now))

    async def forget(self, name: str) -> None:
        await self.same(lambda: self.model.forget(name), self.log.forget(name))

    async def rename(self, old: str, new: str) -> None:
        await self.same(lambda: self.model.rename(old, new), self.log.rename(old, new))

    async def push(self, name: str, refs: list[int]) -> None:
        await self.same(lambda: self.model.push(name, refs), self.log.push(name, refs, now_ms=self.now))

    # -- senders ---------------------------------------------------------------------------------------------
    async def peek(self, name: str, n: int) -> tuple[int, ...]:
        row = self.model.rows.get(name)
        peeked = await self.log.peek(name, n, now_ms=self.now)
        assert (peeked.refs, peeked.parked) == (row.peek(n) if row else ((), 0))
        await self.check()
        return peeked.refs

    async def settle(
        self, name: str, refs: Sequence[int], fates: Sequence[Fate], tallies: Sequence[Tally] = ()
    ) -> bool:
        """Whether it counted."""
        told = self.log.settle(name, refs, fates, [UID] * len(refs), now_ms=self.now, tallies=tallies)
        answer = await self.same(
            lambda: self._row(name).settle(list(refs), list(fates), self.now, tallies), told
        )
        return answer is None

    async def due(self, name: str, n: int) -> list[RetryRef]:
        row = self.model.rows.get(name)
        found = await self.log.due(name, n, now_ms=self.now)
        assert found == (row.due(n, self.now) if row else [])
        await self.check()
        return found

    async def retried(
        self, name: str, settled: Sequence[tuple[RetryRef, Fate]], tallies: Mapping[int, Tally] = NONE
    ) -> int:
        row = self.model.rows.get(name)
        named = [(ref, fate, UID) for ref, fate in settled]
        told = self.log.retried(name, named, now_ms=self.now, tallies=tallies)
        counted = await self.same(lambda: row.retried(list(settled), self.now, tallies) if row else 0, told)
        assert isinstance(counted, int)
        return counted

    def _row(self, name: str) -> RowModel:
        if name not in self.model.rows:
            raise Stale
        return self.model.rows[name]

    # -- holds -----------------------------------------------------------------------------------------------
    async def block(self, name: str, probe_in_ms: int) -> None:
        def block() -> bool:
            row = self.model.rows.get(name)
            if row is None:
                return False
            fresh = row.blocked is None
            row.blocked_ms = self.now if fresh else row.blocked_ms
            row.blocked, row.probe_ms = "down", self.now + probe_in_ms
            row.clear()
            return fresh

        await self.same(block, self.log.block(name, "down", self.now + probe_in_ms, now_ms=self.now))

    async def unblock(self, name: str) -> None:
        row = self.model.rows.get(name)
        await self.same(
            lambda: row is not None and row.end_block(self.now), self.log.unblock(name, now_ms=self.now)
        )

    async def pause(self, name: str) -> None:
        def pause() -> None:
            row = self._row(name)
            row.paused_ms = self.now if row.paused_ms is None else row.paused_ms

        await self.same(pause, self.log.pause(name, now_ms=self.now))

    async def resume(self, name: str) -> None:
        def resume() -> None:
            self._row(name).paused_ms = None
            self._row(name).end_block(self.now)

        await self.same(resume, self.log.resume(name, now_ms=self.now))

    async def unpark(self, name: str, seqs: list[int]) -> None:
        row = self.model.rows.get(name)
        told = self.log.unpark(name, seqs, now_ms=self.now)
        await self.same(lambda: row.unpark(seqs, self.now) if row else 0, told)

    async def drop(self, name: str, seqs: list[int]) -> None:
        row = self.model.rows.get(name)
        told = self.log.drop(name, seqs, "operator")
        await self.same(lambda: row.drop(seqs, "operator") if row else 0, told)

    async def expire(self, name: str, upto: int) -> None:
        row = self.model.rows.get(name)
        told = self.log.expire(name, upto, "expired")
        await self.same(lambda: row.expire(upto, "expired") if row else 0, told)

    async def strike(self, name: str, seqs: set[int]) -> None:
        row = self.model.rows.get(name)
        told = self.log.strike(name, seqs.__contains__, "erased")
        await self.same(lambda: row.strike(seqs, "erased") if row else 0, told)

    # -- what must hold at every instant ---------------------------------------------------------------------
    async def check(self) -> None:
        await self._check_head()
        await self._check_books()
        await self._check_rows()
        await self._check_fates()

    async def _check_head(self) -> None:
        model, head = self.model, await self.log.head()
        assert (head.seq, head.routed, head.trim, head.gen) == (
            model.seq,
            model.routed,
            model.trim,
            model.gen,
        )
        assert head.trim <= min(self.archived, head.routed)
        entries = await self.log.read(0, 10_000)
        assert [entry.seq for entry in entries] == list(range(head.trim + 1, head.seq + 1)), "a hole"
        assert [int.from_bytes(entry.uid) for entry in entries] == model.uids[head.trim :]
        assert head.log_entries == len(entries)
        assert dict(await self.log.cursors()) == model.cursors

    async def _check_books(self) -> None:
        books = {book.connector: book for book in await self.log.books()}
        assert books.keys() == self.model.rows.keys()
        for name, row in self.model.rows.items():
            book = books[name]
            assert book.balanced, book
            counts = (book.matched, book.queued, book.retrying, book.parked, book.dropped, book.delivered)
            sets: tuple[Any, ...] = (
                row.matched,
                row.queue,
                row.retry,
                row.parked,
                row.dropped,
                row.delivered,
            )
            assert counts == tuple(map(len, sets)), name
            assert sum(book.dropped_by.values()) == book.dropped
            assert book.blocked == row.blocked

    async def _check_rows(self) -> None:
        wanted = {
            n for n, row in self.model.rows.items() if (at := row.ready_at()) is not None and at <= self.now
        }
        assert set(await self.log.ready(self.now)) == wanted
        for told in await self.log.rows(now_ms=self.now):
            row = self.model.rows[told.name]
            assert told.clock_ms == row.clock(self.now)
            state = "paused" if row.paused_ms is not None else "blocked" if row.blocked is not None else "ok"
            assert told.state == state
            assert told.head_seq == (row.queue[0] if row.queue else 0)
            owed = [key[0] for key in row.retry] + list(row.parked)
            assert told.oldest_seq == min(owed, default=0)
            counts = row.tallies
            assert (told.tallied, told.told, told.untold) == (counts.waiting, counts.told, counts.untold)
            assert all(low < high for low, high in pairwise(row.queue))

    async def _check_fates(self) -> None:
        parked = {(p.connector, p.seq): p.attempts for p in await self.log.parked()}
        for name, row in self.model.rows.items():
            for seq, (_, attempts) in row.parked.items():
                assert parked[name, seq] == attempts
        for seq, told in enumerate(await self._all_fates(), 1):
            for name, row in self.model.rows.items():
                self._check_fate(name, row, seq, told.get(name))

    async def _all_fates(self) -> list[dict[str, str]]:
        """What `fates` says of every seq, in one round trip."""
        if self.model.seq == 0:
            return []
        first = await self.log.fates(1)
        digest, keys = self.log._scripts._digests["fates"], (self.log.keys.head, self.log.keys.rows)
        async with self.log._redis.pipeline(transaction=False) as pipe:
            for seq in range(2, self.model.seq + 1):
                pipe.execute_command("EVALSHA", digest, 2, *keys, self.log.keys.row_prefix, seq)
            rest = await pipe.execute()
        return [first, *({name.decode(): fate.decode() for name, fate in raw} for raw in rest)]

    def _check_fate(self, name: str, row: RowModel, seq: int, told: str | None) -> None:
        fate = row.fate(seq)
        if seq <= row.start:
            assert told is None
        elif not row.replay and seq > self.model.routed:
            assert told == "pending"
        elif fate in {None, "delivered"}:
            assert told == (None if row.replay else "delivered or filtered"), (name, seq)
        else:
            assert told is not None
            assert _plain(told) == fate, (name, seq)
