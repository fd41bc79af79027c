from pathlib import Path

import pytest

from hub.access.plans import PLANS
from hub.access.reference import reference
from hub.access.scopes import BUNDLES, PERMISSIONS, SCOPES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "access.md"


def test_the_reference_is_not_stale():
    assert PAGE.read_text() == reference(), "python -m hub.access.reference > docs/reference/access.md"


@pytest.mark.parametrize("name", [*BUNDLES, *PERMISSIONS])
def test_the_table_says_of_each_bundle_and_permission_what_it_holds(name):
    lines = [line for line in reference().splitlines() if line.count("|") > 10]
    rows = [[cell.strip(" `") for cell in line.split("|")] for line in lines]
    column = rows[0].index(name)
    scopes = {row[1] for row in rows[2:] if row[column] == "yes"}

    assert scopes == (BUNDLES.get(name) or PERMISSIONS.get(name))


def test_every_scope_and_every_plan_is_in_it():
    page = reference()

    for name in (*SCOPES, *PLANS):
        assert f"| `{name}` |" in page
