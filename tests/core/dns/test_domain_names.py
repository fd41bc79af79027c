"""Names of domains in A-labels and as people write them."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.dns.names import BadName, check_unicode, domain_name, unicode_name

_LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63)


@given(
    st.lists(st.one_of(_LABEL, _LABEL.map(lambda one: f"xn--{one}")), min_size=1, max_size=4).map(".".join)
)
@example("xn--bcher-kva.example")
@example("xn--a.example")
def test_what_is_shown_leads_back_to_the_same_name(name):
    shown = unicode_name(name)

    assert shown == name or domain_name(shown) == name


@given(st.text(max_size=300))
def test_no_text_is_a_defect(text):
    with suppress(BadName):
        check_unicode(text)

    assert isinstance(unicode_name(text), str)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("example.com", "example.com"),
        ("192.0.2.7", "192.0.2.7"),
        ("xn--zzzzzzzzz99999.example", "xn--zzzzzzzzz99999.example"),
    ],
)
def test_a_name_is_shown_in_unicode_where_it_has_such_a_form(name, shown):
    assert unicode_name(name) == shown


@pytest.mark.parametrize(
    "text", ["xn--zzzzzzzzz99999.example", "a..b", "x" * 64 + ".example", "\udcff.example"]
)
def test_what_has_no_such_form_is_told_apart(text):
    with pytest.raises(BadName, match="no form in Unicode"):
        check_unicode(text)
