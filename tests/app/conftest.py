"""A real server for every test that asks for one."""

from tests.factories.valkey import log, log_server, log_server_of_its_own, redis, state

__all__ = ["log", "log_server", "log_server_of_its_own", "redis", "state"]
