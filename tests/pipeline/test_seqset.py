"""A set of record numbers in bits, and who holds a log up."""

from hypothesis import given
from hypothesis import strategies as st

from hub.pipeline.erasing import drain_holder
from hub.pipeline.seqset import SeqSet


@given(st.sets(st.integers(1, 2**40)), st.sets(st.integers(1, 2**40)))
def test_it_holds_what_was_added_and_nothing_else(added, others):
    seqs = SeqSet()
    for seq in [*added, *added]:
        seqs.add(seq)

    assert seqs.count == len(added)
    assert {seq for seq in added | others if seq in seqs} == added


def test_the_first_one_in_the_way_is_named():
    assert "archive stands at event 4 of 9" in drain_holder(9, archived=4, routed=3, trimmed=3)
    assert "router stands at event 3 of 9" in drain_holder(9, archived=9, routed=3, trimmed=3)
    assert "trimmed to event 8 of 9" in drain_holder(9, archived=9, routed=9, trimmed=8)
    assert drain_holder(9, archived=9, routed=12, trimmed=9) == ""
