"""docs/vendors has a row for every capability, and a row that names a proof names one that there is."""

import ast
import re
from functools import cache

import pytest

from tests.vendors.model import ROOT, VENDORS, Vendor, vendor_of
from tests.vendors.tables import EXAMPLES_TEST, PAGES, index_table, page_of, proofs, renewed, table

EVERY = pytest.mark.parametrize("vendor", [vendor_of(name) for name in VENDORS], ids=VENDORS)


@cache
def defined_in(path: str) -> frozenset[str]:
    """Names of the tests in a file, none when there is no such file."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def is_there(test: str) -> bool:
    path, _, name = test.partition("::")
    return name.startswith("test_") and name in defined_in(path)


@EVERY
def test_a_test_that_proves_a_capability_is_there(vendor: Vendor) -> None:
    gone = [(one.id, test) for one in vendor.capabilities for test in one.tests if not is_there(test)]

    assert gone == []


def test_the_test_that_runs_the_examples_is_there() -> None:
    assert is_there(EXAMPLES_TEST)
    assert EXAMPLES_TEST in page_of("README").read_text(encoding="utf-8")


@EVERY
def test_the_table_is_as_the_facts_are(vendor: Vendor) -> None:
    text = page_of(vendor.vendor).read_text(encoding="utf-8")

    assert renewed(text, table(vendor)) == text, "renew it: python -m tests.vendors.tables --write"


def test_the_index_is_as_the_facts_are() -> None:
    text = page_of("README").read_text(encoding="utf-8")

    assert renewed(text, index_table()) == text, "renew it: python -m tests.vendors.tables --write"


@EVERY
def test_there_is_a_row_for_every_capability_and_none_is_empty(vendor: Vendor) -> None:
    rows = [re.split(r"(?<!\\)\|", line) for line in table(vendor).splitlines()[2:]]

    assert len(rows) == len(vendor.capabilities)
    assert all(len(row) == 6 and row[1].strip() and row[4].strip() for row in rows)


@EVERY
def test_what_is_proved_by_nothing_says_so(vendor: Vendor) -> None:
    unproved = sum(not proofs(vendor, one) for one in vendor.capabilities)

    assert sum(line.endswith("| not yet |") for line in table(vendor).splitlines()) == unproved


def test_every_page_of_the_folder_belongs_to_a_vendor() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {*VENDORS, "README"}


@EVERY
def test_every_page_names_every_source_that_its_examples_are_from(vendor: Vendor) -> None:
    index = page_of("README").read_text(encoding="utf-8")
    sources = {one.source for one in vendor.examples} - {"page", "ours"}

    assert all(f"| {source} |" in index for source in sources)
