"""An older database under newer files: what was accepted since has files, and no rows.

The audit log's anchors lie outside the database and tell that it went back. Then no file is removed until
somebody says which of the two is right: a mark in the data folder outlives restarts and a chain that grows.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from core.audit.anchors import Anchor

__all__ = ["ACCEPTED", "MARK", "keeps_files", "look", "what_to_do"]

MARK: Final = "older-database"
ACCEPTED: Final = "older-database.accepted"

log = structlog.get_logger("core.seam")


def look(data: Path, missing: Sequence[tuple[Anchor, int]]) -> bool:
    """Take note of anchors that the database lacks, each with the number at which its chain ends there now.

    True: files without a row are to be kept. Raises `OSError`.
    """
    known = _read(data / ACCEPTED) | _read(data / MARK)
    for anchor, last in missing:
        log.error("core.older_database", tenant=anchor.tenant, ends_at=last, was_at=anchor.seq)
    new = {_place(anchor) for anchor, _ in missing} - known
    if new:
        _write(data / MARK, new | known)
    return keeps_files(data)


def keeps_files(data: Path) -> bool:
    """Whether nobody has said yet that the older database is right."""
    return (data / MARK).exists()


def what_to_do(data: Path) -> str:
    """In words for an operator."""
    return (
        "the database is older than its files: stop, and restore both from one back-up (mxhub restore); or,"
        f" to go on with this database and have the files removed: mv {data / MARK} {data / ACCEPTED}"
    )


def _place(anchor: Anchor) -> tuple[str, int, str]:
    return anchor.tenant, anchor.seq, anchor.hash


def _read(path: Path) -> set[tuple[str, int, str]]:
    if not path.exists():
        return set()
    return {(tenant, seq, seal) for tenant, seq, seal in json.loads(path.read_text() or "[]")}


def _write(path: Path, places: set[tuple[str, int, str]]) -> None:
    half = path.with_suffix(".new")
    with half.open("w") as file:
        json.dump(sorted(places), file)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
