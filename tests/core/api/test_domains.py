"""Domains over the API: what may be said of one, who sees it, and many at once."""

import pytest
from sqlalchemy import func, insert, select

from core.store.tables import (
    audit_entries,
    domain_aliases,
    licences,
    list_items,
    outbox_events,
    quarantine_items,
    subscriptions,
)
from tests.factories.owner import Owner


async def add(api, name="acme.example", key=None, **body):
    said = await api.call("POST", "/domains", {"name": name, **body}, key=key)
    assert said.status == 201, said.body
    return said.data


async def names(api, query="", key=None):
    said = await api.call("GET", f"/domains{query}", key=key)
    return sorted(each["name"] for each in said.data)


async def events(core):
    async with core.database.read() as tx:
        return (await tx.execute(select(outbox_events.c.name).order_by(outbox_events.c.seq))).scalars().all()


async def test_a_domain_is_kept_as_it_was_described(service_api):
    policy = {"action": "block", "tag_threshold": 4, "quarantine_threshold": 6.5, "reject_threshold": 9}
    policy["overrides_recipients"] = True
    servers = [{"host": "MX1.acme.example", "port": 2525, "priority": 5, "weight": 1}, {"host": "192.0.2.7"}]
    made = await add(
        service_api,
        "ACME.example.",
        policy=policy,
        downstream_addresses=servers,
        admins=["Admin@Acme.example"],
        aliases=["acme.test"],
    )

    again = (await service_api.call("GET", "/domains/acme.example")).data
    assert {key: made[key] for key in again} == again
    assert (again["name"], again["aliases"], again["admins"]) == (
        "acme.example",
        ["acme.test"],
        ["admin@acme.example"],
    )
    assert again["real_mx_host"] == "mx1.acme.example:2525"
    assert again["downstream_addresses"][1] == {"host": "192.0.2.7", "port": 25, "priority": 10, "weight": 0}
    assert {**policy, "header_name": "", "header_value": ""} == again["policy"]


async def test_names_are_kept_as_a_labels_and_found_by_either_form(service_api):
    made = await add(service_api, "bücher.example")

    assert made["name"] == "xn--bcher-kva.example"
    assert (await service_api.call("GET", "/domains/bücher.example")).data["id"] == made["id"]


@pytest.mark.parametrize("name", ["co.uk", "com", "no_domain", "192.0.2.1", "a..b", "-x.example", "x" * 300])
async def test_what_is_no_domain_of_a_customer_is_refused(service_api, name):
    said = await service_api.call("POST", "/domains", {"name": name})

    assert said.status == 400
    assert said.error["details"][0]["field"] in ("name", "domain")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"real_mx_host": "mx.acme.example", "downstream_addresses": []}, "real_mx_host"),
        ({"real_mx_host": "a b"}, "real_mx_host"),
        ({"real_mx_host": "mx.acme.example:smtp"}, "real_mx_host"),
        ({"downstream_addresses": [{"host": "mxhub.localhost"}]}, "downstream_addresses.0"),
        ({"downstream_addresses": [{"host": "mx.a.example"}] * 2}, "downstream_addresses"),
        ({"downstream_addresses": [{"host": "mx.a.example", "port": n + 1} for n in range(11)]}, None),
        ({"admins": ["nobody"]}, "admins.0"),
        ({"aliases": ["acme.example"]}, "aliases"),
        ({"policy": {"tag_threshold": 9}}, "policy.tag_threshold"),
        ({"policy": {"quarantine_threshold": 30}}, "policy.quarantine_threshold"),
        ({"policy": {"header_name": "Subject"}}, "policy.header_name"),
        ({"policy": {"header_value": "a\r\nBcc: x@y"}}, "policy.header_value"),
        ({"subscription_handle": "none"}, "subscription_handle"),
        ({"customer_id": "cus_none"}, "customer_id"),
        ({"organization_id": "org_none"}, "organization_id"),
    ],
)
async def test_what_does_not_hold_is_refused_by_name(service_api, body, field):
    said = await service_api.call("POST", "/domains", {"name": "acme.example", **body})

    assert said.status == 400
    assert said.error["details"][0]["field"] == (field or "downstream_addresses")


