"""A name server on loopback, and a resolver that asks it."""

import pytest

from core.dns.resolver import NameServers
from tests.factories.dns import DnsServer


@pytest.fixture
async def zone():
    async with DnsServer() as server:
        yield server


@pytest.fixture
def resolver(zone):
    return NameServers([zone.address], timeout_s=0.2, lifetime_s=0.3, cache_s=0)
