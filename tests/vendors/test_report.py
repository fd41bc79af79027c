"""The closing lines leave no example out."""

import pytest

from tests.vendors.model import VENDORS, vendor_of
from tests.vendors.report import closing_lines, standing


def lines(ran: set[str]) -> str:
    return "\n".join(closing_lines(ran))


def block(text: str, name: str) -> str:
    """The lines of one vendor."""
    return text[text.index(f"{name} ") :].split(" examples ran by curl")[1]


@pytest.mark.parametrize("name", VENDORS)
def test_every_request_that_did_not_run_is_named(name: str) -> None:
    named = block(lines(set()), name)

    assert [
        one.id for one in vendor_of(name).examples if one.request is not None and one.id not in named
    ] == []


def test_what_ran_is_counted_and_no_longer_named() -> None:
    runs = standing("mailguard").runs
    text = lines({f"mailguard:{one}" for one in runs})

    assert f"mailguard        {len(runs)} of {len(runs) + len(standing('mailguard').waits)} examples" in text
    assert "could not run or failed" not in block(text, "mailguard").split("mxroute-manager")[0]


def test_an_example_of_a_built_route_that_did_not_run_is_told_apart_from_one_that_waits() -> None:
    first, *rest = standing("mailguard").runs
    text = lines({f"mailguard:{one}" for one in rest})

    assert f"could not run or failed: {first}\n" in text
