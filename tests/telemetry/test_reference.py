from pathlib import Path

from hub.telemetry.happenings import all_happenings
from hub.telemetry.reference import reference
from hub.telemetry.table import TABLE

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def test_the_reference_is_not_stale():
    assert PAGE.read_text() == reference(), "python -m hub.telemetry.reference > docs/reference/metrics.md"


def test_every_metric_and_every_line_is_in_it():
    page = reference()

    for name in [metric.name for metric in TABLE] + [what.name for what in all_happenings()]:
        assert f"| `{name}` |" in page
