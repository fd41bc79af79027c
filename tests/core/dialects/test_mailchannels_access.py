"""MailChannels' dialect: keys, which domains each reaches, limits, refusals, what it is sent in bad faith."""

import asyncio
import ssl

import pytest
from aiohttp import ClientSession

from core.dialects.dialect import create_app
from core.dialects.mailchannels.access import limits
from core.dialects.mailchannels.app import MAILCHANNELS
from core.service import api_keys
from core.service.api_keys import NewKey
from hub.access.audit import SYSTEM
from hub.access.plans import Limits
from hub.access.principal import Grant, Principal
from hub.app.https import https_only
from hub.app.listener import Listener
from hub.config.load import load_text
from tests.factories.core_api import OPERATOR_BY
from tests.factories.hosting import add_domain, audit_entries
from tests.factories.mailchannels import HANDLE, key, speaking, subscribe
from tests.factories.tls import self_signed

_LIMIT_HEADERS = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
REFUSED = [
    ("GET", "/domains?limit=5001", None, 400),
    ("GET", "/domains?limit=0", None, 400),
    ("GET", "/domains?domains=xn--zzzzzzzzz99999.example", None, 400),
    ("GET", "/domains/xn--zzzzzzzzz99999.example/downstream-address", None, 400),
    ("GET", f"/domains/{'x' * 300}/downstream-address", None, 400),
    ("GET", "/domains/nobody.example/downstream-address", None, 404),
    ("GET", "/lists/greylist", None, 404),
    ("POST", "/lists/safelist", {"item": "*.example"}, 400),
    ("POST", "/lists/safelist", {"item": "192.0.2.0/24"}, 400),
    ("POST", "/lists/safelist", {"item": "no item"}, 400),
    ("POST", "/domains", {"domain": "co.uk", "subscriptionHandle": HANDLE}, 400),
    ("POST", "/domains/batch", {"domains": [{"domain": "a.example"}]}, 400),
    ("POST", f"/domains/batch?subscriptionHandle={HANDLE}", {"domains": []}, 400),
    ("POST", "/domains/batch/login-link", {"domains": []}, 400),
    ("PUT", "/users?email_address=nobody&admin=true", {}, 400),
    ("PUT", "/users?email_address=a@nobody.example&admin=true", {}, 403),
    ("GET", "/users/a@nobody.example/lists/safelist", None, 404),
    ("POST", "/report?report_type=false_neutral", {"messageContent": "x"}, 400),
    ("POST", "/report?report_type=false_negative", {"messageContent": "no header"}, 400),
    ("PATCH", "/domains", None, 405),
    ("GET", "/nowhere", None, 404),
]
MISNAMED = [
    ({"abusePolicy": "drop"}, "abusePolicy"),
    ({"spamHeaderName": "Subject"}, "spamHeaderName"),
    ({"spamHeaderValue": "a\r\nBcc: x@y.example"}, "spamHeaderValue"),
    ({"admins": ["nobody"]}, "admins.0"),
    ({"downstreamAddresses": [{"target": "mx.example.", "port": 70000}]}, "downstreamAddresses.0.port"),
    ({"downstreamAddresses": [{"target": "no host"}]}, "downstreamAddresses.0"),
    ({"aliases": ["co.uk"]}, "aliases.0"),
]


@pytest.fixture
async def inbound(core):
    async with speaking(core) as client:
        yield client


async def names(inbound, who=None):
    said = await inbound.call("GET", "/domains", key=who or inbound.admin)
    return sorted(each["domain"] for each in said.body["domains"])


async def key_made(inbound, description):
    by, new = OPERATOR_BY, NewKey(grants=(Grant.of(["full-admin"]),), description=description)
    return await api_keys.make(inbound.core, by, new)


