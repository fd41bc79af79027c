"""`name+tag` is `name`: for her lists, her wishes and the domain's limits."""

import pytest

from tests.factories.seam import SPAM, hand_in

TAGGED = ("grace@acme.example", "grace+news@acme.example", "GRACE+a+b@Acme.Example", "Grace+@alias.example")


async def verdicts(api, raw=None, to=TAGGED):
    given = {} if raw is None else {"raw": raw}
    said = await hand_in(api, **given, rcpt_to=list(to))
    assert said.status == 200
    return [(one["verdict"], one["fate"]) for one in said.data["recipients"]]


async def block(api, owner, item="jonas@partner.example", which="blocklist"):
    said = await api.call("POST", f"/users/{owner.replace('+', '%2B')}/lists/{which}", {"item": item})
    assert said.status == 201


@pytest.fixture
async def acme(service_api):
    await service_api.call("PUT", "/domains/acme.example/aliases/alias.example")
    return service_api


@pytest.mark.parametrize("owner", ["grace@acme.example", "Grace+lists@acme.example"])
async def test_whom_somebody_blocks_reaches_none_of_her_tagged_addresses(acme, smtp, owner):
    await block(acme, owner)
    found = await verdicts(acme, to=(*TAGGED, "ada+news@acme.example"))

    assert found == [("reject", "rejected")] * len(TAGGED) + [("clean", "relayed")]


async def test_her_safelist_goes_before_the_domains_blocklist_for_tagged_addresses_too(acme):
    await block(acme, "grace@acme.example", item="192.0.2.9", which="safelist")
    said = await acme.call("POST", "/domains/acme.example/lists/blocklist", {"item": "partner.example"})

    assert said.status == 201
    assert await verdicts(acme) == [("clean", "relayed")] * len(TAGGED)


async def test_her_wish_for_no_filtering_holds_for_tagged_addresses_too(acme, smtp):
    said = await acme.call("PUT", "/users/Grace%2Bx@acme.example", {"filter": "false"})
    assert (said.status, said.data["email"]) == (201, "grace@acme.example")
    found = [await verdicts(acme, SPAM, to=(one,)) for one in (*TAGGED, "ada@acme.example")]

    assert found == [[("clean", "relayed")]] * len(TAGGED) + [[("quarantine", "quarantined")]]


async def test_mail_goes_on_under_the_address_that_it_came_to(acme, smtp):
    await verdicts(acme)

    assert smtp.delivered[0].recipients == (*TAGGED[:2], "GRACE+a+b@acme.example", TAGGED[3])
