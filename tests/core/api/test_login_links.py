"""Login links: one domain, once, for a short time, as long as their key; in no log."""

from contextlib import AsyncExitStack

import pytest
import structlog
from sqlalchemy import select, update

from core.api.app import create_app
from core.engine.verdict import Thresholds
from core.store import domains as domain_rows
from core.store.tables import domains, login_links
from hub.access.audit import SYSTEM
from tests.factories.core_api import make_core, serve
from tests.factories.core_people import Browser, cookie_of, person, signed_in
from tests.factories.core_records import entries, events, everything_kept
from tests.factories.owner import Owner


@pytest.fixture
async def domain(service_api):
    return await Owner(service_api, "default", "t1").domain()


@pytest.fixture
async def key(service_api):
    """Of a server that sends its customers into the console."""
    return await service_api.key("domain-admin")


async def link(api, domain, key, **body):
    """The path of a new one, as `Api.call` takes it."""
    said = await api.call("POST", f"/domains/{domain}/login-link", body, key=key)
    assert said.status == 201, said.raw
    return said.data["url"].partition("/api/v1")[2]


async def followed(api, path):
    said = await api.call("GET", path, key="")
    assert said.status == 200, said.raw
    return Browser(api, cookie_of(said))


async def test_a_link_opens_a_session_limited_to_its_domain(service_api, domain, key):
    browser = await followed(service_api, await link(service_api, domain, key))
    me = (await browser.call("GET", "/me")).data

    assert me["grants"] == [{"domains": [domain], "scopes": ["domain-admin"]}]
    assert (await browser.call("GET", f"/domains/{domain}")).status == 200
    assert (await browser.call("GET", "/domains/other.example")).status == 403
    assert (await browser.call("GET", "/api-keys")).status == 403


async def test_a_link_is_good_once(service_api, domain, key):
    path = await link(service_api, domain, key)

    assert [(await service_api.call("GET", path, key="")).status for _ in range(2)] == [200, 404]


async def test_a_link_ends_with_its_time(service_api, domain, key):
    short, tenants = await link(service_api, domain, key, minutes=1), await link(service_api, domain, key)
    service_api.core.clock.advance(61)
    assert (await service_api.call("GET", short, key="")).status == 404
    service_api.core.clock.advance(14 * 60)
    assert (await service_api.call("GET", tenants, key="")).status == 404


async def test_looking_at_a_link_does_not_use_it_up(service_api, domain, key):
    path = await link(service_api, domain, key)
    looked = await service_api.call("HEAD", path, key="")
    guessed = await service_api.call("GET", path, key="", headers={"Sec-Purpose": "prefetch;prerender"})

    assert (looked.status, "Set-Cookie" in looked.headers) == (200, False)
    assert (guessed.status, "Set-Cookie" in guessed.headers) == (503, False)
    assert (await service_api.call("GET", path, key="")).status == 200


@pytest.mark.parametrize("end", ["revoke", "delete", "expire"])
async def test_a_link_and_its_session_end_with_the_key(service_api, domain, key, end):
    own = (await service_api.call("GET", "/me", key=key)).data["id"]
    if end == "expire":
        until = service_api.core.clock() + 60_000
        await service_api.core.access.keyring.change(SYSTEM, "default", own, expires_ms=until)
    browser = await followed(service_api, await link(service_api, domain, key))
    unused = await link(service_api, domain, key)
    if end == "revoke":
        await service_api.call("POST", f"/api-keys/{own}/revoke")
    elif end == "delete":
        await service_api.call("DELETE", f"/api-keys/{own}")
    else:
        service_api.core.clock.advance(61)

    assert (await browser.call("GET", "/me")).status == 401
    assert (await service_api.call("GET", unused, key="")).status == 404


async def test_with_other_grants_of_the_key_its_links_and_sessions_end(service_api, domain, key):
    own = (await service_api.call("GET", "/me", key=key)).data["id"]
    browser, unused = (
        await followed(service_api, await link(service_api, domain, key)),
        await link(service_api, domain, key),
    )
    await service_api.call(
        "PATCH", f"/api-keys/{own}", {"grants": [{"domains": [domain], "scopes": ["dns"]}]}
    )

    assert (await browser.call("GET", "/me")).status == 401
    assert (await service_api.call("GET", unused, key="")).status == 404


async def test_other_grants_end_an_unused_link_also_where_they_would_allow_it(service_api, domain, key):
    path = await link(service_api, domain, key)
    own = (await service_api.call("GET", "/me", key=key)).data["id"]
    grants = [{"domains": [domain], "scopes": ["login-links:create"]}]
    changed = await service_api.call("PATCH", f"/api-keys/{own}", {"grants": grants})

    assert (changed.status, (await service_api.call("GET", path, key="")).status) == (200, 404)


async def test_a_link_to_a_domain_that_was_tied_to_another_key_since_is_worth_nothing(
    service_api, domain, key
):
    unused = await link(service_api, domain, key)
    other = (await service_api.call("GET", "/me")).data["id"]
    async with service_api.core.database.begin() as tx:
        await tx.execute(update(domains).values(api_key_id=other))

    assert (await service_api.call("GET", unused, key="")).status == 404


async def test_a_link_s_session_sees_the_domain_that_is_tied_to_its_key(service_api, domain, key):
    own = (await service_api.call("GET", "/me", key=key)).data["id"]
    async with service_api.core.database.begin() as tx:
        await tx.execute(update(domains).values(api_key_id=own))
    browser = await followed(service_api, await link(service_api, domain, key))

    assert (await browser.call("GET", f"/domains/{domain}")).status == 200


