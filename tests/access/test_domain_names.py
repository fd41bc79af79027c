import pytest

from hub.access.domain_names import check_domain, normal_domain


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM.", "example.com"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("\u00fc" * 80, "\u00fc" * 80),
        ("\udcff", "\udcff"),
    ],
)
def test_a_domain_is_compared_as_grants_hold_it(text, name):
    assert normal_domain(text) == name


@pytest.mark.parametrize(
    "text", ["", ".", "a b", "a..b", "-a.example", "a\x00b", "x" * 254, "\udcff", "a/b", "*.example"]
)
def test_what_cannot_be_a_domain_is_refused(text):
    with pytest.raises(ValueError, match="is no domain"):
        check_domain(text)


def test_a_domain_is_kept_in_its_normal_form():
    assert check_domain("_Mail.B\u00fccher.Example.") == "_mail.xn--bcher-kva.example"
