"""Lists, sender rules, recipients and spam settings over the API."""

import pytest
from sqlalchemy import select

from core.engine.lists import Sender, decide
from core.lists import store
from core.service import sweeping
from core.store.clock import iso_seconds
from core.store.tables import audit_entries, list_items, outbox_events

ACME, GRACE = "/domains/acme.example", "grace@acme.example"
SHELVES = ("/lists", f"{ACME}/lists", f"/users/{GRACE}/lists")


@pytest.fixture
async def acme(service_api):
    await service_api.call("POST", "/domains", {"name": "acme.example"})
    return service_api


async def told(core, name):
    async with core.database.read() as tx:
        found = select(outbox_events.c.data).where(outbox_events.c.name == name)
        return (await tx.execute(found)).scalars().all()


async def items(api, path, key=None):
    said = await api.call("GET", path, key=key)
    assert said.status == 200, said.body
    return sorted(each["item"] for each in said.data)


@pytest.mark.parametrize("shelf", SHELVES)
async def test_an_item_is_put_on_a_list_shown_and_taken_off(acme, core, shelf):
    added = await acme.call("POST", f"{shelf}/blocklist", {"item": "@Bad.EXAMPLE", "note": "asked"})
    again = await acme.call("POST", f"{shelf}/blocklist", {"item": "bad.example"})
    shown = await acme.call("GET", f"{shelf}/blocklist")
    gone = await acme.call("DELETE", f"{shelf}/blocklist?item=%40bad.example")

    (result,) = added.data["results"]
    assert (added.status, result["entry"]["item"], result["entry"]["item_type"]) == (
        201,
        "bad.example",
        "domain",
    )
    assert (again.status, again.error["details"][0]["id"]) == (409, result["entry"]["id"])
    assert [each["note"] for each in shown.data] == ["asked"]
    assert (gone.status, await items(acme, f"{shelf}/blocklist")) == (200, [])
    assert [len(await told(core, name)) for name in ("rule.added", "rule.removed")] == [1, 1]
    assert (await acme.call("DELETE", f"{shelf}/blocklist?item=bad.example")).status == 404


async def test_many_items_have_an_outcome_each(acme, core):
    await acme.call("POST", "/lists/safelist", {"item": "known.example"})
    wanted = ["a.example", "two words", "known.example", ".b.example", "192.0.2.0/24"]
    said = await acme.call("POST", "/lists/safelist", {"items": wanted})

    assert [each["status"] for each in said.data["results"]] == [
        "added",
        "invalid",
        "exists",
        "added",
        "added",
    ]
    assert {name: said.data[name] for name in ("added", "exists", "invalid")} == {
        "added": 3,
        "exists": 1,
        "invalid": 1,
    }
    gone = await acme.call("DELETE", "/lists/safelist?item=a.example,.b.example&item=none.example")
    assert sorted(each["item"] for each in gone.data) == [".b.example", "a.example"]


async def test_a_thousand_items_are_added_and_recorded(acme, core):
    said = await acme.call("POST", "/lists/blocklist", {"items": [f"d{n}.example" for n in range(1000)]})

    assert (said.data["added"], len(await told(core, "rule.added"))) == (1000, 1000)


@pytest.mark.parametrize(
    ("old", "new"),
    [("whitelist", "safelist"), ("allow", "safelist"), ("blacklist", "blocklist"), ("block", "blocklist")],
)
async def test_old_names_of_lists_work_and_are_marked(acme, old, new):
    said = await acme.call("POST", f"{ACME}/lists/{old}", {"item": "partner.example"})

    assert (said.status, said.body["message"]) == (201, f"write {new}")
    assert said.headers["Deprecation"].startswith("@")
    assert await items(acme, f"{ACME}/lists/{new}") == ["partner.example"]
    assert "Deprecation" not in (await acme.call("GET", f"{ACME}/lists/{new}")).headers


async def test_the_opposite_entry_is_shown_as_a_conflict(acme):
    await acme.call("POST", f"{ACME}/lists/blocklist", {"item": "partner.example"})
    said = await acme.call("POST", f"{ACME}/lists/safelist", {"item": "partner.example"})

    (conflict,) = said.data["results"][0]["conflicts"]
    assert (conflict["list"], conflict["item"]) == ("blocklist", "partner.example")


