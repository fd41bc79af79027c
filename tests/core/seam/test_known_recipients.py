"""Whose mailboxes are all there are: the mail host's, ours where the domain says so, else those behind."""

import pytest

from core.seam import hosts
from hub.sdk.testing import Reply
from tests.factories.core import raw_mail
from tests.factories.hosting import host_far
from tests.factories.seam import HAM, SPAM, hand_in

BOB = {"username": "bob", "password": "Abcd123!"}
ACME, FAR = "/domains/acme.example", "/domains/example.com"


async def fates(api, *to, raw=HAM):
    said = await hand_in(api, raw, rcpt_to=list(to))
    assert said.status == 200
    return [one["fate"] for one in said.data["recipients"]]


# -- mailboxes kept here --
async def test_a_mailbox_made_here_takes_nobody_elses_mail_away(service_api, smtp):
    before = await fates(service_api, "ceo@acme.example")
    made = await service_api.call("POST", f"{ACME}/email-accounts", BOB)
    after = await fates(service_api, "ceo@acme.example", "bob@acme.example")

    assert (before, made.status, after) == (["relayed"], 201, ["relayed", "relayed"])
    assert [one.recipients for one in smtp.delivered] == [
        ("ceo@acme.example",),
        ("ceo@acme.example", "bob@acme.example"),
    ]


async def test_the_server_behind_decides_about_addresses_that_are_not_kept_here(service_api, smtp):
    smtp.rcpt["nobody@acme.example"] = "550 5.1.1 who is that"
    await service_api.call("POST", f"{ACME}/email-accounts", BOB)

    assert await fates(service_api, "nobody@acme.example", "ceo@acme.example") == ["failed", "relayed"]


async def test_where_the_domain_says_that_its_mailboxes_are_all_others_are_refused(service_api, smtp):
    await service_api.call("POST", f"{ACME}/email-accounts", BOB)
    changed = await service_api.call("PATCH", ACME, {"mailboxes_complete": True})
    refused = await fates(service_api, "ceo@acme.example", "bob+x@acme.example")
    back = await service_api.call("PATCH", ACME, {"mailboxes_complete": False})
    open_again = await fates(service_api, "ceo@acme.example")

    assert (changed.data["mailboxes_complete"], back.data["mailboxes_complete"]) == (True, False)
    assert (refused, open_again) == (["rejected", "relayed"], ["relayed"])


@pytest.mark.parametrize(
    "catch_all", [{"type": "blackhole"}, {"type": "address", "address": "x@else.example"}]
)
async def test_a_catch_all_takes_no_mail_of_addresses_that_servers_behind_may_know(
    service_api, smtp, catch_all
):
    set_now = await service_api.call("PATCH", f"{ACME}/catch-all", catch_all)
    found = await fates(service_api, "ceo@acme.example")
    await service_api.call("PATCH", ACME, {"mailboxes_complete": True})
    again = await service_api.call("PATCH", f"{ACME}/catch-all", catch_all)

    assert (set_now.status, found) == (200, ["relayed"])
    assert ["without effect" in said.body["message"] for said in (set_now, again)] == [True, False]
    assert smtp.delivered[0].recipients == ("ceo@acme.example",)


async def test_forwarders_are_followed_wherever_mailboxes_lie(service_api, smtp):
    for alias, to in (
        ("sales", "ada@acme.example"),
        ("ceo", "ceo@acme.example"),
        ("round", "sales@acme.example"),
    ):
        await service_api.call("POST", f"{ACME}/forwarders", {"alias": alias, "destinations": [to]})
    found = await fates(service_api, "Sales@acme.example", "ceo@acme.example", "round+x@acme.example")

    assert found == ["relayed"] * 3
    assert sorted(smtp.delivered[0].recipients) == ["ada@acme.example", "ceo@acme.example"]


