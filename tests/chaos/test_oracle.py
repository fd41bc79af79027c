"""The oracle is itself tested: with a defect built in, it must say so."""

import pytest

from tests.chaos.schedule import play

pytestmark = [pytest.mark.chaos, pytest.mark.server("valkey"), pytest.mark.timeout(240)]

DEFECTS = [
    ("answer-before-commit", 0, ["kill-server", "kill-hub"]),
    ("settle-before-send", 0, ["destination-503", "kill-hub", "destination-hang"]),
    ("settle:head", 1, ["stop-sender-past-its-lease"]),
    ("route:routed", 1, ["lost-reply", "lost-reply", "kill-worker"]),
    ("record:seen", 0, ["send-again"]),
    ("trim:routed", 1, ["kill-worker", "forced-trim"]),
]
TRIES = 6


@pytest.mark.parametrize(("defect", "number", "faults"), DEFECTS, ids=[defect for defect, _, _ in DEFECTS])
async def test_a_defect_is_noticed(defect, number, faults):
    for seed in range(TRIES):
        verdict = await play(f"oracle-{seed}", number, mutate=defect, faults=faults)
        if not verdict.holds and verdict.acked:
            return
    pytest.fail(f"{TRIES} schedules with {defect} built in, and the oracle noticed nothing")


async def test_two_holders_of_every_lease_are_harmless():
    verdict = await play("oracle", 1, mutate="no-leases", faults=["kill-worker"])

    assert verdict.holds, verdict.logs


async def test_without_a_defect_the_same_schedules_hold():
    for number, faults in {(number, tuple(faults)) for _, number, faults in DEFECTS}:
        verdict = await play("oracle", number, faults=list(faults))

        assert verdict.holds, verdict.logs