async def test_a_name_belongs_to_one_domain_whoever_asks(service_api):
    await add(service_api, "acme.example", aliases=["acme.test"])
    other = await service_api.key("full-admin", tenant="other")

    taken = [
        await service_api.call("POST", "/domains", {"name": name}, key=key)
        for key in (None, other)
        for name in ("acme.example", "acme.test")
    ]
    await add(service_api, "other.example", key=other)
    stolen = await service_api.call("PUT", "/domains/other.example/aliases/acme.example", key=other)
    twice = await service_api.call("PUT", "/domains/other.example/aliases/acme.test", key=other)
    assert [said.status for said in (*taken, stolen, twice)] == [409] * 6


async def test_an_alias_comes_once_and_goes(service_api):
    await add(service_api)
    said = [
        await service_api.call(method, "/domains/acme.example/aliases/acme.test")
        for method in ("PUT", "PUT", "DELETE", "DELETE")
    ]

    assert [each.status for each in said] == [201, 200, 200, 404]
    assert said[0].data["aliases"] == ["acme.test"]


async def test_a_patch_changes_what_it_names_and_null_clears(service_api):
    await add(service_api, real_mx_host="mx.acme.example", policy={"tag_threshold": 3})
    changed = await service_api.call(
        "PATCH", "/domains/acme.example", {"real_mx_host": None, "policy": {"header_name": "X-Spam"}}
    )

    assert changed.data["downstream_addresses"] == []
    assert (changed.data["policy"]["tag_threshold"], changed.data["policy"]["header_name"]) == (3, "X-Spam")
    assert (await service_api.call("PATCH", "/domains/acme.example", {"active": None})).status == 400


async def test_a_change_that_changes_nothing_leaves_no_trace(service_api, core):
    await add(service_api)
    for _ in range(2):
        await service_api.call("PATCH", "/domains/acme.example", {"dkim_active": True})

    assert [name for name in await events(core) if name.startswith("domain.")] == [
        "domain.created",
        "domain.updated",
    ]


async def test_who_saw_an_older_record_changes_nothing(service_api):
    await add(service_api)
    seen = (await service_api.call("GET", "/domains/acme.example")).headers["ETag"]

    def put(tag, host):
        body = {"real_mx_host": host}
        return service_api.call("PUT", "/domains/acme.example", body, headers={"If-Match": tag})

    first = await put(seen, "mx1.acme.example")
    second = await put(seen, "mx2.acme.example")
    assert (first.status, second.status, second.error["code"]) == (200, 412, "PRECONDITION_FAILED")
    assert (await put(first.headers["ETag"], "mx3.acme.example")).data["real_mx_host"] == "mx3.acme.example"


async def test_a_domain_tied_to_a_key_does_not_exist_for_others(service_api):
    holder, other = [await service_api.key("full-admin") for _ in range(2)]
    await add(service_api, "open.example")
    said = await service_api.call("POST", "/domains?associate_key=true", {"name": "acme.example"}, key=holder)
    key_id = said.data["api_key_id"]

    seen = [await names(service_api, key=key) for key in (holder, other)]
    assert seen == [["acme.example", "open.example"], ["open.example"]]
    assert await names(service_api, f"?api_key_id={key_id}", key=holder) == ["acme.example"]
    assert await names(service_api, "?api_key_id=", key=holder) == ["open.example"]
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"active": False}),
        ("DELETE", "", None),
        ("PUT", "/api-key", {}),
        ("PUT", "/aliases/x.test", None),
    ):
        said = await service_api.call(method, f"/domains/acme.example{path}", body, key=other)
        assert (said.status, said.error["code"]) == (404, "NOT_FOUND"), (method, path)
    taken = await service_api.call("POST", "/domains?overwrite=true", {"name": "acme.example"}, key=other)
    assert taken.status == 409
    freed = await service_api.call("DELETE", "/domains/acme.example/api-key", key=holder)
    assert (freed.status, await names(service_api, key=other)) == (200, ["acme.example", "open.example"])


async def test_a_key_ties_domains_to_itself_only(service_api):
    await add(service_api)
    key = await service_api.key("domains:write")

    said = await service_api.call("PUT", "/domains/acme.example/api-key", {"api_key_id": "key_x"}, key=key)
    assert said.status == 403
    tied = await service_api.call("PUT", "/domains/acme.example/api-key", key=key)
    assert tied.status == 200
    assert (await service_api.call("GET", "/domains/acme.example")).status == 404


