"""Tables for spreadsheets: nothing runs, nothing is lost."""

import pytest

from core.csvtext import as_csv, cell, plain_cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "＝1"])
def test_no_text_becomes_a_formula(text):
    assert cell(text) == "'" + text
    assert plain_cell(cell(text)) == text


def test_csv_quotes_what_holds_commas_and_leaves_numbers_alone():
    assert as_csv(["a", "b"], [[-5, 'x,"y"'], [None, 1.5]]) == 'a,b\r\n-5,"x,""y"""\r\n,1.5\r\n'


@pytest.mark.parametrize(
    ("value", "text"), [({}, ""), ({"a": "=1"}, '{"a":"=1"}'), ([1, "b"], '[1,"b"]'), (True, "true")]
)
def test_what_is_no_text_is_written_as_json(value, text):
    assert cell(value) == text


def test_a_zero_byte_stays_visible():
    assert cell("a\x00b") == "a\ufffdb"
