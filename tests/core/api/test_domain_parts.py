"""Parts of a domain over the API: its proof, servers, mail hosting, pointers."""

import pytest
from sqlalchemy import select

from core.dns.answers import Answer
from core.store.tables import outbox_events

ACME = "/domains/acme.example"


@pytest.fixture
async def acme(service_api):
    return (await service_api.call("POST", "/domains", {"name": "acme.example"})).data


def publish(core, record, *values, state="found"):
    core.resolver.known[record["host"], "TXT"] = Answer(state=state, values=values, reason="SERVFAIL")


async def told(core, name):
    async with core.database.read() as tx:
        found = select(outbox_events.c.data).where(outbox_events.c.name == name)
        return (await tx.execute(found)).scalars().all()


async def test_a_domain_is_verified_once_by_its_record(service_api, core, acme):
    record = acme["verification"]
    missing = await service_api.call("POST", f"{ACME}/verify")
    publish(core, record, "v=spf1 -all", record["value"])
    found = [await service_api.call("POST", f"{ACME}/verify") for _ in range(2)]

    assert (missing.status, missing.data["state"], missing.data["verified"]) == (200, "missing", False)
    assert record["host"] == "_mxhub-verify.acme.example"
    assert [(said.data["state"], said.data["verified"]) for said in found] == [("verified", True)] * 2
    assert [data["name"] for data in await told(core, "domain.verified")] == ["acme.example"]
    assert (await service_api.call("GET", ACME)).data["verified_at"] is not None


async def test_trouble_of_the_dns_neither_gives_nor_takes_a_verification(service_api, core, acme):
    record = acme["verification"]
    publish(core, record, state="failed")
    before = (await service_api.call("POST", f"{ACME}/verify")).data
    publish(core, record, record["value"])
    await service_api.call("POST", f"{ACME}/verify")
    publish(core, record, state="failed")
    after = (await service_api.call("POST", f"{ACME}/verify")).data

    assert (before["state"], before["verified"]) == ("unknown", False)
    assert (after["state"], after["verified"]) == ("unknown", True)


async def test_the_servers_behind_the_filter_are_replaced_as_a_whole(service_api, acme):
    servers = [{"host": f"mx{n}.example.net", "port": 25, "priority": n, "weight": 0} for n in (20, 10)]
    put = await service_api.call("PUT", f"{ACME}/downstream-addresses", {"downstream_addresses": servers})
    seen = (await service_api.call("GET", ACME)).headers["ETag"]
    stale = await service_api.call(
        "PUT", f"{ACME}/downstream-addresses", {"downstream_addresses": []}, headers={"If-Match": '"old"'}
    )

    assert put.data == (await service_api.call("GET", f"{ACME}/downstream-addresses")).data == servers
    assert (stale.status, bool(seen)) == (412, True)
    many = {"downstream_addresses": [{"host": "mx.example.net", "port": n + 1} for n in range(11)]}
    assert (await service_api.call("PUT", f"{ACME}/downstream-addresses", many)).status == 400


async def test_mail_hosting_is_turned_off_and_on_and_told(service_api, core, acme):
    off = await service_api.call("PATCH", f"{ACME}/mail-status", {"enabled": False})
    again = await service_api.call("PATCH", f"{ACME}/mail-status", {"enabled": False})

    assert (off.data["mail_hosting"], again.data["mail_hosting"]) == (False, False)
    assert [data["changed"] for data in await told(core, "domain.updated")] == [["mail_hosting"]]


async def test_a_pointer_is_a_name_that_nothing_else_may_have(service_api, acme):
    made = await service_api.call("POST", f"{ACME}/pointers", {"pointer": "Acme.TEST", "is_alias": False})
    taken = [
        await service_api.call("POST", f"{ACME}/pointers", {"pointer": "acme.test"}),
        await service_api.call("POST", f"{ACME}/pointers", {"pointer": "acme.example"}),
        await service_api.call("POST", "/domains", {"name": "acme.test"}),
        await service_api.call("PUT", f"{ACME}/aliases/acme.test"),
    ]
    listed = await service_api.call("GET", f"{ACME}/pointers")
    gone = [await service_api.call("DELETE", f"{ACME}/pointers?pointer=acme.test") for _ in range(2)]

    assert (made.status, made.data) == (
        201,
        {"pointer": "acme.test", "is_alias": False, "pending": False},
    )
    assert [said.status for said in taken] == [409] * 4
    assert (listed.data, listed.pagination["total"]) == ([made.data], 1)
    assert [said.status for said in gone] == [200, 404]


async def test_people_name_the_key_that_holds_a_domain(service_api, core, acme):
    from core.service import domain_parts
    from hub.web.errors import ValidationFailed
    from tests.factories.core_api import OPERATOR_BY

    key = await service_api.key("read-only")
    (known,) = [one for one in await core.access.keyring.every("default") if key.startswith(one.prefix)]
    async with core.database.begin() as tx:
        tied = await domain_parts.associate(core, tx, OPERATOR_BY, "acme.example", known.id)
    with pytest.raises(ValidationFailed, match="no such key"):
        async with core.database.begin() as tx:
            await domain_parts.associate(core, tx, OPERATOR_BY, "acme.example", "key_none")

    assert tied.api_key_id == known.id
    assert (await service_api.call("GET", ACME)).status == 404
    assert (await service_api.call("GET", ACME, key=key)).status == 200


@pytest.mark.parametrize("wanted", ["active", "suspended"])
async def test_only_a_verification_makes_a_pending_domain_active(database, buckets, tmp_path, wanted):
    from contextlib import AsyncExitStack

    from core.service import domain_proof, domains
    from core.service.domain_changes import DomainChange
    from core.service.provisioning import NewDomain
    from hub.web.errors import Conflict
    from tests.factories.core_api import OPERATOR_BY, make_core

    async with AsyncExitStack() as stack:
        core = await make_core(database, buckets, tmp_path, stack, verify_domains=True)
        made = (await domains.create(core, OPERATOR_BY, NewDomain(name="acme.example"))).domain
        assert (made.status, made.takes_mail) == ("pending", False)
        try:
            async with core.database.begin() as tx:
                status = DomainChange(status=wanted)
                changed = await domains.change(core, tx, OPERATOR_BY, made.name, status)
            assert (wanted, changed.status) == ("suspended", "suspended")
        except Conflict:
            assert wanted == "active"
            publish(core, {"host": "_mxhub-verify.acme.example"}, made.verify_token)
            assert (await domain_proof.verify(core, OPERATOR_BY, made.name)).domain.takes_mail
