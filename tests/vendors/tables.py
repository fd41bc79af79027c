"""The tables of `docs/vendors`, made from the facts: `python -m tests.vendors.tables --write` renews them.

Each page keeps its own words around the block between the two marks.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.vendors.dialects import DIALECTS
from tests.vendors.model import ROOT, VENDORS, Capability, Vendor, vendor_of

__all__ = ["BEGIN", "END", "EXAMPLES_TEST", "PAGES", "index_table", "page_of", "proofs", "renewed", "table"]

PAGES = ROOT / "docs" / "vendors"
BEGIN = "<!-- made by python -m tests.vendors.tables -->"
END = "<!-- end -->"
EXAMPLES_TEST = "tests/vendors/test_examples.py::test_an_example_is_answered_as_its_page_says"


def proofs(vendor: Vendor, capability: Capability) -> list[str]:
    """Named tests, and the examples that a dialect answers, as the table shows them; empty = not yet."""
    examples = [f"`{one.id}`" for one in vendor.examples if one.route and capability.id in one.shows]
    found = [f"`{test}`" for test in capability.tests]
    return found + (
        [f"{'examples' if len(examples) > 1 else 'example'} {', '.join(examples)}"] if examples else []
    )


def table(vendor: Vendor) -> str:
    """One row for each capability."""
    rows = [
        _row(
            one.says, str(one.lines), "<br>".join(_code(path) for path in one.endpoints), _proof(vendor, one)
        )
        for one in vendor.capabilities
    ]
    return _markdown(("capability", "lines", "endpoints", "proved by"), rows)


def index_table() -> str:
    """One row for each vendor."""
    rows = []
    for name in VENDORS:
        vendor = vendor_of(name)
        proved = sum(1 for one in vendor.capabilities if proofs(vendor, one))
        runs = sum(1 for one in vendor.examples if one.route)
        requests = sum(1 for one in vendor.examples if one.request is not None)
        link = f"[{vendor.title}]({name}.md)"
        state = "yes" if name in DIALECTS else "not yet"
        rows.append(_row(link, state, f"{proved} of {len(vendor.capabilities)}", f"{runs} of {requests}"))
    return _markdown(("vendor", "spoken", "capabilities proved", "examples that run"), rows)


def page_of(name: str) -> Path:
    """The page of a vendor; `README` is the index."""
    return PAGES / f"{name}.md"


def renewed(text: str, made: str) -> str:
    """The page with the block between the marks replaced. Raises `ValueError` when a mark is missing."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the marks {BEGIN} and {END} are not there")
    return f"{before}{BEGIN}\n\n{made}\n{end}{after}"


def _proof(vendor: Vendor, capability: Capability) -> str:
    return "<br>".join(proofs(vendor, capability)) or "not yet"


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(head: Sequence[str], rows: Iterable[str]) -> str:
    return "\n".join((_row(*head), _row(*["---"] * len(head)), *rows, ""))


def main(arguments: Sequence[str]) -> int:
    if list(arguments) != ["--write"]:
        print("usage: python -m tests.vendors.tables --write", file=sys.stderr)
        return 2
    for name in (*VENDORS, "README"):
        made = index_table() if name == "README" else table(vendor_of(name))
        page = page_of(name)
        page.write_text(renewed(page.read_text(encoding="utf-8"), made), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
