import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cli import render
from hub.cli.render import clock, print_table, safe


@given(st.text())
def test_safe_text_holds_nothing_that_steers_a_terminal(text):
    shown = safe(text)

    assert all(char.isprintable() for char in shown)


def test_ordinary_text_stays_as_it_is():
    assert safe("Mahnung – bitte prüfen 日本 🙂") == "Mahnung – bitte prüfen 日本 🙂"


@pytest.mark.parametrize(
    ("text", "shown"), [("\x1b[2J", "\\x1b[2J"), ("a\u202eb", "a\\u202eb"), ("\x9b", "\\x9b")]
)
def test_what_steers_is_spelt_out(text, shown):
    assert safe(text) == shown


def test_a_narrow_terminal_cuts_words_but_never_an_id(capsys, monkeypatch):
    monkeypatch.setattr(render, "terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    print_table(("what", "id"), [("w" * 100, "0123456789abcdef" * 2)])
    shown = capsys.readouterr().out

    assert "0123456789abcdef" * 2 in shown
    assert "w" * 100 not in shown


def test_without_a_terminal_nothing_is_cut(capsys):
    print_table(("what", "id"), [("w" * 300, "x")])

    assert "w" * 300 in capsys.readouterr().out


def test_numbers_are_aligned_to_the_right(capsys):
    print_table(("name", "n"), [("a", 5), ("b", 1234)])

    assert capsys.readouterr().out.splitlines()[1:] == ["a        5", "b     1234"]


@pytest.mark.parametrize("ms", [None, -(10**20), 10**20])
def test_a_time_that_is_none_is_still_shown(ms):
    assert clock(ms) == ("-" if ms is None else str(ms))
