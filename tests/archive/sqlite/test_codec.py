"""Packing of bodies."""

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hub.archive.sqlite.codec import CURRENT, packer, unpack
from tests.factories.events import make_entry

pack = packer(CURRENT)


@given(st.binary())
def test_any_body_comes_back(body: bytes) -> None:
    assert unpack(CURRENT, pack(body)) == body


def test_a_mail_event_takes_a_fifth_of_its_size() -> None:
    bodies = [make_entry(seq, salt="codec").body for seq in range(1, 101)]

    assert sum(map(len, map(pack, bodies))) * 5 < sum(map(len, bodies))


def test_a_dictionary_of_a_later_version_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError, match=r"events-99\.zdict"):
        packer(99)


def test_a_damaged_body_is_told() -> None:
    with pytest.raises(zstandard.ZstdError):
        unpack(CURRENT, b"\x00")


def test_a_compressor_outlives_the_making_of_others() -> None:
    first = packer(CURRENT)
    for _ in range(50):
        packer(CURRENT)(b"x" * 500)

    assert unpack(CURRENT, first(b"mail" * 100)) == b"mail" * 100
