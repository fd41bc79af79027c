"""The delivery engine for others than the hub's own log: the core sends its webhooks with it."""

from hub.delivery.engine import Engine, Observer, Owed, Served, SilentObserver
from hub.pipeline.backoff import Backoff
from hub.pipeline.fate import Limits
from hub.pipeline.lane import Lane, SenderObserver
from hub.pipeline.record import chunks
from hub.store.base import CursorMove, Fate, Log, ParkedRow, RolledBack, Stale, StoreError

__all__ = [
    "Backoff",
    "CursorMove",
    "Engine",
    "Fate",
    "Lane",
    "Limits",
    "Log",
    "Observer",
    "Owed",
    "ParkedRow",
    "RolledBack",
    "SenderObserver",
    "Served",
    "SilentObserver",
    "Stale",
    "StoreError",
    "chunks",
]
