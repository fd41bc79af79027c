"""MXroute Manager's dialect before a mail host elsewhere, and with another scheme for webmail."""

from contextlib import AsyncExitStack

import pytest

from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.app import MXROUTE_MANAGER
from core.dns.answers import Answer
from hub.sdk.testing import Reply
from tests.factories.core_api import make_core, serve
from tests.factories.hosting import LOOPBACK, add_domain, audit_entries, far

__all__ = ["far"]

SPAM = "/api/domains/example.com/spam"


@pytest.fixture
async def manager(far):
    async with serve(far.core, create_app(far.core, MXROUTE_MANAGER)) as api:
        yield api


async def test_lists_lie_at_a_host_elsewhere_and_a_lost_answer_counts_once_it_stands(manager, far):
    far.played.lost = Reply(status=500)
    said = await manager.call("POST", f"{SPAM}/blacklist", {"entry": "karen@hr.example.com"})

    assert (said.status, far.played.lists["blacklist"]) == (201, ["karen@hr.example.com"])
    (entry,) = await audit_entries(far.core, "spam.blacklist_add")
    assert entry["result"] == "success"


async def test_a_domains_figures_count_the_mailboxes_of_its_host(manager, far):
    boxes = {"quota": 1000, "usage": 250.5}, {"quota": 500, "usage": 100}
    far.played.domains["example.com"].accounts = {f"u{n}": each for n, each in enumerate(boxes)}
    said = await manager.call("GET", "/api/domains/example.com/stats")
    far.played.domains.clear()
    unknown_there = await manager.call("GET", "/api/domains/example.com/stats")
    far.played.always = Reply(status=500)
    down = await manager.call("GET", "/api/domains/example.com/stats")

    names = ("mailboxes", "quota_mb", "used_mb")
    assert [said.data[name] for name in names] == [2, 1500, 350.5]
    assert [unknown_there.data[name] for name in names] == [0, 0, 0]
    assert down.status == 502


async def test_the_high_score_is_read_and_set(manager, far):
    before = await manager.call("GET", f"{SPAM}/settings")
    after = await manager.call("PATCH", f"{SPAM}/settings", {"high_score": 10})

    assert (before.data, after.data, far.played.high_score) == ({"high_score": 15}, {"high_score": 10}, 10)


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_the_scheme_of_webmail_addresses_can_be_set(database, buckets, tmp_path, scheme):
    async with AsyncExitStack() as stack:
        core = await make_core(
            database,
            buckets,
            tmp_path / "core",
            stack,
            allow_networks=LOOPBACK,
            mail_host="mail.host.example",
            public_url_scheme=scheme,
        )
        await add_domain(core)
        leads = Answer(state="found", values=("mail.host.example",))
        core.resolver.known["webmail.example.com", "CNAME"] = leads
        api = await stack.enter_async_context(serve(core, create_app(core, MXROUTE_MANAGER)))
        said = await api.call("GET", "/api/domains/example.com/mail-client-settings")

    assert said.data["webmail"]["url"] == f"{scheme}://webmail.example.com"
