"""How mailboxes are looked at, at a strict MXroute, and how people and webhooks hear of it."""

from random import Random

from core.app.watch import scheduler_of
from core.detectors.scheduler import Scheduler
from core.service import settings
from core.service.mailbox_usage import look
from hub.sdk.testing import Reply
from tests.factories.core_api import OPERATOR_BY
from tests.factories.hosting import add_domain, audit_entries, events, far
from tests.factories.mxroute import Hosted
from tests.factories.outward import add, hook, running, until

__all__ = ["far"]

SLOW_DOWN = Reply(status=429, headers={"Retry-After": "0"}, json={"success": False})
BROKEN = Reply(status=500)


def put(far, domain="example.com", user="grace", **figures):
    accounts = far.played.domains.setdefault(domain, Hosted()).accounts
    accounts[user] = {"quota": 1000, "limit": 1000, "usage": 1.0, "sent": 1, **figures}


async def seen(far):
    found = await look(far.core, pause_s=0)
    return {
        each.domain: [(box.username, box.used_mb, box.sent_today) for box in each.mailboxes] for each in found
    }


class Process:
    """One of several that share the store: the job of this detector, and a clock that it obeys."""

    def __init__(self, core):
        made = scheduler_of(core)
        self.now_ms = core.clock()
        self.job = next(job for job in made.jobs if job.name == "mailbox_usage")
        self.scheduler = Scheduler(
            core.database, [self.job], lambda: self.now_ms, Random(1), told=lambda _: core.outward.wake()
        )

    async def run(self):
        """Claims the job, which is due after a while; None when another process had it."""
        await self.scheduler.once(self.job)
        self.now_ms += 2 * self.job.period_ms
        return await self.scheduler.once(self.job)


async def test_the_hosts_own_figures_are_seen(far):
    put(far, usage=950.5, sent=12)

    assert await seen(far) == {"example.com": [("grace", 950.5, 12)]}


async def test_a_host_that_asks_to_wait_is_asked_again(far):
    put(far)
    far.played.next = [SLOW_DOWN, SLOW_DOWN]

    assert list(await seen(far)) == ["example.com"]


async def test_one_domain_without_an_answer_costs_no_other_theirs(far):
    for name in ("a.example", "b.example"):
        await add_domain(far.core, name)
        put(far, name)
    far.played.next = [BROKEN]

    assert list(await seen(far)) == ["b.example", "example.com"]


async def test_a_domain_that_the_host_does_not_know_is_left_out(far):
    for name in ("a.example", "b.example", "c.example", "d.example"):
        await add_domain(far.core, name)

    assert list(await seen(far)) == ["example.com"]


async def test_a_host_that_is_down_is_left_alone_after_three_failures(far):
    for number in range(6):
        await add_domain(far.core, f"a{number}.example")
    far.played.next = [BROKEN] * 3

    assert await seen(far) == {}
    assert far.played.next == []


async def test_the_services_own_store_is_not_asked(core):
    await add_domain(core)

    assert await look(core, pause_s=0) == []


async def test_limits_are_those_of_the_tenant(far):
    async with far.core.database.begin() as tx:
        await settings.change(far.core, tx, OPERATOR_BY, {"mailbox_quota_percent": 60})
    (found,) = await look(far.core, pause_s=0)

    assert (found.quota_percent, found.send_percent) == (60, 90)


async def test_alarms_are_told_once_over_processes_and_restarts(far):
    put(far, usage=950.0)
    one, two = Process(far.core), Process(far.core)
    first = await one.run()
    two.now_ms = one.now_ms

    assert [event.name for event in first] == ["mailbox.quota_alert"]
    assert await two.scheduler.once(two.job) is None
    assert await two.run() == []
    put(far, usage=10.0)
    restarted = Process(far.core)
    restarted.now_ms = two.now_ms
    assert [event.name for event in await restarted.run()] == ["mailbox.quota_recovered"]
    assert await restarted.run() == []
    told = [each["name"] for each in await events(far.core) if each["name"].startswith("mailbox.")]
    assert told == ["mailbox.quota_alert", "mailbox.quota_recovered"]


async def test_an_alarm_is_on_record_as_the_schedulers(far):
    put(far, sent=1000)
    await Process(far.core).run()
    (entry,) = await audit_entries(far.core, "mailbox.send_limit_alert")

    assert (entry["actor"], entry["resource_type"], entry["resource"]) == (
        "scheduler",
        "mailbox",
        "mailbox/grace@example.com",
    )
    assert entry["details"]["percent"] == 100.0


async def test_webhooks_and_people_hear_of_it(far):
    put(far, usage=950.0)
    async with hook() as there:
        made = await add(far.core, there.url, events=["mailbox.quota_alert", "mailbox.quota_recovered"])
        there.secrets.append(made.secret)
        async with running(far.core):
            await Process(far.core).run()
            await until(lambda: len(there.taken) == 1)
    (event,) = there.taken

    assert (event["event"], event["data"]["address"], event["data"]["used_mb"]) == (
        "mailbox.quota_alert",
        "grace@example.com",
        950.0,
    )
