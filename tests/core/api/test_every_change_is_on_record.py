"""Whatever changes anything by the API leaves an entry that names the request, and who asked."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from sqlalchemy import select

from core.store.tables import audit_entries
from hub.access.secret_text import PREFIX_CHARS
from tests.core.api.every import API, ask_of, name_of

CHANGES: Final[Mapping[str, Callable[[str, Mapping[str, str]], Any]]] = {
    "PATCH /api-keys/{key}": lambda _, __: {"description": "of the till"},
    "PATCH /domains/{domain}": lambda _, __: {"active": False},
    "PUT /domains/{domain}": lambda _, __: {"active": False},
    "POST /domains/login-links:batch": lambda domain, _: {"domains": [domain]},
    "POST /email-accounts/import": lambda domain, _: {
        "rows": [{"username": "jo", "password": "Abcd123!", "domain": domain}]
    },
    "PATCH /organizations/{organization}": lambda _, __: {"name": "Another"},
    "POST /quarantine:batch": lambda _, made: {"action": "discard", "ids": [made["item"]]},
    "PUT /users/{email}": lambda _, __: {"admin": True},
    "PATCH /users/{email}": lambda _, __: {"admin": True},
    "PATCH /domains/{domain}/rules/{rule}": lambda _, __: {"note": "seen again"},
    "PATCH /settings": lambda _, __: {"login_link_minutes": 20},
    "PATCH /domains/{domain}/spam/settings": lambda _, __: {"high_score": 7},
    "PATCH /webhooks/{webhook}": lambda _, __: {"description": "of the till"},
}
"""Bodies that change something, where those of `made.GOOD` do not: from the owner's domain and the path."""

NOTHING: Final[Mapping[str, str]] = {
    "POST /domains/{domain}/verify": "DNS says nothing in these tests, as before",
    "PUT /domains/{domain}/aliases/{alias}": "it has that name already",
    "DELETE /domains/{domain}/api-key": "it is tied to none",
    "POST /email-accounts/import/preview": "only looks",
}
"""Answered with success though nothing was changed."""

pytestmark = pytest.mark.asyncio(loop_scope="module")
UNSAFE = [route for route in API if route.method != "GET" and not ask_of(route).status]


@pytest.mark.parametrize("route", UNSAFE, ids=name_of)
async def test_a_change_is_on_record_with_its_request_and_its_key(every, route):
    name, owner = name_of(route), every.owner()
    values = await every.make(route, owner)
    made = values or await every.make(
        next(one for one in API if one.path.endswith("/quarantine/{item}")), owner
    )
    domain, good = await owner.domain(), ask_of(route)
    body = CHANGES[name](domain, made) if name in CHANGES else good.body(owner, values) if good.body else {}
    query = good.query(owner, values) if good.query else {}
    said = await every.api.call(
        route.method,
        route.path.format(**values),
        None if route.body is None else body,
        key="" if route.scope is None else None,
        params=query,
    )
    async with every.api.core.database.read() as tx:
        entries = select(audit_entries).where(audit_entries.c.request_id == said.headers["X-Request-ID"])
        found = (await tx.execute(entries)).mappings().all()

    assert said.status < 300, said.raw[:400]
    assert bool(found) != (name in NOTHING)
    by = "" if route.scope is None else every.api.admin[:PREFIX_CHARS]
    assert {one["key_prefix"] for one in found if one["actor_type"] == "api_key"} <= {by}
    assert {one["actor_type"] for one in found} <= {"api_key", "user"}
