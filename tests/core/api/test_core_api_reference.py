from pathlib import Path

from core.api.reference import reference
from core.api.table import ROUTES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "core-api.md"


def test_the_page_is_what_the_table_says():
    assert PAGE.read_text() == reference(), "run: python -m core.api.reference > docs/reference/core-api.md"


def test_every_route_is_documented():
    text = PAGE.read_text()

    assert all(f"## {route.method} {route.path}\n" in text for route in ROUTES)
