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


TREES = {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
TESTS = [
    (path.relative_to(ROOT).as_posix(), function)
    for path, tree in TREES.items()
    for function in functions(tree)
    if path.name.startswith("test_") and function.name.startswith("test_")
]


def sources(path):
    """The test's own file, the modules of the tests that it imports, and the conftests above it."""
    found = {path, *(folder / "conftest.py" for folder in path.parents if folder.is_relative_to(ROOT))}
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            base = ROOT.parent / node.module.replace(".", "/")
            found |= {base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)}
    return found & set(TREES)


@cache
def helpers(path):
    """Names of the helpers in a file that assert, themselves or through another one that it can call."""
    near = {each for each in sources(path) if each != path}
    found = {name for each in near for name in helpers(each)}
    own = [each for each in functions(TREES[path]) if not each.name.startswith(("test_", "__"))]
    found |= {helper.name for helper in own if says(helper)}
    while more := {helper.name for helper in own if called(helper) & found} - found:
        found |= more
    return found


def is_visible(path, function):
    return says(function) or bool(called(function) & helpers(ROOT / path))


@pytest.mark.parametrize("path", sorted({path for path, _ in TESTS}))
def test_every_test_asserts_something(path):
    silent = [function.name for where, function in TESTS if where == path and not is_visible(path, function)]

    assert silent == [], f"tests/{path}: say what has to hold"


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
