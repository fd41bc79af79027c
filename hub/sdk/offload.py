"""Blocking calls on threads of one's own: what hangs there holds up nobody else, not even our exit."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple

__all__ = ["Offload"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_IDLE_S = 5.0
"""Seconds after which a thread without work ends."""


@dataclass(frozen=True, slots=True)
class _Job:
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    call: Callable[[], Any]

    def do(self) -> None:
        if self.future.cancelled():
            return
        try:
            result, error = self.call(), None
        except BaseException as failure:  # whatever it is belongs to who waits for it, not to this thread
            result, error = None, failure
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class Offload:
    """Runs blocking calls on at most `most` daemon threads, in order of arrival. Idle threads go away.

    A cancelled call that has begun runs to its end and its result is dropped; one that has not is skipped.
    With `most=1` calls never overlap.
    """

    def __init__(self, name: str, most: int = 1) -> None:
        self._name = name
        self._most = most
        self._jobs: deque[_Job] = deque()
        self._change = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._closed = False

    async def run(self, call: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """The call's result, or its exception. Raises `RuntimeError` after `close`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._put(_Job(loop, future, lambda: call(*args)))
        return await future

    def close(self) -> None:
        """Take no more calls. Threads end when nothing is left to do; nobody waits for one that hangs."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _put(self, job: _Job) -> None:
        with self._change:
            if self._closed:
                raise RuntimeError(f"{self._name} is closed")
            self._jobs.append(job)
            if len(self._jobs) <= self._idle:
                self._change.notify()
            elif self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job.do()
            del job  # a waiting thread keeps nothing alive

    def _next(self) -> _Job | None:
        with self._change:
            self._idle += 1
            waiting = True
            while not self._jobs and waiting:
                waiting = not self._closed and self._change.wait(_IDLE_S)
            self._idle -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._threads -= 1
            return None
