"""A tenant's own classifier: counts of hashed tokens, taught by lessons, weighed as naive Bayes.

The state is a value of fixed size, made from what `core.store.classifier` has counted. What a tenant teaches
moves nobody else.
Tokens are hashed with the tenant's salt, so a state does not tell what its owner reads.
"""

import math
from array import array
from dataclasses import dataclass
from sys import byteorder
from typing import Literal

from core.engine.message import Mail
from core.engine.tokens import buckets_of

__all__ = ["Class", "State", "score"]

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
