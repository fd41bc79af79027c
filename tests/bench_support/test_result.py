"""A row keeps or misses its budget; the table, the page and the JSON say the same."""

import orjson
import pytest

from tests.bench.result import Result, at_least, at_most
from tests.bench.table import BEGIN, END, HEADER, line_of, markdown, put_markdown, write_json


def made(**over):
    return Result(**{"name": "ingest", "value": 5123.456, "unit": "/s", **over})


@pytest.mark.parametrize(
    ("budget", "value", "verdict"),
    [
        (at_least(5000), 5000, "ok"),
        (at_least(5000), 4999.9, "MISSED"),
        (at_most(10), 10, "ok"),
        (at_most(10), 10.1, "MISSED"),
        (None, 1, ""),
        (at_most(10), None, "skipped"),
    ],
)
def test_a_verdict_follows_from_budget_and_value(budget, value, verdict):
    assert made(budget=budget, value=value).verdict == verdict


def test_a_ratio_is_value_over_yardstick():
    assert made(value=300, yardstick=200).ratio == 1.5
    assert made(value=300, yardstick=None).ratio is None
    assert made(value=None, yardstick=200).ratio is None
    assert made(value=3, yardstick=0).ratio is None


def test_json_has_exactly_the_fields_that_scripts_read(tmp_path):
    path = tmp_path / "build" / "bench.json"
    skipped = made(name="other", value=None, note="no server")

    write_json(path, {"cores": 2}, [made(yardstick=10_000), made(name="bare"), skipped])

    assert orjson.loads(path.read_bytes()) == {
        "machine": {"cores": 2},
        "results": [
            {"name": "ingest", "value": 5123, "unit": "/s", "yardstick": 10_000, "ratio": 0.5123},
            {"name": "bare", "value": 5123, "unit": "/s", "yardstick": None, "ratio": None},
        ],
    }


def test_a_line_shows_every_cell_under_its_heading():
    heading, line = line_of(None), line_of(made(budget=at_least(5000), yardstick=8267, note="CPU 190"))

    assert heading.split() == list(HEADER)
    assert line.split() == ["ingest", "5,123", "/s", ">=", "5,000", "8,267", "0.62", "ok", "CPU", "190"]
    assert line.index("CPU") == heading.index("note")


def test_the_page_keeps_what_stands_around_its_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    put_markdown(page, markdown({"cores": 2}, [made(note="a|b")]))

    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\nMeasured on: cores 2.\n")
    assert text.endswith(f"|\n{END}\nafter\n")
    assert "a\\|b" in text
    assert "old" not in text


def test_a_page_without_markers_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no markers")

    with pytest.raises(ValueError, match="bench:begin"):
        put_markdown(page, "table")


def test_the_documentation_has_its_markers():
    from tests.bench.__main__ import PAGE

    text = PAGE.read_text()

    assert text.index(BEGIN) < text.index(END)
