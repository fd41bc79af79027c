"""Limits of a domain as MxGuard's customers set them."""

import pytest

from core.engine.scales import mx_score
from core.engine.verdict import Thresholds
from core.store import domains

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1"
USUAL = Thresholds()


async def fresh(place, label):
    """A domain with the usual limits: its name and its path."""
    name = f"{label}.{place.domain}"
    wanted = {"domain": name, "real_mx_host": "mx.example.net"}
    assert (await place.call("POST", f"{V1}/domains", wanted)).status == 201
    return name, f"{V1}/domains/{name}"


async def test_limits_of_a_domain_are_on_the_scale_of_its_scores(place):
    name, path = await fresh(place, "limits")
    made = (await place.call("GET", path)).data["thresholds"]
    changed = await place.call("PATCH", path, {"thresholds": {"quarantine": 0.8, "tag": 0.8}})
    async with place.core.database.read() as tx:
        kept = (await domains.find(tx, place.tenant, name)).policy.thresholds

    assert made == {"tag": 0.5, "quarantine": 0.75, "reject": 0.97}
    assert (changed.status, changed.data["thresholds"]) == (
        200,
        {"tag": 0.8, "quarantine": 0.8, "reject": 0.97},
    )
    assert mx_score(kept.quarantine) == 0.8
    assert USUAL.quarantine < kept.quarantine == kept.tag < kept.reject == USUAL.reject


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"quarantine": 8.0}, "thresholds.quarantine"),
        ({"tag": -0.1}, "thresholds.tag"),
        ({"quarantine": 0.4}, "thresholds.tag"),
        ({"quarantine": 0.99}, "thresholds.quarantine"),
    ],
)
async def test_a_limit_that_cannot_be_is_named_as_it_was_given(place, limits, field):
    _, path = await fresh(place, "wrong")
    said = await place.call("PATCH", path, {"thresholds": limits})

    assert (said.status, said.error["details"][0]["field"]) == (400, field)
