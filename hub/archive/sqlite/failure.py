"""What SQLite and the system say, as an `ArchiveError` that names the file and the way out."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard

from hub.archive.base import ArchiveError

__all__ = ["translated"]

_ADVICE = (
    ("full", "free disk space on that file system; archiving goes on by itself"),
    (
        "disk i/o",
        "check free disk space, file size limits and the disk's health; archiving goes on by itself",
    ),
    ("readonly", "make the directory writable for the user that runs mxhub"),
    ("permission", "make the directory writable for the user that runs mxhub"),
    ("read-only", "make the file system writable"),
    ("locked", "stop the other program that has the file open"),
    ("malformed", "the file is damaged: stop mxhub, move the file away or restore it from a backup"),
    ("frame", "the file is damaged: restore it from a backup, `verify_chain` tells what else is"),
    ("not a database", "the file is damaged: stop mxhub, move the file away or restore it from a backup"),
    (
        "unable to open",
        "check that the directory exists and is readable and writable for the user that runs mxhub",
    ),
)


def _advice(message: str) -> str:
    lowered = message.lower()
    return next((advice for sign, advice in _ADVICE if sign in lowered), "see the message")


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Turn `sqlite3.Error`, `OSError` and a damaged body into `ArchiveError`."""
    try:
        yield
    except (sqlite3.Error, OSError, zstandard.ZstdError) as error:
        raise ArchiveError(f"cannot {doing} {path}: {error} ({_advice(str(error))})") from error
