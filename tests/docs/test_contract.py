"""The contract names tests that exist, and every promise names one."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "docs" / "contract.md"
_REFERENCE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def references():
    """`(page, path, name)` of every test that a page names."""
    return [
        (page.relative_to(ROOT).as_posix(), *found)
        for page in PAGES
        for found in _REFERENCE.findall(page.read_text())
    ]


@cache
def functions_of(path: str) -> frozenset[str]:
    """Names of the test functions of a file; none when there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, functions)
    )


def test_every_test_that_a_page_names_exists():
    named = references()
    missing = [
        f"{page}: {path}::{name}"
        for page, path, name in named
        if name not in functions_of(path) or not name.startswith("test_")
    ]

    assert missing == []
    assert len(named) > 200


def promises():
    """Each list item of the contract that promises something, with its continuation lines."""
    items = re.findall(r"^- (.*(?:\n  .*)*)", CONTRACT.read_text(), re.MULTILINE)
    return [item for item in items if "MUST" in item]


def test_every_promise_names_its_proof():
    assert [promise for promise in promises() if not _REFERENCE.search(promise)] == []


def test_the_contract_covers_every_promise_of_the_readme():
    headings = re.findall(r"^## \d+\. (.+)$", CONTRACT.read_text(), re.MULTILINE)

    assert len(headings) == 8
    assert len(promises()) >= 50
