from pathlib import Path

from hub.cli.commands import COMMANDS
from hub.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_what_the_commands_say():
    assert PAGE.read_text() == reference(), "run: python -m hub.cli.reference > docs/reference/cli.md"


def test_every_command_is_documented():
    text = PAGE.read_text()

    assert all(f"## mxhub {name}\n" in text for name in COMMANDS)
