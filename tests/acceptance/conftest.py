"""A demo that runs while its tests do, in a folder with a short path (a socket's may have 107 bytes)."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.factories.process import HubProcess
from tests.servers.place import QUICK


@pytest.fixture(scope="module")
def demo() -> Iterator[HubProcess]:
    """`mxhub run` without a configuration."""
    with TemporaryDirectory(prefix="mxa", dir=QUICK) as folder, HubProcess(Path(folder)) as hub:
        yield hub


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty working folder."""
    with TemporaryDirectory(prefix="mxa", dir=QUICK) as name:
        yield Path(name)
