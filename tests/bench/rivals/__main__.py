"""`python -m tests.bench.rivals [--only NAME] [--quick]`: mxhub beside its rivals; the table, and
`build/bench-rivals.json`.
"""

import argparse
import asyncio
import sys
import traceback
from pathlib import Path

from tests.bench.interrupt import run_until_told
from tests.bench.load import Load
from tests.bench.machine import Machine
from tests.bench.result import Result
from tests.bench.rivals.logprep import Logprep
from tests.bench.rivals.mxhub import Mxhub, MxhubRun
from tests.bench.rivals.product import Product, Uninstallable
from tests.bench.rivals.scenario import compare
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


async def _product(product: type[Product], load: Load, *, quick: bool) -> list[Result]:
    results: list[Result] = []
    try:
        async for result in compare(product, load, quick=quick):
            results.append(result)
            print(line_of(result), flush=True)
    except Uninstallable as error:
        results.append(Result(name=product.name, value=None, unit="", note=f"cannot be installed: {error}"))
        print(line_of(results[-1]), flush=True)
    except Exception as error:  # one product's trouble must not cost the others' figures
        traceback.print_exc()
        said = (str(error) or type(error).__name__).splitlines()[0][:160]
        results.append(Result(name=product.name, value=None, unit="", note=f"FAILED: {said}"))
        print(line_of(results[-1]), flush=True)
    return results


async def _main() -> int:
    args = _arguments()
    machine, results = Machine(), []
    print(line_of(None), flush=True)
    async with Load() as load:
        for product in PRODUCTS:
            if args.only in {None, product.name}:
                results += await _product(product, load, quick=args.quick)
    facts = machine.facts()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    write_json(JSON, facts, results)
    return 1 if any(result.note.startswith("FAILED") for result in results) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run_until_told(_main())))
