import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lists.items import BadItem, Item, Shelf, list_named, normalise, shelf


@pytest.mark.parametrize(
    ("text", "kind", "normal"),
    [
        ("  Jonas@Partner.EXAMPLE ", "address", "jonas@partner.example"),
        ("jonas@bücher.example", "address", "jonas@xn--bcher-kva.example"),
        ("Bücher.example.", "domain", "xn--bcher-kva.example"),
        ("@partner.example", "domain", "partner.example"),
        (".Partner.example", "subdomains", ".partner.example"),
        ("192.0.2.9", "ip", "192.0.2.9"),
        ("192.0.2.9/32", "ip", "192.0.2.9"),
        ("192.0.2.9/24", "cidr", "192.0.2.0/24"),
        ("2001:DB8:0::1", "ip", "2001:db8::1"),
        ("::ffff:192.0.2.9", "ip", "192.0.2.9"),
        ("::ffff:192.0.2.0/120", "cidr", "192.0.2.0/24"),
        ("*@News.Bücher.example", "wildcard", "*@news.xn--bcher-kva.example"),
        ("*.partner.example", "wildcard", "*.partner.example"),
    ],
)
def test_an_item_has_one_type_and_one_form(text, kind, normal):
    assert normalise(text) == Item(kind, normal)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "give an address"),
        ("two words", "give an address"),
        ("a@", "no domain"),
        ("*", "every sender"),
        ("*@*.*", "every sender"),
        ("0.0.0.0/0", "every client"),
        ("::/0", "every client"),
        ("a@.b.example", "without a dot"),
        ("ü" * 80 + ".example", "no part of a domain"),
        ("\x00", "cannot be printed"),
        ("a\x1b[31m@partner.example", "cannot be printed"),
        ("\u202eelpmaxe.partner", "cannot be printed"),
        ("=1+1", "no part of a domain"),
        ("karen@<script>", "no part of a domain"),
        ("*@[ab].example", "no part of a domain"),
        ("fe80::1%=cmd", "without a zone"),
    ],
)
def test_what_cannot_stand_on_a_list_is_refused(text, said):
    with pytest.raises(BadItem, match=said):
        normalise(text)


@given(st.text(max_size=60))
def test_a_normal_form_is_its_own_normal_form(text):
    try:
        item = normalise(text)
    except BadItem:
        return
    assert normalise(item.text) == item


@pytest.mark.parametrize(
    ("name", "kind", "old"),
    [
        *(("safelist", "safe", False), ("blocklist", "block", False), ("Whitelist", "safe", True)),
        *(("allow", "safe", True), ("blacklist", "block", True), ("block", "block", True)),
    ],
)
def test_old_names_of_lists_are_known_and_say_so(name, kind, old):
    found = list_named(name)

    assert found.kind == kind
    assert bool(found.deprecated) is old


def test_another_name_of_a_list_is_refused():
    with pytest.raises(ValueError, match="safelist or blocklist"):
        list_named("greylist")


def test_a_shelf_has_its_owner_in_normal_form():
    assert shelf("account") == Shelf("account")
    assert shelf("domain", "Bücher.example").owner == "xn--bcher-kva.example"
    assert shelf("user", "Grace@ACME.example") == Shelf("user", "grace@acme.example")
    assert shelf("user", "Grace@ACME.example").domain == "acme.example"


@pytest.mark.parametrize(
    ("tier", "owner"),
    [("account", "acme.example"), ("domain", "a@b.example"), ("user", "b.example"), ("domain", "192.0.2.1")],
)
def test_an_owner_of_another_kind_is_refused(tier, owner):
    with pytest.raises(BadItem):
        shelf(tier, owner)
