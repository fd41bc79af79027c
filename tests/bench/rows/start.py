"""From `mxhub run` without a configuration, set up and never started before, to the first event that its
output shows: recorded, archived and read back.
"""

from collections.abc import AsyncIterator

from tests.bench.bench import Bench
from tests.bench.demo import Demo
from tests.bench.result import Result, at_most
from tests.bench.stats import median, spread

ORDER = 8
_RUNS = 3


async def measure(bench: Bench) -> AsyncIterator[Result]:
    runs = []
    for _ in range(bench.size(_RUNS, 1)):
        async with Demo() as demo:
            runs.append(demo)
    seconds = [run.visible_s for run in runs]
    yield Result(
        name="start to first event visible",
        value=median(seconds),
        unit="s",
        budget=at_most(5),
        note=f"{spread(seconds, 1)}; listening after {median(run.listening_s for run in runs):.1f} s",
    )
