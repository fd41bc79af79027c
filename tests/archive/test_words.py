"""Cutting text into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.archive.words import ip_word, phrases, searchable, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Invoice-42, paid", "Invoice 42 paid"),
        ("Überweisung", "uberweisung"),
        ("STRASSE straße", "STRASSE strasse"),
        ("ﬁne ｗｉｄｅ", "fine wide"),
        ("報告書", "報 告 書"),
        ("ПРИВЕТ мир", "привет мир"),
        ("a_b", "a b"),
        ("!?…", ""),
    ],
)
def test_words_are_folded_letters_and_digits(text: str, expected: str) -> None:
    assert words(text).lower() == expected.lower()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a b", [("a",), ("b",)]),
        ('"a b" c', [("a b",), ("c",)]),
        ('a "b c', [("a",), ("b c",)]),
        ('""', []),
        ("x@y.example", [("x y example",)]),
        ("192.0.2.1", [("192 0 2 1", "192x0x2x1")]),
    ],
)
def test_quotes_make_phrases(query: str, expected: list[tuple[str, ...]]) -> None:
    assert phrases(query) == expected


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
def test_an_ip_address_is_one_word(text: str) -> None:
    assert len(words(ip_word(text)).split()) == 1


@given(st.text())
def test_query_words_hold_nothing_that_could_be_syntax(text: str) -> None:
    for forms in phrases(text):
        for form in forms:
            assert all(char.isalnum() or char == " " for char in form)


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    once = words(text)

    assert words(searchable(once)).lower() == once.lower()
