"""How each dialect looks from outside, and how to make what its paths name: for `test_every_dialect.py`.

Every dialect of `core.app.dialects.DIALECTS` needs an entry of `SURFACES`. A path with parameters needs a
maker under `made`, unless it is one of the service's own API; what such a route needs in its body or query
stands in `asks`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from core.store import tables
from hub.access.audit import SYSTEM
from hub.access.secret_text import STYLES
from tests.core.api.made import MADE, Ask, Maker, Values
from tests.factories.core_api import Said
from tests.factories.owner import Owner

__all__ = ["SURFACES", "Surface"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """`why` checks a refusal's form and gives its words; `limited` checks one that came too often."""

    base: str
    key: Callable[[str], Mapping[str, str]]
    why: Callable[[Said], str]
    limited: Callable[[Said], bool]
    made: Mapping[str, Maker]
    asks: Mapping[str, Ask] = field(default_factory=dict)
    own: str = "/api/v1"
    """Where routes of the service's own API stand, if they do."""


def _bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _x_api_key(key: str) -> Mapping[str, str]:
    return {"X-API-Key": key}


def _mailguard(said: Said) -> str:
    assert set(said.body) == {"data", "error", "message"}
    assert said.body["data"] is None
    return str(said.body["error"])


def _mxguard(said: Said) -> str:
    assert set(said.body) == {"error"}
    assert set(said.body["error"]) == {"code", "message", "details"}
    return f"{said.body['error']['message']} {said.body['error']['details']}"


def _manager(said: Said) -> str:
    assert set(said.body) == {"success", "error"}
    assert (said.body["success"], set(said.body["error"])) == (False, {"message"})
    return str(said.body["error"]["message"])


def _mailchannels(said: Said) -> str:
    assert set(said.body) == {"code", "message", "errors"}
    assert said.body["code"] == said.status
    return f"{said.body['message']} {said.body['errors']}"


def _sentinel(said: Said) -> str:
    assert set(said.body) == {"success", "error"}
    assert (said.body["success"], set(said.body["error"])) == (False, {"code", "message"})
    return str(said.body["error"]["message"])


def _told(said: Said) -> set[str]:
    """Headers that say something about limits."""
    return {name.lower() for name in said.headers if name.lower().startswith(("x-ratelimit", "retry-after"))}


def _only_when(said: Said) -> bool:
    return said.status == 429 and _told(said) == {"retry-after"} and int(said.headers["Retry-After"]) > 0


def _as_mxguard(said: Said) -> bool:
    names = {"retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"}
    return (said.status, _told(said), said.headers["X-RateLimit-Remaining"]) == (429, names, "0")


