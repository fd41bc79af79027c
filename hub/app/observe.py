"""What happened, told to where it is wanted: counters and source status (kept beside the log), logs,
captures, and the hub's
own health as events that are routed like any other.

The hot path only adds to dictionaries; a task writes them down once a second.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import orjson
import structlog

from hub.app.alarms import Alarms
from hub.archive.base import ErasureRecord
from hub.model.event import Event
from hub.pipeline.capture import Captures
from hub.pipeline.ingest import Answer, Door
from hub.pipeline.lane import Lane
from hub.pipeline.maintain import Alarm
from hub.pipeline.normalise import Normalised, normalise
from hub.pipeline.poll import Poll, Walked
from hub.pipeline.record import Recorder
from hub.sdk.ending import end
from hub.sdk.source import Item, SourceSpec
from hub.sources.mxhub import HealthCode
from hub.store.base import Digest, Fate, StoreError
from hub.store.state import State
from hub.telemetry import happenings

__all__ = ["OWN_SOURCE", "Observers"]

OWN_SOURCE = "mxhub"
"""Source name and vendor of the hub's own health events."""
_FLUSH_S = 1.0
_logger = structlog.get_logger("hub.app.observe")


class Observers:
    """One per process; `async with` it."""

    def __init__(self, state: State, own: SourceSpec, *, now_ms: Callable[[], int]) -> None:
        self._state = state
        self._own = own
        self._now_ms = now_ms
        self._counts: Counter[str] = Counter()
        self._sources: dict[str, dict[str, Any]] = {}
        self._standing: dict[tuple[str, str], Alarm] = {}
        self._alarms = Alarms(state, self._tell_of, now_ms=now_ms)
        self._recorder: Recorder | None = None
        self._tenant = "default"
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flusher: asyncio.Task[None] | None = None
        self._stall: str | None = None
        self.captures: Captures | None = None

    async def __aenter__(self) -> Self:
        self._flusher = asyncio.create_task(self._flush_for_ever(), name="observers")
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await end(self._flusher)
        with suppress(StoreError):  # the last second's counters are no promise
            await self.flush()

    def record_health(self, recorder: Recorder, tenant: str) -> None:
        """From now on the hub's own events are recorded too."""
        self._recorder = recorder
        self._tenant = tenant

    # -- ingest ----------------------------------------------------------------------------------------------
    def accepted(self, door: Door, items: Sequence[Normalised], fresh: Sequence[bool]) -> None:
        new = sum(fresh)
        self._seen(door.source, items, new, len(fresh) - new)
        happenings.webhook_accepted(door.source, new, len(fresh) - new)

    def refused(self, source: str, answer: Answer, headers: Mapping[str, str], body: bytes) -> None:
        known = answer.code != "unknown_source"
        if known:
            status = self._status(source)
            status["rejected"] = status.get("rejected", 0) + 1
            status["reason"] = answer.code
            if self.captures is not None:
                self.captures.refused(source, answer.code, headers, body)
        self._counts[f"refused:{answer.code}"] += 1
        happenings.webhook_rejected(source if known else "-", answer.code, answer.status)

    def _seen(self, source: str, items: Sequence[Normalised], new: int, repeated: int) -> None:
        status = self._status(source)
        status["accepted"] = status.get("accepted", 0) + new
        status["duplicate"] = status.get("duplicate", 0) + repeated
        unknown = sum(item.unmapped_reason is not None for item in items)
        if unknown:
            status["unknown"] = status.get("unknown", 0) + unknown
            happenings.event_unmapped(
                source, unknown, next(i.unmapped_reason for i in items if i.unmapped_reason)
            )
        status["last_event_ms"] = self._now_ms()
        self._counts["accepted"] += new
        self._counts["duplicate"] += repeated

    def _status(self, source: str) -> dict[str, Any]:
        return self._sources.setdefault(source, {})

    # -- polls -----------------------------------------------------------------------------------------------
    def page(self, poll: Poll, items: Sequence[Normalised], fresh: Sequence[bool]) -> None:
        new = sum(fresh)
        if items:
            self._seen(poll.source, items, new, len(fresh) - new)
        self._status(poll.source)["last_poll_ms"] = self._now_ms()
        happenings.poll_page(poll.key, len(items), new)

    def gap(self, poll: Poll, reason: str) -> Event:
        happenings.cursor_lost(poll.key, reason)
        return self._health("hub.cursor_lost", poll.tenant, poll.key, message=reason, source=poll.source)

    def walked(self, poll: Poll, walked: Walked) -> None:
        if walked.end in {"more", "stale", "closed"}:
            return
        status = self._status(poll.source)
        trouble = walked.end in {"refused", "failed"}
        status["state"] = {"refused": "refused", "failed": "failing"}.get(walked.end, "ok")
        status["reason"] = walked.reason[:300] if trouble else ""
        status["errors"] = status.get("errors", 0) + trouble
        if trouble:
            happenings.poll_failed(poll.key, walked.reason, refused=walked.end == "refused")
        elif walked.end == "full":
            happenings.poll_interrupted(poll.key, walked.reason)
        if walked.end == "refused":
            alarm = Alarm("hub.source_refused", poll.key, walked.reason)
            self._spawn(self._alarms.stand(alarm, poll.tenant))
        elif walked.end == "done":
            self._spawn(self._alarms.fall("hub.source_refused", poll.key))

    # -- delivery --------------------------------------------------------------------------------------------
    def sent(self, lane: Lane, fates: Sequence[Fate], lag_ms: int) -> None:
        happenings.delivered(lane.name, fates, lag_ms)

    def blocked(self, lane: Lane, reason: str) -> None:
        happenings.connector_blocked(lane.name, reason)
        self._tell("hub.connector_blocked", self._tenant, lane.name, message=reason)

    def recovered(self, lane: Lane) -> None:
        happenings.connector_recovered(lane.name)
        self._tell("hub.connector_recovered", self._tenant, lane.name)

    def told(self, lane: Lane, digest: Digest, fate: Fate) -> None:
        if fate.kind == "dropped":
            happenings.digest_refused(lane.name, digest.n, fate.reason)
            self._tell("hub.digest_refused", self._tenant, lane.name, message=fate.reason, events=digest.n)
        elif fate.kind == "delivered":
            happenings.digest_told(lane.name, digest.n, digest.key.partition(":")[0])

    # -- the archive and the hub itself ----------------------------------------------------------------------
    def archive_stalled(self, why: str | None) -> None:
        if why != self._stall:
            happenings.archive_stalled(why)
        self._stall = why

    def log_rolled_back(self, why: str) -> None:
        """The log's server lost what this process saw. The alarm's own event can be recorded when the log was
        accepted as it is.
        """
        happenings.log_rolled_back(why)
        self._spawn(self._alarms.stand(Alarm("hub.log_rolled_back", "log", why), self._tenant))

    def log_accepted(self, lost: str) -> None:
        """The log goes on without what it lost."""
        happenings.log_accepted(lost)
        self._spawn(self._alarms.fall("hub.log_rolled_back", "log"))
        self._tell("hub.log_rolled_back", self._tenant, "log", message=lost)

    async def retention(self, dropped: int, ended: Mapping[str, int]) -> None:
        """Archive files went by retention; `ended` references went with them."""
        happenings.archive_retained(dropped)
        for connector, n in ended.items():
            self._tell("hub.retention_ended_owed", self._tenant, connector, events=n)

    async def near_owed(self, standing: Sequence[Alarm]) -> None:
        """Rows whose owed events retention will end soon: told once each, until it does not hold any more."""
        await self._alarms.compare(standing, frozenset({"hub.retention_near_owed"}), self._tenant)

    def tenant_erased(self, record: ErasureRecord) -> None:
        """An erasure is done and on record; the event carries the record's hash."""
        happenings.tenant_erased(record.tenant, record.events)
        self._tell(
            "hub.tenant_erased",
            self._tenant,
            record.tenant,
            message=f"{record.events} records of the archive",
            events=record.events,
            digest=record.digest,
            record=record.hash,
        )

    async def alarms(self, standing: Sequence[Alarm]) -> None:
        """Raise what is new, forget what cleared, whichever process raised it.

        Raises `StoreError`.
        """
        shared = [alarm for alarm in standing if alarm.code not in _OF_A_MACHINE]
        await self._alarms.compare(shared, _WATCHED, self._tenant)
        here = {(alarm.code, alarm.subject) for alarm in standing if alarm.code in _OF_A_MACHINE}
        for key in [k for k in self._standing if k not in here and k[0] in _OF_A_MACHINE]:
            del self._standing[key]
        for alarm in standing:
            if alarm.code in _OF_A_MACHINE:
                self._raise(alarm, self._tenant)

    async def _tell_of(self, alarm: Alarm, tenant: str, since_ms: int) -> None:
        happenings.alarm(alarm.code, alarm.subject, alarm.message)
        if self._recorder is not None:
            details = {"message": alarm.message}
            await self._record(self._health(alarm.code, tenant, alarm.subject, at_ms=since_ms, **details))

    def _raise(self, alarm: Alarm, tenant: str) -> None:
        if (alarm.code, alarm.subject) in self._standing:
            return
        self._standing[alarm.code, alarm.subject] = alarm
        happenings.alarm(alarm.code, alarm.subject, alarm.message)
        self._tell(alarm.code, tenant, alarm.subject, message=alarm.message)

    # -- the hub's own events --------------------------------------------------------------------------------
    def _health(
        self, code: HealthCode, tenant: str, subject: str, *, at_ms: int | None = None, **details: Any
    ) -> Event:
        now = self._now_ms()
        payload = {"code": code, "time_ms": now if at_ms is None else at_ms, "subject": subject, **details}
        item = Item(code=code, payload=payload, raw=orjson.dumps(payload))
        return normalise(self._own, tenant=tenant, source=OWN_SOURCE, item=item, received_ms=now).event

    def _tell(self, code: HealthCode, tenant: str, subject: str, **details: Any) -> None:
        if self._recorder is None:
            return
        self._spawn(self._record(self._health(code, tenant, subject, **details)))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_tolerant(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, event: Event) -> None:
        if self._recorder is not None:
            await self._recorder.record([event])

    # -- writing down ----------------------------------------------------------------------------------------
    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            try:
                await self.flush()
            except StoreError as error:
                _logger.debug("hub.counters.unwritten", error=str(error))

    async def flush(self) -> None:
        """Write counters and source status beside the log; what cannot be written is kept for the next time.

        Raises `StoreError`.
        """
        counts, self._counts = self._counts, Counter()
        try:
            if counts:
                await self._state.count(counts)
        except StoreError:
            self._counts.update(counts)
            raise
        sources, self._sources = self._sources, {}
        try:
            if sources:
                await self._state.touch_sources(sources)
        except StoreError:
            self._give_back(sources)
            raise

    def _give_back(self, sources: Mapping[str, Mapping[str, Any]]) -> None:
        for name, older in sources.items():
            newer = self._status(name)
            for field, value in older.items():
                newer[field] = newer.get(field, 0) + value if field in _COUNTED else newer.get(field, value)


_COUNTED = frozenset({"accepted", "duplicate", "rejected", "errors", "unknown"})
"""Fields of a source's status that add up; of the others the latest holds."""
_WATCHED = frozenset({"hub.log_filling", "hub.dedupe_window_short", "hub.source_silent"})
"""Alarms that `watch` raises and clears, in whichever process it runs; the others clear where they arise."""
_OF_A_MACHINE = frozenset({"hub.disk_low"})
"""Each machine has its own: what this one does not see may still hold for another."""


async def _tolerant(work: Coroutine[Any, Any, None]) -> None:
    """A hub that cannot write says so in its log and its probes; its own events are no promise."""
    with suppress(StoreError):
        await work
