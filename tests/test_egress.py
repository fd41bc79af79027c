"""Every way out of the tree goes through the address guard, or is named here with the reason why not."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUARD = {
    "hub/sdk/http/client.py": "the one client: judged look-up, judged socket, no proxy, no redirects",
    "hub/sdk/http/guard.py": "judges the very address that is connected to, then makes the socket",
    "hub/sdk/http/resolve.py": "looks names up for the client and judges what comes back",
    "core/seam/smtp.py": "connects to addresses that the guarded look-up gave, and to nothing else",
    "core/detectors/certificate_endpoints.py": "speaks TLS over sockets of the guard, to judged addresses",
    "core/notify/guarded.py": "what Apprise's plugins send by `requests`: judged look-up, judged socket",
    "core/notify/names.py": "looks names up for `core/notify/guarded.py`, which judges what comes back",
}
NOT_GUARDED = {
    "core/service/postman.py": "sends the service's own mail to the relay that the operator configured",
    "core/dns/names.py": "reads names by the rules of the DNS; asks nobody",
    "core/dns/resolver.py": "asks the name servers that the operator alone sets, or the system's; what they "
    "answer is text, and whoever connects to an address in it is judged then",
    "hub/cli/client.py": "the command line's way to its own hub, at a URL that its user typed",
    "hub/cli/together.py": "the core's limits lie in the hub's own server",
    "hub/cli/sandbox.py": "starts a server of its own, and talks to it through its socket",
    "hub/cli/probes.py": "asks the Redis of the configuration, which the operator alone writes",
}
_OPENS = frozenset(
    {
        "socket",
        "create_connection",
        "create_datagram_endpoint",
        "create_unix_connection",
        "open_connection",
        "open_unix_connection",
        "sock_connect",
        "getaddrinfo",
        "gethostbyname",
        "gethostbyname_ex",
        "create_server_connection",
        "ClientSession",
        "TCPConnector",
        "UnixConnector",
        "ws_connect",
        "urlopen",
        "urlretrieve",
        "build_opener",
        "from_url",
        "HTTPConnection",
        "HTTPSConnection",
        "start_connection",
        "connect_ex",
    }
)
"""Calls that reach out, whatever they are called on."""
_LIBRARIES = frozenset(
    {
        "aiosmtplib",
        "ftplib",
        "http.client",
        "httpx",
        "imaplib",
        "nntplib",
        "poplib",
        "requests",
        "smtplib",
        "socketserver",
        "telnetlib",
        "urllib.request",
        "urllib3",
        "websockets",
        "xmlrpc.client",
        "grpc",
        "kafka",
        "paramiko",
        "pycurl",
    }
)
_RESOLVERS = {"aiodns", "dns", "pycares"}


@cache
def modules():
    """The text of every module, by its path."""
    found = [path for top in ("hub", "connectors", "core") for path in (ROOT / top).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in found}


def _name(call):
    return call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")


def _imported(node):
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return set()


def _goes_on_with_a_socket(call):
    """`create_connection(..., sock=made)`: whoever made the socket reached out, and is judged for it."""
    return any(keyword.arg == "sock" for keyword in call.keywords)


def reaches_out(source):
    """What in a module's text opens a connection: names of calls and of libraries."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and not _goes_on_with_a_socket(node):
            found |= {_name(node.func)} & _OPENS
        found |= {name for name in _imported(node) if name in _LIBRARIES or name.split(".")[0] in _RESOLVERS}
    return found


@cache
def reaching():
    """What opens connections, by the modules that do: found when it is asked for, it takes a second."""
    return {path: found for path, source in modules().items() if (found := reaches_out(source))}


def imports_redis_only(path):
    """The log and the jobs talk to the Redis of the configuration, through redis-py and arq."""
    return path.startswith(("hub/store/", "hub/jobs/", "hub/app/store.py")) and reaching()[path] <= {
        "from_url"
    }


def is_known(path):
    return path in GUARD or path in NOT_GUARDED or imports_redis_only(path) or uses_the_guard(path)


def test_a_module_that_opens_connections_is_guarded_or_named():
    unknown = {path: sorted(found) for path, found in reaching().items() if not is_known(path)}

    assert unknown == {}, (
        "use hub.sdk.http.Client, or judge the address with hub.sdk.http.Guard before connecting, "
        "or name the module in NOT_GUARDED with the reason"
    )


def uses_the_guard(path):
    """A connector with a protocol of its own judges addresses itself. That it really does is proven by
    `tests/conformance`: `test_a_private_destination_is_not_reached_unless_allowed`.
    """
    return path.startswith("connectors/") and "Guard" in {
        alias.name
        for node in ast.walk(ast.parse(modules()[path]))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hub.sdk")
        for alias in node.names
    }


def test_what_is_named_is_there_and_reaches_out():
    assert {*GUARD, *NOT_GUARDED} <= set(reaching())


@pytest.mark.parametrize(
    "source",
    [
        "import socket\nsocket.create_connection(('h', 1))",
        "import asyncio\nasync def f(): await asyncio.open_connection('h', 1)",
        "import aiohttp\nasync def f():\n async with aiohttp.ClientSession() as s: ...",
        "from urllib.request import urlopen",
        "import urllib.request",
        "import requests as r",
        "import dns.resolver",
        "loop.create_datagram_endpoint(P, remote_addr=('h', 1))",
    ],
)
def test_the_scan_sees_every_way_out(source):
    assert reaches_out(source)


@pytest.mark.parametrize(
    "source",
    [
        "from hub.sdk.http import Client",
        "import asyncio\nasync def f(): await asyncio.start_server(g)",
        "async def f(): await loop.create_connection(P, sock=judged, ssl=context)",
    ],
)
def test_the_scan_is_quiet_about_servers_the_guarded_client_and_sockets_made_elsewhere(source):
    assert reaches_out(source) == set()


def test_outgoing_http_ignores_the_environment():
    tree = ast.parse(modules()["hub/sdk/http/client.py"])
    sessions = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "ClientSession"
    ]
    trust = [
        keyword.value.value for each in sessions for keyword in each.keywords if keyword.arg == "trust_env"
    ]
    requests = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "request"
    ]
    redirects = [
        keyword.value.value
        for each in requests
        for keyword in each.keywords
        if keyword.arg == "allow_redirects"
    ]

    assert (trust, redirects) == ([False], [False])
