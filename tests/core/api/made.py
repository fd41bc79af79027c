"""How to make one of everything that a route's path names, and how to ask each route rightly.

`test_every_route.py` takes every route of `core.api.table` through the same questions. A new route needs:

- for each path that ends with a `{parameter}` a maker under `@made("/things/{id}")`: it makes one such thing
  of its owner's tenant (through rows or services) and gives the values of all the path's parameters;
- where the body or the query has required fields, or the answer is not the declared one in a test's
  surroundings, an entry `GOOD["POST /things"] = Ask(...)`.

Paths stand below `/api/v1`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from typing import Any

from core.audit.entry import Actor, Change, Resource
from core.store import login_links, outbox, tables
from core.upstream.provider import NewMailbox
from hub.access.audit import SYSTEM
from hub.access.principal import Grant
from hub.sql.ids import new_id
from tests.factories.core_api import Said
from tests.factories.owner import Owner

__all__ = ["GOOD", "MADE", "Ask", "made", "without_logins_and_grants"]

Values = dict[str, str]
Maker = Callable[[Owner], Awaitable[Values]]
MADE: dict[str, Maker] = {}


def made(path: str) -> Callable[[Maker], Maker]:
    """Register a maker for a path that ends with a parameter."""

    def register(maker: Maker) -> Maker:
        assert path not in MADE, f"{path} has two makers"
        MADE[path] = maker
        return maker

    return register


@dataclass(frozen=True, slots=True)
class Ask:
    """What a route is asked rightly with.

    `body` and `query` are given the owner and the values of the path. `status` is what it answers where the
    tests cannot give it what it needs (say `why`); `None` = the route's own. `unknown` is the answer for a
    thing that is not there, where that is not 404 (a PUT that makes it, a DELETE that is content).
    `everywhere` marks a thing of which every tenant has one of its own.
    """

    body: Callable[[Owner, Values], Any] | None = None
    query: Callable[[Owner, Values], Mapping[str, str]] | None = None
    status: int | None = None
    unknown: int = 404
    why: str = ""
    everywhere: bool = False


GOOD: dict[str, Ask] = {}


def without_logins_and_grants(said: Said, owner: Owner) -> str:
    """What an answer says without what names the owner's domain and is no news of it: logins of people are no
    addresses of the service, grants name domains that may be there or not.
    """
    name = rf"{owner.tag}\.example"
    return re.sub(rf'jo_\w+@{name}|"domains":\s*\["{name}"\]', "", said.raw.decode("utf-8", "replace"))


@made("/domains/{domain}")
async def _domain(owner: Owner) -> Values:
    return {"domain": await owner.domain()}


@made("/domains/{domain}/aliases/{alias}")
async def _alias(owner: Owner) -> Values:
    domain, name = await owner.domain(), f"alias-{owner.tag}.example"
    await owner.row(tables.domain_aliases, name=name, domain=domain)
    return {"domain": domain, "alias": name}


@made("/verdicts/{verdict}")
async def _verdict(owner: Owner) -> Values:
    return {"verdict": (await owner.row(tables.verdicts, domain=await owner.domain()))["id"]}


@made("/quarantine/{item}")
async def _held(owner: Owner) -> Values:
    item = await owner.row(tables.quarantine_items, domain=await owner.domain(), state="held")
    await owner.row(tables.quarantine_bodies, item=item["id"], body=b"Subject: x\r\n\r\nx\r\n")
    return {"item": item["id"]}


GOOD["POST /quarantine:batch"] = Ask(body=lambda _, __: {"action": "discard", "ids": ["qua_none"]})
GOOD["POST /quarantine/{item}/retrain"] = Ask(body=lambda _, __: {"class": "ham"})

_NO_DOMAIN = "a domain with a server behind it is made in tests of their own (tests/core/seam)"
GOOD["POST /messages"] = Ask(
    body=lambda owner, _: {
        "message": "U3ViamVjdDogeA0KDQo=",
        "envelope": {"rcpt_to": [f"x@no-{owner.tag}.example"]},
    },
    status=404,
    why=_NO_DOMAIN,
)
GOOD["POST /messages/raw"] = Ask(
    query=lambda owner, _: {"rcpt_to": f"x@no-{owner.tag}.example"},
    status=400,
    why="its body is the message itself, no JSON",
)

GOOD["POST /reports/misclassification"] = Ask(
    body=lambda _, __: {"quarantine_id": "qua_none"},
    query=lambda _, __: {"type": "false_positive"},
    status=404,
    why="a message is made in tests of its own",
)

GOOD["POST /domains"] = Ask(body=lambda owner, _: {"name": f"new-{owner.tag}.example"})
GOOD["POST /domains:batch"] = Ask(
    body=lambda owner, _: {"provision": [{"name": f"many-{owner.tag}.example"}]}
)
GOOD["POST /domains/batch"] = Ask(
    body=lambda owner, _: {"provision": [{"name": f"path-{owner.tag}.example"}]}
)
GOOD["PUT /domains/{domain}/aliases/{alias}"] = Ask(unknown=400)
GOOD["PUT /domains/{domain}/downstream-addresses"] = Ask(
    body=lambda _, __: {"downstream_addresses": [{"host": "mx.example.net"}]}
)
GOOD["PATCH /domains/{domain}/mail-status"] = Ask(body=lambda _, __: {"enabled": False})
GOOD["POST /domains/{domain}/pointers"] = Ask(body=lambda owner, _: {"pointer": f"other-{owner.tag}.example"})
GOOD["DELETE /domains/{domain}/pointers"] = Ask(
    query=lambda owner, _: {"pointer": f"none-{owner.tag}.example"}, status=404, why="there is no pointer"
)

_NO_ACCOUNT = "a key has no account of its own: in tests of their own"
_WRONG = "a token of the first start, of a mail or of a link is made in tests of their own"


@made("/api-keys/{key}")
async def _api_key(owner: Owner) -> Values:
    key, _ = await owner.api.core.access.keyring.make(
        SYSTEM, tenant=owner.tenant, grants=[Grant.of(["read-only"])], description=f"key {owner.tag}"
    )
    return {"key": key.id}


@made("/accounts/{account}")
async def _account(owner: Owner) -> Values:
    login = f"{new_id('jo')}@{owner.tag}.example"
    account = await owner.api.core.access.directory.make(SYSTEM, tenant=owner.tenant, login=login)
    return {"account": account.id}


@made("/delegations/{account}")
async def _delegation(owner: Owner) -> Values:
    values, grants = await _account(owner), [Grant.of(["dns"], [await owner.domain()])]
    await owner.api.core.access.directory.delegate(SYSTEM, owner.tenant, values["account"], grants)
    return values


@made("/customers/{customer}")
async def _customer(owner: Owner) -> Values:
    return {"customer": (await owner.row(tables.customers, status="active"))["id"]}


@made("/organizations/{organization}")
async def _organization(owner: Owner) -> Values:
    return {"organization": (await owner.row(tables.organizations))["id"]}


@made("/subscriptions/{subscription}")
async def _subscription(owner: Owner) -> Values:
    return {"subscription": (await owner.row(tables.subscriptions))["handle"]}


@made("/login/{token}")
async def _login_link(owner: Owner) -> Values:
    key = (await _api_key(owner))["key"]
    await owner.api.core.access.keyring.change(SYSTEM, owner.tenant, key, grants=[Grant.of(["full-admin"])])
    now_ms, domain = owner.api.core.clock(), await owner.domain()
    async with owner.api.core.database.begin() as tx:
        links = await login_links.add(
            tx, owner.tenant, key, [domain], now_ms=now_ms, expires_ms=now_ms + 60_000
        )
    return {"token": links[0][1]}


_GRANTS = [{"domains": ["*"], "scopes": ["read-only"]}]

GOOD["POST /api-keys"] = Ask(body=lambda _, __: {"grants": _GRANTS})
GOOD["POST /accounts"] = Ask(body=lambda owner, __: {"login": f"new@{owner.tag}.example"})
GOOD["PUT /accounts/{account}/password"] = Ask(body=lambda _, __: {"password": "correct horse battery"})
GOOD["POST /delegations"] = Ask(
    body=lambda _, __: {"account": "nobody@example.com", "grants": _GRANTS},
    status=404,
    why="the account is made in tests of its own",
)
GOOD["POST /setup"] = Ask(
    body=lambda _, __: {"token": "x", "login": "jo@example.com", "password": "correct horse battery"},
    status=401,
    why=_WRONG,
)
GOOD["POST /sessions"] = Ask(
    body=lambda _, __: {"login": "nobody@example.com", "password": "x"}, status=401, why=_WRONG
)
GOOD["POST /sessions/second-factor"] = Ask(
    body=lambda _, __: {"pending": "x", "code": "123456"}, status=401, why=_WRONG
)
GOOD["DELETE /sessions"] = GOOD["GET /sessions/csrf"] = Ask(status=403, why="a key has no session")
GOOD["GET /sessions/oidc"] = Ask(status=404, why="no provider is configured")
GOOD["GET /sessions/oidc/callback"] = Ask(status=404, why="no provider is configured")
GOOD["PUT /me/password"] = Ask(body=lambda _, __: {"old": "x", "new": "y"}, status=403, why=_NO_ACCOUNT)
GOOD["POST /me/second-factor"] = Ask(status=403, why=_NO_ACCOUNT)
for _name in ("confirm", "disable"):
    GOOD[f"POST /me/second-factor/{_name}"] = Ask(
        body=lambda _, __: {"code": "123456"}, status=403, why=_NO_ACCOUNT
    )
GOOD["POST /customers"] = Ask(body=lambda owner, __: {"name": owner.tag})
GOOD["POST /organizations"] = Ask(body=lambda owner, __: {"name": owner.tag})
GOOD["POST /subscriptions"] = Ask(body=lambda owner, __: {"handle": owner.tag, "plan": "pro"})
GOOD["PUT /plan"] = Ask(body=lambda owner, __: {"plan": "default", "tenant": owner.tenant})
GOOD["POST /tenants"] = Ask(
    body=lambda owner, __: {"tenant": owner.tag, "administrator": f"jo@{owner.tag}.example"}
)
GOOD["POST /domains/login-links:batch"] = Ask(body=lambda _, __: {"domains": ["nothing.example"]})
GOOD["POST /public/password-reset/request"] = Ask(
    body=lambda _, __: {"email": "jo@example.com"}, status=404, why="no relay is configured"
)
GOOD["POST /public/password-reset/confirm"] = Ask(
    body=lambda _, __: {"token": "x", "password": "Correct1horse"}, status=400, why=_WRONG
)
GOOD["PATCH /domains/{domain}/reset-portal"] = Ask(body=lambda _, __: {"enabled": True})


@made("/domains/{domain}/email-accounts/{user}")
async def _mailbox(owner: Owner) -> Values:
    domain = await owner.domain()
    new = NewMailbox(username=owner.tag, password="Abcd123!")
    await owner.api.core.upstream(owner.tenant).add_mailbox(domain, new)
    return {"domain": domain, "user": owner.tag}


@made("/domains/{domain}/forwarders/{alias}")
async def _forwarder(owner: Owner) -> Values:
    domain = await owner.domain()
    await owner.api.core.upstream(owner.tenant).add_forwarder(domain, owner.tag, [":fail:"])
    return {"domain": domain, "alias": owner.tag}


_NO_PROVIDER = "no DNS provider is configured: in tests of their own"
_TABLE = {"rows": [{"username": "jo", "password": "Abcd123!", "domain": "nothing.example"}]}
GOOD["POST /domains/{domain}/email-accounts"] = Ask(
    body=lambda _, __: {"username": "jo", "password": "Abcd123!"}
)
GOOD["PATCH /domains/{domain}/email-accounts/{user}"] = Ask(body=lambda _, __: {"quota": 5})
GOOD["PATCH /domains/{domain}/email-accounts/{user}/recovery"] = Ask(
    body=lambda _, __: {"recovery_email": "jo@elsewhere.example"}
)
GOOD["POST /email-accounts/import/preview"] = Ask(body=lambda _, __: _TABLE)
GOOD["POST /email-accounts/import"] = Ask(body=lambda _, __: _TABLE)
GOOD["POST /domains/{domain}/forwarders"] = Ask(
    body=lambda _, __: {"alias": "sales", "destinations": ["jo@elsewhere.example"]}
)
GOOD["PATCH /domains/{domain}/catch-all"] = Ask(body=lambda _, __: {"type": "blackhole"})
GOOD["POST /domains/{domain}/dns/fix"] = Ask(status=409, why=_NO_PROVIDER)
GOOD["POST /dns/fix-bulk"] = Ask(status=409, why=_NO_PROVIDER)
GOOD["PATCH /domains/{domain}/dmarc-policy"] = Ask(body=lambda _, __: {"dmarc_record": "v=DMARC1; p=reject"})


@made("/lists/{list}")
async def _list(owner: Owner) -> Values:
    return {"list": "safelist"}


@made("/domains/{domain}/lists/{list}")
async def _domain_list(owner: Owner) -> Values:
    domain = await owner.domain()
    same = {"domain": domain, "kind": "allow", "type": "domain", "item": f"{owner.tag}.test"}
    await owner.row(tables.list_items, tier="domain", owner=domain, **same)
    return {"domain": domain, "list": "safelist"}


@made("/users/{email}/lists/{list}")
async def _user_list(owner: Owner) -> Values:
    return {"email": f"grace@{await owner.domain()}", "list": "safelist"}


@made("/users/{email}")
async def _recipient(owner: Owner) -> Values:
    domain = await owner.domain()
    email = f"grace@{domain}"
    await owner.row(tables.recipients, domain=domain, email=email, filter="compute")
    return {"email": email}


@made("/domains/{domain}/rules/{rule}")
async def _rule(owner: Owner) -> Values:
    domain = await owner.domain()
    same = {"domain": domain, "kind": "allow", "type": "domain", "item": f"rule-{owner.tag}.test"}
    row = await owner.row(tables.list_items, tier="domain", owner=domain, **same)
    return {"domain": domain, "rule": row["id"]}


for _of in ("", "/domains/{domain}", "/users/{email}"):
    GOOD[f"POST {_of}/lists/{{list}}"] = Ask(body=lambda owner, _: {"item": f"new-{owner.tag}.test"})
    GOOD[f"DELETE {_of}/lists/{{list}}"] = Ask(
        query=lambda owner, _: {"item": f"none-{owner.tag}.test"}, status=404, why="it is on no list"
    )
GOOD["DELETE /domains/{domain}/lists/{list}"] = Ask(query=lambda owner, _: {"item": f"{owner.tag}.test"})
GOOD["POST /domains/{domain}/rules"] = Ask(body=lambda _, __: {"action": "block", "pattern": "bad.example"})


@made("/dmarc/reports/{report}")
async def _dmarc_report(owner: Owner) -> Values:
    domain = await owner.domain()
    row = await owner.row(
        tables.dmarc_reports, domain=domain, home=domain, organization=owner.tag, messages=3, passed=2
    )
    return {"report": row["id"]}


@made("/alerts/{alert}")
async def _alert(owner: Owner) -> Values:
    return {"alert": (await owner.row(tables.alerts, domain=await owner.domain(), state="triggered"))["id"]}


@made("/alert-rules/{rule}")
async def _alert_rule(owner: Owner) -> Values:
    limits = {"comparison": "below", "window_ms": 604_800_000, "minimum": 1}
    row = await owner.row(
        tables.alert_rules,
        domain=await owner.domain(),
        type="dmarc_failure",
        threshold=95.0,
        frequency="immediate",
        settings=limits,
    )
    return {"rule": row["id"]}


@made("/reputation/{ip}")
async def _reputation(owner: Owner) -> Values:
    address = str(IPv6Address((0x2001_0DB8 << 96) + int.from_bytes(owner.tag.encode())))
    return {"ip": (await owner.row(tables.reputations, ip=address, score=20.0, listed=True))["ip"]}


@made("/dkim-keys/{domain}/{selector}")
async def _dkim_key(owner: Owner) -> Values:
    row = await owner.row(tables.dkim_keys, domain=await owner.domain(), selector="s1", public_key="")
    return {"domain": row["domain"], "selector": row["selector"]}


@made("/audit/logs/{entry}")
async def _audit_entry(owner: Owner) -> Values:
    core = owner.api.core
    resource = Resource(type="domain", id=owner.tag, domain=await owner.domain())
    async with core.database.begin() as tx:
        change = Change(actor=Actor(type="user", id=owner.tag), action="domain.updated", resource=resource)
        return {"entry": (await core.chain.append(tx, owner.tenant, change)).id}


_NO_REPORT = "a report is handed in by tests of its own"
GOOD["POST /dmarc/reports"] = Ask(status=400, why=_NO_REPORT)
GOOD["POST /alert-rules"] = Ask(body=lambda _, __: {"type": "dmarc_failure"})
GOOD["POST /dkim-keys"] = Ask(
    body=lambda owner, _: {"domain": "nowhere.example", "selector": owner.tag},
    status=404,
    why="the domain is made in tests of its own",
)
for _method in ("GET", "POST", "DELETE"):
    _asked = f"{_method} /lists/{{list}}"
    GOOD[_asked] = replace(GOOD.get(_asked, Ask()), everywhere=True)


# -- what leaves ---------------------------------------------------------------------------------------------
@made("/webhooks/{webhook}")
async def _webhook(owner: Owner) -> Values:
    sealed = owner.api.core.outward.sealer.seal("whsec_" + "A" * 44)
    plain = {"url": "http://127.0.0.1:1/" + owner.tag, "form": "standard", "names": [], "secret": sealed}
    return {"webhook": (await owner.row(tables.webhooks, enabled=False, position=0, **plain))["id"]}


@made("/webhooks/{webhook}/deliveries/{delivery}")
async def _delivery(owner: Owner) -> Values:
    values = await _webhook(owner)
    core, told = owner.api.core, ("domain.created", {"domain": await owner.domain()})
    async with core.database.begin() as tx:
        (event,) = await outbox.emit_many(tx, [told], core.node_id, core.clock(), tenant=owner.tenant)
    sent = {"event": event, "name": "domain.created", "state": "failed", "webhook": values["webhook"]}
    return {**values, "delivery": (await owner.row(tables.webhook_deliveries, **sent))["id"]}


GOOD |= {
    "POST /webhooks": Ask(
        body=lambda owner, _: {"url": f"https://{owner.tag}.example/in"},
    ),
    "PUT /notifications": Ask(body=lambda _, __: {"targets": []}),
    "POST /notifications/test": Ask(status=404, why="there is no target to send to"),
}
