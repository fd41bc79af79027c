"""MailChannels' dialect: keys, which domains each reaches, limits, refusals, what it is sent in bad faith."""

import asyncio

import pytest

from core.dialects.dialect import create_app
from core.dialects.mailchannels.access import limits
from core.dialects.mailchannels.app import MAILCHANNELS
from core.service import api_keys
from hub.access.audit import SYSTEM
from hub.access.plans import DEFAULT, Limits
from hub.access.principal import Principal
from tests.factories.core_api import OPERATOR_BY
from tests.factories.hosting import audit_entries
from tests.factories.loopback import plain_and_secure
from tests.factories.mailchannels import HANDLE, key, key_made, speaking

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
    made = [await key_made(inbound.core, f"server {number}") for number in range(3)]
    before = [(await inbound.call("GET", "/domains", key=one.text)).status for one in made]
    await api_keys.delete(inbound.core, OPERATOR_BY, made[0].key.id)
    after = [(await inbound.call("GET", "/domains", key=one.text)).status for one in made]
    left = {one.description for one in await api_keys.every(inbound.core, OPERATOR_BY)}

    assert (before, after) == ([200, 200, 200], [401, 200, 200])
    assert {"server 1", "server 2"} <= left
    assert "server 0" not in left


async def test_a_revoked_key_ends_at_once(inbound):
    made = await key_made(inbound.core, "stolen")
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


async def test_the_limit_is_a_hundred_unless_a_key_was_given_another():
    found = [
        limits(Principal(kind="key", id="key_1", name="k", tenant="t", grants=(), limits=own))
        for own in (None, DEFAULT, Limits(tenant_per_second=500))
    ]

    assert found == [
        Limits(tenant_per_second=100),
        Limits(tenant_per_second=100),
        Limits(tenant_per_second=500),
    ]


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
    app, headers = create_app(inbound.core, MAILCHANNELS), {"X-API-Key": inbound.admin}
    statuses = await plain_and_secure(app, tmp_path, "/inbound/v1/status", headers)

    assert statuses == (403, 200)
