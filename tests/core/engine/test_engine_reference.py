from pathlib import Path

from core.engine.reference import reference
from core.engine.rules import RULES
from core.engine.signals import SIGNALS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "engine.md"


def test_the_page_is_what_the_code_says():
    assert PAGE.read_text() == reference(), "run `make docs`"


def test_every_symbol_is_on_the_page_and_none_is_named_twice():
    names = [rule.name for rule in RULES] + list(SIGNALS)

    assert len(names) == len(set(names))
    assert all(f"| `{name}` |" in reference() for name in names)
