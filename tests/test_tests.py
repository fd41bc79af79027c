"""Every test asserts something that its reader can see: itself, or in a helper of the tests that it calls."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
_RAISING = frozenset({"raises", "fail", "warns", "run_state_machine_as_test"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


@cache
def called(node):
    """Names of everything that is called in it, or handed to something that calls it."""
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    named = [each for call in calls for each in (call.func, *call.args)]
    return {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in named}


def says(node):
    """Whether it asserts by itself; a wait that ends in a time-out does as well."""
    return (
        any(isinstance(each, ast.Assert) for each in ast.walk(node))
        or any(isinstance(each, ast.Raise) and _is_failure(each) for each in ast.walk(node))
        or bool(called(node) & _RAISING)
    )


def _is_failure(node):
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return getattr(raised, "id", "") == "AssertionError"


@cache
def trees():
    """Every file of the tests, read when it is asked for: reading them all takes a second."""
    return {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


def every_test():
    """`(path, function)` of every test."""
    files = [path for path in trees() if path.name.startswith("test_")]
    return [(path, each) for path in files for each in functions(trees()[path]) if is_test(each)]


def is_test(function):
    return function.name.startswith("test_")


def sources(path):
    """The test's own file, the modules of the tests that it imports, and the conftests above it."""
    found = {path, *(folder / "conftest.py" for folder in path.parents if folder.is_relative_to(ROOT))}
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            base = ROOT.parent / node.module.replace(".", "/")
            found |= {base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)}
    return found & set(trees())


@cache
def helpers(path):
    """Names of the helpers in a file that assert, themselves or through another one that it can call."""
    near = {each for each in sources(path) if each != path}
    found = {name for each in near for name in helpers(each)}
    own = [each for each in functions(trees()[path]) if not each.name.startswith(("test_", "__"))]
    found |= {helper.name for helper in own if says(helper)}
    while more := {helper.name for helper in own if called(helper) & found} - found:
        found |= more
    return found


def is_visible(path, function):
    return says(function) or bool(called(function) & helpers(path))


def test_every_test_asserts_something():
    silent = [
        f"{path.relative_to(ROOT)}::{test.name}" for path, test in every_test() if not is_visible(path, test)
    ]

    assert silent == [], "say what has to hold"


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("def test_a():\n    run()", False),
        ("def test_a():\n    assert run()", True),
        ("def test_a():\n    with pytest.raises(ValueError):\n        run()", True),
        ("def test_a():\n    raise AssertionError('no')", True),
        ("def test_a():\n    raise ValueError('no')", False),
    ],
)
def test_the_scan_knows_an_assertion(source, seen):
    (function,) = functions(ast.parse(source))

    assert says(function) == seen
