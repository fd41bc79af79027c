"""A real server for every test of the store that asks for one."""

from tests.factories.valkey import log, log_server, redis, state

__all__ = ["log", "log_server", "redis", "state"]
