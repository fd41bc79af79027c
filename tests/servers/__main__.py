"""`python -m tests.servers fetch`: bring the real servers; exit 0 also when some could not be brought."""

import sys

from tests.servers.catalog import SERVERS, fetch_all


def main(arguments: list[str]) -> int:
    if arguments != ["fetch"]:
        print("usage: python -m tests.servers fetch", file=sys.stderr)
        return 2
    for name, outcome in fetch_all().items():
        state = outcome.get("version") or f"missing: {outcome['missing']}"
        print(f"{name:14} {SERVERS[name].title:18} {state}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
