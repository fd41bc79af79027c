from pathlib import Path

from hub.api.metrics import STORED
from hub.api.reference import reference
from hub.api.table import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def test_the_page_is_what_the_table_says():
    assert PAGE.read_text() == reference(), "run: python -m hub.api.reference > docs/reference/api.md"


def test_every_route_and_every_stored_metric_is_documented():
    text = PAGE.read_text()

    assert all(f"## {route.method} {route.path}\n" in text for route in ROUTES)
    assert all(f"`{name}`" in text for name in STORED)