def _as_sentinel(said: Said) -> bool:
    names = {"retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
    return (said.status, _told(said), said.headers["X-RateLimit-Remaining"]) == (429, names, "0")


def _silently(said: Said) -> bool:
    return said.status == 503 and not _told(said)


# -- things that vendors name in their own way ---------------------------------------------------------------
def _renamed(path: str, **names: str) -> Maker:
    """What the own API's maker of a path makes, under other names."""

    async def make(owner: Owner) -> Values:
        values = await MADE[path](owner)
        return {names.get(name, name): value for name, value in values.items()}

    return make


async def _domain_number(owner: Owner) -> Values:
    name = await owner.domain()
    async with owner.api.core.database.read() as tx:
        query = tables.domains.select().where(tables.domains.c.name == name)
        return {"id": str((await tx.execute(query)).one().number)}


async def _key_number(owner: Owner) -> Values:
    values = await MADE["/api-keys/{key}"](owner)
    found = await owner.api.core.access.keyring.find(owner.tenant, values["key"])
    return {"key_id": str(found.number)}


async def _placed(owner: Owner) -> Values:
    item = await MADE["/quarantine/{item}"](owner)
    async with owner.api.core.database.read() as tx:
        query = tables.quarantine_items.select().where(tables.quarantine_items.c.id == item["item"])
        row = (await tx.execute(query)).one()
    return {"node_id": row.node_id, "queue_id": row.queue_id}


async def _token(owner: Owner) -> Values:
    from hub.access.principal import Grant

    key, _ = await owner.api.core.access.keyring.make(
        SYSTEM,
        tenant=owner.tenant,
        grants=[Grant.of(["emails"])],
        description=f"token {owner.tag}",
        style=STYLES["mxroute-manager"],
    )
    return {"token": key.id}


def _listed(which: str) -> Maker:
    async def make(owner: Owner) -> Values:
        domain, entry = await owner.domain(), f"bad-{owner.tag}.test"
        await owner.api.core.upstream(owner.tenant).add_to_list(domain, which, entry)
        return {"domain": domain, "entry": entry}

    return make


async def _pointer(owner: Owner) -> Values:
    return {"domain": await owner.domain(), "pointer": f"pointer-{owner.tag}.example"}


async def _domain_id(owner: Owner) -> Values:
    name = await owner.domain()
    async with owner.api.core.database.read() as tx:
        query = tables.domains.select().where(tables.domains.c.name == name)
        return {"domainId": str((await tx.execute(query)).one().id)}


def _twice(named: Mapping[str, T]) -> Mapping[str, T]:
    """MailSentinel's base address ends in /api and its paths begin with it: the same stands below both."""
    return {**named, **{name.replace("/", "/api/", 1): one for name, one in named.items()}}


_domain = MADE["/domains/{domain}"]
_ITEM = Ask(body=lambda owner, _: {"item": f"new-{owner.tag}.test"})
_ENTRY = Ask(body=lambda owner, _: {"entry": f"new-{owner.tag}.test"})
_HANDLE = {"subscriptionHandle": "none"}
_OFF = Ask(query=lambda owner, _: {"item": f"none-{owner.tag}.test"})

SURFACES: Mapping[str, Surface] = {
    "mailguard": Surface(
        base="/api/v1",
        key=_x_api_key,
        why=_mailguard,
        limited=_only_when,
        made={
            "/domains/{id}": _domain_number,
            "/auth/api-keys/{key_id}": _key_number,
            "/mail/quarantine/{node_id}/{queue_id}": _placed,
        },
        asks={
            "POST /mail/quarantine/{node_id}/{queue_id}/retrain": Ask(body=lambda _, __: {"class": "ham"}),
        },
    ),
    "mxguard": Surface(
        base="/api/v1",
        key=_bearer,
        why=_mxguard,
        limited=_as_mxguard,
        made={
            "/domains/{domain}/rules/{id}": _renamed("/domains/{domain}/rules/{rule}", rule="id"),
            "/tokens/{token}": _token,
            "/quarantine/{id}": _renamed("/quarantine/{item}", item="id"),
        },
        asks={
            "POST /domains/{domain}/rules": Ask(
                body=lambda _, __: {"action": "block", "pattern": "bad.example"}
            )
        },
    ),
    "mxroute-manager": Surface(
        base="/api",
        key=_bearer,
        why=_manager,
        limited=_only_when,
        own="",
        made={
            "/domains/{domain}": _domain,
            "/domains/{domain}/email-accounts/{user}": MADE["/domains/{domain}/email-accounts/{user}"],
            "/domains/{domain}/forwarders/{alias}": MADE["/domains/{domain}/forwarders/{alias}"],
            "/domains/{domain}/pointers/{pointer}": _pointer,
            "/domains/{domain}/spam/blacklist/{entry}": _listed("blacklist"),
            "/domains/{domain}/spam/whitelist/{entry}": _listed("whitelist"),
            "/admin/delegations/{user}": _renamed("/delegations/{account}", account="user"),
            "/admin/api-tokens/{token}": _token,
        },
        asks={
            "PATCH /domains/{domain}/mail-status": Ask(body=lambda _, __: {"enabled": False}),
            "POST /domains/{domain}/email-accounts": Ask(
                body=lambda _, __: {"username": "jo", "password": "Abcd123!"}
            ),
            "PATCH /domains/{domain}/email-accounts/{user}/recovery": Ask(
                body=lambda _, __: {"recovery_email": "jo@elsewhere.example"}
            ),
            "POST /domains/{domain}/forwarders": Ask(
                body=lambda _, __: {"alias": "sales", "destinations": ["jo@elsewhere.example"]}
            ),
            "PATCH /domains/{domain}/catch-all": Ask(body=lambda _, __: {"type": "blackhole"}),
            "POST /domains/{domain}/pointers": Ask(
                body=lambda owner, _: {"pointer": f"other-{owner.tag}.example"}
            ),
            "PATCH /domains/{domain}/dmarc-policy": Ask(body=lambda _, __: {"dmarc_record": None}),
            "POST /domains/{domain}/spam/blacklist": _ENTRY,
            "POST /domains/{domain}/spam/whitelist": _ENTRY,
            "PATCH /domains/{domain}/spam/settings": Ask(body=lambda _, __: {"high_score": 9}),
            "PATCH /domains/{domain}/reset-portal": Ask(body=lambda _, __: {"enabled": True}),
            "DELETE /admin/api-tokens/{token}": Ask(unknown=403, why="only a session manages tokens"),
        },
    ),
    "mailchannels": Surface(
        base="/inbound/v1",
        key=_x_api_key,
        why=_mailchannels,
        limited=_silently,
        own="",
        made={
            "/domains/{domain}": _domain,
            "/domains/{domain}/alias/{alias}": MADE["/domains/{domain}/aliases/{alias}"],
            "/lists/{listname}": _renamed("/lists/{list}", list="listname"),
            "/domains/{domain}/lists/{listname}": _renamed("/domains/{domain}/lists/{list}", list="listname"),
            "/users/{email}/lists/{listname}": _renamed("/users/{email}/lists/{list}", list="listname"),
        },
        asks={
            "PUT /domains/{domain}/downstream-address": Ask(
                body=lambda _, __: {"records": [{"priority": 1, "weight": 1, "port": 25, "target": "a.test"}]}
            ),
            "PUT /domains/{domain}/api-key": Ask(body=lambda _, __: {"apiKey": "mck_live_none"}),
            "POST /domains/batch": Ask(query=lambda _, __: _HANDLE),
            "POST /report": Ask(query=lambda _, __: {"report_type": "false_positive"}),
            **{f"POST {of}/lists/{{listname}}": _ITEM for of in ("/domains/{domain}", "/users/{email}")},
            **{f"DELETE {of}/lists/{{listname}}": _OFF for of in ("/domains/{domain}", "/users/{email}")},
        },
    ),
    "mailsentinel": Surface(
        base="/api",
        key=_bearer,
        why=_sentinel,
        limited=_as_sentinel,
        own="",
        made=_twice(
            {
                "/domains/{domainId}": _domain_id,
                "/organizations/{orgId}": _renamed("/organizations/{organization}", organization="orgId"),
                "/reports/{reportId}": _renamed("/dmarc/reports/{report}", report="reportId"),
                "/alerts/{alertId}": _renamed("/alerts/{alert}", alert="alertId"),
                "/alert-rules/{ruleId}": _renamed("/alert-rules/{rule}", rule="ruleId"),
                "/api-keys/{keyId}": _renamed("/api-keys/{key}", key="keyId"),
                "/webhooks/{webhookId}": _renamed("/webhooks/{webhook}", webhook="webhookId"),
            }
        ),
        asks=_twice(
            {
                "POST /domains": Ask(body=lambda owner, _: {"domain": f"new-{owner.tag}.example"}),
                "POST /alert-rules": Ask(body=lambda _, __: {"type": "dmarc_failure"}),
                "POST /api-keys": Ask(body=lambda owner, _: {"name": owner.tag}),
                "POST /webhooks": Ask(body=lambda owner, _: {"url": f"https://{owner.tag}.example/in"}),
            }
        ),
    ),
}
