"""Every example that a dialect can answer is sent to it by curl; every other one is counted as waiting."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.vendors.dialects import DIALECTS, package_of, route_of, routes_of
from tests.vendors.model import ROOT, VENDORS, Example, vendor_of
from tests.vendors.report import RAN, standing
from tests.vendors.runner import Journey

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUILT = [
    pytest.param(name, example, id=f"{name}-{example.id}", marks=pytest.mark.xdist_group(f"vendor-{name}"))
    for name in VENDORS
    for example in vendor_of(name).examples
    if example.route
]
EVERY = pytest.mark.parametrize("name", VENDORS)


class Journeys:
    """One world for each vendor, started when its first example runs."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._begun: dict[str, Journey] = {}

    async def of(self, name: str) -> Journey:
        if name not in self._begun:
            folder = self._folder / name
            folder.mkdir()
            world = await self._stack.enter_async_context(DIALECTS[name].world(folder / "world"))
            self._begun[name] = Journey(vendor_of(name), world, folder)
        return self._begun[name]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def journeys(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Journeys]:
    async with AsyncExitStack() as stack:
        yield Journeys(stack, tmp_path_factory.mktemp("vendors"))


@pytest.mark.integration
@pytest.mark.server("curl")
@pytest.mark.parametrize(("name", "example"), BUILT)
async def test_an_example_is_answered_as_its_page_says(
    name: str, example: Example, journeys: Journeys, request: pytest.FixtureRequest
) -> None:
    problems = await (await journeys.of(name)).problems(example)

    assert problems == []
    request.node.user_properties.append((RAN, f"{name}:{example.id}"))


@EVERY
async def test_an_example_names_the_route_that_answers_it_and_no_other(name: str) -> None:
    facts, router = vendor_of(name), routes_of(name)
    wrong = []
    for example in facts.examples:
        if example.request is not None:
            path = example.request.path
            for mark, value in example.request.values.items():
                path = path.replace(f"{{{mark}}}", str(value) if isinstance(value, str | int) else "1")
            found = await route_of(router, facts, example.request.method, path)
            wrong += [(example.id, example.route, found)] if found != example.route else []

    assert wrong == [], "example, the route it names, the route that there is"


@EVERY
async def test_an_example_that_stands_for_others_names_no_route(name: str) -> None:
    assert [one.id for one in vendor_of(name).examples if one.covered_by and one.route] == []


async def test_every_dialect_of_the_core_is_started_here() -> None:
    folders = ROOT / "core" / "dialects"
    built = {
        name
        for name in VENDORS
        if (folders / package_of(name)).is_dir() or (folders / f"{package_of(name)}.py").is_file()
    }

    assert built == set(DIALECTS)


@EVERY
async def test_every_example_runs_waits_or_stands_for_others(name: str) -> None:
    counted = standing(name)
    every = [*counted.runs, *counted.waits, *counted.stands]

    assert sorted(every) == sorted(example.id for example in vendor_of(name).examples)


@EVERY
async def test_an_example_that_runs_needs_none_that_waits(name: str) -> None:
    waits = set(standing(name).waits)

    assert [one.id for one in vendor_of(name).examples if one.route and waits & set(one.needs)] == []
