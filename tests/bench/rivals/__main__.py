"""`python -m tests.bench.rivals [--only NAME] [--quick]`: mxhub beside its rivals; the table, and
`build/bench-rivals.json`.
"""

import argparse
import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.bench.interrupt import run_until_told
from tests.bench.load import Load
from tests.bench.machine import Machine
from tests.bench.result import Result
from tests.bench.rivals.logprep import Logprep
from tests.bench.rivals.mxhub import Mxhub, MxhubRun
from tests.bench.rivals.product import Product, Uninstallable
from tests.bench.rivals.scenario import Trial
from tests.bench.rivals.tenzir import Tenzir
from tests.bench.table import line_of, write_json

PRODUCTS: tuple[type[Product], ...] = (Mxhub, MxhubRun, Logprep, Tenzir)
JSON = Path("build/bench-rivals.json")


def _arguments() -> argparse.Namespace:
    names = [product.name for product in PRODUCTS]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rivals", description=__doc__)
    parser.add_argument("--only", choices=names)
    parser.add_argument("--quick", action="store_true", help="short runs: whether it works, not how fast")
    return parser.parse_args()


class Contest:
    """All products are up, and take turns: the machine drifts, and it drifts for all of them."""

    def __init__(self, load: Load, kinds: Sequence[type[Product]]) -> None:
        self._trials = [Trial(kind, load) for kind in kinds]
        self.results: list[Result] = []

    async def run(self, rounds: int, seconds: float) -> None:
        """Every trial to its end, or to its failure."""
        try:
            await self._each(Trial.open)
            for _ in range(rounds):
                await self._each(lambda trial: trial.flow(seconds))
            await self._each(self._end)
        finally:
            for trial in self._trials:
                await trial.close()

    async def _end(self, trial: Trial) -> None:
        for result in await trial.end():
            self._say(result)

    async def _each(self, step: Callable[[Trial], Awaitable[None]]) -> None:
        """One step of all that are still in; a product that fails leaves with its reason."""
        for trial in list(self._trials):
            try:
                await step(trial)
            except Exception as error:  # one product's trouble must not cost the others' figures
                uninstallable = isinstance(error, Uninstallable)
                if not uninstallable:
                    traceback.print_exc()
                said = (str(error) or type(error).__name__).splitlines()[0][:160]
                note = f"cannot be installed: {said}" if uninstallable else f"FAILED: {said}"
                self._say(Result(name=trial.name, value=None, unit="", note=note))
                self._trials.remove(trial)
                await trial.close()

    def _say(self, result: Result) -> None:
        self.results.append(result)
        print(line_of(result), flush=True)


async def _main() -> int:
    args, machine = _arguments(), Machine()
    print(line_of(None), flush=True)
    async with Load() as load:
        contest = Contest(load, [kind for kind in PRODUCTS if args.only in {None, kind.name}])
        await contest.run(*((1, 1.5) if args.quick else (3, 6.0)))
    facts = machine.facts()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    write_json(JSON, facts, contest.results)
    return 1 if any(result.note.startswith("FAILED") for result in contest.results) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run_until_told(_main())))
