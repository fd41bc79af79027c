"""The mail host against a strict MXroute on loopback: what travels, what comes back, what refusals mean."""

import msgspec
import pytest

from core.dns.expected import MailServer, Txt
from core.upstream.errors import Conflict, NotAuthorised, NotThere, RateLimited, Refused, Unavailable
from core.upstream.mxroute import MxRoute
from core.upstream.provider import CatchAll, Mailbox, MailboxChange, NewMailbox
from hub.sdk.http import Client
from hub.sdk.testing import Reply, StrictServer
from tests.factories.mxroute import KEY, SERVER, USER, Hosted, PlayedMxRoute


@pytest.fixture
async def client():
    async with Client(deadline_s=5, allow_networks=["127.0.0.0/8"]) as client:
        yield client


@pytest.fixture
async def played():
    async with StrictServer() as server:
        yield PlayedMxRoute(server, domains={"example.com": Hosted()})


@pytest.fixture
def host(played, client):
    return MxRoute(client, server=SERVER, username=USER, api_key=KEY, url=played.server.url)


async def test_the_account_is_checked(host):
    assert await host.check() == "the account has 1 domains"


async def test_wrong_credentials_are_told_without_being_shown(played, client):
    wrong = MxRoute(client, server=SERVER, username=USER, api_key="wrong-secret", url=played.server.url)
    with pytest.raises(NotAuthorised) as caught:
        await wrong.check()

    assert "wrong-secret" not in str(caught.value)


async def test_what_the_dns_should_hold(host):
    found = await host.records("example.com")

    assert found.mx == (MailServer(priority=10, host=SERVER), MailServer(priority=20, host=f"relay.{SERVER}"))
    assert found.spf == "v=spf1 include:mxroute.com -all"
    assert found.dkim == Txt(name="x._domainkey", value="v=DKIM1; k=rsa; p=MIGf")
    assert found.verification.value == "domain-verified"


async def test_before_a_domain_is_added_only_ownership_is_known(host):
    found = await host.records("new.example")

    assert (found.mx, found.spf, found.dkim) == ((), "", None)
    assert found.verification.name.startswith("_da-verify-")


async def test_mail_hosting_is_switched(host):
    await host.set_hosting("example.com", on=False)

    assert (await host.domain("example.com")).is_hosting is False


async def test_domains_come_and_go(host):
    await host.add_domain("Bücher.example")
    assert await host.domains() == ("example.com", "xn--bcher-kva.example")
    with pytest.raises(Conflict):
        await host.add_domain("bücher.example")

    await host.remove_domain("bücher.example")
    assert await host.domains() == ("example.com",)


async def test_a_mailbox_as_the_host_counts_it(host):
    await host.add_mailbox("example.com", NewMailbox(username="alex", password="Abcd123!", quota_mb=0))

    assert await host.mailboxes("example.com") == (
        Mailbox(username="alex", quota_mb=0, send_limit=9600, used_mb=1.5, sent_today=3),
    )


async def test_only_what_changes_travels(played, host):
    await host.add_mailbox("example.com", NewMailbox(username="alex", password="Abcd123!"))
    await host.change_mailbox("example.com", "alex", MailboxChange(send_limit=5))
    sent = msgspec.json.decode(played.server.asked("PATCH", ".*")[0].body)

    assert sent == {"limit": 5}


async def test_a_limit_of_the_account_is_refused_with_the_hosts_words(host):
    for name in ("a", "b", "c"):
        await host.add_mailbox("example.com", NewMailbox(username=name, password="Abcd123!"))
    with pytest.raises(Refused, match="Account limit reached"):
        await host.add_mailbox("example.com", NewMailbox(username="d", password="Abcd123!"))


async def test_escaped_texts_come_back_as_they_were_written(played, host):
    played.domains["example.com"].forwarders["o'neil"] = ["r&d@example.net", "<x>@example.net"]
    (forwarder,) = await host.forwarders("example.com")

    assert forwarder.alias == "o'neil"
    assert forwarder.destinations == ("r&d@example.net", "<x>@example.net")


async def test_spam_lists_are_the_accounts(played, host):
    played.domains["other.example"] = Hosted()
    await host.add_to_list("example.com", "blacklist", "*@Spam.example")

    assert await host.spam_list("other.example", "blacklist") == ("*@Spam.example",)


async def test_an_entry_with_special_characters_is_quoted_in_the_path(played, host):
    await host.add_to_list("example.com", "whitelist", "karen@hr.example.com")
    await host.remove_from_list("example.com", "whitelist", "karen@hr.example.com")

    assert await host.spam_list("example.com", "whitelist") == ()


async def test_too_many_requests_say_how_long_to_wait(played, host):
    error = {"success": False, "error": {"code": "RATE_LIMITED", "message": "Too many requests."}}
    played.always = Reply(status=429, json=error, headers={"Retry-After": "12"})
    with pytest.raises(RateLimited) as caught:
        await host.domains()

    assert caught.value.retry_after_s == 12


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500, json={"success": False, "error": {"code": "SERVER_ERROR", "message": "x"}}),
        Reply(status=503, body=b"busy"),
        Reply(status=200, body=b"<html>"),
        Reply(status=200, json={"success": False, "error": {"message": "no"}}),
        Reply(hang_up=True),
    ],
)
async def test_an_answer_that_is_none_leaves_the_outcome_open(played, host, reply):
    played.always = reply
    with pytest.raises(Unavailable):
        await host.add_forwarder("example.com", "a", ["b@example.net"])


async def test_a_write_is_never_repeated_by_itself(played, host):
    played.always = Reply(hang_up=True)
    with pytest.raises(Unavailable):
        await host.set_catch_all("example.com", CatchAll(kind="blackhole"))

    assert len(played.server.received) == 1


@pytest.mark.parametrize("document", [{}, {"success": True}, {"data": {}}, {"data": [1, None]}, []])
async def test_a_document_that_lacks_things_breaks_nothing(played, host, document):
    played.always = Reply(json=document)
    await host.records("example.com")
    with pytest.raises(Unavailable):
        await host.catch_all("example.com")
    with pytest.raises(Unavailable):
        await host.high_score("example.com")


@pytest.mark.parametrize("document", [{}, {"success": True}, {"data": {}}, {"data": None}, []])
@pytest.mark.parametrize("what", ["mailboxes", "forwarders", "pointers"])
async def test_what_holds_no_list_does_not_say_that_nobody_is_there(played, host, document, what):
    played.always = Reply(json=document)
    with pytest.raises(Unavailable, match="no list"):
        await getattr(host, what)("example.com")


async def test_what_is_wrong_never_travels(played, host):
    for bad in ("..", ".", "", "a b", "x" * 65):
        with pytest.raises(Refused):
            await host.mailbox("example.com", bad)
    with pytest.raises(NotThere):
        await host.mailbox("example.com", "nobody")

    assert len(played.server.received) == 1
