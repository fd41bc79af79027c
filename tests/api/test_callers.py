"""Keys of the core at the hub's API: a tenant sees its own events, whoever runs the hub sees all."""

import pytest

from hub.access.principal import Grant, Principal
from hub.api.table import ROUTES
from hub.model.ids import uid_text
from tests.factories.api import make_services
from tests.factories.events import make_entry

EVENTS = ("/api/v1/events", "/api/v1/feed", "/api/v1/export", "/api/v1/events/facets?field=tenant")


def caller(*scopes, tenant="acme", domains=("*",), kind="key"):
    grants = (Grant.of(scopes, domains),)
    return Principal(kind=kind, id="k1", name="k1", tenant=tenant, grants=grants)


@pytest.fixture
async def ask(start):
    services = make_services()
    client = await start(services, trusted=False)

    async def one(principal, method, path):
        async def gate(_):
            return principal

        services.gate = gate
        answer = await client.request(method, path)
        return answer.status, await answer.read()

    one.services = services
    return one


@pytest.mark.parametrize("path", EVENTS)
async def test_a_key_of_a_tenant_is_shown_its_own_events_only(ask, path):
    asked = []
    archive = ask.services.archive
    for name in ("search", "iterate", "facets"):
        real = getattr(archive, name)
        setattr(archive, name, lambda query, *more, real=real: asked.append(query) or real(query, *more))
    status, _ = await ask(caller("events:read"), "GET", path)

    assert status == 200
    assert {query.tenant for query in asked} == {("acme",)}


@pytest.mark.parametrize("path", EVENTS)
async def test_another_tenant_is_not_there(ask, path):
    glue = "&" if "?" in path else "?"
    status, _ = await ask(caller("events:read"), "GET", f"{path}{glue}tenant=other")

    assert status == 404


async def test_a_single_event_of_another_tenant_is_not_there(ask):
    path = f"/api/v1/events/{uid_text(make_entry(7).uid)}"
    theirs, _ = await ask(caller("events:read", tenant="other"), "GET", path)
    own, body = await ask(caller("events:read", tenant="acme"), "GET", path)

    assert (theirs, own) == (404, 200)
    assert b'"fates":{}' in body


@pytest.mark.parametrize("path", EVENTS)
async def test_a_key_for_some_domains_is_refused(ask, path):
    status, _ = await ask(caller("events:read", domains=["acme.example"]), "GET", path)

    assert status == 403


@pytest.mark.parametrize("route", [one for one in ROUTES if one.scope == "admin"], ids=lambda one: one.path)
async def test_the_rest_is_for_whoever_runs_the_hub(ask, route):
    path = route.path.format(id="x", name="x", tenant="x")
    of_a_tenant, _ = await ask(caller("full-admin"), route.method, path)
    without_the_right, _ = await ask(caller("read-only", tenant="default"), route.method, path)
    operator, _ = await ask(caller("full-admin", tenant="default"), route.method, path)

    assert (of_a_tenant, without_the_right) == (403, 403)
    assert operator not in {401, 403}
