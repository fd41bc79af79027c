import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit.plain import MAX_BYTES, canonical, plain
from core.audit.verify import check
from tests.factories.audit import chain, change

ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=20), st.dates()
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner), st.frozensets(st.integers())),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "name",
    [
        *("password", "new_password", "newPassword", "api_key", "apiKey", "X-API-Key", "client_secret"),
        *("totp", "totp_seed", "recovery_codes", "token", "token_hash", "login_link", "session", "csrf"),
    ],
)
def test_what_is_named_like_a_secret_is_masked(name):
    assert plain({"mailbox": {name: "hunter2 hunter2"}}) == {"mailbox": {name: "***"}}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mfk_live_" + "a" * 43, "mfk_live_***"),
        ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "signed with ***"),
        ("https://user:hunter2@mx.example/x", "https://user:***@mx.example/x"),
        ("Authorization: Bearer abcdefgh.ijklmn", "Authorization: Bearer ***"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "***"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text, left):
    assert plain([text]) == [left]


@pytest.mark.parametrize("name", ["key_prefix", "passed", "token_count", "author", "selector", "keyword"])
def test_what_only_sounds_like_a_secret_stays(name):
    assert plain({name: "value"}) == {name: "value"}


@given(ANYTHING)
def test_anything_becomes_json_that_reads_back_the_same(value):
    found = plain(value)

    assert json.loads(canonical(found)) == found
    assert plain(found) == found


def test_numbers_that_json_does_not_know_become_text():
    assert plain([math.nan, math.inf]) == ["nan", "inf"]


def test_of_what_is_too_large_size_and_hash_are_kept():
    found = plain({"rows": ["x" * 1000] * 100})

    assert set(found) == {"omitted", "sha256"}
    assert len(canonical(found)) < MAX_BYTES


def test_what_is_nested_too_deeply_is_cut():
    value: list = []
    for _ in range(100):
        value = [value]

    assert "..." in canonical(plain(value)).decode()


async def test_hostile_text_is_stored_and_still_holds(tx):
    writer = chain()
    hostile = "\x00 \ud800 \u202e \U0001f600 '; DROP TABLE"
    await writer.append(tx, "acme", change(action=hostile, reason=hostile, after={hostile: hostile}))
    await writer.append(tx, "acme", change(after={"n": [2**70, -0.0, 1e300, 1.0, True], "s": "é"}))

    assert await check(tx, writer, None) == []
