"""Alembic runs this file: when a store starts, and for `alembic revision --autogenerate`."""

from hub.access.tables import metadata
from hub.sql.revisions import run_environment

run_environment(metadata)
