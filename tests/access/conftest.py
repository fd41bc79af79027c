from tests.factories.access import access, people
from tests.factories.valkey import log_server, log_server_of_its_own, redis

__all__ = ["access", "log_server", "log_server_of_its_own", "people", "redis"]
