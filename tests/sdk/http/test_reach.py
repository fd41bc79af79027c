"""Whether a server answers, without asking the address that would do something."""

import pytest

from hub.sdk.http import Client, Unreachable, reach
from hub.sdk.testing import Reply, StrictServer


def client():
    return Client(deadline_s=5, allow_networks=("127.0.0.0/8",))


async def test_only_the_root_is_asked_and_no_secret_is_said():
    async with StrictServer() as server, client() as http:
        server.expect("HEAD", "/", Reply(status=404))

        said = await reach(http, f"{server.url}/hooks/s3cret?token=s3cret")

        assert said == f"{server.url} answers (404)"


async def test_nobody_there_is_an_error():
    async with StrictServer() as server:
        url = server.url
    async with client() as http:
        with pytest.raises(Unreachable):
            await reach(http, f"{url}/hooks/s3cret")
