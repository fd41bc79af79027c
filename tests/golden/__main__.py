"""`python -m tests.golden --write`: rewrite every output that differs."""

import sys

from tests.golden import goldens
from tests.golden.flat import flat_goldens
from tests.golden.messages import message_goldens


def main(*, write: bool) -> int:
    every = (*goldens(), *message_goldens(), *flat_goldens())
    changed = [g for g in every if not g.out.exists() or g.out.read_text() != g.render()]
    for golden in changed:
        print(f"{'rewrote' if write else 'differs'}: {golden.out.parent.name}/{golden.out.name}")
        if write:
            golden.out.write_text(golden.render())
    return 0 if write or not changed else 1


if __name__ == "__main__":
    sys.exit(main(write="--write" in sys.argv[1:]))
