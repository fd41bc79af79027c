from core.store.tables import domains, outbox_events
from core.store.tenancy import tenants
from hub.access.tables import keys
from tests.factories.core_api import Api
from tests.factories.owner import Owner


async def test_a_tenant_is_told_by_events_domains_or_keys(core):
    for name, table in (("c", outbox_events), ("a", domains), ("b", keys), ("a", keys)):
        await Owner(Api(core, None), name, name).row(table)
    async with core.database.read() as tx:
        found = await tenants(tx)

    assert found == ["a", "b", "c"]


async def test_without_any_there_is_none(core):
    async with core.database.read() as tx:
        assert await tenants(tx) == []
