"""A tenant's own classifier: counts of hashed tokens, taught by lessons, weighed as naive Bayes.

The state is a value of fixed size; teaching gives a new one. What a tenant teaches moves nobody else.
Tokens are hashed with the tenant's salt, so a state does not tell what its owner reads.
"""

import math
import struct
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from sys import byteorder
from typing import Literal

from core.engine.message import Mail
from core.engine.tokens import BUCKETS, buckets_of

__all__ = ["BadState", "Class", "State", "decode", "empty", "encode", "forget", "learn", "score"]

Class = Literal["spam", "ham"]

MIN_LESSONS = 10
"""Of each class; before that there is no opinion."""
MAX_COUNT = 0xFFFF
MAX_EVIDENCE = 400
MIN_EVIDENCE = 0.4
"""Log odds below which a token says nothing."""
MIN_SEEN = 2
"""Lessons that must have held a token: most pairs of words are seen once, by chance."""
UNSEEN = 0.5
"""How many more lessons of each class are taken to have held, and not to have held, every token."""

_HEADER = struct.Struct("<4sII16s")
_MAGIC = b"MXC1"
_MAX_PACKED_BYTES = 4 * BUCKETS + 1024


class BadState(ValueError):
    """The bytes are no state of a classifier, or of another version."""


@dataclass(frozen=True, slots=True, eq=True)
class State:
    """Lessons learnt, and for each bucket how many of each class held it (`BUCKETS` numbers of two bytes
    each).
    """

    spam_lessons: int
    ham_lessons: int
    salt: bytes
    spam: bytes
    ham: bytes


def empty(salt: bytes = b"") -> State:
    """A classifier without an opinion. `salt`: at most 16 bytes of the tenant's own."""
    return State(0, 0, salt[:16].ljust(16, b"\0"), bytes(2 * BUCKETS), bytes(2 * BUCKETS))


def learn(state: State, message: Mail, klass: Class) -> State:
    """The state after one lesson. The same message may be taught again: it then weighs double."""
    return _taught(state, message, klass, 1)


def forget(state: State, message: Mail, klass: Class) -> State:
    """The state without a lesson that was taught before, such as one that its user takes back."""
    return _taught(state, message, klass, -1)


def score(state: State, message: Mail) -> float | None:
    """How sure it is that a message is spam, from 0 to 1; None while it has seen too little of either
    class.
    """
    if min(state.spam_lessons, state.ham_lessons) < MIN_LESSONS:
        return None
    spam, ham = _counts(state.spam), _counts(state.ham)
    found = (
        _log_odds(spam[bucket], ham[bucket], state)
        for bucket in buckets_of(message, state.salt)
        if spam[bucket] + ham[bucket] >= MIN_SEEN
    )
    telling = sorted((one for one in found if abs(one) >= MIN_EVIDENCE), key=lambda one: (-abs(one), one))
    return 1.0 / (1.0 + math.exp(-max(min(math.fsum(telling[:MAX_EVIDENCE]), 500.0), -500.0)))


def encode(state: State) -> bytes:
    """The state as bytes to be kept: some 10 to 200 KB."""
    counts = zlib.compress(state.spam + state.ham, 6)
    return _HEADER.pack(_MAGIC, state.spam_lessons, state.ham_lessons, state.salt) + counts


def decode(data: bytes) -> State:
    """A kept state.

    Raises `BadState`.
    """
    try:
        magic, spam_lessons, ham_lessons, salt = _HEADER.unpack_from(data)
        unpack = zlib.decompressobj()
        counts = unpack.decompress(data[_HEADER.size :], _MAX_PACKED_BYTES)
    except (struct.error, zlib.error) as broken:
        raise BadState(f"no state of a classifier: {broken}") from broken
    if magic != _MAGIC or len(counts) != 4 * BUCKETS or not unpack.eof:
        raise BadState("no state of a classifier, or one of another version")
    return State(spam_lessons, ham_lessons, salt, counts[: 2 * BUCKETS], counts[2 * BUCKETS :])


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
    counts = _counts(packed)
    for bucket in buckets:
        counts[bucket] = min(max(counts[bucket] + step, 0), MAX_COUNT)
    if byteorder == "big":
        counts.byteswap()
    return counts.tobytes()


def _counts(packed: bytes) -> "array[int]":
    counts = array("H", packed)
    if byteorder == "big":
        counts.byteswap()
    return counts


def _log_odds(spam: int, ham: int, state: State) -> float:
    """How much more often, in lessons of spam than of ham, a token was held; both classes count alike."""
    spam_share = (spam + UNSEEN) / (state.spam_lessons + 2 * UNSEEN)
    ham_share = (ham + UNSEEN) / (state.ham_lessons + 2 * UNSEEN)
    return math.log(spam_share / ham_share)
