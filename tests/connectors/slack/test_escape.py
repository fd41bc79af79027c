"""Facts never act, and cutting never breaks what it cuts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.slack.escape import as_markup, as_plain, cut, fact, weight

ENTITY = re.compile(r"&(?:amp|lt|gt);")
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=[]), max_size=200)


def test_a_fact_is_escaped_in_markup_and_itself_in_plain_text():
    text = fact("<!channel> & <https://a.b|c>")

    assert as_markup(text) == "&lt;!channel&gt; &amp; &lt;hxxps://a[.]b|c&gt;"
    assert as_plain(text) == "<!channel> & <hxxps://a[.]b|c>"


def test_what_the_template_writes_keeps_its_meaning():
    assert as_markup("<!here> " + fact("<!here>")) == "<!here> &lt;!here&gt;"


@given(ANY_TEXT)
def test_no_text_acts_in_markup(text):
    sent = as_markup(fact(text))

    assert "<" not in sent
    assert ">" not in sent
    assert "&" not in ENTITY.sub("", sent)


@given(ANY_TEXT, st.integers(0, 60), st.booleans())
def test_a_cut_is_within_its_length_as_sent_and_breaks_no_entity(text, most, markup):
    short = cut(fact(text), most, markup=markup)
    sent = as_markup(short) if markup else as_plain(short)

    assert len(sent.encode("utf-16-le")) // 2 <= most
    assert weight(short, markup=markup) <= most
    if markup:
        assert "&" not in ENTITY.sub("", sent)


def test_a_text_that_fits_is_left_alone():
    assert cut("x" * 10, 10, markup=True) == "x" * 10
    assert cut("x" * 11, 10, markup=True) == "x" * 9 + "…"


@pytest.mark.parametrize("text", ["abcde <https://a.example/xyz|link> more", "abcde &amp;&amp;&amp;&amp;"])
def test_markup_of_the_templates_own_is_cut_as_a_whole(text):
    for most in range(1, len(text)):
        short = cut(text, most, markup=True)
        assert short.count("<") == short.count(">")
        assert "&" not in ENTITY.sub("", short)
