from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.lists import BadItem, Entry, Sender, decide, item_type, owner_address

JONAS = Sender(mail_from="jonas@partner.example", header_from="jonas@partner.example", client_ip="192.0.2.9")
GRACE = "grace@acme.example"
OWNERS = {"user": GRACE, "domain": "acme.example", "account": ""}
WRITTEN = st.builds(
    lambda local, tag, domain, case: case(f"{local}{tag}@{domain}"),
    st.just("grace"),
    st.sampled_from(["", "+", "+news", "+a+b"]),
    st.just("acme.example"),
    st.sampled_from([str, str.upper, str.title, str.swapcase]),
)
"""One recipient, as senders and people write her."""

TIERS, KINDS = ("user", "domain", "account"), ("safe", "block")
HITS = (
    "jonas@partner.example",
    "partner.example",
    "@partner.example",
    "192.0.2.9",
    "192.0.2.0/24",
    "*@partner.*",
)
MISSES = ("anna@partner.example", "other.example", ".partner.example", "192.0.2.8", "10.0.0.0/8", "*@other.*")

ENTRIES = st.lists(
    st.builds(
        lambda tier, kind, item, own: Entry(
            tier=tier,
            kind=kind,
            item=item,
            owner=OWNERS[tier] if own or tier == "account" else "else@b.example",
        ),
        st.sampled_from(TIERS),
        st.sampled_from(KINDS),
        st.sampled_from(HITS + MISSES),
        st.booleans(),
    ),
    max_size=12,
)


@given(ENTRIES, WRITTEN, WRITTEN)
def test_the_nearest_tier_decides_however_the_recipient_is_written(entries, recipient, owner):
    alive = [one for one in entries if one.item in HITS and one.owner == OWNERS[one.tier]]
    wanted = None
    for tier, kind in product(TIERS, KINDS):  # the model: the first question that any entry answers
        if any((one.tier, one.kind) == (tier, kind) for one in alive):
            wanted = (tier, kind)
            break

    rewritten = [replace(one, owner=owner) if one.owner == GRACE else one for one in entries]
    found = decide(rewritten, JONAS, recipient)

    assert (found and (found.tier, found.kind)) == wanted


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_entries_never_matters(entries, rng):
    shuffled = rng.sample(entries, len(entries))
    one, other = decide(entries, JONAS, GRACE), decide(shuffled, JONAS, GRACE)

    assert (one and (one.tier, one.kind)) == (other and (other.tier, other.kind))


@given(ENTRIES)
def test_without_proof_no_safe_entry_counts_but_that_of_a_client_address(entries):
    found = decide(entries, JONAS, GRACE, authenticated=False)

    assert found is None or found.kind == "block" or item_type(found.item) in {"ip", "cidr"}


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ("a@b.example", "address"),
        ("b.example", "domain"),
        ("@b.example", "domain"),
        (".b.example", "subdomains"),
        ("192.0.2.1", "ip"),
        ("2001:db8::1", "ip"),
        ("192.0.2.0/24", "cidr"),
        ("2001:db8::/32", "cidr"),
        ("*@b.example", "wildcard"),
        ("news-?@b.example", "wildcard"),
    ],
)
def test_the_type_of_an_item_is_told_from_its_text(item, kind):
    assert item_type(item) == kind


@pytest.mark.parametrize("item", ["", "  ", "a b@c.example", "a@", "@", ".", "x" * 400, "a@b@", "[1]"])
def test_what_is_no_item_is_refused_with_what_would_be_one(item):
    with pytest.raises(BadItem, match="no list item"):
        item_type(item)


@pytest.mark.parametrize(
    ("item", "address", "matches"),
    [
        (".b.example", "x@sub.b.example", True),
        (".b.example", "x@b.example", False),
        ("b.example", "x@sub.b.example", False),
        ("B.Example", "X@b.EXAMPLE", True),
        ("*.b.example", "x@sub.b.example", True),
        ("*a*a*a*a*a*a*a*a*b", "a" * 200 + "@c.example", False),
        ("[a]*@b.example", "[a]1@b.example", True),
        ("[a]*@b.example", "a1@b.example", False),
    ],
)
def test_senders_are_matched_as_the_item_says(item, address, matches):
    entry = Entry(tier="account", kind="block", item=item)
    sender = Sender(mail_from="", header_from=address, client_ip="")

    assert (decide([entry], sender, GRACE) is entry) is matches


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("Grace+News@Acme.Example", "grace@acme.example"),
        ("grace+a+b@acme.example", "grace@acme.example"),
        ("grace+@acme.example", "grace@acme.example"),
        ("+news@acme.example", "+news@acme.example"),
        ("grace@b\u00fccher.example", "grace@xn--bcher-kva.example"),
        ("grace", "grace"),
    ],
)
def test_lists_belong_to_the_address_without_its_tag(address, owner):
    assert owner_address(address) == owner


def test_an_ipv4_client_behind_an_ipv6_socket_is_the_same_client():
    entry = Entry(tier="account", kind="block", item="192.0.2.0/24")
    sender = Sender(mail_from="", header_from="", client_ip="::ffff:192.0.2.9")

    assert decide([entry], sender, GRACE) is entry


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.sampled_from(KINDS))
def test_no_text_breaks_a_decision(item, address, client_ip, kind):
    entry = Entry(tier="account", kind=kind, item=item)
    sender = Sender(mail_from=address, header_from=address, client_ip=client_ip)

    assert decide([entry], sender, address) in {None, entry}
