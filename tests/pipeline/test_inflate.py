"""Content-Encoding, hostile or not."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.pipeline.inflate import BadEncoding, Inflated, UnsupportedEncoding, inflate


def raw_deflate(data):
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
        ("X-GZIP", gzip.compress),
    ],
)
@given(data=st.binary(max_size=2000))
def test_what_was_encoded_comes_back(encoding, encode, data):
    assert inflate(encode(data), encoding, 4000) == data


def test_stacked_encodings_are_undone_last_to_first():
    body = zlib.compress(gzip.compress(b"mail"))

    assert inflate(body, "gzip, deflate", 1000) == b"mail"


def test_a_bomb_stops_at_the_cap():
    bomb = gzip.compress(b"\0" * 50_000_000)

    with pytest.raises(Inflated, match="more than 1000 bytes"):
        inflate(bomb, "gzip", 1000)


def test_a_body_of_exactly_the_cap_passes():
    assert len(inflate(gzip.compress(b"x" * 1000), "gzip", 1000)) == 1000


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "gzip;q=1"])
def test_an_unknown_encoding_is_named(encoding):
    with pytest.raises(UnsupportedEncoding, match="gzip, deflate or none"):
        inflate(b"x", encoding, 1000)


@pytest.mark.parametrize(
    "body",
    [b"", b"plain", gzip.compress(b"mail")[:-3], gzip.compress(b"mail") + b"more"],
    ids=["empty", "plain", "cut", "longer"],
)
def test_a_broken_gzip_body_is_refused(body):
    with pytest.raises(BadEncoding, match="not valid gzip"):
        inflate(body, "gzip", 1000)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_give_a_body_or_a_refusal(body, encoding):
    try:
        out = inflate(body, encoding, 500)
    except (BadEncoding, Inflated):
        return
    assert len(out) <= 500


def test_more_than_two_encodings_over_one_another_are_not_undone():
    with pytest.raises(UnsupportedEncoding, match="900 encodings"):
        inflate(gzip.compress(b"x"), ", ".join(["gzip"] * 900), 1000)


def test_empty_and_identity_encodings_count_for_nothing():
    assert inflate(gzip.compress(b"x"), ", ,identity," * 100 + "gzip", 1000) == b"x"
