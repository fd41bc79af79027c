"""Counters inside a worker: what each stage cost in CPU, and how long batches took from record to settle.

Loaded with `tests.bench.blackhole`, in a bench only, where `MXHUB_BENCH_PROBE` names the file to write at the
end.
"""

import atexit
import json
import types
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from time import thread_time
from typing import Any

__all__ = ["VARIABLE", "install"]

VARIABLE = "MXHUB_BENCH_PROBE"


class _Probe:
    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self.turns: dict[str, int] = {}
        self.lags_ms: list[tuple[int, int]] = []
        """(record to settle of a batch's oldest event, events)."""

    def timed(self, stage: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The method, with the CPU time of its own steps added up; what it waits for costs it nothing."""
        self.cpu_s[stage], self.turns[stage] = 0.0, 0

        @types.coroutine
        def drive(inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
            value, error = None, None
            self.turns[stage] += 1
            while True:
                began = thread_time()
                try:
                    waited = inner.send(value) if error is None else inner.throw(error)
                except StopIteration as end:
                    return end.value
                finally:
                    self.cpu_s[stage] += thread_time() - began
                value, error = None, None
                try:
                    value = yield waited
                except BaseException as thrown:
                    error = thrown

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return await drive(method(*args, **kwargs).__await__())

        return wrapped

    def write(self, path: Path) -> None:
        """Nothing from a process that sends nothing: `serve` reads the same configuration."""
        if not self.lags_ms:
            return
        path.write_text(json.dumps({"cpu_s": self.cpu_s, "turns": self.turns, "lags_ms": self.lags_ms}))


def install(path: Path) -> None:
    """Wrap the stages of this process; the counters are written to `path` when it ends."""
    from hub.app.observe import Observers
    from hub.pipeline.keep import Keeper
    from hub.pipeline.route import Router
    from hub.pipeline.send import Sender

    probe = _Probe()
    for stage, kind in (("router", Router), ("keeper", Keeper), ("sender", Sender)):
        kind.turn = probe.timed(stage, kind.turn)  # type: ignore[method-assign]
    sent = Observers.sent

    def noted(self: Observers, lane: Any, fates: Any, lag_ms: int) -> None:
        probe.lags_ms.append((lag_ms, len(fates)))
        sent(self, lane, fates, lag_ms)

    Observers.sent = noted  # type: ignore[method-assign]
    atexit.register(probe.write, path)