# -- keys ----------------------------------------------------------------------------------------------------
async def test_a_key_travels_in_its_header_only(inbound):
    statuses = [
        (await inbound.call("GET", "/status", key=given)).status
        for given in (inbound.admin, "", "mck_live_" + "x" * 43, "x" * 5000)
    ]
    bearer = await inbound.call(
        "GET", "/status", key="", headers={"Authorization": f"Bearer {inbound.admin}"}
    )

    assert statuses == [200, 401, 401, 401]
    assert (bearer.status, bearer.body["code"]) == (401, 401)
    assert "X-API-Key" in bearer.body["message"]


async def test_people_make_any_number_of_described_keys_and_delete_them(inbound):
    made = [await key_made(inbound, f"server {number}") for number in range(3)]
    before = [(await inbound.call("GET", "/domains", key=one.text)).status for one in made]
    await api_keys.delete(inbound.core, OPERATOR_BY, made[0].key.id)
    after = [(await inbound.call("GET", "/domains", key=one.text)).status for one in made]
    left = {one.description for one in await api_keys.every(inbound.core, OPERATOR_BY)}

    assert (before, after) == ([200, 200, 200], [401, 200, 200])
    assert {"server 1", "server 2"} <= left
    assert "server 0" not in left


async def test_a_revoked_key_ends_at_once(inbound):
    made = await key_made(inbound, "stolen")
    assert (await inbound.call("GET", "/status", key=made.text)).status == 200
    await inbound.core.access.keyring.revoke(SYSTEM, "default", made.key.id)

    assert (await inbound.call("GET", "/status", key=made.text)).status == 401


async def test_this_vendors_keys_are_told_by_their_form(inbound):
    assert inbound.admin.startswith("mck_live_")
    assert len(inbound.admin) == len("mck_live_") + 43


@pytest.mark.parametrize("scopes", [("read-only",), ("domains:read", "rules:write"), ("quarantine-only",)])
async def test_reading_makes_no_login_link(inbound, scopes):
    await inbound.provision("acme.example")
    reader = await key(inbound.core, *scopes)
    one = await inbound.call("GET", "/domains/acme.example/login-link", key=reader)
    many = await inbound.call(
        "POST", "/domains/batch/login-link", {"domains": [{"domain": "acme.example"}]}, key=reader
    )

    assert (one.status, many.status) == (403, 403)
    assert await audit_entries(inbound.core, "login_link.created") == []


async def test_a_key_reads_and_writes_what_it_was_given(inbound):
    await inbound.provision("acme.example")
    reader = await key(inbound.core, "read-only", domains=("acme.example",))
    seen = await inbound.call("GET", "/domains/acme.example/downstream-address", key=reader)
    changed = await inbound.call(
        "PUT", "/domains/acme.example/settings", {"abusePolicy": "block"}, key=reader
    )
    foreign = await inbound.call("GET", "/domains/other.example/downstream-address", key=reader)

    assert (seen.status, changed.status, foreign.status) == (200, 403, 403)


# -- which domains -------------------------------------------------------------------------------------------
async def test_a_domain_of_no_key_is_every_keys(inbound):
    other = await key(inbound.core)
    await inbound.provision("acme.example")
    changed = await inbound.call("PUT", "/domains/acme.example/settings", {"abusePolicy": "flag"}, key=other)

    assert (await names(inbound, other), changed.status) == (["acme.example"], 200)


async def test_only_its_own_key_lists_edits_and_deprovisions_a_domain(inbound):
    other = await key(inbound.core)
    await inbound.provision("open.example")
    await inbound.provision("tied.example", "?associate-key=true")
    asked = [
        ("GET", "/domains/tied.example/downstream-address", None),
        ("PUT", "/domains/tied.example/downstream-address", {"records": []}),
        ("PUT", "/domains/tied.example/settings", {"abusePolicy": "flag"}),
        ("PUT", "/domains/tied.example/api-key", {"apiKey": other}),
        ("POST", "/domains/tied.example/alias/other.example", None),
        ("GET", "/domains/tied.example/login-link", None),
        ("GET", "/domains/tied.example/lists/safelist", None),
        ("PUT", "/users?email_address=anna@tied.example&admin=false", {}),
        ("GET", "/users/anna@tied.example/lists/safelist", None),
        ("DELETE", "/domains/tied.example", None),
    ]
    refused = [(await inbound.call(*one, key=other)).status for one in asked]
    again = await inbound.provision("tied.example", key=other)
    batch = await inbound.call(
        "POST", "/domains/batch/deprovision", {"domains": [{"domain": "tied.example"}]}, key=other
    )

    assert refused == [403] * len(asked)
    assert (again.status, batch.body["errors"][0]["code"]) == (409, 404)
    assert (await names(inbound, other), await names(inbound)) == (
        ["open.example"],
        ["open.example", "tied.example"],
    )
    assert (await inbound.call("DELETE", "/domains/tied.example")).status == 204


