"""The router: reads the log once, matches events to connectors, appends references to their queues.

It loads `gen` before the table, so that a table changed meanwhile makes its step stale instead of wrong; a
gap after
`routed` means that somebody else routed on: it reads again.
"""

from collections.abc import Callable, Iterable

from hub.model.event import Entry
from hub.pipeline.match import Matcher
from hub.pipeline.payloads import Payloads
from hub.store.base import Log, Stale
from hub.telemetry import happenings

__all__ = ["MAX_REFS", "Router", "steps"]

READ_EVENTS = 500
MAX_REFS = 2000
"""References a step: more block the server (200 events x 1,000 connectors: 40 ms, measured)."""


def steps(entries: Iterable[Entry], matcher: Matcher) -> Iterable[tuple[int, dict[str, list[int]]]]:
    """Cut into route steps `(last seq, {connector: [seq]})` of at most 2,000 references (one event's
    references stay together).
    """
    refs: dict[str, list[int]] = {}
    count = last = 0
    for entry in entries:
        names = matcher.match(entry.header)
        if refs and count + len(names) > MAX_REFS:
            yield last, refs
            refs, count = {}, 0
        for name in names:
            refs.setdefault(name, []).append(entry.seq)
        count += len(names)
        last = entry.seq
    if last:
        yield last, refs


class Router:
    """One partition's router. Any number may run; the compare-and-set in `Log.route` lets one win."""

    def __init__(self, log: Log, payloads: Payloads, *, wake: Callable[[Iterable[str]], None]) -> None:
        self._log = log
        self._payloads = payloads
        self._wake = wake
        self._routed: int | None = None
        self._gen = -1
        self._matcher = Matcher({})

    async def turn(self) -> int:
        """Route what is there (bounded); returns how many events were routed."""
        fresh = self._routed is None
        if self._routed is None:
            self._routed = await self._look()
        entries = await self._payloads.after(self._routed, READ_EVENTS)
        if not entries:
            return 0
        if entries[0].seq != self._routed + 1:
            if not fresh:
                self._routed = None
                return 0
            hole = range(self._routed + 1, min(entries[0].seq, self._routed + 1 + READ_EVENTS))
            entries = await self._payloads.of(
                hole
            )  # the log lost them, the archive may have them; never skipped
        return await self._route(self._routed, entries)

    async def _look(self) -> int:
        self._gen, text = await self._log.table()
        self._matcher = Matcher.from_text(text)
        return (await self._log.head()).routed

    async def _route(self, routed: int, entries: list[Entry]) -> int:
        begin = routed
        for to, refs in steps(entries, self._matcher):
            try:
                await self._log.route(routed, to, self._gen, refs)
            except Stale:
                happenings.router_stale()
                self._routed = None
                return routed - begin
            self._routed = routed = to
            self._wake(refs)
        return routed - begin

    def forget(self) -> None:
        """After an unknown outcome: look again before the next step."""
        self._routed = None
