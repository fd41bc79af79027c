"""MailChannels' dialect: lists, users, login links, reports, its description."""

import re

import pytest
from aiohttp import ClientSession
from ruamel.yaml import YAML
from sqlalchemy import select

from core.lists import store
from core.lists.items import Shelf, normalise
from core.store.tables import classifier_totals, recipients
from tests.factories.core import raw_mail
from tests.factories.hosting import add_domain, audit_entries
from tests.factories.judged import told
from tests.factories.mailchannels import key, speaking


@pytest.fixture
async def inbound(core):
    async with speaking(core) as client:
        yield client


def to_grace(**headers):
    return raw_mail(**{"To": "Grace <grace@acme.example>", **headers}).decode()


async def items(inbound, path):
    return [each["item"] for each in (await inbound.call("GET", path)).body]


# -- lists ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/lists", "/domains/acme.example/lists", "/users/anna@acme.example/lists"])
async def test_entries_come_once_are_read_whole_and_go(inbound, path):
    await inbound.provision("acme.example")
    await inbound.call("PUT", "/users?email_address=anna@acme.example&admin=false")
    wanted = {
        "Friend@Partner.example": "email_address",
        "partner.example": "domain",
        "192.0.2.7": "ip_address",
    }
    added = [await inbound.call("POST", f"{path}/safelist", {"item": one}) for one in [*wanted, *wanted]]
    rules = len(await audit_entries(inbound.core, "rule.added"))
    seen = await inbound.call("GET", f"{path}/safelist")
    gone = [await inbound.call("DELETE", f"{path}/safelist?item={one}") for one in ["partner.example"] * 2]

    assert ({one.status for one in added}, rules) == ({201}, 3)
    assert {each["item"]: each["item_type"] for each in seen.body} == {
        one.lower(): kind for one, kind in wanted.items()
    }
    assert {each["action"] for each in seen.body} == {"safelist"}
    assert [one.status for one in gone] == [204, 204]
    assert sorted(await items(inbound, f"{path}/safelist")) == ["192.0.2.7", "friend@partner.example"]
    assert await items(inbound, f"{path}/blocklist") == []


@pytest.mark.parametrize(("old", "new"), [("whitelist", "safelist"), ("blacklist", "blocklist")])
async def test_old_names_of_lists_are_the_new_lists_and_marked(inbound, old, new):
    added = await inbound.call("POST", f"/lists/{old}", {"item": "partner.example"})

    assert (added.body["action"], added.headers["Deprecation"][0]) == (new, "@")
    assert await items(inbound, f"/lists/{new}") == ["partner.example"]
    assert "Deprecation" not in (await inbound.call("GET", f"/lists/{new}")).headers


async def test_a_list_is_given_whole_however_long_it_is(inbound):
    every = {f"d{number}.partner.example" for number in range(1500)}
    new = [store.NewEntry(shelf=Shelf("account"), kind="block", item=normalise(one)) for one in every]
    async with inbound.core.database.begin() as tx:
        await store.add_many(tx, "default", new, inbound.core.clock())

    assert set(await items(inbound, "/lists/blocklist")) == every


# -- users ---------------------------------------------------------------------------------------------------
async def test_a_user_is_made_with_its_lists_and_stays_unless_overwritten(inbound):
    await inbound.provision("acme.example")
    path = "/users?email_address=Anna@acme.example"
    entries = {"safelist": ["friend@partner.example"], "blocklist": ["192.0.2.7"]}
    made = await inbound.call("PUT", f"{path}&admin=true&filter=false", {"list_entries": entries})
    again = await inbound.call("PUT", f"{path}&admin=false", {"list_entries": {"safelist": ["x.example"]}})
    over = await inbound.call("PUT", f"{path}&admin=false&filter=compute&overwrite=true")

    assert made.body["recipient"] == {
        "email_address": "anna@acme.example",
        "roles": ["admin"],
        "filter": False,
    }
    assert {(each["item"], each["action"]) for each in made.body["list_entries"]} == {
        ("friend@partner.example", "safelist"),
        ("192.0.2.7", "blocklist"),
    }
    assert (made.status, again.status, over.status) == (201, 200, 200)
    assert again.body == made.body
    assert over.body["recipient"] == {"email_address": "anna@acme.example", "roles": []}


async def test_a_user_with_a_senseless_entry_is_not_made(inbound):
    await inbound.provision("acme.example")
    entries = {"list_entries": {"safelist": ["good.example", "no item"]}}
    said = await inbound.call("PUT", "/users?email_address=anna@acme.example&admin=true", entries)
    async with inbound.core.database.read() as tx:
        known = (await tx.execute(select(recipients))).all()

    assert (said.status, known) == (400, [])
    assert (await inbound.call("GET", "/users/anna@acme.example/lists/safelist")).status == 404


async def test_whoever_may_not_write_lists_makes_no_user_with_lists(inbound):
    await inbound.provision("acme.example")
    maker = await key(inbound.core, "users:write", "rules:read")
    path = "/users?email_address=anna@acme.example&admin=true"
    entries = {"list_entries": {"safelist": ["good.example"]}}

    assert (await inbound.call("PUT", path, entries, key=maker)).status == 403
    assert (await inbound.call("PUT", path, key=maker)).status == 201


# -- login links ---------------------------------------------------------------------------------------------
async def test_a_link_signs_in_to_its_domain_once_and_for_a_limited_time(inbound, service_api):
    await inbound.provision("acme.example")
    path = "/domains/acme.example/login-link"
    late, link = [(await inbound.call("GET", path)).body["loginLink"] for _ in range(2)]
    followed = [await service_api.call("GET", re.sub(r".*/api/v1", "", link), key="") for _ in range(2)]
    inbound.core.clock.advance(16 * 60)
    too_late = await service_api.call("GET", re.sub(r".*/api/v1", "", late), key="")

    assert [one.status for one in followed] == [200, 404]
    assert (followed[0].data["domain"], too_late.status) == ("acme.example", 404)


