"""One notification on its way: how much time it has, and what came of it."""

import socket
import threading
import time
from contextlib import suppress
from typing import Final, Self

from hub.sdk.http import Guard

__all__ = ["LATE", "Exchange"]

LATE: Final = "no whole answer in time"


class Exchange:
    """What the requests of one notification came to: the last status, the first trouble.

    Its time begins with the context. When it is up the connections are cut: a service that sends a byte now
    and then outlasts every timeout of a single read.
    """

    def __init__(self, guard: Guard, deadline_s: float, *, pace_s: float = 0.0) -> None:
        """`pace_s`: seconds between two requests, where the service asks for them."""
        self.guard = guard
        self.status: int | None = None
        self.trouble = ""
        self._until = time.monotonic() + deadline_s
        self._pace_s = pace_s
        self._asked = False
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._alarm = threading.Timer(deadline_s, self._cut)
        self._alarm.daemon = True

    def __enter__(self) -> Self:
        self._alarm.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._alarm.cancel()
        with self._lock:
            for end in self._ends:
                end.close()

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def left_s(self) -> float:
        """Raises `TimeoutError` when the time is up."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this notification is up")
        return left

    def pause(self, last_io: object = None, wait: float | None = None) -> None:
        """In place of a plugin's `throttle`: it waits no longer than there is time."""
        del last_io  # each message has a plugin of its own
        pace_s = wait or (self._pace_s if self._asked else 0.0)
        self._asked = True
        time.sleep(max(min(pace_s, self._until - time.monotonic()), 0.0))

    def watch(self, made: socket.socket) -> None:
        """Have the connection cut when the time is up. A duplicate: TLS takes the socket itself away."""
        with self._lock:
            self._ends.append(made.dup())
        self.left_s()

    def _cut(self) -> None:
        with self._lock:
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