async def test_a_domain_says_from_the_beginning_whether_its_mailboxes_are_all(service_api):
    made = await service_api.call("POST", "/domains", {"name": "new.example", "mailboxes_complete": True})
    plain = await service_api.call("POST", "/domains", {"name": "plain.example"})

    assert (made.data["mailboxes_complete"], plain.data["mailboxes_complete"]) == (True, False)


# -- mailboxes at a mail host elsewhere --
@pytest.fixture
async def far(database, buckets, tmp_path):
    async with host_far(database, buckets, tmp_path / "far") as far:
        yield far


@pytest.fixture
async def hosted(far, smtp):
    """`example.com` is at MXroute, with mailboxes and a forwarder; the real server is the one behind."""
    domain = far.played.domains["example.com"]
    domain.accounts |= {"alex": {}, "kim": {}, "old": {"suspended": True}}
    domain.forwarders["sales"] = ["kim@example.com", "x@else.example"]
    limits = {"tag_threshold": 4, "quarantine_threshold": 7, "reject_threshold": 100}
    server = f"127.0.0.1:{smtp.port}"
    said = await far.api.call("PATCH", FAR, {"real_mx_host": server, "policy": limits})
    assert said.status == 200
    return far


def asked(far):
    return len(far.played.server.received)


async def test_the_hosts_mailboxes_and_forwarders_are_the_recipients(hosted, smtp):
    to = [
        "Alex@example.com",
        "kim+news@example.com",
        "sales@example.com",
        "nobody@example.com",
        "old@example.com",
    ]
    found = await fates(hosted.api, *to)

    assert found == ["relayed", "relayed", "relayed", "rejected", "rejected"]
    assert smtp.delivered[0].recipients == tuple(to[:3])


@pytest.mark.parametrize(
    ("catch_all", "fate"),
    [
        ({"type": "fail", "address": None}, "rejected"),
        ({"type": "blackhole", "address": None}, "discarded"),
        ({"type": "address", "address": "kim@example.com"}, "relayed"),
    ],
)
async def test_the_hosts_catch_all_decides_about_everybody_else(hosted, smtp, catch_all, fate):
    hosted.played.domains["example.com"].catch_all = catch_all

    assert await fates(hosted.api, "nobody@example.com") == [fate]
    assert [one.recipients for one in smtp.delivered] == (
        [("nobody@example.com",)] if fate == "relayed" else []
    )


TROUBLE = [
    Reply(status=500, json={}),
    Reply(status=401, json={"success": False, "error": {"code": "UNAUTHORIZED", "message": "no"}}),
    Reply(hang_up=True),
    Reply(status=200, json={"success": True, "data": "nonsense"}),
]


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("to", ["alex@example.com", "nobody@example.com"])
async def test_while_the_host_cannot_be_asked_mail_is_refused_for_now_and_never_for_good(
    hosted, smtp, trouble, to
):
    hosted.played.always = trouble
    said = await hand_in(hosted.api, key="k", rcpt_to=[to])

    assert (said.status, int(said.headers["Retry-After"]) > 0) == (503, True)
    assert "mail host of example.com" in said.error["message"]
    assert smtp.delivered == []
    hosted.played.always = None
    hosted.core.seam.hosts.forget("example.com")
    again = await hand_in(hosted.api, key="k", rcpt_to=[to])
    assert [one["fate"] for one in again.data["recipients"]] == ["relayed" if to[0] == "a" else "rejected"]


async def test_a_host_that_takes_its_time_keeps_nobody_waiting_for_ever(hosted, monkeypatch):
    monkeypatch.setattr(hosts, "_PATIENCE_S", 0.05)
    hosted.played.always = Reply(json={"success": True, "data": {}}, delay_s=1.0)
    said = await hand_in(hosted.api, rcpt_to=["alex@example.com"])

    assert (said.status, "no whole answer within 0.05 s" in said.error["message"]) == (503, True)


