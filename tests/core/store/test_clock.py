import pytest

from core.store.clock import from_iso, iso_millis, iso_seconds

_AT_MS = 1_777_621_333_987


def test_a_moment_is_read_as_it_was_written():
    assert from_iso(iso_millis(_AT_MS)) == _AT_MS


def test_seconds_are_cut_not_rounded():
    assert (iso_seconds(_AT_MS), iso_millis(_AT_MS)) == ("2026-05-01T07:42:13Z", "2026-05-01T07:42:13.987Z")


@pytest.mark.parametrize("iso", [iso_seconds, iso_millis])
def test_what_has_not_been_has_no_moment_and_the_epoch_has_one(iso):
    assert iso(None) is None
    assert from_iso(iso(0)) == 0


@pytest.mark.parametrize("text", ["", "yesterday", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00"])
def test_what_is_no_moment_or_out_of_range_is_refused(text):
    with pytest.raises(ValueError, match=r"out of range|Invalid isoformat|year 10000"):
        from_iso(text)
