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
    """Waits as long as a loaded machine may need."""
    return NameServers([zone.address], timeout_s=20, lifetime_s=40, cache_s=0)


@pytest.fixture
def hasty(zone):
    """For servers that never answer."""
    return NameServers([zone.address], timeout_s=0.1, lifetime_s=0.15, cache_s=0)
