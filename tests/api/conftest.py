"""The API over a hub in memory."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hub.api.app import create_app
from hub.api.services import Services
from tests.factories.api import make_services


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Starts the API and gives a client."""
    begun: list[tuple[TestClient[Any, Any], Services]] = []

    async def begin(services: Services | None = None, *, trusted: bool = True) -> TestClient[Any, Any]:
        services = services or make_services()
        client = TestClient(TestServer(create_app(services, trusted=trusted)))
        await client.start_server()
        begun.append((client, services))
        return client

    yield begin
    for client, services in begun:
        await client.close()
        services.readers.close()


@pytest.fixture
async def client(start: Callable[..., Any]) -> Any:
    return await start()


@pytest.fixture
async def get(client: Any) -> Callable[..., Any]:
    """Asks a path with parameters; gives status and envelope."""

    async def ask(path: str, **params: Any) -> tuple[int, Any]:
        answer = await client.get(path, params=params)
        return answer.status, await answer.json()

    return ask