async def test_a_key_for_each_server_opens_its_servers_domains_only(inbound):
    servers = [await key(inbound.core) for _ in range(2)]
    for number, server in enumerate(servers):
        for domain in range(2):
            await inbound.provision(f"d{domain}.server{number}.example", "?associate-key", key=server)
    stolen = await inbound.call(
        "POST",
        "/domains/batch/deprovision",
        {"domains": [{"domain": f"d{n}.server{s}.example"} for s in range(2) for n in range(2)]},
        key=servers[1],
    )

    assert [each["domain"] for each in stolen.body["successes"]] == [
        "d0.server1.example",
        "d1.server1.example",
    ]
    assert await names(inbound, servers[0]) == ["d0.server0.example", "d1.server0.example"]


async def test_the_flag_ties_what_is_there_already_without_changing_it(inbound):
    other = await key(inbound.core)
    await inbound.provision("acme.example", admins=["admin@acme.example"])
    again = await inbound.provision("acme.example", "?associate-key=true", admins=["x@acme.example"])

    assert (again.status, again.body["admins"]) == (200, ["admin@acme.example"])
    assert await names(inbound, other) == []


async def test_a_tie_is_changed_by_whoever_holds_it(inbound):
    first, second = [await key(inbound.core) for _ in range(2)]
    await inbound.provision("acme.example", "?associate-key=true", key=first)
    path = "/domains/acme.example/api-key"
    handed = await inbound.call("PUT", path, {"apiKey": second}, key=first)
    back = await inbound.call("PUT", path, {"apiKey": first}, key=first)

    assert (handed.status, handed.raw, back.status) == (204, b"", 403)
    assert (await names(inbound, first), await names(inbound, second)) == ([], ["acme.example"])
    assert second not in str(await audit_entries(inbound.core))


async def test_a_domain_is_handed_to_no_key_that_could_not_manage_it(inbound):
    await inbound.provision("acme.example")
    keys = [
        "mck_live_" + "x" * 43,
        "x" * 257,
        await key(inbound.core, tenant="globex"),
        await key(inbound.core, "read-only"),
        await key(inbound.core, domains=("other.example",)),
    ]
    said = [await inbound.call("PUT", "/domains/acme.example/api-key", {"apiKey": one}) for one in keys]

    assert [one.status for one in said] == [400] * len(keys)
    assert all(one.body["errors"][0].startswith("apiKey: ") for one in said)
    assert all(given not in one.raw.decode() for given, one in zip(keys, said, strict=True))
    assert await names(inbound, keys[3]) == ["acme.example"]


async def test_deleting_a_key_frees_its_domains(inbound):
    made = await key_made(inbound, "server")
    await inbound.provision("acme.example", "?associate-key=true", key=made.text)
    before = await names(inbound)
    await api_keys.delete(inbound.core, OPERATOR_BY, made.key.id)

    assert (before, await names(inbound)) == ([], ["acme.example"])


async def test_another_customers_domains_are_as_those_that_nobody_has(inbound):
    await add_domain(inbound.core, "globex.example", "globex")
    foreign, unknown = [
        await inbound.call("GET", f"/domains/{name}/downstream-address")
        for name in ("globex.example", "nobody.example")
    ]
    taken = await inbound.provision("globex.example")

    assert (foreign.status, unknown.status, taken.status) == (404, 404, 409)
    assert foreign.raw.replace(b"globex", b"") == unknown.raw.replace(b"nobody", b"")
    assert await names(inbound) == []


