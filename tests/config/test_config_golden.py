"""Error texts, whole: `golden/<case>.yaml` gives exactly `golden/<case>.expect`.

`WRITE_GOLDENS=1 pytest tests/config/test_config_golden.py` writes them anew; read the difference.
"""

import os
from pathlib import Path

import pytest

from hub.config import ConfigError, load_text
from tests.factories.config import FakeRegistry

CASES = sorted((Path(__file__).parent / "golden").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_problem_is_told_with_its_place_and_what_to_do(case):
    expect = case.with_suffix(".expect")

    with pytest.raises(ConfigError) as caught:
        load_text(case.read_bytes(), {}, registry=FakeRegistry(), name="mxhub.yaml")

    if os.environ.get("WRITE_GOLDENS"):
        expect.write_text(f"{caught.value}\n")
    assert f"{caught.value}\n" == expect.read_text()


def test_there_is_a_golden_for_each_kind_of_problem():
    assert len(CASES) >= 12


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.stem.startswith("secrets")], ids=lambda c: c.stem
)
def test_no_excerpt_shows_a_secret(case):
    text = case.read_text()

    assert text.count("-secret") >= 5
    assert "-secret" not in case.with_suffix(".expect").read_text()
