"""The log on Redis or Valkey: one partition, every verb of `hub.store.base.Log`."""

from hub.store.books import Books
from hub.store.holds import Holds
from hub.store.partition import Limits
from hub.store.queues import Queues
from hub.store.recording import Recording
from hub.store.routing import Routing

__all__ = ["Limits", "RedisLog"]


class RedisLog(Recording, Routing, Queues, Holds, Books):
    """`RedisLog(redis, partition, limits=Limits(...))`; `redis` is an asyncio client that does not decode."""
