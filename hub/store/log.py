"""The log on Redis or Valkey: one partition, every verb of `hub.store.base.Log`."""

from hub.store.books import Books
from hub.store.partition import Limits
from hub.store.recording import Recording
from hub.store.routing import Routing
from hub.store.striking import Striking
from hub.store.tallies import Tallies

__all__ = ["Limits", "RedisLog"]


class RedisLog(Recording, Routing, Striking, Tallies, Books):
    """`RedisLog(redis, partition, limits=Limits(...))`; `redis` is an asyncio client that does not decode."""