async def test_a_host_that_asks_to_wait_is_waited_for(hosted):
    hosted.played.always = Reply(
        status=429, json={"success": False, "error": {"message": "slow down"}}, headers={"Retry-After": "37"}
    )
    first = await hand_in(hosted.api, rcpt_to=["alex@example.com"])
    before = asked(hosted)
    second = await hand_in(hosted.api, rcpt_to=["alex@example.com"])

    assert (first.status, first.headers["Retry-After"], second.status) == (503, "37", 503)
    assert asked(hosted) == before


async def test_the_host_is_asked_once_for_many_messages(hosted):
    await fates(hosted.api, "alex@example.com")
    before = asked(hosted)
    for number in range(3):
        await fates(hosted.api, "kim@example.com", raw=raw_mail(f"Number {number}.\r\n"))

    assert asked(hosted) == before


async def test_a_mailbox_that_was_made_here_gets_mail_at_once(hosted):
    del hosted.played.domains["example.com"].accounts["old"]
    before = await fates(hosted.api, "bob@example.com")
    made = await hosted.api.call("POST", f"{FAR}/email-accounts", BOB)

    assert (before, made.status, await fates(hosted.api, "bob@example.com")) == (
        ["rejected"],
        201,
        ["relayed"],
    )


async def test_nobody_is_refused_by_what_the_host_said_minutes_ago(hosted, monkeypatch):
    await fates(hosted.api, "alex@example.com")
    hosted.played.domains["example.com"].accounts["panel"] = {}
    monkeypatch.setattr("core.seam.recipients.RECENT_S", -1.0)

    assert await fates(hosted.api, "panel@example.com") == ["relayed"]


@pytest.mark.parametrize("known", [True, False])
async def test_a_domain_that_the_host_takes_no_mail_for_is_the_servers_behind(hosted, smtp, known):
    if known:
        hosted.played.domains["example.com"].mail_hosting = False
    else:
        del hosted.played.domains["example.com"]

    assert await fates(hosted.api, "whoever@example.com") == ["relayed"]


async def test_without_servers_of_its_own_the_domain_has_the_hosts(hosted, smtp, monkeypatch):
    monkeypatch.setattr(hosts, "SMTP_PORT", smtp.port)
    hosted.played.servers = ("127.0.0.1",)
    await hosted.api.call("PATCH", FAR, {"real_mx_host": None})

    assert await fates(hosted.api, "alex@example.com") == ["relayed"]
    assert smtp.delivered[0].recipients == ("alex@example.com",)


async def test_while_the_hosts_servers_are_not_known_the_sender_comes_again(hosted, monkeypatch):
    await hosted.api.call("PATCH", FAR, {"real_mx_host": None})
    await hosted.core.seam.hosts.hosting(hosted.core.upstream("default"), "example.com")
    hosted.played.always = Reply(status=500, json={})
    said = await hand_in(hosted.api, key="k", rcpt_to=["alex@example.com"])

    assert said.status == 503
    assert "cannot be asked for its servers" in said.error["message"]


async def test_a_release_asks_the_host_too(hosted, smtp):
    assert await fates(hosted.api, "alex@example.com", "kim@example.com", raw=SPAM) == ["quarantined"] * 2
    (held,) = (await hosted.api.call("GET", "/quarantine")).data
    hosted.core.seam.hosts.forget("example.com")
    hosted.played.always = Reply(status=500, json={})
    path = f"/quarantine/{held['id']}/release"
    later = await hosted.api.call("POST", path)
    hosted.played.always = None
    hosted.core.seam.hosts.forget("example.com")
    del hosted.played.domains["example.com"].accounts["kim"]
    done = await hosted.api.call("POST", path)
    state = (await hosted.api.call("GET", f"/quarantine/{held['id']}")).data["status"]

    assert (later.status, done.status, state) == (503, 502, "release_failed")
    assert [one.recipients for one in smtp.delivered] == [("alex@example.com",)]
