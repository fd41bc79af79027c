"""Each guard of the scripts has its reason: without it, the model finds a difference in its scenario."""

import pytest
from redis.asyncio import Redis

from hub.store.base import StoreError
from hub.store.scripts import Scripts
from tests.factories import mutants
from tests.factories.guard_scenarios import SCENARIOS
from tests.factories.log_rig import Rig
from tests.factories.rollbacks import ROLLBACKS

ALL = SCENARIOS | ROLLBACKS
EACH = pytest.mark.parametrize(("script", "guard"), ALL, ids=":".join)


def test_every_guard_has_a_scenario():
    assert mutants.guards() == set(ALL)


@EACH
async def test_with_the_guard_the_scenario_agrees_with_the_model(redis: Redis, script: str, guard: str):
    rig = Rig(redis)

    await ALL[script, guard](rig)

    await rig.check()


@EACH
async def test_without_the_guard_the_model_finds_the_difference(redis: Redis, script: str, guard: str):
    mutated = mutants.without(script, guard)
    await redis.script_load(mutated[script])  # it is a valid script: what is found is no slip of the mutation
    rig = Rig(redis, scripts=Scripts(mutated))

    with pytest.raises((AssertionError, StoreError, ValueError)):
        await ALL[script, guard](rig)


def test_a_guard_that_is_not_there_cannot_be_taken_out():
    with pytest.raises(LookupError, match="no guard named nonsense"):
        mutants.without("settle", "nonsense")


def test_a_process_under_test_takes_its_guard_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    from hub.store import scripts

    whole, mutated = scripts.script_sources(), mutants.without("settle", "head")
    monkeypatch.setattr(scripts, "script_sources", scripts.script_sources)
    monkeypatch.setenv("MXHUB_MUTATE", "settle:head")

    mutants.install()

    assert scripts.script_sources() == {**whole, **mutated}
    assert mutated["settle"] != whole["settle"]
