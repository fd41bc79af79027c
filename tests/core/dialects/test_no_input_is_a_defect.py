"""Whatever is sent to a route of MailGuard or MxGuard, the vendor's form answers, and never with a defect."""

import json

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from core.app.dialects import dialect_of
from core.dialects.dialect import create_app
from hub.access.audit import SYSTEM
from hub.access.principal import Grant
from hub.access.secret_text import STYLES
from tests.core.api.made import MADE
from tests.core.dialects.inputs import requests
from tests.core.dialects.surfaces import SURFACES
from tests.factories.core_api import Said, serve
from tests.factories.owner import Owner
from tests.factories.shared import shared_core, shared_url

__all__ = ["shared_core", "shared_url"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTWARD = ("/test", "/resend", "/sessions/oidc")
"""Routes that look somebody up in the world outside."""
DONE = {502, 503}
"""The next server, or a node, is away: no defect."""


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["mailguard", "mxguard"])
async def asked(shared_core, request):
    """Its routes with what their paths may name, and how to send to them."""
    name = request.param
    surface, dialect = SURFACES[name], dialect_of(name)
    async with serve(shared_core, create_app(shared_core, dialect)) as api:
        _, key = await shared_core.access.keyring.make(
            SYSTEM,
            tenant="default",
            grants=[Grant.of(["full-admin"])],
            allow_key_admin=True,
            limits={"per_minute": 1_000_000},
            style=STYLES[name],
        )
        owner, known = Owner(api, "default", f"fuzz{name}"), {}
        for thing in sorted({thing_of(route, surface) for route in dialect.routes if route.names}):
            known |= await (surface.made.get(thing) or MADE[thing])(owner)
        routes = [route for route in dialect.routes if not route.path.endswith(OUTWARD)]

        async def send(route, path, query, body):
            data = body if isinstance(body, bytes | None) else plain(body)
            where = path + (
                "?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else ""
            )
            headers = {**surface.key(key), "Content-Type": "application/json"}
            async with api.client.request(
                route.method, URL(where, encoded=True), data=data, headers=headers, allow_redirects=False
            ) as answer:
                return Said(answer.status, answer.headers, await answer.read())

        yield surface, [(route, requests(route, known)) for route in routes], send


def thing_of(route, surface):
    """The path up to its last parameter."""
    path = route.path.removeprefix(surface.base)
    return path[: path.rindex("}") + 1]


def plain(body):
    """As JSON, surrogates escaped."""
    return json.dumps(body).encode()


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_request_is_a_defect_and_each_refusal_has_the_vendors_form(asked, data):
    surface, routes, send = asked
    route, inputs = data.draw(st.sampled_from(routes), label="route")
    path, query, body = data.draw(inputs, label=f"{route.method} {route.path}")
    said = await send(route, path, query, body)

    assert said.status < 500 or said.status in DONE, said.raw
    assert said.status < 400 or surface.why(said)
