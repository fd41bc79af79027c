"""What the service runs on, by the API: the operator's nodes, each tenant's keys and addresses."""

from core.detectors import nodes
from core.detectors.certificates import Look
from core.detectors.certificates import detect as detect_certificates
from core.detectors.reputation import HALF_LIFE_MS, count
from core.store import estate
from core.store.clock import DAY_MS, iso_seconds
from tests.factories.core import NOW_MS
from tests.factories.detectors import seen
from tests.factories.reports import add_domain


async def test_nodes_and_certificates_are_the_operators_only(service_api):
    core = service_api.core
    async with core.database.begin() as tx:
        await estate.beat(tx, "node-1", "10.0.0.1", NOW_MS)
        await nodes.detect(tx, NOW_MS, chain=core.chain)
        await detect_certificates(tx, NOW_MS, chain=core.chain, look=Look(seen=(seen("0a", 10),)))
    other = await service_api.key("full-admin", tenant="other")

    (node,) = (await service_api.call("GET", "/cluster/nodes")).data
    (certificate,) = (await service_api.call("GET", "/certificates")).data
    assert (node["id"], node["present"]) == ("node-1", True)
    assert (certificate["serial"], certificate["days_left"], certificate["warned"]) == ("0a", 10, True)
    for path in ("/cluster/nodes", "/certificates"):
        assert (await service_api.call("GET", path, key=other)).data == []


async def test_an_address_has_the_reputation_that_this_tenants_mail_gave_it(service_api):
    core = service_api.core
    async with core.database.begin() as tx:
        for _ in range(6):
            await count(tx, "default", "203.0.113.7", "reject", NOW_MS, chain=core.chain)
    bad = (await service_api.call("GET", "/reputation/203.0.113.7")).data
    core.clock.advance(HALF_LIFE_MS / 1000)
    faded = (await service_api.call("GET", "/reputation/203.0.113.7")).data
    other = await service_api.key("full-admin", tenant="other")

    assert (bad["listed"], bad["messages"], bad["score"] < 30) == (True, 6, True)
    assert bad["score"] < faded["score"] < 60
    assert (await service_api.call("GET", "/reputation/203.0.113.7", key=other)).status == 404
    assert (await service_api.call("GET", "/reputation/nobody")).status == 404


async def test_a_key_is_watched_rotated_and_retired(service_api):
    async with service_api.core.database.begin() as tx:
        await add_domain(tx)
    old = {"domain": "acme.example", "selector": "s1", "created_at": iso_seconds(NOW_MS - 100 * DAY_MS)}
    first = await service_api.call("POST", "/dkim-keys", old)
    again = await service_api.call("POST", "/dkim-keys", old)
    second = await service_api.call("POST", "/dkim-keys", {**old, "selector": "s2", "rotate": True})
    keys = (await service_api.call("GET", "/dkim-keys")).data

    assert (first.status, again.status, second.status) == (201, 409, 201)
    assert first.data["rotate_by"] == iso_seconds(NOW_MS + 80 * DAY_MS)
    assert [(key["selector"], key["retired_at"] is None) for key in keys] == [("s2", True), ("s1", False)]
    assert (await service_api.call("DELETE", "/dkim-keys/acme.example/s2")).status == 200
    actions = [one["action"] for one in (await service_api.call("GET", "/audit/logs?resource=dkim")).data]
    assert actions == ["dkim.retired", "dkim.rotated", "dkim.added"]


async def test_a_key_that_cannot_be_is_named(service_api):
    async with service_api.core.database.begin() as tx:
        await add_domain(tx)
    good = {"domain": "acme.example", "selector": "s1"}
    for wrong, field in [
        ({"selector": "no selector"}, "selector"),
        ({"public_key": "not base64!"}, "public_key"),
        ({"created_at": iso_seconds(NOW_MS + DAY_MS)}, "created_at"),
    ]:
        said = await service_api.call("POST", "/dkim-keys", {**good, **wrong})
        assert (said.status, said.error["details"][0]["field"]) == (400, field)
    assert (await service_api.call("POST", "/dkim-keys", {**good, "domain": "b.example"})).status == 404
