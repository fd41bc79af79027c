"""`python -m tests.chaos --n 25 --seed 1 [--from N]`: play schedules, print what fired, and the closing line.

A long run is resumable: the verdict of every schedule is kept in `build/chaos-<seed>.jsonl`, and `--from N`
goes on there, with what came before counted in. One schedule is replayed by its number: `--from N --n 1`.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import orjson

from hub.telemetry.logs import setup
from tests.chaos.faults import FAULTS
from tests.chaos.schedule import play

LIMIT_S = 40.0


def _arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--n", type=int, default=25, help="schedules to play in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--from", dest="first", type=int, default=0, help="number of the first schedule to play"
    )
    parser.add_argument("--beside", type=int, default=1, help="schedules at a time")
    return parser.parse_args()


def _earlier(path, first):
    """Verdicts of schedules before `first`, of an earlier run."""
    if not first or not path.exists():
        return {}
    rows = map(orjson.loads, path.read_bytes().splitlines())
    return {row["number"]: row for row in rows if row["number"] < first}


async def _one(args, number, rows, file):
    began = time.monotonic()
    async with asyncio.timeout(LIMIT_S):
        verdict = await play(args.seed, number)
    row = {
        "number": number,
        "acked": verdict.acked,
        "lost": len(verdict.lost),
        "invented": len(verdict.invented),
        "altered": len(verdict.altered),
        "unbalanced": len(verdict.unbalanced),
        "fresh": verdict.fresh,
        "samples": verdict.samples,
        "holds": verdict.holds,
        "fired": dict(verdict.fired),
        "seconds": round(time.monotonic() - began, 2),
    }
    rows[number] = row
    file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    file.flush()
    said = ", ".join(f"{name} x{n}" for name, n in sorted(verdict.fired.items()))
    word = "ok  " if verdict.holds else "FAIL"
    print(f"{number:4} {word} {verdict.acked:5} acked {row['seconds']:5.1f} s  {said}", flush=True)
    if not verdict.holds:
        print(f"     lost {verdict.lost[:3]} invented {verdict.invented[:3]} altered {verdict.altered[:3]}")
        print(f"     unbalanced {verdict.unbalanced[:2]} fresh {verdict.fresh} samples {verdict.samples}")
        print(verdict.logs, flush=True)


async def _main(args):
    folder = Path("build")
    folder.mkdir(exist_ok=True)
    path = folder / f"chaos-{args.seed}.jsonl"
    rows = _earlier(path, args.first)
    gate = asyncio.Semaphore(args.beside)

    async def gated(number, file):
        async with gate:
            await _one(args, number, rows, file)

    last = args.first + args.n if args.first and args.n == 1 else args.n
    with path.open("wb") as file:
        for row in rows.values():
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        played = (gated(n, file) for n in range(args.first, last))
        results = await asyncio.gather(*played, return_exceptions=True)
    for error in filter(None, results):
        print(f"a schedule did not end: {type(error).__name__}: {error}")
    return _close(args, rows, complete=not any(results))


def _close(args, rows, *, complete):
    fired = Counter()
    for row in rows.values():
        fired.update(row["fired"])
    print("fired: " + ", ".join(f"{name} {n}" for name, n in sorted(fired.items())))
    silent = sorted(name for name in FAULTS if not fired[name])
    if silent and len(rows) >= 2 * len(FAULTS):
        print(f"never fired: {', '.join(silent)}")
    keys = ("acked", "lost", "invented", "altered", "unbalanced")
    total = {key: sum(row[key] for row in rows.values()) for key in keys}
    stuck = [row["number"] for row in rows.values() if not row["holds"]]
    if stuck:
        print(f"schedules that do not hold: {stuck}")
    print(
        f"chaos: {len(rows)} schedules, {total['acked']} acked, {total['lost']} lost, "
        f"{total['invented']} invented, {total['altered']} altered, {total['unbalanced']} unbalanced, "
        f"seed {args.seed}"
    )
    return 0 if complete and not stuck and not (silent and len(rows) >= 2 * len(FAULTS)) else 1


if __name__ == "__main__":
    setup(level="error")
    sys.exit(asyncio.run(_main(_arguments())))
