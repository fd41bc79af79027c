"""RFC 6376: canonical bodies, against the library's own, and against the examples of section 3.4."""

from hashlib import sha256

import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given
from hypothesis import strategies as st

from core.engine import bodyhash
from core.engine.bodyhash import body_hash

BODIES = st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"bc"]), max_size=30).map(b"".join)


@given(BODIES, st.booleans(), st.integers(1, 9))
def test_any_body_hashes_as_the_librarys_canonical_form(body, relaxed, size):
    form = Relaxed if relaxed else Simple
    usual, bodyhash.SLICE_BYTES = bodyhash.SLICE_BYTES, size
    try:
        found = body_hash(body, algorithm="sha256", relaxed=relaxed, length=None)
    finally:
        bodyhash.SLICE_BYTES = usual
    # The RFC takes a last line without an end for one with it; the library needs it to be there.
    whole = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    wanted = form.canonicalize_body(whole)

    assert found == sha256(wanted).digest()


@pytest.mark.parametrize(
    ("body", "relaxed", "canonical"),
    [
        (b" C \r\nD \t E\r\n\r\n\r\n", True, b" C\r\nD E\r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", False, b" C \r\nD \t E\r\n"),
        (b"", True, b""),
        (b"", False, b"\r\n"),
        (b"\r\n\r\n", True, b""),
        (b"\r\n\r\n", False, b"\r\n"),
        (b"a", True, b"a\r\n"),
        (b"a\n", False, b"a\r\n"),
    ],
)
def test_the_examples_of_the_rfc(body, relaxed, canonical):
    found = body_hash(body, algorithm="sha256", relaxed=relaxed, length=None)

    assert found == sha256(canonical).digest()


@pytest.mark.parametrize(("length", "covered"), [(0, b""), (1, b"a"), (3, b"a\r\n"), (4, None)])
def test_a_length_covers_the_beginning_and_no_more_than_there_is(length, covered):
    found = body_hash(b"a\r\n", algorithm="sha256", relaxed=False, length=length)

    assert found == (None if covered is None else sha256(covered).digest())