async def test_a_look_at_the_headers_makes_no_link_and_no_answer_is_kept(inbound):
    await inbound.provision("acme.example")
    looked = await inbound.call("HEAD", "/domains/acme.example/login-link")
    unknown = await inbound.call("HEAD", "/domains/none.example/login-link")
    before = await audit_entries(inbound.core, "login_link.created")
    made = await inbound.call("GET", "/domains/acme.example/login-link")

    assert (looked.status, unknown.status, before) == (200, 404, [])
    assert (made.headers["Cache-Control"], made.status) == ("no-store", 200)


async def test_links_for_many_domains_have_a_result_each(inbound):
    await inbound.provision("acme.example")
    body = {"domains": [{"domain": "acme.example"}, {"domain": "none.example"}]}
    said = (await inbound.call("POST", "/domains/batch/login-link", body)).body

    assert [(each["domain"], each["code"]) for each in said["successes"]] == [("acme.example", 200)]
    assert said["successes"][0]["loginLink"].startswith("http")
    assert [(each["domain"], each["code"], "loginLink" in each) for each in said["errors"]] == [
        ("none.example", 404, False)
    ]


# -- reports -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "label"), [("false_negative", "spam"), ("false_positive", "ham")])
async def test_a_report_teaches_the_classifier_what_it_should_have_said(inbound, kind, label):
    await inbound.provision("acme.example")
    body = {
        "messageContent": to_grace(),
        "smtpEnvelopeInformation": {
            "ehlo": "mail.partner.example",
            "mailFrom": "jonas@partner.example",
            "rcptTo": "grace@acme.example",
        },
        "sendingHostInformation": {"name": "192.0.2.9"},
    }
    said = await inbound.call("POST", f"/report?report_type={kind}", body)
    (event,) = [one for one in await told(inbound.core) if one.name == "misclassification.reported"]
    async with inbound.core.database.read() as tx:
        totals = (await tx.execute(select(classifier_totals))).mappings().one()

    assert (said.status, said.raw) == (204, b"")
    assert (event.data["label"], event.data["sender"]) == (label, "jonas@partner.example")
    assert (totals["spam"], totals["ham"]) == ((1, 0) if label == "spam" else (0, 1))


async def test_without_an_envelope_the_message_says_whose_it_was(inbound):
    await inbound.provision("acme.example", aliases=["acme.test"])
    await add_domain(inbound.core, "globex.example", "globex")
    sent = [
        to_grace(),
        to_grace(To="x@nobody.example, =?utf-8?q?Gr=C3=A4ce?= <grace@acme.test>"),
        to_grace(To="undisclosed-recipients:;", Delivered_To="grace@acme.example"),
        to_grace(To="x@globex.example"),
        to_grace(To=None),
    ]
    said = [
        await inbound.call("POST", "/report?report_type=false_negative", {"messageContent": one})
        for one in sent
    ]

    assert [one.status for one in said] == [204, 204, 204, 404, 404]


async def test_mail_of_a_domain_that_is_tied_to_another_key_is_not_reported(inbound):
    other = await key(inbound.core)
    await inbound.provision("acme.example", "?associate-key=true")
    bodies = [
        {"messageContent": to_grace()},
        {"messageContent": to_grace(), "smtpEnvelopeInformation": {"rcptTo": "grace@acme.example"}},
    ]
    said = [
        (await inbound.call("POST", "/report?report_type=false_negative", one, key=other)).status
        for one in bodies
    ]

    assert said == [403, 403]


async def test_a_hostile_message_is_no_defect(inbound):
    path = "/report?report_type=false_negative"
    heads = [
        "From: " + "<" * 3000,
        "To: " + "(" * 30_000 + "\r\nFrom: a@b.example",
        ("Cc: " + "<@" * 4000 + "\r\n") * 30 + "From: a@b.example",
        "From: a@b.example\r\nTo: \x00@\x00",
    ]
    said = [await inbound.call("POST", path, {"messageContent": f"{head}\r\n\r\nx"}) for head in heads]
    broken = await inbound.call("POST", path, data=b'{"messageContent": "From: a@b.example\\ud800"}')

    assert {one.status for one in said} <= {400, 404}
    assert broken.status == 400


# -- its description -----------------------------------------------------------------------------------------
async def test_the_description_is_open_to_everybody_and_names_what_is_beyond_it(inbound):
    async with ClientSession() as session:
        root = str(inbound.client.make_url("/"))
        texts = {}
        for path in ("inbound/v1/documentation", "inbound/v1/inbound-api.yaml", "inbound-api.yaml"):
            async with session.get(root + path) as answer:
                texts[path] = answer.status, answer.content_type, await answer.text()
    document = YAML(typ="safe").load(texts["inbound-api.yaml"][2])
    beyond = [
        path for path, methods in document["paths"].items() for one in methods.values() if "x-beyond" in one
    ]

    assert [(one[0], one[1]) for one in texts.values()] == [
        (200, "text/html"),
        (200, "application/yaml"),
        (200, "application/yaml"),
    ]
    assert texts["inbound-api.yaml"] == texts["inbound/v1/inbound-api.yaml"]
    assert (document["swagger"], document["info"]["version"]) == ("2.0", "1.2.0")
    assert beyond == ["/domains/batch/deprovision"]
    assert "/inbound/v1/domains/{domain}/login-link" in texts["inbound/v1/documentation"][2]
