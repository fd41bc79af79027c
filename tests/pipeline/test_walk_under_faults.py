"""A walk through all a network and a vendor may do: no entry is lost, none is invented, all faults fired.

A real MailGuard dialect over real HTTP, a real log, a real archive; each page meets its own trouble.
"""

import pytest

from core.store.clock import HOUR_MS, wall_clock
from hub.app.call import Caller
from hub.app.sources import polls
from hub.config.load import load_text
from hub.pipeline.poll import Poller
from hub.registry import Registry
from tests.factories.core import FakeClock, quiet_sandbox
from tests.pipeline.test_walk_proof import Quiet, archived, entries, write_audit

pytestmark = [pytest.mark.slow, pytest.mark.integration]

TROUBLES = (
    {"cut": 1},
    {"truncate": 1},
    {"refuse": 1, "refuse_status": 429, "retry_after": "0"},
    {"drop": "always"},
    {"duplicate": "always", "reorder": "always"},
    {"refuse": 1, "refuse_status": 503, "retry_after": None},
    {"redirect": 1},
    {"expire_cursors": 1},
    {"slow": 1, "slow_s": 0.2},
    {"late": "30%", "late_s": 3600},
    {},
)
"""One a walk, over and over; after the last of them a walk meets none."""
SPENT = (
    *("cut", "truncate", "refuse", "drop", "duplicate", "reorder", "redirect", "expire_cursors", "slow"),
    *("late", "hidden"),
)


async def walk_on(log, poll, call, sandbox):
    """Until a walk without trouble is done; how each ended."""
    ends = []
    for number in range(200):
        trouble = TROUBLES[number % len(TROUBLES)]
        sandbox.faults.clear()
        sandbox.faults.set(trouble)
        walked = await Poller(log, Quiet(), now_ms=wall_clock).walk(poll, call)
        ends.append(walked.end)
        if not trouble and walked.end == "done":
            return ends
    pytest.fail(f"the walk never ended: {ends}")


async def test_a_walk_through_every_fault_archives_the_servers_set_once(redis, log, state, tmp_path):
    before = FakeClock(wall_clock() - 2 * HOUR_MS)  # its own entries are older than all that are written
    async with quiet_sandbox(tmp_path / "sandbox", redis, clock=before) as sandbox:
        settings = load_text(f"""
sources:
  mg: {{vendor: mailguard, url: "{sandbox.url}/api/v1", api_key: "{sandbox.keys["api-key"]}",
       allow_networks: [127.0.0.0/8], budget: {{per_minute: 60000, burst: 1000}}}}
""")
        caller = Caller(lambda: settings, state, now_ms=wall_clock)
        poll = polls(settings, Registry())["mg/audit"]
        ends = []
        for begin in (0, 700, 1400):
            async with sandbox.core.database.begin() as tx:
                await write_audit(tx, sandbox.core.chain, begin, 700)
            ends += await walk_on(log, poll, caller.of(poll), sandbox)
        async with sandbox.core.database.read() as tx:
            theirs = set(await entries(tx))
        await caller.close()

    ours = await archived(log, tmp_path / "archive")

    assert len(theirs) >= 2100
    assert len(ours) == len(set(ours))
    assert set(ours) == theirs
    assert {name for name in SPENT if not sandbox.faults.fired[name]} == set()
    assert "failed" in ends
