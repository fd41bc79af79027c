"""A real server for every test that asks for one."""

from tests.factories.valkey import log, log_server, redis, state

__all__ = ["log", "log_server", "redis", "state"]