async def test_a_grant_on_domains_shows_those_alone(service_api):
    for name in ("one.example", "two.example"):
        await add(service_api, name)
    key = await service_api.key("domains:write", domains=["two.example", "three.example"])

    assert await names(service_api, key=key) == ["two.example"]
    assert (await service_api.call("GET", "/domains/one.example", key=key)).status == 403
    said = [
        await service_api.call("POST", "/domains", {"name": f"{name}.example"}, key=key)
        for name in ("three", "four")
    ]
    assert [each.status for each in said] == [201, 403]


async def test_a_list_is_paged_by_cursor_and_by_number(service_api):
    for number in range(5):
        await add(service_api, f"d{number}.example")
    first = await service_api.call("GET", "/domains?limit=2")
    rest = await service_api.call("GET", f"/domains?limit=9&cursor={first.pagination['next_cursor']}")
    numbered = await service_api.call("GET", "/domains?limit=2&page=3")

    assert {each["name"] for each in first.data + rest.data} == {f"d{number}.example" for number in range(5)}
    assert (len(first.data), len(rest.data)) == (2, 3)
    assert (numbered.pagination["total"], len(numbered.data)) == (5, 1)
    assert (await service_api.call("GET", "/domains?limit=2&page=2&offset=1")).status == 400


async def test_filters_narrow_the_list(service_api):
    await add(service_api, "one.example")
    await add(service_api, "two.example")
    await service_api.call("PATCH", "/domains/two.example", {"status": "suspended"})

    assert await names(service_api, "?names=two.example,none.example,ONE.example.") == [
        "one.example",
        "two.example",
    ]
    assert await names(service_api, "?names=none.example") == []
    assert await names(service_api, "?status=suspended") == ["two.example"]
    assert await names(service_api, "?verified=false") == ["one.example", "two.example"]


async def test_what_belongs_to_a_domain_goes_with_it(service_api, core):
    await add(service_api, aliases=["acme.test"])
    await service_api.call("PUT", "/domains/acme.example/downstream-addresses", {"downstream_addresses": []})
    owner = Owner(service_api, "default", "t1")
    await owner.row(list_items, domain="acme.example", tier="domain", owner="acme.example", kind="block")
    gone = await service_api.call("DELETE", "/domains/acme.example")

    async with core.database.read() as tx:
        left = [
            (await tx.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (domain_aliases, list_items)
        ]
    assert (gone.status, left) == (200, [0, 0])
    assert (await service_api.call("GET", "/domains/acme.example")).status == 404
    assert (await events(core))[-1] == "domain.deleted"


async def test_a_domain_whose_mail_is_held_stays(service_api):
    await add(service_api)
    owner = Owner(service_api, "default", "t1")
    await owner.row(quarantine_items, domain="acme.example", state="held")

    said = await service_api.call("DELETE", "/domains/acme.example")
    assert (said.status, "1 messages in quarantine" in said.error["message"]) == (409, True)
    many = await service_api.call("POST", "/domains:batch", {"deprovision": ["acme.example"]})
    assert [(each["domain"], each["code"]) for each in many.data["errors"]] == [("acme.example", 409)]


async def test_each_of_many_has_its_own_outcome(service_api, core):
    await add(service_api, "old.example")
    await add(service_api, "there.example")
    body = {
        "provision": [
            {"name": "new.example", "aliases": ["new.test"]},
            {"name": "there.example"},
            {"name": "co.uk"},
            {"name": "new.example"},
            {"name": "new.test"},
        ],
        "deprovision": ["old.example", "none.example"],
    }
    said = await service_api.call("POST", "/domains/batch", body)

    assert [(each["domain"], each["code"]) for each in said.data["successes"]] == [
        ("new.example", 201),
        ("old.example", 200),
    ]
    assert [(each["domain"], each["code"]) for each in said.data["errors"]] == [
        ("there.example", 409),
        ("co.uk", 400),
        ("new.example", 409),
        ("new.test", 409),
        ("none.example", 404),
    ]
    assert all(each["comment"] for each in said.data["errors"])
    assert await names(service_api) == ["new.example", "there.example"]


async def test_what_is_there_already_can_be_overwritten(service_api):
    await add(service_api, real_mx_host="mx.acme.example", aliases=["a.test"], admins=["a@acme.example"])
    wanted = {"name": "acme.example", "aliases": ["b.test"], "policy": {"action": "flag"}}
    said = await service_api.call("POST", "/domains?overwrite=true", wanted)

    assert said.status == 200
    assert (said.data["aliases"], said.data["policy"]["action"]) == (["b.test"], "flag")
    assert (said.data["real_mx_host"], said.data["admins"]) == ("mx.acme.example", ["a@acme.example"])
    assert (await add(service_api, "a.test"))["name"] == "a.test"


@pytest.mark.slow
async def test_a_thousand_domains_come_and_go_and_each_is_on_record(service_api, core):
    many = [f"d{number}.example" for number in range(1000)]
    body = {"provision": [{"name": name, "real_mx_host": "mx.example.net"} for name in many]}
    made = await service_api.call("POST", "/domains:batch", body)
    numbers = [each["number"] for each in (await service_api.call("GET", "/domains?limit=1000")).data]
    gone = await service_api.call("POST", "/domains:batch", {"deprovision": many})

    assert [len(said.data["successes"]) for said in (made, gone)] == [1000, 1000]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 1000))
    async with core.database.read() as tx:
        query = select(audit_entries.c.action, func.count()).group_by(audit_entries.c.action)
        recorded = {row.action: row[1] for row in await tx.execute(query)}
    assert (recorded["domain.created"], recorded["domain.deleted"]) == (1000, 1000)
    assert (await events(core)).count("domain.deleted") == 1000


