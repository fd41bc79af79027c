"""A writer that says what it appended, to be killed. Usage: python crash_writer.py DIRECTORY SEED"""

import sys
from pathlib import Path
from random import Random

from hub.archive.sqlite import SqliteArchive
from tests.factories.events import NOW_MS, make_entry

DAY_MS = 86_400_000


def main() -> None:
    path, random = Path(sys.argv[1]), Random(int(sys.argv[2]))
    archive = SqliteArchive(path, roll_events=150)
    print("open", flush=True)
    while True:
        first = archive.offset(0) + 1
        batch = []
        for seq in range(first, first + random.choice((1, 3, 40, 200))):
            # every tenth repeats an id of up to 300 before, so that repeats cross files
            uid = make_entry(max(1, seq - seq * 7 % 300)).uid if seq % 10 == 0 else None
            batch.append(make_entry(seq, uid=uid, recorded_ms=NOW_MS + seq))
        archive.append(0, batch)
        print(batch[-1].seq, flush=True)
        if random.random() < 0.1:
            archive.retain(now_ms=NOW_MS, keep_ms=None, max_bytes=3_000_000, owed_from={})


if __name__ == "__main__":
    main()
