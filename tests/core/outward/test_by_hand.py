"""Test button and resend: one request, now."""

import pytest

from core.store.clock import wall_clock
from tests.factories.outward import add, happen, hook, log_of, running, until


@pytest.fixture(autouse=True)
def _now(core):
    """Receivers refuse what was signed long ago."""
    core.clock.now_ms = wall_clock()


async def test_the_button_sends_a_signed_test_to_one_that_is_disabled_too(service_api, core):
    async with hook() as receiver:
        made = await add(core, receiver.url, enabled=False)
        receiver.secrets = [made.secret]
        said = await service_api.call("POST", f"/webhooks/{made.webhook.id}/test")

    assert (said.data["delivered"], said.data["status"]) == (True, 204)
    assert receiver.names == ["webhook.test"]
    assert receiver.ids == [said.data["event_id"]]


async def test_a_resend_brings_the_same_event_under_its_id(service_api, core):
    async with hook() as receiver:
        made = await add(core, receiver.url)
        receiver.secrets = [made.secret]
        receiver.always = 413
        async with running(core):
            (event,) = await happen(core)
            await until(lambda: has_entry(core, made))
        delivery = (await log_of(core, made))[event]
        receiver.always = 204
        path = f"/webhooks/{made.webhook.id}/deliveries/{delivery.id}/resend"
        said = await service_api.call("POST", path)
        after = (await log_of(core, made))[event]

    assert said.data["delivered"]
    assert receiver.ids == [event, event]
    assert receiver.seen[0][1] == receiver.seen[1][1]
    assert (delivery.state, after.state, after.attempts) == ("given_up", "delivered", 2)


async def has_entry(core, made):
    return bool(await log_of(core, made))
