"""A stranger's text before a person's eyes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.render.text import CUT, clean, defang


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("  two\r\n\tlines \x00 here ", "two lines here"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("pay\u200bpal\u2066\u2069\ufeff", "paypal"),
        ("tag\U000e0041 lone\ud83d private\ue000 none\uffff", "tag lone private none"),
        ("a\u00a0b\u2028c\u3000d", "a b c d"),
        ("\x9b31mred", "31mred"),
        ("Grüße \U0001f600 日本", "Grüße \U0001f600 日本"),
        ("\u200b\u200b", ""),
    ],
)
def test_only_what_can_be_seen_is_left(text, shown):
    assert clean(text, 100) == shown


def test_a_long_text_is_cut_with_an_ellipsis():
    assert clean("x" * 11, 10) == "x" * 9 + CUT
    assert clean("x" * 10, 10) == "x" * 10
    assert clean("word " * 10, 10) == "word word" + CUT


def test_text_hidden_behind_invisible_characters_is_cut_visibly():
    assert clean("a" + "\u200b" * 1000 + "b", 10) == "a" + CUT


@given(st.text(alphabet=st.characters(exclude_categories=[])), st.integers(1, 50))
def test_any_text_becomes_one_short_printable_line(text, most):
    shown = clean(text, most)

    assert len(shown) <= most
    assert shown.isprintable()
    assert shown == shown.strip()
    assert not any(unicodedata.category(char) in ("Cf", "Cs", "Co", "Cn", "Cc") for char in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://evil.example/login?a.b", "see hxxps://evil[.]example/login?a.b"),
        ("HTTP://Evil.Example", "hxxp://Evil[.]Example"),
        ("ftp://a.b/c", "fxp://a[.]b/c"),
        ("slack://open.app", "slack[:]//open[.]app"),
        ("<https://a.b|x><https://c.d|y>", "<hxxps://a[.]b|x><hxxps://c[.]d|y>"),
        ("https://u:p@e.x:8/?https://f.g", "hxxps://u:p@e.x:8/?hxxps://f[.]g"),
        ("http://[::1]/", "hxxp://[::1]/"),
        ("www.evil.example", "www[.]evil[.]example"),
        ("go to evil.example/login now", "go to evil[.]example/login now"),
        ("anna@customer.example", "anna@customer.example"),
        ("version 1.2.3, and/or", "version 1.2.3, and/or"),
    ],
)
def test_web_addresses_are_no_links_any_more(text, shown):
    assert defang(text) == shown


@given(
    st.lists(
        st.sampled_from(["https://", "http://", "evil.example", "|", "<", ">", "/", "@", ":", "www.", " "])
    )
)
def test_no_web_address_survives(parts):
    assert "http://" not in defang("".join(parts))
    assert "https://" not in defang("".join(parts))
