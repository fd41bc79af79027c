"""Keys of the core at the hub's API: a tenant sees its own events, whoever runs the hub sees all; nobody what
the core does not show them.
"""

from dataclasses import replace

import pytest

from hub.access.principal import Grant, Principal
from hub.api.callers import EVENTS as SCOPE
from hub.api.table import ROUTES
from hub.model.ids import uid_text
from hub.web.errors import ServiceUnavailable
from tests.factories.api import make_services
from tests.factories.events import make_entry

OF_EVENTS = [route for route in ROUTES if route.scope == SCOPE]
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


# -- what the core does not show -----------------------------------------------------------------------------
async def every(ask, route, who):
    """Rightly; the domains in the answer stand for the events."""
    path = route.path.format(id=uid_text(make_entry(7).uid))
    return await ask(who, "GET", f"{path}?field=domain" if path.endswith("facets") else path)


@pytest.mark.parametrize("route", OF_EVENTS, ids=lambda one: one.path)
async def test_events_of_a_domain_that_is_hidden_from_a_caller_are_in_no_answer(ask, route):
    tied = {entry.header.domain for entry in ask.services.archive.stored}
    assert make_entry(7).header.domain in tied

    async def hidden(who):
        return frozenset() if who.key_id == "k1" else frozenset(tied)

    ask.services.hidden = hidden
    own, shown = await every(ask, route, replace(caller(SCOPE), key_id="k1"))
    status, cut = await every(ask, route, replace(caller(SCOPE), key_id="k2"))
    one = "{id}" in route.path

    assert (own, status) == (200, 404 if one else 200)
    assert b"customer" in shown or b"count" in shown
    assert b"customer" not in cut
    assert b'"count"' not in cut


@pytest.mark.parametrize("route", OF_EVENTS, ids=lambda one: one.path)
async def test_while_the_core_cannot_say_what_is_hidden_nothing_is_shown(ask, route):
    async def hidden(_):
        raise ServiceUnavailable("the core cannot say")

    ask.services.hidden = hidden

    assert (await every(ask, route, caller(SCOPE)))[0] == 503
