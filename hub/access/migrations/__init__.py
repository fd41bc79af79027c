"""The schema of keys and people as numbered revisions; the newest is `hub.access.tables`."""

from pathlib import Path

from hub.sql.revisions import Revisions

__all__ = ["REVISIONS"]

REVISIONS = Revisions(
    folder=Path(__file__).parent, known=("0001",), version_table="access_version", lock=0x6D78_0011
)