@pytest.mark.parametrize("bundle", ["read-only", "quarantine-only", "emails"])
async def test_reading_is_not_enough_to_make_one(service_api, domain, bundle):
    weak = await service_api.key(bundle)

    assert (await service_api.call("POST", f"/domains/{domain}/login-link", {}, key=weak)).status == 403
    many = {"domains": [domain]}
    assert (await service_api.call("POST", "/domains/login-links:batch", many, key=weak)).status == 403


async def test_who_came_in_by_a_link_makes_no_others(service_api, domain, key):
    browser = await followed(service_api, await link(service_api, domain, key))

    assert (await browser.call("POST", f"/domains/{domain}/login-link", {})).status == 403
    assert (await browser.call("POST", "/domains/login-links:batch", {"domains": [domain]})).status == 403


async def test_only_keys_make_links(service_api, domain):
    await person(service_api, admin=True)
    browser = await signed_in(service_api)
    said = await browser.call("POST", f"/domains/{domain}/login-link", {})

    assert said.status == 403
    assert "API key" in said.error["message"]


async def test_following_a_link_ends_the_session_that_the_browser_had(service_api, domain, key):
    await person(service_api)
    browser = await signed_in(service_api)
    said = await browser.call("GET", await link(service_api, domain, key))

    assert said.status == 200
    assert (await browser.call("GET", "/me")).status == 401


async def test_many_links_have_an_outcome_each(service_api, domain):
    key = await service_api.key("domain-admin", domains=[domain, "gone.example"])
    asked = [domain.upper(), "gone.example", "foreign.example", "\x00"]
    said = await service_api.call("POST", "/domains/login-links:batch", {"domains": asked}, key=key)

    assert [(one["domain"], one["code"]) for one in said.data["successes"]] == [(domain.upper(), 201)]
    assert [(one["domain"], one["code"]) for one in said.data["errors"]] == [
        ("gone.example", 404),
        ("foreign.example", 403),
        ("\x00", 403),
    ]
    path = said.data["successes"][0]["login_link"]["url"].partition("/api/v1")[2]
    assert (await followed(service_api, path)).cookie


@pytest.mark.parametrize("how_many", [0, 1001])
async def test_a_bulk_request_names_1_to_1000_domains(service_api, how_many):
    said = await service_api.call("POST", "/domains/login-links:batch", {"domains": ["a.example"] * how_many})

    assert (said.status, said.error["details"][0]["field"]) == (400, "domains")


async def test_the_text_of_a_link_is_kept_nowhere(service_api, domain, key):
    with structlog.testing.capture_logs() as logs:
        path = await link(service_api, domain, key)
        text = path.rpartition("/")[2]
        await service_api.call("GET", path, key="")
        await service_api.call("GET", path, key="")
    async with service_api.core.database.read() as tx:
        rows = (await tx.execute(select(login_links))).all()

    assert len(text) == 43
    assert text not in repr(rows)
    assert text not in await everything_kept(service_api.core)
    assert text not in repr(logs)


async def test_a_defect_while_a_link_is_followed_does_not_log_it(service_api, domain, key, monkeypatch):
    async def broken(*_):
        raise RuntimeError("broken")

    path = await link(service_api, domain, key)
    monkeypatch.setattr("core.service.login_links.follow", broken)
    with structlog.testing.capture_logs() as logs:
        said = await service_api.call("GET", path, key="")

    assert said.status == 500
    assert [entry["path"] for entry in logs] == ["/api/v1/login/{token}"]
    assert path.rpartition("/")[2] not in repr(logs) + said.raw.decode()


async def test_making_and_following_are_on_record(service_api, domain, key):
    path = await link(service_api, domain, key)
    await followed(service_api, path)
    made = (await entries(service_api.core, "login_link.created"))[0]
    used = (await entries(service_api.core, "login_link.used"))[0]

    assert (made["domain"], made["actor_type"], made["key_prefix"]) == (domain, "api_key", key[:20])
    assert (used["domain"], used["key_prefix"], used["ip"]) == (domain, key[:20], "127.0.0.1")
    assert made["resource"] == used["resource"]
    told = (await events(service_api.core, "login_link.created"))[0]
    assert (told["domain"], "url" in told) == (domain, False)
    assert len(await events(service_api.core, "auth.login")) == 1


async def test_a_browser_goes_on_to_the_console_where_there_is_one(database, buckets, tmp_path):
    async with AsyncExitStack() as stack:
        config = {"console_url": "https://console.example/", "public_url": "https://mail.example/"}
        core = await make_core(database, buckets, tmp_path / "core", stack, **config)
        async with serve(core, create_app(core)) as api:
            domain = await Owner(api, "default", "t1").domain()
            made = await api.call("POST", f"/domains/{domain}/login-link", {})
            path = made.data["url"].removeprefix("https://mail.example/api/v1")
            said = await api.call("GET", path, key="", allow_redirects=False)

    assert (said.status, said.headers["Location"]) == (303, "https://console.example/")
    assert cookie_of(said)


@pytest.mark.slow
async def test_a_thousand_links_are_made_at_once_each_on_record(service_api):
    names = [f"d{number}.example" for number in range(1000)]
    given = {"backends": [], "thresholds": Thresholds(), "now_ms": service_api.core.clock()}
    async with service_api.core.database.begin() as tx:
        for name in names:
            await domain_rows.add(tx, name, **given)
    said = await service_api.call("POST", "/domains/login-links:batch", {"domains": names})

    assert (len(said.data["successes"]), said.data["errors"]) == (1000, [])
    assert len({one["login_link"]["url"] for one in said.data["successes"]}) == 1000
    made = await entries(service_api.core, "login_link.created")
    assert [entry["domain"] for entry in made] == names
    assert len(await events(service_api.core, "login_link.created")) == 1000
