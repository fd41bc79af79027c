"""`python -m tests.bench [--only NAME] [--quick] [--markdown]`: measure, print the table, write
`build/bench.json`.

Exit status 1 when something that was measured did not do its job; a missed budget is printed, not an error.
"""

import argparse
import asyncio
import importlib
import pkgutil
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from types import ModuleType

from tests.bench import rows
from tests.bench.bench import Bench
from tests.bench.interrupt import run_until_told
from tests.bench.load import Load
from tests.bench.machine import Machine
from tests.bench.result import Result
from tests.bench.table import line_of, markdown, put_markdown, write_json

JSON = Path("build/bench.json")
PAGE = Path("docs/reference/benchmarks.md")


def found() -> dict[str, ModuleType]:
    """All rows by name, in their order."""
    names = [each.name for each in pkgutil.iter_modules(rows.__path__)]
    modules = {name: importlib.import_module(f"{rows.__name__}.{name}") for name in names}
    return dict(sorted(modules.items(), key=lambda each: each[1].ORDER))


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", help=f"rows, separated by commas, of: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it works, not how fast")
    parser.add_argument("--archive-events", type=int, help="size of the archive (default 1,000,000)")
    parser.add_argument("--rows", type=int, help="verdicts and audit entries of the core (default 1,000,000)")
    parser.add_argument("--markdown", action="store_true", help=f"also write the table into {PAGE}")
    args = parser.parse_args()
    args.only = args.only.split(",") if args.only else names
    if unknown := sorted(set(args.only) - set(names)):
        parser.error(f"no row {', '.join(unknown)}; there are: {', '.join(names)}")
    args.archive_events = args.archive_events or (20_000 if args.quick else 1_000_000)
    args.rows = args.rows or (20_000 if args.quick else 1_000_000)
    return args


async def _row(name: str, module: ModuleType, bench: Bench) -> AsyncIterator[Result]:
    """The row's results; one that fails ends in a result that says why."""
    try:
        async with aclosing(module.measure(bench)) as results:
            async for result in results:
                yield result
    except Exception as error:  # one row's trouble must not cost the others' figures
        traceback.print_exc()
        said = (str(error) or type(error).__name__).splitlines()[0][:120]
        yield Result(name=name, value=None, unit="", note=f"FAILED: {said}")


async def _main() -> int:
    modules = found()
    args = _arguments(list(modules))
    machine, results = Machine(), []
    print(line_of(None), flush=True)
    async with Load() as load:
        bench = Bench(load, quick=args.quick, archive_events=args.archive_events, core_rows=args.rows)
        for name in (name for name in modules if name in args.only):
            async for result in _row(name, modules[name], bench):
                results.append(result)
                print(line_of(result), flush=True)
    facts = machine.facts()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    write_json(JSON, facts, results)
    if args.markdown:
        put_markdown(PAGE, markdown(facts, results))
    return 1 if any(result.note.startswith("FAILED") for result in results) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run_until_told(_main())))
