"""Cutting text into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.archive.words import ip_word, phrases, searchable, whole, wholes, words


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
        ("a b", ["a", "b"]),
        ('"a b" c', ["a b", "c"]),
        ('a "b c', ["a", "b c"]),
        ('"" !!! -', []),
        ("x@y.example", ["x@y.example"]),
    ],
)
def test_quotes_make_phrases(query: str, expected: list[str]) -> None:
    assert phrases(query) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<Ann@Example.org>", "ann@example.org"),
        ("ann@example.org.", "ann@example.org"),
        ("@example.org", None),
        ("ann@", None),
        ("a@b@c", None),
        ("ann", None),
        ("a b@c", None),
    ],
)
def test_an_address_is_a_word_as_a_whole(text: str, expected: str | None) -> None:
    assert whole(text) == expected
    assert wholes(f"from {text} to") == ([expected] if expected else wholes(text))


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
def test_an_ip_address_is_one_word(text: str) -> None:
    assert len(words(ip_word(text)).split()) == 1


@given(st.text())
def test_words_hold_nothing_that_could_be_syntax(text: str) -> None:
    for phrase in phrases(text):
        assert all(char.isalnum() or char == " " for char in words(phrase))


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    once = words(text)

    assert words(searchable(once)).lower() == once.lower()
