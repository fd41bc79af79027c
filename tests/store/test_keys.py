"""Key names."""

from hypothesis import given
from hypothesis import strategies as st

from hub.store.keys import PartitionKeys, check_name, is_replay


def test_all_keys_of_a_partition_share_one_hash_tag():
    keys = PartitionKeys(3)
    names = [
        keys.head, keys.log, *keys.seen, keys.cur, keys.rows, keys.ready, keys.tables, *keys.row_keys("a"),
        keys.lease("a"), keys.queue("a"),
    ]  # fmt: skip

    assert {name.partition("}")[0] for name in names} == {"mxhub:{p3"}
    assert len(set(names)) == len(names) - 2  # ready and the queue are among the row's


def test_a_replays_row_is_known_by_its_name():
    assert [is_replay(name) for name in ("a@1f", "a")] == [True, False]


@given(st.text(max_size=210), st.text(max_size=210))
def test_no_two_names_share_a_key(one: str, other: str):
    keys = PartitionKeys(0)
    try:
        check_name(one)
        check_name(other)
    except ValueError:
        return

    shared = set(keys.row_keys(one)[1:]) & set(keys.row_keys(other)[1:])
    assert bool(shared) is (one == other)
