"""Password reset by the owners of mailboxes: real mail to a relay, no word about who exists."""

import asyncio
from contextlib import AsyncExitStack
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select

from core.api.app import create_app
from core.store.tables import password_resets
from core.upstream.errors import ProviderError, Refused
from core.upstream.provider import NewMailbox
from tests.factories.core_api import make_core, serve
from tests.factories.core_records import actions, entries, events, everything_kept
from tests.factories.owner import Owner
from tests.factories.smtp import SmtpServer

NEW = "Correct1horse"
REQUEST, CONFIRM = "/public/password-reset/request", "/public/password-reset/confirm"


@pytest.fixture
async def relay():
    async with SmtpServer() as relay:
        yield relay


def settings_of(relay):
    config = {"host": "127.0.0.1", "port": relay.port, "tls": "none"}
    return {"mail_from": "postmaster@mail.example", "smtp_relay": config}


def letter(relay):
    """The last one that it took."""
    return message_from_bytes(relay.delivered[-1].message, policy=policy.default)


@pytest.fixture
async def api(database, buckets, tmp_path, relay):
    """A service that can send mail, with `jo@<domain>`, whose portal is on."""
    async with AsyncExitStack() as stack:
        core = await make_core(database, buckets, tmp_path / "core", stack, **settings_of(relay))
        yield await stack.enter_async_context(serve(core, create_app(core)))


@pytest.fixture
async def jo(api):
    """The mailbox; its owner gets in again by `jo@home.example`."""
    domain = await Owner(api, "default", "t1").domain()
    await api.core.upstream("default").add_mailbox(domain, NewMailbox(username="jo", password=NEW))
    where = f"/domains/{domain}"
    body = {"recovery_email": "jo@home.example"}
    assert (await api.call("PATCH", f"{where}/email-accounts/jo/recovery", body)).status == 200
    assert (await api.call("PATCH", f"{where}/reset-portal", {"enabled": True})).status == 200
    return f"jo@{domain}"


async def asked(api, email, **more):
    said = await api.call("POST", REQUEST, {"email": email}, key="", **more)
    await api.core.errands.idle()
    return said


async def token_of(api, relay, email):
    """Out of the mail."""
    assert (await asked(api, email)).status == 202
    text = letter(relay).get_content()
    return next(line for line in text.splitlines() if len(line) == 43)


async def confirmed(api, token, password=NEW):
    return await api.call("POST", CONFIRM, {"token": token, "password": password}, key="")


async def test_the_mail_goes_to_the_recovery_address(api, relay, jo):
    await asked(api, jo.upper())
    taken, message = relay.delivered[0], letter(relay)

    assert (taken.sender, taken.recipients) == ("postmaster@mail.example", ("jo@home.example",))
    assert (message["To"], message["Auto-Submitted"]) == ("jo@home.example", "auto-generated")
    assert jo in message["Subject"]


async def test_the_token_sets_the_password_at_the_mailbox_s_host_once(api, relay, jo, monkeypatch):
    told = []
    provider = type(api.core.upstream("default"))
    monkeypatch.setattr(provider, "change_mailbox", lambda _, *given: _keep(told, given))
    token = await token_of(api, relay, jo)

    assert [(await confirmed(api, token)).status for _ in range(2)] == [200, 400]
    assert [(domain, user, change.password) for domain, user, change in told] == [
        (jo.rpartition("@")[2], "jo", NEW)
    ]
    assert [one["email"] for one in await events(api.core, "mailbox.password_reset")] == [jo]


async def _keep(told, given):
    told.append(given)


async def test_two_at_once_with_one_token_set_one_password(api, relay, jo):
    token = await token_of(api, relay, jo)
    answers = await asyncio.gather(*(confirmed(api, token, f"{NEW}{number}") for number in range(5)))

    assert sorted(said.status for said in answers) == [200, 400, 400, 400, 400]


@pytest.mark.parametrize(
    "email", ["nobody@t1.example", "jo@elsewhere.example", "li@t1.example", "jo@t2.example"]
)
async def test_who_is_not_there_or_cannot_be_helped_is_answered_alike(api, relay, jo, email):
    await api.core.upstream("default").add_mailbox("t1.example", NewMailbox(username="li", password=NEW))
    await Owner(api, "default", "t2").domain()
    known, unknown = await asked(api, jo), await asked(api, email)

    def shape(said):
        headers = {name: said.headers[name] for name in said.headers if name not in ("X-Request-Id", "Date")}
        return said.status, said.data, said.body["message"], sorted(headers)

    assert shape(known) == shape(unknown)
    assert len(relay.delivered) == 1


async def test_the_answer_does_not_wait_for_the_look_up_or_the_mail(api, relay, jo, monkeypatch):
    never = asyncio.Event()

    async def hangs(*_):
        await never.wait()

    monkeypatch.setattr("core.store.password_resets.place_of", hangs)
    said = await api.call("POST", REQUEST, {"email": jo}, key="")

    assert said.status == 202
    await api.core.errands.close()


