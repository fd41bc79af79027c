"""Rules that hold for every file of the tree."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("hub", "connectors", "core")
_ALEMBICS = ("*/migrations/env.py", "*/migrations/versions/0*.py")
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if not any(path.match(pattern) for pattern in _ALEMBICS)
)
"""Without what Alembic runs by its path, under names of its own."""
_HOSTS = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "test" + ".pypi",
    "registry" + ".npmjs",
    "proxy.golang" + ".org",
)
_MACHINE = ("/wo" + "rk/", "/ro" + "ot/", "/home" + "/")


def tracked():
    """Every text file under version control."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this is no checkout")
    for name in done.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            try:
                yield name, path.read_text()
            except UnicodeDecodeError:
                continue


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_no_file_names_a_package_registry_or_a_place_on_some_machine():
    found = [f"{name}: {word}" for name, text in tracked() for word in (*_HOSTS, *_MACHINE) if word in text]

    assert found == []


def test_no_file_is_left_with_a_conflict_or_a_mark_to_finish():
    words = ("<" * 7 + " ", ">" * 7 + " ", "TO" + "DO", "FIX" + "ME", "X" * 3 + ":")
    found = [f"{name}: {word}" for name, text in tracked() for word in words if word in text]

    assert found == []


def _is_public(path):
    return not path.name.startswith("_") or path.name == "__init__.py"


def test_every_module_says_what_is_public_and_all_of_it_is_there():
    silent = [name_of(path) for path in MODULES if not _is_told(path)]

    assert silent == [], "say in __all__ what is public, each name once"


def _is_told(path):
    tree = ast.parse(path.read_text())
    defines = any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        for node in tree.body
    )
    names = _all(tree)
    if names is None:
        return not defines or not _is_public(path)
    return len(set(names)) == len(names)


def _all(tree):
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return [element.value for element in node.value.elts if isinstance(element, ast.Constant)]
    return None


_ALONE = """
import importlib, os, sys
for name in "aiohttp.web arq click cryptography.fernet msgspec opensearchpy orjson prometheus_client".split():
    importlib.import_module(name)
for name in "pydantic redis.asyncio rich.live ruamel.yaml stamina structlog uvloop zstandard".split():
    importlib.import_module(name)
importlib.import_module("sqlalchemy.ext.asyncio")
assert not {"hub", "core", "connectors"} & set(sys.modules)
failed = 0
for name in sys.argv[1:]:
    if pid := os.fork():
        failed |= os.waitpid(pid, 0)[1]
        continue
    try:
        module = importlib.import_module(name)
        missing = [one for one in getattr(module, "__all__", ()) if not hasattr(module, one)]
    except BaseException as error:
        missing = [repr(error)]
    if missing:
        print(name, missing, flush=True)
    os._exit(bool(missing))
sys.exit(bool(failed))
"""
"""Imports each module in a process that has the libraries, but nothing of ours."""


@pytest.mark.slow
@pytest.mark.timeout(900)  # a process a module
def test_every_module_imports_alone():
    names = [name_of(path) for path in MODULES]

    done = subprocess.run(
        [sys.executable, "-c", _ALONE, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
