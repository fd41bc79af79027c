"""What is true of the whole service is read for the metrics."""

from core.app import gauges
from core.outward.post import Outward
from core.store import outbox
from core.store.tables import quarantine_items
from hub.telemetry.metrics import METRICS
from tests.factories.core import NOW_MS
from tests.factories.core_api import Api
from tests.factories.owner import Owner


async def test_held_mail_of_all_tenants_is_counted(core):
    for tenant, state in (("a", "held"), ("b", "release_failed"), ("b", "released")):
        await Owner(Api(core, None), tenant, tenant).row(quarantine_items, state=state)
    await gauges.read(core)

    assert METRICS.value("mxhub_core_held") == 2


async def test_events_that_the_relay_has_not_carried_wait(core, monkeypatch):
    async with core.database.begin() as tx:
        await outbox.emit_many(tx, [("domain.created", {})] * 3, "node-1", NOW_MS)
    monkeypatch.setattr(Outward, "carried", property(lambda _: 1))
    await gauges.read(core)

    assert METRICS.value("mxhub_core_outbox_waiting") == 2