async def test_a_portal_is_off_until_it_is_turned_on_and_off_again(api, relay, jo):
    domain = jo.rpartition("@")[2]
    portal, status = f"/domains/{domain}/reset-portal", "/public/password-reset/status"
    assert (await api.call("GET", portal)).data == {"domain": domain, "enabled": True, "available": True}
    token = await token_of(api, relay, jo)
    await api.call("PATCH", portal, {"enabled": False})

    await asked(api, jo)
    assert len(relay.delivered) == 1
    assert (await confirmed(api, token)).status == 400
    assert (await api.call("GET", status, key="", params={"domain": domain})).data == {"enabled": False}
    assert (await api.call("GET", status, key="")).data == {"enabled": True}
    told = [each for each in await actions(api.core) if each.startswith("reset_portal.")]
    assert told == ["reset_portal.enabled", "reset_portal.disabled"]


async def test_a_tenant_turns_all_its_portals_off(api, relay, jo):
    await api.call("PATCH", "/settings", {"password_reset": False})
    await asked(api, jo)

    assert relay.delivered == []
    portal = await api.call("GET", f"/domains/{jo.rpartition('@')[2]}/reset-portal")
    assert (portal.data["enabled"], portal.data["available"]) == (True, False)


async def test_a_token_ends_with_its_time_and_with_the_next_one(api, relay, jo):
    first = await token_of(api, relay, jo)
    second = await token_of(api, relay, jo)
    assert (await confirmed(api, first)).status == 400
    api.core.clock.advance(3601)

    assert (await confirmed(api, second)).status == 400


@pytest.mark.parametrize("password", ["short1A", "alllowercase1", "x" * 257])
async def test_a_password_that_is_too_weak_is_named_and_uses_nothing_up(api, relay, jo, password):
    token = await token_of(api, relay, jo)
    weak = await confirmed(api, token, password)

    assert (weak.status, weak.error["details"][0]["field"]) == (400, "password")
    assert password not in weak.raw.decode()
    assert (await confirmed(api, token)).status == 200


@pytest.mark.parametrize("error", [ProviderError("away"), Refused("password: known", field="password")])
async def test_a_token_still_holds_when_the_host_did_not_take_the_password(
    api, relay, jo, monkeypatch, error
):
    token = await token_of(api, relay, jo)

    async def refuses(*_):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(type(api.core.upstream("default")), "change_mailbox", refuses)
        assert (await confirmed(api, token)).status in (400, 502)
    assert (await confirmed(api, token)).status == 200


async def test_a_mail_that_is_refused_leaves_no_token_and_is_on_record(api, relay, jo):
    relay.data = "554 5.7.1 not from you"
    said = await asked(api, jo)
    async with api.core.database.read() as tx:
        left = (await tx.execute(select(password_resets))).all()

    assert (said.status, left) == (202, [])
    assert (await entries(api.core, "password_reset.not_sent"))[0]["resource"] == f"mailbox/{jo}"


async def test_too_many_requests_wait_whoever_exists(api, jo):
    for email in (jo, "nobody@elsewhere.example"):
        statuses = [(await asked(api, email)).status for _ in range(6)]
        assert statuses == [202] * 5 + [429]


async def test_guessing_tokens_is_slowed_down(api):
    statuses = [(await confirmed(api, "x" * 43)).status for _ in range(31)]

    assert statuses == [400] * 30 + [429]


async def test_token_and_password_are_kept_nowhere(api, relay, jo):
    token = await token_of(api, relay, jo)
    async with api.core.database.read() as tx:
        rows = repr((await tx.execute(select(password_resets))).all())
    await confirmed(api, token)
    kept = rows + await everything_kept(api.core)

    assert token not in kept
    assert NEW not in kept
    assert "jo@home.example" not in repr(await entries(api.core, "password_reset.requested"))


async def test_the_mail_leads_to_the_page_where_there_is_one(database, buckets, tmp_path, relay):
    async with AsyncExitStack() as stack:
        config = {**settings_of(relay), "reset_url": "https://mail.example/reset"}
        core = await make_core(database, buckets, tmp_path / "core", stack, **config)
        api = await stack.enter_async_context(serve(core, create_app(core)))
        domain = await Owner(api, "default", "t1").domain()
        await core.upstream("default").add_mailbox(domain, NewMailbox(username="jo", password=NEW))
        body = {"recovery_email": "jo@home.example"}
        await api.call("PATCH", f"/domains/{domain}/email-accounts/jo/recovery", body)
        await api.call("PATCH", f"/domains/{domain}/reset-portal", {"enabled": True})
        await asked(api, f"jo@{domain}")

    assert "\nhttps://mail.example/reset#token=" in letter(relay).get_content()


async def test_without_a_relay_nothing_is_promised(service_api):
    said = await service_api.call("POST", REQUEST, {"email": "jo@example.com"}, key="")

    assert said.status == 404
    assert (await service_api.call("GET", "/public/password-reset/status", key="")).data == {"enabled": False}
