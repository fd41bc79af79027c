"""Who gets a message: mailboxes, forwarders, catch-all, other names of the domain."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.upstream.provider import CatchAll
from core.upstream.routing import Hosting, route

ALEX = ("alex@example.com", "copy@elsewhere.example")
HOST = Hosting(
    domain="example.com",
    mailboxes=frozenset({"alex", "kim", "old"}),
    suspended=frozenset({"old"}),
    forwarders={
        "sales": ("alex@example.com", "x@elsewhere.example"),
        "alex": ("alex@example.com", "copy@elsewhere.example"),
        "a": ("b@example.com",),
        "b": ("a@alias.example",),
        "c": ("d@example.com", "kim@example.com"),
        "d": ("c@example.com",),
        "gone": (":blackhole:",),
        "no": (":fail:",),
        "left": ("nobody@example.com",),
    },
    aliases=frozenset({"alias.example"}),
)


@pytest.mark.parametrize(
    ("recipient", "fate", "addresses"),
    [
        ("kim@example.com", "deliver", ("kim@example.com",)),
        ("KIM@Example.com", "deliver", ("kim@example.com",)),
        ("kim+news@example.com", "deliver", ("kim@example.com",)),
        ("kim@alias.example", "deliver", ("kim@example.com",)),
        ("sales@example.com", "deliver", (*ALEX, "x@elsewhere.example")),
        ("alex@example.com", "deliver", ALEX),
        ("c@example.com", "deliver", ("kim@example.com",)),
        ("a@example.com", "refuse", ()),
        ("gone@example.com", "discard", ()),
        ("no@example.com", "refuse", ()),
        ("old@example.com", "refuse", ()),
        ("left@example.com", "refuse", ()),
        ("nobody@example.com", "refuse", ()),
        ("+x@example.com", "refuse", ()),
        ("kim@other.example", "refuse", ()),
        ("kim", "refuse", ()),
        ("", "refuse", ()),
    ],
)
def test_the_way_of_an_address(recipient, fate, addresses):
    found = route(recipient, HOST)

    assert (found.fate, found.addresses) == (fate, addresses)
    assert bool(found.reason) == (fate != "deliver")


@pytest.mark.parametrize(
    ("catch_all", "fate", "addresses"),
    [
        (CatchAll(kind="blackhole"), "discard", ()),
        (CatchAll(kind="address", address="alex@example.com"), "deliver", ALEX),
        (CatchAll(kind="address", address="x@elsewhere.example"), "deliver", ("x@elsewhere.example",)),
        (CatchAll(kind="address", address="nobody@example.com"), "refuse", ()),
        (CatchAll(kind="address", address="someone@example.com"), "refuse", ()),
    ],
)
def test_mail_to_nobody_goes_where_the_catch_all_says(catch_all, fate, addresses):
    found = route("nobody@example.com", replace(HOST, catch_all=catch_all))

    assert (found.fate, found.addresses) == (fate, addresses)


NAMES = st.sampled_from("abcdefgh")
ELSEWHERE = st.sampled_from([":blackhole:", ":fail:", "x@else.example"])
PLACES = NAMES.map(lambda name: f"{name}@example.com") | ELSEWHERE


@given(
    st.dictionaries(NAMES, st.lists(PLACES, min_size=1, max_size=4).map(tuple)),
    st.frozensets(NAMES),
    st.frozensets(NAMES),
    PLACES.filter(lambda place: "@" in place),
    NAMES,
)
@pytest.mark.slow
def test_every_way_ends_at_a_place_that_takes_mail(forwarders, boxes, suspended, catch, name):
    host = Hosting(
        domain="example.com",
        mailboxes=boxes,
        suspended=suspended,
        forwarders=forwarders,
        catch_all=CatchAll(kind="address", address=catch),
    )
    found = route(f"{name}@example.com", host)
    places = {f"{each}@example.com" for each in boxes - suspended} | {"x@else.example"}

    assert set(found.addresses) <= places
    assert (found.fate == "deliver") == bool(found.addresses)