@pytest.mark.parametrize(
    ("entries", "decides"),
    [
        ([("/lists", "safelist"), (f"{ACME}/lists", "blocklist")], ("domain", "block")),
        ([(f"{ACME}/lists", "blocklist"), (f"/users/{GRACE}/lists", "safelist")], ("user", "safe")),
        ([(f"{ACME}/lists", "blocklist"), (f"{ACME}/lists", "safelist")], ("domain", "safe")),
        ([("/lists", "blocklist"), ("/users/adam@acme.example/lists", "safelist")], ("account", "block")),
    ],
)
async def test_user_goes_before_domain_before_account_and_safe_before_block(acme, core, entries, decides):
    for path, name in entries:
        await acme.call("POST", f"{path}/{name}", {"item": "partner.example"})
    sender = Sender(mail_from="x@partner.example", header_from="", client_ip="")

    async with core.database.read() as tx:
        known = await store.relevant(tx, "default", sender, [GRACE], core.clock())
    found = decide(known, sender, GRACE)
    assert (found.tier, found.kind) == decides


async def test_lists_of_the_account_need_the_scope_on_all_domains(acme):
    key = await acme.key("rules:write", domains=["acme.example"])

    said = [
        await acme.call("GET", "/lists/safelist", key=key),
        await acme.call("POST", "/lists/safelist", {"item": "a.example"}, key=key),
        await acme.call("GET", "/users/x@other.example/lists/safelist", key=key),
        await acme.call("GET", f"/users/{GRACE}/lists/safelist", key=key),
    ]
    assert [each.status for each in said] == [403, 403, 403, 200]


@pytest.mark.parametrize(
    "path", ["/lists/greylist", "/users/nobody/lists/safelist", "/domains/x.example/rules"]
)
async def test_what_there_is_not_is_404(acme, path):
    assert (await acme.call("GET", path)).status == 404


async def test_item_or_items_must_be_given(acme):
    for body in ({}, {"item": "a.example", "items": ["b.example"]}):
        said = await acme.call("POST", "/lists/safelist", body)
        assert (said.status, said.error["details"][0]["field"]) == (400, "item")


async def test_a_sender_rule_is_an_entry_of_the_domains_lists(acme, core):
    body = {"action": "allow", "pattern": "jonas@partner.example", "expires_at": "2099-01-01T00:00:00Z"}
    made = (await acme.call("POST", f"{ACME}/rules", body)).data
    await acme.call("POST", f"{ACME}/lists/blocklist", {"item": ".bad.example"})
    rule = f"{ACME}/rules/{made['id']}"
    changed = await acme.call("PATCH", rule, {"note": "by phone", "expires_at": None})

    listed = (await acme.call("GET", f"{ACME}/rules")).data
    assert {(each["action"], each["pattern"]) for each in listed} == {
        ("allow", "jonas@partner.example"),
        ("block", ".bad.example"),
    }
    assert await items(acme, f"{ACME}/lists/safelist") == ["jonas@partner.example"]
    assert made["expires_at"] == "2099-01-01T00:00:00.000Z"
    assert (changed.data["note"], changed.data["expires_at"]) == ("by phone", None)
    assert len((await acme.call("GET", f"{ACME}/rules?action=block")).data) == 1
    assert (await acme.call("PATCH", rule, {"expires_at": "2001-01-01T00:00:00Z"})).status == 400
    assert [(await acme.call("DELETE", rule)).status for _ in range(2)] == [200, 404]
    assert len(await told(core, "rule.updated")) == 1


async def test_an_entry_that_has_ended_neither_counts_nor_stays(acme, core):
    ends = iso_seconds(core.clock() + 60_000)
    for item, end in (("old.example", ends), ("new.example", None)):
        await acme.call("POST", "/lists/blocklist", {"item": item, "expires_at": end})
    core.clock.advance(61)

    assert await items(acme, "/lists/blocklist") == ["new.example"]
    await sweeping.once(core)
    async with core.database.read() as tx:
        assert (await tx.execute(select(list_items.c.item))).scalars().all() == ["new.example"]


