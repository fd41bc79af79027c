"""What callers may know about the embedded server."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Status"]


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
