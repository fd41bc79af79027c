"""In every dialect: a key that is bound to a domain gives it no name that is somebody else's."""

import pytest

from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.app import MXROUTE_MANAGER
from tests.factories.core_api import serve
from tests.factories.hosting import add_domain
from tests.factories.mailchannels import HANDLE, key, speaking
from tests.factories.manager import token


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/domains/acme.example/alias/bank.example", None),
        ("PUT", "/domains/acme.example/settings", {"aliases": ["bank.example"]}),
        ("POST", "/domains?overwrite=true", {"domain": "acme.example", "aliases": ["bank.example"]}),
    ],
)
async def test_an_alias_of_mailchannels_needs_its_own_grant(core, method, path, body):
    async with speaking(core) as inbound:
        await inbound.provision("acme.example")
        bound = await key(core, "domain-admin", domains=["acme.example"])
        sent = None if body is None else {"subscriptionHandle": HANDLE, **body}
        refused = await inbound.call(method, path, sent, key=bound)
        allowed = await inbound.call(method, path, sent)

    assert (refused.status, allowed.status) == (403, 200)


async def test_an_alias_in_a_batch_of_mailchannels_needs_its_own_grant(core):
    async with speaking(core) as inbound:
        bound = await key(core, "domain-admin", domains=["acme.example"])
        body = {"domains": [{"domain": "acme.example", "aliases": ["bank.example"]}]}
        path = f"/domains/batch?subscriptionHandle={HANDLE}"
        said = (await inbound.call("POST", path, body, key=bound)).body

    assert [each["code"] for each in said["errors"]] == [403]


async def test_a_pointer_of_the_manager_needs_its_own_grant(core):
    await add_domain(core, "acme.example")
    bound = await token(core, "one", ["forwarders"], ("acme.example",))
    both = await token(core, "two", ["forwarders"], ("acme.example", "bank.example"))
    async with serve(core, create_app(core, MXROUTE_MANAGER)) as api:
        path, body = "/api/domains/acme.example/pointers", {"pointer": "bank.example"}
        said = [(await api.call("POST", path, body, key=each)).status for each in (bound, both)]

    assert said == [403, 201]
