"""A classifier that learns in memory: what the one in the database has to come to, lesson by lesson."""

from array import array
from collections.abc import Iterable
from sys import byteorder

from core.engine.classifier import MAX_COUNT, Class, State
from core.engine.message import Mail
from core.engine.tokens import BUCKETS, buckets_of

__all__ = ["empty", "forget", "learn"]


def empty(salt: bytes = b"") -> State:
    """A classifier without an opinion. `salt`: at most 16 bytes of the tenant's own."""
    return State(0, 0, salt[:16].ljust(16, b"\0"), bytes(2 * BUCKETS), bytes(2 * BUCKETS))


def learn(state: State, message: Mail, klass: Class) -> State:
    """The state after one lesson. The same message may be taught again: it then weighs double."""
    return _taught(state, message, klass, 1)


def forget(state: State, message: Mail, klass: Class) -> State:
    """The state without a lesson that was taught before."""
    return _taught(state, message, klass, -1)


def _taught(state: State, message: Mail, klass: Class, step: int) -> State:
    buckets = buckets_of(message, state.salt)
    spam, ham = state.spam, state.ham
    if klass == "spam":
        return State(
            max(state.spam_lessons + step, 0), state.ham_lessons, state.salt, _moved(spam, buckets, step), ham
        )
    return State(
        state.spam_lessons, max(state.ham_lessons + step, 0), state.salt, spam, _moved(ham, buckets, step)
    )


def _moved(packed: bytes, buckets: Iterable[int], step: int) -> bytes:
    counts = array("H", packed)
    if byteorder == "big":
        counts.byteswap()
    for bucket in buckets:
        counts[bucket] = min(max(counts[bucket] + step, 0), MAX_COUNT)
    if byteorder == "big":
        counts.byteswap()
    return counts.tobytes()
