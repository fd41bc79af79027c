"""What callers may know about the embedded server."""

from dataclasses import dataclass
from typing import Literal

import structlog

__all__ = ["Status", "log_status"]


@dataclass(frozen=True, slots=True)
class Status:
    state: Literal["stopped", "starting", "running", "restarting", "failed"]
    """`restarting`: it died and a new start is tried; `failed`: the last try did too, the next waits."""
    since_s: float
    """Epoch seconds since when."""
    pid: int = 0
    server: str = ""
    """`valkey 9.1.2`."""
    restarts: int = 0
    """How often it died and was started again since `start`."""
    adopted: bool = False
    """It was running already, left behind by a killed mxhub."""
    reason: str = ""
    """Why it is not running."""
    notes: tuple[str, ...] = ()
    """What an operator should know about this start: a cut tail, an adopted orphan."""


def log_status(status: Status) -> None:
    """One line per change, for whoever does not listen otherwise."""
    logger = structlog.get_logger("hub")
    down = status.state in ("restarting", "failed")
    write = logger.error if down else logger.warning if status.notes else logger.info
    write("hub.server.status", state=status.state, pid=status.pid, reason=status.reason, notes=status.notes)
