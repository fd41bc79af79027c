"""Connectors over receivers on loopback."""

from contextlib import asynccontextmanager

import pytest

from connectors.syslog import SPEC, SyslogOptions
from hub.sdk.connector import Context

LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.fixture
def connect():
    """Opens a connector to a port of loopback; it settles fast unless told otherwise."""

    @asynccontextmanager
    async def open_one(port, *, host="127.0.0.1", deadline_s=20.0, allow=LOOPBACK, **options):
        named = {"host": host, "port": port, "transport": "tcp", "settle_ms": 40, **options}
        made = SyslogOptions.model_validate(named)
        context = Context(name="test-syslog", deadline_s=deadline_s, allow_networks=allow)
        async with SPEC.make(made, context) as connector:
            yield connector

    return open_one
