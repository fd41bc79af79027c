"""Bodies on disk: zstandard level 3 with a dictionary of mail events that ships with the package.

A file records the number of its dictionary, so that a better one may follow without rewriting anything. The
dictionary was made by `tests/bench/train_dictionary.py`.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from threading import local

import zstandard

__all__ = ["CURRENT", "packer", "unpack"]

CURRENT = 1
"""Dictionary of new files; `events-<n>.zdict` beside this module."""

_LEVEL = 3


class _Decompressors(local):
    """One set per thread: a decompressor is not thread-safe."""

    def __init__(self) -> None:
        self.by_number: dict[int, zstandard.ZstdDecompressor] = {}


_threads = _Decompressors()


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    raw = files("hub.archive.sqlite").joinpath(f"events-{number}.zdict").read_bytes()
    dictionary = zstandard.ZstdCompressionDict(raw)
    # Once for the process: doing it again frees what living compressors still refer to, and they crash.
    dictionary.precompute_compress(level=_LEVEL)
    return dictionary


def packer(number: int) -> Callable[[bytes], bytes]:
    """A compressor for one thread. Raises `FileNotFoundError` for a dictionary that this version does not
    have.
    """
    dictionary = _dictionary(number)
    params = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, dict_size=len(dictionary), format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_dict_id=False
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=params).compress


def unpack(number: int, packed: bytes) -> bytes:
    """The body as it was stored. Raises `zstandard.ZstdError` when it is damaged."""
    decompressors = _threads.by_number
    if number not in decompressors:
        decompressors[number] = zstandard.ZstdDecompressor(
            dict_data=_dictionary(number), format=zstandard.FORMAT_ZSTD1_MAGICLESS
        )
    return decompressors[number].decompress(packed)