async def test_a_rule_of_another_domain_is_not_reached_through_this_one(acme):
    await acme.call("POST", "/domains", {"name": "other.example"})
    made = (await acme.call("POST", f"{ACME}/rules", {"action": "block", "pattern": "a.example"})).data

    assert (await acme.call("DELETE", f"/domains/other.example/rules/{made['id']}")).status == 404


async def test_a_list_is_read_in_pages_to_its_end(acme):
    await acme.call("POST", "/lists/safelist", {"items": [f"d{n}.example" for n in range(7)]})
    seen, path = [], "/lists/safelist?limit=3"
    while path:
        said = await acme.call("GET", path)
        seen += [each["item"] for each in said.data]
        cursor = said.pagination["next_cursor"]
        path = cursor and f"/lists/safelist?limit=3&cursor={cursor}"

    assert sorted(seen) == [f"d{n}.example" for n in range(7)]


async def test_a_recipient_is_set_changed_listed_and_forgotten(acme, core):
    made = await acme.call("PUT", "/users/Grace@ACME.example", {"admin": True})
    again = await acme.call("PUT", f"/users/{GRACE}", {"filter": False})
    changed = await acme.call("PATCH", f"/users/{GRACE}", {"admin": False})
    listed = await acme.call("GET", f"{ACME}/users")

    assert (made.status, made.data["filter"], made.data["email"]) == (201, "compute", GRACE)
    assert (again.status, again.data["admin"], again.data["filter"]) == (200, True, "false")
    assert listed.data == [changed.data] == [(await acme.call("GET", f"/users/{GRACE}")).data]
    assert [(await acme.call("DELETE", f"/users/{GRACE}")).status for _ in range(2)] == [200, 404]
    async with core.database.read() as tx:
        query = select(audit_entries.c.action).where(audit_entries.c.resource == f"user/{GRACE}")
        actions = (await tx.execute(query.order_by(audit_entries.c.seq))).scalars().all()
    assert actions == ["user.created", "user.updated", "user.updated", "user.deleted"]


async def test_recipients_of_a_domain_that_is_not_the_callers_are_not_there(acme):
    other = await acme.key("full-admin", tenant="other")

    said = [
        await acme.call("PUT", f"/users/{GRACE}", {}, key=other),
        await acme.call("PUT", "/users/x@none.example", {}),
        await acme.call("PATCH", f"/users/{GRACE}", {"admin": True}),
    ]
    assert [each.status for each in said] == [404] * 3


async def test_the_high_score_is_the_score_from_which_mail_is_refused(acme, core):
    before = (await acme.call("GET", f"{ACME}/spam/settings")).data
    said = await acme.call("PATCH", f"{ACME}/spam/settings", {"high_score": 6})

    assert (before["high_score"], said.data["high_score"]) == (22, 6)
    policy = (await acme.call("GET", ACME)).data["policy"]
    limits = [policy[f"{name}_threshold"] for name in ("tag", "quarantine", "reject")]
    assert limits == [5, 6, 6]
    assert (await told(core, "domain.updated"))[0]["spam"] == {"high_score": 6}


async def test_spam_settings_reach_the_engines_policy(acme, core):
    from core.seam.settings import policy_of
    from core.store import domains

    wanted = {"subject_prefix": "[?]", "enforce_dmarc": True, "blocked": "quarantine", "safe": "proven"}
    said = await acme.call("PATCH", f"{ACME}/spam/settings", wanted)
    async with core.database.read() as tx:
        policy = policy_of(await domains.find(tx, "default", "acme.example"))

    assert said.data == {"high_score": 22, **wanted}
    assert {name: getattr(policy, name) for name in wanted} == wanted
    for wrong in ({"high_score": 0}, {"high_score": 51}, {"safe": "never"}, {"subject_prefix": "a\nb"}):
        assert (await acme.call("PATCH", f"{ACME}/spam/settings", wrong)).status == 400
