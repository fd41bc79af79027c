import pytest

from core.store import meta
from tests.factories.reports import told


@pytest.fixture
async def news(tx):
    """A function that gives the events since it was asked last, as `(name, data)`."""
    seen = [await meta.counted(tx, "outbox")]

    async def ask():
        found = await told(tx, seen[0])
        seen[0] = await meta.counted(tx, "outbox")
        return found

    return ask