async def test_more_than_a_thousand_are_refused(service_api):
    body = {"provision": [{"name": "a.example"}], "deprovision": ["b.example"] * 1000}
    said = await service_api.call("POST", "/domains:batch", body)

    assert (said.status, said.error["details"][0]["field"]) == (400, "provision")


async def test_the_licence_bounds_all_domains(service_api, core):
    async with core.database.begin() as tx:
        row = {"tier": "t", "max_domains": 2, "valid_until_ms": 1, "refreshed_ms": 1, "refresh_due_ms": 1}
        await tx.execute(insert(licences).values(id="current", holder="", fingerprint="", **row))
    body = {"provision": [{"name": f"d{number}.example"} for number in range(4)]}
    said = await service_api.call("POST", "/domains:batch", body)

    assert [each["code"] for each in said.data["successes"]] == [201, 201]
    assert ["licence allows 2" in each["comment"] for each in said.data["errors"]] == [True, True]


async def test_a_subscription_bounds_its_domains(service_api):
    owner = Owner(service_api, "default", "t1")
    await owner.row(subscriptions, handle="sub_1", limits={"domains": 1}, active=True)
    await owner.row(subscriptions, handle="sub_2", limits={}, active=False)
    await owner.row(subscriptions, handle="sub_3", limits={"domains": -1}, active=True)
    await add(service_api, "one.example", subscription_handle="sub_1")
    body = {"name": "two.example", "subscription_handle": "sub_1"}

    assert (await service_api.call("POST", "/domains", body)).status == 409
    await add(service_api, "two.example")
    moved = await service_api.call("PATCH", "/domains/two.example", {"subscription_handle": "sub_1"})
    assert moved.status == 409
    await add(service_api, "unbounded.example", subscription_handle="sub_3")
    body = {"name": "three.example", "subscription_handle": "sub_2"}
    assert (await service_api.call("POST", "/domains", body)).status == 400


async def test_many_changes_at_once_make_one_sound_chain(service_api, core):
    await service_api.call(
        "POST", "/domains:batch", {"provision": [{"name": f"d{n}.example"} for n in range(5)]}
    )
    await add(service_api)

    async with core.database.read() as tx:
        rows = (await tx.execute(select(audit_entries).order_by(audit_entries.c.seq))).mappings().all()
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(core.chain.holds(row) for row in rows)
    assert [row["prev_hash"] for row in rows][1:] == [row["hash"] for row in rows][:-1]