async def test_an_alias_is_no_domain_to_ask_about(inbound):
    await inbound.provision("acme.example", aliases=["acme.test"])
    said = await inbound.call("GET", "/domains/acme.test/downstream-address")

    assert (said.status, "alias" in said.body["message"]) == (403, True)


# -- subscriptions -------------------------------------------------------------------------------------------
async def test_a_handle_must_be_the_domains_own(inbound):
    await subscribe(inbound.core, "sub-second")
    await subscribe(inbound.core, "sub-foreign", tenant="globex")
    await inbound.provision("acme.example")
    path = "/domains/acme.example/downstream-address?subscriptionHandle="
    statuses = {
        handle: (await inbound.call("GET", path + handle)).status
        for handle in (HANDLE, "sub-second", "sub-foreign", "none")
    }
    listed = [
        (await inbound.call("GET", f"/domains?subscriptionHandle={one}")).body["total"]
        for one in (HANDLE, "sub-second", "none")
    ]

    assert statuses == {HANDLE: 200, "sub-second": 404, "sub-foreign": 403, "none": 403}
    assert listed == [1, 0, 0]


async def test_a_domain_without_a_subscription_is_not_taken_on(inbound):
    missing = await inbound.call("POST", "/domains", {"domain": "acme.example"})
    foreign = await inbound.call("POST", "/domains", {"domain": "acme.example", "subscriptionHandle": "none"})
    by_query = await inbound.call("POST", f"/domains?subscriptionHandle={HANDLE}", {"domain": "acme.example"})

    assert (missing.status, missing.body["errors"][0].partition(":")[0]) == (400, "subscriptionHandle")
    assert (foreign.status, by_query.status) == (403, 201)
    assert by_query.body["subscriptionHandle"] == HANDLE


async def test_a_full_subscription_takes_no_domain_and_of_many_none(inbound):
    await subscribe(inbound.core, "sub-small", limits={"domains": 2})
    body = {"domains": [{"domain": f"d{number}.example"} for number in range(3)]}
    many = await inbound.call("POST", "/domains/batch?subscriptionHandle=sub-small", body)
    none = await names(inbound)
    for number in range(2):
        await inbound.call(
            "POST", "/domains", {"domain": f"d{number}.example", "subscriptionHandle": "sub-small"}
        )
    one = await inbound.call("POST", "/domains", {"domain": "d9.example", "subscriptionHandle": "sub-small"})
    shown = {each["handle"]: each for each in (await inbound.call("GET", "/subscriptions")).body}

    assert (many.status, none, one.status) == (403, [], 403)
    assert shown["sub-small"] == {
        "handle": "sub-small",
        "active": True,
        "plan": {"handle": "inbound", "name": "inbound"},
        "limits": [{"featureHandle": "domains", "value": "2"}],
        "activeAccountsCount": 2,
    }


# -- how often -----------------------------------------------------------------------------------------------
async def test_over_a_hundred_requests_a_second_of_all_keys_it_is_503_without_any_header(inbound):
    keys = [await key(inbound.core) for _ in range(3)]
    answers = []
    for _ in range(20):
        answers += await asyncio.gather(
            *(inbound.call("GET", "/status", key=keys[n % 3]) for n in range(200))
        )
        if {one.status for one in answers} != {200}:
            break

    assert {one.status for one in answers[:100]} | {one.status for one in answers} == {200, 503}
    assert {(one.body["code"], len(one.body["errors"])) for one in answers if one.status == 503} == {(503, 0)}
    assert not any(name in one.headers for name in _LIMIT_HEADERS for one in answers)


async def test_the_limit_is_a_hundred_for_a_customer_whatever_else_a_key_has():
    own = {"default": None, "slow": Limits(per_day=1), "raised": Limits(tenant_per_second=500)}
    found = {
        name: limits(Principal(kind="key", id=name, name=name, tenant="t", grants=(), limits=one))
        for name, one in own.items()
    }

    assert found["default"] == Limits(tenant_per_second=100)
    assert found["slow"] == Limits(per_day=1, tenant_per_second=100)
    assert found["raised"] == own["raised"]


