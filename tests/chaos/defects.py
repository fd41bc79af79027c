"""Defects to build into a hub process, so that the oracle can be shown to notice them."""

import asyncio
import os

from hub.model.ids import uid_text
from hub.pipeline.fate import DELIVERED
from hub.pipeline.record import Recorder
from hub.pipeline.send import Sender
from hub.store.log import RedisLog
from tests.factories import mutants

__all__ = ["build_in"]


def build_in(name):
    """Change this process for good.

    `no-leases` lets every worker route and send at once, which must be harmless: leases only save work.
    `<script>:<guard>` takes a guard of the protocol out, with the leases, so that the guard is needed often.
    """
    if ":" in name:
        os.environ["MXHUB_MUTATE"] = name
        mutants.install()
        name = "no-leases"
    {
        "answer-before-commit": _answer_before_commit,
        "settle-before-send": _settle_before_send,
        "no-leases": _no_leases,
    }[name]()


def _no_leases():
    async def acquire(self, name, token, ms):
        return True

    RedisLog.acquire = acquire


def _answer_before_commit():
    """The classic: 202 first, the commit some time later."""
    honest = Recorder.commit

    async def commit(self, make):
        events = make()

        async def later():
            await asyncio.sleep(0.2)
            await honest(self, lambda: events)

        self._late = getattr(self, "_late", set())
        task = asyncio.create_task(later())
        self._late.add(task)
        task.add_done_callback(lambda done: (self._late.discard(done), done.cancelled() or done.exception()))
        return [True] * len(events)

    Recorder.commit = commit


def _settle_before_send():
    """The other classic: the queue forgets first, then the batch is sent."""

    async def head(self):
        refs = (await self._log.peek(self.lane.name, self.lane.batch_events, now_ms=self._now_ms())).refs
        if not refs:
            return 0
        entries = await self._payloads.of(refs)
        uids = [uid_text(entry.uid) for entry in entries]
        await self._log.settle(self.lane.name, refs, [DELIVERED] * len(refs), uids, now_ms=self._now_ms())
        await self._send(entries)
        return len(refs)

    Sender._head = head
