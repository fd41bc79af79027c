"""What a classifier sees of a message: words, pairs of near words, hosts and senders, each hashed to a
bucket.
"""

import re
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice

from core.engine.domains import owner
from core.engine.message import Mail

__all__ = ["BUCKETS", "buckets_of"]

BUCKETS = 1 << 17
MAX_WORDS = 1500
MAX_TEXT_CHARS = 40_000
WINDOW = 3
"""Orthogonal sparse bigrams: each word with each of the next ones up to this distance."""

_WORD = re.compile(r"[^\W_]{2,30}")
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_TAG = re.compile(r"<[^<>]{0,2000}>")


def buckets_of(mail: Mail, salt: bytes) -> list[int]:
    """The distinct buckets of a message, sorted; at most some `MAX_WORDS * (WINDOW + 1)`."""
    words = [_hash(word, salt) for word in islice(_words(mail), MAX_WORDS)]
    found = {word % BUCKETS for word in words}
    for index, word in enumerate(words):
        for distance, other in enumerate(words[index + 1 : index + 1 + WINDOW], 1):
            found.add((word * 31 + other * 17 + distance) % BUCKETS)
    found.update(_hash(mark, salt) % BUCKETS for mark in _marks(mail))
    return sorted(found)


def _words(mail: Mail) -> Iterator[str]:
    for word in _split(mail.subject[:MAX_TEXT_CHARS]):
        yield "subject:" + word
    yield from _split(mail.text[:MAX_TEXT_CHARS])
    if not mail.text.strip():
        yield from _split(_TAG.sub(" ", mail.html[:MAX_TEXT_CHARS]))


def _split(text: str) -> Iterator[str]:
    """Words in lower case; scripts written without spaces in pairs of characters."""
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        if _WIDE.search(word):
            yield from (word[at : at + 2] for at in range(max(len(word) - 1, 1)))
        else:
            yield word


def _marks(mail: Mail) -> Iterator[str]:
    yield "from:" + owner(mail.sender.domain)
    yield "name:" + mail.sender.name.casefold()[:60]
    yield from (f"host:{owner(link.host)}" for link in mail.links[:50])
    yield from (f"type:{part.content_type}" for part in mail.attachments[:20])
    yield "html" if mail.html else "plain"


def _hash(word: str, salt: bytes) -> int:
    return int.from_bytes(
        blake2b(word.encode("utf-8", "replace"), digest_size=6, key=salt).digest(), "little"
    )