async def test_another_customer_is_not_held_up(inbound):
    theirs = await key(inbound.core, tenant="globex")
    spent = await key(inbound.core, limits={"tenant_per_second": 1})
    statuses = [(await inbound.call("GET", "/status", key=spent)).status for _ in range(3)]

    assert 503 in statuses
    assert (await inbound.call("GET", "/status", key=theirs)).status == 200


async def test_a_keys_own_limit_is_told_in_the_same_words(inbound):
    slow = await key(inbound.core, limits={"per_day": 1})
    said = [await inbound.call("GET", "/status", key=slow) for _ in range(2)]

    assert [one.status for one in said] == [200, 503]
    assert not any(name in said[1].headers for name in _LIMIT_HEADERS)


# -- refusals ------------------------------------------------------------------------------------------------
async def test_a_refusal_has_code_message_and_errors(inbound):
    for method, path, json, status in REFUSED:
        said = await inbound.call(method, path, json)

        assert (said.status, said.body["code"]) == (status, status), (method, path, said.raw)
        assert set(said.body) == {"code", "message", "errors"}
        assert said.body["message"]
        assert all(isinstance(each, str) for each in said.body["errors"])


async def test_a_refusal_names_the_field_as_this_api_does(inbound):
    await inbound.provision("acme.example")
    for json, field in MISNAMED:
        said = await inbound.call("PUT", "/domains/acme.example/settings", json)

        assert said.status == 400
        assert [each.partition(": ")[0] for each in said.body["errors"]] == [field]
        assert said.body["message"].startswith(field)


async def test_a_senseless_body_is_400(inbound):
    for path in ("/domains", "/lists/blocklist", "/report?report_type=false_positive"):
        for body in (b"{", b"[]", b"\xff", b'"\\ud800"', b"null", b"[" * 9_000):
            said = await inbound.call("POST", path, data=body)

            assert (said.status, said.body["code"]) == (400, 400), (path, body[:20])


async def test_no_name_in_a_path_is_a_defect(inbound):
    for name in ("%00", "%ff", "..%2f..%2fetc", "9" * 40, "%E2%80%AE.example", "@", "*"):
        asked = [
            ("GET", f"/domains/{name}/downstream-address"),
            ("DELETE", f"/domains/{name}"),
            ("POST", f"/domains/acme.example/alias/{name}"),
            ("GET", f"/users/{name}/lists/safelist"),
            ("GET", f"/lists/{name}"),
        ]

        assert {(await inbound.call(*one)).status for one in asked} <= {400, 403, 404}, name


async def test_parameters_and_members_of_other_programs_do_no_harm(inbound):
    said = await inbound.provision("acme.example", "?verbose=1", note="from a script")

    assert (said.status, said.body["domain"]) == (201, "acme.example")


# -- on the way ----------------------------------------------------------------------------------------------
async def test_where_https_is_asked_for_nothing_is_answered_without_it(inbound, tmp_path):
    tls, certificate = self_signed(tmp_path)
    refuse = https_only(load_text("force_https: true\n"))
    listener = Listener(create_app(inbound.core, MAILCHANNELS), max_connections=10, refuse=refuse)
    try:
        plain, secure = [await listener.start_tcp("127.0.0.1", 0, one) for one in (None, tls)]
        trusted = ssl.create_default_context(cafile=str(certificate))
        headers = {"X-API-Key": inbound.admin}
        async with ClientSession(headers=headers) as session:
            without = await session.get(f"http://127.0.0.1:{plain}/inbound/v1/status")
            with_it = await session.get(f"https://127.0.0.1:{secure}/inbound/v1/status", ssl=trusted)
            statuses = without.status, with_it.status
    finally:
        await listener.stop()

    assert statuses == (403, 200)
