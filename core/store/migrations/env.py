"""Alembic runs this file: at the start of a store, and for a developer's `alembic revision`."""

from core.store.tables import metadata
from hub.sql.revisions import run_environment

run_environment(metadata)
