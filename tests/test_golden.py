"""Every mapper has goldens, every golden holds, and every output is valid OCSF 1.8."""

import json
from typing import Any

import pytest

from tests.factories.ocsf_rules import check
from tests.factories.ocsf_schema import schema_problems
from tests.golden import Golden, goldens, specs

ALL = list(goldens())


def _name(golden: Golden) -> str:
    return f"{golden.spec.vendor}/{golden.path.name.removesuffix('.in.json')}"


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.vendor)
def test_every_mapper_has_a_golden(spec: Any) -> None:
    covered = {golden.code for golden in ALL if golden.spec.vendor == spec.vendor}

    assert set(spec.mappers) - covered == set()
    assert set(spec.families) - {code.partition(".")[0] for code in covered} == set()


@pytest.mark.parametrize("golden", ALL, ids=_name)
def test_golden_holds(golden: Golden) -> None:
    assert golden.run().unmapped_reason is None
    assert golden.out.read_text() == golden.render(), "make golden, then review the diff"


@pytest.mark.parametrize("golden", ALL, ids=_name)
def test_golden_is_valid_ocsf(golden: Golden) -> None:
    body = json.loads(golden.run().event.body)

    assert schema_problems(body) == []
    assert check(body) == []


def test_no_output_is_left_without_its_input() -> None:
    wanted = {golden.out for golden in ALL}
    found = {path for golden in ALL for path in golden.path.parent.glob("*.out.json")}

    assert found - wanted == set()
